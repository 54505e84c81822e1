"""`/pop/{token}`: who calls, for the manager whose phone rings; its token alone opens it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from aiohttp import web

from callrouter.pages.afterwards import people_rows
from callrouter.pages.now import read_told
from callrouter.pages.owed import row_of
from callrouter.pages.rendering import milliseconds
from callrouter.pages.rows import rows_of
from callrouter.pages.whole import chapters_of
from callrouter.seal import Unsealable
from callrouter.service import POP_LIFE
from callrouter.wording.people import Voice
from storage.listing import (
    CallView,
    CardView,
    DecisionView,
    ObligationView,
    Viewer,
    calls_of_contact,
    find_call,
    find_card,
    owed_to,
)

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.people import Ranked
    from callrouter.domain.setup import Setup
    from callrouter.pages.doors import Doors, Guest
    from callrouter.service import Service

EARLIER: Final = 10
_EVER: Final = timedelta(days=36500)


@dataclass(frozen=True, slots=True)
class Popped:
    """`people`: who has the number; `owed`: the call back that its caller waits for."""

    call: CallView
    decisions: tuple[DecisionView, ...]
    card: CardView | None
    earlier: tuple[CallView, ...]
    people: tuple[Ranked, ...]
    owed: ObligationView | None


def read_pop(conn: Connection, call_id: str, viewer: Viewer, *, now: datetime) -> Popped | None:
    told, found = read_told(conn, call_id, viewer), find_call(conn, viewer, call_id)
    if told is None or found is None:
        return None
    call, decisions = told
    card = find_card(conn, viewer, call.card) if call.card else None
    earlier: tuple[CallView, ...] = ()
    if call.contact:
        earlier = calls_of_contact(conn, viewer, call.contact, EARLIER + 1)
    others = tuple(one for one in earlier if one.id != call.id)[:EARLIER]
    owed = owed_to(conn, viewer, call.caller, now=now) if call.caller else None
    return Popped(call, decisions, card, others, found[1], owed)


class ScreenPop:
    def __init__(self, service: Service, doors: Doors) -> None:
        self._service = service
        self._doors = doors

    async def show(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        service, token, now = self._service, request.match_info["token"], self._service.clock()
        try:
            call_id = service.seal.read_ticket(token, now, POP_LIFE)
        except Unsealable:
            return self._refuse(guest, token)
        found = await service.database.read(read_pop, call_id, guest.viewer, now=now)
        if found is None:
            return self._doors.message(guest, HTTPStatus.NOT_FOUND)
        setup, language = service.setups.current, guest.language
        return self._doors.page(
            guest,
            "pop",
            row=rows_of([found.call], setup, language, now)[0],
            stage=_stage(found.card, setup),
            manager=_manager(found.card, setup),
            people=people_rows(found.people, found.call.contact, guest.words),
            owed=row_of(found.owed, Voice(guest.words, setup), now) if found.owed else None,
            earlier=rows_of(found.earlier, setup, language, now),
            chapters=chapters_of(found.call, found.decisions, setup, language),
            now=milliseconds(now),
        )

    def _refuse(self, guest: Guest, token: str) -> web.StreamResponse:
        """Tell a link of ours that is too old from one that never was ours."""
        try:
            self._service.seal.read_ticket(token, self._service.clock(), _EVER)
        except Unsealable:
            return self._doors.message(guest, HTTPStatus.FORBIDDEN, "pop_forged")
        return self._doors.message(guest, HTTPStatus.GONE, "pop_old")


def _stage(card: CardView | None, setup: Setup) -> str:
    if card is None:
        return ""
    pipeline = setup.pipelines.get(card.pipeline)
    status = pipeline.status(card.status) if pipeline else None
    return (status.name if status else "") or card.status


def _manager(card: CardView | None, setup: Setup) -> str:
    if card is None or card.manager is None:
        return ""
    manager = setup.managers.get(card.manager)
    return manager.name if manager else card.manager
