"""What the commands share: settings, the base in short transactions, errors as a clear line."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import click

from callrouter.settings import BadSettings, Settings, read_settings

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from storage.database import Database

P = ParamSpec("P")
R = TypeVar("R")


class Failed(click.ClickException):
    """A clear line on standard error, exit code 1."""

    def show(self, file: Any = None) -> None:  # noqa: ANN401  click's signature
        click.echo(f"callrouter: {self.format_message()}", file=file or sys.stderr)


def say(line: str) -> None:
    click.echo(line)
    sys.stdout.flush()


def complain(line: str) -> None:
    """On standard error, what is not the command's own answer."""
    click.echo(line, err=True)


def ask(question: str, default: str) -> str:
    """`default` "": there is none."""
    try:
        answer: str = click.prompt(question, default=default, show_default=bool(default))
    except click.Abort:
        raise Failed("stopped before the last answer: nothing was written") from None
    return answer


def now() -> datetime:
    return datetime.now(UTC)


def settings_of(*, demo: bool = False) -> Settings:
    """The settings of this folder, or the demo's."""
    try:
        settings = read_settings()
    except BadSettings as error:
        raise Failed(str(error)) from error
    if demo:
        from callrouter.demo import FOLDER

        return Settings(data_dir=FOLDER, public_url="http://127.0.0.1:8080")
    return settings


def no_base(settings: Settings) -> bool:
    """True when there is not even a file."""
    return settings.is_sqlite and not Path(settings.database.removeprefix("sqlite:///")).exists()


def reader(settings: Settings) -> Callable[..., Any]:
    """`read` of these settings."""
    return lambda do, *args, **kwargs: read(settings, do, *args, **kwargs)


def read(
    settings: Settings,
    do: Callable[Concatenate[Connection, P], R],
    *args: P.args,
    **kwargs: P.kwargs,
) -> R:
    """Run a function that only reads. A base is not made for it."""
    if no_base(settings):
        raise Failed(
            f"there is no base at {settings.database}: run this where the server runs, set "
            "CALLROUTER_DATA_DIR, or begin with `callrouter init`"
        )
    return _at_base(settings, "read", do, *args, **kwargs)


def write(
    settings: Settings,
    do: Callable[Concatenate[Connection, P], R],
    *args: P.args,
    **kwargs: P.kwargs,
) -> R:
    """Run a function in a write transaction; makes the base where there is none."""
    with suppress(OSError):  # what is wrong with the folder, the base will say
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    return _at_base(settings, "write", do, *args, **kwargs)


def _at_base(settings: Settings, how: str, do: Callable[..., R], *args: Any, **kwargs: Any) -> R:  # noqa: ANN401  handed on
    """A short transaction of a guest, beside a server that may be running."""

    async def once(database: Database) -> R:
        found: R = await getattr(database, how)(do, *args, **kwargs)
        return found

    return with_base(settings, once)


def with_base(settings: Settings, do: Callable[[Database], Awaitable[R]]) -> R:
    """Let a guest ask the base as often as it wants."""
    from storage.database import BaseSilent, BaseTooNew, open_database

    async def run() -> R:
        database = open_database(settings.database, guest=True)
        try:
            await database.migrate()
            return await do(database)
        finally:
            await database.close()

    with clear_errors():
        try:
            return asyncio.run(run())
        except BaseSilent as error:
            raise Failed(f"the base does not answer: {error}") from error
        except BaseTooNew as error:
            raise Failed(str(error)) from error


@contextmanager
def clear_errors() -> Iterator[None]:
    """Say in a line what whoever sits at the terminal can put right."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name != "asyncpg":
            raise
        raise Failed("PostgreSQL needs a driver: pip install 'callrouter[postgres]'") from error
