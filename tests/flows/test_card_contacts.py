"""Several contacts of one card: who is the main one, who stands beside, and who sees them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, select

from callrouter.domain.rights import Viewer
from callrouter.flows import card_contacts as flow
from callrouter.flows import erasing
from callrouter.flows.card_contacts import (
    MOST,
    HasOneOpen,
    MainStays,
    edit_contact_of,
    make_main,
    remove_contact,
)
from callrouter.flows.edit_contact import Edited
from callrouter.flows.merge import merge_contacts, undo_merge
from callrouter.flows.no_such import NoSuchContact
from callrouter.flows.people import BadFields, Person, Stale
from callrouter.flows.seeing import NotSeen
from storage import card_contacts, cards, listing, profiles, tables
from storage.database import Database
from storage.profiles import Names
from tests.api.rows import NOON, SETUP, add_card, add_contact

ADMIN = Viewer("admin")
ANNA = Viewer("manager", "anna", people=frozenset({"anna"}))
BY = "manager:anna"


def deal(conn: Connection, /) -> tuple[str, str, str]:
    """A card that a call made, its client, and somebody else, who is Boris's."""
    ivan = add_contact(conn, "Иван", "+79160000001", responsible="anna")
    olga = add_contact(conn, "Ольга", "+79160000002", responsible="boris")
    return add_card(conn, ivan, manager="anna", open_for=f"{ivan}:sales"), ivan, olga


def who(conn: Connection, card: str) -> tuple[str | None, list[str]]:
    main = conn.scalar(select(tables.card.c.contact).where(tables.card.c.id == card))
    return main, card_contacts.beside(conn, card)


def events(conn: Connection, card: str) -> list[str]:
    e = tables.business_event.c
    return list(conn.scalars(select(e.kind).where(e.card == card).order_by(e.id)))


async def test_one_is_added_made_the_main_one_and_taken_off(database: Database) -> None:
    card, ivan, olga = await database.write(deal)
    write, read = database.write, database.read
    by: Any = {"by": BY, "now": NOON}
    assert await write(flow.add_contact, ADMIN, card, olga, SETUP, **by) is True
    assert await write(flow.add_contact, ADMIN, card, olga, SETUP, **by) is False
    assert await write(flow.add_contact, ADMIN, card, ivan, SETUP, **by) is False
    assert await read(who, card) == (ivan, [olga])
    with pytest.raises(MainStays):
        await write(remove_contact, card, ivan, **by)
    assert await write(make_main, card, olga, SETUP, **by) is True
    assert await write(make_main, card, olga, SETUP, **by) is False
    assert await read(who, card) == (olga, [ivan])
    state = (await read(cards.states, [card]))[card]
    claim = await read(lambda conn: conn.scalar(select(tables.card.c.open_for)))
    assert claim == f"{olga}:sales", state  # her next call finds the card
    await write(remove_contact, card, ivan, **by)
    assert await read(who, card) == (olga, [])
    for stranger in (ivan, "nobody"):
        with pytest.raises(NoSuchContact):
            await write(remove_contact, card, stranger, **by)
        with pytest.raises(NoSuchContact):
            await write(make_main, card, stranger, SETUP, **by)
    told = ["card_contact_added", "card_contact_main", "card_contact_removed"]
    assert await read(events, card) == told


async def test_of_a_card_without_a_client_the_first_is_the_main_one(database: Database) -> None:
    def bare(conn: Connection, /) -> tuple[str, str, str]:
        return (
            add_card(conn, None),
            add_contact(conn, "Иван"),
            add_contact(conn, "Пётр"),
        )

    card, ivan, petr = await database.write(bare)
    for one in (ivan, petr):
        await database.write(flow.add_contact, ADMIN, card, one, SETUP, by=BY, now=NOON)
    assert await database.read(who, card) == (ivan, [petr])

    def crowd(conn: Connection, /) -> str:
        for n in range(MOST - 1):
            guest = add_contact(conn, f"Гость {n}")
            flow.add_contact(conn, ADMIN, card, guest, SETUP, by=BY, now=NOON)
        return add_contact(conn, "Лишний")

    late = await database.write(crowd)
    with pytest.raises(BadFields):
        await database.write(flow.add_contact, ADMIN, card, late, SETUP, by=BY, now=NOON)


async def test_a_client_with_an_open_deal_of_calls_is_not_made_the_main_one(
    database: Database,
) -> None:
    card, ivan, olga = await database.write(deal)
    await database.write(
        lambda conn: add_card(conn, olga, manager="boris", open_for=f"{olga}:sales")
    )
    await database.write(flow.add_contact, ADMIN, card, olga, SETUP, by=BY, now=NOON)
    with pytest.raises(HasOneOpen):
        await database.write(make_main, card, olga, SETUP, by=BY, now=NOON)
    assert await database.read(who, card) == (ivan, [olga])


async def test_who_is_on_ones_card_is_seen_and_no_one_elses_client_is_put_there(
    database: Database,
) -> None:
    card, _, olga = await database.write(deal)
    find = listing.find_contact
    assert await database.read(find, ANNA, olga) is None
    with pytest.raises(NotSeen):
        await database.write(flow.add_contact, ANNA, card, olga, SETUP, by=BY, now=NOON)
    await database.write(flow.add_contact, ADMIN, card, olga, SETUP, by=BY, now=NOON)
    assert await database.read(find, ANNA, olga) is not None
    boris = Viewer("manager", "boris", people=frozenset({"boris"}))
    assert await database.read(find, boris, olga) is not None
    await database.write(remove_contact, card, olga, by=BY, now=NOON)
    assert await database.read(find, ANNA, olga) is None


async def test_what_the_card_shows_of_a_client_is_edited_and_all_else_stays(
    database: Database,
) -> None:
    card, ivan, olga = await database.write(deal)
    names = Names("Иван", None, "Петров", confirmed=True)
    await database.write(profiles.write_names, ivan, names, now=NOON)
    person = Person(
        frozenset({"name", "phones", "emails", "tags"}),
        name="Иван",
        phones=("8 916 000-00-01", "8 916 000-00-09"),
        emails=("I@example.com",),
        tags=("vip",),
    )
    edited = Edited(person, labels=("", "работа"))

    async def edit(contact: str, said: Edited, version: int | None) -> None:
        await database.write(
            edit_contact_of, ADMIN, card, contact, said, SETUP, version=version, by=BY, now=NOON
        )

    found = await database.read(profiles.find, ivan)
    assert found is not None
    await edit(ivan, edited, found[1])
    with pytest.raises(Stale):
        await edit(ivan, edited, found[1])
    after = await database.read(profiles.find, ivan)
    assert after is not None
    assert (after[0].responsible, after[0].emails, after[0].tags) == (
        "anna",
        ("i@example.com",),
        ("vip",),
    )
    phones = await database.read(profiles.phones_of, [ivan])
    labels = [(one.number, one.label) for one in phones[ivan]]
    assert labels == [("+79160000001", None), ("+79160000009", "работа")]
    assert await database.read(profiles.names_of, ivan) == names
    other = Edited(Person(person.given, name="Сергей", phones=person.phones))
    await edit(ivan, other, None)
    parts = await database.read(profiles.names_of, ivan)
    assert (parts.first, parts.confirmed) == (None, True)  # no letter greets Сергей as Иван
    with pytest.raises(NoSuchContact):
        await edit(olga, edited, None)


async def test_who_stands_beside_is_joined_parted_and_erased_like_all_that_is_his(
    database: Database,
) -> None:
    card, ivan, olga = await database.write(deal)
    again = await database.write(lambda conn: add_contact(conn, "Ольга П.", "+79160000003"))
    await database.write(flow.add_contact, ADMIN, card, again, SETUP, by=BY, now=NOON)
    merged = await database.write(merge_contacts, ADMIN, olga, again, SETUP, by=BY, now=NOON)
    assert await database.read(who, card) == (ivan, [olga])
    await database.write(undo_merge, ADMIN, merged, by=BY, now=NOON + timedelta(minutes=1))
    assert await database.read(who, card) == (ivan, [again])
    await database.write(erasing.erase_contact, again, by=BY, now=NOON)
    assert await database.read(who, card) == (ivan, [])
