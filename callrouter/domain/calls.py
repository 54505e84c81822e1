"""Calls and their legs: what a state is made of, who is held by it, and what was told.

How events make a state stands in `callrouter.domain.fold`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from callrouter.domain.decisions import Connect, Decision, LastResort, Message, PlanStep
from callrouter.domain.events import BEGINS, CallEvent, Direction
from callrouter.domain.managers import Hold, HoldKind

State = Literal["waiting", "ringing", "talking", "answered", "missed", "rejected", "unanswered"]
LegStatus = Literal["planned", "ringing", "failed", "cancelled", "talking", "ended"]

OVER: frozenset[State] = frozenset({"answered", "missed", "rejected", "unanswered"})

UNPLANNED_RING_S = 60
"""How long a phone that we did not plan may ring before we presume that it stopped."""

BEGIN_SLACK_S = 60
"""How long a call of which nothing more is heard may stay open when nothing rings."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds of the call's account and setup; `owner`: whose talk makes a card his."""

    ring_slack_s: int = 10
    max_talk_s: int = 3600
    owner_min_talk_s: int = 10
    owner: Literal["first", "last"] = "first"


@dataclass(frozen=True, slots=True)
class Told:
    """A decision as it was told to the event with this key.

    `run` counts the plans that a `ringing` began, `attempt` the `next`s within one; `at` is ours.
    """

    key: str
    run: int
    attempt: int
    at: datetime
    decision: Decision
    setup: int = 0

    @property
    def place(self) -> tuple[int, int]:
        """Which asking of its call it answered."""
        return (self.run, self.attempt)


@dataclass(frozen=True, slots=True)
class Phone:
    """Whose phone an event speaks of. `manager` None: nobody's that we know."""

    dial: str
    manager: str | None


class Leg(NamedTuple):
    """One attempt to ring one phone.

    `ring_from`, `ring_until`: the window that may hold the manager, half-open, with slack; None
    when it never began. `hold_until`: until when a talk holds him at most. `presumed`: its end was
    not reported. `reason`: why it failed. `outbound`: of who calls out, while the other side rings.
    A tuple, because a fold changes it many times: a frozen dataclass takes five times as long.
    """

    ref: str
    dial: str
    manager: str | None = None
    planned: bool = True
    run: int = 0
    attempt: int = 0
    step: int = 0
    mode: Literal["one", "all"] = "one"
    status: LegStatus = "planned"
    ring_from: datetime | None = None
    ring_until: datetime | None = None
    answered_at: datetime | None = None
    hold_until: datetime | None = None
    ended_at: datetime | None = None
    reason: str | None = None
    machine: bool = False
    outbound: bool = False
    presumed: bool = False
    talk_s: float | None = None  # as reported by leg_ended
    due_ring_until: datetime | None = None  # the window's end as planned, before anything cut it

    @property
    def talked(self) -> bool:
        return self.answered_at is not None and not self.machine

    @property
    def alive(self) -> bool:
        return self.status in ("planned", "ringing", "talking")

    @property
    def offered(self) -> bool:
        """True for a ring that a plan chose: only that may count against who does not pick up."""
        return self.planned and not self.outbound

    def seconds(self) -> float | None:
        """The talk's length; None while it lasts or when there was none."""
        if self.answered_at is None:
            return None
        if self.talk_s is not None:
            return self.talk_s
        return None if self.ended_at is None else (self.ended_at - self.answered_at).total_seconds()


@dataclass(frozen=True, slots=True)
class CallState:
    """A call as its events leave it. `known_end`: when it is over if nothing more is heard."""

    state: State
    direction: Direction
    started_at: datetime
    legs: tuple[Leg, ...]
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    known_end: datetime | None = None
    duration_s: float | None = None
    talker: str | None = None  # who talked first
    last_talker: str | None = None
    dialer: str | None = None  # who called out
    owner: str | None = None  # whose talk was long enough, or still lasts
    owner_since: datetime | None = None  # when that talk began
    owner_sure: bool = True  # False: only hearsay told of that talk
    presumed: bool = False
    reason: str | None = None
    run: int = 0  # of the last plan
    plan_over: bool = False  # that plan has run out: a `ringing` now is a re-entry
    waiting_since: datetime | None = None  # its place among those who wait, if it waited

    @property
    def over(self) -> bool:
        return self.state in OVER


Whose = Callable[[str | None, datetime, Sequence[Leg]], Phone]
"""Finds the phone that a PBX's target names at a moment, looking first among the call's legs."""


def hold_of(leg: Leg, now: datetime) -> tuple[HoldKind | None, datetime | None]:
    """What a leg holds its manager by from now on, and until when at most."""
    if leg.status in ("planned", "ringing") and leg.ring_until and leg.ring_until > now:
        return "ring", leg.ring_until
    if leg.status == "talking":
        return "talk", leg.hold_until
    if leg.status == "ended" and leg.hold_until and leg.hold_until > now:
        return "wrap_up", leg.hold_until
    return None, None


def holds_of(
    call: str, legs: Iterable[Leg], *, now: datetime, stranger: bool
) -> list[tuple[str, Hold]]:
    """What a call's legs hold their managers by, manager by manager."""
    found = []
    for leg in legs:
        kind, until = hold_of(leg, now)
        since = {"ring": leg.ring_from, "wrap_up": leg.ended_at}.get(kind or "", leg.answered_at)
        if kind and until and since and leg.manager:
            hold = Hold(call, leg.ref, kind, since, until, leg.mode == "all", stranger)
            found.append((leg.manager, hold))
    return found


def planned_legs(told: Told, limits: Limits) -> list[Leg]:
    """The legs that a told decision makes, each with the window of its own step."""
    match told.decision:
        case Connect(steps=steps, then=then):
            return _plan(told, steps, then, limits)
        case Message(then=then):
            return _plan(told, (), then, limits)[:0]
        case _:
            return []


def _plan(told: Told, steps: Sequence[PlanStep], then: LastResort, limits: Limits) -> list[Leg]:
    slack, start, legs = timedelta(seconds=limits.ring_slack_s), told.at, []
    for index, step in enumerate(steps):
        end = start + timedelta(seconds=step.ring_s)
        legs += [
            Leg(
                ref=target.leg,
                dial=target.dial,
                manager=target.manager,
                run=told.run,
                attempt=told.attempt,
                step=index,
                mode=step.mode,
                ring_from=start,
                ring_until=end + slack,
                due_ring_until=end + slack,
            )
            for target in step.targets
        ]
        start = end
    end = start + timedelta(seconds=then.ring_s)
    legs.append(
        Leg(
            ref=_last_ref(then, told),
            dial=then.dial,
            run=told.run,
            attempt=told.attempt,
            step=len(steps),
            ring_from=start,
            ring_until=end + slack,
            due_ring_until=end + slack,
            machine=then.kind == "voicemail",
        )
    )
    return legs


def _last_ref(then: LastResort, told: Told) -> str:
    """The last resort's leg is called the same in every answer; here each run has its own."""
    return then.leg if told.run == 0 else f"{then.leg}~{told.run}"


def direction_of(events: Iterable[CallEvent]) -> Direction:
    """Who calls whom, by the first event, in their order, that begins the call or else says so."""
    ordered = sorted(events, key=lambda one: one.order)
    begins = [one for one in ordered if one.kind in BEGINS]
    for event in begins or ordered:
        if event.direction in ("out", "internal"):
            return event.direction
        if event.kind in BEGINS:
            return "in" if event.kind == "ringing" else "out"
    return "in"
