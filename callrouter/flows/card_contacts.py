"""The contacts of a card: one is the main one, whose letters, names and calls it is; others beside.

Letters go to the main one. Calls of both find the card: the main one's before any other card, and
who stands beside where he has no open card of his own and stands on no other.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

from callrouter.flows import letters
from callrouter.flows.edit_contact import Edited, edit_contact
from callrouter.flows.fields import tell_of
from callrouter.flows.new_by_hand import make_contact
from callrouter.flows.no_such import NoSuchCard, NoSuchContact
from callrouter.flows.people import BadFields, Wrong
from callrouter.flows.seeing import check_seen
from storage import card_contacts, choices, moves, notices, profiles
from storage.cards import claim
from storage.notices import Happening
from storage.profiles import Names

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.rights import Viewer
    from callrouter.domain.setup import Setup
    from storage.moves import MovingCard

MOST: Final = 20
"""So many stand beside the main one."""


class MainStays(Exception):
    """The main contact is not taken off a card: first another one becomes it."""


class HasOneOpen(Exception):
    """That contact has an open card of this pipeline that calls found; they would find two."""


def add_contact(
    conn: Connection,
    viewer: Viewer,
    card_id: str,
    contact_id: str,
    setup: Setup,
    *,
    by: str,
    now: datetime,
) -> bool:
    """Put a contact on a card; of one that has none he is the main one. False: he is there already.

    Raises NoSuchCard, NoSuchContact, NotSeen, HasOneOpen, BadFields.
    """
    card = _card(conn, card_id)
    check_seen(conn, viewer, "contact", contact_id)
    if profiles.find(conn, contact_id) is None:
        raise NoSuchContact(contact_id)
    there = card_contacts.beside(conn, card_id)
    if contact_id in (card.contact, *there):
        return False
    if card.contact is None:
        _make_main(conn, card, contact_id, setup, by=by, now=now)
    elif len(there) >= MOST:
        raise BadFields(Wrong("contact", f"is one too many; allowed: {MOST} beside the main one"))
    else:
        card_contacts.add(conn, card_id, contact_id, by=by, now=now)
        choices.touch(conn, [contact_id], now=now)
    _tell(conn, "card_contact_added", card, contact_id, by=by, now=now)
    return True


def add_new_contact(
    conn: Connection,
    viewer: Viewer,
    card_id: str,
    edited: Edited,
    setup: Setup,
    *,
    another: bool,
    by: str,
    now: datetime,
) -> str:
    """Make a contact and put him on a card; gives his id.

    Raises what `make_contact` and `add_contact` do.
    """
    made = make_contact(conn, viewer, edited, setup, another=another, by=by, now=now)
    add_contact(conn, viewer, card_id, made, setup, by=by, now=now)
    return made


def remove_contact(
    conn: Connection, card_id: str, contact_id: str, *, by: str, now: datetime
) -> None:
    """Take off a card who stands beside. Raises NoSuchCard, NoSuchContact, MainStays."""
    card = _card(conn, card_id)
    if contact_id == card.contact:
        raise MainStays
    if not card_contacts.drop(conn, card_id, contact_id):
        raise NoSuchContact(contact_id)
    choices.touch(conn, [contact_id], now=now)
    _tell(conn, "card_contact_removed", card, contact_id, by=by, now=now)


def make_main(
    conn: Connection, card_id: str, contact_id: str, setup: Setup, *, by: str, now: datetime
) -> bool:
    """Make who stands beside the main one, who then stands beside. False: he is it already.

    Raises NoSuchCard, NoSuchContact, HasOneOpen.
    """
    card = _card(conn, card_id)
    if contact_id == card.contact:
        return False
    if contact_id not in card_contacts.beside(conn, card_id):
        raise NoSuchContact(contact_id)
    _make_main(conn, card, contact_id, setup, by=by, now=now)
    card_contacts.drop(conn, card_id, contact_id)
    if card.contact:
        card_contacts.add(conn, card_id, card.contact, by=by, now=now)
    _tell(conn, "card_contact_main", card, contact_id, by=by, now=now)
    return True


def edit_contact_of(
    conn: Connection,
    viewer: Viewer,
    card_id: str,
    contact_id: str,
    edited: Edited,
    setup: Setup,
    *,
    version: int | None,
    by: str,
    now: datetime,
) -> None:
    """Write what the card's page shows of one of its contacts.

    The parts of a name stay only with the name. Raises NoSuchCard, NoSuchContact, NotSeen,
    people.Stale, BadFields.
    """
    card = _card(conn, card_id)
    if contact_id not in (card.contact, *card_contacts.beside(conn, card_id)):
        raise NoSuchContact(contact_id)
    check_seen(conn, viewer, "contact", contact_id)
    found = profiles.find(conn, contact_id)
    if found is None:
        raise NoSuchContact(contact_id)
    same = found[0].name == (edited.person.name or "")
    names = profiles.names_of(conn, contact_id) if same else Names()
    whole = replace(edited, names=names)
    edit_contact(conn, viewer, contact_id, whole, setup, version=version, by=by, now=now)
    tell_of(conn, card_id, {card.manager} - {None}, now=now)


def _card(conn: Connection, card_id: str) -> MovingCard:
    card = moves.find(conn, card_id)
    if card is None:
        raise NoSuchCard(card_id)
    return card


def _make_main(
    conn: Connection, card: MovingCard, contact_id: str, setup: Setup, *, by: str, now: datetime
) -> None:
    if card.open_for and choices.is_claimed(conn, claim(contact_id, card.pipeline)):
        raise HasOneOpen
    choices.give_card(conn, card.id, contact_id, card.pipeline, now=now)
    choices.touch(conn, [one for one in (card.contact, contact_id) if one], now=now)
    letters.address_filled(conn, [contact_id], setup, by=by, now=now)


def _tell(
    conn: Connection, kind: str, card: MovingCard, contact_id: str, *, by: str, now: datetime
) -> None:
    told = Happening(kind, now, by, card=card.id, contact=contact_id)
    notices.record(conn, [told], now=now)
    tell_of(conn, card.id, {card.manager} - {None}, now=now)
