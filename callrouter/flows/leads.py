"""Takes a lead from a site or shop: whose it is, its card, and who calls back by when."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Final

from callrouter.domain.ladders import deputies_of
from callrouter.domain.leads import Roster, due_at, line_of, opens_at, people_of
from callrouter.domain.phones import read_number
from callrouter.domain.routing import (
    STRANGER,
    CallerFacts,
    CardFacts,
    Facts,
    find_responsible,
    open_card,
)
from callrouter.flows import letters
from callrouter.flows.blocks import blocked
from callrouter.flows.callers import facts_of, facts_of_contacts
from callrouter.flows.gather import board_of
from callrouter.flows.new_card import own_card, pipeline_named, wrong_pipeline
from callrouter.flows.obligations import owe_lead
from callrouter.flows.people import BadFields, Wrong, read_email
from storage import cards, contacts, counters, leads, notices, obligations, profiles
from storage.cards import NewCard
from storage.contacts import NewContact
from storage.ids import new_id
from storage.leads import Consent, StoredLead
from storage.notices import Happening

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.setup import Line, Manager, Pipeline, Setup

FORM: Final = "form"
"""The system of leads that come by our own form."""


@dataclass(frozen=True, slots=True)
class Lead:
    """A lead as it was sent, phone and e-mail as people write them.

    `system`: who sends it, within whom an `external_id` means one lead. `source`, `pipeline` None:
    those of `[leads]`.
    """

    system: str
    external_id: str | None = None
    name: str = ""
    phone: str | None = None
    email: str | None = None
    source: str | None = None
    pipeline: str | None = None
    text: str = ""
    page: str | None = None
    utm: Mapping[str, str] = field(default_factory=dict)
    agrees: Agrees | None = None


@dataclass(frozen=True, slots=True)
class Agrees:
    """What who left it agreed to. `at` None: when it came; `ip`: his address, as evidence."""

    processing: bool = False
    advertising: bool = False
    text_version: str | None = None
    at: datetime | None = None
    ip: str | None = None


@dataclass(frozen=True, slots=True)
class LeadTaken:
    """`new`: it made the card; else it hangs on one that was open."""

    card: str
    contact: str
    new: bool


@dataclass(frozen=True, slots=True)
class _Work:
    """A lead while it is worked on, with what was read of it."""

    id: str
    lead: Lead
    setup: Setup
    by: str
    now: datetime
    pipeline: Pipeline
    source: str
    line: Line | None
    number: str | None
    email: str | None


def take_lead(conn: Connection, lead: Lead, setup: Setup, *, by: str, now: datetime) -> LeadTaken:
    """Take a lead: contact, card, owner, consents, and a call back that somebody owes.

    A repeat of its `external_id` gets the first answer and does nothing. From a blocked number it
    is kept, but nobody is told and nobody owes a call. Raises BadFields.
    """
    if lead.external_id and (first := leads.find(conn, lead.system, lead.external_id)):
        return LeadTaken(first.card, first.contact, first.new)
    work = _read(lead, setup, by, now)
    happened: list[Happening] = []
    facts, known = _contact_of(conn, work, happened)
    contact = facts.contact or ""
    card, new = _card_of(conn, work, facts, happened)
    leads.keep(
        conn,
        StoredLead(
            id=work.id,
            system=lead.system,
            external_id=lead.external_id,
            card=card.id,
            contact=contact,
            new=new,
            at=now,
            name=lead.name,
            text=lead.text,
            page=lead.page,
            source=work.source,
            utm=lead.utm,
        ),
    )
    leads.add_consents(conn, contact, list(_consents(work)), now=now)
    happened.append(_came(work, card.id, contact))
    keeper, caller = _whose(conn, work, facts, card, known=known)
    if keeper:
        state = cards.states(conn, [card.id])[card.id]
        if state.manager is None and state.manager_by is None:
            happened += own_card(conn, card.id, keeper.key, setup, by=work.id, now=now)
    owed = _owe(conn, work, contact, card.id, caller)
    notices.record(conn, happened, now=now)
    if new and owed:
        letters.card_moved(conn, card.id, None, card.status, setup, by=work.id, now=now)
    return LeadTaken(card.id, contact, new)


def _read(lead: Lead, setup: Setup, by: str, now: datetime) -> _Work:
    """Find out what the lead names, and where it goes. Raises BadFields with all that is wrong."""
    pipeline = pipeline_named(setup, lead.pipeline or setup.leads.pipeline)
    source = lead.source or setup.leads.source
    line = line_of(setup, pipeline, source) if pipeline else None
    number = email = None
    wrong = [] if pipeline else [wrong_pipeline(lead.pipeline, setup)]
    if lead.phone:
        number = read_number(lead.phone, setup.region_of(line) if line else setup.company.region)
        if number is None:
            message = "is no number of a public network; allowed: e.g. +79161234567"
            wrong.append(Wrong("phone", message))
    if lead.email:
        email = read_email(lead.email)
        if email is None:
            wrong.append(Wrong("email", "is no e-mail address; allowed: e.g. ivan@example.com"))
    if not (lead.phone or lead.email):
        message = "is missing; a phone or an e-mail is needed"
        wrong += [Wrong("phone", message), Wrong("email", message)]
    if pipeline is None or wrong:
        raise BadFields(*wrong)
    return _Work(new_id(now), lead, setup, by, now, pipeline, source, line, number, email)


# Whose it is


def _contact_of(
    conn: Connection, work: _Work, happened: list[Happening]
) -> tuple[CallerFacts, bool]:
    """Who left it, and whether he was known. A new contact is claimed by number, as calls do."""
    name = " ".join(work.lead.name.split())
    facts = _find(conn, work)
    if facts and facts.contact:
        profiles.meet(conn, facts.contact, name=name, source=work.source, now=work.now)
        _add_ways(conn, work, facts.contact)
        return facts, True
    new = NewContact(new_id(work.now), work.number, name, work.source)
    stand = contacts.make(conn, [new], now=work.now)
    id_ = stand.get(work.number, new.id) if work.number else new.id
    if id_ == new.id:
        happened.append(Happening("contact_made", work.now, work.id, contact=id_))
    _add_ways(conn, work, id_)
    found = facts_of_contacts(conn, [id_], work.setup, now=work.now)
    return found.get(id_, STRANGER), id_ != new.id


def _find(conn: Connection, work: _Work) -> CallerFacts | None:
    """By his number, as calls find him; of several people the one who has the e-mail too."""
    facts = None
    if work.number:
        facts = facts_of(conn, [work.number], work.setup, now=work.now).get(work.number)
    having = profiles.by_email(conn, work.email) if work.email else []
    people = [one.contact for one in facts.people] if facts else []
    chosen = next((one for one in people if one in having), None)
    if facts is None and having:
        chosen = having[0]
    if chosen is None or (facts and chosen == facts.contact):
        return facts
    return facts_of_contacts(conn, [chosen], work.setup, now=work.now).get(chosen)


def _add_ways(conn: Connection, work: _Work, contact: str) -> None:
    """Keep a number or an address that is new, and nobody else's."""
    if work.number and not contacts.by_numbers(conn, [work.number]):
        profiles.add_phone(conn, contact, work.number, now=work.now)
    if work.email and not profiles.by_email(conn, work.email):
        profiles.add_email(conn, contact, work.email, now=work.now)
        letters.address_filled(conn, [contact], work.setup, by=work.id, now=work.now)


def _card_of(
    conn: Connection, work: _Work, facts: CallerFacts, happened: list[Happening]
) -> tuple[CardFacts, bool]:
    """The open card that his calls find, else a new one by the claim that calls use, too."""
    key, contact = work.pipeline.key, facts.contact or ""
    if found := open_card(facts.cards, key):
        cards.set_last_source(conn, found.id, work.source, now=work.now)
        return found, False
    new = NewCard(
        id=new_id(work.now),
        number=counters.draw(conn, "card", 1)[0],
        contact=contact,
        pipeline=key,
        status=work.pipeline.statuses[0].key,
        source=work.source,
        office=work.line.office if work.line else None,
        by=work.id,
    )
    id_ = cards.make(conn, [new], now=work.now).get(cards.claim(contact, key), new.id)
    if id_ == new.id:
        happened.append(Happening("card_made", work.now, work.id, card=id_, contact=contact))
        return CardFacts(new.id, new.number, key, new.status), True
    old = cards.states(conn, [id_])[id_]
    cards.set_last_source(conn, id_, work.source, now=work.now)
    return CardFacts(old.id, old.number, old.pipeline, old.status, old.manager), False


def _consents(work: _Work) -> Iterator[Consent]:
    agrees, lead = work.lead.agrees, work.lead
    if agrees is None:
        return
    evidence = {"lead": work.id, "ip": agrees.ip, "page": lead.page}
    text = json.dumps({key: value for key, value in evidence.items() if value}, ensure_ascii=False)
    for purpose, given in (
        ("processing", agrees.processing),
        ("advertising", agrees.advertising),
    ):
        if given:
            at = agrees.at or work.now
            yield Consent(purpose, "lead", text, at, agrees.text_version)


def _came(work: _Work, card: str, contact: str) -> Happening:
    """The lead in the card's timeline."""
    lead = work.lead
    data = {"source": work.source, "page": lead.page, "text": lead.text, **lead.utm}
    said = {key: value for key, value in data.items() if value}
    return Happening("lead", work.now, work.by, card=card, contact=contact, data=said)


# Who calls back


def _whose(
    conn: Connection, work: _Work, facts: CallerFacts, card: CardFacts, *, known: bool
) -> tuple[Manager | None, Manager | None]:
    """Whose the card becomes, if it is nobody's, and who is to call back.

    The responsible, as calls find him, keeps both; while he is away his deputy calls back, and
    without one the least loaded. Who owns no cards, or has left, gets none by a lead.
    """
    setup, now = work.setup, work.now
    at = opens_at(setup, work.line, now)
    found = find_responsible(Facts(setup, {}, facts, known=known, card=card), now)
    responsible = setup.managers.get(found.manager) if found else None
    people = people_of(setup, work.line)
    asked = {one.key for one in (*setup.active, *people)}
    if responsible:
        asked |= {responsible.key, *(one.key for one in deputies_of(responsible, setup))}
    board = board_of(conn, asked, setup, now=now)
    roster = Roster(setup, board.facts, leads.owed(conn, asked), at=at, now=now)
    free = roster.least_loaded(people)
    caller = roster.stand_in(responsible.key if responsible else None) or free
    keepers = (one for one in (responsible, caller, free) if one and one.active and one.owns_cards)
    return next(keepers, None), caller or setup.managers.get(setup.company.duty)


def _owe(conn: Connection, work: _Work, contact: str, card: str, caller: Manager | None) -> bool:
    """Let the caller owe a call, and tell who owes it: maybe somebody else, who owed it before.

    False: a blocked number is owed nothing.
    """
    setup, now = work.setup, work.now
    number = work.number or _first_number(conn, contact)
    if number and blocked(conn, [number], setup, now=now):
        return False
    task = owe_lead(
        conn,
        number=number,
        contact=contact,
        card=card,
        owner=caller.key if caller else setup.company.duty,
        due_at=due_at(setup, work.line, caller, now),
        line=work.line.number if work.line else None,
        now=now,
    )
    if found := obligations.find(conn, task):
        notices.tell_people(conn, "lead", [found[0].owner], now=now, card=card)
    return True


def _first_number(conn: Connection, contact: str) -> str | None:
    found = profiles.find(conn, contact)
    return next(iter(found[0].phones), None) if found else None
