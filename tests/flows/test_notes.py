"""Notes on cards: by their authors, bounded, never lost unseen; erased with whom they are about."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from sqlalchemy import Connection, select

from callrouter.flows import notes as flow
from callrouter.flows.erasing import erase_contact
from callrouter.flows.no_such import NoSuchCard
from callrouter.flows.notes import LONGEST, NoSuchNote, NotTheAuthor, StaleNote
from callrouter.flows.people import BadFields
from storage import notes, tables
from storage.database import Database
from tests.api.rows import NOON, add_card, add_contact

ANNA, BORIS = "manager:anna", "manager:boris"
LATER = NOON + timedelta(minutes=5)


def told(conn: Connection) -> list[str]:
    c = tables.business_event.c
    kinds = conn.execute(select(c.kind, c.data).where(c.kind.startswith("note_")))
    return [f"{row.kind} {list(json.loads(row.data))}" for row in kinds]


async def test_a_note_is_its_authors_and_what_became_of_it_is_kept(database: Database) -> None:
    write = database.write
    card = await write(lambda conn: add_card(conn, add_contact(conn), manager="anna"))
    other = await write(lambda conn: add_card(conn, None))
    one = await write(flow.add_note, card, "  Звонить\r\nпосле 15 \n", by=ANNA, now=NOON)
    assert one.text == "Звонить\nпосле 15"
    for card_, by, refusal in ((card, BORIS, NotTheAuthor), (other, ANNA, NoSuchNote)):
        with pytest.raises(refusal):
            await write(flow.edit_note, card_, one.id, "Другое", by=by, now=LATER)
        with pytest.raises(refusal):
            await write(flow.delete_note, card_, one.id, by=by, now=LATER)
    after = await write(flow.edit_note, card, one.id, "После 16", was=one.text, by=ANNA, now=LATER)
    assert (after.text, after.edited_at) == ("После 16", LATER)
    with pytest.raises(StaleNote) as stale:
        await write(flow.edit_note, card, one.id, "После 17", was=one.text, by=ANNA, now=LATER)
    assert stale.value.note.text == "После 16"
    pinned = await write(flow.pin_note, card, one.id, pinned=True, by=BORIS, now=LATER)
    assert pinned.pinned
    assert [found.id for found in await database.read(notes.pinned_on, card)] == [one.id]
    gone = await write(flow.delete_note, card, one.id, others=True, by=BORIS, now=LATER)
    assert (gone.text, gone.pinned, gone.deleted_at) == ("", False, LATER)
    assert await write(flow.delete_note, card, one.id, by=ANNA, now=LATER) == gone
    with pytest.raises(StaleNote):
        await write(flow.pin_note, card, one.id, pinned=True, by=ANNA, now=LATER)
    kinds = ("added", "deleted", "edited", "pinned")
    assert sorted(await database.read(told)) == [f"note_{kind} ['note']" for kind in kinds]


@pytest.mark.parametrize(
    ("text", "kept"),
    [("", False), (" \n ", False), ("\x00", False), ("я" * LONGEST, True), ("я" * 10_001, False)],
)
async def test_a_note_says_something_and_not_too_much(
    sqlite_database: Database, text: str, *, kept: bool
) -> None:
    card = await sqlite_database.write(lambda conn: add_card(conn, None))
    if kept:
        await sqlite_database.write(flow.add_note, card, text, by=ANNA, now=NOON)
    else:
        with pytest.raises(BadFields, match="text"):
            await sqlite_database.write(flow.add_note, card, text, by=ANNA, now=NOON)
    assert len(await sqlite_database.read(notes.of_card, card)) == int(kept)


async def test_no_card_has_no_notes(sqlite_database: Database) -> None:
    with pytest.raises(NoSuchCard):
        await sqlite_database.write(flow.add_note, "0" * 26, "Да", by=ANNA, now=NOON)


async def test_what_was_written_of_somebody_goes_with_him(database: Database) -> None:
    contact = await database.write(lambda conn: add_contact(conn, "Иван Петров"))
    his = await database.write(lambda conn: add_card(conn, contact))
    another = await database.write(lambda conn: add_card(conn, add_contact(conn, "Другая")))
    for card in (his, another):
        one = await database.write(flow.add_note, card, "Живёт на Тверской", by=ANNA, now=NOON)
        await database.write(flow.pin_note, card, one.id, pinned=True, by=ANNA, now=NOON)
    await database.write(erase_contact, contact, by=ANNA, now=LATER)
    (gone,) = await database.read(notes.of_card, his)
    assert (gone.text, gone.pinned, gone.deleted_at) == ("", False, LATER)
    (kept,) = await database.read(notes.of_card, another)
    assert kept.text == "Живёт на Тверской"
