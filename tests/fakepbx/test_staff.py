"""What our people do by themselves: call customers and colleagues, call back, leave their desks."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from callrouter.fakepbx import GOOD, OFFICE_DAY, Account, Callers, Habits, Person, play_virtual
from tests.fakepbx.desk import Desk
from tests.fakepbx.examples import DIALS, MAIN, OLD, START, a_pbx
from tests.fakepbx.one_call import EVERYBODY, NOBODY, ONE_CALL, in_short, play_one

CUSTOMER = "+79161234567"


def a_call_out(habits: Habits, account: Account = MAIN) -> tuple[list[dict[str, Any]], Any]:
    sent, truth = play_one([], habits, account=account, begin=lambda pbx: pbx.dial(CUSTOMER))
    [call] = truth.calls.values()
    return sent, call


@pytest.mark.parametrize(
    ("habits", "told"),
    [
        pytest.param(
            replace(EVERYBODY, customer_answers=1),
            "dialing:{own} leg_ringing:{he} answered:{he} leg_ended:{own} ended:{own}=completed",
            id="he answers",
        ),
        pytest.param(
            replace(EVERYBODY, customer_answers=0, customer_busy=0),
            "dialing:{own} leg_ringing:{he} leg_failed:{he}=no_answer ended=no_answer",
            id="he does not",
        ),
        pytest.param(
            replace(EVERYBODY, customer_answers=0, customer_busy=1),
            "dialing:{own} leg_failed:{he}=busy ended=busy",
            id="he is busy",
        ),
    ],
)
def test_a_manager_calls_a_customer(habits: Habits, told: str) -> None:
    sent, call = a_call_out(habits)
    own = sent[0]["target"]
    assert " ".join(map(in_short, sent)) == told.format(own=own, he=CUSTOMER)
    assert {(p["direction"], p["called"]) for p in sent} == {("out", CUSTOMER)}
    assert sent[0]["caller"] in MAIN.lines
    assert (call.direction, call.caller, call.dialer) == ("out", CUSTOMER, f"m{own[-1]}")
    assert bool(call.talks) == (habits.customer_answers == 1)


def test_a_pbx_without_ids_has_one_word_for_whatever_begins() -> None:
    sent, _ = a_call_out(replace(EVERYBODY, customer_answers=1), OLD)
    assert (sent[0]["event"], sent[0]["direction"]) == ("ringing", "out")
    [answered] = [p for p in sent if p["event"] == "answered"]
    assert "target" not in answered


def test_who_calls_out_is_busy() -> None:
    def begin(pbx: Any) -> None:
        for _ in range(2):
            pbx.dial(CUSTOMER, by=pbx.people[0])

    sent, _ = play_one([], replace(NOBODY, customer_answers=0), begin=begin)
    dialled = [p["target"] for p in sent if p["event"] == "dialing"]
    assert dialled[0] == "101"
    assert len(set(dialled)) == 2


def test_a_colleague_is_called() -> None:
    sent, truth = play_one([], EVERYBODY, begin=lambda pbx: pbx.dial("102", by=pbx.people[0]))
    assert " ".join(map(in_short, sent)) == (
        "dialing:101 leg_ringing:102 answered:102 ended=completed"
    )
    assert {p["direction"] for p in sent} == {"internal"}
    [call] = truth.calls.values()
    assert call.caller is None
    assert [talk.person for talk in call.talks] == ["m1", "m2"]


def test_who_reached_nobody_is_called_back() -> None:
    habits = replace(
        NOBODY, gap_s=(20, 40), hangs_up=1, tries_again=0, calls_back=1, customer_answers=1
    )
    pbx = a_pbx(manners=GOOD, habits=habits)
    truth = play_virtual(
        pbx, Desk(DIALS, plain=True), start=START, hours=1, quiet=timedelta(minutes=10)
    )
    backs = [call for call in truth.calls.values() if call.direction == "out"]
    assert truth.counts["calls_back"] == len(backs) > 30
    for back in backs:
        missed = [
            call
            for call in truth.calls.values()
            if call.direction == "in" and call.caller == back.caller and call.began < back.began
        ]
        assert missed
        assert any(not call.talks for call in missed)


def test_nobody_is_called_back_who_got_through_meanwhile() -> None:
    habits = replace(
        ONE_CALL, picks_up=0.5, gap_s=(8, 12), hangs_up=0.5, tries_again=0.8, calls_back=1
    )
    truth = play_virtual(a_pbx(manners=GOOD, habits=habits), Desk(DIALS), start=START, hours=1)
    calls = truth.calls.values()
    backs = [call for call in calls if call.direction == "out"]
    through = {call.caller for call in calls if call.redial_of and call.talks}
    assert len(backs) > 20
    assert through - {call.caller for call in backs}
    for back in backs:
        before = [c for c in calls if c.caller == back.caller and c.began < back.began]
        missed = [c.began for c in before if c.direction == "in" and not c.talks]
        talks = [talk.since for call in before for talk in call.talks]
        talked = [since for since in talks if since < back.began]
        assert missed
        assert max(missed) > max(talked, default=START)


def test_people_leave_their_desks_and_come_back() -> None:
    habits = replace(ONE_CALL, break_after_s=(60, 600), break_s=(60, 200))
    pbx = a_pbx(manners=GOOD, habits=habits)
    desk = Desk(DIALS)
    most = [0]

    def look(_moment: Any) -> None:
        most[0] = max(most[0], sum(pbx.where(one) != "here" for one in pbx.people))

    truth = play_virtual(pbx, desk, start=START, hours=3, tick=look, quiet=timedelta(minutes=10))
    said = [h.payload for h in desk.hooks if h.payload["event"] in ("device", "presence")]
    states = Counter((p["event"], p["state"]) for p in said)
    assert truth.counts["breaks"] > 40
    assert set(states) == {
        ("presence", "pause"),
        ("presence", "available"),
        ("device", "dnd"),
        ("device", "offline"),
        ("device", "busy"),
        ("device", "available"),
    }
    assert 1 < most[0] <= 3, "never more than a third of them"
    assert all(pbx.where(one) == "here" for one in pbx.people)


def test_a_lost_word_of_it_is_said_again() -> None:
    habits = replace(ONE_CALL, break_after_s=(60, 600), break_s=(100, 200))
    desk = Desk(DIALS)
    pbx = a_pbx(manners=GOOD, habits=habits)
    play_virtual(pbx, desk, start=START, hours=1, quiet=timedelta(minutes=5))
    pauses = [h.payload["target"] for h in desk.hooks if h.payload.get("state") == "pause"]
    assert pauses
    assert all(n % 2 == 0 for n in Counter(pauses).values())


DEPARTMENT = tuple(Person(f"m{n}", (str(200 + n),)) for n in range(12))
CLIENTS = Callers(known=tuple(f"+7916{n:07d}" for n in range(4000)))


def test_a_day_of_a_sales_department() -> None:
    """From nine to six, in virtual time: what a department of twelve hears and does."""
    dials = [person.dials[0] for person in DEPARTMENT]
    pbx = a_pbx(people=DEPARTMENT, callers=CLIENTS, habits=OFFICE_DAY)
    at_lunch: dict[int, int] = {}

    def look(moment: Any) -> None:
        gone = sum(pbx.where(one) == "pause" for one in pbx.people)
        at_lunch[moment.hour] = max(at_lunch.get(moment.hour, 0), gone)

    nine = START.replace(hour=9)
    truth = play_virtual(
        pbx, Desk(dials, plain=True), start=nine, hours=9, tick=look, quiet=timedelta(hours=1)
    )
    calls = list(truth.calls.values())
    directions = Counter(call.direction for call in calls)
    assert 500 < directions["in"] < 1200
    assert 80 < directions["out"] < 400
    assert directions["internal"] > 20
    assert truth.counts["calls_back"] > 10
    assert truth.counts["transfers"] > 20
    assert at_lunch[9] == 0
    assert max(at_lunch[hour] for hour in (12, 13, 14)) >= 2
    by_hour = Counter(call.began.hour for call in calls if call.direction == "in")
    assert by_hour[10] > 1.5 * by_hour[13]
    assert truth.talking(nine + timedelta(hours=10)) == {}
    assert truth.bad_answers == []
