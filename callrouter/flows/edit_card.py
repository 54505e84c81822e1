"""One field of a card, or of its contact, edited in its place: nothing is written over unseen.

Whoever edits sends what he saw along with what he typed. Only if the field itself holds something
else by now, somebody was quicker; that another field was changed meanwhile hinders nobody.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from callrouter.flows.fields import (
    CardChange,
    Given,
    change_card,
    own_fields,
    read_own,
    write_contact_own,
)
from callrouter.flows.items import GivenItem, put_items
from callrouter.flows.no_such import NoSuchCard
from callrouter.flows.people import BadFields, Wrong
from callrouter.flows.seeing import check_giving
from storage import fields as kept
from storage import items, moves
from storage.listing_timeline import last_change

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.rights import Viewer
    from callrouter.domain.setup import Setup
    from storage.fields import Value

OF_CARD: Final = ("title", "amount", "due_on", "source", "entity", "manager")
CARD: Final = "card."
CONTACT: Final = "contact."
"""Before the key of an own field, in its name here."""


@dataclass(frozen=True, slots=True)
class Edit:
    """`name`: one of `OF_CARD`, or `card.KEY`, `contact.KEY`; `value` None: empty.

    `was`: how it was shown, as `as_text` writes it.
    """

    name: str
    value: Value | None
    was: str


class ChangedMeanwhile(Exception):
    """The field has another value than its editor saw. `by` None: nobody knows who."""

    def __init__(self, value: str, by: str | None) -> None:
        super().__init__("changed meanwhile")
        self.value = value
        self.by = by


def as_text(value: Value | None) -> str:
    """A value as forms carry it along."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case Decimal():
            return f"{value.normalize():f}"
        case date():
            return value.isoformat()
        case str():
            return value


def edit_card(
    conn: Connection,
    card_id: str,
    edit: Edit,
    setup: Setup,
    *,
    viewer: Viewer,
    by: str,
    now: datetime,
) -> None:
    """Set one field. Raises NoSuchCard, ChangedMeanwhile, MayNot, BadFields.

    MayNot: he may not make this one responsible for what is the other's.
    """
    card = moves.find(conn, card_id)
    if card is None:
        raise NoSuchCard(card_id)
    if edit.name == "manager":
        check_giving(viewer, card.manager, as_text(edit.value) or None)
    now_is = as_text(current(conn, card_id, edit.name, setup))
    if now_is == as_text(edit.value):
        return
    if now_is != edit.was:
        raise ChangedMeanwhile(now_is, _changed_by(conn, card_id, edit.name))
    if edit.name.startswith(CONTACT):
        _edit_contact(conn, card.contact, edit, setup, by=by, now=now)
        return
    change_card(conn, card_id, _change(edit), setup, by=by, now=now)


def _changed_by(conn: Connection, card_id: str, name: str) -> str | None:
    if name == "manager":
        return last_change(conn, card_id, ("card_owned", "card_disowned"))
    if name.startswith(CONTACT):
        return None  # whose history is not the card's
    told = f"fields.{name.removeprefix(CARD)}" if name.startswith(CARD) else name
    return last_change(conn, card_id, ("card_changed",), told)


def current(conn: Connection, card_id: str, name: str, setup: Setup) -> Value | None:
    """What a field holds. Raises NoSuchCard, BadFields for a name of none."""
    card, values = moves.find(conn, card_id), kept.of_card(conn, card_id)
    if card is None or values is None:
        raise NoSuchCard(card_id)
    if name == "manager":
        return card.manager
    if name in OF_CARD:
        found: Value | None = getattr(values, name)
        return found or None if name == "title" else found
    noun, _, key = name.partition(".")
    if f"{noun}." == CARD and key in own_fields(setup, "card"):
        return kept.values_of(conn, [card_id], setup.field).get(card_id, {}).get(key)
    if f"{noun}." == CONTACT and key in own_fields(setup, "contact") and card.contact:
        return kept.values_of(conn, [card.contact], setup.field).get(card.contact, {}).get(key)
    raise BadFields(Wrong(name[:64], "is no field of this card"))


def _change(edit: Edit) -> CardChange:
    if edit.name.startswith(CARD):
        return CardChange(own={edit.name.removeprefix(CARD): _given(edit.value)})
    change = CardChange(given=frozenset({edit.name}))
    match edit.name, edit.value:
        case "title", str() | None as title:
            return replace(change, title=title or "")
        case "amount", Decimal() | None as amount:
            return replace(change, amount=amount)
        case "due_on", (date() | None) as day:
            return replace(change, due_on=day)
        case "source", str() | None as source:
            return replace(change, source=source)
        case "entity", str() | None as entity:
            return replace(change, entity=entity)
        case "manager", str() | None as manager:
            return replace(change, manager=manager)
        case _:
            raise BadFields(Wrong(edit.name[:64], "is of another kind"))


def _given(value: Value | None) -> Given:
    """As a program would send it."""
    return value if value is None or isinstance(value, bool) else as_text(value)


def _edit_contact(
    conn: Connection, contact: str | None, edit: Edit, setup: Setup, *, by: str, now: datetime
) -> None:
    key = edit.name.removeprefix(CONTACT)
    read, wrong = read_own({key: _given(edit.value)}, "contact", setup)
    if wrong or contact is None:
        raise BadFields(*wrong)
    write_contact_own(conn, contact, read, setup, by=by, now=now)


# The items


def items_mark(conn: Connection, card_id: str) -> str:
    """By which a list of items is known again: another one after whatever changes in it."""
    kept_items = [replace(one, by="") for one in items.of_card(conn, card_id)]
    return hashlib.sha256(repr(kept_items).encode()).hexdigest()[:16]


def edit_items(
    conn: Connection,
    card_id: str,
    given: Sequence[GivenItem],
    setup: Setup,
    *,
    was: str,
    by: str,
    now: datetime,
) -> None:
    """Put the list of a card, if it still is the one that was seen (`was`, its mark).

    Raises NoSuchCard, ChangedMeanwhile, whose value is the mark by now, BadFields.
    """
    now_is = items_mark(conn, card_id)
    if now_is != was:
        raise ChangedMeanwhile(now_is, last_change(conn, card_id, ("items_put",)))
    put_items(conn, card_id, given, setup, by=by, now=now)
