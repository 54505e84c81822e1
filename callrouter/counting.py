"""Figures as pages and programs ask for them: which period, of whom, and the one before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Final

from callrouter.domain.figures import (
    NAMED,
    NOBODY,
    CallSums,
    Figures,
    Named,
    Narrow,
    Period,
    WhichCalls,
    before,
    named,
    offsets,
    parts,
    period_of,
)
from storage import figures
from storage.figures import Span
from storage.listing import CallPlace, CallView, Slice

if TYPE_CHECKING:
    from callrouter.domain.hours import Calendar
    from callrouter.domain.rights import Viewer
    from callrouter.domain.setup import Setup
    from storage.database import Database

EARLIEST: Final = date(2000, 1, 2)
_LONGEST: Final = 64  # of a key


@dataclass(frozen=True, slots=True)
class Choice:
    """What somebody looks at. `name` None: days of his own; "" of the others: all."""

    period: Period
    name: Named | None = None
    line: str = ""
    team: str = ""
    manager: str = ""
    source: str = ""

    def narrow(self, setup: Setup) -> Narrow:
        people: frozenset[str] | None = None
        if self.team:
            people = frozenset(one.key for one in setup.manager if one.team == self.team)
        if self.manager:
            mine = frozenset({self.manager})
            people = mine if people is None else people & mine
        return Narrow(self.line or None, self.source or None, people)

    @property
    def given(self) -> dict[str, str]:
        """As an address says it."""
        period = self.period
        days = {"from": period.first.isoformat(), "to": period.last.isoformat()}
        said = {"period": self.name} if self.name else days
        narrow = ("line", "team", "manager", "source")
        return said | {name: value for name in narrow if (value := getattr(self, name))}

    @property
    def dated(self) -> Choice:
        """The same days tomorrow: what is kept or sent has to mean the same then."""
        return replace(self, name=None)


def choice_of(query: Mapping[str, str], setup: Setup, now: datetime) -> Choice:
    """`period`, or `from` and `to`; `line`, `team`, `manager`, `source`. Today for what is none.

    What is to come is left out.
    """
    calendar = setup.calendar_of(None)
    today = calendar.local(now).date()
    said = query.get("period", "")
    name = next((one for one in NAMED if one == said), None)
    first, last = _day(query.get("from", "")), _day(query.get("to", ""))
    if name is None and (first or last):
        first, last = first or last or today, last or today
        period = period_of(calendar, min(first, today), min(last, today))
    else:
        name = name or "today"
        period = named(calendar, name, now)
    line, team, manager, source = (
        query.get(one, "").replace("\x00", "").strip()[:_LONGEST]
        for one in ("line", "team", "manager", "source")
    )
    return Choice(period, name, line, team, manager, source)


def _day(said: str) -> date | None:
    try:
        found = date.fromisoformat(said)
    except ValueError:
        return None
    return max(found, EARLIEST)


def span_of(calendar: Calendar, period: Period, now: datetime) -> Span:
    return Span(period.since, period.until, offsets(calendar, period.since, period.until), now)


async def read_figures(
    database: Database,
    viewer: Viewer,
    calendar: Calendar,
    period: Period,
    narrow: Narrow,
    *,
    now: datetime,
) -> Figures:
    """Every figure of a period, a part at a time. Raises BaseSilent."""
    calls = await read_calls(database, viewer, calendar, period, narrow, now=now)
    found = Figures(calls)
    for part in parts(calendar, period, days=_CARD_DAYS):
        span = span_of(calendar, part, now)
        cards = await database.read(figures.sum_cards, viewer, span, narrow)
        rest = await database.read(figures.sum_rest, viewer, span, narrow)
        found += Figures(cards=cards, rest=rest)
    return found


_CARD_DAYS: Final = 31


async def read_calls(
    database: Database,
    viewer: Viewer,
    calendar: Calendar,
    period: Period,
    narrow: Narrow,
    *,
    now: datetime,
) -> CallSums:
    sums = CallSums()
    for part in parts(calendar, period):
        span = span_of(calendar, part, now)
        sums += await database.read(figures.sum_calls, viewer, span, narrow)
    return sums


async def list_calls(
    database: Database,
    viewer: Viewer,
    calendar: Calendar,
    period: Period,
    narrow: Narrow,
    which: WhichCalls,
    *,
    after: CallPlace | None = None,
    limit: int,
    now: datetime,
) -> Slice[CallView]:
    """The calls that a figure counts, newest first, read a part at a time. Raises BaseSilent."""
    found: list[CallView] = []
    more = False
    for part in reversed(list(parts(calendar, period))):
        if after is not None and part.since > after[0]:
            continue
        read = await database.read(
            figures.list_calls,
            viewer,
            span_of(calendar, part, now),
            narrow,
            which,
            after=after,
            limit=limit + 1 - len(found),
        )
        found += read.items
        more = read.more or len(found) > limit
        if more:
            break
    return Slice(tuple(found[:limit]), more)


async def count_calls(
    database: Database,
    viewer: Viewer,
    calendar: Calendar,
    period: Period,
    narrow: Narrow,
    which: WhichCalls,
    *,
    now: datetime,
) -> int:
    """How many calls that list has. Raises BaseSilent."""
    read = database.read
    n = 0
    for part in parts(calendar, period):
        span = span_of(calendar, part, now)
        n += await read(figures.count_calls, viewer, span, narrow, which)
    return n


def period_before(setup: Setup, period: Period, now: datetime) -> Period:
    return before(setup.calendar_of(None), period, now)


def sources_of(setup: Setup, found: Figures, choice: Choice) -> tuple[str, ...]:
    """By which one may narrow: those of lines, those of what was counted, and none."""
    said = {one.source for one in setup.line if one.source} | {choice.source or NOBODY}
    used = {of for _, of in found.calls.sources} | {of for of, _, _ in found.cards.sources}
    return (*sorted((said | used) - {NOBODY}), NOBODY)
