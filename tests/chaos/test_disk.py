"""A full disk: every call still gets its route, and what was acknowledged is there in the end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from storage.database import Database
from tests.chaos.conftest import MakeHouse
from tests.chaos.inside import inside, ringing, rung
from tests.chaos.judge import check, look
from tests.chaos.setups import company
from tests.chaos.traffic import Manners, Traffic, numbers
from tests.hooks import Pbx, pbx_of
from tests.running import rows

CALM = Manners(retried=0.05, doubled=0.03, ring=(0.05, 0.3), talk=(0.1, 0.5))


@contextlib.asynccontextmanager
async def full(disk: Path) -> AsyncIterator[None]:
    """Somebody fills the disk, and takes at once whatever becomes free."""
    filler = disk / "somebody's log"

    def eat() -> None:
        with filler.open("ab", buffering=0) as file, contextlib.suppress(OSError):
            for size in (1 << 20, 1 << 12, 1):
                with contextlib.suppress(OSError):
                    while True:
                        file.write(b"x" * size)

    async def eat_on() -> None:
        while True:
            eat()
            await asyncio.sleep(0.005)

    eat()
    eating = asyncio.create_task(eat_on())
    try:
        yield
    finally:
        eating.cancel()
        filler.unlink()


def unrouted(pbx: Pbx) -> list[object]:
    """Ringing calls that got no route."""
    return [
        sent
        for sent in pbx.history
        if sent.event["event"] == "ringing"
        and not (sent.acknowledged and sent.told["decision"] == "connect")
    ]


async def test_a_full_disk(make_house: MakeHouse, small_disk: Path, seed: int) -> None:
    """Nothing is even refused while the reserve lasts."""
    house = await make_house(company(), name="disk/var")
    async with pbx_of(house, seed=seed) as pbx, house.serving() as server:
        traffic = Traffic(pbx, 20, numbers(100), CALM)
        running = asyncio.create_task(traffic.run())
        await asyncio.sleep(0.5)
        async with full(small_disk):
            await asyncio.sleep(2.5)
            assert not (house.data_dir / "spool" / "reserve").exists()
        traffic.stop()
        await running
        await server.settled()
        figures = await server.metrics()
    assert figures["callrouter_fallbacks"] > 20
    assert figures["callrouter_unrecorded"] == 0
    assert all(sent.acknowledged for sent in pbx.history)
    assert not unrouted(pbx)
    check(pbx, await look(house.base_url))
    assert (house.data_dir / "spool" / "reserve").exists()


async def test_without_base_and_spool_calls_get_their_route_and_the_base_gets_it_later(
    sqlite_database: Database, tmp_path: Path
) -> None:
    """Other events are refused, so that the PBX may send them again."""
    (tmp_path / "spool").write_text("a file where the folder should be")
    async with inside(sqlite_database, tmp_path) as base:
        base.base.silent = True
        answer = await base.post(ringing("c1"))
        assert rung(answer)
        assert (await base.post({"event": "ended", "call_id": "c1"})).status == 503
        assert await base.post(ringing("c1")) == answer
        base.base.silent = False
        base.intake.batches.wake()
        await base.settled()
        ((kept,),) = await rows(f"sqlite:///{tmp_path / 'base.sqlite'}", "SELECT answer FROM event")
        assert kept == answer.body
