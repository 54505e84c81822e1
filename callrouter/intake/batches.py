"""The hot path: events that wait while a transaction runs form the next one.

Each event is answered in time, whatever the base does. An entry whose time in the queue is over
leaves it and is answered from the snapshot; what it was told is on the spool before it is said.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

import structlog

from callrouter import metrics
from callrouter.flows.take import take
from callrouter.flows.work import Batch, Desk, Entry, Taken
from callrouter.intake.records import read_record, write_record
from callrouter.intake.spool import Spool, read_records
from storage import journal
from storage.database import BaseSilent, Database, Priority
from webhooks.provider import Answer

if TYPE_CHECKING:
    from callrouter.intake.snapshot import Snapshot

log = structlog.get_logger()

BASE_S = 0.35
"""So long an entry waits for facts and commit."""

SPOOL_S = 0.15
"""So long it may take to make sure on the spool what it was told."""

AT_ONCE = 200
"""Events in one transaction."""

PAUSE_S = 0.02
"""Between two tries on a base that is silent."""

NOT_KEPT = Answer(b'{"error": "cannot be kept now, try again"}', status=503)
"""For an event that wants no decision, when neither base nor spool could keep it."""


@dataclass
class _Pending:
    """An entry in the queue and the future that its hook waits on."""

    entry: Entry
    future: asyncio.Future[Taken]
    since: float
    left: bool = False  # its time is over: it was answered from the snapshot


class Batches:
    """The queue, the one task that empties it into the base, and the way round a silent base."""

    def __init__(
        self,
        database: Database,
        desk: Desk,
        snapshot: Snapshot,
        spool: Spool,
        clock: Callable[[], datetime],
        committed: Callable[[Batch], None] = lambda _batch: None,
    ) -> None:
        self._database = database
        self._desk = desk
        self._snapshot = snapshot
        self._spool = spool
        self._clock = clock
        self._committed = committed
        self._queue: deque[_Pending] = deque()
        self._going: dict[tuple[str, str], asyncio.Future[Taken]] = {}
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._closing = False
        self._task: asyncio.Task[None] | None = None
        self.silent = False
        """True while the base does not answer."""

    def start(self) -> None:
        self._task = asyncio.create_task(self._work(), name="intake")

    async def stop(self) -> None:
        """Let what waits be committed or answered, then stop."""
        self._closing = True
        self._wake.set()
        if self._task:
            await self._task

    def wake(self) -> None:
        """Look at the spool: an earlier run may have left something."""
        self._wake.set()

    @property
    def busy(self) -> bool:
        """True while something waits or is being written: memory is ahead of the base then."""
        return bool(self._going) or self._spool.waiting

    # One event's way

    async def take(self, entry: Entry) -> Taken:
        """Get an event into the base and give its answer, in time whatever happens."""
        key = (entry.event.account, entry.event.key)
        future = self._going.get(key)
        pending = None
        if future is None:
            future = asyncio.get_running_loop().create_future()
            pending = _Pending(entry, future, time.monotonic())
            self._going[key] = future
            self._queue.append(pending)
            self._wake.set()
        done, _ = await asyncio.wait({future}, timeout=BASE_S)
        if done:
            return future.result()
        if pending:
            pending.left = True
            self._forget(pending)
        return await self._fall_back(entry)

    def _forget(self, pending: _Pending) -> None:
        event = pending.entry.event
        key = (event.account, event.key)
        if self._going.get(key) is pending.future:
            del self._going[key]

    async def _fall_back(self, entry: Entry) -> Taken:
        """Answer from the snapshot, and make sure on the spool what was told."""
        metrics.FALLBACKS.inc()
        already = self._snapshot.tell(entry, now=self._clock())
        kept = await self._spool.append(write_record(entry, already), SPOOL_S)
        metrics.SPOOL_WAITING.set(int(self._spool.waiting))
        self._wake.set()
        answer = already.answer
        if not kept and entry.event.asks:
            metrics.UNRECORDED.inc()
            log.error("unrecorded", account=entry.event.account, call=entry.call_id)
        elif not kept:
            answer = NOT_KEPT
        return Taken(answer, entry.call_id, already.decision, already.why)

    # The task that writes

    async def _work(self) -> None:
        while not (self._closing and not self._queue):
            await self._wake.wait()
            self._wake.clear()
            while self._queue or (self._spool.waiting and not self._closing):
                if not await self._replay():
                    await self._stall()
                    continue
                if batch := self._next():
                    await self._commit(batch)

    def _next(self) -> list[_Pending]:
        batch: list[_Pending] = []
        while self._queue and len(batch) < AT_ONCE:
            pending = self._queue.popleft()
            if not pending.left:
                batch.append(pending)
        return batch

    async def _stall(self) -> None:
        """The base is silent: those whose time is over leave; the rest wait for the next try."""
        self._queue = deque(one for one in self._queue if not one.left)
        if self._closing:
            self._queue.clear()
        await asyncio.sleep(PAUSE_S)

    async def _commit(self, batch: list[_Pending]) -> None:
        """Write a batch. One that fails by its contents is split until the guilty one is alone."""
        now, entries = self._clock(), [_aged(one) for one in batch]
        began = time.monotonic()
        try:
            done = await self._database.write_as(
                Priority.INTAKE, take, entries, self._desk, now=now
            )
        except BaseSilent as error:
            self._say_silent(error)
            self._queue.extendleft(reversed([one for one in batch if not one.left]))
            await self._stall()
            return
        except Exception as error:  # noqa: BLE001  whatever an event breaks, it breaks only itself
            if len(batch) == 1:
                await self._isolate(batch[0], error)
                return
            half = len(batch) // 2
            await self._commit(batch[:half])
            await self._commit(batch[half:])
            return
        self._say_heard()
        metrics.BATCH_EVENTS.observe(len(batch))
        metrics.BATCH_SECONDS.observe(time.monotonic() - began)
        self._take_over(done)
        for one, taken in zip(batch, done.taken, strict=True):
            self._forget(one)
            if not one.future.done():
                one.future.set_result(taken)

    def _take_over(self, done: Batch) -> None:
        self._snapshot.absorb(done)
        for bug in done.bugs:
            metrics.BUGS.inc()
            log.error("decision_failed", bug=bug)
        self._committed(done)

    async def _isolate(self, pending: _Pending, error: Exception) -> None:
        """An event that the base cannot take: quarantine, and an answer from the snapshot."""
        self._say_poisoned(pending.entry, error)
        already = self._snapshot.tell(pending.entry, now=self._clock())
        self._forget(pending)
        if not pending.future.done():
            taken = Taken(already.answer, pending.entry.call_id, already.decision, already.why)
            pending.future.set_result(taken)
        await self._set_aside(pending.entry, error)

    async def _set_aside(self, entry: Entry, error: Exception) -> None:
        with contextlib.suppress(BaseSilent):
            await self._database.write_as(
                Priority.INTAKE,
                journal.set_aside,
                account=entry.event.account,
                received=entry.event.received,
                field="",
                reason=f"cannot be stored: {type(error).__name__}",
                body=entry.raw.body,
                query=entry.raw.query,
            )

    # What was told while the base was silent

    async def _replay(self) -> bool:
        """Write what the spool holds before anything new is decided. False: the base is silent."""
        if not self._spool.waiting:
            return True
        for path in self._spool.close_files():
            entries = [read_record(record) for record in read_records(path)]
            for start in range(0, len(entries), AT_ONCE):
                if not await self._write_told(entries[start : start + AT_ONCE]):
                    return False
            self._spool.forget(path)
            metrics.REPLAYED.inc(len(entries))
            log.info("spool_replayed", events=len(entries))
        metrics.SPOOL_WAITING.set(int(self._spool.waiting))
        return True

    async def _write_told(self, entries: Sequence[Entry]) -> bool:
        try:
            done = await self._database.write_as(
                Priority.INTAKE, take, entries, self._desk, now=self._clock()
            )
        except BaseSilent as error:
            self._say_silent(error)
            return False
        except Exception as error:  # noqa: BLE001  as above
            if len(entries) == 1:
                log.error(
                    "poisoned_event", account=entries[0].event.account, error=repr(error)[:300]
                )
                await self._set_aside(entries[0], error)
                return True
            half = len(entries) // 2
            return await self._write_told(entries[:half]) and await self._write_told(entries[half:])
        self._say_heard()
        self._take_over(done)
        return True

    def _say_poisoned(self, entry: Entry, error: Exception) -> None:
        metrics.QUARANTINED.inc()
        log.error("poisoned_event", account=entry.event.account, error=type(error).__name__)

    def _say_silent(self, error: BaseSilent) -> None:
        if not self.silent:
            log.warning("base_silent", error=str(error)[:300])
        self.silent = True
        metrics.BASE_SILENT.set(1)

    def _say_heard(self) -> None:
        if self.silent:
            log.info("base_answers_again")
        self.silent = False
        metrics.BASE_SILENT.set(0)


def _aged(pending: _Pending) -> Entry:
    waited = pending.entry.waited_ms + (time.monotonic() - pending.since) * 1000
    return replace(pending.entry, waited_ms=waited)
