"""Files that people put on cards. One that is deleted keeps its row; its file goes."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, update

from storage import rows
from storage.rows import among
from storage.tables import attachment


@dataclass(frozen=True, slots=True)
class Attached:
    """`name`: as its sender calls it; `file`: as it lies among ours; `type`: by its bytes."""

    id: str
    card: str
    name: str
    file: str
    size: int
    type: str
    digest: str
    by: str
    at: datetime
    deleted_at: datetime | None = None
    deleted_by: str | None = None


def add(conn: Connection, one: Attached) -> None:
    rows.add(
        conn,
        attachment,
        [
            {
                "id": one.id,
                "card": one.card,
                "name": one.name,
                "file": one.file,
                "size": one.size,
                "type": one.type,
                "digest": one.digest,
                "by": one.by,
                "at": one.at,
            }
        ],
    )


def find(conn: Connection, id_: str) -> Attached | None:
    row = conn.execute(select(attachment).where(attachment.c.id == id_)).one_or_none()
    return read(row) if row else None


def of_card(
    conn: Connection, card_id: str, *, after: str | None = None, limit: int = 50
) -> list[Attached]:
    """A card's files, the newest first, deleted ones too; `after`: the id given last before."""
    c = attachment.c
    query = select(attachment).where(c.card == card_id).order_by(c.id.desc()).limit(limit)
    if after is not None:
        query = query.where(c.id < after)
    return [read(row) for row in conn.execute(query)]


def mark_deleted(conn: Connection, id_: str, *, by: str, now: datetime) -> bool:
    """False: it was deleted before."""
    c = attachment.c
    done = conn.execute(
        update(attachment)
        .where(c.id == id_, c.deleted_at.is_(None))
        .values(deleted_at=now, deleted_by=by)
    )
    return done.rowcount > 0


def of_cards(conn: Connection, cards: Collection[str]) -> list[str]:
    """The ids of all files on these cards that were not deleted."""
    c = attachment.c
    found = select(c.id).where(c.card.in_(sorted(cards)), c.deleted_at.is_(None))
    return list(conn.scalars(found))


def forget_names(conn: Connection, cards: Collection[str]) -> None:
    """Of all files on these cards."""
    c = attachment.c
    conn.execute(update(attachment).where(c.card.in_(sorted(cards))).values(name="file"))


_KNOWN = select(attachment.c.id, attachment.c.deleted_at).where(among(attachment.c.id, "ids"))


def known(conn: Connection, ids: Iterable[str]) -> dict[str, bool]:
    """Which of these there are, and whether each is deleted."""
    wanted = sorted(set(ids))
    if not wanted:
        return {}
    found = conn.execute(_KNOWN, {"ids": wanted})
    return {row.id: row.deleted_at is not None for row in found}


def read(row: Any) -> Attached:  # noqa: ANN401  a row of `attachment`
    return Attached(
        row.id,
        row.card,
        row.name,
        row.file,
        row.size,
        row.type,
        row.digest,
        row.by,
        row.at,
        row.deleted_at,
        row.deleted_by,
    )
