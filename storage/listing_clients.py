"""Contacts as the pages of clients show them: the list, one with all of his, his doubles."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from storage.listing_cards import find_card
from storage.listing_contacts import Choice, chosen, list_contacts
from storage.listing_values import CardView, Slice, Viewer, cut
from storage.sight import sees_cards, sees_contacts
from storage.tables import (
    business_event,
    card,
    contact,
    contact_email,
    contact_phone,
    contact_tag,
    membership,
)

PAGE = 50
MOST_FOUND = 200
_MOST_SAME = 10

Mark = tuple[datetime, str]
"""Where a list stands: (when the last contact that was given was changed, its id)."""


@dataclass(frozen=True, slots=True)
class Client:
    """A line of the list. `at`: when something of it was changed, or it was talked to."""

    id: str
    kind: str
    relation: str
    name: str
    responsible: str | None
    at: datetime
    phones: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


def list_clients(
    conn: Connection,
    viewer: Viewer,
    choice: Choice,
    *,
    q: str = "",
    region: str = "RU",
    after: Mark | None = None,
    limit: int = PAGE,
) -> Slice[Client]:
    """Contacts that one sees, who was changed or talked to last first."""
    c = contact.c
    where = [sees_contacts(viewer), c.merged_into.is_(None), *chosen(choice)]
    if q.strip():
        found = list_contacts(conn, viewer, q=q, region=region, limit=MOST_FOUND)
        where.append(c.id.in_([one.id for one in found.items]))
    if after is not None:
        where.append(or_(c.updated_at < after[0], and_(c.updated_at == after[0], c.id < after[1])))
    rows = conn.execute(
        select(c.id, c.kind, c.relation, c.name, c.responsible, c.updated_at)
        .where(*where)
        .order_by(c.updated_at.desc(), c.id.desc())
        .limit(limit + 1)
    ).all()
    part = cut(rows, limit)
    ids = [row.id for row in part.items]
    p, t = contact_phone.c, contact_tag.c
    phones = _by_contact(conn, p.contact, p.number, ids)
    tags = _by_contact(conn, t.contact, t.tag, ids)
    lines = tuple(
        Client(
            row.id,
            row.kind,
            row.relation,
            row.name,
            row.responsible,
            row.updated_at,
            phones.get(row.id, ()),
            tags.get(row.id, ()),
        )
        for row in part.items
    )
    return Slice(lines, part.more)


def _by_contact(
    conn: Connection,
    owner: ColumnElement[str],
    value: ColumnElement[str],
    ids: Collection[str],
) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    if ids:
        for id_, one in conn.execute(
            select(owner, value).where(owner.in_(ids)).order_by(owner, value)
        ):
            found[id_] = (*found.get(id_, ()), one)
    return found


def tags_in_use(conn: Connection, limit: int = 100) -> list[str]:
    """The tags that most contacts have."""
    t = contact_tag.c
    return list(
        conn.scalars(
            select(t.tag).group_by(t.tag).order_by(func.count().desc(), t.tag).limit(limit)
        )
    )


# One contact


@dataclass(frozen=True, slots=True)
class Named:
    """Another contact. `seen` False: somebody else's, of whom only that is told."""

    id: str
    name: str
    responsible: str | None = None
    seen: bool = True
    role: str | None = None


@dataclass(frozen=True, slots=True)
class PhoneOf:
    """A number of his. `others`: who has it too."""

    number: str
    label: str | None
    chosen: bool
    others: tuple[Named, ...] = ()


@dataclass(frozen=True, slots=True)
class EmailOf:
    email: str
    state: str


@dataclass(frozen=True, slots=True)
class Details:
    """What a contact's page shows beside the contact itself."""

    first_name: str | None
    middle_name: str | None
    last_name: str | None
    name_confirmed: bool
    unrecorded_since: datetime | None
    no_card_until: datetime | None
    phones: tuple[PhoneOf, ...]
    emails: tuple[EmailOf, ...]
    companies: tuple[Named, ...]
    members: tuple[Named, ...]


def details(conn: Connection, viewer: Viewer, contact_id: str) -> Details | None:
    c, p, e, m = contact.c, contact_phone.c, contact_email.c, membership.c
    row = conn.execute(
        select(
            c.first_name,
            c.middle_name,
            c.last_name,
            c.name_confirmed,
            c.unrecorded_since,
            c.no_card_until,
        ).where(c.id == contact_id)
    ).one_or_none()
    if row is None:
        return None
    phones = conn.execute(
        select(p.number, p.label, p.chosen)
        .where(p.contact == contact_id)
        .order_by(p.created_at, p.number)
    ).all()
    numbers = [one.number for one in phones]
    also = same_as(conn, viewer, phones=numbers, besides=contact_id) if numbers else ()
    emails = conn.execute(
        select(e.email, e.state).where(e.contact == contact_id).order_by(e.created_at, e.email)
    )
    return Details(
        row.first_name,
        row.middle_name,
        row.last_name,
        row.name_confirmed,
        row.unrecorded_since,
        row.no_card_until,
        tuple(
            PhoneOf(
                one.number,
                one.label,
                one.chosen,
                tuple(it.contact for it in also if it.value == one.number),
            )
            for one in phones
        ),
        tuple(EmailOf(one.email, one.state) for one in emails),
        _named(conn, viewer, m.company, m.person == contact_id),
        _named(conn, viewer, m.person, m.company == contact_id),
    )


def _named(
    conn: Connection, viewer: Viewer, other: ColumnElement[str], mine: ColumnElement[bool]
) -> tuple[Named, ...]:
    c, m = contact.c, membership.c
    found = conn.execute(
        select(c.id, c.name, c.responsible, m.role)
        .join_from(membership, contact, c.id == other)
        .where(mine, c.merged_into.is_(None), sees_contacts(viewer))
        .order_by(c.name, c.id)
        .limit(50)
    )
    return tuple(Named(row.id, row.name, row.responsible, role=row.role) for row in found)


def cards_of(conn: Connection, viewer: Viewer, contact_id: str) -> tuple[CardView, ...]:
    """A contact's cards that one sees, the newest first."""
    c = card.c
    mine = select(c.id).where(c.contact == contact_id, sees_cards(viewer))
    ids = conn.scalars(mine.order_by(c.id.desc()).limit(PAGE)).all()
    found = (find_card(conn, viewer, id_) for id_ in ids)
    return tuple(one for one in found if one)


# Who is the same

By = Literal["phone", "email", "inn"]


@dataclass(frozen=True, slots=True)
class Same:
    """Somebody has this already."""

    by: By
    value: str
    contact: Named


def same_as(
    conn: Connection,
    viewer: Viewer,
    *,
    phones: Sequence[str] = (),
    emails: Sequence[str] = (),
    inn: str | None = None,
    besides: str | None = None,
) -> tuple[Same, ...]:
    """Who has one of these numbers (E.164), addresses or this INN; whoever it is, seen or not."""
    c, p, e = contact.c, contact_phone.c, contact_email.c
    here = (c.merged_into.is_(None), c.id != (besides or ""))
    what = (c.id, c.name, c.responsible)
    found: list[tuple[By, str, Named]] = []
    if phones:
        rows = select(p.number, *what).join_from(contact_phone, contact, c.id == p.contact)
        rows = rows.where(p.number.in_(phones), *here).limit(_MOST_SAME)
        found += [("phone", n, Named(id_, name, of)) for n, id_, name, of in conn.execute(rows)]
    if emails:
        rows = select(e.email, *what).join_from(contact_email, contact, c.id == e.contact)
        rows = rows.where(e.email.in_(emails), *here).limit(_MOST_SAME)
        found += [("email", a, Named(id_, name, of)) for a, id_, name, of in conn.execute(rows)]
    if inn:
        his = select(*what).where(c.inn == inn, *here).limit(_MOST_SAME)
        found += [("inn", inn, Named(id_, name, of)) for id_, name, of in conn.execute(his)]
    ids = sorted({one[2].id for one in found})
    seen = set(conn.scalars(select(c.id).where(c.id.in_(ids), sees_contacts(viewer))))
    return tuple(
        Same(by, value, one if one.id in seen else Named("", "", one.responsible, seen=False))
        for by, value, one in found
    )


# What changed meanwhile


@dataclass(frozen=True, slots=True)
class Changed:
    at: datetime
    by: str
    fields: tuple[str, ...]


def changes_since(conn: Connection, contact_id: str, since: datetime) -> list[Changed]:
    """Who changed what of a contact since a moment, in that order."""
    b = business_event.c
    found = conn.execute(
        select(b.at, b.actor, b.kind, b.data)
        .where(b.at >= since, b.contact == contact_id)
        .order_by(b.at, b.id)
        .limit(20)
    )
    return [
        Changed(row.at, row.actor, tuple(str(json.loads(row.data).get("fields", "")).split()))
        for row in found
    ]
