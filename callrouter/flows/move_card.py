"""A person moves a card, with all that goes with it: address, letters, reason, what is missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from callrouter.flows import people
from callrouter.flows.change_status import Changed, change_status
from callrouter.flows.fields import CardChange, Given, change_card
from callrouter.flows.letters import AS_SET_UP, Wish
from callrouter.flows.no_such import NoSuchCard
from callrouter.flows.people import BadFields, Person, Wrong, read_email
from callrouter.flows.seeing import check_giving
from storage import cards, letters, moves, profiles

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.rights import Viewer
    from callrouter.domain.setup import Setup
    from storage.letters import StoredLetter


@dataclass(frozen=True, slots=True)
class Move:
    """What is asked for. `version`: the one that was read, None: any.

    `new_email`: one more address of the card's contact; the letters go to it.
    """

    to: str
    version: int | None = None
    wish: Wish = AS_SET_UP
    new_email: str = ""
    loss_reason: str | None = None
    fields: Mapping[str, Given] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Moved:
    """What came of it. `letters`: those that the move asked for, as they stand."""

    changed: Changed
    letters: tuple[StoredLetter, ...] = ()


def move_card(
    conn: Connection, card_id: str, asked: Move, setup: Setup, *, by: str, now: datetime
) -> Moved:
    """Move a card in one transaction with all that is given along.

    Raises NoSuchCard, StaleCard, BadFields; then nothing of it was written.
    """
    wish = asked.wish
    if asked.new_email.strip():
        email = _add_email(conn, card_id, asked.new_email, setup, by=by, now=now)
        wish = Wish(wish.send, wish.key, email, wish.again)
    changed = change_status(
        conn,
        card_id,
        asked.to,
        setup,
        by=by,
        now=now,
        version=asked.version,
        loss_reason=asked.loss_reason,
        fields=asked.fields,
        wish=wish,
    )
    if not changed.moved:
        return Moved(changed)
    made = [one for one in letters.of_card(conn, card_id) if one.transition == changed.n]
    return Moved(changed, tuple(made))


def _add_email(
    conn: Connection, card_id: str, said: str, setup: Setup, *, by: str, now: datetime
) -> str:
    """Give the card's contact one more address; gives it as it is kept."""
    card = moves.find(conn, card_id)
    if card is None:
        raise NoSuchCard(card_id)
    email = read_email(said)
    if email is None:
        raise BadFields(Wrong("new_email", "is no e-mail address; e.g. ivan@example.com"))
    reader = letters.reader_of(conn, card.contact) if card.contact else None
    found = profiles.find(conn, reader.id) if reader else None
    if reader is None or found is None:
        raise BadFields(Wrong("new_email", "is given for a card without a contact"))
    emails = tuple(dict.fromkeys((*found[0].emails, email)))
    sent = Person(frozenset({"emails"}), emails=emails)
    people.change(conn, reader.id, sent, setup, by=by, now=now)
    return email


def give_card(
    conn: Connection,
    card_id: str,
    manager: str,
    setup: Setup,
    *,
    viewer: Viewer,
    by: str,
    now: datetime,
) -> None:
    """Make somebody responsible for a card; who may not assign takes what is nobody's himself.

    Raises NoSuchCard, MayNot, BadFields.
    """
    card = cards.states(conn, [card_id]).get(card_id)
    if card is None:
        raise NoSuchCard(card_id)
    if card.manager == manager:
        return
    check_giving(viewer, card.manager, manager)
    change = CardChange(frozenset({"manager"}), manager=manager)
    change_card(conn, card_id, change, setup, by=by, now=now)
