"""`/contacts`: people and companies, and the numbers that they call from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import Field

from callrouter.api.fields import Id, Paged, Text
from callrouter.api.layer import READERS, Asked, Routes
from storage import listing
from storage.listing import ContactView

routes = Routes()


class ContactsQuery(Paged):
    phone: Annotated[
        Text | None,
        Field(description="Who has this number, in any spelling; nobody, if it cannot be read."),
    ] = None
    q: Annotated[
        Text | None, Field(description="Words of the name, a number or part of one, an e-mail.")
    ] = None
    cursor: Id | None = None


@dataclass(frozen=True, slots=True)
class Contact:
    id: str
    kind: str
    relation: str
    name: str
    phones: tuple[str, ...]
    emails: tuple[str, ...]
    tags: tuple[str, ...]
    responsible: str | None
    comment: str | None
    created_at: datetime
    updated_at: datetime
    version: int


@dataclass(frozen=True, slots=True)
class ContactPage:
    items: tuple[Contact, ...]
    next: str | None


@routes.get("/contacts", roles=READERS)
async def list_contacts(asked: Asked, query: ContactsQuery) -> ContactPage:
    """Contacts, the newest first."""
    service = asked.service
    found = await service.database.read(
        listing.list_contacts,
        asked.viewer,
        phone=query.phone,
        q=query.q,
        region=service.setups.current.company.region,
        after=query.cursor,
        limit=query.limit,
    )
    last = found.items[-1].id if found.more else None
    return ContactPage(tuple(_contact(view) for view in found.items), last)


def _contact(view: ContactView) -> Contact:
    return Contact(
        id=view.id,
        kind=view.kind,
        relation=view.relation,
        name=view.name,
        phones=view.phones,
        emails=view.emails,
        tags=view.tags,
        responsible=view.responsible,
        comment=view.comment,
        created_at=view.created_at,
        updated_at=view.updated_at,
        version=view.version,
    )
