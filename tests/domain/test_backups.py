"""Which backups are kept: 7 daily and 4 weekly, whatever nights were missed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callrouter.domain.backups import LATE, is_late, kept

DAY = timedelta(days=1)
FIRST = datetime(2026, 1, 1, 0, 15, tzinfo=UTC)  # a Thursday, 03:15 in Moscow


def keep(made: list[datetime]) -> list[datetime]:
    return sorted(kept(made, days=7, weeks=4, zone="Europe/Moscow"))


def a_year(nights: list[bool]) -> list[list[datetime]]:
    """What is there after each night on which a backup was made."""
    there: list[datetime] = []
    seen = []
    for n, made in enumerate(nights):
        if made:
            there = keep([*there, FIRST + n * DAY])
            seen.append(there)
    return seen


@settings(max_examples=25)
@given(st.lists(st.booleans(), min_size=100, max_size=366))
def test_over_a_year_of_nights_the_last_7_and_4_weeks_before_them_are_there(
    nights: list[bool],
) -> None:
    made = [FIRST + n * DAY for n, one in enumerate(nights) if one]
    for count, there in enumerate(a_year(nights), 1):
        before = made[:count]
        assert there[-7:] == before[-7:]
        weekly = there[:-7]
        assert len(weekly) <= 4
        weeks = [one.astimezone(UTC).isocalendar()[:2] for one in weekly]
        assert len(set(weeks)) == len(weeks)
        older = {one.astimezone(UTC).isocalendar()[:2] for one in before[:-7]}
        assert sorted(older)[-4:] == weeks


def test_with_no_night_missed_there_are_11_and_none_is_older_than_35_days() -> None:
    there = a_year([True] * 366)
    assert {len(one) for one in there[40:]} == {11}
    assert max(one[-1] - one[0] for one in there) <= 34 * DAY
    assert len(there[5]) == 6
    assert {one.weekday() for one in there[-1][:3]} == {6}  # Sundays: the last of their weeks


def test_of_several_on_a_day_the_last_stays() -> None:
    noon = FIRST + timedelta(hours=9)
    assert keep([FIRST, noon]) == [noon]


def test_a_day_is_the_companys() -> None:
    late, early = datetime(2026, 3, 2, 20, 30, tzinfo=UTC), datetime(2026, 3, 2, 21, 30, tzinfo=UTC)
    assert keep([late, early]) == [late, early]


@pytest.mark.parametrize("weeks", [0, 1, 9])
def test_how_many_is_a_setting(weeks: int) -> None:
    made = [FIRST + n * DAY for n in range(200)]
    assert len(kept(made, days=3, weeks=weeks, zone="UTC")) == 3 + weeks


NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("newest", "since", "late"),
    [
        (NOW - LATE, None, False),
        (NOW - LATE - timedelta(seconds=1), None, True),
        (None, None, False),
        (None, NOW - DAY, False),
        (None, NOW - 2 * DAY, True),
        (NOW - DAY, NOW - 90 * DAY, False),
    ],
)
def test_when_a_backup_is_late(
    newest: datetime | None, since: datetime | None, *, late: bool
) -> None:
    assert is_late(newest, since, NOW) is late
