"""A card has several contacts: the calls of each find it, and a call keeps the card it has."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from callrouter.domain.rights import Viewer
from callrouter.flows import card_contacts, leads
from callrouter.flows.change_status import change_status
from callrouter.flows.choose_contact import choose_contact
from callrouter.flows.edit_contact import attach_call
from callrouter.flows.fields import CardChange, change_card
from callrouter.flows.handover import hand_over
from callrouter.flows.try_call import try_call
from callrouter.intake.snapshot import Snapshot
from storage import cards, choices, contacts, known, tables
from storage.cards import NewCard
from storage.contacts import Person
from storage.database import Database
from storage.ids import new_id
from storage.listing import list_cards
from tests.examples import LINE_NUMBER, MONDAY_NOON, SETUP, event
from tests.office import Office, entry

IVANS, OLGAS = "+79161234567", "+79160000002"
WEEK = timedelta(days=7)
ADMIN = Viewer("admin")
BY: Any = {"by": "user:1"}


def at(seconds: float) -> datetime:
    return MONDAY_NOON + timedelta(seconds=seconds)


@pytest.fixture
async def office(database: Database) -> Office:
    return await Office(database).open()


async def person(office: Office, name: str, *numbers: str) -> str:
    now = MONDAY_NOON - WEEK + timedelta(seconds=await office.count(tables.contact))
    return await office.database.write(contacts.add, Person(name, phones=numbers), now=now)


async def deal(office: Office, contact: str, manager: str | None = "boris") -> str:
    """A card that calls of this contact find."""
    number = 100 + await office.count(tables.card)

    def make(conn: Connection, /) -> str:
        new = NewCard(new_id(MONDAY_NOON - WEEK), number, contact, "sales", "new")
        cards.make(conn, [new], now=MONDAY_NOON - WEEK)
        return new.id

    card = await office.database.write(make)
    if manager:
        await give(office, card, manager, MONDAY_NOON - WEEK)
    return card


async def give(office: Office, card: str, manager: str | None, now: datetime) -> None:
    change = CardChange(frozenset({"manager"}), manager=manager)
    await office.database.write(change_card, card, change, SETUP, **BY, now=now)


async def put(office: Office, card: str, contact: str, now: datetime = MONDAY_NOON) -> None:
    await office.database.write(
        card_contacts.add_contact, ADMIN, card, contact, SETUP, **BY, now=now
    )


async def beside(office: Office) -> tuple[str, str, str]:
    """A card of Boris's: Ivan is its main contact, Olga stands beside."""
    ivan, olga = await person(office, "Иван", IVANS), await person(office, "Ольга", OLGAS)
    card = await deal(office, ivan)
    await put(office, card, olga, MONDAY_NOON - WEEK)
    return card, ivan, olga


async def make_main(office: Office, card: str, contact: str, now: datetime) -> None:
    await office.database.write(card_contacts.make_main, card, contact, SETUP, **BY, now=now)


async def choose(office: Office, call: str, contact: str, now: datetime) -> None:
    await office.database.write(choose_contact, call, contact, SETUP, **BY, now=now)


async def call_of(office: Office, ref: str = "c1") -> Any:
    return next(row for row in await office.rows(tables.call) if row.ref == ref)


# A call keeps the card it has


@pytest.mark.parametrize("stays", [True, False], ids=["who called stays", "who called is gone"])
async def test_a_call_keeps_its_card_when_another_becomes_the_main_one(
    office: Office, *, stays: bool
) -> None:
    olga = await person(office, "Ольга", OLGAS)
    await office.take(event("ringing"), event("answered", "c1", at(2), target="101"))
    call = await call_of(office)
    await put(office, call.card, olga, at(10))
    await make_main(office, call.card, olga, at(11))
    if not stays:
        await office.database.write(
            card_contacts.remove_contact, call.card, call.contact, **BY, now=at(12)
        )
    await office.take(event("ended", "c1", at(60), duration_s=58))
    await office.take(event("recording", "c1", at(3600), recording_url="https://x.test/1.mp3"))
    after = await call_of(office)
    assert (after.contact, after.card) == (call.contact, call.card)
    card = await office.only(tables.card)
    assert (card.manager, card.last_contact_at) == ("anna", at(2))


# It was somebody beside who called


async def test_who_stands_beside_is_chosen_and_the_call_stays_on_its_card(office: Office) -> None:
    card, ivan, olga = await beside(office)
    await share(office, olga)
    await office.take(event("ringing"))
    call = await call_of(office)
    assert (call.contact, call.card) == (ivan, card)
    await choose(office, call.id, olga, at(1))
    await office.take(event("answered", "c1", at(2), target="101"))
    await office.take(event("ended", "c1", at(60), duration_s=58))
    after = await call_of(office)
    assert (after.contact, after.card) == (olga, card)
    kept = await office.only(tables.card)
    assert (kept.contact, kept.manager, kept.last_contact_at) == (ivan, "boris", at(2))


async def test_the_call_stays_even_on_the_card_that_it_made(office: Office) -> None:
    ivan, olga = await person(office, "Иван", IVANS), await person(office, "Ольга", OLGAS)
    await office.take(event("ringing"))
    call = await call_of(office)
    await put(office, call.card, olga, at(1))
    await share(office, olga)
    await choose(office, call.id, olga, at(2))
    after, card = await call_of(office), await office.only(tables.card)
    assert (after.contact, after.card, card.contact) == (olga, card.id, ivan)


async def test_who_became_the_main_one_is_chosen_and_a_closed_card_keeps_the_call(
    office: Office,
) -> None:
    card, _, olga = await beside(office)
    await share(office, olga)
    await office.take(event("ringing"))
    await make_main(office, card, olga, at(1))
    await office.database.write(change_status, card, "won", SETUP, **BY, now=at(2))
    await choose(office, (await call_of(office)).id, olga, at(3))
    after = await call_of(office)
    assert (after.contact, after.card) == (olga, card)


async def share(office: Office, contact: str) -> None:
    """Give a contact the number that calls; it is thought to be Ivan's still."""

    def add(conn: Connection, /) -> None:
        ivan = contacts.by_numbers(conn, [IVANS])[IVANS][0]
        row = {"contact": contact, "number": IVANS, "created_at": MONDAY_NOON}
        conn.execute(tables.contact_phone.insert().values(**row))
        choices.choose(conn, IVANS, ivan.id)

    await office.database.write(add)


# The calls of who stands beside


def olga_calls(ref: str = "c1", seconds: float = 0) -> Any:
    return event("ringing", ref, at(seconds), caller=OLGAS)


async def test_a_call_of_who_stands_beside_finds_the_card_and_its_manager(office: Office) -> None:
    card, _, olga = await beside(office)
    (taken,) = await office.take(olga_calls())
    assert taken.why is not None
    assert taken.why.contact == olga
    assert taken.why.responsible is not None
    number = (await office.only(tables.card)).number
    assert (taken.why.card, taken.why.new_card) == (number, False)
    found = taken.why.responsible
    assert (found.manager, found.by, found.card) == ("boris", "card", number)
    call = await call_of(office)
    assert (call.contact, call.card) == (olga, card)
    await office.take(event("answered", "c1", at(2), target="101"))
    await office.take(event("ended", "c1", at(60), duration_s=58))
    assert (await office.only(tables.card)).last_contact_at == at(2)


async def test_ones_own_card_goes_before_and_of_several_none_is_guessed(office: Office) -> None:
    card, _, olga = await beside(office)
    petr = await person(office, "Пётр")
    other = await deal(office, petr, "vera")
    await put(office, other, olga)
    (taken,) = await office.take(olga_calls())
    own = (await call_of(office)).card
    assert own not in (card, other)
    assert taken.why is not None
    assert taken.why.new_card
    await office.database.write(card_contacts.remove_contact, other, olga, **BY, now=at(1))
    await office.take(olga_calls("c2", 2))
    assert (await call_of(office, "c2")).card == own


async def test_a_closed_card_of_others_says_nothing(office: Office) -> None:
    card, _, _ = await beside(office)
    await office.database.write(change_status, card, "won", SETUP, **BY, now=at(-1))
    (taken,) = await office.take(olga_calls())
    assert taken.why is not None
    assert taken.why.responsible is None
    assert taken.why.new_card


async def test_a_talk_out_with_who_stands_beside_hangs_on_the_card(office: Office) -> None:
    card, _, olga = await beside(office)
    out: Any = {"direction": "out", "caller": "101", "called": OLGAS}
    await office.take(
        event("ringing", "c1", at(0), **out),
        event("answered", "c1", at(5), **out),
        event("ended", "c1", at(60), **out, duration_s=55),
    )
    call = await call_of(office)
    assert (call.direction, call.contact, call.card) == ("out", olga, card)


async def test_what_if_and_the_snapshot_say_the_same(office: Office) -> None:
    _, ivan, olga = await beside(office)
    number = (await office.only(tables.card)).number
    decided = await office.database.read(
        try_call, SETUP, line=LINE_NUMBER, caller=OLGAS, at=at(0), now=at(0)
    )
    assert decided.why.card == number
    assert decided.why.responsible is not None
    assert decided.why.responsible.manager == "boris"
    snapshot = Snapshot(office.desk)
    snapshot.use(SETUP)
    mark = await office.database.read(known.mark_before, 100)
    callers, _, _ = await office.database.read(known.changed_since, mark)
    snapshot.learn(callers)
    told = snapshot.tell(entry(olga_calls()), now=at(0))
    assert told.why is not None
    assert (told.why.card, told.why.responsible) == (number, decided.why.responsible)
    assert {callers[IVANS].contact, callers[OLGAS].contact} == {ivan, olga}


async def test_a_shared_number_is_not_thought_hers_because_she_stands_beside(
    office: Office,
) -> None:
    first, second = await person(office, "Первый", IVANS), await person(office, "Вторая", IVANS)
    card = await deal(office, await person(office, "Пётр"))
    await put(office, card, second)
    people = await office.database.read(known.people_of, IVANS)
    assert [one.contact for one in people] == [first, second]


async def test_a_lead_of_who_stands_beside_comes_to_the_card(office: Office) -> None:
    card, _, _ = await beside(office)
    lead = leads.Lead("shop", phone=OLGAS, name="Ольга")
    taken = await office.database.write(leads.take_lead, lead, SETUP, by="token:site", now=at(0))
    assert taken.card == card
    assert (await office.only(tables.card)).id == card


async def test_her_number_finds_the_card_in_lists(office: Office) -> None:
    card, _, _ = await beside(office)
    found = await office.database.read(list_cards, ADMIN, phone=OLGAS)
    assert [one.id for one in found.items] == [card]


# The snapshot hears of it


async def heard(office: Office, mark: Any) -> set[str]:
    """Of whom the snapshot reads anew."""
    callers, _, _ = await office.database.read(known.changed_since, mark)
    return {one.contact for one in callers.values() if one.contact}


@pytest.mark.parametrize("change", ["put", "take off", "main", "give", "close", "hand over"])
async def test_the_snapshot_hears_of_all_whose_calls_find_the_card(
    office: Office, change: str
) -> None:
    card, ivan, olga = await beside(office)
    lida = await person(office, "Лида", "+79160000003")
    mark = (at(-1), "")
    assert await heard(office, mark) == set()
    write = office.database.write
    both = {ivan, olga}
    match change:
        case "put":
            await put(office, card, lida, at(1))
            both = {lida}
        case "take off":
            await write(card_contacts.remove_contact, card, olga, **BY, now=at(1))
            both = {olga}
        case "main":
            await make_main(office, card, olga, at(1))
        case "give":
            await give(office, card, "anna", at(1))
        case "close":
            await write(change_status, card, "won", SETUP, **BY, now=at(1))
        case _:
            given: Any = [("card", card, "anna")]
            await write(
                hand_over,
                SETUP,
                given,
                id_=new_id(at(0)),
                giver="boris",
                to="anna",
                **BY,
                now=at(1),
            )
    assert await heard(office, mark) == both


# Whose a number is


async def test_who_talked_says_that_the_number_is_not_his_at_all(office: Office) -> None:
    """She sees him through the call alone, which is another's by the time his number goes."""
    ivan, olga = await person(office, "Иван", IVANS), await person(office, "Ольга", OLGAS)
    await office.database.write(_are_theirs, {ivan: "boris", olga: "anna"})
    await office.take(
        event("ringing"),
        event("answered", "c1", at(2), target="101"),
        event("ended", "c1", at(60), duration_s=58),
    )
    call = await call_of(office)
    assert call.contact == ivan
    anna = Viewer("manager", "anna", people=frozenset({"anna"}))
    await office.database.write(
        attach_call, anna, call.id, olga, SETUP, shared=False, by="manager:anna", now=at(100)
    )
    after = await call_of(office)
    assert (after.contact, after.card) == (olga, call.card)
    having = await office.database.read(contacts.by_numbers, [IVANS])
    assert [one.id for one in having[IVANS]] == [olga]


def _are_theirs(conn: Connection, managers: dict[str, str], /) -> None:
    c = tables.contact
    for contact, manager in managers.items():
        conn.execute(c.update().where(c.c.id == contact).values(responsible=manager))
