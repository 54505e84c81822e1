"""`/cards`: the deals, and what happened to each."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Annotated, Literal, assert_never

from pydantic import Field, JsonValue
from sqlalchemy import Connection

from callrouter.api.calls import Call, call_body
from callrouter.api.fields import ById, Given, Id, Key, Paged, Text
from callrouter.api.layer import READERS, WRITERS, Asked, Routes
from callrouter.api.leads import unfit
from callrouter.api.problems import Problem
from callrouter.flows.new_card import Wanted, make_card
from callrouter.flows.people import BadFields
from storage import listing
from storage.listing import (
    CallView,
    CardView,
    Entry,
    HappeningView,
    MoveView,
    OwnerView,
    Slice,
    Viewer,
)

routes = Routes()


class CardsQuery(Paged):
    phone: Annotated[
        Text | None,
        Field(description="Of contacts with this number, in any spelling; none if unreadable."),
    ] = None
    status: Annotated[Key | None, Field(description="A status' key, like `in_work`.")] = None
    manager: Annotated[Key | None, Field(description="The key of who is responsible.")] = None
    cursor: Id | None = None


class NewCard(Given):
    contact: Annotated[Id, Field(description="Whose card it is.")]
    pipeline: Annotated[Key | None, Field(description="Absent: the first one.")] = None
    status: Annotated[
        Key | None, Field(description="An open one of the pipeline; absent: its first.")
    ] = None
    manager: Annotated[
        Key | None,
        Field(description="Who is responsible; absent: the contact's own, empty: nobody."),
    ] = None
    source: Key | None = None


@dataclass(frozen=True, slots=True)
class ContactOfCard:
    id: str
    name: str
    phones: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Card:
    """`number` is what people call it by; `contact` null: nobody knows yet whose it is."""

    id: str
    number: int
    status: str
    manager: str | None
    contact: ContactOfCard | None
    pipeline: str
    source: str | None
    office: str | None
    team: str | None
    last_contact_at: datetime | None
    closed_at: datetime | None
    created_at: datetime
    version: int


@dataclass(frozen=True, slots=True)
class CardPage:
    items: tuple[Card, ...]
    next: str | None


# The timeline. `by` and `actor`: a person's key, the id of the call or lead that did it, or the
# program's token as `token:NAME`.


@dataclass(frozen=True, slots=True)
class CallEntry:
    kind: Literal["call"]
    at: datetime
    call: Call


@dataclass(frozen=True, slots=True)
class StatusEntry:
    """`from_status` null: the card was made."""

    kind: Literal["status"]
    at: datetime
    n: int
    from_status: str | None
    to_status: str
    by: str


@dataclass(frozen=True, slots=True)
class ResponsibleEntry:
    """`until` null: still responsible."""

    kind: Literal["responsible"]
    at: datetime
    until: datetime | None
    manager: str
    by: str


@dataclass(frozen=True, slots=True)
class EventEntry:
    kind: Literal["event"]
    at: datetime
    id: str
    event: str
    actor: str
    call: str | None
    data: dict[str, JsonValue]


TimelineEntry = Annotated[
    CallEntry | StatusEntry | ResponsibleEntry | EventEntry, Field(discriminator="kind")
]


@dataclass(frozen=True, slots=True)
class CardWithTimeline(Card):
    """`timeline`: newest first, at most 200 entries; `timeline_whole` false: there are older."""

    timeline: tuple[TimelineEntry, ...]
    timeline_whole: bool


@routes.get("/cards", roles=READERS)
async def list_cards(asked: Asked, query: CardsQuery) -> CardPage:
    """Cards, the newest first."""
    service = asked.service
    found = await service.database.read(
        listing.list_cards,
        asked.viewer,
        phone=query.phone,
        status=query.status,
        manager=query.manager,
        region=service.setups.current.company.region,
        after=query.cursor,
        limit=query.limit,
    )
    last = found.items[-1].id if found.more else None
    return CardPage(tuple(card_body(view) for view in found.items), last)


@routes.post("/cards", roles=WRITERS, status=201)
async def add_card(asked: Asked, body: NewCard) -> Card:
    """Make a card, one more where the contact has others."""
    service = asked.service
    wanted = Wanted(
        body.contact, body.pipeline or None, body.status or None, body.manager, body.source or None
    )
    try:
        id_ = await service.database.write(
            make_card, wanted, service.setups.current, by=asked.by, now=service.clock()
        )
    except BadFields as bad:
        raise unfit(bad) from None
    found = await service.database.read(listing.find_card, asked.viewer, id_)
    if found is None:
        raise Problem(404, "There is no such card.")
    return card_body(found)


@routes.get("/cards/{id}", roles=READERS)
async def get_card(asked: Asked, path: ById) -> CardWithTimeline:
    """A card with its timeline: calls, statuses, who was responsible, business events."""
    found = await asked.service.database.read(_card_and_timeline, asked.viewer, path.id)
    if found is None:
        raise Problem(404, "There is no such card.")
    view, entries = found
    card = card_body(view)
    return CardWithTimeline(
        **{field.name: getattr(card, field.name) for field in fields(card)},
        timeline=tuple(_entry(one) for one in entries.items),
        timeline_whole=not entries.more,
    )


def _card_and_timeline(
    conn: Connection, viewer: Viewer, card_id: str
) -> tuple[CardView, Slice[Entry]] | None:
    card = listing.find_card(conn, viewer, card_id)
    return (card, listing.timeline(conn, viewer, card_id)) if card else None


def card_body(view: CardView) -> Card:
    who = view.contact
    return Card(
        id=view.id,
        number=view.number,
        status=view.status,
        manager=view.manager,
        contact=ContactOfCard(who.id, who.name, who.phones) if who else None,
        pipeline=view.pipeline,
        source=view.source,
        office=view.office,
        team=view.team,
        last_contact_at=view.last_contact_at,
        closed_at=view.closed_at,
        created_at=view.created_at,
        version=view.version,
    )


def _entry(one: Entry) -> CallEntry | StatusEntry | ResponsibleEntry | EventEntry:
    match one:
        case CallView():
            return CallEntry("call", one.at, call_body(one))
        case MoveView():
            return StatusEntry("status", one.at, one.n, one.from_status, one.to_status, one.by)
        case OwnerView():
            return ResponsibleEntry("responsible", one.at, one.until, one.manager, one.by)
        case HappeningView():
            data = json.loads(one.data)
            return EventEntry("event", one.at, one.id, one.kind, one.actor, one.call, data)
        case _:
            assert_never(one)
