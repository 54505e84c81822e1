"""`/obligations`: calls back that are owed, and how many clients were lost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import Field

from callrouter.api.fields import ById, Flag, Given, Id, Instant, Key, Paged, Text
from callrouter.api.layer import Asked, Routes
from callrouter.api.problems import FieldProblem, Problem
from callrouter.domain.obligations import Cause
from callrouter.domain.setup import Language, Setup
from callrouter.flows import obligations
from callrouter.flows.seeing import within
from callrouter.wording.obligations import why_owed
from storage import listing
from storage.listing import ObligationState, ObligationView
from storage.listing_obligations import lost_of

routes = Routes()

NO_SUCH_OBLIGATION = Problem(404, "There is no such obligation.")
CLOSED_ALREADY = Problem(409, "This obligation is closed already.")


class ObligationsQuery(Paged):
    state: ObligationState | None = None
    owner: Annotated[Key | None, Field(description="The key of who owes the call.")] = None
    overdue: Annotated[
        Flag | None, Field(description="Open, and the term has passed; false: all others.")
    ] = None
    cursor: Id | None = None


class Closing(Given):
    reason: Annotated[
        Text, Field(min_length=1, pattern=r"\S", description="Why nobody needs to call any more.")
    ]


class Period(Given):
    since: Annotated[Instant, Field(description="Missed calls begun then or later.")]
    until: Annotated[Instant, Field(description="Missed calls begun before then.")]


@dataclass(frozen=True, slots=True)
class Obligation:
    """A call that is owed. `phone` null: only an e-mail is known; `contact` and `card` are ids.

    `cause` is of the latest call: `rang` is whom it rang in vain, `hung_up_after_s` after how
    long the caller hung up where that is the cause; `sentence` says it. `call` is that call,
    `first_at` and `last_at` are when the first and the latest began, `repeats` how many came after
    the first. `tries` counts calls to the number without a talk. `closed_by`: a person, or the id
    of the call that settled it.
    """

    id: str
    phone: str | None
    contact: str | None
    contact_name: str | None
    card: str | None
    card_number: int | None
    owner: str
    due_at: datetime
    overdue: bool
    cause: Cause
    sentence: str
    rang: tuple[str, ...]
    hung_up_after_s: int | None
    call: str | None
    line: str | None
    first_at: datetime
    last_at: datetime
    repeats: int
    tries: int
    escalated_at: datetime | None
    state: ObligationState
    closed_at: datetime | None
    closed_by: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class ObligationPage:
    items: tuple[Obligation, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class Figures:
    """Numbers whose calls were missed in the period: called back since, or lost.

    `withheld` counts missed calls, not numbers, whose caller cannot be called back.
    """

    missed_numbers: int
    called_back: int
    lost: int
    withheld: int


@routes.get("/obligations", right="look")
async def list_obligations(asked: Asked, query: ObligationsQuery) -> ObligationPage:
    """Calls owed, the newest first."""
    service = asked.service
    found = await service.database.read(
        listing.list_obligations,
        asked.viewer,
        now=service.clock(),
        state=query.state,
        owner=query.owner,
        overdue=query.overdue,
        after=query.cursor,
        limit=query.limit,
    )
    setup = service.setups.current
    items = tuple(_obligation(view, setup, asked.language) for view in found.items)
    return ObligationPage(items, items[-1].id if found.more else None)


@routes.get("/obligations/figures", right="look")
async def get_lost_clients(asked: Asked, query: Period) -> Figures:
    """How many clients were missed in a period, called back since, and lost."""
    service = asked.service
    own = service.setups.current.own_phones
    found = await service.database.read(
        lost_of, asked.viewer, query.since, query.until, own=frozenset(own)
    )
    return Figures(found.missed_numbers, found.called_back, found.lost, found.withheld)


@routes.post("/obligations/{id}/close", right="work")
async def close_obligation(asked: Asked, path: ById, body: Closing) -> Obligation:
    """Close an obligation without a talk, for a reason that is kept.

    One that is closed already is refused with 409.
    """
    service = asked.service
    now = service.clock()
    try:
        await service.database.write(
            within,
            asked.viewer,
            "obligation",
            path.id,
            obligations.close_obligation,
            path.id,
            body.reason,
            by=asked.by,
            now=now,
        )
    except obligations.NotOwed:
        raise NO_SUCH_OBLIGATION from None
    except obligations.ClosedAlready:
        raise CLOSED_ALREADY from None
    except ValueError as empty:
        problem = FieldProblem("reason", str(empty))
        raise Problem(422, "An obligation is closed for a reason.", [problem]) from None
    view = await service.database.read(listing.find_obligation, asked.viewer, path.id, now=now)
    if view is None:
        raise NO_SUCH_OBLIGATION
    return _obligation(view, service.setups.current, asked.language)


def _obligation(view: ObligationView, setup: Setup, language: Language) -> Obligation:
    return Obligation(
        id=view.id,
        phone=view.phone,
        contact=view.contact,
        contact_name=view.contact_name,
        card=view.card,
        card_number=view.card_number,
        owner=view.owner,
        due_at=view.due_at,
        overdue=view.overdue,
        cause=view.why.cause,
        sentence=why_owed(view.why, setup, language=language),
        rang=view.why.managers,
        hung_up_after_s=view.why.seconds,
        call=view.call,
        line=view.line,
        first_at=view.first_at,
        last_at=view.last_at,
        repeats=view.repeats,
        tries=view.tries,
        escalated_at=view.escalated_at,
        state=view.state,
        closed_at=view.closed_at,
        closed_by=view.closed_by,
        reason=view.reason,
    )
