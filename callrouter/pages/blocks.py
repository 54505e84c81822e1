"""`/blocks`: numbers that are not put through; putting one on the list, taking one off."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import structlog
from aiohttp import web

from callrouter.domain.blocks import CannotBlock, NumberOfOurs, end_of_day, read_blocked
from callrouter.domain.phones import pretty
from callrouter.flows.blocks import block, unblock
from callrouter.pages.leading import see
from callrouter.wording import codes, formats
from callrouter.wording.catalogue import mark
from callrouter.wording.people import Voice
from callrouter.wording.who import who_did
from storage.listing import OF_SETUP, list_blocks
from storage.listing_timeline import user_names

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.rights import Viewer
    from callrouter.domain.setup import Setup
    from callrouter.pages.doors import Doors, Guest
    from callrouter.service import Service
    from storage.listing import BlockView, Slice

BLOCKS: Final = "/blocks"
LONGEST_NUMBER: Final = 128
LONGEST_REASON: Final = 200

_ID: Final = re.compile(f"[0-9A-HJKMNP-TV-Z]{{26}}|{OF_SETUP}[0-9]{{1,15}}")
_FIELDS: Final = ("number", "reason", "until")
_NOTHING: Final[Mapping[str, str]] = {}
_DONE: Final[Mapping[str, str]] = {
    "added": mark("The number is blocked: its calls are rejected from now on."),
    "changed": mark("It was blocked already; the reason and the end are changed."),
    "gone": mark("The number is not blocked any more."),
}

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Row:
    """A blocked number in words. `ours`: it stands on the list, and can be taken off here."""

    id: str
    number: str
    reason: str
    until: str
    by: str
    since: str
    hits: str
    ours: bool


class Blocks:
    def __init__(self, service: Service, doors: Doors) -> None:
        self._service = service
        self._doors = doors

    async def show(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        return await self._page(guest, after=request.query.get("after", ""), query=request.query)

    async def add(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        posted, setup, now = await request.post(), self._doors.setup, self._service.clock()
        typed = {name: str(posted.get(name, "")).replace("\x00", "").strip() for name in _FIELDS}
        wrong, number = {}, ""
        try:
            number = read_blocked(setup, typed["number"][:LONGEST_NUMBER])
        except NumberOfOurs:
            wrong["number"] = guest.words("This number is ours: it cannot be blocked.")
        except CannotBlock:
            wrong["number"] = guest.words("This is not a telephone number.")
        if len(typed["reason"]) > LONGEST_REASON:
            wrong["reason"] = guest.words(
                "This is too long: at most {n} characters.", n=LONGEST_REASON
            )
        until = None
        if typed["until"]:
            until = _end_of(typed["until"], setup)
            if until is None:
                wrong["until"] = guest.words("This is not a date.")
            elif until <= now:
                wrong["until"] = guest.words("This day has passed.")
        if wrong:
            return await self._page(guest, typed=typed, wrong=wrong)
        one, new = await self._service.database.write(
            block, number, reason=typed["reason"], until=until, by=guest.by, now=now
        )
        log.info("number_blocked", block=one.id, new=new)
        return see(f"{BLOCKS}?done={'added' if new else 'changed'}")

    async def remove(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """Who was quicker has done what was wanted."""
        id_ = request.match_info["id"]
        gone = await self._service.database.write(
            unblock, id_, by=guest.by, now=self._service.clock()
        )
        if gone is None:
            return see(BLOCKS)
        log.info("number_unblocked", block=id_)
        return see(f"{BLOCKS}?done=gone")

    async def _page(
        self,
        guest: Guest,
        *,
        after: str = "",
        query: Mapping[str, str] = _NOTHING,
        typed: Mapping[str, str] = _NOTHING,
        wrong: Mapping[str, str] = _NOTHING,
    ) -> web.Response:
        setup = self._doors.setup
        found, names = await self._service.database.read(
            _read,
            guest.viewer,
            setup,
            now=self._service.clock(),
            after=after if _ID.fullmatch(after) else None,
        )
        done = query.get("done", "")
        return self._doors.page(
            guest,
            "blocks",
            status=HTTPStatus.UNPROCESSABLE_ENTITY if wrong else HTTPStatus.OK,
            rows=[_row(one, names, setup, guest) for one in found.items],
            more=f"{BLOCKS}?after={found.items[-1].id}" if found.more else "",
            later=bool(after),
            may_change=guest.may("work"),
            done=guest.words(_DONE[done]) if done in _DONE else "",
            typed={name: typed.get(name, "") for name in _FIELDS},
            wrong={name: wrong.get(name, "") for name in _FIELDS},
            longest_number=LONGEST_NUMBER,
            longest_reason=LONGEST_REASON,
        )


def _read(
    conn: Connection, viewer: Viewer, setup: Setup, *, now: datetime, after: str | None
) -> tuple[Slice[BlockView], dict[str, str]]:
    found = list_blocks(conn, viewer, setup, now=now, after=after)
    return found, user_names(conn, [one.by for one in found.items if one.by])


def _row(one: BlockView, names: Mapping[str, str], setup: Setup, guest: Guest) -> Row:
    words = guest.words
    voice = Voice(words, setup)
    usual = codes.BLOCKS.get(one.reason)
    hits = words.many("{n} call rejected", "{n} calls rejected", one.hits) if one.hits else ""
    if one.last_hit_at:
        last = formats.moment(voice.local(one.last_hit_at))
        hits = words("{calls}, the last {at}", calls=hits, at=last)
    return Row(
        id=one.id,
        number=pretty(one.number),
        reason=words(usual) if usual else one.reason,
        until=_last_of(voice.local(one.until)) if one.until else "",
        by=who_did(one.by, setup, words, names) if one.by else "",
        since=formats.moment(voice.local(one.since)) if one.since else "",
        hits=hits,
        ours=one.origin == "list",
    )


def _last_of(end: datetime) -> str:
    """What ends with a day is said by that day, as it was given."""
    if end.time() == time():
        return f"{end - timedelta(days=1):%d.%m.%Y}"
    return formats.moment(end)


def _end_of(text: str, setup: Setup) -> datetime | None:
    try:
        return end_of_day(date.fromisoformat(text), setup.company.time_zone)
    except (ValueError, OverflowError):
        return None


def add(router: web.UrlDispatcher, service: Service, doors: Doors) -> None:
    page = Blocks(service, doors)
    router.add_get(BLOCKS, doors.guarded(page.show, "look"))
    router.add_post(BLOCKS, doors.guarded(page.add, "work"))
    router.add_post(f"{BLOCKS}/{{id}}/remove", doors.guarded(page.remove, "work"))
