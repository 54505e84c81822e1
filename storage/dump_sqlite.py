"""A base in one file, copied page by page while it is written, and made of a copy again."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from sqlalchemy import NullPool, create_engine

from storage.archives import Archive, Damaged, Stop
from storage.dumps import BASE, LIST, Dump, differing, naming, pack, unpack

_PAGES: Final = 2000
"""In one step, 8 MB: so much at once goes to the disk."""


def dump(path: Path, folder: Path, stop: Stop) -> Dump:
    """Copy a base into a folder.

    The snapshot is fixed before the first page, so that no commit makes the copying begin again.
    Nothing here moves the log into the base. Raises sqlite3.Error, Damaged.
    """
    copy, packed, files = folder / "base.sqlite", folder / BASE, folder / LIST
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)) as source:
        source.isolation_level = None
        for setting in ("busy_timeout = 5000", "wal_autocheckpoint = 0", "query_only = ON"):
            source.execute(f"PRAGMA {setting}")
        source.execute("BEGIN")
        source.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        _copy(source, copy, stop)
        source.execute("ROLLBACK")
    schema = look(copy, stop)
    tables = _counts(copy)
    plain = folder / "files"
    with plain.open("w") as listed, closing(sqlite3.connect(copy)) as conn:
        for statement in _naming(copy):
            listed.writelines(f"{line}\n" for (line,) in conn.execute(statement))
    pack(plain, files, stop)
    pack(copy, packed, stop)
    copy.unlink()
    return Dump("sqlite", schema, {BASE: packed}, files, tables)


def _copy(source: sqlite3.Connection, copy: Path, stop: Stop) -> None:
    with closing(sqlite3.connect(copy)) as target:
        for setting in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -2000"):
            target.execute(f"PRAGMA {setting}")
        number = os.open(copy, os.O_RDWR)
        try:

            def stepped(_status: int, _left: int, _total: int) -> None:
                stop()
                os.fdatasync(number)

            source.backup(target, pages=_PAGES, progress=stepped)
        finally:
            os.close(number)


def look(path: Path, stop: Stop) -> str:
    """Make sure that a copy is whole, references and all; gives its schema. Raises Damaged."""
    with closing(sqlite3.connect(path)) as conn:
        try:
            conn.execute("PRAGMA journal_mode = DELETE")  # one file, and no log beside it
            for check in ("quick_check(20)", "foreign_key_check"):
                stop()
                wrong = [row for row in conn.execute(f"PRAGMA {check}") if row != ("ok",)]
                if wrong:
                    raise Damaged(f"the base itself is damaged: {check}: {wrong[:3]}")
            (schema,) = conn.execute("SELECT version_num FROM alembic_version").fetchone()
        except sqlite3.DatabaseError as error:
            raise Damaged(f"the base itself is damaged: {error}") from error
    return str(schema)


def _counts(path: Path) -> dict[str, int]:
    """How many rows each table has."""
    with closing(sqlite3.connect(path)) as conn:
        named = conn.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' "
            "ESCAPE '\\' ORDER BY name"
        )
        return {
            name: conn.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]  # noqa: S608
            for (name,) in named.fetchall()
        }


def _naming(path: Path) -> list[str]:
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool)
    with engine.connect() as conn:
        return naming(conn)


def load(archive: Archive, target: Path, stop: Stop) -> None:
    """Make the base anew at a path where nothing is, and compare it with what it was.

    Raises Damaged.
    """
    unpack(archive, BASE, target, stop)
    manifest = archive.manifest
    if (schema := look(target, stop)) != manifest.schema:
        raise Damaged(f"{archive.path}: its base has schema {schema}, not {manifest.schema}")
    if (tables := _counts(target)) != manifest.tables:
        raise Damaged(f"{archive.path}: rows are missing in {differing(tables, manifest.tables)}")
