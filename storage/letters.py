"""Letters to customers: one of a key per card, and the addresses that get none.

A letter changes by its state: `move` writes only over the state that was read, so of two who act on
one letter only one does.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, case, delete, func, or_, select, update

from callrouter.domain.letters import Frozen, LetterKind, LetterState
from storage import rows
from storage.documents import read_frozen, write_frozen
from storage.rows import among
from storage.tables import (
    card,
    consent,
    contact,
    contact_email,
    contact_tag,
    letter,
    suppressed,
    transition,
)

ADVERTISING = "advertising"
"""The purpose of consents and suppressions for promotional letters."""

BAD = "bad"
"""The state of an address that mail does not reach."""

REFUSED = "refused"
"""The state of an address that a server refused once; a second time it counts as bad."""


@dataclass(frozen=True, slots=True)
class StoredLetter:
    """A letter as it stands. `key`: of `[[letter]]`; `kind`: what goes under it by now.

    `reason`: why it is in this state, where that needs saying: a code, then maybe ": " and words.
    `transition`: the card's move that asked for it, or after which a person did. `message_id`:
    without angle brackets and domain until it is formed. `token`: of whoever is sending it.
    """

    id: str
    card: str
    key: str
    n: int
    kind: LetterKind
    state: LetterState
    message_id: str
    by: str
    asked_at: datetime
    changed_at: datetime
    reason: str | None = None
    contact: str | None = None
    email: str | None = None
    manager: str | None = None
    document: str | None = None
    subject: str = ""
    html: str = ""
    text: str = ""
    frozen: Frozen = field(default_factory=Frozen)
    transition: int | None = None
    wait_until: datetime | None = None
    released_by: str | None = None
    tries: int = 0
    token: str | None = None
    sending_at: datetime | None = None
    sent_at: datetime | None = None


# Reading


def find(conn: Connection, letter_id: str) -> StoredLetter | None:
    row = conn.execute(select(letter).where(letter.c.id == letter_id)).one_or_none()
    return read(row) if row else None


def of_card(
    conn: Connection, card_id: str, states: Collection[LetterState] = ()
) -> list[StoredLetter]:
    """A card's letters in these states, or all of them, as they were asked for."""
    c = letter.c
    query = select(letter).where(c.card == card_id).order_by(c.asked_at, c.id)
    if states:
        query = query.where(c.state.in_(sorted(states)))
    return [read(row) for row in conn.execute(query)]


def latest(conn: Connection, card_id: str, key: str) -> StoredLetter | None:
    """The last letter of a key that a card has."""
    c = letter.c
    query = select(letter).where(c.card == card_id, c.key == key).order_by(c.n.desc()).limit(1)
    row = conn.execute(query).one_or_none()
    return read(row) if row else None


def lacking_address(conn: Connection, contacts: Iterable[str]) -> list[StoredLetter]:
    """Letters that wait for an address of these contacts, or of whoever was merged into them."""
    c, p = letter.c, contact.c
    merged = select(p.id).where(among(p.merged_into, "contacts"))
    query = (
        select(letter)
        .join(card, card.c.id == c.card)
        .where(
            c.state == "no_address",
            or_(among(card.c.contact, "contacts"), card.c.contact.in_(merged)),
        )
    )
    found = conn.execute(query.order_by(c.id), {"contacts": list(contacts)})
    return [read(row) for row in found]


def uses(conn: Connection, document_id: str, *, besides: str) -> bool:
    """True when another letter carries this document, or carried it."""
    c = letter.c
    query = select(c.id).where(c.document == document_id, c.id != besides, c.state != "cancelled")
    return conn.execute(query.limit(1)).first() is not None


def by_message_id(conn: Connection, message_id: str) -> StoredLetter | None:
    row = conn.execute(select(letter).where(letter.c.message_id == message_id)).one_or_none()
    return read(row) if row else None


def sent_elsewhere(conn: Connection, one: StoredLetter, email: str, since: datetime) -> str | None:
    """Another open card from which the same letter goes, or went since, to this address."""
    c = letter.c
    query = (
        select(c.card)
        .join_from(letter, card, card.c.id == c.card)
        .where(
            c.email == email,
            c.kind == one.kind,
            c.card != one.card,
            c.state.in_(("waiting", "todo", "sending", "sent", "in_doubt")),
            c.changed_at >= since,
            card.c.closed_at.is_(None),
        )
    )
    return conn.execute(query.order_by(c.id.desc()).limit(1)).scalar_one_or_none()


def begun_since(
    conn: Connection, since: datetime, email: str | None = None
) -> tuple[int, datetime | None]:
    """How many letters began to leave since a moment, and when the first of them did."""
    c = letter.c
    query = select(func.count(), func.min(c.sending_at, type_=c.sending_at.type)).where(
        c.sending_at > since
    )
    if email is not None:
        query = query.where(c.email == email)
    many, first = conn.execute(query).one()
    return many, first


def counts(conn: Connection) -> dict[LetterState, int]:
    """How many letters there are of each state that is not settled."""
    c = letter.c
    query = select(c.state, func.count().label("many")).where(c.state.not_in(("sent", "cancelled")))
    return {row.state: row.many for row in conn.execute(query.group_by(c.state))}


# The card and whom it is about


@dataclass(frozen=True, slots=True)
class CardOfLetter:
    """What of a card a letter looks at. `n`: the number of its last move."""

    id: str
    number: int
    pipeline: str
    status: str
    closed: bool
    contact: str | None
    manager: str | None
    team: str | None
    office: str | None
    source: str | None
    n: int


def card_of(conn: Connection, card_id: str) -> CardOfLetter | None:
    c, t = card.c, transition.c
    last = select(func.max(t.n)).where(t.card == card_id).scalar_subquery()
    row = conn.execute(
        select(
            c.id,
            c.number,
            c.pipeline,
            c.status,
            c.closed_at,
            c.contact,
            c.manager,
            c.team,
            c.office,
            c.source_last,
            last.label("n"),
        ).where(c.id == card_id)
    ).one_or_none()
    if row is None:
        return None
    return CardOfLetter(
        row.id,
        row.number,
        row.pipeline,
        row.status,
        row.closed_at is not None,
        row.contact,
        row.manager,
        row.team,
        row.office,
        row.source_last,
        row.n or 0,
    )


def moved_by_people(conn: Connection, card_id: str, after: int) -> bool:
    """True when a card moved after its move of this number, by others than its own letters."""
    t = transition.c
    own = select(letter.c.id).where(letter.c.card == card_id)
    query = select(t.n).where(t.card == card_id, t.n > after, t.by.not_in(own))
    return conn.execute(query.limit(1)).first() is not None


@dataclass(frozen=True, slots=True)
class Reader:
    """The contact to whom a letter goes. `emails`: not known to be wrong, the oldest first."""

    id: str
    name: str
    confirmed: bool
    responsible: str | None
    tags: frozenset[str]
    emails: tuple[str, ...]
    agreed: bool  # to advertising, and did not take it back


def reader_of(conn: Connection, contact_id: str) -> Reader | None:
    """None where there is no such contact; of one that was merged, the one that he is now."""
    c, e, t, g = contact.c, contact_email.c, contact_tag.c, consent.c
    for _ in range(8):
        row = conn.execute(
            select(c.id, c.name, c.name_confirmed, c.responsible, c.merged_into).where(
                c.id == contact_id
            )
        ).one_or_none()
        if row is None:
            return None
        if row.merged_into is None:
            break
        contact_id = row.merged_into
    else:
        return None
    emails = select(e.email).where(e.contact == row.id, e.state != BAD)
    tags = select(t.tag).where(t.contact == row.id)
    agreed = select(g.id).where(
        g.contact == row.id, g.purpose == ADVERTISING, g.withdrawn_at.is_(None)
    )
    return Reader(
        row.id,
        row.name,
        row.name_confirmed,
        row.responsible,
        frozenset(conn.scalars(tags)),
        tuple(conn.scalars(emails.order_by(e.created_at, e.email))),
        conn.execute(agreed.limit(1)).first() is not None,
    )


def mark_bad(conn: Connection, email: str) -> list[str]:
    """Mail does not reach this address; gives whose it is."""
    e = contact_email.c
    conn.execute(update(contact_email).where(e.email == email).values(state=BAD))
    return list(conn.scalars(select(e.contact).where(e.email == email).order_by(e.contact)))


def mark_refused(conn: Connection, email: str) -> None:
    """A server refused this address for good: the second time running it counts as bad."""
    e = contact_email.c
    after = case((e.state == REFUSED, BAD), else_=REFUSED)
    conn.execute(update(contact_email).where(e.email == email).values(state=after))


def mark_taken(conn: Connection, email: str) -> None:
    """A server took a letter for this address: an earlier refusal counts no more."""
    e = contact_email.c
    refused = update(contact_email).where(e.email == email, e.state == REFUSED)
    conn.execute(refused.values(state="unknown"))


def withdraw(conn: Connection, email: str, *, now: datetime) -> None:
    """Whoever has this address agrees to advertising no longer."""
    e, g = contact_email.c, consent.c
    whose = select(e.contact).where(e.email == email)
    conn.execute(
        update(consent)
        .where(g.contact.in_(whose), g.purpose == ADVERTISING, g.withdrawn_at.is_(None))
        .values(withdrawn_at=now)
    )


# Writing


def add(conn: Connection, one: StoredLetter) -> None:
    """Ask for a letter. A second one of the same card, key and number is an IntegrityError."""
    rows.add(conn, letter, [{"id": one.id, "card": one.card, "key": one.key, **_values(one)}])


def move(conn: Connection, before: StoredLetter, after: StoredLetter) -> bool:
    """Write a letter over what was read of it; False where it changed meanwhile, and stays."""
    c = letter.c
    mine = (c.id == before.id, c.state == before.state)
    return conn.execute(update(letter).where(*mine).values(**_values(after))).rowcount == 1


def _values(one: StoredLetter) -> dict[str, Any]:
    return {
        "n": one.n,
        "kind": one.kind,
        "state": one.state,
        "reason": one.reason,
        "contact": one.contact,
        "email": one.email,
        "manager": one.manager,
        "message_id": one.message_id,
        "document": one.document,
        "subject": one.subject,
        "html": one.html,
        "text": one.text,
        "data": write_frozen(one.frozen),
        "by": one.by,
        "transition": one.transition,
        "asked_at": one.asked_at,
        "wait_until": one.wait_until,
        "released_by": one.released_by,
        "tries": one.tries,
        "token": one.token,
        "sending_at": one.sending_at,
        "sent_at": one.sent_at,
        "changed_at": one.changed_at,
    }


def read(row: Any) -> StoredLetter:  # noqa: ANN401  a row of `letter`
    return StoredLetter(
        id=row.id,
        card=row.card,
        key=row.key,
        n=row.n,
        kind=row.kind,
        state=row.state,
        message_id=row.message_id,
        by=row.by,
        asked_at=row.asked_at,
        changed_at=row.changed_at,
        reason=row.reason,
        contact=row.contact,
        email=row.email,
        manager=row.manager,
        document=row.document,
        subject=row.subject,
        html=row.html,
        text=row.text,
        frozen=read_frozen(row.data),
        transition=row.transition,
        wait_until=row.wait_until,
        released_by=row.released_by,
        tries=row.tries,
        token=row.token,
        sending_at=row.sending_at,
        sent_at=row.sent_at,
    )


# Addresses that get no mail


@dataclass(frozen=True, slots=True)
class Suppressed:
    """`purpose` "": no mail at all. `reason`: opt_out, bounce, complaint or person."""

    email: str
    purpose: str
    reason: str
    by: str
    since: datetime


def suppress(conn: Connection, one: Suppressed) -> bool:
    """False where it stood already."""
    before = one.purpose in suppressed_for(conn, one.email)
    values = {name: getattr(one, name) for name in ("email", "purpose", "reason", "by", "since")}
    rows.add_new(conn, suppressed, [values])
    return not before


def unsuppress(conn: Connection, email: str, purpose: str) -> bool:
    c = suppressed.c
    gone = conn.execute(delete(suppressed).where(c.email == email, c.purpose == purpose))
    return gone.rowcount == 1


def suppressed_for(conn: Connection, email: str) -> set[str]:
    """For which purposes an address gets no mail; "": for none."""
    c = suppressed.c
    return set(conn.scalars(select(c.purpose).where(c.email == email)))


def list_suppressed(
    conn: Connection,
    *,
    email: str | None = None,
    after: tuple[str, str] | None = None,
    limit: int = 50,
) -> list[Suppressed]:
    """In the order of addresses; `after`: address and purpose of the last that was given before."""
    c = suppressed.c
    query = select(suppressed).order_by(c.email, c.purpose).limit(limit)
    if email is not None:
        query = query.where(c.email == email)
    if after is not None:
        last, purpose = after
        query = query.where(or_(c.email > last, and_(c.email == last, c.purpose > purpose)))
    return [
        Suppressed(row.email, row.purpose, row.reason, row.by, row.since)
        for row in conn.execute(query)
    ]
