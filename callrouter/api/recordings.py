"""`/calls/{id}/recording`: the sound of a call."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from callrouter.api.fields import ById, Given
from callrouter.api.layer import READERS, Asked, File, Routes
from callrouter.api.problems import Problem
from callrouter.domain.audio import MEDIA_TYPES
from storage import recordings

routes = Routes()

NO_SUCH_RECORDING = Problem(404, "There is no such recording.")


class RecordingQuery(Given):
    part: Annotated[
        int, Field(ge=1, le=1000, description="Which, where a call has several: talks come first.")
    ] = 1


@routes.file("/calls/{id}/recording", roles=READERS, media=MEDIA_TYPES.values())
async def get_recording(asked: Asked, path: ById, query: RecordingQuery) -> File:
    """The recording of a call; `Range` is honoured.

    A call may have several: of each leg, in parts, and a message. Talks come first, each in the
    order of arrival; 404 is past the last.
    """
    found = await asked.service.database.read(recordings.of_call, path.id)
    if len(found) < query.part:
        raise NO_SUCH_RECORDING
    one = found[query.part - 1]
    files = asked.service.files
    if not files.has(one.file):
        raise NO_SUCH_RECORDING
    return File(files.path(one.file), one.type)
