"""Jobs outlive their servers: whatever is killed, each is done, and what it does is there once."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from storage import jobs
from storage.jobs import NewJob
from tests.chaos.chance import by_chance
from tests.chaos.conftest import MakeHouse
from tests.chaos.setups import company
from tests.running import House, Running, beside, rows

JOBS = 240
IN_TIME_S = 60.0


async def ask(url: str, many: int) -> None:
    async with beside(url) as base:
        wanted = [NewJob("labour", {"key": f"job-{n}"}, f"job-{n}") for n in range(many)]
        await base.write(jobs.ask, wanted, now=datetime.now(UTC))


async def effects(url: str) -> Counter[str]:
    found = await rows(url, "SELECT actor FROM business_event WHERE kind = 'laboured'")
    return Counter(actor for (actor,) in found)


async def undone(url: str) -> list[tuple[str, ...]]:
    statement = "SELECT key, state, attempts, error FROM job WHERE kind = 'labour'"
    return [row for row in await rows(url, statement) if row[1] != "done"]


async def until_done(url: str) -> None:
    async with asyncio.timeout(IN_TIME_S):
        while await undone(url):
            await asyncio.sleep(0.1)


async def kill_in_turn(houses: Sequence[House], seed: int, times: int) -> None:
    """Kill one of the servers at a time and start it again; all run at the end."""
    chance = random.Random(seed)
    running: list[Running] = [house.open() for house in houses]
    try:
        for server in running:
            await server.ready()
        for _ in range(times):
            await asyncio.sleep(chance.uniform(0.1, 0.6))
            n = chance.randrange(len(houses))
            running[n].kill()
            running[n] = await houses[n].open().ready()
        await until_done(houses[0].base_url)
    finally:
        for server in running:
            server.kill()


@pytest.mark.slow
async def test_a_server_that_is_killed_and_started_does_each_job_once(
    make_house: MakeHouse, seed: int
) -> None:
    house = await make_house(company(2), variant="labour")
    await ask(house.base_url, JOBS)
    await kill_in_turn([house], seed, times=8)
    assert await effects(house.base_url) == Counter(f"job-{n}" for n in range(JOBS))


@pytest.mark.slow
async def test_what_a_killed_server_held_the_other_two_take_over(
    make_house: MakeHouse, empty_postgres_url: str
) -> None:
    """It is never started again: nobody but the leases tells that it is gone."""
    url = empty_postgres_url
    names = ("one", "two", "three")
    houses = [await make_house(company(2), url=url, name=n, variant="labour") for n in names]
    running = [house.open() for house in houses]
    try:
        for server in running:
            await server.ready()
        await ask(url, JOBS)
        async with asyncio.timeout(IN_TIME_S):
            while sum((await effects(url)).values()) < JOBS // 4:
                await asyncio.sleep(0.02)
        running[1].kill()
        held = [row for row in await undone(url) if row[1] == "leased"]
        assert held
        await until_done(url)
        again = await rows(url, "SELECT key FROM job WHERE kind = 'labour' AND attempts > 1")
        assert again
        assert await effects(url) == Counter(f"job-{n}" for n in range(JOBS))
    finally:
        for server in running:
            server.kill()


@by_chance
@pytest.mark.slow
async def test_without_the_token_a_kill_does_things_twice(make_house: MakeHouse, seed: int) -> None:
    """The red control: effects that are not of the job's own transaction."""
    house = await make_house(company(2), variant="labour_unfenced")
    await ask(house.base_url, JOBS)
    await kill_in_turn([house], seed, times=12)
    assert max((await effects(house.base_url)).values()) > 1
