"""`/cards`: the deals, and what happened to each."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal, assert_never

from pydantic import AfterValidator, Field, JsonValue
from sqlalchemy import Connection

from callrouter.api.calls import Call, call_body
from callrouter.api.fields import (
    ById,
    Day,
    Given,
    Id,
    Key,
    Money,
    OwnFields,
    OwnValue,
    Paged,
    Text,
)
from callrouter.api.layer import Asked, Routes
from callrouter.api.leads import unfit
from callrouter.api.problems import Problem
from callrouter.domain.items import rounded
from callrouter.domain.setup import CustomField, Setup
from callrouter.flows.change_status import change_status
from callrouter.flows.fields import CardChange, StaleCard
from callrouter.flows.fields import change_card as change
from callrouter.flows.letters import Wish
from callrouter.flows.new_card import Wanted, make_card
from callrouter.flows.no_such import NoSuchCard
from callrouter.flows.people import BadFields
from callrouter.flows.seeing import check_giving, check_seen, within
from storage import fields as own_fields
from storage import listing
from storage.fields import Value
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

NO_SUCH_CARD = Problem(404, "There is no such card.")


def _one_line(text: str) -> str:
    return " ".join(text.replace("\x00", "").split())


class CardsQuery(Paged):
    phone: Annotated[
        Text | None,
        Field(description="Of contacts with this number, in any spelling; none if unreadable."),
    ] = None
    contact: Annotated[
        Id | None, Field(description="Of this contact, or where he stands beside another.")
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


_Version = Annotated[
    int | None, Field(ge=1, le=2**31 - 1, description="The one that was read; absent: any.")
]


class Move(Given):
    status: Annotated[Key, Field(description="A status of the card's pipeline, or `junk`.")]
    version: _Version = None
    loss_reason: Annotated[
        Key | None, Field(description="Why a deal was lost; of a closed status.")
    ] = None
    fields: Annotated[
        OwnFields,
        Field(
            default_factory=dict,
            description="Set along with it: `amount`, `due`, `source`, the card's own fields.",
        ),
    ]
    letters: Annotated[bool, Field(description="False: no letter is asked for.")] = True
    letter: Annotated[
        Key | None,
        Field(description="This one of `[[letter]]` instead of those that the status asks for."),
    ] = None
    email: Annotated[
        Annotated[str, Field(max_length=254)] | None,
        Field(description="To which address of the contact the letter goes; absent: the oldest."),
    ] = None
    again: Annotated[bool, Field(description="Also where the card has had the letter.")] = False

    @property
    def wish(self) -> Wish:
        return Wish(self.letters, self.letter or None, self.email or None, self.again)


class CardToChange(Given):
    title: Annotated[
        Annotated[str, Field(max_length=200), AfterValidator(_one_line)] | None,
        Field(description="What people call it besides its number; null: nothing."),
    ] = None
    amount: Annotated[
        Money | None, Field(description="Of a card without items; with items it is their sum.")
    ] = None
    due_on: Day | None = None
    source: Annotated[Key | None, Field(description="Where its contact came from at first.")] = None
    entity: Annotated[
        Key | None, Field(description="The legal entity in whose name its offers are made.")
    ] = None
    manager: Annotated[
        Key | None, Field(description="Who is responsible, an active manager; null: nobody.")
    ] = None
    fields: Annotated[
        OwnFields,
        Field(default_factory=dict, description="The card's own fields; null: empty."),
    ]
    version: _Version = None

    def change(self) -> CardChange:
        return CardChange(
            given=frozenset(self.model_fields_set - {"fields", "version"}),
            title=self.title or "",
            amount=self.amount,
            due_on=self.due_on,
            source=self.source or None,
            entity=self.entity or None,
            manager=self.manager or None,
            own=self.fields,
        )


@dataclass(frozen=True, slots=True)
class ContactOfCard:
    id: str
    name: str
    phones: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Card:
    """`number` is what people call it by; `contact` null: nobody knows yet whose it is.

    `amount`: of its items, where it has some; a text, exact to the kopeck.
    """

    id: str
    number: int
    status: str
    manager: str | None
    contact: ContactOfCard | None
    pipeline: str
    source: str | None
    office: str | None
    team: str | None
    entity: str | None
    amount: Decimal | None
    due_on: date | None
    loss_reason: str | None
    last_contact_at: datetime | None
    closed_at: datetime | None
    created_at: datetime
    version: int
    title: str


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
    """`timeline`: newest first, at most 200 entries; `timeline_whole` false: there are older.

    `fields`: the company's own ones that have a value.
    """

    fields: dict[str, OwnValue]
    timeline: tuple[TimelineEntry, ...]
    timeline_whole: bool


@routes.get("/cards", right="look")
async def list_cards(asked: Asked, query: CardsQuery) -> CardPage:
    """Cards, the newest first."""
    service = asked.service
    found = await service.database.read(
        listing.list_cards,
        asked.viewer,
        phone=query.phone,
        contact=query.contact,
        status=query.status,
        manager=query.manager,
        region=service.setups.current.company.region,
        after=query.cursor,
        limit=query.limit,
    )
    last = found.items[-1].id if found.more else None
    return CardPage(tuple(card_body(view) for view in found.items), last)


@routes.post("/cards", right="work", status=201)
async def add_card(asked: Asked, body: NewCard) -> Card:
    """Make a card, one more where the contact has others."""
    service = asked.service
    wanted = Wanted(
        body.contact, body.pipeline or None, body.status or None, body.manager, body.source or None
    )
    try:
        id_ = await service.database.write(
            _make, asked.viewer, wanted, service.setups.current, by=asked.by, now=service.clock()
        )
    except BadFields as bad:
        raise unfit(bad) from None
    return await _found(asked, id_)


@routes.get("/cards/{id}", right="look")
async def get_card(asked: Asked, path: ById) -> CardWithTimeline:
    """A card with its timeline: calls, statuses, who was responsible, business events."""
    service = asked.service
    defined = service.setups.current.field
    found = await service.database.read(_whole_card, asked.viewer, path.id, defined)
    if found is None:
        raise NO_SUCH_CARD
    view, entries, own = found
    card = card_body(view)
    return CardWithTimeline(
        **{field.name: getattr(card, field.name) for field in fields(card)},
        fields=own,
        timeline=tuple(_entry(one) for one in entries.items),
        timeline_whole=not entries.more,
    )


def _whole_card(
    conn: Connection, viewer: Viewer, card_id: str, defined: Sequence[CustomField]
) -> tuple[CardView, Slice[Entry], dict[str, Value]] | None:
    card = listing.find_card(conn, viewer, card_id)
    if card is None:
        return None
    own = own_fields.values_of(conn, [card_id], defined).get(card_id, {})
    return card, listing.timeline(conn, viewer, card_id), own


@routes.post("/cards/{id}/status", right="work")
async def set_status(asked: Asked, path: ById, body: Move) -> Card:
    """Give a card another status; the one that it has already does nothing.

    A move that the pipeline does not allow, or for which something is missing, is refused, and
    everything that is missing is named: 422. With a `version` that is not the card's any more
    nothing is changed: 409.
    """
    service = asked.service
    try:
        await service.database.write(
            within,
            asked.viewer,
            "card",
            path.id,
            change_status,
            path.id,
            body.status,
            service.setups.current,
            by=asked.by,
            now=service.clock(),
            version=body.version,
            loss_reason=body.loss_reason or None,
            fields=body.fields,
            wish=body.wish,
        )
    except (NoSuchCard, StaleCard, BadFields) as bad:
        raise refused(bad) from None
    return await _found(asked, path.id)


@routes.patch("/cards/{id}", right="work")
async def change_card(asked: Asked, path: ById, body: CardToChange) -> Card:
    """Set what is given of a card; null empties it.

    With a `version` that is not the card's any more nothing is changed: 409.
    """
    service = asked.service
    try:
        await service.database.write(
            within,
            asked.viewer,
            "card",
            path.id,
            _change,
            asked.viewer,
            path.id,
            body.change(),
            service.setups.current,
            version=body.version,
            by=asked.by,
            now=service.clock(),
        )
    except (NoSuchCard, StaleCard, BadFields) as bad:
        raise refused(bad) from None
    return await _found(asked, path.id)


def _change(
    conn: Connection,
    viewer: Viewer,
    card_id: str,
    wanted: CardChange,
    setup: Setup,
    *,
    version: int | None,
    by: str,
    now: datetime,
) -> None:
    card = listing.find_card(conn, viewer, card_id)
    if card is not None and "manager" in wanted.given:
        check_giving(viewer, card.manager, wanted.manager)
    change(conn, card_id, wanted, setup, version=version, by=by, now=now)


def _make(
    conn: Connection, viewer: Viewer, wanted: Wanted, setup: Setup, *, by: str, now: datetime
) -> str:
    if viewer.people is not None:
        check_seen(conn, viewer, "contact", wanted.contact)
        check_giving(viewer, None, wanted.manager or None)
    return make_card(conn, wanted, setup, by=by, now=now)


def refused(bad: NoSuchCard | StaleCard | BadFields) -> Problem:
    """What a program is told of a card that is not there, or may not be changed so."""
    match bad:
        case NoSuchCard():
            return NO_SUCH_CARD
        case StaleCard():
            return Problem(409, str(bad))
        case BadFields():
            return unfit(bad)


async def _found(asked: Asked, card_id: str) -> Card:
    """As it is after a change of his, which may have taken it out of his sight."""
    viewer = replace(asked.viewer, people=None)
    view = await asked.service.database.read(listing.find_card, viewer, card_id)
    if view is None:
        raise NO_SUCH_CARD
    return card_body(view)


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
        entity=view.entity,
        amount=None if view.amount is None else rounded(view.amount),
        due_on=view.due_on,
        loss_reason=view.loss_reason,
        last_contact_at=view.last_contact_at,
        closed_at=view.closed_at,
        created_at=view.created_at,
        version=view.version,
        title=view.title,
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
