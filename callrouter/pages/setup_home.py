"""`/setup`: what is in force and since when, drafts, past versions, setup.toml; where to go on."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import structlog
from aiohttp import web

from callrouter.flows import tuning
from callrouter.flows.apply import BY_APPLY, ChangedOnScreen, apply, changed_on_screen, export
from callrouter.flows.tuning import BadDraft, Conflict, NoSuchDraft, NoSuchVersion, Stale
from callrouter.pages.leading import see
from callrouter.pages.setup_sections import SECTION_GROUPS
from callrouter.pages.tuning import GONE, SETUP
from callrouter.setup_file import BadSetup, Problem, differences, merge, read_file, write_setup
from callrouter.wording import formats
from callrouter.wording.catalogue import mark
from callrouter.wording.people import Voice
from callrouter.wording.remarks import remark_text
from callrouter.wording.setup_problems import problem_said
from callrouter.wording.who import who_did
from storage import drafts, setups
from storage.listing_timeline import user_names

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from callrouter.domain.setup import Setup
    from callrouter.flows.publishing import Applied
    from callrouter.flows.tuning import Looked
    from callrouter.pages.doors import Doors, Guest
    from callrouter.pages.setup_sections import Group
    from callrouter.service import Service
    from storage.drafts import Draft
    from storage.setups import Version

MOST_BYTES: Final = 1024**2
SHOWN: Final = 30
_TOML: Final = "application/toml"

_BAD_DRAFT: Final = {
    ("name", "needed"): mark("Give the draft a name."),
    ("name", "too_long"): mark("A name has at most {n} characters."),
    ("name", "too_many"): mark("There are {n} drafts already: throw one away first."),
    ("note", "too_long"): mark("A note has at most {n} characters."),
}
_LONGEST: Final = {
    ("name", "too_long"): tuning.LONGEST_NAME,
    ("name", "too_many"): tuning.MOST_DRAFTS,
    ("note", "too_long"): tuning.LONGEST_NOTE,
}

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Row:
    """A version, or a draft, in words."""

    id: str
    name: str
    by: str
    at: str
    note: str = ""
    here: bool = False


@dataclass(frozen=True, slots=True)
class Read:
    """What the overview shows, read at one moment."""

    drafts: Sequence[Draft]
    versions: Sequence[Version]
    on_screen: tuple[str, ...]
    names: dict[str, str]


@dataclass(frozen=True, slots=True)
class FileTried:
    """A setup.toml as it was sent, and what came of trying it."""

    text: str = ""
    problems: tuple[Problem, ...] = ()
    changes: tuple[str, ...] = ()
    warnings: tuple[Problem, ...] = ()
    tried: bool = False
    on_screen: bool = False  # what people changed on the screen would be lost
    prune: bool = False
    mark: str = ""  # of what was tried, and on what; it is sent again to apply that
    another: bool = False  # than its sender has seen


@dataclass(frozen=True, slots=True)
class Link:
    """To a part of the setup; `count`: of a list, how many there are."""

    path: str
    name: str
    count: int | None


@dataclass(frozen=True, slots=True)
class Links:
    title: str
    sections: tuple[Link, ...]


class SetupHome:
    def __init__(self, service: Service, doors: Doors) -> None:
        self._service = service
        self._doors = doors

    async def show(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        return await self._overview(guest, gone="gone" in request.query)

    async def give_file(self, request: web.Request, guest: Guest) -> web.StreamResponse:  # noqa: ARG002
        """What is in force as a setup.toml, or a past version."""
        text = await self._service.database.read(export)
        return _download(text, "setup.toml")

    # Drafts

    async def begin_draft(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        name = str((await request.post()).get("name", ""))
        try:
            id_ = await self._service.database.write(
                tuning.new_draft, name, by=guest.by, now=self._service.clock()
            )
        except BadDraft as bad:
            return await self._overview(guest, wrong=_said(guest, bad), typed=name)
        return see(f"{SETUP}/drafts/{id_}")

    async def show_draft(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        return await self._draft(request.match_info["id"], guest)

    async def give_draft(self, request: web.Request, guest: Guest) -> web.StreamResponse:  # noqa: ARG002
        found = await self._service.database.read(drafts.find, request.match_info["id"])
        if found is None:
            return see(GONE)
        return _download(write_setup(found.setup), "draft.toml")

    async def publish(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        form, id_ = await request.post(), request.match_info["id"]
        version, note = str(form.get("version", "")), str(form.get("note", ""))
        seen = int(version) if re.fullmatch("[0-9]{1,9}", version) else -1  # which fits none
        try:
            done = await self._service.database.write(
                tuning.publish,
                id_,
                seal=self._service.seal,
                by=guest.by,
                now=self._service.clock(),
                note=note,
                seen=seen if version else None,
            )
        except NoSuchDraft:
            return see(GONE)
        except BadDraft as bad:
            return await self._draft(id_, guest, wrong=_said(guest, bad), typed=note)
        except Stale:
            says = guest.words("The draft was changed meanwhile. Look at it once more.")
            return await self._draft(id_, guest, wrong=says, typed=note)
        except (Conflict, BadSetup):  # the page says which
            says = guest.words("It was not published.")
            return await self._draft(id_, guest, wrong=says, typed=note)
        log.info("setup_published", version=done.setup.version)
        return see(f"{SETUP}/versions/{done.setup.version}" if done.changes else SETUP)

    async def discard(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        try:
            await self._service.database.write(
                tuning.discard, request.match_info["id"], by=guest.by, now=self._service.clock()
            )
        except NoSuchDraft:
            return see(GONE)
        return see(SETUP)

    # Versions

    async def show_versions(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        before = request.query.get("before", "")
        rows, names = await self._service.database.read(
            _versions, int(before) if before.isdecimal() and len(before) < 9 else None
        )
        shown = [self._version(one, names, guest) for one in rows[:SHOWN]]
        older = rows[SHOWN - 1].version if len(rows) > SHOWN else None
        return self._doors.page(guest, "setup_versions", rows=shown, older=older)

    async def show_version(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        return await self._show_version(int(request.match_info["n"]), guest)

    async def go_back(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        n = int(request.match_info["n"])
        try:
            done = await self._service.database.write(
                tuning.go_back,
                n,
                seal=self._service.seal,
                by=guest.by,
                now=self._service.clock(),
            )
        except NoSuchVersion:
            return self._doors.message(guest, HTTPStatus.NOT_FOUND)
        except BadSetup as bad:
            return await self._show_version(n, guest, problems=bad.problems)
        log.info("setup_published", version=done.setup.version)
        return see(f"{SETUP}/versions/{done.setup.version}" if done.changes else SETUP)

    # setup.toml

    async def show_file(self, request: web.Request, guest: Guest) -> web.StreamResponse:  # noqa: ARG002
        return self._doors.page(guest, "setup_file", file=FileTried())

    async def take_file(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """Try a file; apply it where its sender has seen what it changes, or make it a draft."""
        form = await request.post()
        sent = form.get("file")
        if isinstance(sent, web.FileField) and sent.filename:
            data = sent.file.read(MOST_BYTES + 1)
        else:
            data = str(form.get("text", "")).replace("\r\n", "\n").encode()
        if len(data) > MOST_BYTES:
            said = Problem("", guest.words("is too long; allowed: 1 MB"))
            return self._file(guest, FileTried("", (said,)))
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            said = Problem("", guest.words("is not UTF-8 at byte {n}").format(n=error.start))
            return self._file(guest, FileTried("", (said,)))
        prune = "prune" in form
        if "draft" in form:
            return await self._to_draft(guest, text, prune=prune)
        return await self._apply(guest, text, prune=prune, sure=str(form.get("sure", "")))

    async def _to_draft(self, guest: Guest, text: str, *, prune: bool) -> web.StreamResponse:
        try:
            id_ = await self._service.database.write(
                _draft_of, text, self._service, guest, prune=prune
            )
        except BadSetup as bad:
            return self._file(guest, FileTried(text, bad.problems, prune=prune))
        except BadDraft as bad:
            return self._file(guest, FileTried(text, (Problem("", _said(guest, bad)),)))
        return see(f"{SETUP}/drafts/{id_}")

    async def _apply(
        self, guest: Guest, text: str, *, prune: bool, sure: str
    ) -> web.StreamResponse:
        try:
            tried, done = await self._service.database.write(
                _try_file, text, self._service, guest, prune=prune, sure=sure
            )
        except BadSetup as bad:
            return self._file(guest, FileTried(text, bad.problems, prune=prune))
        if done.changes and not tried.tried:
            log.info("setup_published", version=done.setup.version)
            return see(f"{SETUP}/versions/{done.setup.version}")
        return self._file(guest, tried)

    def _file(self, guest: Guest, file: FileTried) -> web.Response:
        status = HTTPStatus.UNPROCESSABLE_ENTITY if file.problems else HTTPStatus.OK
        told = replace(
            file,
            problems=self._told(file.problems, guest),
            warnings=self._told(file.warnings, guest),
        )
        return self._doors.page(guest, "setup_file", status=status, file=told)

    # Pages

    async def _overview(
        self, guest: Guest, *, gone: bool = False, wrong: str = "", typed: str = ""
    ) -> web.Response:
        read = await self._service.database.read(_overview)
        current = read.versions[0] if read.versions else None
        return self._doors.page(
            guest,
            "setup",
            status=HTTPStatus.UNPROCESSABLE_ENTITY if wrong else HTTPStatus.OK,
            current=self._version(current, read.names, guest) if current else None,
            groups=[_group(one, self._doors.setup, guest) for one in SECTION_GROUPS],
            drafts=[self._row(one, read.names, guest) for one in read.drafts],
            on_screen=read.on_screen,
            gone=gone,
            wrong=wrong,
            typed=typed,
        )

    async def _draft(
        self, id_: str, guest: Guest, *, wrong: str = "", typed: str = ""
    ) -> web.StreamResponse:
        try:
            looked, names = await self._service.database.read(
                _look_at, id_, now=self._service.clock()
            )
        except NoSuchDraft:
            return see(GONE)
        return self._doors.page(
            guest,
            "setup_draft",
            status=HTTPStatus.CONFLICT if wrong else HTTPStatus.OK,
            looked=looked,
            problems=self._told(looked.problems, guest),
            warnings=self._told(looked.warnings, guest),
            draft=self._row(looked.draft, names, guest),
            ready=looked.changes and not (looked.problems or looked.conflicts),
            wrong=wrong,
            typed=typed,
        )

    async def _show_version(
        self, n: int, guest: Guest, *, problems: Sequence[Problem] = ()
    ) -> web.StreamResponse:
        found = await self._service.database.read(_version, n)
        if found is None:
            return self._doors.message(guest, HTTPStatus.NOT_FOUND)
        version, setup, before, current, names = found
        return self._doors.page(
            guest,
            "setup_version",
            status=HTTPStatus.CONFLICT if problems else HTTPStatus.OK,
            version=self._version(version, names, guest),
            changes=differences(before, setup),
            back=differences(current, setup),
            problems=self._told(problems, guest),
        )

    def _told(self, problems: Sequence[Problem], guest: Guest) -> tuple[Problem, ...]:
        voice = Voice(guest.words, self._doors.setup)

        def said(message: str) -> str:
            if message.startswith("there is no "):  # with what was meant
                return problem_said(message, guest.words)
            return remark_text(voice, message)

        return tuple(replace(one, message=said(one.message)) for one in problems)

    def _version(self, one: Version, names: dict[str, str], guest: Guest) -> Row:
        note = one.note or ""
        if note.startswith("= ") and note[2:].isdecimal():
            note = guest.words("Version {n} again").format(n=note[2:])
        by = guest.words("setup.toml") if one.by == BY_APPLY else self._who(one.by, names, guest)
        return Row(str(one.version), "", by, self._at(one.since), note, one.until is None)

    def _row(self, one: Draft, names: dict[str, str], guest: Guest) -> Row:
        return Row(one.id, one.name, self._who(one.by, names, guest), self._at(one.updated_at))

    def _who(self, by: str, names: dict[str, str], guest: Guest) -> str:
        return who_did(by, self._doors.setup, guest.words, names)

    def _at(self, moment: datetime) -> str:
        return formats.moment(self._doors.setup.calendar_of(None).local(moment))


def _group(group: Group, setup: Setup, guest: Guest) -> Links:
    return Links(
        guest.words(group.title),
        tuple(
            Link(
                one.path,
                guest.words(one.title),
                len(getattr(setup, one.name)) if one.is_list else None,
            )
            for one in group.sections
        ),
    )


def _said(guest: Guest, bad: BadDraft) -> str:
    code = (bad.field, bad.code)
    return guest.words(_BAD_DRAFT[code]).format(n=_LONGEST.get(code, 0))


def _download(text: str, name: str) -> web.Response:
    return web.Response(
        body=text.encode(),
        content_type=_TOML,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _overview(conn: Connection) -> Read:
    found, versions = drafts.everybody(conn), setups.versions(conn, limit=1)
    by = [*(one.by for one in found), *(one.by for one in versions)]
    return Read(found, versions, changed_on_screen(conn), user_names(conn, by))


def _look_at(conn: Connection, id_: str, *, now: datetime) -> tuple[Looked, dict[str, str]]:
    looked = tuning.look_at(conn, id_, now=now)
    return looked, user_names(conn, [looked.draft.by])


def _versions(conn: Connection, before: int | None) -> tuple[list[Version], dict[str, str]]:
    found = setups.versions(conn, before=before, limit=SHOWN + 1)
    return found, user_names(conn, [one.by for one in found])


def _version(
    conn: Connection, n: int
) -> tuple[Version, Setup, Setup, Setup, dict[str, str]] | None:
    found = setups.versions(conn, before=n + 1, limit=1)
    if not found or found[0].version != n:
        return None
    current = setups.load(conn, setups.current_version(conn))
    return (
        found[0],
        setups.load(conn, n),
        setups.load(conn, n - 1),
        current,
        user_names(conn, [found[0].by]),
    )


def _draft_of(conn: Connection, text: str, service: Service, guest: Guest, *, prune: bool) -> str:
    """A draft of what a file would make of the Setup in force."""
    written, now = read_file(text), service.clock()
    id_ = tuning.new_draft(conn, guest.words("From a file"), by=guest.by, now=now)
    tuning.edit(
        conn,
        lambda setup: merge(setup, written, prune=prune),
        seal=service.seal,
        by=guest.by,
        now=now,
        draft=id_,
    )
    return id_


def _try_file(
    conn: Connection, text: str, service: Service, guest: Guest, *, prune: bool, sure: str
) -> tuple[FileTried, Applied]:
    """Apply a file where `sure` is the mark of this very trial, else try it. Raises BadSetup."""
    mark = _mark(setups.current_version(conn), text, prune=prune)
    put = partial(
        apply,
        conn,
        text,
        seal=service.seal,
        now=service.clock(),
        actor=guest.by,
        prune=prune,
        afar=True,
    )
    if sure == mark:
        done = put(force=True)
        return FileTried(text, changes=done.changes, tried=not done.changes, prune=prune), done
    on_screen = False
    try:
        done = put(dry_run=True)
    except ChangedOnScreen:
        done, on_screen = put(dry_run=True, force=True), True
    tried = FileTried(
        text,
        (),
        done.changes,
        done.warnings,
        tried=True,
        on_screen=on_screen,
        prune=prune,
        mark=mark,
        another=bool(sure),
    )
    return tried, done


def _mark(version: int, text: str, *, prune: bool) -> str:
    """A form sends its text with other line ends than a file has, and none before or after."""
    same = text.replace("\r\n", "\n").strip()
    return hashlib.sha256(f"{version} {prune}\n{same}".encode()).hexdigest()[:32]


def add(router: web.UrlDispatcher, service: Service, doors: Doors) -> None:
    home = SetupHome(service, doors)
    router.add_get(SETUP, doors.guarded(home.show, "see_setup"))
    router.add_get(f"{SETUP}/setup.toml", doors.guarded(home.give_file, "see_setup"))
    router.add_get(f"{SETUP}/file", doors.guarded(home.show_file, "tune"))
    router.add_post(f"{SETUP}/file", doors.guarded(home.take_file, "tune"))
    router.add_post(f"{SETUP}/drafts", doors.guarded(home.begin_draft, "tune"))
    router.add_get(f"{SETUP}/drafts/{{id}}", doors.guarded(home.show_draft, "see_setup"))
    router.add_get(f"{SETUP}/drafts/{{id}}/setup.toml", doors.guarded(home.give_draft, "see_setup"))
    router.add_post(f"{SETUP}/drafts/{{id}}/publish", doors.guarded(home.publish, "tune"))
    router.add_post(f"{SETUP}/drafts/{{id}}/discard", doors.guarded(home.discard, "tune"))
    router.add_get(f"{SETUP}/versions", doors.guarded(home.show_versions, "see_setup"))
    number = "{n:[1-9][0-9]{0,8}}"
    router.add_get(f"{SETUP}/versions/{number}", doors.guarded(home.show_version, "see_setup"))
    router.add_post(f"{SETUP}/versions/{number}/again", doors.guarded(home.go_back, "tune"))
