"""What people write on cards. A note that is deleted keeps its row, and loses its text."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, update

from storage import rows
from storage.tables import note


@dataclass(frozen=True, slots=True)
class Note:
    """`call`: of which call it is; `deleted_at`: its text is gone, that it was there stays."""

    id: str
    card: str
    by: str
    text: str
    at: datetime
    call: str | None = None
    pinned: bool = False
    edited_at: datetime | None = None
    deleted_at: datetime | None = None


def add(conn: Connection, one: Note) -> None:
    rows.add(
        conn,
        note,
        [
            {
                "id": one.id,
                "card": one.card,
                "call": one.call,
                "by": one.by,
                "pinned": one.pinned,
                "text": one.text,
                "at": one.at,
                "edited_at": one.edited_at,
                "deleted_at": one.deleted_at,
            }
        ],
    )


def find(conn: Connection, id_: str) -> Note | None:
    row = conn.execute(select(note).where(note.c.id == id_)).one_or_none()
    return read(row) if row else None


def write(conn: Connection, one: Note) -> None:
    """Write a note as it is now over what it was."""
    conn.execute(
        update(note)
        .where(note.c.id == one.id)
        .values(
            text=one.text,
            pinned=one.pinned,
            edited_at=one.edited_at,
            deleted_at=one.deleted_at,
        )
    )


def of_card(
    conn: Connection, card_id: str, *, after: str | None = None, limit: int = 50
) -> list[Note]:
    """A card's notes, the newest first, deleted ones too; `after`: the id given last before."""
    query = select(note).where(note.c.card == card_id).order_by(note.c.id.desc()).limit(limit)
    if after is not None:
        query = query.where(note.c.id < after)
    return [read(row) for row in conn.execute(query)]


def pinned_on(conn: Connection, card_id: str, limit: int = 20) -> list[Note]:
    c = note.c
    query = select(note).where(c.card == card_id, c.pinned.is_(True), c.deleted_at.is_(None))
    return [read(row) for row in conn.execute(query.order_by(c.id.desc()).limit(limit))]


def erase_of(conn: Connection, cards: Collection[str], *, now: datetime) -> int:
    """Take the text of every note on these cards away; gives how many there were."""
    done = conn.execute(
        update(note)
        .where(note.c.card.in_(sorted(cards)), note.c.deleted_at.is_(None))
        .values(text="", pinned=False, deleted_at=now)
    )
    return done.rowcount


def read(row: Any) -> Note:  # noqa: ANN401  a row of `note`
    return Note(
        row.id,
        row.card,
        row.by,
        row.text,
        row.at,
        row.call,
        row.pinned,
        row.edited_at,
        row.deleted_at,
    )
