"""`/cards/{id}/attachments`: files that people put on a card."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import Field

from callrouter.api.cards import NO_SUCH_CARD
from callrouter.api.fields import ById, Given, Id
from callrouter.api.layer import Asked, File, Routes, Upload
from callrouter.api.on_cards import OnCardQuery, page_of
from callrouter.api.problems import Problem
from callrouter.attaching import Empty, TooLarge, attach_file
from callrouter.flows import attachments as flow
from callrouter.flows.attachments import LONGEST_NAME, MOST_BYTES, NoSuchFile, NotYourFile
from callrouter.flows.no_such import NoSuchCard
from callrouter.flows.seeing import within
from storage import attachments
from storage.attachments import Attached
from storage.files import FilesSilent, NoRoom

routes = Routes()

NO_SUCH_FILE = Problem(404, "The card has no such file.")
NOT_YOURS = Problem(403, "Somebody else put this file there.")
NOT_KEPT = Problem(503, "The file could not be kept; send it again later.")


class NameQuery(Given):
    name: Annotated[
        str, Field(min_length=1, max_length=LONGEST_NAME, description="With its ending.")
    ]


class OfCard(ById):
    file: Id


@dataclass(frozen=True, slots=True)
class Attachment:
    """`type`: by its first bytes; what is none of a few known ones is just bytes.

    `deleted_at`: the file is gone, that it was there stays.
    """

    id: str
    card: str
    name: str
    size: int
    type: str
    sha256: str
    by: str
    at: datetime
    deleted_at: datetime | None
    deleted_by: str | None


@dataclass(frozen=True, slots=True)
class AttachmentPage:
    items: tuple[Attachment, ...]
    next: str | None


@routes.get("/cards/{id}/attachments", right="look")
async def list_attachments(asked: Asked, path: ById, query: OnCardQuery) -> AttachmentPage:
    """A card's files, the newest first, deleted ones among them."""
    items, last = await page_of(asked, path.id, query, attachments.of_card)
    return AttachmentPage(tuple(_attachment(one) for one in items), last)


@routes.post("/cards/{id}/attachments", right="work", status=201, most_bytes=MOST_BYTES)
async def add_attachment(asked: Asked, path: ById, query: NameQuery, upload: Upload) -> Attachment:
    """Put a file on a card; the body is the file, at most 25 MB."""
    try:
        one = await attach_file(
            asked.service, asked.viewer, path.id, query.name, _blocks(upload), by=asked.by
        )
    except NoSuchCard:
        raise NO_SUCH_CARD from None
    except Empty:
        raise Problem(422, "There is nothing in the file.") from None
    except TooLarge:
        raise Problem(413, f"A file has at most {MOST_BYTES} bytes.") from None
    except (NoRoom, FilesSilent):
        raise NOT_KEPT from None
    return _attachment(one)


@routes.file(
    "/cards/{id}/attachments/{file}/content", right="look", media=("application/octet-stream",)
)
async def get_attachment(asked: Asked, path: OfCard) -> File:
    """The file itself, as bytes to be saved."""
    one = await asked.service.database.read(flow.seen_file, asked.viewer, path.id, path.file)
    if one is None or one.deleted_at:
        raise NO_SUCH_FILE
    return File(one.file, one.size, flow.OTHER, one.name)


@routes.delete("/cards/{id}/attachments/{file}", right="work")
async def delete_attachment(asked: Asked, path: OfCard) -> Attachment:
    """Take a file away that one put there, with the right to delete anybody's."""
    service = asked.service
    try:
        await service.database.write(
            within,
            asked.viewer,
            "card",
            path.id,
            flow.delete_file,
            path.id,
            path.file,
            others=asked.viewer.may("delete"),
            by=asked.by,
            now=service.clock(),
        )
    except NoSuchFile:
        raise NO_SUCH_FILE from None
    except NotYourFile:
        raise NOT_YOURS from None
    one = await service.database.read(flow.seen_file, asked.viewer, path.id, path.file)
    if one is None:
        raise NO_SUCH_FILE
    return _attachment(one)


async def _blocks(upload: Upload) -> AsyncIterator[bytes]:
    if upload:
        yield bytes(upload)


def _attachment(one: Attached) -> Attachment:
    return Attachment(
        one.id,
        one.card,
        one.name,
        one.size,
        one.type,
        one.digest,
        one.by,
        one.at,
        one.deleted_at,
        one.deleted_by,
    )
