"""A contact or a card that a person makes: whoever is known already is told of before."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from callrouter.domain.phones import read_number
from callrouter.flows.edit_contact import Edited, edit_contact, unfit
from callrouter.flows.fields import CardChange, change_card
from callrouter.flows.new_card import Wanted, make_card
from callrouter.flows.people import BadFields, Person, Wrong, read_email, save_new
from callrouter.flows.seeing import check_giving, check_seen
from storage import listing_clients
from storage.listing_clients import Same

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.rights import Viewer
    from callrouter.domain.setup import Setup


class KnownAlready(Exception):
    """Somebody has this number, address or INN; nobody said that this one is another person."""

    def __init__(self, same: tuple[Same, ...]) -> None:
        super().__init__(len(same))
        self.same = same


@dataclass(frozen=True, slots=True)
class NewDeal:
    """A card to be made. `contact` None: of a new one, `client`."""

    contact: str | None
    client: Edited | None
    pipeline: str | None = None
    manager: str | None = None
    title: str = ""
    amount: Decimal | None = None


def doubles(
    conn: Connection, viewer: Viewer, person: Person, setup: Setup, *, besides: str | None = None
) -> tuple[Same, ...]:
    """Who has a number, an address or the INN of this one; what cannot be read is nobody's."""
    region = setup.company.region
    numbers = [n for phone in person.phones if (n := read_number(phone, region))]
    emails = [e for email in person.emails if (e := read_email(email))]
    inn = person.inn or None
    return listing_clients.same_as(
        conn, viewer, phones=numbers, emails=emails, inn=inn, besides=besides
    )


def make_contact(
    conn: Connection,
    viewer: Viewer,
    edited: Edited,
    setup: Setup,
    *,
    another: bool,
    by: str,
    now: datetime,
) -> str:
    """Make a contact; gives its id. `another`: somebody said that he is none of those known.

    Raises BadFields, KnownAlready, MayNot.
    """
    person = edited.person
    check_giving(viewer, None, person.responsible)
    if wrong := list(unfit(person)):
        raise BadFields(*wrong)
    parts = [one for one in (edited.names.last, edited.names.first, edited.names.middle) if one]
    name = (person.name or "").strip() or " ".join(parts)
    if not (name or person.phones or person.emails):
        raise BadFields(Wrong("name", "is missing; a name, a number or an e-mail is needed"))
    same = doubles(conn, viewer, person, setup)
    if same and not another:
        raise KnownAlready(same)
    person = replace(person, name=name)
    id_ = save_new(conn, person, setup, by=by, now=now)
    whole = replace(edited, person=replace(person, given=frozenset()))
    edit_contact(conn, viewer, id_, whole, setup, by=by, now=now)
    return id_


def make_deal(
    conn: Connection,
    viewer: Viewer,
    new: NewDeal,
    setup: Setup,
    *,
    another: bool = False,
    by: str,
    now: datetime,
) -> str:
    """Make a card, with its contact where that is new; gives its id.

    Raises BadFields, KnownAlready, MayNot, NotSeen.
    """
    check_giving(viewer, None, new.manager)
    if new.contact:
        check_seen(conn, viewer, "contact", new.contact)
        contact = new.contact
    elif new.client:
        contact = make_contact(conn, viewer, new.client, setup, another=another, by=by, now=now)
    else:
        raise BadFields(Wrong("contact", "is missing"))
    wanted = Wanted(contact, pipeline=new.pipeline, manager=new.manager or "")
    card = make_card(conn, wanted, setup, by=by, now=now)
    given = frozenset({"title"} | ({"amount"} if new.amount is not None else set()))
    change = CardChange(given, amount=new.amount, title=new.title.strip())
    change_card(conn, card, change, setup, by=by, now=now)
    return card
