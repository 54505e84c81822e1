"""`/import`: contacts and products of other systems: looked at, tried, taken in, taken back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import structlog
from aiohttp import BodyPartReader, web

from callrouter.import_desk import (
    MOST_BYTES,
    MOST_FILES,
    MOST_TRIED,
    Busy,
    Full,
    Look,
    NoSuchUpload,
    TooBig,
)
from callrouter.import_file import FIELDS, GOODS_FIELDS, BadFile
from callrouter.pages.card_timeline import size_of
from callrouter.pages.doors import by_script
from callrouter.pages.leading import see
from callrouter.pages.rendering import render
from callrouter.wording import formats
from callrouter.wording.catalogue import mark
from callrouter.wording.import_problems import file_said, refusal_said
from callrouter.wording.who import who_did
from storage import imports
from storage.listing_timeline import user_names

if TYPE_CHECKING:
    from multidict import MultiDictProxy
    from sqlalchemy import Connection

    from callrouter.domain.setup import Setup
    from callrouter.import_desk import Noun, Upload
    from callrouter.pages.doors import Doors, Guest
    from callrouter.service import Service
    from storage.imports import Import

IMPORT: Final = "/import"

NOUNS: Final[Mapping[Noun, str]] = {"contacts": mark("Clients"), "products": mark("Products")}
STATES: Final = {
    "new": mark("Not tried yet"),
    "trying": mark("Being tried …"),
    "tried": mark("Tried; nothing is taken yet"),
    "running": mark("Being taken in …"),
    "done": mark("Taken in"),
    "stopped": mark("Stopped; run it again, it goes on where it stopped"),
    "failed": mark("Broke off"),
}
CONTACT_FIELDS: Final = {
    "name": mark("Name"),
    "last_name": mark("Last name"),
    "first_name": mark("First name"),
    "middle_name": mark("Middle name"),
    "kind": mark("Person or company"),
    "company": mark("Company"),
    "position": mark("Position"),
    "phone": mark("Phone"),
    "email": mark("E-mail"),
    "responsible": mark("Responsible"),
    "tags": mark("Tags"),
    "source": mark("Source"),
    "inn": mark("INN"),
    "comment": mark("Comment"),
    "last_talk": mark("Last talk"),
    "external_id": mark("Id in the other system"),
}
PRODUCT_FIELDS: Final = {
    "name": mark("Name"),
    "article": mark("Article"),
    "unit": mark("Unit"),
    "price": mark("Price"),
    "vat": mark("VAT"),
    "group": mark("Group of products"),
}
REASONS: Final = {
    "call": mark("there was a call"),
    "card": mark("there is a deal"),
    "lead": mark("a request came"),
    "task": mark("there is a task"),
    "consent": mark("there is a consent"),
    "handover": mark("handed over"),
    "merge": mark("merged"),
    "import": mark("another import"),
    "member": mark("somebody of the company stays"),
    "change": mark("changed since"),
}
_MOVING: Final = ("trying", "running")
_LONGEST: Final = 64

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class UploadRow:
    """`moving`: it is being worked on, so look again soon. `why`: a line's problems in words.

    `failed`: why the whole file was not read.
    """

    one: Upload
    noun: str
    size: str
    when: str
    who: str
    state: str
    moving: bool
    why: Callable[[str], str]
    failed: str


@dataclass(frozen=True, slots=True)
class PastRow:
    """An import of contacts that was taken in, maybe taken back since."""

    one: Import
    when: str
    who: str
    undone: str


@dataclass(frozen=True, slots=True)
class BackRow:
    """What came of taking an import back, so far."""

    run: str
    removed: int
    restored: int
    kept: tuple[tuple[int, str, str], ...]
    more: int
    moving: bool
    error: str


class ImportPage:
    def __init__(self, service: Service, doors: Doors) -> None:
        self._service = service
        self._doors = doors
        self._desk = service.imports

    async def show(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        if by_script(request):
            return web.json_response({"html": await self._lists(guest)})
        return await self._page(guest)

    async def bring(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        words = guest.words
        try:
            one = await self._take_file(request, guest)
        except TooBig:
            return await self._page(
                guest, words("At most {most}: split the file.", most=size_of(MOST_BYTES, words))
            )
        except Full:
            return await self._page(
                guest, words("There are {n} files already: throw one away first.", n=MOST_FILES)
            )
        except BadFile as bad:
            return await self._page(guest, file_said(str(bad), words))
        except ValueError:  # the parts of what was sent cannot be told apart
            one = None
        except OSError:
            log.exception("upload_failed")
            return await self._page(guest, words("The file could not be kept. Try again later."))
        if one is None:
            return await self._page(guest, words("Choose a file first."))
        log.info("import_brought", upload=one.id, noun=one.noun, size=one.size, by=guest.by)
        return see(f"{IMPORT}/{one.id}")

    async def show_one(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        try:
            one = await self._desk.find(request.match_info["id"])
        except NoSuchUpload:
            return self._gone(guest)
        if by_script(request):
            html = render("_import_state", guest.language, row=self._row(one, guest, {}))
            return web.json_response({"html": html, "moving": one.state in _MOVING})
        return await self._one(guest, one)

    async def try_out(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """With the columns as they were said."""
        post = await request.post()
        try:
            one = await self._desk.find(request.match_info["id"])
        except NoSuchUpload:
            return self._gone(guest)
        if one.state == "done":  # nothing is left to try: its page says so
            return see(f"{IMPORT}/{one.id}#state")
        system = str(post.get("system", "")).strip()[:_LONGEST]
        if not _is_key(system):
            says = guest.words("A system’s name: letters A-Z a-z, digits, _ . and -.")
            return await self._one(guest, one, says)
        try:
            columns = _columns(post, await self._desk.look(one), one.noun)
            await self._desk.try_out(one, columns, system)
        except BadFile:
            return await self._one(guest, one)  # which says what is wrong with it
        except Busy:
            return await self._one(guest, one, _busy(guest), HTTPStatus.CONFLICT)
        return see(f"{IMPORT}/{one.id}#state")

    async def run(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """Take it in; only what was tried with these columns."""
        try:
            one = await self._desk.find(request.match_info["id"])
        except NoSuchUpload:
            return self._gone(guest)
        if one.tried is None or one.state == "done":
            return await self._one(guest, one, guest.words("Try it first."), HTTPStatus.CONFLICT)
        try:
            await self._desk.run(one)
        except Busy:
            return await self._one(guest, one, _busy(guest), HTTPStatus.CONFLICT)
        log.info("import_begun", upload=one.id, noun=one.noun, by=guest.by)
        return see(f"{IMPORT}/{one.id}#state")

    async def stop(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        try:
            one = await self._desk.find(request.match_info["id"])
        except NoSuchUpload:
            return self._gone(guest)
        self._desk.stop(one.id)
        return see(f"{IMPORT}/{one.id}#state")

    async def drop(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        try:
            await self._desk.drop(request.match_info["id"])
        except NoSuchUpload:
            return self._gone(guest)
        except Busy:
            return await self._page(guest, _busy(guest), HTTPStatus.CONFLICT)
        return see(IMPORT)

    async def give_refused(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """The lines that were not taken, as a file that can be mended and brought again."""
        try:
            one = await self._desk.find(request.match_info["id"])
        except NoSuchUpload:
            return self._gone(guest)
        path = self._desk.refused_file(one)
        if path is None:
            return self._gone(guest)
        answer = web.FileResponse(path)
        name = quote(path.name, safe="")
        answer.content_type = "text/csv"
        answer.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{name}"
        return answer

    async def take_back(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        run = request.match_info["run"]
        found = await self._service.database.read(imports.find, run)
        if found is None or found.undone_at:
            return self._gone(guest)
        try:
            await self._desk.take_back(run, by=guest.by)
        except Busy:
            return await self._page(guest, _busy(guest), HTTPStatus.CONFLICT)
        log.info("import_undo_begun", run=run, by=guest.by)
        return see(f"{IMPORT}#past")

    # Pages

    async def _page(
        self, guest: Guest, says: str = "", status: HTTPStatus = HTTPStatus.UNPROCESSABLE_ENTITY
    ) -> web.Response:
        return self._doors.page(
            guest,
            "import",
            status=status if says else HTTPStatus.OK,
            says=says,
            lists=await self._lists(guest),
            moving=self._desk.busy,
            most=size_of(MOST_BYTES, guest.words),
        )

    async def _lists(self, guest: Guest) -> str:
        """What was brought, what was taken in: a part of the page."""
        uploads = await self._desk.everything()
        past, users = await self._service.database.read(_past, [one.by for one in uploads])
        html: str = render(
            "_import_lists",
            guest.language,
            rows=[self._row(one, guest, users) for one in uploads],
            past=[self._past(one, guest, users) for one in past],
            back=self._back(guest),
            busy=self._desk.busy,
        )
        return html

    async def _one(
        self,
        guest: Guest,
        one: Upload,
        says: str = "",
        status: HTTPStatus = HTTPStatus.UNPROCESSABLE_ENTITY,
    ) -> web.Response:
        look, problem = Look((), "file"), ""
        if one.state not in (*_MOVING, "done"):
            try:
                look = await self._desk.look(one)
            except BadFile as bad:
                problem = str(bad)
            except OSError:
                return self._gone(guest)
        fields = CONTACT_FIELDS if one.noun == "contacts" else PRODUCT_FIELDS
        return self._doors.page(
            guest,
            "import_file",
            status=status if says else HTTPStatus.OK,
            row=self._row(one, guest, {}),
            look=look,
            problem=file_said(problem or look.problem, guest.words),
            says=says,
            fields=fields,
            most_tried=MOST_TRIED,
        )

    def _row(self, one: Upload, guest: Guest, users: Mapping[str, str]) -> UploadRow:
        setup, words = self._service.setups.current, guest.words
        return UploadRow(
            one,
            words(NOUNS[one.noun]),
            size_of(one.size, words),
            self._moment(one.at, setup),
            who_did(one.by, setup, words, users),
            words(STATES[one.state]),
            one.state in _MOVING,
            partial(refusal_said, words=words),
            file_said(one.error, words),
        )

    def _past(self, one: Import, guest: Guest, users: Mapping[str, str]) -> PastRow:
        setup = self._service.setups.current
        undone = self._moment(one.undone_at, setup) if one.undone_at else ""
        who = who_did(one.by, setup, guest.words, users)
        return PastRow(one, self._moment(one.at, setup), who, undone)

    def _back(self, guest: Guest) -> BackRow | None:
        back = self._desk.back
        if back is None:
            return None
        shown = tuple(
            (it.line, it.name, ", ".join(guest.words(REASONS[why]) for why in it.reasons))
            for it in back.kept[:20]
        )
        more = max(0, len(back.kept) - len(shown))
        return BackRow(
            back.run,
            back.removed,
            back.restored,
            shown,
            more,
            self._desk.busy,
            file_said(self._desk.back_error, guest.words),
        )

    def _moment(self, at: object, setup: Setup) -> str:
        return formats.moment(setup.calendar_of(None).local(at))  # type: ignore[arg-type]

    def _gone(self, guest: Guest) -> web.Response:
        return self._doors.message(guest, HTTPStatus.NOT_FOUND)

    async def _take_file(self, request: web.Request, guest: Guest) -> Upload | None:
        """Keep what is sent as it comes; what it is of is said before it. None: nothing is."""
        if not request.content_type.startswith("multipart/"):
            return None
        noun: Noun = "contacts"
        async for part in await request.multipart():
            if not isinstance(part, BodyPartReader):
                continue
            if part.name == "noun" and await part.read_chunk() == b"products":
                noun = "products"
            elif part.filename:
                return await self._desk.bring(part.filename, noun, _pieces(part), by=guest.by)
        return None


async def _pieces(part: BodyPartReader) -> AsyncIterator[bytes]:
    while piece := await part.read_chunk(1 << 16):
        yield piece


def _past(conn: Connection, by: list[str]) -> tuple[list[Import], dict[str, str]]:
    found = imports.imports(conn)
    return found, user_names(conn, [*by, *(one.by for one in found)])


def _columns(post: MultiDictProxy[Any], look: Look, noun: Noun) -> dict[str, str]:
    """What each heading was said to be; only fields that there are."""
    allowed = FIELDS if noun == "contacts" else GOODS_FIELDS
    found = {}
    for n, heading in enumerate(look.headings):
        said = str(post.get(f"column.{n}", ""))
        found[heading.name.strip()] = said if said in allowed and said != "ignore" else ""
    return found


def _is_key(text: str) -> bool:
    return all(one.isascii() and (one.isalnum() or one in "_.-") for one in text)


def _busy(guest: Guest) -> str:
    return guest.words("Another file is being worked on. Wait until it is done.")


def add(router: web.UrlDispatcher, service: Service, doors: Doors) -> None:
    page = ImportPage(service, doors)
    one = f"{IMPORT}/{{id}}"
    router.add_get(IMPORT, doors.guarded(page.show, "import"))
    router.add_post(IMPORT, doors.guarded(page.bring, "import"))
    router.add_post(f"{IMPORT}/undo/{{run}}", doors.guarded(page.take_back, "import"))
    router.add_get(one, doors.guarded(page.show_one, "import"))
    router.add_post(f"{one}/try", doors.guarded(page.try_out, "import"))
    router.add_post(f"{one}/run", doors.guarded(page.run, "import"))
    router.add_post(f"{one}/stop", doors.guarded(page.stop, "import"))
    router.add_post(f"{one}/drop", doors.guarded(page.drop, "import"))
    router.add_get(f"{one}/refused.csv", doors.guarded(page.give_refused, "import"))
