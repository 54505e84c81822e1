"""What `import` does at a terminal: files in, beside a server that takes calls, and out again."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import click

from callrouter import terminal
from callrouter.feeding import (
    SHOWN,
    Feed,
    Importing,
    ImportingGoods,
    TakingBack,
    setup_in_force,
)
from callrouter.flows.import_contacts import CannotUndo
from callrouter.import_file import (
    FIELDS,
    GOODS_FIELDS,
    BadFile,
    Columns,
    find_columns,
    find_goods_columns,
    is_goods_heading,
    is_known,
    open_table,
    read_map,
)
from callrouter.terminal import Failed, say
from storage import imports, setups
from storage.imports import Counts, Import

if TYPE_CHECKING:
    from callrouter.settings import Settings

T = TypeVar("T")

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
            importing = Importing(
                file,
                table,
                columns,
                system or columns.system,
                dry_run=dry_run,
                clock=terminal.now,
                told=_Progress(table.share).tell,
            )
            _tell_columns(file, columns, FIELDS)
            _feed(settings, importing, "contacts")
    except BadFile as error:
        raise Failed(f"{file}: nothing was imported: {error}") from error
    _tell(importing)


def import_products(
    settings: Settings, file: Path, *, map_file: Path | None, dry_run: bool
) -> None:
    """Import a list of goods and say what came of it. Raises Failed where nothing was applied."""
    mapped = _read_map(map_file, GOODS_FIELDS)
    terminal.read(settings, setups.current_version)  # says so where there is no base
    try:
        with open_table(file, lambda one: is_goods_heading(one) or one in mapped) as table:
            columns = find_goods_columns(table.headings, mapped)
            importing = ImportingGoods(
                file,
                table,
                columns,
                dry_run=dry_run,
                clock=terminal.now,
                told=_Progress(table.share).tell,
            )
            _tell_columns(file, columns, GOODS_FIELDS)
            _feed(settings, importing, "products")
    except BadFile as error:
        raise Failed(f"{file}: nothing was imported: {error}") from error
    _tell_goods(importing)


def _feed(settings: Settings, importing: Feed[T], noun: str) -> None:
    """Take a file in. Raises Failed, which says what was taken by then."""
    try:
        terminal.with_base(settings, importing.run)
    except (BadFile, Failed, KeyboardInterrupt) as error:
        raise _stopped(importing.file, importing.counts, noun, error) from error
    finally:
        importing.refusals.drop()


def _read_map(path: Path | None, fields: Collection[str] = FIELDS) -> Mapping[str, str]:
    try:
        return read_map(path, fields) if path else {}
    except BadFile as error:
        raise Failed(f"{path}: nothing was imported: {error}") from error


def _stopped(file: Path, counts: Counts, noun: str, error: BaseException) -> Failed:
    why = "stopped" if isinstance(error, KeyboardInterrupt) else str(error)
    if not counts.taken + counts.joined:
        return Failed(f"{file}: nothing was imported: {why}")
    said = f"{counts.taken} {noun} were taken and {counts.joined} joined before"
    return Failed(f"{file}: {why}; {said}. Import it again: it goes on where it stopped")


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


def _tell_columns(file: Path, columns: Columns, fields: Collection[str]) -> None:
    read = ", ".join(f"{one.heading} ({one.field})" for one in columns.used)
    say(f"{file}: read are {read}.")
    if columns.ignored:
        say(f"Not read: {', '.join(columns.ignored)}.")
    if columns.unknown:
        said = ", ".join(f'"{one}"' for one in columns.unknown)
        allowed = ", ".join(fields)
        say(f"Not known and not read: {said}. A map (--map) can name them; allowed: {allowed}.")


def _tell(done: Importing) -> None:
    counts = done.counts
    _tell_refused(done)
    firms = f" and {counts.companies} companies" if counts.companies else ""
    say(
        f"Taken: {counts.taken} new contacts{firms}. Joined: {counts.joined}. "
        f"Already there: {counts.same}. Refused: {counts.refused}."
    )
    _tell_end(done)
    if not done.dry_run and counts.taken + counts.joined:
        say(f"Import {done.run_id}; `callrouter import undo {done.run_id}` takes it back.")
    _fail_if_all_refused(done)


def _tell_goods(done: ImportingGoods) -> None:
    counts = done.counts
    _tell_refused(done)
    say(
        f"Taken: {counts.taken} new products. Changed: {counts.joined}. "
        f"Already there: {counts.same}. Refused: {counts.refused}."
    )
    _tell_end(done)
    _fail_if_all_refused(done)


def _tell_refused(done: Feed[T]) -> None:
    for refusal in done.refused:
        for problem in refusal.problems:
            say(f"line {refusal.line}: {problem}")
    if (refused := done.counts.refused) > len(done.refused):
        say(f"… and {refused - len(done.refused)} more refused lines")


def _tell_end(done: Feed[T]) -> None:
    if done.kept_refusals:
        say(f"The refused lines are in {done.kept_refusals}: mend them there and import that file.")
    if done.dry_run:
        say("Nothing was changed: --dry-run.")


def _fail_if_all_refused(done: Feed[T]) -> None:
    counts = done.counts
    if counts.refused and not counts.taken + counts.joined + counts.same:
        raise Failed(f"{done.file}: nothing was imported: every line was refused")


# An import is taken back


def undo(settings: Settings, run: str) -> None:
    """Take an import back and say what stays. Raises Failed."""
    terminal.read(settings, setups.current_version)
    back = TakingBack(run, clock=terminal.now)
    try:
        terminal.with_base(settings, back.go)
    except CannotUndo as error:
        raise Failed(str(error)) from error
    kept = back.kept
    for one in kept[:SHOWN]:
        say(f"line {one.line}: {one.name} stays: {_reasons(one.reasons)}")
    if len(kept) > SHOWN:
        say(f"… and {len(kept) - SHOWN} more that stay")
    say(f"Removed: {back.removed} contacts. Given back: {back.restored}. Stay: {len(kept)}.")


def _reasons(reasons: Iterable[str]) -> str:
    return ", ".join(_REASONS[one] for one in reasons)


# What was imported


def show_imports(settings: Settings) -> str:
    found = terminal.read(settings, imports.imports)
    calendar = terminal.read(settings, setup_in_force).calendar_of(None)
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
