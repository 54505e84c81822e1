"""`/today`: what a manager has to do: overdue, today, this week; calls owed among it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, Literal

from aiohttp import web

from callrouter.domain.next_steps import Desk, desk_of
from callrouter.domain.phones import pretty
from callrouter.domain.tasks import BY_HAND
from callrouter.pages.owed import row_of as owed_row_of
from callrouter.pages.rendering import milliseconds
from callrouter.pages.rows import caller_of
from callrouter.pages.tasks import PickRow, owners_of, picks_of, when
from callrouter.wording import formats, speak
from callrouter.wording.people import Voice
from callrouter.wording.tasks import kind_of, text_of
from callrouter.wording.who import who_did
from storage.listing import CallView, ObligationView, owed_now
from storage.listing_tasks import DayCount, TaskView, count_day, list_tasks
from storage.write_ups import count_not_written_up, not_written_up

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.rights import Viewer
    from callrouter.domain.setup import Language, Manager, Setup
    from callrouter.pages.doors import Doors, Guest
    from callrouter.service import Service
    from storage.listing import Slice

WEEK: Final = timedelta(days=7)
MOST: Final = 100
"""Tasks and calls owed, each; what is due later is not lost, only further down the list."""

Group = Literal["late", "today", "week", "later"]


@dataclass(frozen=True, slots=True)
class Day:
    """What somebody's day is made of, read at one moment.

    `unwritten`: his talks that wait to be written up; `waiting`: how many each of those has who are
    seen.
    """

    tasks: Slice[TaskView]
    owed: Slice[ObligationView]
    unwritten: tuple[CallView, ...]
    waiting: Mapping[str, int]
    count: DayCount


def read_day(
    conn: Connection, viewer: Viewer, owner: str | None, desk: Desk, *, now: datetime
) -> Day:
    """`owner` None: of everybody whom the viewer sees."""
    since = desk.calendar.midnight(now)
    until = tomorrow_of(desk, now)
    return Day(
        tasks=list_tasks(conn, viewer, owner=owner, limit=MOST),
        owed=owed_now(conn, viewer, now=now, owner=owner, limit=MOST),
        unwritten=not_written_up(conn, viewer, owner, now=now) if owner else (),
        waiting=count_not_written_up(conn, viewer, now=now),
        count=count_day(conn, viewer, owner, since=since, until=until, now=now),
    )


def read_count(
    conn: Connection, viewer: Viewer, manager: str, desk: Desk, *, now: datetime
) -> tuple[DayCount, int]:
    """What the menu says: his day, and how many talks he has to write up."""
    since, until = desk.calendar.midnight(now), tomorrow_of(desk, now)
    count = count_day(conn, viewer, manager, since=since, until=until, now=now)
    return count, count_not_written_up(conn, viewer, now=now).get(manager, 0)


def tomorrow_of(desk: Desk, now: datetime) -> datetime:
    """When the next day begins there; a day may have 23 hours."""
    noon = desk.calendar.midnight(now) + timedelta(days=1, hours=12)
    return desk.calendar.midnight(noon)


@dataclass(frozen=True, slots=True)
class Todo:
    """Something to do. `owed`: a call back, which has its own way of being closed.

    `by_hand`: a person says that it is done; else whatever it is about does. `term`: when it is
    due; `from_whom`: who gave it, `whose`: whose it is, where that is somebody else.
    """

    id: str
    owed: bool
    by_hand: bool
    late: bool
    kind: str
    term: str
    title: str
    path: str
    number: str
    dial: str
    card: str
    card_path: str
    text: str
    notes: tuple[str, ...]
    from_whom: str
    whose: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the list. `name`: its heading."""

    key: Group
    name: str
    rows: tuple[Todo, ...]


@dataclass(frozen=True, slots=True)
class Unwritten:
    id: str
    title: str
    number: str
    said: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many talks a colleague has to write up."""

    key: str
    name: str
    n: int


@dataclass(frozen=True, slots=True)
class TodayPage:
    """`figure`: how the day goes, in words; `done` of `all`: the same for a bar."""

    parts: tuple[Part, ...]
    figure: str
    done: int
    all: int
    unwritten: tuple[Unwritten, ...]
    waiting: tuple[Waiting, ...]
    more: str


def page_of(
    day: Day, owner: str | None, desk: Desk, setup: Setup, language: Language, now: datetime
) -> TodayPage:
    words, voice = speak(language), Voice(speak(language), setup)
    rows = [task_row(one, owner, desk, voice, now) for one in day.tasks.items]
    rows += [owed_row(one, owner, desk, voice, now) for one in day.owed.items]
    names: dict[Group, str] = {
        "late": words("Overdue"),
        "today": words("For today"),
        "week": words("Within a week"),
        "later": words("Later"),
    }
    grouped = _grouped(rows, desk, now)
    done, whole = day.count.done, day.count.done + day.count.due
    waiting = sorted(day.waiting.items(), key=lambda one: (-one[1], one[0]))
    return TodayPage(
        parts=tuple(Part(key, names[key], tuple(grouped[key])) for key in names),
        figure=words("Done today: {done} of {all}", done=done, all=whole),
        done=done,
        all=whole,
        unwritten=tuple(unwritten_row(one, voice, now) for one in day.unwritten),
        waiting=tuple(Waiting(key, voice.name(key), n) for key, n in waiting),
        more=words("Not all of it is shown.") if day.tasks.more or day.owed.more else "",
    )


def _grouped(rows: Iterable[Todo], desk: Desk, now: datetime) -> dict[Group, list[Todo]]:
    tomorrow = tomorrow_of(desk, now)
    found: dict[Group, list[Todo]] = {"late": [], "today": [], "week": [], "later": []}
    far = now + timedelta(days=36500)
    for row in sorted(rows, key=lambda one: (one.at or far, one.id)):
        if row.late:
            found["late"].append(row)
        elif row.at and row.at < tomorrow:
            found["today"].append(row)
        elif row.at and row.at < tomorrow + WEEK:
            found["week"].append(row)
        else:
            found["later"].append(row)
    return found


def task_row(one: TaskView, owner: str | None, desk: Desk, voice: Voice, now: datetime) -> Todo:
    words = voice.words
    card_label = words("card #{number}", number=one.card_number) if one.card_number else ""
    number = pretty(one.phone) if one.phone else ""
    path = f"/cards/{one.card}" if one.card else f"/contacts/{one.contact}" if one.contact else ""
    mine = one.author in (f"manager:{one.owner}", one.owner)
    ours = one.kind != "task" or mine
    title = one.contact_name or one.card_title or number or card_label
    return Todo(
        id=one.id,
        owed=False,
        by_hand=one.kind in BY_HAND,
        late=one.overdue(now),
        kind=kind_of(one, words),
        term=when(one.due_at, desk, now, words) if one.due_at else words("no term"),
        title=title,
        path=path,
        number=number if number != title else "",
        dial=one.phone or "",
        card=card_label,
        card_path=f"/cards/{one.card}" if one.card else "",
        text=text_of(one, words),
        notes=(),
        from_whom="" if ours else who_did(one.author, voice.setup, words),
        whose="" if one.owner == owner else voice.name(one.owner),
        at=one.due_at,
    )


def owed_row(
    one: ObligationView, owner: str | None, desk: Desk, voice: Voice, now: datetime
) -> Todo:
    words, row = voice.words, owed_row_of(one, voice, now)
    return Todo(
        id=one.id,
        owed=True,
        by_hand=False,
        late=one.overdue,
        kind=words("Call back"),
        term=when(one.due_at, desk, now, words),
        title=row.title,
        path=f"/contacts/{one.contact}" if one.contact else "",
        number=row.number,
        dial=row.dial,
        card=row.card,
        card_path=f"/cards/{one.card}" if one.card else "",
        text=row.why,
        notes=row.notes,
        from_whom="",
        whose="" if one.owner == owner else voice.name(one.owner),
        at=one.due_at,
    )


def unwritten_row(call: CallView, voice: Voice, now: datetime) -> Unwritten:
    title, number, note = caller_of(call, voice)
    local, today = voice.local(call.started_at), voice.local(now)
    at = f"{local:%H:%M}" if local.date() == today.date() else f"{local:%d.%m %H:%M}"
    how_long = formats.length(voice.words, call.duration_s) if call.duration_s else ""
    said = " · ".join(text for text in (at, how_long, note) if text)
    return Unwritten(call.id, title, number, said)


class Today:
    def __init__(self, service: Service, doors: Doors) -> None:
        self._service = service
        self._doors = doors

    async def show(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """`owner`: whose day; his own who looks, where none is said or that one is not seen."""
        service, now = self._service, self._service.clock()
        setup = service.setups.current
        owner = chosen(request.query.get("owner", ""), guest, setup)
        desk = desk_of(setup, setup.managers.get(owner or ""))
        day = await service.database.read(read_day, guest.viewer, owner, desk, now=now)
        page = page_of(day, owner, desk, setup, guest.language, now)
        return self._doors.page(
            guest,
            "today",
            day=page,
            date=f"{desk.calendar.local(now):%d.%m.%Y}",
            owner=owner,
            people=members_of(setup, guest),
            task_owners=owners_of(setup, guest),
            task_owner=owner,
            picks=picks(desk, setup, guest, now),
            obligatory=setup.workplace.write_up == "obligatory",
            written="written" in request.query,
            now=milliseconds(now),
        )

    async def count(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """What stands beside the page's name in the menu; nothing for who is no manager."""
        del request
        service, setup, manager = self._service, self._service.setups.current, guest.manager
        if manager is None:
            return web.json_response({"n": 0, "late": False, "says": ""})
        now, desk = service.clock(), desk_of(setup, setup.managers.get(manager))
        read = service.database.read
        count, unwritten = await read(read_count, guest.viewer, manager, desk, now=now)
        n = count.due + (unwritten if setup.workplace.write_up == "obligatory" else 0)
        says = guest.words.many("{n} thing to do", "{n} things to do", n)
        return web.json_response({"n": n, "late": count.late > 0, "says": says})


def picks(desk: Desk, setup: Setup, guest: Guest, now: datetime) -> tuple[PickRow, ...]:
    return picks_of(desk, setup.workplace.next_days, now, guest.words)


def members_of(setup: Setup, guest: Guest) -> tuple[Manager, ...]:
    """Whose day may be looked at; none where that is only one's own."""
    found = tuple(one for one in setup.active if guest.viewer.sees(one.key))
    return found if len(found) > 1 or guest.manager is None else ()


def chosen(said: str, guest: Guest, setup: Setup) -> str | None:
    """Whose day is looked at; None: everybody's whom he sees."""
    if said in setup.managers and guest.viewer.sees(said):
        return said
    return guest.manager


def add(router: web.UrlDispatcher, service: Service, doors: Doors) -> None:
    today = Today(service, doors)
    router.add_get("/today", doors.guarded(today.show, "look"))
    router.add_get("/today/count", doors.guarded(today.count, "look"))
