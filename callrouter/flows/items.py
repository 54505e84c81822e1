"""What a card is about: its list of items, put whole by whoever answers for the prices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from callrouter.domain.items import NO_VAT, USUAL_UNIT, Item, Totals, totals_of
from callrouter.domain.vat import allowed_at, is_allowed, rate_of, usual_at
from callrouter.flows import letters
from callrouter.flows.documents import entity_of
from callrouter.flows.fields import MOST_MONEY, StaleCard, read_decimal, tell_of
from callrouter.flows.no_such import NoSuchCard
from callrouter.flows.people import BadFields, Wrong
from callrouter.setup_file.problems import quoted
from storage import items, moves, notices, papers, products
from storage.notices import Happening

if TYPE_CHECKING:
    from datetime import date

    from sqlalchemy import Connection

    from callrouter.domain.setup import Entity, Setup
    from storage.moves import MovingCard
    from storage.products import Product

MOST_ITEMS: Final = 500
MOST_QUANTITY: Final = Decimal(10) ** 9
MOST_PRICE: Final = Decimal(10) ** 10
LONGEST: Final = {"name": 500, "unit": 32}
"""Characters."""

Figure = object
"""A figure as a program sends it, text or number; a float stands for what was written."""


@dataclass(frozen=True, slots=True)
class GivenItem:
    """An item as it is sent. What is absent is taken from the product of the `article`.

    Without one: `quantity` 1, no `discount`, the `vat` that the seller's goods have.
    """

    name: str | None = None
    unit: str | None = None
    quantity: Figure = None
    price: Figure = None
    discount: Figure = None
    vat: Figure = None
    article: str | None = None


@dataclass(frozen=True, slots=True)
class CardItems:
    """A card's items and what they come to; `prices_include_vat`: as the seller's prices do."""

    items: tuple[Item, ...]
    totals: Totals
    prices_include_vat: bool
    confirmed: bool
    version: int
    articles: Mapping[str, str]


def items_of(conn: Connection, card_id: str, setup: Setup) -> CardItems:
    """A card's items. Raises NoSuchCard."""
    card, entity = _card(conn, card_id, setup)
    found = items.of_card(conn, card_id)
    return CardItems(
        found,
        total_of(found, entity),
        entity.prices_include_vat,
        items.confirmed(conn, card_id),
        card.version,
        products.articles(conn, [one.product for one in found if one.product]),
    )


def total_of(found: Sequence[Item], entity: Entity) -> Totals:
    """What items come to as this entity sells them; one that pays no VAT adds none."""
    if entity.vat == NO_VAT:
        found = [replace(one, vat=NO_VAT) for one in found]
    return totals_of(found, prices_include_vat=entity.prices_include_vat)


def put_items(
    conn: Connection,
    card_id: str,
    given: Sequence[GivenItem],
    setup: Setup,
    *,
    version: int | None = None,
    by: str,
    now: datetime,
) -> None:
    """Replace the list of a card: its amount is the total. The same list again does nothing.

    Whoever puts a list answers for each price in it. `version`: the one that was read; None:
    whatever it is. Raises NoSuchCard, StaleCard, and BadFields with all that is wrong.
    """
    card, entity = _card(conn, card_id, setup)
    read = _read(conn, given, entity, setup, by=by, now=now)
    before = items.of_card(conn, card_id)
    if [replace(one, by="") for one in before] == [replace(one, by="") for one in read] and all(
        one.by for one in before
    ):
        return
    if version is not None and version != card.version:
        raise StaleCard(card.version, card.status)
    total = total_of(read, entity).total
    if total >= MOST_MONEY:
        raise BadFields(Wrong("items", f"come to {total}; allowed: less than {MOST_MONEY}"))
    items.put(conn, card_id, read, total, now=now)
    data: dict[str, str | int | None] = {"items": len(read), "amount": str(total)}
    _tell(conn, "items_put", card, data, by=by, now=now)
    letters.items_put(conn, card.id, setup, by=by, now=now)


def confirm_items(conn: Connection, card_id: str, setup: Setup, *, by: str, now: datetime) -> None:
    """Answer for the prices that nobody has put or confirmed. Raises NoSuchCard."""
    card, _ = _card(conn, card_id, setup)
    if done := items.confirm(conn, card_id, by=by, now=now):
        _tell(conn, "items_confirmed", card, {"items": done}, by=by, now=now)
        letters.items_put(conn, card.id, setup, by=by, now=now)


def _card(conn: Connection, card_id: str, setup: Setup) -> tuple[MovingCard, Entity]:
    card, on_paper = moves.find(conn, card_id), papers.card_of(conn, card_id)
    if card is None or on_paper is None:
        raise NoSuchCard(card_id)
    return card, entity_of(on_paper, setup)


def _tell(
    conn: Connection,
    kind: str,
    card: MovingCard,
    data: Mapping[str, str | int | None],
    *,
    by: str,
    now: datetime,
) -> None:
    told = Happening(kind, now, by, card=card.id, contact=card.contact, data=data)
    notices.record(conn, [told], now=now)
    tell_of(conn, card.id, {card.manager}, now=now)


# Reading


def _read(
    conn: Connection,
    given: Sequence[GivenItem],
    entity: Entity,
    setup: Setup,
    *,
    by: str,
    now: datetime,
) -> tuple[Item, ...]:
    if len(given) > MOST_ITEMS:
        raise BadFields(Wrong("items", f"are {len(given)}; allowed: at most {MOST_ITEMS}"))
    listed = products.by_articles(conn, [one.article for one in given if one.article])
    reading = _Reading(entity, setup, setup.calendar_of(None).local(now).date())
    read = [reading.item(n, one, listed.get(one.article or ""), by) for n, one in enumerate(given)]
    if reading.wrong:
        raise BadFields(*reading.wrong)
    return tuple(read)


class _Reading:
    """Reads the items of one list; what is wrong with a figure is noted, and it counts as 0."""

    def __init__(self, entity: Entity, setup: Setup, day: date) -> None:
        self.wrong: list[Wrong] = []
        self._entity = entity
        self._country = setup.company.region
        self._language = setup.company.language
        self._day = day

    def item(self, n: int, given: GivenItem, product: Product | None, by: str) -> Item:
        at = f"items[{n}]"
        if given.article and product is None:
            self._refuse(f"{at}.article", "is none of the products; GET /products gives them")
        name, unit, price = given.name, given.unit, given.price
        if product:
            name, unit = name or product.name, unit or product.unit
            price = str(product.price) if price is None else price
        if price is None:
            self._refuse(f"{at}.price", "is missing; allowed: a price, or the article of a product")
            price = 0
        return Item(
            name=self._text(f"{at}.name", "name", name),
            unit=self._text(f"{at}.unit", "unit", unit or USUAL_UNIT[self._language]),
            quantity=self._quantity(f"{at}.quantity", given.quantity),
            price=self._price(f"{at}.price", price),
            discount=self._discount(f"{at}.discount", given.discount),
            vat=self._vat(f"{at}.vat", given.vat, product),
            product=product.id if product else None,
            by=by,
        )

    def _refuse(self, field: str, message: str) -> None:
        self.wrong.append(Wrong(field, message))

    def _text(self, at: str, what: str, given: str | None) -> str:
        text = " ".join((given or "").replace("\x00", "").split())
        if not text:
            self._refuse(at, "is missing; allowed: what it is, or the article of a product")
        elif len(text) > LONGEST[what]:
            self._refuse(at, f"is too long; allowed: at most {LONGEST[what]} characters")
        return text

    def _quantity(self, at: str, given: Figure) -> Decimal:
        quantity = Decimal(1) if given is None else read_decimal(given)
        if quantity is None or not 0 < quantity < MOST_QUANTITY or quantity != round(quantity, 3):
            allowed = f"above 0, below {MOST_QUANTITY}, at most three decimals"
            self._refuse(at, f"is no quantity; allowed: {allowed}")
            return Decimal(1)
        return quantity

    def _price(self, at: str, given: Figure) -> Decimal:
        price = read_decimal(given)
        if price is None or not 0 <= price < MOST_PRICE or price != round(price, 2):
            allowed = f"0 or more, below {MOST_PRICE}, at most two decimals"
            self._refuse(at, f"is no price; allowed: {allowed}")
            return Decimal(0)
        return price

    def _discount(self, at: str, given: Figure) -> Decimal:
        discount = Decimal(0) if given is None else read_decimal(given)
        if discount is None or not 0 <= discount <= 100 or discount != round(discount, 2):
            self._refuse(at, "is no discount; allowed: 0 to 100 per cent, at most two decimals")
            return Decimal(0)
        return discount

    def _vat(self, at: str, given: Figure, product: Product | None) -> str:
        """The rate that is given, else the product's, else that of the seller's goods today."""
        if given is None:
            return self._own_rate(product)
        rate = rate_of(str(given))
        allowed = tuple(self._allowed())
        if rate is None or not is_allowed(rate, self._day, self._country):
            said = quoted(allowed) if allowed else f'a rate from 0 to 100, or "{NO_VAT}"'
            self._refuse(at, f"is no rate of {self._day}; allowed: {said}")
        elif self._entity.vat == NO_VAT and rate != NO_VAT:
            self._refuse(at, f'is given, and the seller pays no VAT; allowed: "{NO_VAT}"')
        return rate or NO_VAT

    def _own_rate(self, product: Product | None) -> str:
        if self._entity.vat == NO_VAT:
            return NO_VAT
        rate = product.vat if product else ""
        if not rate or not is_allowed(rate, self._day, self._country):
            rate = self._entity.vat or ""
        if not rate or not is_allowed(rate, self._day, self._country):
            rate = usual_at(self._day, self._country)
        return rate

    def _allowed(self) -> Iterator[str]:
        if self._entity.vat == NO_VAT:
            yield NO_VAT
        else:
            yield from allowed_at(self._day, self._country)


# What the contact had before


@dataclass(frozen=True, slots=True)
class Proposal:
    """An item that the contact had on a former card. `price`: what the list asks for it today.

    `former_price`: what it was then, on card `card`; where it is not listed, `price` is that.
    """

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


def proposals(conn: Connection, card_id: str) -> tuple[Proposal, ...]:
    """What could be put on a card by its contact's former ones, each once, the latest first.

    They are no items: only who puts them makes them that. Raises NoSuchCard.
    """
    if moves.find(conn, card_id) is None:
        raise NoSuchCard(card_id)
    here = {_same(one) for one in items.of_card(conn, card_id)}
    found: dict[tuple[str, str], Proposal] = {}
    for former in items.of_former_cards(conn, card_id):
        one = former.item
        if _same(one) in here:
            continue
        found.setdefault(
            _same(one),
            Proposal(
                name=one.name,
                unit=one.unit,
                quantity=one.quantity,
                price=one.price if former.listed is None else former.listed,
                former_price=one.price,
                vat=one.vat,
                article=former.article,
                card=former.card,
                card_number=former.card_number,
                at=former.at,
            ),
        )
    return tuple(found.values())


def _same(one: Item) -> tuple[str, str]:
    """By which an item is known again."""
    return (one.product or one.name.casefold(), "" if one.product else one.unit.casefold())
