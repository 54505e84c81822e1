"""`/leads`: requests from the company's sites and shops."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Annotated

from pydantic import AfterValidator, Field

from callrouter.api.fields import Given, Key, OurTime, Text
from callrouter.api.layer import Asked, Routes
from callrouter.api.problems import FieldProblem, Problem
from callrouter.flows.leads import Agrees, Lead, take_lead
from callrouter.flows.people import BadFields
from storage.tokens import digest_of

routes = Routes()

_SYSTEM = 64  # so long may the name of a system be


def _without_nul(text: str) -> str:
    return text.replace("\x00", "")


def _address(text: str) -> str:
    ip_address(text)
    return text


Long = Annotated[str, Field(max_length=4000), AfterValidator(_without_nul)]
Page = Annotated[str, Field(max_length=2000), AfterValidator(_without_nul)]
Email = Annotated[str, Field(max_length=254), AfterValidator(_without_nul)]
ExternalId = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_without_nul)]
Address = Annotated[str, Field(max_length=45), AfterValidator(_address)]


class Consent(Given):
    processing: Annotated[bool, Field(description="Of personal data, to answer the request.")] = (
        False
    )
    advertising: Annotated[bool, Field(description="He may be sent offers.")] = False
    text_version: Annotated[Key | None, Field(description="Of the text he agreed to.")] = None
    at: Annotated[OurTime | None, Field(description="When; absent: when the lead comes.")] = None
    ip: Annotated[Address | None, Field(description="From which address.")] = None


class NewLead(Given):
    name: Text = ""
    phone: Annotated[
        Text | None, Field(description="In any spelling. A phone or an e-mail is needed.")
    ] = None
    email: Email | None = None
    source: Annotated[
        Key | None, Field(description="Where he comes from; absent: `[leads] source`.")
    ] = None
    text: Annotated[Long, Field(description="What he wrote or ordered.")] = ""
    external_id: Annotated[
        ExternalId | None,
        Field(
            description="The sender's own id of the lead; sent again, it gives the first answer."
        ),
    ] = None
    page: Annotated[Page | None, Field(description="The page that he wrote on.")] = None
    utm: Annotated[
        dict[Key, Text],
        Field(
            default_factory=dict,
            max_length=20,
            description='Like {"source": "yandex", "medium": "cpc"}.',
        ),
    ]
    consent: Annotated[
        Consent | None, Field(description="What he agreed to; what is false is not written down.")
    ] = None
    pipeline: Annotated[
        Key | None, Field(description="Where a new card goes; absent: `[leads] pipeline`.")
    ] = None


@dataclass(frozen=True, slots=True)
class TakenLead:
    """Ids of the lead's card and contact. `new`: the card was made for it."""

    card: str
    contact: str
    new: bool


@routes.post("/leads", right="work", status=201)
async def add_lead(asked: Asked, body: NewLead) -> TakenLead:
    """Take a lead: it gets a contact and a card, and somebody owes a call back.

    The contact is one who has the number or the e-mail, else a new one; the card is his open one in
    the pipeline, else a new one. The responsible manager owes the call, or who stands in for him,
    else the least loaded: within `[missed] lead_term_min` working minutes. A lead from a blocked
    number is kept, but nobody owes a call.
    """
    service = asked.service
    try:
        taken = await service.database.write(
            take_lead,
            _lead(body, system_of(asked)),
            service.setups.current,
            by=asked.by,
            now=service.clock(),
        )
    except BadFields as bad:
        raise unfit(bad) from None
    return TakenLead(taken.card, taken.contact, taken.new)


def _lead(body: NewLead, system: str) -> Lead:
    given = body.consent
    return Lead(
        system=system,
        external_id=body.external_id,
        name=body.name,
        phone=(body.phone or "").strip() or None,
        email=(body.email or "").strip() or None,
        source=body.source or None,
        pipeline=body.pipeline or None,
        text=body.text.strip(),
        page=body.page or None,
        utm={_utm(key): value for key, value in body.utm.items() if value},
        agrees=Agrees(
            given.processing, given.advertising, given.text_version or None, given.at, given.ip
        )
        if given
        else None,
    )


def _utm(key: str) -> str:
    """`source` and `utm_source` are the same."""
    return f"utm_{key.removeprefix('utm_')}"


def system_of(asked: Asked) -> str:
    """Within what an id of the sender's own means one thing: the token, by its name."""
    return asked.token if len(asked.token) <= _SYSTEM else digest_of(asked.token)


def unfit(bad: BadFields) -> Problem:
    """What a flow found wrong, as a problem document."""
    errors = [FieldProblem(one.field, one.message) for one in bad.wrong]
    return Problem(422, "Something in the request cannot be taken.", errors)
