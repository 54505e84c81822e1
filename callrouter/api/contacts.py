"""`/contacts`: people and companies, and the numbers that they call from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from callrouter.api.fields import ById, Given, Id, Key, Paged, Text
from callrouter.api.layer import READERS, WRITERS, Asked, Reply, Routes
from callrouter.api.leads import Email, ExternalId, Long, system_of, unfit
from callrouter.api.problems import Problem
from callrouter.flows.people import BadFields, NoSuchContact, Person, Stale, change, save
from storage import listing
from storage.listing import ContactView

routes = Routes()

NO_SUCH_CONTACT = Problem(404, "There is no such contact.")


class ContactsQuery(Paged):
    phone: Annotated[
        Text | None,
        Field(description="Who has this number, in any spelling; nobody, if it cannot be read."),
    ] = None
    q: Annotated[
        Text | None, Field(description="Words of the name, a number or part of one, an e-mail.")
    ] = None
    cursor: Id | None = None


def _worded(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty")
    return text.strip()


Tag = Annotated[Key, AfterValidator(_worded)]
_SOME = Field(max_length=50)


class _Details(Given):
    kind: Literal["person", "company"] = "person"
    relation: Literal["client", "supplier", "partner", "staff", "other"] = "client"
    name: Text | None = None
    responsible: Annotated[
        Key | None, Field(description="The key of an active manager; null: nobody.")
    ] = None
    inn: Annotated[Key | None, Field(description="10 digits of a company, 12 of a person.")] = None
    comment: Long | None = None
    position: Text | None = None
    company: Annotated[
        Text | None, Field(description="The name of his company; it is made, if there is none.")
    ] = None
    phones: Annotated[tuple[Text, ...], _SOME] = ()
    emails: Annotated[tuple[Email, ...], _SOME] = ()
    tags: Annotated[tuple[Tag, ...], _SOME] = ()

    def person(self, given: frozenset[str]) -> Person:
        return Person(
            given=given - {"external_id", "version"},
            kind=self.kind,
            relation=self.relation,
            name=self.name,
            responsible=self.responsible or None,
            inn=self.inn or None,
            comment=self.comment or None,
            position=self.position or None,
            company=self.company or None,
            phones=self.phones,
            emails=self.emails,
            tags=self.tags,
        )


class ContactToSave(_Details):
    external_id: Annotated[
        ExternalId | None, Field(description="The program's own id of the contact.")
    ] = None


class ContactToChange(_Details):
    version: Annotated[
        int | None, Field(ge=1, le=2**31 - 1, description="The one that was read; absent: any.")
    ] = None


@dataclass(frozen=True, slots=True)
class Contact:
    """`company`: the name of the one whose person he is."""

    id: str
    kind: str
    relation: str
    name: str
    phones: tuple[str, ...]
    emails: tuple[str, ...]
    tags: tuple[str, ...]
    responsible: str | None
    inn: str | None
    position: str | None
    company: str | None
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


@routes.post("/contacts", roles=WRITERS, status=201, others=(200,))
async def save_contact(asked: Asked, body: ContactToSave) -> Reply[Contact]:
    """Make a contact (201), or bring the one up to date that is meant (200).

    It is known by `external_id`, which is the token's own, else by the first of `phones` that
    somebody has: of several people one whose name may be the same. Who has another `external_id` of
    this token is somebody else. Of a known contact phones, e-mails and tags are added to, what else
    is given is replaced.
    """
    service = asked.service
    given = frozenset(name for name in body.model_fields_set if getattr(body, name) is not None)
    try:
        saved = await service.database.write(
            save,
            body.person(given),
            service.setups.current,
            system=system_of(asked),
            external_id=body.external_id,
            by=asked.by,
            now=service.clock(),
        )
    except BadFields as bad:
        raise unfit(bad) from None
    return Reply(await _found(asked, saved.contact), 201 if saved.new else 200)


@routes.patch("/contacts/{id}", roles=WRITERS)
async def change_contact(asked: Asked, path: ById, body: ContactToChange) -> Contact:
    """Replace what is given of a contact; null empties a field, lists are replaced whole.

    With a `version` that is not the contact's any more nothing is changed: 409.
    """
    service = asked.service
    try:
        await service.database.write(
            change,
            path.id,
            body.person(frozenset(body.model_fields_set)),
            service.setups.current,
            version=body.version,
            by=asked.by,
            now=service.clock(),
        )
    except BadFields as bad:
        raise unfit(bad) from None
    except NoSuchContact:
        raise NO_SUCH_CONTACT from None
    except Stale as stale:
        raise Problem(409, str(stale)) from None
    return await _found(asked, path.id)


async def _found(asked: Asked, contact_id: str) -> Contact:
    view = await asked.service.database.read(listing.find_contact, asked.viewer, contact_id)
    if view is None:
        raise NO_SUCH_CONTACT
    return _contact(view)


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
        inn=view.inn,
        position=view.position,
        company=view.company,
        comment=view.comment,
        created_at=view.created_at,
        updated_at=view.updated_at,
        version=view.version,
    )
