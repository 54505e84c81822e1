"""Jobs are done once, taken over, put off and given up; what they do to the base stays or not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection

from callrouter.jobs.worker import Again, GiveUp, Kind, LeaseLost, Task, Worker, last_tick
from storage import jobs, notices
from storage.database import Database
from storage.jobs import NewJob

NOON = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


class Hands:
    """A clock that is turned by hand, and a kind of job that does as it is told."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.now = NOON
        self.done: list[str] = []

    def worker(self, run: Callable[[Task], Awaitable[None]], **options: float) -> Worker:
        kind = Kind("sing", run, at_once=3, lease_s=60, tries=int(options.get("tries", 4)))
        return Worker(self.database, lambda: self.now, [kind])

    async def ask(self, *keys: str) -> None:
        wanted = [NewJob("sing", {"song": key}, key) for key in keys]
        await self.database.write(jobs.ask, wanted, now=self.now)

    async def state(self, key: str) -> jobs.Job:
        found = await self.database.read(jobs.of_key, key)
        assert found
        return found

    async def effects(self) -> int:
        return len(await self.database.read(notices.since, 0))


@pytest.fixture
def hands(database: Database) -> Hands:
    return Hands(database)


def effect(conn: Connection, song: str) -> None:
    """Something that is seen in the base, and may be there twice."""
    notices.tell_people(conn, "lead", [song], now=NOON)


async def test_what_was_asked_for_twice_is_done_once(hands: Hands) -> None:
    async def run(task: Task) -> None:
        await task.finish(effect, task.text("song"))

    await hands.ask("1", "2")
    await hands.ask("1")
    worker = hands.worker(run)
    assert await worker.drain() == 2
    await hands.ask("1")
    assert await worker.drain() == 0
    assert await hands.effects() == 2
    assert (await hands.state("1")).state == "done"


async def test_work_that_was_asked_for_in_a_transaction_taken_back_is_none(hands: Hands) -> None:
    def ask_and_fail(conn: Connection) -> None:
        jobs.ask(conn, [NewJob("sing", {"song": "1"}, "1")], now=NOON)
        raise KeyError

    with pytest.raises(KeyError):
        await hands.database.write(ask_and_fail)
    assert await hands.database.read(jobs.of_key, "1") is None


async def test_who_lost_his_lease_changes_nothing(hands: Hands) -> None:
    """Two work on it; the first wakes up after his lease has run out."""
    slow, lost = asyncio.Event(), []

    async def sleep_then_do(task: Task) -> None:
        await slow.wait()
        try:
            await task.finish(effect, "1")
        except LeaseLost:
            lost.append(task.job.id)
            raise

    async def do(task: Task) -> None:
        await task.finish(effect, "2")

    await hands.ask("song")
    first, second = hands.worker(sleep_then_do), hands.worker(do)
    assert await first.take() == 1
    assert await second.drain() == 0  # the lease holds
    hands.now += timedelta(seconds=61)
    assert await second.drain() == 1
    slow.set()
    await first.drain()
    await first.stop()
    assert lost
    assert await hands.effects() == 1
    assert (await hands.state("song")).attempts == 2


async def test_a_failure_is_tried_again_later_and_later_and_then_given_up(hands: Hands) -> None:
    async def fail(task: Task) -> None:
        raise ValueError(task.text("song"))

    await hands.ask("la")
    worker = hands.worker(fail, tries=3)
    pauses = []
    for attempt in (1, 2):
        assert await worker.drain() == 1
        found = await hands.state("la")
        assert (found.state, found.attempts, found.error) == ("ready", attempt, "ValueError: la")
        pauses.append(found.due_at - hands.now)
        assert await worker.drain() == 0
        hands.now = found.due_at
    assert timedelta(seconds=1) <= pauses[0] <= timedelta(seconds=3)
    assert timedelta(seconds=2) <= pauses[1] <= timedelta(seconds=6)
    assert await worker.drain() == 1
    assert (await hands.state("la")).state == "dead"
    assert [one.key for one in await hands.database.read(jobs.listed, dead=True)] == ["la"]


async def test_a_dead_job_runs_again_when_somebody_says_so(hands: Hands) -> None:
    broken = True

    async def run(task: Task) -> None:
        if broken:
            raise GiveUp("no voice")
        await task.finish(effect, "1")

    await hands.ask("la")
    worker = hands.worker(run)
    await worker.drain()
    dead = await hands.state("la")
    assert (dead.state, dead.error) == ("dead", "no voice")
    broken = False
    assert await hands.database.write(jobs.revive, dead.id, now=hands.now)
    await worker.drain()
    assert (await hands.state("la")).state == "done"
    assert await hands.database.write(jobs.revive, dead.id, now=hands.now) is None


async def test_to_wait_for_something_is_no_failure(hands: Hands) -> None:
    async def run(task: Task) -> None:
        if hands.now < NOON + timedelta(minutes=10):
            raise Again("not ready", 60, counted=False)

    await hands.ask("la")
    worker = hands.worker(run, tries=1)
    for _ in range(10):
        assert await worker.drain() == 1
        assert (await hands.state("la")).attempts == 0
        hands.now += timedelta(seconds=60)
    await worker.drain()
    assert (await hands.state("la")).state == "done"


async def test_a_job_whose_server_dies_each_time_is_given_up(hands: Hands) -> None:
    async def never(_task: Task) -> None:
        raise AssertionError

    await hands.ask("la")
    for _ in range(2):
        lease = {"sing": timedelta(seconds=60)}
        await hands.database.write(jobs.claim, {"sing": 1}, lease, now=hands.now)
        hands.now += timedelta(seconds=61)
    await hands.worker(never, tries=2).drain()
    found = await hands.state("la")
    assert (found.state, found.error) == ("dead", "its server died each time")


async def test_a_server_that_ends_gives_its_work_back_at_once(hands: Hands) -> None:
    async def wait(_task: Task) -> None:
        await asyncio.Event().wait()

    await hands.ask("la")
    worker = hands.worker(wait)
    await worker.take()
    await asyncio.sleep(0)
    await worker.stop()
    found = await hands.state("la")
    assert (found.state, found.attempts, found.due_at) == ("ready", 0, hands.now)


async def test_no_more_run_at_once_than_may(hands: Hands) -> None:
    running, most = 0, 0

    async def run(_task: Task) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1

    await hands.ask(*(str(n) for n in range(10)))
    assert await hands.worker(run).drain() == 10
    assert most == 3


# By the clock


@pytest.mark.parametrize(
    ("now", "tick"),
    [
        (NOON, "2026-03-02T00:15:00+00:00"),
        (datetime(2026, 3, 2, 0, 15, tzinfo=UTC), "2026-03-02T00:15:00+00:00"),
        (datetime(2026, 3, 2, 0, 14, 59, tzinfo=UTC), "2026-03-01T00:15:00+00:00"),
    ],
)
def test_the_last_tick_is_the_latest_one_that_has_come(now: datetime, tick: str) -> None:
    assert last_tick("15 3 * * *", "Europe/Moscow", now).isoformat() == tick


async def test_a_tick_asks_once_and_one_that_was_missed_is_made_good(hands: Hands) -> None:
    async def at(day: int) -> int:
        tick = NOON + timedelta(days=day)
        for _ in range(3):
            await hands.database.write(jobs.ask_by_clock, "sing", "nightly", tick, now=tick)
        return len(await hands.database.read(jobs.listed))

    assert await at(0) == 0  # never met before: the next tick is the first
    assert await at(1) == 1
    assert await at(5) == 2
