"""A restored base is frozen: nothing leaves it until an admin says so.

What was on its way when the backup was made may have arrived long ago, and the base may stand
somewhere else on purpose, for a trial.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, select

from storage import notices, rows
from storage.notices import Happening
from storage.tables import meta

_KEY = "frozen"


@dataclass(frozen=True, slots=True)
class Frozen:
    """Since when, and why: `restored`."""

    reason: str
    since: datetime


def is_frozen(conn: Connection) -> bool:
    return found(conn) is not None


def found(conn: Connection) -> Frozen | None:
    """None: what is to be sent is sent."""
    text = conn.scalar(select(meta.c.value).where(meta.c.key == _KEY))
    if text is None:
        return None
    said = json.loads(text)
    return Frozen(said["reason"], datetime.fromisoformat(said["since"]))


def freeze(conn: Connection, reason: str, *, now: datetime) -> None:
    """Let nothing leave this base. One that was frozen when it was saved may have sent since."""
    value = json.dumps({"reason": reason, "since": now.isoformat()})
    conn.execute(delete(meta).where(meta.c.key == _KEY))
    rows.add(conn, meta, [{"key": _KEY, "value": value}])
    notices.record(conn, [Happening("frozen", now, reason)], now=now)


def thaw(conn: Connection, *, by: str, now: datetime) -> bool:
    """Let things leave again. False: nothing was frozen."""
    if not conn.execute(delete(meta).where(meta.c.key == _KEY)).rowcount:
        return False
    notices.record(conn, [Happening("thawed", now, by)], now=now)
    return True
