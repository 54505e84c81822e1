"""Several people have the number that calls: one is chosen, and a person may choose another."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from callrouter.domain.setup import Routing
from callrouter.flows.choose_contact import NotOfNumber, choose_contact
from callrouter.flows.no_such import NoSuchCall
from callrouter.intake.snapshot import Snapshot
from storage import cards, contacts, known, tables
from storage.cards import NewCard
from storage.contacts import Person
from storage.database import Database
from storage.ids import new_id
from tests.examples import MONDAY_NOON, SETUP, event
from tests.office import Office, entry

NUMBER = "+79161234567"  # the example's caller
WEEK = timedelta(days=7)


def at(seconds: float) -> datetime:
    return MONDAY_NOON + timedelta(seconds=seconds)


AFTER = at(100)


@pytest.fixture
async def office(database: Database) -> Office:
    return await Office(database).open()


async def add(office: Office, name: str, number: str = NUMBER, **fields: Any) -> str:
    """People are there for a week, in the order in which they are added."""
    now = MONDAY_NOON - WEEK + timedelta(seconds=await office.count(tables.contact))
    person = Person(name, phones=(number,), **fields)
    return await office.database.write(contacts.add, person, now=now)


async def choose(office: Office, call: str, contact: str, now: datetime = AFTER) -> None:
    await office.database.write(choose_contact, call, contact, SETUP, by="token:page", now=now)


async def call_of(office: Office, ref: str) -> Any:
    return next(row for row in await office.rows(tables.call) if row.ref == ref)


async def cards_of(office: Office) -> dict[str | None, Any]:
    return {row.contact: row for row in await office.rows(tables.card)}


async def talked(office: Office) -> dict[str, tuple[str | None, datetime | None]]:
    return {
        row.name: (row.talked_manager, row.talked_at) for row in await office.rows(tables.contact)
    }


async def counters_are_true(office: Office) -> bool:
    def compare(conn: Connection) -> bool:
        return dict(cards.counted(conn)) == dict(cards.recount(conn))

    return await office.database.read(compare)


async def talk(office: Office, ref: str, since: float, until: float, dial: str = "101") -> None:
    await office.take(event("ringing", ref, at(since)))
    await office.take(event("answered", ref, at(since + 1), target=dial))
    await office.take(event("ended", ref, at(until), duration_s=until - since - 1))


async def test_the_likeliest_is_known_at_once_and_why_names_all(office: Office) -> None:
    await add(office, "Анна Первая", relation="supplier")
    second = await add(office, "Иван Второй")
    (taken,) = await office.take(event("ringing"))
    assert taken.why is not None
    assert [(one.name, one.reasons) for one in taken.why.people] == [
        ("Иван Второй", ("client",)),
        ("Анна Первая", ("older",)),
    ]
    call = await office.only(tables.call)
    assert call.contact == taken.why.contact == second


async def test_one_person_alone_is_no_list(office: Office) -> None:
    await add(office, "Иван")
    (taken,) = await office.take(event("ringing"))
    assert taken.why is not None
    assert taken.why.people == ()


async def test_the_choice_moves_the_call_with_its_own_card_and_is_remembered(
    office: Office,
) -> None:
    first, second = await add(office, "Первый"), await add(office, "Второй")
    await talk(office, "c1", 0, 60)
    call = await call_of(office, "c1")
    assert call.contact == first
    card = (await cards_of(office))[first]
    assert card.manager == "anna"
    await choose(office, call.id, second)
    moved = await call_of(office, "c1")
    assert (moved.contact, moved.card) == (second, card.id)
    assert list(await cards_of(office)) == [second]
    assert await talked(office) == {"Первый": (None, None), "Второй": ("anna", at(60))}
    assert await counters_are_true(office)
    told = next(
        row for row in await office.rows(tables.business_event) if row.kind == "contact_chosen"
    )
    assert (told.actor, told.call, told.contact) == ("token:page", call.id, second)

    (taken,) = await office.take(event("ringing", "c2", at(200)))
    assert taken.why is not None
    assert taken.why.contact == second
    assert taken.why.people[0].reasons == ("chosen", "open_card", "talked")
    assert taken.why.card == card.number
    assert await office.count(tables.card) == 1


async def test_a_later_event_of_the_call_does_not_put_it_back(office: Office) -> None:
    first, second = await add(office, "Первый"), await add(office, "Второй")
    await office.take(event("ringing"))
    await choose(office, (await call_of(office, "c1")).id, second, at(1))
    await office.take(event("answered", "c1", at(2), target="101"))
    await office.take(event("ended", "c1", at(60), duration_s=58))
    await office.sweep(at(4000))
    call = await call_of(office, "c1")
    card = await office.only(tables.card)
    assert (call.contact, call.card) == (second, card.id)
    assert (card.contact, card.manager, card.open_for) == (second, "anna", f"{second}:sales")
    assert (await talked(office))["Первый"] == (None, None)
    assert first not in await cards_of(office)


async def test_the_call_goes_to_the_open_card_of_the_chosen(office: Office) -> None:
    """Its owner and last contact, as far as this call alone made them, go with it."""
    first, second = await add(office, "Первый"), await add(office, "Второй")
    await office.database.write(give_a_card, second)
    await office.database.write(_choose, first)
    await talk(office, "c1", 0, 60)
    before = await cards_of(office)
    assert (before[first].manager, before[first].last_contact_at) == ("anna", at(1))
    call = await call_of(office, "c1")
    await choose(office, call.id, second)
    assert (await call_of(office, "c1")).card == before[second].id
    found = await cards_of(office)
    assert [(row.manager, row.last_contact_at) for row in (found[first], found[second])] == [
        (None, None),
        ("anna", at(1)),
    ]
    whose = {(row.card, row.until is None) for row in await office.rows(tables.responsibility)}
    assert whose == {(found[first].id, False), (found[second].id, True)}
    kinds = {row.kind for row in await office.rows(tables.business_event) if row.call == call.id}
    assert {"card_disowned", "card_owned", "contact_chosen"} <= kinds
    assert await counters_are_true(office)


async def test_who_had_the_card_before_the_call_has_it_again(database: Database) -> None:
    """Where the last one who talks takes a card."""
    setup = replace(SETUP, routing=Routing(owner="last"))
    office = await Office(database).open(setup)
    first, second = await add(office, "Первый"), await add(office, "Второй")
    await talk(office, "c1", -5000, -4000)
    await office.database.write(give_a_card, second)
    await office.database.write(_choose, first)
    await talk(office, "c2", 0, 60, "102")
    assert (await cards_of(office))[first].manager == "boris"
    await choose(office, (await call_of(office, "c2")).id, second)
    found = await cards_of(office)
    assert [(row.manager, row.team) for row in (found[first], found[second])] == [
        ("anna", "sales"),
        ("boris", "sales"),
    ]
    assert await counters_are_true(office)


async def test_who_owns_a_card_already_keeps_it(office: Office) -> None:
    first, second = await add(office, "Первый"), await add(office, "Второй")
    await office.database.write(give_a_card, second, "vera")
    await office.database.write(_choose, first)
    await talk(office, "c1", 0, 60)
    await choose(office, (await call_of(office, "c1")).id, second)
    assert (await cards_of(office))[second].manager == "vera"
    assert await counters_are_true(office)


def give_a_card(conn: Connection, contact: str, manager: str | None = None) -> None:
    id_ = new_id(MONDAY_NOON - WEEK)
    new = NewCard(id_, 1000, contact, "sales", "new", claimed=False, by="token:shop")
    cards.make(conn, [new], now=MONDAY_NOON - WEEK)
    if manager:
        before = cards.states(conn, [id_])[id_]
        after = replace(before, manager=manager, manager_by="token:shop")
        cards.change(conn, [(before, after)], now=MONDAY_NOON - WEEK)


def _choose(conn: Connection, contact: str) -> None:
    row = tables.contact_phone
    conn.execute(row.update().values(chosen=row.c.contact == contact))


async def test_an_earlier_talk_is_the_last_one_again(office: Office) -> None:
    first, second = await add(office, "Первый"), await add(office, "Второй")
    await talk(office, "c1", -5000, -4000)
    await talk(office, "c2", -3000, -2000, "102")
    await choose(office, (await call_of(office, "c2")).id, second)
    assert await talked(office) == {
        "Первый": ("anna", at(-4000)),
        "Второй": ("boris", at(-2000)),
    }
    card = (await cards_of(office))[first]
    assert card.last_contact_at == at(-4999)
    assert second not in await cards_of(office)


async def test_the_same_choice_again_changes_nothing(office: Office) -> None:
    _, second = await add(office, "Первый"), await add(office, "Второй")
    await office.take(event("ringing"))
    call = await call_of(office, "c1")
    await choose(office, call.id, second)
    events, notices = await office.count(tables.business_event), await office.count(tables.notice)
    await choose(office, call.id, second)
    assert await office.count(tables.business_event) == events
    assert await office.count(tables.notice) == notices


async def test_who_was_guessed_right_is_remembered_too(office: Office) -> None:
    first, _ = await add(office, "Первый"), await add(office, "Второй")
    await office.take(event("ringing"))
    await choose(office, (await call_of(office, "c1")).id, first)
    people = await office.database.read(known.people_of, NUMBER)
    assert people[0].reasons[0] == "chosen"


async def test_only_one_of_the_number_may_be_chosen(office: Office) -> None:
    first, second = await add(office, "Первый"), await add(office, "Второй")
    other = await add(office, "Чужой", "+79160000077")
    await office.take(event("ringing"), event("ringing", "c2", caller="anonymous"))
    with pytest.raises(NotOfNumber) as refused:
        await choose(office, (await call_of(office, "c1")).id, other)
    assert {one.contact for one in refused.value.people} == {first, second}
    with pytest.raises(NotOfNumber) as refused:
        await choose(office, (await call_of(office, "c2")).id, first)
    assert refused.value.people == ()
    with pytest.raises(NoSuchCall):
        await choose(office, "0" * 26, first)


async def test_the_call_back_that_is_owed_is_to_the_chosen(office: Office) -> None:
    _, second = await add(office, "Первый"), await add(office, "Второй")
    await office.take(event("ringing"), event("ended", "c1", at(30)))
    await choose(office, (await call_of(office, "c1")).id, second)
    task = await office.only(tables.task)
    assert (task.contact, task.card) == (second, (await call_of(office, "c1")).card)


async def test_the_snapshot_reads_the_same_person(office: Office) -> None:
    _, second = await add(office, "Первый"), await add(office, "Второй")
    await office.take(event("ringing"), event("ended", "c1", at(30)))
    mark = await office.database.read(known.mark_before, 100)
    callers, _, mark_now = await office.database.read(known.changed_since, mark)
    assert [one.name for one in callers[NUMBER].people] == ["Первый", "Второй"]
    assert mark_now is not None
    await choose(office, (await call_of(office, "c1")).id, second)
    callers, _, _ = await office.database.read(known.changed_since, mark_now)
    assert callers[NUMBER].contact == second
    assert [one.name for one in callers[NUMBER].people] == ["Второй", "Первый"]


async def test_a_call_of_another_person_does_not_change_who_calls_by_the_snapshot(
    office: Office,
) -> None:
    first, second = await add(office, "Первый"), await add(office, "Второй")
    snapshot = Snapshot(office.desk)
    snapshot.absorb(await office.batch(event("ringing")))
    await office.take(event("ringing", "c2", at(1)))
    await choose(office, (await call_of(office, "c2")).id, second)
    mark = await office.database.read(known.mark_before, 100)
    callers, _, _ = await office.database.read(known.changed_since, mark)
    snapshot.learn(callers)
    snapshot.absorb(await office.batch(event("ended", "c1", at(101))))
    told = snapshot.tell(entry(event("ringing", "c3", at(102))), now=at(102))
    assert told.why is not None
    assert told.why.contact == second
    assert [one.contact for one in told.why.people] == [second, first]


async def test_only_the_last_choice_counts(office: Office) -> None:
    first, second = await add(office, "Первый"), await add(office, "Второй")
    await office.take(event("ringing"))
    call = (await call_of(office, "c1")).id
    for one in (second, first):
        await choose(office, call, one)
    chosen = [row.contact for row in await office.rows(tables.contact_phone) if row.chosen]
    assert chosen == [first]
    assert (await call_of(office, "c1")).contact == first
