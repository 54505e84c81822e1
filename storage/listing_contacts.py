"""Contacts as people and programs read them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from sqlalchemy import Column, ColumnElement, Connection, Select, and_, false, or_, select

from callrouter.domain.phones import read_number
from storage.listing_values import MOST, ContactBrief, ContactView, Slice, Viewer, cut
from storage.sight import sees_contacts
from storage.tables import contact, contact_email, contact_phone, contact_tag, membership

_WORDS = 8  # of a search; what follows is not looked at
_FEW_DIGITS = 4  # so many digits of a number are worth a search


@dataclass(frozen=True, slots=True)
class Choice:
    """Which contacts are wanted; what is None is all one. `responsible` "": nobody's."""

    kind: str | None = None
    relation: str | None = None
    responsible: str | None = None
    tag: str | None = None


ANYBODY: Final = Choice()


def list_contacts(
    conn: Connection,
    viewer: Viewer,
    *,
    phone: str | None = None,
    q: str | None = None,
    choice: Choice = ANYBODY,
    region: str = "RU",
    after: str | None = None,
    limit: int = 50,
) -> Slice[ContactView]:
    """Contacts, newest first; `after` is the id of the last one that was given before.

    `phone` in any spelling, read in `region`; one that cannot be read is nobody's. `q` looks for
    all its words in the name, for a number or at least four of its digits, for an e-mail address.
    """
    c, limit = contact.c, min(limit, MOST)
    where = chosen(choice)
    if phone is not None:
        where.append(has_phone(c.id, phone, region))
    if q and q.strip():
        where.append(_speaks_of(q, region))
    if after is not None:
        where.append(c.id < after)
    found = conn.execute(
        _contacts(viewer).where(*where).order_by(c.id.desc()).limit(limit + 1)
    ).all()
    part = cut(found, limit)
    return Slice(_views(conn, part.items), part.more)


def chosen(choice: Choice) -> list[ColumnElement[bool]]:
    c, t = contact.c, contact_tag.c
    where: list[ColumnElement[bool]] = []
    if choice.kind:
        where.append(c.kind == choice.kind)
    if choice.relation:
        where.append(c.relation == choice.relation)
    if choice.responsible is not None:
        nobody = c.responsible.is_(None)
        where.append(c.responsible == choice.responsible if choice.responsible else nobody)
    if choice.tag:
        where.append(c.id.in_(select(t.contact).where(t.tag == choice.tag)))
    return where


def find_contact(conn: Connection, viewer: Viewer, contact_id: str) -> ContactView | None:
    found = conn.execute(_contacts(viewer).where(contact.c.id == contact_id)).all()
    return next(iter(_views(conn, found)), None)


def _contacts(viewer: Viewer) -> Select[*tuple[Any, ...]]:
    c = contact.c
    return select(
        c.id,
        c.kind,
        c.relation,
        c.name,
        c.responsible,
        c.comment,
        c.created_at,
        c.updated_at,
        c.version,
        c.inn,
        c.position,
    ).where(sees_contacts(viewer), c.merged_into.is_(None))


def _views(conn: Connection, found: Sequence[Any]) -> tuple[ContactView, ...]:
    ids = [row.id for row in found]
    companies = _companies(conn, ids)
    phones = _of(conn, contact_phone.c.contact, contact_phone.c.number, ids)
    emails = _of(conn, contact_email.c.contact, contact_email.c.email, ids)
    tags = _of(conn, contact_tag.c.contact, contact_tag.c.tag, ids)
    return tuple(
        ContactView(
            row.id,
            row.kind,
            row.relation,
            row.name,
            phones.get(row.id, ()),
            emails.get(row.id, ()),
            tags.get(row.id, ()),
            row.responsible,
            row.comment,
            row.created_at,
            row.updated_at,
            row.version,
            row.inn,
            row.position,
            companies.get(row.id),
        )
        for row in found
    )


def _companies(conn: Connection, ids: Sequence[str]) -> dict[str, str]:
    """The name of the company whose person each of these contacts is."""
    if not ids:
        return {}
    m, c = membership.c, contact.c
    found = select(m.person, c.name).join_from(membership, contact, m.company == c.id)
    rows = conn.execute(found.where(m.person.in_(ids)).order_by(m.company.desc()))
    return {row.person: row.name for row in rows}


def briefs(conn: Connection, ids: Sequence[str]) -> dict[str, ContactBrief]:
    """Name and phones of these contacts."""
    if not ids:
        return {}
    c = contact.c
    phones = _of(conn, contact_phone.c.contact, contact_phone.c.number, ids)
    return {
        row.id: ContactBrief(row.id, row.name, phones.get(row.id, ()))
        for row in conn.execute(select(c.id, c.name).where(c.id.in_(ids)))
    }


def has_phone(column: Column[Any], phone: str, region: str) -> ColumnElement[bool]:
    """The condition that a column holds a contact who has this number."""
    number = read_number(phone, region)
    if number is None:
        return false()
    return column.in_(select(contact_phone.c.contact).where(contact_phone.c.number == number))


def _speaks_of(q: str, region: str) -> ColumnElement[bool]:
    c, words = contact.c, islice(q.split(), _WORDS)
    ways = [and_(*(_has_word(c.name, word) for word in words))]
    digits = re.sub(r"[\s()+.-]", "", q)
    if read_number(q, region):
        ways.append(has_phone(c.id, q, region))
    elif digits.isdecimal() and digits.isascii() and len(digits) >= _FEW_DIGITS:
        p = contact_phone.c
        ways.append(c.id.in_(select(p.contact).where(p.number.contains(digits))))
    if "@" in q:
        e = contact_email.c
        spellings = {q.strip(), q.strip().lower()}
        ways.append(c.id.in_(select(e.contact).where(e.email.in_(spellings))))
    return or_(*ways)


def _has_word(column: Column[str], word: str) -> ColumnElement[bool]:
    """SQLite folds the case of ASCII alone, so a Cyrillic word is looked for as people write it."""
    spellings = dict.fromkeys((word, word.lower(), word.upper(), word.capitalize()))
    return or_(*(column.contains(one, autoescape=True) for one in spellings))


def _of(
    conn: Connection, owner: Column[str], value: Column[str], ids: Sequence[str]
) -> dict[str, tuple[str, ...]]:
    """All values of each contact, in the order of the alphabet."""
    if not ids:
        return {}
    found: dict[str, list[str]] = {}
    for id_, one in conn.execute(select(owner, value).where(owner.in_(ids)).order_by(owner, value)):
        found.setdefault(id_, []).append(one)
    return {id_: tuple(values) for id_, values in found.items()}
