"""A card's timeline: everything once, newest first, however it is paged and filtered."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert

import callrouter
from callrouter.domain.rights import Viewer
from callrouter.flows import notes
from callrouter.wording.happenings import PLAIN
from storage import tables
from storage.database import Database
from storage.ids import new_id
from storage.listing import CallView, HappeningView, MoveView, OwnerView
from storage.listing_timeline import (
    TOLD_BY_BEGINNING,
    TOLD_BY_ROWS,
    Filter,
    LeadView,
    LetterEntry,
    Line,
    PaperEntry,
    TaskBrief,
    read_place,
    timeline_of,
    user_names,
)
from storage.notes import Note
from tests.api.rows import (
    NOON,
    add_call,
    add_card,
    add_contact,
    add_document,
    add_happening,
    add_letter,
    add_move,
    add_obligation,
    add_owner,
)

ADMIN = Viewer("admin")


def make(conn: Connection) -> str:
    """A card with something of every kind, several of them at one moment."""
    contact = add_contact(conn)
    card = add_card(conn, contact, manager="anna")
    for n in range(1, 13):
        add_move(conn, card, n, "new", at=NOON)
    for minutes in range(3):
        at = NOON + timedelta(minutes=minutes)
        add_owner(conn, card, "anna", at=at)
        add_call(conn, at=at, card=card, contact=contact, manager="anna")
        notes.add_note(conn, card, f"Заметка {minutes}", by="manager:anna", now=at)
    add_letter(conn, card)
    add_document(conn, card)
    add_obligation(conn, card=card)
    add_happening(conn, card, "card_disowned")
    add_happening(conn, card, "card_moved")  # told by its transition
    row = {"id": new_id(NOON), "system": "site", "card": card, "contact": contact, "new": True}
    conn.execute(insert(tables.lead).values(**row, at=NOON, text="Нужны столы"))
    add_move(conn, add_card(conn), 1, "new")  # another's
    return card


async def read(
    database: Database, card: str, shown: Filter, limit: int, viewer: Viewer = ADMIN
) -> list[Line]:
    """All pages, one after the other."""
    found: list[Line] = []
    after = None
    while True:
        part = await database.read(timeline_of, viewer, card, shown=shown, after=after, limit=limit)
        assert len(part.lines) <= limit
        found += part.lines
        if not part.next:
            return found
        assert len(part.lines) == limit
        after = read_place(part.next)
        assert after is not None


async def test_every_page_follows_the_one_before(database: Database) -> None:
    card = await database.write(make)
    whole = await read(database, card, "all", 200)
    kinds = {type(one) for one in whole}
    every = {CallView, LetterEntry, PaperEntry, Note, LeadView, TaskBrief, MoveView, OwnerView}
    assert kinds == every | {HappeningView}
    assert [one.at for one in whole] == sorted((one.at for one in whole), reverse=True)
    moves = [one.n for one in whole if isinstance(one, MoveView)]
    assert moves == list(range(12, 0, -1))
    events = [one.kind for one in whole if isinstance(one, HappeningView)]
    assert events == ["card_disowned"]
    for limit in (1, 2, 7):
        assert await read(database, card, "all", limit) == whole, limit
    parts: list[Line] = []
    for shown in ("calls", "letters", "notes", "tasks", "changes"):
        part = await read(database, card, shown, 4)
        assert part == [one for one in whole if one in part], shown
        parts += part
    assert len(parts) == len(whole)


async def test_only_what_the_viewer_sees_of_it(database: Database) -> None:
    card = await database.write(make)
    boris = Viewer("manager", "boris", people=frozenset({"boris"}))
    for shown in ("calls", "tasks"):
        assert await read(database, card, shown, 50, boris) == []
    anna = Viewer("manager", "anna", people=frozenset({"anna"}))
    assert len(await read(database, card, "calls", 50, anna)) == 3


@pytest.mark.parametrize(
    "text", ["", "x", "1.2", "1.2.x y", "99999999999999999.1.a", "9" * 15 + ".1.a", "1.12.a"]
)
def test_what_is_no_place_is_none(text: str) -> None:
    assert read_place(text) is None


async def test_users_are_called_by_their_names(database: Database) -> None:
    def add(conn: Connection) -> None:
        row = {"id": "u1", "email": "a@example.com", "name": "Анна", "created_at": NOON, "by": "x"}
        conn.execute(insert(tables.user).values(**row))

    await database.write(add)
    assert await database.read(user_names, ["user:u1", "user:no", "anna"]) == {"u1": "Анна"}


KIND = re.compile(r'(?:Happening\(|_tell\(conn, |kind = )f?"([a-z_]+)["{]|if \w+ else "(card_\w+)"')
NOT_OF_CARDS = re.compile(
    r"contact_(made|changed|erased)|contacts_|import_|address_|block|presence|cool|template_|"
    r"recording_(asked|deleted|allowed)|hand|backup|merge_|put_items$|call_(ordered|back)|document_formed|export|sign_"
)


def test_every_event_of_a_card_is_told() -> None:
    """By another line, in words of its own, or known to be of no card."""
    said = (Path(callrouter.__file__).parent / "wording/happenings.py").read_text()
    worded = {*PLAIN, *re.findall(r'case "([a-z_]+)"', said)}
    flows = Path(callrouter.__file__).parent / "flows"
    found = {
        one or other for path in flows.glob("*.py") for one, other in KIND.findall(path.read_text())
    }
    assert {"card_changed", "items_put", "opted_out", "card_owned"} <= found
    untold = {
        one
        for one in found - worded - set(TOLD_BY_ROWS)
        if not one.startswith(TOLD_BY_BEGINNING) and not NOT_OF_CARDS.match(one)
    }
    assert untold == set()
