"""The letter of the morning: for which days it speaks, when it goes, and what stands in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final

from callrouter.domain.next_steps import works_on

if TYPE_CHECKING:
    from callrouter.domain.next_steps import Desk

LATE: Final = timedelta(hours=4)
"""A server that stood still in the morning still sends it for so long; later it is no news."""

LOOKED_BACK: Final = 31


@dataclass(frozen=True, slots=True)
class Digest:
    """What there was from one midnight to another, and what there is now.

    `owed`, `owed_late`: calls back; `tasks_late`: without those; `no_step`: open deals without a
    task; `sources`: new deals by source, the most first.
    """

    since: date
    until: date
    calls: int = 0
    answered: int = 0
    missed: int = 0
    out: int = 0
    owed: int = 0
    owed_late: int = 0
    tasks_late: int = 0
    no_step: int = 0
    in_doubt: int = 0
    sources: tuple[tuple[str | None, int], ...] = ()

    @property
    def new_cards(self) -> int:
        return sum(many for _, many in self.sources)

    @property
    def says_something(self) -> bool:
        said = (self.calls, self.out, self.owed, self.tasks_late, self.no_step, self.in_doubt)
        return any(said) or bool(self.sources)


def is_due(at: str, desk: Desk, now: datetime) -> date | None:
    """The day whose letter is to go now, on a working day of this desk, if any is."""
    local = desk.calendar.local(now)
    begins = desk.at(local.date(), time.fromisoformat(at))
    if not begins <= now < begins + LATE:
        return None
    return local.date() if works_on(desk.calendar, local.date(), desk.hours) else None


def since_when(desk: Desk, today: date) -> date:
    """The last working day before today: on Mondays it tells of Friday and what followed."""
    day = today
    for _ in range(LOOKED_BACK):
        day -= timedelta(days=1)
        if works_on(desk.calendar, day, desk.hours):
            return day
    return today - timedelta(days=1)
