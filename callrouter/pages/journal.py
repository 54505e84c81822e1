"""`/journal`: every hook that came, what it was read as and answered, and reading one again."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, get_args
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import structlog
from aiohttp import web

from callrouter.domain.phones import masked
from callrouter.flows.take_aside import NoSuchHook, TakenAlready, take_aside
from callrouter.hooks_again import NoProvider, differing, read_again, secrets_of
from callrouter.pages.leading import see
from callrouter.pages.rendering import milliseconds
from callrouter.raw_text import form, hidden, laid_out
from callrouter.wording import codes, formats, why_text
from callrouter.wording.catalogue import mark
from callrouter.wording.hooks import answered, why_aside, why_refused
from callrouter.wording.people import Voice
from storage.journal import REFUSED_KEPT
from storage.listing_journal import (
    SEARCHED,
    AsideLine,
    EventLine,
    Mark,
    Outcome,
    Sought,
    accounts_of,
    find_aside,
    find_hook,
    look_through,
)

if TYPE_CHECKING:
    from multidict import MultiMapping
    from sqlalchemy import Connection

    from callrouter.domain.decisions import Decision
    from callrouter.domain.events import CallEvent
    from callrouter.domain.setup import Setup
    from callrouter.domain.why import Why
    from callrouter.hooks_again import Again
    from callrouter.pages.doors import Doors, Guest
    from callrouter.service import Service
    from storage.journal import Raw
    from storage.listing_journal import AsideHook, Hook, Line, Page
    from storage.listing_values import Viewer

JOURNAL: Final = "/journal"
SHOWN: Final = 50
FEWEST_DIGITS: Final = 2

OUTCOMES: Final[Mapping[Outcome, str]] = {
    "answered": mark("A plan was asked for and told"),
    "again": mark("Answered as before"),
    "kept": mark("Taken, no answer was wanted"),
    "without_base": mark("Answered while the base was silent"),
    "aside": mark("A hook that was not understood"),
    "refused": mark("A hook that was refused"),
}

_ASIDE: Final = OUTCOMES["aside"]
_REFUSED: Final = OUTCOMES["refused"]
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ASKED: Final = ("account", "outcome", "since", "until", "call", "digits")
_NAMES: Final = {"call_ref": "call_id", "leg_ref": "leg_id", "other_call": "other_call_id"}
_ONLY_OF: Final = {"recording_kind": ("recording", "ended"), "by": ("answered",)}
_OURS: Final = frozenset({"account", "key", "own_key", "kind", "received", "hearsay"})

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the list. `state`: how it is coloured; `link`: its own page, "" for none."""

    at: str
    moment: datetime
    account: str
    what: str
    says: str
    caller: str
    state: str
    link: str
    call: str | None


@dataclass(frozen=True, slots=True)
class Shown:
    """A hook in words: what is said of it, its bytes, and what it was read as."""

    title: str
    at: str
    account: str
    says: str
    state: str
    query: str
    body: str
    read: tuple[tuple[str, str], ...]
    answer: str
    took: str
    call: str | None
    why: str
    again: str  # where it is read again
    take: str = ""  # where it is taken from quarantine


@dataclass(frozen=True, slots=True)
class ReadAgain:
    """What today's code makes of it. `trouble`: what it still cannot read."""

    events: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    trouble: tuple[str, str] | None
    differs: tuple[str, ...] | None
    decided: str
    answer: str
    fit: bool


def add(router: web.UrlDispatcher, service: Service, doors: Doors) -> None:
    page = Journal(service, doors)
    router.add_get(JOURNAL, doors.guarded(page.show, "operate"))
    router.add_get(f"{JOURNAL}/hook", doors.guarded(page.show_hook, "operate"))
    router.add_get(f"{JOURNAL}/aside/{{id}}", doors.guarded(page.show_aside, "operate"))
    router.add_post(f"{JOURNAL}/aside/{{id}}/take", doors.guarded(page.take, "operate"))


class Journal:
    def __init__(self, service: Service, doors: Doors) -> None:
        self._service = service
        self._doors = doors

    async def show(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """The list; `after`: where the page before ended."""
        setup, query, now = self._doors.setup, request.query, self._service.clock()
        sought, wrong = read_sought(query, setup, now)
        found, accounts = await self._service.database.read(
            _list, guest.viewer, sought, _read_mark(query.get("after", ""))
        )
        voice = Voice(guest.words, setup)
        kept = {name: query[name] for name in _ASKED if query.get(name)}
        known = [*setup.accounts, *(one for one in accounts if one not in setup.accounts)]
        return self._doors.page(
            guest,
            "journal",
            rows=[_row(one, voice, now) for one in found.lines],
            accounts=known,
            outcomes=OUTCOMES,
            asked={name: query.get(name, "")[:64] for name in _ASKED},
            wrong={name: guest.words(wrong[name]) if name in wrong else "" for name in _ASKED},
            narrowed=bool(kept),
            more=_with(kept, after=_write_mark(found.after)) if found.after else "",
            days=SEARCHED.days,
            refused_kept=REFUSED_KEPT,
        )

    async def show_hook(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """One event; `again=1`: also as it is read today."""
        account, key = request.query.get("account", "")[:64], request.query.get("key", "")[:600]
        database = self._service.database
        hook = await database.read(find_hook, guest.viewer, account, key.replace("\x00", ""))
        if hook is None:
            return self._doors.message(guest, HTTPStatus.NOT_FOUND)
        voice = Voice(guest.words, self._doors.setup)
        shown = _hook(hook, voice, secrets_of(self._service, account))
        again, gone = await self._again(request, guest, hook.event, hook.raw)
        return self._doors.page(guest, "journal_hook", hook=shown, again=again, gone=gone, wrong="")

    async def show_aside(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """One hook of the quarantine; `again=1`: also as it is read today."""
        return await self._aside_page(request, guest)

    async def take(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """Take one from quarantine, if all of it is understood today."""
        viewer, id_ = guest.viewer, request.match_info["id"]
        hook = await self._service.database.read(find_aside, viewer, id_)
        if hook is None:
            return self._doors.message(guest, HTTPStatus.NOT_FOUND)
        try:
            again = await read_again(self._service, hook.account, hook.raw, hook.at)
        except NoProvider:
            return await self._aside_page(request, guest, _NO_PROVIDER, again=False)
        if not again.fit:
            return await self._aside_page(request, guest, _STILL_UNREAD)
        now = self._service.clock()
        try:
            key = await self._service.database.write(
                take_aside,
                viewer,
                id_,
                again.events,
                again.can,
                by=guest.by,
                now=now,
                address=request.remote,
            )
        except NoSuchHook:
            return self._doors.message(guest, HTTPStatus.NOT_FOUND)
        except TakenAlready:
            return await self._aside_page(request, guest, _TAKEN)
        log.info("hook_taken", account=hook.account, hook=id_)
        return see(f"{JOURNAL}/hook?{urlencode({'account': hook.account, 'key': key})}")

    async def _aside_page(
        self, request: web.Request, guest: Guest, wrong: str = "", *, again: bool | None = None
    ) -> web.StreamResponse:
        id_ = request.match_info["id"]
        hook = await self._service.database.read(find_aside, guest.viewer, id_)
        if hook is None:
            return self._doors.message(guest, HTTPStatus.NOT_FOUND)
        voice = Voice(guest.words, self._doors.setup)
        shown = _aside(hook, voice, secrets_of(self._service, hook.account))
        wanted = bool(wrong) if again is None else again
        found, gone = await self._again(request, guest, None, hook.raw, hook, wanted=wanted)
        return self._doors.page(
            guest,
            "journal_hook",
            status=HTTPStatus.CONFLICT if wrong else HTTPStatus.OK,
            hook=shown,
            again=found,
            gone=gone,
            wrong=guest.words(wrong) if wrong else "",
        )

    async def _again(
        self,
        request: web.Request,
        guest: Guest,
        event: CallEvent | None,
        raw: Raw,
        aside: AsideHook | None = None,
        *,
        wanted: bool = False,
    ) -> tuple[ReadAgain | None, bool]:
        """What it is read as today, if that is asked for; whether its connection is gone."""
        if not (wanted or request.query.get("again") == "1"):
            return None, False
        account = event.account if event else aside.account if aside else ""
        at = event.received if event else aside.at if aside else self._service.clock()
        try:
            found = await read_again(self._service, account, raw, at)
        except NoProvider:
            return None, True
        return self._read_again(found, event, guest, account), False

    def _read_again(
        self, found: Again, then: CallEvent | None, guest: Guest, account: str
    ) -> ReadAgain:
        setup, secrets = self._doors.setup, secrets_of(self._service, account)
        voice = Voice(guest.words, setup)
        decided = found.decided
        return ReadAgain(
            tuple((_kind(one, voice), _fields(one, secrets)) for one in found.events),
            _trouble(found.trouble, voice),
            tuple(_NAMES.get(one, one) for one in differing(then, found.events)) if then else None,
            why_text(decided.why, setup, language=guest.language) if decided else "",
            laid_out(found.answer.body, secrets) if found.answer else "",
            found.fit,
        )


_NO_PROVIDER: Final = mark("This connection is in the setup no more: there is nobody to read it.")
_STILL_UNREAD: Final = mark("It is not understood today either: see below. Nothing was taken.")
_TAKEN: Final = mark("The journal has this event already. Nothing was taken twice.")


def _list(
    conn: Connection, viewer: Viewer, sought: Sought, after: Mark | None
) -> tuple[Page, list[str]]:
    return look_through(conn, viewer, sought, after=after, limit=SHOWN), accounts_of(conn)


# What is looked for

_WRONG_MOMENT: Final = mark("Write a day and time, or leave it empty.")
_WRONG_DIGITS: Final = mark("Write at least two digits.")


def read_sought(
    query: MultiMapping[str], setup: Setup, now: datetime
) -> tuple[Sought, dict[str, str]]:
    """What the form asks for, and what of it cannot be read, field by field."""
    wrong: dict[str, str] = {}
    zone = ZoneInfo(setup.company.time_zone)
    moments: dict[str, datetime | None] = {}
    for name in ("since", "until"):
        try:
            moments[name] = read_moment(query.get(name, ""), zone, late=name == "until")
        except ValueError:
            wrong[name], moments[name] = _WRONG_MOMENT, None
    digits = re.sub(r"\D", "", query.get("digits", ""), flags=re.ASCII)[-15:]
    if query.get("digits", "").strip() and len(digits) < FEWEST_DIGITS:
        wrong["digits"], digits = _WRONG_DIGITS, ""
    outcome = query.get("outcome", "")
    since, until = moments["since"], moments["until"]
    narrow = digits or outcome == "without_base"
    return (
        Sought(
            account=_text(query, "account"),
            outcome=next((one for one in get_args(Outcome) if one == outcome), None),
            since=since,
            until=now if narrow and until is None else until,
            call=_text(query, "call"),
            digits=digits,
        ),
        wrong,
    )


def _text(query: MultiMapping[str], name: str) -> str | None:
    return query.get(name, "").replace("\x00", "").strip()[:64] or None


def read_moment(text: str, zone: ZoneInfo, *, late: bool) -> datetime | None:
    """`2026-03-12T14:05` by the company's clock; `late`: to the end of that minute."""
    if not text.strip():
        return None
    at = datetime.fromisoformat(text.strip())
    if not 1970 <= at.year < 2200:
        raise ValueError(text)
    at = at if at.tzinfo else at.replace(tzinfo=zone)
    return at.astimezone(UTC) + (timedelta(seconds=59, milliseconds=999) if late else timedelta())


def _with(kept: Mapping[str, str], **more: str) -> str:
    return f"{JOURNAL}?{urlencode({**kept, **more})}"


def _write_mark(mark_: Mark) -> str:
    return f"{milliseconds(mark_.at)}.{mark_.events}.{mark_.aside}.{mark_.refused}"


def _read_mark(text: str) -> Mark | None:
    """None for what we did not write."""
    parts = text.split(".")
    if len(parts) != 4 or not all(re.fullmatch(r"[0-9]{1,13}", one) for one in parts):
        return None
    at, *many = map(int, parts)
    events, aside, refused = (min(one, 10_000) for one in many)
    return Mark(_EPOCH + timedelta(milliseconds=at), events, aside, refused)


# In words


def _row(one: Line, voice: Voice, now: datetime) -> Row:
    words, at = voice.words, _clock(one.at, voice, now)
    if isinstance(one, EventLine):
        event = one.event
        link = f"{JOURNAL}/hook?{urlencode({'account': event.account, 'key': event.key})}"
        who = event.called if event.direction == "out" else event.caller
        says, state = _said(event, one.told, one.why, voice)
        return Row(
            at,
            one.at,
            event.account,
            _kind(event, voice),
            says,
            masked(who or ""),
            state,
            link,
            one.call,
        )
    if isinstance(one, AsideLine):
        reason = why_aside(words, one.reason)
        says = f"{one.field}: {reason}" if one.field else reason
        what = words("Taken since") if one.taken else words(_ASIDE)
        link = f"{JOURNAL}/aside/{one.id}"
        state = "" if one.taken else "aside"
        return Row(at, one.at, one.account, what, says, "", state, link, None)
    says, what = why_refused(words, one.reason), words(_REFUSED)
    return Row(at, one.at, one.account, what, says, one.peer, "refused", "", None)


def _said(
    event: CallEvent, told: Decision | None, why: Why | None, voice: Voice
) -> tuple[str, str]:
    """What was answered, and how that is coloured."""
    words = voice.words
    if told:
        says = answered(voice, told)
        if why and why.told_by == "snapshot":
            return words("{says}, without the base", says=says), "snapshot"
        return says, "told"
    if event.asks:
        return words("answered as before"), "told"
    if event.kind == "unknown":
        return words("kept, an event that we do not know"), ""
    return words("taken"), ""


def _kind(event: CallEvent, voice: Voice) -> str:
    return event.word or voice.words(codes.EVENTS[event.kind])


def _hook(hook: Hook, voice: Voice, secrets: tuple[str, ...]) -> Shown:
    event, why = hook.event, hook.why
    says, state = _said(event, hook.told, why, voice)
    link = f"{JOURNAL}/hook?{urlencode({'account': event.account, 'key': event.key, 'again': 1})}"
    return Shown(
        _kind(event, voice),
        _whole(event.received, voice),
        event.account,
        says,
        state,
        hidden(form(hook.raw.query), secrets),
        laid_out(hook.raw.body, secrets),
        _fields(event, secrets),
        laid_out(hook.raw.answer, secrets),
        _took(why, voice),
        hook.call,
        why_text(why, voice.setup, language=voice.words.language) if why else "",
        link,
    )


def _aside(hook: AsideHook, voice: Voice, secrets: tuple[str, ...]) -> Shown:
    words = voice.words
    reason = why_aside(words, hook.reason)
    link = f"{JOURNAL}/aside/{hook.id}"
    return Shown(
        words(_ASIDE),
        _whole(hook.at, voice),
        hook.account,
        f"{hook.field}: {reason}" if hook.field else reason,
        "aside",
        hidden(form(hook.raw.query), secrets),
        laid_out(hook.raw.body, secrets),
        _fields(hook.taken, secrets) if hook.taken else (),
        "",
        "",
        hook.call,
        "",
        f"{link}?again=1",
        "" if hook.taken else f"{link}/take",
    )


def _fields(event: CallEvent, secrets: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """What an event says, in the words that hooks are documented in."""
    return tuple((name, hidden(said, secrets)) for name, said in _values(event))


def _values(event: CallEvent) -> Iterator[tuple[str, str]]:
    yield "event", event.word or event.kind
    for one in fields(event):
        value = getattr(event, one.name)
        if one.name in _OURS or one.name == "word" or value in (None, "", ()):
            continue
        if one.name == "tried":
            value = ", ".join(f"{tried.target}: {tried.reason}" for tried in event.tried)
        elif event.kind not in _ONLY_OF.get(one.name, (event.kind,)):
            continue
        yield (
            _NAMES.get(one.name, one.name),
            value.isoformat() if isinstance(value, datetime) else str(value),
        )


def _trouble(trouble: tuple[str, str] | None, voice: Voice) -> tuple[str, str] | None:
    return (trouble[0], why_aside(voice.words, trouble[1])) if trouble else None


def _took(why: Why | None, voice: Voice) -> str:
    """How long the answer took, and of what."""
    if why is None or not why.times.decided:
        return ""
    words, times = voice.words, why.times
    return words(
        "{all} ms: waited {waited}, facts {facts}, decided {decided}",
        all=formats.amount(words, round(times.decided, 1)),
        waited=formats.amount(words, round(times.waited, 1)),
        facts=formats.amount(words, round(times.facts - times.waited, 1)),
        decided=formats.amount(words, round(times.decided - times.facts, 1)),
    )


def _whole(at: datetime, voice: Voice) -> str:
    local = voice.local(at)
    return f"{local:%d.%m.%Y %H:%M:%S}.{local.microsecond // 1000:03}"


def _clock(at: datetime, voice: Voice, now: datetime) -> str:
    local, today = voice.local(at), voice.local(now)
    return f"{local:%H:%M:%S}" if local.date() == today.date() else f"{local:%d.%m %H:%M:%S}"
