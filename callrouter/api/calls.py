"""`/calls`: every call with its attempts, and why it went where it went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from math import ceil
from typing import Annotated

from pydantic import Field

from callrouter import ordering
from callrouter.api.decisions import Told, decision_body, sentence_of
from callrouter.api.fetches import RecordingFetch, fetch_body
from callrouter.api.fields import (
    ById,
    Cursor,
    Given,
    Id,
    Instant,
    Key,
    Note,
    Paged,
    Text,
    cursor_at,
    place_of,
)
from callrouter.api.layer import Asked, Routes
from callrouter.api.leads import unfit
from callrouter.api.lines import line_called
from callrouter.api.openapi import PREFIX
from callrouter.api.problems import FieldProblem, Problem
from callrouter.domain.calls import LegStatus, State
from callrouter.domain.events import Direction
from callrouter.domain.outcomes import Outcome
from callrouter.domain.people import PEOPLE_KEPT, PersonReason, Ranked
from callrouter.domain.phones import CallerKind, read_number
from callrouter.domain.setup import Language, Setup
from callrouter.flows.choose_contact import NotOfNumber, choose_contact
from callrouter.flows.no_such import NoSuchCall
from callrouter.flows.order_call import Wanted
from callrouter.flows.outcomes import say_outcome
from callrouter.flows.people import BadFields
from callrouter.flows.seeing import check_speaking, within
from storage import fetches, listing, orders
from storage.fetches import Fetch
from storage.listing import (
    CallView,
    DecisionView,
    LegView,
)
from storage.orders import OrderState, StoredOrder

routes = Routes()

NO_SUCH_CALL = Problem(404, "There is no such call.")


class CallsQuery(Paged):
    state: State | None = None
    line: Annotated[Text | None, Field(description="A number of ours, or an alias of it.")] = None
    manager: Annotated[Key | None, Field(description="The key of who talked.")] = None
    caller: Annotated[
        Text | None, Field(description="A number in any spelling, or `anonymous`.")
    ] = None
    contact: Annotated[Id | None, Field(description="Whose call it is.")] = None
    since: Annotated[Instant | None, Field(description="Begun then or later.")] = None
    until: Annotated[Instant | None, Field(description="Begun before then.")] = None
    said: Annotated[
        Text | None,
        Field(description="Words in the text of a recording, where recordings are transcribed."),
    ] = None
    cursor: Cursor | None = None


class CallChange(Given):
    contact: Annotated[Id, Field(description="One of those who have the call's number.")]


class NewCall(Given):
    manager: Annotated[Key, Field(description="The key of whose phone rings first.")]
    number: Annotated[Text, Field(description="Who is called then, in any spelling.")]
    line: Annotated[
        Text,
        Field(description="A number of ours, or an alias: shown to him, and its account calls."),
    ]


class NewOutcome(Given):
    outcome: Outcome
    note: Annotated[
        Note | None, Field(description="In the person's own words; absent: as it was.")
    ] = None


@dataclass(frozen=True, slots=True)
class BlockOffer:
    """What `POST /blocks` would take."""

    number: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Offer:
    block: BlockOffer


@dataclass(frozen=True, slots=True)
class CallOutcome:
    """`card_closed`: the call's card is closed as junk.

    Until `no_card_until` calls of the contact make no card.
    """

    outcome: Outcome
    note: str | None
    card_closed: bool
    no_card_until: datetime | None
    offer: Offer | None


@dataclass(frozen=True, slots=True)
class Leg:
    """One attempt to ring one phone. `manager` null: the last resort, or nobody that we know."""

    leg: str
    manager: str | None
    dial: str
    status: LegStatus
    reason: str | None
    ring_from: datetime | None
    ring_until: datetime | None
    answered_at: datetime | None
    ended_at: datetime | None
    duration_s: float | None
    planned: bool
    machine: bool
    presumed: bool
    run: int
    attempt: int
    step: int


@dataclass(frozen=True, slots=True)
class Call:
    """`id` is ours, `call_id` the PBX's; `caller` a number, null when withheld or a mere name.

    `recording`: where its sound is, once that is kept.
    """

    id: str
    call_id: str
    account: str
    direction: Direction
    state: State
    caller: str | None
    caller_kind: CallerKind
    line: str
    card: str | None
    card_number: int | None
    contact: str | None
    contact_name: str | None
    manager: str | None
    started_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None
    duration_s: float | None
    presumed: bool
    reason: str | None
    recording: str | None
    outcome: Outcome | None
    note: str | None
    legs: tuple[Leg, ...]


@dataclass(frozen=True, slots=True)
class PersonOfNumber:
    """Who has the call's number, and what speaks for him: `chosen` by a person, and so on."""

    contact: str
    name: str
    reasons: tuple[PersonReason, ...]


@dataclass(frozen=True, slots=True)
class Ordered:
    """By whom, and when, a call was ordered with `POST /calls`."""

    id: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class CallWithPeople(Call):
    """`people`: all who have the call's number now, the likeliest first.

    `fetches`: recordings that the PBX keeps, and what became of fetching each.
    """

    people: tuple[PersonOfNumber, ...]
    ordered: Ordered | None
    fetches: tuple[RecordingFetch, ...]


@dataclass(frozen=True, slots=True)
class OrderedCall:
    """`id` is the order's; `call_id` names the call in the PBX's events, where the PBX tells one or
    takes ours. `reason`: why it is in doubt.
    """

    id: str
    call_id: str
    state: OrderState
    reason: str | None


@dataclass(frozen=True, slots=True)
class CallPage:
    items: tuple[Call, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class ToldAt(Told):
    """`run`: which plan of the call; `attempt`: which asking within it, from 0."""

    run: int
    attempt: int
    at: datetime


@dataclass(frozen=True, slots=True)
class WhyOfCall:
    """All that a call was told, in order."""

    call: str
    decisions: tuple[ToldAt, ...]


@routes.get("/calls", right="look")
async def list_calls(asked: Asked, query: CallsQuery) -> CallPage:
    """Calls with their attempts, the newest first."""
    setup = asked.service.setups.current
    found = await asked.service.database.read(
        listing.list_calls,
        asked.viewer,
        state=query.state,
        line=None if query.line is None else _line(query.line, setup),
        manager=query.manager,
        caller=query.caller,
        contact=query.contact,
        region=setup.company.region,
        since=query.since,
        until=query.until,
        said=query.said,
        after=place_of(query.cursor),
        limit=query.limit,
    )
    last = cursor_of(found.items[-1]) if found.more else None
    return CallPage(tuple(call_body(view) for view in found.items), last)


@routes.get("/calls/{id}", right="look")
async def get_call(asked: Asked, path: ById) -> CallWithPeople:
    """One call with its attempts, who has its number, and who ordered it."""
    database = asked.service.database
    found = await database.read(listing.find_call, asked.viewer, path.id)
    if found is None:
        raise NO_SUCH_CALL
    order = None
    if found[0].direction != "in":
        order = await database.read(orders.of_call, found[0].account, found[0].call_id)
    fetched = await database.read(fetches.of_call, path.id)
    return _with_people(*found, order, fetched)


@routes.post("/calls", right="work", status=202)
async def order_call(asked: Asked, body: NewCall) -> OrderedCall:
    """Click-to-call: let the PBX ring the manager's phone, and then the number.

    Asked again for the same manager and number within 15 seconds, it gives the first order and
    makes no second call. `in_doubt`: what became of it is unknown (no answer in time), and it is
    not sent again by itself. 403: another's phone rings only for who may `assign`. 409: the account
    has no click-to-call. 502 and 503 say what the provider said: no call was made.
    """
    check_speaking(asked.viewer, body.manager)
    try:
        order = await ordering.order_call(
            asked.service, Wanted(body.manager, body.number, body.line), by=asked.by
        )
    except BadFields as bad:
        raise unfit(bad) from None
    except ordering.CannotOrder as cannot:
        raise Problem(409, str(cannot)) from None
    except ordering.NotOrdered as failed:
        detail = f"The call was not made: {failed}."
        if failed.again_after_s is None:
            raise Problem(502, detail) from None
        after = str(ceil(failed.again_after_s))
        raise Problem(503, detail, headers={"Retry-After": after}) from None
    return OrderedCall(order.id, order.call_ref, order.state, order.reason)


@routes.patch("/calls/{id}", right="work")
async def change_call(asked: Asked, path: ById, body: CallChange) -> CallWithPeople:
    """Say that another of the number's people called; later calls of the number are his too.

    The call goes to his open card, or takes the card along that it alone made. Who talked to whom
    last, and an owner whom only this call made, follow it. 422 names who has the number.
    """
    service = asked.service
    try:
        await service.database.write(
            within,
            asked.viewer,
            "call",
            path.id,
            choose_contact,
            path.id,
            body.contact,
            service.setups.current,
            by=asked.by,
            now=service.clock(),
        )
    except NoSuchCall:
        raise NO_SUCH_CALL from None
    except NotOfNumber as refused:
        raise _not_of_number(refused.people) from None
    return await get_call(asked, path)


@routes.post("/calls/{id}/outcome", right="work")
async def say_call_outcome(asked: Asked, path: ById, body: NewOutcome) -> CallOutcome:
    """Keep what came of a call; the same again changes nothing.

    All but `deal` mean "not a deal": the call's card is closed as `junk` if calls alone made it
    what it is, and with no open card left the contact's calls make none for `routing.junk_days`.
    `deal` takes that back as far as nobody has changed it since. `spam` offers the block list.
    """
    service = asked.service
    try:
        said = await service.database.write(
            within,
            asked.viewer,
            "call",
            path.id,
            say_outcome,
            path.id,
            body.outcome,
            body.note,
            service.setups.current,
            by=asked.by,
            now=service.clock(),
        )
    except NoSuchCall:
        raise NO_SUCH_CALL from None
    offer = BlockOffer(said.offer.number, said.offer.until) if said.offer else None
    return CallOutcome(
        said.outcome,
        said.note,
        said.card_closed,
        said.no_card_until,
        Offer(offer) if offer else None,
    )


@routes.get("/calls/{id}/why", right="look")
async def get_why(asked: Asked, path: ById) -> WhyOfCall:
    """Why a call went where it went.

    For each decision what was told, the record of how it came about, and both in a sentence, in
    Russian or English as `Accept-Language` has it.
    """
    found = await asked.service.database.read(listing.why_of, asked.viewer, path.id)
    if found is None:
        raise NO_SUCH_CALL
    return why_body(*found, asked.service.setups.current, asked.language)


def why_body(
    call: CallView, told: tuple[DecisionView, ...], setup: Setup, language: Language
) -> WhyOfCall:
    """The body of `GET /calls/{id}/why`; `callrouter why --json` prints the same."""
    return WhyOfCall(
        call.id,
        tuple(
            ToldAt(
                decision_body(one.decision),
                sentence_of(
                    one.why, setup, language, [leg for leg in call.legs if leg.run == one.run]
                ),
                one.why,
                one.run,
                one.attempt,
                one.at,
            )
            for one in told
        ),
    )


def _with_people(
    view: CallView,
    people: tuple[Ranked, ...],
    order: StoredOrder | None,
    fetched: Sequence[Fetch],
) -> CallWithPeople:
    call = call_body(view)
    return CallWithPeople(
        **{field.name: getattr(call, field.name) for field in fields(call)},
        people=tuple(PersonOfNumber(one.contact, one.name, one.reasons) for one in people),
        ordered=Ordered(order.id, order.by, order.at) if order else None,
        fetches=tuple(fetch_body(one) for one in fetched),
    )


def _not_of_number(people: tuple[Ranked, ...]) -> Problem:
    if not people:
        message = "nobody has this call's number; allowed: none"
    else:
        allowed = ", ".join(one.contact for one in people[:PEOPLE_KEPT])
        message = f"has not this call's number; allowed: {allowed}"
    return Problem(422, "The call cannot hang on this contact.", [FieldProblem("contact", message)])


def call_body(view: CallView) -> Call:
    return Call(
        id=view.id,
        call_id=view.call_id,
        account=view.account,
        direction=view.direction,
        state=view.state,
        caller=view.caller,
        caller_kind=view.caller_kind,
        line=view.line,
        card=view.card,
        card_number=view.card_number,
        contact=view.contact,
        contact_name=view.contact_name,
        manager=view.manager,
        started_at=view.started_at,
        answered_at=view.answered_at,
        ended_at=view.ended_at,
        duration_s=view.duration_s,
        presumed=view.presumed,
        reason=view.reason,
        recording=f"{PREFIX}/calls/{view.id}/recording" if view.recorded else None,
        outcome=view.outcome,
        note=view.note,
        legs=tuple(_leg(leg) for leg in view.legs),
    )


def _leg(view: LegView) -> Leg:
    return Leg(
        leg=view.ref,
        manager=view.manager,
        dial=view.dial,
        status=view.status,
        reason=view.reason,
        ring_from=view.ring_from,
        ring_until=view.ring_until,
        answered_at=view.answered_at,
        ended_at=view.ended_at,
        duration_s=_talked(view),
        planned=view.planned,
        machine=view.machine,
        presumed=view.presumed,
        run=view.run,
        attempt=view.attempt,
        step=view.step,
    )


def _talked(view: LegView) -> float | None:
    if view.talk_s is not None or view.answered_at is None or view.ended_at is None:
        return view.talk_s
    return (view.ended_at - view.answered_at).total_seconds()


def _line(text: str, setup: Setup) -> str:
    """The number of a line of ours; what is none of ours (any more) is looked for as written."""
    if line := line_called(text, setup):
        return line.number
    return read_number(text, setup.company.region) or text


def cursor_of(view: CallView) -> str:
    return cursor_at(view.started_at, view.id)
