"""`/board`: a pipeline's cards by status; a screenful of each column, the rest as one scrolls."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from aiohttp import web

from callrouter.domain.ageing import WorkClock, work_clock
from callrouter.domain.phones import pretty
from callrouter.domain.setup import JUNK, NOT_A_DEAL
from callrouter.domain.tasks import BY_HAND
from callrouter.forming.values import money
from callrouter.pages.contact_form import givable
from callrouter.pages.rendering import milliseconds, render
from callrouter.pages.rows import initials
from callrouter.wording import formats
from callrouter.wording.moves import LETTER_KINDS, LETTER_STATES, age_text, status_name
from callrouter.wording.tasks import kind_of
from storage import listing_board as stored
from storage.obligations import KIND as CALL_BACK

if TYPE_CHECKING:
    from decimal import Decimal

    from sqlalchemy import Connection

    from callrouter.domain.rights import Viewer
    from callrouter.domain.setup import Pipeline, Setup, Status
    from callrouter.pages.doors import Doors, Guest
    from callrouter.service import Service
    from callrouter.wording import Words
    from storage.listing_board import Head, Leaving, StepView, TileLetter, TileView, Wanted
    from storage.listing_values import Slice

FIRST: Final = 50
"""So many cards of a column come with the page."""

LATELY: Final = timedelta(days=30)
"""Of closed statuses only what came there since is shown and counted."""

MINE: Final = "mine"
NOBODY: Final = "nobody"

_LONGEST: Final = 100


@dataclass(frozen=True, slots=True)
class Step:
    says: str
    when: str
    late: bool


@dataclass(frozen=True, slots=True)
class Note:
    """Of a letter that is not settled. `until`: it can be taken back until then, in ms."""

    id: str
    says: str
    level: str
    until: int | None


@dataclass(frozen=True, slots=True)
class Tile:
    id: str
    number: int
    title: str
    says: str
    amount: str
    who: str
    face: str
    status: str
    version: int
    age: str
    level: str
    since: str
    owed: bool
    step: Step | None
    letters: tuple[Note, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """`asks`: to move a card there may open the small form; `open` False: folded to a strip.

    `letters`: who goes there asks for a letter.
    """

    key: str
    name: str
    closed: bool
    open: bool
    asks: bool
    letters: bool
    count: int
    amount: str
    stamp: str
    toggle: str
    tiles: str = ""


@dataclass(frozen=True, slots=True)
class LeavingRow:
    """A letter that can still be taken back. `until`: so long, in ms; `left`: the same, counted."""

    id: str
    card: str
    number: str
    name: str
    kind: str
    email: str
    until: int
    left: str


@dataclass(frozen=True, slots=True)
class Choice:
    key: str
    name: str
    here: bool


@dataclass(frozen=True, slots=True)
class Filters:
    """What the address says. `who`: a manager's key, `mine`, `nobody` or nothing."""

    pipeline: str
    who: str = ""
    overdue: bool = False
    no_step: bool = False
    source: str = ""
    tag: str = ""
    text: str = ""
    open: tuple[str, ...] = ()

    @property
    def any(self) -> bool:
        return any((self.who, self.overdue, self.no_step, self.source, self.tag, self.text))

    def query(self, *, opened: Iterable[str] | None = None, plain: bool = False) -> str:
        """The address's query with the same; `opened`: other unfolded columns; `plain`: none."""
        said = {
            "pipeline": self.pipeline,
            "who": self.who,
            "overdue": "1" if self.overdue else "",
            "no_step": "1" if self.no_step else "",
            "source": self.source,
            "tag": self.tag,
            "q": self.text,
        }
        pairs = [(key, value) for key, value in said.items() if value]
        if not plain:
            pairs += [("open", one) for one in (self.open if opened is None else opened)]
        return urlencode(pairs)

    def wanted(self, guest: Guest, setup: Setup) -> Wanted:
        manager: str | None = self.who or None
        if self.who == NOBODY:
            manager = ""
        elif self.who == MINE:
            manager = guest.manager or ""
        return stored.Wanted(
            pipeline=self.pipeline,
            manager=manager,
            overdue=self.overdue,
            no_step=self.no_step,
            source=self.source,
            tag=self.tag,
            text=self.text,
            region=setup.company.region,
        )


@dataclass(frozen=True, slots=True)
class Drawn:
    """All that a board shows, of one snapshot of the base."""

    heads: dict[str, Head]
    parts: dict[str, Slice[TileView]]
    leaving: tuple[Leaving, ...]


class Board:
    def __init__(self, service: Service, doors: Doors) -> None:
        self._service = service
        self._doors = doors

    async def show(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        setup, now = self._service.setups.current, self._service.clock()
        filters, pipeline = read_filters(request, setup)
        statuses = statuses_of(pipeline)
        unfolded = [one.key for one in statuses if not one.closed or one.key in filters.open]
        drawn = await self._service.database.read(
            _load, guest.viewer, filters.wanted(guest, setup), statuses, unfolded, guest.by, now=now
        )
        faces = Faces(setup, guest.words, now)
        columns = []
        for status in statuses:
            await asyncio.sleep(0)  # a hook may be waiting
            part = drawn.parts.get(status.key)
            tiles = self._tiles(guest, faces, part, filters, status) if part else ""
            head = drawn.heads[status.key]
            columns.append(column_of(status, head, setup, filters, guest.words, tiles))
        return self._doors.page(
            guest,
            "board",
            columns=columns,
            filters=filters,
            people=people_of(guest, setup, filters),
            sources=sources_of(setup, filters),
            pipelines=[
                Choice(one.key, one.name or one.key, one.key == filters.pipeline)
                for one in setup.pipelines.values()
            ],
            leaving=[faces.leaving(one) for one in drawn.leaving],
            now=now,
            may_work=guest.may("work"),
            may_export=guest.may("export"),
            givable=givable(guest, setup, guest.manager),
            back=f"/board?{filters.query()}",
            days=LATELY.days,
        )

    async def show_column(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """Tiles of one column as HTML: those after a place, or the first again."""
        setup, now = self._service.setups.current, self._service.clock()
        filters, pipeline = read_filters(request, setup)
        status, after = pipeline.status(request.query.get("status", "")), None
        try:
            after = read_place(request.query.get("after", ""))
        except ValueError:
            status = None
        if status is None:
            return self._doors.message(guest, HTTPStatus.NOT_FOUND)
        part = await self._service.database.read(
            stored.column,
            guest.viewer,
            filters.wanted(guest, setup),
            status.key,
            now=now,
            since=now - LATELY if status.closed else None,
            after=after,
            limit=_number(request.query.get("limit", "")) or FIRST,
        )
        faces = Faces(setup, guest.words, now)
        html = self._tiles(guest, faces, part, filters, status)
        return web.Response(text=html, content_type="text/html")

    async def show_heads(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """How many cards each column has now, as JSON: by it a browser knows what to fetch."""
        setup, now = self._service.setups.current, self._service.clock()
        filters, pipeline = read_filters(request, setup)
        statuses = statuses_of(pipeline)
        drawn = await self._service.database.read(
            _load, guest.viewer, filters.wanted(guest, setup), statuses, [], guest.by, now=now
        )
        faces = Faces(setup, guest.words, now)
        return web.json_response(
            {
                "now": milliseconds(now),
                "columns": [
                    {
                        "key": key,
                        "count": head.count,
                        "amount": faces.amount(head.amount) if head.amount else "",
                        "stamp": stamp_of(head),
                    }
                    for key, head in drawn.heads.items()
                ],
                "leaving": draw_leaving(guest, faces, drawn.leaving, filters),
            }
        )

    def _tiles(
        self,
        guest: Guest,
        faces: Faces,
        part: Slice[TileView],
        filters: Filters,
        status: Status,
    ) -> str:
        more = ""
        if part.more:
            query = filters.query(plain=True)
            place = write_place(part.items[-1])
            more = f"/board/column?{query}&{urlencode({'status': status.key, 'after': place})}"
        return draw_tiles(guest, [faces.tile(one) for one in part.items], more)


def draw_tiles(guest: Guest, tiles: Sequence[Tile], more: str = "") -> str:
    """The tiles of a column; `more`: where those after them are."""
    return render("_column", guest.language, tiles=tiles, more=more, may_work=guest.may("work"))


def draw_leaving(guest: Guest, faces: Faces, leaving: Iterable[Leaving], filters: Filters) -> str:
    """The letters that can still be taken back, each with its countdown."""
    rows = [faces.leaving(one) for one in leaving]
    return render("_leaving", guest.language, leaving=rows, back=f"/board?{filters.query()}")


def _load(
    conn: Connection,
    viewer: Viewer,
    wanted: Wanted,
    statuses: Sequence[Status],
    unfolded: Sequence[str],
    by: str,
    *,
    now: datetime,
) -> Drawn:
    lately = now - LATELY
    still = [one.key for one in statuses if not one.closed]
    over = [one.key for one in statuses if one.closed]
    heads = stored.heads(conn, viewer, wanted, still, now=now) if still else {}
    heads |= stored.heads(conn, viewer, wanted, over, now=now, since=lately) if over else {}
    parts = {
        key: stored.column(
            conn,
            viewer,
            wanted,
            key,
            now=now,
            since=lately if key in over else None,
            limit=FIRST,
        )
        for key in unfolded
    }
    ordered = {one.key: heads[one.key] for one in statuses}
    return Drawn(ordered, parts, stored.leaving(conn, viewer, by, now=now))


def read_filters(request: web.Request, setup: Setup) -> tuple[Filters, Pipeline]:
    """What the address asks for; a pipeline that there is not is the first one."""
    query = request.query

    def said(name: str) -> str:
        return query.get(name, "").replace("\x00", "").strip()[:_LONGEST]

    found = setup.pipelines.get(said("pipeline"))
    pipeline = found or next(iter(setup.pipelines.values()))
    filters = Filters(
        pipeline.key,
        said("who"),
        bool(said("overdue")),
        bool(said("no_step")),
        said("source"),
        said("tag"),
        said("q"),
        tuple(dict.fromkeys(query.getall("open", [])))[:20],
    )
    return filters, pipeline


def statuses_of(pipeline: Pipeline) -> tuple[Status, ...]:
    """Those of the pipeline, and last the one that every pipeline has."""
    own = pipeline.statuses
    return own if any(one.key == JUNK for one in own) else (*own, NOT_A_DEAL)


def column_of(
    status: Status, head: Head, setup: Setup, filters: Filters, words: Words, tiles: str
) -> Column:
    unfolded = status.key in filters.open
    others = [one for one in filters.open if one != status.key]
    sends = any(
        (one.pipeline, one.on_status) == (filters.pipeline, status.key) for one in setup.letter
    )
    return Column(
        key=status.key,
        name=status_name(status, words),
        closed=status.closed,
        open=not status.closed or unfolded,
        asks=sends or bool(status.required) or asks_reason(status),
        letters=sends,
        count=head.count,
        amount=money(head.amount, words) if head.amount else "",
        stamp=stamp_of(head),
        toggle=f"/board?{filters.query(opened=others if unfolded else [*others, status.key])}",
        tiles=tiles,
    )


def asks_reason(status: Status) -> bool:
    """Whether one is asked why a card goes there: where it is needed, and where a deal is lost."""
    return status.closed and ("loss_reason" in status.required or status.key in ("lost", JUNK))


def stamp_of(head: Head) -> str:
    """The same as long as nothing of a column changed."""
    return f"{head.count}.{milliseconds(head.changed_at) if head.changed_at else 0}"


def people_of(guest: Guest, setup: Setup, filters: Filters) -> list[Choice]:
    """Whose cards may be asked for: of those that one sees."""
    words = guest.words
    found = [Choice("", words("Everybody's"), not filters.who)]
    if guest.manager:
        found.append(Choice(MINE, words("Mine"), filters.who == MINE))
    found.append(Choice(NOBODY, words("Nobody's"), filters.who == NOBODY))
    seen = guest.viewer.people
    found += [
        Choice(one.key, one.name, filters.who == one.key)
        for one in setup.active
        if one.key != guest.manager and (seen is None or one.key in seen)
    ]
    return found


def sources_of(setup: Setup, filters: Filters) -> list[Choice]:
    """Those that Setup names."""
    keys = {one.source for one in setup.line if one.source} | {setup.leads.source, filters.source}
    return [Choice(one, one, one == filters.source) for one in sorted(keys) if one]


def write_place(one: TileView) -> str:
    return f"{milliseconds(one.status_at)}.{one.id}"


def read_place(said: str) -> tuple[datetime, str] | None:
    """Raises ValueError."""
    if not said:
        return None
    at, _, id_ = said.partition(".")
    if not (at.isascii() and at.isdigit() and len(at) < 15 and 0 < len(id_) <= 32):
        raise ValueError(said)
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(at)), id_


def _number(said: str) -> int:
    return int(said) if said.isascii() and said.isdigit() and len(said) < 4 else 0


class Faces:
    """Cards as tiles, in one language at one moment."""

    def __init__(self, setup: Setup, words: Words, now: datetime) -> None:
        self._setup = setup
        self._words = words
        self._now = now
        self._clocks: dict[str | None, WorkClock] = {}

    def tile(self, one: TileView) -> Tile:
        words = self._words
        number = words("No. {number}", number=one.number)
        name = one.name or (pretty(one.phone) if one.phone else "")
        clock = self._clock(one)
        age = clock.age(one.status_at)
        manager = self._setup.managers.get(one.manager or "")
        since = formats.moment(clock.calendar.local(one.status_at))
        return Tile(
            id=one.id,
            number=one.number,
            title=one.title or name or number,
            says=name if one.title else "",
            amount=self.amount(one.amount) if one.amount is not None else "",
            who=manager.name if manager else one.manager or words("nobody is responsible"),
            face=initials(manager.name if manager else one.manager or "") or "–",
            status=one.status,
            version=one.version,
            age=age_text(age, words),
            level=age.level,
            since=words("In this status since {when}", when=since),
            owed=one.owed,
            step=self._step(one.step, clock) if one.step else None,
            letters=tuple(self._letter(each) for each in one.letters),
        )

    def amount(self, amount: Decimal) -> str:
        return money(amount, self._words)

    def leaving(self, one: Leaving) -> LeavingRow:
        until, words = one.letter.wait_until or self._now, self._words
        return LeavingRow(
            one.letter.id,
            one.card,
            words("No. {number}", number=one.number),
            one.name,
            words(LETTER_KINDS[one.letter.kind]),
            one.letter.email or "",
            milliseconds(until),
            formats.timer((until - self._now).total_seconds()),
        )

    def _clock(self, one: TileView) -> WorkClock:
        """By the hours of the card's office, else of its manager's."""
        manager = self._setup.managers.get(one.manager or "")
        key = one.office or (manager.office if manager else None)
        if key not in self._clocks:
            office = self._setup.offices.get(key or "")
            hours, calendar = office.hours if office else None, self._setup.calendar_of(key)
            self._clocks[key] = work_clock(hours, calendar, self._now)
        return self._clocks[key]

    def _step(self, one: StepView, clock: WorkClock) -> Step:
        words = self._words
        if one.kind == CALL_BACK:
            says = words("Call back")
        else:
            says = (one.text if one.kind in BY_HAND else "") or kind_of(one, words)
        if one.due_at is None:
            return Step(says, "", late=False)
        local = clock.calendar.local(one.due_at)
        when = formats.until(local, clock.calendar.local(self._now))
        return Step(says, when, late=one.due_at < self._now)

    def _letter(self, one: TileLetter) -> Note:
        bad = one.state in ("in_doubt", "failed", "no_address")
        waits = one.state == "waiting" and one.wait_until and one.wait_until > self._now
        return Note(
            one.id,
            self._words(LETTER_STATES[one.state]),
            "bad" if bad else "fine",
            milliseconds(one.wait_until) if waits and one.wait_until else None,
        )


def add(router: web.UrlDispatcher, service: Service, doors: Doors) -> None:
    """The board, and moving cards from wherever one is."""
    from callrouter.pages.moving import Moving  # it draws tiles as the board does

    board, moving = Board(service, doors), Moving(service, doors)
    router.add_get("/board", doors.guarded(board.show, "look"))
    router.add_get("/board/column", doors.guarded(board.show_column, "look"))
    router.add_get("/board/heads", doors.guarded(board.show_heads, "look"))
    router.add_post("/board/together", doors.guarded(moving.together, "work"))
    router.add_post("/board/letters/{id}/cancel", doors.guarded(moving.cancel_letter, "work"))
    router.add_get("/cards/{id}/move", doors.guarded(moving.ask, "work"))
    router.add_post("/cards/{id}/move", doors.guarded(moving.move, "work"))
    router.add_get("/cards/{id}/move/letter", doors.guarded(moving.show_letter, "work"))
    router.add_get("/cards/{id}/move/offer.pdf", doors.guarded(moving.show_offer, "work"))
    router.add_get("/cards/{id}/move/hint", doors.guarded(moving.hint, "work"))
