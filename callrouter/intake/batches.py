"""The hot path: events that wait while a transaction runs form the next one.

Each event is answered in time, whatever the base does. An entry whose time in the queue is over
leaves it and is answered from the snapshot; what it was told is on the spool before it is said.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

import structlog

from callrouter import metrics
from callrouter.flows.work import Batch, Desk, Entry, Taken
from callrouter.intake.replay import AT_ONCE, SPOOL_S, Replay
from callrouter.intake.scribe import Scribe
from storage.database import BaseSilent, Database
from webhooks.provider import Answer

if TYPE_CHECKING:
    from callrouter.intake.snapshot import Snapshot
    from callrouter.intake.spool import Spool

log = structlog.get_logger()

BASE_S = 0.35
"""So long an entry waits for facts and commit."""

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
        self._scribe = Scribe(database, desk, clock, committed)
        self._replay = Replay(self._scribe, snapshot, spool)
        self._snapshot = snapshot
        self._clock = clock
        self._queue: deque[_Pending] = deque()
        self._going: dict[tuple[str, str], asyncio.Future[Taken]] = {}
        self._wake = asyncio.Event()
        self._closing = False
        self._task: asyncio.Task[None] | None = None
        self.met = False
        """True once the base is known to have our schema; nothing is written before."""

    async def start(self) -> None:
        await self._replay.recall(self._clock())
        self._task = asyncio.create_task(self._work(), name="intake")

    async def stop(self) -> None:
        """Let what waits be committed or answered, then stop."""
        self._closing = True
        self._wake.set()
        if self._task:
            await self._task
        await self._replay.stop()

    def wake(self) -> None:
        """Look at the spool: an earlier run may have left something."""
        self._wake.set()

    @property
    def silent(self) -> bool:
        """True while the base does not answer."""
        return self._scribe.silent

    @silent.setter
    def silent(self, silent: bool) -> None:
        self._scribe.silent = silent

    @property
    def busy(self) -> bool:
        """True while something waits or is being written: memory is ahead of the base then."""
        return bool(self._going) or self._replay.waiting

    # One event's way

    async def take(self, entry: Entry) -> Taken:
        """Get an event into the base and give its answer, in time whatever happens."""
        key = (entry.event.account, entry.event.key)
        if twin := self._going.get(key):
            done, _ = await asyncio.wait({twin}, timeout=BASE_S + SPOOL_S)
            return twin.result() if done else await self._fall_back(entry)
        future: asyncio.Future[Taken] = asyncio.get_running_loop().create_future()
        pending = _Pending(entry, future, time.monotonic())
        self._going[key] = future
        self._queue.append(pending)
        self._wake.set()
        done, _ = await asyncio.wait({future}, timeout=BASE_S)
        if done:
            return future.result()
        pending.left = True
        try:
            taken = await self._fall_back(entry)
            _tell(pending, taken)  # its twins hear the same, and not what a late commit made of it
        finally:
            self._forget(pending)
        return taken

    def _forget(self, pending: _Pending) -> None:
        event = pending.entry.event
        key = (event.account, event.key)
        if self._going.get(key) is pending.future:
            del self._going[key]

    async def _fall_back(self, entry: Entry) -> Taken:
        """Answer from the snapshot, and make sure on the spool what was told."""
        metrics.FALLBACKS.inc()
        already = self._snapshot.tell(entry, now=self._clock())
        kept = await self._replay.keep(entry, already)
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
            while self._queue or (self._replay.waiting and not self._closing):
                try:
                    await self._turn()
                except Exception:
                    # Whom it concerned is answered from the snapshot when his time is over.
                    log.exception("intake_failed")
                    await self._stall()

    async def _turn(self) -> None:
        if not self.met or not await self._replay.run():
            await self._stall()
        elif batch := self._next():
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
        try:
            done = await self._scribe.write([_aged(one) for one in batch])
        except BaseSilent:
            await self._wait_again(batch)
        except Exception as error:  # noqa: BLE001  whatever an event breaks, it breaks only itself
            if len(batch) == 1:
                await self._isolate(batch[0], error)
                return
            half = len(batch) // 2
            await self._commit(batch[:half])
            await self._commit(batch[half:])
        else:
            self._snapshot.absorb(done)
            for one, taken in zip(batch, done.taken, strict=True):
                if not one.left:
                    self._forget(one)
                    _tell(one, taken)

    async def _wait_again(self, batch: list[_Pending]) -> None:
        self._queue.extendleft(reversed([one for one in batch if not one.left]))
        await self._stall()

    async def _isolate(self, pending: _Pending, error: Exception) -> None:
        """An event that the base cannot take: quarantine, and an answer from the snapshot."""
        try:
            await self._scribe.set_aside(pending.entry, error)
        except BaseSilent:
            await self._wait_again([pending])
            return
        if pending.left:
            return
        already = self._snapshot.tell(pending.entry, now=self._clock())
        self._forget(pending)
        call = pending.entry.call_id
        _tell(pending, Taken(already.answer, call, already.decision, already.why))


def _tell(pending: _Pending, taken: Taken) -> None:
    if not pending.future.done():
        pending.future.set_result(taken)


def _aged(pending: _Pending) -> Entry:
    waited = pending.entry.waited_ms + (time.monotonic() - pending.since) * 1000
    return replace(pending.entry, waited_ms=waited)
