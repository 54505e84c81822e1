"""Told is told: whoever decided, an event has one answer, and the base ends up with that one."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import Connection, select

from callrouter.domain.decisions import Decision
from storage.database import Database
from storage.documents import read_decision
from storage.tables import card, contact, decision, event
from tests.chaos.inside import Inside, inside, ringing, rung, told
from tests.chaos.setups import ONE_STEP, company
from webhooks.dialects.document import as_json

LATE_S = 0.6
"""Later than an event waits for the base."""


async def kept(base: Inside) -> tuple[list[bytes], list[bytes]]:
    """The answers of the journal, and what the decisions would be told as."""

    def read(conn: Connection) -> tuple[list[bytes], list[bytes]]:
        plans: list[Decision] = [
            read_decision(row.decision) for row in conn.execute(select(decision))
        ]
        answers = [row.answer for row in conn.execute(select(event.c.answer))]
        return answers, [as_json(plan).body for plan in plans]

    return await base.base.inner.read(read)


async def count(base: Inside) -> tuple[int, int]:
    """Contacts and cards."""

    def read(conn: Connection) -> tuple[int, int]:
        return (
            len(conn.execute(select(contact.c.id)).all()),
            len(conn.execute(select(card.c.id)).all()),
        )

    return await base.base.inner.read(read)


async def test_a_late_commit_does_not_change_what_was_told(
    sqlite_database: Database, tmp_path: Path
) -> None:
    async with inside(sqlite_database, tmp_path) as base:
        base.base.late_s = LATE_S
        answer = await base.post(ringing("c1"))
        await asyncio.sleep(LATE_S)
        await base.settled()
        assert await base.post(ringing("c1")) == answer
        assert await kept(base) == ([answer.body], [answer.body])
        assert await count(base) == (1, 1)


async def test_twins_hear_the_same_though_one_of_them_came_late(
    sqlite_database: Database, tmp_path: Path
) -> None:
    """The second joins the first, whose time runs out before the commit; its own does not."""
    async with inside(sqlite_database, tmp_path) as base:
        base.base.late_s = LATE_S
        first = asyncio.create_task(base.post(ringing("c1")))
        await asyncio.sleep(0.28)
        second = await base.post(ringing("c1"))
        assert second == await first
        await asyncio.sleep(LATE_S)
        await base.settled()
        assert await kept(base) == ([second.body], [second.body])


@pytest.mark.parametrize("event_id", ["c1-ringing", ""], ids=["its own id", "a derived key"])
async def test_a_repeat_in_the_silence_gets_what_the_base_had_answered(
    sqlite_database: Database, tmp_path: Path, event_id: str
) -> None:
    async with inside(sqlite_database, tmp_path) as base:
        asked = ringing("c1", event_id=event_id)
        answer = await base.post(asked)
        base.base.silent = True
        assert await base.post(asked) == answer
        base.base.silent = False
        base.intake.batches.wake()
        await base.settled()
        assert await kept(base) == ([answer.body], [answer.body])


@pytest.mark.parametrize("attempt", [1, None], ids=["numbered", "not numbered"])
async def test_so_does_a_repeated_next(
    sqlite_database: Database, tmp_path: Path, attempt: int | None
) -> None:
    async with inside(sqlite_database, tmp_path) as base:
        await base.post(ringing("c1"))
        asked = {"event": "next", "event_id": "n1", "call_id": "c1", "attempt": attempt}
        answer = await base.post(asked)
        base.base.silent = True
        assert await base.post(asked) == answer
        assert await base.post({**asked, "event_id": "n1 again"}) == answer


async def test_a_repeat_after_a_restart_into_silence_gets_the_first_answer(
    sqlite_database: Database, tmp_path: Path
) -> None:
    """Calls that were open are known again from the start."""
    async with inside(sqlite_database, tmp_path) as base:
        answer = await base.post(ringing("c1"))
        await base.restart()
        base.base.silent = True
        assert await base.post(ringing("c1")) == answer


async def test_so_does_what_was_told_in_the_silence_before_it(
    sqlite_database: Database, tmp_path: Path
) -> None:
    """The base has never heard of it; the spool has. And who was to be rung is busy."""
    async with inside(sqlite_database, tmp_path, company(2, ladder=ONE_STEP)) as base:
        base.base.locked = True
        answer = await base.post(ringing("c1"))
        await base.restart()
        assert await base.post(ringing("c1")) == answer
        assert rung(await base.post(ringing("c2", "+79160000002"))) == ["m02"]


async def test_a_call_from_before_the_restart_frees_its_manager_in_the_silence(
    sqlite_database: Database, tmp_path: Path
) -> None:
    async with inside(sqlite_database, tmp_path, company(1)) as base:
        first = told(await base.post(ringing("c1")))
        assert first["steps"]
        await base.restart()
        base.base.silent = True
        await base.post({"event": "ended", "call_id": "c1", "reason": "caller_hung_up"})
        assert rung(await base.post(ringing("c2", "+79160000002"))) == ["m01"]


async def test_whoever_is_rung_when_the_silence_begins_is_busy_in_it(
    sqlite_database: Database, tmp_path: Path
) -> None:
    """Whatever was committed last, be it of other calls and asking nothing."""
    async with inside(sqlite_database, tmp_path, company(2, ladder=ONE_STEP)) as base:
        assert rung(await base.post(ringing("c1", "+79160000001"))) == ["m01"]
        await base.post(tidings(1))
        base.base.silent = True
        answers = [await base.post(ringing(f"c{n}", f"+7916000000{n}")) for n in (2, 3)]
        assert [rung(answer) for answer in answers] == [["m02"], []]


async def test_who_was_told_to_ring_in_the_silence_is_busy_while_the_spool_is_written(
    sqlite_database: Database, tmp_path: Path
) -> None:
    """The spool is longer than one transaction: what is not written yet still holds people."""
    async with inside(sqlite_database, tmp_path, company(2, ladder=ONE_STEP)) as base:
        base.base.silent = True
        await asyncio.gather(*(base.post(tidings(n)) for n in range(210)))
        answers = [await base.post(ringing(f"c{n}", f"+791600000{n:02}")) for n in range(2)]
        assert [rung(answer) for answer in answers] == [["m01"], ["m02"]]
        base.base.silent, base.base.writes = False, 1
        base.intake.batches.wake()
        async with asyncio.timeout(5):
            while not base.base.silent:
                await asyncio.sleep(0.01)
        assert rung(await base.post(ringing("c9", "+79160000099"))) == []


async def test_who_was_told_while_the_spool_is_written_is_busy_for_the_next_call(
    sqlite_database: Database, tmp_path: Path
) -> None:
    """What came into the spool meanwhile is written, too, before the base decides anything."""
    async with inside(sqlite_database, tmp_path, company(2, ladder=ONE_STEP)) as base:
        base.base.silent = True
        first = await base.post(ringing("c1", "+79160000001"))
        base.base.silent, base.base.late_s = False, LATE_S
        base.intake.batches.wake()
        await asyncio.sleep(0.05)
        second = asyncio.create_task(base.post(ringing("c2", "+79160000002")))
        await asyncio.sleep(0.4)
        third = await base.post(ringing("c3", "+79160000003"))
        assert [rung(first), rung(await second), rung(third)] == [["m01"], ["m02"], []]


async def test_who_was_rung_by_another_node_while_this_one_waited_for_its_turn_is_busy(
    sqlite_database: Database, tmp_path: Path
) -> None:
    """What counts is the moment of the transaction, not that of the asking for it."""
    async with (
        inside(sqlite_database, tmp_path / "one", company(1, ladder=ONE_STEP)) as one,
        inside(sqlite_database, tmp_path / "other", company(1, ladder=ONE_STEP)) as other,
    ):
        one.base.early_s = 0.2
        waiting = asyncio.create_task(one.post(ringing("c1", "+79160000001")))
        await asyncio.sleep(0.1)
        assert rung(await other.post(ringing("c2", "+79160000002"))) == ["m01"]
        assert rung(await waiting) == []


def tidings(n: int) -> dict[str, object]:
    return {"event": "ended", "event_id": f"e{n}", "call_id": f"old{n}", "reason": "completed"}
