"""What hours mean, day by day, for whoever types them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Final

from callrouter.domain.hours import BadHours, parse_hours, zone_exists
from callrouter.wording.catalogue import mark

if TYPE_CHECKING:
    from callrouter.pages.setup_kinds import Context

EXAMPLES: Final = (
    ("Mo-Fr 09:00-18:00; PH off", mark("working days, holidays closed")),
    ("Mo-Sa 10:00-20:00; Su 11:00-17:00", mark("Sunday otherwise")),
    ("Mo-Fr 09:00-13:00,14:00-18:00", mark("with a lunch break")),
    ("22:00-06:00", mark("every night")),
    ("24/7", mark("always")),
)
LONGEST: Final = 500

_WEEK: Final = (
    mark("Mon"),
    mark("Tue"),
    mark("Wed"),
    mark("Thu"),
    mark("Fri"),
    mark("Sat"),
    mark("Sun"),
)


@dataclass(frozen=True, slots=True)
class DayOpen:
    day: str  # "пн 02.03"
    open: str  # "09:00–18:00"; "": closed
    holiday: bool


@dataclass(frozen=True, slots=True)
class Preview:
    """The next seven days; `wrong`: why there are none. `zone`: whose time it is."""

    days: tuple[DayOpen, ...] = ()
    wrong: str = ""
    zone: str = ""


def preview(text: str, office: str | None, ctx: Context) -> Preview:
    """In the time of an office, or the company's. No text: nothing."""
    if not text:
        return Preview()
    try:
        hours = parse_hours(text[:LONGEST])
    except BadHours as bad:
        return Preview(wrong=str(bad))
    calendar = ctx.setup.calendar_of(office)
    if not zone_exists(calendar.zone):
        return Preview()  # a problem of its own
    today = calendar.local(ctx.now).date()
    found = []
    for n in range(7):
        day = today + timedelta(days=n)
        spans = [
            f"{calendar.local(since):%H:%M}–{_end(calendar.local(until), day)}"
            for since, until in hours.intervals(day, calendar)
        ]
        name = f"{ctx.words(_WEEK[day.weekday()])} {day:%d.%m}"
        found.append(DayOpen(name, ", ".join(spans), calendar.is_holiday(day)))
    return Preview(tuple(found), zone=calendar.zone)


def _end(until: datetime, day: date) -> str:
    midnight = until.date() == day + timedelta(days=1) and until.hour == until.minute == 0
    return "24:00" if midnight else f"{until:%H:%M}"
