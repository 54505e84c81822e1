"""What is read of calls beside the call itself: who waits, who called lately, who tried."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, text

from callrouter.domain.decisions import LastResort, Wait
from callrouter.domain.events import CallEvent
from callrouter.flows.work import Already, Entry
from storage import calls
from storage.database import Database
from storage.listing import InLine, Viewer, in_line
from tests.examples import LAST_RESORT, LINE_NUMBER, MONDAY_NOON, event
from tests.office import Office, entry, render

NUMBER = "+79161234567"
OTHER = "+79167654321"


def at(seconds: float) -> datetime:
    return MONDAY_NOON + timedelta(seconds=seconds)


@pytest.fixture
async def office(database: Database) -> Office:
    return await Office(database).open()


async def wait(office: Office, asks: CallEvent, *, since: datetime, wait_s: int = 30) -> Wait:
    """Let a call be told to wait; for why, another call is asked about."""
    probe = event("ringing", f"{asks.call_ref}-why", at(-9000), caller="anonymous")
    (asked,) = await office.take(probe)
    decision = Wait("call", wait_s, LastResort(LAST_RESORT), since=since)
    told: Entry = entry(asks, already=Already(decision, asked.why, render(decision)))
    await office.take(told)
    return decision


async def test_those_who_wait_come_the_longest_first(office: Office) -> None:
    first = event("ringing", "c1", at(10))
    second = event("ringing", "c2", at(20), caller=OTHER)
    told = await wait(office, first, since=at(10))
    await wait(office, second, since=at(-60))
    found = await office.database.read(calls.waiting)
    assert [(one.number, one.line, one.account) for one in found] == [
        (OTHER, LINE_NUMBER, "main"),
        (NUMBER, LINE_NUMBER, "main"),
    ]
    assert found[1].told.decision == told
    assert found[1].contact is not None
    await office.take(event("ended", "c1", at(25), reason="caller_hung_up"))
    assert [one.number for one in await office.database.read(calls.waiting)] == [OTHER]
    await office.sweep(at(20 + 30 + 61))
    assert await office.database.read(calls.waiting) == []


async def test_how_many_wait_and_since_when(office: Office) -> None:
    viewer = Viewer("head")
    assert await office.database.read(in_line, viewer) == InLine(0, None)
    await wait(office, event("ringing", "c1", at(10)), since=at(10))
    await wait(office, event("ringing", "c2", at(20), caller=OTHER), since=at(-60))
    assert await office.database.read(in_line, viewer) == InLine(2, at(-60))


async def test_who_was_told_something_else_after_it_waits_no_more(office: Office) -> None:
    await wait(office, event("ringing", "c1", at(10)), since=at(10))
    await office.take(event("next", "c1", at(30), attempt=1))
    assert await office.database.read(calls.waiting) == []


async def test_those_who_wait_are_found_by_their_own_index(sqlite_database: Database) -> None:
    def plan(conn: Connection) -> str:
        statement = calls._WAITING.compile(dialect=conn.dialect)
        return str(conn.execute(text(f"EXPLAIN QUERY PLAN {statement}")).all())

    assert "ix_call_waiting" in await sqlite_database.read(plan)


async def test_the_calls_of_a_number_that_are_open_or_just_over(office: Office) -> None:
    await wait(office, event("ringing", "c1", at(0)), since=at(-5))
    await office.take(event("ended", "c1", at(30), reason="caller_hung_up"))
    await office.take(event("ringing", "c2", at(100)))
    await office.take(event("ringing", "c3", at(100), caller=OTHER))
    await office.take(event("dialing", "o1", at(100), called=NUMBER, target="101", caller=""))

    async def lately(since: float) -> list[Any]:
        found = await office.database.read(calls.lately_of, [NUMBER, "+79160000000"], at(since))
        assert found.keys() <= {NUMBER}
        return [
            (one.state, one.waiting_since, one.ended_at, one.over) for one in found.get(NUMBER, [])
        ]

    assert await lately(20) == [
        ("missed", at(-5), at(30), True),
        ("ringing", None, None, False),
    ]
    assert await lately(31) == [("ringing", None, None, False)]


async def test_the_mean_talk_is_of_answered_inbound_calls(office: Office) -> None:
    assert await office.database.read(calls.mean_talk_s, at(0)) is None
    for n, seconds in enumerate((600, 100, 50)):
        call, start = f"c{n}", 1000 * n - 500
        await office.take(
            event("ringing", call, at(start)),
            event("answered", call, at(start + 5), target="101"),
            event("ended", call, at(start + 5 + seconds)),
        )
    await office.take(
        event("ringing", "m", at(3000)),
        event("ended", "m", at(3030)),
        event("dialing", "o", at(3100), called=OTHER, target="101"),
        event("answered", "o", at(3110)),
        event("ended", "o", at(3990)),
    )
    assert await office.database.read(calls.mean_talk_s, at(0)) == 75.0
