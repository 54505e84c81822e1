"""What changes on the screen, pushed to each browser for as long as it looks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import date
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, cast, get_args

from aiohttp import ClientConnectionResetError, web

from callrouter.pages.doors import SECURITY, Guest
from callrouter.pages.popping import PopAt
from callrouter.pages.relay import Check, Relay, Standing, Stream
from storage import users
from storage.tokens import digest_of

if TYPE_CHECKING:
    from callrouter.domain.setup import Role
    from callrouter.pages.doors import Doors
    from callrouter.service import Service
    from storage.visits import Visit

MOST: Final = 2000
HEARTBEAT_S: Final = 15.0
LIFE_S: Final = 3600.0  # then the browser comes anew

Reckoned = tuple[str | None, "Role", int, date]

_BEAT: Final = b"event: beat\ndata: {}\n\n"  # not a comment: those no script can hear


class Events:
    def __init__(
        self,
        service: Service,
        relay: Relay,
        doors: Doors,
        *,
        most: int = MOST,
        heartbeat_s: float = HEARTBEAT_S,
    ) -> None:
        self._service = service
        self._relay = relay
        self._doors = doors
        self._most = most
        self._heartbeat_s = heartbeat_s

    async def show(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """Stream what rings, and with `lists` (`?lists=0`: without) what changes in lists of calls:
        after `Last-Event-ID`, or after `?after=` on a page's first visit.
        """
        if self._relay.browsers >= self._most:
            status = HTTPStatus.SERVICE_UNAVAILABLE
            return web.Response(status=status, headers={"Retry-After": "30"})
        stream = await self._stream(request, guest)
        self._relay.join(stream)
        response = web.StreamResponse(headers={**SECURITY, "X-Accel-Buffering": "no"})
        response.content_type = "text/event-stream"
        response.charset = "utf-8"
        try:
            # A browser that has gone is no error: it is met at the next write.
            with suppress(ClientConnectionResetError, ConnectionResetError):
                await response.prepare(request)
                await self._write(response, stream)
        finally:
            self._relay.leave(stream)
        return response

    async def poll(self, request: web.Request, guest: Guest) -> web.Response:
        """The same for a browser that gets no stream: what rings now, and whether there is news."""
        stream = await self._stream(request, guest)
        return web.json_response(await self._relay.ask(stream))

    async def _stream(self, request: web.Request, guest: Guest) -> Stream:
        user, chosen = guest.visit.user if guest.visit else None, None
        if user:  # a choice of his own is kept with his account
            chosen = (await self._service.database.read(users.prefs, user)).get("pop_at")
        return Stream(
            guest.language,
            _after(request),
            request.transport,
            viewer=guest.viewer,
            pop_at=self._pop_at(chosen),
            who=_who(guest),
            lists=request.query.get("lists") != "0",
            check=self._check(request, guest),
        )

    def _check(self, request: web.Request, guest: Guest) -> Check:
        """As whom this browser listens by now; the Setup is looked at when it has changed."""
        known, seen = guest, self._reckoned(guest.visit)

        def check(visit: Visit | None, chosen: str | None) -> Standing | None:
            nonlocal known, seen
            if visit is None:
                return None
            if self._reckoned(visit) != seen:
                known = self._doors.as_now(Guest(guest.language), visit)
                seen = self._reckoned(visit)
            if not known.may("look"):
                return None
            return Standing(known.viewer, self._pop_at(chosen))

        return Check(digest_of(request.cookies.get(self._doors.cookie, "")), check)

    def _reckoned(self, visit: Visit | None) -> Reckoned | None:
        """What somebody's rights follow from."""
        if visit is None:
            return None
        setup, now = self._service.setups.current, self._service.clock()
        return visit.manager, visit.role, setup.version, setup.calendar_of(None).local(now).date()

    def _pop_at(self, chosen: str | None) -> PopAt:
        """When his screen pops: as he chose, else as the company has it."""
        company = self._service.setups.current.workplace.pop_at
        return cast("PopAt", chosen) if chosen in get_args(PopAt) else company

    async def _write(self, response: web.StreamResponse, stream: Stream) -> None:
        await response.write(b"retry: 2000\n\n")
        loop = asyncio.get_running_loop()
        until = loop.time() + LIFE_S
        while loop.time() < until:
            message: bytes | None = _BEAT
            with suppress(TimeoutError):
                async with asyncio.timeout(self._heartbeat_s):
                    message = await stream.queue.get()
            if message is None:
                return
            await response.write(message)


def _who(guest: Guest) -> str | None:
    """Whose streams are counted together: of one person, wherever he is in."""
    if guest.visit is None:
        return None
    return guest.visit.user or guest.visit.manager or guest.visit.id


def _after(request: web.Request) -> int | None:
    said = request.headers.get("Last-Event-ID") or request.query.get("after", "")
    return int(said) if said.isascii() and said.isdigit() and len(said) < 19 else None


def add(router: web.UrlDispatcher, service: Service, doors: Doors, relay: Relay) -> None:
    events = Events(service, relay, doors)
    router.add_get("/events", doors.guarded(events.show, "look"), allow_head=False)
    router.add_get("/events/poll", doors.guarded(events.poll, "look"), allow_head=False)


def run_with(app: web.Application, relay: Relay) -> None:
    """Let the relay run while the application runs; its streams end first."""

    async def run(_app: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(relay.run(), name="relay")
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    async def end(_app: web.Application) -> None:
        relay.close()

    app.cleanup_ctx.append(run)
    app.on_shutdown.append(end)
