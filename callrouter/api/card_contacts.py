"""`/cards/{id}/contacts`: whose card it is, and who else belongs to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field
from sqlalchemy import Connection

from callrouter.api.fields import ById, Given, Id
from callrouter.api.layer import Asked, Routes
from callrouter.api.leads import unfit
from callrouter.api.problems import Problem
from callrouter.domain.rights import Viewer
from callrouter.flows import card_contacts as flow
from callrouter.flows.card_contacts import HasOneOpen, MainStays
from callrouter.flows.no_such import NoSuchCard, NoSuchContact
from callrouter.flows.people import BadFields
from callrouter.flows.seeing import NotSeen, within
from storage import card_contacts, listing
from storage.listing import ContactView

routes = Routes()

NO_SUCH_CARD = Problem(404, "There is no such card.")
NOT_THERE = Problem(404, "There is no such contact on this card.")


class ContactToAdd(Given):
    contact: Annotated[Id, Field(description="Who belongs to the card as well.")]


class OfCard(ById):
    contact: Id


@dataclass(frozen=True, slots=True)
class CardContact:
    """`main`: letters go to this one, and by his calls the card is found."""

    id: str
    main: bool
    name: str
    phones: tuple[str, ...]
    emails: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CardContacts:
    items: tuple[CardContact, ...]


@routes.get("/cards/{id}/contacts", right="look")
async def list_card_contacts(asked: Asked, path: ById) -> CardContacts:
    """The contacts of a card, the main one first."""
    return await _listed(asked, path.id)


@routes.post("/cards/{id}/contacts", right="work")
async def add_card_contact(asked: Asked, path: ById, body: ContactToAdd) -> CardContacts:
    """Put a contact on a card; of one without any he becomes the main one."""
    setup = asked.service.setups.current
    return await _do(asked, path.id, flow.add_contact, asked.viewer, path.id, body.contact, setup)


@routes.post("/cards/{id}/contacts/{contact}/main", right="work")
async def make_contact_main(asked: Asked, path: OfCard) -> CardContacts:
    """Make one of a card's contacts the main one. 409: calls found another open card of his."""
    setup = asked.service.setups.current
    return await _do(asked, path.id, flow.make_main, path.id, path.contact, setup)


@routes.delete("/cards/{id}/contacts/{contact}", right="work")
async def remove_card_contact(asked: Asked, path: OfCard) -> CardContacts:
    """Take a contact off a card. The main one: 409, make another one it first."""
    return await _do(asked, path.id, flow.remove_contact, path.id, path.contact)


async def _do(
    asked: Asked,
    card: str,
    do: Callable[..., Any],
    *given: Any,  # noqa: ANN401  whatever the flow takes
) -> CardContacts:
    service = asked.service
    try:
        await service.database.write(
            within, asked.viewer, "card", card, do, *given, by=asked.by, now=service.clock()
        )
    except NoSuchCard:
        raise NO_SUCH_CARD from None
    except NotSeen as bad:
        raise (NO_SUCH_CARD if bad.noun == "card" else NOT_THERE) from None
    except NoSuchContact:
        raise NOT_THERE from None
    except MainStays:
        raise Problem(409, "This is the main contact; make another one it first.") from None
    except HasOneOpen:
        raise Problem(409, "This contact has an open card of the pipeline already.") from None
    except BadFields as bad:
        raise unfit(bad) from None
    return await _listed(asked, card)


async def _listed(asked: Asked, card: str) -> CardContacts:
    try:
        found = await asked.service.database.read(
            within, asked.viewer, "card", card, _read, asked.viewer, card
        )
    except NotSeen:
        raise NO_SUCH_CARD from None
    return CardContacts(
        tuple(CardContact(one.id, main, one.name, one.phones, one.emails) for main, one in found)
    )


def _read(conn: Connection, viewer: Viewer, card: str) -> list[tuple[bool, ContactView]]:
    view = listing.find_card(conn, viewer, card)
    main = view.contact.id if view and view.contact else None
    ids = [*([main] if main else []), *card_contacts.beside(conn, card)]
    found = [(id_ == main, listing.find_contact(conn, viewer, id_)) for id_ in ids]
    return [(is_main, one) for is_main, one in found if one is not None]
