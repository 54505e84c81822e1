"""Events of which only caller and called are signed: what they may say of a call, and what not."""

from __future__ import annotations

from typing import Any

import pytest

from callrouter.domain.events import CallEvent, EventKind
from tests.domain.folding import at, folded, held
from tests.examples import LINE_NUMBER, event


def heard(kind: EventKind, seconds: float, **fields: Any) -> CallEvent:
    return event(kind, "c1", at(seconds), hearsay=True, **fields)


RINGING = heard("ringing", 0)
ANSWERED = heard("answered", 8, target="101")
ENDED = heard("ended", 68)


def test_a_call_told_by_hearsay_alone_goes_its_way() -> None:
    state = folded(RINGING, ANSWERED, ENDED, now=70)
    assert (state.state, state.last_talker, state.owner) == ("answered", "anna", "anna")
    assert state.owner_sure, "who picked up a call that came in is signed"
    assert state.duration_s == 60


@pytest.mark.parametrize(
    "foreign",
    [
        pytest.param(heard("ended", 5, caller="89990000000"), id="an end"),
        pytest.param(heard("answered", 5, caller="89990000000", target="102"), id="an answer"),
        pytest.param(heard("leg_ringing", 5, caller="89990000000", target="102"), id="a phone"),
    ],
)
def test_what_names_another_caller_is_of_another_call(foreign: CallEvent) -> None:
    assert folded(RINGING, foreign, now=9) == folded(RINGING, now=9)


def test_a_phone_that_no_plan_rang_does_not_ring_by_hearsay() -> None:
    ringing = heard("leg_ringing", 2, target="103")
    assert "vera" not in held(folded(RINGING, ringing, now=3), 3)
    sure = event("leg_ringing", "c1", at(2), target="103")
    assert "vera" in held(folded(RINGING, sure, now=3), 3)


def test_the_line_itself_does_not_talk() -> None:
    state = folded(RINGING, heard("answered", 3, target=LINE_NUMBER), now=9)
    assert state.state == "ringing"


def test_a_length_that_is_hearsay_makes_nobody_responsible() -> None:
    """Who hung up after two seconds owns nothing, whatever the end says of its length."""
    ended = {"duration_s": 3000, "target": "101"}
    assert folded(RINGING, ANSWERED, heard("ended", 10, **ended), now=11).owner is None
    assert folded(RINGING, ANSWERED, event("ended", "c1", at(10), **ended), now=11).owner == "anna"


@pytest.mark.parametrize("hearsay", [True, False])
def test_who_called_out_is_sure_only_if_it_is_signed(*, hearsay: bool) -> None:
    out = {"direction": "out", "caller": "101", "called": "89161234567", "hearsay": hearsay}
    events = (
        event("dialing", "c1", at(0), target="101", **out),
        event("ended", "c1", at(80), target="101", duration_s=60, **out),
    )
    state = folded(*events, told=(), now=90)
    assert (state.owner, state.owner_sure) == ("anna", not hearsay)
