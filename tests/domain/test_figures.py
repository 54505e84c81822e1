"""Periods of a calendar, and what figures are made of."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from callrouter.domain.figures import (
    CallSums,
    CardSums,
    Named,
    before,
    deals_of,
    lost,
    midnight,
    named,
    offsets,
    parts,
    period_of,
    quantile,
    won_status,
)
from callrouter.domain.hours import Calendar
from callrouter.domain.setup import JUNK, Pipeline, Status
from callrouter.pages.charts import Column, columns, heat, step_of

MOSCOW = Calendar("Europe/Moscow")
BERLIN = Calendar("Europe/Berlin")
CAIRO = Calendar("Africa/Cairo")  # its clocks skip midnight
KOLKATA = Calendar("Asia/Kolkata")
THURSDAY = datetime(2026, 3, 5, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("today", date(2026, 3, 5), date(2026, 3, 5)),
        ("yesterday", date(2026, 3, 4), date(2026, 3, 4)),
        ("week", date(2026, 3, 2), date(2026, 3, 5)),
        ("last_week", date(2026, 2, 23), date(2026, 3, 1)),
        ("month", date(2026, 3, 1), date(2026, 3, 5)),
        ("last_month", date(2026, 2, 1), date(2026, 2, 28)),
    ],
)
def test_periods_by_name(name: Named, first: date, last: date) -> None:
    found = named(MOSCOW, name, THURSDAY)
    assert (found.first, found.last) == (first, last)
    assert MOSCOW.local(found.since).isoformat() == f"{first}T00:00:00+03:00"
    assert MOSCOW.local(found.until).date() == last + timedelta(days=1)


def test_a_period_may_be_said_the_wrong_way_round_and_is_no_longer_than_a_year() -> None:
    assert period_of(MOSCOW, date(2026, 3, 5), date(2026, 3, 2)).first == date(2026, 3, 2)
    assert period_of(MOSCOW, date(2020, 1, 1), date(2026, 3, 2)).days == 366


@pytest.mark.parametrize(
    ("calendar", "day", "hours"),
    [
        pytest.param(BERLIN, date(2026, 3, 29), 23, id="clocks go forward"),
        pytest.param(BERLIN, date(2026, 10, 25), 25, id="clocks go back"),
        pytest.param(CAIRO, date(2026, 4, 24), 23, id="midnight is skipped"),
        pytest.param(KOLKATA, date(2026, 3, 29), 24, id="an offset of half an hour"),
    ],
)
def test_a_day_is_as_long_as_its_clocks_make_it(calendar: Calendar, day: date, hours: int) -> None:
    found = period_of(calendar, day, day)
    assert found.until - found.since == timedelta(hours=hours)
    local = offsets(calendar, found.since, found.until)
    for minute in range(0, hours * 60, 7):
        moment = found.since + timedelta(minutes=minute)
        ahead = [seconds for since, seconds in local if since <= moment][-1]
        wall = (moment + timedelta(seconds=ahead)).replace(tzinfo=None)
        assert wall == calendar.local(moment).replace(tzinfo=None)


def test_parts_make_the_whole() -> None:
    period = period_of(BERLIN, date(2026, 3, 1), date(2026, 3, 31))
    found = list(parts(BERLIN, period))
    assert [one.days for one in found] == [7, 7, 7, 7, 3]
    assert (found[0].since, found[-1].until) == (period.since, period.until)
    assert all(one.until == other.since for one, other in pairwise(found))


def test_the_period_before_is_as_long_and_as_far() -> None:
    over = named(MOSCOW, "last_week", THURSDAY)
    past = before(MOSCOW, over, THURSDAY)
    assert (past.first, past.last) == (date(2026, 2, 16), date(2026, 2, 22))
    assert past.until == over.since
    today = before(MOSCOW, named(MOSCOW, "today", THURSDAY), THURSDAY)
    assert today.first == date(2026, 3, 4)
    assert today.until == THURSDAY - timedelta(days=1)
    morning = datetime(2026, 3, 29, 10, 0, tzinfo=UTC)  # noon by the new clock
    changed = before(BERLIN, named(BERLIN, "today", morning), morning)
    assert BERLIN.local(changed.until).isoformat() == "2026-03-28T12:00:00+01:00"
    assert sum((one.until - one.since).days for one in parts(MOSCOW, past)) == 7
    assert [one.until for one in parts(MOSCOW, today)] == [today.until]


def test_waits_and_the_service_level() -> None:
    sums = CallSums(
        directions=Counter({("in", "answered"): 4, ("in", "missed"): 1, ("out", "answered"): 9}),
        waits=Counter({3: 2, 19: 1, 20: 1}),
    )
    assert (sums.total(), sums.offered, sums.within(20)) == (5, 5, 3)
    assert sums.service_level(20) == 0.6
    assert sums.average_wait == 11.25
    assert (sums.wait_of(0.5), sums.wait_of(0.95)) == (3, 20)
    assert (CallSums().service_level(), CallSums().average_wait) == (None, None)
    assert CallSums().wait_of(0.95) is None
    assert quantile({1: 1}, 0.0) == 1
    twice = sums + sums
    assert (twice.total(), twice.service_level(20)) == (10, 0.6)


def test_what_is_won_and_lost() -> None:
    plain = Pipeline(
        "sales", (Status("new"), Status("won", closed=True), Status("no", closed=True))
    )
    own = Pipeline("jobs", (Status("new"), Status("done", closed=True), Status(JUNK, closed=True)))
    endless = Pipeline("loop", (Status("new"),))
    assert [won_status(one) for one in (plain, own, endless)] == ["won", "done", None]
    assert [lost(one) for one in (plain, own, endless)] == [("no",), (), ()]
    sums = CardSums(
        statuses=Counter({("sales", "new"): 2, ("sales", "won"): 1, ("sales", JUNK): 5}),
        amounts=Counter({("sales", "won"): 123450}),
        sources=Counter({("ads", "sales", "won"): 1, ("ads", "sales", JUNK): 5}),
        source_amounts=Counter({("ads", "sales", "won"): 123450}),
    )
    found = deals_of(sums, [("sales", "won")])
    assert (found.deals, found.won, found.amount) == (3, 1, Decimal("1234.5"))
    assert found.conversion == pytest.approx(1 / 3)
    assert deals_of(sums, [("sales", "won")], "ads").conversion == 1.0
    assert deals_of(sums, [], "none").conversion is None


def test_midnight_is_a_moment() -> None:
    assert midnight(CAIRO, date(2026, 4, 24)).isoformat() == "2026-04-23T22:00:00+00:00"


def test_a_chart_is_as_high_as_its_figures() -> None:
    chart = columns([Column("0", (("answered", 3, "3"), ("missed", 1, "1"))), Column("1", ())])
    high, low = chart.bars
    assert high.height == pytest.approx(3 * low.height, abs=0.2)
    assert high.y + high.height == pytest.approx(chart.floor, abs=0.2)
    assert low.y + low.height == pytest.approx(high.y, abs=0.2)
    assert [one.text for one in chart.lines] == ["0", "1", "2", "3", "4"]
    assert columns([]).bars == ()
    assert [step_of(most) for most in (0, 5, 6, 11, 30, 400)] == [1, 1, 2, 5, 10, 100]
    assert [heat(n, 100) for n in (0, 1, 50, 100)] == [0, 1, 2, 5]
