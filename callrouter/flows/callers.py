"""Who calls: finds the contact and the card of a call, and makes them for who is new."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from callrouter.domain.decisions import Reject
from callrouter.domain.ladders import NEVER
from callrouter.domain.routing import STRANGER, CallerFacts, CardFacts, open_card
from storage import calls, cards, contacts, counters, known
from storage.cards import NewCard
from storage.contacts import NewContact
from storage.ids import new_id
from storage.notices import Happening

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.setup import Setup
    from callrouter.flows.work import Work


def facts_of(
    conn: Connection, numbers: Iterable[str], setup: Setup, *, now: datetime
) -> dict[str, CallerFacts]:
    """What the base knows of the callers with these numbers (E.164); of some only who tried."""
    wanted = set(numbers)
    found = _with_missed(conn, known.callers_of(conn, wanted), setup, now=now)
    for number, tried in _tried(conn, wanted, setup, now=now).items():
        found[number] = replace(found.get(number, STRANGER), tried=tried)
    return found


def _tried(
    conn: Connection, numbers: Iterable[str], setup: Setup, *, now: datetime
) -> dict[str, tuple[str, datetime]]:
    """Who called these numbers lately and did not reach them, where routing asks for that."""
    if "tried" not in setup.routing.responsible:
        return {}
    return calls.tried_by(conn, numbers, now - timedelta(hours=setup.routing.tried_hours))


def facts_of_contacts(
    conn: Connection, ids: Iterable[str], setup: Setup, *, now: datetime
) -> dict[str, CallerFacts]:
    """The same by contact, for calls that hang on one already."""
    return _with_missed(conn, known.contacts_of(conn, ids), setup, now=now)


def _with_missed(
    conn: Connection, found: dict[str, CallerFacts], setup: Setup, *, now: datetime
) -> dict[str, CallerFacts]:
    if not (found and setup.asks_missed_today):
        return found
    midnight = setup.calendar_of(None).midnight(now)
    missed = calls.missed_since(
        conn, {one.contact for one in found.values() if one.contact}, midnight
    )
    return {
        key: replace(one, missed_today=missed.get(one.contact or "", 0))
        for key, one in found.items()
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
    for work in works:
        if _is_another(work):
            work.contact = None
    by_contact = facts_of_contacts(
        conn, [work.contact for work in works if work.contact], setup, now=now
    )
    numbers = {number for work in works if work.contact is None and (number := _number(work))}
    by_number = _with_missed(conn, known.callers_of(conn, numbers), setup, now=now)
    asking = {
        number
        for work in works
        if work.direction == "in"
        and not (work.state and work.state.over)
        and (number := _number(work))
    }
    tried = _tried(conn, asking, setup, now=now)
    for work in works:
        number = _number(work) or ""
        if work.contact:
            work.facts = by_contact.get(work.contact, STRANGER)
            work.known = not work.stranger
        elif found := by_number.get(number):
            work.facts, work.contact, work.known = found, found.contact, True
        if one := tried.get(number) if number in asking else _try_of(work):
            work.facts = replace(work.facts, tried=one)
    kept = _kept_cards(conn, works)
    for work in works:
        work.card = _card_of(work, kept)


def _try_of(work: Work) -> tuple[str, datetime] | None:
    """Who called out in vain, and when: the snapshot hears of it by the call's own facts."""
    state = work.state
    vain = state is not None and state.direction == "out" and state.state == "unanswered"
    return (state.dialer, state.started_at) if vain and state and state.dialer else None


def _number(work: Work) -> str | None:
    """The customer's number, by which he is looked up; an internal call has no customer."""
    return work.caller.number if work.caller.kind == "known" and not work.internal else None


def _is_another(work: Work) -> bool:
    """True when it turned out that the call is not what its contact and card were found for."""
    old = work.stored
    return work.internal or (old is not None and old.direction != work.direction)


def _kept_cards(conn: Connection, works: Sequence[Work]) -> dict[str, CardFacts]:
    """The cards that calls have, and their contacts have no more: others became theirs."""
    kept = {id_ for work in works if (id_ := _kept_card(work))}
    kept -= {one.id for work in works for one in work.facts.cards}
    return {
        one.id: CardFacts(
            one.id,
            one.number,
            one.pipeline,
            one.status,
            one.manager,
            open=not one.closed,
            last_contact=one.last_contact,
        )
        for one in cards.states(conn, kept).values()
    }


def _kept_card(work: Work) -> str | None:
    """The card that a call has already and keeps, whoever is its main contact by now."""
    return work.stored.card if work.stored and not _is_another(work) else None


def _card_of(work: Work, kept: Mapping[str, CardFacts]) -> CardFacts | None:
    """The card a call has, else the caller's open one in the line's pipeline.

    A call out also hangs on one in another pipeline, and on the dialing manager's before any.
    """
    if id_ := _kept_card(work):
        return next((one for one in work.facts.cards if one.id == id_), kept.get(id_))
    pipeline = work.setup.pipeline_of(work.line).key
    found = open_card(work.facts.cards, pipeline)
    if work.direction != "out":
        return found
    dialer = work.state.dialer if work.state else None
    theirs = [one for one in work.facts.cards if one.open]
    own = [one for one in theirs if not one.beside]

    def order(one: CardFacts) -> tuple[bool, bool, datetime, int]:
        dialers = one.manager is not None and one.manager == dialer
        return dialers, one.pipeline == pipeline, one.last_contact or NEVER, one.number

    if own:
        return max(own, key=order)
    return theirs[0] if len(theirs) == 1 else found


def _wants_card(work: Work) -> bool:
    """True when this call is to have a card by now and has none."""
    if work.card or work.state is None or work.state.direction != "in" or not work.caller_told:
        return False
    if work.caller.kind not in ("known", "withheld", "name") or _is_kept_out(work):
        return False
    if _is_ours(work) or (work.stored and work.stored.card):
        return False
    card_at = work.setup.routing.card_at
    due = card_at == "ring" or (card_at == "answer" and work.state.answered_at is not None)
    return due and work.facts.relation == "client"


def _wants_contact(work: Work) -> bool:
    """True for a talk with somebody whom we called and did not know: it makes him known."""
    talked = work.state is not None and work.state.answered_at is not None
    return (
        talked
        and work.direction == "out"
        and work.contact is None
        and _number(work) is not None
        and not _is_ours(work)
    )


def _is_ours(work: Work) -> bool:
    """True for a number of the company: a manager's own phone, a line."""
    number, setup = work.caller.number, work.setup
    return number is not None and (number in setup.own_phones or number in setup.lines)


def _is_kept_out(work: Work) -> bool:
    """True for a blocked caller, one who was rejected, and one who is "not a deal" for a while."""
    if work.blocked or (work.told and isinstance(work.told[-1].decision, Reject)):
        return True
    until = work.facts.no_card_until
    return bool(until and work.state and work.state.started_at < until)


def _make(conn: Connection, works: Sequence[Work], *, now: datetime) -> list[Happening]:
    wanting = [work for work in works if _wants_card(work)]
    unknown = [work for work in wanting if work.contact is None]
    unknown += [work for work in works if _wants_contact(work)]
    happened = _make_contacts(conn, unknown, now=now)
    return happened + _make_cards(conn, wanting, now=now)


def _make_contacts(conn: Connection, works: Sequence[Work], *, now: datetime) -> list[Happening]:
    """One contact for each number; for each call of somebody who withholds it one of its own."""
    new: dict[str, NewContact] = {}
    for work in works:
        number = _claimed_number(work)
        name = work.caller.raw if work.caller.kind == "name" else ""
        source = work.line.source if work.direction == "in" else None
        new.setdefault(number or work.id, NewContact(new_id(now), number, name, source))
    stand = contacts.make(conn, list(new.values()), now=now)
    made: dict[str, Happening] = {}
    for work in works:
        one = new[_claimed_number(work) or work.id]
        work.contact = stand.get(one.number, one.id) if one.number else one.id
        work.facts = replace(work.facts, contact=work.contact, name=one.name)
        work.stranger = work.direction == "in"
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
