"""Recordings and attachments that go: files that are taken away, and every night recordings that
are older than their line keeps them, and files of clients that were brought for an import.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Final

import structlog

from callrouter import import_desk, metrics
from callrouter.domain.setup import Line
from callrouter.flows import attachments as flow
from callrouter.flows.erasing import (
    DELETE_FILE,
    FORGET_HOOKS,
    RETENTION,
    ask_to_delete,
    delete_recordings,
    file_is_gone,
    forget_hooks,
    is_on_the_phone,
)
from callrouter.handing_out import in_thread
from callrouter.jobs.worker import Again, Kind, Schedule, Task
from storage import attachments, recordings
from storage.database import Priority
from storage.files import FilesSilent, Lying

if TYPE_CHECKING:
    from callrouter.service import Service
    from storage.recordings import Kept

log = structlog.get_logger()

STEP: Final = 500
"""So many rows at most in one transaction: calls wait behind it."""

CALLS_STEP: Final = 50
"""So many calls' hooks at most in one transaction."""

AFTER_CALL_S: Final = 900.0

ORPHAN_AFTER: Final = timedelta(days=1)
"""A file without a row that is younger may be one that is just being kept."""

_FOLDERS: Final = ("recordings", flow.FOLDER)


def kinds(service: Service) -> list[Kind]:
    async def take_away(task: Task) -> None:
        await delete_file(service, task)

    async def take_attached_away(task: Task) -> None:
        await delete_attached(service, task)

    async def forget(task: Task) -> None:
        await forget_hooks_of(service, task.text("contact"))

    async def keep_terms(_task: Task) -> None:
        await delete_old(service)
        await look_for_orphans(service)
        # A night later than their page, for here nobody knows which of them runs.
        before = service.clock() - import_desk.KEPT_FOR - timedelta(days=1)
        await in_thread(import_desk.sweep, service.settings.data_dir / import_desk.FOLDER, before)

    return [
        # An S3 service may be gone for a day, and the file has to go all the same.
        Kind(DELETE_FILE, take_away, at_once=2, lease_s=300.0, tries=60),
        Kind(flow.DELETE_ATTACHED, take_attached_away, at_once=2, lease_s=300.0, tries=60),
        Kind(FORGET_HOOKS, forget, at_once=1, lease_s=600.0),
        Kind(RETENTION, keep_terms, at_once=1, lease_s=600.0),
    ]


def schedules(service: Service) -> list[Schedule]:
    def zone() -> str:
        return service.setups.current.company.time_zone

    return [Schedule(RETENTION, RETENTION, lambda: "30 3 * * *", zone)]


async def forget_hooks_of(service: Service, contact: str) -> None:
    """Empty what the PBX sent of an erased contact's calls, in steps. Raises Again."""
    database = service.database
    while await database.write_as(Priority.PAGES, forget_hooks, contact, CALLS_STEP):
        pass
    if await database.read(is_on_the_phone, contact):
        raise Again("a call is not over", AFTER_CALL_S, counted=False)


async def delete_file(service: Service, task: Task) -> None:
    """Take the file of a deleted recording away, and look whether it is gone."""
    one = await service.database.read(recordings.find, task.text("recording"))
    if one is None or one.deleted_at is None:
        return
    await _take_away(service, one.file)
    await task.finish(file_is_gone, one.id, now=service.clock())


async def delete_attached(service: Service, task: Task) -> None:
    """The same for a file that a person took from a card."""
    one = await service.database.read(attachments.find, task.text("attachment"))
    if one is None or one.deleted_at is None:
        return
    await _take_away(service, one.file)
    await task.finish(flow.attached_is_gone, one.id, now=service.clock())


async def _take_away(service: Service, file: str) -> None:
    """Raises Again."""
    try:
        await in_thread(service.files.delete, file)
        left = await in_thread(service.files.has, file)
    except (FilesSilent, OSError) as error:
        raise Again(str(error)) from None
    if left:
        raise Again("the file is still there")


async def delete_old(service: Service) -> int:
    """Delete what is older than its line keeps recordings; gives how many that were.

    After a kill in its middle the next run goes on with what is left.
    """
    database, setup, now = service.database, service.setups.current, service.clock()
    terms = {line.number: line.record_days for line in setup.line}
    shortest = min((days for days in [*terms.values(), Line.record_days] if days), default=0)
    last, gone = None, 0
    while shortest:
        before = now - timedelta(days=shortest)
        found = await database.read(recordings.kept_before, before, last, STEP)
        if not found:
            break
        last = found[-1]
        old = [one.id for one in found if _is_over(one, terms, now)]
        if old:
            gone += len(
                await database.write_as(
                    Priority.PAGES, delete_recordings, old, by=RETENTION, now=now
                )
            )
    if gone:
        log.info("recordings_deleted", recordings=gone, by=RETENTION)
    return gone


def _is_over(one: Kept, terms: dict[str, int], now: datetime) -> bool:
    """A line that is no more has the default; 0 days are for ever."""
    days = terms.get(one.line, Line.record_days)
    return bool(days) and one.at < now - timedelta(days=days)


async def look_for_orphans(service: Service) -> int:
    """Count the files that no row names: a person has to look at them, nothing is deleted.

    A file whose row says that it is deleted is taken away once more.
    """
    before, orphans = service.clock() - ORPHAN_AFTER, 0
    for folder in _FOLDERS:
        lying = service.files.under(folder)
        while some := await in_thread(_next, lying, before):
            names = {_id_of(one.name): one.name for one in some}
            known = await _known(service, folder, names)
            nobodys = [name for id_, name in names.items() if id_ not in known]
            orphans += len(nobodys)
            if nobodys:
                log.error("orphan_files", files=len(nobodys), first=nobodys[0])
    metrics.ORPHANS.set(orphans)
    return orphans


async def _known(service: Service, folder: str, ids: Iterable[str]) -> Collection[str]:
    """Which of these ids have a row; what such a row says is deleted is asked for once more."""
    database, now = service.database, service.clock()
    if folder == flow.FOLDER:
        attached = await database.read(attachments.known, ids)
        for id_ in (one for one, deleted in attached.items() if deleted):
            await database.write(flow.ask_to_delete, id_, now=now)
        return attached.keys()
    known = await database.read(recordings.known, ids)
    if deleted := await database.read(recordings.deleted_among, known):
        await database.write(ask_to_delete, deleted, now=now)
    return known


def _next(lying: Iterator[Lying], before: datetime) -> list[Lying]:
    old: Iterable[Lying] = (one for one in lying if one.at < before)
    return list(islice(old, STEP))


def _id_of(name: str) -> str:
    return name.rpartition("/")[2].partition(".")[0]
