"""Whatever the setup and whoever calls: a dialable plan, never an exception."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callrouter.domain import setup as s
from callrouter.domain.decisions import Can, Connect, Message, Reject, Wait
from callrouter.domain.load import LoadParts
from callrouter.domain.managers import Cooling, Hold, ManagerFacts, Presence
from callrouter.domain.phones import is_dialable, read_caller
from callrouter.domain.routing import (
    Arrival,
    CallerFacts,
    CardFacts,
    Facts,
    decide,
    people_to_look_at,
)
from callrouter.domain.setup import (
    Absence,
    Account,
    Condition,
    Ladder,
    Line,
    Manager,
    Office,
    Rule,
    Setup,
    Step,
    Team,
)
from callrouter.domain.waiting import ASKS_EVERY_S, Waiting
from callrouter.setup_file import check
from tests.examples import LAST_RESORT, LINE_NUMBER, MONDAY_NOON

KEYS = [f"m{n}" for n in range(6)]
HOURS = st.sampled_from(
    [None, "Mo-Fr 09:00-18:00", "24/7", "Mo-Su 22:00-06:00", "Sa,Su 10:00-12:00"]
)
NAMES = st.sampled_from(["msk", "ekb"])
MANAGERS = st.lists(st.sampled_from(KEYS), max_size=4, unique=True).map(tuple)


@st.composite
def managers(draw: st.DrawFn) -> tuple[Manager, ...]:
    def dials(n: int) -> list[Any]:
        inside, outside = str(100 + n), f"+7916000000{n}"
        return [inside, (inside, outside), (), {"main": outside}]

    return tuple(
        Manager(
            key,
            key.title(),
            dial=draw(st.sampled_from(dials(n))),
            team=draw(st.sampled_from([None, "sales", "shop"])),
            office=draw(st.one_of(st.none(), NAMES)),
            capacity=draw(st.integers(1, 30)),
            shift=draw(HOURS),
            skills=draw(st.sampled_from([(), ("en",)])),
            wrap_up_s=draw(st.integers(0, 60)),
            confirm=draw(st.booleans()),
            active=key == KEYS[0] or draw(st.booleans()),
            deputy=draw(st.sampled_from([None, *(one for one in KEYS if one != key)])),
            started_on=draw(st.sampled_from([None, None, date(2020, 1, 9), date(2026, 3, 2)])),
        )
        for n, key in enumerate(KEYS)
    )


STEPS = st.one_of(
    st.builds(
        Step,
        ring=st.sampled_from(
            [one for one in get_args(s.Strategy) if one not in ("manager", "in_order")]
        ),
        seconds=st.integers(5, 60),
        team=st.sampled_from([None, "sales", "shop"]),
        office=st.sampled_from([None, "line", "msk"]),
        skill=st.sampled_from([None, "en"]),
        managers=MANAGERS,
        count=st.one_of(st.none(), st.integers(1, 4)),
        busy=st.sampled_from(["skip", "ring", "wait"]),
        wait=st.sampled_from([20, 60]),
    ),
    st.builds(
        Step,
        ring=st.just("manager"),
        managers=st.sampled_from(KEYS).map(lambda k: (k,)),
        busy=st.sampled_from(["skip", "wait"]),
    ),
    st.builds(Step, ring=st.just("in_order"), managers=MANAGERS.filter(bool)),
)
LADDERS = (
    st.tuples(
        st.lists(STEPS, max_size=4),
        st.sampled_from([(), (Step(say="Мы перезвоним", record=True),)]),
    )
    .map(lambda parts: (*parts[0], *parts[1]))
    .filter(bool)
)

LEAVES = st.sampled_from(
    [
        Condition(field="caller.kind", op="is", value="withheld"),
        Condition(field="caller.number", op="starts", value="+7916"),
        Condition(field="caller.country", op="in", value=("RU", "KZ")),
        Condition(field="caller.region", op="is", value="495"),
        Condition(field="contact.known", op="is", value=True),
        Condition(field="contact.tag", op="has", value="vip"),
        Condition(field="contact.manager", op="is_not", value="m1"),
        Condition(field="card.status", op="is", value="in_work"),
        Condition(field="holiday", op="is", value=True),
        Condition(field="hours", op="within", value="Mo-Fr 18:00-21:00"),
        Condition(field="missed_today", op="above", value=1),
        Condition(field="office", op="is", value="msk"),
    ]
)
CONDITIONS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda c: Condition(all=tuple(c))),
        st.lists(inner, min_size=1, max_size=3).map(lambda c: Condition(any=tuple(c))),
        inner.map(lambda c: Condition(not_=c)),
    ),
    max_leaves=4,
)


ABSENCES = st.sampled_from(
    [(date(2026, 3, 1), date(2026, 3, 9)), (date(2026, 2, 16), date(2026, 3, 1))]
)


@st.composite
def setups(draw: st.DrawFn) -> Setup:
    ladders = [
        Ladder(f"l{n}", steps) for n, steps in enumerate(draw(st.lists(LADDERS, max_size=3)))
    ]
    keys = [ladder.key for ladder in ladders]
    some_ladder = st.sampled_from([None, *keys])
    rules = draw(st.lists(st.tuples(CONDITIONS, st.sampled_from(keys)), max_size=3)) if keys else []
    absent = draw(st.lists(st.tuples(st.sampled_from(KEYS[1:]), ABSENCES), max_size=3, unique=True))
    return Setup(
        company=s.Company(duty=KEYS[0]),
        office=(Office("msk"), Office("ekb", time_zone="Asia/Yekaterinburg")),
        account=(Account("main", LINE_NUMBER, secret="a-good-secret", allowed_prefixes=("+7",)),),
        team=(Team("sales"), Team("shop")),
        manager=draw(managers()),
        absence=tuple(Absence(key, *days) for key, days in absent),
        routing=s.Routing(strict=draw(st.booleans())),
        ladder=tuple(ladders),
        line=(
            Line(
                LINE_NUMBER,
                LAST_RESORT,
                ladder=draw(some_ladder),
                hours=draw(HOURS),
                closed=draw(some_ladder),
                office=draw(st.one_of(st.none(), NAMES)),
            ),
        ),
        rule=tuple(Rule(f"r{n}", when, key) for n, (when, key) in enumerate(rules)),
        version=1,
    )


SECONDS = st.integers(-4000, 4000)
HOLDS = st.builds(
    lambda kind, since, length, shared: Hold(
        "x",
        "a1",
        kind,
        MONDAY_NOON + timedelta(seconds=since),
        MONDAY_NOON + timedelta(seconds=since + length),
        shared=shared,
    ),
    st.sampled_from(["talk", "ring", "wrap_up"]),
    SECONDS,
    st.integers(1, 4000),
    st.booleans(),
)
FACTS_OF_ONE = st.builds(
    ManagerFacts,
    presence=st.one_of(
        st.none(),
        st.builds(
            Presence,
            st.sampled_from(["available", "pause", "off"]),
            st.just(MONDAY_NOON - timedelta(minutes=9)),
        ),
    ),
    cooling=st.one_of(st.none(), st.just(Cooling("no_answer", MONDAY_NOON + timedelta(hours=99)))),
    holds=st.lists(HOLDS, max_size=2).map(tuple),
    load=st.builds(LoadParts, st.floats(0, 50), st.integers(0, 50), st.integers(0, 5)),
    last_offer=st.one_of(st.none(), SECONDS.map(lambda n: MONDAY_NOON - timedelta(seconds=abs(n)))),
    calls_today=st.integers(0, 40),
)
CALLERS = st.one_of(
    st.just((CallerFacts(), None)),
    st.builds(
        lambda manager, tags, missed: (
            CallerFacts("k", "Иван", responsible=manager, tags=tags, missed_today=missed),
            CardFacts("c", 7, "sales", "in_work", manager),
        ),
        st.sampled_from([None, *KEYS, "gone"]),
        st.sampled_from([frozenset[str](), frozenset({"vip"})]),
        st.integers(0, 3),
    ),
)
CANS = st.builds(
    Can,
    targets=st.one_of(st.none(), st.integers(1, 3)),
    steps=st.one_of(st.none(), st.integers(1, 3)),
    parallel=st.booleans(),
    outside_numbers=st.booleans(),
    ask_again=st.booleans(),
    wait=st.booleans(),
    message=st.booleans(),
)
WAITING = st.lists(
    st.tuples(STEPS, st.integers(1, 90), st.sampled_from([None, *KEYS]), MANAGERS, st.booleans()),
    max_size=4,
)


def waiting(given: Any, setup: Setup, now: Any) -> tuple[Waiting, ...]:
    """Others who wait, some of them on a Setup of which half the people have left since."""
    before = replace(setup, manager=tuple(replace(m, active=not m.active) for m in setup.manager))
    return tuple(
        Waiting(
            f"other-{n}",
            now - timedelta(seconds=ago),
            "main",
            setup.line[0],
            before if earlier else setup,
            step,
            responsible,
            frozenset(tried),
        )
        for n, (step, ago, responsible, tried, earlier) in enumerate(given)
    )


class Gathered(dict[str, ManagerFacts]):
    """Facts of those who were to be looked at; to look at anybody else is an error."""

    def get(self, key: str, default: Any = None) -> Any:  # noqa: ARG002
        if key not in self:
            raise AssertionError(f"{key} was not to be looked at")
        return self[key]


CASES = int(os.environ.get("CASES", "3000"))
"""`CASES=10000` takes some four minutes of a processor."""


@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))
@settings(
    max_examples=CASES // 4,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(
    setup=setups(),
    board=st.dictionaries(st.sampled_from(KEYS), FACTS_OF_ONE),
    caller=CALLERS,
    number=st.sampled_from(["89161234567", "anonymous", "", "112", "+4915112345678", "Tele2"]),
    can=CANS,
    place=st.tuples(st.integers(0, 9), st.integers(0, 2), st.integers(0, 2)),
    others=WAITING,
    left=MANAGERS,
    hours=st.integers(0, 24 * 8),
)
def test_there_is_always_a_dialable_plan(
    part: int,
    setup: Setup,
    board: dict[str, ManagerFacts],
    caller: Any,
    number: str,
    can: Can,
    place: Any,
    others: Any,
    left: Any,
    hours: int,
) -> None:
    assert check(setup) == ()
    facts, card = caller
    now = MONDAY_NOON + timedelta(hours=hours)
    call = Arrival(
        "call",
        "main",
        read_caller(number, "RU"),
        setup.line[0],
        attempt=place[2],
        rung=place[0],
        turn=place[1],
        tried={"m2": "no_answer"} if place[2] else {},
        left=frozenset(left),
        diverted_by=left[0] if left else None,
        began=now - timedelta(seconds=30) if place[2] else None,
    )
    known = Facts(
        setup,
        {},
        facts,
        known=facts.contact is not None,
        card=card,
        own=frozenset({"x"} if hours % 2 else ()),
        waiting=waiting(others, setup, now),
    )
    people = people_to_look_at(call, known, now=now)
    gathered = Gathered({key: board.get(key, ManagerFacts()) for key in people})
    decided = decide(call, replace(known, managers=gathered), can, now=now)
    decision = decided.decision
    if isinstance(decision, Reject):
        assert not call.attempt
        return
    assert isinstance(decision, Connect | Message | Wait)
    assert decision.then.dial == LAST_RESORT
    assert is_dialable(decision.then.dial)
    if isinstance(decision, Message):
        assert can.message
        return
    if isinstance(decision, Wait):
        assert can.wait
        assert can.ask_again
        assert 0 < decision.wait_s <= ASKS_EVERY_S
        assert decided.why.place
        return
    rung = [manager for step in decision.steps for manager in step.managers]
    assert len(rung) == len(set(rung)), "a manager stands in at most one step"
    assert can.steps is None or len(decision.steps) <= can.steps
    assert can.ask_again or not decision.ask_again
    for step in decision.steps:
        assert step.targets
        assert step.mode == "all" or len(step.managers) == 1
        assert all(is_dialable(target.dial) for target in step.targets)
        assert all(target.dial.startswith("+7") or target.dial[0] != "+" for target in step.targets)
        assert can.outside_numbers or all(target.dial[0] != "+" for target in step.targets)
        assert can.targets is None or len(step.targets) <= can.targets
        assert can.parallel or len(step.targets) == 1
    legs = [target.leg for step in decision.steps for target in step.targets]
    assert len(legs) == len(set(legs))
    assert all(setup.managers[key].active for key in rung)
    chosen = [why.chosen for why in decided.why.steps if why.told and why.chosen]
    assert chosen == [step.managers for step in decision.steps], "why tells what was told"
