"""What `replay` does at a terminal: past calls again, beside a server that goes on."""

from __future__ import annotations

import asyncio
import json
import shutil
import textwrap
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from pydantic import TypeAdapter

from callrouter import terminal
from callrouter.api.layer import write
from callrouter.domain.replayed import Replayed
from callrouter.flows.replay import replay, rules_of
from callrouter.replaying_apart import Reading
from callrouter.setup_file import BadSetup, warnings
from callrouter.terminal import Failed
from callrouter.wording.replayed import Sheet, tell_replayed
from storage import setups

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.setup import Language, Setup
    from callrouter.settings import Settings
    from storage.database import Database

_PROGRESS_S: Final = 3.0
_WIDEST: Final = 100


def show_replay(
    settings: Settings,
    days: int,
    *,
    rules: Path | None,
    language: Language | None,
    as_json: bool,
) -> None:
    """Take the calls of the last days again and print what came of it. Raises Failed."""
    now = terminal.now()
    since = now - timedelta(days=days)
    setup = terminal.read(settings, _current)
    new = _read_rules(settings, rules) if rules else None

    async def run(database: Database) -> Replayed:
        read, progress = Reading(database, asyncio.get_running_loop()), _Progress()
        try:
            return await asyncio.to_thread(
                replay, read, since=since, until=now, rules=new, progress=progress
            )
        finally:
            read.stop()

    replayed: Replayed = terminal.with_base(settings, run)
    if as_json:
        body = json.loads(write(TypeAdapter(Replayed), replayed))
        click.echo(json.dumps(body, ensure_ascii=False, indent=2))
    else:
        click.echo("\n".join(_in_words(replayed, new or setup, language)))


def _current(conn: Connection) -> Setup:
    return setups.load(conn, setups.current_version(conn))


def _read_rules(settings: Settings, file: Path) -> Setup:
    """The Setup that the file would make of the one in force. Raises Failed with all its errors."""
    try:
        rules = terminal.read(settings, rules_of, file.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        raise Failed(f"{file}: not UTF-8 at byte {error.start}") from error
    except BadSetup as error:
        said = "\n".join(f"  {line}" for line in str(error).splitlines())
        raise Failed(f"{file} cannot be tried:\n{said}") from error
    for warning in warnings(rules):
        click.echo(f"warning: {warning}", err=True)
    return rules


class _Progress:
    """Says now and then how far it is, on standard error."""

    def __init__(self) -> None:
        self._said = time.monotonic()

    def __call__(self, done: int, everything: int) -> None:
        if time.monotonic() - self._said > _PROGRESS_S and done < everything:
            self._said = time.monotonic()
            click.echo(f"  … {done * 100 // everything} % of {everything} events", err=True)


# Text


def _in_words(replayed: Replayed, setup: Setup, language: Language | None) -> Iterator[str]:
    told = tell_replayed(replayed, setup, language=language or setup.company.language)
    yield from told.summary
    for sheet in told.sheets:
        yield ""
        yield from _laid_out(sheet)
    if told.examples:
        yield ""
        yield from told.examples
    if told.remarks:
        yield ""
        width = min(_WIDEST, shutil.get_terminal_size((_WIDEST, 24)).columns)
        for remark in told.remarks:
            yield from textwrap.wrap(remark, width, subsequent_indent="  ")


def _laid_out(sheet: Sheet) -> Iterator[str]:
    """The first column to the left, figures to the right."""
    rows: Sequence[Sequence[str]] = (sheet.head, *sheet.rows)
    wide = [max(len(row[n]) for row in rows) for n in range(len(sheet.head))]
    for row in rows:
        first, *figures = (
            text.rjust(wide[n]) if n else text.ljust(wide[n]) for n, text in enumerate(row)
        )
        yield "  ".join((first, *figures)).rstrip()
