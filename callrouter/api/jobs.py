"""`/jobs`: work after the answer: what waits, what was given up; and doing that again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field
from sqlalchemy import Connection

from callrouter.api.fields import ById, Cursor, Paged, cursor_at, place_of
from callrouter.api.layer import Asked, Routes
from callrouter.api.problems import Problem
from storage import jobs
from storage.jobs import JobState

routes = Routes()

NO_SUCH_JOB = Problem(404, "There is no such job; what is done is forgotten after a while.")


class JobsQuery(Paged):
    state: Annotated[
        Literal["open", "dead"],
        Field(description="`open`: to be done, or being done; `dead`: given up."),
    ] = "open"
    cursor: Cursor | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """`state`: `ready`; `leased`: it is worked on; `dead`: given up. `error`: of its last try."""

    id: str
    kind: str
    state: JobState
    due_at: datetime
    attempts: int
    error: str | None
    created_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class JobPage:
    items: tuple[Job, ...]
    next: str | None


@routes.get("/jobs", right="operate")
async def list_jobs(asked: Asked, query: JobsQuery) -> JobPage:
    """What is to be done, the next first; or what was given up, the latest first."""
    dead, limit = query.state == "dead", query.limit + 1
    found = await asked.service.database.read(
        jobs.listed, dead=dead, after=place_of(query.cursor), limit=limit
    )
    part, last = query.part(found, _cursor)
    return JobPage(tuple(_body(one) for one in part), last)


@routes.post("/jobs/{id}/retry", right="operate")
async def retry_job(asked: Asked, path: ById) -> Job:
    """Do again what was given up, with all its tries before it. Any other job stays as it is."""
    service = asked.service
    found = await service.database.write(_retry, path.id, now=service.clock())
    if found is None:
        raise NO_SUCH_JOB
    return _body(found)


def _retry(conn: Connection, id_: str, *, now: datetime) -> jobs.Job | None:
    return jobs.revive(conn, id_, now=now) or jobs.find(conn, id_)


def _cursor(one: jobs.Job) -> str:
    """A dead one has its end."""
    return cursor_at(one.ended_at or one.due_at, one.id)


def _body(one: jobs.Job) -> Job:
    return Job(
        one.id,
        one.kind,
        one.state,
        one.due_at,
        one.attempts,
        one.error,
        one.created_at,
        one.ended_at,
    )
