"""`/wall`: the department at a glance, for a screen on the wall and for a head's phone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from aiohttp import web

from callrouter import metrics
from callrouter.counting import read_calls
from callrouter.domain.calls import OVER
from callrouter.domain.figures import WITHIN_S, CallSums, Narrow, named
from callrouter.pages.owed import lost_today
from callrouter.pages.rendering import milliseconds
from callrouter.pages.rows import caller_of, rows_of
from callrouter.pages.team import Team, strip_of, team_now
from callrouter.wording import formats
from callrouter.wording.people import Voice
from storage import notices
from storage.listing import calls_now, count_owed

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.hours import Calendar
    from callrouter.domain.rights import Viewer
    from callrouter.domain.setup import Setup
    from callrouter.pages.doors import Doors, Guest
    from callrouter.service import Service
    from callrouter.wording import Words
    from storage.listing import CallView
    from storage.obligations import Lost

FIGURES_FOR: Final = timedelta(seconds=5)
"""So long what was counted of the day is shown again: that looks at all its calls."""

SHOWN: Final = 30


@dataclass(frozen=True, slots=True)
class Now:
    """What the wall shows of this moment. `last`: the newest notice it knows."""

    calls: tuple[CallView, ...]
    team: Team
    owed: tuple[int, int]
    lost: Lost
    last: int


def read_now(conn: Connection, setup: Setup, viewer: Viewer, *, now: datetime) -> Now:
    found = calls_now(conn, viewer, 1)
    return Now(
        calls=tuple(one for one in found if one.state not in OVER),
        team=team_now(conn, setup, viewer, now=now),
        owed=count_owed(conn, viewer, now=now),
        lost=lost_today(conn, setup, viewer, now=now),
        last=notices.newest(conn),
    )


@dataclass(frozen=True, slots=True)
class Answers:
    """How soon this server answered its PBXs since a moment; `fallbacks`: without the base."""

    since: datetime
    n: int
    p50: float | None
    p95: float | None
    p99: float | None
    fallbacks: int


class Today:
    """What this server measures, counted anew each day.

    A day begins for it where it last looked the day before: a wall looks twice a minute.
    """

    def __init__(self, began: datetime) -> None:
        self._looked = self._since = began
        self._before: Counts = {}
        self._last: Counts = {}
        self._fell_before = self._fell = 0.0

    def look(self, calendar: Calendar, now: datetime) -> Answers:
        if calendar.local(now).date() != calendar.local(self._looked).date():
            self._since, self._before, self._fell_before = self._looked, self._last, self._fell
        self._looked, self._last, self._fell = now, answered(), fallen_back()
        counts = {at: n - self._before.get(at, 0) for at, n in self._last.items()}
        return Answers(
            self._since,
            int(max(counts.values(), default=0)),
            quantile(counts, 0.5),
            quantile(counts, 0.95),
            quantile(counts, 0.99),
            int(self._fell - self._fell_before),
        )


Counts = Mapping[float, float]
"""How many took no longer than so many seconds."""


def answered() -> Counts:
    return {
        float(sample.labels["le"]): sample.value
        for family in metrics.ANSWER_SECONDS.collect()
        for sample in family.samples
        if sample.name.endswith("_bucket")
    }


def fallen_back() -> float:
    samples = (one for family in metrics.FALLBACKS.collect() for one in family.samples)
    return sum(one.value for one in samples if one.name.endswith("_total"))


def quantile(counts: Counts, share: float) -> float | None:
    """The limit that this share stayed under, between two limits in proportion; None: no answers.

    Beyond the last limit: infinity.
    """
    total, below, seen = max(counts.values(), default=0), 0.0, 0.0
    if not total:
        return None
    for limit in sorted(counts):
        if counts[limit] >= share * total:
            if limit == float("inf"):
                return limit
            here = counts[limit] - seen
            return below + (limit - below) * (share * total - seen) / here if here else limit
        below, seen = limit, counts[limit]
    return None


@dataclass(frozen=True, slots=True)
class Tile:
    """`since`: a timer that runs in the note."""

    key: str
    name: str
    value: str
    note: str = ""
    mood: str = ""
    href: str = ""
    since: datetime | None = None


class Wall:
    def __init__(self, service: Service, doors: Doors) -> None:
        self._service = service
        self._doors = doors
        self._today = Today(service.clock())
        self._counted: dict[frozenset[str] | None, tuple[datetime, CallSums]] = {}

    async def show(self, request: web.Request, guest: Guest) -> web.StreamResponse:  # noqa: ARG002
        return await self._show(guest, "wall")

    async def part(self, request: web.Request, guest: Guest) -> web.StreamResponse:  # noqa: ARG002
        """What changes, which the page puts in place."""
        return await self._show(guest, "_wall")

    async def _show(self, guest: Guest, template: str) -> web.StreamResponse:
        setup, now = self._doors.setup, self._service.clock()
        found = await self._service.database.read(read_now, setup, guest.viewer, now=now)
        sums = await self._sums(guest.viewer, setup, now)
        voice = Voice(guest.words, setup)
        rows = rows_of(found.calls, setup, guest.language, now)
        first = sorted(rows, key=lambda row: (_URGENT.get(row.state, 3), row.at))
        hidden = len(rows) - SHOWN
        return self._doors.page(
            guest,
            template,
            now=milliseconds(now),
            last=found.last,
            calls=first[:SHOWN],
            in_progress=len(rows),
            more=guest.words.many("and {n} more", "and {n} more", hidden) if hidden > 0 else "",
            team=strip_of(found.team, setup, guest.language, now),
            whom=_whom(found.calls, voice),
            tiles=list(_tiles(found, sums, voice)),
            node=list(self._node(voice, now)),
            clock=f"{voice.local(now):%H:%M}",
        )

    async def _sums(self, viewer: Viewer, setup: Setup, now: datetime) -> CallSums:
        kept = self._counted.get(viewer.people)
        if kept and timedelta() <= now - kept[0] < FIGURES_FOR:
            return kept[1]
        calendar, base = setup.calendar_of(None), self._service.database
        period = named(calendar, "today", now)
        sums = await read_calls(base, viewer, calendar, period, Narrow(), now=now)
        fresh = {key: one for key, one in self._counted.items() if now - one[0] < FIGURES_FOR}
        self._counted = {**fresh, viewer.people: (now, sums)}
        return sums

    def _node(self, voice: Voice, now: datetime) -> Iterator[Tile]:
        """How soon this server decides."""
        words = voice.words
        found = self._today.look(voice.setup.calendar_of(None), now)
        since = words(
            "this server, since {when}",
            when=formats.until(voice.local(found.since), voice.local(now)),
        )
        said = " / ".join(_ms(one) for one in (found.p50, found.p95, found.p99))
        yield Tile("decides", words("Decided in, ms: 50 / 95 / 99 %"), said, since)
        yield Tile(
            "fallbacks",
            words("Answered without the base"),
            str(found.fallbacks),
            since,
            "bad" if found.fallbacks else "",
        )


_URGENT: Final = {"waiting": 0, "ringing": 1, "talking": 2}


def _ms(seconds: float | None) -> str:
    if seconds is None:
        return "—"
    if seconds == float("inf"):
        return f"> {_SLOWEST_MS}"
    return f"{seconds * 1000:.0f}" if seconds >= 0.01 else f"{seconds * 1000:.1f}"


_SLOWEST_MS: Final = 1500  # the last limit of the histogram


def _tiles(found: Now, sums: CallSums, voice: Voice) -> Iterator[Tile]:
    words = voice.words
    waiting = found.team.waiting
    longest = words("the longest") if waiting.since else ""
    yield Tile(
        "waiting",
        words("Waiting for somebody free"),
        str(waiting.calls),
        longest,
        "bad" if waiting.calls else "",
        since=waiting.since,
    )
    ringing = sum(one.state == "ringing" for one in found.calls)
    yield Tile("ringing", words("Ringing"), str(ringing), mood="ring" if ringing else "")
    talking = sum(one.state == "talking" for one in found.calls)
    yield Tile("talking", words("Talking"), str(talking), mood="good" if talking else "")
    rung = [one for one in found.team.mates if any(one.manager.all_dials)]
    free = sum(one.doing == "free" for one in rung)
    yield Tile(
        "free",
        words("Free"),
        str(free),
        words("of {n} managers", n=len(rung)),
        "" if free else "bad",
    )
    yield from _of_day(found, sums, words)


def _of_day(found: Now, sums: CallSums, words: Words) -> Iterator[Tile]:
    missed, (owed, late) = sums.of("missed"), found.owed
    yield Tile(
        "missed",
        words("Missed today"),
        str(missed),
        words("of {n} calls", n=sums.total()),
        "bad" if missed else "",
        "/figures/calls?period=today&direction=in&kind=missed",
    )
    notes = [words("overdue: {n}", n=late)] if late else []
    if found.lost.lost:
        notes.append(words("of today: {n}", n=found.lost.lost))
    yield Tile(
        "owed",
        words("To call back"),
        str(owed),
        ", ".join(notes),
        "bad" if late else "",
        "/call-back",
    )
    level = sums.service_level()
    yield Tile(
        "level",
        words("Answered within {n} s", n=WITHIN_S),
        "—" if level is None else f"{level * 100:.0f} %",
        words("today, of answered and missed calls"),
        href=f"/figures/calls?period=today&direction=in&within={WITHIN_S}",
    )
    average, longest = sums.average_wait, sums.wait_of(0.95)
    yield Tile(
        "wait",
        words("Average wait today"),
        "—" if average is None else formats.length(words, average),
        ""
        if longest is None
        else words("95 % waited at most {length}", length=formats.length(words, longest)),
        href="/figures/calls?period=today&direction=in&kind=answered",
    )


def _whom(calls: Sequence[CallView], voice: Voice) -> dict[str, str]:
    """With whom each manager talks, of calls that the reader sees."""
    found = {}
    for call in calls:
        talking = [
            leg.manager
            for leg in call.legs
            if leg.manager and leg.status == "talking" and not leg.machine
        ]
        for key in talking:
            said = caller_of(call, voice)[0]
            if call.direction == "internal":  # whose caller is one of them
                others = tuple(one for one in talking if one != key)
                said = voice.names(others) if others else said
                said = "" if said == voice.name(key) else said
            found[key] = said
    return found


def add(router: web.UrlDispatcher, service: Service, doors: Doors) -> None:
    wall = Wall(service, doors)
    router.add_get("/wall", doors.guarded(wall.show, "figures"))
    router.add_get("/wall/part", doors.guarded(wall.part, "figures"))
