"""What stands in the letter of the morning, as far as its reader may see it."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING

from sqlalchemy import Connection, case, exists, func, select

from callrouter.domain.digests import Digest
from storage.listing_obligations import count_owed
from storage.obligations import KIND
from storage.sight import on_seen_card, sees_calls, sees_cards, sees_tasks
from storage.tables import call, card, letter, task

if TYPE_CHECKING:
    from collections.abc import Sequence

    from callrouter.domain.rights import Viewer


def read(
    conn: Connection,
    viewer: Viewer,
    days: tuple[date, date],
    span: tuple[datetime, datetime],
    *,
    now: datetime,
) -> Digest:
    """`span`: the midnights of `days`; the second one is not in it."""
    incoming, answered, missed, out = _calls(conn, viewer, span)
    owed, owed_late = count_owed(conn, viewer, now=now)
    return Digest(
        *days,
        calls=incoming,
        answered=answered,
        missed=missed,
        out=out,
        owed=owed,
        owed_late=owed_late,
        tasks_late=_tasks_late(conn, viewer, now),
        no_step=_without_step(conn, viewer),
        in_doubt=_in_doubt(conn, viewer),
        sources=tuple(_sources(conn, viewer, span)),
    )


def _calls(
    conn: Connection, viewer: Viewer, span: tuple[datetime, datetime]
) -> tuple[int, int, int, int]:
    c = call.c
    wanted = (
        c.direction == "in",
        (c.direction == "in") & c.answered_at.is_not(None),
        (c.direction == "in") & (c.state == "missed"),
        c.direction == "out",
    )
    counted = [func.coalesce(func.sum(case((one, 1), else_=0)), 0) for one in wanted]
    mine = (c.started_at >= span[0], c.started_at < span[1], sees_calls(viewer))
    found = [int(n) for n in conn.execute(select(*counted).where(*mine)).one()]
    return (found[0], found[1], found[2], found[3])


def _tasks_late(conn: Connection, viewer: Viewer, now: datetime) -> int:
    c = task.c
    late = (c.kind != KIND, c.done_at.is_(None), c.due_at < now, sees_tasks(viewer))
    return conn.execute(select(func.count()).select_from(task).where(*late)).scalar_one()


def _without_step(conn: Connection, viewer: Viewer) -> int:
    step = exists().where(task.c.card == card.c.id, task.c.done_at.is_(None))
    bare = (card.c.closed_at.is_(None), sees_cards(viewer), ~step)
    return conn.execute(select(func.count()).select_from(card).where(*bare)).scalar_one()


def _in_doubt(conn: Connection, viewer: Viewer) -> int:
    doubted = (letter.c.state == "in_doubt", on_seen_card(viewer, letter))
    return conn.execute(select(func.count()).select_from(letter).where(*doubted)).scalar_one()


def _sources(
    conn: Connection, viewer: Viewer, span: tuple[datetime, datetime]
) -> Sequence[tuple[str | None, int]]:
    c = card.c
    many = func.count().label("many")
    new = (c.created_at >= span[0], c.created_at < span[1], sees_cards(viewer))
    query = select(c.source_first, many).where(*new).group_by(c.source_first)
    return [(row[0], row[1]) for row in conn.execute(query.order_by(many.desc(), c.source_first))]
