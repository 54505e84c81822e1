"""`/setup/templates`: what offers and letters are formed from, tried while one writes on it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from html import escape
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import quote

import structlog
from aiohttp import BodyPartReader, web

from callrouter import papers, templating
from callrouter.domain.searching import Query
from callrouter.flows import documents
from callrouter.flows.no_such import NoSuchCard
from callrouter.flows.templates import (
    SHIPPED,
    ChangedMeanwhile,
    NoSuchTemplate,
    back,
    images_of,
    version_of,
)
from callrouter.forming.press import MOST_BODY, SOURCES, BadTemplate, TemplateProblem
from callrouter.forming.samples import sample_offer
from callrouter.forming.values import letter_values
from callrouter.pages import template_rows
from callrouter.pages.card_timeline import size_of
from callrouter.pages.demo_mail import FRAME
from callrouter.pages.doors import CSP
from callrouter.pages.leading import see
from callrouter.pages.rendering import render
from callrouter.templating import Named, Unusable, template_with
from callrouter.wording import formats
from callrouter.wording.template_problems import template_problem_said
from callrouter.wording.who import who_did
from storage import templates
from storage.listing_timeline import user_names
from storage.searching import search

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from callrouter.domain.offers import Format, Offer
    from callrouter.domain.setup import Language, Setup
    from callrouter.forming.press import Template
    from callrouter.forming.values import Values
    from callrouter.pages.doors import Doors, Guest
    from callrouter.service import Service
    from callrouter.wording import Words
    from storage.listing_values import Viewer
    from storage.templates import TemplateVersion

TEMPLATES: Final = "/setup/templates"
TEXTS: Final = ("typ", "html", "txt")
"""Formats that are written on the page; others are files."""

MOST_WAITING: Final = 4
"""So many previews wait for their turn on one server; who comes then is asked to try again."""

_MOST_NUMBER: Final = 2**31 - 1
"""Of a deal, in the base."""

_FILE: Final = "{file:[A-Za-z0-9_.-]{1,60}}"
_FORMATS: Final[dict[str, Format]] = {source: fmt for fmt, source in SOURCES.items()}
_LINE: Final = re.compile(r"line (\d+)")
_BODY: Final = re.compile(r"<body[^>]*>", re.IGNORECASE)
_ALONE: Final = "default-src 'none'; sandbox"
_TYPES: Final = {
    "png": "image/png",
    "docx": papers.MEDIA_TYPES["docx"],
    "odt": papers.MEDIA_TYPES["odt"],
}

T = TypeVar("T")

log = structlog.get_logger(__name__)


class NoSuchFile(Exception):
    """Its address names no template that there could be."""


class TooMany(Exception):
    """Too many previews wait already."""


@dataclass(frozen=True, slots=True)
class VersionRow:
    n: int
    who: str
    when: str
    size: str
    here: bool


@dataclass(frozen=True, slots=True)
class ProblemRow:
    """`line`: of the text, 0 where it is of none."""

    line: int
    place: str
    problem: str


@dataclass(frozen=True, slots=True)
class Found:
    """A template with its versions. `body`: what is shown; `shown`: of which version it is."""

    body: bytes
    version: int
    shown: int
    versions: tuple[TemplateVersion, ...]
    brought: tuple[TemplateVersion, ...]
    users: dict[str, str]


class SetupTemplates:
    def __init__(self, service: Service, doors: Doors) -> None:
        self._service = service
        self._doors = doors
        self._turn = asyncio.Lock()
        self._waiting = 0

    # What is shown

    async def show(self, request: web.Request, guest: Guest) -> web.StreamResponse:  # noqa: ARG002
        return await self._list(guest)

    async def show_one(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        try:
            what = _named(request)
        except NoSuchFile:
            return self._doors.message(guest, HTTPStatus.NOT_FOUND)
        version = _version(request)
        done = guest.words("Saved: it is used from now on.") if "done" in request.query else ""
        return await self._one(guest, what, version=version, done=done)

    async def give_source(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """The template as a file, to be saved."""
        try:
            what = _named(request)
            version = _version(request)
            found = await self._service.database.read(_find, what, version, self._language)
        except NoSuchFile:
            return self._doors.message(guest, HTTPStatus.NOT_FOUND)
        if not found.body:
            return self._doors.message(guest, HTTPStatus.NOT_FOUND)
        return _file(found.body, str(what), _TYPES.get(what.format, "text/plain"))

    # What is changed

    async def bring(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """A file as a template: under its own name, or under the one that is given."""
        try:
            name, body = await _uploaded(request)
            what = templating.named(name)
            await self._keep(guest, what, body, None)
        except Unusable as error:
            return await self._list(guest, problems=_problems(error.problems, guest.words))
        except TooMany:
            return await self._list(guest, says=_busy(guest))
        return see(f"{TEMPLATES}/{what}?done=1")

    async def save(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        try:
            what = _named(request)
        except NoSuchFile:
            return self._doors.message(guest, HTTPStatus.NOT_FOUND)
        text: str | None = None
        try:
            if request.content_type.startswith("multipart/"):
                _, body = await _uploaded(request)
                seen = None
            else:
                post = await request.post()
                text = _typed(post.get("text", ""))
                body, seen = text.encode(), _number(str(post.get("version", "")))
            await self._keep(guest, what, body, seen)
        except Unusable as error:
            return await self._one(
                guest, what, text=text, problems=_problems(error.problems, guest.words)
            )
        except ChangedMeanwhile:
            says = guest.words(
                "Somebody has saved another version meanwhile. Your text stands here still; look "
                "at theirs among the versions before you save over it."
            )
            return await self._one(guest, what, text=text, says=says, status=HTTPStatus.CONFLICT)
        except TooMany:
            return await self._one(guest, what, text=text, says=_busy(guest))
        return see(f"{TEMPLATES}/{what}?done=1")

    async def go_back(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """An earlier version again, or the built-in one."""
        post = await request.post()
        try:
            what = _named(request)
            version = _number(str(post.get("version", "")))
            await self._service.database.write(
                back,
                what.name,
                what.format,
                version,
                by=guest.by,
                now=self._service.clock(),
            )
        except (NoSuchFile, NoSuchTemplate):
            return self._doors.message(guest, HTTPStatus.NOT_FOUND)
        log.info("template_back", template=str(what), version=version, by=guest.by)
        return see(f"{TEMPLATES}/{what}?done=1")

    async def _keep(self, guest: Guest, what: Named, body: bytes, seen: int | None) -> None:
        """Raises Unusable, ChangedMeanwhile, TooMany."""
        service = self._service
        kept = await self._in_turn(
            lambda: templating.bring(
                service.database,
                service.press,
                what,
                body,
                self._language,
                by=guest.by,
                now=service.clock(),
                seen=seen,
            )
        )
        log.info("template_kept", template=str(what), version=kept.version, by=guest.by)

    # What it looks like

    async def preview(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """A letter as a page of its own for the frame; an offer as a file. Nothing is kept."""
        try:
            what = _named(request)
        except NoSuchFile:
            return self._doors.message(guest, HTTPStatus.NOT_FOUND)
        post = await request.post()
        card = str(post.get("card", "")).strip().lstrip("№# ")[:20]
        if what.format not in (*_FORMATS, "html", "txt"):
            return self._framed(guest, [ProblemRow(0, "", guest.words("There is no preview."))])
        try:
            body = _typed(post.get("text", "")).encode()
            if what.format not in TEXTS:
                body = (await self._service.database.read(_find, what, None, self._language)).body
            return await self._in_turn(lambda: self._previewed(guest, what, body, card))
        except NoSuchFile:
            return self._doors.message(guest, HTTPStatus.NOT_FOUND)
        except NoSuchCard:
            said = guest.words("You see no deal of this number.")
        except BadTemplate as error:
            said = template_problem_said(error.problem, guest.words)
            return self._framed(guest, [_problem(error.place, said)])
        except TooMany:
            said = _busy(guest)
        return self._framed(guest, [ProblemRow(0, "", said)])

    async def _previewed(
        self, guest: Guest, what: Named, body: bytes, card: str
    ) -> web.StreamResponse:
        """Raises NoSuchFile, NoSuchCard, BadTemplate."""
        service, setup = self._service, self._service.setups.current
        offer, template = await service.database.read(
            _to_form,
            what,
            body,
            card,
            setup,
            guest.viewer,
            self._language_of(what),
            service.clock(),
        )
        if fmt := _FORMATS.get(what.format):
            made = await service.press.offer(offer, template, fmt)
            return _file(made, papers.title_of(offer, None, fmt), papers.MEDIA_TYPES[fmt])
        letter = await service.press.letter(template, self._values(what, offer, setup))
        if what.format == "txt":
            html = render("_letter_text", guest.language, subject=letter.subject, text=letter.text)
        else:
            html = _with_subject(letter.html, letter.subject, guest.words("Subject"))
        return _frame(html)

    def _values(self, what: Named, offer: Offer, setup: Setup) -> Values:
        letters = template_rows.letters_with(what, setup)
        kind = letters[0].kind if letters else what.name.partition(".")[0]
        promotional = any(one.promotional for one in letters)
        attach = letters[0].attach if letters else ("pdf",)
        is_offer = kind == "offer"
        return letter_values(
            entity=offer.entity,
            customer=offer.customer,
            sender=offer.sender,
            language=offer.language,
            offer=offer if is_offer else None,
            attachments=[papers.title_of(offer, None, fmt) for fmt in attach] if is_offer else [],
            opt_out_url="https://example.com/no" if promotional else None,
        )

    def _framed(self, guest: Guest, problems: list[ProblemRow]) -> web.Response:
        """What is wrong, where the preview would stand."""
        html = render("_letter_wrong", guest.language, problems=problems)
        return _frame(html, HTTPStatus.UNPROCESSABLE_ENTITY)

    async def _in_turn(self, do: Callable[[], Awaitable[T]]) -> T:
        """One after another, so that letters that are to leave wait for one at most."""
        if self._waiting >= MOST_WAITING:
            raise TooMany
        self._waiting += 1
        try:
            async with self._turn:
                return await do()
        finally:
            self._waiting -= 1

    # Pages

    @property
    def _language(self) -> Language:
        return self._service.setups.current.company.language

    def _language_of(self, what: Named) -> Language:
        _, _, own = what.name.partition(".")
        return "en" if own == "en" else "ru" if own == "ru" else self._language

    async def _list(
        self, guest: Guest, *, problems: tuple[ProblemRow, ...] = (), says: str = ""
    ) -> web.Response:
        own = await self._service.database.read(templates.current)
        groups = template_rows.groups_of(own, self._service.setups.current, guest.words)
        bad = bool(problems or says)
        return self._doors.page(
            guest,
            "setup_templates",
            status=HTTPStatus.UNPROCESSABLE_ENTITY if bad else HTTPStatus.OK,
            groups=groups,
            problems=problems,
            says=says,
            most=size_of(MOST_BODY, guest.words),
        )

    async def _one(
        self,
        guest: Guest,
        what: Named,
        *,
        version: int | None = None,
        text: str | None = None,
        problems: tuple[ProblemRow, ...] = (),
        says: str = "",
        done: str = "",
        status: HTTPStatus | None = None,
    ) -> web.Response:
        """Its text is `text`, as it was typed, else that of a version."""
        setup, words = self._service.setups.current, guest.words
        try:
            found = await self._service.database.read(_find, what, version, self._language)
        except NoSuchFile:
            return self._doors.message(guest, HTTPStatus.NOT_FOUND)
        state = template_rows.state_of(what, [Named(one.name, one.format) for one in found.brought])
        own = template_rows.groups_of(found.brought, setup, words)
        row = next((it for group in own for it in group.rows if it.what == what), None)
        bad = bool(problems or says)
        page = self._doors.page(
            guest,
            "setup_template",
            status=status or (HTTPStatus.UNPROCESSABLE_ENTITY if bad else HTTPStatus.OK),
            what=what,
            title=words(template_rows.FORMATS[what.format]),
            state=state,
            used=row.used if row else (),
            is_text=what.format in TEXTS,
            is_letter=what.format in ("html", "txt"),
            fmt=_FORMATS.get(what.format, ""),
            text=found.body.decode(errors="replace") if text is None else text,
            there=bool(found.body),
            version=found.version,
            shown=found.shown,
            versions=[self._version(one, found, guest) for one in found.versions],
            has_built_in=template_rows.built_in(what, self._language) is not None,
            covered_by=what.name.partition(".")[0],
            problems=problems,
            says=says,
            done=done,
            most=size_of(MOST_BODY, words),
        )
        page.headers["Content-Security-Policy"] = f"{CSP}; frame-src 'self'"
        return page

    def _version(self, one: TemplateVersion, found: Found, guest: Guest) -> VersionRow:
        setup = self._service.setups.current
        return VersionRow(
            one.version,
            who_did(one.made_by, setup, guest.words, found.users),
            formats.moment(setup.calendar_of(None).local(one.since)),
            size_of(one.size, guest.words),
            here=one.until is None,
        )


def _find(conn: Connection, what: Named, version: int | None, language: Language) -> Found:
    """Of the version in use, else of one before; 0: the built-in one. Raises NoSuchFile."""
    versions = templates.versions(conn, what.name, what.format)
    in_use = version_of(conn, what.name, what.format)
    shown = in_use if version is None else version
    if shown == SHIPPED:
        body = template_rows.built_in(what, language)
        base, dot, _ = what.name.partition(".")
        if version is None and dot and (own := templates.in_use(conn, base, what.format)):
            body = own  # what is used under this name by now
        if body is None and what.format in TEXTS:
            body = b""
    else:
        body = templates.body_of(conn, what.name, what.format, shown)
    if body is None and (version is not None or not versions):
        raise NoSuchFile
    users = user_names(conn, (one.made_by for one in versions))
    return Found(body or b"", in_use, shown, versions, templates.current(conn), users)


def _to_form(
    conn: Connection,
    what: Named,
    body: bytes,
    card: str,
    setup: Setup,
    viewer: Viewer,
    language: Language,
    now: datetime,
) -> tuple[Offer, Template]:
    """A real deal's offer that one sees, or the sample in our own name. Raises NoSuchCard."""
    if card:
        number = int(card) if card.isdecimal() else _MOST_NUMBER + 1
        if number > _MOST_NUMBER:
            raise NoSuchCard
        seen = search(conn, viewer, Query(card=number)).cards
        if not seen:
            raise NoSuchCard
        offer = documents.draft(conn, seen[0].card.id, setup, now=now, language=language)
    else:
        offer = sample_offer(setup.entity[0] if setup.entity else None, language)
    template = template_with(conn, what, body, language)
    images = images_of(conn, offer.entity.logo)
    return offer, replace(template, images=images)


def _named(request: web.Request) -> Named:
    try:
        return templating.named(request.match_info["file"])
    except Unusable:
        raise NoSuchFile from None


def _version(request: web.Request) -> int | None:
    said = request.query.get("version", "")
    return int(said) if said.isascii() and said.isdigit() and len(said) < 8 else None


async def _uploaded(request: web.Request) -> tuple[str, bytes]:
    """The name that was given, else the file's own, and what is in it. Raises Unusable."""
    given, name, body = "", "", b""
    try:
        if request.content_type.startswith("multipart/"):
            async for part in await request.multipart():
                if not isinstance(part, BodyPartReader):
                    continue
                if part.filename:
                    name, body = part.filename, await _read(part)
                elif part.name == "name":
                    given = (await _read(part, 200)).decode(errors="replace").strip()
    except ValueError:  # its parts cannot be told apart
        name = ""
    if not name:
        raise Unusable(TemplateProblem("", "no file was chosen"))
    ending = name.rpartition(".")[2].lower()
    return f"{given}.{ending}" if given else name, body


async def _read(part: BodyPartReader, most: int = MOST_BODY) -> bytes:
    """Raises Unusable for more than a template may have."""
    found = bytearray()
    while piece := await part.read_chunk():
        found += piece
        if len(found) > most:
            raise Unusable(TemplateProblem("", f"it has more than {most} bytes"))
    return bytes(found)


def _typed(text: object) -> str:
    """As it stood on the page; browsers send line ends of their own."""
    return str(text).replace("\r\n", "\n")


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 8 else -1


def _problems(found: tuple[TemplateProblem, ...], words: Words) -> tuple[ProblemRow, ...]:
    return tuple(_problem(one.place, template_problem_said(one.problem, words)) for one in found)


def _problem(place: str, problem: str) -> ProblemRow:
    line = _LINE.fullmatch(place)
    return ProblemRow(int(line[1]) if line else 0, place, problem)


def _busy(guest: Guest) -> str:
    return guest.words("Several previews are being formed already. Try again in a moment.")


def _frame(html: str, status: HTTPStatus = HTTPStatus.OK) -> web.Response:
    headers = {"Content-Security-Policy": FRAME}
    return web.Response(text=html, status=status, content_type="text/html", headers=headers)


def _with_subject(html: str, subject: str, said: str) -> str:
    """The letter with its subject on top, which no mail program shows within it."""
    line = (
        '<p style="margin:0;padding:8px 12px;font:13px sans-serif;background:#eef0f4;'
        'color:#39414f">'
        f"{escape(said)}: <b>{escape(subject)}</b></p>"
    )
    found = _BODY.search(html)
    return f"{html[: found.end()]}{line}{html[found.end() :]}" if found else f"{line}{html}"


def _file(body: bytes, name: str, type_: str) -> web.Response:
    """To be saved, and never shown within our pages."""
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
        "Content-Security-Policy": _ALONE,
    }
    return web.Response(body=body, content_type=type_, headers=headers)


def add(router: web.UrlDispatcher, service: Service, doors: Doors) -> None:
    page = SetupTemplates(service, doors)
    one = f"{TEMPLATES}/{_FILE}"
    router.add_get(TEMPLATES, doors.guarded(page.show, "see_setup"))
    router.add_post(TEMPLATES, doors.guarded(page.bring, "tune"))
    router.add_get(one, doors.guarded(page.show_one, "see_setup"))
    router.add_post(one, doors.guarded(page.save, "tune"))
    router.add_get(f"{one}/source", doors.guarded(page.give_source, "see_setup"))
    router.add_post(f"{one}/preview", doors.guarded(page.preview, "tune"))
    router.add_post(f"{one}/back", doors.guarded(page.go_back, "tune"))
