"""`/cards/{id}/notes`: what people write on a card."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, TypeVar

from pydantic import AfterValidator, Field

from callrouter.api.cards import NO_SUCH_CARD
from callrouter.api.fields import ById, Given, Id
from callrouter.api.layer import Asked, Routes
from callrouter.api.leads import unfit
from callrouter.api.on_cards import OnCardQuery, page_of
from callrouter.api.problems import Problem
from callrouter.flows import notes as flow
from callrouter.flows.no_such import NoSuchCard
from callrouter.flows.notes import LONGEST, NoSuchNote, NotTheAuthor, StaleNote
from callrouter.flows.people import BadFields
from callrouter.flows.seeing import within
from storage import notes
from storage.notes import Note as StoredNote

T = TypeVar("T")

routes = Routes()

NO_SUCH_NOTE = Problem(404, "The card has no such note.")
NOT_YOURS = Problem(403, "Somebody else wrote this note.")
GONE = Problem(409, "The note was deleted.")

Text = Annotated[
    str,
    Field(max_length=LONGEST, description="Plain text; lines are kept."),
    AfterValidator(lambda text: text.replace("\x00", "")),
]


class NewNote(Given):
    text: Text


class NoteToChange(Given):
    text: Annotated[Text | None, Field(description="Of one's own note only.")] = None
    pinned: Annotated[bool | None, Field(description="Stands above the timeline.")] = None


class OfCard(ById):
    note: Id


@dataclass(frozen=True, slots=True)
class Note:
    """`deleted_at`: that there was a note stays, its text is gone."""

    id: str
    card: str
    by: str
    text: str
    pinned: bool
    at: datetime
    edited_at: datetime | None
    deleted_at: datetime | None


@dataclass(frozen=True, slots=True)
class NotePage:
    items: tuple[Note, ...]
    next: str | None


@routes.get("/cards/{id}/notes", right="look")
async def list_notes(asked: Asked, path: ById, query: OnCardQuery) -> NotePage:
    """A card's notes, the newest first, deleted ones among them."""
    items, last = await page_of(asked, path.id, query, notes.of_card)
    return NotePage(tuple(_note(one) for one in items), last)


@routes.post("/cards/{id}/notes", right="work", status=201)
async def add_note(asked: Asked, path: ById, body: NewNote) -> Note:
    """Write a note on a card."""
    return _note(await _write(asked, path.id, flow.add_note, path.id, body.text))


@routes.patch("/cards/{id}/notes/{note}", right="work")
async def change_note(asked: Asked, path: OfCard, body: NoteToChange) -> Note:
    """Write one's own note anew, or pin any: both, or one of them. 409: it was deleted."""
    one = None
    if body.text is not None:
        one = await _write(asked, path.id, flow.edit_note, path.id, path.note, body.text)
    if body.pinned is not None or one is None:
        pinned = bool(body.pinned)
        one = await _write(asked, path.id, flow.pin_note, path.id, path.note, pinned=pinned)
    return _note(one)


@routes.delete("/cards/{id}/notes/{note}", right="work")
async def delete_note(asked: Asked, path: OfCard) -> Note:
    """Take away the text of one's own note, with the right to delete of anybody's."""
    others = asked.viewer.may("delete")
    flow_ = flow.delete_note
    return _note(await _write(asked, path.id, flow_, path.id, path.note, others=others))


async def _write(
    asked: Asked, card: str, do: Callable[..., StoredNote], *given: str, **named: bool
) -> StoredNote:
    service = asked.service
    try:
        return await service.database.write(
            within,
            asked.viewer,
            "card",
            card,
            do,
            *given,
            by=asked.by,
            now=service.clock(),
            **named,
        )
    except NoSuchCard:
        raise NO_SUCH_CARD from None
    except NoSuchNote:
        raise NO_SUCH_NOTE from None
    except NotTheAuthor:
        raise NOT_YOURS from None
    except StaleNote:
        raise GONE from None
    except BadFields as bad:
        raise unfit(bad) from None


def _note(one: StoredNote) -> Note:
    return Note(
        one.id, one.card, one.by, one.text, one.pinned, one.at, one.edited_at, one.deleted_at
    )
