"""A base in one file: one writer thread, four reader threads, each with its own connection.

Everything goes through the standard `sqlite3` driver, reads too: one driver for both, one
dependency less than with aiosqlite, and one hop between threads per transaction, not per statement.
"""

import queue
import sqlite3
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from functools import partial
from math import inf
from pathlib import Path
from typing import Any, Literal, TypeVar

from sqlalchemy import Connection, Engine, NullPool, create_engine, event
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from storage import migrations
from storage.database import BaseSilent
from storage.desks import GUEST_READ_S, LAST, READ_S, Asked, Desk, Entry, Errand

R = TypeVar("R")

_READERS = 4
_PATIENCE_MS = 200  # how long a transaction waits for another process
_GUEST_PATIENCE_S = 5.0
_STEPS = 100_000  # of SQLite's machine, a few ms: how often a read looks at the time

_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_SILENT = _BUSY | {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_INTERRUPT,
    sqlite3.SQLITE_NOMEM,
}


class SqliteDatabase(Asked):
    """`Database` in a file, which `migrate` makes and nothing else."""

    dialect: Literal["sqlite", "postgresql"] = "sqlite"

    def __init__(self, path: Path, *, checkpoints: bool = False, guest: bool = False) -> None:
        self._path = path.absolute()
        writing = _WRITING | (_CHECKPOINTING if checkpoints else {}) | (_AS_GUEST if guest else {})
        patience_s = _GUEST_PATIENCE_S if guest else 0.0
        reading = _engine(self._path, _READING)
        event.listen(reading, "before_cursor_execute", _refuse_if_late)
        super().__init__(
            writes=_Threads([_Writer(_engine(self._path, writing), patience_s=patience_s)]),
            reads=_Threads([_Reader(reading) for _ in range(_READERS)]),
            read_s=GUEST_READ_S if guest else READ_S,
        )

    async def migrate(self, progress: Callable[[str], None] = lambda _: None) -> None:
        if self._path.exists() and await self.read(migrations.is_newest):
            return
        engine = _engine(self._path, _MIGRATING, mode="rwc")
        migrator = _Threads([_Writer(engine, patience_s=_GUEST_PATIENCE_S)])
        try:
            await migrator.ask(Errand(partial(_upgrade, progress=progress)))
        finally:
            await migrator.close()


# Every connection opens like this. Only one of them all moves the log into the base: before
# SQLite 3.51.3 two that do so at once may harm it (sqlite.org/wal.html, "WAL-reset bug").

_ALWAYS = {
    "busy_timeout": _PATIENCE_MS,
    "journal_mode": "WAL",
    "synchronous": "FULL",  # a commit is on the disk before it returns
    "foreign_keys": "ON",
    "temp_store": "MEMORY",
    "wal_autocheckpoint": 0,
}
_READING = {"query_only": "ON", "cache_size": -8_000}  # kB
_MIGRATING = {"foreign_keys": "OFF"}
_WRITING = {"cache_size": -32_000, "journal_size_limit": 64 << 20}
_CHECKPOINTING = {"wal_autocheckpoint": 1000}  # pages
_AS_GUEST = {"busy_timeout": 1}  # and again and again: a busy server leaves gaps of microseconds


def _engine(path: Path, settings: Mapping[str, object], *, mode: str = "rw") -> Engine:
    connect = partial(_connect, path, {**_ALWAYS, **settings}, mode)
    # No parameters in the texts of errors: they are phones and names.
    return create_engine("sqlite://", creator=connect, poolclass=NullPool, hide_parameters=True)


def _connect(path: Path, settings: Mapping[str, object], mode: str) -> sqlite3.Connection:
    raw = sqlite3.connect(
        f"{path.as_uri()}?mode={mode}", uri=True, isolation_level=None, cached_statements=512
    )
    try:
        _configure(raw, settings)
    except BaseException:
        raw.close()
        raise
    return raw


def _configure(raw: sqlite3.Connection, settings: Mapping[str, object]) -> None:
    for name, value in settings.items():
        raw.execute(f"PRAGMA {name} = {value}")
    if raw.execute("PRAGMA journal_mode").fetchone() != ("wal",):
        raise sqlite3.NotSupportedError("no write-ahead log here: is it a network share?")


class _Worker(ABC):
    """A thread's connection, opened when first needed and again after it failed."""

    silent: AbstractSet[int] = _SILENT

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._conn: Connection | None = None

    def transact(self, errand: Errand[R]) -> R:
        try:
            conn = self._begin(errand)
            with conn.begin():
                return errand.do(conn)
        except BaseException as error:
            origin = error.orig if isinstance(error, DBAPIError) else error
            code = getattr(origin, "sqlite_errorcode", 0) & 0xFF  # without its finer half
            if self._is_spoilt(code):
                self.drop()
            if code in self.silent:
                raise BaseSilent(f"SQLite: {origin}") from error
            raise

    @abstractmethod
    def _begin(self, errand: Errand[Any]) -> Connection:
        """A connection with a transaction begun."""

    @abstractmethod
    def _is_spoilt(self, code: int) -> bool:
        """Is the connection better not used again after this error?"""

    def _open(self) -> tuple[Connection, sqlite3.Connection]:
        if self._conn is None:
            self._conn = self._engine.connect()
        raw: sqlite3.Connection = self._conn.connection.driver_connection  # type: ignore[assignment]
        return self._conn, raw

    def drop(self) -> None:
        conn, self._conn = self._conn, None
        if conn:
            with suppress(SQLAlchemyError, sqlite3.Error):
                conn.invalidate()
                conn.close()


class _Writer(_Worker):
    silent = _SILENT | {sqlite3.SQLITE_READONLY}

    def __init__(self, engine: Engine, *, patience_s: float) -> None:
        super().__init__(engine)
        self._patience_s = patience_s

    def _begin(self, errand: Errand[Any]) -> Connection:  # noqa: ARG002  a write has no end set
        until = time.monotonic() + self._patience_s
        while True:
            conn, raw = self._open()
            try:
                raw.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode in _BUSY and time.monotonic() < until:
                    continue
                if error.sqlite_errorcode not in _BUSY:
                    self.drop()
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY_SNAPSHOT:
                    raise  # else a result left half read held the connection in the past
            else:
                return conn

    def _is_spoilt(self, code: int) -> bool:
        """After a failed fsync nobody knows what is on the disk: never ask the same one again."""
        return code in self.silent - _BUSY - {sqlite3.SQLITE_FULL}


class _Reader(_Worker):
    def _begin(self, errand: Errand[Any]) -> Connection:
        conn, raw = self._open()
        conn.info["until"] = errand.until
        raw.set_progress_handler(lambda: time.monotonic() > errand.until, _STEPS)
        raw.execute("BEGIN")
        return conn

    def _is_spoilt(self, code: int) -> bool:  # noqa: ARG002
        """A result that an error left half read would hold it in the past, and nothing tells."""
        return True


def _refuse_if_late(conn: Connection, *_: object) -> None:
    """Many quick statements make few steps and may take as long as a slow one."""
    if time.monotonic() > conn.info.get("until", inf):
        raise BaseSilent("the read took too long")


class _Threads(Desk):
    """Each worker in a thread of its own; whoever is free takes the next errand."""

    def __init__(self, workers: Sequence[_Worker]) -> None:
        super().__init__()
        self._entries: queue.PriorityQueue[Entry] = queue.PriorityQueue()
        self._workers = workers
        self._threads: list[threading.Thread] = []

    def _start(self) -> None:
        if not self._threads:
            self._threads = [
                threading.Thread(target=self._work, args=[worker], daemon=True)
                for worker in self._workers
            ]
            for thread in self._threads:
                thread.start()

    def _work(self, worker: _Worker) -> None:
        while True:
            priority, _, errand = self._entries.get()
            if priority == LAST:
                worker.drop()
                errand.done(None)
                return
            try:
                self._refuse_late(errand)
                errand.done(worker.transact(errand))
            except BaseException as error:  # noqa: BLE001  whatever it is belongs to who asked
                errand.failed(error)
            del errand  # what it holds may be big, and the next may be long in coming

    def _started(self) -> int:
        return len(self._threads)

    def _waiting(self) -> int:
        return self._entries.qsize()

    def _put(self, entry: Entry) -> None:
        self._entries.put(entry)

    async def close(self) -> None:
        await super().close()
        for thread in self._threads:
            thread.join()  # it has said goodbye: this takes no time


def _upgrade(conn: Connection, progress: Callable[[str], None]) -> None:
    migrations.upgrade(conn, progress)
    if broken := conn.exec_driver_sql("PRAGMA foreign_key_check").fetchmany(3):
        raise RuntimeError(f"the migration would break references: {broken}")
