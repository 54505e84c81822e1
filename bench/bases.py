"""The bases: a new one on either engine, filled with contacts, and counted afterwards."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg

from bench.jobs import KNOWN_FROM
from bench.servers import Place
from tests.postgres import Postgres, find_binaries

DURABLE = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "60",
    "shared_buffers": "128MB",
    "log_min_messages": "fatal",
}

WRITTEN = (
    *("event", "call", "leg", "decision", "contact", "contact_phone", "card", "transition"),
    *("act", "business_event", "notice"),
)
"""The tables that a stranger's call writes."""


@contextmanager
def postgres() -> Iterator[Postgres | None]:
    """A PostgreSQL whose commits are on the disk; None where there is none."""
    binaries = find_binaries()
    if binaries is None:
        yield None
        return
    server = Postgres(binaries, DURABLE)
    try:
        yield server.start()
    finally:
        server.remove()


def new_place(folder: Path, server: Postgres | None) -> Place:
    """An empty base: in a file, or on the given PostgreSQL."""
    return Place(folder, server.url(asyncio.run(server.make_base())) if server else "")


def rows(place: Place) -> dict[str, int]:
    """How many rows the tables of a call have."""
    if not place.database_url:
        with _sqlite(place) as conn:
            return {name: conn.execute(_count(name)).fetchone()[0] for name in WRITTEN}

    async def count() -> dict[str, int]:
        conn = await asyncpg.connect(place.database_url)
        try:
            return {name: await conn.fetchval(_count(name)) for name in WRITTEN}
        finally:
            await conn.close()

    return asyncio.run(count())


def _count(name: str) -> str:
    return f'SELECT count(*) FROM "{name}"'


def fill(place: Place, contacts: int) -> None:
    """Put contacts into a migrated base, each with a phone and an open card of its own."""
    if not place.database_url:
        with _sqlite(place) as conn:
            for statement in _FILL:
                conn.execute(
                    statement.format(
                        numbers="(WITH RECURSIVE r(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM r"
                        f" WHERE n + 1 < {contacts}) SELECT n FROM r)",
                        id="printf('%026d', n)",
                        phone=f"'+79' || ({KNOWN_FROM} + n)",
                        count=contacts,
                    )
                )
            conn.commit()
            conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return

    async def insert() -> None:
        conn = await asyncpg.connect(place.database_url)
        try:
            for statement in _FILL:
                await conn.execute(
                    statement.format(
                        numbers=f"generate_series(0, {contacts - 1}) AS r(n)",
                        id="lpad(n::text, 26, '0')",
                        phone=f"'+79' || ({KNOWN_FROM} + n)::text",
                        count=contacts,
                    )
                )
            await conn.execute("VACUUM ANALYZE")  # as the server would have done long ago
        finally:
            await conn.close()

    asyncio.run(insert())


_DAY = "1740000000000"
_FILL = (
    f"""
    INSERT INTO contact (id, name, made_for, created_at, updated_at)
    SELECT {{id}}, 'Иван Петров', {{phone}}, {_DAY}, {_DAY} + n FROM {{numbers}}
    """,
    f"""
    INSERT INTO contact_phone (contact, number, created_at)
    SELECT {{id}}, {{phone}}, {_DAY} FROM {{numbers}}
    """,
    f"""
    INSERT INTO card
      (id, number, contact, open_for, pipeline, status, source_first, created_at, updated_at)
    SELECT {{id}}, n + 1, {{id}}, {{id}} || ':sales', 'sales', 'new', 'site', {_DAY}, {_DAY}
    FROM {{numbers}}
    """,
    "INSERT INTO counter (name, value) VALUES ('card', {count})",
)


@contextmanager
def _sqlite(place: Place) -> Iterator[sqlite3.Connection]:
    conn = sqlite3.connect(place.folder / "callrouter.db", timeout=10)
    try:
        yield conn
    finally:
        conn.close()
