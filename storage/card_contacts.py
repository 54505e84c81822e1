"""Who belongs to a card beside its main contact."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, select

from storage import rows
from storage.tables import card, card_contact


def beside(conn: Connection, card_id: str) -> list[str]:
    """The contacts of a card but the main one, in the order in which they came to it."""
    b, c = card_contact.c, card.c
    found = (
        select(b.contact)
        .join_from(card_contact, card, c.id == b.card)
        .where(b.card == card_id, c.contact.is_distinct_from(b.contact))
        .order_by(b.at, b.contact)
    )
    return list(conn.scalars(found))


def cards_beside(conn: Connection, contact_id: str) -> Sequence[str]:
    """The cards to which a contact belongs, being the main one of none of them; newest first."""
    b, c = card_contact.c, card.c
    found = (
        select(b.card)
        .join_from(card_contact, card, c.id == b.card)
        .where(b.contact == contact_id, c.contact.is_distinct_from(b.contact))
        .order_by(b.card.desc())
        .limit(50)
    )
    return list(conn.scalars(found))


def add(conn: Connection, card_id: str, contact_id: str, *, by: str, now: datetime) -> None:
    """Put a contact beside; who stands there already stays."""
    row = {"card": card_id, "contact": contact_id, "by": by[:64], "at": now}
    rows.add_new(conn, card_contact, [row])


def drop(conn: Connection, card_id: str, contact_id: str) -> bool:
    b = card_contact.c
    gone = delete(card_contact).where(b.card == card_id, b.contact == contact_id)
    return conn.execute(gone).rowcount > 0
