"""Setup versions: each an immutable document with the time in which it was in force."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Connection, select, update

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


def publish(conn: Connection, setup: Setup, *, by: str, now: datetime) -> Setup:
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


def keep_fingerprint(conn: Connection, fingerprint: str) -> str:
    """Whose secrets the base holds; the first server's key stands. Gives the one that stands."""
    rows.add_new(conn, meta, [{"key": "key_fingerprint", "value": fingerprint}])
    return conn.execute(select(meta.c.value).where(meta.c.key == "key_fingerprint")).scalar_one()
