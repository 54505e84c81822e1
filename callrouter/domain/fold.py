"""A call's state is a fold over the set of its events: order, lateness and repeats do not matter.

What it gives is a function of what was told to the PBX, the events, the limits and the moment.
Whatever is open has an end known beforehand; an end that no event reported is presumed, says so,
and gives way to a real event that comes later.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from callrouter.domain.calls import (
    BEGIN_SLACK_S,
    UNPLANNED_RING_S,
    CallState,
    Leg,
    Limits,
    Phone,
    State,
    Told,
    Whose,
    direction_of,
    planned_legs,
)
from callrouter.domain.decisions import Connect, Message, Reject, Wait
from callrouter.domain.events import BEGINS, CallEvent, Direction


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
    direction: Direction | None = None,
    joined: datetime | None = None,
    owns_cards: Callable[[str], bool] = lambda _manager: True,
) -> CallState:
    """Fold a call's events and what was told of it into its state at a moment.

    `whose` finds the phone of an event that names no leg of ours; `wrap_up` gives a manager's
    seconds; `resets` are moments at which the PBX said that it forgot all calls begun before;
    `superseded` maps a leg to the moment at which its phone answered another call. `direction`:
    where more is known of it than the events say. `joined`: when this call, a consultation, was
    put together with the one it was about: it is over then, and whatever comes of it is an
    internal call's. `owns_cards`: whom a talk may make responsible.
    """
    mine = _of_this_call({event.key: event for event in events}.values())
    ordered = sorted(mine, key=lambda one: one.order)
    work = _Fold(
        limits=limits,
        whose=whose,
        now=now,
        wrap_up=(lambda _manager: 0) if joined else wrap_up,
        superseded=superseded or {},
        direction=direction or direction_of(ordered),
        joined=joined,
        owns_cards=owns_cards,
    )
    return work.run(ordered, sorted(told, key=lambda one: one.place), resets)


def _of_this_call(events: Collection[CallEvent]) -> list[CallEvent]:
    """Without hearsay of another caller's call, and of a talk with the line that was dialled.

    Who calls is what was heard of it first, so that nothing that comes later can change it.
    """
    caller = called = None
    if any(event.hearsay for event in events):
        heard = sorted(events, key=lambda one: (one.received, one.order))
        caller = next((one.caller for one in heard if one.caller is not None), None)
        inbound = (one for one in heard if one.direction is None)
        called = next((one.called for one in inbound if one.called), None)
    return [
        event
        for event in events
        if not event.hearsay
        or (
            event.caller in (None, caller)
            and not (event.kind == "answered" and called and event.target == called)
        )
    ]


@dataclass
class _Fold:
    limits: Limits
    whose: Whose
    now: datetime
    wrap_up: Callable[[str], int]
    superseded: dict[str, datetime]
    direction: Direction
    joined: datetime | None
    owns_cards: Callable[[str], bool]
    legs: dict[str, Leg] = field(default_factory=dict)
    ended: CallEvent | None = None
    waits: Told | None = None  # the last asking, if it was told to wait and nobody answered since
    transferred: bool = False
    names: dict[str, str] = field(default_factory=dict)  # the PBX's own leg ids to ours
    voicemails: set[str] = field(default_factory=set)  # legs and dials of last resorts
    sides: tuple[Phone, Phone] = (Phone("", None), Phone("", None))  # of a call out: who, whom
    unsure: set[str] = field(default_factory=set)  # legs of whose talk only hearsay told

    def run(
        self, events: Sequence[CallEvent], told: Sequence[Told], resets: Sequence[datetime]
    ) -> CallState:
        first = min(
            (event.moment for event in events),
            default=told[0].at if told else self.now,
        )
        asked = {event.key for event in events}
        plans = {one.key: one for one in told}
        if self.direction != "in":
            self.sides = (self._dialer(events), self._dialed(events))
        for one in told:
            if one.key not in asked:
                self._tell(one)
        for event in events:
            if self.joined and event.moment > self.joined:
                break
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
        decision = told.decision
        self.waits = told if isinstance(decision, Wait) else None
        if isinstance(decision, Connect | Wait | Message) and decision.then.kind == "voicemail":
            self.voicemails |= {decision.then.leg, decision.then.dial}

    # Events, in their order

    def _apply(self, event: CallEvent) -> None:
        if self.direction != "in" and event.kind != "recording":
            self._dial(event)
        match event.kind:
            case "leg_ringing":
                if event.hearsay and self._find(event) is None:
                    return
                leg = self._leg(event)
                if leg.status == "planned":
                    self._put(leg, status="ringing", **_moved_up(leg, event.received))
                elif leg.status == "ended" and self.transferred:
                    self._ring_back(leg, event)
            case "leg_failed":
                self._fail(event)
            case "answered":
                self._answer(event)
            case "transferred":
                self._transfer(event)
            case "leg_ended":
                self._hang_up(event)
            case "ended":
                self.ended = self.ended or event
            case "next":
                self._note_tried(event)
            case _:
                pass

    def _dial(self, event: CallEvent) -> None:
        """Who calls out is busy from the first event on; so is a colleague whom he calls."""
        who, whom = self.sides
        if (own := self._outbound()) is None:
            self._add(event.leg_ref if event.kind in BEGINS else None, who, event, outbound=True)
            if self.direction == "internal" and whom.manager and whom.dial != who.dial:
                self._add(None, whom, event)
        elif event.kind in BEGINS and own.status in ("failed", "cancelled"):
            rung, until = event.received, self._unplanned_until(event)
            self._put(own, status="ringing", reason=None, ended_at=None)
            self._put(own, ring_from=rung, ring_until=until, due_ring_until=until)

    def _fail(self, event: CallEvent) -> None:
        leg = self._leg(event)
        if leg.answered_at is not None:
            return
        reason = event.reason or "failed"
        self._stop(leg, event.received, "failed", reason, event.moment)
        ringing = self._ringing()
        if all(one.outbound for one in ringing):  # nobody is left whom he could be calling
            for own in ringing:
                self._stop(own, event.received, "failed", reason, event.moment)

    def _answer(self, event: CallEvent) -> None:
        leg = self._leg(event)
        if leg.status == "ended":
            leg = self._ring_back(leg, event)
        if leg.answered_at is None:
            self._talk(leg, event)
        for other in self._ringing():
            if other.outbound or (leg.outbound and other.dial == self.sides[1].dial):
                self._talk(other, event)
            else:
                self._stop(other, event.received, "cancelled", moment=event.moment)

    def _transfer(self, event: CallEvent) -> None:
        """Who transfers is out of it. Blind: the next phone rings; attended: it talks at once."""
        self.transferred = True
        leg = self._find(event)
        if leg is None and (event.target or event.leg_ref):
            leg = self._leg(event)
        if leg and leg.status != "ended":
            if leg.answered_at is None:  # who transfers has talked, though it was not heard
                self._talk(leg, event)
            self._end(self.legs[leg.ref], event.moment, event.received)
        phone = self.whose(event.to_target, event.moment, tuple(self.legs.values()))
        alive = [one for one in self.legs.values() if one.alive and one.dial == phone.dial]
        to = alive[-1] if alive and phone.dial else self._add(None, phone, event)
        self.waits = None
        if event.transfer == "attended" or event.joins:
            self._talk(to, event)

    def _hang_up(self, event: CallEvent) -> None:
        leg = self._leg(event)
        if event.duration_s is not None:
            self._put(leg, talk_s=event.duration_s)
        ends = [leg]
        if self.direction == "internal" and not (event.leg_ref or event.target):
            ends += [one for one in self.legs.values() if one.status == "talking"]
        for one in ends:
            if self.legs[one.ref].status != "ended":
                self._end(self.legs[one.ref], event.moment, event.received)

    def _note_tried(self, event: CallEvent) -> None:
        for tried in event.tried:
            phone = self.whose(tried.target, event.moment, tuple(self.legs.values()))
            for leg in list(self.legs.values()):
                if leg.dial == phone.dial and leg.answered_at is None:
                    self._stop(leg, event.received, "failed", tried.reason, event.moment)

    # Which leg an event speaks of

    def _leg(self, event: CallEvent) -> Leg:
        """The leg that an event speaks of; one that nobody planned is made and kept."""
        found = self._find(event)
        if found is None:
            phone = self.whose(event.target, event.moment, tuple(self.legs.values()))
            found = self._add(event.leg_ref, phone, event)
        if event.leg_ref:
            self.names[event.leg_ref] = found.ref
        return found

    def _find(self, event: CallEvent) -> Leg | None:
        """A `leg_id` that is one of ours names it, unless the event's target is another phone.

        Then it is the PBX's own id that happens to look like ours. In a call out, whatever is
        nobody's that we know is the other side, and speaks for who called it.
        """
        phone = self.whose(event.target, event.moment, tuple(self.legs.values()))
        same = [leg for leg in self.legs.values() if phone.dial and leg.dial == phone.dial]
        if event.leg_ref:
            found = [leg for leg in self.legs.values() if leg.ref.split("~")[0] == event.leg_ref]
            if found and (not phone.dial or found[-1].dial == phone.dial):
                return found[-1]
            if not phone.dial and (known := self.legs.get(self.names.get(event.leg_ref, ""))):
                return known
        if same:
            return ([leg for leg in same if leg.alive] or same)[-1]
        if self.direction != "in" and phone.manager is None:
            return self._other_side()
        if not phone.dial and not event.leg_ref:
            alive = self._alive(event)
            if len(alive) == 1:
                return alive[0]
        return None

    def _alive(self, event: CallEvent) -> list[Leg]:
        """The legs that an event without any phone may speak of."""
        if event.kind in ("leg_ended", "transferred"):
            return [leg for leg in self.legs.values() if leg.status == "talking"]
        return [
            leg
            for leg in self._ringing()
            if leg.ring_from and leg.ring_until and leg.ring_from <= event.received < leg.ring_until
        ]

    def _ringing(self) -> list[Leg]:
        return [leg for leg in self.legs.values() if leg.status in ("planned", "ringing")]

    def _outbound(self) -> Leg | None:
        """The latest leg of who called out."""
        return next((leg for leg in reversed(self.legs.values()) if leg.outbound), None)

    def _other_side(self) -> Leg | None:
        own = self._outbound()
        alive = [leg for leg in self.legs.values() if leg.alive]
        return own if own in alive or len(alive) != 1 else alive[0]

    def _dialer(self, events: Sequence[CallEvent]) -> Phone:
        """Whose phone calls out: the one that is named so, else the caller, if it is a manager's.

        With no word of either it is the first phone of a manager that is named at all.
        """
        begins = [event for event in events if event.kind in BEGINS]
        named = [(one.target, one) for one in begins] + [(one.caller, one) for one in events]
        if not any(target for target, _ in named[: len(begins)]):
            named += [(one.target, one) for one in events if one.kind not in BEGINS]
        found = [self.whose(name, one.moment, ()) for name, one in named if name]
        unknown = next((one.target for one in begins if one.target), None)
        nobody = self.whose(unknown, self.now, ())
        return next((phone for phone in found if phone.manager), nobody)

    def _dialed(self, events: Sequence[CallEvent]) -> Phone:
        first = next((event for event in events if event.called), None)
        return self.whose(first.called, first.moment, ()) if first else Phone("", None)

    # What a leg goes through

    def _add(
        self, ref: str | None, phone: Phone, event: CallEvent, *, outbound: bool = False
    ) -> Leg:
        """A leg that nobody planned; it rings for a while that is known beforehand."""
        ref = ref if ref and ref not in self.legs else f"x:{phone.dial or '?'}"
        rung, until = event.received, self._unplanned_until(event)
        leg = Leg(
            ref=self._free(ref),
            dial=phone.dial,
            manager=phone.manager,
            planned=False,
            status="ringing",
            machine=not self.voicemails.isdisjoint((ref, phone.dial)),
            outbound=outbound,
            ring_from=rung,
            ring_until=until,
            due_ring_until=until,
        )
        self.legs[leg.ref] = leg
        return leg

    def _ring_back(self, leg: Leg, event: CallEvent) -> Leg:
        """A phone whose talk is over rings again: a new attempt, a new talk."""
        named = event.leg_ref if event.leg_ref not in self.legs else None
        phone = Phone(leg.dial, leg.manager)
        return self._add(named or self._free(leg.ref), phone, event, outbound=leg.outbound)

    def _free(self, ref: str) -> str:
        """The reference itself, or the first after it that no leg has."""
        base, n, free = ref.split("~b", maxsplit=1)[0], 1, ref
        while free in self.legs:
            n += 1
            free = f"{base}~b{n}"
        return free

    def _unplanned_until(self, event: CallEvent) -> datetime:
        return event.received + timedelta(seconds=UNPLANNED_RING_S + self.limits.ring_slack_s)

    def _talk(self, leg: Leg, event: CallEvent) -> None:
        if leg.answered_at is not None:
            return
        self.waits = None
        if event.hearsay and self.direction != "in":
            self.unsure.add(leg.ref)
        self._put(
            leg,
            status="talking",
            answered_at=event.moment,
            hold_until=event.received + timedelta(seconds=self.limits.max_talk_s),
            machine=leg.machine or event.by == "machine",
            reason=None,
            ended_at=None,
            ring_until=event.received
            if leg.ring_until is None
            else min(leg.ring_until, event.received),
        )

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
        self.legs[leg.ref] = self.legs.get(leg.ref, leg)._replace(**changes)  # type: ignore[arg-type]

    # Ends

    def _close(self, reset: datetime | None) -> datetime | None:
        """End what an end of the whole call ends; gives when that was."""
        if self.ended:
            moment, received = self.ended.moment, self.ended.received
        elif at := self.joined or reset:
            moment = received = at
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
        if len(talks) == 1 and talks[0].talk_s is None and not ended.hearsay:
            self._put(talks[0], talk_s=seconds)
        named = ended.leg_ref or ended.target or self.direction != "in"
        if talks or seconds <= 0 or not named:
            return
        leg = self._leg(ended)
        if ended.hearsay:
            self.unsure.add(leg.ref)
        self._put(
            leg,
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
        direction: Direction = "internal" if self.joined else self.direction
        talks = sorted(
            (leg for leg in legs if leg.talked),
            key=lambda leg: (leg.answered_at, not leg.outbound, leg.ref),
        )
        reported = self.ended.duration_s if self.ended else None
        talked = bool(talks) or bool(reported and reported > 0 and not _machine_only(legs))
        known_end = None if over_at else self._known_end(events, told)
        run_out = known_end is not None and known_end <= self.now
        presumed = not (self.ended or self.joined) and (reset is not None or run_out)
        over = bool(self.ended or self.joined) or presumed
        ended_at = over_at or (known_end if presumed else None)
        last = told[-1].decision if told else None
        if over:
            state: State = "answered" if talked else "missed"
            if not talked and direction != "in":
                state = "unanswered"
            elif not talked and isinstance(last, Reject):
                state = "rejected"
        else:
            state = self._open_state(legs, talked=talked)
        length = reported
        if length is None and over and talks:
            seconds = [leg.seconds() or 0.0 for leg in talks]
            length = max(seconds) if direction == "internal" else sum(seconds)
        with_manager = [leg for leg in talks if leg.manager]
        owner = self._owner(with_manager)
        own = next((leg for leg in legs if leg.outbound), None)
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
            dialer=own.manager if own else None,
            owner=owner.manager if owner else None,
            owner_since=owner.answered_at if owner else None,
            owner_sure=owner is None or owner.ref not in self.unsure,
            presumed=presumed,
            reason=self.ended.reason if self.ended else None,
            run=told[-1].run if told else 0,
            plan_over=over or self._plan_over(told),
            waiting_since=_waiting_since(told),
        )

    def _open_state(self, legs: Sequence[Leg], *, talked: bool) -> State:
        if any(leg.status == "talking" for leg in legs):
            return "talking"
        if any(leg.status in ("planned", "ringing") for leg in legs):
            return "ringing"
        if self.waits:
            return "waiting"
        return "talking" if talked and self.transferred else "ringing"

    def _owner(self, talks: Sequence[Leg]) -> Leg | None:
        """The first, or the last, whose talk lasts, or lasted long enough by what was reported."""
        owning = [leg for leg in talks if leg.manager and self.owns_cards(leg.manager)]
        for leg in owning if self.limits.owner == "first" else reversed(owning):
            seconds = leg.seconds()
            if seconds is None or seconds >= self.limits.owner_min_talk_s:
                return leg
        return None

    def _plan_over(self, told: Sequence[Told]) -> bool:
        """True when the last plan's steps are over unanswered, or its talk or waiting has ended."""
        if not told:
            return True
        if any(leg.status == "talking" for leg in self.legs.values()):
            return False
        if self.waits:
            return _end_of_wait(self.waits) <= self.now
        mine = [leg for leg in self.legs.values() if leg.run == told[-1].run]
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
        if self.waits:
            ends.append(_end_of_wait(self.waits))
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


def _end_of_wait(told: Told) -> datetime:
    """Until when a call that was told to wait may be silent."""
    seconds = told.decision.wait_s if isinstance(told.decision, Wait) else 0
    return told.at + timedelta(seconds=seconds + BEGIN_SLACK_S)


def _waiting_since(told: Sequence[Told]) -> datetime | None:
    """The place that it was told last among those who wait."""
    for one in reversed(told):
        if isinstance(one.decision, Wait):
            return one.decision.since or one.at
    return None


def _machine_only(legs: Sequence[Leg]) -> bool:
    """True when whoever answered was a machine or a voicemail."""
    answered = [leg for leg in legs if leg.answered_at]
    return bool(answered) and all(leg.machine for leg in answered)
