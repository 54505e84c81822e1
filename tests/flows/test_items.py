"""The items of a card: put whole, exact, with who answers for each price."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection, update

from callrouter.domain.items import NO_VAT
from callrouter.domain.setup import Entity, Setup
from callrouter.domain.setup import Office as Place
from callrouter.flows.fields import StaleCard
from callrouter.flows.items import (
    MOST_ITEMS,
    CardItems,
    Figure,
    GivenItem,
    Proposal,
    confirm_items,
    items_of,
    proposals,
    put_items,
)
from callrouter.flows.new_card import Wanted, make_card
from callrouter.flows.no_such import NoSuchCard
from callrouter.flows.people import BadFields, Person, save
from storage import items as kept
from storage import products, tables
from storage.database import Database
from storage.ids import new_id
from storage.products import Product
from tests.examples import MONDAY_NOON, SETUP
from tests.office import Office

ON_TOP = replace(SETUP, entity=(Entity("ooo", "ООО Ромашка", prices_include_vat=False),))
NO_TAX = replace(SETUP, entity=(Entity("ip", "ИП Котова", vat=NO_VAT),))
DAY = timedelta(days=1)
NOBODY = "01" + "Z" * 24


@pytest.fixture
async def office(database: Database) -> Office:
    return await Office(database).open()


async def make(office: Office, name: str = "Иван Петров", days: int = 0) -> str:
    """A card of a contact, who is known again by his own number."""
    now = MONDAY_NOON + days * DAY
    sent = Person(frozenset({"name"}), name=name)

    def both(conn: Connection) -> str:
        who = save(conn, sent, SETUP, system="test", external_id=name, by="anna", now=now)
        return make_card(conn, Wanted(who.contact, manager="anna"), SETUP, by="anna", now=now)

    return await office.database.write(both)


async def put(
    office: Office, card: str, *given: GivenItem, setup: Setup = SETUP, version: int | None = None
) -> CardItems:
    await office.database.write(
        put_items, card, given, setup, version=version, by="anna", now=MONDAY_NOON
    )
    return await office.database.read(items_of, card, setup)


async def refused(
    office: Office, card: str, *given: GivenItem, setup: Setup = SETUP
) -> list[tuple[str, str]]:
    with pytest.raises(BadFields) as raised:
        await put(office, card, *given, setup=setup)
    assert await office.count(tables.card_item) == 0
    return [(one.field, one.message) for one in raised.value.wrong]


async def list_product(office: Office, article: str | None = "OK-1", **changes: Any) -> Product:
    one = Product(new_id(MONDAY_NOON), article, "Окно", "шт", Decimal("1234.50"), "10", "Окна")
    one = replace(one, **changes)
    await office.database.write(products.put, [one], now=MONDAY_NOON)
    return one


async def test_a_list_is_put_whole_and_the_amount_is_its_sum(office: Office) -> None:
    card = await make(office)
    found = await put(
        office,
        card,
        GivenItem("  Окно  ПВХ ", "шт", 2, "1000.50", "10", "22"),
        GivenItem("Монтаж", "час", 1.5, 0.1, vat=10),
    )
    window, work = found.items
    assert (window.name, window.quantity, window.price, window.discount, window.vat) == (
        "Окно ПВХ",
        Decimal(2),
        Decimal("1000.5"),
        Decimal(10),
        "22",
    )
    assert (work.quantity, work.price, work.discount, work.vat) == (
        Decimal("1.5"),
        Decimal("0.1"),
        Decimal(0),
        "10",
    )
    assert (found.totals.total, found.confirmed) == (Decimal("1801.05"), True)
    assert {window.by, work.by} == {"anna"}
    row = await office.only(tables.card)
    assert (row.amount, row.version) == (Decimal("1801.05"), found.version)
    found = await put(office, card, GivenItem("Дверь", price=5))
    assert [one.name for one in found.items] == ["Дверь"]
    assert (await office.only(tables.card)).amount == Decimal(5)
    assert (await put(office, card)).items == ()
    assert (await office.only(tables.card)).amount is None


async def test_what_is_absent_is_usual(office: Office) -> None:
    card = await make(office)
    (one,) = (await put(office, card, GivenItem("Окно", price=0))).items
    assert (one.unit, one.quantity, one.discount, one.vat) == ("шт", Decimal(1), Decimal(0), "22")


async def test_the_same_list_again_changes_nothing(office: Office) -> None:
    card = await make(office)
    given = GivenItem("Окно", price="10.10", quantity="2.500")
    version = (await put(office, card, given, version=2)).version
    again = await put(office, card, replace(given, price=10.1, quantity=2.5), version=2)
    assert again.version == version
    told = [one for one in await office.rows(tables.business_event) if one.kind == "items_put"]
    assert [(one.actor, one.data) for one in told] == [("anna", '{"items": 1, "amount": "25.25"}')]
    with pytest.raises(StaleCard):
        await put(office, card, replace(given, price=11), version=2)
    with pytest.raises(NoSuchCard):
        await put(office, NOBODY, given)


@pytest.mark.parametrize(
    ("changes", "field", "allowed"),
    [
        ({"name": " "}, "name", "what it is"),
        ({"name": "х" * 501}, "name", "500"),
        ({"unit": "х" * 33}, "unit", "32"),
        ({"quantity": 0}, "quantity", "above 0"),
        ({"quantity": "-1"}, "quantity", "above 0"),
        ({"quantity": "0.0001"}, "quantity", "three decimals"),
        ({"quantity": 10**9}, "quantity", "below"),
        ({"quantity": "two"}, "quantity", "above 0"),
        ({"price": None}, "price", "article"),
        ({"price": "-0.01"}, "price", "0 or more"),
        ({"price": "1.001"}, "price", "two decimals"),
        ({"price": "NaN"}, "price", "0 or more"),
        ({"price": float("inf")}, "price", "0 or more"),
        ({"price": 10**10}, "price", "below"),
        ({"price": "1e400"}, "price", "below"),
        ({"price": "9" * 50}, "price", "below"),
        ({"discount": 101}, "discount", "100"),
        ({"discount": "-1"}, "discount", "0 to"),
        ({"vat": 20}, "vat", '"22", "10", "7", "5", "0", "none"'),
        ({"vat": "much"}, "vat", '"22"'),
        ({"article": "no such"}, "article", "GET /products"),
    ],
)
async def test_what_is_wrong_is_named_by_its_place(
    office: Office, changes: dict[str, Figure], field: str, allowed: str
) -> None:
    card = await make(office)
    good = GivenItem("Окно", price=1)
    bad = GivenItem(**{"name": "Окно", "price": 1, **changes})  # type: ignore[arg-type]
    ((at, said),) = await refused(office, card, good, good, bad)
    assert at == f"items[2].{field}"
    assert allowed in said


async def test_a_list_too_long_or_too_dear_is_refused(office: Office) -> None:
    card = await make(office)
    one = GivenItem("Окно", price=1)
    assert [at for at, _ in await refused(office, card, *[one] * (MOST_ITEMS + 1))] == ["items"]
    dear = GivenItem("Дворец", quantity=999_999_999, price=9_999_999_999)
    assert [at for at, _ in await refused(office, card, dear)] == ["items"]
    assert len((await put(office, card, *[one] * MOST_ITEMS)).items) == MOST_ITEMS


async def test_a_product_fills_in_what_is_absent(office: Office) -> None:
    product = await list_product(office)
    card = await make(office)
    found = await put(
        office, card, GivenItem(article="OK-1"), GivenItem("Скидка", price="5", article="OK-1")
    )
    whole, own = found.items
    assert (whole.name, whole.unit, whole.price, whole.vat) == (
        "Окно",
        "шт",
        Decimal("1234.5"),
        "10",
    )
    assert (own.name, own.price) == ("Скидка", Decimal(5))
    assert {whole.product, own.product} == {product.id}
    assert found.articles == {product.id: "OK-1"}
    assert found.confirmed  # to put it is to answer for it


async def test_vat_stands_inside_the_prices_or_on_top(office: Office) -> None:
    card = await make(office)
    item = GivenItem("Окно", price=100)
    assert (await put(office, card, item, setup=ON_TOP)).totals.total == Decimal(122)
    assert (await office.only(tables.card)).amount == Decimal(122)
    assert (await put(office, card, replace(item, quantity=2))).totals.total == Decimal(200)


async def test_who_pays_no_vat_adds_none(office: Office) -> None:
    await list_product(office)
    card = await make(office)
    ((at, said),) = await refused(office, card, GivenItem("Окно", price=1, vat=10), setup=NO_TAX)
    assert (at, '"none"' in said) == ("items[0].vat", True)
    found = await put(office, card, GivenItem(article="OK-1"), setup=NO_TAX)
    assert ([one.vat for one in found.items], found.totals.vat) == ([NO_VAT], ())


async def test_the_offices_entity_sells(office: Office) -> None:
    entities = (Entity("ooo", "ООО"), Entity("ip", "ИП", vat=NO_VAT))
    setup = replace(SETUP, entity=entities, office=(Place("msk", "Москва", entity="ip"),))
    card = await make(office)  # its manager's office is in Moscow
    (one,) = (await put(office, card, GivenItem("Окно", price=1), setup=setup)).items
    assert one.vat == NO_VAT


async def test_a_price_that_nobody_put_waits_to_be_confirmed(office: Office) -> None:
    card = await make(office)
    assert not (await office.database.read(kept.confirmed, card))  # nothing to answer for
    await put(office, card, GivenItem("Окно", price=1), GivenItem("Дверь", price=2))

    def by_a_program(conn: Connection) -> None:
        conn.execute(update(tables.card_item).where(tables.card_item.c.n == 2).values(by=""))

    await office.database.write(by_a_program)
    assert not (await office.database.read(kept.confirmed, card))
    version = (await office.only(tables.card)).version
    for _ in range(2):
        await office.database.write(confirm_items, card, SETUP, by="vera", now=MONDAY_NOON)
    assert await office.database.read(kept.confirmed, card)
    assert [row.by for row in await office.rows(tables.card_item)] == ["anna", "vera"]
    assert (await office.only(tables.card)).version == version + 1
    kinds = [one.kind for one in await office.rows(tables.business_event)]
    assert kinds.count("items_confirmed") == 1


async def test_a_list_that_nobody_confirmed_is_confirmed_by_putting_it(office: Office) -> None:
    card = await make(office)
    item = GivenItem("Окно", price=1)
    await put(office, card, item)

    def by_a_program(conn: Connection) -> None:
        conn.execute(update(tables.card_item).values(by=""))

    await office.database.write(by_a_program)
    assert (await put(office, card, item)).confirmed


async def test_former_items_are_proposed_and_never_put_by_themselves(office: Office) -> None:
    product = await list_product(office)
    first, second = await make(office, days=0), await make(office, days=1)
    stranger = await make(office, "Глеб", days=2)
    card = await make(office, days=3)
    await put(office, first, GivenItem(article="OK-1", price=900), GivenItem("Монтаж", price=50))
    await put(
        office, second, GivenItem("монтаж", price=70), GivenItem("Окно", price=1, article="OK-1")
    )
    await put(office, stranger, GivenItem("Дверь", price=5))
    found = await office.database.read(proposals, card)
    assert [(one.name, one.price, one.former_price, one.article) for one in found] == [
        ("монтаж", Decimal(70), Decimal(70), None),
        ("Окно", product.price, Decimal(1), "OK-1"),
    ]
    assert {one.card for one in found} == {second}
    assert await office.database.read(kept.of_card, card) == ()
    await put(office, card, GivenItem("Монтаж", price=80))
    left = await office.database.read(proposals, card)
    assert [one.name for one in left] == ["Окно"]
    assert all(isinstance(one, Proposal) for one in left)
    with pytest.raises(NoSuchCard):
        await office.database.read(proposals, NOBODY)
