"""One field of a card edited in its place: nobody's change is written over unseen."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import Connection

from callrouter.domain.items import Item
from callrouter.domain.rights import Viewer
from callrouter.domain.setup import CustomField
from callrouter.flows.edit_card import (
    ChangedMeanwhile,
    Edit,
    as_text,
    current,
    edit_card,
    edit_items,
    items_mark,
)
from callrouter.flows.items import GivenItem
from callrouter.flows.people import BadFields
from callrouter.flows.seeing import MayNot
from storage import cards, items
from storage.database import Database
from storage.fields import Value
from tests.api.rows import NOON, SETUP, add_card, add_contact

HEAD = Viewer("head", "vera")
ANNA, VERA = "manager:anna", "manager:vera"
LATER = NOON + timedelta(minutes=5)
OURS = replace(
    SETUP,
    field=(
        CustomField("size", "Размер", "card", "number"),
        CustomField("kind", "Тип", "contact", "choice", ("Опт", "Розница")),
        CustomField("vip", "Важный", "card", "flag"),
    ),
)


async def set_(
    database: Database,
    card: str,
    name: str,
    value: Value | None,
    was: str = "",
    *,
    viewer: Viewer = HEAD,
    by: str = ANNA,
) -> None:
    wanted = Edit(name, value, was)
    await database.write(edit_card, card, wanted, OURS, viewer=viewer, by=by, now=LATER)


async def test_each_field_is_kept_and_read_again_as_it_was_written(database: Database) -> None:
    card = await database.write(lambda conn: add_card(conn, add_contact(conn), source_first=None))
    given: dict[str, Value] = {
        "title": "Столы в офис",
        "amount": Decimal("1234.50"),
        "due_on": date(2026, 4, 1),
        "source": "site",
        "manager": "vera",
        "card.size": Decimal("12.5"),
        "card.vip": True,
        "contact.kind": "Опт",
    }
    for name, value in given.items():
        await set_(database, card, name, value)
        kept = await database.read(current, card, name, OURS)
        assert as_text(kept) == as_text(value), name
        await set_(database, card, name, None, was=as_text(value))
        assert await database.read(current, card, name, OURS) is None, name
    for wrong in ("contact.size", "card.no", "status", "", "card."):
        with pytest.raises(BadFields):
            await set_(database, card, wrong, "x")


async def test_only_the_same_field_changed_meanwhile_is_a_conflict(database: Database) -> None:
    card = await database.write(lambda conn: add_card(conn, None))
    await set_(database, card, "title", "Столы", by=VERA)
    await set_(database, card, "amount", Decimal(5))  # another field of the same card
    await set_(database, card, "title", "Столы")  # what somebody else wrote already
    with pytest.raises(ChangedMeanwhile) as other:
        await set_(database, card, "title", "Стулья")
    assert (other.value.value, other.value.by) == ("Столы", VERA)
    await set_(database, card, "title", "Стулья", was="Столы")
    assert await database.read(current, card, "title", OURS) == "Стулья"


async def test_a_card_is_taken_by_him_and_given_by_its_owner_or_who_assigns(
    database: Database,
) -> None:
    card = await database.write(lambda conn: add_card(conn, last_contact_at=NOON))
    anna, boris = Viewer("manager", "anna"), Viewer("manager", "boris")
    with pytest.raises(MayNot):
        await set_(database, card, "manager", "boris", viewer=anna)
    await set_(database, card, "manager", "anna", viewer=anna)
    for taken in ("boris", None):
        with pytest.raises(MayNot):
            await set_(database, card, "manager", taken, was="anna", viewer=boris)
    await set_(database, card, "manager", "boris", was="anna", viewer=anna)
    with pytest.raises(MayNot):
        await set_(database, card, "manager", "anna", was="boris", viewer=anna)
    await set_(database, card, "manager", "vera", was="boris")
    with pytest.raises(BadFields):
        await set_(database, card, "manager", "old", was="vera")

    def counters(conn: Connection) -> bool:
        return cards.counted(conn) == cards.recount(conn)

    assert await database.read(counters)


async def test_a_list_of_items_is_not_written_over_another(database: Database) -> None:
    card = await database.write(lambda conn: add_card(conn, None))
    was = await database.read(items_mark, card)
    desk = GivenItem(name="Стол", quantity="2", price="1500.50", vat="22")
    chair = replace(desk, name="Стул")

    async def put(one: GivenItem, seen: str, by: str) -> None:
        await database.write(edit_items, card, [one], OURS, was=seen, by=by, now=LATER)

    await put(desk, was, VERA)
    with pytest.raises(ChangedMeanwhile) as other:
        await put(chair, was, ANNA)
    assert other.value.by == VERA
    await put(chair, other.value.value, ANNA)
    found = await database.read(items.of_card, card)
    assert found == (Item("Стул", "шт", Decimal(2), Decimal("1500.50"), vat="22", by=ANNA),)
