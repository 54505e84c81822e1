"""Rules that never match: what is said of them is certain."""

from __future__ import annotations

import random
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from callrouter.domain.phones import Caller
from callrouter.domain.routing import Arrival, CallerFacts, CardFacts, Facts, find_ladder
from callrouter.domain.setup import Condition, Rule, Setup
from callrouter.sample import sample_setup
from callrouter.setup_file.shadows import Shadow, shadow_of, shadows

C = Condition
SAMPLE = sample_setup(lambda _account: "env:PBX_SECRET")
VIP, OPT = (C(field="contact.tag", op="has", value=tag) for tag in ("vip", "опт"))
OPEN = C(field="hours", op="is", value="open")
CLOSED = C(field="hours", op="is", value="closed")
SERVICE = C(field="line", op="is", value="+73430000103")


def within(hours: str) -> Condition:
    return C(field="hours", op="within", value=hours)


def missed(op: Any, n: int) -> Condition:
    return C(field="missed_today", op=op, value=n)


def found(*conditions: Condition) -> tuple[Shadow, ...]:
    rules = tuple(Rule(str(n), when, "vip") for n, when in enumerate(conditions))
    return shadows(replace(SAMPLE, rule=rules))


@pytest.mark.parametrize(
    ("conditions", "by"),
    [
        pytest.param([VIP, C(all=(VIP, OPEN))], ["0"], id="narrower"),
        pytest.param([C(any=(OPT, VIP)), VIP], ["0"], id="one of several"),
        pytest.param([OPEN, CLOSED, VIP], ["0", "1"], id="both together"),
        pytest.param([OPT, OPEN, missed("above", 3), CLOSED, VIP], ["1", "3"], id="none needlessly"),
        pytest.param([missed("above", 1), missed("above", 2)], ["0"], id="more than more"),
        pytest.param([within("Mo-Fr 09:00-18:00"), within("Tu 10:05-12:00")], ["0"], id="hours"),
        pytest.param([C(field="line", op="starts", value="+7343"), SERVICE], ["0"], id="a beginning"),
        pytest.param([C(not_=VIP), C(field="contact.tag", op="is_not", value="vip")], ["0"], id="not"),
        pytest.param(
            [C(field="caller.number", op="starts", value="+7916"),
             C(field="caller.number", op="in", value=("+79160000001", "+79160000002"))],
            ["0"], id="numbers of a beginning",
        ),
        pytest.param([VIP, C(all=(OPEN, CLOSED))], [], id="impossible by itself"),
        pytest.param([VIP, C(all=(within("Mo"), within("Tu")))], [], id="two days at once"),
        pytest.param([VIP, missed("below", 0)], [], id="fewer than none"),
        pytest.param(
            [VIP, C(all=(C(field="line", op="is", value="+74950000101"), CLOSED))],
            [], id="a line without hours is never closed",
        ),
    ],
)  # fmt: skip
def test_the_last_rule_never_matches(conditions: list[Condition], by: list[str]) -> None:
    assert found(*conditions) == (Shadow(str(len(conditions) - 1), tuple(by)),)


@pytest.mark.parametrize(
    "conditions",
    [
        pytest.param([C(all=(VIP, OPEN)), VIP], id="wider"),
        pytest.param([VIP, OPT], id="another tag"),
        pytest.param([within("Mo-Fr"), within("Mo-Sa")], id="Saturday is left"),
        pytest.param([within("24/7; PH off"), VIP], id="holidays are left"),
        pytest.param([within("22:00-06:00"), within("Mo 05:30-06:30")], id="after the night"),
        pytest.param([C(all=(SERVICE, OPEN)), C(all=(SERVICE, CLOSED))], id="its other hours"),
        pytest.param([missed("is", 1), missed("above", 0)], id="more than one"),
    ],
)  # fmt: skip
def test_nothing_is_said_of_rules_that_may_match(conditions: list[Condition]) -> None:
    assert found(*conditions) == ()


def test_where_there_is_too_much_to_try_nothing_is_said() -> None:
    tags = [C(field="contact.tag", op="has", value=f"t{n}") for n in range(40)]
    every = C(all=tuple(C(any=(a, b)) for a, b in zip(tags, reversed(tags), strict=True)))
    assert found(C(not_=every), C(not_=C(all=(every, VIP)))) == ()


# No call ever comes to a rule of which it was said that none does


def _random_condition(pick: random.Random, depth: int = 2) -> Condition:
    if depth and pick.random() < 0.45:
        parts = tuple(_random_condition(pick, depth - 1) for _ in range(pick.randint(1, 2)))
        kind = pick.randrange(3)
        return C(all=parts) if kind == 0 else C(any=parts) if kind == 1 else C(not_=parts[0])
    made = [
        VIP, OPT, OPEN, CLOSED, SERVICE, missed("above", 1), missed("is", 1), missed("below", 2),
        within("Mo-Fr 09:00-18:00"), within("Mo-Su 08:00-20:00"), within("PH"),
        C(field="holiday", op="is", value=True), C(field="office", op="is", value="ekb"),
        C(field="contact.known", op="is", value=True), C(field="account", op="is", value="bare"),
        C(field="caller.kind", op="is_not", value="known"),
        C(field="caller.number", op="starts", value="+7943"),
        C(field="contact.tag", op="in", value=("vip", "опт")),
        C(field="contact.tag", op="starts", value="о"),
        C(field="contact.manager", op="is_not", value="anna"),
        C(field="card.status", op="in", value=("new", "in_work")),
    ]  # fmt: skip
    return pick.choice(made)


def _random_call(pick: random.Random, setup: Setup) -> tuple[Arrival, Facts, datetime]:
    number = pick.choice(["+79430000001", "+79160000001", None])
    caller = Caller("known" if number else "withheld", number, number or "")
    account = pick.choice(list(setup.accounts))
    tags = frozenset(tag for tag in ("vip", "опт", "ой") if pick.random() < 0.4)
    who = CallerFacts(
        responsible=pick.choice([None, "anna", "boris"]), tags=tags, missed_today=pick.randrange(4)
    )
    card = CardFacts("1", 1, "sales", pick.choice(["new", "in_work", "won"]))
    facts = Facts(setup, {}, who, known=pick.random() < 0.5, card=pick.choice([None, card]))
    now = datetime(2026, 4, 20, tzinfo=UTC) + timedelta(minutes=pick.randrange(60 * 24 * 28))
    return Arrival("c", account, caller, pick.choice(setup.line)), facts, now


def test_no_call_comes_to_a_rule_that_is_said_never_to_match() -> None:
    pick, said = random.Random(6), 0
    for _ in range(150):
        rules = tuple(Rule(str(n), _random_condition(pick), "vip") for n in range(4))
        setup = replace(SAMPLE, rule=rules)
        never = {one.rule for one in shadows(setup)}
        said += len(never)
        for _ in range(40):
            call, facts, now = _random_call(pick, setup)
            _, rule, _ = find_ladder(call, facts, now)
            assert rule is None or rule.name not in never, (rules, call, facts, now)
    assert said > 30


def test_many_lines_and_hours_are_not_gone_through_at_length() -> None:
    line = SAMPLE.line[0]
    lines = tuple(
        replace(
            line,
            number=f"+7343{n:07}",
            aliases=(),
            name=str(n),
            hours=f"Mo-Fr {8 + n % 4:02}:{n % 60:02}-{17 + n % 4:02}:{n * 7 % 60:02}",
        )
        for n in range(60)
    )
    hours = [f"Mo-Fr {6 + n % 6:02}:{n:02}-{15 + n % 8:02}:{n + 20:02}" for n in range(30)]
    rules = tuple(Rule(text, C(all=(within(text), CLOSED)), "vip") for text in hours)
    begun = time.process_time()
    assert shadows(replace(SAMPLE, line=lines, rule=rules)) == ()
    assert shadow_of(replace(SAMPLE, line=lines), rules[-1], rules[:-1]) is None
    assert time.process_time() - begun < 3, "a look takes no time from calls"
    alike = tuple(replace(one, hours="Mo-Fr 09:00-18:00") for one in lines)
    late = Rule("late", C(all=(VIP, within("Mo 10:00-11:00"))), "vip")
    many = replace(SAMPLE, line=alike, rule=(Rule("open", OPEN, "vip"), late))
    assert shadows(many) == (Shadow("late", ("open",)),)
