"""Tasks on the screen: given, done, put off, given to somebody else."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from callrouter.domain.next_steps import Desk, Pick, desk_of, moment_of
from callrouter.domain.tasks import LONGEST_REASON, LONGEST_TEXT
from callrouter.flows.people import BadFields
from callrouter.flows.seeing import NotSeen, within
from callrouter.flows.tasks import (
    DoneAlready,
    NoSuchTask,
    add_task,
    finish_task,
    give_task,
    snooze_task,
)
from callrouter.pages.doors import by_script
from callrouter.wording.catalogue import mark
from storage.listing import find_card
from storage.listing_tasks import find_task

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.rights import Viewer
    from callrouter.domain.setup import Manager, Setup
    from callrouter.pages.doors import Doors, Guest
    from callrouter.service import Service
    from callrouter.wording import Words

PICKS: Final[tuple[Pick, ...]] = ("hour", "today", "tomorrow", "days", "date")

_BACK: Final = re.compile(
    r"/(?:today(?:\?owner=[\w.-]{1,64})?|calls/mine(?:\?[\w.=&-]{1,200})?"
    r"|(?:cards|contacts|calls)/[0-9A-Z]{26})(?:#[a-z-]{1,32})?"
)
_ID: Final = re.compile("[0-9A-HJKMNP-TV-Z]{26}")


@dataclass(frozen=True, slots=True)
class PickRow:
    """A way to say a term. `says`: when that is; `at`: as a field of the browser has it."""

    key: Pick
    name: str
    says: str


class BadPick(ValueError):
    """No term is said, or one that has passed; the text says so to a person."""


def picks_of(desk: Desk, days: int, now: datetime, words: Words) -> tuple[PickRow, ...]:
    """The quick ways to say a term, each with the moment that it stands for now."""
    names: dict[Pick, str] = {
        "hour": words("In an hour"),
        "today": words("By the evening"),
        "tomorrow": words("Tomorrow"),
        "days": words.many("In {n} working day", "In {n} working days", days),
        "date": words("On a date"),
    }
    rows = []
    for key in PICKS:
        at = moment_of(key, desk, days, now)
        if at is None and key != "date":
            continue
        rows.append(PickRow(key, names[key], when(at, desk, now, words) if at else ""))
    return tuple(rows)


_WEEKDAYS: Final = (
    mark("Mon"),
    mark("Tue"),
    mark("Wed"),
    mark("Thu"),
    mark("Fri"),
    mark("Sat"),
    mark("Sun"),
)


def when(at: datetime, desk: Desk, now: datetime, words: Words) -> str:
    """A moment as somebody plans: `13:05` of today, else `Wed 04.03, 10:00`."""
    local, today = desk.calendar.local(at), desk.calendar.local(now)
    if local.date() == today.date():
        return f"{local:%H:%M}"
    day = f"{local:%d.%m}" if local.year == today.year else f"{local:%d.%m.%Y}"
    return f"{words(_WEEKDAYS[local.weekday()])} {day}, {local:%H:%M}"


def read_pick(
    form: Mapping[str, Any], desk: Desk, days: int, now: datetime, words: Words
) -> datetime:
    """The term that a form's `when` and `date` say. Raises BadPick."""
    said, date = str(form.get("when", "")), str(form.get("date", ""))
    if said == "date" or (not said and date):
        try:
            local = datetime.fromisoformat(date)
        except ValueError:
            raise BadPick(words("Name the date and the time.")) from None
        if local.tzinfo is None:
            local = local.replace(tzinfo=desk.calendar.local(now).tzinfo)
        try:
            at = local.astimezone(UTC)
        except OverflowError:
            raise BadPick(words("Name the date and the time.")) from None
        if at <= now:
            raise BadPick(words("This time has passed."))
        return at
    if said not in PICKS:
        raise BadPick(words("Choose when."))
    found = moment_of(said, desk, days, now)
    if found is None:
        raise BadPick(words("This time has passed."))
    return found


def way_back(said: str, usual: str) -> str:
    """Where a form goes back to: only to pages of ours that have such forms."""
    return said if _BACK.fullmatch(said) else usual


def owners_of(setup: Setup, guest: Guest) -> tuple[Manager, ...]:
    """Whom somebody may give tasks: who may not assign gives them to himself."""
    if guest.may("assign"):
        return tuple(one for one in setup.active if guest.viewer.sees(one.key))
    own = setup.managers.get(guest.manager or "")
    return (own,) if own else ()


class Tasks:
    """Takes the forms of tasks; each goes back to where it stood, or says 204 to a script."""

    def __init__(self, service: Service, doors: Doors) -> None:
        self._service = service
        self._doors = doors

    async def add(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """`text`, `when` or `date`, and `card`; `owner`: who may not assign gives it to himself."""
        form, words, now = await request.post(), guest.words, self._service.clock()
        text = str(form.get("text", "")).strip()
        if not 0 < len(text) <= LONGEST_TEXT:
            return self._refuse(request, guest, words("Say what is to be done."))
        owner, card_id = str(form.get("owner", "")), str(form.get("card", ""))
        allowed = {one.key for one in owners_of(self._doors.setup, guest)}
        if owner and owner not in allowed:
            return self._refuse(request, guest, words("You may not give tasks to this person."))
        owner = owner or guest.manager or self._doors.setup.company.duty
        desk = desk_of(self._doors.setup, self._doors.setup.managers.get(owner))
        try:
            due_at = read_pick(form, desk, self._doors.setup.workplace.next_days, now, words)
        except BadPick as bad:
            return self._refuse(request, guest, str(bad))
        given: dict[str, Any] = {"text": text, "due_at": due_at, "owner": owner, "card": card_id}
        return await self._do(request, guest, form, give_by_hand, guest.viewer, **given)

    async def done(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        form = await request.post()
        result = str(form.get("result", ""))[:LONGEST_TEXT]
        return await self._with(request, guest, form, finish_task, result=result)

    async def snooze(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """`when` or `date`, and the `reason`."""
        form, words, now = await request.post(), guest.words, self._service.clock()
        reason = str(form.get("reason", "")).strip()
        if not 0 < len(reason) <= LONGEST_REASON:
            return self._refuse(request, guest, words("Say why it is put off."))
        id_ = request.match_info["id"]
        found = await self._service.database.read(find_task, guest.viewer, id_)
        if found is None:
            return self._refuse(request, guest, "", HTTPStatus.NOT_FOUND)
        desk = desk_of(self._doors.setup, self._doors.setup.managers.get(found.owner))
        try:
            due_at = read_pick(form, desk, self._doors.setup.workplace.next_days, now, words)
        except BadPick as bad:
            return self._refuse(request, guest, str(bad))
        return await self._with(request, guest, form, snooze_task, due_at=due_at, reason=reason)

    async def give(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        form, words = await request.post(), guest.words
        owner = str(form.get("owner", ""))
        if owner not in {one.key for one in owners_of(self._doors.setup, guest)}:
            return self._refuse(request, guest, words("You may not give tasks to this person."))
        return await self._with(
            request, guest, form, give_task, owner=owner, setup=self._doors.setup
        )

    async def _with(
        self,
        request: web.Request,
        guest: Guest,
        form: Mapping[str, Any],
        flow: Callable[..., Any],
        **named: Any,  # noqa: ANN401  whatever the flow takes
    ) -> web.StreamResponse:
        """Do something with the task that the address names."""
        id_ = request.match_info["id"]
        seen = (guest.viewer, "task", id_, flow, id_)
        return await self._do(request, guest, form, within, *seen, **named)

    async def _do(
        self,
        request: web.Request,
        guest: Guest,
        form: Mapping[str, Any],
        flow: Callable[..., Any],
        *given: Any,  # noqa: ANN401  whatever the flow takes
        **named: Any,  # noqa: ANN401
    ) -> web.StreamResponse:
        by, now = guest.by, self._service.clock()
        try:
            await self._service.database.write(flow, *given, by=by, now=now, **named)
        except (NotSeen, NoSuchTask):
            return self._refuse(request, guest, "", HTTPStatus.NOT_FOUND)
        except DoneAlready:
            said = guest.words("It has been done already.")
            return self._refuse(request, guest, said, HTTPStatus.CONFLICT)
        except BadFields:
            return self._refuse(request, guest, "")
        if by_script(request):
            return web.Response(status=HTTPStatus.NO_CONTENT)
        where = way_back(str(form.get("back", "")), "/today")
        return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": where})

    def _refuse(
        self,
        request: web.Request,
        guest: Guest,
        says: str,
        status: HTTPStatus = HTTPStatus.BAD_REQUEST,
    ) -> web.StreamResponse:
        """For a script a sentence to put beside the form, which keeps what was typed."""
        words = guest.words
        if not says and status == HTTPStatus.NOT_FOUND:
            says = words("It is not there any more.")
        says = says or words("That did not work. Try again.")
        if by_script(request):
            return web.json_response({"says": says}, status=status)
        return self._doors.page(guest, "refused", status=status, says=says)


def give_by_hand(
    conn: Connection,
    viewer: Viewer,
    *,
    text: str,
    due_at: datetime,
    owner: str,
    card: str,
    by: str,
    now: datetime,
) -> str:
    """Give somebody a task, on a card that the giver sees. Raises NotSeen, BadFields."""
    found = find_card(conn, viewer, card) if _ID.fullmatch(card) else None
    if card and found is None:
        raise NotSeen("card")
    return add_task(
        conn,
        kind="task",
        owner=owner,
        by=by,
        text=text,
        due_at=due_at,
        remind_at=due_at,
        card=found.id if found else None,
        contact=found.contact.id if found and found.contact else None,
        now=now,
    )


def add(router: web.UrlDispatcher, service: Service, doors: Doors) -> None:
    tasks = Tasks(service, doors)
    router.add_post("/tasks", doors.guarded(tasks.add, "work"))
    router.add_post("/tasks/{id}/done", doors.guarded(tasks.done, "work"))
    router.add_post("/tasks/{id}/snooze", doors.guarded(tasks.snooze, "work"))
    router.add_post("/tasks/{id}/give", doors.guarded(tasks.give, "assign"))
