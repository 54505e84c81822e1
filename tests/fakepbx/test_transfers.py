"""Talks that are passed on: blindly, or after a word with a colleague."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from callrouter.fakepbx import Course, Truth
from tests.fakepbx.examples import OLD, PEOPLE
from tests.fakepbx.one_call import EVERYBODY, NOBODY, in_short, plan, play_one, step

TWO = PEOPLE[:2]  # so it is known to whom
BLIND = Course(transfer="blind", talk_s=100)
ATTENDED = Course(transfer="attended", talk_s=100)
PLAN = plan(step("101"))


def passed_on(
    course: Course, habits: Any = EVERYBODY, seed: int = 7
) -> tuple[str, list[dict[str, Any]], Truth]:
    sent, truth = play_one([PLAN], habits, people=TWO, course=course, seed=seed)
    main = next(iter(truth.calls))
    return (
        " ".join(in_short(payload) for payload in sent if payload["call_id"] == main),
        sent,
        truth,
    )


def test_a_talk_is_passed_on_blindly() -> None:
    told, sent, truth = passed_on(BLIND)
    assert told == (
        "ringing leg_ringing:101 answered:101 transferred:101 leg_ended:101 leg_ringing:102"
        " answered:102 leg_ended:102 ended:102=completed"
    )
    [transferred] = [p for p in sent if p["event"] == "transferred"]
    assert (transferred["kind"], transferred["to_target"]) == ("blind", "102")
    [call] = truth.calls.values()
    assert [talk.person for talk in call.talks] == ["m1", "m2"]
    lengths = [(talk.until - talk.since).total_seconds() for talk in call.talks if talk.until]
    assert lengths == pytest.approx([40, 60], abs=0.01)
    assert sent[-1]["duration_s"] == 100


@pytest.mark.parametrize(
    "end",
    [
        "leg_failed:102=no_answer leg_ringing:101 answered:101 leg_ended:101 ended:101=completed",
        "leg_failed:102=no_answer leg_ringing:101 leg_failed:101=no_answer ended=no_answer",
    ],
    ids=["it comes back", "nobody is there any more"],
)
def test_a_colleague_does_not_answer(end: str) -> None:
    unsure = replace(NOBODY, picks_up=0.5)
    told = {passed_on(BLIND, unsure, seed)[0] for seed in range(30)}
    begun = "ringing leg_ringing:101 answered:101 transferred:101 leg_ended:101 leg_ringing:102"
    assert f"{begun} {end}" in told


def test_after_a_word_with_the_colleague_he_has_it() -> None:
    told, sent, truth = passed_on(ATTENDED, replace(EVERYBODY, takes_over=1))
    assert told == (
        "ringing leg_ringing:101 answered:101 transferred:101 leg_ended:101"
        " leg_ended:102 ended:102=completed"
    )
    main, aside = truth.calls.values()
    assert (aside.direction, aside.consults, aside.caller) == ("internal", main.call_id, None)
    [transferred] = [p for p in sent if p["event"] == "transferred"]
    assert transferred["other_call_id"] == aside.call_id
    assert transferred["kind"] == "attended"
    theirs = [p for p in sent if p["call_id"] == aside.call_id]
    assert " ".join(map(in_short, theirs)) == (
        "dialing:101 leg_ringing:102 answered:102 ended=completed"
    )
    assert {p["direction"] for p in theirs} == {"internal"}
    assert [p["called"] for p in theirs[:1]] == ["102"]
    assert [talk.person for talk in main.talks] == ["m1", "m2"]
    assert aside.ended == main.talks[1].since, "the consultation ends where the talk goes on"
    assert not any(talk.waiting for talk in main.talks)


def test_a_colleague_who_will_not_have_it_leaves_it_where_it_is() -> None:
    told, _, truth = passed_on(ATTENDED, replace(EVERYBODY, takes_over=0))
    assert told == ("ringing leg_ringing:101 answered:101 leg_ended:101 ended:101=completed")
    main, aside = truth.calls.values()
    assert main.passed_on == []
    assert aside.end == "completed"


def test_a_colleague_who_does_not_answer_is_consulted_in_vain() -> None:
    unsure = replace(NOBODY, picks_up=0.5)
    played = [passed_on(ATTENDED, unsure, seed)[2] for seed in range(20)]
    pairs = [tuple(truth.calls.values()) for truth in played if len(truth.calls) == 2]
    vain = [(main, aside) for main, aside in pairs if aside.end == "no_answer"]
    assert vain
    for main, _ in vain:
        assert (main.end, main.passed_on) == ("completed", [])
        assert [talk.person for talk in main.talks] == ["m1"]


def test_without_ids_it_is_told_by_the_phones() -> None:
    sent, _ = play_one([PLAN], EVERYBODY, account=OLD, people=TWO, course=BLIND)
    [transferred] = [p for p in sent if p["event"] == "transferred"]
    assert (transferred["target"], transferred["to_target"]) == ("101", "102")
    assert "leg_id" not in transferred
