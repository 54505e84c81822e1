"""`/alarms`: what somebody has to look at, since when, and what is over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Annotated

from pydantic import Field

from callrouter.api.fields import Flag, Id, Paged
from callrouter.api.layer import Asked, Routes
from callrouter.domain.alarms import AlarmKind
from callrouter.wording import alarms as say
from callrouter.wording import speak
from storage import alarms

routes = Routes()


class AlarmsQuery(Paged):
    open: Annotated[
        Flag | None, Field(description="Only those that are; false: those that are over.")
    ] = None
    cursor: Id | None = None


@dataclass(frozen=True, slots=True)
class Alarm:
    """`subject`: of which account, webhook or manager; `n`: how many, as its sentence says.

    `until` null: it is open.
    """

    id: str
    kind: AlarmKind
    subject: str
    n: int
    since: datetime
    until: datetime | None
    sentence: str
    to_do: str


@dataclass(frozen=True, slots=True)
class AlarmPage:
    items: tuple[Alarm, ...]
    next: str | None


@routes.get("/alarms", right="operate")
async def list_alarms(asked: Asked, query: AlarmsQuery) -> AlarmPage:
    """Alarms, the newest first."""
    found = await asked.service.database.read(
        alarms.listed, opened=query.open, after=query.cursor, limit=query.limit + 1
    )
    part, last = query.part(found, attrgetter("id"))
    return AlarmPage(tuple(_body(one, asked) for one in part), last)


def _body(one: alarms.Alarm, asked: Asked) -> Alarm:
    words, found = speak(asked.language), one.found
    return Alarm(
        id=one.id,
        kind=found.kind,
        subject=found.subject,
        n=found.n,
        since=one.since,
        until=one.until,
        sentence=say.said(found, words, asked.service.setups.current),
        to_do=say.to_do(found, words),
    )
