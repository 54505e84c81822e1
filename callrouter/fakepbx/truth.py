"""What really happened, whatever the service was told: tests hold its records against this."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from callrouter.fakepbx.values import Answer, Direction, Kind, Transfer


@dataclass(slots=True)
class Talk:
    """`waiting`: while the same person talked in another call, which he had or has put on hold."""

    dial: str
    person: str | None  # None: a number that is none of our people's
    since: datetime
    until: datetime | None = None
    waiting: bool = False


@dataclass(slots=True)
class Ring:
    """A phone that rang, so that whose it is could hear it."""

    dial: str
    since: datetime
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class PassedOn:
    """A talk that one phone passed on to another. `consultation`: the call about it, attended."""

    kind: Transfer
    dial: str
    to: str
    at: datetime
    consultation: str | None = None


@dataclass(slots=True)
class CallTruth:
    """`end`: completed, no_answer, busy, caller_hung_up, rejected, or restart (nothing was sent).

    `caller` is the customer's number, also of a call out: E.164. None: withheld, something that is
    not a full number, or a call inside.
    """

    call_id: str
    account: str
    line: str
    kind: Kind
    caller: str | None
    began: datetime
    direction: Direction = "in"
    dialer: str | None = None  # who of ours called out
    ended: datetime | None = None
    end: str = ""
    routed_by: str = ""  # service, or pbx when it was told nothing; empty: over before that
    decision: str = ""  # the last one played
    rung: list[str] = field(default_factory=list)  # dials that it was to ring, in order
    rings: list[Ring] = field(default_factory=list)
    talks: list[Talk] = field(default_factory=list)
    waits: list[datetime] = field(default_factory=list)  # when it was told to wait
    machine: bool = False  # a machine took it
    picked_up_outside_plan: bool = False
    passed_on: list[PassedOn] = field(default_factory=list)
    consults: str | None = None  # the call that it is about, which it may end in
    loop_of: str | None = None  # the call whose ringing phone sent it back to us
    redial_of: str | None = None
    delivered: list[str] = field(default_factory=list)  # kinds of events handed over, repeats too
    lost: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    answers: dict[int, Answer] = field(default_factory=dict)  # by asking


@dataclass(slots=True)
class Truth:
    """`counts`: events, asks, lost, lost_asks, doubled, late, stray, calls, rings (calls that rang
    somebody), pickups, hang_ups, redials, second_tries, restarts, undelivered; calls_out,
    calls_back, transfers, breaks. Watched calls count as calls only.
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
        """Full numbers that called and of which the service was told anything."""
        return frozenset(
            call.caller
            for call in self.calls.values()
            if call.caller and call.delivered and call.direction == "in"
        )
