"""The commands. Each is short: it reads its arguments, runs a flow and prints what came of it."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import click

from callrouter.settings import BadSettings, Settings, read_settings

if TYPE_CHECKING:
    from sqlalchemy import Connection

P = ParamSpec("P")
R = TypeVar("R")


class Failed(click.ClickException):
    """A clear line on standard error, exit code 1."""

    def show(self, file: Any = None) -> None:  # noqa: ANN401  click's signature
        click.echo(f"callrouter: {self.format_message()}", file=file or sys.stderr)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="callrouter")
def main() -> None:
    """Routes inbound calls to the right manager, remembers every one of them and explains why.

    \b
    Begin:   callrouter demo      look at it with a sample company
             callrouter init      set up your own
             callrouter serve     run it
    """


# Serving


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8080, show_default=True, help="Port to listen on.")
def serve(host: str, port: int) -> None:
    """Serve webhooks, the API and the pages; apply migrations first."""
    from callrouter.app import serve as run
    from callrouter.logs import set_up_logs

    set_up_logs()
    _run(run(_settings(), host, port, _say))


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Loopback only.")
@click.option("--port", default=8080, show_default=True, help="Port to listen on.")
@click.option("--quiet", is_flag=True, help="Nobody calls but you.")
def demo(host: str, port: int, quiet: bool) -> None:
    """Serve a sample company in var/demo, with a PBX without telephones that calls it."""
    from callrouter.demo import demo as run
    from callrouter.logs import set_up_logs

    set_up_logs(level="WARNING", pretty=True)
    _run(run(host, port, _say, quiet=quiet))


def _run(doing: Awaitable[None]) -> None:
    from callrouter.app import CannotServe
    from storage.database import BaseTooNew

    async def run() -> None:
        await doing

    try:
        asyncio.run(run())
    except (CannotServe, BadSettings, BaseTooNew) as error:
        raise Failed(str(error)) from error
    except KeyboardInterrupt:
        sys.exit(130)


# Setting up


@main.command()
@click.option("--force", is_flag=True, help="Overwrite setup.toml and .env.")
def init(force: bool) -> None:
    """Ask five things, write setup.toml and .env, apply them, and show how to play one call."""
    from callrouter.first_steps import ask_and_write

    ask_and_write(Path(), force=force)
    _apply(Path("setup.toml"), say_what_next=True)


@main.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Show the difference and apply nothing.")
@click.option("--prune", is_flag=True, help="Remove what the file does not name.")
@click.option("--force", is_flag=True, help="Apply over what was changed on the screen.")
def apply(file: Path, dry_run: bool, prune: bool, force: bool) -> None:
    """Put FILE (setup.toml) in force. All of it or, with an error, nothing."""
    _apply(file, dry_run=dry_run, prune=prune, force=force)


def _apply(file: Path, *, say_what_next: bool = False, **options: bool) -> None:
    from callrouter.app import open_seal
    from callrouter.first_steps import what_next
    from callrouter.flows.apply import ChangedOnScreen
    from callrouter.flows.apply import apply as run
    from callrouter.setup_file import BadSetup

    settings = _settings()
    try:
        text = file.read_text(encoding="utf-8-sig")
        applied = _write(settings, run, text, seal=open_seal(settings), now=_now(), **options)
    except UnicodeDecodeError as error:
        raise Failed(f"{file}: not UTF-8 at byte {error.start}") from error
    except BadSetup as error:
        lines = "\n".join(f"  {one}" for one in error.problems)
        raise Failed(f"{file}: nothing was applied.\n{lines}") from error
    except ChangedOnScreen as error:
        raise Failed(
            f"{error} changed the setup on the screen since the last apply; "
            "`callrouter export` shows it, --force applies the file over it. Nothing was applied."
        ) from error
    for line in applied.changes:
        click.echo(line)
    for warning in applied.warnings:
        click.echo(f"warning: {warning}", err=True)
    if not applied.changes:
        click.echo("Nothing changes.")
    elif options.get("dry_run"):
        click.echo("Not applied: --dry-run.")
    else:
        click.echo(f"Applied as version {applied.setup.version}.")
    if say_what_next:
        click.echo(what_next(settings, applied.setup))


@main.command()
def export() -> None:
    """Print the setup in force; applying it again changes nothing."""
    from callrouter.flows.apply import export as run

    click.echo(_read(_settings(), run), nl=False)


@main.group()
def token() -> None:
    """Tokens for programs that use the API."""


@token.command("add")
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice(["manager", "head", "admin", "auditor"]),
    required=True,
    help="What the token may do.",
)
def add_token(name: str, role: Any) -> None:  # noqa: ANN401  click has checked it
    """Make a token and print it, once."""
    from callrouter.flows.tokens import BadToken
    from callrouter.flows.tokens import add_token as run

    try:
        click.echo(_write(_settings(), run, name, role, now=_now()))
    except BadToken as error:
        raise Failed(str(error)) from error


@token.command("revoke")
@click.argument("name")
def revoke_token(name: str) -> None:
    """Take a token back."""
    from callrouter.flows.tokens import BadToken
    from callrouter.flows.tokens import revoke_token as run

    try:
        _write(_settings(), run, name, now=_now())
    except BadToken as error:
        raise Failed(str(error)) from error
    click.echo(f"{name}: taken back.")


_demo = click.option("--demo", "of_demo", is_flag=True, help="Of the demo's company.")


@main.command()
@_demo
def link(of_demo: bool) -> None:
    """Print a one-time link that opens the pages."""
    from callrouter.flows.visits import new_link

    settings = _settings(of_demo=of_demo)
    found = _write(settings, new_link, now=_now())
    click.echo(f"{settings.public_url or 'http://127.0.0.1:8080'}/enter/{found}")


# Asking


@main.command()
@click.option("--line", required=True, help="The number that is dialled.")
@click.option("--caller", default="", help="Who calls; absent: withheld.")
@click.option("--at", "moment", help="When, RFC 3339 or local time of the company; absent: now.")
@click.option("--json", "as_json", is_flag=True, help="The same body as the API's.")
@_demo
def route(line: str, caller: str, moment: str | None, as_json: bool, of_demo: bool) -> None:
    """Say what would happen to a call, and why. Nothing is changed."""
    from callrouter.asking import show_route

    click.echo(show_route(_reader(of_demo=of_demo), line, caller, moment, as_json=as_json, now=_now()))


@main.command()
@click.argument("call")
@click.option("--json", "as_json", is_flag=True, help="The same body as the API's.")
@_demo
def why(call: str, as_json: bool, of_demo: bool) -> None:
    """Explain why CALL went where it went: its id, the PBX's own id, or `last`."""
    from callrouter.asking import show_why

    click.echo(show_why(_reader(of_demo=of_demo), call, as_json=as_json, now=_now()))


@main.command()
@click.option("--refused", is_flag=True, required=True, help="Hooks that were not let in.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@_demo
def hooks(refused: bool, as_json: bool, of_demo: bool) -> None:
    """Show what came from PBXs: the last 50 refused hooks of each account, and what was wrong."""
    del refused
    from storage.journal import refusals

    found = _read(_settings(of_demo=of_demo), refusals)
    if as_json:
        shown = [
            {
                "at": one.at.isoformat(),
                "provider": one.provider,
                "account": one.account,
                "peer": one.peer,
                "reason": one.reason,
            }
            for one in found
        ]
        click.echo(json.dumps(shown, ensure_ascii=False, indent=2))
        return
    for one in found:
        click.echo(f"{one.at:%Y-%m-%d %H:%M:%S}Z  {one.provider}/{one.account}  {one.peer}  {one.reason}")
    if not found:
        click.echo("No hook was refused.")


# What the commands share


def _say(line: str) -> None:
    click.echo(line)
    sys.stdout.flush()


def _now() -> datetime:
    return datetime.now(UTC)


def _settings(*, of_demo: bool = False) -> Settings:
    try:
        settings = read_settings()
    except BadSettings as error:
        raise Failed(str(error)) from error
    if of_demo:
        from callrouter.demo import FOLDER

        return Settings(data_dir=FOLDER, public_url="http://127.0.0.1:8080")
    return settings


def _reader(*, of_demo: bool) -> Callable[..., Any]:
    """Run a read function on the base."""
    settings = _settings(of_demo=of_demo)
    return lambda do, *args, **kwargs: _read(settings, do, *args, **kwargs)


def _read(
    settings: Settings, do: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs
) -> R:
    return _at_base(settings, "read", do, *args, **kwargs)


def _write(
    settings: Settings, do: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs
) -> R:
    return _at_base(settings, "write", do, *args, **kwargs)


def _at_base(settings: Settings, how: str, do: Callable[..., R], *args: Any, **kwargs: Any) -> R:  # noqa: ANN401
    """Run a function in a short transaction of a guest, beside a server that may be running."""
    from storage.database import BaseSilent, BaseTooNew, open_database

    async def run() -> R:
        database = open_database(settings.database, guest=True)
        try:
            await database.migrate()
            found: R = await getattr(database, how)(do, *args, **kwargs)
            return found
        finally:
            await database.close()

    with suppress(OSError):
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    try:
        return asyncio.run(run())
    except (BaseSilent, BaseTooNew) as error:
        raise Failed(f"the base does not answer: {error}") from error


