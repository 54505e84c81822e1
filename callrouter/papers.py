"""Documents as files: formed once and kept, the same bytes ever after."""

from __future__ import annotations

import asyncio
import hashlib
import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal

from callrouter.domain.offers import Format, Offer
from callrouter.flows.documents import NoSuchPaper, draft
from callrouter.flows.templates import images_of, templates_of
from callrouter.wording.offers import paper_title
from storage import notices, papers
from storage.notices import Happening
from storage.papers import OFFER, PaperFile, StoredPaper

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.setup import Setup
    from callrouter.forming.press import Template
    from callrouter.service import Service
    from storage.files import Files

OURS: Final = "callrouter"
"""Who forms a lost file anew."""

MEDIA_TYPES: Final[dict[Format, str]] = {
    "pdf": "application/pdf",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "odt": "application/vnd.oasis.opendocument.text",
}

_NOT_IN_NAMES: Final = re.compile(r"[/\\:*?<>|]+")
_LONGEST_CUSTOMER: Final = 120  # bytes, so that file systems take the whole name

Lost = Literal["missing", "spoilt"]


@dataclass(frozen=True, slots=True)
class _Found:
    paper: StoredPaper
    file: PaperFile | None
    template: Template


async def form(service: Service, paper_id: str, fmt: Format) -> PaperFile:
    """A document's file; formed and kept if there is none yet.

    One that is gone or is not what was kept is formed anew of what was frozen, from the template
    that it was formed from, and that is recorded. Raises NoSuchPaper, NoSuchTemplate, BadTemplate,
    NoRoom, FilesSilent.
    """
    kept = await service.database.read(papers.file_of, paper_id, fmt)
    lost = await asyncio.to_thread(_lost, service.files, kept) if kept else None
    if kept and not lost:
        return kept
    found = await service.database.read(_find, paper_id, fmt)
    body = await service.press.offer(found.paper.offer, found.template, fmt)
    now = service.clock()
    made = _described(found.paper, fmt, body, now)
    await asyncio.to_thread(_keep, service.files, made.file, body)
    return await service.database.write(_note, made, found.file, lost, found.paper.card, now=now)


async def read(service: Service, one: PaperFile) -> bytes:
    """What is in a file. Raises FileNotFoundError, FilesSilent."""
    return await asyncio.to_thread(_read, service.files, one.file)


async def preview(
    service: Service, card_id: str, fmt: Format, *, template: Template | None = None
) -> tuple[Offer, bytes]:
    """The card's offer as it would be today, without a number, as a file that is not kept.

    `template`: another than the one in use. Raises NoSuchCard, NoSuchTemplate, BadTemplate.
    """
    setup, now = service.setups.current, service.clock()
    offer, chosen = await service.database.read(_drafted, card_id, fmt, setup, template, now=now)
    return offer, await service.press.offer(offer, chosen, fmt)


def title_of(offer: Offer, paper: StoredPaper | None, fmt: Format) -> str:
    """What a file is called by who gets it: `КП № 15 от 12.03.2026 — Ромашка.pdf`."""
    number = ""
    if paper:
        number = str(paper.n) if paper.edition == 1 else f"{paper.n}-{paper.edition}"
    customer = _tidy(offer.customer.company or offer.customer.name)
    return f"{paper_title(number, offer.dated, customer, language=offer.language)}.{fmt}"


def _tidy(name: str) -> str:
    """As much of a name as any file system takes: no signs of paths, nothing that is not seen."""
    seen = "".join(one for one in name if (one.isprintable() and one != '"') or one.isspace())
    plain = " ".join(_NOT_IN_NAMES.sub("-", seen).split())
    return plain.encode()[:_LONGEST_CUSTOMER].decode(errors="ignore").strip(" .-")


def _find(conn: Connection, paper_id: str, fmt: Format) -> _Found:
    paper = papers.find(conn, paper_id)
    if paper is None:
        raise NoSuchPaper
    kept = papers.file_of(conn, paper_id, fmt)
    offer, at = paper.offer, kept.at if kept else None
    logo = offer.entity.logo
    template = templates_of(conn, paper.template, fmt, offer.language, logo=logo, at=at)
    return _Found(paper, kept, template)


def _drafted(
    conn: Connection,
    card_id: str,
    fmt: Format,
    setup: Setup,
    template: Template | None,
    *,
    now: datetime,
) -> tuple[Offer, Template]:
    offer = draft(conn, card_id, setup, now=now)
    logo = offer.entity.logo
    if template:
        return offer, replace(template, images=images_of(conn, logo))
    return offer, templates_of(conn, OFFER, fmt, offer.language, logo=logo)


def _described(paper: StoredPaper, fmt: Format, body: bytes, now: datetime) -> PaperFile:
    """By its digest in its name no file ever takes the place of another."""
    digest = hashlib.sha256(body).hexdigest()
    name = f"documents/{digest[:2]}/{paper.id}-{digest[:16]}.{fmt}"
    return PaperFile(paper.id, fmt, name, len(body), digest, now)


def _note(
    conn: Connection,
    made: PaperFile,
    before: PaperFile | None,
    lost: Lost | None,
    card: str,
    *,
    now: datetime,
) -> PaperFile:
    """Say where the file lies. Whoever was quicker to form it is believed."""
    kept = papers.file_of(conn, made.document, made.format)
    if kept and (lost is None or kept != before):
        return kept
    papers.keep_file(conn, made)
    if lost and before:
        same = "same" if made.digest == before.digest else "other"
        data = {"document": made.document, "format": made.format, "was": lost, "now": same}
        happened = Happening("document_formed_anew", now, OURS, card=card, data=data)
        notices.record(conn, [happened], now=now)
    return made


# The files; all of it waits for the disk or the network.


def _lost(files: Files, one: PaperFile) -> Lost | None:
    try:
        body = _read(files, one.file)
    except FileNotFoundError:
        return "missing"
    return None if hashlib.sha256(body).hexdigest() == one.digest else "spoilt"


def _read(files: Files, name: str) -> bytes:
    return b"".join(files.read(name))


def _keep(files: Files, name: str, body: bytes) -> None:
    draft_ = files.begin()
    try:
        draft_.write(body)
        draft_.keep(name)
    finally:
        draft_.drop()
