"""Whom a call rings, and what is kept of why."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from callrouter.domain.decisions import EVERYTHING, Can, Connect, Message
from callrouter.domain.managers import Hold, ManagerFacts
from callrouter.domain.routing import CallerFacts, CardFacts, decide, find_responsible
from callrouter.domain.setup import (
    Absence,
    Account,
    Condition,
    Ladder,
    Manager,
    Routing,
    Rule,
    Setup,
    Step,
)
from tests.examples import (
    CALL,
    FACTS,
    LAST_RESORT,
    MONDAY_NOON,
    SETUP,
    idle,
    known,
    load,
    rings,
    rung,
    talking,
    told,
    with_ladder,
)

LEAST = Step(ring="least_loaded", seconds=20)


def changed(key: str, **fields: Any) -> Setup:
    """The example setup with one manager changed."""
    people = tuple(replace(m, **fields) if m.key == key else m for m in SETUP.manager)
    return replace(SETUP, manager=people)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param({}, [("anna",), ("boris",)], id="a stranger: the first by key of equals"),
        pytest.param(
            {"managers": {"anna": load(10), "boris": load(2), "vera": load(5)}},
            [("boris",), ("vera",)],
            id="a stranger: the least loaded, then the next",
        ),
        pytest.param(known("vera"), [("vera",), ("anna",), ("boris",)], id="a known one: his own"),
        pytest.param(
            known("vera") | {"managers": {"vera": talking()}},
            [("anna",), ("boris",)],
            id="his own talks: the others",
        ),
        pytest.param(
            known("gone"), [("anna",), ("boris",)], id="his own is nobody we know: the others"
        ),
        pytest.param(
            {"managers": {"anna": rung(-5, 25), "boris": rung(-5, 25)}},
            [
                ("vera",),
            ],
            id="who is rung by another call is passed over, by later steps too if it overlaps",
        ),
        pytest.param(
            {"managers": {"anna": rung(-5, 15), "boris": rung(-5, 15), "vera": rung(-5, 15)}},
            [],
            id="everybody is rung by others: only the last resort",
        ),
        pytest.param(
            {"managers": {"anna": rung(20, 50), "boris": talking()}},
            [("vera",), ("anna",)],
            id="a window that has not begun holds softly: free ones come first",
        ),
        pytest.param(
            {"managers": {k: rung(20, 50) for k in ("anna", "boris", "vera")}},
            [("anna",), ("boris",)],
            id="nobody is free but softly held ones are rung",
        ),
        pytest.param(
            {"managers": {k: rung(-5, 25, shared=True) for k in ("anna", "boris", "vera")}},
            [("anna",), ("boris",)],
            id="an all step's window holds softly",
        ),
        pytest.param(
            {"managers": {"anna": load(25), "boris": load(30), "vera": talking()}},
            [("anna",), ("boris",)],
            id="who is full is not dropped",
        ),
        pytest.param(
            {"managers": {"anna": load(20), "boris": load(19)}},
            [("vera",), ("boris",)],
            id="full ones come after all who are not",
        ),
        pytest.param(
            {"managers": {"anna": idle(10), "boris": idle(500), "vera": idle(60)}},
            [("boris",), ("vera",)],
            id="equals: whose last offer is longest ago",
        ),
    ],
)
def test_who_is_rung(facts: dict[str, Any], expected: list[tuple[str, ...]]) -> None:
    assert told(**facts) == expected


@pytest.mark.parametrize(
    ("tie", "expected"),
    [
        pytest.param(0.05, "boris", id="0.15 is as good as 0.10, and he has waited longer"),
        pytest.param(0.0, "anna", id="without a tie the lowest alone"),
    ],
)
def test_within_the_tie_of_the_lowest_all_are_equal(tie: float, expected: str) -> None:
    managers = {
        "anna": replace(idle(10), load=load(2).load),
        "boris": replace(idle(900), load=load(3).load),
        "vera": replace(idle(9000), load=load(4).load),
    }
    setup = replace(SETUP, load=replace(SETUP.load, tie=tie))
    assert told(setup, managers=managers)[0] == (expected,)


@pytest.mark.parametrize(
    ("setup", "reason"),
    [
        pytest.param(changed("anna", active=False), "inactive", id="dismissed"),
        pytest.param(changed("anna", shift="Mo-Fr 00:00-06:00"), "off_shift", id="off shift"),
        pytest.param(
            replace(SETUP, absence=(Absence("anna", date(2026, 3, 1), date(2026, 3, 2)),)),
            "absent",
            id="absent",
        ),
        pytest.param(changed("anna", dial={"other": "101"}), "no_phone", id="not at this account"),
        pytest.param(changed("anna", dial="bad dial!"), "no_phone", id="cannot be dialled"),
        pytest.param(changed("anna", skills=()), "no_skill", id="lacks the skill"),
    ],
)
def test_who_is_passed_over_and_why(setup: Setup, reason: str) -> None:
    skilled = tuple(
        replace(m, skills=("en",)) if m.key != "anna" or reason != "no_skill" else m
        for m in setup.manager
    )
    step = Step(ring="in_order", managers=("anna", "boris"), skill="en", count=2)
    setup = with_ladder(step, setup=replace(setup, manager=skilled))
    decided = decide(
        replace(CALL, line=setup.line[0]), replace(FACTS, setup=setup), EVERYTHING, now=MONDAY_NOON
    )
    assert rings(decided.decision) == [("boris",)]
    anna = next(c for c in decided.why.steps[0].candidates if c.manager == "anna")
    assert anna.passed == reason


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        pytest.param(talking(), "talking", id="talks"),
        pytest.param(rung(-1, 20), "ringing", id="rung by another call"),
        pytest.param(
            ManagerFacts(
                holds=(
                    Hold(
                        "other",
                        "a1",
                        "wrap_up",
                        MONDAY_NOON - timedelta(seconds=90),
                        MONDAY_NOON + timedelta(seconds=5),
                    ),
                )
            ),
            "wrap_up",
            id="wraps up",
        ),
    ],
)
def test_what_holds_him_is_named_with_its_call_and_end(facts: ManagerFacts, reason: str) -> None:
    changed = replace(FACTS, managers={"anna": facts})
    why = decide(CALL, changed, EVERYTHING, now=MONDAY_NOON).why
    least = next(step for step in why.steps if step.ring == "least_loaded")
    anna = next(one for one in least.candidates if one.manager == "anna")
    assert (anna.passed, anna.call, anna.until) == (reason, "other", facts.holds[0].until)


def test_a_wrap_up_that_ends_before_a_later_step_does_not_hold_it() -> None:
    hold = Hold("other", "a1", "wrap_up", MONDAY_NOON, MONDAY_NOON + timedelta(seconds=5))
    busy = {"anna": ManagerFacts(holds=(hold,)), "boris": talking(), "vera": load(3)}
    assert told(managers=busy) == [("vera",), ("anna",)]


@pytest.mark.parametrize(
    ("step", "facts", "expected"),
    [
        pytest.param(
            Step(ring="longest_idle"),
            {"anna": idle(5), "boris": idle(900), "vera": idle(60)},
            [("boris",)],
            id="longest_idle",
        ),
        pytest.param(
            Step(ring="longest_idle", count=3),
            {},
            [("anna",), ("boris",), ("vera",)],
            id="longest_idle: who never had a call, by key",
        ),
        pytest.param(
            Step(ring="round_robin", count=2),
            {"anna": idle(5), "boris": idle(900)},
            [("boris",), ("vera",)],
            id="round_robin: after the last offered",
        ),
        pytest.param(
            Step(ring="round_robin"), {"vera": idle(5)}, [("anna",)], id="round_robin: goes round"
        ),
        pytest.param(
            Step(ring="round_robin"),
            {"anna": replace(talking(), last_offer=MONDAY_NOON)},
            [("boris",)],
            id="round_robin: after the last offered, though he talks",
        ),
        pytest.param(
            Step(ring="fewest_calls"),
            {
                "anna": ManagerFacts(calls_today=3),
                "boris": ManagerFacts(calls_today=1),
                "vera": ManagerFacts(calls_today=2),
            },
            [("boris",)],
            id="fewest_calls",
        ),
        pytest.param(
            Step(ring="in_order", managers=("vera", "anna"), count=2),
            {},
            [("vera",), ("anna",)],
            id="in_order",
        ),
        pytest.param(
            Step(ring="in_order", managers=("vera", "anna")),
            {"vera": talking()},
            [("anna",)],
            id="in_order: the next when the first talks",
        ),
        pytest.param(Step(ring="manager", managers=("vera",)), {}, [("vera",)], id="manager"),
        pytest.param(
            Step(ring="manager", managers=("vera",)), {"vera": talking()}, [], id="manager: talks"
        ),
        pytest.param(Step(ring="all"), {}, [("anna", "boris", "vera")], id="all"),
        pytest.param(
            Step(ring="all", count=2),
            {"anna": load(3)},
            [("boris", "vera")],
            id="all: at most so many, the least loaded",
        ),
        pytest.param(
            Step(ring="all"), {"anna": talking()}, [("boris", "vera")], id="all: who can be rung"
        ),
        pytest.param(
            Step(ring="least_loaded", busy="ring"),
            {k: talking() for k in ("anna", "boris", "vera")},
            [("anna",)],
            id="nobody free and busy = ring: call waiting",
        ),
        pytest.param(
            Step(ring="least_loaded", team="sales", office="ekb"), {}, [], id="nobody of the office"
        ),
        pytest.param(
            Step(ring="least_loaded", managers=("vera", "boris")),
            {},
            [("boris",)],
            id="among the named",
        ),
    ],
)
def test_each_strategy(
    step: Step, facts: dict[str, ManagerFacts], expected: list[tuple[str, ...]]
) -> None:
    assert told(with_ladder(step), managers=facts) == expected


def test_a_manager_stands_in_at_most_one_step() -> None:
    assert told(with_ladder(LEAST, LEAST, LEAST, LEAST)) == [("anna",), ("boris",), ("vera",)]


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        pytest.param(("card", "contact"), ("vera", "card"), id="the card's"),
        pytest.param(("contact", "card"), ("boris", "contact"), id="the contact's first"),
        pytest.param(("tried",), ("anna", "tried"), id="who tried to call him"),
        pytest.param(("talked",), ("boris", "talked"), id="who talked to him last"),
        pytest.param(("closed_card",), ("anna", "closed_card"), id="of the last closed card"),
    ],
)
def test_the_responsible_is_looked_for_in_the_order_of_routing(
    order: tuple[Any, ...], expected: tuple[str, str]
) -> None:
    card = CardFacts("c1", 318, "sales", "in_work", "vera")
    closed = CardFacts("c0", 17, "sales", "won", "anna", open=False)
    caller = CallerFacts(
        "k1",
        responsible="boris",
        cards=(closed, card),
        talked=("boris", MONDAY_NOON - timedelta(days=179)),
        tried=("anna", MONDAY_NOON - timedelta(hours=23)),
    )
    setup = replace(SETUP, routing=Routing(responsible=order))
    facts = replace(FACTS, setup=setup, caller=caller, card=card)
    found = find_responsible(facts, MONDAY_NOON)
    assert found is not None
    assert (found.manager, found.by) == expected
    late = MONDAY_NOON + timedelta(days=2)
    if order[0] in ("tried", "talked"):
        assert find_responsible(facts, late) is None


def test_rules_come_before_the_lines_ladder_and_the_first_that_matches_wins() -> None:
    vip = Condition(field="contact.tag", op="has", value="vip")
    site = Condition(all=(vip, Condition(not_=Condition(field="hours", op="is", value="closed"))))
    setup = replace(
        SETUP,
        ladder=(
            Ladder("head", (Step(ring="manager", managers=("vera",)),)),
            Ladder("second", (Step(ring="manager", managers=("boris",)),)),
        ),
        rule=(Rule("VIP", site, "head"), Rule("anybody", vip, "second")),
    )
    facts = known("anna", tags=frozenset({"vip"}))
    assert told(setup, **facts) == [("vera",)]
    assert told(setup, **known("anna")) == [("anna",), ("boris",), ("vera",)]
    decided = decide(CALL, replace(FACTS, setup=setup, **facts), EVERYTHING, now=MONDAY_NOON)
    assert (decided.why.rule, decided.why.ladder, decided.why.setup) == ("VIP", "head", 1)


NIGHT = Step(say="Мы перезвоним завтра с девяти", record=True, max_s=90)


def test_a_step_that_speaks_answers_with_a_message() -> None:
    decision = decide(
        replace(CALL, line=with_ladder(NIGHT).line[0]),
        replace(FACTS, setup=with_ladder(NIGHT)),
        EVERYTHING,
        now=MONDAY_NOON,
    ).decision
    assert isinstance(decision, Message)
    assert (decision.text, decision.record, decision.max_s) == (NIGHT.say, True, 90)
    assert decision.then.dial == LAST_RESORT


def test_outside_the_lines_hours_its_closed_ladder_is_climbed() -> None:
    line = replace(SETUP.line[0], hours="Mo-Fr 09:00-18:00", closed="night")
    setup = replace(SETUP, ladder=(Ladder("night", (NIGHT,)),), line=(line,))
    facts = replace(FACTS, setup=setup)
    call = replace(CALL, line=line)
    assert isinstance(decide(call, facts, EVERYTHING, now=MONDAY_NOON).decision, Connect)
    night = decide(call, facts, EVERYTHING, now=MONDAY_NOON + timedelta(hours=9))
    assert isinstance(night.decision, Message)
    assert not night.why.open_hours
    dumb = decide(call, facts, Can(message=False), now=MONDAY_NOON + timedelta(hours=9))
    assert isinstance(dumb.decision, Connect)
    assert (dumb.decision.steps, dumb.decision.then.dial) == ((), LAST_RESORT)
    assert dumb.why.cut == ("message",)


@pytest.mark.parametrize(
    ("can", "step", "expected", "cut"),
    [
        pytest.param(Can(steps=1), LEAST, [("anna",)], (), id="one step and no more planned"),
        pytest.param(
            Can(steps=1), replace(LEAST, count=3), [("anna",)], ("steps",), id="one of three steps"
        ),
        pytest.param(
            Can(targets=2), Step(ring="all"), [("anna", "boris")], ("targets",), id="two targets"
        ),
        pytest.param(
            Can(parallel=False), Step(ring="all"), [("anna",)], ("parallel",), id="not in parallel"
        ),
    ],
)
def test_the_plan_is_cut_to_what_the_provider_can(
    can: Can, step: Step, expected: list[tuple[str, ...]], cut: tuple[str, ...]
) -> None:
    setup = with_ladder(step)
    decided = decide(
        replace(CALL, line=setup.line[0]), replace(FACTS, setup=setup), can, now=MONDAY_NOON
    )
    assert rings(decided.decision) == expected
    assert decided.why.cut == cut
    if "steps" in cut:
        assert [why.told for why in decided.why.steps] == [True, False, False]
        assert isinstance(decided.decision, Connect)
        assert decided.decision.ask_again


def test_all_phones_of_a_manager_ring_together_and_outside_ones_confirm() -> None:
    anna = Manager("anna", "Анна", ("101", "+79161112233"), confirm=True)
    setup = replace(SETUP, manager=(anna,))
    decision = decide(CALL, replace(FACTS, setup=setup), EVERYTHING, now=MONDAY_NOON).decision
    assert isinstance(decision, Connect)
    targets = decision.steps[0].targets
    assert [(t.leg, t.dial, t.confirm) for t in targets] == [
        ("a1", "101", False),
        ("a2", "+79161112233", True),
    ]
    assert decision.steps[0].mode == "one"


def test_an_outside_number_must_begin_with_an_allowed_prefix() -> None:
    anna = Manager("anna", "Анна", ("+4930123456", "101"))
    account = Account("main", "+74951230001", allowed_prefixes=("+7",))
    setup = replace(SETUP, manager=(anna,), account=(account,))
    decision = decide(CALL, replace(FACTS, setup=setup), EVERYTHING, now=MONDAY_NOON).decision
    assert isinstance(decision, Connect)
    assert [t.dial for t in decision.steps[0].targets] == ["101"]


def test_no_allowed_prefix_means_no_outside_number() -> None:
    anna = Manager("anna", "Анна", ("+79161112233", "101"))
    account = Account("main", "+74951230001", allowed_prefixes=())
    setup = replace(SETUP, manager=(anna,), account=(account,))
    decision = decide(CALL, replace(FACTS, setup=setup), EVERYTHING, now=MONDAY_NOON).decision
    assert isinstance(decision, Connect)
    assert [t.dial for t in decision.steps[0].targets] == ["101"]


def test_the_next_asking_goes_on_where_the_ladder_stands_and_passes_over_who_was_tried() -> None:
    setup = with_ladder(replace(LEAST, count=2), Step(ring="all"))
    call = replace(CALL, attempt=1, rung=0, turn=1, legs=1, tried={"anna": "no_answer"})
    assert told(setup, call=call) == [("boris",), ("vera",)]
    decision = decide(
        replace(call, line=setup.line[0]),
        replace(FACTS, setup=setup),
        Can(steps=1),
        now=MONDAY_NOON,
    ).decision
    assert isinstance(decision, Connect)
    assert decision.steps[0].targets[0].leg == "a2"


def test_why_keeps_twenty_candidates_and_counts_the_rest_by_reason() -> None:
    people = tuple(Manager(f"m{n:03}", f"М {n}", str(1000 + n), team="sales") for n in range(60))
    setup = with_ladder(LEAST, setup=replace(SETUP, manager=people))
    busy = {f"m{n:03}": talking() for n in range(30)} | {
        f"m{n:03}": load(n % 19) for n in range(30, 60)
    }
    decided = decide(
        replace(CALL, line=setup.line[0]),
        replace(FACTS, setup=setup, managers=busy),
        EVERYTHING,
        now=MONDAY_NOON,
    )
    step = decided.why.steps[0]
    assert len(step.candidates) == 20
    assert step.candidates[0].chosen
    assert sum(count for _, count in step.others) == 40
