"""How fast a provider may be asked."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from callrouter.outside.pace import LONGEST, MINUTE, Pace


@given(
    st.integers(1, 20),
    st.lists(st.floats(0, 30, allow_nan=False), max_size=120),
)
def test_never_more_than_so_many_within_any_minute(limit: int, pauses: list[float]) -> None:
    pace, now, sent = Pace(limit), 0.0, []
    for pause in pauses:
        now += pause
        if pace.wait(now) == 0.0:
            sent.append(now)
    for first, last in zip(sent, sent[limit:], strict=False):
        assert last - first >= MINUTE


def test_whoever_waits_as_long_as_he_was_told_may_go() -> None:
    pace = Pace(2)
    assert [pace.wait(0.0), pace.wait(10.0), pace.wait(20.0)] == [0.0, 0.0, 40.0]
    assert pace.wait(60.0) == 0.0
    assert pace.wait(60.0) == 10.0


def test_without_a_limit_nobody_waits() -> None:
    pace = Pace(None)
    assert {pace.wait(0.0) for _ in range(1000)} == {0.0}


def test_a_rest_is_kept_but_not_for_ever() -> None:
    pace = Pace(None)
    pace.rest(30, 0.0)
    pace.rest(5, 1.0)  # the longer one stands
    assert pace.wait(10.0) == 20.0
    assert pace.wait(30.0) == 0.0
    pace.rest(10**9, 100.0)
    assert pace.wait(100.0) == LONGEST
