"""How long a caller may wait on a ladder: never less than what a plan really takes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from callrouter.domain.decisions import EVERYTHING, Connect
from callrouter.domain.managers import ManagerFacts
from callrouter.domain.patience import longest_way
from callrouter.domain.phones import Caller
from callrouter.domain.routing import Arrival, CallerFacts, Facts, decide
from callrouter.domain.setup import DEFAULT_LADDER, Ladder, Step
from callrouter.sample import sample_setup

SAMPLE = sample_setup(lambda _account: "env:PBX_SECRET")
NOON = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("steps", "seconds"),
    [
        pytest.param((Step(ring="responsible", count=3, seconds=15),), 15, id="one person, once"),
        pytest.param((Step(ring="least_loaded", count=3, seconds=15),), 45, id="one after another"),
        pytest.param((Step(ring="all", count=3, seconds=15),), 15, id="all together"),
        pytest.param((Step(ring="round_robin", busy="wait", wait=90),), 110, id="in line"),
        pytest.param((Step(ring="all", busy="ring", wait=90),), 20, id="without a line"),
        pytest.param((Step(say="Нет никого"),), 0, id="a message at once"),
        pytest.param((Step(ring="all"), Step(say="Нет никого")), 20, id="until the message"),
        pytest.param(DEFAULT_LADDER.step, 60, id="the usual one"),
    ],
)
def test_the_longest_way(steps: tuple[Step, ...], seconds: int) -> None:
    assert longest_way(Ladder("x", steps)) == seconds


@pytest.mark.parametrize(
    "ladder", [*SAMPLE.ladders.values(), DEFAULT_LADDER], ids=lambda one: one.key
)
def test_no_plan_of_a_free_office_takes_longer(ladder: Ladder) -> None:
    line = replace(SAMPLE.line[0], ladder="x", hours=None)
    setup = replace(
        SAMPLE, line=(line,), rule=(), ladder=(*SAMPLE.ladder, replace(ladder, key="x"))
    )
    facts = Facts(
        setup, {one.key: ManagerFacts() for one in setup.manager}, CallerFacts(responsible="zhanna")
    )
    call = Arrival("c", "main", Caller("known", "+79160000001", ""), line)
    decision = decide(call, facts, EVERYTHING, now=NOON).decision
    if isinstance(decision, Connect):
        assert 0 < sum(step.ring_s for step in decision.steps) <= longest_way(ladder)
    else:
        assert longest_way(ladder) == 0
