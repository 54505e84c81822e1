"""`/readiness`: what the server still needs, and what a person confirms of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import Field

from callrouter.api.fields import Given
from callrouter.api.layer import Asked, Routes
from callrouter.api.problems import Problem
from callrouter.condition import around, look_ready
from callrouter.domain.readiness import Code, Said, State
from callrouter.flows import readiness
from callrouter.flows.readiness import NotTickable
from callrouter.wording import readiness as say
from callrouter.wording import speak
from callrouter.wording.people import Voice
from storage import users

routes = Routes()


class ToConfirm(Given):
    code: Code
    subject: Annotated[str, Field(max_length=200, description="As the item says it.")] = ""


@dataclass(frozen=True, slots=True)
class ReadyItem:
    """`said`: which sentence it is; `confirmed_by`, `confirmed_at`: who did, where a person did."""

    code: Code
    subject: str
    state: State
    said: Said
    title: str
    sentence: str
    means: str
    confirmable: bool
    confirmed_by: str | None
    confirmed_at: datetime | None


@dataclass(frozen=True, slots=True)
class ReadyList:
    """`counts`: how many items are in each state."""

    counts: Mapping[State, int]
    items: tuple[ReadyItem, ...]


@routes.get("/readiness", right="operate")
async def get_readiness(asked: Asked) -> ReadyList:
    """What a server needs before a company leans on it, and how each of it stands."""
    return await _list(asked)


@routes.post("/readiness/confirm", right="operate")
async def confirm_readiness(asked: Asked, body: ToConfirm) -> ReadyList:
    """A person confirms what no program can see. 409: there is nothing such to confirm."""
    service = asked.service
    try:
        await service.database.write(
            readiness.tick,
            service.setups.current,
            await around(service),
            body.code,
            body.subject,
            by=asked.by,
            now=service.clock(),
        )
    except NotTickable:
        raise _NOTHING from None
    return await _list(asked)


@routes.post("/readiness/take-back", right="operate")
async def take_readiness_back(asked: Asked, body: ToConfirm) -> ReadyList:
    """What was confirmed is to be looked at again."""
    service = asked.service
    try:
        await service.database.write(
            readiness.untick, body.code, body.subject, by=asked.by, now=service.clock()
        )
    except NotTickable:
        raise _NOTHING from None
    return await _list(asked)


_NOTHING = Problem(409, "There is nothing such to confirm, or it is so already.")


async def _list(asked: Asked) -> ReadyList:
    service = asked.service
    items = await look_ready(service)
    names = await service.database.read(users.names)
    voice = Voice(speak(asked.language), service.setups.current)
    counts: dict[State, int] = {"ok": 0, "todo": 0, "broken": 0}
    shown = []
    for one in items:
        counts[one.state] += 1
        told, tick = say.say(one, voice, names), one.tick
        shown.append(
            ReadyItem(
                one.code,
                one.subject,
                one.state,
                one.said,
                told.title,
                told.says,
                told.means,
                one.can_be_ticked,
                tick.by if tick else None,
                tick.at if tick else None,
            )
        )
    return ReadyList(counts, tuple(shown))
