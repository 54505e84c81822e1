"""What the search box finds: clients, deals and offers, of those that the viewer may see."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, func, literal, select

from callrouter.domain.searching import Offer, Query, span
from storage import rows
from storage.listing_values import Viewer, cut
from storage.rows import among, among_few
from storage.sight import sees_cards, sees_contacts
from storage.tables import card, contact, contact_email, contact_phone, document, lookup, membership

MOST: Final = 20
"""Of each kind."""

_RANKED: Final = 4_000
"""So many contacts with one beginning are ranked; of a more common one the newest are looked at."""

_NEWEST: Final = 1_000
_OFFERS: Final = 200


@dataclass(frozen=True, slots=True)
class CardBrief:
    id: str
    number: int
    pipeline: str
    status: str
    closed: bool


@dataclass(frozen=True, slots=True)
class FoundContact:
    """`exact`: the number is his, whole as it was typed. `cards`: the newest open ones."""

    id: str
    kind: str
    name: str
    company: str | None
    phones: tuple[str, ...]
    emails: tuple[str, ...]
    inn: str | None
    responsible: str | None
    talked_at: datetime | None
    exact: bool
    cards: tuple[CardBrief, ...] = ()


@dataclass(frozen=True, slots=True)
class FoundCard:
    card: CardBrief
    manager: str | None
    contact: str | None
    contact_name: str | None


@dataclass(frozen=True, slots=True)
class FoundOffer:
    """`state`: issued, replaced or annulled."""

    id: str
    label: str
    state: str
    card: CardBrief
    contact_name: str | None


@dataclass(frozen=True, slots=True)
class Found:
    """Up to MOST of each kind, the likeliest first; `more`: there are further contacts."""

    contacts: tuple[FoundContact, ...] = ()
    cards: tuple[FoundCard, ...] = ()
    offers: tuple[FoundOffer, ...] = ()
    more: bool = False


def search(conn: Connection, viewer: Viewer, query: Query, limit: int = MOST) -> Found:
    """Exact numbers come first, then whom somebody talked to last."""
    if not query:
        return Found()
    limit = min(limit, MOST)
    part = cut(_contacts(conn, viewer, query, limit + 1), limit)
    return Found(
        contacts=_found_contacts(conn, viewer, query, part.items),
        cards=_cards(conn, viewer, query.card) if query.card is not None else (),
        offers=_offers(conn, viewer, query.offer, limit) if query.offer else (),
        more=part.more,
    )


# Contacts

_COLUMNS = (
    contact.c.id,
    contact.c.kind,
    contact.c.name,
    contact.c.inn,
    contact.c.responsible,
    contact.c.talked_at,
    contact.c.created_at,
)


def _contacts(conn: Connection, viewer: Viewer, query: Query, most: int) -> list[Any]:
    exact: list[Any] = []
    if query.phone:
        p = contact_phone.c
        theirs = contact.c.id.in_(select(p.contact).where(p.number == query.phone))
        exact = list(conn.execute(_ranked(viewer, theirs, most)))
    others: dict[str, Any] = {}
    for way in query.ways:
        for row in _of_way(conn, viewer, way, most):
            others[row.id] = row
    for row in exact:
        others.pop(row.id, None)
    ranked = sorted(others.values(), key=lambda row: row.id, reverse=True)
    ranked.sort(key=_talked, reverse=True)
    return [*exact, *ranked][:most]


def _talked(row: Any) -> tuple[bool, datetime]:  # noqa: ANN401  of `_COLUMNS`
    return row.talked_at is not None, row.talked_at or row.created_at


def _ranked(viewer: Viewer, which: ColumnElement[bool], most: int) -> Select[*tuple[Any, ...]]:
    """Those of these contacts whom the viewer sees, whom somebody talked to last first."""
    c = contact.c
    return (
        select(*_COLUMNS)
        .where(which, c.merged_into.is_(None), sees_contacts(viewer))
        .order_by(func.coalesce(c.talked_at, 0).desc(), c.id.desc())
        .limit(most)
    )


def _of_way(conn: Connection, viewer: Viewer, way: Sequence[str], most: int) -> Iterable[Any]:
    """Contacts that have terms with all these beginnings; the rarest of them leads."""
    sizes = sorted((_size(conn, one), one) for one in way)
    if sizes[0][0] == 0:
        return ()
    (size, rarest), others = sizes[0], [one for _, one in sizes[1:]]
    c, has_others = contact.c, [_has(one) for one in others]
    candidates = select(lookup.c.contact).where(*_within(rarest)).limit(_RANKED)
    found = list(
        conn.execute(_ranked(viewer, among_few(c.id, candidates), most).where(*has_others))
    )
    if size <= _RANKED:
        return found
    newest = select(c.id).order_by(c.updated_at.desc()).limit(_NEWEST)
    among_newest = _ranked(viewer, among_few(c.id, newest), most)
    return [*found, *conn.execute(among_newest.where(_has(rarest), *has_others))]


def _size(conn: Connection, beginning: str) -> int:
    """How many terms begin so, as far as that matters."""
    some = select(literal(1).label("one")).where(*_within(beginning)).limit(_RANKED + 1)
    return conn.execute(select(func.count()).select_from(some.subquery())).scalar_one()


def _has(beginning: str) -> ColumnElement[bool]:
    """Looked at for each contact by itself, among his few terms.

    As EXISTS, PostgreSQL joined all terms of a letter; with the bare term, it looked for him among
    all that begin so, where it guessed that they are few.
    """
    start, end = span(beginning)
    his, term = lookup.c.contact == contact.c.id, lookup.c.term.concat("")
    of_him = select(literal(1)).where(his, term >= start, term < end)
    return of_him.limit(1).scalar_subquery().is_not(None)


def _within(beginning: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    start, end = span(beginning)
    return lookup.c.term >= start, lookup.c.term < end


_PHONES = select(contact_phone.c.contact, contact_phone.c.number).where(
    among(contact_phone.c.contact, "ids")
)
_EMAILS = select(contact_email.c.contact, contact_email.c.email).where(
    among(contact_email.c.contact, "ids")
)
_COMPANIES = (
    select(membership.c.person, contact.c.name)
    .join_from(membership, contact, membership.c.company == contact.c.id)
    .where(among(membership.c.person, "ids"))
)


def _found_contacts(
    conn: Connection, viewer: Viewer, query: Query, found: Sequence[Any]
) -> tuple[FoundContact, ...]:
    if not found:
        return ()
    asked = {"ids": [row.id for row in found]}
    phones, emails = rows.lists(conn, _PHONES, asked), rows.lists(conn, _EMAILS, asked)
    companies = {id_: name for id_, name in conn.execute(_COMPANIES, asked)}  # noqa: C416
    cards = _open_cards(conn, viewer, asked["ids"])
    return tuple(
        FoundContact(
            id=row.id,
            kind=row.kind,
            name=row.name,
            company=companies.get(row.id),
            phones=tuple(sorted(phones.get(row.id, ()))),
            emails=tuple(sorted(emails.get(row.id, ()))),
            inn=row.inn,
            responsible=row.responsible,
            talked_at=row.talked_at,
            exact=query.phone is not None and query.phone in phones.get(row.id, ()),
            cards=tuple(cards.get(row.id, ()))[:3],
        )
        for row in found
    )


_CARD = (card.c.id, card.c.number, card.c.pipeline, card.c.status, card.c.closed_at)


def _open_cards(conn: Connection, viewer: Viewer, ids: Sequence[str]) -> dict[str, list[CardBrief]]:
    found: dict[str, list[CardBrief]] = {}
    theirs = select(card.c.contact, *_CARD).where(
        card.c.contact.in_(ids), card.c.closed_at.is_(None), sees_cards(viewer)
    )
    for row in conn.execute(theirs.order_by(card.c.id.desc()).limit(10 * MOST)):
        found.setdefault(row.contact, []).append(_brief(row))
    return found


def _brief(row: Any) -> CardBrief:  # noqa: ANN401  of `_CARD`
    return CardBrief(row.id, row.number, row.pipeline, row.status, row.closed_at is not None)


# Deals and offers, by their numbers


def _cards(conn: Connection, viewer: Viewer, number: int) -> tuple[FoundCard, ...]:
    found = (
        select(*_CARD, card.c.manager, card.c.contact, contact.c.name)
        .join_from(card, contact, contact.c.id == card.c.contact, isouter=True)
        .where(card.c.number == number, sees_cards(viewer))
    )
    return tuple(
        FoundCard(_brief(row), row.manager, row.contact, row.name) for row in conn.execute(found)
    )


def _offers(conn: Connection, viewer: Viewer, offer: Offer, limit: int) -> tuple[FoundOffer, ...]:
    d = document.c
    found = (
        select(d.id.label("paper"), d.label, d.state, *_CARD, contact.c.name.label("contact_name"))
        .join_from(document, card, card.c.id == d.card)
        .join(contact, contact.c.id == card.c.contact, isouter=True)
        .where(d.number == offer.number, sees_cards(viewer))
        .order_by(d.id.desc())
        .limit(_OFFERS)
    )
    meant = (row for row in conn.execute(found) if offer.means(row.label))
    return tuple(
        FoundOffer(row.paper, row.label, row.state, _brief(row), row.contact_name)
        for row, _ in zip(meant, range(limit), strict=False)
    )
