"""`/figures`: a period in figures; each opens the list of exactly what it counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiohttp import web

from callrouter.counting import choice_of, period_before, read_figures, sources_of
from callrouter.domain.figures import NAMED, Named
from callrouter.pages.figure_links import Links
from callrouter.pages.figure_lists import Lists
from callrouter.pages.figure_tables import (
    CALL_HEADS,
    COUNT_HEADS,
    DEAL_HEADS,
    FUNNEL_HEADS,
    LINE_HEADS,
    MANAGER_HEADS,
    SOURCE_HEADS,
    Tables,
    period_said,
    source_name,
)
from callrouter.wording.catalogue import mark
from callrouter.wording.people import Voice

if TYPE_CHECKING:
    from collections.abc import Mapping

    from callrouter.pages.doors import Doors, Guest
    from callrouter.service import Service

PERIODS: Final[Mapping[Named, str]] = {
    "today": mark("Today"),
    "yesterday": mark("Yesterday"),
    "week": mark("This week"),
    "last_week": mark("Last week"),
    "month": mark("This month"),
    "last_month": mark("Last month"),
}


class FiguresPage:
    def __init__(self, service: Service, doors: Doors) -> None:
        self._service = service
        self._doors = doors

    async def show(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """`period`, or `from` and `to`; `line`, `team`, `manager`, `source`."""
        service, setup, now = self._service, self._doors.setup, self._service.clock()
        calendar, viewer = setup.calendar_of(None), guest.viewer
        choice = choice_of(request.query, setup, now)
        narrow = choice.narrow(setup)
        past = period_before(setup, choice.period, now)
        read, base = read_figures, service.database
        found = await read(base, viewer, calendar, choice.period, narrow, now=now)
        earlier = await read(base, viewer, calendar, past, narrow, now=now)
        links, voice = Links(choice), Voice(guest.words, setup)
        tables = Tables(found, earlier, links, voice, viewer)
        return self._doors.page(
            guest,
            "figures",
            choice=choice,
            period=period_said(choice.period),
            past=period_said(past),
            periods=[(one, guest.words(PERIODS[one])) for one in NAMED],
            links=links,
            tables=tables,
            call_heads=CALL_HEADS,
            cause_heads=COUNT_HEADS,
            count_heads=COUNT_HEADS,
            deal_heads=DEAL_HEADS,
            line_heads=LINE_HEADS,
            manager_heads=MANAGER_HEADS,
            source_heads=SOURCE_HEADS,
            funnel_heads=FUNNEL_HEADS,
            lines=setup.line,
            teams=setup.team,
            people=[one for one in setup.manager if viewer.sees(one.key)],
            sources=[(one, source_name(one, voice)) for one in sources_of(setup, found, choice)],
            narrowed=any((choice.line, choice.team, choice.manager, choice.source)),
            may_export=guest.may("export"),
        )


def add(router: web.UrlDispatcher, service: Service, doors: Doors) -> None:
    page, lists = FiguresPage(service, doors), Lists(service, doors)
    router.add_get("/figures", doors.guarded(page.show, "figures"))
    router.add_get("/figures/calls", doors.guarded(lists.calls, "figures"))
    router.add_get("/figures/cards", doors.guarded(lists.cards, "figures"))
    router.add_get("/figures/owed", doors.guarded(lists.owed, "figures"))
    router.add_get("/figures/letters", doors.guarded(lists.letters, "figures"))
    for path, give in (
        ("/figures.csv", lists.figures_file),
        ("/figures/calls.csv", lists.calls_file),
        ("/figures/cards.csv", lists.cards_file),
    ):
        router.add_get(path, doors.guarded(give, "export"), allow_head=False)
