"""Whether a talk is recorded is part of the decision, and why says which it was."""

from __future__ import annotations

from dataclasses import replace

import pytest

from callrouter.domain.decisions import Can, Connect
from callrouter.domain.recording import Recorded
from callrouter.domain.routing import CallerFacts, decide
from callrouter.wording.details import why_details
from callrouter.wording.sentences import why_text
from tests.examples import CALL, FACTS, LINE, MONDAY_NOON, SETUP

WAYS = [
    (True, False, True, "yes"),
    (False, False, True, "line"),
    (True, True, True, "asked"),
    (True, False, False, "pbx"),
    (False, True, False, "asked"),
    (False, False, False, "line"),
]


@pytest.mark.parametrize(("line", "asked", "able", "found"), WAYS)
def test_line_caller_and_pbx_each_have_a_say(
    *, line: bool, asked: bool, able: bool, found: Recorded
) -> None:
    call = replace(CALL, line=replace(LINE, recording=line))
    facts = replace(FACTS, caller=CallerFacts(unrecorded=asked))
    decided = decide(call, facts, Can(record=able), now=MONDAY_NOON)
    assert isinstance(decided.decision, Connect)
    assert decided.decision.record is (found == "yes")
    assert decided.why.recorded == found


def test_why_says_that_the_caller_asked_for_it() -> None:
    call = replace(CALL, line=replace(LINE, recording=True))
    facts = replace(FACTS, caller=CallerFacts(unrecorded=True))
    why = decide(call, facts, Can(), now=MONDAY_NOON).why
    assert "Разговор не записывается: об этом попросил звонящий." in why_text(
        why, SETUP, language="ru"
    )
    shown = why_details(why, SETUP, language="en").facts
    assert ("Recording", "the talk is not recorded: the caller asked for that") in [
        (fact.label, fact.text) for fact in shown
    ]


def test_that_a_talk_is_recorded_needs_no_sentence() -> None:
    call = replace(CALL, line=replace(LINE, recording=True))
    why = decide(call, FACTS, Can(), now=MONDAY_NOON).why
    assert "запис" not in why_text(why, SETUP, language="ru")
