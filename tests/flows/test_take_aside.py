"""A hook is taken from quarantine after all: once, as of when it came, and nobody is rung."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection, func, select

from callrouter.domain.decisions import EVERYTHING
from callrouter.domain.events import CallEvent
from callrouter.domain.rights import Viewer
from callrouter.flows.sweep import sweep
from callrouter.flows.take import take
from callrouter.flows.take_aside import NoSuchHook, TakenAlready, take_aside
from callrouter.flows.work import Desk, Entry
from storage import audit, journal, listing_journal, setups, tables
from storage.database import Database
from storage.ids import new_id
from storage.journal import Raw, Refused
from storage.listing_journal import AsideLine, EventLine, Line, Mark, Outcome, Sought
from storage.setups import SetupCache
from tests.examples import LINE_NUMBER, MONDAY_NOON, SETUP
from webhooks.provider import RawHook
from webhooks.providers import PROVIDERS

ADMIN = Viewer("admin")
THEN = MONDAY_NOON
DAY = timedelta(days=1)


def raw_of(said: dict[str, Any]) -> Raw:
    return Raw(json.dumps(said, ensure_ascii=False).encode(), "")


def read(raw: Raw, at: datetime) -> list[CallEvent]:
    """As the provider reads it."""
    pbx = PROVIDERS["pbx"](SETUP.account[0], (b"a-good-secret",))
    url = "https://calls.example/webhooks/pbx/main"
    return list(pbx.parse(RawHook("main", "POST", url, raw.query, (), raw.body, "", at, 0.0)))


def hear(conn: Connection, said: dict[str, Any], *, at: datetime = THEN) -> None:
    """As the intake takes it."""
    pbx, raw = PROVIDERS["pbx"](SETUP.account[0], (b"a-good-secret",)), raw_of(said)
    hook = RawHook("main", "POST", "https://x/", "", (), raw.body, "", at, 0.0)
    entries = [
        Entry(one, raw, new_id(at), EVERYTHING, partial(_answer, pbx, hook), pbx.accept(hook))
        for one in read(raw, at)
    ]
    take(conn, entries, Desk(SetupCache()), now=at)


def _answer(pbx: Any, hook: RawHook, decision: Any) -> Any:
    return pbx.answer(decision, hook)


def put_aside(conn: Connection, said: dict[str, Any], *, at: datetime = THEN) -> str:
    """As an earlier version that did not understand it. Gives its id."""
    raw = raw_of(said)
    journal.set_aside(
        conn, account="main", received=at, field="at", reason="odd", body=raw.body, query=""
    )
    return str(conn.scalar(select(func.max(tables.quarantine.c.id))))


def begin(conn: Connection) -> None:
    setups.publish(conn, SETUP, by="apply", now=THEN - DAY)


def ringing(call: str = "c1", **said: Any) -> dict[str, Any]:
    about = {"caller": "+79161234567", "called": LINE_NUMBER}
    return {"event": "ringing", "call_id": call, **about, **said}


def take_it(conn: Connection, id_: str, *, now: datetime = THEN + DAY) -> str:
    found = listing_journal.find_aside(conn, ADMIN, id_)
    events = read(found.raw, found.at) if found else read(raw_of(ringing()), THEN)
    return take_aside(conn, ADMIN, id_, events, EVERYTHING, by="manager:vera", now=now)


def counts(conn: Connection) -> dict[str, int]:
    return {
        name: conn.scalar(select(func.count()).select_from(table)) or 0
        for name, table in tables.metadata.tables.items()
    }


async def test_a_lost_call_comes_back_as_one_its_pbx_led_by_itself(database: Database) -> None:
    await database.write(begin)
    id_ = await database.write(put_aside, ringing(event_id="e1"))
    key = await database.write(take_it, id_)
    assert key == f"aside:{id_}"
    there = await database.read(counts)
    assert (there["call"], there["contact"], there["card"]) == (1, 1, 1)
    # Nothing was decided, so nobody is rung or held by it.
    assert (there["decision"], there["leg"]) == (0, 0)
    hook = await database.read(listing_journal.find_hook, ADMIN, "main", key)
    assert hook
    assert (hook.event.received, hook.raw.answer, hook.told) == (THEN, b"", None)
    await database.write(sweep, Desk(SetupCache()), now=THEN + DAY)
    missed = await database.read(_obligations)
    assert missed == ["+79161234567"]
    (line,) = await database.read(audit.lines, limit=1)
    assert (line.actor, line.action, line.object) == ("manager:vera", "took_hook", f"hook:{id_}")


def _obligations(conn: Connection) -> list[str]:
    return [str(one) for one in conn.scalars(select(tables.task.c.phone))]


async def test_it_is_taken_once_however_many_click(database: Database) -> None:
    await database.write(begin)
    id_ = await database.write(put_aside, ringing())
    tried = [database.write(take_it, id_) for _ in range(4)]
    done = await asyncio.gather(*tried, return_exceptions=True)
    assert sorted(type(one).__name__ for one in done) == ["TakenAlready"] * 3 + ["str"]
    there = await database.read(counts)
    assert (there["event"], there["audit"], there["call"]) == (1, 1, 1)


@pytest.mark.parametrize("own_id", [{}, {"event_id": "e1"}], ids=["no id", "an id"])
async def test_what_the_pbx_has_sent_again_since_is_not_taken_twice(
    sqlite_database: Database, own_id: dict[str, str]
) -> None:
    database = sqlite_database
    await database.write(begin)
    id_ = await database.write(put_aside, ringing(**own_id))
    await database.write(hear, ringing(**own_id), at=THEN + timedelta(minutes=1))
    before = await database.read(counts)
    with pytest.raises(TakenAlready):
        await database.write(take_it, id_)
    assert await database.read(counts) == before


async def test_a_hook_of_which_a_part_was_taken_at_once_is_not_taken_again(
    sqlite_database: Database,
) -> None:
    """An unreadable `ringing` is answered all the same, and stands aside besides."""
    database = sqlite_database
    await database.write(begin)
    await database.write(hear, ringing(), at=THEN)
    id_ = await database.write(put_aside, ringing(caller="+79160000000", call_id="c2"))
    with pytest.raises(TakenAlready):
        await database.write(take_it, id_)


async def test_an_end_that_was_lost_ends_its_call(sqlite_database: Database) -> None:
    database = sqlite_database
    await database.write(begin)
    await database.write(hear, ringing())
    lost = {"event": "ended", "call_id": "c1", "reason": "caller_hung_up"}
    id_ = await database.write(put_aside, lost, at=THEN + timedelta(seconds=30))
    told = (await database.read(counts))["decision"]
    await database.write(take_it, id_)
    ((state, ended),) = await database.read(_states)
    assert (state, ended) == ("missed", THEN + timedelta(seconds=30))
    assert (await database.read(counts))["decision"] == told


def _states(conn: Connection) -> list[tuple[str, datetime | None]]:
    c = tables.call.c
    return [(row.state, row.ended_at) for row in conn.execute(select(c.state, c.ended_at))]


async def test_what_is_not_there_is_not_taken(sqlite_database: Database) -> None:
    await sqlite_database.write(begin)
    with pytest.raises(NoSuchHook):
        await sqlite_database.write(take_it, new_id(THEN))


# Looking through the journal


def fill(conn: Connection) -> None:
    """Two calls, hooks aside and refused; many of one moment."""
    begin(conn)
    hear(conn, ringing("c1"), at=THEN)
    hear(conn, ringing("c1", event_id="again"), at=THEN + timedelta(seconds=1))
    for n in range(12):
        said = {"event": "leg_ringing", "call_id": "c1", "target": "101", "event_id": f"e{n}"}
        hear(conn, said, at=THEN + timedelta(seconds=2))
    hear(conn, ringing("c2", caller="+79169990011"), at=THEN + timedelta(minutes=1))
    for n in range(7):
        put_aside(conn, {"event": "?"}, at=THEN + timedelta(seconds=2))
        one = Refused("main", "pbx", THEN + timedelta(seconds=2 + n // 4), "odd", "10.0.0.9")
        journal.refuse(conn, one)


def _key(line: Line) -> tuple[str, ...]:
    if isinstance(line, EventLine):
        return ("event", line.event.account, line.event.key)
    return ("aside", line.id) if isinstance(line, AsideLine) else ("refused", str(line.at))


async def test_pages_follow_one_another_without_a_gap_or_a_repeat(database: Database) -> None:
    await database.write(fill)
    whole = (await database.read(listing_journal.look_through, ADMIN, Sought(), limit=100)).lines
    assert len(whole) == 29
    assert [one.at for one in whole] == sorted((one.at for one in whole), reverse=True)
    for limit in (2, 5):
        found: list[Line] = []
        after: Mark | None = None
        while True:
            page = await database.read(
                listing_journal.look_through, ADMIN, Sought(), after=after, limit=limit
            )
            found += page.lines
            after = page.after
            if after is None:
                break
        assert [_key(one) for one in found] == [_key(one) for one in whole]


CASES: list[tuple[Sought, int]] = [
    (Sought(outcome="answered"), 2),
    (Sought(outcome="again"), 1),
    (Sought(outcome="kept"), 12),
    (Sought(outcome="without_base"), 0),
    (Sought(outcome="aside"), 7),
    (Sought(outcome="refused"), 7),
    (Sought(account="main"), 29),
    (Sought(account="bare"), 0),
    (Sought(digits="0011"), 1),
    (Sought(digits="4567"), 14),
    (Sought(digits="4567", outcome="kept"), 12),
    (Sought(since=THEN + timedelta(seconds=30)), 1),
    (Sought(until=THEN), 1),
]


async def test_each_filter_narrows(database: Database) -> None:
    await database.write(fill)
    found = [
        len((await database.read(listing_journal.look_through, ADMIN, one, limit=100)).lines)
        for one, _ in CASES
    ]
    assert found == [many for _, many in CASES]
    calls = await database.read(_calls)
    of_one = replace(Sought(), call=calls[0])
    page = await database.read(listing_journal.look_through, ADMIN, of_one, limit=100)
    assert len(page.lines) == 14
    assert await database.read(listing_journal.accounts_of) == ["main"]
    heard = await database.read(listing_journal.last_heard, "main")
    assert heard == THEN + timedelta(minutes=1)


def _calls(conn: Connection) -> list[str]:
    return list(conn.scalars(select(tables.call.c.id).order_by(tables.call.c.started_at)))


async def test_an_answer_without_the_base_is_found(sqlite_database: Database) -> None:
    await sqlite_database.write(fill)

    def told_without(conn: Connection) -> None:
        text = conn.scalar(select(tables.decision.c.why).limit(1)) or ""
        said = text.replace('"told_by":"base"', '"told_by":"snapshot"')
        assert said != text
        conn.execute(tables.decision.update().where(tables.decision.c.why == text).values(why=said))

    await sqlite_database.write(told_without)
    outcome: Outcome = "without_base"
    sought = Sought(outcome=outcome, until=THEN + DAY)
    page = await sqlite_database.read(listing_journal.look_through, ADMIN, sought)
    assert len(page.lines) == 1
