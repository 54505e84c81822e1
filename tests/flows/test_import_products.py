"""A price list goes in: each product once, the same file again changes nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, delete

from callrouter.flows.import_products import foresee_goods, take_goods
from callrouter.import_file.goods import Good
from storage import tables
from storage.database import Database
from storage.imports import Counts
from tests.examples import MONDAY_NOON
from tests.office import Office

WINDOW = Good(2, "Окно", Decimal("1234.50"), "OK-1", "шт", "22", "Окна")
WORK = Good(3, "Монтаж", Decimal(10), unit="час")
LATER = MONDAY_NOON + timedelta(days=1)


@pytest.fixture
async def office(database: Database) -> Office:
    return Office(database)


async def take(office: Office, *goods: Good) -> Counts:
    foreseen = await office.database.read(foresee_goods, goods, LATER)
    counts = await office.database.write(take_goods, goods, now=LATER)
    assert foreseen == counts
    return counts


async def listed(office: Office) -> list[tuple[str | None, str, str, Decimal, str, str | None]]:
    rows = await office.rows(tables.product)
    found = [(one.article, one.name, one.unit, one.price, one.vat, one.group) for one in rows]
    return sorted(found, key=lambda one: (one[1], one[0] or ""))


async def test_the_same_list_again_changes_nothing(office: Office) -> None:
    assert await take(office, WINDOW, WORK) == Counts(taken=2)
    before = await office.rows(tables.product)
    assert await listed(office) == [
        (None, "Монтаж", "час", Decimal(10), "", None),
        ("OK-1", "Окно", "шт", Decimal("1234.5"), "22", "Окна"),
    ]
    assert await take(office, WINDOW, WORK) == Counts(same=2)
    assert await office.rows(tables.product) == before


async def test_what_is_other_is_brought_up_to_date(office: Office) -> None:
    await take(office, WINDOW, WORK)
    dearer = replace(WINDOW, name="Окно ПВХ", price=Decimal(2000), vat="", group="")
    assert await take(office, dearer, replace(WORK, name="монтаж!")) == Counts(joined=2)
    assert await listed(office) == [
        ("OK-1", "Окно ПВХ", "шт", Decimal(2000), "22", "Окна"),  # what is not said stays
        (None, "монтаж!", "час", Decimal(10), "", None),
    ]


async def test_a_product_without_an_article_gets_one(office: Office) -> None:
    await take(office, WORK)
    assert await take(office, replace(WORK, article="M-1")) == Counts(joined=1)
    assert await take(office, WORK) == Counts(same=1)
    assert [one[0] for one in await listed(office)] == ["M-1"]


async def test_two_articles_of_one_name_are_two_products(office: Office) -> None:
    other = replace(WINDOW, article="OK-2", price=Decimal(7))
    assert await take(office, WINDOW, other) == Counts(taken=2)
    assert await take(office, other, WINDOW) == Counts(same=2)
    nameless = replace(WINDOW, article="", price=Decimal(9))
    assert await take(office, nameless) == Counts(taken=1)  # neither of the two can be meant
    assert await take(office, nameless, WINDOW, other) == Counts(same=3)


GOODS = st.lists(
    st.builds(
        Good,
        line=st.just(2),
        name=st.sampled_from(["Окно", "окно.", "Дверь", "Монтаж"]),
        price=st.sampled_from([Decimal(1), Decimal("2.5")]),
        article=st.sampled_from(["", "", "A", "B"]),
        unit=st.sampled_from(["шт", "м"]),
    ),
    max_size=8,
)


def sound(goods: list[Good]) -> list[Good]:
    """A list as the reader lets it through."""
    kept: list[Good] = []
    for one in goods:
        alike = [
            other
            for other in kept
            if (one.article and other.article == one.article)
            or (one.called == other.called and not (one.article and other.article))
        ]
        if all(other.says_the_same(one) for other in alike):
            kept.append(one)
    return kept


def forget(conn: Connection) -> None:
    conn.execute(delete(tables.product))


@pytest.mark.slow
@given(GOODS, GOODS)
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
async def test_whatever_a_list_holds_its_second_import_changes_nothing(
    sqlite_database: Database, earlier: list[Good], goods: list[Good]
) -> None:
    office = Office(sqlite_database)
    await sqlite_database.write(forget)
    await take(office, *sound(earlier))
    await take(office, *sound(goods))
    before = await office.rows(tables.product)
    assert await take(office, *sound(goods)) == Counts(same=len(sound(goods)))
    assert await office.rows(tables.product) == before
