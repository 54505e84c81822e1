"""Callers who wait, and who are kept out, while the base is silent."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select

from callrouter.domain.blocks import Blocked
from callrouter.flows.work import Desk, Work
from callrouter.intake import snapshot as room
from callrouter.intake.snapshot import Snapshot
from storage.database import Database
from storage.tables import call, card, contact, decision, event
from tests.chaos.inside import Inside, inside, ringing, rung, told
from tests.chaos.setups import company
from tests.examples import event as heard
from tests.hooks import Event
from tests.office import Office, entry

QUEUE = company(
    1,
    ladder="""
  [[ladder.step]]
  ring = "least_loaded"
  seconds = 20
  busy = "wait"
  wait = 60
""",
)
ANNA, BORIS, VERA = "+79160000001", "+79160000002", "+79160000003"


async def counts(base: Inside) -> dict[str, int]:
    def read(conn: Connection) -> dict[str, int]:
        tables = (call, contact, card, decision, event)
        return {one.name: len(conn.execute(select(one)).all()) for one in tables}

    return await base.base.inner.read(read)


async def states(base: Inside) -> dict[str, str]:
    def read(conn: Connection) -> dict[str, str]:
        return {row.ref: row.state for row in conn.execute(select(call))}

    return await base.base.inner.read(read)


def asks_again(ref: str, attempt: int | None = None, **said: object) -> Event:
    return {
        "event": "next",
        "event_id": f"{ref}-n{attempt}",
        "call_id": ref,
        "attempt": attempt,
    } | said


async def base_is_back(base: Inside) -> None:
    base.base.silent = False
    base.intake.batches.wake()
    await base.settled()


async def busy(base: Inside) -> None:
    """The only manager talks."""
    assert rung(await base.post(ringing("talk", ANNA))) == ["m01"]
    await base.post({"event": "answered", "event_id": "a", "call_id": "talk", "target": "101"})


async def test_who_waits_waits_on_in_the_silence_and_comes_to_who_becomes_free(
    sqlite_database: Database, tmp_path: Path
) -> None:
    async with inside(sqlite_database, tmp_path, QUEUE) as base:
        await busy(base)
        assert told(await base.post(ringing("c1", BORIS)))["position"] == 1
        base.base.silent = True
        second = await base.post(ringing("c2", VERA))
        assert (told(second)["decision"], told(second)["position"]) == ("wait", 2)
        assert await base.post(ringing("c2", VERA)) == second
        waits = await base.post(asks_again("c1", 1))
        assert told(waits)["decision"] == "wait"
        assert await base.post(asks_again("c1", 1)) == waits
        await base.post({"event": "ended", "event_id": "e", "call_id": "talk"})
        assert told(await base.post(asks_again("c2", 1)))["decision"] == "wait"
        last = await base.post(asks_again("c1", 2))
        assert rung(last) == ["m01"]
        before = await counts(base)
        await base_is_back(base)
        after = await counts(base)
        assert await states(base) == {"talk": "answered", "c1": "ringing", "c2": "waiting"}
        grown = {name: after[name] - before[name] for name in after}
        assert grown == {"call": 1, "contact": 1, "card": 1, "decision": 4, "event": 5}
        assert await base.post(asks_again("c1", 2)) == last
        assert await base.post(ringing("c2", VERA)) == second
        assert told(await base.post(asks_again("c2", 2)))["position"] == 1
        assert (await counts(base))["contact"] == after["contact"]


async def test_a_next_that_says_nothing_of_itself_is_counted_in_the_silence_too(
    sqlite_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("callrouter.intake.snapshot", "callrouter.flows.take"):
        monkeypatch.setattr(f"{module}.RETRY_WITHIN", timedelta(0))
    async with inside(sqlite_database, tmp_path, QUEUE) as base:
        await busy(base)
        await base.post(ringing("c1", BORIS, event_id=""))
        plain = asks_again("c1", event_id="")
        base.base.silent = True
        assert told(await base.post(plain))["decision"] == "wait"
        await base.post({"event": "ended", "event_id": "e", "call_id": "talk"})
        last = await base.post(plain)
        assert rung(last) == ["m01"]
        await base_is_back(base)
        assert (await counts(base))["decision"] == 4
        assert (await states(base))["c1"] == "ringing"

        def answers(conn: Connection) -> list[bytes]:
            wanted = select(event.c.answer).where(event.c.kind == "next").order_by(event.c.received)
            return list(conn.execute(wanted).scalars())

        assert (await base.base.inner.read(answers))[-1] == last.body


async def test_who_calls_again_soon_has_his_place_in_the_silence_too(
    sqlite_database: Database, tmp_path: Path
) -> None:
    async with inside(sqlite_database, tmp_path, QUEUE) as base:
        await busy(base)
        await base.post(ringing("c1", BORIS))
        await base.post(ringing("c2", VERA))
        await base.post({"event": "ended", "event_id": "e1", "call_id": "c1"})
        base.base.silent = True
        assert told(await base.post(ringing("c3", BORIS)))["position"] == 1
        assert told(await base.post(ringing("c4", ANNA)))["position"] == 3


async def test_those_who_withhold_their_numbers_are_not_one_caller(
    sqlite_database: Database, tmp_path: Path
) -> None:
    async with inside(sqlite_database, tmp_path, QUEUE) as base:
        base.base.silent = True
        assert rung(await base.post(ringing("c0", "anonymous"))) == ["m01"]
        first = told(await base.post(ringing("c1", "anonymous")))
        assert (first["decision"], first["position"]) == ("wait", 1)
        assert told(await base.post(ringing("c2", BORIS)))["position"] == 2
        assert told(await base.post(ringing("c3", "anonymous")))["position"] == 3


async def test_who_is_blocked_stays_out_and_makes_nothing_though_the_block_goes(
    sqlite_database: Database, tmp_path: Path
) -> None:
    async with inside(sqlite_database, tmp_path, QUEUE) as base:
        base.base.silent = True
        base.intake.snapshot.block({BORIS: Blocked(BORIS, "spam")})
        kept_out = await base.post(ringing("c1", BORIS))
        assert told(kept_out) | {"call": ""} == {
            "call": "",
            "decision": "reject",
            "reason": "blocked",
        }
        assert await base.post(ringing("c1", BORIS)) == kept_out
        await base_is_back(base)
        assert await base.post(ringing("c1", BORIS)) == kept_out
        await base.post({"event": "ended", "event_id": "e", "call_id": "c1"})
        assert await states(base) == {"c1": "rejected"}
        found = await counts(base)
        assert (found["contact"], found["card"], found["decision"]) == (0, 0, 1)


async def test_memory_hears_of_calls_that_the_sweep_ends(
    sqlite_database: Database, tmp_path: Path
) -> None:
    async with inside(sqlite_database, tmp_path, QUEUE) as base:
        await busy(base)
        await base.post(ringing("c1", BORIS))
        later = datetime.now(UTC) + timedelta(seconds=70)
        intake: Any = base.intake
        intake._parts = replace(intake._parts, clock=lambda: later)
        await intake._sweep()
        calls: dict[Any, Work] = intake.snapshot._calls
        ends = {one.ref: one.state.over for one in calls.values() if one.state}
        assert ends == {"talk": False, "c1": True}
        assert intake.snapshot._waiting == {}


async def test_memory_lets_go_of_calls_whose_end_nobody_told(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = await Office(sqlite_database).open()
    snapshot = Snapshot(Desk(office.desk.setups))
    start = datetime.now(UTC)
    snapshot.absorb(await office.batch(heard("ringing", "c0", start)))
    for n in range(1, 40):
        later = start + timedelta(minutes=n)
        asked = entry(heard("ringing", f"c{n}", later, caller=f"891600000{n:02}"))
        snapshot.tell(asked, now=later)
    assert memory(snapshot) == (31, 31)
    monkeypatch.setattr(room, "CALLS_KEPT", 5)
    last = start + timedelta(minutes=40)
    again = entry(replace(heard("ringing", "c99", last), caller="anonymous"))
    snapshot.tell(again, now=last)
    assert memory(snapshot) == (5, 4)


def memory(snapshot: Snapshot) -> tuple[int, int]:
    """How many calls it keeps, and how many of them by their number."""
    kept: Any = snapshot
    by_number = [id_ for theirs in kept._of_number.values() for id_ in theirs]
    assert set(kept._number_of) == set(by_number)
    assert set(kept._waiting) <= {one.id for one in kept._calls.values()}
    return len(kept._calls), len(by_number)
