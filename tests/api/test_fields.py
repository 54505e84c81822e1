"""Moments and languages, as programs write them."""

import pytest

from callrouter.api.fields import read_instant, write_instant
from callrouter.api.languages import preferred


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("2026-03-02T09:00:00Z", "2026-03-02T09:00:00.000Z", id="UTC"),
        pytest.param("2026-03-02t09:00:00z", "2026-03-02T09:00:00.000Z", id="in small letters"),
        pytest.param("2026-03-02T12:00:00+03:00", "2026-03-02T09:00:00.000Z", id="Moscow"),
        pytest.param("2026-03-02T12:00:00 03:00", "2026-03-02T09:00:00.000Z", id="a lost plus"),
        pytest.param("2026-03-02T00:30:00-01:30", "2026-03-02T02:00:00.000Z", id="west of UTC"),
        pytest.param("2026-03-02 09:00:00.25Z", "2026-03-02T09:00:00.250Z", id="hundredths"),
        pytest.param("2026-03-02T09:00:00.123456789Z", "2026-03-02T09:00:00.123Z", id="nano"),
        pytest.param("2026-12-31T23:59:60Z", "2026-12-31T23:59:59.000Z", id="a leap second"),
    ],
)
def test_moments_are_read_and_written(text: str, expected: str) -> None:
    assert write_instant(read_instant(text)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-03-02",
        "2026-03-02T09:00:00",
        "2026-03-02T09:00Z",
        "2026-13-02T09:00:00Z",
        "2026-03-02T24:00:01Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+23:59",
        "2026-03-02T09:00:00+99:00",
        "2026-03-02T09:00:00Zulu",
        "tomorrow",
        1772442000,
        None,
    ],
)
def test_what_is_no_moment_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match=r"moment"):
        read_instant(text)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        pytest.param("", "ru", id="nothing: the company's"),
        pytest.param("en", "en", id="English"),
        pytest.param("en-GB,en;q=0.9", "en", id="as browsers write it"),
        pytest.param("ru-RU,ru;q=0.9,en-US;q=0.8,en;q=0.7", "ru", id="Russian first"),
        pytest.param("ru;q=0.1, en;q=0.9", "en", id="by weight"),
        pytest.param("de, fr;q=0.5", "ru", id="neither"),
        pytest.param("*", "ru", id="any"),
        pytest.param("en;q=0", "ru", id="not English"),
        pytest.param("en;q=x, ,;;", "ru", id="nonsense"),
        pytest.param("de;q=0.1," * 5000 + "en", "ru", id="too much of it"),
    ],
)
def test_the_language_is_the_one_liked_best(header: str, expected: str) -> None:
    assert preferred(header, "ru") == expected
