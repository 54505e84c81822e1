"""`/figures/calls` and the others: the list of exactly what a figure counts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated

from pydantic import Field

from callrouter.api.calls import Call, call_body, cursor_of
from callrouter.api.cards import Card, card_body
from callrouter.api.fields import Cursor, Flag, Id, Key, Paged, place_of
from callrouter.api.figures import Chosen
from callrouter.api.layer import Asked, Routes
from callrouter.api.problems import FieldProblem, Problem
from callrouter.counting import count_calls, span_of
from callrouter.counting import list_calls as list_counted
from callrouter.domain.events import Direction
from callrouter.domain.figures import (
    LONGEST_WAIT_S,
    End,
    Kind,
    Narrow,
    OwedState,
    WhichCalls,
    WhichCards,
    statuses_meant,
)
from callrouter.domain.items import rounded
from callrouter.domain.obligations import Cause
from callrouter.domain.outcomes import Outcome
from storage import figures
from storage.figures import OwedRow, SentRow, Span

routes = Routes()


class CallsOfFigure(Chosen, Paged):
    direction: Direction | None = None
    kind: Annotated[Kind | None, Field(description="What became of it.")] = None
    cause: Annotated[Cause | None, Field(description="Why nobody talked: of missed ones.")] = None
    hour: Annotated[int | None, Field(ge=0, le=23, description="In which it began.")] = None
    weekday: Annotated[int | None, Field(ge=0, le=6, description="Monday is 0.")] = None
    talked: Annotated[Key | None, Field(description="Who talked first; `-`: nobody of ours.")] = (
        None
    )
    rang: Annotated[Key | None, Field(description="Whose phone rang.")] = None
    unpicked: Annotated[Key | None, Field(description="Whose phone rang in vain.")] = None
    outcome: Outcome | None = None
    within: Annotated[
        int | None, Field(ge=0, le=LONGEST_WAIT_S, description="Answered in so many seconds.")
    ] = None
    cursor: Cursor | None = None


class CardsOfFigure(Chosen, Paged):
    pipeline: Key | None = None
    status: Annotated[Key | None, Field(description="Of `pipeline`: now in it.")] = None
    reached: Annotated[Key | None, Field(description="Ever in this status.")] = None
    came_from: Annotated[
        Key | None, Field(description="The status it left for its present one; `-`: none.")
    ] = None
    reason: Annotated[Key | None, Field(description="Why it was lost; `-`: nobody said.")] = None
    end: Annotated[End | None, Field(description="How it ended, instead of `status`.")] = None
    deals: Annotated[Flag, Field(description="Without those that turned out to be none.")] = False
    cursor: Id | None = None


class OwedOfFigure(Chosen, Paged):
    state: OwedState | None = None
    cursor: Id | None = None


class LettersOfFigure(Chosen, Paged):
    letter: Annotated[Key | None, Field(description="A key of `[[letter]]`.")] = None
    cursor: Id | None = None


@dataclass(frozen=True, slots=True)
class FigureCalls:
    """`count`: on all pages."""

    items: tuple[Call, ...]
    next: str | None
    count: int


@dataclass(frozen=True, slots=True)
class FigureCards:
    """`count`: on all pages, `amount`: what they come to."""

    items: tuple[Card, ...]
    next: str | None
    count: int
    amount: Decimal


@dataclass(frozen=True, slots=True)
class CallBackOwed:
    """A call back. `at`: when the first call that it stands for began; `call`: the latest one."""

    id: str
    at: datetime
    phone: str | None
    contact: str | None
    contact_name: str | None
    owner: str
    cause: str | None
    due_at: datetime
    done_at: datetime | None
    call: str | None
    state: OwedState


@dataclass(frozen=True, slots=True)
class FigureOwed:
    """`count`: on all pages."""

    items: tuple[CallBackOwed, ...]
    next: str | None
    count: int


@dataclass(frozen=True, slots=True)
class LetterSent:
    """`letter`: its key in the setup."""

    id: str
    sent_at: datetime
    letter: str
    subject: str
    email: str | None
    manager: str | None
    card: str
    card_number: int


@dataclass(frozen=True, slots=True)
class FigureLetters:
    """`count`: on all pages."""

    items: tuple[LetterSent, ...]
    next: str | None
    count: int


@routes.get("/figures/calls", right="figures")
async def list_calls_of_figure(asked: Asked, query: CallsOfFigure) -> FigureCalls:
    """The calls that a figure of `GET /figures` counts, the newest first."""
    service, setup = asked.service, asked.service.setups.current
    now, calendar = service.clock(), setup.calendar_of(None)
    choice = query.choice(setup, now)
    which = WhichCalls(
        direction=query.direction,
        kind=query.kind,
        cause=query.cause,
        hour=query.hour,
        weekday=query.weekday,
        talked=query.talked,
        rang=query.rang,
        unpicked=query.unpicked,
        outcome=query.outcome,
        within_s=query.within,
    )
    given = (
        service.database,
        asked.viewer,
        calendar,
        choice.period,
        choice.narrow(setup),
        which,
    )
    found = await list_counted(*given, after=place_of(query.cursor), limit=query.limit, now=now)
    count = await count_calls(*given, now=now)
    last = cursor_of(found.items[-1]) if found.more else None
    return FigureCalls(tuple(call_body(one) for one in found.items), last, count)


@routes.get("/figures/cards", right="figures")
async def list_cards_of_figure(asked: Asked, query: CardsOfFigure) -> FigureCards:
    """The cards that a figure counts, the newest first, and what they come to."""
    setup, read = asked.service.setups.current, asked.service.database.read
    if query.status is not None and query.pipeline is None:
        needed = FieldProblem("pipeline", "is needed with `status`")
        raise Problem(422, "A status belongs to a pipeline.", [needed])
    span, narrow = _of(query, asked)
    which = WhichCards(
        pipeline=query.pipeline,
        statuses=statuses_meant(setup, query.pipeline, query.status, query.end),
        reached=query.reached,
        came_from=query.came_from,
        reason=query.reason,
        deals=query.deals,
    )
    given = (asked.viewer, span, narrow, which)
    found = await read(figures.list_cards, *given, after=query.cursor, limit=query.limit)
    count, amount = await read(figures.count_cards, *given)
    last = found.items[-1].id if found.more else None
    cards = tuple(card_body(one) for one in found.items)
    return FigureCards(cards, last, count, rounded(amount))


@routes.get("/figures/owed", right="figures")
async def list_owed_of_figure(asked: Asked, query: OwedOfFigure) -> FigureOwed:
    """The calls back that a figure counts, the newest first."""
    read, state = asked.service.database.read, query.state
    span, narrow = _of(query, asked)
    found = await read(
        figures.list_owed,
        asked.viewer,
        span,
        narrow,
        state,
        after=query.cursor,
        limit=query.limit,
    )
    owed = (await read(figures.sum_rest, asked.viewer, span, narrow)).owed
    last = found.items[-1].id if found.more else None
    items = tuple(_owed(one, span.now) for one in found.items)
    return FigureOwed(items, last, owed[state] if state else owed.total())


@routes.get("/figures/letters", right="figures")
async def list_letters_of_figure(asked: Asked, query: LettersOfFigure) -> FigureLetters:
    """The letters that a figure counts, the newest first."""
    read, key = asked.service.database.read, query.letter
    span, narrow = _of(query, asked)
    found = await read(
        figures.list_letters,
        asked.viewer,
        span,
        narrow,
        key,
        after=query.cursor,
        limit=query.limit,
    )
    sent = (await read(figures.sum_rest, asked.viewer, span, narrow)).letters
    last = found.items[-1].id if found.more else None
    items = tuple(_sent(one) for one in found.items)
    return FigureLetters(items, last, sent[key] if key else sent.total())


def _of(query: Chosen, asked: Asked) -> tuple[Span, Narrow]:
    setup, now = asked.service.setups.current, asked.service.clock()
    choice = query.choice(setup, now)
    return span_of(setup.calendar_of(None), choice.period, now), choice.narrow(setup)


def _owed(one: OwedRow, now: datetime) -> CallBackOwed:
    return CallBackOwed(
        id=one.id,
        at=one.at,
        phone=one.phone,
        contact=one.contact,
        contact_name=one.name or None,
        owner=one.owner,
        cause=one.cause,
        due_at=one.due_at,
        done_at=one.done_at,
        call=one.call,
        state=one.state(now),
    )


def _sent(one: SentRow) -> LetterSent:
    return LetterSent(
        id=one.id,
        sent_at=one.at,
        letter=one.key,
        subject=one.subject,
        email=one.email,
        manager=one.manager,
        card=one.card,
        card_number=one.number,
    )
