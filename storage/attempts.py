"""Tries to sign in, counted by what they were tried on and from where; keys are hashed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, select

from storage import rows
from storage.tables import attempt

KNOWN = "known:"
"""Begins the key of an address that somebody has signed in from."""


@dataclass(frozen=True, slots=True)
class Count:
    tries: int
    last_at: datetime


def key_of(kind: str, *parts: str) -> str:
    """What is counted: `account`, `address`, `pair`, `known`, and of whom; no text of it shows."""
    said = "\n".join(parts)
    return f"{kind}:{hashlib.sha256(said.encode(errors='surrogateescape')).hexdigest()}"


def counts(conn: Connection, keys: Sequence[str]) -> dict[str, Count]:
    c = attempt.c
    query = select(c.key, c.tries, c.last_at).where(c.key.in_(keys))
    return {row.key: Count(row.tries, row.last_at) for row in conn.execute(query)}


def put(conn: Connection, counted: Mapping[str, int], now: datetime) -> None:
    found = [{"key": key, "tries": tries, "last_at": now} for key, tries in counted.items()]
    rows.put(conn, attempt, found)


def forget(conn: Connection, keys: Sequence[str]) -> None:
    conn.execute(delete(attempt).where(attempt.c.key.in_(keys)))


def forget_old(conn: Connection, *, failed_before: datetime, known_before: datetime) -> None:
    c = attempt.c
    known = c.key.startswith(KNOWN, autoescape=True)
    conn.execute(delete(attempt).where(~known, c.last_at < failed_before))
    conn.execute(delete(attempt).where(known, c.last_at < known_before))
