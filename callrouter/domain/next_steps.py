"""What comes after a talk: which next step is proposed, and for when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final, Literal

from callrouter.domain.hours import Calendar, Hours, parse_hours
from callrouter.domain.outcomes import is_deal

if TYPE_CHECKING:
    from callrouter.domain.setup import Manager, Setup

Step = Literal["call", "meeting", "offer", "other"]
"""What is to be done next. It stands in `task.cause` of a task that is a next step."""

Pick = Literal["hour", "today", "tomorrow", "days", "date", "none"]
"""How its term is said: in an hour, by the evening, tomorrow, after working days, a date, none."""

INVOICE: Final = "invoice"
"""A card of this status waits for money: its next step asks after that."""

EARLIEST: Final = time(6)
MORNING: Final = time(10)
EVENING: Final = time(17)
PATIENCE_DAYS: Final = 370


@dataclass(frozen=True, slots=True)
class Proposal:
    """`about_invoice`: the step asks after an invoice."""

    step: Step
    pick: Pick
    about_invoice: bool = False


def propose(outcome: str | None, status: str | None) -> Proposal | None:
    """What usually follows; None: nothing does, it was not a deal."""
    if not is_deal(outcome):
        return None
    return Proposal("call", "days", about_invoice=status == INVOICE)


def working_days(calendar: Calendar, day: date, n: int, hours: Hours | None = None) -> date:
    """The n-th working day after a day; 0: that day, or the first working one after it.

    Working are the days on which `hours` begin (a shift, an office), else Monday to Friday without
    holidays. Where none is found within a year it is as many plain days.
    """
    left, found = max(n, 0), day
    if left == 0 and works_on(calendar, day, hours):
        return day
    left = max(left, 1)
    for _ in range(PATIENCE_DAYS + 7 * n):
        found += timedelta(days=1)
        left -= works_on(calendar, found, hours)
        if left == 0:
            return found
    return day + timedelta(days=n)


def works_on(calendar: Calendar, day: date, hours: Hours | None) -> bool:
    free = calendar.is_holiday(day)
    if hours is None:
        return day.weekday() < 5 and not free
    return bool(hours.intervals(day, calendar)) and not (free and hours.holiday is None)


@dataclass(frozen=True, slots=True)
class Desk:
    """When somebody works: his office's calendar, and his shift or the office's hours."""

    calendar: Calendar
    hours: Hours | None

    def morning(self, day: date) -> datetime:
        """When he begins on a day: as his hours do, else (and of hours round the clock) at ten."""
        begun = self.hours.intervals(day, self.calendar) if self.hours else ()
        by_night = begun and self.calendar.local(begun[0][0]).time() < EARLIEST
        return begun[0][0] if begun and not by_night else self.at(day, MORNING)

    def at(self, day: date, clock: time) -> datetime:
        zone = self.calendar.local(datetime(day.year, day.month, day.day, tzinfo=UTC)).tzinfo
        return datetime.combine(day, clock, zone).astimezone(UTC)

    def after(self, now: datetime, days: int) -> datetime:
        """The morning of the working day so many working days after today."""
        today = self.calendar.local(now).date()
        return self.morning(working_days(self.calendar, today, days, self.hours))


def desk_of(setup: Setup, manager: Manager | None) -> Desk:
    office = manager.office if manager else None
    found = setup.offices.get(office or "")
    text = (manager.shift if manager else None) or (found.hours if found else None)
    return Desk(setup.calendar_of(office), parse_hours(text) if text else None)


def moment_of(pick: Pick, desk: Desk, days: int, now: datetime) -> datetime | None:
    """When a pick is, seen from now; None: it needs a date, has passed, or is none.

    An hour from now is rounded up to five minutes.
    """
    today = desk.calendar.local(now).date()
    match pick:
        case "hour":
            return _rounded(now + timedelta(hours=1))
        case "today":
            evening = desk.at(today, EVENING)
            return evening if evening > now else None
        case "tomorrow":
            return desk.morning(today + timedelta(days=1))
        case "days":
            return desk.after(now, days)
        case "date" | "none":
            return None


def _rounded(moment: datetime) -> datetime:
    floor = moment.replace(minute=moment.minute - moment.minute % 5, second=0, microsecond=0)
    return floor if floor == moment else floor + timedelta(minutes=5)
