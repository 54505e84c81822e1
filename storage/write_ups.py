"""Talks and what their managers said of them afterwards; which still wait for that."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, Connection, exists, func, or_, select, update

from callrouter.domain.rights import Viewer
from storage.listing_calls import calls_by_id
from storage.listing_values import MOST, CallView
from storage.sight import sees_calls
from storage.tables import call, leg

LOOK_BACK: Final = timedelta(days=14)
"""A talk that nobody wrote up for so long is asked after no more."""


@dataclass(frozen=True, slots=True)
class Talk:
    """A call as its write-up looks at it. `manager`: who talked; `over`: it has ended."""

    id: str
    manager: str | None
    card: str | None
    contact: str | None
    over: bool
    outcome: str | None
    written_up_at: datetime | None


def find(conn: Connection, call_id: str) -> Talk | None:
    c = call.c
    row = conn.execute(
        select(c.id, c.manager, c.card, c.contact, c.over_at, c.outcome, c.written_up_at).where(
            c.id == call_id
        )
    ).one_or_none()
    if row is None:
        return None
    return Talk(
        row.id,
        row.manager,
        row.card,
        row.contact,
        row.over_at is not None,
        row.outcome,
        row.written_up_at,
    )


def mark(conn: Connection, call_id: str, *, now: datetime) -> None:
    """Its manager is done with it."""
    conn.execute(update(call).where(call.c.id == call_id).values(written_up_at=now))


def written_up(conn: Connection, calls: Collection[str]) -> dict[str, datetime]:
    """When each of these calls was written up; the others are left out."""
    c = call.c
    found = conn.execute(
        select(c.id, c.written_up_at).where(c.id.in_(calls), c.written_up_at.is_not(None))
    )
    return {row.id: row.written_up_at for row in found if row.written_up_at}


def _waits(now: datetime) -> tuple[ColumnElement[bool], ...]:
    """A talk of ours that is over and of which nobody said what came of it.

    One that was said to be no deal needs nothing more.
    """
    c = call.c
    return (
        c.started_at >= now - LOOK_BACK,
        c.state == "answered",
        c.answered_at.is_not(None),
        c.direction != "internal",
        c.manager.is_not(None),
        c.written_up_at.is_(None),
        or_(c.outcome.is_(None), c.outcome == "deal"),
    )


def not_written_up(
    conn: Connection, viewer: Viewer, manager: str, *, now: datetime, limit: int = 20
) -> tuple[CallView, ...]:
    """Somebody's talks that wait to be written up, newest first."""
    c = call.c
    found = select(c.id).where(sees_calls(viewer), c.manager == manager, *_waits(now))
    ids = conn.scalars(found.order_by(c.started_at.desc(), c.id.desc()).limit(min(limit, MOST)))
    return calls_by_id(conn, list(ids), viewer)


def count_not_written_up(conn: Connection, viewer: Viewer, *, now: datetime) -> dict[str, int]:
    """How many talks of each manager wait to be written up; who has none is left out."""
    c = call.c
    found = select(c.manager, func.count()).where(sees_calls(viewer), *_waits(now))
    return {manager: n for manager, n in conn.execute(found.group_by(c.manager)) if manager}


def calls_of(
    conn: Connection, viewer: Viewer, manager: str, since: datetime, until: datetime
) -> Sequence[CallView]:
    """The calls of a period that somebody talked on, made, or was rung for; newest first."""
    c = call.c
    rung = exists().where(leg.c.call == c.id, leg.c.manager == manager)
    found = (
        select(c.id)
        .where(
            sees_calls(viewer),
            c.started_at >= since,
            c.started_at < until,
            or_(c.manager == manager, rung),
        )
        .order_by(c.started_at.desc(), c.id.desc())
        .limit(MOST)
    )
    return calls_by_id(conn, list(conn.scalars(found)), viewer)
