"""What a restored base knows of where it came from, and what it may have sent already."""

from __future__ import annotations

import json
from datetime import datetime

from sqlalchemy import Connection, delete, select

from storage import rows
from storage.tables import letter, meta

_KEY = "restored"


def note(conn: Connection, said: str) -> None:
    conn.execute(delete(meta).where(meta.c.key == _KEY))
    rows.add(conn, meta, [{"key": _KEY, "value": said}])


def archive_of(conn: Connection) -> str | None:
    """The id of the archive that this base was restored from; None: from none."""
    text = conn.scalar(select(meta.c.value).where(meta.c.key == _KEY))
    return str(json.loads(text)["id"]) if text else None


def letters_in(conn: Connection, state: str, *, before: datetime | None = None) -> list[str]:
    """The letters in a state, by id; `before`: of those that were asked for by then."""
    c = letter.c
    asked = select(c.id).where(c.state == state)
    if before:
        asked = asked.where(c.asked_at <= before)
    return list(conn.scalars(asked.order_by(c.id)))
