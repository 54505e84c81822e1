"""Who is owed a call back, why, by when, and what settles it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callrouter.domain.calls import Leg
from callrouter.domain.managers import Presence
from callrouter.domain.obligations import (
    Dealing,
    Staff,
    WhyMissed,
    escalated_to,
    is_pending,
    last_talk,
    owed,
    owner_of,
    people_to_ask,
    term_of,
    why_missed,
)
from callrouter.domain.setup import (
    Absence,
    Company,
    Line,
    Manager,
    Missed,
    Office,
    Setup,
    Team,
)
from callrouter.domain.why import Candidate, Passed, StepWhy, Why
from tests.examples import LINE, MONDAY_NOON, SETUP

MINUTE = timedelta(minutes=1)
NIGHT = datetime(2026, 3, 2, 20, 0, tzinfo=UTC)  # Monday, 23:00 in Moscow


def at(minutes: float) -> datetime:
    return MONDAY_NOON + minutes * MINUTE


# What is owed


def missed(name: str, begun: float, *, learned: float | None = None) -> Dealing:
    """A missed call of half a minute, of which we learned at its end."""
    ended = at(begun + 0.5)
    return Dealing(name, "missed", at(begun), ended, None, at(learned) if learned else ended)


def talk(name: str, begun: float) -> Dealing:
    return Dealing(name, "talk", at(begun), at(begun + 3), at(begun + 0.1))


def tried(name: str, begun: float) -> Dealing:
    return Dealing(name, "tried", at(begun), at(begun + 0.5))


@pytest.mark.parametrize(
    ("dealings", "expected"),
    [
        pytest.param([], None, id="nothing happened"),
        pytest.param([missed("m1", 0)], ({"m1"}, 0, 0), id="a missed call"),
        pytest.param([missed("m1", 0), missed("m2", 9)], ({"m1", "m2"}, 1, 0), id="and another"),
        pytest.param([missed("m1", 0), talk("t", 5)], None, id="a talk after it"),
        pytest.param([talk("t", 0), missed("m1", 5)], ({"m1"}, 0, 0), id="a talk before it"),
        pytest.param(
            [missed("m1", 0), talk("t", 5), missed("m2", 9)],
            ({"m2"}, 0, 0),
            id="a talk between settles only what was before",
        ),
        pytest.param(
            [tried("o1", -5), missed("m1", 0), tried("o2", 5), tried("o3", 9)],
            ({"m1"}, 0, 2),
            id="tries count from the first missed call on",
        ),
        pytest.param(
            [Dealing("p", "pending", at(0)), Dealing("r", "other", at(1), at(2))],
            None,
            id="neither an open call nor a rejected one is owed",
        ),
    ],
)
def test_what_a_number_is_owed(
    dealings: list[Dealing], expected: tuple[set[str], int, int] | None
) -> None:
    for order in (dealings, dealings[::-1]):
        found = owed(order)
        assert (found and (set(found.calls), found.repeats, found.tries)) == expected


def test_a_talk_in_the_missed_call_itself_settles_it() -> None:
    answered = Dealing("m1", "talk", at(0), at(9), at(3))
    assert owed([missed("m0", -5), answered]) is None


def test_the_latest_call_and_the_first_are_told() -> None:
    found = owed([missed("m2", 9), missed("m1", 0)], [at(20)])
    assert found
    assert (found.first_at, found.last_at, found.call) == (at(0), at(20), "m2")
    assert (found.repeats, found.asked_last) == (2, True)


@pytest.mark.parametrize(
    ("one", "still"),
    [
        pytest.param(missed("m", 0), False, id="over and known before"),
        pytest.param(missed("m", 9.8), True, id="rang when he closed it"),
        pytest.param(missed("m", 20), True, id="came later"),
        pytest.param(missed("m", 0, learned=30), False, id="over before, learned of late"),
        pytest.param(missed("m", 9.8, learned=9.9), False, id="its end was presumed before"),
    ],
)
def test_what_a_person_closed_stays_closed(one: Dealing, *, still: bool) -> None:
    found = owed([one], closed_at=at(10))
    assert (found is not None) == still


def test_a_lead_is_owed_until_somebody_talks() -> None:
    found = owed([], [at(0)])
    assert found
    assert (found.call, found.repeats, found.asked_last) == (None, 0, True)
    assert owed([talk("t", 1)], [at(0)]) is None
    assert owed([talk("t", -1)], [at(0)]) is not None


def test_the_last_talk_and_what_is_not_over() -> None:
    assert last_talk([talk("t2", 9), talk("t1", 0), missed("m", 20)]) == (at(9.1), "t2")
    assert last_talk([missed("m", 0)]) is None
    assert is_pending([Dealing("p", "pending", at(0))])
    assert not is_pending([missed("m", 0)])


KINDS = {"missed": missed, "talk": talk, "tried": tried}


@given(
    st.lists(st.tuples(st.sampled_from(sorted(KINDS)), st.integers(0, 50)), max_size=8),
    st.randoms(use_true_random=False),
)
def test_order_and_repeats_do_not_matter(calls: list[tuple[str, int]], chance: Any) -> None:
    dealings = [KINDS[kind](f"c{n}", minute) for n, (kind, minute) in enumerate(calls)]
    shuffled = list(dealings)
    chance.shuffle(shuffled)
    assert owed(dealings) == owed(shuffled)
    found = owed(dealings)
    if found:
        latest = last_talk(dealings)
        assert not latest or all(
            one.started_at > latest[0] for one in dealings if one.call in found.calls
        )


# Why


def why(**changes: Any) -> Why:
    return replace(
        Why("known", known=True, line=LINE.number, line_known=True, setup=1, at=MONDAY_NOON),
        **changes,
    )


def step(*chosen: str, passed: tuple[Passed, ...] = (), others: Any = ()) -> StepWhy:
    candidates = [Candidate(one, chosen=True) for one in chosen]
    candidates += [Candidate(f"p{n}", passed=one) for n, one in enumerate(passed)]
    return StepWhy("least_loaded", 20, chosen, tuple(candidates), others)


def leg(manager: str | None, place: int, status: Any = "failed", **changes: Any) -> Leg:
    rung = Leg(
        ref=f"a{place}",
        dial="101",
        manager=manager,
        step=place,
        status=status,
        ring_from=at(place / 3),
    )
    return rung._replace(**changes)


TO_TWO = why(steps=(step("anna"), step("boris")))


@pytest.mark.parametrize(
    ("whys", "legs", "expected"),
    [
        pytest.param(
            [TO_TWO],
            [leg("boris", 1), leg("anna", 0)],
            WhyMissed("not_picked_up", ("anna", "boris")),
            id="nobody of those it rang picked up",
        ),
        pytest.param(
            [TO_TWO],
            [leg("anna", 0, "cancelled"), leg("boris", 1, "cancelled", ring_from=None)],
            WhyMissed("hung_up", ("anna",), 12),
            id="the caller hung up while the first phone rang",
        ),
        pytest.param(
            [TO_TWO],
            [leg("anna", 0, "cancelled"), leg("boris", 1, "cancelled")],
            WhyMissed("not_picked_up", ("anna", "boris")),
            id="the first had his whole time",
        ),
        pytest.param(
            [TO_TWO],
            [leg("anna", 0, "cancelled"), leg(None, 2, "cancelled")],
            WhyMissed("not_picked_up", ("anna",)),
            id="the last resort was reached",
        ),
        pytest.param(
            [TO_TWO],
            [leg("anna", 0, "cancelled", ring_from=None)],
            WhyMissed("hung_up", (), 12),
            id="the caller hung up before any phone rang",
        ),
        pytest.param(
            [why(steps=(step(passed=("talking", "off_shift")),))],
            [leg(None, 0)],
            WhyMissed("all_busy"),
            id="those who were there were busy",
        ),
        pytest.param(
            [why(steps=(step(passed=("off_shift",), others=(("wrap_up", 3),)),))],
            [],
            WhyMissed("all_busy"),
            id="busy ones who are only counted",
        ),
        pytest.param(
            [why(steps=(step(passed=("off_shift", "absent")),))],
            [],
            WhyMissed("nobody_on_shift"),
            id="nobody was there",
        ),
        pytest.param(
            [why(open_hours=False, ends="message")],
            [],
            WhyMissed("out_of_hours", message=True),
            id="after hours, with a message",
        ),
        pytest.param(
            [why(open_hours=False, steps=(step("anna"),))],
            [leg("anna", 0)],
            WhyMissed("not_picked_up", ("anna",)),
            id="whom it rang at night says more than the hours",
        ),
        pytest.param(
            [why(ends="message")], [], WhyMissed("message", message=True), id="only a message"
        ),
        pytest.param(
            [TO_TWO],
            [leg("anna", 0, "ended", answered_at=at(0.1), machine=True)],
            WhyMissed("machine", ("anna",), message=True),
            id="a manager's voicemail",
        ),
        pytest.param(
            [why(steps=(step(passed=("absent",)),))],
            [leg(None, 0, "ended", answered_at=at(0.1), machine=True)],
            WhyMissed("nobody_on_shift", message=True),
            id="a last resort that is a voicemail",
        ),
        pytest.param(
            [replace(TO_TWO, told_by="snapshot")],
            [leg("anna", 0)],
            WhyMissed("fallback", ("anna",)),
            id="decided from memory",
        ),
        pytest.param(
            [why(told_by="last_resort")], [leg(None, 0)], WhyMissed("fallback"), id="our own bug"
        ),
        pytest.param([], [], WhyMissed("fallback"), id="it came past us"),
        pytest.param(
            [],
            [leg("vera", 0, planned=False)],
            WhyMissed("not_picked_up", ("vera",)),
            id="it came past us, but we heard whom it rang",
        ),
    ],
)
def test_why_a_call_was_missed(whys: list[Why], legs: list[Leg], expected: WhyMissed) -> None:
    ended = MONDAY_NOON + timedelta(seconds=12.3)
    assert why_missed(whys, legs, started_at=MONDAY_NOON, ended_at=ended) == expected


def test_a_pbx_that_says_no_answer_is_believed() -> None:
    legs = [leg("anna", 0, "cancelled")]
    found = why_missed([TO_TWO], legs, started_at=MONDAY_NOON, ended_at=at(0.3), reason="no_answer")
    assert found.cause == "not_picked_up"


# By when

WEEK = "Mo-Fr 09:00-18:00; PH off"
BY_OFFICE = Setup(
    company=Company(time_zone="Europe/Moscow"),
    office=(Office("msk", hours=WEEK), Office("ekb", "", "Asia/Yekaterinburg", WEEK)),
)


def moscow(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-{text}:00+03:00")


@pytest.mark.parametrize(
    ("line", "ended", "due", "closed"),
    [
        pytest.param(replace(LINE), "03-02T12:00", "03-02T12:15", False, id="no hours at all"),
        pytest.param(
            replace(LINE, hours=WEEK), "03-02T12:00", "03-02T12:15", False, id="in the hours"
        ),
        pytest.param(
            replace(LINE, hours=WEEK), "03-02T17:50", "03-03T09:05", False, id="near their end"
        ),
        pytest.param(
            replace(LINE, hours=WEEK), "03-02T23:00", "03-03T09:30", True, id="in the night"
        ),
        pytest.param(
            replace(LINE, hours=WEEK), "03-06T18:00", "03-10T09:30", True, id="a holiday on Monday"
        ),
        pytest.param(
            replace(LINE, office="msk"), "03-02T08:59", "03-02T09:30", True, id="of the office"
        ),
        pytest.param(
            replace(LINE, office="ekb"), "03-02T08:59", "03-02T09:14", False, id="in its own zone"
        ),
        pytest.param(
            replace(LINE, office="msk", hours="24/7"),
            "03-02T23:00",
            "03-02T23:15",
            False,
            id="the line's own hours before the office's",
        ),
    ],
)
def test_by_when_it_is_owed(line: Line, ended: str, due: str, *, closed: bool) -> None:
    assert term_of(BY_OFFICE, line, moscow(ended)) == (moscow(due), closed)


def test_the_term_is_set_in_setup() -> None:
    setup = replace(BY_OFFICE, missed=Missed(term_min=5, after_opening_min=60))
    line = replace(LINE, hours=WEEK)
    assert term_of(setup, line, moscow("03-02T12:00"))[0] == moscow("03-02T12:05")
    assert term_of(setup, line, moscow("03-02T23:00"))[0] == moscow("03-03T10:00")


# Who

COMPANY = Setup(
    company=Company(duty="duty"),
    team=(Team("sales", head="head"), Team("service", head="chief")),
    manager=(
        Manager("anna", "", team="sales", deputy="boris"),
        Manager("boris", "", team="sales", deputy="gleb"),
        Manager("gleb", "", team="service", deputy="anna"),
        Manager("head", "", team="sales", role="head"),
        Manager("chief", "", team="service", role="head"),
        Manager("duty", "", role="admin"),
    ),
)


def staff(setup: Setup, said: dict[str, Presence] | None = None, **moments: Any) -> Staff:
    return Staff(setup, said or {}, **({"now": MONDAY_NOON} | moments))


def away(*keys: str, setup: Setup = COMPANY) -> Setup:
    monday = date(2026, 3, 2)
    return replace(setup, absence=tuple(Absence(key, monday, monday) for key in keys))


def changed(key: str, setup: Setup = COMPANY, **changes: Any) -> Setup:
    people = tuple(replace(one, **changes) if one.key == key else one for one in setup.manager)
    return replace(setup, manager=people)


@pytest.mark.parametrize(
    ("setup", "asked", "expected"),
    [
        pytest.param(COMPANY, {"responsible": "anna"}, "anna", id="the responsible"),
        pytest.param(COMPANY, {"rung": ("gleb", "anna")}, "gleb", id="the first rung"),
        pytest.param(
            COMPANY, {"responsible": "anna", "rung": ("gleb",)}, "anna", id="responsible first"
        ),
        pytest.param(away("anna"), {"responsible": "anna"}, "boris", id="who stands in"),
        pytest.param(
            away("anna", "boris"), {"responsible": "anna"}, "gleb", id="a chain of deputies"
        ),
        pytest.param(
            away("anna", "boris", "gleb"), {"responsible": "anna"}, "head", id="a ring of deputies"
        ),
        pytest.param(
            changed("anna", active=False), {"responsible": "anna"}, "boris", id="who has left"
        ),
        pytest.param(
            away("anna", "boris", "gleb"),
            {"responsible": "anna", "rung": ("chief",)},
            "chief",
            id="nobody stands in, but one was rung",
        ),
        pytest.param(COMPANY, {"team": "service"}, "chief", id="the head of the ladder's team"),
        pytest.param(
            away("gleb"), {"rung": ("gleb",), "team": "sales"}, "chief", id="of his own team rather"
        ),
        pytest.param(away("head"), {"team": "sales"}, "duty", id="duty"),
        pytest.param(COMPANY, {}, "duty", id="nobody is named"),
        pytest.param(away("duty"), {}, "duty", id="duty even on leave"),
        pytest.param(changed("duty", active=False), {}, "head", id="duty has left: a head"),
        pytest.param(
            replace(COMPANY, company=Company(duty="gone")), {}, "head", id="duty is not known"
        ),
        pytest.param(
            replace(COMPANY, company=Company(duty=""), manager=COMPANY.manager[:1]),
            {"responsible": "gone", "rung": ("gone",), "team": "gone"},
            "anna",
            id="no head either: the first who works here",
        ),
        pytest.param(
            replace(COMPANY, manager=()), {"responsible": "anna"}, "duty", id="nobody works here"
        ),
    ],
)
def test_who_owes_it(setup: Setup, asked: dict[str, Any], expected: str) -> None:
    assert owner_of(setup, staff(setup), **asked) == expected
    people = people_to_ask(
        setup, asked.get("responsible"), asked.get("rung", ()), asked.get("team")
    )
    assert expected in people or expected == staff(setup).on_duty()


def test_who_is_off_shift_owes_it_when_he_is_back_by_the_term() -> None:
    setup = changed("anna", shift="Mo-Fr 09:00-18:00")
    assert owner_of(setup, staff(setup, now=NIGHT), responsible="anna") == "boris"
    morning = staff(setup, now=NIGHT, due_at=moscow("03-03T09:30"))
    assert owner_of(setup, morning, responsible="anna") == "anna"


@pytest.mark.parametrize(
    ("state", "expected"), [("off", "boris"), ("pause", "anna"), ("available", "anna")]
)
def test_who_said_that_he_is_off_is_not_at_work(state: Any, expected: str) -> None:
    said = {"anna": Presence(state, MONDAY_NOON, at(60))}
    assert owner_of(COMPANY, staff(COMPANY, said), responsible="anna") == expected


@pytest.mark.parametrize(
    ("setup", "owner", "expected"),
    [
        pytest.param(COMPANY, "anna", "head", id="the head of his team"),
        pytest.param(COMPANY, "head", "head", id="the head has it already"),
        pytest.param(away("head"), "anna", "duty", id="the head is away"),
        pytest.param(away("head"), "head", "duty", id="the head had it and is away"),
        pytest.param(COMPANY, "duty", "duty", id="of no team"),
        pytest.param(COMPANY, "gone", "duty", id="who is not known"),
    ],
)
def test_to_whom_it_goes_after_the_tries(setup: Setup, owner: str, expected: str) -> None:
    assert escalated_to(setup, staff(setup), owner) == expected


def test_the_example_setup_names_somebody() -> None:
    assert owner_of(SETUP, staff(SETUP)) == "vera"
