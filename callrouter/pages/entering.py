"""`/enter/{token}`: a one-time link, printed by the server, opens the pages."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import web

from callrouter.flows.visits import enter

if TYPE_CHECKING:
    from callrouter.pages.doors import Doors, Guest
    from callrouter.service import Service


class Entrance:
    def __init__(self, service: Service, doors: Doors) -> None:
        self._service = service
        self._doors = doors

    async def show(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """Change the link for a cookie. Who is in already is not sent away by a used link."""
        if "prefetch" in request.headers.get("Sec-Purpose", ""):
            # A browser that only guesses would use the link up.
            return web.Response(status=HTTPStatus.SERVICE_UNAVAILABLE)
        token, now = request.match_info["token"], self._service.clock()
        cookie = await self._service.database.write(enter, token, now=now)
        if cookie is None and await self._doors.visit_of(request) is None:
            return self._doors.message(guest, HTTPStatus.UNAUTHORIZED, "link_used")
        home = web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": "/"})
        if cookie is not None:
            self._doors.let_in(home, cookie)
        return home
