"""`/board`: how many cards each status has and what they come to; `/moves`: many at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated

from pydantic import Field

from callrouter.api.fields import Cursor, Given, Id, Key, Paged, Text, cursor_at, place_of
from callrouter.api.layer import Asked, Routes
from callrouter.api.problems import FieldProblem, Problem
from callrouter.domain.items import rounded
from callrouter.domain.letters import LetterKind, LetterState
from callrouter.domain.setup import Pipeline, Setup
from callrouter.flows.fields import StaleCard
from callrouter.flows.letters import Wish
from callrouter.flows.move_card import Move, move_card
from callrouter.flows.new_card import pipeline_named, wrong_pipeline
from callrouter.flows.no_such import NoSuchCard
from callrouter.flows.people import BadFields
from callrouter.flows.seeing import NotSeen, within
from storage import listing_board as stored

routes = Routes()

MOST = 100
"""So many cards are moved at once."""


class BoardQuery(Given):
    pipeline: Annotated[Key | None, Field(description="Absent: the first one.")] = None
    manager: Annotated[Key | None, Field(description="Whose cards; empty: nobody's.")] = None
    overdue: Annotated[bool, Field(description="With a task whose term has passed.")] = False
    no_step: Annotated[bool, Field(description="Without any open task.")] = False
    source: Key = ""
    tag: Annotated[Key, Field(description="A tag of the contact.")] = ""
    q: Annotated[Text, Field(description="Number, title, the contact's name or phone.")] = ""


class ColumnQuery(BoardQuery, Paged):
    status: Annotated[Key, Field(description="A status of the pipeline.")]
    cursor: Cursor | None = None


@dataclass(frozen=True, slots=True)
class StatusCount:
    """`amount`: what its cards come to, a text, exact to the kopeck."""

    status: str
    closed: bool
    cards: int
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Board:
    pipeline: str
    statuses: tuple[StatusCount, ...]


@dataclass(frozen=True, slots=True)
class NextStep:
    """The open task that is due first; `text` empty: its kind says it."""

    id: str
    kind: str
    text: str
    owner: str
    due_at: datetime | None


@dataclass(frozen=True, slots=True)
class LetterOfTile:
    """One that is not settled; until `wait_until` it can be taken back."""

    id: str
    kind: LetterKind
    state: LetterState
    email: str | None
    wait_until: datetime | None


@dataclass(frozen=True, slots=True)
class Tile:
    """A card as the board shows it. `status_at`: since when it is there; `owed`: its contact is to
    be called back.
    """

    id: str
    number: int
    title: str
    pipeline: str
    status: str
    status_at: datetime
    manager: str | None
    contact: str | None
    contact_name: str
    phone: str | None
    amount: Decimal | None
    version: int
    step: NextStep | None
    owed: bool
    letters: tuple[LetterOfTile, ...]


@dataclass(frozen=True, slots=True)
class TilePage:
    items: tuple[Tile, ...]
    next: str | None


class Moves(Given):
    cards: Annotated[list[Id], Field(min_length=1, max_length=MOST)]
    status: Annotated[Key, Field(description="A status of each card's pipeline, or `junk`.")]
    loss_reason: Annotated[Key | None, Field(description="Of a closed status.")] = None
    letters: Annotated[bool, Field(description="False: no letter is asked for.")] = True


@dataclass(frozen=True, slots=True)
class MoveResult:
    """`moved` false and `problem` null: it had this status already."""

    card: str
    moved: bool
    problem: str | None


@dataclass(frozen=True, slots=True)
class MoveResults:
    items: tuple[MoveResult, ...]


@routes.get("/board", right="look")
async def get_board(asked: Asked, query: BoardQuery) -> Board:
    """A pipeline's statuses, each with how many cards it has and what they come to.

    Closed ones count all that ever came there. The cards themselves: `GET /board/cards`.
    """
    service = asked.service
    pipeline, wanted = _wanted(query, service.setups.current)
    keys = [one.key for one in pipeline.statuses]
    found = await service.database.read(
        stored.heads, asked.viewer, wanted, keys, now=service.clock()
    )
    return Board(
        pipeline.key,
        tuple(
            StatusCount(one.key, one.closed, found[one.key].count, rounded(found[one.key].amount))
            for one in pipeline.statuses
        ),
    )


@routes.get("/board/cards", right="look")
async def list_board_cards(asked: Asked, query: ColumnQuery) -> TilePage:
    """The cards of a status, who came there last first, each with its next step."""
    service = asked.service
    pipeline, wanted = _wanted(query, service.setups.current)
    if pipeline.status(query.status) is None:
        allowed = ", ".join(one.key for one in pipeline.statuses)
        problem = FieldProblem("status", f"is none of the pipeline; allowed: {allowed}")
        raise Problem(422, "There is no such status.", [problem])
    found = await service.database.read(
        stored.column,
        asked.viewer,
        wanted,
        query.status,
        now=service.clock(),
        after=place_of(query.cursor),
        limit=query.limit,
    )
    last = cursor_at(*found.items[-1].place) if found.more else None
    return TilePage(tuple(_tile(one) for one in found.items), last)


def _wanted(query: BoardQuery, setup: Setup) -> tuple[Pipeline, stored.Wanted]:
    """Raises Problem where there is no such pipeline."""
    pipeline = pipeline_named(setup, query.pipeline or None)
    if pipeline is None:
        wrong = wrong_pipeline(query.pipeline, setup)
        problem = FieldProblem(wrong.field, wrong.message)
        raise Problem(422, "There is no such pipeline.", [problem])
    wanted = stored.Wanted(
        pipeline.key,
        query.manager,
        query.overdue,
        query.no_step,
        query.source,
        query.tag,
        query.q,
        setup.company.region,
    )
    return pipeline, wanted


def _tile(one: stored.TileView) -> Tile:
    step = one.step
    return Tile(
        id=one.id,
        number=one.number,
        title=one.title,
        pipeline=one.pipeline,
        status=one.status,
        status_at=one.status_at,
        manager=one.manager,
        contact=one.contact,
        contact_name=one.name,
        phone=one.phone,
        amount=None if one.amount is None else rounded(one.amount),
        version=one.version,
        step=NextStep(step.id, step.kind, step.text, step.owner, step.due_at) if step else None,
        owed=one.owed,
        letters=tuple(
            LetterOfTile(it.id, it.kind, it.state, it.email, it.wait_until) for it in one.letters
        ),
    )


@routes.post("/moves", right="work")
async def move_cards(asked: Asked, body: Moves) -> MoveResults:
    """Give several cards a status, each by itself: what is refused of one stops no other."""
    service, results = asked.service, []
    move = Move(body.status, wish=Wish(body.letters), loss_reason=body.loss_reason or None)
    for id_ in dict.fromkeys(body.cards):
        moved, problem = False, None
        try:
            done = await service.database.write(
                within,
                asked.viewer,
                "card",
                id_,
                move_card,
                id_,
                move,
                service.setups.current,
                by=asked.by,
                now=service.clock(),
            )
            moved = done.changed.moved
        except (NotSeen, NoSuchCard):
            problem = "There is no such card."
        except (BadFields, StaleCard) as bad:
            problem = str(bad)
        results.append(MoveResult(id_, moved, problem))
    return MoveResults(tuple(results))
