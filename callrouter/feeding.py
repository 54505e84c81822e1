"""A file on its way into the base, a part at a time, beside a server that takes calls.

A part is one transaction of a few milliseconds, and after each the base is left alone for longer
than it took: calls find it free nearly always. Lines are read in a thread of their own.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Concatenate, Final, Generic, ParamSpec, TypeVar

from callrouter.domain.items import USUAL_UNIT
from callrouter.flows import import_contacts as flow
from callrouter.flows.import_contacts import BY, Kept, Part, Run, Undone
from callrouter.flows.import_joining import Book
from callrouter.flows.import_products import foresee_goods, take_goods
from callrouter.import_file import (
    BadFile,
    Columns,
    Good,
    GoodsReader,
    Line,
    Reader,
    Refusal,
    Refusals,
    Row,
    Table,
    Unreadable,
    origin,
    place_of,
)
from storage import imports, setups
from storage.database import BaseSilent, Database
from storage.ids import new_id
from storage.imports import Counts

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.setup import Setup

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

Clock = Callable[[], datetime]

SHOWN: Final = 20
"""So many refused lines, and contacts that stay, are kept to be shown one by one."""

_AIM_S: Final = 0.01  # of a transaction
_FEWEST, _FIRST, _MOST = 40, 50, 500  # lines in one
_FEWEST_BACK: Final = 100  # of an undo, where a line costs less and a part more
_SHORT_REST, _LONG_REST = 1.0, 5.0  # so many times as long as it took
_SHARED_S: Final = 0.005  # who waits longer for his turn is not alone
_FORGETS: Final = 0.95  # of the rest, after each turn alone
_PATIENCE_S: Final = 60.0  # with a base that does not answer


class Stopped(Exception):
    """Somebody said that it should stop; what was taken by then stays."""


class Pace:
    """How many lines go at once, and when the next may.

    Who had to wait for his turn met somebody else who writes, and leaves the base alone for longer:
    the import is quick where nothing happens, and hardly there while calls go on.
    """

    def __init__(self, size: int, fewest: int) -> None:
        self.size = size
        self._fewest = fewest
        self._rest = _LONG_REST
        self._free_at = 0.0

    def _note(self, waited: float, took: float) -> None:
        """Learn from a transaction: how long its turn was in coming, how long it took, seconds."""
        fitting = int(self.size * _AIM_S / max(took, 1e-4))
        self.size = max(self._fewest, min(_MOST, fitting, self.size * 2))
        alone = waited < _SHARED_S
        self._rest = max(_SHORT_REST, self._rest * _FORGETS) if alone else _LONG_REST
        self._free_at = time.monotonic() + took * self._rest

    async def write(
        self,
        database: Database,
        do: Callable[Concatenate[Connection, P], R],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Write when it is time, and again while the base is silent. Raises BaseSilent."""
        await asyncio.sleep(max(0.0, self._free_at - time.monotonic()))
        asked = began = time.monotonic()

        def timed(conn: Connection) -> R:
            nonlocal began
            began = time.monotonic()  # its turn has come
            return do(conn, *args, **kwargs)

        found = await patiently(database.write, timed)
        self._note(began - asked, time.monotonic() - began)
        return found


async def patiently(
    how: Callable[[Callable[[Connection], R]], Awaitable[R]], do: Callable[[Connection], R]
) -> R:
    """Ask the base, and again while it is silent, for a minute. Raises BaseSilent."""
    until = time.monotonic() + _PATIENCE_S
    while True:
        try:
            return await how(do)
        except BaseSilent:
            if time.monotonic() > until:
                raise
            await asyncio.sleep(0.5)


# A file goes in


class Feed(Generic[T]):
    """One file on its way into the base; whoever extends it says of what.

    `told`: is told how many lines were read, after each part. `most`: so many lines are looked at.
    """

    def __init__(
        self,
        file: Path,
        table: Table,
        *,
        dry_run: bool,
        clock: Clock,
        told: Callable[[int], None] | None = None,
        most: int | None = None,
    ) -> None:
        self.file = file
        self.dry_run = dry_run
        self.counts = Counts()
        self.refused: list[Refusal] = []  # the first few
        self.refusals = Refusals(place_of(file), table.headings)
        self.kept_refusals: Path | None = None
        self._table = table
        self._pace = Pace(_MOST if dry_run else _FIRST, _FEWEST)
        self._clock = clock
        self._told = told or _nobody
        self._lines = islice(table.lines, most)
        self.read = 0
        self.stopping = False

    def _reader(self, setup: Setup) -> Callable[[Line | Unreadable], T | Refusal]:
        """What makes something of a line, or refuses it."""
        raise NotImplementedError

    async def _put(self, database: Database, part: Sequence[T]) -> Counts:
        """Write a part, or foresee what would come of it."""
        raise NotImplementedError

    async def _finish(self, database: Database) -> None:
        """All parts are written."""

    async def run(self, database: Database) -> None:
        """Raises BadFile, BaseSilent, Stopped; what was taken by then is counted."""
        read_line = self._reader(await database.read(setup_in_force))
        more = True
        while more:
            if self.stopping:
                raise Stopped
            part, more = await asyncio.to_thread(self._next, read_line, self._pace.size)
            if part:
                await self._send(database, part)
            self._told(self.read)
        if not self.read:
            raise BadFile("has no lines after the headings")
        if not self.dry_run:
            self.kept_refusals = self._keep_refusals()
            await self._finish(database)

    def _next(
        self, read_line: Callable[[Line | Unreadable], T | Refusal], size: int
    ) -> tuple[list[T], bool]:
        """The next part, and whether there may be more."""
        part: list[T] = []
        for found in self._lines:
            self.read += 1
            read = read_line(found)
            if isinstance(read, Refusal):
                self._refuse(read)
            else:
                part.append(read)
            if len(part) >= size:
                return part, True
        return part, False

    async def _send(self, database: Database, part: Sequence[T]) -> None:
        self.counts = flow.add(self.counts, await self._put(database, part))

    def _refuse(self, refusal: Refusal) -> None:
        self.counts = replace(self.counts, refused=self.counts.refused + 1)
        if len(self.refused) < SHOWN:
            self.refused.append(refusal)
        if not self.dry_run:
            try:
                self.refusals.add(refusal)
            except OSError as error:
                raise BadFile(_unwritable(self.refusals.path, error)) from error

    def _keep_refusals(self) -> Path | None:
        try:
            return self.refusals.keep()
        except OSError as error:
            raise BadFile(_unwritable(self.refusals.path, error)) from error


class Importing(Feed[Row]):
    """Contacts."""

    def __init__(
        self,
        file: Path,
        table: Table,
        columns: Columns,
        system: str,
        *,
        dry_run: bool,
        clock: Clock,
        by: str = BY,
        told: Callable[[int], None] | None = None,
        most: int | None = None,
    ) -> None:
        super().__init__(file, table, dry_run=dry_run, clock=clock, told=told, most=most)
        self.run_id = new_id(clock())
        self._columns = columns
        self._run = Run(self.run_id, origin(file), system, by)
        self._book = Book(system)
        self._measured_at = _FIRST

    def _reader(self, setup: Setup) -> Callable[[Line | Unreadable], Row | Refusal]:
        return Reader(self._columns, setup, system=self._run.system, now=self._clock()).read

    async def _put(self, database: Database, part: Sequence[Row]) -> Counts:
        if self.dry_run:
            return await database.read(flow.foresee, self._book, self._run, part, self._clock())
        prepared = await patiently(database.read, partial(self._prepare, part))
        counts = (
            await self._pace.write(database, self._take, prepared)
            if prepared.steps
            else flow.counted(prepared, self._run)
        )
        if self.counts.taken + counts.taken >= self._measured_at:
            self._measured_at = (self.counts.taken + counts.taken) * 2
            with suppress(BaseSilent):  # the base looks by itself, a little later
                await database.read(imports.measure)
        return counts

    def _prepare(self, part: Sequence[Row], conn: Connection) -> Part:
        return flow.prepare(conn, self._run, part, now=self._clock())

    def _take(self, conn: Connection, part: Part) -> Counts:
        """Dated when its turn has come: who follows the changes must not have read past it."""
        return flow.take_part(conn, self._run, part, self.counts, now=self._clock())

    async def _finish(self, database: Database) -> None:
        await self._pace.write(database, flow.finish, self._run, self.counts)


class ImportingGoods(Feed[Good]):
    """Goods and services."""

    def __init__(
        self,
        file: Path,
        table: Table,
        columns: Columns,
        *,
        dry_run: bool,
        clock: Clock,
        told: Callable[[int], None] | None = None,
        most: int | None = None,
    ) -> None:
        super().__init__(file, table, dry_run=dry_run, clock=clock, told=told, most=most)
        self._columns = columns

    def _reader(self, setup: Setup) -> Callable[[Line | Unreadable], Good | Refusal]:
        today = setup.calendar_of(None).local(self._clock()).date()
        company = setup.company
        unit = USUAL_UNIT[company.language]
        return GoodsReader(self._columns, country=company.region, today=today, unit=unit).read

    async def _put(self, database: Database, part: Sequence[Good]) -> Counts:
        if self.dry_run:
            return await database.read(foresee_goods, part, self._clock())
        return await self._pace.write(database, self._take, part)

    def _take(self, conn: Connection, part: Sequence[Good]) -> Counts:
        return take_goods(conn, part, now=self._clock())


def _unwritable(path: Path, error: OSError) -> str:
    return f"the refused lines cannot be written to {path}: {error.strerror or error}"


def setup_in_force(conn: Connection) -> Setup:
    return setups.load(conn, setups.current_version(conn))


def _nobody(_lines: int) -> None:
    pass


# An import is taken back


class TakingBack:
    """An import on its way out of the base; what came of it so far. Raises CannotUndo."""

    def __init__(self, run: str, *, clock: Clock, by: str = BY) -> None:
        self.run = run
        self.removed = self.restored = 0
        self.kept: list[Kept] = []
        self._clock = clock
        self._by = by

    async def go(self, database: Database) -> None:
        """Raises CannotUndo, BaseSilent."""
        pace, below, more = Pace(_FEWEST_BACK, _FEWEST_BACK), None, True
        while more:
            part = await pace.write(database, self._part, below, pace.size)
            self.removed += part.removed
            self.restored += part.restored
            self.kept.extend(part.kept)
            below = part.below
            more = below is not None

    def _part(self, conn: Connection, below: int | None, limit: int) -> Undone:
        return flow.undo_part(conn, self.run, below, limit=limit, now=self._clock(), by=self._by)
