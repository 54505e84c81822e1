"""What comes of past calls on other rules: counted per line and manager, with examples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from callrouter.domain.decisions import Connect, Decision, Message, NoOpinion, Reject, Wait
from callrouter.domain.ladders import NEVER

WayKind = Literal["rings", "last_resort", "wait", "message", "reject", "none"]

Unknown = Literal["missed_today"]
"""What new rules may ask and was not kept, because no rule asked."""

EXAMPLES_KEPT = 12
EXAMPLES_OF_A_LINE = 4

OVER = timedelta(hours=1)
"""So long after its last decision a call is counted: nothing more is decided on it."""


@dataclass(frozen=True, slots=True)
class Way:
    """Where a decision sends a call: whom it rings, step by step. Seconds and words are left out.

    `then`: the last resort; `last_resort`: nobody else is rung.
    """

    kind: WayKind
    rings: tuple[tuple[str, ...], ...] = ()
    then: str = ""


def way_of(decision: Decision) -> Way:
    match decision:
        case Connect(steps=steps, then=then):
            kind: WayKind = "rings" if steps else "last_resort"
            return Way(kind, tuple(step.managers for step in steps), then.dial)
        case Wait(then=then):
            return Way("wait", (), then.dial)
        case Message(then=then):
            return Way("message", (), then.dial)
        case Reject():
            return Way("reject")
        case NoOpinion():
            return Way("none")


@dataclass(frozen=True, slots=True)
class Shift:
    """How many calls: as it was, and as it would have been."""

    before: int = 0
    after: int = 0


@dataclass(frozen=True, slots=True)
class LineShift:
    """Of the calls of a line. `elsewhere`: those that would have gone another way."""

    line: str
    calls: int
    elsewhere: int
    last_resort: Shift
    messages: Shift
    rejects: Shift
    waits: Shift


@dataclass(frozen=True, slots=True)
class ManagerShift:
    """Of the calls of a manager. `first`: those that ring him first, alone or with others.

    `gained`, `lost`: calls that would have rung him first and did not, and the other way round.
    """

    manager: str
    first: Shift
    rung: Shift
    gained: int
    lost: int


@dataclass(frozen=True, slots=True)
class Example:
    """A call that would have gone another way, where the ways part."""

    call: str
    at: datetime
    line: str
    before: Way
    after: Way


@dataclass(frozen=True, slots=True)
class Compared:
    """Calls on other rules. `otherwise`: the same people, but other seconds or words."""

    calls: int
    elsewhere: int
    otherwise: int
    lines: tuple[LineShift, ...]
    managers: tuple[ManagerShift, ...]
    examples: tuple[Example, ...]
    new_managers: tuple[str, ...] = ()
    unknown: tuple[Unknown, ...] = ()


@dataclass(frozen=True, slots=True)
class Replayed:
    """Past decisions, taken again on the facts as they were.

    `explained`: those that come out as they are stored; `unexplained`: the calls of the others, the
    first of them: an older version of ours took them, or a fact was not kept. Not taken again:
    `without_base` were told from memory, `failed` by our own fault, `unrecorded` are from before it
    was kept what decisions look at. `compared` None: no other rules were asked for.
    """

    since: datetime
    until: datetime
    calls: int
    decisions: int
    explained: int
    unexplained: tuple[str, ...] = ()
    without_base: int = 0
    failed: int = 0
    unrecorded: int = 0
    compared: Compared | None = None


@dataclass(slots=True)
class _Going:
    """A call, from its `ringing` on, as far as both ways are the same, and one answer more."""

    call: str
    line: str
    at: datetime
    before: list[Way] = field(default_factory=list)
    after: list[Way] = field(default_factory=list)
    otherwise: bool = False

    @property
    def parted(self) -> bool:
        return self.before != self.after

    @property
    def pairs(self) -> tuple[tuple[list[Way], int], ...]:
        return ((self.before, 0), (self.after, 1))


class Tally:
    """Counts calls as their decisions come in, in order; nothing is compared after ways part."""

    def __init__(self) -> None:
        self._going: dict[tuple[str, int], _Going] = {}
        self._looked_at = NEVER
        self._calls: Counter[str] = Counter()
        self._elsewhere: Counter[str] = Counter()
        self._ends: Counter[tuple[str, WayKind, int]] = Counter()  # line, kind, before or after
        self._first: Counter[tuple[str, int]] = Counter()  # manager, before or after
        self._rung: Counter[tuple[str, int]] = Counter()
        self._gained: Counter[str] = Counter()
        self._lost: Counter[str] = Counter()
        self._otherwise = 0
        self._examples: list[Example] = []

    def note(
        self, call: str, run: int, line: str, at: datetime, before: Decision, after: Decision
    ) -> bool:
        """Take a decision as it was and as it would have been; `run`: which plan of the call.

        True: here the ways part, and nothing more of this run is to come.
        """
        going = self._going.setdefault((call, run), _Going(call, line, at))
        going.at = at
        going.before.append(way_of(before))
        going.after.append(way_of(after))
        going.otherwise = going.otherwise or _manner(before) != _manner(after)
        if at - self._looked_at > OVER:
            self._looked_at = at
            for key in [key for key, one in self._going.items() if at - one.at > OVER]:
                self._count(self._going.pop(key))
        return going.parted

    def _count(self, going: _Going) -> None:
        line = going.line
        self._calls[line] += 1
        for ways, side in going.pairs:
            for kind in {ways[-1].kind, *(way.kind for way in ways if way.kind == "wait")}:
                self._ends[line, kind, side] += 1
            for manager in {one for way in ways for ring in way.rings for one in ring}:
                self._rung[manager, side] += 1
            for manager in _first(ways):
                self._first[manager, side] += 1
        if not going.parted:
            self._otherwise += going.otherwise
            return
        self._elsewhere[line] += 1
        was, would_be = set(_first(going.before)), set(_first(going.after))
        self._gained.update(would_be - was)
        self._lost.update(was - would_be)
        same_line = sum(one.line == line for one in self._examples)
        if len(self._examples) < EXAMPLES_KEPT and same_line < EXAMPLES_OF_A_LINE:
            before, after = going.before[-1], going.after[-1]
            self._examples.append(Example(going.call, going.at, line, before, after))

    def result(
        self,
        *,
        managers: tuple[str, ...],
        new_managers: tuple[str, ...] = (),
        unknown: tuple[Unknown, ...] = (),
    ) -> Compared:
        """All that was counted; of managers those named, in their order, and whoever was rung."""
        for going in self._going.values():
            self._count(going)
        self._going.clear()
        others = sorted({key for key, _ in self._rung}.difference(managers))
        return Compared(
            calls=self._calls.total(),
            elsewhere=self._elsewhere.total(),
            otherwise=self._otherwise,
            lines=tuple(self._lines()),
            managers=tuple(
                one for one in map(self._manager, (*managers, *others)) if one.rung != Shift()
            ),
            examples=tuple(self._examples),
            new_managers=new_managers,
            unknown=unknown,
        )

    def _lines(self) -> Iterator[LineShift]:
        def shift(line: str, kind: WayKind) -> Shift:
            return Shift(self._ends[line, kind, 0], self._ends[line, kind, 1])

        for line, calls in self._calls.most_common():
            yield LineShift(
                line,
                calls,
                self._elsewhere[line],
                last_resort=shift(line, "last_resort"),
                messages=shift(line, "message"),
                rejects=shift(line, "reject"),
                waits=shift(line, "wait"),
            )

    def _manager(self, key: str) -> ManagerShift:
        return ManagerShift(
            key,
            first=Shift(self._first[key, 0], self._first[key, 1]),
            rung=Shift(self._rung[key, 0], self._rung[key, 1]),
            gained=self._gained[key],
            lost=self._lost[key],
        )


def _first(ways: list[Way]) -> tuple[str, ...]:
    """Whom a call rings first, maybe after it has waited."""
    return next((way.rings[0] for way in ways if way.rings), ())


def _manner(decision: Decision) -> object:
    """How long, by which phones and in which words: what may change on the same way."""
    match decision:
        case Connect(steps=steps, then=then):
            rings = [(one.ring_s, one.mode, [t.dial for t in one.targets]) for one in steps]
            return rings, then.ring_s
        case Message(text=text, play=play, record=record, max_s=max_s):
            return text, play, record, max_s
        case Reject(reason=reason):
            return reason
        case Wait() | NoOpinion():
            return None
