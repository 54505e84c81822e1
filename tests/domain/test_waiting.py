"""Who waits, in which place, and who is to have whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callrouter.domain.decisions import EVERYTHING, Can, Connect, Wait
from callrouter.domain.managers import Hold, ManagerFacts, Presence
from callrouter.domain.routing import Arrival, Decided, decide, people_to_look_at
from callrouter.domain.setup import Manager, Setup, Step
from callrouter.domain.waiting import ASKS_EVERY_S, Waiting, Wanting, allot
from tests.examples import CALL, FACTS, MONDAY_NOON, SETUP, idle, known, rings, talking, with_ladder

QUEUE = Step(ring="least_loaded", seconds=20, busy="wait", wait=60)
MINE = Step(ring="responsible", seconds=20, busy="wait", wait=30)
BUSY = {key: talking() for key in ("anna", "boris", "vera")}
SECOND = timedelta(seconds=1)
ONLY_HERE = replace(
    SETUP, manager=tuple(replace(one, dial={"main": "101"}) for one in SETUP.manager)
)


def decided(
    setup: Setup, can: Can = EVERYTHING, *, now: datetime = MONDAY_NOON, call: Arrival = CALL, **facts: Any
) -> Decided:  # fmt: skip
    changed = replace(FACTS, setup=setup, **facts)
    return decide(replace(call, line=setup.line[0]), changed, can, now=now)


def waits(*steps: Step, **facts: Any) -> Wait:
    decision = decided(with_ladder(*steps), **{"managers": BUSY, **facts}).decision
    assert isinstance(decision, Wait)
    return decision


def other(name: str, ago: float, step: Step = QUEUE, **fields: Any) -> Waiting:
    """Somebody else who has waited for so many seconds."""
    since = MONDAY_NOON - ago * SECOND
    return Waiting(name, since, "main", SETUP.line[0], SETUP, step, **fields)


def free(*keys: str) -> dict[str, ManagerFacts]:
    return {key: facts for key, facts in BUSY.items() if key not in keys}


def test_where_everybody_is_busy_the_caller_waits() -> None:
    wait = waits(QUEUE)
    assert (wait.wait_s, wait.position, wait.rung, wait.step) == (ASKS_EVERY_S, 1, 0, QUEUE)
    assert (wait.since, wait.began) == (MONDAY_NOON, MONDAY_NOON)
    assert wait.expected_s == 60  # three people, a talk takes three minutes
    assert waits(QUEUE, mean_talk_s=300.0).expected_s == 100


def test_why_tells_the_place_and_who_is_busy() -> None:
    why = decided(with_ladder(QUEUE), managers=BUSY).why
    assert why.ends == "wait"
    assert why.place
    assert (why.place.position, why.place.kept) == (1, False)
    assert why.place.until == MONDAY_NOON + 60 * SECOND
    (step,) = why.steps
    assert step.waits
    assert {one.passed for one in step.candidates} == {"talking"}


def test_nobody_waits_for_people_who_are_not_there() -> None:
    setup = with_ladder(QUEUE)
    gone = tuple(replace(one, shift="Sa 10:00-12:00") for one in setup.manager)
    assert rings(decided(replace(setup, manager=gone)).decision) == []


@pytest.mark.parametrize(
    "can",
    [
        pytest.param(Can(wait=False), id="cannot hold"),
        pytest.param(Can(wait=True, ask_again=False), id="asks only once"),
    ],
)
def test_a_pbx_that_cannot_wait_rings_all_the_same(can: Can) -> None:
    found = decided(with_ladder(QUEUE), can, managers=BUSY)
    assert rings(found.decision) == [("anna",)]
    assert found.why.cut == ("wait",)
    assert found.why.steps[0].call_waiting


def test_after_its_time_the_ladder_goes_on() -> None:
    setup = with_ladder(QUEUE, Step(ring="manager", managers=("vera",), busy="ring"))
    began = MONDAY_NOON - 59 * SECOND
    call = replace(CALL, attempt=12, since=began, began=began)
    wait = decided(setup, managers=BUSY, call=call).decision
    assert isinstance(wait, Wait)
    assert wait.wait_s == 1
    later = decided(setup, managers=BUSY, call=call, now=MONDAY_NOON + SECOND)
    assert rings(later.decision) == [("vera",)]


def test_who_waits_and_is_rung_in_vain_waits_on_until_his_time_is_over() -> None:
    setup = with_ladder(QUEUE, Step(ring="manager", managers=("vera",), busy="ring"))
    began = MONDAY_NOON - 30 * SECOND
    call = replace(CALL, attempt=6, since=began, began=began)
    ringing = decided(setup, managers=free("anna"), call=call).decision
    assert isinstance(ringing, Connect)
    assert (rings(ringing), ringing.ask_again) == ([("anna",)], True)
    in_vain = replace(call, attempt=7, turn=1, tried={"anna": "no_answer"})
    later = decided(setup, managers=BUSY, call=in_vain, now=MONDAY_NOON + 20 * SECOND).decision
    assert isinstance(later, Wait)
    assert (later.since, later.began, later.rung) == (began, began, 0)
    over = decided(setup, managers=BUSY, call=in_vain, now=MONDAY_NOON + 30 * SECOND)
    assert rings(over.decision) == [("vera",)]


def test_the_time_of_a_rung_begins_when_the_caller_comes_to_it() -> None:
    setup = with_ladder(MINE, QUEUE)
    began = MONDAY_NOON - 30 * SECOND
    call = replace(CALL, attempt=6, since=began, began=began)
    first = decided(setup, managers=BUSY, call=call, **known("anna"))
    assert isinstance(first.decision, Wait)
    assert (first.decision.rung, first.decision.began) == (1, MONDAY_NOON)
    assert first.decision.since == began


def test_who_is_free_now_is_rung_and_the_rest_is_asked_for_later() -> None:
    step = Step(ring="manager", managers=("anna",), seconds=20)
    decision = decided(with_ladder(step, QUEUE), managers=free("anna")).decision
    assert isinstance(decision, Connect)
    assert decision.ask_again
    assert rings(decision) == [("anna",)]


# Several who wait


def test_who_becomes_free_goes_to_who_has_waited_longest() -> None:
    facts: dict[str, Any] = {"managers": free("anna"), "waiting": (other("before", 10),)}
    found = decided(with_ladder(QUEUE), **facts)
    assert isinstance(found.decision, Wait)
    assert found.decision.position == 2
    (step,) = found.why.steps
    assert {one.manager: (one.passed, one.call) for one in step.candidates}["anna"] == (
        "promised",
        "before",
    )
    call = replace(CALL, since=MONDAY_NOON - 20 * SECOND, began=MONDAY_NOON - 20 * SECOND)
    assert rings(decided(with_ladder(QUEUE), call=call, **facts).decision) == [("anna",)]


def test_two_who_are_free_go_to_two_who_wait() -> None:
    facts: dict[str, Any] = {"managers": free("anna", "boris"), "waiting": (other("before", 10),)}
    assert rings(decided(with_ladder(QUEUE), **facts).decision) == [("boris",)]


def test_first_comes_who_waits_for_his_own_manager() -> None:
    setup = with_ladder(MINE, QUEUE)
    facts: dict[str, Any] = {"managers": free("anna"), "waiting": (other("before", 100),)}
    assert rings(decided(setup, **facts, **known("anna")).decision) == [("anna",)]
    mine = other("before", 5, MINE, responsible="anna")
    found = decided(with_ladder(QUEUE), managers=free("anna"), waiting=(mine,))
    assert isinstance(found.decision, Wait)


def test_of_two_who_wait_for_the_same_manager_the_longer_one_is_first() -> None:
    setup = with_ladder(MINE)
    mine = other("before", 5, MINE, responsible="anna")
    found = decided(setup, managers=free("anna"), waiting=(mine,), **known("anna"))
    assert isinstance(found.decision, Wait)
    assert found.decision.position == 2


@pytest.mark.parametrize(
    "one",
    [
        pytest.param(
            other("before", 9, replace(QUEUE, ring="in_order", managers=("boris",))), id="others"
        ),
        pytest.param(other("before", 9, tried=frozenset({"anna"})), id="he was rung for it"),
        pytest.param(other("before", 9, replace(QUEUE, skill="en")), id="it needs a skill"),
        pytest.param(replace(other("before", 9), setup=ONLY_HERE, account="far"), id="it cannot ring his phone"),
    ],
)  # fmt: skip
def test_a_free_manager_is_kept_only_for_who_may_have_him(one: Waiting) -> None:
    found = decided(with_ladder(QUEUE), managers=free("anna"), waiting=(one,))
    assert rings(found.decision) == [("anna",)]


def test_who_does_not_wait_himself_does_not_overtake_either() -> None:
    step = Step(ring="least_loaded", seconds=20)
    found = decided(with_ladder(step), managers=free("anna"), waiting=(other("before", 9),))
    assert rings(found.decision) == []
    assert {one.passed for one in found.why.steps[0].candidates} == {"promised", "talking"}


def test_the_same_caller_is_not_in_his_own_way() -> None:
    since = MONDAY_NOON - 50 * SECOND
    facts: dict[str, Any] = {
        "managers": BUSY,
        "waiting": (other("cut-off", 50), other("between", 20)),
        "own": frozenset({"cut-off"}),
    }
    assert decided(with_ladder(QUEUE), **facts).why.place.position == 2  # type: ignore[union-attr]
    place = decided(with_ladder(QUEUE), since=since, **facts).why.place
    assert place
    assert (place.position, place.since, place.kept) == (1, since, True)
    assert place.until == MONDAY_NOON + 60 * SECOND  # his place is old, his patience new


def test_the_people_of_those_who_wait_are_looked_at() -> None:
    setup = with_ladder(Step(ring="manager", managers=("anna",)))
    step = Step(ring="in_order", managers=("vera",), busy="wait")
    facts = replace(FACTS, setup=setup, waiting=(other("before", 9, step, responsible="boris"),))
    call = replace(CALL, line=setup.line[0])
    assert people_to_look_at(call, facts, now=MONDAY_NOON) == {"anna", "vera"}


# Who has whom

_NAMES = st.sampled_from(["anna", "boris", "vera", "gleb"])
_WANTING = st.lists(
    st.tuples(
        st.integers(0, 9),
        st.one_of(st.none(), _NAMES),
        st.lists(_NAMES, unique=True, max_size=4),
    ),
    max_size=7,
).map(
    lambda given: [
        Wanting((MONDAY_NOON + ago * SECOND, f"call-{n}"), responsible, names)
        for n, (ago, responsible, names) in enumerate(given)
    ]
)


@given(_WANTING)
def test_nobody_is_overtaken_without_a_reason(wanting: Sequence[Wanting]) -> None:
    given = allot(wanting)
    having = {call: manager for manager, call in given.items()}
    assert len(having) == len(given)  # nobody has two
    for one in wanting:
        mine = having.get(one.place[1])
        if mine is not None:
            assert mine in one.free
            continue
        for manager in one.free:  # whoever has what he might have had came before, or is his own
            (holder,) = [w for w in wanting if w.place[1] == given[manager]]
            own = holder.responsible == manager and one.responsible != manager
            assert own or holder.place < one.place


def test_load_still_chooses_among_who_is_left() -> None:
    facts: dict[str, Any] = {
        "managers": {**free("boris", "vera"), "vera": idle(10)},
        "waiting": (other("b", 9),),
    }
    assert rings(decided(with_ladder(QUEUE), **facts).decision) == [("vera",)]


DEPUTIES = replace(
    SETUP,
    manager=tuple(
        replace(one, deputy="boris") if one.key == "anna" else one for one in SETUP.manager
    ),
)


def test_a_deputy_is_kept_for_nobody_who_waits_for_a_responsible_who_is_there() -> None:
    """He would never be rung for that caller: who is only busy needs no deputy."""
    setup = with_ladder(QUEUE, setup=DEPUTIES)
    mine = replace(other("before", 9, MINE, responsible="anna"), setup=setup)
    assert rings(decided(setup, managers=free("boris"), waiting=(mine,)).decision) == [("boris",)]
    away = {**free("boris"), "anna": ManagerFacts(presence=Presence("off", MONDAY_NOON))}
    assert isinstance(decided(setup, managers=away, waiting=(mine,)).decision, Wait)


def test_a_place_counts_only_those_who_wait_for_the_same_people() -> None:
    setup = with_ladder(replace(QUEUE, managers=("boris",)), setup=DEPUTIES)
    mine = replace(other("before", 9, MINE, responsible="anna"), setup=setup)
    found = decided(setup, managers=BUSY, waiting=(mine, other("all", 5))).decision
    assert isinstance(found, Wait)
    assert found.position == 2


def test_a_call_on_an_earlier_setup_is_kept_nobody_whom_that_does_not_have() -> None:
    """Gleb is new in the team; the calls that wait go on with the Setup they began with."""
    team = replace(QUEUE, team="sales")
    gleb = Manager("gleb", "Глеб", "104", team="sales")
    setup = with_ladder(team, setup=replace(SETUP, manager=(*SETUP.manager, gleb)))
    facts: dict[str, Any] = {
        "managers": {**BUSY, "gleb": idle(10)},
        "waiting": (other("before", 9, team),),
    }
    assert rings(decided(setup, **facts).decision) == [("gleb",)]


def test_who_has_left_since_is_nobody_to_wait_for() -> None:
    gone = with_ladder(
        QUEUE, setup=replace(SETUP, manager=tuple(replace(m, active=m.key == "vera") for m in SETUP.manager))
    )  # fmt: skip
    found = decided(gone, managers=free("vera", "anna"), waiting=(other("before", 9),))
    assert isinstance(found.decision, Wait), "vera is all that is left, for either"


def test_nobody_who_has_left_is_rung_because_another_waits_for_him() -> None:
    """The one who waits goes on with the Setup of his beginning, where Anna was still there."""
    gone = with_ladder(
        replace(QUEUE, managers=("boris",)), QUEUE,
        setup=replace(SETUP, manager=tuple(replace(m, active=m.key != "anna") for m in SETUP.manager)),
    )  # fmt: skip
    mine = other("before", 9, replace(MINE, skill="en"), responsible="anna")
    facts: dict[str, Any] = {"managers": free("boris", "vera"), "waiting": (mine,)}
    assert rings(decided(gone, **facts).decision) == [("boris",), ("vera",)]


def test_a_step_that_rings_all_has_all_who_are_free() -> None:
    everybody = replace(QUEUE, ring="all")
    setup = with_ladder(everybody)
    facts: dict[str, Any] = {"managers": free("anna", "boris"), "waiting": (other("after", -1),)}
    assert rings(decided(setup, **facts).decision) == [("anna", "boris")]
    one = with_ladder(replace(everybody, count=1))
    assert rings(decided(one, **facts).decision) == [("anna",)]
    before = {**facts, "waiting": (other("before", 9, everybody),)}
    assert isinstance(decided(setup, **before).decision, Wait)


def test_why_says_when_somebody_is_kept_for_a_caller_of_his_own() -> None:
    since = MONDAY_NOON - 50 * SECOND
    call = replace(CALL, since=since, began=since)
    mine = other("after", 5, MINE, responsible="anna")
    found = decided(with_ladder(QUEUE), managers=free("anna"), waiting=(mine,), call=call)
    assert isinstance(found.decision, Wait)
    assert [one.passed for one in found.why.steps[0].candidates if one.manager == "anna"] == [
        "promised_own"
    ]


def test_whom_the_callers_own_earlier_call_still_rings_is_free_for_him_alone() -> None:
    ringing = ManagerFacts(
        (Hold("cut-off", "a1", "ring", MONDAY_NOON - SECOND, MONDAY_NOON + 20 * SECOND),)
    )
    facts: dict[str, Any] = {
        "managers": {**BUSY, "anna": ringing},
        "waiting": (other("before", 9),),
        "own": frozenset({"cut-off"}),
    }
    assert rings(decided(with_ladder(QUEUE), **facts).decision) == [("anna",)]


def test_a_call_that_asks_again_goes_on_with_the_ladder_of_its_beginning() -> None:
    """Its rule held when it came; its place is one on that ladder."""
    day = with_ladder(Step(ring="manager", managers=("anna",)), QUEUE)
    line = replace(day.line[0], hours="Mo-Fr 09:00-12:01")
    call = replace(CALL, attempt=1, rung=1, asked=MONDAY_NOON)
    later = MONDAY_NOON + 70 * SECOND
    found = decided(replace(day, line=(line,)), managers=free("vera"), call=call, now=later)
    assert (rings(found.decision), found.why.open_hours) == ([("vera",)], True)
    assert rings(decided(replace(day, line=(line,)), now=later).decision) == []
