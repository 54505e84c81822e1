"""Notes on cards: written by whoever works on them, changed and deleted by their authors."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

from callrouter.flows.fields import tell_of
from callrouter.flows.no_such import NoSuchCard
from callrouter.flows.people import BadFields, Wrong
from storage import moves, notes, notices
from storage.ids import new_id
from storage.notes import Note
from storage.notices import Happening

if TYPE_CHECKING:
    from sqlalchemy import Connection

LONGEST: Final = 10_000
"""Characters of a note."""


class NoSuchNote(LookupError):
    """The card has no such note."""


class NotTheAuthor(Exception):
    """Somebody else wrote it."""


class StaleNote(Exception):
    """It was changed, or deleted, since it was read; `note` is as it stands."""

    def __init__(self, note: Note) -> None:
        super().__init__(note.id)
        self.note = note


def add_note(
    conn: Connection,
    card_id: str,
    text: str,
    *,
    call: str | None = None,
    by: str,
    now: datetime,
) -> Note:
    """Write something on a card. Raises NoSuchCard, BadFields."""
    _make_sure_of_card(conn, card_id)
    one = Note(new_id(now), card_id, by, _read(text), now, call)
    notes.add(conn, one)
    _tell(conn, "note_added", one, by=by, now=now)
    return one


def edit_note(
    conn: Connection,
    card_id: str,
    note_id: str,
    text: str,
    *,
    was: str | None = None,
    by: str,
    now: datetime,
) -> Note:
    """Write a note of one's own anew; the same text does nothing.

    `was`: the text that the author has read; None: whatever it is. Raises NoSuchNote, NotTheAuthor,
    StaleNote, BadFields.
    """
    one = _own(conn, card_id, note_id, by)
    said = _read(text)
    if one.deleted_at or (was is not None and _lines(was) != one.text and said != one.text):
        raise StaleNote(one)
    if said == one.text:
        return one
    after = replace(one, text=said, edited_at=now)
    notes.write(conn, after)
    _tell(conn, "note_edited", after, by=by, now=now)
    return after


def delete_note(
    conn: Connection, card_id: str, note_id: str, *, by: str, now: datetime, others: bool = False
) -> Note:
    """Take the text of a note away; that there was one stays. A second time does nothing.

    `others`: whoever deletes may do so with what others wrote, too. Raises NoSuchNote,
    NotTheAuthor.
    """
    one = _found(conn, card_id, note_id) if others else _own(conn, card_id, note_id, by)
    if one.deleted_at:
        return one
    after = replace(one, text="", pinned=False, deleted_at=now)
    notes.write(conn, after)
    _tell(conn, "note_deleted", after, by=by, now=now)
    return after


def pin_note(
    conn: Connection, card_id: str, note_id: str, *, pinned: bool, by: str, now: datetime
) -> Note:
    """Let a note stand above the timeline, or no more. Raises NoSuchNote, StaleNote."""
    one = _found(conn, card_id, note_id)
    if one.deleted_at:
        raise StaleNote(one)
    if one.pinned == pinned:
        return one
    after = replace(one, pinned=pinned)
    notes.write(conn, after)
    _tell(conn, "note_pinned" if pinned else "note_unpinned", after, by=by, now=now)
    return after


def _read(text: str) -> str:
    said = _lines(text)
    if not said:
        raise BadFields(Wrong("text", "is missing; allowed: at least one character"))
    if len(said) > LONGEST:
        raise BadFields(Wrong("text", f"is too long; allowed: at most {LONGEST} characters"))
    return said


def _lines(text: str) -> str:
    """As forms send it and as we keep it: one kind of line end, no blank space around."""
    return text.replace("\x00", "").replace("\r\n", "\n").replace("\r", "\n").strip()


def _make_sure_of_card(conn: Connection, card_id: str) -> None:
    if moves.find(conn, card_id) is None:
        raise NoSuchCard(card_id)


def _found(conn: Connection, card_id: str, note_id: str) -> Note:
    one = notes.find(conn, note_id)
    if one is None or one.card != card_id:
        raise NoSuchNote(note_id)
    return one


def _own(conn: Connection, card_id: str, note_id: str, by: str) -> Note:
    one = _found(conn, card_id, note_id)
    if one.by != by:
        raise NotTheAuthor
    return one


def _tell(conn: Connection, kind: str, one: Note, *, by: str, now: datetime) -> None:
    card = moves.find(conn, one.card)
    data: dict[str, str | int | None] = {"note": one.id}
    contact = card.contact if card else None
    notices.record(conn, [Happening(kind, now, by, one.call, one.card, contact, data)], now=now)
    if card:
        tell_of(conn, one.card, {card.manager}, now=now)
