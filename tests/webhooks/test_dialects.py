"""What a PBX takes out of an answer by its own rules is exactly what was planned."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import example, given, settings

from callrouter.domain.decisions import (
    Connect,
    Decision,
    Message,
    NoOpinion,
    PlanStep,
    Reject,
    Target,
    Wait,
)
from callrouter.domain.phones import clean_text, is_dialable
from tests.webhooks.decisions import EVIL, bad_dial, good_dial, plans, texts
from tests.webhooks.examples import ACCOUNT, PLAN, hook
from tests.webhooks.readers import take_apart
from webhooks.providers.pbx import Pbx

pytestmark = pytest.mark.slow

PBX = Pbx(ACCOUNT, ())

FORBIDDEN = set("${}()[]<>|&;,=\"'\\`\r\n\0\u202e\u200b")


def as_json(decision: Decision) -> dict[str, object]:
    found = json.loads(PBX.answer(decision, hook()).body)
    assert isinstance(found, dict)
    return found


def as_asterisk(decision: Decision) -> dict[str, str]:
    return take_apart(PBX.answer(decision, hook(query="as=asterisk")))


def spelt(dial: str) -> str:
    return f"PJSIP/{dial}@trunk" if dial.startswith("+") else f"PJSIP/{dial}"


@given(plans(good_dial, good_dial))
@settings(max_examples=100)
@example(replace(PLAN, caller_name=EVIL[0]))
def test_json_says_exactly_the_plan(plan: Connect) -> None:
    assert as_json(plan) == {
        "call": plan.call,
        "decision": "connect",
        "steps": [
            {
                "ring_s": step.ring_s,
                "mode": step.mode,
                "targets": [
                    {
                        "manager": one.manager,
                        "leg": one.leg,
                        "dial": one.dial,
                        "confirm": one.confirm,
                    }
                    for one in step.targets
                ],
            }
            for step in plan.steps
        ],
        "then": {"dial": plan.then.dial, "leg": "last", "ring_s": plan.then.ring_s},
        "ask_again": plan.ask_again,
        "record": plan.record,
        "caller_name": clean_text(plan.caller_name),
        "card_url": plan.card_url,
        "reason": plan.reason,
    }


@given(plans(good_dial, good_dial))
@settings(max_examples=100)
@example(replace(PLAN, caller_name=EVIL[1]))
def test_asterisk_takes_out_exactly_the_plan(plan: Connect) -> None:
    found = as_asterisk(plan)
    expected = {"decision": "connect", "call": plan.call, "n": str(len(plan.steps))}
    for n, step in enumerate(plan.steps, start=1):
        # Dial() splits at &; nothing in a dial string may be of the dialplan's own signs.
        assert found[f"s{n}_dial"].split("&") == [spelt(one.dial) for one in step.targets]
        assert not set(found.pop(f"s{n}_dial")) & (FORBIDDEN - set("&[]"))  # IPv6
        expected |= {
            f"s{n}_mode": step.mode,
            f"s{n}_ring": str(step.ring_s),
            f"s{n}_legs": ",".join(one.leg for one in step.targets),
            f"s{n}_confirm": "1" if any(one.confirm for one in step.targets) else "0",
        }
    assert found == expected | {
        "then_dial": spelt(plan.then.dial),
        "then_leg": "last",
        "then_ring": str(plan.then.ring_s),
        "name": clean_text(plan.caller_name),
        "record": str(int(plan.record)),
        "ask": str(int(plan.ask_again)),
    }


@given(plans(good_dial | bad_dial, good_dial))
@settings(max_examples=100)
def test_what_is_no_dial_never_leaves(plan: Connect) -> None:
    kept = [
        [one.leg for one in step.targets if is_dialable(one.dial)]
        for step in plan.steps
        if any(is_dialable(one.dial) for one in step.targets)
    ]
    found = as_asterisk(plan)
    assert [found[f"s{n}_legs"].split(",") for n in range(1, int(found["n"]) + 1)] == kept


@given(plans(good_dial, bad_dial))
def test_without_a_last_resort_the_pbx_does_what_it_does(plan: Connect) -> None:
    assert as_json(plan) == {"decision": "none"}
    assert as_asterisk(plan) == {"decision": "none"}
    assert as_json(Message("c", plan.then, "text")) == {"decision": "none"}


@given(texts)
@example(EVIL[2])
def test_free_text_is_harmless_inside_a_dialplan(text: str) -> None:
    for said in (
        as_asterisk(replace(PLAN, caller_name=text))["name"],
        as_asterisk(Message("c", PLAN.then, text=text))["text"],
        as_json(replace(PLAN, caller_name=text))["caller_name"],
        as_json(Message("c", PLAN.then, text=text))["text"],
    ):
        assert isinstance(said, str)
        assert not set(said) & FORBIDDEN
        assert len(said.encode()) <= 64


def test_the_line_of_the_contract() -> None:
    line = PBX.answer(PLAN, hook(query="as=asterisk")).body.decode()
    assert line == (
        "decision=connect&call=01JABC&n=2"
        "&s1_mode=one&s1_ring=20&s1_dial=PJSIP%2F101"
        "&s2_mode=all&s2_ring=25&s2_dial=PJSIP%2F102%26PJSIP%2F103"
        "&s1_legs=a1&s2_legs=a2%2Ca3&s1_confirm=0&s2_confirm=0"
        "&then_dial=PJSIP%2F%2B74950000000%40trunk&then_leg=last&then_ring=60"
        "&name=%D0%98%D0%B2%D0%B0%D0%BD%20%D0%9F%D0%B5%D1%82%D1%80%D0%BE%D0%B2&record=1&ask=0"
    )


def test_the_document_of_the_contract() -> None:
    assert PBX.answer(PLAN, hook()).body.decode() == (
        '{"call": "01JABC", "decision": "connect", "steps": ['
        '{"ring_s": 20, "mode": "one", "targets": ['
        '{"manager": "anna", "leg": "a1", "dial": "101", "confirm": false}]}, '
        '{"ring_s": 25, "mode": "all", "targets": ['
        '{"manager": "boris", "leg": "a2", "dial": "102", "confirm": false}, '
        '{"manager": "vera", "leg": "a3", "dial": "103", "confirm": false}]}], '
        '"then": {"dial": "+74950000000", "leg": "last", "ring_s": 60}, "ask_again": false, '
        '"record": true, "caller_name": "Иван Петров", '
        '"card_url": "https://crm.example/pop/t0k3n", "reason": "responsible"}'
    )


THEN = {"dial": "+74950000000", "leg": "last", "ring_s": 60}
THEN_LINE = {"then_dial": "PJSIP/+74950000000@trunk", "then_leg": "last", "then_ring": "60"}


@pytest.mark.parametrize(
    ("decision", "document", "line"),
    [
        pytest.param(
            Wait("c", 60, PLAN.then, position=3),
            {"call": "c", "decision": "wait", "wait_s": 60, "media": "music", "position": 3}
            | {"ask_again": True, "then": THEN},
            {"call": "c", "decision": "wait", "wait_s": "60", "media": "music", "position": "3"}
            | {"ask_again": "1"}
            | THEN_LINE,
            id="wait",
        ),
        pytest.param(
            Message("c", PLAN.then, text="Мы перезвоним", record=True),
            {"call": "c", "decision": "message", "text": "Мы перезвоним", "record": True}
            | {"max_s": 120, "then": THEN},
            {"call": "c", "decision": "message", "text": "Мы перезвоним", "record": "1"}
            | {"max_s": "120"}
            | THEN_LINE,
            id="a message to say",
        ),
        pytest.param(
            Message("c", PLAN.then, play="custom/closed"),
            {"call": "c", "decision": "message", "play": "custom/closed", "record": False}
            | {"max_s": 120, "then": THEN},
            {"call": "c", "decision": "message", "play": "custom/closed", "record": "0"}
            | {"max_s": "120"}
            | THEN_LINE,
            id="a message to play",
        ),
        pytest.param(
            Message("c", PLAN.then, text="Hello", play="a&System(rm)"),
            {"call": "c", "decision": "message", "text": "Hello", "record": False}
            | {"max_s": 120, "then": THEN},
            {"call": "c", "decision": "message", "text": "Hello", "record": "0"}
            | {"max_s": "120"}
            | THEN_LINE,
            id="an evil file is not played",
        ),
        pytest.param(
            Reject("c", "blocked"),
            {"call": "c", "decision": "reject", "reason": "blocked"},
            {"call": "c", "decision": "reject", "reason": "blocked"},
            id="reject",
        ),
        pytest.param(NoOpinion(), {"decision": "none"}, {"decision": "none"}, id="none"),
    ],
)
def test_the_other_decisions(
    decision: Decision, document: dict[str, object], line: dict[str, str]
) -> None:
    assert as_json(decision) == document
    assert as_asterisk(decision) == line


def test_nothing_left_to_ring() -> None:
    nothing = replace(PLAN, steps=())
    assert as_json(nothing)["steps"] == []
    assert as_asterisk(nothing)["n"] == "0"


def test_numbers_that_the_account_may_not_dial_are_not_rung() -> None:
    account = replace(ACCOUNT, allowed_prefixes=("+7",))
    steps = (
        PlanStep(20, "one", (Target("a1", "101"), Target("a2", "+79161234567"))),
        PlanStep(20, "one", (Target("a3", "+881234567890"),)),
    )
    said = json.loads(Pbx(account, ()).answer(replace(PLAN, steps=steps), hook()).body)
    assert [[one["leg"] for one in step["targets"]] for step in said["steps"]] == [["a1", "a2"]]
