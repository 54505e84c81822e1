"""Cards as people and programs read them, and one card's timeline."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, or_, select

from storage.listing_calls import calls_of_cards
from storage.listing_contacts import briefs, has_phone
from storage.listing_values import (
    MOST,
    CardView,
    ContactBrief,
    Entry,
    HappeningView,
    MoveView,
    OwnerView,
    Slice,
    Viewer,
    cut,
)
from storage.sight import FEW, cards_seen, is_seen, sees_cards
from storage.tables import business_event, card, card_contact, responsibility, transition


def list_cards(
    conn: Connection,
    viewer: Viewer,
    *,
    phone: str | None = None,
    contact: str | None = None,
    status: str | None = None,
    manager: str | None = None,
    region: str = "RU",
    after: str | None = None,
    limit: int = 50,
) -> Slice[CardView]:
    """Cards, newest first; `after` is the id of the last one that was given before.

    `phone` in any spelling, read in `region`: cards of the contacts who have it, or stand beside.
    `contact`: the same of one.
    """
    c, limit = card.c, min(limit, MOST)
    b = card_contact.c
    where: list[ColumnElement[bool]] = []
    if phone is not None:
        beside = select(b.card).where(has_phone(b.contact, phone, region))
        where.append(or_(has_phone(c.contact, phone, region), c.id.in_(beside)))
    if contact is not None:
        beside = select(b.card).where(b.contact == contact)
        where.append(or_(c.contact == contact, c.id.in_(beside)))
    if where:  # few, whosever they are
        where.append(sees_cards(viewer))
    elif viewer.people is not None and len(viewer.people) <= FEW:
        where.append(c.id.in_(cards_seen(viewer)))
    else:
        where.append(sees_cards(viewer))
    if status is not None:
        where.append(c.status == status)
    if manager is not None:
        where.append(c.manager == manager)
    if after is not None:
        where.append(c.id < after)
    found = conn.execute(_cards().where(*where).order_by(c.id.desc()).limit(limit + 1)).all()
    part = cut(found, limit)
    people = briefs(conn, sorted({row.contact for row in part.items if row.contact}))
    return Slice(tuple(_card(row, people) for row in part.items), part.more)


def find_card(conn: Connection, viewer: Viewer, card_id: str) -> CardView | None:
    row = conn.execute(_cards().where(card.c.id == card_id, sees_cards(viewer))).one_or_none()
    if row is None:
        return None
    return _card(row, briefs(conn, [row.contact] if row.contact else []))


def timeline(conn: Connection, viewer: Viewer, card_id: str, limit: int = MOST) -> Slice[Entry]:
    """All that happened to a card, newest first: calls, moves, owners, business events.

    Nothing of a card that the viewer may not see.
    """
    limit = min(limit, MOST)
    if viewer.people is not None and not is_seen(conn, viewer, "card", card_id):
        return Slice(())
    calls = calls_of_cards(conn, viewer, [card_id], limit + 1)
    entries: list[Entry] = [
        *calls,
        *_moves(conn, card_id, limit + 1),
        *_owners(conn, card_id, limit + 1),
        *_happenings(conn, card_id, limit + 1),
    ]
    return cut(sorted(entries, key=lambda one: one.at, reverse=True), limit)


def _cards() -> Select[*tuple[Any, ...]]:
    c = card.c
    return select(
        c.id,
        c.number,
        c.pipeline,
        c.status,
        c.manager,
        c.contact,
        c.source_first,
        c.office,
        c.team,
        c.last_contact_at,
        c.closed_at,
        c.created_at,
        c.version,
        c.amount,
        c.due_on,
        c.entity,
        c.loss_reason,
        c.title,
        c.status_at,
    )


def _card(row: Any, people: dict[str, ContactBrief]) -> CardView:  # noqa: ANN401  of `_cards`
    return CardView(
        id=row.id,
        number=row.number,
        pipeline=row.pipeline,
        status=row.status,
        manager=row.manager,
        contact=people.get(row.contact),
        source=row.source_first,
        office=row.office,
        team=row.team,
        last_contact_at=row.last_contact_at,
        closed_at=row.closed_at,
        created_at=row.created_at,
        version=row.version,
        amount=row.amount,
        due_on=row.due_on,
        entity=row.entity,
        loss_reason=row.loss_reason,
        title=row.title,
        status_at=row.status_at,
    )


def _moves(conn: Connection, card_id: str, limit: int) -> list[MoveView]:
    c = transition.c
    found = select(c.at, c.n, c.from_status, c.to_status, c.by).where(c.card == card_id)
    return [
        MoveView(row.at, row.n, row.from_status, row.to_status, row.by)
        for row in conn.execute(found.order_by(c.n.desc()).limit(limit))
    ]


def _owners(conn: Connection, card_id: str, limit: int) -> list[OwnerView]:
    c = responsibility.c
    found = select(c.since, c.manager, c.until, c.by).where(c.card == card_id)
    return [
        OwnerView(row.since, row.manager, row.until, row.by)
        for row in conn.execute(found.order_by(c.since.desc(), c.id.desc()).limit(limit))
    ]


def _happenings(conn: Connection, card_id: str, limit: int) -> list[HappeningView]:
    c = business_event.c
    found = select(c.at, c.id, c.kind, c.actor, c.call, c.data).where(c.card == card_id)
    return [
        HappeningView(row.at, row.id, row.kind, row.actor, row.call, row.data)
        for row in conn.execute(found.order_by(c.at.desc(), c.id.desc()).limit(limit))
    ]
