"""Decisions of every kind in every dialect, parsed back: the PBX does what was decided, no more."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import assert_never

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import webhooks.providers
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
from tests.webhooks.decisions import EVIL, decisions, texts
from tests.webhooks.examples import ACCOUNT, PLAN, hook
from tests.webhooks.readers import (
    Heard,
    Ring,
    hear_asterisk,
    hear_freeswitch,
    hear_json,
    hear_rtjson,
)
from webhooks.provider import Answer
from webhooks.providers.pbx import Pbx

pytestmark = pytest.mark.slow

README = Path(webhooks.providers.__file__).with_name("README.md")
READERS: dict[str, Callable[[Answer], Heard]] = {
    "json": hear_json,
    "asterisk": hear_asterisk,
    "rtjson": hear_rtjson,
    "freeswitch": hear_freeswitch,
}
TEMPLATES = {
    "json": [("{dial}", "{dial}"), ("PJSIP/{dial}", "PJSIP/{dial}@trunk")],
    "asterisk": [("PJSIP/{dial}", "PJSIP/{dial}@trunk"), ("Local/{dial}@in/n", "SIP/t/{dial}")],
    "rtjson": [
        ("sip:{dial}@10.0.0.1", "sip:{dial}@10.0.0.2:5080;user=phone"),
        ("{dial}", "{dial}"),
    ],
    "freeswitch": [("user/{dial}", "sofia/gateway/trunk/{dial}"), ("sofia/in/{dial}%x", "{dial}")],
}
UNDIALABLE = PlanStep(20, "one", (Target("a0", "101&102"),))

_PLANS = {"asterisk": {"card_url", "reason"}, "freeswitch": {"call", "card_url", "reason"}}
NOT_SAID = {
    (word, dialect): _PLANS.get(dialect, set())
    if word == "connect" or dialect == "freeswitch"
    else set()
    for word in ("connect", "wait", "message", "reject")
    for dialect in READERS
}
"""What a form has no place for."""


def expected(decision: Decision, dialect: str, spell: Callable[[str], str]) -> Heard:
    """What the PBX is to hear, from the decision alone."""
    match decision:
        case Connect():
            rings, asks = tuple(_rung(decision, dialect, spell)), decision.ask_again
            if dialect == "rtjson" and len(rings) > 1:
                rings, asks = rings[:1], True
            says = {
                "record": str(decision.record).lower(),
                "name": clean_text(decision.caller_name),
                "card_url": decision.card_url,
                "reason": decision.reason,
            }
            heard = Heard("connect", rings, asks_again=asks, says=says)
        case Wait():
            says = {"wait_s": str(decision.wait_s), "media": decision.media}
            says["position"] = str(decision.position)
            heard = Heard("wait", asks_again=True, says=says)
        case Message():
            says = {"record": str(decision.record).lower(), "max_s": str(decision.max_s)}
            if re.fullmatch(r"[A-Za-z0-9_.:/@%+~-]{1,256}", decision.play):
                says["play"] = decision.play
            else:
                says["text"] = clean_text(decision.text)
            heard = Heard("message", says=says)
        case Reject():
            heard = Heard("reject", says={"reason": decision.reason})
        case NoOpinion():
            return Heard("none")
        case _:
            assert_never(decision)
    heard.says["call"] = decision.call
    for name in NOT_SAID[heard.decision, dialect]:
        heard.says.pop(name, None)
    if isinstance(decision, Reject):
        return heard
    then = decision.then
    return replace(heard, last=Ring((spell(then.dial),), ("last",), then.ring_s))


def _rung(plan: Connect, dialect: str, spell: Callable[[str], str]) -> Iterator[Ring]:
    """Each step with those of its phones that may be rung at all."""
    for step in plan.steps:
        targets = [one for one in step.targets if is_dialable(one.dial)]
        confirm = tuple(one.confirm for one in targets)
        if targets:
            yield Ring(
                tuple(spell(one.dial) for one in targets),
                tuple(one.leg for one in targets),
                step.ring_s,
                (any(confirm),) if dialect == "asterisk" else confirm,
                step.mode if dialect in {"json", "asterisk"} else None,
            )


def without_nothing(heard: Heard) -> Heard:
    """An empty text is not told everywhere."""
    return replace(heard, says={name: text for name, text in heard.says.items() if text})


@given(decision=decisions(), which=st.integers(0, 1))
@settings(max_examples=200)
@example(replace(PLAN, caller_name=EVIL[0]), 0)
@example(replace(PLAN, caller_name=EVIL[-3], ask_again=True), 1)
@example(replace(PLAN, steps=()), 0)
@example(replace(PLAN, steps=(UNDIALABLE, *PLAN.steps)), 0)
@example(Message("c", PLAN.then, text=EVIL[-2]), 0)
@example(Message("c", PLAN.then, text="Hello", play="a&System(rm)"), 0)
@example(Wait("c", 5, PLAN.then), 0)
@example(Reject("c", "blocked"), 0)
@example(NoOpinion(), 0)
def test_every_pbx_does_what_was_decided(decision: Decision, which: int) -> None:
    for dialect, hear in READERS.items():
        inside, outside = TEMPLATES[dialect][which]
        account = replace(ACCOUNT, dial_inside=inside, dial_outside=outside)
        answer = Pbx(account, ()).answer(decision, hook(query=f"as={dialect}"))
        told = expected(decision, dialect, partial(spelt, dialect, inside, outside))
        assert without_nothing(hear(answer)) == without_nothing(told), dialect


def spelt(dialect: str, inside: str, outside: str, dial: str) -> str:
    """JSON has bare dials; where Kamailio's form is a SIP address, such a dial is one already."""
    if dialect == "json" or (dialect == "rtjson" and dial.startswith(("sip:", "sips:"))):
        return dial
    return (outside if dial.startswith("+") else inside).replace("{dial}", dial)


@pytest.mark.parametrize("dialect", READERS)
@given(said=texts)
@settings(max_examples=100)
def test_a_text_is_harmless_wherever_it_stands(dialect: str, said: str) -> None:
    for decision in (replace(PLAN, caller_name=said), Message("c", PLAN.then, text=said)):
        answer = Pbx(ACCOUNT, ()).answer(decision, hook(query=f"as={dialect}"))
        heard = READERS[dialect](answer).says
        found = heard.get("name", "") + heard.get("text", "")
        assert found == clean_text(said)
        assert not set(found) & set("${}()[]<>|&;,=\"'\\`\r\n\0\u202e\u200b")


def test_the_document_for_kamailio_is_as_written() -> None:
    text = README.read_text().partition("### `?as=rtjson`")[2].partition("```json\n")[2]
    account = replace(
        ACCOUNT, dial_inside="sip:{dial}@10.0.0.6", dial_outside="sip:{dial}@10.0.0.9"
    )
    answer = Pbx(account, ()).answer(PLAN, hook(query="as=rtjson"), step=1)
    written = json.loads(text.partition("```")[0])
    assert json.loads(answer.body) == written | {"card_url": PLAN.card_url}


def test_a_document_of_freeswitch_is_read_by_its_own_rules() -> None:
    said = hear_freeswitch(Pbx(ACCOUNT, ()).answer(PLAN, hook(query="as=freeswitch")))
    assert [ring.dials for ring in said.rings] == [("PJSIP/101",), ("PJSIP/102", "PJSIP/103")]
    assert said.last == Ring(("PJSIP/+74950000000@trunk",), ("last",), 60)
