"""Soft start: who is new, or back after a while, is not flooded because he has nothing to do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from statistics import median
from typing import TYPE_CHECKING

from callrouter.domain.hours import parse_hours
from callrouter.domain.setup import countable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from callrouter.domain.setup import Manager, Setup

AWAY_DAYS = 3
"""Working days of absence after which a return is a soft start."""

_DAY = timedelta(days=1)


def may_be_soft(manager: Manager, setup: Setup) -> bool:
    """False for who cannot have begun or come back lately; told without looking at a calendar."""
    return manager.started_on is not None or manager.key in setup.absences


def is_soft_start(manager: Manager, setup: Setup, today: date) -> bool:
    """True on the first `[load] soft_days` working days from `started_on` or from a return.

    A return is the day after an absence of at least three working days; absences that follow each
    other without a gap are one.
    """
    if not may_be_soft(manager, setup):
        return False
    known = setup.soft_starts
    if (manager.key, today) not in known:
        known[manager.key, today] = _find(manager, setup, today)
    return known[manager.key, today]


def _find(manager: Manager, setup: Setup, today: date) -> bool:
    days = setup.load.soft_days
    return days > 0 and any(
        _working_days(manager, setup, begin, today, enough=days + 1) <= days
        for begin in _beginnings(manager, setup)
        if begin <= today
    )


def lifted(own: float, others: Sequence[float]) -> float | None:
    """What a soft start lifts a load to: the median of the team's, if that is more."""
    middle = median(others) if others else 0.0
    return middle if middle > own else None


def _beginnings(manager: Manager, setup: Setup) -> Iterator[date]:
    if manager.started_on:
        yield countable(manager.started_on)
    since: date | None = None
    until: date | None = None
    absences = setup.absences.get(manager.key, ())
    for begin, end in sorted((countable(one.from_), countable(one.to)) for one in absences):
        if since is None or until is None or begin > until + _DAY:
            if since and until and _is_long(manager, setup, since, until):
                yield until + _DAY
            since, until = begin, end
        until = max(until, end)
    if since and until and _is_long(manager, setup, since, until):
        yield until + _DAY


def _is_long(manager: Manager, setup: Setup, since: date, until: date) -> bool:
    return _working_days(manager, setup, since, until, enough=AWAY_DAYS) >= AWAY_DAYS


def _working_days(manager: Manager, setup: Setup, since: date, until: date, *, enough: int) -> int:
    """How many days with a shift, both ends included; stops counting at `enough`."""
    calendar = setup.calendar_of(manager.office)
    hours = parse_hours(manager.shift) if manager.shift else None
    count, day = 0, since
    while day <= until and count < enough:
        if hours:
            count += bool(hours.intervals(day, calendar))
        else:
            count += day.weekday() < 5 and not calendar.is_holiday(day)
        day += _DAY
    return count
