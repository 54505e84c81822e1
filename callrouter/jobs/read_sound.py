"""What a recording sounds like: read once, in a program of its own, and drawn by who looks."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

from callrouter.flows.sounds import READ_SOUND, sound_was_read
from callrouter.handing_out import in_thread
from callrouter.jobs.worker import Again, Kind, Task
from callrouter.outside import child
from callrouter.outside.child import ChildFailed, run_child
from storage import recordings
from storage.files import FilesSilent, NoRoom, at_hand

if TYPE_CHECKING:
    from callrouter.service import Service
    from storage.recordings import Recording

PROGRAM: Final = Path(child.__file__).with_name("sounding.py")
WITHIN_S: Final = 240.0


def kinds(service: Service) -> list[Kind]:
    async def read(task: Task) -> None:
        await read_sound(service, task)

    return [Kind(READ_SOUND, read, at_once=1, lease_s=120.0)]


async def read_sound(service: Service, task: Task) -> None:
    """A file that cannot be read says so and is not tried again."""
    one = await service.database.read(recordings.find, task.text("recording"))
    if one is None or one.deleted_at:
        return
    with ExitStack() as stack:
        path = await bring(service, one, stack)
        try:
            printed = await run_child(PROGRAM, str(path), within_s=WITHIN_S)
            found = json.loads(printed)
        except ChildFailed as error:
            found = {"broken": str(error).replace(str(path), "the file")}
    transcribe = service.transcriber is not None and service.setups.current.recordings.transcribe
    await task.finish(sound_was_read, one.id, found, transcribe=transcribe, now=service.clock())


async def bring(service: Service, one: Recording, stack: ExitStack) -> Path:
    """The file as a path of this machine, while the stack is open. Raises Again."""
    try:
        return await in_thread(stack.enter_context, at_hand(service.files, one.file))
    except (FilesSilent, NoRoom, FileNotFoundError) as error:
        raise Again(f"the file is not at hand: {error}") from None
