"""`/cards/{id}/documents`, `/documents`: numbered offers, their files, what became of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated

from pydantic import Field
from sqlalchemy import Connection

from callrouter import papers as forming
from callrouter.api.fields import ById, Given, Id, Reason
from callrouter.api.layer import Asked, Download, File, Routes
from callrouter.api.openapi import PREFIX
from callrouter.api.problems import FieldProblem, Problem
from callrouter.domain.items import sum_of
from callrouter.domain.offers import Format, Offer
from callrouter.flows.documents import (
    NoItems,
    NoSuchPaper,
    NotInForce,
    Unconfirmed,
    annul,
    correct,
    issue,
)
from callrouter.flows.no_such import NoSuchCard
from callrouter.flows.seeing import within
from callrouter.flows.templates import NoSuchTemplate
from callrouter.forming.press import BadTemplate, TooMuch
from storage import listing, papers
from storage.files import FilesSilent, NoRoom
from storage.listing import Viewer
from storage.papers import PaperFile, PaperState, StoredPaper

routes = Routes()

MEDIA = forming.MEDIA_TYPES.values()


class FileQuery(Given):
    format: Annotated[Format, Field(description="`pdf`, `docx` or `odt`.")] = "pdf"


class WhyAnnulled(Given):
    reason: Annotated[Reason, Field(min_length=1, description="Kept with the document.")]


@dataclass(frozen=True, slots=True)
class Row:
    """`sum`: quantity times price less discount; money and quantities are decimal texts."""

    name: str
    unit: str
    quantity: str
    price: str
    discount: str
    vat: str
    sum: str


@dataclass(frozen=True, slots=True)
class Tax:
    rate: str
    amount: str


@dataclass(frozen=True, slots=True)
class Document:
    """A numbered document. `replaces`: the id of the edition before.

    `ended_at`: when another edition replaced it, or it was annulled, for `end_reason`.
    """

    id: str
    card: str
    number: str
    edition: int
    state: PaperState
    dated: date
    valid_until: date
    entity: str
    total: str
    replaces: str | None
    by: str
    created_at: datetime
    ended_at: datetime | None
    end_reason: str | None
    file: str


@dataclass(frozen=True, slots=True)
class DocumentWithItems(Document):
    """`files`: the formats that it was formed in."""

    customer: str
    manager: str
    items: tuple[Row, ...]
    net: str
    vat: tuple[Tax, ...]
    terms: str
    files: tuple[Format, ...]


@dataclass(frozen=True, slots=True)
class Documents:
    items: tuple[Document, ...]


NO_SUCH_CARD = Problem(404, "There is no such card.")
NO_SUCH_DOCUMENT = Problem(404, "There is no such document.")


@routes.get("/cards/{id}/documents", right="look")
async def list_documents(asked: Asked, path: ById) -> Documents:
    """A card's documents, the newest first."""
    found = await asked.service.database.read(_of_card, asked.viewer, path.id)
    if found is None:
        raise NO_SUCH_CARD
    return Documents(tuple(_document(one) for one in found))


@routes.post("/cards/{id}/documents", right="work", status=201)
async def issue_document(asked: Asked, path: ById) -> DocumentWithItems:
    """Give the card's offer a number and freeze what it says.

    Asked again on the same day with nothing changed, it gives the document that is there. 409: the
    card has no items, or a price that no person has put or confirmed.
    """
    service = asked.service
    await _make_sure_of_card(asked, path.id)
    try:
        paper = await service.database.write(
            within,
            asked.viewer,
            "card",
            path.id,
            issue,
            path.id,
            service.setups.current,
            by=asked.by,
            now=service.clock(),
        )
    except (NoItems, Unconfirmed) as refused:
        raise _not_ready(refused) from None
    files = await service.database.read(papers.files_of, [paper.id])
    return _whole(paper, files.get(paper.id, ()))


@routes.get("/documents/{id}", right="look")
async def get_document(asked: Asked, path: ById) -> DocumentWithItems:
    """A document as it was frozen when it got its number."""
    found = await asked.service.database.read(_found, asked.viewer, path.id)
    if found is None:
        raise NO_SUCH_DOCUMENT
    return _whole(*found)


@routes.file("/documents/{id}/file", right="look", media=MEDIA)
async def get_document_file(asked: Asked, path: ById, query: FileQuery) -> File:
    """A document as a file; formed when it is first asked for, and the same ever after.

    500 says why the template in use cannot form it.
    """
    found = await asked.service.database.read(_found, asked.viewer, path.id)
    if found is None:
        raise NO_SUCH_DOCUMENT
    paper, _ = found
    try:
        one = await forming.form(asked.service, path.id, query.format)
    except (BadTemplate, NoSuchTemplate, NoRoom, FilesSilent) as error:
        raise _not_formed(error) from None
    title = forming.title_of(paper.offer, paper, query.format)
    return File(one.file, one.size, forming.MEDIA_TYPES[query.format], title)


@routes.download("/cards/{id}/offer/preview", right="look", media=MEDIA)
async def preview_offer(asked: Asked, path: ById, query: FileQuery) -> Download:
    """The card's offer as it would be today; it says that its number is still to be given."""
    await _make_sure_of_card(asked, path.id)
    try:
        offer, body = await forming.preview(asked.service, path.id, query.format)
    except NoSuchCard:
        raise NO_SUCH_CARD from None
    except (BadTemplate, NoSuchTemplate) as error:
        raise _not_formed(error) from None
    title = forming.title_of(offer, None, query.format)
    return Download(body, forming.MEDIA_TYPES[query.format], title)


@routes.post("/documents/{id}/annul", right="work")
async def annul_document(asked: Asked, path: ById, body: WhyAnnulled) -> DocumentWithItems:
    """Say that a document does not hold; it stays, and so does its number.

    409: it was annulled before, or another edition replaced it.
    """
    service = asked.service
    found = await service.database.read(_found, asked.viewer, path.id)
    if found is None:
        raise NO_SUCH_DOCUMENT
    _, files = found
    try:
        paper = await service.database.write(
            within,
            asked.viewer,
            "document",
            path.id,
            annul,
            path.id,
            body.reason,
            by=asked.by,
            now=service.clock(),
        )
    except NoSuchPaper:
        raise NO_SUCH_DOCUMENT from None
    except NotInForce as refused:
        raise _not_in_force(refused) from None
    return _whole(paper, files)


@routes.post("/documents/{id}/correct", right="work", status=201)
async def correct_document(asked: Asked, path: ById) -> DocumentWithItems:
    """Make the next edition, `…/2`, of what the card says today; this one is replaced by it.

    409: it was replaced or annulled before, or the card may not be offered as it is.
    """
    service = asked.service
    if await service.database.read(_found, asked.viewer, path.id) is None:
        raise NO_SUCH_DOCUMENT
    try:
        paper = await service.database.write(
            within,
            asked.viewer,
            "document",
            path.id,
            correct,
            path.id,
            service.setups.current,
            by=asked.by,
            now=service.clock(),
        )
    except NoSuchPaper:
        raise NO_SUCH_DOCUMENT from None
    except NotInForce as refused:
        raise _not_in_force(refused) from None
    except (NoItems, Unconfirmed) as refused:
        raise _not_ready(refused) from None
    return _whole(paper, ())


async def _make_sure_of_card(asked: Asked, card: Id) -> None:
    if await asked.service.database.read(listing.find_card, asked.viewer, card) is None:
        raise NO_SUCH_CARD


def _of_card(conn: Connection, viewer: Viewer, card: str) -> tuple[StoredPaper, ...] | None:
    return papers.of_card(conn, card) if listing.find_card(conn, viewer, card) else None


def _found(
    conn: Connection, viewer: Viewer, paper_id: str
) -> tuple[StoredPaper, tuple[PaperFile, ...]] | None:
    """A document of a card that the viewer may read."""
    paper = papers.find(conn, paper_id)
    if paper is None or listing.find_card(conn, viewer, paper.card) is None:
        return None
    return paper, papers.files_of(conn, [paper_id]).get(paper_id, ())


def _not_ready(refused: NoItems | Unconfirmed) -> Problem:
    if isinstance(refused, NoItems):
        return Problem(409, "The card has no items; PUT /cards/{id}/items puts some.")
    message = f"nobody has put or confirmed the price of {len(refused.names)} of them"
    detail = "A price leaves only when a person has put or confirmed it on this card."
    return Problem(409, detail, [FieldProblem("items", message)])


def _not_in_force(refused: NotInForce) -> Problem:
    return Problem(409, f"The document was {refused.state} before.")


def _not_formed(error: Exception) -> Problem:
    if isinstance(error, NoRoom | FilesSilent):
        return Problem(503, f"The file cannot be kept now: {error}", headers={"Retry-After": "60"})
    if isinstance(error, TooMuch):  # perhaps of a machine that has too much to do
        return Problem(503, f"It could not be formed now: {error}", headers={"Retry-After": "60"})
    return Problem(500, f"The template cannot form it: {error}")


def _document(paper: StoredPaper) -> Document:
    offer = paper.offer
    return Document(
        id=paper.id,
        card=paper.card,
        number=paper.label,
        edition=paper.edition,
        state=paper.state,
        dated=paper.dated,
        valid_until=offer.valid_until,
        entity=offer.entity.key,
        total=str(offer.totals.total),
        replaces=paper.replaces,
        by=paper.by,
        created_at=paper.created_at,
        ended_at=paper.ended_at,
        end_reason=paper.end_reason,
        file=f"{PREFIX}/documents/{paper.id}/file",
    )


def _whole(paper: StoredPaper, files: tuple[PaperFile, ...]) -> DocumentWithItems:
    short, offer = _document(paper), paper.offer
    return DocumentWithItems(
        **{name: getattr(short, name) for name in Document.__slots__},
        customer=offer.customer.company or offer.customer.name,
        manager=offer.sender.key,
        items=_rows(offer),
        net=str(offer.totals.net),
        vat=tuple(Tax(rate, str(amount)) for rate, amount in offer.totals.vat),
        terms=offer.terms,
        files=tuple(one.format for one in files),
    )


def _rows(offer: Offer) -> tuple[Row, ...]:
    return tuple(
        Row(
            one.name,
            one.unit,
            str(one.quantity),
            str(one.price),
            str(one.discount),
            one.vat,
            str(sum_of(one)),
        )
        for one in offer.items
    )
