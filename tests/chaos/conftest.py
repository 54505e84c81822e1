"""Houses for servers, with a company applied; a copy of what the first test made for all."""

from __future__ import annotations

import os
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from tests.chaos.nursery import Nursery
from tests.postgres import Postgres
from tests.running import House

SMALL_DISK_MB = 24

KEY = "the-same-key-on-every-node"

HERE = Path(__file__).parent

MakeHouse = Callable[..., Awaitable[House]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What measures time does not run beside its like."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("chaos"))


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    nursery = Nursery()
    yield nursery
    nursery.close()


@pytest.fixture
def seed() -> int:
    """Of this run's chance; CHAOS_SEED repeats one."""
    seed = int(os.environ.get("CHAOS_SEED") or int.from_bytes(os.urandom(3)))
    print(f"CHAOS_SEED={seed}")
    return seed


@pytest.fixture
async def make_house(nursery: Nursery, tmp_path: Path) -> AsyncIterator[MakeHouse]:
    """A maker of houses. `setup` empty: nothing is applied; `url` empty: a base in a file."""

    async def make(
        setup: str = "", *, name: str = "var", variant: str = "", url: str = "", port: int = 0
    ) -> House:
        house = House(
            tmp_path / name,
            database_url=url,
            secret_key=KEY if url else "",
            spawn=nursery.spawner(variant),
            port=port,
        )
        if setup:
            await house.apply(setup)
        return house

    yield make
    nursery.kill_all()


@pytest.fixture
async def empty_postgres_url(postgres: Postgres) -> AsyncIterator[str]:
    name = await postgres.make_base()
    yield postgres.url(name)
    await postgres.drop_base(name)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own, which can be filled without harm to anybody."""
    folder = tmp_path / "disk"
    folder.mkdir()
    size = f"size={SMALL_DISK_MB}m"
    mounting = ["mount", "-t", "tmpfs", "-o", size, "callrouter-tests", str(folder)]
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
