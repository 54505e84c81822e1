"""What really happened, whatever the service was told: tests hold its records against this."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from callrouter.fakepbx.values import Answer, Kind


@dataclass(slots=True)
class Talk:
    """`waiting`: taken by call waiting, while the same person talked in another call."""

    dial: str
    person: str | None  # None: a number that is none of our people's
    since: datetime
    until: datetime | None = None
    waiting: bool = False


@dataclass(slots=True)
class CallTruth:
    """`end`: completed, no_answer, caller_hung_up, rejected, or restart (nothing was sent then)."""

    call_id: str
    account: str
    line: str
    kind: Kind
    caller: str | None  # E.164; None: withheld, or something that is not a full number
    began: datetime
    ended: datetime | None = None
    end: str = ""
    routed_by: str = ""  # service, or pbx when it was told nothing; empty: over before that
    decision: str = ""  # the last one played
    rung: list[str] = field(default_factory=list)  # dials, in order
    talks: list[Talk] = field(default_factory=list)
    picked_up_outside_plan: bool = False
    redial_of: str | None = None
    delivered: list[str] = field(default_factory=list)  # kinds of events handed over, repeats too
    lost: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    answers: dict[int, Answer] = field(default_factory=dict)  # by asking


@dataclass(slots=True)
class Truth:
    """`counts`: events, asks, lost, lost_asks, doubled, late, stray, calls, rings (calls that rang
    somebody), pickups, hang_ups, redials, restarts, undelivered. Watched calls count as calls only.
    """

    calls: dict[str, CallTruth] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    contradictions: list[str] = field(default_factory=list)  # a repeat got another answer
    bad_answers: list[str] = field(default_factory=list)  # call and what was wrong
    keep: int = 20_000  # calls; the oldest are forgotten, so that a demo may run for weeks

    def add(self, call: CallTruth) -> None:
        self.calls[call.call_id] = call
        self.counts["calls"] += 1
        while len(self.calls) > self.keep:
            del self.calls[next(iter(self.calls))]

    def talking(self, at: datetime) -> dict[str, str]:
        """Dials that talk at this moment, each with its call."""
        return {
            talk.dial: call.call_id
            for call in self.calls.values()
            for talk in call.talks
            if talk.since <= at and (talk.until is None or at < talk.until)
        }

    def open_calls(self, at: datetime) -> frozenset[str]:
        return frozenset(
            call.call_id
            for call in self.calls.values()
            if call.began <= at and (call.ended is None or at < call.ended)
        )

    def heard_callers(self) -> frozenset[str]:
        """Full numbers of which the service was told anything: each must have a contact."""
        return frozenset(c.caller for c in self.calls.values() if c.caller and c.delivered)
