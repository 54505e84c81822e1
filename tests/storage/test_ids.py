"""Ids sort by their moment, and by the order in which one process drew them within it."""

from datetime import UTC, datetime, timedelta

import pytest

from storage.ids import moment_of, new_id

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def test_ids_of_one_millisecond_ascend() -> None:
    drawn = [new_id(NOON) for _ in range(2_000)]
    assert drawn == sorted(set(drawn))
    assert {len(one) for one in drawn} == {26}
    assert len({one[:10] for one in drawn}) == 1


def test_an_earlier_moment_sorts_before() -> None:
    later = new_id(NOON)
    assert (
        new_id(NOON - timedelta(milliseconds=1)) < later < new_id(NOON + timedelta(milliseconds=1))
    )


def test_a_millisecond_drawn_empty_begins_anew() -> None:
    """A stopped clock never makes an id of another millisecond."""
    drawn = {new_id(NOON) for _ in range(60_000)}
    assert len(drawn) == 60_000
    assert len({one[:10] for one in drawn}) == 1


def test_an_id_says_when_it_was_drawn() -> None:
    assert moment_of(new_id(NOON)) == NOON
    for odd in ("", "state.json", "i" * 26):
        with pytest.raises(ValueError):  # noqa: PT011
            moment_of(odd)
