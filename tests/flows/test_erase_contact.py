"""Who is erased stays empty, whatever comes afterwards; on both engines."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from callrouter.domain.decisions import Connect
from callrouter.domain.rights import Viewer
from callrouter.flows.attachments import OTHER, attach
from callrouter.flows.erasing import ERASED, erase_contact, forget_hooks, is_on_the_phone
from callrouter.flows.leads import Agrees, Lead, take_lead
from callrouter.flows.merge import merge_contacts
from callrouter.flows.notes import add_note
from callrouter.flows.outgoing import Told, message
from callrouter.flows.replay import replay
from callrouter.flows.tasks import add_task, finish_task, snooze_task
from callrouter.intake.intake import learn_changed
from callrouter.intake.snapshot import Snapshot
from callrouter.replaying_apart import Reading
from callrouter.seal import Seal
from storage import attachments, card_contacts, contacts, journal, known, notes, profiles, tables
from storage.contacts import Person
from storage.database import Database
from storage.tables import metadata
from tests.api.rows import add_card, add_contact, add_obligation
from tests.examples import MONDAY_NOON, event
from tests.office import Office, entry

NUMBER = "+79161234567"
BY = "manager:anna"
ADMIN = Viewer("admin")
OLGA = Person("Ольга", ("+79160000002",))
PETR = Person("Пётр", ("+79160000004", "+79160000003"))


def at(seconds: float) -> datetime:
    return MONDAY_NOON + timedelta(seconds=seconds)


@pytest.fixture
async def office(database: Database) -> Office:
    return await Office(database).open()


async def test_who_calls_again_is_a_new_contact(office: Office) -> None:
    await office.take(event("ringing"), event("ended", "c1", at(30)))
    erased = (await office.only(tables.contact)).id
    await office.database.write(erase_contact, erased, by=BY, now=at(60))
    await office.take(event("ringing", "c2", at(90)))
    first, again = await office.rows(tables.contact)
    assert (first.id, first.made_for, again.made_for) == (erased, None, NUMBER)
    for table in (tables.contact_phone, tables.lookup):
        assert {row.contact for row in await office.rows(table)} == {again.id}
    assert [row.contact for row in await office.rows(tables.call)] == [erased, again.id]


async def test_the_snapshot_forgets_who_is_erased_and_a_number_taken_away(
    office: Office, tmp_path: Path
) -> None:
    mine, shared, removed = NUMBER, "+79160000002", "+79160000003"

    def people(conn: Connection) -> tuple[str, str, str]:
        ivan = Person("Иван", (mine, shared))
        ids = [contacts.add(conn, one, now=at(n)) for n, one in enumerate((ivan, OLGA, PETR))]
        return ids[0], ids[1], ids[2]

    ivan, olga, petr = await office.database.write(people)
    snapshot, database = Snapshot(office.desk), office.database
    snapshot.absorb(await office.batch(event("ringing"), event("ended", "c1", at(30))))
    mark = await learn_changed(database, snapshot, await database.read(known.mark_before, 100))
    assert mark is not None
    assert snapshot.numbers_of([ivan, olga, petr]) == {mine, shared, *PETR.phones}

    def change(conn: Connection) -> None:
        erase_contact(conn, ivan, by=BY, now=at(60))
        found = profiles.find(conn, petr)
        assert found
        less = replace(found[0], phones=PETR.phones[:1])
        profiles.change(conn, petr, found[0], less, by=BY, now=at(61))

    await database.write(change)
    assert await learn_changed(database, snapshot, mark)
    file, seal = tmp_path / "snapshot", Seal("a secret of the tests")
    snapshot.save(file, seal, at(62))
    again = Snapshot(office.desk)
    assert again.load(file, seal)
    for one in (snapshot, again):
        assert one.numbers_of([ivan]) == set()
        assert one.numbers_of([petr]) == {PETR.phones[0]}
        for n, (number, name) in enumerate({mine: "", shared: "Ольга", removed: ""}.items()):
            told = one.tell(entry(event("ringing", f"s{n}", at(70), caller=number)), now=at(70))
            assert isinstance(told.decision, Connect)
            assert told.decision.caller_name == name


async def test_notes_and_files_go_with_cards_where_nobody_else_stands(database: Database) -> None:
    def make(conn: Connection) -> tuple[str, dict[str, str]]:
        ivan, olga = add_contact(conn, "Иван"), add_contact(conn, "Ольга")
        nobody = add_contact(conn, "")
        cards = {
            "alone": add_card(conn, ivan),
            "beside alone": add_card(conn, None),
            "beside who is erased": add_card(conn, nobody),
            "beside": add_card(conn, olga),
            "main with another": add_card(conn, ivan),
            "another's": add_card(conn, olga),
        }
        for name in ("beside alone", "beside who is erased", "beside", "main with another"):
            card_contacts.add(conn, cards[name], ivan, by=BY, now=MONDAY_NOON)
        card_contacts.add(conn, cards["main with another"], olga, by=BY, now=MONDAY_NOON)
        for n, card in enumerate(cards.values()):
            add_note(conn, card, "Живёт на Тверской", by=BY, now=MONDAY_NOON)
            file: Any = {"file_id": f"f{n}", "size": 1, "type_": OTHER, "digest": ""}
            attach(conn, card, name="Паспорт.pdf", by=BY, now=MONDAY_NOON, **file)
        return ivan, cards

    ivan, cards = await database.write(make)
    done = await database.write(erase_contact, ivan, by=BY, now=at(60))
    assert done.shared_cards == 2

    def left(conn: Connection) -> dict[str, tuple[str, str]]:
        return {
            name: (notes.of_card(conn, card)[0].text, attachments.of_card(conn, card)[0].name)
            for name, card in cards.items()
        }

    gone, stays = ("", "file"), ("Живёт на Тверской", "Паспорт.pdf")
    assert await database.read(left) == {
        "alone": gone,
        "beside alone": gone,
        "beside who is erased": gone,
        "beside": stays,
        "main with another": stays,
        "another's": stays,
    }


SECRET = "Живёт на Тверской"


async def test_what_was_written_of_him_goes_and_what_was_owed_to_him_is_closed(
    office: Office,
) -> None:
    database, setup = office.database, office.desk.setups.current
    sent = Lead("shop", phone=NUMBER, name="Иван", text=SECRET, page=SECRET, utm={"a": SECRET})
    sent = replace(sent, agrees=Agrees(processing=True, ip=SECRET))

    def make(conn: Connection) -> tuple[str, str]:
        made = take_lead(conn, sent, setup, by="token:shop", now=MONDAY_NOON)
        given: Any = {"kind": "task", "owner": "anna", "by": BY, "text": SECRET, "now": at(1)}
        add = partial(add_task, conn, **given)
        done = add(due_at=None, contact=made.contact)
        finish_task(conn, done, result=SECRET, by=BY, now=at(2))
        late = add(due_at=at(60), card=made.card)
        snooze_task(conn, late, due_at=at(99), reason=SECRET, by=BY, now=at(2))
        again = contacts.add(conn, Person(SECRET), now=at(2))
        merge_contacts(conn, ADMIN, made.contact, again, setup, by=BY, now=at(3))
        olga = contacts.add(conn, OLGA, now=at(3))
        add_obligation(conn, OLGA.phones[0], contact=made.contact)  # her number, taken for his
        return made.contact, olga

    ivan, olga = await database.write(make)
    (owed,) = [row for row in await office.rows(tables.task) if row.phone == NUMBER]
    await database.write(erase_contact, ivan, by=BY, now=at(60))
    told = {table.name: str(await office.rows(table)) for table in metadata.sorted_tables}
    assert [name for name, rows in told.items() if SECRET in rows] == []
    found = {row.id: row for row in await office.rows(tables.task)}
    closed = found.pop(owed.id)
    assert (closed.phone, closed.result, closed.closed_by) == (None, ERASED, BY)
    assert [row.phone for row in found.values() if row.open_for] == [OLGA.phones[0]]
    happened = [row.kind for row in await office.rows(tables.business_event)]
    assert happened.count("obligation_closed") == 1
    data = f'{{"obligation": "{owed.id}"}}'
    webhook = Told("w", "obligation.closed", "e", "", None, None, None, data)
    body = await database.read(message, webhook, pop_url="", now=at(61))
    assert body is not None
    assert json.loads(body)["data"]["phone"] is None
    assert (await database.read(contacts.by_ids, [olga]))[olga].name == "Ольга"


async def test_hooks_of_his_calls_are_emptied_and_the_past_is_decided_alike(office: Office) -> None:
    database = office.database
    both = (Person("Иван", (NUMBER,)), Person("Ольга", (NUMBER,)))
    ivan, _ = [await database.write(contacts.add, one, now=at(0)) for one in both]
    (rang,) = await office.take(event("ringing"), now=at(1))
    assert rang.why is not None
    assert "Иван" in {one.name for one in rang.why.people}
    await database.write(erase_contact, ivan, by=BY, now=at(2))
    assert await database.write(forget_hooks, ivan, 10) == 0
    assert await database.read(is_on_the_phone, ivan)
    aside: Any = {"account": "main", "field": "event", "reason": "?", "body": b"?", "query": "?"}
    await database.write(journal.set_aside, received=at(3), **aside)
    put_aside = (await office.only(tables.quarantine)).id
    await office.take(event("ended", "c1", at(30), key=f"aside:{put_aside}"))
    assert await database.write(forget_hooks, ivan, 10) == 1
    row = await office.only(tables.quarantine)
    assert (row.body, row.query) == (b"", "")
    assert await database.write(forget_hooks, ivan, 10) == 0
    for table in (tables.event, tables.decision):
        assert "Иван" not in str(await office.rows(table))
    found = [(row.body, row.query, row.answer) for row in await office.rows(tables.event)]
    assert found == [(b"", "", b"")] * 2
    (again,) = await office.take(event("ringing"), now=at(40))
    assert (again.repeat, await office.count(tables.quarantine)) == (True, 1)
    read = Reading(database, asyncio.get_running_loop())
    past = await asyncio.to_thread(replay, read, since=at(-60), until=at(60))
    assert (past.decisions, past.explained) == (1, 1)
