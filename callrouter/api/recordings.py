"""`/calls/{id}/recording`: the sound of a call."""

from __future__ import annotations

import json
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

from pydantic import Field

from callrouter import playing
from callrouter.api.fields import ById, Given
from callrouter.api.layer import Asked, File, Routes
from callrouter.api.problems import Problem
from callrouter.domain.audio import MEDIA_TYPES
from callrouter.playing import Deleted
from storage import recordings

if TYPE_CHECKING:
    from storage.recordings import Recording

T = TypeVar("T")

routes = Routes()

NO_SUCH_RECORDING = Problem(404, "There is no such recording.")
DELETED = Problem(404, "The recording was deleted.")


class RecordingQuery(Given):
    part: Annotated[
        int, Field(ge=1, le=1000, description="Which, where a call has several: talks come first.")
    ] = 1


@dataclass(frozen=True, slots=True)
class Peaks:
    """How loud a recording is, for drawing.

    `channels`: of each the loudest of equal stretches, at most 1000 of them, from 0 to 100.
    `state`: `waiting` until it was read; `broken` where it cannot be.
    """

    state: Literal["read", "waiting", "broken"]
    seconds: float | None
    channels: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Stretch:
    """In seconds from the beginning."""

    start: float
    end: float
    text: str


@dataclass(frozen=True, slots=True)
class Transcript:
    """`state`: `none` where nobody has made text of it, or not yet."""

    state: Literal["read", "none"]
    stretches: tuple[Stretch, ...]


@routes.file("/calls/{id}/recording", right="listen", media=MEDIA_TYPES.values())
async def get_recording(asked: Asked, path: ById, query: RecordingQuery) -> File:
    """The recording of a call; `Range` is honoured.

    A call may have several: of each leg, in parts, and a message. Talks come first, each in the
    order of arrival; 404 is past the last, and one that was deleted. Who listens to what is kept as
    the business event `recording_played`, once for all requests within ten minutes.
    """
    sound = await _found(
        playing.listen(asked.service, asked.viewer, path.id, query.part, by=asked.by)
    )
    return File(sound.recording.file, sound.size, sound.recording.type)


@routes.get("/calls/{id}/recording/peaks", right="listen")
async def get_peaks(asked: Asked, path: ById, query: RecordingQuery) -> Peaks:
    """How loud the recording of a call is, from its beginning to its end."""
    one = await _find(asked, path.id, query.part)
    kept = await asked.service.database.read(recordings.peaks_of, one.id)
    found = json.loads(kept or "{}")
    if "channels" in found:
        return Peaks("read", found["seconds"], tuple(map(tuple, found["channels"])))
    return Peaks("broken" if found else "waiting", one.seconds, ())


@routes.get("/calls/{id}/recording/transcript", right="listen")
async def get_transcript(asked: Asked, path: ById, query: RecordingQuery) -> Transcript:
    """What was said, where recordings are transcribed.

    Who reads it is kept as the business event `transcript_read`, as listening is.
    """
    one = await _find(asked, path.id, query.part)
    kept = await asked.service.database.read(recordings.transcript_of, one.id)
    if kept is None:
        return Transcript("none", ())
    await playing.note(asked.service, one, by=asked.by, how="transcript_read")
    parts = (Stretch(part["from"], part["to"], part["text"]) for part in json.loads(kept))
    return Transcript("read", tuple(parts))


async def _find(asked: Asked, call: str, part: int) -> Recording:
    return await _found(playing.find_recording(asked.service, asked.viewer, call, part))


async def _found(looking: Awaitable[T | None]) -> T:
    """Raises Problem where there is none for him, or no more."""
    try:
        found = await looking
    except Deleted:
        raise DELETED from None
    if found is None:
        raise NO_SUCH_RECORDING
    return found
