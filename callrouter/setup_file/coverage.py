"""When a line has nobody to answer it: every quarter of an hour of a week is looked at."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from itertools import groupby
from typing import Final
from zoneinfo import ZoneInfo

from callrouter.domain.hours import parse_hours
from callrouter.domain.ladders import among
from callrouter.domain.phones import Caller, is_dialable, is_outside
from callrouter.domain.routing import Arrival, Facts
from callrouter.domain.rules import matches
from callrouter.domain.setup import DEFAULT_LADDER, Account, Ladder, Line, Setup
from callrouter.setup_file.dialling import accounts_of
from callrouter.setup_file.merging import allowed_prefixes

_STEP: Final = 15  # minutes
_A_DAY: Final = 24 * 60 // _STEP
_MONDAY: Final = date(2026, 6, 1)  # no zone changes its clocks in this week
_HOLIDAY: Final = 2  # its Wednesday stands for public holidays, where one is looked at
_DAYS: Final = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
_NOBODY: Final = Caller("known", None, "")

Shifts = frozenset[tuple[str | None, str | None]]  # office and hours; no hours: always


def unanswered(setup: Setup, line: Line) -> str:
    """When a stranger's call to the line finds nobody on shift and no message; empty: never.

    Hours as `parse_hours` reads them, in the zone of the line; `PH` where public holidays are
    worse than the day itself. Rules count as far as they match a stranger. Absences do not.
    """
    plain, festive = _Week(setup, ()), _Week(setup, (_MONDAY + timedelta(days=_HOLIDAY),))
    idle = plain.unanswered(line)
    day = slice(_HOLIDAY * _A_DAY, (_HOLIDAY + 1) * _A_DAY)
    holiday = [] if idle[day] == (worse := festive.unanswered(line)[day]) else worse
    return "; ".join((*_weekly(idle), *(f"PH {spans}" for spans in [_spans(holiday)] if spans)))


class _Week:
    """A week in which only these days are holidays."""

    def __init__(self, setup: Setup, holidays: tuple[date, ...]) -> None:
        company = replace(setup.company, region="", holidays=holidays)
        self._setup = replace(setup, company=company)
        self._company = setup.company
        self._open: dict[tuple[str | None, str, str], Sequence[bool]] = {}

    def unanswered(self, line: Line) -> list[bool]:
        """Slot by slot, through whichever account of the line is the worst."""
        idle = [False] * (7 * _A_DAY)
        for account in accounts_of(self._setup, line):
            for slot, answered in enumerate(self._answered(line, account)):
                idle[slot] = idle[slot] or not answered
        return idle

    def _answered(self, line: Line, account: Account) -> Iterator[bool]:
        call = Arrival("", account.key, _NOBODY, line)
        facts = Facts(self._setup, {})
        reached: dict[str, Shifts | None] = {}
        zone = self._setup.calendar_of(line.office).zone
        for slot, now in enumerate(_moments(zone)):
            is_open = line.hours is None or self._open_slots(line.office, line.hours, zone)[slot]
            rules = (r for r in self._setup.rule if matches(r.when, call, facts, is_open, now))
            rule = next(rules, None)
            ladder = self._ladder(line, rule.ladder if rule else None, is_open=is_open)
            if ladder.key not in reached:
                reached[ladder.key] = self._shifts(ladder, line, account)
            shifts = reached[ladder.key]
            yield shifts is None or any(
                self._open_slots(office, shift or "24/7", zone)[slot] for office, shift in shifts
            )

    def _ladder(self, line: Line, ruled: str | None, *, is_open: bool) -> Ladder:
        key = ruled or (line.ladder if is_open else line.closed)
        if key is None:
            return DEFAULT_LADDER if is_open else Ladder("closed, without a ladder for it")
        return self._setup.ladders[key]

    def _shifts(self, ladder: Ladder, line: Line, account: Account) -> Shifts | None:
        """When somebody of the ladder can be rung; None: it has a message, so always."""
        prefixes = allowed_prefixes(account, self._company)
        found: set[tuple[str | None, str | None]] = set()
        for step in ladder.step:
            if step.ring is None:
                return None
            for manager in among(step, self._setup, line, None):
                phones = (
                    dial
                    for dial in manager.dials(account.key)
                    if is_dialable(dial) and (not is_outside(dial) or dial.startswith(prefixes))
                )
                skilled = step.skill is None or step.skill in manager.skills
                if manager.active and skilled and any(phones):
                    found.add((manager.office, manager.shift))
        return frozenset(found)

    def _open_slots(self, office: str | None, hours: str, zone: str) -> Sequence[bool]:
        key = (office, hours, zone)
        if key not in self._open:
            calendar, parsed = self._setup.calendar_of(office), parse_hours(hours)
            self._open[key] = [parsed.open_at(now, calendar) for now in _moments(zone)]
        return self._open[key]


@lru_cache(maxsize=64)
def _moments(zone: str) -> tuple[datetime, ...]:
    midnight = datetime.combine(_MONDAY, time(), ZoneInfo(zone))
    return tuple(midnight + timedelta(minutes=_STEP * slot) for slot in range(7 * _A_DAY))


def _weekly(idle: Sequence[bool]) -> Iterator[str]:
    """Write slots as weekly hours; neighbouring days of the same hours together."""
    days = [_spans(idle[day * _A_DAY : (day + 1) * _A_DAY]) for day in range(7)]
    for spans, group in groupby(range(7), key=days.__getitem__):
        first, *rest = group
        if spans:
            yield f"{_DAYS[first]}{f'-{_DAYS[rest[-1]]}' if rest else ''} {spans}"


def _spans(idle: Sequence[bool]) -> str:
    starts = [n for n in range(len(idle)) if idle[n] and not (n and idle[n - 1])]
    ends = [n + 1 for n in range(len(idle)) if idle[n] and not (n + 1 < len(idle) and idle[n + 1])]
    return ",".join(
        f"{_clock(start)}-{_clock(end)}" for start, end in zip(starts, ends, strict=True)
    )


def _clock(slot: int) -> str:
    hours, minutes = divmod(slot * _STEP, 60)
    return f"{hours:02}:{minutes:02}"
