"""`/search`: what the search box of the pages finds, for programs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from callrouter.api.fields import Given, Reason
from callrouter.api.layer import Asked, Routes
from callrouter.domain.searching import understand
from storage import searching
from storage.searching import CardBrief, FoundContact

routes = Routes()


class Typed(Given):
    q: Annotated[
        Reason,
        Field(
            description="Beginnings of words of a name, a whole phone or three of its last digits "
            "or more, the beginning of an e-mail or an INN, a deal's or an offer's number."
        ),
    ]


@dataclass(frozen=True, slots=True)
class CardFound:
    id: str
    number: int
    pipeline: str
    status: str
    closed: bool


@dataclass(frozen=True, slots=True)
class ContactFound:
    """`company`: the name of the one whose person he is. `exact`: the number typed is his."""

    id: str
    kind: Literal["person", "company"]
    name: str
    company: str | None
    phones: tuple[str, ...]
    emails: tuple[str, ...]
    inn: str | None
    responsible: str | None
    talked_at: datetime | None
    exact: bool
    open_cards: tuple[CardFound, ...]


@dataclass(frozen=True, slots=True)
class OfferFound:
    """`id` is the document's; `number` as it is written."""

    id: str
    number: str
    state: str
    card: CardFound


@dataclass(frozen=True, slots=True)
class SearchFound:
    """Up to 20 of each kind. Whose number was typed comes first, then whom somebody talked to last.

    `more`: there are further contacts.
    """

    contacts: tuple[ContactFound, ...]
    cards: tuple[CardFound, ...]
    offers: tuple[OfferFound, ...]
    more: bool


@routes.get("/search", right="look")
async def find_anything(asked: Asked, query: Typed) -> SearchFound:
    """Clients, deals and offers by what somebody remembers of them."""
    service = asked.service
    wanted = understand(query.q, service.setups.current.company.region)
    found = await service.database.read(searching.search, asked.viewer, wanted)
    return SearchFound(
        contacts=tuple(_contact(one) for one in found.contacts),
        cards=tuple(_card(one.card) for one in found.cards),
        offers=tuple(
            OfferFound(one.id, one.label, one.state, _card(one.card)) for one in found.offers
        ),
        more=found.more,
    )


def _contact(one: FoundContact) -> ContactFound:
    return ContactFound(
        id=one.id,
        kind="company" if one.kind == "company" else "person",
        name=one.name,
        company=one.company,
        phones=one.phones,
        emails=one.emails,
        inn=one.inn,
        responsible=one.responsible,
        talked_at=one.talked_at,
        exact=one.exact,
        open_cards=tuple(_card(card) for card in one.cards),
    )


def _card(one: CardBrief) -> CardFound:
    return CardFound(one.id, one.number, one.pipeline, one.status, one.closed)
