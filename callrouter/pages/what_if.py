"""`/what-if`: what would happen to a call, on the rules in force, on a draft, or on both.

Nothing is written. The reasons are those of a call's own page, in the same words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Final, get_args
from zoneinfo import ZoneInfo

from callrouter.domain.phones import pretty
from callrouter.domain.replayed import way_of
from callrouter.domain.supposed import Supposed
from callrouter.flows import tuning
from callrouter.flows.try_call import UnknownLine, rules_of, try_call
from callrouter.pages import replays
from callrouter.pages.whole import Chapter
from callrouter.setup_file import BadSetup
from callrouter.wording import why_details, why_text
from callrouter.wording.catalogue import mark
from callrouter.wording.facts import Fact
from callrouter.wording.people import Voice
from callrouter.wording.plans import Rung, plan_of
from callrouter.wording.remarks import remark_text
from storage import drafts
from storage.listing import find_call

if TYPE_CHECKING:
    from aiohttp import web
    from multidict import MultiMapping
    from sqlalchemy import Connection

    from callrouter.domain.rights import Viewer
    from callrouter.domain.routing import Decided
    from callrouter.domain.setup import Language, Line, Setup
    from callrouter.domain.why import Why
    from callrouter.pages.doors import Doors, Guest
    from callrouter.service import Service
    from callrouter.setup_file import Problem
    from callrouter.wording import Words
    from storage.drafts import Draft
    from storage.listing import CallView

SUPPOSED: Final[Mapping[Supposed, str]] = {
    "talking": mark("is talking"),
    "off": mark("takes no calls"),
    "free": mark("is there and free"),
}
_IS: Final = "is."
_MOST_PEOPLE: Final = 40
_LONGEST: Final = 64
_YEARS: Final = range(1970, 2200)


def add(router: web.UrlDispatcher, service: Service, doors: Doors) -> None:
    """What if, and the replays of past calls beside it."""
    router.add_get("/what-if", doors.guarded(WhatIf(service, doors).show, "see_setup"))
    replays.add(router, service, doors)


@dataclass(frozen=True, slots=True)
class Asked:
    """The form as it was sent. `at`: local, "" for now; `beside`: also on the rules in force."""

    caller: str = ""
    hidden: bool = False
    line: str = ""
    at: str = ""
    draft: str = ""
    beside: bool = False
    supposed: Mapping[str, Supposed] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tried:
    """A call on some rules. `decided` None: they do not have its line, or have `problems`."""

    rules: Setup | None
    draft: Draft | None = None
    decided: Decided | None = None
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Side:
    """A call on some rules, in words. `apart`: which of its rungs the other side does not have."""

    title: str
    draft: Draft | None
    problems: tuple[str, ...] = ()
    known: bool = True
    sentence: str = ""
    rungs: tuple[Rung, ...] = ()
    apart: frozenset[int] = frozenset()
    chapters: tuple[Chapter, ...] = ()


@dataclass(frozen=True, slots=True)
class Compared:
    """In force beside a draft: how much it matters, and in what the reasons differ."""

    verdict: str
    elsewhere: bool
    rows: tuple[tuple[str, str, str], ...]


class WhatIf:
    def __init__(self, service: Service, doors: Doors) -> None:
        self._service = service
        self._doors = doors

    async def show(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """The form; with a line or a past call in the address also what would happen."""
        setup, now, query = self._doors.setup, self._service.clock(), request.query
        read, words = self._service.database.read, guest.words
        found = await read(drafts.everybody)
        form = _read_form(query)
        past: CallView | None = None
        if call := query.get("call", "").replace("\x00", ""):
            past = await read(_past_call, guest.viewer, call[:_LONGEST])
            form = _form_of(past, form, setup) if past else form
        wrong = _check(form, setup, words) if form.line else {}
        if form.draft and form.draft not in {one.id for one in found}:
            wrong["draft"] = words(
                "This draft is not there any more: it was published or discarded."
            )
        sides: Sequence[Side] = ()
        compared: Compared | None = None
        people: tuple[tuple[str, str], ...] = ()
        if form.line and not wrong:
            at = _moment(form.at, setup) or now
            tried = await read(_try, setup, form, at=at, now=now, viewer=guest.viewer)
            sides = [_side(one, guest, setup) for one in tried]
            people = _people(tried, form, setup)
            if len(tried) == 2:
                compared = _compare(tried[0], tried[1], guest.language)
                sides = _marked(sides)
        return self._doors.page(
            guest,
            "what_if",
            form=form,
            wrong=wrong,
            past=past,
            lost=bool(call) and past is None,
            lines=_lines(setup, found, form),
            drafts=found,
            zone=setup.company.time_zone,
            sides=sides,
            compared=compared,
            people=people,
            supposed=SUPPOSED,
            pretty=pretty,
        )


# What was asked


def _read_form(query: MultiMapping[str]) -> Asked:
    def said(name: str) -> str:
        return query.get(name, "").replace("\x00", "").strip()

    sent = "line" in query
    supposed: dict[str, Supposed] = {}
    for name in query:
        what = query[name]
        for known in get_args(Supposed):
            if name.startswith(_IS) and what == known and len(supposed) < _MOST_PEOPLE:
                supposed[name.removeprefix(_IS)[:_LONGEST]] = known
    return Asked(
        caller=said("caller"),
        hidden=said("hidden") == "yes",
        line=said("line"),
        at=said("at"),
        draft=said("draft"),
        beside=said("beside") == "yes" or not sent,
        supposed=supposed,
    )


def _past_call(conn: Connection, viewer: Viewer, id_: str) -> CallView | None:
    found = find_call(conn, viewer, id_)
    return found[0] if found and found[0].direction == "in" else None


def _form_of(call: CallView, form: Asked, setup: Setup) -> Asked:
    """The form that asks about a past call again."""
    local = setup.calendar_of(None).local(call.started_at)
    return replace(
        form,
        caller=call.caller or call.caller_raw,
        hidden=call.caller_kind == "withheld",
        line=call.line,
        at=f"{local:%Y-%m-%dT%H:%M}",
    )


def _check(form: Asked, setup: Setup, words: Words) -> dict[str, str]:
    """What is wrong, by field."""
    wrong = {}
    if not form.hidden and not form.caller:
        wrong["caller"] = words("Say a number, or tick that it is hidden.")
    elif len(form.caller) > _LONGEST:
        wrong["caller"] = words("This is too long for a number.")
    if form.at and _moment(form.at, setup) is None:
        wrong["at"] = words("A date and time is needed here, from 1970 to 2199; or nothing: now.")
    return wrong


def _moment(said: str, setup: Setup) -> datetime | None:
    """A moment of the company's zone; None: none was said."""
    try:
        found = datetime.fromisoformat(said)
    except ValueError:
        return None
    if found.tzinfo is not None or found.year not in _YEARS:
        return None
    return found.replace(tzinfo=ZoneInfo(setup.calendar_of(None).zone))


def _lines(setup: Setup, found: Sequence[Draft], form: Asked) -> list[Line]:
    """Those of the rules in force, and those that only the draft has."""
    lines = list(setup.line)
    draft = next((one for one in found if one.id == form.draft), None)
    if draft:
        lines += [one for one in draft.setup.line if one.number not in setup.lines]
    return lines


# Trying


def _try(
    conn: Connection, setup: Setup, form: Asked, *, at: datetime, now: datetime, viewer: Viewer
) -> list[Tried]:
    """On the rules in force, on the draft, or on both, in this order."""
    tried = []
    if not form.draft or form.beside:
        tried.append(_on(conn, setup, form, at=at, now=now, viewer=viewer))
    if form.draft:
        draft = drafts.find(conn, form.draft)
        try:
            draft, rules = rules_of(conn, form.draft)
        except tuning.NoSuchDraft:
            return tried  # it went this very moment
        except BadSetup as bad:
            tried.append(Tried(None, draft, problems=bad.problems))
        else:
            found = _on(conn, rules, form, at=at, now=now, viewer=viewer)
            tried.append(replace(found, draft=draft))
    return tried


def _on(
    conn: Connection, rules: Setup, form: Asked, *, at: datetime, now: datetime, viewer: Viewer
) -> Tried:
    caller = "" if form.hidden else form.caller
    try:
        decided = try_call(
            conn,
            rules,
            line=form.line,
            caller=caller,
            at=at,
            now=now,
            supposed=form.supposed,
            viewer=viewer,
        )
    except UnknownLine:
        return Tried(rules)
    return Tried(rules, decided=decided)


# In words


def _side(tried: Tried, guest: Guest, setup: Setup) -> Side:
    words, language = guest.words, guest.language
    title = words("In force")
    if tried.draft:
        title = words("Draft “{name}”", name=tried.draft.name)
    if tried.rules is None:
        voice = Voice(words, setup)
        said = tuple(f"{one.key}: {remark_text(voice, one.message)}" for one in tried.problems)
        return Side(title, tried.draft, problems=said)
    if tried.decided is None:
        return Side(title, tried.draft, known=False)
    why = tried.decided.why
    sentence = why_text(why, tried.rules, language=language)
    # How long it took is of no call that anybody made.
    details = replace(why_details(why, tried.rules, language=language), times=Fact("", ""))
    return Side(
        title,
        tried.draft,
        sentence=sentence,
        rungs=plan_of(tried.decided.decision, tried.rules, language=language),
        chapters=(Chapter("", sentence, details),),
    )


def _people(tried: Sequence[Tried], form: Asked, setup: Setup) -> tuple[tuple[str, str], ...]:
    """Of whom something may be supposed: whom the rules looked at, and of whom it is already."""
    names: dict[str, str] = {}
    keys: dict[str, None] = dict.fromkeys(form.supposed)
    for rules in (setup, *(one.rules for one in tried if one.rules)):
        names |= {one.key: one.name for one in rules.manager if one.active}
    for one in tried:
        if one.decided:
            keys |= dict.fromkeys(
                candidate.manager for step in one.decided.why.steps for candidate in step.candidates
            )
    known = [(key, names[key]) for key in keys if key in names]
    return tuple(sorted(known[:_MOST_PEOPLE], key=lambda one: one[1].casefold()))


def _marked(sides: Sequence[Side]) -> list[Side]:
    """Both sides, each with which of its rungs stand otherwise on the other."""
    one, other = sides

    if not one.rungs or not other.rungs:
        return [one, other]
    same = SequenceMatcher(None, one.rungs, other.rungs, autojunk=False).get_matching_blocks()
    alike = [(block.a + n, block.b + n) for block in same for n in range(block.size)]
    return [
        replace(side, apart=frozenset(range(len(side.rungs))).difference(pair[n] for pair in alike))
        for n, side in enumerate((one, other))
    ]


def _compare(one: Tried, other: Tried, language: Language) -> Compared | None:
    """None where one of them came to nothing."""
    if one.decided is None or other.decided is None or one.rules is None or other.rules is None:
        return None
    before, after = (
        _facts(one.decided.why, one.rules, language),
        _facts(other.decided.why, other.rules, language),
    )
    rows = tuple(
        (label, before.get(label, "—"), after.get(label, "—"))
        for label in before | after
        if before.get(label) != after.get(label)
    )
    elsewhere = way_of(one.decided.decision) != way_of(other.decided.decision)
    plans = [
        plan_of(it.decided.decision, it.rules, language=language)
        for it in (one, other)
        if it.decided and it.rules
    ]
    if elsewhere:
        verdict = mark("On the draft this call goes elsewhere.")
    elif plans[0] != plans[1]:
        verdict = mark("On the draft it rings the same people, but with other seconds or words.")
    elif rows:
        verdict = mark("On the draft it rings the same people, only for other reasons.")
    else:
        verdict = mark("The draft changes nothing for this call.")
    return Compared(verdict, elsewhere, rows)


def _facts(why: Why, rules: Setup, language: Language) -> dict[str, str]:
    """What a decision stood on, by label; which version the rules are of is no difference."""
    details = why_details(replace(why, setup=0), rules, language=language)
    return {one.label: one.text for one in (*details.facts[1:], details.end)}
