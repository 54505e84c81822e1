"""One small table with one number to count up: enough to see what a base does to a write."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

from sqlalchemy import Connection, text

from storage.database import Database, open_database
from tests.pauses import Pauses


def make_tally(conn: Connection) -> None:
    conn.exec_driver_sql("CREATE TABLE tally (id INTEGER PRIMARY KEY, n BIGINT NOT NULL)")
    conn.exec_driver_sql("INSERT INTO tally VALUES (1, 0)")


def add_row(conn: Connection, id_: int) -> None:
    conn.execute(text("INSERT INTO tally VALUES (:id, 0)"), {"id": id_})


def count_rows(conn: Connection) -> int:
    count: int = conn.exec_driver_sql("SELECT count(*) FROM tally").scalar_one()
    return count


def total(conn: Connection) -> int:
    n: int = conn.exec_driver_sql("SELECT n FROM tally WHERE id = 1").scalar_one()
    return n


def count_up(conn: Connection) -> None:
    """Read, then write what was read plus one: whoever comes between loses an increment."""
    conn.execute(text("UPDATE tally SET n = :n WHERE id = 1"), {"n": total(conn) + 1})


LINGER_S = 0.15


def linger(conn: Connection) -> None:
    """Last a while: in the server, or in the thread, never in the event loop."""
    if conn.dialect.name == "postgresql":
        conn.exec_driver_sql(f"SELECT pg_sleep({LINGER_S})")
    else:
        time.sleep(LINGER_S)


async def begun(database: Database, do: Callable[[Connection], None]) -> asyncio.Task[None]:
    """A write that has left the queue and keeps the writer busy."""
    task = asyncio.create_task(database.write(do))
    await asyncio.sleep(LINGER_S / 3)
    assert not task.done()
    return task


@asynccontextmanager
async def opened(url: str, *, guest: bool = False, gate: bool = True) -> AsyncIterator[Database]:
    database = open_database(url, guest=guest, gate=gate)
    try:
        yield database
    finally:
        await database.close()


@contextmanager
def took(least: float, most: float) -> Iterator[None]:
    """Between so many seconds; what the machine itself withheld is not counted."""
    with Pauses() as pauses:
        began = time.monotonic()
        yield
        took = time.monotonic() - began
    assert least <= took <= most + pauses.lost
