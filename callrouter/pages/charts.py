"""Charts as shapes: where each bar of an SVG stands. Colours are the style sheet's, by class.

Every chart stands with a table that says the same in figures; to who hears the page it is hidden.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

WIDTH: Final = 960
HEIGHT: Final = 220
_LEFT: Final = 40
_TOP: Final = 10
_BOTTOM: Final = 26
_TICKS: Final = (1, 2, 5)


@dataclass(frozen=True, slots=True)
class Bar:
    """A piece of a column; `kind` is its class, `says` what a pointer on it shows."""

    kind: str
    x: float
    y: float
    width: float
    height: float
    says: str


@dataclass(frozen=True, slots=True)
class Tick:
    """A line across, and its figure; or (of columns) what stands below one."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    width: int
    height: int
    left: int
    right: int
    floor: int
    bars: tuple[Bar, ...]
    lines: tuple[Tick, ...]
    below: tuple[Tick, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """`parts`: from the floor up, each a class, a number and what it says."""

    name: str
    parts: tuple[tuple[str, int, str], ...]

    @property
    def total(self) -> int:
        return sum(n for _, n, _ in self.parts)


def columns(found: Sequence[Column], *, every: int = 1) -> Chart:
    """Stacked columns side by side; `every`: so many of them share a name below."""
    floor, top = HEIGHT - _BOTTOM, _TOP
    step = step_of(max((one.total for one in found), default=0))
    most = max(step, -(-max((one.total for one in found), default=0) // step) * step)
    room = (WIDTH - _LEFT) / max(len(found), 1)
    bars: list[Bar] = []
    for n, column in enumerate(found):
        y = float(floor)
        for kind, many, says in column.parts:
            height = (floor - top) * many / most
            y -= height
            if many:
                x, width = _LEFT + n * room + room * 0.14, room * 0.72
                bars.append(Bar(kind, _at(x), _at(y), _at(width), _at(height), says))
    return Chart(
        WIDTH,
        HEIGHT,
        _LEFT,
        WIDTH,
        floor,
        tuple(bars),
        tuple(
            Tick(_at(floor - (floor - top) * at / most), str(at)) for at in range(0, most + 1, step)
        ),
        tuple(
            Tick(_at(_LEFT + (n + 0.5) * room), one.name)
            for n, one in enumerate(found)
            if n % every == 0
        ),
    )


def _at(place: float) -> float:
    return round(place, 1)


def step_of(most: int) -> int:
    """A round distance of lines, so that at most five of them lie under a number."""
    power = 1
    while True:
        for one in _TICKS:
            if one * power * 5 >= most:
                return one * power
        power *= 10


def heat(n: int, most: int) -> int:
    """How warm a cell is, 0 to 5."""
    return 0 if not n or not most else max(1, round(5 * n / most))
