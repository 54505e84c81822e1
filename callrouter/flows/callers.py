"""Who calls: finds the contact and the card of a call, and makes them for who is new."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from callrouter.domain.ladders import NEVER
from callrouter.domain.routing import STRANGER, CallerFacts, CardFacts
from storage import calls, cards, contacts, counters
from storage.cards import NewCard
from storage.contacts import Contact, NewContact
from storage.ids import new_id
from storage.notices import Happening

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.setup import Setup
    from callrouter.flows.work import Work


def facts_of(
    conn: Connection, numbers: Iterable[str], setup: Setup, *, now: datetime
) -> dict[str, CallerFacts]:
    """What the base knows of the callers with these numbers (E.164)."""
    people = contacts.by_numbers(conn, numbers)
    chosen = {number: found[0] for number, found in people.items()}
    return _with_cards(conn, chosen, setup, now=now)


def facts_of_contacts(
    conn: Connection, ids: Iterable[str], setup: Setup, *, now: datetime
) -> dict[str, CallerFacts]:
    """The same by contact, for calls that hang on one already."""
    return _with_cards(conn, contacts.by_ids(conn, ids), setup, now=now)


def _with_cards(
    conn: Connection, people: dict[str, Contact], setup: Setup, *, now: datetime
) -> dict[str, CallerFacts]:
    ids = {one.id for one in people.values()}
    theirs = cards.of_contacts(conn, ids)
    missed = {}
    if ids and setup.asks_missed_today:
        midnight = setup.calendar_of(None).local(now).replace(hour=0, minute=0, second=0)
        missed = dict(calls.missed_since(conn, ids, midnight))
    return {
        key: CallerFacts(
            contact=one.id,
            name=one.name,
            relation=one.relation,
            responsible=one.responsible,
            tags=one.tags,
            cards=theirs.get(one.id, ()),
            talked=one.talked,
            tried=one.tried,
            missed_today=missed.get(one.id, 0),
        )
        for key, one in people.items()
    }


def identify(conn: Connection, works: Sequence[Work], *, now: datetime) -> list[Happening]:
    """Give each call its contact and card; make those that are to be made now.

    Idempotent: what a call has already, it keeps; the claims of contacts and cards hold over
    batches and nodes.
    """
    recognise(conn, works, now=now)
    return _make(conn, works, now=now)


def recognise(conn: Connection, works: Sequence[Work], *, now: datetime) -> None:
    """Find what there is of each call's contact and card, and what is known of them."""
    if not works:
        return
    setup = works[0].setup
    by_contact = facts_of_contacts(
        conn, [work.contact for work in works if work.contact], setup, now=now
    )
    numbers = {
        work.caller.number
        for work in works
        if work.contact is None and work.caller.kind == "known" and work.caller.number
    }
    by_number = facts_of(conn, numbers, setup, now=now)
    for work in works:
        if work.contact:
            work.facts = by_contact.get(work.contact, STRANGER)
            work.known = not work.stranger
        elif found := by_number.get(work.caller.number or ""):
            work.facts, work.contact, work.known = found, found.contact, True
        work.card = _card_of(work)


def _card_of(work: Work) -> CardFacts | None:
    """The card a call has, else the caller's open one in the line's pipeline."""
    if work.stored and work.stored.card:
        return next((one for one in work.facts.cards if one.id == work.stored.card), None)
    pipeline = work.setup.pipeline_of(work.line).key
    mine = [one for one in work.facts.cards if one.open and one.pipeline == pipeline]
    return max(mine, key=lambda one: (one.last_contact or NEVER, one.number), default=None)


def _wants_card(work: Work) -> bool:
    """True when this call is to have a card by now and has none."""
    if work.card or work.state is None or work.state.direction != "in" or not work.caller_told:
        return False
    if work.caller.kind not in ("known", "withheld", "name"):
        return False
    if work.caller.number and work.caller.number in work.setup.own_phones:
        return False
    if work.stored and work.stored.card:
        return False
    card_at = work.setup.routing.card_at
    due = card_at == "ring" or (card_at == "answer" and work.state.answered_at is not None)
    return due and work.facts.relation == "client"


def _make(conn: Connection, works: Sequence[Work], *, now: datetime) -> list[Happening]:
    wanting = [work for work in works if _wants_card(work)]
    happened = _make_contacts(conn, [w for w in wanting if w.contact is None], now=now)
    return happened + _make_cards(conn, wanting, now=now)


def _make_contacts(conn: Connection, works: Sequence[Work], *, now: datetime) -> list[Happening]:
    """One contact for each number; for each call of somebody who withholds it one of its own."""
    new: dict[str, NewContact] = {}
    for work in works:
        number = _claimed_number(work)
        name = work.caller.raw if work.caller.kind == "name" else ""
        new.setdefault(number or work.id, NewContact(new_id(now), number, name, work.line.source))
    stand = contacts.make(conn, list(new.values()), now=now)
    made: dict[str, Happening] = {}
    for work in works:
        one = new[_claimed_number(work) or work.id]
        work.contact = stand.get(one.number, one.id) if one.number else one.id
        work.facts = replace(STRANGER, contact=work.contact, name=one.name)
        work.stranger = True
        if work.contact == one.id and one.id not in made:
            made[one.id] = Happening("contact_made", now, work.id, work.id, contact=one.id)
    return list(made.values())


def _claimed_number(work: Work) -> str | None:
    """The number that makes only one contact; None for who withholds his."""
    return work.caller.number if work.caller.kind == "known" else None


def _make_cards(conn: Connection, works: Sequence[Work], *, now: datetime) -> list[Happening]:
    """One card for each contact and pipeline, made by calls; its own for each withheld caller."""
    sharing: dict[str, list[Work]] = {}
    for work in works:
        sharing.setdefault(_card_key(work), []).append(work)
    numbers = counters.draw(conn, "card", len(sharing))
    new = [
        _new_card(group[0], number, now)
        for group, number in zip(sharing.values(), numbers, strict=True)
    ]
    stand = cards.make(conn, new, now=now)
    theirs = [stand.get(cards.claim(one.contact, one.pipeline), one.id) for one in new]
    before = {id_ for one, id_ in zip(new, theirs, strict=True) if id_ != one.id}
    found = cards.states(conn, before)
    made = []
    for one, id_, group in zip(new, theirs, sharing.values(), strict=True):
        facts = CardFacts(one.id, one.number, one.pipeline, one.status)
        if old := found.get(id_):
            facts = CardFacts(old.id, old.number, old.pipeline, old.status, old.manager)
        else:
            made.append(Happening("card_made", now, one.call, one.call, one.id, one.contact))
        for work in group:
            work.card, work.new_card = facts, old is None
            work.facts = replace(work.facts, cards=(*work.facts.cards, facts))
    return made


def _new_card(work: Work, number: int, now: datetime) -> NewCard:
    line = work.line
    pipeline = work.setup.pipeline_of(line)
    return NewCard(
        id=new_id(now),
        number=number,
        contact=work.contact or "",
        pipeline=pipeline.key,
        status=pipeline.statuses[0].key,
        call=work.id,
        claimed=work.caller.kind == "known",
        source=line.source,
        office=line.office,
    )


def _card_key(work: Work) -> str:
    return f"{work.contact}:{work.setup.pipeline_of(work.line).key}"
