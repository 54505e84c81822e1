"""Whatever is killed when, programs outside hear of everything that happened."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection

from storage import notices
from storage.notices import Happening
from tests.chaos.conftest import MakeHouse
from tests.chaos.setups import company
from tests.chaos.test_jobs import kill_in_turn
from tests.outside.servers import Server, serving
from tests.running import House, beside, rows

EVENTS = 120
IN_TIME_S = 60.0


def happen(conn: Connection, first: int, many: int) -> None:
    now = datetime.now(UTC)
    told = [
        Happening("alarm_opened", now, "watch", data={"kind": "disk", "n": n})
        for n in range(first, first + many)
    ]
    notices.record(conn, told, now=now)


async def happen_slowly(house: House) -> None:
    """While servers come and go."""
    async with beside(house.base_url) as base:
        for first in range(0, EVENTS, 20):
            await base.write(happen, first, 20)
            await asyncio.sleep(0.2)


async def until_heard(crm: Server) -> None:
    async with asyncio.timeout(IN_TIME_S):
        while len({json.loads(one.body)["data"]["n"] for one in crm.asked}) < EVENTS:
            await asyncio.sleep(0.1)


@pytest.mark.slow
async def test_a_server_that_is_killed_and_started_tells_everything_with_one_id_each(
    make_house: MakeHouse, seed: int
) -> None:
    async with serving() as crm:
        hook = f"""
[[webhook]]
key = "crm"
url = "http://127.0.0.1:{crm.port}/hooks"
secret = "a-secret-of-these-tests"
allow_private = true
events = ["alarm.opened"]
"""
        house = await make_house(company(2) + hook)
        slowly = asyncio.create_task(happen_slowly(house))
        await kill_in_turn([house], seed, times=3)
        await slowly
        server = await house.open().ready()
        try:
            await until_heard(crm)
        finally:
            server.kill()
        told = [json.loads(one.body)["data"]["n"] for one in crm.asked]
        ids = {one.header("webhook-id") for one in crm.asked}
        assert Counter(told).keys() == set(range(EVENTS))
        assert len(ids) == EVENTS  # what came twice came with the same id
        assert await rows(house.base_url, "SELECT id FROM outbox") == []
