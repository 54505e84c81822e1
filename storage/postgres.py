"""A base on PostgreSQL, for several nodes: one writer task, a few reader tasks, by asyncpg.

One write transaction runs at a time over all nodes: the first statement of each is the gate. The
isolation of writes must be READ COMMITTED: at a higher one the waiting for the gate would fix what
the transaction sees, and it would decide on what was true before its turn.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from math import inf
from typing import Literal, TypeAlias, TypeVar

import asyncpg
from sqlalchemy import Connection, ExceptionContext, NullPool, event
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from storage import migrations
from storage.database import BaseRefused, BaseSilent
from storage.desks import GUEST_READ_S, LAST, READ_S, Asked, Desk, Entry, Errand

R = TypeVar("R")
_Raw: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

GATE = 0x63616C6C726F7574  # "callrout": the advisory lock of all writes of all nodes
_READERS = 4
_PREPARED = 500  # statements: a list of another length is another statement


@dataclass(frozen=True, slots=True)
class _Manners:
    """How a connection behaves; times in seconds. The server keeps the limits of its session."""

    lock: float
    statement: float
    idle: float
    silence: float  # an answer that has not come by then will not come: the connection is cut
    connect: float
    isolation: str = "read committed"
    read_only: str = "off"

    @property
    def settings(self) -> dict[str, str]:
        return {
            "application_name": "callrouter",
            "timezone": "UTC",
            "lock_timeout": _ms(self.lock),
            "statement_timeout": _ms(self.statement),
            "idle_in_transaction_session_timeout": _ms(self.idle),
            "default_transaction_isolation": self.isolation,
            "default_transaction_read_only": self.read_only,
            "jit": "off",  # to compile a query of figures takes longer than the query
        }


_WRITING = _Manners(lock=0.25, statement=0.3, idle=1, silence=0.5, connect=0.5)
_AS_GUEST = _Manners(lock=5, statement=30, idle=30, silence=35, connect=10)
_MIGRATING = _Manners(lock=30, statement=3600, idle=600, silence=3700, connect=10)
_READING = _Manners(
    lock=2, statement=2, idle=2, silence=2, connect=1, isolation="repeatable read", read_only="on"
)
_READING_AS_GUEST = replace(_AS_GUEST, isolation=_READING.isolation, read_only=_READING.read_only)

_SILENT_CLASSES = ("08", "53", "58")  # connection, resources (disk full), system
_REFUSED = ("28", "3D")  # wrong name or password, no such base
_READ_ONLY = "25006"  # for a writer: the server has become a standby
_SILENT = {
    _READ_ONLY,
    "25P03",  # we were idle in a transaction
    "40001",
    "40P01",  # deadlock
    "55P03",  # lock_timeout
    "57014",  # statement_timeout
    "57P01",
    "57P02",
    "57P03",  # shut down, crashed, starting
    "XX001",
    "XX002",  # data or index corrupted
}


class PostgresDatabase(Asked):
    """`Database` on a server. `migrate` makes the tables; the base itself must be there."""

    dialect: Literal["sqlite", "postgresql"] = "postgresql"

    def __init__(self, url: str, *, guest: bool = False, gate: bool = True) -> None:
        self._url = url
        writing = _engine(url, _AS_GUEST if guest else _WRITING)
        reading = _engine(url, _READING_AS_GUEST if guest else _READING)
        super().__init__(
            writes=_Tasks([_Worker(writing, gate=gate)]),
            reads=_Tasks([_Worker(reading, reads=True) for _ in range(_READERS)]),
            read_s=GUEST_READ_S if guest else READ_S,
        )

    async def migrate(self, progress: Callable[[str], None] = lambda _: None) -> None:
        if await self.read(migrations.is_newest):
            return
        migrator = _Tasks([_Worker(_engine(self._url, _MIGRATING), gate=True)])
        try:
            await migrator.ask(Errand(partial(migrations.upgrade, progress=progress)))
        finally:
            await migrator.close()


def _ms(seconds: float) -> str:
    return str(round(seconds * 1000))


def _engine(url: str, manners: _Manners) -> AsyncEngine:
    async def connect(**_: object) -> _Raw:
        return await asyncpg.connect(
            url,
            timeout=manners.connect,
            command_timeout=manners.silence,
            server_settings=manners.settings,
        )

    engine = create_async_engine(
        "postgresql+asyncpg://",
        connect_args={"async_creator_fn": connect, "prepared_statement_cache_size": _PREPARED},
        poolclass=NullPool,
        hide_parameters=True,  # in the texts of errors they would be phones and names
    )
    event.listen(engine.sync_engine, "handle_error", _cut_if_mute)
    return engine


def _cut_if_mute(context: ExceptionContext) -> None:
    """Who did not answer a statement would not answer its rollback either."""
    if isinstance(context.original_exception, TimeoutError) and context.connection:
        raw: _Raw | None = context.connection.connection.driver_connection
        if raw:
            raw.terminate()
        context.is_disconnect = True


class _Worker:
    """A task's connection, opened when first needed and again after it broke."""

    def __init__(self, engine: AsyncEngine, *, gate: bool = False, reads: bool = False) -> None:
        self._engine = engine
        self._gate = gate
        self._silent = _SILENT - {_READ_ONLY} if reads else _SILENT
        self._conn: AsyncConnection | None = None
        self._raw: _Raw | None = None

    async def transact(self, errand: Errand[R]) -> R:
        try:
            conn, raw = await self._open()
            with _cut_at(errand.until, raw):
                return await conn.run_sync(self._transact, errand.do)
        except Exception as error:
            if silence := self._silence(error):
                raise silence from error
            raise

    def _transact(self, conn: Connection, do: Callable[[Connection], R]) -> R:
        with conn.begin():
            if self._gate:
                conn.exec_driver_sql(f"SELECT pg_advisory_xact_lock({GATE})")
            return do(conn)

    def _silence(self, error: Exception) -> BaseSilent | None:
        """The error as one of ours, if the base is to blame."""
        origin = error.orig if isinstance(error, DBAPIError) else error
        state: str = getattr(origin, "sqlstate", None) or ""
        if self._conn is None and (state.startswith(_REFUSED) or isinstance(origin, ValueError)):
            return BaseRefused(f"PostgreSQL: {origin}")
        if (
            state.startswith(_SILENT_CLASSES)
            or state in self._silent
            or isinstance(origin, OSError)  # a TimeoutError is one, too
            or isinstance(getattr(origin, "__cause__", None), asyncpg.InvalidCachedStatementError)
            or self._is_broken()
        ):
            return BaseSilent(f"PostgreSQL: {origin!r}")
        return None

    async def _open(self) -> tuple[AsyncConnection, _Raw]:
        if self._conn is None or self._raw is None or self._is_broken():
            await self.drop()
            self._conn = await self._engine.connect()
            raw: _Raw | None = (await self._conn.get_raw_connection()).driver_connection
            assert raw is not None  # noqa: S101  only what was invalidated has none
            self._raw = raw
        return self._conn, self._raw

    def _is_broken(self) -> bool:
        """The server, or `_cut_if_mute`, may have closed it at any time."""
        if self._conn is None or self._raw is None:
            return self._conn is not None
        return self._conn.invalidated or self._conn.in_transaction() or self._raw.is_closed()

    async def drop(self) -> None:
        conn, raw, self._conn, self._raw = self._conn, self._raw, None, None
        if raw:
            raw.terminate()
        if conn:
            with suppress(SQLAlchemyError, OSError):
                await conn.invalidate()
                await conn.close()


@contextmanager
def _cut_at(until: float, raw: _Raw) -> Iterator[None]:
    if until == inf:
        yield
        return
    delay = until - time.monotonic()
    cut = asyncio.get_running_loop().call_later(delay, raw.terminate)
    try:
        yield
    finally:
        cut.cancel()


class _Tasks(Desk):
    """Each worker in a task of its own; whoever is free takes the next errand."""

    def __init__(self, workers: Sequence[_Worker]) -> None:
        super().__init__()
        self._entries: asyncio.PriorityQueue[Entry] = asyncio.PriorityQueue()
        self._workers = workers
        self._tasks: list[asyncio.Task[None]] = []

    def _start(self) -> None:
        if not self._tasks:
            self._tasks = [asyncio.create_task(self._work(worker)) for worker in self._workers]

    async def _work(self, worker: _Worker) -> None:
        while True:
            priority, _, errand = await self._entries.get()
            if priority == LAST:
                await worker.drop()
                errand.done(None)
                return
            try:
                self._refuse_late(errand)
                errand.done(await worker.transact(errand))
            except Exception as error:  # noqa: BLE001  whatever it is belongs to who asked
                errand.failed(error)
            except BaseException:  # the loop is ending, and nobody has closed the base
                errand.answer.cancel()
                raise
            del errand  # what it holds may be big, and the next may be long in coming

    def _started(self) -> int:
        return len(self._tasks)

    def _waiting(self) -> int:
        return self._entries.qsize()

    def _put(self, entry: Entry) -> None:
        self._entries.put_nowait(entry)

    async def close(self) -> None:
        await super().close()
        await asyncio.gather(*self._tasks)
