"""Another of a number's people is the one who called: a person says so, and it is remembered."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from callrouter.domain.routing import open_card
from callrouter.flows import letters
from callrouter.flows.no_such import NoSuchCall
from storage import card_contacts, cards, choices, contacts, known, notices
from storage.notices import Happening

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.people import Ranked
    from callrouter.domain.routing import CardFacts
    from callrouter.domain.setup import Setup
    from storage.cards import CardState
    from storage.choices import SaidCall


class NotOfNumber(Exception):
    """The contact has not the call's number. `people`: who has; none where it is not known."""

    def __init__(self, people: tuple[Ranked, ...]) -> None:
        super().__init__(len(people))
        self.people = people


def choose_contact(
    conn: Connection, call_id: str, contact: str, setup: Setup, *, by: str, now: datetime
) -> None:
    """Hang a call on another contact with its number; later calls of the number are his too.

    The call stays on its card if he is on that too. Else it goes to the open card that his calls
    find in its pipeline, or takes the card along that it alone made, or has none. Who talked to
    whom last, the cards' last contact and an owner whom only this call made follow it. Raises
    NoSuchCall, NotOfNumber.
    """
    call = choices.find(conn, call_id)
    if call is None:
        raise NoSuchCall
    people = known.people_of(conn, call.number) if call.number else ()
    if call.number is None or contact not in [one.contact for one in people]:
        raise NotOfNumber(people)
    chosen = choices.choose(conn, call.number, contact)
    happened: list[Happening] = []
    card = call.card
    if call.contact != contact:
        card, happened = _move(conn, call, contact, setup, now=now)
        choices.owe(conn, call.number, contact, card)
        letters.address_filled(conn, [contact], setup, by=by, now=now)
    if not chosen and call.contact == contact:
        return
    choices.touch(conn, [one.contact for one in people], now=now)
    data = {"before": call.contact}
    told = Happening("contact_chosen", now, by, call.id, card, contact, data)
    notices.record(conn, [told, *happened], now=now)
    notices.tell(conn, [call.id], now=now)


def _move(
    conn: Connection, call: SaidCall, contact: str, setup: Setup, *, now: datetime
) -> tuple[str | None, list[Happening]]:
    """Move the call, its talk and what that did; gives the card that it hangs on now."""
    old = cards.states(conn, [call.card]).get(call.card) if call.card else None
    theirs = known.contacts_of(conn, [contact])[contact].cards
    new = open_card(theirs, _pipeline(call, old, setup))
    target = new.id if new else None
    if old and _is_on(conn, old.id, contact, theirs):
        target = old.id
    elif old and new is None and choices.is_only_of(conn, old.id, call.id):
        choices.give_card(conn, old.id, contact, old.pipeline, now=now)
        target = old.id
    talk = choices.talk_of(conn, call.id)
    choices.hang(conn, call.id, contact, target)
    if talk:
        if call.contact:
            _take_talk_from(conn, call.contact, talk)
        contacts.note_talk(conn, {contact: (talk[0], talk[2])}, now=now)
    if old is None or target == old.id:
        return target, []
    return target, _correct_cards(conn, call, old, target, talk, setup, now=now)


def _pipeline(call: SaidCall, old: CardState | None, setup: Setup) -> str:
    """The one that the call belongs to."""
    line = setup.lines.get(call.line)
    if old or line is None:
        return old.pipeline if old else next(iter(setup.pipelines))
    return setup.pipeline_of(line).key


def _is_on(conn: Connection, card: str, contact: str, theirs: tuple[CardFacts, ...]) -> bool:
    """Whether the contact is the card's main one, or stands beside."""
    return any(one.id == card for one in theirs) or contact in card_contacts.beside(conn, card)


def _take_talk_from(conn: Connection, contact: str, talk: choices.Talk) -> None:
    """The contact was not talked to on this call, if that was thought to be his last talk."""
    before = contacts.by_ids(conn, [contact]).get(contact)
    if before and before.talked and before.talked[1] == talk[2]:
        choices.set_talk(conn, contact, choices.last_talk_with(conn, contact))


def _correct_cards(
    conn: Connection,
    call: SaidCall,
    old: CardState,
    target: str | None,
    talk: choices.Talk | None,
    setup: Setup,
    *,
    now: datetime,
) -> list[Happening]:
    """Take from the old card what the call gave it; the new one gets it."""
    changes, happened = [], []
    left = old
    if talk and old.last_contact == talk[1]:
        last = choices.last_talk_about(conn, old.id)
        left = replace(old, last_contact=last[1] if last else None)
    if old.manager and old.manager_by == call.id:
        owner, owner_by = cards.owner_before(conn, old.id, call.id)
        team = setup.managers[owner].team if owner in setup.managers else None
        left = replace(left, manager=owner, manager_by=owner_by, manager_at=now, team=team)
        kind = "card_owned" if owner else "card_disowned"
        happened.append(_owned(kind, call, old.id, owner or old.manager, now))
    if left != old:
        changes.append((old, left))
    if target:
        before = cards.states(conn, [target])[target]
        after = before
        if talk and (before.last_contact is None or before.last_contact < talk[1]):
            after = replace(after, last_contact=talk[1])
        if left.manager != old.manager and before.manager is None and before.manager_by is None:
            after = replace(
                after,
                manager=old.manager,
                manager_by=call.id,
                manager_at=old.manager_at,
                team=old.team,
            )
            happened.append(_owned("card_owned", call, target, old.manager, now))
        if after != before:
            changes.append((before, after))
    cards.change(conn, changes, now=now)
    return happened


def _owned(kind: str, call: SaidCall, card: str, manager: str | None, now: datetime) -> Happening:
    return Happening(kind, now, call.id, call.id, card, data={"manager": manager})
