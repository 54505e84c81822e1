"""`/setup/SECTION`: what an admin tunes, as lists and forms, made of `setup_sections`.

Who may only look sees the same without anything to press. What is saved is checked as `apply` does;
on a draft what is wrong is only said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import structlog
from aiohttp import web

from callrouter.pages.leading import see
from callrouter.pages.setup_form import (
    Form,
    Refused,
    by_field,
    marks_of,
    meet,
    open_form,
    read_form,
    rearranged,
    written,
)
from callrouter.pages.setup_hours import EXAMPLES, preview
from callrouter.pages.setup_kinds import Context, HoursText
from callrouter.pages.setup_lists import away_days, rows_of
from callrouter.pages.setup_refs import referring
from callrouter.pages.setup_sections import SECTIONS, Section
from callrouter.pages.tuning import SETUP, Bench, bench_of
from callrouter.setup_file import BadSetup, Problem, check, warnings
from callrouter.setup_file.editing import (
    ItemExists,
    NoSuchItem,
    drop_item,
    move_item,
    put_item,
    put_table,
    written_of,
)
from callrouter.setup_file.names import label
from callrouter.wording.catalogue import mark
from callrouter.wording.setup_problems import problem_said
from storage import handovers

if TYPE_CHECKING:
    from collections.abc import Callable

    from callrouter.domain.setup import Setup
    from callrouter.pages.doors import Doors, Guest
    from callrouter.service import Service

NEW: Final = "new"
PREFILLED: Final = ("manager", "type", "kind")
"""What the address of an empty form may say already."""

_DONE: Final[Mapping[str, str]] = {
    "saved": mark("Saved."),
    "same": mark("Nothing was changed: it stood so already."),
    "gone": mark("It was taken away."),
    "moved": mark("The order is changed."),
}
_STALE: Final = mark(
    "Somebody else has changed this meanwhile. Beside what you typed stands what is there now. "
    "Save again, and yours holds."
)
_NOT_THERE: Final = mark(
    "Somebody else has taken this away meanwhile. Nothing you typed is lost: save, and it is there "
    "again."
)
_NOT_SAVED: Final = mark("It was not saved. What is wrong stands beside the fields.")

_KEY_TAKEN: Final = mark("Choose another key: an address of ours is called so.")
_TAKEN: Final = (NEW, "move", ".", "..")

log = structlog.get_logger(__name__)


class _Meanwhile(Exception):
    """The item is not what the form was compared with."""


@dataclass(frozen=True, slots=True)
class Told:
    """What stands on top of a form: `done` of a save; `wrong` why not; `more` what is elsewhere."""

    done: str = ""
    wrong: str = ""
    more: tuple[str, ...] = ()


def add(router: web.UrlDispatcher, service: Service, doors: Doors) -> None:
    """Lists and forms of all sections. The addresses with a word stand before those with a key."""
    page = SetupForms(service, doors)
    lists = "|".join(one.name for one in SECTIONS.values() if one.is_list)
    singles = "|".join(one.name for one in SECTIONS.values() if not one.is_list)
    single, one = f"{SETUP}/{{section:{singles}}}", f"{SETUP}/{{section:{lists}}}"
    router.add_get(f"{SETUP}/hours", doors.guarded(page.say_hours, "see_setup"))
    router.add_get(single, doors.guarded(page.show, "see_setup"))
    router.add_post(single, doors.guarded(page.save, "tune"))
    router.add_get(one, doors.guarded(page.list, "see_setup"))
    router.add_post(f"{one}/move", doors.guarded(page.move, "tune"))
    router.add_get(f"{one}/new", doors.guarded(page.show_new, "tune"))
    router.add_post(f"{one}/new", doors.guarded(page.save_new, "tune"))
    router.add_get(f"{one}/{{key}}", doors.guarded(page.show, "see_setup"))
    router.add_post(f"{one}/{{key}}", doors.guarded(page.save, "tune"))
    router.add_get(f"{one}/{{key}}/remove", doors.guarded(page.ask, "tune"))
    router.add_post(f"{one}/{{key}}/remove", doors.guarded(page.remove, "tune"))


class SetupForms:
    def __init__(self, service: Service, doors: Doors) -> None:
        self._service = service
        self._doors = doors

    # Lists

    async def list(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        bench = await self._bench(request, guest)
        return self._list(request, guest, bench, _section(request))

    def _list(
        self,
        request: web.Request,
        guest: Guest,
        bench: Bench,
        section: Section,
        wrong: Sequence[str] = (),
    ) -> web.Response:
        query, ctx = request.query, self._context(bench, guest)
        q = query.get("q", "").replace("\x00", "")[:200]
        state = query.get("state", "")
        found = rows_of(section, ctx, q=q, state=state)
        return self._doors.page(
            guest,
            "setup_list",
            status=HTTPStatus.UNPROCESSABLE_ENTITY if wrong else HTTPStatus.OK,
            bench=bench,
            section=section,
            rows=found,
            q=q,
            state=state,
            narrowed=bool(q or state),
            columns=[section.field(name).label for name in section.columns],
            away=away_days(ctx) if section.name == "absence" else None,
            done=guest.words(_DONE[query["done"]]) if query.get("done") in _DONE else "",
            wrong=wrong,
            address=lambda key: bench.link(_address(section, key)),
            count=len(getattr(bench.setup, section.name)),
        )

    async def move(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        bench, section = await self._bench(request, guest), _section(request)
        posted = await request.post()
        key, to = str(posted.get("key", "")), str(posted.get("to", ""))
        if to.isdecimal() and len(to) < 6:
            try:
                await bench.edit(lambda setup: move_item(setup, section.name, key, int(to)))
            except NoSuchItem:
                pass  # the list shows that it is gone
            except BadSetup as bad:
                bench = await self._bench(request, guest)
                return self._list(request, guest, bench, section, _elsewhere(bad.problems, guest))
        return see(bench.link(f"{section.path}?done=moved"))

    # Forms

    async def show(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        bench, section = await self._bench(request, guest), _section(request)
        key = request.match_info.get("key", "")
        try:
            was = written_of(bench.setup, section.name, key)
        except NoSuchItem:
            return self._doors.message(guest, HTTPStatus.NOT_FOUND)
        form = open_form(section, was, self._context(bench, guest), new=False)
        said = request.query.get("done", "")
        done = guest.words(_DONE[said]) if said in _DONE else ""
        return await self._page(guest, bench, form, key, Told(done))

    async def show_new(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        bench, section = await self._bench(request, guest), _section(request)
        was: dict[str, Any] = {}
        if section.name == "pipeline":
            was = {"statuses": _usual_statuses()}
        else:
            was = {it: request.query[it] for it in PREFILLED if it in request.query}
        form = open_form(section, was, self._context(bench, guest), new=True)
        return await self._page(guest, bench, replace(form, was={}), None, Told())

    async def save_new(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        return await self._save(request, guest, None)

    async def save(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        return await self._save(request, guest, request.match_info.get("key", ""))

    async def _save(
        self, request: web.Request, guest: Guest, key: str | None, tries: int = 3
    ) -> web.StreamResponse:
        bench, section = await self._bench(request, guest), _section(request)
        posted, ctx = await request.post(), self._context(bench, guest)
        was: Mapping[str, Any] = {}
        try:
            was = {} if key is None else written_of(bench.setup, section.name, key)
        except NoSuchItem:
            form = replace(read_form(posted, section, {}, ctx, new=True), opened={})
            told = Told(wrong=guest.words(_NOT_THERE))
            return await self._page(guest, bench, form, None, told, HTTPStatus.CONFLICT)
        form = read_form(posted, section, was, ctx, new=key is None)
        opened = marks_of(posted)
        if do := str(posted.get("do", "")):
            form = replace(rearranged(form, do), opened=opened)
            return await self._page(guest, bench, form, key, Told())
        if key is not None and (met := meet(form, opened)):
            told = Told(wrong=guest.words(_STALE))
            return await self._page(guest, bench, met, key, told, HTTPStatus.CONFLICT)
        try:
            item = written(form)
        except Refused as bad:
            form, told = form.with_wrong(bad.wrong), Told(wrong=guest.words(_NOT_SAVED))
            return await self._page(guest, bench, form, key, told, _UNFIT)
        if key is None and item.get("key") in _TAKEN:
            form = form.with_wrong({"key": (guest.words(_KEY_TAKEN),)})
            told = Told(wrong=guest.words(_NOT_SAVED))
            return await self._page(guest, bench, form, key, told, _UNFIT)
        try:
            edited = await bench.edit(_putting(section, item, key, was))
        except (_Meanwhile, NoSuchItem):
            if tries:  # it is compared with what is there now
                return await self._save(request, guest, key, tries - 1)
            told = Told(wrong=guest.words(_STALE))
            return await self._page(guest, bench, form, key, told, HTTPStatus.CONFLICT)
        except BadSetup as bad:
            form, told = _refused(form, bad, item, key, guest)
            return await self._page(guest, bench, form, key, told, _UNFIT)
        log.info("setup_saved", section=section.name, changes=len(edited.changes))
        done = "saved" if edited.changes else "same"
        where = _address(section, _label(section, item)) if section.is_list else section.path
        return see(bench.link(f"{where}?done={done}"))

    async def _page(
        self,
        guest: Guest,
        bench: Bench,
        form: Form,
        key: str | None,
        told: Told,
        status: HTTPStatus = HTTPStatus.OK,
    ) -> web.Response:
        section, work = form.section, None
        beside: tuple[str, ...] = ()
        form = form.without_secrets()
        if key is not None:
            form, beside = _with_notes(form, bench, key, guest)
        if section.name == "manager" and key:
            counts = await self._service.database.read(handovers.count_open, [key])
            work = counts.get(key)
        return self._doors.page(
            guest,
            "setup_item",
            status=status,
            bench=bench,
            section=section,
            form=form,
            key=key,
            title=_title(form, key),
            told=told,
            notes=beside,
            action=bench.link(_address(section, key or NEW) if section.is_list else section.path),
            removal=bench.link(f"{_address(section, key)}/remove")
            if section.is_list and key
            else "",
            work=work,
            absences=_absences(bench, key) if section.name == "manager" and key else (),
            examples=EXAMPLES,
            has_hours=any(isinstance(it.kind, HoursText) for it in section.fields),
            quote=lambda text: quote(text, safe=""),
        )

    # Taking away

    async def ask(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        return await self._ask(request, guest)

    async def _ask(
        self, request: web.Request, guest: Guest, wrong: Sequence[str] = ()
    ) -> web.StreamResponse:
        bench, section = await self._bench(request, guest), _section(request)
        key = request.match_info["key"]
        try:
            was = written_of(bench.setup, section.name, key)
        except NoSuchItem:
            return self._doors.message(guest, HTTPStatus.NOT_FOUND)
        form = open_form(section, was, self._context(bench, guest), new=False)
        counts = {}
        if section.name == "manager":
            counts = await self._service.database.read(handovers.count_open, [key])
        references = referring(bench.setup, section.name, key)
        return self._doors.page(
            guest,
            "setup_remove",
            status=_UNFIT if wrong else HTTPStatus.OK,
            bench=bench,
            section=section,
            key=key,
            title=_title(form, key),
            references=[(it, bench.link(_where(it.section, it.key))) for it in references],
            work=counts.get(key),
            wrong=wrong,
            action=bench.link(f"{_address(section, key)}/remove"),
            back=bench.link(_address(section, key)),
        )

    async def remove(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        bench, section = await self._bench(request, guest), _section(request)
        key = request.match_info["key"]
        try:
            await bench.edit(lambda setup: drop_item(setup, section.name, key))
        except NoSuchItem:
            pass  # somebody else was quicker
        except BadSetup as bad:
            return await self._ask(request, guest, _elsewhere(bad.problems, guest))
        log.info("setup_removed", section=section.name)
        if section.name == "manager":
            return see(bench.link(f"{_address(section, key)}?done=saved"))
        return see(bench.link(f"{section.path}?done=gone"))

    # For the script

    async def say_hours(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """What hours mean, while they are typed."""
        bench = await self._bench(request, guest)
        text = request.query.get("text", "").replace("\x00", "")
        office = request.query.get("office") or None
        found = preview(text.strip(), office, self._context(bench, guest))
        days = [{"day": it.day, "open": it.open, "holiday": it.holiday} for it in found.days]
        wrong = problem_said(found.wrong, guest.words) if found.wrong else ""
        return web.json_response({"days": days, "wrong": wrong, "zone": found.zone})

    def _context(self, bench: Bench, guest: Guest) -> Context:
        return Context(bench.setup, guest.words, self._service.clock())

    async def _bench(self, request: web.Request, guest: Guest) -> Bench:
        return await bench_of(request, guest, self._service)


_UNFIT: Final = HTTPStatus.UNPROCESSABLE_ENTITY


def _section(request: web.Request) -> Section:
    return SECTIONS[request.match_info["section"]]


def _address(section: Section, key: str) -> str:
    return f"{section.path}/{quote(key, safe='')}"


_ELSEWHERE: Final = {"account": "accounts", "ladder": "ladders", "rule": "rules"}


def _where(section: str, key: str) -> str:
    """The page of an item of any section."""
    if section in _ELSEWHERE:
        return f"{SETUP}/{_ELSEWHERE[section]}"
    return _address(SECTIONS[section], key) if key else SECTIONS[section].path


def _label(section: Section, item: Mapping[str, object]) -> str:
    if section.name == "absence":
        return f"{item.get('manager', '')} {item.get('from', '')}"
    return str(item.get("number" if section.name == "line" else "key", ""))


def _title(form: Form, key: str | None) -> str:
    """What the item is called; of an absence, who is away."""
    words, section = form.ctx.words, form.section
    if key is None:
        return words(section.new)
    if not section.is_list:
        return words(section.title)
    if section.name == "absence":
        who = section.field("manager").kind.said(form.was.get("manager"), form.ctx)
        return f"{who}, {form.was['from']:%d.%m.%Y}"
    if section.name == "letter":
        return section.field("kind").kind.said(form.was.get("kind", "offer"), form.ctx)
    return str(form.was.get("name") or key)


def _usual_statuses() -> list[dict[str, object]]:
    """What a pipeline begins with: something to change is easier than an empty page."""
    return [
        {"key": "new", "weight": 0},
        {"key": "in_work"},
        {"key": "won", "closed": True},
        {"key": "lost", "closed": True},
    ]


def _putting(
    section: Section, item: Mapping[str, object], key: str | None, was: Mapping[str, Any]
) -> Callable[[Setup], Setup]:
    """The change that a form comes to, for the transaction that makes it."""

    def put(setup: Setup) -> Setup:
        if key is not None and written_of(setup, section.name, key) != was:
            raise _Meanwhile
        if not section.is_list:
            return put_table(setup, section.name, item)
        return put_item(setup, section.name, item, key=key)

    return put


def _names(section: Section, *keys: str | None) -> list[str]:
    """How problems name an item."""
    if not section.is_list:
        return [section.name]
    return [f"{section.name}[{key}]" for key in keys if key is not None]


def _refused(
    form: Form, bad: BadSetup, item: Mapping[str, object], key: str | None, guest: Guest
) -> tuple[Form, Told]:
    section = form.section
    names = _names(section, _label(section, item), key)
    whole = section.fields[0].name if section.is_list else None
    beside, rest = by_field(bad.problems, form, names, whole=whole)
    wrong = {
        name: tuple(problem_said(it, guest.words) for it in said) for name, said in beside.items()
    }
    if isinstance(bad, ItemExists) and whole:
        wrong = {whole: (guest.words(mark("There is one with this name already.")),)}
    told = Told(wrong=guest.words(_NOT_SAVED), more=_elsewhere(rest, guest))
    return form.with_wrong(wrong), told


def _elsewhere(problems: Sequence[Problem], guest: Guest) -> tuple[str, ...]:
    """Problems that are not about a field of this page."""
    return tuple(f"{it.key}: {problem_said(it.message, guest.words)}" for it in problems)


def _with_notes(form: Form, bench: Bench, key: str, guest: Guest) -> tuple[Form, tuple[str, ...]]:
    """With what is allowed of the item and probably not meant, and with what a draft has wrong."""
    names = _names(form.section, key)
    wrong: Sequence[Problem] = check(bench.setup) if bench.draft else ()
    if wrong:
        found, _ = by_field([it for it in wrong if _about(it, names)], form, names)
        said = {
            name: tuple(problem_said(it, guest.words) for it in texts)
            for name, texts in found.items()
        }
        return replace(form, wrong={**said, **form.wrong}), tuple(
            problem_said(it.message, guest.words) for it in wrong if it.key in names
        )
    remarks = [it for it in warnings(bench.setup) if _about(it, names)]
    beside, rest = by_field(remarks, form, names)
    notes = {
        name: tuple(problem_said(it, guest.words) for it in texts) for name, texts in beside.items()
    }
    return replace(form, notes=notes), tuple(problem_said(it.message, guest.words) for it in rest)


def _about(problem: Problem, names: Sequence[str]) -> bool:
    return any(problem.key == it or problem.key.startswith(f"{it}.") for it in names)


def _absences(bench: Bench, manager: str) -> tuple[tuple[str, str], ...]:
    """Of one manager: its page, and its days."""
    section = SECTIONS["absence"]
    return tuple(
        (
            bench.link(_address(section, label("absence", it))),
            f"{it.from_:%d.%m.%Y}–{it.to:%d.%m.%Y}",
        )
        for it in bench.setup.absences.get(manager, ())
    )
