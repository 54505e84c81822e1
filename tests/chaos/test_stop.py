"""How a server ends, who may begin beside it, and what commands may do while it runs."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.chaos.chance import by_chance
from tests.chaos.conftest import MakeHouse
from tests.chaos.judge import check, look
from tests.chaos.locks import locked
from tests.chaos.setups import company
from tests.chaos.traffic import Manners, Traffic, numbers
from tests.hooks import Pbx, Sent, pbx_of
from tests.running import LAST_RESORT, LINE, House

STOPS = 3
QUICK_S = 10.0
SURELY_READ_S = 0.05
"""What was sent so long before the signal was in the server's hands."""


async def stop_under_load(house: House, pbx: Pbx) -> list[tuple[float, float]]:
    """SIGTERM in the middle of calls, some times; gives from when to when each server took them.

    The base is locked for a moment round the signal: then there is something to wait for.
    """
    taking = []
    traffic = Traffic(pbx, 30, numbers(100), Manners(ring=(0.05, 0.2), talk=(0.1, 0.4)))
    running = asyncio.create_task(traffic.run())
    try:
        for _ in range(STOPS):
            server = await house.open().ready()
            began = time.monotonic()
            await asyncio.sleep(0.3)
            with locked(house.base):
                await asyncio.sleep(0.2)
                taking.append((began, time.monotonic() - SURELY_READ_S))
                stopping = asyncio.create_task(server.stop(QUICK_S))
                await asyncio.sleep(0.05)
            assert await stopping == 0
        async with house.serving() as server:
            traffic.stop()
            await running
            await server.settled()
    finally:
        running.cancel()
    return taking


def unanswered(pbx: Pbx, taking: list[tuple[float, float]]) -> list[Sent]:
    """What a server had taken before it was told to stop, and did not answer."""
    return [
        sent
        for sent in pbx.history
        if sent.status is None and any(began < sent.at < ended for began, ended in taking)
    ]


async def test_whatever_was_taken_is_answered(make_house: MakeHouse, seed: int) -> None:
    house = await make_house(company())
    async with pbx_of(house, seed=seed) as pbx:
        taking = await stop_under_load(house, pbx)
    assert unanswered(pbx, taking) == []
    assert len(pbx.acknowledged) > 50
    check(pbx, await look(house.base_url))


@by_chance
@pytest.mark.slow
async def test_a_server_that_leaves_at_once_does_not_answer(
    make_house: MakeHouse, seed: int
) -> None:
    """The red control of the test above."""
    house = await make_house(company(), variant="leave_at_once")
    async with pbx_of(house, seed=seed) as pbx:
        taking = await stop_under_load(house, pbx)
    assert unanswered(pbx, taking)


async def test_so_it_is_when_the_base_is_silent(make_house: MakeHouse) -> None:
    """The server does not wait for it; the next one brings it what was told."""
    house = await make_house(company())
    async with pbx_of(house) as pbx:
        server = await house.open().ready()
        with locked(house.base):
            traffic = Traffic(pbx, 30, numbers(100), Manners(heard_of=0))
            await traffic.run(0.5)
            last = asyncio.create_task(traffic.run(0.7))
            await asyncio.sleep(0.15)
            assert await server.stop(QUICK_S) == 0
            await last
        assert house.spooled
        async with house.serving() as server:
            await server.settled()
    check(pbx, await look(house.base_url))


async def test_a_second_server_is_refused(make_house: MakeHouse, tmp_path: Path) -> None:
    """One on the same data directory, and one that has only the base in common."""
    house = await make_house(company())
    others = [
        House(house.data_dir, spawn=house.spawn),
        House(tmp_path / "other", database_url=house.base_url, spawn=house.spawn),
    ]
    async with house.serving():
        refused = await asyncio.gather(
            *(other.run("serve", "--port", str(other.port)) for other in others)
        )
    for done in refused:
        assert done.code == 1
        assert "Another callrouter server" in done.complaints
        assert "Traceback" not in done.complaints


async def test_commands_work_beside_a_server_and_it_uses_what_they_change(
    make_house: MakeHouse, tmp_path: Path
) -> None:
    house = await make_house(company(3))
    async with pbx_of(house) as pbx, house.serving():
        traffic = Traffic(pbx, 10, numbers(20))
        running = asyncio.create_task(traffic.run())
        try:
            await check_commands(house, pbx, tmp_path)
        finally:
            traffic.stop()
            await running
    check(pbx, await look(house.base_url))


async def check_commands(house: House, pbx: Pbx, tmp_path: Path) -> None:
    file = tmp_path / "setup.toml"
    file.write_text(company(3).replace(LAST_RESORT, "+74951112233"), encoding="utf-8")
    done = await house.run("apply", str(file))
    assert done.code == 0, done.complaints
    applied = time.monotonic()
    while (await ring(pbx))["then"]["dial"] != "+74951112233":
        assert time.monotonic() < applied + 2.0, "the server goes on with the old setup"

    token = await house.run("token", "add", "crm", "--role", "admin")
    assert token.code == 0, token.complaints
    headers = {"Authorization": f"Bearer {token.printed.strip()}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.get(f"{house.url}/api/v1/calls") as response,
    ):
        assert response.status == 200

    call = (await ring(pbx))["call"]
    why, route = await asyncio.gather(
        house.run("why", call),
        house.run("route", "--line", LINE, "--caller", "+79160000001", "--json"),
    )
    assert (why.code, why.complaints) == (0, "")
    assert why.printed.strip()
    assert (route.code, route.complaints) == (0, "")
    assert "+74951112233" in route.printed


async def ring(pbx: Pbx) -> dict[str, Any]:
    ref = f"own{len(pbx.history)}"
    sent = await pbx.post(
        {
            "event": "ringing",
            "event_id": ref,
            "call_id": ref,
            "caller": "+79160000099",
            "called": LINE,
        }
    )
    await pbx.post({"event": "ended", "event_id": f"{ref}-e", "call_id": ref})
    return sent.told
