"""Callers who wait, through the base: places, promises, and those who call again."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from callrouter.domain.calls import OVER
from callrouter.domain.decisions import EVERYTHING, Connect, Decision, LastResort, Reject, Wait
from callrouter.domain.events import CallEvent, EventKind
from callrouter.domain.setup import Block, Manager, Step
from callrouter.flows.try_call import try_call
from callrouter.flows.work import Already
from storage import tables
from storage.database import Database
from tests.examples import LAST_RESORT, LINE_NUMBER, MONDAY_NOON, SETUP, event, rings, with_ladder
from tests.office import Office, entry, render

ONE_DESK = replace(SETUP, manager=(replace(SETUP.manager[0], wrap_up_s=0),))
QUEUE = with_ladder(Step(ring="least_loaded", seconds=20, busy="wait", wait=60), setup=ONE_DESK)
AHEAD = "+79160000001"


def at(seconds: float) -> datetime:
    return MONDAY_NOON + timedelta(seconds=seconds)


def of(kind: EventKind, call: str, seconds: float, /, **fields: Any) -> CallEvent:
    """An event of a caller whose number is that of his call's first letter."""
    caller = f"8916000000{ord(call[0]) - ord('a')}"
    return event(kind, call, at(seconds), **{"caller": caller, **fields})


@pytest.fixture
async def office(database: Database) -> Office:
    """A desk of one, and somebody who talks there."""
    office = Office(database)
    await office.open(QUEUE)
    await office.take(of("ringing", "a", 0))
    await office.take(of("answered", "a", 5, target="101"))
    return office


async def told(office: Office, kind: EventKind, call: str, seconds: float, /, **f: Any) -> Decision:
    (taken,) = await office.take(of(kind, call, seconds, **f))
    assert taken.decision
    return taken.decision


async def test_a_call_waits_and_goes_to_who_becomes_free(office: Office) -> None:
    first = await told(office, "ringing", "b", 10)
    assert isinstance(first, Wait)
    assert first.position == 1
    waiting = [row for row in await office.rows(tables.call) if row.state == "waiting"]
    assert [row.ref for row in waiting] == ["b"]
    assert waiting[0].waiting_since == at(10)
    again = await told(office, "next", "b", 15, attempt=1)
    assert isinstance(again, Wait)
    await office.take(of("ended", "a", 18, duration_s=13))
    assert rings(await told(office, "next", "b", 20, attempt=2)) == [("anna",)]


async def test_places_are_kept_in_the_order_of_coming(office: Office) -> None:
    await told(office, "ringing", "b", 10)
    second = await told(office, "ringing", "c", 12)
    assert isinstance(second, Wait)
    assert second.position == 2
    await office.take(of("ended", "a", 13, duration_s=8))
    assert isinstance(await told(office, "next", "c", 14, attempt=1), Wait)
    newcomer = await told(office, "ringing", "d", 14.5)
    assert isinstance(newcomer, Wait)
    assert newcomer.position == 3
    assert rings(await told(office, "next", "b", 15, attempt=1)) == [("anna",)]


async def test_in_one_batch_too_the_longest_waiting_comes_first(office: Office) -> None:
    await told(office, "ringing", "b", 10)
    await told(office, "ringing", "c", 12)
    one, other, end = (
        of("next", "c", 16, attempt=1),
        of("next", "b", 16, attempt=1),
        of("ended", "a", 16, duration_s=11),
    )
    taken = await office.take(one, other, end)
    assert isinstance(taken[0].decision, Wait)
    assert taken[1].decision
    assert rings(taken[1].decision) == [("anna",)]


async def test_nobody_is_kept_free_for_who_is_not_asked_for_again(office: Office) -> None:
    await told(office, "ringing", "b", 10)
    await office.take(of("ended", "a", 12, duration_s=7))
    assert isinstance(await told(office, "ringing", "c", 19), Wait)
    assert rings(await told(office, "next", "c", 24, attempt=1)) == [("anna",)]


async def test_who_hangs_up_makes_room(office: Office) -> None:
    await told(office, "ringing", "b", 10)
    second = await told(office, "ringing", "c", 12)
    assert isinstance(second, Wait)
    await office.take(of("ended", "b", 14, reason="caller_hung_up"))
    row = next(row for row in await office.rows(tables.call) if row.ref == "b")
    assert row.state == "missed"
    again = await told(office, "next", "c", 17, attempt=1)
    assert isinstance(again, Wait)
    assert again.position == 1


async def test_who_hangs_up_in_the_same_moment_is_not_waited_for(office: Office) -> None:
    await told(office, "ringing", "b", 10)
    await told(office, "ringing", "c", 12)
    await office.take(of("ended", "a", 13, duration_s=8))
    taken = await office.take(
        of("ended", "b", 17, reason="caller_hung_up"), of("next", "c", 17, attempt=1)
    )
    assert taken[1].decision
    assert rings(taken[1].decision) == [("anna",)]


@pytest.mark.parametrize(
    ("seconds", "position"),
    [pytest.param(60, 1, id="at once"), pytest.param(200, 2, id="too late")],
)
async def test_who_calls_again_soon_has_his_place(
    office: Office, seconds: float, position: int
) -> None:
    await told(office, "ringing", "b", 10)
    await told(office, "ringing", "c", 12)
    await office.take(of("ended", "b", 14, reason="caller_hung_up"))
    for moment in range(17, int(seconds), 5):
        await told(office, "next", "c", moment, attempt=moment)
    again = await told(office, "ringing", "b2", seconds)
    if seconds > 100:  # the patience of c is over by then, and his call with it
        assert isinstance(again, Wait)
        assert again.since == at(seconds)
    else:
        assert isinstance(again, Wait)
        assert (again.position, again.since) == (position, at(10))


async def test_after_its_time_comes_the_last_resort(office: Office) -> None:
    await told(office, "ringing", "b", 10)
    seconds, attempt = 10.0, 0
    decision: Decision | None = None
    while seconds < 100:
        seconds, attempt = seconds + 5, attempt + 1
        decision = await told(office, "next", "b", seconds, attempt=attempt)
        if isinstance(decision, Connect):
            break
    assert isinstance(decision, Connect)
    assert (decision.steps, decision.ask_again) == ((), False)
    assert seconds == 70


async def test_who_was_rung_in_vain_waits_on_in_his_place(database: Database) -> None:
    two = tuple(replace(one, wrap_up_s=0) for one in SETUP.manager[:2])
    step = Step(ring="least_loaded", seconds=20, busy="wait", wait=60)
    office = await Office(database).open(with_ladder(step, setup=replace(SETUP, manager=two)))
    for call, phone in (("a", "101"), ("e", "102")):
        await office.take(of("ringing", call, 0))
        await office.take(of("answered", call, 5, target=phone))
    assert isinstance(await told(office, "ringing", "b", 10), Wait)
    await office.take(of("ended", "a", 13, duration_s=8))
    rung = await told(office, "next", "b", 15, attempt=1)
    assert rings(rung) == [("anna",)]
    await office.take(of("leg_failed", "b", 35, target="101", reason="no_answer"))
    waits = await told(office, "next", "b", 35, attempt=2)
    assert isinstance(waits, Wait)
    assert (waits.since, waits.began, waits.position) == (at(10), at(10), 1)
    over = await told(office, "next", "b", 71, attempt=3)
    assert isinstance(over, Connect)
    assert over.steps == ()


async def test_a_repeat_while_it_waits_gets_the_same_answer(office: Office) -> None:
    one = await office.take(of("ringing", "b", 10))
    (again,) = await office.take(replace(of("ringing", "b", 12), key="another"))
    assert again.answer == one[0].answer
    assert await office.count(tables.decision) == 2


async def test_a_caller_is_not_in_the_way_of_himself(office: Office) -> None:
    await office.take(of("ended", "a", 8, duration_s=3))
    await told(office, "ringing", "b", 10)
    assert rings(await told(office, "ringing", "b2", 15)) == [("anna",)]


async def test_a_blocked_number_makes_nothing_and_rings_nobody(office: Office) -> None:
    await office.open(replace(QUEUE, block=(Block("89160000001", reason="spam"),)))
    before = await office.count(tables.contact), await office.count(tables.card)
    assert isinstance(await told(office, "ringing", "b", 10), Reject)
    await office.take(of("ended", "b", 11))
    row = next(row for row in await office.rows(tables.call) if row.ref == "b")
    assert row.state == "rejected"
    assert (await office.count(tables.contact), await office.count(tables.card)) == before
    assert await office.count(tables.task) == 0


async def test_a_call_that_a_ringing_mobile_forwards_to_us_is_rejected(office: Office) -> None:
    mobile = Manager("anna", "Анна", ("101", "+79169999999"))
    await office.open(replace(QUEUE, manager=(mobile,)))
    await office.take(of("ended", "a", 8, duration_s=3))
    await told(office, "ringing", "b", 10)
    looped = await told(
        office, "ringing", "b2", 12, diverted_from="89169999999", called=LINE_NUMBER
    )
    assert looped == Reject(looped.call, "loop")  # type: ignore[union-attr]
    assert await office.count(tables.card) == 2
    states = {row.ref: row.state for row in await office.rows(tables.call)}
    assert states["b"] not in OVER


async def test_two_who_wait_with_one_number_are_not_both_given_the_same_manager(
    office: Office,
) -> None:
    """Two of a company that shows one number: each asks again, so neither has hung up."""
    number = {"caller": AHEAD}
    await told(office, "ringing", "b", 10, **number)
    await told(office, "ringing", "c", 12, **number)
    await told(office, "next", "b", 15, attempt=1, **number)
    await told(office, "next", "c", 17, attempt=1, **number)
    await office.take(of("ended", "a", 18, duration_s=13))
    assert isinstance(await told(office, "next", "c", 19, attempt=2, **number), Wait)
    assert rings(await told(office, "next", "b", 20, attempt=2, **number)) == [("anna",)]


async def test_a_live_call_of_the_same_number_later_on_is_not_rung_through(office: Office) -> None:
    number = {"caller": AHEAD}
    await told(office, "ringing", "b", 10, **number)
    await office.take(of("ended", "a", 11, duration_s=6))
    assert rings(await told(office, "ringing", "c", 12, **number)) == [("anna",)]
    assert isinstance(await told(office, "next", "b", 15, attempt=1, **number), Wait)


async def test_who_was_rung_for_in_vain_keeps_his_place(database: Database) -> None:
    office = Office(database)
    two = replace(SETUP, manager=SETUP.manager[:2])
    await office.open(with_ladder(Step("least_loaded", busy="wait", wait=90, count=3), setup=two))
    for call, target in (("a", "101"), ("b", "102")):
        await office.take(of("ringing", call, 0))
        await office.take(of("answered", call, 1, target=target))
    assert isinstance(await told(office, "ringing", "c", 10), Wait)
    assert isinstance(await told(office, "ringing", "d", 12), Wait)
    await office.take(of("ended", "a", 13))
    assert rings(await told(office, "next", "c", 15, attempt=1)) == [("anna",)]
    await office.take(of("leg_failed", "c", 16, target="101", reason="dnd"))
    back = await told(office, "next", "c", 17, attempt=2)
    assert isinstance(back, Wait)
    assert (back.position, back.since) == (1, at(10))


@pytest.mark.parametrize("gap", [5.0, 1.0], ids=["each is a new asking", "sent again"])
async def test_a_next_that_says_nothing_of_itself_is_counted(office: Office, gap: float) -> None:
    """No id, no attempt, no time: without our count it would be told to wait for ever."""
    plain = {"own_key": False, "key": "of:b|next||||", "at": None}
    await told(office, "ringing", "b", 10)
    (first,) = await office.take(of("next", "b", 15, **plain))
    await office.take(of("ended", "a", 15.5, duration_s=10))
    (second,) = await office.take(of("next", "b", 15 + gap, **plain))
    if gap < 2:
        assert second.repeat
        assert second.answer == first.answer
        return
    assert second.decision
    assert rings(second.decision) == [("anna",)]
    (again,) = await office.take(of("next", "b", 15.3 + gap, **plain))
    assert (again.repeat, again.answer) == (True, second.answer)


async def test_who_waits_keeps_his_place_though_a_new_setup_knows_neither_line_nor_ladder(
    office: Office,
) -> None:
    await told(office, "ringing", "b", 10)
    other = replace(QUEUE.line[0], number="+74951230009")
    step = Step("least_loaded", team="sales", busy="wait")
    account = replace(QUEUE.account[0], default_line=other.number)
    await office.open(
        replace(with_ladder(step, setup=replace(QUEUE, line=(other,))), account=(account,))
    )
    await office.take(of("ended", "a", 12, duration_s=7))
    newcomer = await told(office, "ringing", "c", 13, called=other.number)
    assert isinstance(newcomer, Wait)
    assert newcomer.position == 2
    assert rings(await told(office, "next", "b", 15, attempt=1)) == [("anna",)]


async def test_a_next_does_not_ring_who_talks_though_only_its_own_setup_names_him(
    database: Database,
) -> None:
    office = Office(database)
    await office.open(with_ladder(*(Step("manager", managers=(m,)) for m in ("anna", "boris"))))
    one = replace(EVERYTHING, steps=1)
    await office.take(of("ringing", "b", 10), can=one)
    await office.open(with_ladder(Step("manager", managers=("vera",))))
    await office.take(of("ringing", "a", 11, called="none of ours"))
    await office.take(of("answered", "a", 12, target="102"))
    (asked,) = await office.take(of("next", "b", 31, attempt=1), can=one)
    assert asked.decision
    assert rings(asked.decision) == []


async def test_once_nothing_was_left_nobody_waits_anew(office: Office) -> None:
    await told(office, "ringing", "b", 10)
    over = await told(office, "next", "b", 70, attempt=1)
    assert rings(over) == []
    assert rings(await told(office, "next", "b", 75, attempt=2)) == []


async def test_who_was_kept_out_while_the_base_was_silent_makes_no_contact(office: Office) -> None:
    """The block is gone by the time the spool is read."""
    before = await office.count(tables.contact), await office.count(tables.card)
    reject = Reject("01J", "blocked")
    probe = (await office.take(of("ringing", "p", 8, caller="anonymous")))[0].why
    counts = await office.count(tables.contact), await office.count(tables.card)
    rejected = entry(of("ringing", "b", 10), already=Already(reject, probe, render(reject)))
    await office.take(rejected, of("ended", "b", 11))
    row = next(row for row in await office.rows(tables.call) if row.ref == "b")
    assert (row.state, row.contact, row.card) == ("rejected", None, None)
    assert (await office.count(tables.contact), await office.count(tables.card)) == counts != before


async def test_who_was_put_through_while_the_base_was_silent_has_his_card(office: Office) -> None:
    """He stood on a list that this node had not read yet; what he was told is the truth."""
    await office.open(replace(QUEUE, block=(Block("89160000001", reason="spam"),)))
    probe = (await office.take(of("ringing", "p", 8, caller="anonymous")))[0].why
    told_so = Connect("01J", (), LastResort(LAST_RESORT))
    await office.take(
        entry(of("ringing", "b", 10), already=Already(told_so, probe, render(told_so)))
    )
    row = next(row for row in await office.rows(tables.call) if row.ref == "b")
    assert row.contact
    assert row.card


async def test_what_if_sees_a_blocked_short_number(office: Office) -> None:
    await office.open(replace(QUEUE, block=(Block("1234", reason="spam"),)))
    live = await told(office, "ringing", "b", 10, caller="1234")
    assert isinstance(live, Reject)
    setup = office.desk.setups.current
    found = await office.database.read(
        try_call, setup, line=LINE_NUMBER, caller="1234", at=at(10), now=at(10)
    )
    assert found.decision == replace(live, call="")
