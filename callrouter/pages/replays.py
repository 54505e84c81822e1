"""`/what-if/replay`: past calls again, on a draft or as they were; how far, what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from aiohttp import web

from callrouter.flows import replays as flow
from callrouter.flows import tuning
from callrouter.flows.replays import NoSuchReplay, TooManyReplays
from callrouter.setup_file import BadSetup
from callrouter.wording import formats
from callrouter.wording.catalogue import mark
from callrouter.wording.people import Voice
from callrouter.wording.remarks import remark_text
from callrouter.wording.replayed import tell_replayed
from callrouter.wording.who import who_did
from storage import drafts, replays, sight, users

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection

    from callrouter.domain.replayed import Replayed
    from callrouter.domain.rights import Viewer
    from callrouter.domain.setup import Setup
    from callrouter.pages.doors import Doors, Guest
    from callrouter.service import Service
    from callrouter.setup_file import Problem
    from callrouter.wording.replayed import Told
    from storage.drafts import Draft
    from storage.replays import Replay, ReplayState

REPLAYS: Final = "/what-if/replay"
USUAL_DAYS: Final = 7

STATES: Final[Mapping[ReplayState, str]] = {
    "waiting": mark("waits for its turn"),
    "running": mark("runs"),
    "done": mark("done"),
    "cancelled": mark("stopped"),
    "failed": mark("came to nothing"),
}


def add(router: web.UrlDispatcher, service: Service, doors: Doors) -> None:
    page = Replays(service, doors)
    router.add_get(REPLAYS, doors.guarded(page.show, "see_setup"))
    router.add_post(REPLAYS, doors.guarded(page.ask, "see_setup"))
    router.add_get(f"{REPLAYS}/{{id}}", doors.guarded(page.show_one, "see_setup"))
    router.add_post(f"{REPLAYS}/{{id}}/cancel", doors.guarded(page.cancel, "see_setup"))


@dataclass(frozen=True, slots=True)
class Row:
    """A replay in words."""

    id: str
    state: ReplayState
    said: str
    draft: str
    days: int
    by: str
    asked: str


@dataclass(frozen=True, slots=True)
class Whole:
    """A replay with all that its page shows. `seen`: the calls that its reader may open."""

    replay: Replay
    result: Replayed | None
    rules: Setup | None
    drafted: bool  # its draft is still there
    names: Mapping[str, str]
    seen: frozenset[str]


class Replays:
    def __init__(self, service: Service, doors: Doors) -> None:
        self._service = service
        self._doors = doors

    async def show(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """What may be asked for, and what was."""
        return await self._show(guest, draft=request.query.get("draft", ""))

    async def _show(
        self,
        guest: Guest,
        *,
        days: str = str(USUAL_DAYS),
        draft: str = "",
        wrong: Mapping[str, str] = {},
        problems: Sequence[Problem] = (),
        status: int = HTTPStatus.OK,
    ) -> web.Response:
        setup = self._doors.setup
        found, asked, names = await self._service.database.read(_list)
        voice = Voice(guest.words, setup)
        return self._doors.page(
            guest,
            "replays",
            status=status,
            drafts=found,
            days=days,
            draft=draft,
            wrong=wrong,
            problems=[f"{one.key}: {remark_text(voice, one.message)}" for one in problems],
            most_days=flow.MOST_DAYS,
            rows=[_row(one, voice, names) for one in asked],
        )

    async def ask(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        posted, words = await request.post(), guest.words
        days, draft = str(posted.get("days", "")).strip()[:9], str(posted.get("draft", ""))[:32]
        draft = draft.replace("\x00", "")
        refused = HTTPStatus.UNPROCESSABLE_ENTITY
        if not (days.isascii() and days.isdecimal() and 1 <= int(days) <= flow.MOST_DAYS):
            wrong = {"days": words("Allowed: from 1 to {n} days.", n=flow.MOST_DAYS)}
            return await self._show(guest, days=days, draft=draft, wrong=wrong, status=refused)
        try:
            id_ = await self._service.database.write(
                flow.ask,
                days=int(days),
                draft=draft or None,
                by=guest.by,
                now=self._service.clock(),
            )
        except tuning.NoSuchDraft:
            wrong = {
                "draft": words("This draft is not there any more: it was published or discarded.")
            }
            return await self._show(guest, days=days, wrong=wrong, status=refused)
        except BadSetup as bad:
            return await self._show(
                guest, days=days, draft=draft, problems=bad.problems, status=refused
            )
        except TooManyReplays:
            wrong = {
                "days": words("Too many replays wait already. Cancel one, or come back later.")
            }
            busy = HTTPStatus.CONFLICT
            return await self._show(guest, days=days, draft=draft, wrong=wrong, status=busy)
        return _go(id_)

    async def show_one(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """How far it is, or what came of it; the page's script asks again while it is not over."""
        setup, id_ = self._doors.setup, _id(request)
        whole = await self._service.database.read(_whole, guest.viewer, id_)
        if whole is None:
            return self._doors.message(guest, HTTPStatus.NOT_FOUND)
        voice, one = Voice(guest.words, setup), whole.replay
        told: Told | None = None
        if whole.result:
            told = tell_replayed(whole.result, whole.rules or setup, language=guest.language)
        return self._doors.page(
            guest,
            "replay",
            replay=one,
            row=_row(one, voice, whole.names),
            since=formats.moment(voice.local(one.since)),
            until=formats.moment(voice.local(one.until)),
            interrupted=one.error == flow.INTERRUPTED,
            result=whole.result,
            told=told,
            drafted=whole.drafted,
            seen=whole.seen,
            anything=bool(whole.result and whole.result.calls),
        )

    async def cancel(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        id_ = _id(request)
        try:
            await self._service.database.write(flow.cancel, id_, now=self._service.clock())
        except NoSuchReplay:
            return self._doors.message(guest, HTTPStatus.NOT_FOUND)
        return _go(id_)


def _id(request: web.Request) -> str:
    return request.match_info["id"].replace("\x00", "")[:32]


def _list(conn: Connection) -> tuple[list[Draft], list[Replay], dict[str, str]]:
    return drafts.everybody(conn), replays.listed(conn, flow.KEPT), users.names(conn)


def _whole(conn: Connection, viewer: Viewer, id_: str) -> Whole | None:
    one = replays.find(conn, id_)
    if one is None:
        return None
    result = replays.result_of(conn, id_)
    named: set[str] = set()
    if result:
        named |= set(result.unexplained)
        named |= {it.call for it in result.compared.examples} if result.compared else set()
    return Whole(
        one,
        result,
        replays.rules_of(conn, id_),
        one.draft is not None and drafts.find(conn, one.draft) is not None,
        users.names(conn),
        frozenset(call for call in named if sight.is_seen(conn, viewer, "call", call)),
    )


def _row(one: Replay, voice: Voice, names: Mapping[str, str]) -> Row:
    return Row(
        one.id,
        one.state,
        voice.words(STATES[one.state]),
        one.name,
        round((one.until - one.since) / timedelta(days=1)),
        who_did(one.by, voice.setup, voice.words, names),
        formats.moment(voice.local(one.created_at)),
    )


def _go(id_: str) -> web.Response:
    where = f"{REPLAYS}/{id_}"
    return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": where})
