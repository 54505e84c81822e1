"""`/calls/mine`: somebody's calls of a day; on top the talks that wait to be written up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Final, Literal, get_args

from aiohttp import web

from callrouter.domain.next_steps import desk_of
from callrouter.pages.afterwards import OUTCOMES
from callrouter.pages.rows import row_of
from callrouter.pages.today import Unwritten, chosen, members_of, unwritten_row
from callrouter.pages.write_up import may_be_written_up
from callrouter.wording import formats, speak
from callrouter.wording.people import Voice
from storage.listing import CallView
from storage.write_ups import calls_of, not_written_up, written_up

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.hours import Calendar
    from callrouter.domain.rights import Viewer
    from callrouter.domain.setup import Language, Setup
    from callrouter.pages.doors import Doors, Guest
    from callrouter.service import Service

Kind = Literal["all", "missed", "talked", "out"]

MOST_UNWRITTEN: Final = 50


@dataclass(frozen=True, slots=True)
class MyDay:
    """`written`: when each of these calls was written up, as far as they are."""

    unwritten: tuple[CallView, ...]
    calls: Sequence[CallView]
    written: Mapping[str, datetime]


def read_my_day(
    conn: Connection,
    viewer: Viewer,
    manager: str,
    since: datetime,
    until: datetime,
    *,
    now: datetime,
) -> MyDay:
    calls = calls_of(conn, viewer, manager, since, until)
    return MyDay(
        not_written_up(conn, viewer, manager, now=now, limit=MOST_UNWRITTEN),
        calls,
        written_up(conn, [one.id for one in calls]),
    )


@dataclass(frozen=True, slots=True)
class CallRow:
    """`kind`: under which of the filters it falls; `write_up`: it may be written up still."""

    id: str
    kind: Kind
    state: str
    badge: str
    clock: str
    title: str
    number: str
    note: str
    dial: str
    line: str
    card: str
    card_id: str
    how_long: str
    said: str
    written: bool
    write_up: bool
    heard: bool


def call_row(
    call: CallView, manager: str, written: datetime | None, setup: Setup, language: Language
) -> CallRow:
    """As its manager looks back at it: a call that somebody else talked on was not his."""
    voice = Voice(speak(language), setup)
    row = row_of(call, setup, language, call.started_at)
    mine = call.manager == manager
    missed = call.direction == "in" and not (call.answered_at and mine)
    kind: Kind = "out" if call.direction == "out" else "missed" if missed else "talked"
    said = voice.words(OUTCOMES[call.outcome]) if call.outcome else ""
    if not mine and call.manager:
        said = voice.words("answered by: {name}", name=voice.name(call.manager))
    talked = mine and bool(call.answered_at)
    return CallRow(
        id=call.id,
        kind=kind,
        state=row.state,
        badge=row.badge,
        clock=f"{voice.local(call.started_at):%H:%M}",
        title=row.title,
        number=row.number,
        note=row.note,
        dial=(call.caller or "") if call.caller_kind == "known" else "",
        line=call.line,
        card=row.card,
        card_id=call.card or "",
        how_long=formats.length(voice.words, call.duration_s) if call.duration_s else "",
        said=said,
        written=written is not None,
        write_up=talked and may_be_written_up(call),
        heard=call.recorded,
    )


@dataclass(frozen=True, slots=True)
class Tab:
    key: Kind
    name: str
    n: int


class MyCalls:
    def __init__(self, service: Service, doors: Doors) -> None:
        self._service = service
        self._doors = doors

    async def show(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """`manager`: whose calls; `day`: ISO, today where none is said; `kind`: which of them."""
        service, now = self._service, self._service.clock()
        setup, query, words = service.setups.current, request.query, guest.words
        people = members_of(setup, guest)
        manager = chosen(query.get("manager", ""), guest, setup)
        manager = manager or (people[0].key if people else "")
        calendar = desk_of(setup, setup.managers.get(manager)).calendar
        today = calendar.local(now).date()
        day = _day(query.get("day", ""), today)
        since, until = _bounds(calendar, day)
        found = await service.database.read(
            read_my_day, guest.viewer, manager, since, until, now=now
        )
        rows = [
            call_row(one, manager, found.written.get(one.id), setup, guest.language)
            for one in found.calls
        ]
        kind = query.get("kind", "all")
        kind = kind if kind in get_args(Kind) else "all"
        names: dict[Kind, str] = {
            "all": words("All calls"),
            "missed": words("Missed calls"),
            "talked": words("Talks"),
            "out": words("Outgoing calls"),
        }
        counts = {key: sum(key in ("all", one.kind) for one in rows) for key in names}
        voice = Voice(words, setup)
        unwritten: tuple[Unwritten, ...] = tuple(
            unwritten_row(one, voice, now) for one in found.unwritten
        )
        return self._doors.page(
            guest,
            "my_calls",
            manager=manager,
            people=people,
            unwritten=unwritten,
            obligatory=setup.workplace.write_up == "obligatory",
            rows=[one for one in rows if kind in ("all", one.kind)],
            tabs=tuple(Tab(key, names[key], counts[key]) for key in names),
            kind=kind,
            day=day.isoformat(),
            day_name=words("Today") if day == today else f"{day:%d.%m.%Y}",
            before=(day - timedelta(days=1)).isoformat(),
            after=(day + timedelta(days=1)).isoformat() if day < today else "",
            today=today.isoformat(),
            written="written" in query,
        )


def _day(said: str, today: date) -> date:
    """The day that an address names, today for what is none and for what is to come."""
    try:
        found = date.fromisoformat(said)
    except ValueError:
        return today
    return found if date(2000, 1, 2) <= found <= today else today


def _bounds(calendar: Calendar, day: date) -> tuple[datetime, datetime]:
    """When a local day begins and ends."""
    zone = calendar.local(datetime.fromisoformat(f"{day.isoformat()}T12:00+00:00")).tzinfo
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=zone)
    return calendar.midnight(noon), calendar.midnight(noon + timedelta(days=1))


def add(router: web.UrlDispatcher, service: Service, doors: Doors) -> None:
    router.add_get("/calls/mine", doors.guarded(MyCalls(service, doors).show, "look"))
