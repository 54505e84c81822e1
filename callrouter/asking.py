"""What `route`, `why` and `hooks` print: for a terminal, or as JSON."""

from __future__ import annotations

import json
import shutil
import textwrap
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter

from callrouter.api.calls import why_body
from callrouter.api.layer import write
from callrouter.api.route import route_body
from callrouter.flows.try_call import UnknownLine, try_call
from callrouter.pages.rows import rows_of
from callrouter.pages.whole import chapters_of
from callrouter.wording import speak, why_details, why_lines, why_text
from storage import calls, listing, setups
from storage.listing import CallView, DecisionView, Viewer

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.routing import Decided
    from callrouter.domain.setup import Language, Setup
    from storage.journal import Refused

Read = Callable[..., Any]
"""Runs a function on the base: `read(do, …)` gives `do(connection, …)`."""

LAST: Final = "last"
WIDEST: Final = 100
_VIEWER: Final = Viewer("admin")


class CannotSay(Exception):
    """A call or line that is not there, or a moment that is none; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Found:
    """A call with all that it was told, and the Setup that names its people."""

    setup: Setup
    call: CallView
    told: tuple[DecisionView, ...]


def show_why(read: Read, call: str, language: Language | None, *, as_json: bool) -> str:
    """Why a call went where it went. `language` None: the company's. Raises CannotSay."""
    found: Found = read(_find, call)
    language = language or found.setup.company.language
    if as_json:
        body = why_body(found.call, found.told, found.setup, language)
        return _api_json(body)
    return "\n".join(_in_words(found, language))


def show_route(
    read: Read,
    line: str,
    caller: str,
    moment: str | None,
    language: Language | None,
    *,
    as_json: bool,
    now: datetime,
) -> str:
    """What would happen to a call, and why. Raises CannotSay."""
    setup: Setup
    decided: Decided
    setup, decided = read(_try, line, caller, moment, now)
    language = language or setup.company.language
    if as_json:
        return _api_json(route_body(decided, setup, language))
    details = why_details(decided.why, setup, language=language)
    said = why_text(decided.why, setup, language=language)
    lines = why_lines(details, speak(language))
    # How long it took is said of real calls: nobody waits here.
    return "\n".join(
        [_wrapped(said), "", *(one for one in lines if not one.startswith(details.times.label))]
    )


# A past call


def _find(conn: Connection, asked: str) -> Found:
    setup = setups.load(conn, setups.current_version(conn))
    ours = _last(conn) if asked == LAST else asked
    found = listing.why_of(conn, _VIEWER, ours)
    if found is None and (known := _by_the_pbx(conn, asked, setup)):
        found = listing.why_of(conn, _VIEWER, known)
    if found is None:
        raise CannotSay(
            f"there is no call {asked!r}; allowed: our id of a call, the PBX's call_id, or `last`"
        )
    return Found(setup, *found)


def _last(conn: Connection) -> str:
    newest = listing.list_calls(conn, _VIEWER, limit=1).items
    if not newest:
        raise CannotSay("there is no call yet; `callrouter init` shows how to play one")
    return newest[0].id


def _by_the_pbx(conn: Connection, ref: str, setup: Setup) -> str | None:
    """The newest call that a PBX calls so, whichever account it came through."""
    found = calls.find(conn, [(account, ref) for account in setup.accounts]).values()
    return max((one.id for one in found), default=None)  # ids are ordered by time


def _in_words(found: Found, language: Language) -> list[str]:
    setup, words = found.setup, speak(language)
    row = rows_of([found.call], setup, language, found.call.started_at)[0]
    began = setup.calendar_of(None).local(found.call.started_at)
    who = " ".join(part for part in (row.title, row.number) if part)
    head = [f"{began:%d.%m.%Y %H:%M:%S}", f"{who} → {row.line}", row.card, row.badge, row.result]
    lines = [" · ".join(part for part in head if part), f"{found.call.id} ({found.call.call_id})"]
    chapters = chapters_of(found.call, found.told, setup, language)
    if not chapters:
        return [*lines, "", _wrapped(row.why)]
    for chapter in chapters:
        lines += ["", *([chapter.title] if chapter.title else []), _wrapped(chapter.text), ""]
        lines += why_lines(chapter.details, words)
    return lines


# A call that nobody makes


def _try(
    conn: Connection, line: str, caller: str, moment: str | None, now: datetime
) -> tuple[Setup, Decided]:
    setup = setups.load(conn, setups.current_version(conn))
    at = _moment(moment, setup) if moment else now
    try:
        return setup, try_call(conn, setup, line=line, caller=caller, at=at, now=now)
    except UnknownLine:
        known = ", ".join(one.number for one in setup.line)
        raise CannotSay(
            f"{line!r} is none of our lines; allowed: {known}, or an alias of one"
            if known
            else "no line is set up yet: begin with `callrouter init`"
        ) from None


def _moment(text: str, setup: Setup) -> datetime:
    """A moment with its zone, or one of the company's clock. Raises CannotSay."""
    at = None
    with suppress(ValueError):
        at = datetime.fromisoformat(text)
    if at is None or not 1970 <= at.year < 2200:  # hours and holidays are reckoned in local time
        raise CannotSay(
            f"{text!r} is no moment from 1970 to 2199; allowed: 2026-03-12T14:05:00+03:00, or "
            "2026-03-12 14:05 as the company's clock has it"
        )
    return at if at.tzinfo else at.replace(tzinfo=ZoneInfo(setup.company.time_zone))


# Refused hooks


def show_refused(found: Sequence[Refused], *, as_json: bool) -> str:
    if as_json:
        shown = [{**asdict(one), "at": one.at.isoformat()} for one in found]
        return json.dumps(shown, ensure_ascii=False, indent=2)
    lines = [
        f"{one.at:%Y-%m-%d %H:%M:%S}Z  {one.provider}/{one.account}  {one.peer}  {one.reason}"
        for one in found
    ]
    return "\n".join(lines) or "No hook was refused."


# Text


def _wrapped(text: str) -> str:
    return textwrap.fill(text, min(WIDEST, shutil.get_terminal_size((WIDEST, 24)).columns))


def _api_json(body: object) -> str:
    """What the API would give, laid out for reading."""
    text = write(TypeAdapter(type(body)), body)
    return json.dumps(json.loads(text), ensure_ascii=False, indent=2)
