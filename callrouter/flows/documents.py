"""Offers as documents: drafted from a card, numbered without gaps, corrected, annulled.

A number is drawn in the transaction that keeps the document: what is rolled back leaves no gap.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from callrouter.domain import series
from callrouter.domain.items import NO_VAT, totals_of
from callrouter.domain.offers import Customer, Offer, Sender
from callrouter.domain.phones import pretty
from callrouter.domain.setup import Entity
from callrouter.flows.no_such import NoSuchCard
from callrouter.wording.offers import opening
from storage import counters, items, notices, papers
from storage.ids import new_id
from storage.notices import Happening
from storage.papers import OFFER, StoredPaper

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.setup import Language, Setup
    from storage.papers import Addressee, CardOfPaper

_LONGEST_SERIES = 64


class NoSuchPaper(Exception):
    """There is no document of this id."""


class NoItems(Exception):
    """The card has nothing that could be offered."""


class Unconfirmed(Exception):
    """A price on the card was put or confirmed by nobody; `names`: of which items."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__(", ".join(names))
        self.names = names


class NotInForce(Exception):
    """The document was replaced or annulled before; `state` says which."""

    def __init__(self, state: str) -> None:
        super().__init__(state)
        self.state = state


def draft(
    conn: Connection,
    card_id: str,
    setup: Setup,
    *,
    now: datetime,
    language: Language | None = None,
) -> Offer:
    """What the card's offer would say today; it has no number. Raises NoSuchCard.

    `language` None: the company's.
    """
    card = _card(conn, card_id)
    return _draft(conn, card, entity_of(card, setup), setup, now=now, language=language)


def issue(
    conn: Connection,
    card_id: str,
    setup: Setup,
    *,
    by: str,
    now: datetime,
    template: str = OFFER,
    language: Language | None = None,
) -> StoredPaper:
    """Give the card's offer a number and freeze what it says.

    The same again on the same day is the document that is there. Raises NoSuchCard, NoItems and
    Unconfirmed; then no number is drawn.
    """
    card = _card(conn, card_id)
    offer = _draft(conn, card, entity_of(card, setup), setup, now=now, language=language)
    _make_sure_it_may_leave(offer)
    for one in papers.of_card(conn, card_id):
        said = replace(one.offer, number="", replaces="")
        if (one.state, one.template, said) == ("issued", template, offer):
            return one
    entity, office = offer.entity, _office_of(card, setup)
    name = _series(entity, office, offer.dated.year)
    (n,) = counters.draw(conn, name, 1)
    label = series.label(entity.series, n, on=offer.dated, entity=entity.key, office=office)
    paper = StoredPaper(
        id=new_id(now),
        card=card_id,
        series=name,
        n=n,
        edition=1,
        label=label,
        dated=offer.dated,
        offer=replace(offer, number=label),
        template=template,
        by=by,
        created_at=now,
    )
    papers.add(conn, paper)
    _tell(conn, "document_issued", paper, card, by=by, now=now)
    return paper


def annul(conn: Connection, paper_id: str, reason: str, *, by: str, now: datetime) -> StoredPaper:
    """Say that a document does not hold; it and its number stay. Raises NoSuchPaper, NotInForce."""
    paper = _paper_in_force(conn, paper_id)
    papers.end(conn, paper.id, "annulled", reason, now=now)
    card = _card(conn, paper.card)
    _tell(conn, "document_annulled", paper, card, by=by, now=now, reason=reason)
    return replace(paper, state="annulled", ended_at=now, end_reason=reason)


def correct(
    conn: Connection, paper_id: str, setup: Setup, *, by: str, now: datetime
) -> StoredPaper:
    """Make the next edition of a document from what the card says today: № 15/2 for № 15.

    It is of the same legal entity, whose number it has. Raises NoSuchPaper, NotInForce, NoItems,
    Unconfirmed.
    """
    old = _paper_in_force(conn, paper_id)
    card = _card(conn, old.card)
    kept = old.offer.entity
    entity = next((one for one in setup.entity if one.key == kept.key), kept)
    offer = _draft(conn, card, entity, setup, now=now, language=old.offer.language)
    _make_sure_it_may_leave(offer)
    edition = old.edition + 1
    first = old.label.removesuffix(series.edition_label("", old.edition))
    label = series.edition_label(first, edition)
    paper = replace(
        old,
        id=new_id(now),
        edition=edition,
        label=label,
        dated=offer.dated,
        offer=replace(offer, number=label, replaces=old.label),
        by=by,
        created_at=now,
        replaces=old.id,
    )
    papers.end(conn, old.id, "replaced", None, now=now)
    papers.add(conn, paper)
    _tell(conn, "document_corrected", paper, card, by=by, now=now)
    return paper


def entity_of(card: CardOfPaper, setup: Setup) -> Entity:
    """In whose name a card's offers are made: its own, its office's, the first one's.

    Where Setup has none, the company's name is all there is to say.
    """
    entities = {one.key: one for one in setup.entity}
    office = setup.offices.get(_office_of(card, setup))
    named = (card.entity, office.entity if office else None)
    found = next((entities[key] for key in named if key in entities), None)
    return found or next(iter(setup.entity), None) or Entity(key="", name=setup.company.name)


def _office_of(card: CardOfPaper, setup: Setup) -> str:
    """The card's office, else its manager's; "" where neither has one."""
    manager = setup.managers.get(card.manager or "")
    return card.office or (manager.office if manager else None) or ""


def _draft(
    conn: Connection,
    card: CardOfPaper,
    entity: Entity,
    setup: Setup,
    *,
    now: datetime,
    language: Language | None,
) -> Offer:
    language = language or setup.company.language
    dated = setup.calendar_of(None).local(now).date()
    customer = _customer(papers.addressee(conn, card.contact) if card.contact else None, language)
    wanted = items.of_card(conn, card.id)
    if entity.vat == NO_VAT:
        wanted = tuple(replace(one, vat=NO_VAT) for one in wanted)
    return Offer(
        card=card.number,
        number="",
        dated=dated,
        valid_until=dated + timedelta(days=entity.valid_days),
        entity=entity,
        customer=customer,
        sender=_sender(card, setup),
        items=wanted,
        totals=totals_of(wanted, prices_include_vat=entity.prices_include_vat),
        language=language,
        opening=opening(customer.greeting, language=language),
        terms=entity.terms,
    )


def _customer(who: Addressee | None, language: Language) -> Customer:
    if who is None:
        return Customer("")
    return Customer(
        name=who.name,
        company=who.company,
        greeting=greeting(who, language),
        email=who.email,
        phones=tuple(pretty(one) for one in who.phones),
        inn=who.inn,
    )


def greeting(who: Addressee, language: Language) -> str:
    """How a person is spoken to, if a person said that this is his name; else "".

    In Russian by his first and middle name, where both are known.
    """
    if not who.confirmed or who.kind != "person":
        return ""
    if not who.first_name:
        return who.name
    if language == "ru" and who.middle_name:
        return f"{who.first_name} {who.middle_name}"
    return who.first_name


def _sender(card: CardOfPaper, setup: Setup) -> Sender:
    """The card's manager; of a card that is nobody's, who owes what nobody else owes."""
    key = card.manager if card.manager in setup.managers else setup.company.duty
    manager = setup.managers.get(key or "")
    if manager is None:
        return Sender(key or "", setup.company.name)
    phone = next(iter(manager.phones), "")
    return Sender(manager.key, manager.name, manager.post, pretty(phone), manager.email)


def _card(conn: Connection, card_id: str) -> CardOfPaper:
    if (card := papers.card_of(conn, card_id)) is None:
        raise NoSuchCard
    return card


def _paper_in_force(conn: Connection, paper_id: str) -> StoredPaper:
    paper = papers.find(conn, paper_id)
    if paper is None:
        raise NoSuchPaper
    if paper.state != "issued":
        raise NotInForce(paper.state)
    return paper


def _make_sure_it_may_leave(offer: Offer) -> None:
    if not offer.items:
        raise NoItems
    if unconfirmed := tuple(one.name for one in offer.items if not one.by):
        raise Unconfirmed(unconfirmed)


def _series(entity: Entity, office: str, year: int) -> str:
    """The name of the counter that an entity's numbers come from."""
    apart = series.counted_by(entity.series)
    parts = [OFFER, entity.key]
    parts += [str(year)] if "year" in apart else []
    parts += [f"@{office}"] if "office" in apart else []
    name = ":".join(parts)
    if len(name) <= _LONGEST_SERIES:
        return name
    return hashlib.sha256(name.encode()).hexdigest()


def _tell(
    conn: Connection,
    kind: str,
    paper: StoredPaper,
    card: CardOfPaper,
    *,
    by: str,
    now: datetime,
    reason: str | None = None,
) -> None:
    data = {"document": paper.id, "number": paper.label, "total": str(paper.offer.totals.total)}
    if reason is not None:
        data["reason"] = reason
    happened = Happening(kind, now, by, card=card.id, contact=card.contact, data=data)
    notices.record(conn, [happened], now=now)
    if card.manager:
        notices.tell_people(conn, "document", [card.manager], now=now, card=card.id)
