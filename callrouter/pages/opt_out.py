"""`/letters/stop/…`: who got a promotional letter says that he wants no more. Public, no script.

The page only asks, as programs that look into mails open every link; the button does it, or the
mail program's own (RFC 8058), which posts without asking.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from callrouter.flows import sending
from callrouter.opting_out import read_ticket

if TYPE_CHECKING:
    from aiohttp import web

    from callrouter.pages.doors import Doors, Guest
    from callrouter.service import Service


class OptOut:
    def __init__(self, service: Service, doors: Doors) -> None:
        self._service = service
        self._doors = doors

    async def show(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """A button. Nothing happens yet."""
        if read_ticket(self._service, request.match_info["ticket"]) is None:
            return self._page(guest, "forged", HTTPStatus.NOT_FOUND)
        return self._page(guest, "ask")

    async def stop(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """No more promotional letters to this address; the same again comes to the same."""
        letter = read_ticket(self._service, request.match_info["ticket"])
        if letter is None:
            return self._page(guest, "forged", HTTPStatus.NOT_FOUND)
        now = self._service.clock()
        if await self._service.database.write(sending.opt_out, letter, now=now) is None:
            return self._page(guest, "forged", HTTPStatus.NOT_FOUND)
        return self._page(guest, "done")

    def _page(
        self, guest: Guest, stage: str, status: HTTPStatus = HTTPStatus.OK
    ) -> web.StreamResponse:
        return self._doors.page(guest, "opt_out", status=status, stage=stage)
