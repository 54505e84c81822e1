"""Which of a number's people a call hangs on, and what that makes of the talk on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, func, select, union, update

from storage.cards import claim
from storage.rows import among
from storage.tables import call, card, card_contact, contact, contact_phone, leg, task, transition


@dataclass(frozen=True, slots=True)
class SaidCall:
    """A call as people change it. `number`: E.164 of the other side, or None."""

    id: str
    line: str
    number: str | None
    contact: str | None
    card: str | None
    outcome: str | None
    note: str | None


def find(conn: Connection, call_id: str) -> SaidCall | None:
    c = call.c
    row = conn.execute(
        select(
            c.id, c.line, c.caller_kind, c.caller_number, c.contact, c.card, c.outcome, c.note
        ).where(c.id == call_id)
    ).one_or_none()
    if row is None:
        return None
    number = row.caller_number if row.caller_kind == "known" else None
    return SaidCall(row.id, row.line, number, row.contact, row.card, row.outcome, row.note)


def choose(conn: Connection, number: str, contact_id: str) -> bool:
    """Remember whom a person chose for a number; False: he was the chosen one already."""
    p = contact_phone.c
    mine = p.contact == contact_id
    changed = conn.execute(
        update(contact_phone).where(p.number == number, p.chosen != mine).values(chosen=mine)
    )
    return bool(changed.rowcount)


def hang(conn: Connection, call_id: str, contact_id: str, card_id: str | None) -> None:
    """Put a call on another contact, and on a card of his."""
    conn.execute(update(call).where(call.c.id == call_id).values(contact=contact_id, card=card_id))


def owe(conn: Connection, number: str, contact_id: str, card_id: str | None) -> None:
    """Put the calls back that are owed to a number on another of its people."""
    t = task.c
    conn.execute(
        update(task)
        .where(t.phone == number, t.done_at.is_(None))
        .values(contact=contact_id, card=card_id)
    )


def touch(conn: Connection, contacts: Sequence[str], *, now: datetime) -> None:
    """Let whoever keeps contacts in memory read these anew."""
    conn.execute(update(contact).where(contact.c.id.in_(contacts)).values(updated_at=now))


def touch_those_of(conn: Connection, cards: Sequence[str], *, now: datetime) -> None:
    """The same of the contacts of these cards, the main ones and who stands beside."""
    b, c, which = card_contact.c, card.c, {"cards": cards}
    main = select(c.contact).where(among(c.id, "cards"), c.contact.is_not(None))
    beside = select(b.contact).where(among(b.card, "cards"))
    theirs = conn.scalars(union(main, beside), which).all()
    if theirs:
        touch(conn, [one for one in theirs if one], now=now)


# The talk on a call, and what is left without it

Talk = tuple[str, datetime, datetime]
"""Who talked, from when, until when (while it lasts: from when)."""


def talk_of(conn: Connection, call_id: str) -> Talk | None:
    """The last talk of a manager on a call."""
    return _last_talk(conn, call.c.id == call_id)


def last_talk_with(conn: Connection, contact_id: str) -> Talk | None:
    """The last talk with a contact, on whatever call."""
    return _last_talk(conn, call.c.contact == contact_id)


def last_talk_about(conn: Connection, card_id: str) -> Talk | None:
    """The last talk that hangs on a card."""
    return _last_talk(conn, call.c.card == card_id)


def _last_talk(conn: Connection, where: ColumnElement[bool]) -> Talk | None:
    until = func.coalesce(leg.c.ended_at, leg.c.answered_at)
    row = conn.execute(
        select(leg.c.manager, leg.c.answered_at, leg.c.ended_at)
        .join_from(leg, call, leg.c.call == call.c.id)
        .where(
            where,
            leg.c.manager.is_not(None),
            leg.c.answered_at.is_not(None),
            leg.c.machine.is_(False),
        )
        .order_by(until.desc(), leg.c.ref)
        .limit(1)
    ).one_or_none()
    if row is None or row.manager is None or row.answered_at is None:
        return None
    return (row.manager, row.answered_at, row.ended_at or row.answered_at)


def set_talk(conn: Connection, contact_id: str, talk: Talk | None) -> None:
    """Who talked to a contact last, earlier than was thought."""
    conn.execute(
        update(contact)
        .where(contact.c.id == contact_id)
        .values(talked_manager=talk[0] if talk else None, talked_at=talk[2] if talk else None)
    )


# A card that a call made goes with it


def is_only_of(conn: Connection, card_id: str, call_id: str) -> bool:
    """True for an open card that this call made, with no other call on it, never moved."""
    c = card.c
    made = conn.scalar(
        select(c.id).where(c.id == card_id, c.made_by_call == call_id, c.closed_at.is_(None))
    )
    others = conn.scalar(select(func.count()).where(call.c.card == card_id, call.c.id != call_id))
    moves = conn.scalar(select(func.count()).where(transition.c.card == card_id))
    return made is not None and not others and moves == 1


def is_claimed(conn: Connection, wanted: str) -> bool:
    """Whether a card holds this claim."""
    return conn.scalar(select(card.c.id).where(card.c.open_for == wanted)) is not None


def give_card(
    conn: Connection, card_id: str, contact_id: str, pipeline: str, *, now: datetime
) -> None:
    """Make a card another contact's; its claim goes with it and must be free."""
    c = card.c
    conn.execute(
        update(card)
        .where(c.id == card_id)
        .values(contact=contact_id, updated_at=now, version=c.version + 1)
    )
    conn.execute(
        update(card)
        .where(c.id == card_id, c.open_for.is_not(None))
        .values(open_for=claim(contact_id, pipeline))
    )
