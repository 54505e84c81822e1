"""Ladders: who of a step's people is rung. Each strategy's meaning stands in its docstring."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, NamedTuple

from callrouter.domain.hours import parse_hours
from callrouter.domain.managers import Hold, ManagerFacts
from callrouter.domain.setup import countable

if TYPE_CHECKING:
    from callrouter.domain.load import LoadParts
    from callrouter.domain.managers import Presence
    from callrouter.domain.setup import Line, Manager, Setup, Step, Strategy
    from callrouter.domain.why import Passed

NEVER = datetime.min.replace(tzinfo=UTC)


class Standing(NamedTuple):
    """One manager as a step sees him: rung or passed over, and the figures it compares.

    A tuple, because a decision makes hundreds: a frozen dataclass takes five times as long to make.
    """

    manager: Manager
    facts: ManagerFacts
    parts: LoadParts
    load: float
    passed: Passed | None = None
    soft: bool = False
    hold: Hold | None = None
    until: datetime | None = None
    waiter: str | None = None
    floor: float | None = None
    note: str = ""

    @property
    def free(self) -> bool:
        return self.passed is None

    @property
    def busy(self) -> bool:
        """Held by a call now: `busy = "ring"` may ring him all the same."""
        return self.passed in ("talking", "ringing", "wrap_up")

    @property
    def full(self) -> bool:
        return self.load >= 1

    @property
    def idle_since(self) -> datetime:
        return self.facts.last_busy or NEVER


def among(step: Step, setup: Setup, line: Line, responsible: str | None) -> Sequence[Manager]:
    """The people a step speaks of, in the order of setup or of its `managers`."""
    if step.ring == "responsible":
        return _named(setup, (responsible,) if responsible else ())
    if step.ring == "manager":
        return _named(setup, step.managers[:1])
    people: Iterable[Manager] = _named(setup, step.managers) if step.managers else setup.manager
    if step.team:
        if not step.managers:
            people = setup.members.get(step.team, ())
        else:
            people = [one for one in people if one.team == step.team]
    if step.office:
        office = line.office if step.office == "line" else step.office
        people = [one for one in people if one.office == office]
    return tuple(people)


def whom_it_may_ring(
    step: Step, setup: Setup, line: Line, responsible: str | None
) -> Iterator[Manager]:
    """Everybody whom a step could come to: its active people, and who may stand in for one."""
    for one in among(step, setup, line, responsible):
        if one.active:
            yield one
        if step.ring in STANDS_IN:
            yield from (other for other in deputies_of(one, setup) if other.active)


def _named(setup: Setup, keys: Iterable[str]) -> tuple[Manager, ...]:
    return tuple(setup.managers[key] for key in keys if key in setup.managers)


def stand(
    manager: Manager,
    facts: ManagerFacts,
    *,
    start: datetime,
    now: datetime,
    own: frozenset[str] = frozenset(),
    floor: float | None = None,
) -> Standing:
    """Say whether calls hold a manager at the start of a step.

    Held is who talks, is in wrap-up, or has a window that has begun and is not over by then. A
    window that has not begun, that he shares with others, or that is one of the caller's `own`
    earlier calls, holds softly. `floor`: what a soft start lifts his load to.
    """
    parts = facts.parts(now)
    load = parts.of(manager.capacity)
    floor = floor if floor is not None and floor > load else None
    load = load if floor is None else floor
    soft: Hold | None = None
    for hold in facts.holds:
        if not hold.overlaps(start) or hold.is_over_by(facts.presence):
            continue
        if hold.is_soft(now) or (hold.kind == "ring" and hold.call in own):
            soft = hold
            continue
        passed: Passed = "ringing" if hold.kind == "ring" else "wrap_up"
        if hold.kind == "talk":
            passed = "talking"
        return Standing(
            manager, facts, parts, load, passed, hold=hold, until=hold.until, floor=floor
        )
    return Standing(manager, facts, parts, load, soft=soft is not None, hold=soft, floor=floor)


def deputies_of(manager: Manager, setup: Setup) -> Iterator[Manager]:
    """His deputy, the deputy's deputy and so on; nobody twice, whatever ring they make."""
    seen, one = {manager.key}, manager
    while one.deputy and one.deputy not in seen and one.deputy in setup.managers:
        seen.add(one.deputy)
        one = setup.managers[one.deputy]
        yield one


STANDS_IN: frozenset[Strategy | None] = frozenset({"responsible", "manager"})
"""Steps that mean one person, so that his deputy is rung for him."""

AWAY: frozenset[Passed] = frozenset({"absent", "inactive", "off_shift", "off"})
"""Reasons for which a deputy stands in; who talks or has a break comes back soon."""


class AtWork:
    """Who is at work at one moment; each manager, each shift of each office is looked at once.

    Without a word from anybody a manager on shift is available; without a shift he always is.
    `gone`: who has left since this Setup was in force.
    """

    def __init__(self, setup: Setup, now: datetime, gone: Collection[str] = ()) -> None:
        self._setup = setup
        self._now = now
        self._gone = gone
        self._open: dict[tuple[str | None, str], bool] = {}
        self._known: dict[str, tuple[Passed, datetime | None] | None] = {}

    def absence(
        self, manager: Manager, said: Presence | None = None
    ) -> tuple[Passed, datetime | None] | None:
        """Why he is not at work, and until when where that is known; None when he is.

        `said`: what was said of his presence. It makes a shift longer, or interrupts it; who is on
        leave or dismissed is away whatever was said.
        """
        if manager.key not in self._known:
            self._known[manager.key] = self._find(manager)
        away = self._known[manager.key]
        if said is None or (said.until is not None and said.until <= self._now):
            return away
        if said.state == "available":
            return None if away and away[0] == "off_shift" else away
        return away or ("paused" if said.state == "pause" else "off", said.until)

    def _find(self, manager: Manager) -> tuple[Passed, datetime | None] | None:
        if not manager.active or manager.key in self._gone:
            return "inactive", None
        for absence in self._setup.absences.get(manager.key, ()):
            local = self._setup.calendar_of(manager.office).local(self._now)
            if absence.from_ <= local.date() <= absence.to:
                after = countable(absence.to) + timedelta(days=1)
                back = datetime.combine(after, time(), local.tzinfo)
                return "absent", back
        if manager.shift and not self._on_shift(manager.office, manager.shift):
            return "off_shift", None
        return None

    def _on_shift(self, office: str | None, shift: str) -> bool:
        if (known := self._open.get((office, shift))) is None:
            calendar = self._setup.calendar_of(office)
            known = parse_hours(shift).open_at(self._now, calendar)
            self._open[office, shift] = known
        return known


# The strategies. Each takes those who may be rung (all free, or all busy), the whole group and the
# tie, and gives the first in the order of ringing; who is softly held comes after who is free.

Order = Callable[[Sequence[Standing], Sequence[Standing], float], list[Standing]]


def by_load(people: Sequence[Standing], _group: Sequence[Standing], tie: float) -> list[Standing]:
    """least_loaded: the lowest load first; who is full (load of 1 and more) after all who are not.

    Within `tie` of the lowest all are equal: the one whose last offer or talk is longest ago
    comes first, then by key.
    """

    def ranked(group: Sequence[Standing]) -> list[Standing]:
        lowest = min(one.load for one in group)
        near = [one for one in group if one.load <= lowest + tie + 1e-9]
        rest = [one for one in group if one.load > lowest + tie + 1e-9]
        return sorted(near, key=_idle) + sorted(rest, key=lambda one: (one.load, *_idle(one)))

    groups: dict[tuple[bool, bool], list[Standing]] = {}
    for one in people:
        groups.setdefault((one.soft, one.full), []).append(one)
    return [one for group in sorted(groups) for one in ranked(groups[group])]


def by_idleness(
    people: Sequence[Standing], _group: Sequence[Standing], _tie: float
) -> list[Standing]:
    """longest_idle: whose last offer or talk is longest ago (never: first of all), then key."""
    return sorted(people, key=lambda one: (one.soft, *_idle(one)))


def in_turn(people: Sequence[Standing], group: Sequence[Standing], _tie: float) -> list[Standing]:
    """round_robin: in a circle by key, beginning after the one of the group who was offered last.

    Who is passed over loses his turn; nobody offered yet: the circle begins at its first key.
    """
    circle = sorted(people, key=lambda one: one.manager.key)
    offered = [one for one in group if one.facts.last_offer]
    if offered:
        last = max(offered, key=lambda one: (one.facts.last_offer or NEVER, one.manager.key))
        turn = [one for one in circle if one.manager.key > last.manager.key]
        circle = turn + [one for one in circle if one.manager.key <= last.manager.key]
    return sorted(circle, key=lambda one: one.soft)


def by_calls(people: Sequence[Standing], _group: Sequence[Standing], _tie: float) -> list[Standing]:
    """fewest_calls: the fewest talks today (his office's day), then the longest idle, then key."""
    return sorted(people, key=lambda one: (one.soft, one.facts.calls_today, *_idle(one)))


def as_listed(
    people: Sequence[Standing], _group: Sequence[Standing], _tie: float
) -> list[Standing]:
    """in_order, manager, responsible: as the step or setup lists them, softly held ones last."""
    return sorted(people, key=lambda one: one.soft)


ORDERS: Mapping[Strategy, Order] = {
    "responsible": as_listed,
    "manager": as_listed,
    "in_order": as_listed,
    "least_loaded": by_load,
    "all": by_load,  # which phones, where `count` or the provider allows only so many
    "longest_idle": by_idleness,
    "round_robin": in_turn,
    "fewest_calls": by_calls,
}


def _idle(one: Standing) -> tuple[datetime, str]:
    return (one.idle_since, one.manager.key)
