"""Ways to take a base away from a server, and to give it back."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def locked(base: Path) -> Iterator[None]:
    """Another process writes, and does not end: nobody else can."""
    with contextlib.closing(sqlite3.connect(base, isolation_level=None, timeout=10)) as conn:
        conn.execute("PRAGMA wal_autocheckpoint = 0")
        conn.execute("BEGIN EXCLUSIVE")
        yield
        conn.execute("ROLLBACK")


@contextlib.contextmanager
def locked_for_readers(base: Path) -> Iterator[None]:
    """Nobody else can even read. Only while no server has the base open."""
    with contextlib.closing(sqlite3.connect(base, isolation_level=None, timeout=10)) as conn:
        conn.execute("PRAGMA locking_mode = EXCLUSIVE")
        conn.execute("BEGIN EXCLUSIVE")
        conn.execute("DELETE FROM notice WHERE id < 0")  # it takes the lock when it first writes
        yield
        conn.execute("ROLLBACK")
