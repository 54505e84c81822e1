"""`/demo/mail`: the letters that the demo sent, as their readers would see them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import quote
from zoneinfo import ZoneInfo

from aiohttp import web

from callrouter.pages.doors import CSP

if TYPE_CHECKING:
    from datetime import datetime

    from callrouter.outside.sink import InBox, Opened, Sink
    from callrouter.pages.doors import Doors, Guest

FRAME: Final = (
    "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src data:; form-action 'none'; "
    "base-uri 'none'; frame-ancestors 'self'; sandbox"
)
"""Of a letter's own HTML: it may look as it likes and do nothing."""

_KB: Final = 1024


@dataclass(frozen=True, slots=True)
class Row:
    id: str
    clock: str
    at: datetime
    sender: str
    to: str
    subject: str
    blind: bool
    here: bool


@dataclass(frozen=True, slots=True)
class FileRow:
    n: int
    name: str
    size: str


class DemoMail:
    def __init__(self, doors: Doors, sink: Sink) -> None:
        self._doors = doors
        self._sink = sink

    async def show(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """The list, and of it the letter that was asked for."""
        letter = None
        if "id" in request.match_info:
            letter = await self._open(request)
            if letter is None:
                return self._doors.message(guest, HTTPStatus.NOT_FOUND)
        listed = await asyncio.to_thread(self._sink.listed)
        page = self._doors.page(
            guest,
            "demo_mail",
            rows=[self._row(one, letter) for one in listed],
            letter=letter,
            head=self._row(letter.head, letter) if letter else None,
            files=[
                FileRow(n, one.name, f"{max(1, round(len(one.data) / _KB))}")
                for n, one in enumerate(letter.files)
            ]
            if letter
            else [],
        )
        page.headers["Content-Security-Policy"] = f"{CSP}; frame-src 'self'"
        return page

    async def show_html(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        letter = await self._open(request)
        if letter is None:
            return self._doors.message(guest, HTTPStatus.NOT_FOUND)
        headers = {"Content-Security-Policy": FRAME}
        return web.Response(text=letter.html, content_type="text/html", headers=headers)

    async def show_file(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """A file that came along, to be saved and never shown."""
        letter, n = await self._open(request), int(request.match_info["n"])
        if letter is None or n >= len(letter.files):
            return self._doors.message(guest, HTTPStatus.NOT_FOUND)
        file = letter.files[n]
        headers = {
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(file.name, safe='')}",
            "Content-Security-Policy": "default-src 'none'; sandbox",
        }
        return web.Response(body=file.data, content_type=file.type, headers=headers)

    async def _open(self, request: web.Request) -> Opened | None:
        return await asyncio.to_thread(self._sink.open, request.match_info["id"])

    def _row(self, one: InBox, letter: Opened | None) -> Row:
        at = one.at.astimezone(ZoneInfo(self._doors.setup.company.time_zone))
        return Row(
            one.id,
            f"{at:%d.%m %H:%M:%S}",
            at,
            one.sender,
            one.to,
            one.subject,
            one.blind,
            here=letter is not None and letter.head.id == one.id,
        )
