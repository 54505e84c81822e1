"""`/call-yourself`: whoever looks at the demo calls it, through the real webhook."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from aiohttp import web

from callrouter.pages.doors import by_script

if TYPE_CHECKING:
    from callrouter.pages.doors import Doors, Guest
    from callrouter.service import Service

Dial = Callable[[str, str, str], Awaitable[str]]
"""(kind, caller, line): lets a call come in and gives the PBX's id of it; "" is left open."""

KINDS: Final = ("unknown", "known", "withheld", "vip", "busy", "after_hours")
"""Who calls, or when; beside these `any`, with a number and a line of one's own."""

_LONGEST: Final = 64


class CallYourself:
    def __init__(self, service: Service, doors: Doors, dial: Dial) -> None:
        self._service = service
        self._doors = doors
        self._dial = dial

    async def take(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """Dial and say which call it is: as JSON to the page's script, else by going back to it."""
        form = await request.post()
        kind = str(form.get("kind", "any"))
        caller, line = str(form.get("caller", "")).strip(), str(form.get("line", "")).strip()
        lines = {one.number for one in self._service.setups.current.line}
        known = kind in KINDS or (kind == "any" and bool(caller))
        if not known or len(caller) > _LONGEST or (line and line not in lines):
            return self._doors.message(guest, HTTPStatus.BAD_REQUEST)
        ref = await self._dial(kind, caller, line)
        if by_script(request):
            return web.json_response({"call": ref})
        where = f"/?{urlencode({'call': ref})}"
        return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": where})
