"""A base with a row in every table, and files that it names; and what a base holds, to compare."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, select, update

from storage.backups import Made, Source, make
from storage.database import Database
from storage.files import Folder
from storage.tables import document_file, metadata, notice, recording
from tests.storage.test_migrations import put_a_row_everywhere

NOON = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

Contents = dict[str, list[tuple[object, ...]]]


def contents(conn: Connection) -> Contents:
    """Every row of every table."""
    return {
        table.name: sorted((tuple(row) for row in conn.execute(select(table))), key=repr)
        for table in metadata.sorted_tables
    }


def tell(conn: Connection) -> int:
    """The id that the next notice gets."""
    done = conn.execute(notice.insert().values(at=NOON, kind="call"))
    assert done.inserted_primary_key
    found: int = done.inserted_primary_key[0]
    return found


@dataclass
class Saved:
    """A place with a base, its files and its backups."""

    url: str
    database: Database
    folder: Path
    sounds: list[bytes] = field(default_factory=lambda: [b"sound" * 1000, b"paper" * 999])

    @property
    def files(self) -> Folder:
        return Folder(self.folder / "files", 0)

    @property
    def place(self) -> Folder:
        return Folder(self.folder / "backups", 0)

    @property
    def names(self) -> list[str]:
        return ["recordings/3f/3f.wav", "documents/4a/4a.pdf"]

    @property
    def source(self) -> Source:
        spool = self.folder / "spool"
        extra = {"setup.toml": b"[company]\n"}
        return Source(self.url, self.files, spool, "0f0f", "1.2.3", extra)

    async def fill(self) -> None:
        def rows(conn: Connection) -> None:
            put_a_row_everywhere(conn)
            tables = (recording, document_file)
            for table, name, sound in zip(tables, self.names, self.sounds, strict=True):
                digest = hashlib.sha256(sound).hexdigest()
                values = {"file": name, "size": len(sound), "digest": digest}
                conn.execute(update(table).values(**values))
            conn.execute(update(recording).values(deleted_at=None))
            if conn.dialect.name == "postgresql":  # the row above came with an id of its own
                conn.exec_driver_sql("SELECT setval('notice_id_seq', 1)")
            for _ in range(7):
                tell(conn)

        await self.database.write(rows)
        for name, sound in zip(self.names, self.sounds, strict=True):
            self.put(name, sound)
        (self.folder / "spool").mkdir()
        (self.folder / "spool" / "spool-000000000001.log").write_bytes(b"told")

    def put(self, name: str, sound: bytes) -> None:
        draft = self.files.begin()
        draft.write(sound)
        draft.keep(name)

    def make(self, now: datetime = NOON) -> Made:
        return make(self.source, self.place, now=now)

    def archive(self, made: Made) -> Path:
        return self.place.path(made.name)
