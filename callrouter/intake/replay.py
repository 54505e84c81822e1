"""Brings to the base what was told without it: from the spool, and what no disk would take."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING

import structlog

from callrouter import metrics
from callrouter.flows.work import Already, Entry
from callrouter.intake.records import read_record, write_record
from callrouter.intake.spool import read_records
from storage.database import BaseSilent

if TYPE_CHECKING:
    from callrouter.intake.scribe import Scribe
    from callrouter.intake.snapshot import Snapshot
    from callrouter.intake.spool import Document, Part, Spool

log = structlog.get_logger()

AT_ONCE = 200
"""Events in one transaction."""

SPOOL_S = 0.15
"""So long it may take to make sure on the spool what an event was told."""

RECALLED = 2
"""So many files, of some MB each, are read at the start."""

MOMENT_S = 0.005

UNKEPT = 10_000
"""So many told events are held in memory while neither base nor spool takes them."""


class Replay:
    """Everything that was told and is not in the base yet."""

    def __init__(self, scribe: Scribe, snapshot: Snapshot, spool: Spool) -> None:
        self._scribe = scribe
        self._snapshot = snapshot
        self._spool = spool
        self._unkept: list[Entry] = []
        self._keeping = 0  # told this moment, and on their way to the disk

    @property
    def waiting(self) -> bool:
        return self._spool.waiting or bool(self._unkept)

    async def recall(self, now: datetime) -> None:
        """Let the snapshot know the latest of what an earlier run told without the base."""
        for part in (await asyncio.to_thread(self._spool.parts))[-RECALLED:]:
            with contextlib.closing(read_records(part)) as records:
                while some := await asyncio.to_thread(list, islice(records, AT_ONCE)):
                    for entry in filter(None, map(_read, some)):
                        self._snapshot.recall(entry, now)

    async def keep(self, entry: Entry, already: Already) -> bool:
        """Make sure of what an event was told. False: only memory has it, if anything has."""
        self._keeping += 1
        try:
            kept = await self._spool.append(write_record(entry, already), SPOOL_S)
        except ValueError as error:  # no text: what the base would refuse, too
            log.error("not_spooled", account=entry.event.account, error=type(error).__name__)  # noqa: TRY400
            kept = False
        finally:
            self._keeping -= 1
        if not kept and entry.event.asks and len(self._unkept) < UNKEPT:
            self._unkept.append(replace(entry, already=already))
        metrics.SPOOL_WAITING.set(int(self.waiting))
        return kept

    async def run(self) -> bool:
        """Write all of it before anything new is decided. False: the base is silent.

        What comes while it is written is written, too.
        """
        try:
            while self.waiting or self._keeping:
                await self._write_all()
        except BaseSilent:
            return False
        metrics.SPOOL_WAITING.set(int(self.waiting))
        return True

    async def _write_all(self) -> None:
        if not self.waiting:
            await asyncio.sleep(MOMENT_S)
        if self._spool.waiting:
            for part in await asyncio.to_thread(self._spool.parts):
                await self._write_part(part)
        while self._unkept:
            some = self._unkept[:AT_ONCE]
            await self._write(some)
            del self._unkept[: len(some)]

    async def stop(self) -> None:
        """Try the disk once more with what only memory has."""
        unkept, self._unkept = self._unkept, []
        for entry in unkept:
            if entry.already and not await self.keep(entry, entry.already):
                return

    async def _write_part(self, part: Part) -> None:
        written = unread = 0
        with contextlib.closing(read_records(part)) as records:
            while some := await asyncio.to_thread(list, islice(records, self._at_once)):
                entries = [entry for entry in map(_read, some) if entry]
                await self._write(entries)
                written += len(entries)
                unread += len(some) - len(entries)
        if unread:
            log.error("spool_unreadable", file=part.path.name, records=unread)
            await asyncio.to_thread(self._spool.set_aside, part)
        else:
            await asyncio.to_thread(self._spool.forget, part)
        metrics.REPLAYED.inc(written)
        log.info("spool_replayed", events=written)

    @property
    def _at_once(self) -> int:
        """While the base is silent one event is enough to ask it."""
        return 1 if self._scribe.silent else AT_ONCE

    async def _write(self, entries: Sequence[Entry]) -> None:
        """Write told events, by halves if one of them cannot be written."""
        if not entries:
            return
        try:
            done = await self._scribe.write(entries)
        except BaseSilent:
            raise
        except Exception as error:  # noqa: BLE001  whatever an event breaks, it breaks only itself
            if len(entries) == 1:
                await self._scribe.set_aside(entries[0], error)
                return
            half = len(entries) // 2
            await self._write(entries[:half])
            await self._write(entries[half:])
        else:
            self._snapshot.absorb_told(done)


def _read(record: Document) -> Entry | None:
    """None: a record of no version that we know."""
    try:
        return read_record(record)
    except (ValueError, LookupError, TypeError):
        return None
