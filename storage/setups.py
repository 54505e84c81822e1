"""Setup versions: each an immutable document with the time in which it was in force."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Connection, delete, func, select, update

from callrouter.domain.setup import Setup
from storage import rows
from storage.documents import read_setup, write_setup
from storage.tables import meta, setup_version

if TYPE_CHECKING:
    from collections.abc import Iterator

KEPT = 16
"""So many versions stay in memory: running calls go on with the one they began with."""


_CURRENT = select(setup_version.c.version).where(setup_version.c.until.is_(None))


def current_version(conn: Connection) -> int:
    """The version in force; 0 when nothing was applied yet."""
    return conn.execute(_CURRENT).scalar_one_or_none() or 0


def load(conn: Connection, version: int) -> Setup:
    """A version's value. Version 0 is the empty Setup. Raises KeyError."""
    if version == 0:
        return Setup()
    c = setup_version.c
    text = conn.execute(select(c.document).where(c.version == version)).scalar_one_or_none()
    if text is None:
        raise KeyError(version)
    return replace(read_setup(text), version=version)


def made_by(conn: Connection, version: int) -> str | None:
    """Who put a version in force: `apply`, or a person."""
    c = setup_version.c
    return conn.execute(select(c.made_by).where(c.version == version)).scalar_one_or_none()


@dataclass(frozen=True, slots=True)
class Version:
    """A Setup that was or is (`until` None) in force; `note`: why, as its maker said."""

    version: int
    by: str
    since: datetime
    until: datetime | None
    note: str | None


def versions(conn: Connection, *, before: int | None = None, limit: int = 50) -> list[Version]:
    """The newest first."""
    c = setup_version.c
    asked = select(c.version, c.made_by, c.since, c.until, c.note).order_by(c.version.desc())
    if before is not None:
        asked = asked.where(c.version < before)
    return [Version(*row) for row in conn.execute(asked.limit(limit))]


def last_by(conn: Connection, by: str) -> int:
    """The last version that this maker put in force; 0: none."""
    c = setup_version.c
    return conn.execute(select(func.max(c.version)).where(c.made_by == by)).scalar_one() or 0


def publish(
    conn: Connection, setup: Setup, *, by: str, now: datetime, note: str | None = None
) -> Setup:
    """Put a Setup in force as the next version. Secrets in it are sealed already."""
    version = current_version(conn) + 1
    conn.execute(update(setup_version).where(setup_version.c.until.is_(None)).values(until=now))
    published = replace(setup, version=version)
    rows.add(
        conn,
        setup_version,
        [
            {
                "version": version,
                "document": write_setup(replace(setup, version=0)),
                "made_by": by,
                "since": now,
                "note": note,
            }
        ],
    )
    return published


class SetupCache:
    """The versions this process has read; a value never changes, so none is read twice."""

    def __init__(self, setup: Setup | None = None) -> None:
        self.current: Setup = setup or Setup()
        self._known: dict[int, Setup] = {self.current.version: self.current}

    def refresh(self, conn: Connection) -> Setup:
        """The Setup in force, read anew only if its version moved."""
        version = current_version(conn)
        if version != self.current.version:
            self.current = self.at(conn, version)
        return self.current

    def at(self, conn: Connection, version: int) -> Setup:
        """A past version, for calls that began with it."""
        if (found := self._known.get(version)) is None:
            found = load(conn, version)
            self._known[version] = found
            for old in self._oldest():
                del self._known[old]
        return found

    def _oldest(self) -> Iterator[int]:
        versions = sorted(self._known)
        return iter([one for one in versions[:-KEPT] if one != self.current.version])

    def known(self, version: int) -> Setup:
        """A version that was read before, without the base. Raises KeyError."""
        return self._known[version]


def keep_place(conn: Connection, place: str) -> str:
    """Where the files of this base lie; the first server's folder stands. Gives the one that is."""
    rows.add_new(conn, meta, [{"key": "files_place", "value": place}])
    return conn.execute(select(meta.c.value).where(meta.c.key == "files_place")).scalar_one()


def forget_place(conn: Connection) -> None:
    """The files of this base were brought to another place; the next server says where they lie."""
    conn.execute(delete(meta).where(meta.c.key == "files_place"))


def keep_fingerprint(conn: Connection, fingerprint: str) -> str:
    """Whose secrets the base holds; the first server's key stands. Gives the one that stands."""
    rows.add_new(conn, meta, [{"key": "key_fingerprint", "value": fingerprint}])
    return conn.execute(select(meta.c.value).where(meta.c.key == "key_fingerprint")).scalar_one()
