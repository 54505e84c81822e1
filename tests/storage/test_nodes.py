"""Two nodes on one base: what the gate is good for, and that it is missed when it is off."""

import asyncio

from storage.database import Database
from tests.storage.tally import count_up, make_tally, opened, total

TIMES = 200


async def count(database: Database) -> None:
    for _ in range(TIMES):
        await database.write(count_up)


async def test_two_nodes_lose_no_increment(tally: Database, database_url: str) -> None:
    async with (
        opened(database_url, guest=True) as one,
        opened(database_url, guest=True) as other,
    ):
        await asyncio.gather(count(one), count(other))
    assert await tally.read(total) == 2 * TIMES


async def test_without_the_gate_they_do(postgres_url: str) -> None:
    """The red control of the test above."""
    async with (
        opened(postgres_url, guest=True, gate=False) as one,
        opened(postgres_url, guest=True, gate=False) as other,
    ):
        await one.write(make_tally)
        await asyncio.gather(count(one), count(other))
        assert await one.read(total) < 2 * TIMES
