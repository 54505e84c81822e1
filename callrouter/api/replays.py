"""`/replays`: past calls decided again, beside the server, on a draft or on the rules they had."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from callrouter.api.fields import ById, Given, Id, Paged
from callrouter.api.layer import Asked, Reply, Routes
from callrouter.api.problems import FieldProblem, Problem
from callrouter.domain.replayed import Replayed
from callrouter.flows import replays as flow
from callrouter.flows import tuning
from callrouter.flows.replays import MOST_DAYS, NoSuchReplay, TooManyReplays
from callrouter.setup_file import BadSetup
from storage import replays
from storage.replays import ReplayState

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from storage.replays import Replay

routes = Routes()

NO_SUCH_REPLAY = Problem(404, "There is no such replay; they are kept for 30 days.")
NO_SUCH_DRAFT = Problem(404, "There is no such draft.", [FieldProblem("draft", "is not there")])
TOO_MANY = Problem(409, "Too many replays wait already; cancel one, or ask later.")


class NewReplay(Given):
    days: Annotated[int, Field(ge=1, le=MOST_DAYS, description="Of the last so many days.")]
    draft: Annotated[
        Id | None, Field(description="The draft to try; absent: the rules that the calls had.")
    ] = None


class ReplaysQuery(Paged):
    cursor: Id | None = None


@dataclass(frozen=True, slots=True)
class ReplayBrief:
    """`done`, `out_of`: events gone through, of how many. `error`: why it failed; `interrupted`:
    its server ended.
    """

    id: str
    draft: str | None
    name: str
    since: datetime
    until: datetime
    state: ReplayState
    done: int
    out_of: int
    error: str | None
    by: str
    created_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class ReplayTold(ReplayBrief):
    """`result`: when the state is `done`."""

    result: Replayed | None


@dataclass(frozen=True, slots=True)
class ReplayPage:
    items: tuple[ReplayBrief, ...]
    next: str | None


@routes.get("/replays", right="see_setup")
async def list_replays(asked: Asked, query: ReplaysQuery) -> ReplayPage:
    """What was asked for in the last 30 days, the newest first, and how far each is."""
    found = await asked.service.database.read(replays.listed, query.limit + 1, after=query.cursor)
    part, last = query.part(found, attrgetter("id"))
    return ReplayPage(tuple(_brief(one) for one in part), last)


@routes.post("/replays", right="see_setup", status=201)
async def ask_for_replay(asked: Asked, body: NewReplay) -> Reply[ReplayTold]:
    """Ask for the calls of the last days to be decided again; look at it until it is `done`.

    It goes on in a process of low priority and changes nothing. One runs at a time; just the same
    asked for twice is one.
    """
    service = asked.service
    try:
        id_ = await service.database.write(
            flow.ask, days=body.days, draft=body.draft, by=asked.by, now=service.clock()
        )
    except tuning.NoSuchDraft:
        raise NO_SUCH_DRAFT from None
    except BadSetup as bad:
        raise cannot_be_tried(bad) from None
    except TooManyReplays:
        raise TOO_MANY from None
    return Reply(await _told(asked, id_), 201)


@routes.get("/replays/{id}", right="see_setup")
async def get_replay(asked: Asked, path: ById) -> ReplayTold:
    """How far a replay is, and what came of it."""
    return await _told(asked, path.id)


@routes.post("/replays/{id}/cancel", right="see_setup")
async def cancel_replay(asked: Asked, path: ById) -> ReplayTold:
    """Stop a replay that waits or runs; one that is over stays as it is."""
    service = asked.service
    try:
        await service.database.write(flow.cancel, path.id, now=service.clock())
    except NoSuchReplay:
        raise NO_SUCH_REPLAY from None
    return await _told(asked, path.id)


def cannot_be_tried(bad: BadSetup) -> Problem:
    """A draft with errors in it; `field` names its key as setup.toml does."""
    errors = [FieldProblem(one.key, one.message) for one in bad.problems]
    return Problem(422, "The draft has errors and cannot be tried.", errors)


async def _told(asked: Asked, id_: str) -> ReplayTold:
    found = await asked.service.database.read(_find, id_)
    if found is None:
        raise NO_SUCH_REPLAY
    one, result = found
    brief = _brief(one)
    told = {field.name: getattr(brief, field.name) for field in fields(brief)}
    return ReplayTold(**told, result=result)


def _brief(one: Replay) -> ReplayBrief:
    return ReplayBrief(
        id=one.id,
        draft=one.draft,
        name=one.name,
        since=one.since,
        until=one.until,
        state=one.state,
        done=one.done,
        out_of=one.out_of,
        error=one.error,
        by=one.by,
        created_at=one.created_at,
        ended_at=one.ended_at,
    )


def _find(conn: Connection, id_: str) -> tuple[Replay, Replayed | None] | None:
    one = replays.find(conn, id_)
    return None if one is None else (one, replays.result_of(conn, id_))
