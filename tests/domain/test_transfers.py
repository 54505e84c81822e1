"""A transferred call: who is busy with it at every moment, how it ends, and whose it is."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from callrouter.domain.calls import Limits, Told
from callrouter.domain.decisions import LastResort, Message, Wait
from callrouter.domain.events import CallEvent
from tests.domain.folding import RINGING, at, folded, held, shuffled, what_counts
from tests.examples import event

ANSWERED = event("answered", "c1", at(8), leg_ref="a1", target="101")


def transferred(
    when: float, to: str = "102", *, attended: bool = False, **fields: Any
) -> CallEvent:
    kind = {"transfer": "attended", "other_call": "c2"} if attended else {"transfer": "blind"}
    return event("transferred", "c1", at(when), to_target=to, **{"target": "101", **kind, **fields})


BLIND = transferred(40)
ATTENDED = transferred(40, attended=True)
TAKEN = event("answered", "c1", at(45), leg_ref="p2", target="102")
NOT_TAKEN = event("leg_failed", "c1", at(50), leg_ref="p2", target="102", reason="no_answer")
RUNG_BACK = event("leg_ringing", "c1", at(52), leg_ref="p3", target="101")
BACK = event("answered", "c1", at(55), leg_ref="p3", target="101")
ENDED = event("ended", "c1", at(100), reason="completed")


@pytest.mark.parametrize(
    ("events", "now", "state", "busy"),
    [
        pytest.param([], 39, "talking", {"anna": "talk"}, id="before it"),
        pytest.param(
            [BLIND], 40, "ringing", {"anna": "wrap_up", "boris": "ring"}, id="blind: the next rings"
        ),
        pytest.param([BLIND], 71, "ringing", {"boris": "ring"}, id="after the wrap-up"),
        pytest.param([BLIND], 109, "ringing", {"boris": "ring"}, id="a phone rings for so long"),
        pytest.param([BLIND], 111, "answered", {}, id="and no longer, if nothing more is heard"),
        pytest.param(
            [BLIND, TAKEN], 46, "talking", {"anna": "wrap_up", "boris": "talk"}, id="taken"
        ),
        pytest.param([BLIND, NOT_TAKEN], 51, "talking", {"anna": "wrap_up"}, id="not taken"),
        pytest.param(
            [BLIND, NOT_TAKEN, RUNG_BACK],
            53,
            "ringing",
            {"anna": "ring"},
            id="the first is rung back",
        ),
        pytest.param(
            [BLIND, NOT_TAKEN, RUNG_BACK, BACK], 56, "talking", {"anna": "talk"}, id="and answers"
        ),
        pytest.param(
            [BLIND, NOT_TAKEN, BACK], 56, "talking", {"anna": "talk"}, id="though it was not heard"
        ),
        pytest.param(
            [ATTENDED], 40, "talking", {"anna": "wrap_up", "boris": "talk"}, id="attended"
        ),
        pytest.param([ATTENDED], 3639, "talking", {"boris": "talk"}, id="a talk may last so long"),
        pytest.param([ATTENDED], 3640, "answered", {"boris": "wrap_up"}, id="and no longer"),
        pytest.param(
            [ATTENDED, event("leg_ended", "c1", at(60), target="102")],
            61,
            "talking",
            {"anna": "wrap_up", "boris": "wrap_up"},
            id="the second has hung up",
        ),
        pytest.param(
            [BLIND, TAKEN, event("leg_ended", "c1", at(47), leg_ref="a1", duration_s=32)],
            48,
            "talking",
            {"anna": "wrap_up", "boris": "talk"},
            id="the end of the first leg is told late",
        ),
        pytest.param(
            [transferred(40, target=None)],
            41,
            "ringing",
            {"anna": "wrap_up", "boris": "ring"},
            id="whoever talks is who transfers",
        ),
        pytest.param(
            [transferred(40, "999", attended=True)],
            41,
            "talking",
            {"anna": "wrap_up"},
            id="to a phone of nobody",
        ),
    ],
)
def test_who_is_busy_with_it(
    events: list[CallEvent], now: float, state: str, busy: dict[str, str]
) -> None:
    found = folded(RINGING, ANSWERED, *events, now=now, wrap_up=lambda _manager: 30)
    assert found.state == state
    assert {manager: kind for manager, (kind, _) in held(found, now).items()} == busy


def test_the_wrap_up_of_who_transferred_begins_with_the_transfer() -> None:
    told_late = event("leg_ended", "c1", at(60), leg_ref="a1")
    state = folded(RINGING, ANSWERED, ATTENDED, told_late, now=61, wrap_up=lambda _manager: 30)
    assert held(state, 61)["anna"] == ("wrap_up", 9.0)


def test_a_phone_that_is_rung_back_has_two_talks() -> None:
    state = folded(RINGING, ANSWERED, BLIND, NOT_TAKEN, RUNG_BACK, BACK, ENDED, now=200)
    talks = [(leg.ref, leg.seconds()) for leg in state.legs if leg.manager == "anna"]
    assert talks == [("a1", 32.0), ("p3", 45.0)]
    assert (state.duration_s, state.talker, state.last_talker) == (77.0, "anna", "anna")


def test_a_leg_id_of_the_pbx_names_the_leg_that_it_was_first_heard_with() -> None:
    answered = event("answered", "c1", at(9), leg_ref="p7")
    for first in ("101", "103"):
        ringing = event("leg_ringing", "c1", at(2), leg_ref="p7", target=first)
        state = folded(RINGING, ringing, answered, now=10)
        assert state.talker == {"101": "anna", "103": "vera"}[first]


def test_a_failed_ring_of_the_same_phone_before_the_transfer_stays_as_it_was() -> None:
    failed = event("leg_failed", "c1", at(20), leg_ref="a1", target="101", reason="no_answer")
    second = event("answered", "c1", at(25), leg_ref="a2", target="102")
    to_anna = transferred(40, "101", target="102")
    state = folded(RINGING, failed, second, to_anna, now=41)
    anna = [(leg.ref, leg.status, leg.offered) for leg in state.legs if leg.manager == "anna"]
    assert anna == [("a1", "failed", True), ("x:101", "ringing", False)]


def test_who_transfers_has_talked_though_his_answer_was_not_heard() -> None:
    state = folded(RINGING, ATTENDED, now=41)
    assert (state.talker, state.last_talker) == ("anna", "boris")
    assert held(state, 41) == {"boris": ("talk", 3599.0)}


def test_who_picks_up_another_phones_call_has_it_at_once() -> None:
    picked_up = event("answered", "c1", at(6), leg_ref="p9", target="103")
    state = folded(RINGING, picked_up, now=7)
    assert {manager: kind for manager, (kind, _) in held(state, 7).items()} == {"vera": "talk"}
    assert (state.talker, state.owner) == ("vera", "vera")


@pytest.mark.parametrize(
    ("owner", "events", "whose"),
    [
        pytest.param("first", [ATTENDED], "anna", id="first: who talked first"),
        pytest.param("last", [ATTENDED], "boris", id="last: who has it now"),
        pytest.param("last", [BLIND], "anna", id="last: not yet while it only rings"),
        pytest.param(
            "last",
            [ATTENDED, event("ended", "c1", at(45))],
            "anna",
            id="last: not if he hardly talked",
        ),
        pytest.param(
            "first",
            [transferred(12, attended=True)],
            "boris",
            id="first: the second, if the first hardly talked",
        ),
    ],
)
def test_whose_it_is_after_a_transfer(owner: Any, events: list[CallEvent], whose: str) -> None:
    state = folded(RINGING, ANSWERED, *events, now=50, limits=Limits(owner=owner))
    assert state.owner == whose
    assert state.owner_since == {"anna": at(8), "boris": events[0].moment}[whose]


def test_a_reception_that_owns_no_cards_hands_the_owning_on() -> None:
    state = folded(RINGING, ANSWERED, ATTENDED, now=60, owns_cards=lambda one: one != "anna")
    assert (state.talker, state.owner) == ("anna", "boris")


# The call by which the first asked the second


CONSULTATION = [
    event("dialing", "c2", at(20), caller="101", called="102", target="101", direction="internal"),
    event("leg_ringing", "c2", at(21), caller="101", called="102", target="102"),
    event("answered", "c2", at(25), caller="101", called="102", target="102"),
]
INBOUND = [
    event("ringing", "c2", at(20), caller="101", called="102"),
    event("answered", "c2", at(25), caller="101", called="102", target="102"),
]
UNANSWERED = CONSULTATION[:2]
LATE_ENDS = [
    event("leg_ended", "c2", at(41), caller="101", called="102", target="102"),
    event("ended", "c2", at(42), caller="101", called="102", reason="completed"),
]


@pytest.mark.parametrize(
    ("events", "state"),
    [
        pytest.param(CONSULTATION, "answered", id="internal"),
        pytest.param(INBOUND, "answered", id="inbound, as the PBX has it"),
        pytest.param(UNANSWERED, "unanswered", id="before the second answered"),
        pytest.param(INBOUND[:1], "unanswered", id="never missed"),
    ],
)
@pytest.mark.parametrize("ends", [pytest.param([], id="no end"), pytest.param(LATE_ENDS, id="end")])
def test_a_consultation_is_over_with_the_transfer(
    events: list[CallEvent], ends: list[CallEvent], state: str
) -> None:
    assert not folded(*events, told=(), now=26).over
    after = folded(*events, *ends, told=(), now=43, joined=at(40), wrap_up=lambda _manager: 30)
    assert (after.state, after.direction, after.ended_at) == (state, "internal", at(40))
    assert (after.presumed, after.known_end) == (False, None)
    assert held(after, 43) == {}


# Machines


@pytest.mark.parametrize(
    ("events", "state"),
    [
        pytest.param(
            [
                event("answered", "c1", at(8), leg_ref="a1", target="101", by="machine"),
                transferred(20, "+79990000000"),
                event("answered", "c1", at(22), target="+79990000000", by="machine"),
            ],
            "missed",
            id="machines only",
        ),
        pytest.param(
            [ANSWERED, BLIND, event("answered", "c1", at(50), target="102", by="machine")],
            "answered",
            id="a person before the machine",
        ),
    ],
)
def test_a_talk_with_a_machine_is_none(events: list[CallEvent], state: str) -> None:
    assert folded(RINGING, *events, ENDED, now=200).state == state


@pytest.mark.parametrize("said", ["wait", "message"])
def test_a_voicemail_that_answers_after_a_wait_or_a_message_is_no_talk(said: str) -> None:
    then = LastResort("+74950000000", kind="voicemail")
    decision = Wait("call", 30, then) if said == "wait" else Message("call", then, "...")
    told = Told(RINGING.key, 0, 0, at(0), decision)
    answered = event("answered", "c1", at(40), leg_ref="last", target="+74950000000")
    state = folded(RINGING, answered, ENDED, told=(told,), now=200)
    assert (state.state, state.answered_at) == ("missed", None)


HISTORIES = [
    pytest.param(
        [RINGING, ANSWERED, BLIND, NOT_TAKEN, RUNG_BACK, BACK, ENDED], id="blind and back"
    ),
    pytest.param([RINGING, ANSWERED, BLIND, TAKEN, ENDED], id="blind"),
    pytest.param(
        [
            RINGING,
            ANSWERED,
            ATTENDED,
            event("leg_ended", "c1", at(41), leg_ref="a1", duration_s=32),
            event("leg_ended", "c1", at(99), target="102"),
            ENDED,
        ],
        id="attended",
    ),
]


@pytest.mark.parametrize("history", HISTORIES)
@pytest.mark.parametrize("owner", ["first", "last"])
def test_order_lateness_and_repeats_do_not_matter(history: list[CallEvent], owner: Any) -> None:
    chance, long_after, limits = Random(7), 80 * 3600, Limits(owner=owner)
    plain = folded(*history, now=long_after, limits=limits)
    assert plain.state == "answered"
    for _ in range(100):
        heard = shuffled(history, chance, most_s=76 * 3600)
        state = folded(*heard, now=long_after, limits=limits)
        assert what_counts(state) == what_counts(plain)
        assert held(state, long_after) == {}
