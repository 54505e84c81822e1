"""`/audit`: who did what that is not business, whether nobody changed it since, and as a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from aiohttp import web

from callrouter.audit_chain import check_chain
from callrouter.pages.doors import SECURITY
from callrouter.pages.exporting import MOST_ROWS, most_said, sheet_of, written
from callrouter.pages.journal import read_moment
from callrouter.wording import audit as say
from callrouter.wording import formats
from callrouter.wording.actors import who
from callrouter.wording.catalogue import mark
from callrouter.wording.people import Voice
from storage import audit, users
from storage.audit import Sought

if TYPE_CHECKING:
    from datetime import datetime

    from multidict import MultiMapping
    from sqlalchemy import Connection

    from callrouter.domain.setup import Setup
    from callrouter.pages.doors import Doors, Guest
    from callrouter.service import Service
    from callrouter.wording.audit import Said
    from storage.audit import Line

AUDIT: Final = "/audit"
SHOWN: Final = 100
_ASKED: Final = ("actor", "action", "object", "since", "until")
_HEAD: Final = (
    mark("Line"),
    mark("When"),
    mark("Who"),
    mark("What"),
    mark("To what"),
    mark("Details"),
    mark("Address"),
    mark("Digest"),
)
_WRONG_MOMENT: Final = mark("Write a day and time, or leave it empty.")


@dataclass(frozen=True, slots=True)
class Row:
    line: Line
    at: str
    said: Said


@dataclass(frozen=True, slots=True)
class Chain:
    """What the check found. `go_on`: where the rest of a long chain is checked, "" for nowhere."""

    fine: bool
    says: str
    digest: str
    go_on: str


class Audit:
    def __init__(self, service: Service, doors: Doors) -> None:
        self._service = service
        self._doors = doors

    async def show(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """The list; `check`: behind which row the chain is gone through, 0 for all of it."""
        query, setup, words = request.query, self._doors.setup, guest.words
        sought, wrong = read_sought(query, setup)
        after, voice = _whole(query.get("after", "")), Voice(words, setup)
        found = await self._service.database.read(_look, sought, after)
        more = len(found.lines) > SHOWN
        lines = found.lines[:SHOWN]
        check = _whole(query.get("check", ""))
        kept = {name: query[name] for name in _ASKED if query.get(name)}
        return self._doors.page(
            guest,
            "audit",
            rows=[_row(one, voice, found.users) for one in lines],
            chain=None if check is None else await self._check(check, voice),
            actors={one: who(one, voice, found.users) for one in found.actors},
            actions={one: say.action(one, voice) for one in found.actions},
            objects=say.OBJECTS,
            asked={name: query.get(name, "")[:64] for name in _ASKED},
            wrong={name: words(wrong[name]) if name in wrong else "" for name in _ASKED},
            narrowed=bool(kept),
            more=_with(AUDIT, kept, after=str(lines[-1].n)) if more else "",
            csv=_with(f"{AUDIT}.csv", kept),
            csv_most=most_said(words, more=more or after is not None),
            may_export=guest.may("export"),
        )

    async def _check(self, behind: int, voice: Voice) -> Chain:
        words = voice.words
        found = await check_chain(self._service.database, behind)
        if found.broken_at is not None:
            says = words(
                "Broken at line {n}: it was changed, taken out, or put in afterwards.",
                n=found.broken_at,
            )
            return Chain(fine=False, says=says, digest="", go_on="")
        if not found.n or found.since is None:
            return Chain(fine=True, says=words("Nothing is written here yet."), digest="", go_on="")
        since = formats.moment(voice.local(found.since))
        if not found.whole:
            says = words("Unbroken since {since}, up to line {n}.", since=since, n=found.n)
            return Chain(True, says, "", f"{AUDIT}?check={found.n}")
        says = words("Unbroken since {since}: all {n} lines.", since=since, n=found.n)
        return Chain(fine=True, says=says, digest=found.digest, go_on="")

    async def export(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """What the list shows, as a file; that it was taken is written first."""
        if not guest.may("audit"):
            return self._doors.message(guest, HTTPStatus.FORBIDDEN, "no_right")
        setup, words, now = self._doors.setup, guest.words, self._service.clock()
        sought, _ = read_sought(request.query, setup)
        lines = await self._all(sought)
        names = await self._service.database.read(users.names)
        query = request.query
        asked = {f"of_{name}": query[name][:64] for name in _ASKED if query.get(name)}
        await self._service.database.write(
            audit.append,
            at=now,
            actor=guest.by,
            action="export_audit",
            data={"rows": min(len(lines), MOST_ROWS), **asked},
            address=request.remote,
        )
        voice = Voice(words, setup)
        rows = (_cells(one, say.say(one, voice, names), voice) for one in lines)
        head = tuple(words(one) for one in _HEAD)
        shown_as = f"audit-{setup.calendar_of(None).local(now):%Y-%m-%d}.csv"
        return web.Response(
            body=written(sheet_of(head, rows, words), guest.language).encode("utf-8-sig"),
            content_type="text/csv",
            charset="utf-8",
            headers={**SECURITY, "Content-Disposition": f'attachment; filename="{shown_as}"'},
        )

    async def _all(self, sought: Sought) -> Sequence[Line]:
        """A part at a time: no read holds the base for long. More than `MOST_ROWS`: not all."""
        found: list[Line] = []
        while len(found) <= MOST_ROWS:
            after = found[-1].n if found else None
            part = await self._service.database.read(audit.search, sought, after=after, limit=500)
            found += part
            if len(part) < 500:
                break
        return found


@dataclass(frozen=True, slots=True)
class _Found:
    lines: Sequence[Line]
    actors: Sequence[str]
    actions: Sequence[str]
    users: Mapping[str, str]


def _look(conn: Connection, sought: Sought, after: int | None) -> _Found:
    actors, actions = audit.named(conn)
    lines = audit.search(conn, sought, after=after, limit=SHOWN + 1)
    return _Found(lines, actors, actions, users.names(conn))


def read_sought(query: MultiMapping[str], setup: Setup) -> tuple[Sought, dict[str, str]]:
    """What the form asks for, and what of it cannot be read, field by field."""
    zone, wrong = ZoneInfo(setup.company.time_zone), dict[str, str]()
    moments: dict[str, datetime | None] = {"since": None, "until": None}
    for name in moments:
        try:
            moments[name] = read_moment(query.get(name, ""), zone, late=name == "until")
        except ValueError:
            wrong[name] = _WRONG_MOMENT
    actor, action, object_ = (
        query.get(name, "").replace("\x00", "").strip()[:200] or None
        for name in ("actor", "action", "object")
    )
    return Sought(actor, action, object_, moments["since"], moments["until"]), wrong


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None


def _with(path: str, kept: Mapping[str, str], **more: str) -> str:
    asked = urlencode({**kept, **more})
    return f"{path}?{asked}" if asked else path


def _row(line: Line, voice: Voice, names: Mapping[str, str]) -> Row:
    local = voice.local(line.at)
    return Row(line, f"{local:%d.%m.%Y %H:%M:%S}", say.say(line, voice, names))


def _cells(line: Line, said: Said, voice: Voice) -> tuple[str, ...]:
    at = f"{voice.local(line.at):%Y-%m-%d %H:%M:%S}"
    address = line.address or ""
    return (
        str(line.n),
        at,
        said.who,
        said.what,
        said.object,
        said.details,
        address,
        line.digest,
    )


def add(router: web.UrlDispatcher, service: Service, doors: Doors) -> None:
    page = Audit(service, doors)
    router.add_get(AUDIT, doors.guarded(page.show, "audit"))
    router.add_get(f"{AUDIT}.csv", doors.guarded(page.export, "export"), allow_head=False)
