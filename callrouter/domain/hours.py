"""When something is open: weekly hours, laid over a zone and its days off.

Hours are wall-clock times, and nothing is ever added to a local time: a moment is turned into
local time and compared. So when clocks go forward, hours inside the gap do not happen, and when
they go back, hours inside the repeated hour happen twice. Results are in UTC, because datetimes
that share a zone compare and subtract by the wall, wrongly on such nights.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

Interval = tuple[datetime, datetime]
Spans = tuple[tuple[int, int], ...]  # minutes since local midnight; past 1440 it is the next day

_DAY_MINUTES = 24 * 60
_ONE_DAY = timedelta(days=1)
_EPOCH = date(1970, 1, 1)
_HOLIDAY = 7  # stands beside the weekdays 0 to 6
_WHOLE_DAY: Spans = ((0, _DAY_MINUTES),)

_DAYS = {
    **dict(zip(("mo", "tu", "we", "th", "fr", "sa", "su"), range(7), strict=True)),
    **dict(zip(("пн", "вт", "ср", "чт", "пт", "сб", "вс"), range(7), strict=True)),
}
_CLOSED = {"off", "closed"}
_TIMES = re.compile(r"([0-9]{1,2}):([0-9]{2})-([0-9]{1,2}):([0-9]{2})")
_DASHES = re.compile(r"\s*[-‐‑‒–—−]\s*")
_COMMAS = re.compile(r"\s*,\s*")


class BadHours(ValueError):
    """The text of hours is not understood; the message says what is allowed."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """A zone and its days off; `zone` must satisfy `zone_exists`.

    The country's holidays are the nationwide ones of the `holidays` package, which knows days off
    only. A working Saturday, to which Russia moves a Monday, is an ordinary Saturday here. A year
    for which the government has not yet moved any days has its statutory holidays. A country that
    the package does not know has none.
    """

    zone: str  # IANA: "Europe/Moscow"
    country: str | None = None  # ISO 3166: "RU"
    extra: frozenset[date] = frozenset()  # the company's own days off

    def is_holiday(self, day: date) -> bool:
        return day in self.extra or (
            self.country is not None and day in _days_off(self.country, day.year)
        )

    def local(self, moment: datetime) -> datetime:
        if moment.tzinfo is None:
            # astimezone would silently take the machine's own zone
            raise ValueError(f"a moment needs its zone: {moment.isoformat()}")
        return moment.astimezone(_zone(self.zone))

    def midnight(self, moment: datetime) -> datetime:
        """When the day of that moment began here."""
        return self.local(moment).replace(hour=0, minute=0, second=0, microsecond=0)


@dataclass(frozen=True, slots=True)
class Hours:
    """Weekly hours as `parse_hours` made them; two of the same text are equal.

    Hours belong to the day on which they begin: a night shift that began on the eve of a day off
    runs to its end. With a rule for `PH`, it alone counts on holidays, also where it stands before
    the others; without one, holidays are ordinary days.
    """

    text: str  # as written
    week: tuple[Spans, ...] = field(compare=False, repr=False)  # Monday first
    holiday: Spans | None = field(compare=False, repr=False)
    overnight: int = field(compare=False, repr=False)  # latest end past midnight, in minutes

    def open_at(self, moment: datetime, calendar: Calendar) -> bool:
        local = calendar.local(moment)
        day = local.date()
        minute = local.hour * 60 + local.minute
        for start, end in self._spans(day, calendar):
            if start <= minute < end:
                return True
        if minute >= self.overnight:
            return False
        minute += _DAY_MINUTES  # as the day before counts it
        return any(start <= minute < end for start, end in self._spans(day - _ONE_DAY, calendar))

    def intervals(self, day: date, calendar: Calendar) -> tuple[Interval, ...]:
        """Return the half-open UTC intervals of what begins on a local day, in order."""
        midnight = (day - _EPOCH).days * 86_400
        pieces = sorted(
            (max(since, midnight + start * 60 - offset), min(until, midnight + end * 60 - offset))
            for start, end in self._spans(day, calendar)
            for since, until, offset in _offsets(calendar.zone, day)
        )
        return tuple(
            (datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC))
            for start, end in _join((start, end) for start, end in pieces if start < end)
        )

    def next_opening(
        self, moment: datetime, calendar: Calendar, *, horizon_days: int = 370
    ) -> datetime | None:
        """Return the moment if it is open, else the next opening; None: none so soon."""
        if self.open_at(moment, calendar):
            return moment
        opening = next(_stretches(self, calendar, moment, patience_days=horizon_days), None)
        if opening is None or opening[0] - moment > timedelta(days=horizon_days):
            return None
        return opening[0]

    def closes_at(
        self, moment: datetime, calendar: Calendar, *, horizon_days: int = 370
    ) -> datetime | None:
        """Return the end of the present opening; None: closed now, or open beyond the horizon."""
        if not self.open_at(moment, calendar):
            return None
        closing = moment.astimezone(UTC)
        horizon = closing + timedelta(days=horizon_days)
        for start, end in _stretches(self, calendar, moment, patience_days=horizon_days):
            if start > closing:
                break
            closing = end
            if closing > horizon:
                return None
        return closing

    def _spans(self, day: date, calendar: Calendar) -> Spans:
        if self.holiday is not None and calendar.is_holiday(day):
            return self.holiday
        return self.week[day.weekday()]


@lru_cache(maxsize=4096)
def parse_hours(text: str) -> Hours:
    """Read hours in a subset of OpenStreetMap's opening_hours; raise BadHours.

    "24/7"; "Mo-Fr 09:00-13:00,14:00-18:00; Sa,Su 10:00-16:00; PH off"; days may wrap ("Fr-Mo"),
    times may cross midnight ("22:00-06:00"); no days: every day; no times: the whole day. For the
    same days a later rule replaces an earlier one. Пн Вт Ср Чт Пт Сб Вс, any case, any dash.
    https://wiki.openstreetmap.org/wiki/Key:opening_hours/specification
    """
    plain = _COMMAS.sub(",", _DASHES.sub("-", text.strip().lower()))
    if not plain:
        raise _bad(text, "is empty")
    table: dict[int, Spans] = {}
    for rule in plain.split(";"):
        days, spans = _read_rule(rule.split(), text)
        table.update(dict.fromkeys(days, spans))
    if plain not in _CLOSED and not any(table.values()):
        raise _bad(text, 'is never open; if that is meant, write "off", else say when it is open')
    latest = max((end for spans in table.values() for _, end in spans), default=0)
    return Hours(
        text=text,
        week=tuple(table.get(day, ()) for day in range(7)),
        holiday=table.get(_HOLIDAY),
        overnight=max(0, latest - _DAY_MINUTES),
    )


def zone_exists(name: str) -> bool:
    """Tell whether this is an IANA zone; "localtime", the machine's own, and "Factory" are not."""
    return name in _zone_names()


def working_seconds(hours: Hours, calendar: Calendar, start: datetime, end: datetime) -> float:
    """Return how many real seconds were open between two moments; 0 if they are in no order."""
    days = max(0, (end - start).days) + 2
    total = timedelta()
    for since, until in _stretches(hours, calendar, start, patience_days=days):
        if since >= end:
            break
        total += min(until, end) - since
    return total.total_seconds()


def add_working(
    hours: Hours, calendar: Calendar, start: datetime, delta: timedelta
) -> datetime | None:
    """Return the first moment by which so much open time has passed since `start`.

    That may be a closing time. None: it stays closed for 370 days before that.
    """
    if delta <= timedelta():
        return start
    left = delta
    for since, until in _stretches(hours, calendar, start, patience_days=370):
        if left <= until - since:
            return since + left
        left -= until - since
    return None


def _stretches(
    hours: Hours, calendar: Calendar, since: datetime, *, patience_days: int
) -> Iterator[Interval]:
    """Yield what is open from `since` on: ordered, never overlapping, perhaps touching.

    It stops after so many days in succession that brought nothing.
    """
    cursor = since.astimezone(UTC)
    day = calendar.local(since).date() - _ONE_DAY  # whose night shift may still run
    idle = -2  # neither the eve nor the day itself counts
    while idle < patience_days:
        idle += 1
        for start, end in hours.intervals(day, calendar):
            if end > cursor:
                yield max(start, cursor), end
                cursor, idle = end, 0
        day += _ONE_DAY


def _read_rule(words: list[str], text: str) -> tuple[set[int], Spans]:
    match words:
        case []:
            raise _bad(text, 'has an empty rule: ";" stands between two rules')
        case ["24/7"]:
            return set(range(7)), _WHOLE_DAY
        case [word] if word in _CLOSED or word[0].isdigit():
            return set(range(7)), _read_times(word, text)
        case [days]:
            return _read_days(days, text), _WHOLE_DAY
        case [days, times]:
            return _read_days(days, text), _read_times(times, text)
        case _:
            rule = " ".join(words)
            raise _bad(text, f'has "{rule}", which is more than days and times: ";" parts rules')


def _read_days(word: str, text: str) -> set[int]:
    days: set[int] = set()
    for item in word.split(","):
        first, dash, last = item.partition("-")
        if item == "ph":
            days.add(_HOLIDAY)
        elif first in _DAYS and (last in _DAYS or not dash):
            begin = _DAYS[first]
            length = (_DAYS[last] - begin) % 7 if dash else 0
            days.update((begin + step) % 7 for step in range(length + 1))
        else:
            raise _bad(text, f'has "{item}" for days: allowed are Mo Tu We Th Fr Sa Su and PH')
    return days


def _read_times(word: str, text: str) -> Spans:
    """Read "09:00-13:00,14:00-18:00" into spans that neither overlap nor touch."""
    if word in _CLOSED:
        return ()
    return _join(sorted(_read_span(item, text) for item in word.split(",")))


def _read_span(item: str, text: str) -> tuple[int, int]:
    found = _TIMES.fullmatch(item)
    if found is None:
        raise _bad(text, f'has "{item}" for times: allowed are 09:00-18:00, off and closed')
    from_hour, from_minute, to_hour, to_minute = map(int, found.groups())
    start, end = from_hour * 60 + from_minute, to_hour * 60 + to_minute
    if max(from_minute, to_minute) > 59 or start >= _DAY_MINUTES or end > _DAY_MINUTES:
        raise _bad(text, f'has "{item}": times go from 00:00 to 23:59, and 24:00 as an end')
    if start == end:
        raise _bad(text, f'has "{item}", which begins when it ends: a whole day is 00:00-24:00')
    return start, end if end > start else end + _DAY_MINUTES


def _join(pieces: Iterable[tuple[int, int]]) -> Spans:
    joined: list[tuple[int, int]] = []
    for start, end in pieces:
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((start, end))
    return tuple(joined)


def _bad(text: str, what: str) -> BadHours:
    return BadHours(f'hours "{text}": it {what}; e.g. "Mo-Fr 09:00-18:00; PH off" or "24/7"')


@lru_cache(maxsize=8192)
def _offsets(zone: str, day: date) -> tuple[tuple[int, int, int], ...]:
    """Return (since, until, offset), in seconds since 1970, over a local day and its morrow.

    No zone has changed its clocks twice within the 8 hours between two looks.
    """
    clock = _zone(zone)

    def offset_at(second: int) -> int:
        wall = datetime.fromtimestamp(second, clock).replace(tzinfo=UTC)
        return int(wall.timestamp()) - second

    midnight = (day - _EPOCH).days * 86_400
    since = midnight - 16 * 3600  # offsets were never beyond 16 hours either way
    end = midnight + (48 + 16) * 3600
    segments = []
    for look in range(since, end, 8 * 3600):
        before, after = look, look + 8 * 3600
        offset, changed = offset_at(before), offset_at(after)
        if offset == changed:
            continue
        while after - before > 1:
            middle = (before + after) // 2
            before, after = (middle, after) if offset_at(middle) == offset else (before, middle)
        segments.append((since, after, offset))
        since = after
    return (*segments, (since, end, offset_at(end)))


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


@lru_cache(maxsize=1)
def _zone_names() -> frozenset[str]:
    return frozenset(available_timezones() - {"localtime", "Factory"})


@lru_cache(maxsize=1024)
def _days_off(country: str, year: int) -> frozenset[date]:
    # imported late: it would take a good part of the time that the service has to start
    import holidays

    if re.fullmatch("[A-Za-z]{2}", country) is None:  # its other names reach into the package
        return frozenset()
    try:
        return frozenset(holidays.country_holidays(country.upper(), years=year))
    except NotImplementedError:
        return frozenset()
