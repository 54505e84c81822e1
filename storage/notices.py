"""Notices to the screens and business events: rows written with what they tell of."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, delete, func, select

from storage import outbox, rows
from storage.ids import new_id
from storage.tables import business_event, notice


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that happened to the business: who, what, when. `actor`: a person or a call."""

    kind: str
    at: datetime
    actor: str
    call: str | None = None
    card: str | None = None
    contact: str | None = None
    data: Mapping[str, str | int | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Notice:
    id: int
    kind: str
    call: str | None
    manager: str | None
    card: str | None = None


def record(conn: Connection, happenings: Sequence[Happening], *, now: datetime) -> None:
    """Append to the business events; of some of them the world is to be told."""
    new = [
        {
            "id": new_id(now),
            "at": one.at,
            "kind": one.kind,
            "actor": one.actor,
            "call": one.call,
            "card": one.card,
            "contact": one.contact,
            "data": json.dumps(dict(one.data), ensure_ascii=False),
        }
        for one in happenings
    ]
    rows.add(conn, business_event, new)
    outbox.put(conn, new)


def tell(conn: Connection, calls: Sequence[str], *, now: datetime) -> None:
    """Let the screens show these calls anew."""
    rows.add(conn, notice, [{"at": now, "kind": "call", "call": call} for call in calls])


def tell_people(
    conn: Connection,
    kind: str,
    managers: Sequence[str],
    *,
    now: datetime,
    card: str | None = None,
) -> None:
    """Let the screens show what is news of these managers: "manager", "obligation", "lead"."""
    rows.add(
        conn,
        notice,
        [{"at": now, "kind": kind, "manager": one, "card": card} for one in managers],
    )


def since(conn: Connection, last: int, limit: int = 1000) -> list[Notice]:
    """The notices after one, in the order of commits."""
    c = notice.c
    return [
        Notice(row.id, row.kind, row.call, row.manager, row.card)
        for row in conn.execute(
            select(c.id, c.kind, c.call, c.manager, c.card)
            .where(c.id > last)
            .order_by(c.id)
            .limit(limit)
        )
    ]


def newest(conn: Connection) -> int:
    """The id of the newest notice; 0 when there is none."""
    return conn.execute(select(func.max(notice.c.id))).scalar_one() or 0


def forget(conn: Connection, before: datetime, limit: int = 500) -> int:
    """Delete notices that no screen can still be missing; gives how many went."""
    old = select(notice.c.id).where(notice.c.at < before).limit(limit)
    return conn.execute(delete(notice).where(notice.c.id.in_(old))).rowcount
