"""Backups under load, kills while one is made or restored: what was acknowledged before is there."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from callrouter.saving import MARK
from storage import backups
from storage.archives import Archive
from storage.files import Folder
from tests.chaos.conftest import MakeHouse
from tests.chaos.judge import check, doubled, look, lost
from tests.chaos.locks import locked
from tests.chaos.nursery import Nursery
from tests.chaos.setups import company
from tests.chaos.traffic import Traffic, numbers
from tests.hooks import Pbx, pbx_of
from tests.running import House, rows

CALLS_PER_S = 100
ENOUGH = 300
"""Events that were acknowledged before the backup begins."""


@asynccontextmanager
async def traffic_at(pbx: Pbx) -> AsyncIterator[Traffic]:
    traffic = Traffic(pbx, CALLS_PER_S, numbers(400))
    running = asyncio.create_task(traffic.run())
    try:
        yield traffic
    finally:
        traffic.stop()
        with contextlib.suppress(Exception):
            await running


def archives_of(house: House) -> list[Path]:
    return sorted((house.data_dir / "backups" / "archives").glob("*.tar"))


def moved(house: House, name: str) -> House:
    """Another machine, with the key and nothing else."""
    folder = house.data_dir.with_name(name)
    folder.mkdir()
    with contextlib.suppress(FileNotFoundError):
        shutil.copy(house.data_dir / "secret.key", folder)
    return House(folder, secret_key=house.secret_key, spawn=house.spawn)


@pytest.fixture(params=["sqlite", "postgresql"])
def urls(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Of two empty bases; empty themselves for bases in files."""
    if request.param == "sqlite":
        return "", ""
    return request.getfixturevalue("empty_postgres_url"), request.getfixturevalue("second_url")


@pytest.fixture
async def second_url(postgres: object) -> AsyncIterator[str]:
    from tests.postgres import Postgres

    assert isinstance(postgres, Postgres)
    name = await postgres.make_base()
    yield postgres.url(name)
    await postgres.drop_base(name)


async def test_every_call_that_was_acknowledged_before_a_backup_is_in_it(
    make_house: MakeHouse, seed: int, urls: tuple[str, str]
) -> None:
    house = await make_house(company(), url=urls[0])
    async with pbx_of(house, seed=seed) as pbx:
        server = await house.open().ready()
        async with traffic_at(pbx):
            async with asyncio.timeout(40):
                while len(pbx.acknowledged) < ENOUGH:
                    await asyncio.sleep(0.2)
            before = len(pbx.history)
            acknowledged = [one for one in pbx.history[:before] if one.acknowledged]
            made = await house.run("backup")
            assert made.code == 0, made.complaints
            await asyncio.sleep(0.5)
            server.kill()
    assert len(acknowledged) >= ENOUGH
    there = moved(house, "there")
    there.database_url = urls[1]
    restored = await there.run("restore", str(archives_of(house)[-1]))
    assert restored.code == 0, restored.complaints
    async with there.serving() as server:
        await server.settled()
    kept = await look(there.base_url)
    bodies = kept.bodies
    assert [one for one in acknowledged if not bodies[one.body]] == []
    assert doubled(kept) == []
    assert set(bodies) <= {one.body for one in pbx.history}


async def test_what_was_told_without_the_base_is_in_a_backup_too(
    make_house: MakeHouse, seed: int
) -> None:
    """The base was locked until just before; the spool had it, and has it in the backup."""
    house = await make_house(company())
    async with pbx_of(house, seed=seed) as pbx:
        server = await house.open().ready()
        with locked(house.base):
            sent = [
                await Traffic(pbx, 1, numbers(5)).send(
                    "ringing", f"s{n}", caller="+79160000001", called=""
                )
                for n in range(3)
            ]
            assert house.spooled
            made = await house.run("backup")
            assert made.code == 0, made.complaints
            server.kill()
    there = moved(house, "there")
    assert (await there.run("restore", str(archives_of(house)[-1]))).code == 0
    assert there.spooled
    async with there.serving() as server:
        await server.settled()
    assert all(one.acknowledged for one in sent)
    assert lost(pbx, await look(there.base_url)) == []


async def test_a_backup_that_is_killed_leaves_those_before_as_they_were(
    make_house: MakeHouse, nursery: Nursery, seed: int
) -> None:
    house = await make_house(company())
    async with pbx_of(house, seed=seed) as pbx:
        async with house.serving():
            await Traffic(pbx, 50, numbers(20)).run(0.5)
            assert (await house.run("backup")).code == 0
            (whole,) = archives_of(house)
            content = whole.read_bytes()
            for moment in ("die_in_the_dump", "die_in_the_archive", "die_before_the_archives_name"):
                house.spawn = nursery.spawner(moment)
                assert (await house.run("backup")).code == -signal.SIGKILL
                assert archives_of(house) == [whole]
                assert whole.read_bytes() == content
            house.spawn = nursery.spawner("")
            await asyncio.sleep(1.0)
            assert (await house.run("backup")).code == 0
        check(pbx, await look(house.base_url))
    place = Folder(house.data_dir / "backups")
    assert len(archives_of(house)) == 2
    assert not list((place.root / "drafts").glob("*"))
    for archive in archives_of(house):
        with Archive(archive) as found:
            assert list(backups.listed_in(place, f"archives/{archive.name}")) == []
            assert found.manifest.tables["call"] >= 20


@pytest.mark.parametrize(
    "moment", ["die_in_the_base", "die_before_the_bases_name", "die_after_the_bases_name"]
)
async def test_half_a_restore_never_serves_and_can_be_done_again(
    make_house: MakeHouse, nursery: Nursery, seed: int, moment: str
) -> None:
    house = await make_house(company())
    async with pbx_of(house, seed=seed) as pbx, house.serving():
        await Traffic(pbx, 50, numbers(20)).run(0.5)
        assert (await house.run("backup")).code == 0
    (archive,) = archives_of(house)
    there = moved(house, "there")
    there.spawn = nursery.spawner(moment)
    assert (await there.run("restore", str(archive))).code == -signal.SIGKILL
    assert (there.data_dir / MARK).exists()
    there.spawn = nursery.spawner("")
    served = await there.run("serve", "--port", str(there.port))
    assert (served.code, "cut short" in served.complaints) == (1, True)
    again = await there.run("restore", str(archive))
    assert again.code == 0, again.complaints
    check(pbx, await look(there.base_url))
    assert await rows(there.base_url, "SELECT count(*) FROM meta WHERE key = 'frozen'") == [(1,)]
    assert not [one.name for one in there.data_dir.iterdir() if "restoring" in one.name]
