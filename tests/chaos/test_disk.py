"""A full disk: every call still gets its route, and what was acknowledged is there in the end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.chaos.conftest import MakeHouse
from tests.chaos.judge import check, contradicted, look, lost
from tests.chaos.setups import company
from tests.chaos.traffic import Manners, Traffic, numbers
from tests.running import Pbx, pbx_of

SIZE_MB = 24
CALM = Manners(retried=0.05, doubled=0.03, ring=(0.05, 0.3), talk=(0.1, 0.5))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own, which can be filled without harm to anybody."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "callrouter-tests", folder]
    done = subprocess.run(mounting, check=False, capture_output=True, text=True)
    if done.returncode:
        why = f"a small disk to fill needs root and mount: {done.stderr.strip()}"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


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
    house = await make_house(company(), name="disk/var")
    async with pbx_of(house, seed=seed) as pbx, house.serving() as server:
        traffic = Traffic(pbx, 20, numbers(100), CALM)
        running = asyncio.create_task(traffic.run())
        await asyncio.sleep(0.5)
        async with full(small_disk):
            await asyncio.sleep(4)
        traffic.stop()
        await running
        await server.settled()
        print({k:v for k,v in (await server.metrics()).items() if 'unrec' in k or 'fallb' in k})
        print(subprocess.run(f"ls -la {small_disk} {small_disk}/var {small_disk}/var/spool", shell=True, capture_output=True, text=True).stdout)
    print(len(pbx.history), [(s.event["event"], s.status) for s in pbx.history if s.status != 200][:10])
    assert not unrouted(pbx)
    check(pbx, await look(house.base_url))
