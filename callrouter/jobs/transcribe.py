"""What was said in a recording: one at a time, where the company wants it."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from callrouter.flows.sounds import TRANSCRIBE, was_transcribed
from callrouter.jobs.read_sound import bring
from callrouter.jobs.worker import GiveUp, Kind, Task
from callrouter.outside.transcriber import NotTranscribed
from storage import recordings

if TYPE_CHECKING:
    from callrouter.service import Service


def kinds(service: Service) -> list[Kind]:
    if service.transcriber is None:
        return []

    async def transcribe(task: Task) -> None:
        await make_text(service, task)

    return [Kind(TRANSCRIBE, transcribe, at_once=1, lease_s=300.0, tries=3)]


async def make_text(service: Service, task: Task) -> None:
    """A recording that was deleted meanwhile has no text either."""
    one = await service.database.read(recordings.find, task.text("recording"))
    if one is None or one.deleted_at or service.transcriber is None:
        return
    with ExitStack() as stack:
        path = await bring(service, one, stack)
        try:
            said = await service.transcriber.transcribe(
                path, service.setups.current.company.language
            )
        except NotTranscribed as error:
            raise GiveUp(str(error)) from None
    parts = [(part.start, part.end, part.text) for part in said]
    await task.finish(was_transcribed, one.id, parts)
