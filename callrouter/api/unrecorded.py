"""`/calls/{id}/no-recording`: a caller who asks not to be recorded, and who may be again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from callrouter.api.fields import ById, Given
from callrouter.api.layer import Asked, Routes
from callrouter.api.problems import Problem
from callrouter.flows.no_such import NoSuchCall, NoSuchContact
from callrouter.flows.seeing import within
from callrouter.flows.unrecorded import refuse_recording, say_recording

routes = Routes()


@dataclass(frozen=True, slots=True)
class NotRecorded:
    """`contact` null: nobody knows who he is, and it holds for this call alone."""

    contact: str | None
    erased: int
    not_fetched: int


class MayRecord(Given):
    allowed: Annotated[bool, Field(description="Whether talks with him may be recorded.")]


@dataclass(frozen=True, slots=True)
class Recordable:
    contact: str
    allowed: bool


@routes.post("/calls/{id}/no-recording", right="work")
async def do_not_record(asked: Asked, path: ById) -> NotRecorded:
    """The caller asked not to be recorded: nothing of this call stays, and no later one is kept.

    Recordings that are there are deleted, those that have not come are not fetched. The PBX is
    told with each later call, and a file that comes all the same is not kept.
    """
    service = asked.service
    try:
        done = await service.database.write(
            within,
            asked.viewer,
            "call",
            path.id,
            refuse_recording,
            path.id,
            by=asked.by,
            now=service.clock(),
        )
    except NoSuchCall:
        raise Problem(404, "There is no such call.") from None
    return NotRecorded(done.contact, done.erased, done.not_fetched)


@routes.post("/contacts/{id}/recording", right="work")
async def say_whether_to_record(asked: Asked, path: ById, body: MayRecord) -> Recordable:
    """Whether talks with a contact may be recorded from now on."""
    service = asked.service
    try:
        await service.database.write(
            within,
            asked.viewer,
            "contact",
            path.id,
            say_recording,
            path.id,
            allowed=body.allowed,
            by=asked.by,
            now=service.clock(),
        )
    except NoSuchContact:
        raise Problem(404, "There is no such contact.") from None
    return Recordable(path.id, body.allowed)
