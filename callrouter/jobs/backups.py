"""Backups by the clock: made every night, carried to a second place, tried every week."""

from __future__ import annotations

import asyncio
import os
import shlex
import sqlite3
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import structlog

from callrouter import metrics
from callrouter.domain import backups as terms
from callrouter.flows import backups as flows
from callrouter.jobs.worker import Again, GiveUp, Kind, Schedule, Task
from callrouter.saving import local_place, source_of
from storage import backup_log, backups
from storage.archives import Damaged, Stop
from storage.backups import Keep
from storage.database import BaseTooNew, Priority
from storage.dumps import NotEmpty
from storage.files import Files, FilesSilent, Folder, NoRoom, open_files

if TYPE_CHECKING:
    from callrouter.domain.setup import Setup
    from callrouter.service import Service

log = structlog.get_logger()

R = TypeVar("R")

MAKE: Final = "make_backup"
TRY: Final = "try_backup"
WATCH: Final = "watch_backups"
CARRY: Final = flows.CARRY

COMMAND_S: Final = 6 * 3600.0
"""So long may a command take to carry a backup away."""


def kinds(service: Service) -> list[Kind]:
    """None for a demo: nobody wants its calls back."""
    if service.demo:
        return []
    return [
        Kind(MAKE, partial(make, service), at_once=1, lease_s=120, tries=6),
        Kind(CARRY, partial(carry, service), at_once=1, lease_s=120, tries=20),
        Kind(TRY, partial(attempt, service), at_once=1, lease_s=120, tries=6),
        Kind(WATCH, partial(watch, service), at_once=1, tries=2),
    ]


def schedules(service: Service) -> list[Schedule]:
    if service.demo:
        return []

    def at(days: str, later: int = 0) -> str:
        hour, _, minute = service.setups.current.backups.at.partition(":")
        return f"{int(minute)} {(int(hour) + later) % 24} * * {days}"

    def zone() -> str:
        return service.setups.current.company.time_zone

    return [
        Schedule("backup", MAKE, lambda: at("*"), zone),
        Schedule("backup_trial", TRY, lambda: at("0", later=1), zone),
        Schedule("backup_watch", WATCH, lambda: "5 * * * *", zone),
    ]


class _Stopped(Exception):
    """The server ends."""


async def _apart(do: Callable[[Stop], R]) -> R:
    """Run what takes long in a thread of its own, which lets everything else go before it."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[R] = loop.create_future()
    ended = threading.Event()

    def stop() -> None:
        if ended.is_set():
            raise _Stopped

    def tell(how: Callable[[], None]) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(lambda: None if answer.done() else how())

    def run() -> None:
        backups.gently()
        try:
            found = do(stop)
        except BaseException as error:  # noqa: BLE001  whatever it is belongs to who asked
            tell(partial(answer.set_exception, error))
        else:
            tell(partial(answer.set_result, found))

    thread = threading.Thread(target=run, name="backup", daemon=True)
    thread.start()
    try:
        return await answer
    finally:
        ended.set()


_AGAIN: Final = (backups.Busy, NoRoom, FilesSilent, OSError, sqlite3.Error)


# Every night


async def make(service: Service, task: Task) -> None:
    """Make a backup and take away those that need not be kept any longer."""
    setup, now = service.setups.current, service.clock()
    place = local_place(service.settings)
    source = await source_of(service.settings, service.database, service.seal.fingerprint)
    try:
        made = await _apart(
            lambda stop: backups.make(source, place, now=now, keep=_keeping(setup), stop=stop)
        )
        there = await _apart(lambda _stop: list(backups.standing(place).values()))
    except _AGAIN as error:
        log.error("backup_failed", error=str(error)[:300])  # noqa: TRY400
        raise Again(f"{type(error).__name__}: {error}") from error
    except Damaged as error:
        log.error("backup_failed", error=str(error)[:300])  # noqa: TRY400
        await service.database.write_as(
            Priority.JOBS,
            backup_log.add,
            str(place.root),
            at=now,
            state="failed",
            error=str(error),
        )
        raise GiveUp(str(error)) from error
    for name in made.lost:
        log.error("backup_lacks_file", file=name)
    log.info("backup_made", size=made.size, files=made.manifest.files, lost=len(made.lost))
    to = setup.backups.to
    await task.finish(flows.made, made, place.root, there, to=to, now=service.clock())


def _keeping(setup: Setup) -> Keep:
    return partial(
        terms.kept,
        days=setup.backups.days,
        weeks=setup.backups.weeks,
        zone=setup.company.time_zone,
    )


# To a second place


async def carry(service: Service, task: Task) -> None:
    """Bring a backup to the second place, and take away there what need not be kept."""
    setup, place, name = service.setups.current, local_place(service.settings), task.text("name")
    to = setup.backups.to
    if to is None or not place.has(name):
        return
    try:
        if to.startswith("run:"):
            await _run(to.removeprefix("run:"), place.path(name))
            there = None
        else:
            other = open_files(to, service.settings.environ, place.root)
            there = await _apart(partial(_bring, place, name, other, _keeping(setup)))
    except (*_AGAIN, Damaged, ValueError) as error:
        log.error("backup_not_carried", error=str(error)[:300])  # noqa: TRY400
        raise Again(f"{type(error).__name__}: {error}") from error
    await task.finish(flows.carried, str(place.path(name)), to, name, there)


def _bring(
    place: Folder,
    name: str,
    other: Files,
    keep: Keep,
    stop: Stop,
) -> list[str]:
    """Gives the archives that stand there afterwards."""
    backups.carry(place, name, other, stop=stop)
    backups.clear(other, keep)
    return list(backups.standing(other).values())


async def _run(command: str, archive: Path) -> None:
    """Raises OSError, TimeoutError; its own output says what was wrong."""
    environ = {
        name: text for name, text in os.environ.items() if not name.startswith("CALLROUTER_")
    }
    process = await asyncio.create_subprocess_exec(
        *shlex.split(command),
        str(archive),
        env=environ,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        said, _ = await asyncio.wait_for(process.communicate(), COMMAND_S)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        tail = said.decode(errors="replace").strip()[-300:]
        raise OSError(f"{shlex.split(command)[0]} ended with {process.returncode}: {tail}")


# Every week


async def attempt(service: Service, task: Task) -> None:
    """Restore the newest backup into a place of no use, compare it, and note what came of it."""
    place = local_place(service.settings)
    standing = await _apart(lambda _stop: list(backups.standing(place).values()))
    if not standing:
        return
    archive = place.path(standing[-1])

    def both(stop: Stop) -> None:
        with backups.alone(place) as scratch:
            backups.attempt(archive, place, service.settings.database, scratch, stop=stop)

    wrong = None
    try:
        await _apart(both)
    except (Damaged, NotEmpty, BaseTooNew) as error:
        wrong = str(error)
        log.error("backup_is_no_good", error=wrong[:300])  # noqa: TRY400
    except _AGAIN as error:
        raise Again(f"{type(error).__name__}: {error}") from error
    await task.finish(backup_log.tried, str(archive), wrong, now=service.clock())


# Every hour


async def watch(service: Service, task: Task) -> None:
    """Say aloud when the newest good backup is too old."""
    now = service.clock()
    newest = await service.database.read(backup_log.newest_good)
    since = await service.database.read(backup_log.begun_at)
    late = terms.is_late(newest.at if newest else None, since, now)
    metrics.BACKUP_LATE.set(int(late))
    if late:
        log.error("backup_late", newest=newest.at.isoformat() if newest else None)
    del task
