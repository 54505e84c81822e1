"""A replay of a page: asked for once, done apart, cancelled, interrupted, forgotten; told as found."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, select, update

from callrouter.domain.setup import Ladder, Line, Setup, Step
from callrouter.flows import replays as flow
from callrouter.flows import tuning
from callrouter.flows.replays import NoSuchReplay, TooManyReplays
from callrouter.jobs import replay as job
from callrouter.jobs import worker as working
from callrouter.jobs.worker import Worker
from callrouter.seal import Seal
from callrouter.service import Service
from callrouter.settings import Settings
from callrouter.setup_file import BadSetup
from storage import jobs, replays, tables
from storage.database import Database
from storage.replays import Replay
from tests.examples import LAST_RESORT, LINE_NUMBER, MONDAY_NOON, SETUP, event
from tests.office import Office

LATER = MONDAY_NOON + timedelta(hours=2)
SEAL = Seal("a secret of the tests")


class House:
    """A base with two calls of two hours ago, and a server that works on its jobs."""

    def __init__(self, database: Database, url: str) -> None:
        self.database, self.now = database, LATER
        office = Office(database)
        settings = Settings(database_url=url)
        self.service = Service(settings, database, office.desk.setups, SEAL, self.clock)
        self.office = office

    def clock(self) -> Any:
        return self.now

    def worker(self) -> Worker:
        return Worker(self.database, self.clock, job.kinds(self.service))

    async def open(self) -> House:
        await self.office.open()
        for n in range(2):
            at = MONDAY_NOON + timedelta(minutes=n)
            caller = f"8916123456{n}"
            rings = event("ringing", f"c{n}", at, caller=caller)
            await self.office.take(rings, now=at)
            over = at + timedelta(seconds=20)
            await self.office.take(event("ended", f"c{n}", over, caller=caller), now=over)
        return self

    async def draft(self, change: Any) -> str:
        write, now = self.database.write, self.now
        id_ = await write(tuning.new_draft, "Сразу Борису", by="test", now=now)
        await write(tuning.edit, change, seal=SEAL, by="test", now=now, draft=id_)
        return id_

    async def ask(self, draft: str | None = None, days: int = 7) -> str:
        write = self.database.write
        return await write(flow.ask, days=days, draft=draft, by="manager:anna", now=self.now)

    async def one(self, id_: str) -> Replay:
        found = await self.database.read(replays.find, id_)
        assert found
        return found

    async def running(self, worker: Worker, id_: str) -> int:
        """Begin it; gives its process, once it has said how far it is."""
        await worker.take()
        async with asyncio.timeout(30):
            while not (found := await self.one(id_)).done:
                await asyncio.sleep(0.05)
        assert (found.state, found.out_of) == ("running", 9999999)
        assert lives(found.done)
        return found.done


@pytest.fixture
async def house(database: Database, database_url: str) -> House:
    return await House(database, database_url).open()


@pytest.fixture
async def light(sqlite_database: Database, sqlite_url: str) -> House:
    """On one engine, where none is at stake."""
    return await House(sqlite_database, sqlite_url).open()


@pytest.fixture
def endless(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job, "PROGRAM", "tests.jobs.a_replay")
    monkeypatch.setattr(job, "LOOK_S", 0.05)
    monkeypatch.setattr(working, "DRAIN_S", 0.1)


def to_boris(setup: Setup) -> Setup:
    ladder = Ladder("boris", (Step("manager", managers=("boris",)),))
    line = replace(setup.line[0], ladder="boris")
    return replace(setup, ladder=(ladder,), line=(line,))


def no_ladder(setup: Setup) -> Setup:
    return replace(setup, line=(Line(LINE_NUMBER, LAST_RESORT, account="main", ladder="gone"),))


def lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def everything_else(conn: Connection) -> dict[str, list[Any]]:
    """All rows but those of replays and of their jobs."""
    mine = (tables.replay, tables.job)
    return {
        table.name: sorted(map(repr, conn.execute(select(table))))
        for table in tables.metadata.sorted_tables
        if table not in mine
    }


async def test_what_is_asked_for_is_done_apart_and_changes_nothing_else(house: House) -> None:
    """On a draft, and on the rules that were in force, one after the other."""
    draft = await house.draft(to_boris)
    before = await house.database.read(everything_else)
    on_draft, as_it_was = await house.ask(draft), await house.ask()
    assert await house.ask(draft) == on_draft, "just the same is under way"
    assert await house.ask(draft, days=8) != on_draft
    await house.database.write(flow.cancel, (await house.ask(draft, days=8)), now=house.now)
    assert await house.worker().drain() == 3
    done = await house.one(on_draft)
    assert (done.state, done.name, done.draft) == ("done", "Сразу Борису", draft)
    assert (done.done, done.error) == (done.out_of, None)
    result = await house.database.read(replays.result_of, on_draft)
    assert result
    assert result.compared
    assert (result.calls, result.explained, result.compared.elsewhere) == (2, 2, 2)
    assert {one.after.rings for one in result.compared.examples} == {(("boris",),)}
    plain = await house.database.read(replays.result_of, as_it_was)
    assert plain
    assert (plain.calls, plain.explained, plain.compared) == (2, 2, None)
    assert await house.database.read(everything_else) == before
    assert await house.ask(draft) != on_draft, "it is over: the next is another"


async def test_a_draft_is_tried_as_it_was_when_asked_and_as_it_would_be_published(
    light: House,
) -> None:
    draft = await light.draft(to_boris)
    write = light.database.write
    changed = replace(SETUP.company, name="Лютик")
    await write(
        tuning.edit, lambda it: replace(it, company=changed), seal=SEAL, by="test", now=light.now
    )
    id_ = await light.ask(draft)
    await write(tuning.edit, no_ladder, seal=SEAL, by="test", now=light.now, draft=draft)
    rules = await light.database.read(replays.rules_of, id_)
    assert rules
    assert (rules.company.name, rules.line[0].ladder, rules.version) == ("Лютик", "boris", 0)
    with pytest.raises(BadSetup):
        await light.ask(draft)
    await write(tuning.discard, draft, by="test", now=light.now)
    with pytest.raises(tuning.NoSuchDraft):
        await light.ask(draft)


async def test_who_cancels_stops_it_at_once(endless: None, light: House) -> None:
    id_, waits = await light.ask(), await light.ask(days=8)
    worker = light.worker()
    process = await light.running(worker, id_)
    assert (await light.one(waits)).state == "waiting", "one at a time"
    for one in (id_, waits):
        await light.database.write(flow.cancel, one, now=light.now)
    async with asyncio.timeout(30):
        while await light.database.read(jobs.counts):
            await worker.drain()
            await asyncio.sleep(0.02)
    assert not lives(process)
    for one in (id_, waits):
        assert (await light.one(one)).state == "cancelled"
    assert not await light.database.write(replays.went_on, id_, 1, 2)
    assert not await light.database.write(flow.begin, id_, now=light.now)
    await light.database.write(flow.failed, id_, "late", now=light.now)
    again = await light.database.write(flow.cancel, id_, now=light.now + timedelta(hours=1))
    assert (again.state, again.ended_at) == ("cancelled", light.now), "once is enough"
    with pytest.raises(NoSuchReplay):
        await light.database.write(flow.cancel, "none", now=light.now)


async def test_a_server_that_ends_takes_it_along_and_says_so(endless: None, house: House) -> None:
    id_ = await house.ask()
    worker = house.worker()
    process = await house.running(worker, id_)
    await worker.stop()
    assert not lives(process)
    one = await house.one(id_)
    assert (one.state, one.error, one.ended_at) == ("failed", "interrupted", house.now)
    assert await house.worker().drain() == 1
    assert (await house.one(id_)).state == "failed"


async def test_what_a_killed_server_left_running_is_told_when_its_lease_is_over(
    light: House,
) -> None:
    id_ = await light.ask()
    lease = {flow.REPLAY: timedelta(seconds=30)}
    await light.database.write(jobs.claim, {flow.REPLAY: 1}, lease, now=light.now)
    await light.database.write(flow.begin, id_, now=light.now)
    assert await light.worker().drain() == 0
    light.now += timedelta(seconds=31)
    assert await light.worker().drain() == 1
    one = await light.one(id_)
    assert (one.state, one.error) == ("failed", "interrupted")


async def test_one_that_breaks_says_why_and_no_secret_goes_with_it(
    endless: None, light: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPLAY_BREAKS", "yes")
    monkeypatch.setenv("CALLROUTER_SECRET_KEY", "a secret key of the server")
    id_ = await light.ask()
    await light.worker().drain()
    one = await light.one(id_)
    assert (one.state, one.error) == ("failed", f"it broke: [] [] {id_}")


async def test_only_so_many_wait_and_old_ones_are_forgotten(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [await house.ask(days=n + 1) for n in range(flow.MOST_AT_ONCE)]
    with pytest.raises(TooManyReplays):
        await house.ask(days=50)

    def over(conn: Connection) -> None:
        conn.execute(update(tables.replay).values(state="done"))
        late = tables.replay.c.id == made[0]
        old = house.now - flow.KEPT_FOR - timedelta(seconds=1)
        conn.execute(update(tables.replay).where(late).values(created_at=old))

    await house.database.write(over)
    house.now += timedelta(seconds=1)
    made.append(await house.ask(days=50))
    listed = await house.database.read(replays.listed, 100)
    assert [one.id for one in listed] == made[:0:-1]
    monkeypatch.setattr(flow, "KEPT", 3)
    house.now += timedelta(seconds=1)
    made.append(await house.ask(days=51))
    listed = await house.database.read(replays.listed, 100)
    assert [one.id for one in listed] == [*made[:-4:-1]]
