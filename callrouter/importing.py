"""What `import` does at a terminal: files in, a part at a time, beside a server that takes calls.

A part is one transaction of a few milliseconds, and after each the base is left alone for longer
than it took: calls find it free nearly always.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Concatenate, Final, ParamSpec, TypeVar

import click

from callrouter import terminal
from callrouter.flows import import_contacts as flow
from callrouter.flows.import_contacts import CannotUndo, Kept, Part, Run, Undone
from callrouter.flows.import_joining import Book
from callrouter.import_file import (
    FIELDS,
    BadFile,
    Columns,
    Reader,
    Refusal,
    Refusals,
    Row,
    Table,
    find_columns,
    is_known,
    open_table,
    origin,
    place_of,
    read_map,
)
from callrouter.terminal import Failed, say
from storage import imports, setups
from storage.database import BaseSilent, Database
from storage.ids import new_id
from storage.imports import Counts, Import

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.setup import Setup
    from callrouter.import_file.headings import Field
    from callrouter.settings import Settings

P = ParamSpec("P")
R = TypeVar("R")

SHOWN: Final = 20
"""So many refused lines, and contacts that stay, are shown one by one."""

_AIM_S: Final = 0.01  # of a transaction
_FEWEST, _FIRST, _MOST = 40, 50, 500  # lines in one
_FEWEST_BACK: Final = 100  # of an undo, where a line costs less and a part more
_SHORT_REST, _LONG_REST = 1.0, 5.0  # so many times as long as it took
_SHARED_S: Final = 0.005  # who waits longer for his turn is not alone
_FORGETS: Final = 0.95  # of the rest, after each turn alone
_PATIENCE_S: Final = 60.0  # with a base that does not answer
_PROGRESS_S: Final = 5.0
_KEY: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")

_REASONS: Final = {
    "call": "a call",
    "card": "a card",
    "lead": "a lead",
    "task": "a task",
    "consent": "a consent",
    "handover": "handed over",
    "merge": "merged",
    "import": "another import",
    "member": "somebody in it stays",
    "change": "changed since",
}


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


def import_contacts(
    settings: Settings, file: Path, *, map_file: Path | None, system: str | None, dry_run: bool
) -> None:
    """Import a file and say what came of it. Raises Failed where nothing was applied."""
    if system is not None and not _KEY.fullmatch(system):
        allowed = "1 to 64 of the letters A-Z a-z, digits, _ . and -"
        raise Failed(f'--system "{system[:80]}" cannot be a key; allowed: {allowed}')
    mapped = _read_map(map_file)
    terminal.read(settings, setups.current_version)  # says so where there is no base
    try:
        with open_table(file, lambda one: is_known(one) or one in mapped) as table:
            columns = find_columns(table.headings, mapped)
            importing = Importing(file, table, columns, system or columns.system, dry_run=dry_run)
            _tell_columns(file, columns)
            try:
                terminal.with_base(settings, importing.run)
            except (BadFile, Failed, KeyboardInterrupt) as error:
                raise _stopped(file, importing.counts, error) from error
            finally:
                importing.refusals.drop()
    except BadFile as error:
        raise Failed(f"{file}: nothing was imported: {error}") from error
    _tell(importing)


def _read_map(path: Path | None) -> Mapping[str, Field]:
    try:
        return read_map(path) if path else {}
    except BadFile as error:
        raise Failed(f"{path}: nothing was imported: {error}") from error


def _stopped(file: Path, counts: Counts, error: BaseException) -> Failed:
    why = "stopped" if isinstance(error, KeyboardInterrupt) else str(error)
    if not counts.taken + counts.joined:
        return Failed(f"{file}: nothing was imported: {why}")
    said = f"{counts.taken} contacts were taken and {counts.joined} joined before"
    return Failed(f"{file}: {why}; {said}. Import it again: it goes on where it stopped")


class Importing:
    """One file on its way into the base."""

    def __init__(
        self, file: Path, table: Table, columns: Columns, system: str, *, dry_run: bool
    ) -> None:
        self.file = file
        self.dry_run = dry_run
        self.counts = Counts()
        self.run_id = new_id(terminal.now())
        self.refused: list[Refusal] = []  # the first few
        self.refusals = Refusals(place_of(file), table.headings)
        self.kept_refusals: Path | None = None
        self._table = table
        self._columns = columns
        self._run = Run(self.run_id, origin(file), system)
        self._book = Book(system)
        self._pace = Pace(_MOST if dry_run else _FIRST, _FEWEST)
        self._measured_at = _FIRST
        self._progress = _Progress(table.share)

    async def run(self, database: Database) -> None:
        """Raises BadFile, BaseSilent; what was taken by then is counted."""
        setup = await database.read(_setup)
        reader = Reader(self._columns, setup, system=self._run.system, now=terminal.now())
        part: list[Row] = []
        lines = 0
        for lines, found in enumerate(self._table.lines, 1):
            read = reader.read(found)
            if isinstance(read, Refusal):
                self._refuse(read)
                continue
            part.append(read)
            if len(part) >= self._pace.size:
                await self._send(database, part)
                self._progress.tell(lines)
                part = []
        if part:
            await self._send(database, part)
        if not lines:
            raise BadFile("has no lines after the headings")
        if not self.dry_run:
            self.kept_refusals = self._keep_refusals()
            await self._pace.write(database, flow.finish, self._run, self.counts)

    async def _send(self, database: Database, part: Sequence[Row]) -> None:
        now = terminal.now()
        if self.dry_run:
            counts = await database.read(flow.foresee, self._book, self._run, part, now)
        else:
            prepared = await patiently(database.read, partial(self._prepare, part))
            counts = (
                await self._pace.write(database, self._take, prepared)
                if prepared.steps
                else flow.counted(prepared, self._run)
            )
        self.counts = flow.add(self.counts, counts)
        if self.counts.taken >= self._measured_at and not self.dry_run:
            self._measured_at = self.counts.taken * 2
            with suppress(BaseSilent):  # the base looks by itself, a little later
                await database.read(imports.measure)

    def _prepare(self, part: Sequence[Row], conn: Connection) -> Part:
        return flow.prepare(conn, self._run, part, now=terminal.now())

    def _take(self, conn: Connection, part: Part) -> Counts:
        """Dated when its turn has come: who follows the changes must not have read past it."""
        return flow.take_part(conn, self._run, part, self.counts, now=terminal.now())

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


def _unwritable(path: Path, error: OSError) -> str:
    return f"the refused lines cannot be written to {path}: {error.strerror or error}"


def _setup(conn: Connection) -> Setup:
    return setups.load(conn, setups.current_version(conn))


class _Progress:
    def __init__(self, share: Callable[[], float]) -> None:
        self._share = share
        self._began = self._told = time.monotonic()

    def tell(self, lines: int) -> None:
        now = time.monotonic()
        if now - self._told >= _PROGRESS_S:
            self._told = now
            done, pace = self._share(), lines / (now - self._began)
            click.echo(f"  … {lines} lines, {done:.0%}, {pace:.0f} a second", err=True)


def _tell_columns(file: Path, columns: Columns) -> None:
    read = ", ".join(f"{one.heading} ({one.field})" for one in columns.used)
    say(f"{file}: read are {read}.")
    if columns.ignored:
        say(f"Not read: {', '.join(columns.ignored)}.")
    if columns.unknown:
        said = ", ".join(f'"{one}"' for one in columns.unknown)
        allowed = ", ".join(FIELDS)
        say(f"Not known and not read: {said}. A map (--map) can name them; allowed: {allowed}.")


def _tell(done: Importing) -> None:
    counts = done.counts
    for refusal in done.refused:
        for problem in refusal.problems:
            say(f"line {refusal.line}: {problem}")
    if counts.refused > len(done.refused):
        say(f"… and {counts.refused - len(done.refused)} more refused lines")
    firms = f" and {counts.companies} companies" if counts.companies else ""
    say(
        f"Taken: {counts.taken} new contacts{firms}. Joined: {counts.joined}. "
        f"Already there: {counts.same}. Refused: {counts.refused}."
    )
    if done.kept_refusals:
        say(f"The refused lines are in {done.kept_refusals}: mend them there and import that file.")
    if done.dry_run:
        say("Nothing was changed: --dry-run.")
    elif counts.taken + counts.joined:
        say(f"Import {done.run_id}; `callrouter import undo {done.run_id}` takes it back.")
    if counts.refused and not counts.taken + counts.joined + counts.same:
        raise Failed(f"{done.file}: nothing was imported: every line was refused")


# An import is taken back


def undo(settings: Settings, run: str) -> None:
    """Take an import back and say what stays. Raises Failed."""
    terminal.read(settings, setups.current_version)
    removed = restored = 0
    kept: list[Kept] = []

    async def all_parts(database: Database) -> None:
        nonlocal removed, restored
        pace, below, more = Pace(_FEWEST_BACK, _FEWEST_BACK), None, True
        while more:
            part = await pace.write(database, _undo_part, run, below, pace.size)
            removed, restored = removed + part.removed, restored + part.restored
            kept.extend(part.kept)
            below = part.below
            more = below is not None

    try:
        terminal.with_base(settings, all_parts)
    except CannotUndo as error:
        raise Failed(str(error)) from error
    for one in kept[:SHOWN]:
        say(f"line {one.line}: {one.name} stays: {_reasons(one.reasons)}")
    if len(kept) > SHOWN:
        say(f"… and {len(kept) - SHOWN} more that stay")
    say(f"Removed: {removed} contacts. Given back: {restored}. Stay: {len(kept)}.")


def _undo_part(conn: Connection, run: str, below: int | None, limit: int) -> Undone:
    return flow.undo_part(conn, run, below, limit=limit, now=terminal.now())


def _reasons(reasons: Iterable[str]) -> str:
    return ", ".join(_REASONS[one] for one in reasons)


# What was imported


def show_imports(settings: Settings) -> str:
    found = terminal.read(settings, imports.imports)
    calendar = terminal.read(settings, _setup).calendar_of(None)
    if not found:
        return "Nothing was imported yet."
    return "\n".join(_shown(one, calendar.local) for one in found)


def _shown(one: Import, local: Callable[[datetime], datetime]) -> str:
    counts = one.counts
    state = "" if counts.finished else "; not finished: import the file again"
    if one.undone_at:
        state = f"; taken back {local(one.undone_at):%Y-%m-%d %H:%M}"
    return (
        f"{one.id}  {local(one.at):%Y-%m-%d %H:%M}  {one.file}: {counts.taken} taken, "
        f"{counts.joined} joined, {counts.same} already there, {counts.refused} refused{state}"
    )
