"""`/cards/{id}/items`: what a card is about and what it costs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated

from pydantic import Field
from pydantic.json_schema import WithJsonSchema

from callrouter.api.cards import refused
from callrouter.api.fields import ById, Given, Text
from callrouter.api.layer import Asked, Routes
from callrouter.domain.items import rounded, sum_of
from callrouter.flows import items as flow
from callrouter.flows.fields import StaleCard
from callrouter.flows.items import MOST_ITEMS, GivenItem
from callrouter.flows.no_such import NoSuchCard
from callrouter.flows.people import BadFields
from callrouter.flows.seeing import within

routes = Routes()

_MOST_BYTES = 1024**2

# What is no figure is refused by the flow, which names the item.
Figure = Annotated[
    object,
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string"}, {"type": "null"}]}),
]


class ItemToPut(Given):
    name: Annotated[
        Annotated[str, Field(max_length=500)] | None,
        Field(description="Absent: the product's of the `article`, like all that is absent."),
    ] = None
    unit: Annotated[Annotated[str, Field(max_length=32)] | None, Field()] = None
    quantity: Annotated[
        Figure, Field(description="Above 0, at most three decimals; absent: 1.")
    ] = None
    price: Annotated[
        Figure, Field(description="Per unit, at most two decimals; with VAT or without.")
    ] = None
    discount: Annotated[Figure, Field(description="Per cent; absent: none.")] = None
    vat: Annotated[
        Figure,
        Field(description='Per cent, or "none"; absent: what goods have today.'),
    ] = None
    article: Annotated[Text | None, Field(description="Of a product of the list.")] = None

    def item(self) -> GivenItem:
        return GivenItem(
            name=self.name,
            unit=self.unit,
            quantity=self.quantity,
            price=self.price,
            discount=self.discount,
            vat=self.vat,
            article=self.article or None,
        )


ItemsToPut = Annotated[list[ItemToPut], Field(max_length=MOST_ITEMS)]


class ItemsQuery(Given):
    version: Annotated[
        int | None,
        Field(ge=1, le=2**31 - 1, description="The card's that was read; absent: any."),
    ] = None


@dataclass(frozen=True, slots=True)
class CardItem:
    """`sum`: at its own price; `by`: who put or confirmed it, empty: nobody."""

    name: str
    unit: str
    quantity: Decimal
    price: Decimal
    discount: Decimal
    vat: str
    sum: Decimal
    article: str | None
    by: str


@dataclass(frozen=True, slots=True)
class Tax:
    rate: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class CardItems:
    """`confirmed`: somebody answers for each price, so that an offer may leave.

    `version`: the card's. Figures are texts, exact.
    """

    items: tuple[CardItem, ...]
    net: Decimal
    vat: tuple[Tax, ...]
    total: Decimal
    prices_include_vat: bool
    confirmed: bool
    version: int


@dataclass(frozen=True, slots=True)
class Proposal:
    """`price`: what the list asks today; of what is not listed the `former_price`, as it was."""

    name: str
    unit: str
    quantity: Decimal
    price: Decimal
    former_price: Decimal
    vat: str
    article: str | None
    card: str
    card_number: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Proposals:
    items: tuple[Proposal, ...]


@routes.get("/cards/{id}/items", right="look")
async def get_items(asked: Asked, path: ById) -> CardItems:
    """The items of a card and what they come to."""
    service = asked.service
    try:
        found = await service.database.read(flow.items_of, path.id, service.setups.current)
    except NoSuchCard as bad:
        raise refused(bad) from None
    return _body(found)


@routes.put("/cards/{id}/items", right="work", most_bytes=_MOST_BYTES)
async def put_items(asked: Asked, path: ById, query: ItemsQuery, body: ItemsToPut) -> CardItems:
    """Replace the whole list of a card; its amount is their sum.

    Whoever puts a list answers for each price in it. The same list again changes nothing. With a
    `version` that is not the card's any more nothing is changed: 409.
    """
    service = asked.service
    try:
        await service.database.write(
            within,
            asked.viewer,
            "card",
            path.id,
            flow.put_items,
            path.id,
            [one.item() for one in body],
            service.setups.current,
            version=query.version,
            by=asked.by,
            now=service.clock(),
        )
    except (NoSuchCard, StaleCard, BadFields) as bad:
        raise refused(bad) from None
    return await get_items(asked, path)


@routes.post("/cards/{id}/items/confirm", right="work")
async def confirm_items(asked: Asked, path: ById) -> CardItems:
    """Answer for the prices that a program put and nobody has confirmed."""
    service = asked.service
    try:
        await service.database.write(
            within,
            asked.viewer,
            "card",
            path.id,
            flow.confirm_items,
            path.id,
            service.setups.current,
            by=asked.by,
            now=service.clock(),
        )
    except NoSuchCard as bad:
        raise refused(bad) from None
    return await get_items(asked, path)


@routes.get("/cards/{id}/proposals", right="look")
async def get_proposals(asked: Asked, path: ById) -> Proposals:
    """What the contact had on former cards, each once, the latest first; put what is wanted."""
    try:
        found = await asked.service.database.read(flow.proposals, path.id)
    except NoSuchCard as bad:
        raise refused(bad) from None
    return Proposals(
        tuple(
            Proposal(
                name=one.name,
                unit=one.unit,
                quantity=one.quantity,
                price=rounded(one.price),
                former_price=rounded(one.former_price),
                vat=one.vat,
                article=one.article,
                card=one.card,
                card_number=one.card_number,
                at=one.at,
            )
            for one in found
        )
    )


def _body(found: flow.CardItems) -> CardItems:
    return CardItems(
        items=tuple(
            CardItem(
                name=one.name,
                unit=one.unit,
                quantity=one.quantity,
                price=rounded(one.price),
                discount=one.discount,
                vat=one.vat,
                sum=sum_of(one),
                article=found.articles.get(one.product or ""),
                by=one.by,
            )
            for one in found.items
        ),
        net=found.totals.net,
        vat=tuple(Tax(rate, amount) for rate, amount in found.totals.vat),
        total=found.totals.total,
        prices_include_vat=found.prices_include_vat,
        confirmed=found.confirmed,
        version=found.version,
    )
