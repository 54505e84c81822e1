"""Listening to a recording: who may, and that he did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from callrouter.flows.recordings import hear
from callrouter.handing_out import in_thread
from storage import recordings

if TYPE_CHECKING:
    from callrouter.service import Service
    from storage.listing import Viewer
    from storage.recordings import Hearing, Recording


class Deleted(Exception):
    """It was there."""


@dataclass(frozen=True, slots=True)
class Sound:
    """A file that may be heard now, and how many bytes it has."""

    recording: Recording
    size: int


async def find_recording(
    service: Service, viewer: Viewer, call: str, part: int
) -> Recording | None:
    """The n-th recording of a call, from 1; None: none that he may hear. Raises Deleted."""
    found = await service.database.read(recordings.audible, viewer, call)
    if len(found) < part:
        return None
    if found[part - 1].deleted_at:
        raise Deleted
    return found[part - 1]


async def listen(
    service: Service, viewer: Viewer, call: str, part: int, *, by: str
) -> Sound | None:
    """Let somebody hear a recording, once it is kept that he does.

    None: there is none for him. Raises Deleted, FilesSilent, BaseSilent.
    """
    one = await find_recording(service, viewer, call, part)
    size = await in_thread(service.files.size, one.file) if one else None
    if one is None or size is None:
        return None
    await note(service, one, by=by, how="recording_played")
    return Sound(one, size)


async def note(service: Service, one: Recording, *, by: str, how: Hearing) -> None:
    """Keep that somebody hears it, or reads what was said. Raises BaseSilent."""
    now = service.clock()
    if not await service.database.read(recordings.heard_recently, one, by, now, how):
        await service.database.write(hear, one, by=by, now=now, how=how)
