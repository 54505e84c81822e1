"""What is taken of a base for a backup, and a base made of it again; each engine in its own file.

Every dump is one snapshot: nobody who writes waits for it, and it waits for nobody.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final, Literal

from sqlalchemy import Connection, inspect

from storage.archives import Archive, Damaged, Kept, Stop, pieces
from storage.files import FLUSH

LEVEL: Final = 3
"""Of gzip: texts become a fifth, and a busy machine hardly notices."""

BASE: Final = "base.sqlite.gz"
LIST: Final = "files.gz"


@dataclass(frozen=True)
class Dump:
    """What stands in a folder: `members`, and the list of files that the base names.

    The other names are the manifest's.
    """

    engine: Literal["sqlite", "postgresql"]
    schema: str
    members: Mapping[str, Path]
    files: Path
    tables: Mapping[str, int]
    columns: Mapping[str, list[str]] = field(default_factory=dict)
    sequences: Mapping[str, int] = field(default_factory=dict)


class NotEmpty(Exception):
    """Where something was to be restored there is something; the text says what."""


def pack(source: Path, target: Path, stop: Stop) -> None:
    with (
        source.open("rb") as plain,
        target.open("wb") as file,
        gzip.GzipFile("", "wb", LEVEL, file, mtime=0) as packed,
    ):
        for piece in pieces(plain, stop=stop):
            packed.write(piece)


def unpack(archive: Archive, name: str, target: Path, stop: Stop) -> None:
    """Write a packed member to a new file that is on the disk afterwards."""
    flushed = 0
    with target.open("xb", buffering=0) as plain:
        for piece in unpacked(archive, name, stop):
            plain.write(piece)
            flushed += len(piece)
            if flushed >= FLUSH:
                os.fdatasync(plain.fileno())
                flushed = 0
        os.fsync(plain.fileno())


def unpacked(archive: Archive, name: str, stop: Stop) -> Iterator[bytes]:
    with archive.open(name) as file, gzip.GzipFile("", "rb", fileobj=file) as packed:
        yield from pieces(packed, stop=stop)


# The files that a base names, a line for each: SHA-256, size, name


def naming(conn: Connection) -> list[str]:
    """The statements that give those lines, for whatever schema this base has."""
    found = inspect(conn)
    statements = []
    for name in ("recording", "document_file", "attachment"):
        if not found.has_table(name):
            continue
        columns = {one["name"] for one in found.get_columns(name)}
        where = " WHERE deleted_at IS NULL" if "deleted_at" in columns else ""
        statements.append(f"SELECT digest || ' ' || size || ' ' || file FROM {name}{where}")  # noqa: S608  names of ours
    return statements


def read_list(file: IO[bytes]) -> Iterator[Kept]:
    """The lines of a packed list. Raises Damaged."""
    with gzip.GzipFile("", "rb", fileobj=file) as packed:
        for line in packed:
            try:
                digest, size, name = line.decode().split()
                yield Kept(name, int(size), digest)
            except ValueError as error:
                raise Damaged(f"a list of files is damaged: {error}") from error


def differing(found: Mapping[str, int], expected: Mapping[str, int]) -> str:
    """The tables that have not as many rows as they had."""
    return ", ".join(
        sorted(one for one in {*found, *expected} if found.get(one) != expected.get(one))
    )
