"""`/call-back`: whom somebody has to call back, by when and why; the click that calls."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from callrouter.pages.owed import row_of
from callrouter.pages.rendering import milliseconds
from callrouter.wording import formats
from callrouter.wording.people import Voice
from storage.calling_back import DayFigure, figure_of_day
from storage.listing import ObligationView, count_owed, owed_now

if TYPE_CHECKING:
    from aiohttp import web
    from sqlalchemy import Connection

    from callrouter.domain.setup import Setup
    from callrouter.pages.doors import Doors, Guest
    from callrouter.service import Service
    from callrouter.wording import Words
    from storage.listing import Viewer

SHOWN = 100


@dataclass(frozen=True, slots=True)
class Owing:
    """`count` of all that he sees, `late` of them overdue; `items`: those that are shown."""

    items: tuple[ObligationView, ...]
    more: bool
    count: int
    late: int
    day: DayFigure


def read_owing(
    conn: Connection, setup: Setup, viewer: Viewer, owner: str | None, *, now: datetime
) -> Owing:
    """`owner`: only what this manager owes; None: all that the viewer sees."""
    found = owed_now(conn, viewer, now=now, owner=owner, limit=SHOWN)
    count, late = count_owed(conn, viewer, now=now)
    midnight = setup.calendar_of(None).midnight(now)
    return Owing(found.items, found.more, count, late, figure_of_day(conn, viewer, midnight))


class CallingBack:
    def __init__(self, service: Service, doors: Doors) -> None:
        self._service = service
        self._doors = doors

    async def show(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        return await self._show(request, guest, "call_back")

    async def show_list(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """The list alone, for a page that is open."""
        return await self._show(request, guest, "_call_back")

    async def _show(self, request: web.Request, guest: Guest, template: str) -> web.StreamResponse:
        service, now = self._service, self._service.clock()
        setup = service.setups.current
        # Who is in no Setup owes nobody a call: he sees all there is to see.
        mine = guest.manager is not None and request.query.get("whose", "mine") != "all"
        owner = guest.manager if mine else None
        owing = await service.database.read(read_owing, setup, guest.viewer, owner, now=now)
        voice = Voice(guest.words, setup)
        return self._doors.page(
            guest,
            template,
            rows=tuple(row_of(one, voice, now) for one in owing.items),
            more=owing.more,
            count=owing.count,
            late=owing.late,
            mine=mine,
            may_choose=guest.manager is not None,
            day=said_of_day(owing.day, guest.words),
            now=milliseconds(now),
        )


def said_of_day(day: DayFigure, words: Words) -> tuple[str, ...]:
    """`7 missed callers today`, `5 called back`, `6 min on average`."""
    if not day.missed:
        return (words("Today nobody was missed."),)
    said = [
        words.many("{n} missed caller today", "{n} missed callers today", day.missed),
        words("called back: {n}", n=day.talked),
    ]
    if day.average is not None:
        length = formats.length(words, day.average.total_seconds())
        said.append(words("on average after {length}", length=length))
    if day.closed:
        said.append(words("closed without a call: {n}", n=day.closed))
    return tuple(said)


def add(router: web.UrlDispatcher, service: Service, doors: Doors) -> None:
    pages = CallingBack(service, doors)
    router.add_get("/call-back", doors.guarded(pages.show, "look"))
    router.add_get("/call-back/list", doors.guarded(pages.show_list, "look"), allow_head=False)
