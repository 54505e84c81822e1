"""How long a card has been where it is: by working time, the same as counting it through."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callrouter.domain.ageing import MOST_DAYS, work_clock
from callrouter.domain.hours import Calendar, parse_hours, working_seconds

MOSCOW = Calendar("Europe/Moscow", "RU")
WEEK = "Mo-Fr 09:00-18:00; PH off"
MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)  # 12:00 in Moscow
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("back", "days", "level"),
    [
        pytest.param(timedelta(0), 0, "fresh", id="just now"),
        pytest.param(2 * HOUR, 2 / 9, "fresh", id="this morning"),
        pytest.param(timedelta(days=3), 1, "fresh", id="since Friday: a weekend is no time"),
        pytest.param(timedelta(days=4), 2, "amber", id="since Thursday"),
        pytest.param(timedelta(days=7), 4 + 1 / 3, "amber", id="since Monday, a holiday"),
        pytest.param(timedelta(days=10), 5, "red", id="since the Friday before that"),
    ],
)
def test_a_card_ages_by_working_days(back: timedelta, days: float, level: str) -> None:
    age = work_clock(WEEK, MOSCOW, MONDAY).age(MONDAY - back)
    assert age.days == pytest.approx(days)
    assert age.level == level


def test_without_hours_every_hour_counts_and_the_very_old_is_cut() -> None:
    clock = work_clock(None, MOSCOW, MONDAY)
    assert clock.age(MONDAY - 30 * HOUR).days == pytest.approx(30 / 24)
    assert clock.age(datetime(1970, 1, 1, tzinfo=UTC)).days == pytest.approx(MOST_DAYS)
    assert clock.age(MONDAY + HOUR).seconds == 0


@settings(max_examples=60, deadline=None)
@given(
    hours=st.sampled_from([WEEK, "24/7", "Mo-Su 22:00-06:00", "Sa,Su 10:00-16:00"]),
    zone=st.sampled_from(["Europe/Moscow", "Europe/Berlin", "Asia/Yekaterinburg"]),
    now=st.integers(0, 300 * 24 * 60),
    backs=st.lists(st.integers(0, 90 * 24 * 60), min_size=1, max_size=5),
)
def test_counted_by_days_it_is_the_same_as_counted_through(
    hours: str, zone: str, now: int, backs: list[int]
) -> None:
    calendar = Calendar(zone, "RU")
    end = datetime(2025, 11, 1, tzinfo=UTC) + timedelta(minutes=now)
    clock = work_clock(hours, calendar, end)
    for back in backs:
        since = end - timedelta(minutes=back)
        whole = working_seconds(parse_hours(hours), calendar, since, end)
        assert clock.age(since).seconds == pytest.approx(whole)
