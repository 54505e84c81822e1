"""`/pop/{token}`: who calls, for the manager whose phone rings; and when his screen shows it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, get_args

from aiohttp import web

from callrouter.pages.afterwards import people_rows
from callrouter.pages.leading import see
from callrouter.pages.now import read_told
from callrouter.pages.owed import row_of
from callrouter.pages.popping import PopAt, card_of, local_time, talk_of, task_of
from callrouter.pages.rendering import milliseconds
from callrouter.pages.rows import rows_of
from callrouter.pages.whole import chapters_of
from callrouter.seal import Unsealable
from callrouter.service import POP_LIFE
from callrouter.wording import formats
from callrouter.wording.people import Voice
from callrouter.wording.who import who_did
from storage import notes, pops, users
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
    from collections.abc import Mapping

    from sqlalchemy import Connection

    from callrouter.domain.people import Ranked
    from callrouter.pages.doors import Doors, Guest
    from callrouter.service import Service
    from storage.notes import Note
    from storage.pops import Before, Calling

EARLIER: Final = 10
NOTES: Final = 3
_EVER: Final = timedelta(days=36500)


@dataclass(frozen=True, slots=True)
class Popped:
    """`card` None: there is none, or it is not the viewer's to open.

    `people`: who has the number; `owed`: the call back that its caller waits for; `names`: of
    users, for who wrote the notes.
    """

    call: CallView
    calling: Calling
    decisions: tuple[DecisionView, ...]
    card: CardView | None
    before: Before
    notes: tuple[Note, ...]
    names: Mapping[str, str]
    earlier: tuple[CallView, ...]
    people: tuple[Ranked, ...]
    owed: ObligationView | None


def read_pop(conn: Connection, call_id: str, viewer: Viewer, *, now: datetime) -> Popped | None:
    """None: there is no such call, or it is not the viewer's to see."""
    told, found = read_told(conn, call_id, viewer), find_call(conn, viewer, call_id)
    calling = pops.calling(conn, [call_id]).get(call_id)
    if told is None or found is None or calling is None:
        return None
    call, decisions = told
    card = find_card(conn, viewer, call.card) if call.card else None
    kept = notes.of_card(conn, card.id, limit=4 * NOTES) if card else []
    earlier: tuple[CallView, ...] = ()
    if call.contact:
        earlier = calls_of_contact(conn, viewer, call.contact, EARLIER + 1)
    return Popped(
        call=call,
        calling=calling,
        decisions=decisions,
        card=card,
        before=pops.before(conn, viewer, calling),
        notes=tuple(one for one in kept if one.deleted_at is None)[:NOTES],
        names=users.names(conn) if kept else {},
        earlier=tuple(one for one in earlier if one.id != call.id)[:EARLIER],
        people=found[1],
        owed=owed_to(conn, viewer, call.caller, now=now) if call.caller else None,
    )


@dataclass(frozen=True, slots=True)
class NoteLine:
    who: str
    when: str
    text: str


class ScreenPop:
    def __init__(self, service: Service, doors: Doors) -> None:
        self._service = service
        self._doors = doors

    async def show(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """The token says which call; whether he may see it is asked of who is in."""
        service, token, now = self._service, request.match_info["token"], self._service.clock()
        try:
            call_id = service.seal.read_ticket(token, now, POP_LIFE)
        except Unsealable:
            return self._refuse(guest, token)
        found = await service.database.read(read_pop, call_id, guest.viewer, now=now)
        if found is None:
            return self._doors.message(guest, HTTPStatus.NOT_FOUND)
        setup, language = service.setups.current, guest.language
        voice, calling = Voice(guest.words, setup), found.calling
        return self._doors.page(
            guest,
            "pop",
            row=rows_of([found.call], setup, language, now)[0],
            local_time=local_time(calling.caller, voice, now),
            card=card_of(calling, voice),
            manager=voice.name(calling.manager) if calling.manager else "",
            card_url=f"/cards/{found.card.id}" if found.card else "",
            write_up_url=_write_up_url(found.call, guest),
            talks=[talk_of(one, voice, now) for one in found.before.talks],
            tasks=[task_of(one, voice, now) for one in found.before.tasks],
            notes=[_note(one, found.names, voice, now) for one in found.notes],
            people=people_rows(found.people, found.call.contact, guest.words),
            owed=row_of(found.owed, voice, now) if found.owed else None,
            earlier=rows_of(found.earlier, setup, language, now),
            chapters=chapters_of(found.call, found.decisions, setup, language),
            now=milliseconds(now),
        )

    async def choose(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """When his screen pops: one of PopAt, or "" for as the company has it."""
        said = str((await request.post()).get("pop_at", ""))
        user = guest.visit.user if guest.visit else None
        if user is None or said not in ("", *get_args(PopAt)):
            return self._doors.message(guest, HTTPStatus.BAD_REQUEST)
        await self._service.database.write(users.put_pref, user, "pop_at", said or None)
        return see("/me?kept=pop")

    def _refuse(self, guest: Guest, token: str) -> web.StreamResponse:
        """Tell a link of ours that is too old from one that never was ours."""
        try:
            self._service.seal.read_ticket(token, self._service.clock(), _EVER)
        except Unsealable:
            return self._doors.message(guest, HTTPStatus.FORBIDDEN, "pop_forged")
        return self._doors.message(guest, HTTPStatus.GONE, "pop_old")


def _write_up_url(call: CallView, guest: Guest) -> str:
    """After a talk of his own it is to be said what came of it."""
    his = call.manager is not None and call.manager == guest.manager
    over = call.answered_at is not None and call.ended_at is not None
    return f"/calls/{call.id}/write-up" if his and over else ""


def _note(one: Note, names: Mapping[str, str], voice: Voice, now: datetime) -> NoteLine:
    when = formats.until(voice.local(one.at), voice.local(now))
    return NoteLine(who_did(one.by, voice.setup, voice.words, names), when, one.text)


def add(router: web.UrlDispatcher, service: Service, doors: Doors) -> None:
    page = ScreenPop(service, doors)
    router.add_get("/pop/{token}", doors.guarded(page.show, "look"))
    router.add_post("/me/pop", doors.inside(page.choose))
