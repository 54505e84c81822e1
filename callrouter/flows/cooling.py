"""Cooling: who does not pick up, or whose phone is not there, is rung last for a while.

A step's rings of one manager are judged together once none of his phones there rings any more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from callrouter.domain.calls import Limits
from callrouter.domain.ladders import AtWork
from callrouter.flows.presence import NO_ANSWER, OURS, end_no_answer, say
from storage import calls, cards, coolings, counters, notices, presence
from storage.coolings import Cooled
from storage.notices import Happening

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.calls import Leg
    from callrouter.domain.managers import CoolReason, Presence
    from callrouter.domain.setup import Manager, Setup
    from callrouter.flows.work import Work

STRIKES_TO_COOL = 2
STRIKES_TO_PAUSE = 3
"""So many rings in a row left unanswered cool him, and begin a break for him."""

FIRST_SILENCE = timedelta(minutes=5)
LONGEST_SILENCE = timedelta(minutes=30)
"""A cooling for silence: it doubles with each further ring."""

COOL_FOR: Mapping[CoolReason, timedelta] = {
    "busy": timedelta(seconds=30),
    "dnd": timedelta(minutes=5),
    "unreachable": timedelta(seconds=60),
    "offline": timedelta(seconds=60),
}

MILDEST_FIRST: tuple[CoolReason, ...] = ("no_answer", "busy", "dnd", "unreachable", "offline")
"""Of several phones rung together the one that came nearest to him speaks for him."""

SAYS_NOTHING = "failed"

CUT_BY = timedelta(seconds=2)
"""A ring that stopped so much before its time was not left unanswered."""


@dataclass(frozen=True, slots=True)
class _Ring:
    """A step that rang a manager in vain. `act`: what of the call it is."""

    work: Work
    act: str
    manager: str
    reason: CoolReason
    since: datetime
    ended: datetime

    @property
    def claim(self) -> tuple[str, str]:
        return (self.work.id, self.act)


@dataclass(frozen=True, slots=True)
class _Talk:
    """`until`: its end, or now. `phone`: (account, dial)."""

    call: str
    manager: str
    phone: tuple[str, str]
    until: datetime


def follow(conn: Connection, works: Sequence[Work], *, now: datetime) -> list[Happening]:
    """Begin and end coolings as the legs of these calls ask for; each step of a call acts once.

    A talk ends his coolings, that of the phone, and a break that began because he was silent. So it
    takes back what was done for a ring that is reported as answered only afterwards; a machine's
    answer does not.
    """
    rings = [ring for work in works for ring in _rings(work, now)]
    talks = [talk for work in works for talk in _talks(work, now)]
    if rings:
        fresh = cards.claim_acts(conn, [ring.claim for ring in rings], now=now)
        rings = [ring for ring in rings if ring.claim in fresh]
    keys = sorted({ring.manager for ring in rings} | {talk.manager for talk in talks})
    if not keys:
        return []
    judge = _Judge(conn, keys, now)
    for talk in talks:
        judge.warm(talk)
    for ring in sorted(rings, key=lambda one: (one.ended, one.work.id, one.act)):
        judge.count(ring)
    return judge.write()


# What the legs say


def _rings(work: Work, now: datetime) -> Iterator[_Ring]:
    """The steps of a call that rang a manager in vain and are over."""
    state = work.state
    if state is None or not state.legs:
        return
    if state.state == "answered" and state.answered_at is None:
        return  # somebody talked and nobody knows who
    groups: dict[tuple[str, str], list[Leg]] = {}
    for leg in state.legs:
        if leg.manager and leg.offered:
            place = f"{leg.run}.{leg.attempt}.{leg.step}"
            groups.setdefault((place, leg.manager), []).append(leg)
    for (place, manager), legs in groups.items():
        if reason := _reason(legs, work):
            ended = min(max(leg.ended_at or now for leg in legs), now)
            since = min((leg.ring_from for leg in legs if leg.ring_from), default=ended)
            yield _Ring(work, f"cool:{place}:{manager}", manager, reason, since, ended)


def _reason(legs: Sequence[Leg], work: Work) -> CoolReason | None:
    """Why a step did not reach a manager; None: it may yet, or that is no fault of his."""
    found: set[str] = set()
    for leg in legs:
        silent = _rang_out(leg)
        if leg.status != "failed" and not silent:
            return None
        reason = NO_ANSWER if silent else leg.reason or SAYS_NOTHING
        if reason in _NO_FAULT or (reason == NO_ANSWER and _is_cut(leg, work)):
            return None
        found.add(reason)
    return next((reason for reason in MILDEST_FIRST if reason in found), None)


_NO_FAULT = ("rejected", "answered_elsewhere", "cancelled", "caller_hung_up", "completed")


def _rang_out(leg: Leg) -> bool:
    """True for one that was cancelled when its window was over already.

    Had the base been asked in between, it would have been presumed unanswered.
    """
    whole = leg.ring_until is not None and leg.ring_until == leg.due_ring_until
    return leg.status == "cancelled" and whole


def _is_cut(leg: Leg, work: Work) -> bool:
    """True when a ring of ours stopped before its time without a report that nobody picked up."""
    if leg.due_ring_until is None:
        return False
    account = work.setup.accounts.get(work.account)
    slack = account.ring_slack_s if account else Limits().ring_slack_s
    early = leg.due_ring_until - timedelta(seconds=slack) - CUT_BY
    if leg.presumed or leg.status == "cancelled":
        legs = work.state.legs if work.state else ()
        later = [
            moment
            for other in legs
            if (other.run, other.attempt) == (leg.run, leg.attempt) and other.step > leg.step
            for moment in (other.ring_from, other.answered_at)
            if moment
        ]
        return any(moment < early for moment in later)
    silent = {event.key for event in work.events if not event.tried}
    return any(
        told.at == leg.ended_at and told.at < early and told.key in silent for told in work.told
    )


def _talks(work: Work, now: datetime) -> Iterator[_Talk]:
    """The talks of managers, of a call that was not known to be over with one."""
    if work.stored and work.stored.over_at and work.stored.answered_at:
        return
    for leg in work.state.legs if work.state else ():
        if leg.talked and leg.manager:
            yield _Talk(work.id, leg.manager, (work.account, leg.dial), leg.ended_at or now)


# What is done about it


class _Judge:
    """What is known of some managers while their rings and talks are looked at one by one."""

    def __init__(self, conn: Connection, keys: Sequence[str], now: datetime) -> None:
        self._conn = conn
        self._now = now
        self._keys = keys
        self._cooled = coolings.in_force(conn, keys, now)
        self._said = presence.last_said(conn, keys)
        self._pulses = counters.unanswered(conn, keys)
        self._talking: dict[str, datetime] | None = None
        self._counts: dict[str, int] = {}
        self._over: list[Cooled] = []
        self._new: list[Cooled] = []

    def warm(self, talk: _Talk) -> None:
        """A talk: he is there, and so is the phone."""
        for one in list(self._cooled.get(talk.manager, ())):
            here = one.dial is None or (one.account, one.dial) == talk.phone
            if here and (one.since <= talk.until or one.by == talk.call):
                self._end(one)
        said = self._said.get(talk.manager)
        if said and self._is_silent(said) and said.since <= talk.until:
            end_no_answer(self._conn, talk.manager, by=talk.call, now=self._now)
            del self._said[talk.manager]

    def count(self, ring: _Ring) -> None:
        """A ring in vain: he cools; who was silent for the third time gets a break."""
        silent = ring.reason == NO_ANSWER
        if (silent or ring.reason == "busy") and self._talks(ring):
            return
        count, last_talk = self._pulses.get(ring.manager, (0, None))
        said = self._said.get(ring.manager)
        moment = ring.since if silent else ring.ended
        if (last_talk and moment <= last_talk) or (said and moment < said.since):
            return
        strikes = 0
        if silent:
            strikes = self._counts.get(ring.manager, count) + 1
            self._counts[ring.manager] = strikes
        ends_at = ring.ended + (silence(strikes) if silent else COOL_FOR[ring.reason])
        if ends_at <= self._now:
            return
        if strikes >= STRIKES_TO_PAUSE and self._pause(ring):
            self._counts[ring.manager] = 0
        else:
            self._cool(ring, ends_at, strikes)

    def write(self) -> list[Happening]:
        """Write all of it; gives what is told of it."""
        coolings.end(self._conn, self._over, now=self._now)
        coolings.begin(self._conn, self._new, now=self._now)
        counters.set_unanswered(self._conn, self._counts)
        changed = sorted({one.manager for one in (*self._over, *self._new)})
        notices.tell_people(self._conn, "manager", changed, now=self._now)
        return [cooled_event(one) for one in self._new]

    def _talks(self, ring: _Ring) -> bool:
        """True when he was in a talk by the end of the ring: one does not take two."""
        if self._talking is None:
            self._talking = {
                manager: min(since)
                for manager, holds in calls.holds(self._conn, self._keys, self._now).items()
                if (since := [hold.since for hold in holds if hold.kind == "talk"])
            }
        began = self._talking.get(ring.manager)
        return began is not None and began <= ring.ended

    def _cool(self, ring: _Ring, ends_at: datetime, strikes: int) -> None:
        known = self._cooled.setdefault(ring.manager, [])
        same = [one for one in known if one.dial is None and one.reason == ring.reason]
        if any(one.ends_at >= ends_at for one in same):
            return
        for one in same:
            self._end(one)
        by = ring.work.id
        new = Cooled(ring.manager, ring.reason, ring.ended, ends_at, by, strikes=strikes)
        known.append(new)
        self._new.append(new)

    def _end(self, one: Cooled) -> None:
        self._cooled[one.manager].remove(one)
        if one.id:
            self._over.append(one)
        else:  # of this very batch
            self._new.remove(one)

    def _pause(self, ring: _Ring) -> bool:
        """Begin a break for him, unless nobody else of his team would be left."""
        setup = ring.work.setup
        manager = setup.managers.get(ring.manager)
        if manager is None:
            return False
        team = mates(manager, setup)
        said = presence.last_said(self._conn, [one.key for one in team])
        at_work = AtWork(setup, self._now)
        there = {one.key for one in team if at_work.absence(one, said.get(one.key)) is None}
        if manager.key not in there or len(there) == 1:
            return False
        begun = say(self._conn, setup, manager, "pause", by=OURS, reason=NO_ANSWER, now=self._now)
        if begun:
            self._said[manager.key] = begun
        return begun is not None

    def _is_silent(self, said: Presence) -> bool:
        lasts = said.until is None or said.until > self._now
        return said.state == "pause" and said.reason == NO_ANSWER and lasts


def silence(count: int) -> timedelta:
    """How long he cools who left so many rings in a row unanswered."""
    if count < STRIKES_TO_COOL:
        return timedelta()
    doubled: int = 1 << min(count - STRIKES_TO_COOL, 10)
    return min(FIRST_SILENCE * doubled, LONGEST_SILENCE)


def mates(manager: Manager, setup: Setup) -> Sequence[Manager]:
    """The active members of his team, he among them; everybody where he has none."""
    return setup.members.get(manager.team, ()) if manager.team else setup.active


def cooled_event(one: Cooled) -> Happening:
    """What the business events say of a cooling."""
    data = {"manager": one.manager, "reason": one.reason, "until": one.ends_at.isoformat()}
    call = None if one.dial else one.by
    return Happening("cooled", one.since, one.by, call, data=data | {"dial": one.dial})
