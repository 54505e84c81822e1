"""`/figures`: a period in figures, as the page has them, of what who asks may see."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated

from pydantic import Field

from callrouter.api.fields import Day, Given, Key
from callrouter.api.layer import Asked, Routes
from callrouter.counting import Choice, choice_of, read_figures
from callrouter.domain.figures import (
    LONGEST_WAIT_S,
    NOBODY,
    WITHIN_S,
    CallSums,
    Figures,
    deals_of,
    won,
)
from callrouter.domain.items import rounded
from callrouter.domain.setup import Setup

routes = Routes()


class Chosen(Given):
    """Which days are looked at, and of whom."""

    since: Annotated[Day | None, Field(description="The first day; absent: today.")] = None
    until: Annotated[
        Day | None, Field(description="The last day, at most 366 after the first; absent: today.")
    ] = None
    line: Annotated[Key, Field(description="A number of ours.")] = ""
    team: Annotated[Key, Field(description="Calls and deals of its managers.")] = ""
    manager: Key = ""
    source: Annotated[Key, Field(description="Its key; `-`: what has none.")] = ""

    def choice(self, setup: Setup, now: datetime) -> Choice:
        days = {"from": self.since, "to": self.until}
        said = {name: day.isoformat() for name, day in days.items() if day is not None}
        narrow = {name: getattr(self, name) for name in ("line", "team", "manager", "source")}
        return choice_of({**said, **narrow}, setup, now)


class Wanted(Chosen):
    within: Annotated[
        int, Field(ge=1, le=LONGEST_WAIT_S, description="Seconds of the service level.")
    ] = WITHIN_S


@dataclass(frozen=True, slots=True)
class CallCount:
    """Calls in; `key`: the hour, line or source that they are of."""

    key: str
    calls: int
    answered: int
    missed: int


@dataclass(frozen=True, slots=True)
class CauseCount:
    cause: str
    missed: int


@dataclass(frozen=True, slots=True)
class ManagerCount:
    """`not_picked_up`: his phone rang and he did not talk; `talk_s`: all his talks, in and out."""

    manager: str
    rang: int
    answered: int
    not_picked_up: int
    called_out: int
    talk_s: int


@dataclass(frozen=True, slots=True)
class SourceDeals:
    source: str
    deals: int
    won: int
    amount: Decimal


@dataclass(frozen=True, slots=True)
class StatusDeals:
    """Cards made in the period: `reached`: ever in this status; `now`: in it now."""

    pipeline: str
    status: str
    reached: int
    now: int
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Letters:
    letter: str
    sent: int


@dataclass(frozen=True, slots=True)
class CallsBack:
    kept: int
    late: int
    overdue: int
    open: int


@dataclass(frozen=True, slots=True)
class FiguresOfPeriod:
    """`service_level`: of the answered and missed calls those answered within so many seconds, 0 to
    1; null without calls. Waits in seconds, of answered calls.
    """

    since: date
    until: date
    calls: int
    answered: int
    missed: int
    rejected: int
    open: int
    outgoing: int
    internal: int
    service_level: float | None
    average_wait: float | None
    wait_95: int | None
    causes: tuple[CauseCount, ...]
    hours: tuple[CallCount, ...]
    lines: tuple[CallCount, ...]
    sources: tuple[CallCount, ...]
    managers: tuple[ManagerCount, ...]
    deals: tuple[SourceDeals, ...]
    statuses: tuple[StatusDeals, ...]
    calls_back: CallsBack
    letters: tuple[Letters, ...]


@routes.get("/figures", right="figures")
async def get_figures(asked: Asked, query: Wanted) -> FiguresOfPeriod:
    """Calls, deals, calls back and letters of some days of the company's calendar, counted.

    Only what who asks may see is counted, once each. Nothing begins after today.
    """
    service, now = asked.service, asked.service.clock()
    setup = service.setups.current
    choice = query.choice(setup, now)
    found = await read_figures(
        service.database,
        asked.viewer,
        setup.calendar_of(None),
        choice.period,
        choice.narrow(setup),
        now=now,
    )
    calls, rest = found.calls, found.rest
    slots = {f"{hour:02}": hour for hour in range(24)}
    return FiguresOfPeriod(
        since=choice.period.first,
        until=choice.period.last,
        calls=calls.total(),
        answered=calls.of("answered"),
        missed=calls.of("missed"),
        rejected=calls.of("rejected"),
        open=calls.of("open"),
        outgoing=calls.total("out"),
        internal=calls.total("internal"),
        service_level=calls.service_level(query.within),
        average_wait=calls.average_wait,
        wait_95=calls.wait_of(0.95),
        causes=tuple(CauseCount(*one) for one in calls.causes.most_common()),
        hours=tuple(_of_hour(calls, name, hour) for name, hour in slots.items()),
        lines=_counts(calls.lines),
        sources=_counts(calls.sources),
        managers=tuple(
            ManagerCount(
                one,
                calls.rang[one],
                calls.talks[one, "in"],
                calls.unpicked[one],
                calls.talks[one, "out"],
                calls.talk_ms[one] // 1000,
            )
            for one in sorted({*calls.rang, *(key for key, _ in calls.talks)} - {NOBODY})
            if asked.viewer.sees(one)
        ),
        deals=_deals(found, won(setup)),
        statuses=tuple(
            StatusDeals(
                pipeline,
                status,
                n,
                found.cards.statuses[pipeline, status],
                rounded(Decimal(found.cards.amounts[pipeline, status]) / 100),
            )
            for (pipeline, status), n in sorted(found.cards.reached.items())
        ),
        calls_back=CallsBack(
            rest.owed["kept"], rest.owed["late"], rest.owed["overdue"], rest.owed["open"]
        ),
        letters=tuple(Letters(*one) for one in rest.letters.most_common()),
    )


def _of_hour(calls: CallSums, name: str, hour: int) -> CallCount:
    counted = dict.fromkeys(("answered", "missed", "rejected", "open"), 0)
    for (kind, _, at), n in calls.slots.items():
        if at == hour:
            counted[kind] = counted.get(kind, 0) + n
    return CallCount(name, sum(counted.values()), counted["answered"], counted["missed"])


def _counts(found: dict[tuple[str, str], int]) -> tuple[CallCount, ...]:
    keys = sorted({key for _, key in found})
    return tuple(
        CallCount(
            key,
            sum(n for (_, of), n in found.items() if of == key),
            found.get(("answered", key), 0),
            found.get(("missed", key), 0),
        )
        for key in keys
    )


def _deals(found: Figures, good: tuple[tuple[str, str], ...]) -> tuple[SourceDeals, ...]:
    sources = sorted({source for source, _, _ in found.cards.sources})
    of = ((source, deals_of(found.cards, good, source)) for source in sources)
    return tuple(SourceDeals(source, one.deals, one.won, rounded(one.amount)) for source, one in of)
