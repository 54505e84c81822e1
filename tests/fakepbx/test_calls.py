from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from callrouter.fakepbx import GOOD, Habits, play_virtual
from tests.fakepbx.desk import THEN
from tests.fakepbx.examples import MAIN, PEOPLE, START, a_pbx
from tests.fakepbx.one_call import EVERYBODY, NOBODY, in_short, plan, play_one, step


@pytest.mark.parametrize(
    ("answers", "habits", "told"),
    [
        pytest.param(
            [plan(step("101"))],
            EVERYBODY,
            "ringing leg_ringing:101 answered:101 leg_ended:101 ended:101=completed recording:101",
            id="the first phone answers",
        ),
        pytest.param(
            [plan(step("101"), step("102"), record=False)],
            replace(NOBODY, outsider_picks_up=1),
            "ringing leg_ringing:101 leg_failed:101=no_answer leg_ringing:102 leg_failed:102=no_answer"
            " leg_ringing:+74950000000 answered:+74950000000 leg_ended:+74950000000"
            " ended:+74950000000=completed",
            id="nobody answers: the last resort",
        ),
        pytest.param(
            [plan(step("101"))],
            replace(NOBODY, outsider_picks_up=0),
            "ringing leg_ringing:101 leg_failed:101=no_answer leg_ringing:+74950000000"
            " leg_failed:+74950000000=no_answer ended=no_answer",
            id="not even the last resort",
        ),
        pytest.param(
            [plan(step("101"), ask_again=True), plan(step("102"))],
            replace(NOBODY, outsider_picks_up=0),
            "ringing leg_ringing:101 leg_failed:101=no_answer next leg_ringing:102"
            " leg_failed:102=no_answer leg_ringing:+74950000000 leg_failed:+74950000000=no_answer"
            " ended=no_answer",
            id="told to ask again, it asks",
        ),
        pytest.param(
            [plan(step("101"), ask_again=True), None],
            replace(NOBODY, outsider_picks_up=0),
            "ringing leg_ringing:101 leg_failed:101=no_answer next leg_ringing:+74950000000"
            " leg_failed:+74950000000=no_answer ended=no_answer",
            id="asks again, hears nothing: the last resort",
        ),
        pytest.param(
            [plan(step("101", "102", mode="all"))],
            replace(NOBODY, unreachable=1, outsider_picks_up=0),
            "ringing leg_failed:101=unreachable leg_failed:102=unreachable"
            " leg_ringing:+74950000000 leg_failed:+74950000000=no_answer ended=no_answer",
            id="all fail at once: on without waiting",
        ),
        pytest.param(
            [{"decision": "wait", "wait_s": 7, "ask_again": True, "then": THEN}, plan(step("101"))],
            EVERYBODY,
            "ringing next leg_ringing:101 answered:101 leg_ended:101 ended:101=completed recording:101",
            id="waits, then asks",
        ),
        pytest.param(
            [{"decision": "message", "text": "Завтра", "record": True, "max_s": 60, "then": THEN}],
            EVERYBODY,
            "ringing answered ended=completed recording",
            id="a message, and what the caller left",
        ),
        pytest.param(
            [{"decision": "message", "play": "hours", "then": THEN}],
            EVERYBODY,
            "ringing answered ended=completed",
            id="a message, nothing recorded",
        ),
        pytest.param(
            [{"decision": "reject", "reason": "blocked"}],
            EVERYBODY,
            "ringing ended=rejected",
            id="rejected",
        ),
    ],
)
def test_a_call_goes_as_it_was_told(answers: list[Any], habits: Habits, told: str) -> None:
    record = [
        a | {"record": True} if a and a.get("steps") and "record" not in a else a for a in answers
    ]
    sent, truth = play_one(record, habits)
    assert " ".join(map(in_short, sent)) == told
    assert truth.bad_answers == []


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(None, id="no answer"),
        pytest.param({"decision": "none"}, id="no opinion"),
        pytest.param({"decision": "dance"}, id="a word it does not know"),
        pytest.param(plan(step("101", "102", mode="one")), id="two managers in a step of one"),
        pytest.param(plan(step("101; rm")), id="a dial that must not be dialled"),
        pytest.param({"decision": "connect", "steps": []}, id="no last resort"),
        pytest.param(
            plan(step("101", manager="anna"), step("102", manager="anna")), id="a manager twice"
        ),
        pytest.param(
            plan(step("101", manager="anna"), step("101", manager="boris")), id="a leg twice"
        ),
    ],
)
def test_told_nothing_it_can_use_it_rings_by_itself(answer: Any) -> None:
    account = replace(MAIN, rings=("108",))
    sent, truth = play_one([answer], EVERYBODY, account=account)
    told = "ringing leg_ringing:108 answered:108 leg_ended:108 ended:108=completed"
    assert " ".join(map(in_short, sent)) == told
    assert {call.routed_by for call in truth.calls.values()} == {"pbx"}


def test_the_asking_says_who_was_tried() -> None:
    sent, _ = play_one(
        [plan(step("101", "102", mode="all"), ask_again=True), plan(ask_again=True), plan()],
        replace(NOBODY, outsider_picks_up=0),
    )
    tried = [
        {"target": "101", "reason": "no_answer"},
        {"target": "102", "reason": "no_answer"},
    ]
    asked = [(p["attempt"], p["tried"]) for p in sent if p["event"] == "next"]
    assert asked == [(1, tried), (2, tried)]


@pytest.mark.parametrize(
    ("reported", "failed"),
    [pytest.param(True, 3, id="good manners"), pytest.param(False, 0, id="bad manners")],
)
def test_the_losers_of_a_step_of_all(*, reported: bool, failed: int) -> None:
    sent, _ = play_one(
        [plan(step("101", "102", "103", "104", mode="all"))],
        EVERYBODY,
        replace(GOOD, losers_reported=reported),
    )
    events = Counter(payload["event"] for payload in sent)
    assert events["leg_ringing"] == 4
    assert events["answered"] == 1
    assert events["leg_failed"] == failed


def test_the_other_phone_of_one_manager_is_reported() -> None:
    sent, _ = play_one(
        [plan(step("101", "+79160001001", manager="anna"))],
        EVERYBODY,
        replace(GOOD, losers_reported=False),
    )
    assert [p["reason"] for p in sent if p["event"] == "leg_failed"] == ["answered_elsewhere"]


def test_a_busy_phone_says_so_and_rings_by_call_waiting() -> None:
    def events(call_waiting: float) -> Counter[str]:
        pbx = a_pbx(
            manners=GOOD, habits=replace(EVERYBODY, call_waiting=call_waiting), people=PEOPLE[:1]
        )
        sent: list[str] = []

        def send(hook: Any, at: datetime) -> Any:
            sent.append(in_short(hook.payload))
            return plan(step("101")) if hook.ask else None

        def ask_for_one(moment: datetime) -> None:
            if not pbx.truth.calls:
                pbx.call(kind="busy")

        play_virtual(pbx, send, start=START, hours=0.02, tick=ask_for_one)
        return Counter(sent)

    assert events(0)["leg_failed:101=busy"] == 1
    assert events(0)["answered:101"] == 1
    assert events(1)["leg_failed:101=busy"] == 0
    assert events(1)["answered:101"] == 2
