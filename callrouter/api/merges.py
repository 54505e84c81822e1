"""Two contacts made one and two again; what a contact agreed to; whose a number is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from callrouter.api.fields import ById, Given, Id, Key, Note
from callrouter.api.layer import Asked, Routes
from callrouter.api.leads import unfit
from callrouter.api.problems import FieldProblem, Problem
from callrouter.domain.merging import NoQuestion
from callrouter.flows.edit_contact import (
    NoNumber,
    attach_call,
    give_consent,
    withdraw_consent,
)
from callrouter.flows.merge import (
    CannotUndo,
    NoSuchMerge,
    Preview,
    SameContact,
    foresee,
    merge_contacts,
    undo_merge,
)
from callrouter.flows.no_such import NoSuchCall, NoSuchContact
from callrouter.flows.people import BadFields
from callrouter.flows.seeing import within
from storage import consents

routes = Routes()

NO_SUCH_CONTACT = Problem(404, "There is no such contact.")


class ToMerge(Given):
    other: Annotated[Id, Field(description="The contact that goes into this one.")]
    fields: Annotated[
        dict[Key, Literal["kept", "gone", "both"]],
        Field(
            default_factory=dict,
            max_length=100,
            description='Whose value is taken where they differ: "kept" is this one\'s, "gone" the '
            'other\'s; a comment may be "both". An own field is called `fields.KEY`.',
        ),
    ]
    dry_run: Annotated[bool, Field(description="Only tell what would become of it.")] = False


@dataclass(frozen=True, slots=True)
class Difference:
    field: str
    kept: str
    gone: str
    choice: str


@dataclass(frozen=True, slots=True)
class Merged:
    """`merge` null: a dry run. `moves`: how many of each noun come with the other one."""

    merge: str | None
    contact: str
    name: str
    differences: tuple[Difference, ...]
    moves: dict[str, int]


@dataclass(frozen=True, slots=True)
class Stayed:
    what: str
    n: int


@dataclass(frozen=True, slots=True)
class Undone:
    """`stays`: what changed since, and was left as it is."""

    merge: str
    kept: str
    gone: str
    stays: tuple[Stayed, ...]


@routes.post("/contacts/{id}/merge", right="merge")
async def merge_contact(asked: Asked, path: ById, body: ToMerge) -> Merged:
    """Join another contact into this one, with all that hangs on it.

    The other one is found no more; its calls, cards, tasks and letters are this one's. It can be
    undone.
    """
    service = asked.service
    try:
        preview = await service.database.read(
            foresee, asked.viewer, path.id, body.other, body.fields
        )
        if body.dry_run:
            return _merged(preview, None)
        merge = await service.database.write(
            merge_contacts,
            asked.viewer,
            path.id,
            body.other,
            service.setups.current,
            choices=body.fields,
            by=asked.by,
            now=service.clock(),
        )
    except NoSuchContact:
        raise NO_SUCH_CONTACT from None
    except SameContact:
        one = FieldProblem("other", "is this very contact; allowed: another one")
        raise Problem(422, "A contact is not joined into itself.", (one,)) from None
    except NoQuestion as wrong:
        allowed = ", ".join(wrong.allowed) or "nothing, as they agree"
        one = FieldProblem(f"fields.{wrong.field}", f"cannot be chosen; allowed: {allowed}")
        raise Problem(422, "The two do not differ so.", (one,)) from None
    return _merged(preview, merge)


def _merged(found: Preview, merge: str | None) -> Merged:
    return Merged(
        merge,
        found.kept.id,
        found.joined.side.name,
        tuple(Difference(it.field, it.kept, it.gone, it.choice) for it in found.questions),
        dict(found.moves),
    )


@routes.post("/merges/{id}/undo", right="merge")
async def undo_contact_merge(asked: Asked, path: ById) -> Undone:
    """Take two contacts apart that were joined; what has not changed since goes back.

    Of several merges into one contact the newest is undone first: 409.
    """
    service = asked.service
    try:
        done = await service.database.write(
            undo_merge, asked.viewer, path.id, by=asked.by, now=service.clock()
        )
    except NoSuchMerge:
        raise Problem(404, "There is no such merge.") from None
    except CannotUndo as cannot:
        later = f"The merge {cannot.later} must be undone first."
        raise Problem(409, later if cannot.later else "It was undone already.") from None
    stays = tuple(Stayed(it.what, it.n) for it in done.stays)
    return Undone(done.merge.id, done.merge.kept, done.merge.gone, stays)


# Consents


class ConsentToGive(Given):
    purpose: Literal["processing", "advertising"]
    how: Annotated[
        Literal["spoken", "paper", "email", "form"], Field(description="How it was got.")
    ]
    evidence: Annotated[Note, Field(description="What proves it.")] = ""


@dataclass(frozen=True, slots=True)
class ContactConsent:
    id: str
    purpose: str
    how: str
    evidence: str | None
    given_at: datetime
    withdrawn_at: datetime | None


@dataclass(frozen=True, slots=True)
class ContactConsents:
    items: tuple[ContactConsent, ...]


class ByConsent(Given):
    id: Id
    consent: Id


@routes.get("/contacts/{id}/consents", right="look")
async def list_consents(asked: Asked, path: ById) -> ContactConsents:
    """What a contact agreed to and took back, the newest first."""
    return await _consents(asked, path.id)


@routes.post("/contacts/{id}/consents", right="work", status=201)
async def add_consent(asked: Asked, path: ById, body: ConsentToGive) -> ContactConsents:
    """Write down what a contact agreed to."""
    service = asked.service
    try:
        await service.database.write(
            within,
            asked.viewer,
            "contact",
            path.id,
            give_consent,
            path.id,
            body.purpose,
            body.how,
            body.evidence,
            by=asked.by,
            now=service.clock(),
        )
    except NoSuchContact:
        raise NO_SUCH_CONTACT from None
    except BadFields as bad:
        raise unfit(bad) from None
    return await _consents(asked, path.id)


@routes.post("/contacts/{id}/consents/{consent}/withdraw", right="work")
async def take_consent_back(asked: Asked, path: ByConsent) -> ContactConsents:
    """The contact takes a consent back; that it was given stays written."""
    service = asked.service
    try:
        await service.database.write(
            within,
            asked.viewer,
            "contact",
            path.id,
            withdraw_consent,
            path.id,
            path.consent,
            by=asked.by,
            now=service.clock(),
        )
    except NoSuchContact:
        raise Problem(404, "There is no such consent.") from None
    return await _consents(asked, path.id)


async def _consents(asked: Asked, contact: str) -> ContactConsents:
    found = await asked.service.database.read(consents.of_contact, contact)
    return ContactConsents(
        tuple(
            ContactConsent(
                one.id, one.purpose, one.how, one.evidence, one.given_at, one.withdrawn_at
            )
            for one in found
        )
    )


# Whose a number is


class ToAttach(Given):
    contact: Annotated[Id, Field(description="Who really called.")]
    shared: Annotated[
        bool, Field(description="Whoever was thought to call keeps the number as well.")
    ] = False


@dataclass(frozen=True, slots=True)
class Attached:
    call: str
    contact: str


@routes.post("/calls/{id}/attach", right="work")
async def attach_number(asked: Asked, path: ById, body: ToAttach) -> Attached:
    """Make the number of a call that contact's: the call is his, and later ones of the number.

    A withheld number cannot be attached: 409.
    """
    service = asked.service
    try:
        await service.database.write(
            attach_call,
            asked.viewer,
            path.id,
            body.contact,
            service.setups.current,
            shared=body.shared,
            by=asked.by,
            now=service.clock(),
        )
    except NoSuchCall:
        raise Problem(404, "There is no such call.") from None
    except NoSuchContact:
        raise NO_SUCH_CONTACT from None
    except NoNumber:
        raise Problem(409, "The call has no number that could be anybody's.") from None
    return Attached(path.id, body.contact)
