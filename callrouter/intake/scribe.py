"""Writes events into the base, and knows whether it answers."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import structlog

from callrouter import metrics
from callrouter.flows.take import take
from callrouter.flows.work import Batch, Desk, Entry
from storage import journal
from storage.database import BaseSilent, Database, Priority

if TYPE_CHECKING:
    from sqlalchemy import Connection

log = structlog.get_logger()


class Scribe:
    """The intake's hand in the base."""

    def __init__(
        self,
        database: Database,
        desk: Desk,
        clock: Callable[[], datetime],
        committed: Callable[[Batch], None],
    ) -> None:
        self._database = database
        self._desk = desk
        self._clock = clock
        self._committed = committed
        self.silent = False
        """True while the base does not answer."""

    async def write(self, entries: Sequence[Entry]) -> Batch:
        """Take events in one transaction. Raises BaseSilent, and whatever an event breaks."""
        began = time.monotonic()
        try:
            done = await self._database.write_as(Priority.INTAKE, self._take, entries)
        except BaseSilent as error:
            self._note_silence(error)
            raise
        self._note_answer()
        metrics.BATCH_EVENTS.observe(len(entries))
        metrics.BATCH_SECONDS.observe(time.monotonic() - began)
        for bug in done.bugs:
            metrics.BUGS.inc()
            log.error("decision_failed", bug=bug)
        self._committed(done)
        return done

    def _take(self, conn: Connection, entries: Sequence[Entry]) -> Batch:
        """The moment is that of the transaction: another node may have been let in before us."""
        return take(conn, entries, self._desk, now=self._clock())

    async def set_aside(self, entry: Entry, error: Exception) -> None:
        """Put an event that the base cannot take into quarantine. Raises BaseSilent."""
        kind, where = type(error).__name__, traceback.extract_tb(error.__traceback__)[-1:]
        # Not the error's own text: what the base refused may stand in it.
        log.error(
            "poisoned_event",
            account=entry.event.account,
            error=kind,
            where=" ".join(f"{one.filename}:{one.lineno}" for one in where),
        )
        metrics.QUARANTINED.inc()
        try:
            await self._database.write_as(
                Priority.INTAKE,
                journal.set_aside,
                account=entry.event.account,
                received=entry.event.received,
                field="",
                reason=f"cannot be stored: {kind}",
                body=entry.raw.body,
                query=entry.raw.query.encode(errors="backslashreplace").decode(),
            )
        except BaseSilent:
            raise
        except Exception:
            log.exception("not_quarantined", account=entry.event.account)

    def _note_silence(self, error: BaseSilent) -> None:
        if not self.silent:
            log.warning("base_silent", error=str(error)[:300])
        self.silent = True
        metrics.BASE_SILENT.set(1)

    def _note_answer(self) -> None:
        if self.silent:
            log.info("base_answers_again")
        self.silent = False
        metrics.BASE_SILENT.set(0)
