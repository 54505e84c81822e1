"""Who may be rung at all, who is rung last, who stands in, and who is not put through."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from callrouter.domain.blocks import Blocked
from callrouter.domain.decisions import Can, Connect, Reject
from callrouter.domain.ladders import AtWork, deputies_of
from callrouter.domain.managers import Cooling, Hold, ManagerFacts, Presence
from callrouter.domain.routing import decide, people_to_look_at
from callrouter.domain.setup import Absence, Load, Manager, Routing, Setup, Step
from callrouter.domain.soft_start import is_soft_start
from callrouter.domain.why import StepWhy
from tests.examples import CALL, FACTS, MONDAY_NOON, SETUP, known, load, rings, told, with_ladder

LEAST = Step(ring="least_loaded", seconds=20)
MINE = Step(ring="responsible", seconds=20)
MINUTE = timedelta(minutes=1)


def changed(setup: Setup = SETUP, /, **people: dict[str, Any]) -> Setup:
    """A setup with some managers changed."""
    return replace(setup, manager=tuple(replace(m, **people.get(m.key, {})) for m in setup.manager))


def said(state: str, since: datetime = MONDAY_NOON, until: datetime | None = None) -> ManagerFacts:
    return ManagerFacts(presence=Presence(state, since, until))  # type: ignore[arg-type]


def cool(minutes: int = 5) -> ManagerFacts:
    return ManagerFacts(cooling=Cooling("no_answer", MONDAY_NOON + minutes * MINUTE))


def whys(setup: Setup, **facts: Any) -> tuple[StepWhy, ...]:
    changed = replace(FACTS, setup=setup, **facts)
    call = replace(CALL, line=setup.line[0])
    return decide(call, changed, Can(wait=True), now=MONDAY_NOON).why.steps


def passed(step: StepWhy) -> dict[str, str | None]:
    return {one.manager: one.passed for one in step.candidates}


# Presence


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param(said("pause"), "paused", id="a break"),
        pytest.param(said("off"), "off", id="gone home early"),
        pytest.param(said("available"), None, id="says so himself"),
        pytest.param(
            said("pause", until=MONDAY_NOON + MINUTE), "paused", id="a break that goes on"
        ),
        pytest.param(said("pause", until=MONDAY_NOON), None, id="a break that is over"),
    ],
)
def test_what_was_said_of_presence_counts_until_its_end(
    facts: ManagerFacts, expected: str | None
) -> None:
    (step,) = whys(with_ladder(LEAST), managers={"anna": facts})
    assert passed(step)["anna"] == expected


@pytest.mark.parametrize(
    ("fields", "absence", "state", "expected"),
    [
        pytest.param({"shift": "Tu-Fr 09:00-18:00"}, None, "available", None, id="works longer"),
        pytest.param({"shift": "Tu-Fr 09:00-18:00"}, None, "pause", "off_shift", id="off shift"),
        pytest.param({"active": False}, None, "available", "inactive", id="dismissed for good"),
        pytest.param({}, Absence("anna", date(2026, 3, 2), date(2026, 3, 2)), "available", "absent",
                     id="on leave, whatever was said"),
    ],
)  # fmt: skip
def test_presence_makes_a_shift_longer_but_ends_no_leave(
    fields: dict[str, Any], absence: Absence | None, state: str, expected: str | None
) -> None:
    setup = replace(changed(anna=fields), absence=(absence,) if absence else ())
    facts = said(state)
    found = AtWork(setup, MONDAY_NOON).absence(setup.managers["anna"], facts.presence)
    assert (found and found[0]) == expected


def test_a_click_after_a_talk_ends_its_wrap_up() -> None:
    ended = MONDAY_NOON - 2 * MINUTE
    hold = Hold("other", "a1", "wrap_up", ended, MONDAY_NOON + 5 * MINUTE)
    before = Presence("available", ended - MINUTE)
    after = Presence("available", ended + MINUTE)
    setup = with_ladder(Step(ring="manager", managers=("anna",)))
    assert told(setup, managers={"anna": ManagerFacts((hold,), presence=before)}) == []
    assert told(setup, managers={"anna": ManagerFacts((hold,), presence=after)}) == [("anna",)]


# Deputies


LEAVE = Absence("anna", date(2026, 3, 1), date(2026, 3, 14))


def test_a_deputy_is_rung_for_who_is_away() -> None:
    setup = replace(changed(with_ladder(MINE), anna={"deputy": "boris"}), absence=(LEAVE,))
    assert told(setup, **known("anna")) == [("boris",)]
    (step,) = whys(setup, **known("anna"))
    assert passed(step) == {"anna": "absent", "boris": None}
    assert [one.instead_of for one in step.candidates if one.chosen] == ["anna"]


def test_why_names_the_deputy_only_where_he_stands_in() -> None:
    setup = replace(changed(with_ladder(MINE, LEAST), anna={"deputy": "boris"}), absence=(LEAVE,))
    mine, least = whys(setup, **known("anna"))
    assert {one.manager: one.instead_of for one in mine.candidates}["boris"] == "anna"
    assert {one.instead_of for one in least.candidates} == {None}


def test_deputies_form_chains_and_a_ring_of_them_ends() -> None:
    chain = changed(
        with_ladder(MINE),
        anna={"deputy": "boris", "active": False},
        boris={"deputy": "vera", "shift": "Sa 10:00-12:00"},
    )
    assert told(chain, **known("anna")) == [("vera",)]
    ring = changed(chain, vera={"deputy": "anna", "active": False})
    assert [one.key for one in deputies_of(ring.managers["anna"], ring)] == ["boris", "vera"]
    assert told(ring, **known("anna")) == []


def test_who_is_busy_or_has_a_break_needs_no_deputy() -> None:
    setup = changed(with_ladder(MINE), anna={"deputy": "boris"})
    assert told(setup, managers={"anna": said("pause")}, **known("anna")) == []
    assert told(setup, managers={"anna": said("off")}, **known("anna")) == [("boris",)]


def test_who_has_left_without_a_deputy_is_responsible_no_more() -> None:
    setup = changed(with_ladder(MINE, LEAST), anna={"active": False})
    steps = whys(setup, **known("anna"))
    assert steps[0].candidates == ()
    assert told(setup, **known("anna")) == [("boris",)]


# strict


def test_strict_keeps_a_known_caller_for_his_own_manager() -> None:
    setup = replace(with_ladder(LEAST, MINE, LEAST), routing=Routing(strict=True))
    assert told(setup, **known("vera")) == [("vera",)]
    assert told(setup) == [("anna",), ("boris",)]


def test_strict_means_the_deputy_too_and_a_ladder_that_names_nobody_responsible() -> None:
    setup = replace(
        changed(with_ladder(LEAST), anna={"deputy": "vera"}),
        routing=Routing(strict=True),
        absence=(LEAVE,),
    )
    assert told(setup, **known("anna")) == [("vera",)]


# Soft start


@pytest.mark.parametrize(
    ("fields", "absence", "today", "expected"),
    [
        pytest.param({}, None, date(2026, 3, 2), False, id="here for years"),
        pytest.param({"started_on": date(2026, 3, 2)}, None, date(2026, 3, 2), True, id="first day"),
        pytest.param({"started_on": date(2026, 3, 2)}, None, date(2026, 3, 6), True, id="fifth day"),
        pytest.param({"started_on": date(2026, 3, 2)}, None, date(2026, 3, 9), True,
                     id="8 March moved to Monday is no working day"),
        pytest.param({"started_on": date(2026, 3, 2)}, None, date(2026, 3, 11), False, id="settled"),
        pytest.param({"started_on": date(2026, 3, 9)}, None, date(2026, 3, 2), False, id="not yet"),
        pytest.param({}, (date(2026, 2, 25), date(2026, 2, 27)), date(2026, 3, 2), True,
                     id="back after three working days"),
        pytest.param({}, (date(2026, 2, 26), date(2026, 3, 1)), date(2026, 3, 2), False,
                     id="two days and a weekend are short"),
    ],
)  # fmt: skip
def test_the_first_days_are_a_soft_start(
    fields: dict[str, Any],
    absence: tuple[date, date] | None,
    today: date,
    expected: bool,  # noqa: FBT001
) -> None:
    away = (Absence("anna", *absence),) if absence else ()
    setup = replace(changed(anna=fields), absence=away)
    assert is_soft_start(setup.managers["anna"], setup, today) is expected


@pytest.mark.parametrize(
    ("fields", "absence"),
    [
        pytest.param({}, Absence("anna", date.min, date.max), id="away for ever"),
        pytest.param({"started_on": date.min}, None, id="new since ever"),
        pytest.param({"started_on": date.max}, None, id="never new"),
    ],
)
def test_no_date_of_an_old_setup_keeps_a_call_from_being_decided(
    fields: dict[str, Any], absence: Absence | None
) -> None:
    setup = changed(with_ladder(LEAST), anna=fields)
    setup = replace(setup, absence=(absence,) if absence else ())
    (step,) = whys(setup, managers={"boris": load(4), "vera": load(8)})
    assert (passed(step)["anna"] == "absent") is bool(absence)
    assert not is_soft_start(setup.managers["anna"], setup, date(2026, 3, 2))


def test_two_short_absences_in_succession_are_one() -> None:
    one = Absence("anna", date(2026, 2, 24), date(2026, 2, 25), reason="sick")
    other = Absence("anna", date(2026, 2, 26), date(2026, 2, 27))
    setup = replace(SETUP, absence=(other, one))
    assert is_soft_start(setup.managers["anna"], setup, date(2026, 3, 2))


def test_who_is_new_is_taken_as_loaded_as_the_team() -> None:
    setup = changed(with_ladder(LEAST), anna={"started_on": date(2026, 3, 2)})
    facts = {"boris": load(4), "vera": load(8)}
    assert told(setup, managers=facts) == [("boris",)]
    (step,) = whys(setup, managers=facts)
    assert {one.manager: one.floor for one in step.candidates} == {
        "anna": 0.3,
        "boris": None,
        "vera": None,
    }
    without = replace(setup, load=Load(soft_days=0))
    assert told(without, managers=facts) == [("anna",)]


def test_where_all_are_new_each_is_taken_as_loaded_as_the_others() -> None:
    new = {"started_on": date(2026, 3, 2)}
    setup = changed(with_ladder(LEAST), anna=new, boris=new, vera=new)
    (step,) = whys(setup, managers={"boris": load(4), "vera": load(8)})
    assert {one.manager: one.floor for one in step.candidates} == {
        "anna": 0.3,
        "boris": None,
        "vera": None,
    }


def test_the_team_of_who_is_new_is_looked_at_even_where_the_step_names_only_him() -> None:
    step = Step(ring="in_order", managers=("anna",))
    setup = changed(with_ladder(step), anna={"started_on": date(2026, 3, 2)})
    facts = replace(FACTS, setup=setup)
    call = replace(CALL, line=setup.line[0])
    assert people_to_look_at(call, facts, now=MONDAY_NOON) == {"anna", "boris", "vera"}


# Cooling


def test_who_cools_is_rung_after_everybody_else() -> None:
    setup = with_ladder(MINE, LEAST)
    assert told(setup, managers={"anna": cool()}, **known("anna")) == [("boris",), ("anna",)]


def test_who_cools_is_never_dropped_when_nobody_else_is_there() -> None:
    setup = with_ladder(replace(LEAST, count=2))
    everybody = {key: cool() for key in ("anna", "boris", "vera")}
    assert told(setup, managers=everybody) == [("anna",), ("boris",)]


def test_a_cooling_that_is_over_counts_for_nothing() -> None:
    setup = with_ladder(LEAST)
    assert told(setup, managers={"anna": cool(0)}) == [("anna",)]


def test_a_call_that_asks_step_by_step_comes_to_who_was_left_for_last() -> None:
    setup = with_ladder(MINE, LEAST)
    facts = replace(FACTS, setup=setup, managers={"anna": cool(1)}, **known("anna"))
    call = replace(CALL, line=setup.line[0])
    rung: list[str] = []
    for attempt in range(4):
        now = MONDAY_NOON + attempt * MINUTE  # his cooling is over before his turn comes
        decision = decide(call, facts, Can(steps=1), now=now).decision
        assert isinstance(decision, Connect)
        if not decision.steps:
            break
        (step,) = decision.steps
        rung += step.managers
        call = replace(
            call,
            attempt=attempt + 1,
            rung=step.rung,
            turn=step.turn + 1,
            tried=dict.fromkeys(rung, "no_answer"),
            left=call.left | set(decision.left),
        )
    assert rung == ["boris", "anna"]


def test_a_message_comes_after_who_was_left_for_last() -> None:
    setup = with_ladder(LEAST, Step(say="Мы перезвоним"))
    everybody = {key: cool() for key in ("anna", "boris", "vera")}
    assert told(setup, managers=everybody) == [("anna",)]


# Not put through


def test_a_blocked_number_is_rejected_and_why_says_so() -> None:
    block = Blocked("+79161234567", "spam")
    decided = decide(CALL, replace(FACTS, blocked=block), Can(), now=MONDAY_NOON)
    assert decided.decision == Reject("call-1", "blocked")
    assert (decided.why.ends, decided.why.rejected, decided.why.note) == (
        "reject",
        "blocked",
        "spam",
    )


@pytest.mark.parametrize(
    ("since", "until", "rejected"),
    [
        pytest.param(-5, 15, True, id="it rings right now"),
        pytest.param(-25, -5, False, id="it has stopped"),
        pytest.param(20, 40, False, id="its turn has not come"),
    ],
)
def test_a_call_forwarded_by_a_phone_that_we_ring_is_a_loop(
    since: int,
    until: int,
    rejected: bool,  # noqa: FBT001
) -> None:
    at = MONDAY_NOON
    hold = Hold("other", "a1", "ring", at + timedelta(seconds=since), at + timedelta(seconds=until))
    facts = replace(FACTS, managers={"anna": ManagerFacts((hold,))})
    decided = decide(replace(CALL, diverted_by="anna"), facts, Can(), now=at)
    assert (decided.decision == Reject("call-1", "loop")) is rejected


def test_a_call_that_was_put_through_becomes_no_loop() -> None:
    """It waits; meanwhile the phone that forwarded it is rung by another call."""
    hold = Hold("other", "a1", "ring", MONDAY_NOON - MINUTE, MONDAY_NOON + MINUTE)
    facts = replace(FACTS, managers={"anna": ManagerFacts((hold,))})
    again = replace(CALL, diverted_by="anna", attempt=1)
    assert rings(decide(again, facts, Can(), now=MONDAY_NOON).decision) == [("boris",), ("vera",)]


def test_a_caller_who_calls_again_is_not_blocked_by_his_own_dying_call() -> None:
    hold = Hold("before", "a1", "ring", MONDAY_NOON - MINUTE, MONDAY_NOON + MINUTE)
    setup = with_ladder(MINE)
    facts: dict[str, Any] = {"managers": {"anna": ManagerFacts((hold,))}, **known("anna")}
    assert told(setup, **facts) == []
    assert told(setup, own=frozenset({"before"}), **facts) == [("anna",)]


def test_a_manager_who_is_dismissed_is_never_rung_by_any_strategy() -> None:
    setup = changed(anna={"active": False})
    for ring in ("least_loaded", "longest_idle", "round_robin", "fewest_calls", "all", "in_order"):
        step = Step(ring=ring, managers=("anna", "boris"))
        facts = replace(FACTS, setup=with_ladder(step, setup=setup))
        decided = decide(replace(CALL, line=facts.setup.line[0]), facts, Can(), now=MONDAY_NOON)
        assert rings(decided.decision) == [("boris",)]


def test_managers_without_deputies_have_none() -> None:
    assert list(deputies_of(Manager("x", "X"), SETUP)) == []
