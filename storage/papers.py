"""Documents with a number, the files that they were formed into, and what they are made of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from sqlalchemy import Connection, select, update

from callrouter.domain.offers import Format, Offer
from storage import rows
from storage.documents import read_offer, write_offer
from storage.tables import (
    card,
    contact,
    contact_email,
    contact_phone,
    document,
    document_file,
    membership,
)

PaperState = Literal["issued", "replaced", "annulled"]

OFFER = "offer"


@dataclass(frozen=True, slots=True)
class StoredPaper:
    """A numbered document. `n`: the bare number; `label`: as it is written, with its edition.

    `replaces`: the id of the edition before; `ended_at`, `end_reason`: of one replaced or annulled.
    """

    id: str
    card: str
    series: str
    n: int
    edition: int
    label: str
    dated: date
    offer: Offer
    template: str
    by: str
    created_at: datetime
    state: PaperState = "issued"
    replaces: str | None = None
    ended_at: datetime | None = None
    end_reason: str | None = None


@dataclass(frozen=True, slots=True)
class PaperFile:
    """A document in a format, as it was formed. `file`: its name among ours."""

    document: str
    format: Format
    file: str
    size: int
    digest: str
    at: datetime


@dataclass(frozen=True, slots=True)
class CardOfPaper:
    """What of a card stands on paper."""

    id: str
    number: int
    contact: str | None
    manager: str | None
    office: str | None
    entity: str | None


@dataclass(frozen=True, slots=True)
class Addressee:
    """A contact as a letter needs him. `company`: of whom he is, or he himself is the company."""

    kind: str
    name: str
    first_name: str | None
    middle_name: str | None
    last_name: str | None
    confirmed: bool
    company: str
    inn: str | None
    email: str | None
    phones: tuple[str, ...]


# What a document is made of


def card_of(conn: Connection, card_id: str) -> CardOfPaper | None:
    c = card.c
    row = conn.execute(
        select(c.id, c.number, c.contact, c.manager, c.office, c.entity).where(c.id == card_id)
    ).one_or_none()
    if row is None:
        return None
    return CardOfPaper(row.id, row.number, row.contact, row.manager, row.office, row.entity)


def addressee(conn: Connection, contact_id: str) -> Addressee | None:
    """Whom a contact's letters speak to, and how he is reached."""
    c, m, e, p = contact.c, membership.c, contact_email.c, contact_phone.c
    row = conn.execute(
        select(
            c.kind,
            c.name,
            c.first_name,
            c.middle_name,
            c.last_name,
            c.name_confirmed,
            c.inn,
        ).where(c.id == contact_id)
    ).one_or_none()
    if row is None:
        return None
    of = conn.execute(
        select(c.name, c.inn)
        .join_from(membership, contact, m.company == c.id)
        .where(m.person == contact_id, c.merged_into.is_(None))
        .order_by(m.company)
    ).first()
    emails = conn.scalars(
        select(e.email).where(e.contact == contact_id).order_by(e.created_at, e.email)
    )
    phones = conn.scalars(
        select(p.number).where(p.contact == contact_id).order_by(p.created_at, p.number)
    )
    is_company = row.kind == "company"
    return Addressee(
        kind=row.kind,
        name=row.name,
        first_name=row.first_name,
        middle_name=row.middle_name,
        last_name=row.last_name,
        confirmed=row.name_confirmed,
        company=row.name if is_company else (of.name if of else ""),
        inn=row.inn or (of.inn if of and not is_company else None),
        email=next(iter(emails), None),
        phones=tuple(phones),
    )


# Documents


def add(conn: Connection, paper: StoredPaper) -> None:
    """Keep a document that just got its number."""
    rows.add(
        conn,
        document,
        [
            {
                "id": paper.id,
                "kind": OFFER,
                "series": paper.series,
                "number": paper.n,
                "edition": paper.edition,
                "state": paper.state,
                "card": paper.card,
                "created_at": paper.created_at,
                "entity": paper.offer.entity.key,
                "label": paper.label,
                "dated": paper.dated,
                "data": write_offer(paper.offer),
                "template": paper.template,
                "by": paper.by,
                "replaces": paper.replaces,
            }
        ],
    )


def find(conn: Connection, paper_id: str) -> StoredPaper | None:
    row = conn.execute(select(document).where(document.c.id == paper_id)).one_or_none()
    return read(row) if row else None


def of_card(conn: Connection, card_id: str) -> tuple[StoredPaper, ...]:
    """A card's documents, the newest first."""
    c = document.c
    found = conn.execute(
        select(document)
        .where(c.card == card_id)
        .order_by(c.created_at.desc(), c.edition.desc(), c.id.desc())
    )
    return tuple(read(row) for row in found)


def end(
    conn: Connection, paper_id: str, state: PaperState, reason: str | None, *, now: datetime
) -> bool:
    """Annul a document or say that it was replaced; False where it was not in force any more."""
    c = document.c
    ended = conn.execute(
        update(document)
        .where(c.id == paper_id, c.state == "issued")
        .values(state=state, ended_at=now, end_reason=reason)
    )
    return bool(ended.rowcount)


def read(row: Any) -> StoredPaper:  # noqa: ANN401  a row of `document`
    return StoredPaper(
        id=row.id,
        card=row.card,
        series=row.series,
        n=row.number,
        edition=row.edition,
        label=row.label,
        dated=row.dated,
        offer=read_offer(row.data),
        template=row.template or OFFER,
        by=row.by,
        created_at=row.created_at,
        state=row.state,
        replaces=row.replaces,
        ended_at=row.ended_at,
        end_reason=row.end_reason,
    )


# Their files


def files_of(conn: Connection, papers: Iterable[str]) -> dict[str, tuple[PaperFile, ...]]:
    """What each of these documents was formed into."""
    c = document_file.c
    found: dict[str, list[PaperFile]] = {}
    for row in conn.execute(
        select(document_file).where(c.document.in_(sorted(set(papers)))).order_by(c.format)
    ):
        found.setdefault(row.document, []).append(_file(row))
    return {paper: tuple(files) for paper, files in found.items()}


def file_of(conn: Connection, paper_id: str, fmt: Format) -> PaperFile | None:
    c = document_file.c
    row = conn.execute(
        select(document_file).where(c.document == paper_id, c.format == fmt)
    ).one_or_none()
    return _file(row) if row else None


def keep_file(conn: Connection, one: PaperFile) -> None:
    """Say where a document's file lies; one that was lost or spoilt gives way to it."""
    rows.put(
        conn,
        document_file,
        [
            {
                "document": one.document,
                "format": one.format,
                "file": one.file,
                "size": one.size,
                "digest": one.digest,
                "at": one.at,
            }
        ],
    )


def _file(row: Any) -> PaperFile:  # noqa: ANN401  a row of `document_file`
    return PaperFile(row.document, row.format, row.file, row.size, row.digest, row.at)
