from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

from callrouter.fakepbx import FakePbx, Habits, Person, Truth, play_virtual
from tests.fakepbx.contract import complaints
from tests.fakepbx.desk import Desk
from tests.fakepbx.examples import CALLERS, DIALS, OLD, PEOPLE, START, a_pbx

BUSY_HOUR = Habits(gap_s=(2, 6))


def an_hour(pbx: FakePbx, desk: Desk, hours: float = 1) -> Truth:
    return play_virtual(pbx, desk, start=START, hours=hours, quiet=timedelta(minutes=20))


def test_the_same_seed_plays_the_same_hour() -> None:
    first, second, third = Desk(DIALS), Desk(DIALS), Desk(DIALS)
    an_hour(a_pbx(), first)
    an_hour(a_pbx(), second)
    an_hour(a_pbx(seed=8), third)
    assert first.hooks == second.hooks
    assert first.hooks != third.hooks


def test_hooks_come_in_the_order_of_time() -> None:
    desk = Desk(DIALS)
    an_hour(a_pbx(), desk)
    assert all(one.at <= other.at for one, other in pairwise(desk.hooks))


def test_every_payload_keeps_the_contract() -> None:
    desk = Desk(DIALS)
    truth = an_hour(a_pbx(habits=BUSY_HOUR), desk, hours=3)
    wrong = Counter(
        complaint
        for hook in desk.hooks
        for complaint in complaints(hook.payload, forgetful=hook.account == OLD.key)
    )
    assert not wrong
    assert truth.bad_answers == []
    assert truth.contradictions == []


def test_an_hour_holds_everything_that_can_happen() -> None:
    people = [Person(one.name, (*one.dials, f"+791600100{n}")) for n, one in enumerate(PEOPLE)]
    desk = Desk([dial for person in people for dial in person.dials])
    callers = replace(CALLERS, blocked=("+79430000000",))
    truth = an_hour(a_pbx(habits=BUSY_HOUR, people=people, callers=callers), desk, hours=3)
    seen = {hook.payload["event"] for hook in desk.hooks}
    assert seen == {
        "ringing",
        "next",
        "dialing",
        "leg_ringing",
        "leg_failed",
        "answered",
        "leg_ended",
        "transferred",
        "ended",
        "recording",
        "device",
        "presence",
        "reset",
    }
    reasons = {hook.payload.get("reason") for hook in desk.hooks} - {None}
    assert reasons == {
        "busy",
        "no_answer",
        "rejected",
        "unreachable",
        "dnd",
        "offline",
        "answered_elsewhere",
        "cancelled",
        "caller_hung_up",
        "completed",
    }
    calls = truth.calls.values()
    assert {call.end for call in calls} >= {
        "completed",
        "no_answer",
        "busy",
        "caller_hung_up",
        "rejected",
        "restart",
    }
    assert {call.kind for call in calls} == {
        "unknown",
        "known",
        "again",
        "withheld",
        "vip",
        "blocked",
    }
    assert {call.decision for call in calls} >= {"connect", "wait", "message", "reject", "none"}
    assert {call.direction for call in calls} == {"in", "out", "internal"}
    assert {call.routed_by for call in calls} >= {"service", "pbx"}
    assert any(call.redial_of for call in calls)
    assert any(call.picked_up_outside_plan for call in calls)
    assert any(len(call.waits) > 3 for call in calls)
    assert any(call.machine and "answered" in call.delivered for call in calls)
    assert any(call.loop_of for call in calls)
    assert {one.kind for call in calls for one in call.passed_on} == {"blind", "attended"}
    counts = truth.counts
    assert min(counts[name] for name in ("calls_back", "second_tries", "transfers", "breaks")) > 5


def test_nobody_talks_twice_at_once_except_by_call_waiting() -> None:
    truth = an_hour(a_pbx(habits=replace(BUSY_HOUR, call_waiting=0.5)), Desk(DIALS[:2]))
    talks = [talk for call in truth.calls.values() for talk in call.talks if talk.person]
    assert len(talks) > 200
    assert any(talk.waiting for talk in talks)
    plain = sorted((t for t in talks if not t.waiting), key=lambda t: t.since)
    for person in {talk.person for talk in talks}:
        own = [talk for talk in plain if talk.person == person]
        assert all(one.until and one.until <= other.since for one, other in pairwise(own))


def test_a_person_with_two_phones_talks_on_one() -> None:
    people = [Person(f"m{n}", (str(100 + n), f"+7916000100{n}")) for n in range(1, 4)]
    pbx = a_pbx(people=people, habits=replace(BUSY_HOUR, call_waiting=0))
    truth = an_hour(pbx, Desk([dial for person in people for dial in person.dials]))
    for person in people:
        own = [t for c in truth.calls.values() for t in c.talks if t.person == person.name]
        own.sort(key=lambda t: t.since)
        assert {talk.dial for talk in own} == set(person.dials)
        assert all(one.until and one.until <= other.since for one, other in pairwise(own))


def test_the_pace_is_human() -> None:
    truth = an_hour(a_pbx(), Desk(DIALS))
    assert 200 < truth.counts["calls"] < 330
    moments = [START + timedelta(minutes=n) for n in range(5, 60)]
    at_once = [len(truth.open_calls(moment)) for moment in moments]
    assert 1.5 < sum(at_once) / len(at_once) < 6


def test_after_a_quiet_while_nobody_talks_and_no_call_is_open() -> None:
    truth = an_hour(a_pbx(habits=BUSY_HOUR), Desk(DIALS))
    after = START + timedelta(hours=1, minutes=20)
    assert truth.talking(START + timedelta(minutes=30))
    assert truth.open_calls(START + timedelta(minutes=30))
    assert truth.talking(after) == {}
    assert truth.open_calls(after) == frozenset()
