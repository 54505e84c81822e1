"""`/setup/rules`: the rules in their order, each in words, and the form in which one is built."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import structlog
from aiohttp import web

from callrouter.domain.setup import Condition, Rule
from callrouter.flows.tuning import Stale
from callrouter.pages import condition_form
from callrouter.pages.condition_form import Part
from callrouter.pages.doors import by_script
from callrouter.pages.ladders import LADDERS, digest, pairs_of, written_item
from callrouter.pages.leading import see
from callrouter.pages.tuning import SETUP, bench_of
from callrouter.setup_file import BadSetup, check
from callrouter.setup_file.editing import (
    ItemExists,
    NoSuchItem,
    drop_item,
    find_item,
    move_item,
    put_item,
)
from callrouter.setup_file.names import item_name
from callrouter.setup_file.problems import text
from callrouter.setup_file.shadows import Shadow, shadow_of, shadows
from callrouter.wording import conditions as say
from callrouter.wording import ladders as say_ladders
from callrouter.wording.people import Voice
from callrouter.wording.remarks import remark_text
from storage.tags import tags_in_use

if TYPE_CHECKING:
    from callrouter.domain.setup import Ladder, Setup
    from callrouter.pages.doors import Doors, Guest
    from callrouter.pages.tuning import Bench
    from callrouter.service import Service
    from callrouter.setup_file import Problem

RULES: Final = f"{SETUP}/rules"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Row:
    """A rule in words. `never`: why no call ever comes to it."""

    rule: Rule
    when: str
    then: str
    never: str = ""
    wrong: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Typed:
    """A form as it was sent. `was`: the name of the rule that it changes; "": a new one.

    `before`: of a new one, the rule in front of which it comes; "": it comes last.
    """

    was: str
    name: str
    ladder: str
    whole: Part
    seen: str
    before: str = ""
    tried: bool = False


class Rules:
    def __init__(self, service: Service, doors: Doors) -> None:
        self._service = service
        self._doors = doors
        self._looking = asyncio.Lock()  # one at a time: calls need the processor

    async def show(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        return await self._list(guest, await bench_of(request, guest, self._service))

    async def _list(
        self, guest: Guest, bench: Bench, *, refused: Sequence[str] = (), status: int = 200
    ) -> web.Response:
        voice = Voice(guest.words, bench.setup)
        async with self._looking:
            rows = await asyncio.to_thread(rows_of, voice)  # calls do not wait for it
        return self._doors.page(
            guest,
            "rules",
            status=status,
            bench=bench,
            rows=rows,
            otherwise=otherwise(voice),
            refused=refused,
        )

    async def new(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """`?copy=`: like another one, before which it then comes."""
        bench = await bench_of(request, guest, self._service)
        typed = Typed("", "", request.query.get("ladder", ""), condition_form.NEW, "")
        if found := _rule(bench.setup, request.query.get("copy", "")):
            whole = condition_form.part_of(found.when)
            typed = Typed("", "", found.ladder, whole, "", before=found.name)
        return await self._form(guest, bench, typed)

    async def edit(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        bench = await bench_of(request, guest, self._service)
        found = _rule(bench.setup, request.query.get("rule", ""))
        if found is None:
            return self._doors.message(guest, HTTPStatus.NOT_FOUND)
        whole = condition_form.part_of(found.when)
        typed = Typed(found.name, found.name, found.ladder, whole, digest(found))
        return await self._form(guest, bench, typed)

    async def take(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """Save the form, or do what one of its other buttons says and show it again."""
        bench = await bench_of(request, guest, self._service)
        pairs = await pairs_of(request)
        said = dict(reversed(pairs))
        do, was = said.get("do", ""), said.get("was", "")
        stands = _rule(bench.setup, was)
        stood = condition_form.part_of(stands.when) if stands else Part("row")
        whole = condition_form.act(condition_form.read_part(pairs), do)
        name = said.get("name", "")
        typed = Typed(
            was,
            name if name == was else " ".join(name.split()),
            said.get("ladder", ""),
            condition_form.tidied(whole, condition_form.values_in(stood)),
            said.get("seen", ""),
            said.get("before", ""),
            tried=do == "save" or "tried" in said,
        )
        if do != "save":
            return await self._form(guest, bench, typed)
        return await self._save(guest, bench, typed)

    async def _save(self, guest: Guest, bench: Bench, typed: Typed) -> web.StreamResponse:
        voice = Voice(guest.words, bench.setup)
        built = condition_form.build(typed.whole, bench.setup, voice)
        if built.when is None or _wrong_head(guest, bench.setup, typed):
            return await self._form(guest, bench, typed, status=HTTPStatus.UNPROCESSABLE_ENTITY)
        rule = Rule(typed.name, built.when, typed.ladder)
        try:
            await bench.edit(lambda setup: _put(setup, rule, typed))
        except (Stale, NoSuchItem):
            return await self._stale(guest, bench, typed)
        except BadSetup as bad:  # also a name that somebody has taken meanwhile
            said = [_problem(voice, one) for one in bad.problems]
            if isinstance(bad, ItemExists):
                said = [guest.words("This name is taken already.")]
            return await self._form(guest, bench, typed, refused=said, status=HTTPStatus.CONFLICT)
        log.info("rule_saved", rule=typed.name, draft=bench.draft.id if bench.draft else None)
        return see(bench.link(RULES))

    async def _stale(self, guest: Guest, bench: Bench, typed: Typed) -> web.Response:
        """Somebody else was quicker: what was typed stands, and a second click saves it over."""
        now = _rule(bench.setup, typed.was)
        says = guest.words(
            "Somebody has changed this meanwhile. What you typed stands here; save again to put it "
            "in place of theirs."
        )
        again = Typed(
            typed.was if now else "",
            typed.name,
            typed.ladder,
            typed.whole,
            digest(now) if now else "",
        )
        return await self._form(guest, bench, again, refused=[says], status=HTTPStatus.CONFLICT)

    async def move(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """Up or down by one, or (`before`) in front of another rule; "": last of all."""
        bench = await bench_of(request, guest, self._service)
        form = await request.post()
        name, do = str(form.get("rule", "")), str(form.get("do", ""))
        before = str(form["before"]) if "before" in form else None
        try:
            await bench.edit(lambda setup: _moved(setup, name, do, before))
        except NoSuchItem:
            says = guest.words("It is not there any more.")
            if by_script(request):
                return web.json_response({"says": says}, status=HTTPStatus.CONFLICT)
            return await self._list(guest, bench, refused=[says], status=HTTPStatus.CONFLICT)
        if by_script(request):
            return web.Response(status=HTTPStatus.NO_CONTENT)
        return see(bench.link(RULES))

    async def remove(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        bench = await bench_of(request, guest, self._service)
        name = str((await request.post()).get("rule", ""))
        with suppress(NoSuchItem):  # somebody was quicker: what was wanted has been done
            await bench.edit(lambda setup: drop_item(setup, "rule", name))
        log.info("rule_removed", rule=name, draft=bench.draft.id if bench.draft else None)
        return see(bench.link(RULES))

    async def _form(
        self,
        guest: Guest,
        bench: Bench,
        typed: Typed,
        *,
        refused: Sequence[str] = (),
        status: int = 200,
    ) -> web.Response:
        setup = bench.setup
        voice = Voice(guest.words, setup)
        built = condition_form.build(typed.whole, setup, voice)
        wrong = dict(built.wrong)
        if not typed.tried:
            for at in condition_form.unfinished(typed.whole):
                wrong.pop(at, None)
        ladder = setup.ladders.get(typed.ladder)
        never = ""
        if built.when:
            async with self._looking:
                never = await asyncio.to_thread(_never, voice, typed, built.when)
        tags = await self._service.database.read(tags_in_use)
        return self._doors.page(
            guest,
            "rule",
            status=status,
            bench=bench,
            typed=typed,
            whole=condition_form.shown(typed.whole, voice, wrong, tags),
            groups=[
                (guest.words(name), [(one, say.begun(guest.words(say.FIELDS[one]))) for one in of])
                for name, of in say.GROUPS.items()
            ],
            wrong=defaultdict(str, _wrong_head(guest, setup, typed)),
            refused=refused,
            preview=_sentence(voice, built.when, ladder),
            never=never,
            ladders=[(one.key, say_ladders.ladder_text(voice, one)) for one in setup.ladder],
            new_ladder=bench.link(f"{LADDERS}/new"),
        )


def rows_of(voice: Voice) -> list[Row]:
    setup = voice.setup
    problems = check(setup)
    never = {} if problems else {one.rule: one for one in shadows(setup)}
    return [
        Row(
            rule,
            say.begun(_when(voice, rule.when)),
            _then(voice, rule.ladder),
            _shadowed(voice, never[rule.name]) if rule.name in never else "",
            tuple(
                remark_text(voice, one.message)
                for one in problems
                if one.key.startswith(item_name("rule", rule))
            ),
        )
        for rule in setup.rule
    ]


def otherwise(voice: Voice) -> list[tuple[str, str, str]]:
    """What calls do for which no rule is: by line, within and outside its hours ("": always)."""
    found = []
    for line in voice.setup.line:
        name = say.value_text(voice, "line", line.number)
        closed = ""
        if line.hours is not None:
            closed = voice.words("straight to the last resort")
            closed = _then(voice, line.closed) if line.closed else closed
        found.append((name, _then(voice, line.ladder), closed))
    return found


def _when(voice: Voice, when: Condition) -> str:
    """In words, also of a draft's rule that is not right."""
    try:
        return say.condition_text(voice, when)
    except (KeyError, ValueError, IndexError):
        return voice.words("not finished")


def _then(voice: Voice, key: str | None) -> str:
    if key is None:
        return voice.words("the usual ladder")
    return voice.words("ladder {name}", name=say.quoted(voice.words, key))


def _sentence(voice: Voice, when: Condition | None, ladder: Ladder | None) -> str:
    if when is None or ladder is None:
        return ""
    return voice.words(
        "If {when}: {ladder}.",
        when=say.condition_text(voice, when),
        ladder=say_ladders.ladder_text(voice, ladder),
    )


def _never(voice: Voice, typed: Typed, when: Condition) -> str:
    """Whether the rule would never match where it stands, or would come to stand."""
    rule = Rule(typed.name, when, typed.ladder)
    above: list[Rule] = []
    for one in voice.setup.rule:
        if one.name == (typed.was or typed.before):
            break
        above.append(one)
    try:
        found = shadow_of(voice.setup, rule, above)
    except (KeyError, ValueError):  # another rule of a draft is not right
        return ""
    return _shadowed(voice, found) if found else ""


def _shadowed(voice: Voice, shadow: Shadow) -> str:
    words = voice.words
    if not shadow.by:
        return words("It never applies: no call can be like that.")
    names = ", ".join(say.quoted(words, name) for name in shadow.by)
    return words.many(
        "It never applies: {names} stands above and takes all of its calls.",
        "It never applies: {names} stand above and take all of its calls.",
        len(shadow.by),
        names=names,
    )


def _wrong_head(guest: Guest, setup: Setup, typed: Typed) -> dict[str, str]:
    """What is wrong with name and ladder; what is missing is said once somebody saves it."""
    found: dict[str, str] = {}
    if not typed.name:
        if typed.tried:
            found["name"] = guest.words("Give the rule a name.")
    elif problem := next(text("", typed.name), None):
        found["name"] = remark_text(Voice(guest.words, setup), problem.message)
    elif typed.name != typed.was and _rule(setup, typed.name):
        found["name"] = guest.words("This name is taken already.")
    if typed.ladder not in setup.ladders and typed.tried:
        found["ladder"] = guest.words("Choose a ladder.")
    return found


def _rule(setup: Setup, name: str) -> Rule | None:
    return next((one for one in setup.rule if one.name == name), None)


def _put(setup: Setup, rule: Rule, typed: Typed) -> Setup:
    if typed.was and digest(find_item(setup, "rule", typed.was)) != typed.seen:
        raise Stale
    put = put_item(setup, "rule", written_item(setup, "rule", rule), key=typed.was or None)
    if typed.before and _rule(put, typed.before):
        return _moved(put, rule.name, "", typed.before)
    return put


def _moved(setup: Setup, name: str, do: str, before: str | None) -> Setup:
    find_item(setup, "rule", name)
    names = [one.name for one in setup.rule]
    here = names.index(name)
    if before is None:
        to = here + {"up": -1, "down": 1}.get(do, 0)
        return move_item(setup, "rule", name, max(to, 0))
    names.remove(name)
    if before and before not in names:
        raise NoSuchItem(before)
    return move_item(setup, "rule", name, names.index(before) if before else len(names))


def _problem(voice: Voice, problem: Problem) -> str:
    return f"{problem.key}: {remark_text(voice, problem.message)}"


def add(router: web.UrlDispatcher, service: Service, doors: Doors) -> None:
    page = Rules(service, doors)
    router.add_get(RULES, doors.guarded(page.show, "see_setup"))
    router.add_get(f"{RULES}/new", doors.guarded(page.new, "tune"))
    router.add_get(f"{RULES}/edit", doors.guarded(page.edit, "see_setup"))
    router.add_post(f"{RULES}/form", doors.guarded(page.take, "tune"))
    router.add_post(f"{RULES}/move", doors.guarded(page.move, "tune"))
    router.add_post(f"{RULES}/remove", doors.guarded(page.remove, "tune"))
