"""Works on the jobs of the base: leases, backoff, schedules. One of these runs in each server.

A kind of job is a function that is given a `Task`. What it does outside may happen again after a
kill; what it does in the base it does with `task.finish(flow, …)`, in the transaction in which the
job becomes done, and that happens once.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Concatenate, Final, ParamSpec, TypeVar
from zoneinfo import ZoneInfo

import structlog
from cronsim import CronSim

from callrouter import metrics
from storage import jobs
from storage.database import BaseSilent, Database, Priority
from storage.jobs import Job

if TYPE_CHECKING:
    from sqlalchemy import Connection

log = structlog.get_logger()

P = ParamSpec("P")
R = TypeVar("R")

LOOK_S: Final = 0.5
TICK_S: Final = 20.0
DRAIN_S: Final = 5.0
"""So long running work may take to end when the server ends; then its leases are given back."""

LONGEST: Final = timedelta(hours=1)
DONE_FOR: Final = timedelta(days=60)
"""Longer than the time between two ticks of any schedule: what was done is known by its row."""

TEXT: Final = 2000


class Again(Exception):
    """Do it again. `after_s` None: after a pause that grows, but not before `least_s`.

    `counted` False: it did not fail.
    """

    def __init__(
        self,
        reason: str,
        after_s: float | None = None,
        *,
        least_s: float = 0.0,
        counted: bool = True,
    ) -> None:
        super().__init__(reason)
        self.after_s = after_s
        self.least_s = least_s
        self.counted = counted


class GiveUp(Exception):
    """No further attempt would help; the job is dead until a person asks for it again."""


class LeaseLost(Exception):
    """Somebody else has the job by now: nothing of what was written stays."""


class Task:
    """A job that is being worked on."""

    def __init__(self, job: Job, database: Database, clock: Callable[[], datetime]) -> None:
        self.job = job
        self.finished = False
        self._database = database
        self._clock = clock

    def text(self, name: str) -> str:
        """A value of its payload."""
        return str(self.job.payload[name])

    async def finish(
        self, do: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Run a flow in the transaction that makes the job done. Raises LeaseLost, BaseSilent."""

        def both(conn: Connection) -> R:
            if not jobs.finish(conn, self.job, now=self._clock()):
                raise LeaseLost
            return do(conn, *args, **kwargs)

        found = await self._database.write_as(Priority.JOBS, both)
        self.finished = True
        return found


@dataclass(frozen=True)
class Kind:
    """A kind of job. `at_once`: how many run on one node; `tries`: before it is dead."""

    name: str
    run: Callable[[Task], Awaitable[None]]
    at_once: int = 2
    lease_s: float = 60.0
    tries: int = 12


@dataclass(frozen=True)
class Schedule:
    """Asks for a job by the clock. `cron`: five fields; `zone`: in whose time they are."""

    name: str
    kind: str
    cron: Callable[[], str]
    zone: Callable[[], str]


Feed = Callable[[], Awaitable[None]]
"""Asks for the jobs of what was committed; called before each look for jobs."""


def pause_after(attempts: int, chance: float) -> timedelta:
    """How long to wait after so many failed attempts; `chance`: 0 to 1."""
    seconds = 2.0 ** min(attempts, 16) * (0.5 + chance)
    return min(LONGEST, timedelta(seconds=seconds))


def last_tick(cron: str, zone: str, now: datetime) -> datetime:
    """The latest moment at or before now at which a schedule asks."""
    local = now.astimezone(ZoneInfo(zone)) + timedelta(microseconds=1)
    return next(CronSim(cron, local, reverse=True)).astimezone(now.tzinfo)


class Worker:
    """Belongs to the event loop."""

    def __init__(
        self,
        database: Database,
        clock: Callable[[], datetime],
        kinds: Iterable[Kind],
        schedules: Iterable[Schedule] = (),
        *,
        feeds: Iterable[Feed] = (),
        look_s: float = LOOK_S,
    ) -> None:
        self._database = database
        self._clock = clock
        self._kinds = {kind.name: kind for kind in kinds}
        self._schedules = tuple(schedules)
        self._feeds = tuple(feeds)
        self._look_s = look_s
        self._running: dict[asyncio.Task[None], Job] = {}
        self._awake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    # Its life

    async def start(self) -> None:
        for work, pause in ((self._look, 0.0), (self._tick, TICK_S)):
            self._tasks.append(asyncio.create_task(_for_ever(work, pause), name=work.__name__))

    async def stop(self) -> None:
        """Begin nothing more; what does not end soon is given back to whoever looks next."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._running:
            await asyncio.wait(self._running, timeout=DRAIN_S)
        for task in list(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def wake(self) -> None:
        """Something was committed: look at once."""
        self._awake.set()

    # Taking jobs

    async def _look(self) -> None:
        await self._feed()
        if not await self.take():
            # Not wait_for: before Python 3.12 it may swallow that the server ends.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._look_s):
                    await self._awake.wait()
            self._awake.clear()

    async def take(self) -> int:
        """Begin what is due, as far as there is room; gives how many were begun."""
        busy = [job.kind for job in self._running.values()]
        room = {name: kind.at_once - busy.count(name) for name, kind in self._kinds.items()}
        free = [name for name, many in room.items() if many > 0]
        due = await self._database.read(jobs.next_due, free)
        if due is None or due > self._clock():
            return 0
        lease = {name: timedelta(seconds=kind.lease_s) for name, kind in self._kinds.items()}
        found = await self._database.write_as(
            Priority.JOBS, jobs.claim, room, lease, now=self._clock()
        )
        for job in found:
            task = asyncio.create_task(self._work(job), name=f"job {job.kind}")
            self._running[task] = job
            task.add_done_callback(self._end)
        return len(found)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._running.pop(task, None)
        self._awake.set()

    async def drain(self) -> int:
        """Do everything that is due now, and what that asks for; gives how many jobs were done."""
        done = 0
        await self._feed()
        while begun := await self.take():
            done += begun
            while self._running:
                await asyncio.wait(self._running)
            await self._feed()
        return done

    async def _feed(self) -> None:
        """One that fails holds up nothing else."""
        for feed in self._feeds:
            try:
                await feed()
            except BaseSilent:
                raise
            except Exception:
                log.exception("feed_failed")

    # Working on one

    async def _work(self, job: Job) -> None:
        kind = self._kinds[job.kind]
        task = Task(job, self._database, self._clock)
        beat = asyncio.create_task(self._keep(job, kind))
        try:
            if job.attempts > kind.tries:
                raise GiveUp(job.error or "its server died each time")  # noqa: TRY301
            await kind.run(task)
            if not task.finished:
                await task.finish(_nothing)
            metrics.JOBS.labels(job.kind, "done").inc()
        except asyncio.CancelledError:
            # The server ends: whoever looks next goes on, at once.
            await asyncio.shield(self._put_back(job, Again("its server ended", 0, counted=False)))
            raise
        except LeaseLost:
            metrics.JOBS.labels(job.kind, "lost").inc()
        except BaseSilent:
            pass  # its lease runs out, and somebody takes it over
        except GiveUp as error:
            await self._bury(job, str(error))
        except Again as again:
            await self._fail(job, kind, again)
        except Exception as error:
            log.exception("job_failed", kind=job.kind, job=job.id)
            await self._fail(job, kind, Again(f"{type(error).__name__}: {error}"))
        finally:
            beat.cancel()

    async def _keep(self, job: Job, kind: Kind) -> None:
        """Keep the lease while the work goes on."""
        while True:
            await asyncio.sleep(kind.lease_s / 3)
            try:
                until = self._clock() + timedelta(seconds=kind.lease_s)
                await self._database.write_as(Priority.JOBS, jobs.prolong, job, until)
            except BaseSilent:
                continue

    async def _fail(self, job: Job, kind: Kind, again: Again) -> None:
        if again.counted and job.attempts >= kind.tries:
            await self._bury(job, str(again))
        else:
            await self._put_back(job, again)

    async def _put_back(self, job: Job, again: Again) -> None:
        metrics.JOBS.labels(job.kind, "again").inc()
        grown = pause_after(job.attempts, random.random())  # noqa: S311  so that not all come at once
        wait = max(grown, timedelta(seconds=again.least_s))
        if again.after_s is not None:
            wait = timedelta(seconds=again.after_s)
        due = self._clock() + wait
        await self._quietly(jobs.put_back, job, due, str(again)[:TEXT], counted=again.counted)

    async def _bury(self, job: Job, error: str) -> None:
        metrics.JOBS.labels(job.kind, "dead").inc()
        log.error("job_dead", kind=job.kind, job=job.id)
        await self._quietly(jobs.bury, job, error[:TEXT], now=self._clock())

    async def _quietly(
        self, do: Callable[Concatenate[Connection, P], bool], *args: P.args, **kwargs: P.kwargs
    ) -> None:
        """Without an answer of the base the lease runs out, which comes to the same, later."""
        try:
            await self._database.write_as(Priority.JOBS, do, *args, **kwargs)
        except BaseSilent:
            return

    # By the clock

    async def _tick(self) -> None:
        now = self._clock()
        for one in self._schedules:
            tick = last_tick(one.cron(), one.zone(), now)
            await self._database.write_as(
                Priority.JOBS, jobs.ask_by_clock, one.kind, one.name, tick, now=now
            )
        while await self._database.write_as(Priority.PAGES, jobs.forget, now - DONE_FOR):
            pass


def _nothing(_conn: Connection) -> None:
    pass


async def _for_ever(work: Callable[[], Awaitable[object]], pause: float) -> None:
    while True:
        try:
            await work()
        except BaseSilent:
            await asyncio.sleep(1.0)
        except Exception:
            log.exception("background_work_failed", work=getattr(work, "__name__", ""))
            await asyncio.sleep(1.0)
        await asyncio.sleep(pause)
