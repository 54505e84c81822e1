"""What is known of callers; for the snapshot it is read in pages, so that no read is long."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import or_, select

from callrouter.domain.people import PEOPLE_KEPT, Known, Ranked, rank
from callrouter.domain.routing import CallerFacts, CardFacts
from storage import cards, contacts
from storage.tables import contact, contact_phone

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from storage.contacts import Contact

PAGE = 1000

Mark = tuple[datetime, str]
"""Where a reading stands: (when the contact changed, its id)."""


def mark_before(conn: Connection, newest: int) -> Mark:
    """The mark after which the newest so many contacts come; all of them, where there are fewer."""
    c = contact.c
    last = conn.execute(
        select(c.updated_at, c.id)
        .order_by(c.updated_at.desc(), c.id.desc())
        .offset(newest)
        .limit(1)
    ).one_or_none()
    return (last.updated_at, last.id) if last else (datetime(1970, 1, 1, tzinfo=UTC), "")


def changed_since(
    conn: Connection, mark: Mark, limit: int = PAGE
) -> tuple[dict[str, CallerFacts], list[str], Mark | None]:
    """Callers by number, of contacts changed after a mark; these contacts, who may have lost
    numbers or be joined or erased; then the next mark, None at the end.
    """
    c = contact.c
    found = conn.execute(
        select(c.id, c.updated_at)
        .where(c.updated_at >= mark[0], or_(c.updated_at > mark[0], c.id > mark[1]))
        .order_by(c.updated_at, c.id)
        .limit(limit)
    ).all()
    ids = [row.id for row in found]
    if not ids:
        return {}, [], None
    p = contact_phone.c
    numbers = conn.scalars(select(p.number).where(p.contact.in_(ids)).distinct())
    facts = callers_of(conn, numbers.all())
    return facts, ids, (found[-1].updated_at, found[-1].id)


def callers_of(conn: Connection, numbers: Iterable[str]) -> dict[str, CallerFacts]:
    """What is known of who calls from each number (E.164): of several people the likeliest."""
    people = contacts.by_numbers(conn, numbers)
    theirs = cards.of_contacts(conn, {one.id for found in people.values() for one in found})
    facts = {}
    for number, found in people.items():
        if len(found) == 1:
            facts[number] = _facts(found[0], theirs)
            continue
        ranked = rank([_known(one, theirs) for one in found])
        first = next(one for one in found if one.id == ranked[0].contact)
        facts[number] = replace(_facts(first, theirs), people=ranked[:PEOPLE_KEPT])
    return facts


def people_of(conn: Connection, number: str) -> tuple[Ranked, ...]:
    """Everybody who has a number (E.164), the likeliest first."""
    found = contacts.by_numbers(conn, [number]).get(number, [])
    theirs = cards.of_contacts(conn, {one.id for one in found})
    return rank([_known(one, theirs) for one in found])


def contacts_of(conn: Connection, ids: Iterable[str]) -> dict[str, CallerFacts]:
    """The same by contact, for calls that hang on one already."""
    people = contacts.by_ids(conn, ids)
    theirs = cards.of_contacts(conn, people)
    return {id_: _facts(one, theirs) for id_, one in people.items()}


_Cards = Mapping[str, tuple[CardFacts, ...]]


def _facts(one: Contact, theirs: _Cards) -> CallerFacts:
    return CallerFacts(
        contact=one.id,
        name=one.name,
        relation=one.relation,
        responsible=one.responsible,
        tags=one.tags,
        cards=theirs.get(one.id, ()),
        talked=one.talked,
        no_card_until=one.no_card_until,
        unrecorded=one.unrecorded,
    )


def _known(one: Contact, theirs: _Cards) -> Known:
    return Known(
        one.id,
        one.name,
        chosen=one.chosen,
        open_card=any(card.open and not card.beside for card in theirs.get(one.id, ())),
        talked_at=one.talked[1] if one.talked else None,
        responsible=one.responsible,
        relation=one.relation,
        created_at=one.created_at,
    )
