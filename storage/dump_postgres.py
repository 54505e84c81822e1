"""A base on PostgreSQL, taken table by table in one snapshot by COPY, and filled again.

No program of PostgreSQL's is needed: a machine may have none, or one of another version.
"""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, MetaData, func, inspect, select
from sqlalchemy.ext.asyncio import AsyncConnection

from storage import migrations
from storage.archives import Archive, Damaged, Stop
from storage.database import BaseSilent
from storage.dumps import LEVEL, LIST, Dump, NotEmpty, differing, naming, unpacked
from storage.postgres import GATE, _engine, _Manners, _Raw

_DUMPING: Final = _Manners(
    lock=30,
    statement=3600,
    idle=600,
    silence=3700,
    connect=10,
    isolation="repeatable read",
    read_only="on",
)
_LOADING: Final = _Manners(lock=30, statement=3600, idle=600, silence=3700, connect=10)
_OURS: Final = "alembic_version"
_TRIAL: Final = "callrouter_trial"


@asynccontextmanager
async def _connected(url: str, manners: _Manners) -> AsyncIterator[tuple[AsyncConnection, _Raw]]:
    engine = _engine(url, manners)
    try:
        async with engine.connect() as conn:
            raw: _Raw | None = (await conn.get_raw_connection()).driver_connection
            if raw is None:
                raise BaseSilent("PostgreSQL: the connection is gone")
            yield conn, raw
    except OSError as error:
        raise BaseSilent(f"PostgreSQL: {error!r}") from error
    finally:
        await engine.dispose()


# Taking


async def dump(url: str, folder: Path, stop: Stop) -> Dump:
    """Write every table into a folder, as it is at one moment."""
    async with _connected(url, _DUMPING) as (conn, raw):
        found = await conn.run_sync(_reflected)
        schema = await conn.run_sync(migrations.current)
        if schema is None:
            raise BaseSilent("PostgreSQL: there is no base of callrouter's here")
        columns = {
            one.name: [column.name for column in one.columns]
            for one in found.sorted_tables
            if one.name != _OURS
        }
        (folder / "tables").mkdir()
        members, tables = {}, {}
        for name, named in columns.items():
            members[member(name)] = target = folder / "tables" / f"{name}.gz"
            query = f"SELECT {_listed(named)} FROM {_quoted(name)}"  # noqa: S608  names of ours
            tables[name] = await _take(raw, query, target, stop)
        statements = " UNION ".join(await conn.run_sync(naming))
        await _take(raw, statements, folder / LIST, stop)
        rows = await raw.fetch(
            "SELECT sequencename, last_value FROM pg_sequences "
            "WHERE schemaname = current_schema() AND last_value IS NOT NULL"
        )
        sequences = {row["sequencename"]: row["last_value"] for row in rows}
    return Dump("postgresql", schema, members, folder / LIST, tables, columns, sequences)


async def _take(raw: _Raw, query: str, to: Path, stop: Stop) -> int:
    """Copy what a query gives into a packed file; gives how many rows there were."""
    with to.open("wb") as file, gzip.GzipFile("", "wb", LEVEL, file, mtime=0) as packed:

        async def write(data: bytes) -> None:
            stop()
            packed.write(data)

        said = await raw.copy_from_query(query, output=write)
    return int(said.split()[-1])


# Filling


async def load(
    archive: Archive,
    url: str,
    finish: Callable[[Connection], None],
    stop: Stop,
    *,
    trial: bool = False,
) -> None:
    """Make the base anew in one transaction, compare it with what it was, and `finish` it.

    `trial`: in a schema of its own, and nothing of it stays. Raises NotEmpty, Damaged.
    """
    manifest = archive.manifest
    async with _connected(url, _LOADING) as (conn, raw):
        if trial:
            await conn.exec_driver_sql(f"CREATE SCHEMA {_TRIAL}")
            await conn.exec_driver_sql(f"SET LOCAL search_path = {_TRIAL}")
        else:
            await conn.exec_driver_sql(f"SELECT pg_advisory_xact_lock({GATE})")
            await conn.run_sync(_refuse_what_is_there)
        await conn.run_sync(migrations.upgrade_to, manifest.schema)
        for name, columns in manifest.columns.items():
            stop()
            await raw.copy_to_table(
                name, source=_given(archive, member(name), stop), columns=columns
            )
        for name, value in manifest.sequences.items():
            await raw.execute(f"SELECT setval('{_quoted(name)}', {int(value)})")
        found = await conn.run_sync(_counts)
        if found != manifest.tables:
            lacking = differing(found, manifest.tables)
            raise Damaged(f"{archive.path}: rows are missing in {lacking}")
        await conn.run_sync(migrations.upgrade)
        await conn.run_sync(finish)
        await (conn.rollback() if trial else conn.commit())


async def _given(archive: Archive, name: str, stop: Stop) -> AsyncIterator[bytes]:
    for piece in unpacked(archive, name, stop):
        yield piece


def _refuse_what_is_there(conn: Connection) -> None:
    if there := inspect(conn).get_table_names():
        raise NotEmpty(f"the base has tables already: {', '.join(sorted(there)[:5])}, …")


def _reflected(conn: Connection) -> MetaData:
    found = MetaData()
    found.reflect(conn)
    return found


def _counts(conn: Connection) -> dict[str, int]:
    found = _reflected(conn).tables
    return {
        name: conn.execute(select(func.count()).select_from(found[name])).scalar_one()
        for name in found
        if name != _OURS
    }


def member(table: str) -> str:
    return f"tables/{table}.gz"


def _listed(columns: list[str]) -> str:
    return ", ".join(map(_quoted, columns))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
