"""What the base knows of whether a server is ready: hooks heard, last resorts reached, mail."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, func, select

from storage.tables import call, leg, letter

LOOKED_BACK: Final = timedelta(days=90)
"""A last resort that nobody has reached for so long counts as not tried."""


def last_resorts_reached(
    conn: Connection, lines: Collection[str], *, now: datetime
) -> dict[str, datetime]:
    """By line: when somebody last talked at the phone that is nobody's of ours."""
    c = leg.c
    query = (
        select(call.c.line, func.max(c.answered_at, type_=c.answered_at.type))
        .join_from(call, leg, c.call == call.c.id)
        .where(
            call.c.started_at >= now - LOOKED_BACK,
            call.c.line.in_(list(lines)),
            c.manager.is_(None),
            c.planned,
            c.answered_at.is_not(None),
        )
        .group_by(call.c.line)
    )
    return {line: at for line, at in conn.execute(query) if at is not None}


def last_letter(conn: Connection) -> datetime | None:
    """When the last letter left."""
    c = letter.c
    sent = select(c.sent_at).where(c.state == "sent", c.sending_at.is_not(None))
    return conn.scalar(sent.order_by(c.sending_at.desc()).limit(1))
