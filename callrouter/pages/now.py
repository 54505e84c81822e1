"""`/`: calls now, and one call with its whole why."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import web

from callrouter.flows.blocks import blocked
from callrouter.pages.acting import may_act, usual_reasons
from callrouter.pages.afterwards import afterwards_of
from callrouter.pages.listening import sounds_of
from callrouter.pages.owed import Owed, panel_of, read_owed, row_of
from callrouter.pages.rendering import milliseconds
from callrouter.pages.rows import rows_of
from callrouter.pages.team import Team, strip_of, team_now
from callrouter.pages.whole import chapters_of
from callrouter.wording.people import Voice
from storage import notices, recordings
from storage.listing import (
    CallView,
    DecisionView,
    ObligationView,
    Viewer,
    calls_now,
    find_call,
    owed_to,
    why_of,
)

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.blocks import Blocked
    from callrouter.domain.people import Ranked
    from callrouter.domain.setup import Account, Setup
    from callrouter.pages.doors import Doors, Guest
    from callrouter.service import Service
    from storage.recordings import Recording

SHOWN = 40


@dataclass(frozen=True, slots=True)
class Screen:
    """What the page shows, all read at one moment. `last`: the newest notice it knows."""

    calls: tuple[CallView, ...]
    team: Team
    owed: Owed
    last: int


def read_screen(conn: Connection, setup: Setup, viewer: Viewer, *, now: datetime) -> Screen:
    return Screen(
        calls=calls_now(conn, viewer, SHOWN),
        team=team_now(conn, setup, viewer, now=now),
        owed=read_owed(conn, setup, viewer, now=now),
        last=notices.newest(conn),
    )


def read_told(
    conn: Connection, call_id: str, viewer: Viewer
) -> tuple[CallView, tuple[DecisionView, ...]] | None:
    """A call, and all that it was told."""
    found = why_of(conn, viewer, call_id)
    if found is None:
        return None
    call, decisions = found
    return replace(call, told=decisions[-1] if decisions else None), decisions


@dataclass(frozen=True, slots=True)
class WholeCall:
    """One call with all it was told; who has its number, whether that is blocked by now or owed.

    `sounds`: what was recorded of it, as far as who asks may hear it.
    """

    call: CallView
    decisions: tuple[DecisionView, ...]
    people: tuple[Ranked, ...]
    blocked: Blocked | None
    owed: ObligationView | None
    sounds: tuple[Recording, ...]


def read_call(
    conn: Connection, call_id: str, setup: Setup, viewer: Viewer, *, now: datetime
) -> WholeCall | None:
    told, found = read_told(conn, call_id, viewer), find_call(conn, viewer, call_id)
    if told is None or found is None:
        return None
    call, decisions = told
    number = call.caller if call.direction == "in" else None
    block = blocked(conn, [number], setup, now=now).get(number) if number else None
    owed = owed_to(conn, viewer, call.caller, now=now) if call.caller else None
    sounds = tuple(recordings.audible(conn, viewer, call.id))
    return WholeCall(call, decisions, found[1], block, owed, sounds)


class CallsNow:
    """`can_dial`: a fake PBX is there, so that whoever looks can call himself."""

    def __init__(self, service: Service, doors: Doors, *, can_dial: bool) -> None:
        self._service = service
        self._doors = doors
        self._can_dial = can_dial

    async def show(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        service, now = self._service, self._service.clock()
        setup = service.setups.current
        screen = await service.database.read(read_screen, setup, guest.viewer, now=now)
        rows = rows_of(screen.calls, setup, guest.language, now)
        return self._doors.page(
            guest,
            "now",
            open_rows=[row for row in rows if row.open],
            over_rows=[row for row in rows if not row.open],
            team=strip_of(screen.team, setup, guest.language, now),
            owed=panel_of(screen.owed, setup, guest.language, now),
            last=screen.last,
            now=milliseconds(now),
            may_act=may_act(guest),
            pauses=usual_reasons(guest.words),
            lines=setup.line,
            can_dial=self._can_dial and service.demo,
            mine=request.query.get("call", ""),
            way=self._way(screen, setup, request),
        )

    async def show_call(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """One call's own page: its row and its whole why."""
        return await self._show(request, guest, "call")

    async def show_why(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """The whole why alone, which the page puts into a row that is opened."""
        return await self._show(request, guest, "_why")

    async def _show(self, request: web.Request, guest: Guest, template: str) -> web.StreamResponse:
        id_ = request.match_info["id"]
        setup, now = self._service.setups.current, self._service.clock()
        read = self._service.database.read
        found = await read(read_call, id_, setup, guest.viewer, now=now)
        if found is None:
            return self._doors.message(guest, HTTPStatus.NOT_FOUND)
        return self._doors.page(
            guest,
            template,
            row=rows_of([found.call], setup, guest.language, now)[0],
            chapters=chapters_of(found.call, found.decisions, setup, guest.language),
            after=afterwards_of(found.call, found.people, setup, guest.language, found.blocked),
            owed=row_of(found.owed, Voice(guest.words, setup), now) if found.owed else None,
            sounds=sounds_of(found.sounds, guest.words),
            may_act=may_act(guest),
            may_attach=may_act(guest) and found.call.caller_kind == "known",
            now=milliseconds(now),
        )

    def _way(self, screen: Screen, setup: Setup, request: web.Request) -> Way | None:
        """What an empty base shows; a demo needs no way, its calls come by themselves."""
        if screen.calls or self._service.demo:
            return None
        return way_of(setup, self._doors.public_url(request))


# An empty base shows the way


@dataclass(frozen=True, slots=True)
class Way:
    """What is still to do until the first call. `curl` plays one; "" while there is no account."""

    has_setup: bool
    address: str
    curl: str


def way_of(setup: Setup, public_url: str) -> Way:
    if not setup.line or not setup.account:
        return Way(has_setup=False, address="", curl="")
    account = setup.account[0]
    line = next((one for one in setup.line if one.account in (None, account.key)), setup.line[0])
    address = f"{public_url}{account.hook_path}"
    curl = " \\\n".join(
        (
            f"curl {address}",
            f'  -H "Authorization: Bearer {_secret(account)}"',
            "  -d event=ringing -d call_id=try-$(date +%s)",
            f"  --data-urlencode caller=+79430000099 --data-urlencode called={line.number}",
        )
    )
    return Way(has_setup=True, address=address, curl=curl)


def _secret(account: Account) -> str:
    """Where the secret stands; never the secret itself."""
    name = account.secrets[0] if account.secrets else ""
    return f"${name.removeprefix('env:')}" if name.startswith("env:") else "$SECRET"
