"""Whether two shifts ever meet: in any week, with or without holidays, in their own zones."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import product
from typing import Final
from zoneinfo import ZoneInfo

from callrouter.domain.hours import Hours, Spans, parse_hours

_DAY_MINUTES: Final = 24 * 60
_YEAR: Final = tuple(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=n) for n in range(365))
"""Any year does: only how far two zones are apart is looked at, summer and winter."""


@dataclass(frozen=True, slots=True)
class Shift:
    hours: str | None  # absent: always
    zone: str


def meet(one: Shift, other: Shift) -> bool:
    """Tell whether there can be a minute that is in both.

    A holiday is one for both, and may fall on any day of the week. The one night on which two
    zones change their clocks at different hours is not looked into.
    """
    mine, theirs = parse_hours(one.hours or "24/7"), parse_hours(other.hours or "24/7")
    days = range(-3, 4)  # between days that begin so far apart nothing can overlap any more
    for weekday, later, ahead in product(range(7), days, _ahead(one.zone, other.zone)):
        for holiday, other_holiday in product((False, True), repeat=2):
            if later == 0 and holiday != other_holiday:
                continue
            away = later * _DAY_MINUTES + ahead
            if _overlap(
                _begun_on(mine, weekday, holiday=holiday),
                _begun_on(theirs, (weekday + later) % 7, holiday=other_holiday),
                away,
            ):
                return True
    return False


def _begun_on(hours: Hours, weekday: int, *, holiday: bool) -> Spans:
    return hours.holiday if holiday and hours.holiday is not None else hours.week[weekday]


def _overlap(mine: Spans, theirs: Spans, away: int) -> bool:
    """`away`: by how many minutes their midnight is later than mine."""
    return any(
        start < their_end + away and their_start + away < end
        for start, end in mine
        for their_start, their_end in theirs
    )


@lru_cache(maxsize=256)
def _ahead(zone: str, other: str) -> tuple[int, ...]:
    """By how many minutes the first zone is ahead of the other; several where clocks change."""
    if zone == other:
        return (0,)
    here, there = ZoneInfo(zone), ZoneInfo(other)
    apart = {
        moment.astimezone(here).replace(tzinfo=None) - moment.astimezone(there).replace(tzinfo=None)
        for moment in _YEAR
    }
    return tuple(int(one.total_seconds()) // 60 for one in apart)
