"""Which backups are kept, and when there should have been a newer one."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

LATE: Final = timedelta(hours=36)
"""A backup that is older than this is no longer yesterday's."""


def kept(made: Iterable[datetime], *, days: int, weeks: int, zone: str) -> set[datetime]:
    """The last of each of the last `days` days, and of each of the `weeks` weeks before those.

    Only days and weeks in which there is one count: where nothing new is made, nothing old goes.
    """
    last_of_day = {one.astimezone(ZoneInfo(zone)).date(): one for one in sorted(made)}
    newest = sorted(last_of_day, reverse=True)
    daily, older = newest[:days], newest[days:]
    last_of_week = {day.isocalendar()[:2]: day for day in reversed(older)}
    weekly = sorted(last_of_week.values(), reverse=True)[:weeks]
    return {last_of_day[day] for day in (*daily, *weekly)}


def spelled(place: str, name: str = "") -> str:
    """Where a backup lies in the second place, as it is noted: without what else its URL says."""
    if place.startswith("run:"):
        return f"{place} {name}"
    return f"{place.partition('?')[0].rstrip('/')}/{name}"


def is_late(newest: datetime | None, since: datetime | None, now: datetime) -> bool:
    """Whether a backup is due: the newest good one is too old, or there never was one.

    `since`: since when there is something to back up; None: there is nothing.
    """
    last = newest or since
    return last is not None and now - last > LATE
