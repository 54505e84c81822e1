"""`/contacts`: people and companies, and the numbers that they call from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from sqlalchemy import Connection

from callrouter.api.fields import ById, Given, Id, Key, OwnFields, OwnValue, Paged, Text
from callrouter.api.layer import Asked, Reply, Routes
from callrouter.api.leads import Email, ExternalId, Long, system_of, unfit
from callrouter.api.problems import Problem
from callrouter.domain.email_hints import likely_meant
from callrouter.domain.phones import read_number
from callrouter.domain.setup import CustomField, Setup
from callrouter.flows import people
from callrouter.flows.edit_contact import Parts, attach_number, write_parts
from callrouter.flows.erasing import erase_contact as erase
from callrouter.flows.fields import Given as OwnGiven
from callrouter.flows.fields import change_contact as change_contact_with
from callrouter.flows.fields import save_contact as save_contact_with
from callrouter.flows.new_by_hand import doubles
from callrouter.flows.no_such import NoSuchContact
from callrouter.flows.people import BadFields, Person, Saved, Stale, Wrong
from callrouter.flows.seeing import check_giving, check_seen, within
from storage import fields as own_fields
from storage import listing, listing_clients, profiles
from storage.fields import Value
from storage.listing import ContactView, Slice, Viewer
from storage.listing_contacts import Choice
from storage.profiles import Names, Phone

routes = Routes()

NO_SUCH_CONTACT = Problem(404, "There is no such contact.")


Kind = Literal["person", "company"]
Relation = Literal["client", "supplier", "partner", "staff", "other"]


class ContactsQuery(Paged):
    phone: Annotated[
        Text | None,
        Field(description="Who has this number, in any spelling; nobody, if it cannot be read."),
    ] = None
    q: Annotated[
        Text | None, Field(description="Words of the name, a number or part of one, an e-mail.")
    ] = None
    kind: Kind | None = None
    relation: Relation | None = None
    responsible: Annotated[
        Key | None, Field(description="The key of a manager; empty: nobody's.")
    ] = None
    tag: Key | None = None
    cursor: Id | None = None

    @property
    def choice(self) -> Choice:
        return Choice(self.kind, self.relation, self.responsible, self.tag)


def _worded(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty")
    return text.strip()


Tag = Annotated[Key, AfterValidator(_worded)]
_SOME = Field(max_length=50)


Part = Annotated[Text | None, Field(description="A part of a person's name.")]
_CONFIRMED = "name_confirmed"
_NAMES = {
    "first_name": "first",
    "middle_name": "middle",
    "last_name": "last",
    _CONFIRMED: "confirmed",
}


class _Details(Given):
    kind: Kind = "person"
    relation: Relation = "client"
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
    first_name: Part = None
    middle_name: Part = None
    last_name: Part = None
    name_confirmed: Annotated[
        bool, Field(description="Somebody looked at the name; letters greet by what was looked at.")
    ] = False
    phone_labels: Annotated[
        dict[Text, Annotated[str, Field(max_length=64)]],
        Field(
            default_factory=dict,
            max_length=50,
            description="What a number is for, by the number: those not named stay as they are.",
        ),
    ]
    fields: Annotated[
        OwnFields,
        Field(
            default_factory=dict,
            description="The contact's own fields; those not named stay as they are.",
        ),
    ]

    def parts(self) -> Parts:
        given = self.model_fields_set & _NAMES.keys()
        return Parts(
            {_NAMES[name]: getattr(self, name) or None for name in sorted(given - {_CONFIRMED})},
            self.name_confirmed if _CONFIRMED in given else None,
            self.phone_labels,
        )

    def person(self, given: frozenset[str]) -> Person:
        return Person(
            given=given - {"external_id", "version", "fields", "phone_labels", *_NAMES},
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
    """`company`: the name of the one whose person he is; `fields`: own ones that have a value;
    `phone_labels`: what a number is for, of those of which that is said.
    """

    id: str
    kind: str
    relation: str
    name: str
    first_name: str | None
    middle_name: str | None
    last_name: str | None
    name_confirmed: bool
    phones: tuple[str, ...]
    phone_labels: dict[str, str]
    emails: tuple[str, ...]
    tags: tuple[str, ...]
    responsible: str | None
    inn: str | None
    position: str | None
    company: str | None
    comment: str | None
    fields: dict[str, OwnValue]
    created_at: datetime
    updated_at: datetime
    version: int


@dataclass(frozen=True, slots=True)
class ContactPage:
    items: tuple[Contact, ...]
    next: str | None


@routes.get("/contacts", right="look")
async def list_contacts(asked: Asked, query: ContactsQuery) -> ContactPage:
    """Contacts, the newest first."""
    service = asked.service
    found, more = await service.database.read(
        _listed,
        asked.viewer,
        service.setups.current.field,
        query,
        service.setups.current.company.region,
    )
    last = found.items[-1].id if found.more else None
    return ContactPage(tuple(_contact(view, more) for view in found.items), last)


class DoublesQuery(Given):
    phone: Annotated[Text | None, Field(description="In any spelling.")] = None
    email: Email | None = None
    inn: Key | None = None
    besides: Annotated[Id | None, Field(description="Who has it himself: a known contact.")] = None


@dataclass(frozen=True, slots=True)
class Double:
    """Who has `value`, a phone, an e-mail or an INN. `id` and `name` null: he is somebody else's,
    and who asks may not see him; `responsible` can say more.
    """

    by: listing_clients.By
    value: str
    id: str | None
    name: str | None
    responsible: str | None


@dataclass(frozen=True, slots=True)
class Doubles:
    """`email_meant`: the address that was probably meant, where it looks like a slip."""

    items: tuple[Double, ...]
    email_meant: str | None


@routes.get("/doubles", right="work")
async def find_doubles(asked: Asked, query: DoublesQuery) -> Doubles:
    """Who is known already by what a new contact would have. What cannot be read is nobody's."""
    service = asked.service
    phones, emails = ((one,) if one else () for one in (query.phone, query.email))
    inn = "".join((query.inn or "").split()) or None
    found = await service.database.read(
        doubles,
        asked.viewer,
        Person(given=frozenset(), phones=phones, emails=emails, inn=inn),
        service.setups.current,
        besides=query.besides,
    )
    return Doubles(
        tuple(_double(one) for one in found), likely_meant(query.email) if query.email else None
    )


def _double(one: listing_clients.Same) -> Double:
    who = one.contact
    return Double(one.by, one.value, who.id or None, who.name or None, who.responsible)


@routes.get("/contacts/{id}", right="look")
async def get_contact(asked: Asked, path: ById) -> Contact:
    """One contact."""
    return await _found(asked, path.id)


@routes.post("/contacts", right="work", status=201, others=(200,))
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
            _save,
            asked.viewer,
            body.person(given),
            body.fields,
            body.parts(),
            service.setups.current,
            system=system_of(asked),
            external_id=body.external_id,
            by=asked.by,
            now=service.clock(),
        )
    except BadFields as bad:
        raise unfit(bad) from None
    return Reply(await _found(asked, saved.contact), 201 if saved.new else 200)


@routes.patch("/contacts/{id}", right="work")
async def change_contact(asked: Asked, path: ById, body: ContactToChange) -> Contact:
    """Replace what is given of a contact; null empties a field, lists are replaced whole.

    With a `version` that is not the contact's any more nothing is changed: 409.
    """
    service = asked.service
    try:
        await service.database.write(
            within,
            asked.viewer,
            "contact",
            path.id,
            _change,
            asked.viewer,
            path.id,
            body.person(frozenset(body.model_fields_set)),
            body.fields,
            body.parts(),
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


class NumberToGive(Given):
    phone: Annotated[Text, Field(description="In any spelling.")]
    label: Annotated[str, Field(max_length=64, description="What it is for.")] = ""
    take_from: Annotated[
        tuple[Id, ...],
        Field(max_length=20, description="Who has it no more; all others keep it as well."),
    ] = ()


@routes.post("/contacts/{id}/phones", right="work")
async def give_number(asked: Asked, path: ById, body: NumberToGive) -> Contact:
    """Say whose a number is: one more of this contact's, and no longer those others'."""
    service = asked.service
    setup = service.setups.current
    number = read_number(body.phone, setup.company.region)
    if number is None:
        raise unfit(BadFields(Wrong("phone", "is no number of a public network")))
    try:
        await service.database.write(
            _give_number, asked.viewer, path.id, number, body, setup, asked.by, service.clock()
        )
    except NoSuchContact:
        raise NO_SUCH_CONTACT from None
    return await _found(asked, path.id)


def _give_number(
    conn: Connection,
    viewer: Viewer,
    contact_id: str,
    number: str,
    body: NumberToGive,
    setup: Setup,
    by: str,
    now: datetime,
) -> None:
    givers = body.take_from
    attach_number(conn, viewer, number, contact_id, take_from=givers, setup=setup, by=by, now=now)
    if body.label:
        labels = Parts(labels={number: body.label})
        write_parts(conn, contact_id, labels, setup, by=by, now=now)


@dataclass(frozen=True, slots=True)
class Erased:
    """`recordings`: how many of the contact's calls were deleted; `shared_cards`: how many cards,
    on which others stand as well, keep their notes and files.
    """

    contact: str
    recordings: int
    shared_cards: int


@routes.post("/contacts/{id}/erase", right="delete")
async def erase_contact(asked: Asked, path: ById) -> Erased:
    """Forget who a contact is: name, numbers, addresses, own fields, recordings of the calls.

    Notes and files go with the cards on which nobody else stands. Cards, calls with their numbers,
    letters and documents stay. There is no way back.
    """
    try:
        gone = await asked.service.database.write(
            within,
            asked.viewer,
            "contact",
            path.id,
            erase,
            path.id,
            by=asked.by,
            now=asked.service.clock(),
        )
    except NoSuchContact:
        raise NO_SUCH_CONTACT from None
    return Erased(path.id, gone.recordings, gone.shared_cards)


def _save(
    conn: Connection,
    viewer: Viewer,
    sent: Person,
    own: Mapping[str, OwnGiven],
    parts: Parts,
    setup: Setup,
    *,
    system: str,
    external_id: str | None,
    by: str,
    now: datetime,
) -> Saved:
    """Raises BadFields, MayNot; NotSeen where the contact who is meant is somebody else's."""
    if viewer.people is not None:
        known = people.meant(conn, sent, setup, system=system, external_id=external_id)
        if known is not None:
            check_seen(conn, viewer, "contact", known[0])
        if "responsible" in sent.given:
            check_giving(viewer, known[1].responsible if known else None, sent.responsible)
    saved = save_contact_with(
        conn, sent, own, setup, system=system, external_id=external_id, by=by, now=now
    )
    write_parts(conn, saved.contact, parts, setup, by=by, now=now)
    return saved


def _change(
    conn: Connection,
    viewer: Viewer,
    contact_id: str,
    sent: Person,
    own: Mapping[str, OwnGiven],
    parts: Parts,
    setup: Setup,
    *,
    version: int | None,
    by: str,
    now: datetime,
) -> None:
    found = profiles.find(conn, contact_id)
    if found is not None and "responsible" in sent.given:
        check_giving(viewer, found[0].responsible, sent.responsible)
    change_contact_with(conn, contact_id, sent, own, setup, version=version, by=by, now=now)
    write_parts(conn, contact_id, parts, setup, by=by, now=now)


@dataclass(frozen=True, slots=True)
class _More:
    """What belongs to contacts beside their view, each by the contact's id."""

    own: Mapping[str, dict[str, Value]]
    names: Mapping[str, Names]
    phones: Mapping[str, Sequence[Phone]]


def _more(conn: Connection, ids: Sequence[str], defined: Sequence[CustomField]) -> _More:
    return _More(
        own_fields.values_of(conn, ids, defined),
        profiles.names_by_id(conn, ids),
        profiles.phones_of(conn, ids),
    )


def _listed(
    conn: Connection,
    viewer: Viewer,
    defined: Sequence[CustomField],
    query: ContactsQuery,
    region: str,
) -> tuple[Slice[ContactView], _More]:
    found = listing.list_contacts(
        conn,
        viewer,
        phone=query.phone,
        q=query.q,
        choice=query.choice,
        region=region,
        after=query.cursor,
        limit=query.limit,
    )
    return found, _more(conn, [one.id for one in found.items], defined)


def _one(
    conn: Connection, viewer: Viewer, contact_id: str, defined: Sequence[CustomField]
) -> tuple[ContactView, _More] | None:
    found = listing.find_contact(conn, viewer, contact_id)
    return (found, _more(conn, [contact_id], defined)) if found else None


async def _found(asked: Asked, contact_id: str) -> Contact:
    """As it is after a change of his, which may have taken it out of his sight."""
    service = asked.service
    viewer = replace(asked.viewer, people=None)
    found = await service.database.read(_one, viewer, contact_id, service.setups.current.field)
    if found is None:
        raise NO_SUCH_CONTACT
    return _contact(*found)


def _contact(view: ContactView, more: _More) -> Contact:
    names, phones = more.names.get(view.id, Names()), more.phones.get(view.id, ())
    return Contact(
        id=view.id,
        kind=view.kind,
        relation=view.relation,
        name=view.name,
        first_name=names.first,
        middle_name=names.middle,
        last_name=names.last,
        name_confirmed=names.confirmed,
        phones=view.phones,
        phone_labels={one.number: one.label for one in phones if one.label},
        emails=view.emails,
        tags=view.tags,
        responsible=view.responsible,
        inn=view.inn,
        position=view.position,
        company=view.company,
        comment=view.comment,
        fields=more.own.get(view.id, {}),
        created_at=view.created_at,
        updated_at=view.updated_at,
        version=view.version,
    )
