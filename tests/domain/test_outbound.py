"""Calling out: who dials is busy from the first event on, and only a talk counts as one."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import pytest

from callrouter.domain.calls import direction_of
from callrouter.domain.events import CallEvent
from callrouter.domain.setup import Manager
from callrouter.domain.targets import diverter, phones_of
from tests.domain.folding import at, folded, held, shuffled, what_counts
from tests.examples import LINE_NUMBER, MONDAY_NOON, SETUP, event

CUSTOMER = "89161234567"


def out(kind: Any, when: float, **fields: Any) -> CallEvent:
    """An event of a call out by Anna."""
    return event(kind, "c1", at(when), **{"caller": LINE_NUMBER, "called": CUSTOMER, **fields})


def inside(kind: Any, when: float, **fields: Any) -> CallEvent:
    """An event of a call from Anna to Boris."""
    given = {"caller": "101", "called": "102", "direction": "internal", **fields}
    return event(kind, "c1", at(when), **given)


DIALING = out("dialing", 0, target="101")
ANSWERED = out("answered", 8)
ENDED = out("ended", 68, reason="completed", duration_s=60)


@pytest.mark.parametrize(
    "first",
    [
        pytest.param(DIALING, id="dialing"),
        pytest.param(
            out("ringing", 0, target="101", direction="out"), id="ringing, said to be out"
        ),
        pytest.param(out("dialing", 0, caller="101"), id="the caller is the phone"),
        pytest.param(out("dialing", 0, leg_ref="p1", target="101"), id="with a leg of the PBX"),
        pytest.param(out("leg_ringing", 0, target="101", direction="out"), id="dialing was lost"),
        pytest.param(
            out("leg_ringing", 0, caller="101", target=CUSTOMER, direction="out"),
            id="dialing was lost, the other side is named",
        ),
    ],
)
def test_who_dials_is_busy_from_the_first_event_on(first: CallEvent) -> None:
    rings = folded(first, told=(), now=1)
    assert (rings.state, rings.direction, rings.dialer) == ("ringing", "out", "anna")
    assert held(rings, 1) == {"anna": ("ring", 69.0)}
    talks = folded(first, ANSWERED, told=(), now=9)
    assert (talks.state, talks.talker) == ("talking", "anna")
    assert held(talks, 9) == {"anna": ("talk", 3599.0)}
    assert held(folded(first, ANSWERED, ENDED, told=(), now=69), 69) == {}
    assert not any(leg.offered for leg in talks.legs)


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"target": CUSTOMER}, id="the other side's number"),
        pytest.param({"target": "101"}, id="our phone"),
        pytest.param({"leg_ref": "p2"}, id="a leg not heard of"),
        pytest.param({"leg_ref": "p2", "target": CUSTOMER}, id="a leg and the other side"),
        pytest.param({"leg_ref": "p1"}, id="our leg"),
        pytest.param({"leg_ref": "p1", "target": CUSTOMER}, id="our leg and the other side"),
    ],
)
def test_whatever_an_answer_names_it_is_the_dialing_managers(fields: dict[str, str]) -> None:
    dialing = out("dialing", 0, leg_ref="p1", target="101")
    state = folded(dialing, out("answered", 8, **fields), told=(), now=9)
    assert [(leg.manager, leg.status) for leg in state.legs] == [("anna", "talking")]
    over = folded(dialing, out("answered", 8), out("leg_ended", 20, **fields), told=(), now=21)
    assert held(over, 21) == {}


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param([ANSWERED, ENDED], ("answered", "anna", 60), id="talked"),
        pytest.param([out("ended", 30)], ("unanswered", None, None), id="nobody answered"),
        pytest.param([], ("unanswered", None, None), id="nothing more was heard"),
        pytest.param(
            [out("leg_failed", 9, target=CUSTOMER, reason="busy"), out("ended", 10)],
            ("unanswered", None, None),
            id="busy",
        ),
        pytest.param(
            [out("answered", 8, by="machine"), ENDED],
            ("unanswered", None, 60),
            id="a machine answered",
        ),
        pytest.param([ENDED], ("answered", "anna", 60), id="the answer was not heard"),
        pytest.param(
            [out("ended", 30, duration_s=0)], ("unanswered", None, 0), id="0 s: nobody talked"
        ),
    ],
)
def test_how_a_call_out_ends(
    events: list[CallEvent], expected: tuple[str, str | None, float | None]
) -> None:
    state = folded(DIALING, *events, told=(), now=4000)
    assert (state.state, state.talker, state.duration_s) == expected
    assert state.dialer == "anna"
    assert held(state, 4000) == {}


@pytest.mark.parametrize("target", ["101", CUSTOMER, None])
def test_a_failed_try_frees_who_dialed_at_once(target: str | None) -> None:
    failed = out("leg_failed", 9, target=target, reason="busy")
    state = folded(DIALING, failed, told=(), now=10)
    assert held(state, 10) == {}
    assert [leg.reason for leg in state.legs] == ["busy"]
    again = folded(DIALING, failed, out("dialing", 12, target="101", key="2"), told=(), now=13)
    assert held(again, 13) == {"anna": ("ring", 69.0)}


def test_one_that_is_dialed_too_long_is_presumed_over() -> None:
    assert held(folded(DIALING, told=(), now=69), 69) == {"anna": ("ring", 1.0)}
    state = folded(DIALING, told=(), now=70)
    assert (state.state, state.presumed) == ("unanswered", True)


def test_a_call_out_that_nobody_of_ours_made_holds_nobody() -> None:
    state = folded(out("dialing", 0, target="999"), ANSWERED, told=(), now=9)
    assert (state.state, state.dialer, state.talker) == ("talking", None, None)
    assert [(leg.dial, leg.manager) for leg in state.legs] == [("999", None)]


def test_a_call_out_may_be_transferred() -> None:
    moved = out("transferred", 20, target="101", to_target="102", transfer="blind")
    state = folded(DIALING, ANSWERED, moved, told=(), now=21, wrap_up=lambda _manager: 30)
    assert held(state, 21) == {"anna": ("wrap_up", 29.0), "boris": ("ring", 69.0)}
    taken = folded(DIALING, ANSWERED, moved, out("answered", 25), told=(), now=26)
    assert held(taken, 26) == {"boris": ("talk", 3599.0)}
    assert (taken.talker, taken.last_talker, taken.dialer) == ("anna", "boris", "anna")


# Internal calls


CALLS = inside("dialing", 0, target="101")


@pytest.mark.parametrize(
    ("events", "now", "busy"),
    [
        pytest.param([], 1, {"anna": "ring", "boris": "ring"}, id="both from the first event on"),
        pytest.param(
            [inside("answered", 5)], 6, {"anna": "talk", "boris": "talk"}, id="an answer of nobody"
        ),
        pytest.param(
            [inside("answered", 5, target="102")],
            6,
            {"anna": "talk", "boris": "talk"},
            id="of who was called",
        ),
        pytest.param(
            [inside("answered", 5, target="101")],
            6,
            {"anna": "talk", "boris": "talk"},
            id="of who calls",
        ),
        pytest.param(
            [inside("answered", 5, target="103")],
            6,
            {"anna": "talk", "vera": "talk"},
            id="picked up by a third",
        ),
        pytest.param(
            [inside("leg_failed", 5, target="102", reason="busy")],
            6,
            {},
            id="who was called is busy",
        ),
        pytest.param([inside("answered", 5), inside("leg_ended", 9)], 10, {}, id="hung up"),
        pytest.param(
            [inside("answered", 5), inside("leg_ended", 9, target="102")],
            10,
            {"anna": "talk"},
            id="one has hung up",
        ),
        pytest.param([inside("answered", 5), inside("ended", 9)], 10, {}, id="ended"),
    ],
)
def test_both_managers_of_an_internal_call_are_busy(
    events: list[CallEvent], now: float, busy: dict[str, str]
) -> None:
    state = folded(CALLS, *events, told=(), now=now)
    assert {manager: kind for manager, (kind, _) in held(state, now).items()} == busy
    assert (state.direction, state.dialer) == ("internal", "anna")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param([inside("answered", 5)], ("answered", 20.0), id="talked"),
        pytest.param([inside("answered", 5, by="machine")], ("unanswered", None), id="a voicemail"),
        pytest.param([], ("unanswered", None), id="never missed"),
    ],
)
def test_how_an_internal_call_ends(
    answer: list[CallEvent], expected: tuple[str, float | None]
) -> None:
    state = folded(CALLS, *answer, inside("ended", 25), told=(), now=30)
    assert (state.state, state.duration_s) == expected


@pytest.mark.parametrize(
    ("events", "direction"),
    [
        pytest.param([event("ringing")], "in", id="ringing"),
        pytest.param([event("ringing", direction="out")], "out", id="ringing out"),
        pytest.param([event("dialing")], "out", id="dialing"),
        pytest.param([event("dialing", direction="internal")], "internal", id="internal"),
        pytest.param(
            [event("ringing"), event("dialing", "c1", at(9))], "in", id="dialled on from within"
        ),
        pytest.param(
            [event("ringing"), event("answered", "c1", at(9), direction="out")],
            "in",
            id="what began it outweighs what came later",
        ),
        pytest.param([event("answered", direction="out")], "out", id="its beginning was not heard"),
        pytest.param([event("answered")], "in", id="nothing is said"),
    ],
)
def test_who_calls_whom(events: list[CallEvent], direction: str) -> None:
    assert direction_of(events) == direction
    assert direction_of(reversed(events)) == direction


HISTORIES = [
    pytest.param(
        [
            out("dialing", 0, target="101", leg_ref="p1"),
            out("leg_ringing", 2, target=CUSTOMER, leg_ref="p2"),
            out("answered", 8, target=CUSTOMER, leg_ref="p2"),
            out("leg_ended", 66, leg_ref="p1", duration_s=58),
            ENDED,
        ],
        id="out",
    ),
    pytest.param(
        [DIALING, out("leg_failed", 9, target=CUSTOMER, reason="no_answer"), out("ended", 10)],
        id="tried",
    ),
    pytest.param([CALLS, inside("answered", 5, target="102"), inside("ended", 25)], id="internal"),
]


@pytest.mark.parametrize("history", HISTORIES)
def test_order_lateness_and_repeats_do_not_matter(history: list[CallEvent]) -> None:
    chance, long_after = Random(3), 80 * 3600
    plain = folded(*history, told=(), now=long_after)
    for _ in range(100):
        heard = shuffled(history, chance, most_s=76 * 3600)
        state = folded(*heard, told=(), now=long_after)
        assert what_counts(state) == what_counts(plain)
        assert held(state, long_after) == {}


# Whose phone it is


ANNA = Manager("anna", "Анна", ("101", "+79160000001"), phones=("8 (916) 000-00-02",))


@pytest.mark.parametrize(
    ("named", "manager"),
    [
        pytest.param("101", "anna", id="an inside dial"),
        pytest.param("PJSIP/101-0000001a", "anna", id="a channel"),
        pytest.param("sip:101@pbx.local", "anna", id="an address"),
        pytest.param('"Anna" <sip:101@pbx.local>;reason=unconditional', "anna", id="a header"),
        pytest.param("89160000001", "anna", id="a dial outside, as people write it"),
        pytest.param("tel:+7-916-000-00-01", "anna", id="a dial outside, as an address"),
        pytest.param("+79160000002", "anna", id="a phone of his own"),
        pytest.param("9160000002", "anna", id="a phone of his own, without a country"),
        pytest.param("+79161234567", None, id="a customer's"),
        pytest.param(LINE_NUMBER, None, id="a line's"),
        pytest.param("", None, id="nobody"),
        pytest.param(None, None, id="nothing"),
    ],
)
def test_whose_phone_is_named(named: str | None, manager: str | None) -> None:
    setup = replace(SETUP, manager=(ANNA, *SETUP.manager[1:]))
    assert diverter(setup, "main", named) == manager
    assert phones_of(setup, "main")(named, MONDAY_NOON, ()).manager == manager


def test_a_phone_that_two_share_was_diverted_by_nobody_we_know_for_sure() -> None:
    two = (replace(ANNA, shift="Mo-Fr 09:00-14:00"), Manager("olga", "Ольга", "101", shift="Sa"))
    assert diverter(replace(SETUP, manager=two), "main", "101") is None
