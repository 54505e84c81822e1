"""Servers with one thing broken on purpose: what a test must find, or it finds nothing."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import storage.database
from callrouter.flows.work import Entry, Taken
from callrouter.intake import spool
from callrouter.intake.batches import Batches

EARLY_S = 0.05


def acknowledge_early() -> None:
    """Events are acknowledged first and kept a little later."""
    keep = Batches.take
    going: set[asyncio.Task[Taken]] = set()

    async def take(self: Batches, entry: Entry) -> Taken:
        if entry.event.asks:
            return await keep(self, entry)

        async def later() -> Taken:
            await asyncio.sleep(EARLY_S)
            return await keep(self, entry)

        task = asyncio.create_task(later())
        going.add(task)
        task.add_done_callback(going.discard)
        return Taken(entry.accept, entry.call_id)

    Batches.take = take  # type: ignore[method-assign]


def trust_the_cache() -> None:
    """A commit is in the kernel's cache only."""
    from storage import sqlite

    sqlite._ALWAYS["synchronous"] = "NORMAL"


def trust_the_cache_of_the_spool() -> None:
    """What was told is in the kernel's cache only."""

    class Os:
        def __getattr__(self, name: str) -> Any:
            return getattr(os, name)

        def fsync(self, _file: int) -> None:
            pass

    vars(spool)["os"] = Os()


def leave_the_gate_open() -> None:
    """Two nodes write at once."""
    from callrouter import app

    make = partial(storage.database.open_database, gate=False)
    vars(app)["open_database"] = make


def leave_at_once() -> None:
    """SIGTERM ends the process there and then."""
    from callrouter import app

    async def until_told_to_stop() -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, os._exit, 0)
        await asyncio.Event().wait()

    app.until_told_to_stop = until_told_to_stop


def die_before_the_name() -> None:
    """Killed when a recording is whole on the disk and has no name yet."""
    from storage.files import Draft

    def keep(self: Draft, name: str) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    Draft.keep = keep  # type: ignore[method-assign]


def die_before_the_event() -> None:
    """Killed when a recording has its name and the base knows nothing of it."""
    from callrouter.flows.recordings import Upload
    from callrouter.intake.keeping import Keeper

    async def tell(self: Keeper, upload: Upload) -> bool:
        os.kill(os.getpid(), signal.SIGKILL)
        return False

    Keeper._tell = tell  # type: ignore[method-assign]


def die_before_the_recording() -> None:
    """Killed when the event of a recording is in the base and the recording is not."""
    from callrouter.intake import keeping

    def hang(*_given: object, **_more: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    vars(keeping)["hang"] = hang


VARIANTS: Mapping[str, Callable[[], None]] = {
    one.__name__: one
    for one in (
        acknowledge_early,
        trust_the_cache,
        trust_the_cache_of_the_spool,
        leave_the_gate_open,
        leave_at_once,
        die_before_the_name,
        die_before_the_event,
        die_before_the_recording,
    )
}

if __name__ == "__main__":
    from callrouter.cli import main

    if name := sys.argv.pop(1):
        VARIANTS[name]()
    main()
