"""Callers who are kept waiting, rejected, or come back from a phone that we ring."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from callrouter.fakepbx import GOOD, Callers, Course, Person, play_virtual
from tests.fakepbx.desk import THEN, Desk
from tests.fakepbx.examples import CALLERS, DIALS, MAIN, START, a_pbx
from tests.fakepbx.one_call import EVERYBODY, NOBODY, ONE_CALL, in_short, plan, play_one, step

WAIT = {"call": "C", "decision": "wait", "wait_s": 5, "ask_again": True, "then": THEN}
MOBILE = "+79160010001"


def short(sent: list[dict[str, Any]]) -> str:
    return " ".join(map(in_short, sent))


def test_who_waits_is_asked_for_again_with_a_rising_attempt() -> None:
    sent, truth = play_one([WAIT, WAIT, WAIT | {"wait_s": 3}, plan(step("101"))], EVERYBODY)
    asked = [payload for payload in sent if payload["event"] == "next"]
    assert [payload["attempt"] for payload in asked] == [1, 2, 3]
    [call] = truth.calls.values()
    waits = [moment - call.began for moment in call.waits]
    assert waits == [timedelta(seconds=s) for s in (0, 5, 10)]
    assert call.rings[0].since == call.began + timedelta(seconds=13)
    assert call.end == "completed"


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        pytest.param([WAIT, None, plan(step("101"))], "ringing next next ", id="it asks again"),
        pytest.param(
            [WAIT, None, None], "ringing next next leg_ringing:+74950000000", id="then no more"
        ),
        pytest.param(
            [WAIT, None, WAIT, None, plan(step("101"))],
            "ringing next next next next leg_ringing:101",
            id="each time anew",
        ),
    ],
)
def test_a_lost_answer_does_not_yet_cost_the_place(answers: list[Any], told: str) -> None:
    sent, _ = play_one(answers, EVERYBODY)
    assert short(sent).startswith(told)


def test_a_question_asked_twice_is_the_same_attempt() -> None:
    sent, _ = play_one([WAIT, WAIT, None, WAIT, plan()], EVERYBODY)
    assert [p["attempt"] for p in sent if p["event"] == "next"] == [1, 2, 2, 3]


@pytest.mark.parametrize(
    ("course", "seconds"),
    [
        pytest.param(Course(waits_s=12), 12, id="tired of waiting"),
        pytest.param(Course(patience_s=7), 7, id="tired of it all"),
    ],
)
def test_a_waiting_caller_hangs_up(course: Course, seconds: int) -> None:
    sent, truth = play_one([WAIT] * 20, EVERYBODY, course=course)
    assert in_short(sent[-1]) == "ended=caller_hung_up"
    [call] = truth.calls.values()
    assert call.ended == call.began + timedelta(seconds=seconds)


def test_who_hung_up_tries_again_within_two_minutes() -> None:
    habits = replace(NOBODY, gap_s=(5, 20), hangs_up=1, tries_again=1)
    pbx = a_pbx(manners=GOOD, habits=habits)
    truth = play_virtual(pbx, Desk(DIALS, plain=True), start=START, hours=0.3)
    again = [call for call in truth.calls.values() if call.redial_of]
    olds = [truth.calls[call.redial_of or ""] for call in again]
    assert len(again) > 20
    assert truth.counts["second_tries"] >= len(again)
    gaps = [new.began - (old.ended or START) for new, old in zip(again, olds, strict=True)]
    assert all(timedelta(0) < gap < timedelta(seconds=120) for gap in gaps)


def test_a_blocked_caller_is_rejected_and_stops() -> None:
    callers = Callers(blocked=("+79430000000",), mix={"blocked": 1})
    habits = replace(EVERYBODY, gap_s=(20, 30), tries_again=1)
    truth = play_virtual(
        a_pbx(manners=GOOD, habits=habits, callers=callers), Desk(DIALS), start=START, hours=0.3
    )
    calls = truth.calls.values()
    assert len(calls) > 20
    assert {(call.kind, call.end, call.redial_of) for call in calls} == {
        ("blocked", "rejected", None)
    }


def test_nobody_of_a_kind_without_numbers_calls() -> None:
    callers = replace(CALLERS, mix={"blocked": 99, "known": 1})
    pbx = a_pbx(manners=GOOD, habits=replace(ONE_CALL, gap_s=(5, 9)), callers=callers)
    truth = play_virtual(pbx, Desk(DIALS), start=START, hours=0.1)
    assert {call.kind for call in truth.calls.values()} == {"known"}


# A mobile


def mobile_step(*, confirm: bool = False) -> dict[str, Any]:
    target = {"manager": "anna", "leg": "a1", "dial": MOBILE, "confirm": confirm}
    return {"ring_s": 20, "mode": "one", "targets": [target]}


ANNA = (Person("anna", ("101", MOBILE)), Person("boris", ("102",)))
MACHINE = replace(NOBODY, machine=1, outsider_picks_up=0)


def test_a_mobile_that_nobody_takes_is_answered_by_a_machine() -> None:
    sent, truth = play_one([plan(mobile_step())], MACHINE, people=ANNA)
    assert short(sent) == (
        f"ringing leg_ringing:{MOBILE} answered:{MOBILE} leg_ended:{MOBILE}"
        f" ended:{MOBILE}=completed"
    )
    [answered] = [payload for payload in sent if payload["event"] == "answered"]
    assert answered["by"] == "machine"
    [call] = truth.calls.values()
    assert call.machine
    assert call.talks == [], "nobody talked"


@pytest.mark.parametrize(
    ("habits", "failed"),
    [
        pytest.param(replace(EVERYBODY, presses_key=1), 0, id="who presses the key talks"),
        pytest.param(replace(EVERYBODY, presses_key=0), 1, id="who does not is not there"),
        pytest.param(MACHINE, 1, id="a machine presses none"),
    ],
)
def test_a_target_to_be_confirmed(habits: Any, failed: int) -> None:
    sent, truth = play_one(
        [plan(mobile_step(confirm=True), step("102"))], habits, people=ANNA, course=Course()
    )
    reasons = [p["reason"] for p in sent if p["event"] == "leg_failed" and p["target"] == MOBILE]
    assert reasons == ["no_answer"] * failed
    assert all("by" not in p for p in sent if p["event"] == "answered")
    [call] = truth.calls.values()
    assert [talk.dial for talk in call.talks[:1]] == ([MOBILE] if not failed else call_of(habits))


def call_of(habits: Any) -> list[str]:
    """Who takes the call in the end."""
    return ["102"] if habits.picks_up else []


FORWARDS = replace(NOBODY, forwards=1, outsider_picks_up=0)
LOOP = {"call": "C2", "decision": "reject", "reason": "loop"}


def test_a_mobile_sends_our_call_back_to_our_line() -> None:
    sent, truth = play_one([plan(mobile_step(), step("102")), LOOP], FORWARDS, people=ANNA)
    mother, loop = truth.calls.values()
    back = next(p for p in sent if p["call_id"] == loop.call_id and p["event"] == "ringing")
    assert back["diverted_from"] == MOBILE
    assert (back["caller"], back["called"]) == (mother.caller, MAIN.lines[0])
    assert (loop.loop_of, loop.end) == (mother.call_id, "rejected")
    assert loop.began > mother.rings[0].since
    told = [in_short(p) for p in sent if p["call_id"] == mother.call_id]
    assert f"leg_failed:{MOBILE}=busy" in told, "rejected, the loop fails the phone that made it"
    assert mother.rings[-1].dial == THEN["dial"]


def test_a_loop_that_was_not_noticed_ends_with_the_ring_that_made_it() -> None:
    sent, truth = play_one(
        [plan(mobile_step(), step("102")), plan(step("102"))], FORWARDS, people=ANNA
    )
    mother, loop = truth.calls.values()
    assert loop.end == "caller_hung_up"
    assert loop.ended == mother.rings[0].until
    assert "leg_ringing:102" in short(sent)


@pytest.mark.parametrize(
    ("where", "told"),
    [
        pytest.param("dnd", "leg_failed:101=dnd", id="do not disturb"),
        pytest.param("offline", "leg_failed:101=offline", id="not registered"),
        pytest.param("busy", "leg_failed:101=busy", id="in use"),
        pytest.param("pause", "leg_failed:101=no_answer", id="at lunch"),
        pytest.param("away", "leg_failed:101=no_answer", id="gone without a word"),
    ],
)
def test_a_phone_whose_owner_is_not_there(where: Any, told: str) -> None:
    def begin(pbx: Any) -> None:
        pbx.move(pbx.people[0], where)
        pbx.call(kind="known", course=Course())

    sent, truth = play_one([plan(step("101"), step("102"))], EVERYBODY, begin=begin)
    assert told in [in_short(payload) for payload in sent]
    [call] = truth.calls.values()
    assert [talk.dial for talk in call.talks] == ["102"]
