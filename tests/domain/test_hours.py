"""Hours: texts, moments, nights on which clocks change, days off."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import cycle
from zoneinfo import ZoneInfo, available_timezones

import pytest

from callrouter.domain.hours import (
    BadHours,
    Calendar,
    Hours,
    add_working,
    parse_hours,
    working_seconds,
    zone_exists,
)

MOSCOW = Calendar("Europe/Moscow", "RU")
BERLIN = Calendar("Europe/Berlin")
NEW_YORK = Calendar("America/New_York")

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def at(wall: str, calendar: Calendar = MOSCOW, *, fold: int = 0) -> datetime:
    """Return the UTC moment of a wall time; fold=1 is the second of two equal ones."""
    local = datetime.fromisoformat(wall).replace(tzinfo=ZoneInfo(calendar.zone), fold=fold)
    return local.astimezone(UTC)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def spans(hours: Hours, day: str, calendar: Calendar = MOSCOW) -> list[str]:
    return [
        f"{start:%d %H:%M}-{end:%d %H:%M}"
        for start, end in hours.intervals(date.fromisoformat(day), calendar)
    ]


# 2026-03-09 is a Monday and a holiday in Russia; 2026-03-11 is a Wednesday.
@pytest.mark.parametrize(
    ("text", "opened", "closed"),
    [
        pytest.param("24/7", ["2026-03-11 00:00", "2026-03-15 23:59"], [], id="always"),
        pytest.param("off", [], ["2026-03-11 12:00", "2026-03-15 00:00"], id="never"),
        pytest.param("Closed", [], ["2026-03-11 12:00"], id="never, the other word"),
        pytest.param(
            "Mo-Fr 09:00-18:00",
            ["2026-03-11 09:00", "2026-03-11 17:59:59.999999"],
            ["2026-03-11 08:59:59.999999", "2026-03-11 18:00", "2026-03-14 12:00"],
            id="the first minute is in, the last bound is out",
        ),
        pytest.param(
            "Mo-Fr 09:00-13:00,14:00-18:00",
            ["2026-03-11 12:59", "2026-03-11 14:00"],
            ["2026-03-11 13:00", "2026-03-11 13:59"],
            id="a break",
        ),
        pytest.param(
            "Mo 12:00-15:00,09:00-12:00,14:00-16:00,14:30-14:45",
            ["2026-03-16 09:00", "2026-03-16 12:00", "2026-03-16 15:59"],
            ["2026-03-16 16:00"],
            id="times in no order that touch and overlap",
        ),
        pytest.param(
            "09:00-18:00",
            ["2026-03-11 12:00", "2026-03-15 12:00"],
            ["2026-03-15 18:00"],
            id="no days: every day",
        ),
        pytest.param(
            "Sa,Su",
            ["2026-03-14 00:00", "2026-03-15 23:59"],
            ["2026-03-13 23:59", "2026-03-16 00:00"],
            id="no times: the whole day",
        ),
        pytest.param(
            "Fr-Mo 10:00-11:00",
            ["2026-03-13 10:00", "2026-03-15 10:00", "2026-03-16 10:00"],
            ["2026-03-17 10:00", "2026-03-12 10:00"],
            id="days wrap round the week",
        ),
        pytest.param(
            "We-We 10:00-11:00",
            ["2026-03-11 10:00"],
            ["2026-03-12 10:00"],
            id="a range of one day",
        ),
        pytest.param(
            "Mo,We-Th,Sa 10:00-11:00",
            ["2026-03-11 10:00", "2026-03-12 10:00", "2026-03-14 10:00"],
            ["2026-03-10 10:00", "2026-03-13 10:00"],
            id="a list of days and ranges",
        ),
        pytest.param(
            "Mo 00:00-24:00",
            ["2026-03-16 00:00", "2026-03-16 23:59"],
            ["2026-03-15 23:59", "2026-03-17 00:00"],
            id="24:00 is the end of the day",
        ),
        pytest.param(
            "Mo 20:00-00:00",
            ["2026-03-16 23:59"],
            ["2026-03-17 00:00"],
            id="00:00 as an end is 24:00",
        ),
        pytest.param(
            "Fr 22:00-06:00",
            ["2026-03-13 22:00", "2026-03-14 05:59"],
            ["2026-03-13 05:00", "2026-03-14 06:00", "2026-03-14 22:00"],
            id="a night belongs to the day it begins on",
        ),
        pytest.param(
            "Su 22:00-06:00",
            ["2026-03-16 00:00", "2026-03-16 05:59"],
            ["2026-03-15 05:00", "2026-03-16 06:00"],
            id="the night from Sunday to Monday",
        ),
        pytest.param(
            "Fr 22:00-06:00; Sa off",
            ["2026-03-14 03:00"],
            ["2026-03-14 22:00"],
            id="a night runs on into a day that is off",
        ),
        pytest.param(
            "Mo-Su 09:00-21:00; Sa,Su 10:00-16:00; Su off",
            ["2026-03-13 09:00", "2026-03-14 10:00"],
            ["2026-03-14 09:00", "2026-03-14 16:00", "2026-03-15 12:00"],
            id="a later rule replaces an earlier one for the same days",
        ),
        pytest.param(
            "Mo-Fr 09:00-18:00",
            ["2026-03-09 12:00"],
            [],
            id="without PH a holiday is an ordinary day",
        ),
        pytest.param(
            "Mo-Fr 09:00-18:00; PH off",
            ["2026-03-10 12:00"],
            ["2026-03-09 12:00", "2026-05-01 12:00"],
            id="closed on holidays",
        ),
        pytest.param(
            "PH off; Mo-Fr 09:00-18:00",
            ["2026-03-10 12:00"],
            ["2026-03-09 12:00"],
            id="PH counts alone wherever it stands",
        ),
        pytest.param(
            "24/7; PH 10:00-16:00",
            ["2026-03-09 10:00", "2026-03-10 00:00"],
            ["2026-03-09 09:59", "2026-03-09 16:00"],
            id="shorter on holidays",
        ),
        pytest.param(
            "Mo-Fr 09:00-18:00; Sa,PH 10:00-16:00",
            ["2026-03-14 10:00", "2026-03-09 15:59"],
            ["2026-03-09 09:00", "2026-03-09 16:00"],
            id="PH in a list of days",
        ),
        pytest.param(
            "PH 10:00-16:00",
            ["2026-03-09 10:00"],
            ["2026-03-10 10:00"],
            id="holidays alone",
        ),
        pytest.param(
            "Mo-Su 22:00-06:00; PH off",
            ["2026-03-07 23:00", "2026-03-08 05:59", "2026-03-10 22:00"],
            ["2026-03-08 22:00", "2026-03-09 03:00", "2026-03-09 23:00", "2026-03-10 03:00"],
            id="the night before a holiday runs to its end, the holiday's own does not begin",
        ),
        pytest.param(
            "Mo-Fr 09:00-18:00; PH 23:00-02:00",
            ["2026-03-09 23:00", "2026-03-10 01:59", "2026-03-10 09:00"],
            ["2026-03-10 02:00", "2026-03-09 12:00"],
            id="a holiday's night runs into the working day",
        ),
        pytest.param(
            "Mo-Su 22:00-06:00; PH off",
            ["2025-12-30 23:00", "2026-01-10 23:00"],
            ["2025-12-31 23:59", "2026-01-01 00:00", "2026-01-09 23:00"],
            id="the border of two years, both of holidays",
        ),
        pytest.param(
            "Mo-Su 22:00-06:00",
            ["2026-12-31 23:59", "2027-01-01 00:00", "2028-02-29 05:59", "2028-02-29 22:00"],
            ["2027-01-01 06:00", "2028-02-29 12:00", "2028-03-01 06:00"],
            id="the border of two years, and 29 February",
        ),
        pytest.param(
            "Tu 09:00-18:00",
            ["2028-02-29 09:00"],
            ["2028-02-28 09:00", "2028-03-01 09:00"],
            id="29 February 2028 is a Tuesday",
        ),
        pytest.param(
            "Пн-Пт 09:00-18:00; Сб,Вс 10:00-16:00; PH off",
            ["2026-03-11 09:00", "2026-03-14 15:59"],
            ["2026-03-14 09:00", "2026-03-09 12:00"],
            id="Russian days",
        ),
        pytest.param(
            " ПН – чт  9:00 — 18:00 ;fr 9:00 - 17:00,\u00a018:00-19:00;ph CLOSED ",
            ["2026-03-12 17:59", "2026-03-13 16:59", "2026-03-13 18:00"],
            ["2026-03-13 17:00", "2026-03-09 12:00"],
            id="any case, dash and spacing",
        ),
    ],
)
def test_what_is_open(text: str, opened: list[str], closed: list[str]) -> None:
    hours = parse_hours(text)
    assert hours.text == text
    assert [wall for wall in opened if not hours.open_at(at(wall), MOSCOW)] == []
    assert [wall for wall in closed if hours.open_at(at(wall), MOSCOW)] == []


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        pytest.param("", "empty", id="nothing"),
        pytest.param("  ", "empty", id="spaces"),
        pytest.param(";", "empty rule", id="a separator alone"),
        pytest.param("Mo 09:00-18:00;", "empty rule", id="a separator at the end"),
        pytest.param("Mo 09:00-18:00;;Tu off", "empty rule", id="two separators"),
        pytest.param("always", '"always" for days', id="a word"),
        pytest.param("24/7 Mo", '"24/7" for days', id="something after 24/7"),
        pytest.param("Mo 24/7", '"24/7" for times', id="something before 24/7"),
        pytest.param("Mon 09:00-18:00", '"mon" for days', id="another name of a day"),
        pytest.param("Mo- 09:00-18:00", '"mo-09:00-18:00" for days', id="half a range of days"),
        pytest.param("Mo-Fr-Su off", '"mo-fr-su" for days', id="a range of three"),
        pytest.param("Mo, 09:00-18:00", '"09:00-18:00" for days', id="a comma too many"),
        pytest.param("PH-Mo off", '"ph-mo" for days', id="a range with PH"),
        pytest.param("SH off", '"sh" for days', id="school holidays"),
        pytest.param("Jan 10:00-12:00", '"jan" for days', id="months"),
        pytest.param("Mo-Fr 9-18", '"9-18" for times', id="hours without minutes"),
        pytest.param("Mo 09.00-18.00", '"09.00-18.00" for times', id="dots"),
        pytest.param("Mo 09:00", '"09:00" for times', id="one time"),
        pytest.param("Mo 18:00+", '"18:00+" for times', id="an open end"),
        pytest.param("Mo ٠٩:00-18:00", "for times", id="other digits"),
        pytest.param("Mo sunrise-18:00", '"sunrise-18:00" for times', id="the sun"),
        pytest.param("Mo 09:00-18:00,", '"" for times', id="a comma at the end"),
        pytest.param("Mo open", '"open" for times', id="a word for times"),
        pytest.param("Mo 09:60-18:00", "00:00 to 23:59", id="minute 60"),
        pytest.param("Mo 25:00-26:00", "00:00 to 23:59", id="hour 25"),
        pytest.param("Mo 24:00-06:00", "00:00 to 23:59", id="a start at 24:00"),
        pytest.param("Mo 09:00-24:01", "00:00 to 23:59", id="an end after 24:00"),
        pytest.param("Mo 09:00-09:00", "00:00-24:00", id="nothing or a whole day?"),
        pytest.param("Mo 09:00-12:00, Tu 09:00-12:00", '";" parts rules', id="comma for semicolon"),
        pytest.param('Mo 09:00-12:00 "by request"', '";" parts rules', id="a comment"),
        pytest.param("Mo-Fr 09:00-18:00 || off", '";" parts rules', id="a fallback rule"),
        pytest.param("PH off", "never open", id="says only when it is closed"),
        pytest.param("Sa-Su off; PH off", "never open", id="says twice when it is closed"),
        pytest.param("Mo 09:00-18:00; Mo off", "never open", id="all replaced by off"),
    ],
)
def test_what_is_not_understood(text: str, complaint: str) -> None:
    with pytest.raises(BadHours) as caught:
        parse_hours(text)
    assert complaint in str(caught.value)
    assert f'hours "{text}"' in str(caught.value)
    assert '"Mo-Fr 09:00-18:00; PH off"' in str(caught.value)


def test_hours_are_parsed_once_and_equal_by_their_text() -> None:
    assert parse_hours("Mo-Fr 09:00-18:00") is parse_hours("Mo-Fr 09:00-18:00")
    assert parse_hours("off") != parse_hours("closed")


# Clocks go forward on 29 March 2026 in Berlin, on 8 March in New York, at 02:00 to 03:00;
# back on 25 October in Berlin at 03:00 to 02:00, on 1 November in New York at 02:00 to 01:00.
@pytest.mark.parametrize(
    ("calendar", "text", "day", "expected"),
    [
        pytest.param(
            BERLIN, "22:00-06:00", "2026-03-28", ["28 21:00-29 04:00"], id="7 hours in Berlin"
        ),
        pytest.param(
            BERLIN, "22:00-06:00", "2026-10-24", ["24 20:00-25 05:00"], id="9 hours in Berlin"
        ),
        pytest.param(
            NEW_YORK, "22:00-06:00", "2026-03-07", ["08 03:00-08 10:00"], id="7 hours in New York"
        ),
        pytest.param(
            NEW_YORK, "22:00-06:00", "2026-10-31", ["01 02:00-01 11:00"], id="9 hours in New York"
        ),
        pytest.param(BERLIN, "02:15-02:45", "2026-03-29", [], id="all inside the gap"),
        pytest.param(
            BERLIN, "01:00-02:30", "2026-03-29", ["29 00:00-29 01:00"], id="ends inside the gap"
        ),
        pytest.param(
            BERLIN, "02:30-05:00", "2026-03-29", ["29 01:00-29 03:00"], id="begins inside the gap"
        ),
        pytest.param(
            BERLIN,
            "01:30-02:00,03:00-03:30",
            "2026-03-29",
            ["29 00:30-29 01:30"],
            id="a break that is the gap",
        ),
        pytest.param(
            BERLIN,
            "02:15-02:45",
            "2026-10-25",
            ["25 00:15-25 00:45", "25 01:15-25 01:45"],
            id="inside the repeated hour: twice",
        ),
        pytest.param(
            BERLIN,
            "20:00-02:30",
            "2026-10-24",
            ["24 18:00-25 00:30", "25 01:00-25 01:30"],
            id="ends inside the repeated hour",
        ),
        pytest.param(
            BERLIN,
            "02:30-05:00",
            "2026-10-25",
            ["25 00:30-25 01:00", "25 01:30-25 04:00"],
            id="begins inside the repeated hour",
        ),
        pytest.param(
            NEW_YORK,
            "00:00-01:15,01:45-09:00",
            "2026-11-01",
            ["01 04:00-01 05:15", "01 05:45-01 06:15", "01 06:45-01 14:00"],
            id="a break inside the repeated hour",
        ),
        pytest.param(
            BERLIN, "24/7", "2026-03-29", ["28 23:00-29 22:00"], id="the whole day has 23 hours"
        ),
        pytest.param(
            BERLIN, "24/7", "2026-10-25", ["24 22:00-25 23:00"], id="the whole day has 25 hours"
        ),
        pytest.param(
            Calendar("America/Havana"),
            "00:00-00:30",
            "2026-11-01",
            ["01 04:00-01 04:30", "01 05:00-01 05:30"],
            id="Havana repeats the hour after midnight",
        ),
        pytest.param(
            Calendar("America/Nuuk"),
            "22:00-00:30",
            "2026-10-24",
            ["24 23:00-25 02:30"],
            id="Nuuk repeats the hour before midnight",
        ),
        pytest.param(
            Calendar("Australia/Lord_Howe"),
            "01:40-02:10",
            "2026-10-04",
            ["03 15:10-03 15:30"],
            id="Lord Howe skips half an hour",
        ),
        pytest.param(
            Calendar("America/St_Johns"),
            "23:00-24:00",
            "2010-11-06",
            ["07 01:30-07 02:30", "07 02:31-07 03:30"],
            id="Newfoundland once went back at a minute past midnight",
        ),
        pytest.param(
            NEW_YORK,
            "23:00-22:59",
            "2026-03-08",
            ["09 03:00-10 02:59"],
            id="nearly a day that ends on the next but one in UTC",
        ),
        pytest.param(
            Calendar("Pacific/Apia"), "24/7", "2011-12-30", [], id="a day that Samoa left out"
        ),
    ],
)
def test_nights_on_which_clocks_change(
    calendar: Calendar, text: str, day: str, expected: list[str]
) -> None:
    hours = parse_hours(text)
    assert spans(hours, day, calendar) == expected
    noon = at(f"{day} 12:00", calendar)
    assert_agreement(hours, calendar, noon - 24 * HOUR, noon + 48 * HOUR)


def test_equal_wall_times_of_the_repeated_hour_have_the_same_answer() -> None:
    hours = parse_hours("20:00-02:30")
    answers = [hours.open_at(utc(f"2026-10-25 {time}"), BERLIN) for time in TWO_HOURS]
    assert answers == [True, False, True, False]


TWO_HOURS = ("00:29", "00:30", "01:29", "01:30")


def test_intervals_stay_in_utc_and_in_the_local_day() -> None:
    hours = parse_hours("Mo-Fr 09:00-13:00,14:00-18:00; PH off")
    (morning, afternoon) = hours.intervals(date(2026, 3, 11), MOSCOW)
    assert morning == (utc("2026-03-11 06:00"), utc("2026-03-11 10:00"))
    assert afternoon == (utc("2026-03-11 11:00"), utc("2026-03-11 15:00"))
    assert morning[0].tzinfo is UTC
    assert hours.intervals(date(2026, 3, 9), MOSCOW) == ()


@pytest.mark.parametrize(
    ("text", "moment", "opens", "closes"),
    [
        pytest.param(
            "Mo-Fr 09:00-18:00; PH off", "2026-03-11 10:30", "2026-03-11 10:30",
            "2026-03-11 18:00", id="open now",
        ),
        pytest.param(
            "Mo-Fr 09:00-18:00; PH off", "2026-03-11 18:00", "2026-03-12 09:00", None,
            id="the evening waits for the morning",
        ),
        pytest.param(
            "Mo-Fr 09:00-18:00; PH off", "2026-03-06 18:00:30", "2026-03-10 09:00", None,
            id="over a weekend and a holiday",
        ),
        pytest.param(
            "Mo-Fr 09:00-18:00; PH off", "2026-12-30 20:00", "2027-01-11 09:00", None,
            id="over the New Year",
        ),
        pytest.param(
            "Mo-Fr 09:00-13:00,14:00-18:00", "2026-03-11 13:30", "2026-03-11 14:00", None,
            id="in the break",
        ),
        pytest.param(
            "Mo-Fr 22:00-06:00", "2026-03-14 03:00", "2026-03-14 03:00", "2026-03-14 06:00",
            id="in the night of the day before",
        ),
        pytest.param(
            "Mo 20:00-10:00; Tu 08:00-18:00", "2026-03-16 21:00", "2026-03-16 21:00",
            "2026-03-17 18:00", id="two days that overlap",
        ),
        pytest.param(
            "Fr-Su", "2026-03-13 12:00", "2026-03-13 12:00", "2026-03-16 00:00",
            id="whole days are one opening",
        ),
        pytest.param("24/7", "2026-03-11 12:00", "2026-03-11 12:00", None, id="never closes"),
        pytest.param("off", "2026-03-11 12:00", None, None, id="never opens"),
        pytest.param(
            "24/7; PH off", "2026-03-11 12:00", "2026-03-11 12:00", "2026-05-01 00:00",
            id="closes on the next holiday",
        ),
    ],
)  # fmt: skip
def test_when_it_opens_and_closes(
    text: str, moment: str, opens: str | None, closes: str | None
) -> None:
    hours = parse_hours(text)
    assert hours.next_opening(at(moment), MOSCOW) == (at(opens) if opens else None)
    assert hours.closes_at(at(moment), MOSCOW) == (at(closes) if closes else None)


@pytest.mark.parametrize(
    ("horizon_days", "found"),
    [pytest.param(5, False, id="too short"), pytest.param(6, True, id="just long enough")],
)
def test_the_horizon_is_counted_from_the_moment(*, horizon_days: int, found: bool) -> None:
    mondays = parse_hours("Mo 09:00-10:00")
    opening = mondays.next_opening(at("2026-03-17 09:00"), MOSCOW, horizon_days=horizon_days)
    assert opening == (at("2026-03-23 09:00") if found else None)
    whole_week = parse_hours("Mo-Sa; Su 00:00-23:00")
    closing = whole_week.closes_at(at("2026-03-16 23:00"), MOSCOW, horizon_days=horizon_days)
    assert closing == (at("2026-03-22 23:00") if found else None)


def test_the_last_opening_of_all_closes_too() -> None:
    once = Calendar("Europe/Moscow", None, frozenset({date(2026, 3, 11)}))
    hours = parse_hours("PH 10:00-11:00")
    assert hours.closes_at(at("2026-03-11 10:30"), once) == at("2026-03-11 11:00")
    assert hours.next_opening(at("2026-03-11 11:00"), once) is None
    assert add_working(hours, once, at("2026-03-11 10:30"), HOUR) is None


def test_the_answer_does_not_depend_on_the_zone_that_a_moment_is_given_in() -> None:
    night = parse_hours("22:00-06:00")
    start = utc("2026-10-24 23:00")  # 01:00 in Berlin; 02:30 comes twice before the shift ends
    for zone in (UTC, ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")):
        moment = start.astimezone(zone)
        assert night.open_at(moment, BERLIN)
        assert night.closes_at(moment, BERLIN) == utc("2026-10-25 05:00")
        end = utc("2026-10-25 01:30").astimezone(zone)
        assert working_seconds(night, BERLIN, moment, end) == 2.5 * 3600
        assert add_working(night, BERLIN, moment, 2.5 * HOUR) == utc("2026-10-25 01:30")


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="needs its zone"):
        parse_hours("24/7").open_at(datetime(2026, 3, 11, 12), MOSCOW)  # noqa: DTZ001 - the subject


@pytest.mark.parametrize(
    ("text", "calendar", "start", "end", "expected"),
    [
        pytest.param("Mo-Fr 09:00-18:00", MOSCOW, "2026-03-11 10:00", "2026-03-11 10:15", 0.25,
                     id="inside one opening"),
        pytest.param("Mo-Fr 09:00-18:00", MOSCOW, "2026-03-11 17:00", "2026-03-12 10:00", 2,
                     id="over a night"),
        pytest.param("Mo-Fr 09:00-18:00", MOSCOW, "2026-03-13 17:00", "2026-03-16 10:00", 2,
                     id="over a weekend"),
        pytest.param("Mo-Fr 09:00-18:00; PH off", MOSCOW, "2026-03-06 17:00", "2026-03-10 10:00", 2,
                     id="over a holiday"),
        pytest.param("Mo-Fr 09:00-18:00", MOSCOW, "2026-03-11 19:00", "2026-03-12 08:00", 0,
                     id="while closed"),
        pytest.param("Mo-Fr 09:00-18:00", MOSCOW, "2026-03-12 10:00", "2026-03-11 10:00", 0,
                     id="backwards"),
        pytest.param("Mo 20:00-10:00; Tu 08:00-18:00", MOSCOW, "2026-03-16 12:00",
                     "2026-03-18 12:00", 22, id="what overlaps counts once"),
        pytest.param("22:00-06:00", BERLIN, "2026-03-28 12:00", "2026-03-29 12:00", 7,
                     id="the short night"),
        pytest.param("22:00-06:00", BERLIN, "2026-10-24 12:00", "2026-10-25 12:00", 9,
                     id="the long night"),
        pytest.param("24/7", BERLIN, "2026-01-01 00:00", "2027-01-01 00:00", 365 * 24,
                     id="a year"),
        pytest.param("Mo-Fr 09:00-13:00,14:00-18:00; PH off", MOSCOW, "2026-01-01 00:00",
                     "2027-01-01 00:00", 247 * 8, id="the Russian working days of 2026"),
        pytest.param("PH 10:00-11:00", Calendar("UTC", None, frozenset({date(2029, 1, 1)})),
                     "2026-01-01 00:00", "2030-01-01 00:00", 1, id="after years of nothing"),
    ],
)  # fmt: skip
def test_working_time(text: str, calendar: Calendar, start: str, end: str, expected: float) -> None:
    span = at(start, calendar), at(end, calendar)
    assert working_seconds(parse_hours(text), calendar, *span) == expected * 3600


@pytest.mark.parametrize(
    ("text", "start", "minutes", "expected"),
    [
        pytest.param("Mo-Fr 09:00-18:00", "2026-03-11 10:00", 15, "2026-03-11 10:15",
                     id="inside one opening"),
        pytest.param("Mo-Fr 09:00-18:00", "2026-03-11 17:45", 15, "2026-03-11 18:00",
                     id="up to the closing"),
        pytest.param("Mo-Fr 09:00-18:00", "2026-03-11 17:50", 15, "2026-03-12 09:05",
                     id="the rest tomorrow"),
        pytest.param("Mo-Fr 09:00-18:00; PH off", "2026-03-06 20:00", 30, "2026-03-10 09:30",
                     id="from the next opening"),
        pytest.param("Mo-Fr 09:00-13:00,14:00-18:00", "2026-03-11 12:50", 20, "2026-03-11 14:10",
                     id="over the break"),
        pytest.param("Mo-Fr 09:00-18:00", "2026-03-11 20:00", 0, "2026-03-11 20:00",
                     id="nothing to add"),
        pytest.param("24/7", "2026-03-11 20:00", 600 * 1440, "2027-11-01 20:00",
                     id="longer than the horizon, but open"),
        pytest.param("off", "2026-03-11 20:00", 1, None, id="never open"),
    ],
)  # fmt: skip
def test_adding_working_time(text: str, start: str, minutes: int, expected: str | None) -> None:
    moment = add_working(parse_hours(text), MOSCOW, at(start), minutes * MINUTE)
    assert moment == (at(expected) if expected else None)


@pytest.mark.parametrize(
    ("calendar", "day", "expected"),
    [
        pytest.param(MOSCOW, "2026-01-01", True, id="the New Year"),
        pytest.param(MOSCOW, "2026-03-09", True, id="moved from a Sunday"),
        pytest.param(MOSCOW, "2026-03-11", False, id="an ordinary Wednesday"),
        pytest.param(MOSCOW, "2026-03-14", False, id="a Saturday is no holiday"),
        pytest.param(MOSCOW, "2024-04-27", False, id="a working Saturday is not known as such"),
        pytest.param(Calendar("Europe/Moscow", "ru"), "2026-01-01", True, id="small letters"),
        pytest.param(Calendar("Europe/Moscow"), "2026-01-01", False, id="no country"),
        pytest.param(Calendar("Europe/Moscow", "XX"), "2026-01-01", False, id="unknown country"),
        pytest.param(Calendar("Europe/Moscow", ""), "2026-01-01", False, id="empty country"),
        pytest.param(
            Calendar("Europe/Moscow", "country_holidays"), "2026-01-01", False, id="no code at all"
        ),
        pytest.param(
            Calendar("Europe/Moscow", None, frozenset({date(2027, 3, 10)})),
            "2027-03-10",
            True,
            id="the company's own",
        ),
        pytest.param(
            Calendar("Europe/Moscow", "RU", frozenset({date(2027, 3, 10)})),
            "2027-05-09",
            True,
            id="the country's beside the company's own",
        ),
    ],
)
def test_days_off(*, calendar: Calendar, day: str, expected: bool) -> None:
    assert calendar.is_holiday(date.fromisoformat(day)) is expected


def test_a_holiday_begins_and_ends_at_local_midnight() -> None:
    hours = parse_hours("24/7; PH off")
    vladivostok = Calendar("Asia/Vladivostok", "RU")
    assert not hours.open_at(utc("2026-03-08 20:00"), vladivostok)  # already the 9th there
    assert hours.open_at(utc("2026-03-09 14:00"), vladivostok)  # already the 10th
    assert not hours.open_at(utc("2026-03-09 14:00"), MOSCOW)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Europe/Moscow", True),
        ("UTC", True),
        ("America/Argentina/Ushuaia", True),
        ("", False),
        ("Europe", False),
        ("Europe/Moskva", False),
        ("../Europe/Moscow", False),
        ("/etc/localtime", False),
        ("localtime", False),
        ("Factory", False),
        ("MSK", False),
        ("Europe/Moscow\0", False),
    ],
)
def test_which_zones_exist(*, name: str, expected: bool) -> None:
    assert zone_exists(name) is expected


def test_it_needs_no_zones_of_the_machine_and_imports_holidays_only_when_asked() -> None:
    program = """
import sys
from datetime import UTC, datetime
from callrouter.domain.hours import Calendar, parse_hours, zone_exists
assert zone_exists("Europe/Moscow")
moment, calendar = datetime(2026, 1, 1, 9, tzinfo=UTC), Calendar("Europe/Moscow", "RU")
assert parse_hours("Mo-Fr 12:00-13:00").open_at(moment, calendar)
assert "holidays" not in sys.modules
assert not parse_hours("Mo-Fr 12:00-13:00; PH off").open_at(moment, calendar)
assert "holidays" in sys.modules
"""
    command = [sys.executable, "-c", program]
    subprocess.run(command, check=True, timeout=60, env={"PYTHONTZPATH": "", "PYTHONPATH": "."})


SCHEDULES = [
    "24/7",
    "off",
    "Mo-Fr 09:00-18:00",
    "Mo-Fr 09:00-13:00,14:00-18:00; PH off",
    "Mo-Su 22:00-06:00",
    "Mo-Su 22:00-02:30",
    "Sa,Su 20:00-01:30",
    "Su 01:30-02:30",
    "00:00-00:30",
    "23:30-24:00",
    "23:15-00:15",
    "02:00-03:00",
    "01:00-02:00,03:00-04:00",
    "00:15-01:45,02:15-02:45,03:15-23:45",
    "Fr-Mo 18:00-17:00",
    "Mo-Sa 12:00-11:59",
    "Su; Mo 00:00-03:00",
    "Sa 20:00-10:00; Su 08:00-02:10",
    "24/7; PH off",
    "Mo-Su 20:00-04:00; PH 01:00-02:15,23:00-05:00",
]
ZONES = [
    "Europe/Berlin",
    "America/New_York",
    "Europe/Moscow",
    "Australia/Lord_Howe",  # by half an hour
    "America/Havana",  # at midnight
    "America/Nuuk",  # in the evening before, and another zone in 2023
    "Africa/Casablanca",  # for Ramadan
    "Asia/Gaza",  # on other days each year
    "Africa/Cairo",
    "America/St_Johns",  # an offset of half hours
    "Pacific/Apia",
    "Antarctica/Troll",  # by two hours
]
SPRING_AND_AUTUMN_SUNDAYS = frozenset(
    day
    for number in range(date(2020, 1, 1).toordinal(), date(2036, 1, 1).toordinal())
    if (day := date.fromordinal(number)).weekday() == 6 and day.month in {3, 10, 11}
)


def transitions(zone: str) -> Iterator[datetime]:
    """Find to the minute when the zone's clocks changed in 2020-2035."""
    clock = ZoneInfo(zone)
    moment = utc("2020-01-01")
    while moment < utc("2036-01-01"):
        after = moment + 24 * HOUR
        if moment.astimezone(clock).utcoffset() != after.astimezone(clock).utcoffset():
            change = moment
            for step in (HOUR, MINUTE):
                while (change + step).astimezone(clock).utcoffset() == moment.astimezone(
                    clock
                ).utcoffset():
                    change += step
            yield change + MINUTE
        moment = after


def assert_agreement(
    hours: Hours, calendar: Calendar, start: datetime, end: datetime, step: timedelta = MINUTE
) -> None:
    """Check each minute: open, by the wall alone, and inside the intervals, are one answer."""
    first = calendar.local(start).date() - timedelta(days=1)
    days = [first + timedelta(days=number) for number in range((end - start).days + 4)]
    inside: set[datetime] = set()
    for day in days:
        for opens, closes in hours.intervals(day, calendar):
            assert opens < closes
            inside.update(opens + MINUTE * n for n in range((closes - opens) // MINUTE))
    wrong = []
    moment = start
    while moment < end:
        if hours.open_at(moment, calendar) is not (moment in inside):
            wrong.append(moment)
        moment += step
    assert wrong == [], f"{hours.text} in {calendar.zone}"


@pytest.mark.parametrize("zone", ZONES)
def test_each_minute_around_each_change_of_clocks_has_one_answer(zone: str) -> None:
    calendar = Calendar(zone, None, SPRING_AND_AUTUMN_SUNDAYS)
    turns = cycle(SCHEDULES)
    for change in transitions(zone):
        for text in (next(turns), next(turns)):
            hours = parse_hours(text)
            assert_agreement(hours, calendar, change - 3 * HOUR, change + 3 * HOUR)


@pytest.mark.parametrize("change", [utc("2026-03-29 01:00"), utc("2026-10-25 01:00")])
@pytest.mark.parametrize("text", SCHEDULES)
def test_openings_and_working_time_agree_with_a_count_of_minutes(
    text: str, change: datetime
) -> None:
    hours, calendar = parse_hours(text), Calendar("Europe/Berlin", None, SPRING_AND_AUTUMN_SUNDAYS)
    start, size = change - 20 * HOUR, 40 * 60
    is_open = [hours.open_at(start + n * MINUTE, calendar) for n in range(size)]
    for first in range(0, size, 97):
        moment = start + first * MINUTE
        if True in is_open[first:]:
            opening = start + is_open.index(True, first) * MINUTE
            assert hours.next_opening(moment, calendar) == opening
        if is_open[first] and False in is_open[first:]:
            closing = start + is_open.index(False, first) * MINUTE
            assert hours.closes_at(moment, calendar) == closing
        worked = working_seconds(hours, calendar, moment, start + size * MINUTE)
        assert worked == 60 * sum(is_open[first:])
        if worked:
            last = max(n for n in range(first, size) if is_open[n])
            end = add_working(hours, calendar, moment, timedelta(seconds=worked))
            assert end == start + (last + 1) * MINUTE


@pytest.mark.slow
def test_every_zone_has_one_answer_around_each_change_of_clocks() -> None:
    turns = cycle(SCHEDULES)
    for zone in sorted(filter(zone_exists, available_timezones())):
        calendar = Calendar(zone, None, SPRING_AND_AUTUMN_SUNDAYS)
        for change in transitions(zone):
            hours = parse_hours(next(turns))
            assert_agreement(hours, calendar, change - 4 * HOUR, change + 4 * HOUR, 5 * MINUTE)


@pytest.mark.slow
@pytest.mark.parametrize("text", SCHEDULES)
def test_every_minute_of_two_years_has_one_answer(text: str) -> None:
    hours, calendar = parse_hours(text), Calendar("Europe/Berlin", "DE")
    start = utc("2027-06-01")  # with a leap day
    for week in range(105):
        since = start + timedelta(weeks=week)
        assert_agreement(hours, calendar, since, since + timedelta(weeks=1))
