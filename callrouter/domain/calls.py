"""A call's state is a fold over the set of its events: order, lateness and repeats do not matter.

What it gives is a function of what was told to the PBX, the events, the limits and the moment.
Whatever is open has an end known beforehand; an end that no event reported is presumed, says so,
and gives way to a real event that comes later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

from callrouter.domain.decisions import Connect, Decision, LastResort, Message, PlanStep, Reject
from callrouter.domain.events import CallEvent, Direction
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
    """Seconds of the call's account and setup."""

    ring_slack_s: int = 10
    max_talk_s: int = 3600
    owner_min_talk_s: int = 10


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


@dataclass(frozen=True, slots=True)
class Phone:
    """Whose phone an event speaks of. `manager` None: nobody's that we know."""

    dial: str
    manager: str | None


@dataclass(frozen=True, slots=True)
class Leg:
    """One attempt to ring one phone.

    `ring_from`, `ring_until`: the window that may hold the manager, half-open, with slack; None
    when it never began. `hold_until`: until when a talk holds him at most. `presumed`: its end was
    not reported. `reason`: why it failed.
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
    presumed: bool = False
    talk_s: float | None = None  # as reported by leg_ended
    due_ring_until: datetime | None = None  # the window's end as planned, before anything cut it

    @property
    def talked(self) -> bool:
        return self.answered_at is not None and not self.machine

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
    owner: str | None = None  # whose talk was long enough, or still lasts
    presumed: bool = False
    reason: str | None = None
    run: int = 0  # of the last plan
    plan_over: bool = False  # that plan has run out: a `ringing` now is a re-entry

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
        since = leg.ring_from if kind == "ring" else leg.answered_at
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


def fold(
    events: Iterable[CallEvent],
    told: Sequence[Told],
    *,
    limits: Limits,
    whose: Whose,
    now: datetime,
    wrap_up: Callable[[str], int] = lambda _manager: 0,
    resets: Sequence[datetime] = (),
    superseded: dict[str, datetime] | None = None,
) -> CallState:
    """Fold a call's events and what was told of it into its state at a moment.

    `whose` finds the phone of an event that names no leg of ours; `wrap_up` gives a manager's
    seconds; `resets` are moments at which the PBX said that it forgot all calls begun before;
    `superseded` maps a leg to the moment at which its phone answered another call.
    """
    ordered = sorted({event.key: event for event in events}.values(), key=lambda one: one.order)
    work = _Fold(limits, whose, now, wrap_up, superseded or {})
    return work.run(ordered, sorted(told, key=lambda one: (one.run, one.attempt)), resets)


@dataclass
class _Fold:
    limits: Limits
    whose: Whose
    now: datetime
    wrap_up: Callable[[str], int]
    superseded: dict[str, datetime]
    legs: dict[str, Leg] = field(default_factory=dict)
    ended: CallEvent | None = None
    talked_s: float = 0.0

    def run(
        self, events: Sequence[CallEvent], told: Sequence[Told], resets: Sequence[datetime]
    ) -> CallState:
        first = min(
            (event.moment for event in events),
            default=told[0].at if told else self.now,
        )
        asked = {event.key for event in events}
        plans = {one.key: one for one in told}
        for one in told:
            if one.key not in asked:
                self._tell(one)
        for event in events:
            self._apply(event)
            if event.key in plans:
                self._tell(plans[event.key])
        reset = next((moment for moment in sorted(resets) if moment > first), None)
        over_at = self._close(reset)
        self._presume()
        return self._state(events, told, first, over_at, reset)

    # What was told

    def _tell(self, told: Told) -> None:
        """A later asking ends the windows of what was told before it."""
        for leg in list(self.legs.values()):
            if leg.status in ("planned", "ringing"):
                begun = leg.ring_from is not None and leg.ring_from < told.at
                if begun:
                    self._stop(leg, told.at, "failed", "no_answer")
                else:
                    self._stop(leg, told.at, "cancelled")
        for leg in planned_legs(told, self.limits):
            self.legs[leg.ref] = leg

    # Events, in their order

    def _apply(self, event: CallEvent) -> None:
        match event.kind:
            case "leg_ringing":
                leg = self._leg(event)
                if leg.status == "planned":
                    self._put(leg, status="ringing", **_moved_up(leg, event.received))
            case "leg_failed":
                leg = self._leg(event)
                if leg.answered_at is None:
                    self._stop(
                        leg, event.received, "failed", event.reason or "failed", event.moment
                    )
            case "answered":
                self._answer(event)
            case "leg_ended":
                leg = self._leg(event)
                self._put(leg, talk_s=event.duration_s)
                self._end(self.legs[leg.ref], event.moment, event.received)
            case "ended":
                self.ended = self.ended or event
            case "next":
                self._note_tried(event)
            case _:
                pass

    def _leg(self, event: CallEvent) -> Leg:
        """The leg that an event speaks of; one that nobody planned is made and kept.

        A `leg_id` that is one of ours names it, unless the event's target is another phone: then it
        is the PBX's own id that happens to look like ours.
        """
        phone = self.whose(event.target, event.moment, tuple(self.legs.values()))
        if event.leg_ref:
            found = [leg for leg in self.legs.values() if leg.ref.split("~")[0] == event.leg_ref]
            if found and (not phone.dial or found[-1].dial == phone.dial):
                return found[-1]
        same = [leg for leg in self.legs.values() if phone.dial and leg.dial == phone.dial]
        if same:
            alive = [leg for leg in same if leg.status in ("planned", "ringing", "talking")]
            return (alive or same)[-1]
        if not phone.dial and not event.leg_ref:
            alive = self._alive(event)
            if len(alive) == 1:
                return alive[0]
        until = event.received + timedelta(seconds=UNPLANNED_RING_S + self.limits.ring_slack_s)
        ref = event.leg_ref if event.leg_ref and event.leg_ref not in self.legs else None
        leg = Leg(
            ref=ref or f"x:{phone.dial or '?'}",
            dial=phone.dial,
            manager=phone.manager,
            planned=False,
            status="ringing",
            ring_from=event.received,
            ring_until=until,
            due_ring_until=until,
        )
        self.legs[leg.ref] = leg
        return leg

    def _alive(self, event: CallEvent) -> list[Leg]:
        """The legs that an event without any phone may speak of."""
        if event.kind == "leg_ended":
            return [leg for leg in self.legs.values() if leg.status == "talking"]
        return [
            leg
            for leg in self.legs.values()
            if leg.status in ("planned", "ringing")
            and leg.ring_from
            and leg.ring_until
            and leg.ring_from <= event.received < leg.ring_until
        ]

    def _answer(self, event: CallEvent) -> None:
        leg = self._leg(event)
        if leg.answered_at is None:
            hold = event.received + timedelta(seconds=self.limits.max_talk_s)
            machine = leg.machine or event.by == "machine"
            self._put(
                leg,
                status="talking",
                answered_at=event.moment,
                hold_until=hold,
                machine=machine,
                reason=None,
                ended_at=None,
                ring_until=event.received
                if leg.ring_until is None
                else min(leg.ring_until, event.received),
            )
        for other in list(self.legs.values()):
            if other.ref != leg.ref and other.status in ("planned", "ringing"):
                self._stop(other, event.received, "cancelled", moment=event.moment)

    def _note_tried(self, event: CallEvent) -> None:
        for tried in event.tried:
            phone = self.whose(tried.target, event.moment, tuple(self.legs.values()))
            for leg in list(self.legs.values()):
                if leg.dial == phone.dial and leg.answered_at is None:
                    self._stop(leg, event.received, "failed", tried.reason, event.moment)

    # Ends

    def _close(self, reset: datetime | None) -> datetime | None:
        """End what an end of the whole call ends; gives when that was, by the receiver's clock."""
        if self.ended:
            moment, received = self.ended.moment, self.ended.received
        elif reset:
            moment = received = reset
        else:
            return None
        for leg in list(self.legs.values()):
            if leg.status in ("planned", "ringing"):
                self._stop(leg, received, "cancelled", moment=moment)
            elif leg.status == "talking":
                self._end(leg, max(moment, leg.answered_at or moment), received)
        if self.ended and self.ended.duration_s is not None:
            self._credit(self.ended, self.ended.duration_s)
        return moment

    def _credit(self, ended: CallEvent, seconds: float) -> None:
        """A length reported by the end is its only talk's; without one, of the leg it names."""
        talks = [leg for leg in self.legs.values() if leg.answered_at]
        if len(talks) == 1 and talks[0].talk_s is None:
            self._put(talks[0], talk_s=seconds)
        if talks or seconds <= 0 or not (ended.leg_ref or ended.target):
            return
        self._put(
            self._leg(ended),
            status="ended",
            answered_at=ended.moment - timedelta(seconds=seconds),
            ended_at=ended.moment,
            talk_s=seconds,
            reason=None,
            presumed=False,
        )

    def _presume(self) -> None:
        """End by its known end whatever no event has ended."""
        for leg in list(self.legs.values()):
            if leg.status in ("planned", "ringing"):
                if leg.ring_until and leg.ring_until <= self.now:
                    self._stop(leg, leg.ring_until, "failed", "no_answer", presumed=True)
            elif leg.status == "talking":
                other = self.superseded.get(leg.ref)
                if other and leg.answered_at and other > leg.answered_at:
                    self._end(leg, other, other, presumed=True)
                elif leg.hold_until and leg.hold_until <= self.now:
                    self._end(leg, leg.hold_until, leg.hold_until, presumed=True)

    def _stop(
        self,
        leg: Leg,
        received: datetime,
        status: Literal["failed", "cancelled"],
        reason: str | None = None,
        moment: datetime | None = None,
        *,
        presumed: bool = False,
    ) -> None:
        """End a ring. A window that never began holds nobody and is taken off."""
        begun = leg.ring_from is not None and leg.ring_from < received
        began_by_event = leg.status == "ringing"
        self._put(
            leg,
            status=status,
            reason=reason,
            ended_at=moment or received,
            ring_from=leg.ring_from if begun or began_by_event else None,
            ring_until=min(leg.ring_until, received) if leg.ring_until and begun else None,
            presumed=presumed,
        )

    def _end(
        self, leg: Leg, moment: datetime, received: datetime, *, presumed: bool = False
    ) -> None:
        """End a talk; wrap-up holds its manager from when we heard of it."""
        if leg.answered_at is None:
            self._stop(leg, received, "cancelled", moment=moment)
            return
        rest = self.wrap_up(leg.manager) if leg.manager and leg.talked else 0
        self._put(
            leg,
            status="ended",
            ended_at=moment,
            hold_until=received + timedelta(seconds=rest) if rest else None,
            presumed=presumed,
        )

    def _put(self, leg: Leg, **changes: object) -> None:
        self.legs[leg.ref] = replace(self.legs.get(leg.ref, leg), **changes)  # type: ignore[arg-type]

    # The call

    def _state(
        self,
        events: Sequence[CallEvent],
        told: Sequence[Told],
        first: datetime,
        over_at: datetime | None,
        reset: datetime | None,
    ) -> CallState:
        legs = tuple(self.legs.values())
        direction = _direction(events)
        talks = sorted(
            (leg for leg in legs if leg.talked), key=lambda leg: (leg.answered_at, leg.ref)
        )
        reported = self.ended.duration_s if self.ended else None
        talked = bool(talks) or bool(reported and reported > 0 and not _machine_only(legs))
        known_end = None if over_at else self._known_end(events, told)
        run_out = known_end is not None and known_end <= self.now
        presumed = not self.ended and (reset is not None or run_out)
        over = bool(self.ended) or presumed
        ended_at = over_at or (known_end if presumed else None)
        last = told[-1].decision if told else None
        if over:
            state: State = "answered" if talked else "missed"
            if not talked and direction != "in":
                state = "unanswered"
            elif not talked and isinstance(last, Reject):
                state = "rejected"
        else:
            talking = any(leg.status == "talking" for leg in legs)
            state = "talking" if talking else "ringing"
        length = reported
        if length is None and over and talks:
            length = sum(leg.seconds() or 0.0 for leg in talks)
        with_manager = [leg for leg in talks if leg.manager]
        return CallState(
            state=state,
            direction=direction,
            started_at=first,
            legs=legs,
            answered_at=talks[0].answered_at if talks else None,
            ended_at=ended_at,
            known_end=None if over else known_end,
            duration_s=length if over else None,
            talker=with_manager[0].manager if with_manager else None,
            last_talker=with_manager[-1].manager if with_manager else None,
            owner=self._owner(with_manager),
            presumed=presumed,
            reason=self.ended.reason if self.ended else None,
            run=told[-1].run if told else 0,
            plan_over=over or self._plan_over(told),
        )

    def _owner(self, talks: Sequence[Leg]) -> str | None:
        """The first whose talk lasts, or lasted long enough by what was reported of it."""
        for leg in talks:
            seconds = leg.seconds()
            if seconds is None or seconds >= self.limits.owner_min_talk_s:
                return leg.manager
        return None

    def _plan_over(self, told: Sequence[Told]) -> bool:
        """True when the last plan's steps are over unanswered, or its talk has ended."""
        if not told:
            return True
        mine = [leg for leg in self.legs.values() if leg.run == told[-1].run]
        if any(leg.status == "talking" for leg in self.legs.values()):
            return False
        if any(leg.answered_at for leg in mine):
            return True
        rung = [leg for leg in mine if not leg.ref.startswith("last")] or mine
        ends = [leg.due_ring_until for leg in rung if leg.due_ring_until]
        return not ends or max(ends) <= self.now

    def _known_end(self, events: Sequence[CallEvent], told: Sequence[Told]) -> datetime:
        """When the call is over at the latest, if nothing more is heard of it."""
        slack = timedelta(seconds=self.limits.ring_slack_s)
        ends = [one.at + timedelta(seconds=BEGIN_SLACK_S) for one in told]
        ends += [event.received + slack for event in events if event.kind != "recording"]
        if not ends:
            ends = [event.received for event in events]
        for one in told:
            if isinstance(one.decision, Message):
                ends.append(one.at + timedelta(seconds=one.decision.max_s + BEGIN_SLACK_S))
        for leg in self.legs.values():
            if leg.status in ("planned", "ringing") and leg.ring_until:
                ends.append(leg.ring_until)
            elif leg.status == "talking" and leg.hold_until:
                ends.append(leg.hold_until)
            elif leg.presumed and leg.ended_at:
                ends.append(leg.ended_at)
        return max(ends, default=self.now)


def _moved_up(leg: Leg, rung: datetime) -> dict[str, datetime]:
    """The window of a step that began before its time, because those before it failed early."""
    if leg.ring_from is None or leg.ring_until is None or leg.ring_from <= rung:
        return {}
    end = rung + (leg.ring_until - leg.ring_from)
    return {"ring_from": rung, "ring_until": end, "due_ring_until": end}


def _direction(events: Sequence[CallEvent]) -> Direction:
    for event in events:
        if event.direction in ("out", "internal"):
            return event.direction
    return "out" if any(event.kind == "dialing" for event in events) else "in"


def _machine_only(legs: Sequence[Leg]) -> bool:
    """True when whoever answered was a machine or a voicemail."""
    answered = [leg for leg in legs if leg.answered_at]
    return bool(answered) and all(leg.machine for leg in answered)
