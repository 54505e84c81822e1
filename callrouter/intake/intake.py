"""The intake of one server: accounts and their providers, the hot path, and its background work."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import structlog

from callrouter import metrics
from callrouter.accounts import provider_of
from callrouter.flows import blocks
from callrouter.flows.gather import board_of
from callrouter.flows.remember import open_calls
from callrouter.flows.sweep import AT_ONCE as SWEPT_AT_ONCE
from callrouter.flows.sweep import sweep
from callrouter.flows.work import Batch, Desk, Entry, Work
from callrouter.intake.batches import Batches
from callrouter.intake.snapshot import CALLERS_KEPT, Snapshot
from callrouter.intake.spool import Spool
from callrouter.seal import Seal
from storage import cards, journal, known, notices
from storage.database import BaseSilent, Database, Priority
from storage.ids import new_id
from storage.journal import Raw, Refused
from webhooks.provider import Answer, Provider, RawHook, UnreadableHook
from webhooks.providers import PROVIDERS

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection

    from callrouter.domain.decisions import Decision
    from callrouter.domain.events import CallEvent
    from callrouter.domain.managers import Board
    from callrouter.domain.setup import Setup

log = structlog.get_logger()

SWEEP_S = 5.0
WATCH_S = 1.0
"""A new Setup version is in use within two seconds."""

SAVE_S = 60.0
REFRESH_S = 15.0
RECOUNT_S = 24 * 3600.0
NOTICES_FOR = timedelta(days=1)
REFUSALS_WAITING = 200


@dataclass(frozen=True)
class Parts:
    """What an intake is made of."""

    database: Database
    desk: Desk
    seal: Seal
    data_dir: Path
    environ: Mapping[str, str]
    clock: Callable[[], datetime]


class Intake:
    """Takes hooks: what `webhooks.handler` stands on. Belongs to the event loop."""

    def __init__(self, parts: Parts, committed: Callable[[], None] = lambda: None) -> None:
        self._parts = parts
        self._committed = committed
        self.snapshot = Snapshot(parts.desk)
        self._spool = Spool(parts.data_dir / "spool")
        self.batches = Batches(
            parts.database, parts.desk, self.snapshot, self._spool, parts.clock, self._after
        )
        self._providers: dict[str, tuple[str, Provider]] = {}
        self._providers_of: Setup | None = None
        self._refusals: list[Refused] = []
        self._mark: known.Mark | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self.ready = False
        """True once the base has answered for the first time."""

    # Its life

    async def start(self) -> None:
        """Begin to take calls: from the base if it answers, else from the sealed file."""
        await asyncio.to_thread(self._spool.start)
        try:
            await self._meet_base()
        except BaseSilent as error:
            found = await asyncio.to_thread(self.snapshot.load, self._file, self._parts.seal)
            log.warning("base_silent_at_start", snapshot=found, error=str(error)[:300])
            self.batches.silent = True
        await self.batches.start()
        self.batches.wake()
        for work, pause in (
            (self._watch, WATCH_S),
            (self._sweep, SWEEP_S),
            (self._refresh, REFRESH_S),
            (self._save, SAVE_S),
            (self._recount, RECOUNT_S),
            (self._write_refusals, WATCH_S),
        ):
            self._tasks.append(asyncio.create_task(_every(pause, work), name=work.__name__))

    async def stop(self) -> None:
        """Take nothing more; what was taken is committed or on the spool."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.batches.stop()
        with contextlib.suppress(BaseSilent):
            await self._write_refusals()
        await self._save()
        await asyncio.to_thread(self._spool.stop)

    async def _meet_base(self) -> None:
        database, now = self._parts.database, self._parts.clock()
        setup = await database.read(self._parts.desk.setups.refresh)
        self.snapshot.use(setup)
        board = await database.read(_everybody, setup, now=now)
        self.snapshot.refresh(board)
        self.snapshot.block(await database.read(blocks.current))
        self.snapshot.remember(await database.read(open_calls, setup, now=now), now)
        self.ready = self.batches.met = True

    # What the front door asks

    @property
    def blind(self) -> bool:
        """True: neither base nor file told us anything; nothing can be trusted or decided."""
        return self.snapshot.setup is None

    def provider(self, name: str, account: str) -> Provider | None:
        setup = self.snapshot.setup
        if setup is not self._providers_of and setup is not None:
            seal, environ = self._parts.seal, self._parts.environ
            self._providers = {
                one.key: (one.provider, provider_of(one, setup, seal, environ))
                for one in setup.account
                if one.provider in PROVIDERS
            }
            self._providers_of = setup
        found = self._providers.get(account)
        return found[1] if found and found[0] == name else None

    async def take(
        self,
        hook: RawHook,
        provider: Provider,
        events: Sequence[CallEvent],
        *,
        trouble: UnreadableHook | None = None,
    ) -> Answer:
        """Keep the events and answer in time; with `trouble` the hook goes to quarantine too."""
        raw = Raw(hook.body, hook.query)
        if not events:
            return await self._quarantine(hook, provider, raw, trouble)
        entries = [self._entry(hook, provider, event, raw, trouble) for event in events]
        taken = await asyncio.gather(*(self.batches.take(entry) for entry in entries))
        asked = next((one for one, event in zip(taken, events, strict=True) if event.asks), None)
        if asked:
            told_by = asked.why.told_by if asked.why else "repeat"
            kind = type(asked.decision).__name__.lower() if asked.decision else "repeat"
            metrics.DECISIONS.labels(kind, told_by).inc()
            metrics.ANSWER_SECONDS.observe(time.monotonic() - hook.arrived_s)
            structlog.contextvars.bind_contextvars(
                call=asked.call, decision=kind, told_by=told_by, repeat=asked.repeat
            )
        return (asked or taken[0]).answer

    def _entry(
        self,
        hook: RawHook,
        provider: Provider,
        event: CallEvent,
        raw: Raw,
        trouble: UnreadableHook | None,
    ) -> Entry:
        if event.asks and not event.call_ref:  # unreadable: a call all the same, and its own
            event = replace(event, call_ref=f"?{event.key}"[:256])
        return Entry(
            event=event,
            raw=raw,
            call_id=new_id(hook.arrived),
            can=provider.can(hook),
            render=partial(_render, provider, hook),
            accept=provider.accept(hook),
            waited_ms=(time.monotonic() - hook.arrived_s) * 1000,
            trouble=(trouble.field, str(trouble)) if trouble else None,
        )

    async def _quarantine(
        self, hook: RawHook, provider: Provider, raw: Raw, trouble: UnreadableHook | None
    ) -> Answer:
        metrics.QUARANTINED.inc()
        with contextlib.suppress(BaseSilent):
            await self._parts.database.write(
                journal.set_aside,
                account=hook.account,
                received=hook.arrived,
                field=trouble.field if trouble else "",
                reason=str(trouble) if trouble else "nothing in it",
                body=raw.body,
                query=raw.query,
            )
        return provider.accept(hook)

    async def refuse(self, hook: RawHook, reason: str) -> None:
        """Remember a refused hook soon; a flood of them costs the base one write a second."""
        metrics.REFUSED.inc()
        if len(self._refusals) < REFUSALS_WAITING:
            provider = hook.url.split("/webhooks/")[-1].split("/")[0]
            one = Refused(hook.account[:64], provider[:64], hook.arrived, reason[:500], hook.peer)
            self._refusals.append(one)

    async def _write_refusals(self) -> None:
        if self._refusals:
            waiting, self._refusals = self._refusals, []
            await self._parts.database.write(_refuse_all, waiting)

    # Background work; each is run again after its pause, whatever happened

    def _after(self, _batch: Batch) -> None:
        self.ready = True
        self._committed()

    async def _watch(self) -> None:
        """See a new Setup version, and a base that answers again."""
        if not self.ready:
            await self._parts.database.migrate()
            await self._meet_base()
        setup = await self._parts.database.read(self._parts.desk.setups.refresh)
        if setup is not self.snapshot.setup:
            self.snapshot.use(setup)
            log.info("setup_in_use", version=setup.version)

    async def _sweep(self) -> None:
        while True:
            now = self._parts.clock()
            works = await self._parts.database.write_as(
                Priority.JOBS, sweep, self._parts.desk, now=now
            )
            self._see(works, now)
            if len(works) < SWEPT_AT_ONCE:
                return

    def _see(self, works: Sequence[Work], now: datetime) -> None:
        self.snapshot.hear_of(works, now)
        for work in works:
            metrics.PRESUMED.inc(int(bool(work.state and work.state.presumed)))
        if works:
            self._committed()

    async def _refresh(self) -> None:
        """Look again at every manager, and at the contacts that changed outside the hot path."""
        setup = self.snapshot.setup
        if setup is None or self.batches.silent:
            return
        commits = self.snapshot.commits
        board = await self._parts.database.read(_everybody, setup, now=self._parts.clock())
        self.snapshot.block(await self._parts.database.read(blocks.current))
        if not self.batches.busy and self.snapshot.commits == commits:
            self.snapshot.refresh(board)
        if self._mark is None:
            self._mark = await self._parts.database.read(known.mark_before, CALLERS_KEPT)
        while mark := await learn_changed(self._parts.database, self.snapshot, self._mark):
            self._mark = mark
            await asyncio.sleep(0)

    async def _save(self) -> None:
        with contextlib.suppress(OSError):
            await asyncio.to_thread(
                self.snapshot.save, self._file, self._parts.seal, self._parts.clock()
            )

    async def _recount(self) -> None:
        """Nightly: the counters of load against the cards, and notices nobody needs any more."""
        wrong = await self._parts.database.read(_wrong_counters)
        metrics.LOAD_WRONG.set(wrong)
        if wrong:
            log.error("load_counters_wrong", slots=wrong)
        before = self._parts.clock() - NOTICES_FOR
        while await self._parts.database.write_as(Priority.PAGES, notices.forget, before):
            pass

    @property
    def _file(self) -> Path:
        return self._parts.data_dir / "snapshot"


async def learn_changed(
    database: Database, snapshot: Snapshot, mark: known.Mark
) -> known.Mark | None:
    """Let the snapshot know a page of contacts changed after a mark as they are now, and nothing of
    who is erased or of a number that is nobody's any more; gives the next mark, None at the end.
    """
    callers, contacts, mark_now = await database.read(known.changed_since, mark)
    if left := snapshot.numbers_of(contacts) - callers.keys():
        # Another contact, who did not change, may have the number as well.
        callers |= await database.read(known.callers_of, left)
        snapshot.forget(contacts, but=callers)
    snapshot.learn(callers)
    return mark_now


def _render(provider: Provider, hook: RawHook, decision: Decision) -> Answer:
    return provider.answer(decision, hook)


def _everybody(conn: Connection, setup: Setup, *, now: datetime) -> Board:
    return board_of(conn, setup.managers, setup, now=now)


def _refuse_all(conn: Connection, refusals: Sequence[Refused]) -> None:
    for one in refusals:
        journal.refuse(conn, one)


def _wrong_counters(conn: Connection) -> int:
    counted, right = cards.counted(conn), cards.recount(conn)
    return sum(counted.get(slot) != right.get(slot) for slot in {*counted, *right})


async def _every(pause: float, work: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await work()
        except BaseSilent:
            pass
        except Exception:
            log.exception("background_work_failed", work=getattr(work, "__name__", ""))
        await asyncio.sleep(pause)
