"""Moves of cards from status to status: each a numbered transition, written at one place."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, or_, select, update

from storage import cards, rows
from storage.tables import card, lead, transition


@dataclass(frozen=True, slots=True)
class MovingCard:
    """A card as its moves look at it. `moves`: how many it has; `since`: when the last one was."""

    id: str
    number: int
    pipeline: str
    status: str
    contact: str | None
    manager: str | None
    office: str | None
    open_for: str | None
    loss_reason: str | None
    closed: bool
    version: int
    moves: int
    since: datetime
    before: str | None  # the status that it had before this one


def find(conn: Connection, card_id: str) -> MovingCard | None:
    c, t = card.c, transition.c
    row = conn.execute(
        select(
            c.number,
            c.pipeline,
            c.status,
            c.contact,
            c.manager,
            c.office,
            c.open_for,
            c.loss_reason,
            c.closed_at,
            c.created_at,
            c.version,
        ).where(c.id == card_id)
    ).one_or_none()
    if row is None:
        return None
    last = conn.execute(
        select(t.n, t.from_status, t.at).where(t.card == card_id).order_by(t.n.desc()).limit(1)
    ).one_or_none()
    return MovingCard(
        card_id,
        row.number,
        row.pipeline,
        row.status,
        row.contact,
        row.manager,
        row.office,
        row.open_for,
        row.loss_reason,
        row.closed_at is not None,
        row.version,
        last.n if last else 0,
        last.at if last else row.created_at,
        last.from_status if last else None,
    )


def made_by_itself(conn: Connection, card_id: str) -> bool:
    """True for a card that a call or a lead made: while it is open it may hold a claim."""
    made = or_(card.c.made_by_call.is_not(None), card.c.id.in_(select(lead.c.card)))
    return conn.execute(select(card.c.id).where(card.c.id == card_id, made)).first() is not None


def free_claim(conn: Connection, one: MovingCard) -> str | None:
    """The claim of its contact and pipeline, unless another card has it."""
    if one.contact is None:
        return None
    claim = cards.claim(one.contact, one.pipeline)
    return None if conn.scalar(select(card.c.id).where(card.c.open_for == claim)) else claim


def write(
    conn: Connection,
    one: MovingCard,
    status: str,
    *,
    by: str,
    now: datetime,
    closed_at: datetime | None,
    open_for: str | None,
    loss_reason: str | None,
    working_s: int | None = None,
) -> int:
    """Give a card another status, with its transition and the counters of load.

    `working_s`: how long it had the one that it leaves. Gives the number of the transition.
    """
    before = cards.states(conn, [one.id])[one.id]
    conn.execute(
        update(card)
        .where(card.c.id == one.id)
        .values(
            status=status,
            status_at=now,
            closed_at=closed_at,
            open_for=open_for,
            loss_reason=loss_reason,
            updated_at=now,
            version=card.c.version + 1,
        )
    )
    row = {
        "card": one.id,
        "n": one.moves + 1,
        "from_status": one.status,
        "to_status": status,
        "by": by,
        "at": now,
        "working_s": working_s,
    }
    rows.add(conn, transition, [row])
    cards.count_load(conn, [(before, cards.states(conn, [one.id])[one.id])], now=now)
    return one.moves + 1
