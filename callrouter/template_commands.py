"""What `callrouter template` does: lists, shows, tries and brings the company's own templates."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from callrouter import templating, terminal
from callrouter.flows.templates import SHIPPED, NoSuchTemplate, back
from callrouter.forming.press import MOST_BODY, Press
from callrouter.templating import Named, Unusable
from callrouter.terminal import Failed, say
from storage import setups, templates

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from callrouter.domain.setup import Language
    from callrouter.settings import Settings
    from storage.database import Database
    from storage.templates import TemplateVersion

R = TypeVar("R")

BY: Final = "cli"


def show_all(settings: Settings) -> str:
    """A line for each template of the company's own that is in use."""
    found = terminal.read(settings, templates.current)
    if not found:
        return "None of your own: everything is formed from the shipped templates."
    return "\n".join(_line(one) for one in found)


def show(settings: Settings, text: str) -> str:
    """A line for each version of a template, the newest first. Raises Failed."""
    what = _named(text)
    found = terminal.read(settings, templates.versions, what.name, what.format)
    if not found:
        raise Failed(f"nobody brought a template {what}: the shipped one is used, if there is one")
    return "\n".join(_line(one) for one in found)


def add(settings: Settings, file: Path, name: str | None) -> None:
    """Use a file from now on. Raises Failed, and keeps nothing, if it cannot be used."""
    what, body = _read(file, name)

    async def bring(base: Database) -> TemplateVersion:
        with closing(Press()) as press:
            language = await base.read(_language)
            return await templating.bring(
                base, press, what, body, language, by=BY, now=terminal.now()
            )

    kept = _tried(settings, what, bring)
    say(f"{what} is in use, version {kept.version}. Back: callrouter template back {what} VERSION")


def check(settings: Settings, file: Path, name: str | None) -> None:
    """Try a file, and keep nothing. Raises Failed if it cannot be used."""
    what, body = _read(file, name)

    async def try_it(base: Database) -> None:
        with closing(Press()) as press:
            await templating.check(base, press, what, body, await base.read(_language))

    _tried(settings, what, try_it)
    say(f"{what} can be used: callrouter template add {file}")


def go_back(settings: Settings, text: str, version: int) -> None:
    """Use an earlier version again. Raises Failed."""
    what = _named(text)
    try:
        now = terminal.now()
        kept = terminal.write(settings, back, what.name, what.format, version, by=BY, now=now)
    except NoSuchTemplate:
        hint = f"callrouter template show {what}"
        raise Failed(f"there is no version {version} of {what}: {hint}") from None
    if kept is None or version == SHIPPED:
        say(f"{what} is the shipped one again.")
    else:
        say(f"{what} is in use as it was in version {version}; it is version {kept.version} now.")


def _tried(settings: Settings, what: Named, do: Callable[[Database], Awaitable[R]]) -> R:
    try:
        return terminal.with_base(settings, do)
    except Unusable as error:
        raise Failed(_listed(what, error)) from None


def _listed(what: Named, error: Unusable) -> str:
    lines = [f"{one.place}: {one.problem}" if one.place else one.problem for one in error.problems]
    return "\n  ".join([f"{what} cannot be used, and nothing was kept:", *lines])


def _read(file: Path, name: str | None) -> tuple[Named, bytes]:
    """A file and what it is to be called: by its own name, or `name` and its ending."""
    what = _named(f"{name}{file.suffix}" if name else file.name)
    try:
        with file.open("rb") as opened:
            return what, opened.read(MOST_BODY + 1)
    except OSError as error:
        raise Failed(f"{file} cannot be read: {error.strerror}") from error


def _named(text: str) -> Named:
    try:
        return templating.named(text)
    except Unusable as error:
        raise Failed(f'"{text}" cannot be a template: {error}') from None


def _language(conn: Connection) -> Language:
    return setups.load(conn, setups.current_version(conn)).company.language


def _line(one: TemplateVersion) -> str:
    until = f" to {_day(one.until)}" if one.until else ", in use"
    size = f"{max(1, one.size // 1024)} KB"
    made = f"version {one.version} by {one.made_by}"
    return f"{one.name}.{one.format}  {made}, {size}, from {_day(one.since)}{until}"


def _day(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M UTC")
