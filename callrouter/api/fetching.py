"""`/recordings/missing`: talks whose recording ought to be here; and asking for it again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import Field

from callrouter.api.calls import NO_SUCH_CALL
from callrouter.api.fetches import RecordingFetch, fetch_body
from callrouter.api.fields import ById, Cursor, Instant, Paged, cursor_at, place_of
from callrouter.api.layer import Asked, Routes
from callrouter.api.problems import Problem
from callrouter.domain.events import Direction
from callrouter.flows.fetches import NothingToFetch, fetch_again
from callrouter.flows.no_such import NoSuchCall
from callrouter.flows.seeing import within
from callrouter.missing_recordings import LOOKED_BACK, expected_of
from storage import fetches
from storage.fetches import Absent

routes = Routes()


class MissingQuery(Paged):
    since: Annotated[
        Instant | None, Field(description="Begun then or later; absent: in the last 7 days.")
    ] = None
    cursor: Cursor | None = None


@dataclass(frozen=True, slots=True)
class CallWithoutRecording:
    """`id` is ours, `call_id` the PBX's. `fetch` null: no event named a recording."""

    id: str
    call_id: str
    account: str
    direction: Direction
    caller: str | None
    line: str
    manager: str | None
    started_at: datetime
    ended_at: datetime
    duration_s: float | None
    fetch: RecordingFetch | None


@dataclass(frozen=True, slots=True)
class MissingPage:
    items: tuple[CallWithoutRecording, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class FetchesOfCall:
    call: str
    fetches: tuple[RecordingFetch, ...]


@routes.get("/recordings/missing", right="see_setup")
async def list_missing_recordings(asked: Asked, query: MissingQuery) -> MissingPage:
    """Answered calls of lines with `recording = true` without their recording, the newest first.

    Such a call stands here from `recordings.missing_after_min` after its end on.
    """
    service = asked.service
    now = service.clock()
    found = await service.database.read(
        fetches.missing,
        expected_of(service.setups.current, query.since or now - LOOKED_BACK, now),
        after=place_of(query.cursor),
        limit=query.limit,
        viewer=asked.viewer,
    )
    last = _cursor(found.items[-1]) if found.more else None
    return MissingPage(tuple(_missing(one) for one in found.items), last)


@routes.post("/calls/{id}/recording/fetch", right="work", status=202)
async def fetch_recording_again(asked: Asked, path: ById) -> FetchesOfCall:
    """Ask the PBX again for what has not come of a call, now and for a day.

    409: no event named a recording, it is here, or the caller asked not to be recorded.
    """
    service = asked.service
    try:
        found = await service.database.write(
            within,
            asked.viewer,
            "call",
            path.id,
            fetch_again,
            path.id,
            by=asked.by,
            now=service.clock(),
        )
    except NoSuchCall:
        raise NO_SUCH_CALL from None
    except NothingToFetch as nothing:
        raise Problem(409, f"There is nothing to fetch: {nothing}.") from None
    return FetchesOfCall(path.id, tuple(fetch_body(one) for one in found))


def _missing(one: Absent) -> CallWithoutRecording:
    return CallWithoutRecording(
        id=one.call,
        call_id=one.call_id,
        account=one.account,
        direction=one.direction,
        caller=one.caller,
        line=one.line,
        manager=one.manager,
        started_at=one.started_at,
        ended_at=one.ended_at,
        duration_s=one.duration_s,
        fetch=fetch_body(one.fetch) if one.fetch else None,
    )


def _cursor(one: Absent) -> str:
    return cursor_at(one.started_at, one.call)
