"""`/setup/ladders`: each ladder as a colleague tells it, and the form in which one is built."""

from __future__ import annotations

import asyncio
import hashlib
import tomllib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import structlog
from aiohttp import web

from callrouter.domain.setup import DEFAULT_LADDER, Ladder
from callrouter.flows.tuning import Stale
from callrouter.pages import ladder_form
from callrouter.pages.leading import see
from callrouter.pages.tuning import SETUP, bench_of
from callrouter.setup_file import BadSetup, check, warnings
from callrouter.setup_file.editing import ItemExists, NoSuchItem, drop_item, find_item, put_item
from callrouter.setup_file.names import item_name
from callrouter.setup_file.writing import write_item
from callrouter.wording import codes
from callrouter.wording import ladders as say
from callrouter.wording.conditions import begun
from callrouter.wording.people import Voice
from callrouter.wording.remarks import remark_text

if TYPE_CHECKING:
    from callrouter.domain.setup import Line, Setup
    from callrouter.pages.doors import Doors, Guest
    from callrouter.pages.ladder_form import Steps
    from callrouter.pages.tuning import Bench
    from callrouter.service import Service
    from callrouter.setup_file import Problem

LADDERS: Final = f"{SETUP}/ladders"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Uses:
    """Who sends calls up a ladder: lines while they are open, or outside their hours, and rules."""

    lines: tuple[Line, ...]
    closed: tuple[Line, ...]
    rules: tuple[str, ...]

    @property
    def some(self) -> bool:
        return bool(self.lines or self.closed or self.rules)


def uses_of(setup: Setup, key: str) -> Uses:
    """Of the ladder of this key; "": of the usual one, which lines without their own have."""
    return Uses(
        tuple(line for line in setup.line if (line.ladder or "") == key),
        tuple(line for line in setup.line if key and line.closed == key),
        tuple(rule.name for rule in setup.rule if rule.ladder == key),
    )


@dataclass(frozen=True, slots=True)
class Row:
    ladder: Ladder
    rungs: tuple[str, ...]
    longest: str
    uses: Uses
    wrong: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Typed:
    """A form as it was sent. `was`: the key of the ladder that it changes; "": a new one."""

    was: str
    key: str
    steps: Steps
    seen: str
    tried: bool = False  # somebody wanted to save it: what is missing is said


class Ladders:
    def __init__(self, service: Service, doors: Doors) -> None:
        self._service = service
        self._doors = doors

    async def show(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        return await self._list(guest, await bench_of(request, guest, self._service))

    async def _list(
        self, guest: Guest, bench: Bench, *, refused: Sequence[str] = (), status: int = 200
    ) -> web.Response:
        voice = Voice(guest.words, bench.setup)
        rows = await asyncio.to_thread(rows_of, voice)  # calls do not wait for what is looked into
        return self._doors.page(
            guest, "ladders", status=status, bench=bench, rows=rows, refused=refused
        )

    async def new(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """`?copy=`: with the steps of another one."""
        bench, steps = await bench_of(request, guest, self._service), ladder_form.NEW
        if (copied := request.query.get("copy")) is not None:
            found = bench.setup.ladders.get(copied) if copied else DEFAULT_LADDER
            steps = ladder_form.steps_of(found) if found else steps
        return self._form(guest, bench, Typed("", "", steps, ""))

    async def edit(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        bench = await bench_of(request, guest, self._service)
        found = bench.setup.ladders.get(key := request.query.get("key", ""))
        if found is None:
            return self._doors.message(guest, HTTPStatus.NOT_FOUND)
        typed = Typed(key, key, ladder_form.steps_of(found), digest(found))
        return self._form(guest, bench, typed)

    async def take(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """Save the form, or do what one of its other buttons says and show it again."""
        bench = await bench_of(request, guest, self._service)
        pairs = await pairs_of(request)
        said = dict(reversed(pairs))
        do, was = said.get("do", ""), said.get("was", "")
        steps = ladder_form.act(ladder_form.read_steps(pairs), do)
        key = was or said.get("key", "").strip()
        tried = do == "save" or "tried" in said
        typed = Typed(was, key, steps, said.get("seen", ""), tried)
        if do != "save":
            return self._form(guest, bench, typed)
        return await self._save(guest, bench, typed)

    async def _save(self, guest: Guest, bench: Bench, typed: Typed) -> web.StreamResponse:
        voice = Voice(guest.words, bench.setup)
        built = ladder_form.build(typed.steps, typed.key, bench.setup, voice)
        if built.wrong:
            return self._form(guest, bench, typed, status=HTTPStatus.UNPROCESSABLE_ENTITY)

        def change(setup: Setup) -> Setup:
            if typed.was and digest(find_item(setup, "ladder", typed.was)) != typed.seen:
                raise Stale
            written = written_item(setup, "ladder", built.ladder)
            return put_item(setup, "ladder", written, key=typed.was or None)

        try:
            await bench.edit(change)
        except ItemExists:
            taken = {"key": guest.words("This name is taken already.")}
            return self._form(guest, bench, typed, wrong=taken, status=HTTPStatus.CONFLICT)
        except (Stale, NoSuchItem):
            return await self._stale(guest, bench, typed)
        except BadSetup as bad:
            return self._refused(guest, bench, typed, bad.problems)
        log.info("ladder_saved", ladder=typed.key, draft=bench.draft.id if bench.draft else None)
        return see(f"{bench.link(LADDERS)}#ladder-{typed.key}")

    async def remove(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        bench = await bench_of(request, guest, self._service)
        key = str((await request.post()).get("key", ""))
        try:
            await bench.edit(lambda setup: _without(setup, key))
        except NoSuchItem:
            return self._doors.message(guest, HTTPStatus.NOT_FOUND)
        except _Used:
            says = guest.words("The ladder “{name}” is still used, so it stays.", name=key)
            return await self._list(guest, bench, refused=[says], status=HTTPStatus.CONFLICT)
        except BadSetup as bad:
            voice = Voice(guest.words, bench.setup)
            said = [f"{one.key}: {remark_text(voice, one.message)}" for one in bad.problems]
            return await self._list(guest, bench, refused=said, status=HTTPStatus.CONFLICT)
        log.info("ladder_removed", ladder=key, draft=bench.draft.id if bench.draft else None)
        return see(bench.link(LADDERS))

    async def _stale(self, guest: Guest, bench: Bench, typed: Typed) -> web.Response:
        """Somebody else was quicker: what was typed stands, and a second click saves it over."""
        now = bench.setup.ladders.get(typed.was)
        says = guest.words(
            "Somebody has changed this meanwhile. What you typed stands here; save again to put it "
            "in place of theirs."
        )
        again = Typed(typed.was if now else "", typed.key, typed.steps, digest(now) if now else "")
        return self._form(guest, bench, again, refused=[says], status=HTTPStatus.CONFLICT)

    def _refused(
        self, guest: Guest, bench: Bench, typed: Typed, problems: Sequence[Problem]
    ) -> web.Response:
        voice = Voice(guest.words, bench.setup)
        said = [f"{one.key}: {remark_text(voice, one.message)}" for one in problems]
        return self._form(guest, bench, typed, refused=said, status=HTTPStatus.CONFLICT)

    def _form(
        self,
        guest: Guest,
        bench: Bench,
        typed: Typed,
        *,
        wrong: Mapping[str, str] | None = None,
        refused: Sequence[str] = (),
        status: int = 200,
    ) -> web.Response:
        voice = Voice(guest.words, bench.setup)
        built = ladder_form.build(typed.steps, typed.key or "-", bench.setup, voice)
        told = {**_said_now(built.wrong, typed), **(wrong or {})}
        if typed.tried and not typed.key:
            told["key"] = guest.words("Give it a short name.")
        elif not typed.was and typed.key in bench.setup.ladders:
            told["key"] = guest.words("This name is taken already.")
        return self._doors.page(
            guest,
            "ladder",
            status=status,
            bench=bench,
            typed=typed,
            wrong=defaultdict(str, told),
            remarks=defaultdict(str, built.remarks),
            refused=refused,
            uses=uses_of(bench.setup, typed.was) if typed.was else None,
            preview=begun(say.ladder_text(voice, built.ladder)),
            longest=say.longest_text(guest.words, built.ladder),
            strategies=[(key, guest.words(name)) for key, name in codes.STRATEGIES.items()],
            meanings={key: guest.words(said) for key, said in say.MEANINGS.items()},
            busies=[(key, guest.words(name)) for key, name in say.BUSY.items()],
            teams=[(one.key, one.name or one.key) for one in bench.setup.team],
            offices=[
                ("line", guest.words("the office of the company number")),
                *((one.key, one.name or one.key) for one in bench.setup.office),
            ],
            skills=[
                (skill, skill)
                for skill in sorted({skill for one in bench.setup.active for skill in one.skills})
            ],
        )


class _Used(Exception):
    pass


def _without(setup: Setup, key: str) -> Setup:
    if uses_of(setup, key).some:
        raise _Used
    return drop_item(setup, "ladder", key)


def _said_now(wrong: Mapping[str, str], typed: Typed) -> dict[str, str]:
    """What is wrong with what was typed; what is only missing is said once somebody saves it."""
    if typed.tried:
        return dict(wrong)

    def begun(place: str) -> bool:
        n, _, field = place.partition(":")
        return not n.isdigit() or not field or bool(getattr(typed.steps[int(n)], field, ""))

    return {place: said for place, said in wrong.items() if place and begun(place)}


def rows_of(voice: Voice) -> list[Row]:
    """All ladders, the usual one last; each with what is wrong, or to be thought of."""
    setup = voice.setup
    problems = check(setup)
    remarks = () if problems else warnings(setup)
    return [
        Row(
            ladder,
            tuple(say.rungs(voice, ladder)),
            say.longest_text(voice.words, ladder),
            uses := uses_of(setup, ladder.key),
            tuple(_about(voice, problems, [item_name("ladder", ladder)])) if ladder.key else (),
            tuple(_about(voice, remarks, _names(ladder, uses))),
        )
        for ladder in (*setup.ladder, DEFAULT_LADDER)
    ]


def _names(ladder: Ladder, uses: Uses) -> list[str]:
    lines = {line.number: line for line in (*uses.lines, *uses.closed)}
    named = [item_name("line", line) for line in lines.values()]
    return [item_name("ladder", ladder), *named] if ladder.key else named


def _about(voice: Voice, problems: Sequence[Problem], names: Sequence[str]) -> list[str]:
    """Of a ladder: also with which step; of a line: as far as it is about whom it rings."""
    said = []
    for one in problems:
        for name in names:
            if not one.key.startswith(name):
                continue
            rest = one.key[len(name) :]
            if name.startswith("line[") and rest not in ("", ".ladder"):
                continue
            text = remark_text(voice, one.message)
            place = ladder_form.place_of(rest).partition(":")[0] if rest else ""
            if place.isdigit():
                text = voice.words("Step {n}: {what}", n=int(place) + 1, what=text)
            said.append(text)
    return list(dict.fromkeys(said))


# Shared with the rules


def digest(item: object) -> str:
    """Tells one state of an item from another."""
    return hashlib.sha256(repr(item).encode()).hexdigest()[:16]


def written_item(setup: Setup, section: str, item: object) -> dict[str, Any]:
    """An item as a file says it."""
    return dict(tomllib.loads(write_item(setup, section, item))[section][0])


async def pairs_of(request: web.Request) -> list[tuple[str, str]]:
    """The fields of a form, in order."""
    return [(key, value) for key, value in (await request.post()).items() if isinstance(value, str)]


def add(router: web.UrlDispatcher, service: Service, doors: Doors) -> None:
    page = Ladders(service, doors)
    router.add_get(LADDERS, doors.guarded(page.show, "see_setup"))
    router.add_get(f"{LADDERS}/new", doors.guarded(page.new, "tune"))
    router.add_get(f"{LADDERS}/edit", doors.guarded(page.edit, "see_setup"))
    router.add_post(f"{LADDERS}/form", doors.guarded(page.take, "tune"))
    router.add_post(f"{LADDERS}/remove", doors.guarded(page.remove, "tune"))
