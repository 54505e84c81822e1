"""Callers who wait for somebody to become free, and who of them is to have whom."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from callrouter.domain.setup import Line, Setup, Step

ASKS_EVERY_S = 5
"""A caller who waits is asked for again so often: no longer does a manager idle beside a queue."""

NEVER_ASKED = datetime.max.replace(tzinfo=UTC)

USUAL_TALK_S = 180.0
"""How long a talk takes where there were none yet to measure."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A call that waits on a step of its own ladder, as its own Setup has it."""

    call: str
    since: datetime
    account: str
    line: Line
    setup: Setup
    step: Step
    responsible: str | None = None
    tried: frozenset[str] = frozenset()
    until: datetime = NEVER_ASKED  # by then it has been asked for again, or has gone

    @property
    def place(self) -> tuple[datetime, str]:
        return (self.since, self.call)

    @property
    def wants(self) -> Hashable:
        """Many wait for the same people: those of whom this is the same."""
        return (self.step, id(self.setup), self.line.office, self.responsible)


class Wanting(NamedTuple):
    """A caller and the managers that he may have now, the best first.

    `most`: so many of them are rung at once for him; None: all.
    """

    place: tuple[datetime, str]
    responsible: str | None
    free: Sequence[str]
    most: int | None = 1


def allot(wanting: Sequence[Wanting]) -> dict[str, str]:
    """Who is to have whom: manager to call.

    A free manager goes first to the caller whose responsible he is, of several to the one who has
    waited longest; then everybody else has the best of whom is left, the longest-waiting first.
    """
    given: dict[str, str] = {}
    order = sorted(wanting, key=lambda one: one.place)
    served = set()
    for one in order:
        if one.responsible in one.free and one.responsible not in given:
            given[one.responsible or ""] = one.place[1]
            served.add(one.place[1])
    for one in order:
        had = one.place[1] in served
        left = [manager for manager in one.free if manager not in given]
        given |= dict.fromkeys(left[: None if one.most is None else one.most - had], one.place[1])
    return given
