"""Which rules can never match: no call fits them, or the rules above take every call that does.

Every kind of call that the rules can tell apart is tried: each value that they name, and one that
they do not; each line at each hour of a week, with holidays and without. What is said is certain;
where there are too many kinds to try, nothing is said.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final, get_args

from callrouter.domain.hours import Calendar, Hours, parse_hours
from callrouter.domain.phones import CallerKind
from callrouter.domain.rules import Value, holds
from callrouter.domain.setup import Condition, Field, Line, Rule, Setup

_MOST_TRIED: Final = 2000
_MOST_TRUTHS: Final = 100_000  # of hours, and of conditions: about a quarter of a second
_MONDAY: Final = date(2026, 6, 1)
_OF_PLACE: Final[frozenset[Field]] = frozenset({"line", "source", "office", "hours", "holiday"})
_TAG: Final[Field] = "contact.tag"
_OTHER: Final = "\x00"  # ends a value that no rule names


@dataclass(frozen=True, slots=True)
class Shadow:
    """A rule that never matches. `by`: the rules above that take its calls; none: no call fits."""

    rule: str
    by: tuple[str, ...]


def shadows(setup: Setup) -> tuple[Shadow, ...]:
    """In the order of the rules. Takes a Setup that `check` let pass."""
    if not setup.rule:
        return ()
    try:
        worlds = _Worlds(setup, [rule.when for rule in setup.rule])
    except _TooMany:
        return ()
    return tuple(
        Shadow(rule.name, by)
        for n, rule in enumerate(setup.rule)
        if (by := _shadowed(worlds, rule, setup.rule[:n])) is not None
    )


def shadow_of(setup: Setup, rule: Rule, above: Sequence[Rule]) -> Shadow | None:
    """Of one rule, below those; None: it may match."""
    try:
        worlds = _Worlds(setup, [rule.when, *(one.when for one in above)])
    except _TooMany:
        return None
    by = _shadowed(worlds, rule, above)
    return None if by is None else Shadow(rule.name, by)


def _shadowed(worlds: _Worlds, rule: Rule, above: Sequence[Rule]) -> tuple[str, ...] | None:
    if not worlds.never(rule.when, [one.when for one in above]):
        return None
    if worlds.never(rule.when, []):
        return ()
    by = list(above)
    for one in above:
        rest = [other for other in by if other is not one]
        if worlds.never(rule.when, [other.when for other in rest]):
            by = rest
    return tuple(one.name for one in by)


class _TooMany(Exception):
    pass


@dataclass(frozen=True, slots=True)
class Moment:
    """All that rules can know of a moment. `open`: the hours, as written, in which it is."""

    holiday: bool
    open: frozenset[str]


World = dict[Hashable, object]
"""What is settled of a kind of call: the value of a field, a tag's being there, the place."""


class _Worlds:
    def __init__(self, setup: Setup, conditions: Sequence[Condition]) -> None:
        atoms = tuple({atom: None for when in conditions for atom in _atoms(when)})
        self._tags = _named(atoms, _TAG)
        self._domains: dict[Hashable, Sequence[object]] = {
            "place": _places(setup, [one for one in atoms if one.field in _OF_PLACE])
        }
        for field in {one.field for one in atoms if one.field} - _OF_PLACE - {_TAG}:
            self._domains[field] = _values(setup, field, atoms)
        self._domains.update({(_TAG, tag): (False, True) for tag in self._tags})
        self._tried = 0

    def never(self, wanted: Condition, others: Sequence[Condition]) -> bool:
        """Whether it is certain that no call fits what is wanted and none of the others."""
        self._tried = 0
        try:
            return not self._possible(wanted, others, {})
        except _TooMany:
            return False

    def _possible(self, wanted: Condition, others: Sequence[Condition], world: World) -> bool:
        self._tried += 1
        if self._tried > _MOST_TRIED:
            raise _TooMany
        open_ = wanted
        match self._truth(wanted, world):
            case False:
                return False
            case True:
                left = []
                for one in others:
                    truth = self._truth(one, world)
                    if truth:
                        return False
                    if truth is None:
                        left.append(one)
                if not left:
                    return True
                open_, others = left[0], left
        key = self._unsettled(open_, world)
        return any(
            self._possible(wanted, others, {**world, key: value}) for value in self._domains[key]
        )

    def _unsettled(self, when: Condition, world: World) -> Hashable:
        for atom in _atoms(when):
            if self._truth(atom, world) is None:
                for key in self._keys(atom):
                    if key not in world:
                        return key
        raise ValueError("everything is settled")

    def _keys(self, atom: Condition) -> Iterator[Hashable]:
        if atom.field in _OF_PLACE:
            yield "place"
        elif atom.field == _TAG:
            yield from ((_TAG, tag) for tag in self._tags)
        else:
            yield atom.field

    def _truth(self, when: Condition, world: World) -> bool | None:
        """Whether a condition holds, as far as a world is settled; None: it depends."""
        if when.not_ is not None:
            inner = self._truth(when.not_, world)
            return None if inner is None else not inner
        if when.field is None:
            parts = [self._truth(one, world) for one in (when.all or when.any or ())]
            decisive = (
                when.all is None
            )  # one that holds decides `any`, one that fails decides `all`
            if decisive in parts:
                return decisive
            return None if None in parts else not decisive
        if when.field in _OF_PLACE:
            place = world.get("place")
            return place[when] if isinstance(place, dict) else None
        if when.field == _TAG:
            there = frozenset(tag for tag in self._tags if world.get((_TAG, tag)) is True)
            open_ = frozenset(tag for tag in self._tags if (_TAG, tag) not in world)
            least, most = holds(when, there), holds(when, there | open_)
            return least if least == most else None
        if when.field not in world:
            return None
        value = world[when.field]
        return holds(when, value if isinstance(value, str | int) else None)


def _atoms(when: Condition) -> Iterator[Condition]:
    if when.field is not None:
        yield when
    for one in (*(when.all or ()), *(when.any or ()), *((when.not_,) if when.not_ else ())):
        yield from _atoms(one)


def _named(atoms: Sequence[Condition], field: Field) -> tuple[str, ...]:
    """Every text that a field is compared with; of a beginning, one that begins so."""
    found: dict[str, None] = {}
    for one in atoms:
        if one.field == field:
            values = one.value if isinstance(one.value, tuple) else (one.value,)
            texts = [str(value) for value in values]
            found |= dict.fromkeys(
                f"{text}{_OTHER}" if one.op == "starts" else text for text in texts
            )
    return tuple(found)


def _values(setup: Setup, field: Field, atoms: Sequence[Condition]) -> Sequence[Value]:
    match field:
        case "contact.known":
            return (False, True)
        case "caller.kind":
            return get_args(CallerKind)
        case "account":
            return tuple(setup.accounts)
        case "missed_today":
            near = {0}
            for one in atoms:
                if one.field == field:
                    values = one.value if isinstance(one.value, tuple) else (one.value,)
                    for value in values:
                        if isinstance(value, int):
                            near |= {value - 1, value, value + 1}
            return sorted(value for value in near if value >= 0)
        case _:
            return (None, *_named(atoms, field))


# Lines and moments


def _places(setup: Setup, atoms: Sequence[Condition]) -> list[Mapping[Condition, bool]]:
    """Each line at each moment, as far as the rules can tell them apart. Raises _TooMany."""
    timed = [one for one in atoms if one.field in ("hours", "holiday")]
    still = [one for one in atoms if one not in timed]
    by_hours = any(one.field == "hours" and one.op != "within" for one in timed)
    texts = {str(one.value) for one in timed if one.op == "within"}
    if by_hours:
        texts |= {line.hours for line in setup.line if line.hours}
    nothing = Moment(False, frozenset())
    moments = _moments({text: parse_hours(text) for text in texts}) if timed else {nothing}
    lines: dict[tuple[object, ...], Line] = {}
    for line in setup.line:
        same = tuple(_at(one, line, nothing) for one in still)
        lines.setdefault((line.hours if by_hours else None, *same), line)
    if len(moments) * len(lines) * len(atoms) > _MOST_TRUTHS:
        raise _TooMany
    found: dict[tuple[bool, ...], None] = {}
    for line in lines.values():
        for moment in moments:
            found[tuple(_at(one, line, moment) for one in atoms)] = None
    return [dict(zip(atoms, truths, strict=True)) for truths in found]


def _at(atom: Condition, line: Line, moment: Moment) -> bool:
    match atom.field:
        case "line":
            return holds(atom, frozenset({line.number, line.name, *line.aliases}))
        case "source":
            return holds(atom, line.source)
        case "office":
            return holds(atom, line.office)
        case "holiday":
            return holds(atom, moment.holiday)
        case _ if atom.op == "within":
            return str(atom.value) in moment.open
        case _:
            working = line.hours is None or line.hours in moment.open
            return holds(atom, "open" if working else "closed")


def _moments(hours: Mapping[str, Hours]) -> set[Moment]:
    """The different moments of a week at which something may begin or end. Raises _TooMany.

    Each day is a holiday or not, after one or not: no hours reach further back.
    """
    minutes = {0} | {
        minute % (24 * 60)
        for one in hours.values()
        for spans in (*one.week, one.holiday or ())
        for span in spans
        for minute in span
    }
    if 28 * len(minutes) * len(hours) > _MOST_TRUTHS:
        raise _TooMany
    found = set()
    for n in range(7):
        day = _MONDAY + timedelta(days=n)
        eve = day - timedelta(days=1)
        for off in ((), (day,), (eve,), (eve, day)):
            calendar = Calendar("UTC", None, frozenset(off))
            for minute in minutes:
                at = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(minutes=minute)
                is_open = (text for text, one in hours.items() if one.open_at(at, calendar))
                found.add(Moment(day in off, frozenset(is_open)))
    return found
