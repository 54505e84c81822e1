"""How long a card has been in its status, by the working hours of its office."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final, Literal

from callrouter.domain.hours import Calendar, Hours, parse_hours, working_seconds

Level = Literal["fresh", "amber", "red"]

AMBER_DAYS: Final = 2
RED_DAYS: Final = 5
"""Working days after which a card that nobody moves is shown so."""

MOST_DAYS: Final = 400
"""Whatever is older counts as so old: nobody reads such a figure, and each day has to be added."""

_ALWAYS: Final = parse_hours("24/7")
_ONE_DAY: Final = timedelta(days=1)
_SOMETIME: Final = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Age:
    """`seconds`: of working time; `days`: the same in working days of this office."""

    seconds: float
    days: float

    @property
    def level(self) -> Level:
        if self.days >= RED_DAYS:
            return "red"
        return "amber" if self.days >= AMBER_DAYS else "fresh"


@dataclass(slots=True)
class WorkClock:
    """Says of many moments how much working time passed since, up to one `now`.

    Each day of the calendar is looked at once, however many cards there are.
    """

    hours: Hours
    calendar: Calendar
    now: datetime
    _since: dict[date, float] = field(default_factory=dict)  # from the beginning of a day on

    def age(self, since: datetime) -> Age:
        seconds = self._passed(max(since, self.now - timedelta(days=MOST_DAYS)))
        return Age(seconds, seconds / _day_length(self.hours))

    def _passed(self, since: datetime) -> float:
        if since >= self.now:
            return 0.0
        day = self.calendar.local(since).date()
        if day >= self.calendar.local(self.now).date():
            return working_seconds(self.hours, self.calendar, since, self.now)
        ends = _begin(self.calendar, day + _ONE_DAY)
        return working_seconds(self.hours, self.calendar, since, ends) + self._from(day + _ONE_DAY)

    def _from(self, day: date) -> float:
        """The working time from a day's beginning on; the days between are added once."""
        today = self.calendar.local(self.now).date()
        if today not in self._since:
            begin = _begin(self.calendar, today)
            self._since[today] = working_seconds(self.hours, self.calendar, begin, self.now)
        at = day
        while at not in self._since:
            at += _ONE_DAY
        total = self._since[at]
        while at > day:
            at -= _ONE_DAY
            total += _of_day(self.hours, self.calendar, at)
            self._since[at] = total
        return total


def work_clock(hours: str | None, calendar: Calendar, now: datetime) -> WorkClock:
    """By these hours; None: it is always open."""
    return WorkClock(parse_hours(hours) if hours else _ALWAYS, calendar, now)


@lru_cache(maxsize=8192)
def _of_day(hours: Hours, calendar: Calendar, day: date) -> float:
    begin, end = _begin(calendar, day), _begin(calendar, day + _ONE_DAY)
    return working_seconds(hours, calendar, begin, end)


def _begin(calendar: Calendar, day: date) -> datetime:
    """The first moment of a local day, in UTC; where clocks go forward then, by the old time."""
    zone = calendar.local(_SOMETIME).tzinfo
    return datetime.combine(day, time(), zone).astimezone(UTC)


@lru_cache(maxsize=256)
def _day_length(hours: Hours) -> float:
    """The seconds of the longest day of the week."""
    longest = max((sum(end - start for start, end in spans) for spans in hours.week), default=0)
    return (longest or 24 * 60) * 60.0
