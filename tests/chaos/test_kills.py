"""kill -9 at random under load: whatever was acknowledged is there, once."""

from __future__ import annotations

import asyncio

import pytest

from tests.chaos.chance import by_chance
from tests.chaos.conftest import MakeHouse
from tests.chaos.judge import check, look, lost
from tests.chaos.locks import locked
from tests.chaos.setups import company
from tests.chaos.traffic import Manners, Traffic, numbers
from tests.hooks import Pbx, pbx_of
from tests.running import House

CALLS_PER_S = 27
"""About 80 hooks a second."""

ROUGH = Manners(retried=0.1, doubled=0.05, nameless=0.2, withheld=0.03)


async def lock_now_and_then(house: House, pbx: Pbx) -> None:
    """Some kills meet a server that spools, or one that brings the base what it spooled."""
    while True:
        await asyncio.sleep(pbx.chance.uniform(1.0, 3.0))
        with locked(house.base):
            await asyncio.sleep(pbx.chance.uniform(0.4, 1.2))


async def kill_under_load(house: House, pbx: Pbx, kills: int, *, locks: bool = False) -> None:
    """Kill the server at random moments, and give what it left to a last one."""
    traffic = Traffic(pbx, CALLS_PER_S, numbers(150), ROUGH)
    running = asyncio.create_task(traffic.run())
    locking = asyncio.create_task(lock_now_and_then(house, pbx)) if locks else None
    try:
        for _ in range(kills):
            server = await house.open().ready()
            await asyncio.sleep(pbx.chance.uniform(0.1, 0.9))
            server.kill()
        if locking:
            locking.cancel()
        async with house.serving() as server:
            traffic.stop()
            await running
            await server.settled()
    finally:
        running.cancel()
        if locking:
            locking.cancel()


@pytest.mark.slow
async def test_what_was_acknowledged_outlives_60_kills(make_house: MakeHouse, seed: int) -> None:
    house = await make_house(company())
    async with pbx_of(house, seed=seed) as pbx:
        await kill_under_load(house, pbx, kills=60, locks=True)
    check(pbx, await look(house.base_url))
    assert len(pbx.acknowledged) > 800


async def test_what_was_acknowledged_outlives_a_few_kills(make_house: MakeHouse, seed: int) -> None:
    house = await make_house(company())
    async with pbx_of(house, seed=seed) as pbx:
        await kill_under_load(house, pbx, kills=3)
    check(pbx, await look(house.base_url))


@by_chance
@pytest.mark.slow
async def test_to_acknowledge_before_the_commit_loses_some(
    make_house: MakeHouse, seed: int
) -> None:
    """The red control of the tests above."""
    house = await make_house(company(), variant="acknowledge_early")
    async with pbx_of(house, seed=seed) as pbx:
        await kill_under_load(house, pbx, kills=6)
    assert lost(pbx, await look(house.base_url))


@pytest.mark.slow
async def test_on_postgresql_too(make_house: MakeHouse, empty_postgres_url: str, seed: int) -> None:
    house = await make_house(company(), url=empty_postgres_url)
    async with pbx_of(house, seed=seed) as pbx:
        await kill_under_load(house, pbx, kills=10)
    check(pbx, await look(house.base_url))
