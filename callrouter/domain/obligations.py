"""Who is owed a call back: why his call was missed, who owes it, by when, and what settles it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from callrouter.domain.hours import add_working
from callrouter.domain.ladders import AtWork, deputies_of

if TYPE_CHECKING:
    from callrouter.domain.calls import Leg
    from callrouter.domain.managers import Presence
    from callrouter.domain.setup import Line, Manager, Setup
    from callrouter.domain.why import Passed, Why

Cause = Literal[
    "out_of_hours",
    "nobody_on_shift",
    "all_busy",
    "not_picked_up",
    "hung_up",
    "fallback",
    "message",
    "machine",
    "lead",
]
"""Why somebody is owed a call back. `fallback`: by our own fault the call was decided from memory,
went straight to the last resort, or came past us; `lead`: he asked for it on a site."""


@dataclass(frozen=True, slots=True)
class WhyMissed:
    """Why nobody talked on a call.

    `managers`: whom it rang, in that order; `seconds`: after how long the caller hung up, where
    that is the cause; `message`: he heard or left one, or a machine took the call.
    """

    cause: Cause
    managers: tuple[str, ...] = ()
    seconds: int | None = None
    message: bool = False


@dataclass(frozen=True, slots=True)
class Obligation:
    """A call back that is owed and not settled.

    `first_at`, `last_at`: when the first and the latest call (or lead) that it stands for began;
    `asked`: the moments of the leads among them. `call`: the latest missed one. `number` None: only
    an e-mail is known.
    """

    id: str
    number: str | None
    owner: str
    due_at: datetime
    first_at: datetime
    last_at: datetime
    why: WhyMissed
    author: str
    call: str | None = None
    card: str | None = None
    contact: str | None = None
    line: str | None = None
    team: str | None = None
    asked: tuple[datetime, ...] = ()
    repeats: int = 0
    tries: int = 0
    escalated_at: datetime | None = None


# What is owed to a number: a fold over its calls, so that order, lateness and repeats do not matter


@dataclass(frozen=True, slots=True)
class Dealing:
    """A call with a number as its obligation sees it.

    `talk`: when somebody began to talk; `missed`: over, inbound and owed for; `tried`: out, over,
    nobody talked; `pending`: inbound, not over. `learned_at`: when a missed call was first counted.
    """

    call: str
    kind: Literal["missed", "talk", "tried", "pending", "other"]
    started_at: datetime
    ended_at: datetime | None = None
    talk_at: datetime | None = None
    learned_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Owed:
    """What a number is owed now: the calls and leads that nobody has settled."""

    first_at: datetime
    last_at: datetime
    call: str | None  # the latest missed; None: it is owed for leads alone
    calls: frozenset[str]
    asked: tuple[datetime, ...]
    tries: int

    @property
    def repeats(self) -> int:
        return len(self.calls) + len(self.asked) - 1

    @property
    def asked_last(self) -> bool:
        """True when the latest is a lead."""
        return self.last_at in self.asked


def last_talk(dealings: Iterable[Dealing]) -> tuple[datetime, str] | None:
    """When the latest talk with a number began, and in which call."""
    return max(((one.talk_at, one.call) for one in dealings if one.talk_at), default=None)


def owed(
    dealings: Sequence[Dealing],
    asked: Sequence[datetime] = (),
    closed_at: datetime | None = None,
) -> Owed | None:
    """What a number is owed by its calls and leads; None: nothing.

    A talk, in either direction, settles whatever began before it. A person, at `closed_at`, settled
    what was over and known by then: a call of which we learned earlier does not come again.
    """
    talk = last_talk(dealings)

    def settled(one: Dealing) -> bool:
        if talk and talk[0] >= one.started_at:
            return True
        if closed_at is None:
            return False
        ended = one.ended_at or one.started_at
        return ended <= closed_at or one.learned_at is None or one.learned_at <= closed_at

    missed = [one for one in dealings if one.kind == "missed" and not settled(one)]
    leads = tuple(sorted(at for at in asked if not (talk and talk[0] >= at)))
    moments = [one.started_at for one in missed] + list(leads)
    if not moments:
        return None
    first = min(moments)
    latest = max(missed, key=lambda one: (one.started_at, one.call), default=None)
    return Owed(
        first_at=first,
        last_at=max(moments),
        call=latest.call if latest else None,
        calls=frozenset(one.call for one in missed),
        asked=leads,
        tries=sum(one.kind == "tried" and one.started_at >= first for one in dealings),
    )


def is_pending(dealings: Iterable[Dealing]) -> bool:
    """True when a call of the number is not over: what it owes is not yet known."""
    return any(one.kind == "pending" for one in dealings)


# Why it was missed

_AT_WORK: frozenset[Passed] = frozenset(
    {"talking", "ringing", "wrap_up", "phone_busy", "promised", "paused"}
)
"""Reasons of those who were there, but not free."""


def why_missed(
    whys: Sequence[Why],
    legs: Sequence[Leg],
    *,
    started_at: datetime,
    ended_at: datetime,
    reason: str | None = None,
) -> WhyMissed:
    """Find why nobody talked on a call, from what it was told and what became of its phones.

    `reason`: how the PBX says that the call ended. Whom it rang says more than the hours.
    """
    legs = sorted(
        (leg for leg in legs if leg.ring_from or leg.answered_at),
        key=lambda leg: (leg.ring_from or leg.answered_at or started_at, leg.step, leg.ref),
    )
    rung = tuple(dict.fromkeys(leg.manager for leg in legs if leg.manager))
    machines = [leg for leg in legs if leg.answered_at and leg.machine]
    message = bool(machines) or any(why.ends == "message" for why in whys)
    seconds = max(0, round((ended_at - started_at).total_seconds()))

    def because(cause: Cause) -> WhyMissed:
        return WhyMissed(cause, rung, seconds if cause == "hung_up" else None, message)

    if any(why.told_by != "base" for why in whys):
        return because("fallback")
    if any(leg.manager for leg in machines):
        return because("machine")
    if rung:
        return because("hung_up" if _gave_up(legs, reason) else "not_picked_up")
    if any(not why.open_hours for why in whys):
        return because("out_of_hours")
    return because(_why_nobody_rang(whys))


def _gave_up(legs: Sequence[Leg], reason: str | None) -> bool:
    """True when the caller hung up while the first phones of the plan still rang."""
    steps = {(leg.run, leg.attempt, leg.step) for leg in legs}
    return (
        len(steps) == 1 and reason != "no_answer" and all(leg.status == "cancelled" for leg in legs)
    )


def _why_nobody_rang(whys: Sequence[Why]) -> Cause:
    steps = [step for why in whys for step in why.steps]
    passed = {one.passed for step in steps for one in step.candidates}
    passed |= {reason for step in steps for reason, _ in step.others}  # type: ignore[misc]
    if any(step.chosen and step.told for step in steps):
        return "hung_up"  # before the first phone rang
    if passed & _AT_WORK:
        return "all_busy"
    if steps:
        return "nobody_on_shift"
    return "message" if any(why.ends == "message" for why in whys) else "fallback"


# By when


def term_of(setup: Setup, line: Line, ended_at: datetime) -> tuple[datetime, bool]:
    """By when a call that ended then is to be called back, and whether the line was closed then.

    Minutes are working minutes of the line's hours, else of its office's; where nobody has hours
    they are plain ones.
    """
    missed = setup.missed
    term = timedelta(minutes=missed.term_min)
    if (found := setup.hours_of(line)) is None:
        return ended_at + term, False
    hours, calendar = found
    if hours.open_at(ended_at, calendar):
        return add_working(hours, calendar, ended_at, term) or ended_at + term, False
    term = timedelta(minutes=missed.after_opening_min)
    opening = hours.next_opening(ended_at, calendar)
    if opening is None:
        return ended_at + term, True
    return add_working(hours, calendar, opening, term) or opening + term, True


# Who


class Staff:
    """Who is at work at a moment, or (where the line is closed then) when the term comes."""

    def __init__(
        self,
        setup: Setup,
        said: Mapping[str, Presence | None],
        *,
        now: datetime,
        due_at: datetime | None = None,
    ) -> None:
        self._setup = setup
        self._said = said
        self._moments = [AtWork(setup, now)] + ([AtWork(setup, due_at)] if due_at else [])

    def has(self, manager: Manager) -> bool:
        """True when he is at work; a break is soon over."""
        said = self._said.get(manager.key)
        found = [at.absence(manager, said) for at in self._moments]
        return any(away is None or away[0] == "paused" for away in found)

    def first(self, keys: Iterable[str | None]) -> str | None:
        """The first of these who is at work."""
        managers = self._setup.managers
        there = (managers[key] for key in keys if key and key in managers)
        return next((one.key for one in there if self.has(one)), None)

    def on_duty(self) -> str:
        """Who owes what nobody else owes; never nobody, even where duty has left."""
        setup = self._setup
        duty = setup.managers.get(setup.company.duty)
        if duty and duty.active:
            return duty.key
        leaders = (one for one in setup.active if one.role in ("head", "admin"))
        found = next(leaders, None) or next(iter(setup.active), None)
        return found.key if found else setup.company.duty


def people_to_ask(
    setup: Setup, responsible: str | None, rung: Sequence[str], team: str | None
) -> set[str]:
    """Everybody who may come to owe this: whose presence is looked at."""
    found = {*_stand_ins(setup, responsible), *rung[:1], setup.company.duty}
    for key in (responsible, *rung[:1]):
        if key in setup.managers:
            found.add(_head(setup, setup.managers[key].team) or "")
    return (found | {_head(setup, team) or ""}) - {""}


def owner_of(
    setup: Setup,
    staff: Staff,
    *,
    responsible: str | None = None,
    rung: Sequence[str] = (),
    team: str | None = None,
) -> str:
    """Who owes a call back; never nobody.

    The responsible manager or who stands in for him, the first who was rung, the head of the team,
    duty. `team`: of the ladder, where neither responsible nor rung have one.
    """
    found = staff.first([*_stand_ins(setup, responsible), *rung[:1]])
    if found is None:
        teams = (_team(setup, key) for key in (responsible, *rung[:1]))
        found = staff.first([_head(setup, next((one for one in teams if one), team))])
    return found or staff.on_duty()


def escalated_to(setup: Setup, staff: Staff, owner: str) -> str:
    """Who owes it after tries without a talk: the head of the owner's team, else duty."""
    head = _head(setup, _team(setup, owner))
    return staff.first([head]) or staff.on_duty()


def _stand_ins(setup: Setup, key: str | None) -> Iterator[str]:
    """A manager, then his deputies."""
    if manager := setup.managers.get(key or ""):
        yield manager.key
        yield from (one.key for one in deputies_of(manager, setup))


def _team(setup: Setup, key: str | None) -> str | None:
    manager = setup.managers.get(key or "")
    return manager.team if manager else None


def _head(setup: Setup, team: str | None) -> str | None:
    found = setup.teams.get(team or "")
    return found.head if found else None
