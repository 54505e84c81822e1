"""What comes of a call that is not a deal: cards closed as junk, and contacts who get none."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, or_, select, update

from callrouter.domain.setup import JUNK
from storage import moves
from storage.obligations import KIND as CALL_BACK
from storage.tables import act, call, card, card_item, contact, document, task, transition


def say(conn: Connection, call_id: str, outcome: str, note: str | None) -> None:
    """Write what a person says of a call."""
    conn.execute(update(call).where(call.c.id == call_id).values(outcome=outcome, note=note))


def acts_of(conn: Connection, call_id: str) -> set[str]:
    """What a call has done, by the names of its acts."""
    return set(conn.scalars(select(act.c.act).where(act.c.call == call_id)))


# The card


def only_calls_made(conn: Connection, card_id: str, call_id: str) -> bool:
    """True for a card of calls and leads on which nobody has worked.

    Nobody gave it another status (but junk), wrote into it or gave himself a task, and on no other
    call that hangs on it somebody talked of a deal.
    """
    t, k = transition.c, call.c
    work = (
        select(t.card).where(
            t.card == card_id, t.n > 1, t.to_status != JUNK, t.from_status != JUNK
        ),
        select(card_item.c.card).where(card_item.c.card == card_id),
        select(document.c.card).where(document.c.card == card_id),
        select(task.c.card).where(task.c.card == card_id, task.c.kind != CALL_BACK),
        select(k.card).where(
            k.card == card_id,
            k.id != call_id,
            k.answered_at.is_not(None),
            or_(k.outcome.is_(None), k.outcome == "deal"),
        ),
    )
    if not moves.made_by_itself(conn, card_id):
        return False
    return all(conn.execute(one.limit(1)).first() is None for one in work)


def call_it_otherwise(conn: Connection, card_id: str, reason: str, *, now: datetime) -> None:
    """Write another reason for which a card is junk."""
    conn.execute(
        update(card)
        .where(card.c.id == card_id)
        .values(loss_reason=reason, updated_at=now, version=card.c.version + 1)
    )


# The contact


@dataclass(frozen=True, slots=True)
class JunkContact:
    """A contact as an outcome looks at it. `worked_with`: not all his cards are junk."""

    id: str
    relation: str
    no_card_until: datetime | None
    version: int
    open_cards: int
    worked_with: bool


def find_contact(conn: Connection, contact_id: str) -> JunkContact | None:
    c = contact.c
    row = conn.execute(
        select(c.relation, c.no_card_until, c.version).where(c.id == contact_id)
    ).one_or_none()
    if row is None:
        return None
    real = card.c.contact == contact_id, card.c.status != JUNK
    still_open = conn.scalar(
        select(func.count()).where(card.c.contact == contact_id, card.c.closed_at.is_(None))
    )
    return JunkContact(
        contact_id,
        row.relation,
        row.no_card_until,
        row.version,
        still_open or 0,
        conn.execute(select(card.c.id).where(*real).limit(1)).first() is not None,
    )


def mark_contact(
    conn: Connection,
    one: JunkContact,
    *,
    relation: str,
    no_card_until: datetime | None,
    now: datetime,
) -> int:
    """Write what a contact is to us and how long calls make no card for him; gives his version."""
    conn.execute(
        update(contact)
        .where(contact.c.id == one.id)
        .values(
            relation=relation,
            no_card_until=no_card_until,
            updated_at=now,
            version=one.version + 1,
        )
    )
    return one.version + 1
