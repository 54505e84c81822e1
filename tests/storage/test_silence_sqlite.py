"""A base that is locked, full, broken, frozen or gone says so in time, and is used again after."""

import asyncio
import resource
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection
from sqlalchemy.engine import make_url

from storage.database import BaseSilent, Database, open_database
from tests.storage.tally import add_row, count_rows, count_up, make_tally, opened, took, total


def path_of(url: str) -> Path:
    path = make_url(url).database
    assert path
    return Path(path)


@contextmanager
def locked(url: str) -> Iterator[None]:
    """Another process holds the base for itself."""
    script = """
import sqlite3, sys
base = sqlite3.connect(sys.argv[1], isolation_level=None)
base.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", script, path_of(url)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == b"held\n"
        try:
            yield
        finally:
            holder.communicate()


@pytest.fixture
async def filed(sqlite_url: str) -> AsyncIterator[Database]:
    """A base in a file as a server opens it, with a server's impatience."""
    async with opened(sqlite_url) as database:
        await database.write(make_tally)
        yield database


# SQLite


async def test_a_lock_of_another_process_is_told_in_a_fifth_of_a_second(
    filed: Database, sqlite_url: str
) -> None:
    with locked(sqlite_url):
        for _ in range(2):
            with took(0.15, 0.5), pytest.raises(BaseSilent, match="locked"):
                await filed.write(count_up)
        assert await filed.read(total) == 0
    await filed.write(count_up)
    assert await filed.read(total) == 1


async def test_a_guest_waits_for_his_turn(filed: Database, sqlite_url: str) -> None:
    async with opened(sqlite_url, guest=True) as guest:
        with locked(sqlite_url):
            waiting = asyncio.create_task(guest.write(count_up))
            await asyncio.sleep(0.6)
            assert not waiting.done()
        await waiting
    assert await filed.read(total) == 1


async def test_a_guest_gets_his_turn_beside_a_busy_server(filed: Database, sqlite_url: str) -> None:
    async def keep_busy() -> None:
        while True:
            await filed.write(count_up)

    busy = [asyncio.create_task(keep_busy()) for _ in range(8)]
    async with opened(sqlite_url, guest=True) as guest:
        for id_ in range(2, 12):
            await guest.write(add_row, id_)
    for task in busy:
        task.cancel()
    await asyncio.gather(*busy, return_exceptions=True)
    assert await filed.read(count_rows) == 11


def fill(conn: Connection) -> None:
    """As if the disk had 40 pages left."""
    pages = conn.exec_driver_sql("PRAGMA page_count").scalar_one()
    conn.exec_driver_sql(f"PRAGMA max_page_count = {pages + 40}")
    try:
        conn.exec_driver_sql("CREATE TABLE big (filler BLOB)")
        for _ in range(100):
            conn.exec_driver_sql("INSERT INTO big VALUES (zeroblob(8192))")
    finally:
        conn.exec_driver_sql("PRAGMA max_page_count = 1073741823")


def fail_to_write(conn: Connection) -> None:
    """As if the disk refused: every write beyond the first bytes of a file fails."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        conn.exec_driver_sql("PRAGMA cache_spill = 1")
        conn.exec_driver_sql("PRAGMA cache_size = 1")
        conn.exec_driver_sql("CREATE TABLE big (filler BLOB)")
        for _ in range(100):
            conn.exec_driver_sql("INSERT INTO big VALUES (zeroblob(8192))")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        pytest.param(fill, "full", id="the disk is full"),
        pytest.param(fail_to_write, "I/O", id="the disk fails"),
    ],
)
async def test_a_disk_that_refuses_is_the_base_being_silent(
    filed: Database, fault: Callable[[Connection], None], told: str
) -> None:
    with pytest.raises(BaseSilent, match=told):
        await filed.write(fault)
    await filed.write(count_up)
    assert await filed.read(total) == 1


async def test_a_connection_that_failed_is_not_asked_again(filed: Database) -> None:
    """A second fsync may say yes to what the first one lost."""

    def cache_size(conn: Connection) -> int:
        size: int = conn.exec_driver_sql("PRAGMA cache_size").scalar_one()
        return size

    before = await filed.write(cache_size)
    with pytest.raises(BaseSilent):
        await filed.write(fail_to_write)  # it left its own size behind
    assert await filed.write(cache_size) == before


async def test_a_base_that_is_not_there_is_not_made_by_the_way(tmp_path: Path) -> None:
    async with opened(f"sqlite:///{tmp_path}/none.sqlite") as database:
        for ask in (database.write, database.read):
            with pytest.raises(BaseSilent, match="unable to open"):
                await ask(total)
        assert list(tmp_path.iterdir()) == []
    async with opened(f"sqlite:///{tmp_path}/no/folder.sqlite") as database:
        with pytest.raises(BaseSilent, match="unable to open"):
            await database.migrate()


async def test_a_file_that_is_no_base_is_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "letter.odt"
    file.write_bytes(b"no base at all " * 1000)
    async with opened(str(file)) as database:
        with pytest.raises(BaseSilent, match="not a database"):
            await database.migrate()
    assert file.read_bytes() == b"no base at all " * 1000


async def test_what_is_committed_is_on_the_disk(sqlite_url: str) -> None:
    def settings(conn: Connection) -> dict[str, object]:
        names = "journal_mode", "synchronous", "foreign_keys", "wal_autocheckpoint", "query_only"
        return {name: conn.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in names}

    always = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
    for checkpoints, pages in ((True, 1000), (False, 0)):
        database = open_database(sqlite_url, checkpoints=checkpoints)
        writing, reading = await database.write(settings), await database.read(settings)
        await database.close()
        assert writing == always | {"wal_autocheckpoint": pages, "query_only": 0}
        assert reading == always | {"wal_autocheckpoint": 0, "query_only": 1}
