"""Servers with one thing broken on purpose: what a test must find, or it finds nothing."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from sqlalchemy import Connection

import storage.database
from callrouter.flows.work import Entry, Taken
from callrouter.intake import spool
from callrouter.intake.batches import Batches
from callrouter.service import Service

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

    def hear_signals() -> asyncio.Event:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, os._exit, 0)
        return asyncio.Event()

    app.hear_signals = hear_signals


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


LEASE_S = 2.0


def labour(*, fenced: bool = True) -> None:
    """There is one more kind of job: it takes its time and then writes a row."""
    from callrouter import app
    from callrouter.jobs.kinds import kinds_of as usual
    from callrouter.jobs.worker import Kind, Task
    from storage import notices
    from storage.notices import Happening

    def write(conn: Connection, key: str) -> None:
        now = app.utc_now()
        notices.record(conn, [Happening("laboured", now, key)], now=now)

    async def run(task: Task) -> None:
        key = task.text("key")
        await asyncio.sleep(0.05)
        if fenced:
            await task.finish(write, key)
        else:
            await task._database.write(write, key)
            await asyncio.sleep(0.05)

    def kinds_of(service: Service) -> list[Kind]:
        return [*usual(service), Kind("labour", run, at_once=4, lease_s=LEASE_S, tries=100)]

    vars(app)["kinds_of"] = kinds_of


def labour_unfenced() -> None:
    """What the job does stays, whether its lease does or not."""
    labour(fenced=False)


def _die(*_given: object, **_more: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def fetch_soon() -> None:
    """Who died while it fetched is missed after a second; nobody waits long for a recording."""
    from callrouter.jobs import fetch_recording
    from callrouter.jobs.worker import Kind

    named: dict[str, Any] = {"FIRST_S": 0.1, "LAST_S": 0.3, "Kind": partial(Kind, lease_s=1.0)}
    vars(fetch_recording).update(named)


def die_in_the_fetch() -> None:
    """Killed when half of a recording has come."""
    from storage.files import Draft

    fetch_soon()
    write = Draft.write

    def half(self: Draft, data: bytes) -> None:
        write(self, data)
        _die()

    Draft.write = half  # type: ignore[method-assign]


def die_before_the_fetched_name() -> None:
    """Killed when a fetched recording is whole and has no name yet."""
    fetch_soon()
    die_before_the_name()


def die_before_the_fetched_row() -> None:
    """Killed when a fetched recording has its name and the base knows nothing of it."""
    from callrouter.jobs import fetch_recording

    fetch_soon()
    vars(fetch_recording)["keep_fetched"] = _die


def die_in_the_dump() -> None:
    """Killed when the base is copied and nothing is packed yet."""
    from storage import dump_sqlite

    vars(dump_sqlite)["pack"] = _die


def die_in_the_archive() -> None:
    """Killed when half of an archive is written."""
    from storage import archives

    write = archives._add

    def add(tar: Any, name: str, *rest: Any) -> None:
        if name == "sha256":
            _die()
        write(tar, name, *rest)

    vars(archives)["_add"] = add


def die_before_the_archives_name() -> None:
    """Killed when an archive is whole on the disk and has no name yet."""
    from storage.files import Draft

    keep = Draft.keep

    def named(self: Draft, name: str) -> None:
        if name.startswith("archives/"):
            _die()
        keep(self, name)

    Draft.keep = named  # type: ignore[method-assign]


def die_in_the_base() -> None:
    """Killed when a base is unpacked and nobody has looked at it yet."""
    from storage import dump_sqlite

    vars(dump_sqlite)["look"] = _die


def die_before_the_bases_name() -> None:
    """Killed when a restored base is whole and has no name yet."""
    from storage import backups

    vars(backups)["os"] = _Os(link=_die)


def die_after_the_bases_name() -> None:
    """Killed when a restored base has its name and nobody was told."""
    from storage import backups

    def link(*given: Any) -> None:
        os.link(*given)
        _die()

    vars(backups)["os"] = _Os(link=link)


class _Os:
    """`os` but for what is given."""

    def __init__(self, **given: object) -> None:
        self._given = given

    def __getattr__(self, name: str) -> Any:
        return self._given.get(name) or getattr(os, name)


VARIANTS: Mapping[str, Callable[[], None]] = {
    one.__name__: one
    for one in (
        labour,
        labour_unfenced,
        acknowledge_early,
        trust_the_cache,
        trust_the_cache_of_the_spool,
        leave_the_gate_open,
        leave_at_once,
        die_before_the_name,
        die_before_the_event,
        die_before_the_recording,
        fetch_soon,
        die_in_the_fetch,
        die_before_the_fetched_name,
        die_before_the_fetched_row,
        die_in_the_dump,
        die_in_the_archive,
        die_before_the_archives_name,
        die_in_the_base,
        die_before_the_bases_name,
        die_after_the_bases_name,
    )
}

if __name__ == "__main__":
    from callrouter.cli import main

    if name := sys.argv.pop(1):
        VARIANTS[name]()
    main()
