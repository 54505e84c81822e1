"""kill -9 while recordings are fetched: each comes whole and once, and no half of one stays."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import random
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tests.chaos.conftest import MakeHouse
from tests.chaos.nursery import Nursery
from tests.chaos.setups import company
from tests.chaos.test_uploads import files_of, most_memory
from tests.running import LINE, SECRET, House, rows
from tests.sounds import announcing, wav

WITHIN_S = 60.0
LONG_AGO_S = 3 * 3600


class Pbx:
    """Has a recording of every call, sends it in pieces, and breaks off now and then."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.sounds: dict[str, bytes] = {}
        self.asked = 0
        self.breaks = 0.0
        self.url = ""

    def make(self, call: str, size: int) -> None:
        self.sounds[call] = announcing(wav(0.0), size) + self._chance.randbytes(size)

    async def give(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        sound = self.sounds[request.match_info["call"]]
        response = web.StreamResponse(headers={"Content-Length": str(len(sound))})
        await response.prepare(request)
        until = self._chance.randrange(len(sound)) if self._breaks() else len(sound)
        with contextlib.suppress(ConnectionError):  # who asked was killed
            for place in range(0, until, 64 * 1024):
                await response.write(sound[place : place + 64 * 1024])
                await asyncio.sleep(0.002)
        if until < len(sound) and request.transport:
            request.transport.abort()
        return response

    def _breaks(self) -> bool:
        return self._chance.random() < self.breaks


@pytest.fixture
async def pbx(seed: int) -> AsyncIterator[Pbx]:
    found = Pbx(random.Random(seed))
    app = web.Application()
    app.router.add_get("/rec/{call}", found.give)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}/rec"
    yield found
    await runner.cleanup()


def setup_of(pbx: Pbx) -> str:
    host = pbx.url.removeprefix("http://").removesuffix("/rec")
    account = f'recording_hosts = ["{host}"]\nallow_private = true\n'
    return company().replace('key = "main"\n', f'key = "main"\n{account}', 1)


async def tell(house: House, pbx: Pbx, call: str) -> None:
    """As a PBX does it: again until it is heard."""
    said = {
        "event": "recording",
        "call_id": call,
        "caller": "+79161234567",
        "called": LINE,
        "recording_id": call,
        "recording_url": f"{pbx.url}/{call}",
    }
    headers = {"Authorization": f"Bearer {SECRET}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        while True:
            try:
                url = f"{house.url}/webhooks/pbx/main"
                async with session.post(url, json=said) as answer:
                    if answer.status == 200:
                        return
            except (aiohttp.ClientError, OSError):
                await asyncio.sleep(0.05)


async def states(house: House) -> list[Any]:
    return await rows(house.base_url, 'SELECT ref, state FROM "fetch" ORDER BY ref')


async def until_kept(house: House, pbx: Pbx) -> None:
    until = time.monotonic() + WITHIN_S
    wanted = sorted((call, "kept") for call in pbx.sounds)
    while await states(house) != wanted:
        assert time.monotonic() < until, await states(house)
        await asyncio.sleep(0.1)


async def check(house: House, pbx: Pbx) -> None:
    """Of each call there is one recording, with the very bytes; nothing else has a name."""
    statement = """
        SELECT call.ref, recording.digest, recording.file, recording.size
        FROM recording JOIN call ON call.id = recording.call ORDER BY call.ref
    """
    found = await rows(house.base_url, statement)
    assert [(ref, digest) for ref, digest, _, _ in found] == sorted(
        (call, hashlib.sha256(sound).hexdigest()) for call, sound in pbx.sounds.items()
    )
    for ref, _, file, size in found:
        kept = (house.data_dir / "files" / file).read_bytes()
        assert (kept, size) == (pbx.sounds[ref], len(kept))
    names = {str(one.relative_to(house.data_dir / "files")) for one in files_of(house)}
    assert names == {file for _, _, file, _ in found}


def drafts(house: House) -> list[Path]:
    return list((house.data_dir / "files" / "drafts").glob("*"))


async def check_swept(house: House) -> None:
    """What killed servers left goes with the next start, once nobody can be writing it."""
    for one in drafts(house):
        old = time.time() - LONG_AGO_S
        os.utime(one, (old, old))
    async with house.serving():
        until = time.monotonic() + WITHIN_S
        while drafts(house):
            assert time.monotonic() < until
            await asyncio.sleep(0.05)


async def kill_under_fetches(
    house: House, pbx: Pbx, chance: random.Random, kills: int, many: int
) -> None:
    for n in range(many):
        pbx.make(f"c{n}", chance.randrange(100_000, 3_000_000))
    telling = asyncio.gather(*(tell(house, pbx, call) for call in pbx.sounds))
    pbx.breaks = 0.3
    for _ in range(kills):
        server = await house.open().ready()
        await asyncio.sleep(chance.uniform(0.1, 1.0))
        server.kill()
    pbx.breaks = 0.0
    async with house.serving():
        await telling
        await until_kept(house, pbx)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """Of an empty base; empty itself for one in a file."""
    if request.param == "sqlite":
        return ""
    found: str = request.getfixturevalue("empty_postgres_url")
    return found


async def test_fetches_outlive_kills(make_house: MakeHouse, pbx: Pbx, seed: int, url: str) -> None:
    house = await make_house(setup_of(pbx), url=url, variant="fetch_soon")
    await kill_under_fetches(house, pbx, random.Random(seed), kills=3, many=12)
    await check(house, pbx)
    await check_swept(house)


@pytest.mark.slow
async def test_fetches_outlive_30_kills(make_house: MakeHouse, pbx: Pbx, seed: int) -> None:
    house = await make_house(setup_of(pbx), variant="fetch_soon")
    await kill_under_fetches(house, pbx, random.Random(seed), kills=30, many=100)
    await check(house, pbx)
    await check_swept(house)


@pytest.mark.parametrize(
    ("moment", "left"),
    [
        ("die_in_the_fetch", (1, 0)),
        ("die_before_the_fetched_name", (1, 0)),
        ("die_before_the_fetched_row", (0, 1)),
    ],
)
async def test_after_a_kill_at_the_worst_moment_it_is_fetched_again(
    make_house: MakeHouse, nursery: Nursery, pbx: Pbx, moment: str, left: tuple[int, int]
) -> None:
    """`left`: drafts and files that the killed one leaves."""
    house = await make_house(setup_of(pbx), variant=moment)
    pbx.make("c1", 700_000)
    server = await house.open().ready()
    await tell(house, pbx, "c1")
    await asyncio.to_thread(server.process.wait, 10)
    assert (len(drafts(house)), len(files_of(house))) == left
    assert await states(house) == [("c1", "waiting")]
    house.spawn = nursery.spawner("fetch_soon")
    async with house.serving():
        await until_kept(house, pbx)
    await check(house, pbx)
    await check_swept(house)


@pytest.mark.slow
async def test_a_huge_recording_is_never_in_memory(make_house: MakeHouse, pbx: Pbx) -> None:
    setup = f"{setup_of(pbx)}\n[recordings]\nmost_mb = 300\n"
    house = await make_house(setup, variant="fetch_soon")
    pbx.sounds["c1"] = announcing(wav(0.0), 256 * 1024**2) + bytes(256 * 1024**2)
    async with house.serving() as server:
        await asyncio.sleep(0.5)
        before = most_memory(server.process.pid)
        await tell(house, pbx, "c1")
        await until_kept(house, pbx)
        assert most_memory(server.process.pid) - before < 32 * 1024
    for one in files_of(house):
        one.unlink()
