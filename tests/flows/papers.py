"""Cards with goods on them, of which offers are made."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Connection, update

from callrouter.domain.items import Item
from callrouter.domain.setup import Entity, Setup
from callrouter.flows.new_card import Wanted, make_card
from storage import contacts, rows, tables
from storage.contacts import Person
from storage.database import Database
from tests.examples import MONDAY_NOON, SETUP

ROMASHKA = Entity(
    "romashka", "ООО «Ромашка»", inn="7707083893", terms="Доставка за наш счёт.", valid_days=10
)
ENTITIES = replace(SETUP, entity=(ROMASHKA, Entity("ip", "ИП Котова", vat="none")))
DESK = Item("Стол", "шт", Decimal(2), Decimal("1500.50"), vat="20", by="anna")
LAMP = Item("Лампа", "шт", Decimal("1.5"), Decimal("99.99"), Decimal(5), "20", by="anna")
IVAN = Person(name="Иван Петров", phones=("+79161234567",), email="ivan@example.com")


async def card_with(
    database: Database,
    *items: Item,
    person: Person = IVAN,
    setup: Setup = ENTITIES,
    manager: str = "anna",
    now: datetime = MONDAY_NOON,
) -> str:
    """A card of somebody who wants these goods; two by default."""

    def make(conn: Connection) -> str:
        contact = contacts.add(conn, person, now=now)
        card = make_card(conn, Wanted(contact, manager=manager), setup, by="anna", now=now)
        put_items(conn, card, *(items or (DESK, LAMP)))
        return card

    return await database.write(make)


def put_items(conn: Connection, card: str, *items: Item) -> None:
    """Make these the card's items."""
    table = tables.card_item
    conn.execute(table.delete().where(table.c.card == card))
    rows.add(
        conn,
        table,
        [
            {
                "card": card,
                "n": n,
                "product": one.product,
                "name": one.name,
                "unit": one.unit,
                "quantity": one.quantity,
                "price": one.price,
                "discount": one.discount,
                "vat": one.vat,
                "by": one.by,
            }
            for n, one in enumerate(items, start=1)
        ],
    )


async def set_card(database: Database, card: str, **values: str | None) -> None:
    def write(conn: Connection) -> None:
        conn.execute(update(tables.card).where(tables.card.c.id == card).values(**values))

    await database.write(write)


async def set_contact(database: Database, **values: str | bool | None) -> None:
    """Set this of every contact."""

    def write(conn: Connection) -> None:
        conn.execute(update(tables.contact).values(**values))

    await database.write(write)
