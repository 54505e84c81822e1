"""`/hooks`: what PBXs sent, what it was read as and answered, and reading one again."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from pydantic import Field

from callrouter.api.decisions import Decision, decision_body
from callrouter.api.fields import ById, Given, Key, OurTime, Paged
from callrouter.api.layer import Asked, Routes
from callrouter.api.problems import FieldProblem, Problem
from callrouter.domain.events import CallEvent, EventKind
from callrouter.domain.phones import masked
from callrouter.flows.take_aside import NoSuchHook, TakenAlready, take_aside
from callrouter.hooks_again import Again, NoProvider, differing, read_again, secrets_of
from callrouter.raw_text import form, hidden, laid_out
from callrouter.wording import why_text
from storage.journal import Raw
from storage.listing_journal import (
    AsideLine,
    EventLine,
    Line,
    Mark,
    Outcome,
    Sought,
    find_aside,
    find_hook,
    look_through,
)

routes = Routes()

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MARK = r"^[0-9]{1,13}(\.[0-9]{1,5}){3}$"

NO_SUCH_HOOK = Problem(404, "There is no such hook.")

EventKey = Annotated[str, Field(min_length=1, max_length=600, pattern=r"^[^\x00]+$")]


class HooksQuery(Paged):
    account: Key | None = None
    outcome: Outcome | None = None
    since: OurTime | None = None
    until: OurTime | None = None
    call: Annotated[Key | None, Field(description="Our id of a call.")] = None
    digits: Annotated[
        str | None,
        Field(pattern=r"^[0-9]{2,15}$", description="The last ones of the caller's number."),
    ] = None
    cursor: Annotated[str | None, Field(pattern=_MARK, max_length=40)] = None


class HookQuery(Given):
    account: Key
    key: EventKey


class HookToRead(Given):
    """One event by account and key, or one hook of the quarantine by its id."""

    account: Key | None = None
    key: EventKey | None = None
    aside: Annotated[str | None, Field(pattern=r"^[0-9A-HJKMNP-TV-Z]{26}$")] = None


@dataclass(frozen=True, slots=True)
class HookListed:
    """`kind` null: it was no event. `id`: of one in quarantine; `key`: of one in the journal.

    `caller` is masked; `reason`, `field`: why it was refused or not understood.
    """

    outcome: Literal["event", "aside", "taken", "refused"]
    account: str
    at: datetime
    kind: EventKind | None = None
    word: str = ""
    caller: str = ""
    key: str | None = None
    id: str | None = None
    call: str | None = None
    decision: Decision | None = None
    field: str = ""
    reason: str = ""
    peer: str = ""


@dataclass(frozen=True, slots=True)
class HookPage:
    items: tuple[HookListed, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class HookWhole:
    """Without headers, which are not kept; what is secret in the rest is hidden.

    `query`: a line for each of its values. `sentence`: why it was answered so. `took_ms`: from its
    first byte to its decision.
    """

    account: str
    at: datetime
    kind: EventKind | None
    call: str | None
    query: str
    body: str
    answer: str
    decision: Decision | None = None
    sentence: str = ""
    took_ms: float | None = None
    field: str = ""
    reason: str = ""
    taken: bool = False


@dataclass(frozen=True, slots=True)
class HookReadAgain:
    """`differs`: fields that are read otherwise than then; null: there is nothing to compare with.

    `field`, `reason`: what is not understood today either; `decision`: what it would be told.
    """

    kinds: tuple[EventKind, ...]
    differs: tuple[str, ...] | None
    field: str
    reason: str
    decision: Decision | None
    sentence: str
    answer: str


@dataclass(frozen=True, slots=True)
class HookTaken:
    """`key`: under which the journal has its event now."""

    account: str
    key: str


@routes.get("/hooks", right="operate")
async def list_hooks(asked: Asked, query: HooksQuery) -> HookPage:
    """What PBXs sent, the newest first: events, what was not understood, what was refused.

    Of numbers, and of answers without the base, the last 30 days are looked through unless `since`
    says otherwise.
    """
    now, until = asked.service.clock(), query.until
    narrow = query.digits or query.outcome == "without_base"
    sought = Sought(
        query.account,
        query.outcome,
        query.since,
        now if narrow and until is None else until,
        query.call,
        query.digits or "",
    )
    found = await asked.service.database.read(
        look_through, asked.viewer, sought, after=_place(query.cursor), limit=query.limit
    )
    return HookPage(tuple(_listed(one) for one in found.lines), _cursor(found.after))


@routes.get("/hooks/event", right="operate")
async def get_hook(asked: Asked, query: HookQuery) -> HookWhole:
    """One event of the journal with what came and what was answered."""
    hook = await asked.service.database.read(find_hook, asked.viewer, query.account, query.key)
    if hook is None:
        raise NO_SUCH_HOOK
    setup, why = asked.service.setups.current, hook.why
    shown = _Texts(asked, query.account, hook.raw)
    return HookWhole(
        query.account,
        hook.event.received,
        hook.event.kind,
        hook.call,
        shown.query,
        shown.body,
        shown.answer,
        decision_body(hook.told) if hook.told else None,
        why_text(why, setup, language=asked.language) if why else "",
        why.times.decided if why else None,
    )


@routes.get("/hooks/aside/{id}", right="operate")
async def get_hook_aside(asked: Asked, path: ById) -> HookWhole:
    """One hook that was not understood; `taken`: it was taken since."""
    hook = await asked.service.database.read(find_aside, asked.viewer, path.id)
    if hook is None:
        raise NO_SUCH_HOOK
    shown, taken = _Texts(asked, hook.account, hook.raw), hook.taken
    return HookWhole(
        hook.account,
        hook.at,
        taken.kind if taken else None,
        hook.call,
        shown.query,
        shown.body,
        "",
        field=hook.field,
        reason=hook.reason,
        taken=taken is not None,
    )


@routes.post("/hooks/read-again", right="operate")
async def read_hook_again(asked: Asked, body: HookToRead) -> HookReadAgain:
    """Read one with today's code and setup: what it says, what it would be told. Changes nothing.

    Its headers are not kept, so trust is not looked at again: it was when it came.
    """
    read = asked.service.database.read
    then: CallEvent | None = None
    if body.aside and not (body.account or body.key):
        aside = await read(find_aside, asked.viewer, body.aside)
        if aside is None:
            raise NO_SUCH_HOOK
        account, raw, at = aside.account, aside.raw, aside.at
    elif body.account and body.key and not body.aside:
        hook = await read(find_hook, asked.viewer, body.account, body.key)
        if hook is None:
            raise NO_SUCH_HOOK
        account, raw, at, then = body.account, hook.raw, hook.event.received, hook.event
    else:
        wrong = FieldProblem("key", "name an account and a key, or `aside` alone")
        raise Problem(422, "One hook must be named.", [wrong])
    again = await _read(asked, account, raw, at)
    decided, setup = again.decided, asked.service.setups.current
    secrets = secrets_of(asked.service, account)
    return HookReadAgain(
        tuple(one.kind for one in again.events),
        differing(then, again.events) if then else None,
        *(again.trouble or ("", "")),
        decision_body(decided.decision) if decided else None,
        why_text(decided.why, setup, language=asked.language) if decided else "",
        laid_out(again.answer.body, secrets) if again.answer else "",
    )


@routes.post("/hooks/aside/{id}/take", right="operate")
async def take_hook(asked: Asked, path: ById) -> HookTaken:
    """Take a hook from quarantine, as of when it came, once. Nothing is decided, nobody is rung.

    409: it is not understood today either, or the journal has it already.
    """
    service = asked.service
    hook = await service.database.read(find_aside, asked.viewer, path.id)
    if hook is None:
        raise NO_SUCH_HOOK
    again = await _read(asked, hook.account, hook.raw, hook.at)
    if not again.fit:
        raise Problem(409, "It is not understood today either.")
    try:
        key = await service.database.write(
            take_aside,
            asked.viewer,
            path.id,
            again.events,
            again.can,
            by=asked.by,
            now=service.clock(),
        )
    except NoSuchHook:
        raise NO_SUCH_HOOK from None
    except TakenAlready:
        raise Problem(409, "The journal has it already.") from None
    return HookTaken(hook.account, key)


async def _read(asked: Asked, account: str, raw: Raw, at: datetime) -> Again:
    try:
        return await read_again(asked.service, account, raw, at)
    except NoProvider:
        raise Problem(409, "Its connection is in the setup no more.") from None


class _Texts:
    """What came and was answered, laid out, without secrets."""

    def __init__(self, asked: Asked, account: str, raw: Raw) -> None:
        secrets = secrets_of(asked.service, account)
        self.query = hidden(form(raw.query), secrets)
        self.body = laid_out(raw.body, secrets)
        self.answer = laid_out(raw.answer, secrets)


def _listed(one: Line) -> HookListed:
    if isinstance(one, EventLine):
        event = one.event
        who = event.called if event.direction == "out" else event.caller
        return HookListed(
            "event",
            event.account,
            one.at,
            event.kind,
            event.word,
            masked(who or ""),
            event.key,
            call=one.call,
            decision=decision_body(one.told) if one.told else None,
        )
    if isinstance(one, AsideLine):
        outcome: Literal["taken", "aside"] = "taken" if one.taken else "aside"
        return HookListed(
            outcome, one.account, one.at, id=one.id, field=one.field, reason=one.reason
        )
    return HookListed("refused", one.account, one.at, reason=one.reason, peer=one.peer)


def _cursor(mark: Mark | None) -> str | None:
    if mark is None:
        return None
    ms = (mark.at - _EPOCH) // timedelta(milliseconds=1)
    return f"{ms}.{mark.events}.{mark.aside}.{mark.refused}"


def _place(cursor: str | None) -> Mark | None:
    if cursor is None or not re.fullmatch(_MARK, cursor):
        return None
    at, *many = map(int, cursor.split("."))
    events, aside, refused = (min(one, 10_000) for one in many)
    return Mark(_EPOCH + timedelta(milliseconds=at), events, aside, refused)
