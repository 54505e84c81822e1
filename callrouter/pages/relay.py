"""The relay of a node: reads new notices once and tells each browser what its viewer may see.

Notices are rows written with what they tell of, so nothing is lost between two looks, and a browser
that was away is told what it missed. Whose phone rings is told first and at once; lists follow, and
rest as long as the calls need.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Awaitable, Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple

import structlog

from callrouter import metrics
from callrouter.pages.owed import Owed, OwedPanel, panel_of, read_owed
from callrouter.pages.popping import PopAt, State, message_of, pop_of, state_of
from callrouter.pages.rendering import milliseconds, render
from callrouter.pages.rows import row_of
from callrouter.pages.team import Strip, Team, strip_of, team_now
from callrouter.wording import speak
from callrouter.wording.people import Voice
from storage import notices, pops, users, visits
from storage.database import BaseSilent
from storage.listing import CallView, InLine, Viewer, calls_by_id, in_line
from storage.pops import Before, Calling, Ring
from storage.sight import seen_among

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.setup import Language, Setup
    from callrouter.service import Service
    from storage.notices import Notice
    from storage.obligations import Lost
    from storage.visits import Visit

LOOK_S: Final = 1.0  # it looks by itself, whoever forgets to wake it
NODES_S: Final = 0.05  # where other nodes write, too, while somebody's screen may have to pop
REST_S: Final = 0.01  # at least between two looks for who is rung
REST_MOST_S: Final = 0.02  # at most, while there is news: somebody's phone may have begun to ring
PAUSE_S: Final = 0.1  # at least between two tellings of lists, so that a storm is told in batches
SHARE: Final = 5  # it rests so many times as long as it worked: calls come first
TEAM_S: Final = 10.0  # shifts begin and end without any notice
LOST_S: Final = 10.0  # counting today's missed callers looks at the whole day
CHECK_S: Final = 3.0  # who is still let in, and with which rights
LOOKED_AT: Final = 1000  # notices read at once
BATCH: Final = 50  # calls rendered in one turn; more of them wait for the next
MISSED_MOST: Final = 200  # a browser that missed more calls loads its page anew
QUEUE: Final = 100  # messages that a slow reader may leave unread
EACH: Final = 5  # streams of one person; a further one takes the place of his oldest
VIEWERS: Final = 100  # groups of equal viewers in one reading
ABREAST: Final = 50  # browsers told in one go; a hook may be waiting

_ALL: Final = Viewer("admin")  # rows are rendered once for all who may see them

log = structlog.get_logger(__name__)


class Standing(NamedTuple):
    """As whom a browser listens, now."""

    viewer: Viewer
    pop_at: PopAt = "ring"


class Check(NamedTuple):
    """By the digest of a cookie: as whom it listens, given its visit and when his user's screen is
    to pop; None: as nobody that is let in.
    """

    digest: str
    standing: Callable[[Visit | None, str | None], Standing | None]


@dataclass(eq=False)
class Stream:
    """One browser. `after`: the last notice it knows. None in the queue: it is over.

    `who`: whose streams are counted together. `lists`: it shows lists of calls. `check`: as whom it
    listens by now.
    """

    language: Language
    after: int | None
    transport: asyncio.Transport | None = None
    viewer: Viewer = _ALL
    pop_at: PopAt = "ring"
    who: str | None = None
    lists: bool = True
    check: Check | None = None
    queue: asyncio.Queue[bytes | None] = field(default_factory=lambda: asyncio.Queue(QUEUE))

    def tell(self, message: bytes | None) -> None:
        """Queue a message; who leaves too many unread is cut off and comes back by himself."""
        try:
            self.queue.put_nowait(message)
        except asyncio.QueueFull:
            if self.transport:
                self.transport.abort()

    def pops(self, state: State) -> bool:
        """Whether his screen shows a call of this state."""
        return self.pop_at == "ring" or (self.pop_at == "answer" and state == "talking")


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the page as it was last told: what it showed, and its HTML."""

    shown: Strip | OwedPanel
    html: str


@dataclass(frozen=True, slots=True)
class Group:
    """Those who may see the same, in one language."""

    people: frozenset[str] | None
    language: Language


@dataclass(frozen=True, slots=True)
class Told:
    """What of a call a manager's screen shows."""

    ring: Ring
    calling: Calling
    before: Before

    @property
    def state(self) -> State:
        return state_of(self.ring)


Place = tuple[str, str]
"""A manager and a call."""


class Relay:
    """`run` works until it is cancelled; `wake` is called after commits, in this process."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._streams: set[Stream] = set()  # those who were told what they missed
        self._joining: list[Stream] = []
        self._present: dict[Stream, None] = {}  # all of them, the oldest first
        self._new: list[Stream] = []  # those who were not yet told what rings
        self._of: dict[str, list[Stream]] = {}  # a manager's, if he has any
        self._woken = asyncio.Event()
        self._changed = asyncio.Event()
        self._last: int | None = None
        self._waiting: dict[str, None] = {}  # changed calls not yet told, in order
        self._parts: dict[tuple[str, Group], Part] = {}  # of the page, as last told
        self._team_at = float("-inf")
        self._lost: dict[People, Lost] = {}  # as each counts today's missed callers
        self._lost_at = float("-inf")
        self._news = False  # of people or of calls that are owed
        self._version: int | None = None
        self._rings: dict[str, list[Ring]] | None = None  # of open calls; None: not looked yet
        self._shown: dict[Place, Told] = {}
        self._tickets: dict[str, str] = {}
        self._touched: set[str] = set()  # calls of which something is new
        self._closed = False

    @property
    def browsers(self) -> int:
        return len(self._present)

    def wake(self) -> None:
        """Say that something was committed."""
        self._woken.set()

    def join(self, stream: Stream) -> None:
        """Let a browser in; the next turn tells it first what rings and what it missed."""
        if self._closed:
            stream.tell(None)
            return
        if stream.who is not None:
            same = [one for one in self._present if one.who == stream.who]
            for old in same[: max(0, len(same) - EACH + 1)]:
                old.tell(message("crowd", {}))
                old.tell(None)
                self.leave(old)
        self._present[stream] = None
        if manager := stream.viewer.manager:
            self._of.setdefault(manager, []).append(stream)
        self._new.append(stream)
        if stream.lists:
            self._joining.append(stream)
        metrics.STREAMS.set(self.browsers)
        self.wake()

    def leave(self, stream: Stream) -> None:
        self._present.pop(stream, None)
        self._streams.discard(stream)
        his = self._of.get(stream.viewer.manager or "", [])
        for some in (self._joining, self._new, his):
            if stream in some:
                some.remove(stream)
        if not his:
            self._of.pop(stream.viewer.manager or "", None)
        metrics.STREAMS.set(self.browsers)

    def close(self) -> None:
        """End every stream, so that a server that stops need not wait for browsers."""
        self._closed = True
        for stream in self._present:
            stream.tell(None)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._watch(), name="relay: who is rung")
            tasks.create_task(self._tell_lists(), name="relay: lists")
            tasks.create_task(self._check(), name="relay: rights")

    async def turn(self) -> None:
        """Look once, and tell whatever is new."""
        await self.look()
        await self.tell()

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._woken.clear()
            began = loop.time()
            await _guarded(self.look)
            await asyncio.sleep(min(max(REST_S, loop.time() - began), REST_MOST_S))
            with suppress(TimeoutError):
                async with asyncio.timeout(self._until_next()):
                    await self._woken.wait()

    async def _tell_lists(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._changed.clear()
            began = loop.time()
            await _guarded(self.tell)
            pause = min(max(PAUSE_S, SHARE * (loop.time() - began)), LOOK_S)
            await asyncio.sleep(pause)
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S - pause):
                    await self._changed.wait()

    # Who is rung

    def _until_next(self) -> float:
        """Until somebody's window begins or ends, but not longer than a look may wait."""
        longest = LOOK_S if self._service.settings.is_sqlite or not self._present else NODES_S
        now = self._service.clock()
        bounds = (
            at
            for rings in (self._rings or {}).values()
            for ring in rings
            if not ring.talks
            for at in (ring.since, ring.until)
            if at and at > now
        )
        first = min(bounds, default=None)
        if first is None:
            return longest
        return min(longest, max(REST_S, (first - now).total_seconds() + 0.001))

    async def look(self) -> None:
        """Read what is new, and tell whom it rings."""
        read = self._service.database.read
        if self._last is None:
            self._last = await read(notices.newest)
        if not self._present:
            self._rings, self._shown, self._tickets = None, {}, {}
            found = await read(notices.since, self._last, LOOKED_AT)
            self._last = found[-1].id if found else self._last
            self._waiting.clear()
            return
        fresh = self._rings is None
        found, rings = await read(_look, self._last, whole=fresh)
        if found:
            self._note(found)
        self._keep(rings, {one.call for one in found if one.call}, fresh=fresh)
        await self._tell_rings(self._service.clock())
        if found or self._joining:
            self._changed.set()
        if len(found) == LOOKED_AT:
            self.wake()

    def _note(self, found: Sequence[Notice]) -> None:
        self._last = found[-1].id
        self._waiting.update(dict.fromkeys(one.call for one in found if one.call))
        others = [one for one in found if one.call is None]
        if not others:
            return
        self._news = True
        owners = {one.manager for one in others}
        said: dict[People, bytes] = {}
        for stream in self._present:
            people = stream.viewer.people
            if people is not None and None not in owners and people.isdisjoint(owners):
                continue
            if people not in said:
                said[people] = _news([one for one in others if stream.viewer.sees(one.manager)])
            stream.tell(said[people])

    def _keep(self, rings: Iterable[Ring], changed: set[str], *, fresh: bool) -> None:
        kept: dict[str, list[Ring]] = {} if fresh or self._rings is None else self._rings
        for call in changed:
            kept.pop(call, None)
        for ring in rings:
            if fresh or ring.call in changed:
                kept.setdefault(ring.call, []).append(ring)
        self._rings = kept
        self._touched = changed

    async def _tell_rings(self, now: datetime) -> None:
        """Tell what rings by now to those whom it rings, and what does no more."""
        new = list(self._new)
        rings = _current((self._rings or {}).values(), now, self._of)
        for place in [one for one in self._shown if one not in rings]:
            told = self._shown.pop(place)
            gone = message("unpop", {"call": place[1], "talked": told.ring.talks})
            for stream in self._of.get(place[0], ()):
                if stream not in self._new:
                    stream.tell(gone)
        changed = {
            place: ring
            for place, ring in rings.items()
            if place not in self._shown
            or self._shown[place].ring != ring
            or ring.call in self._touched
        }
        fresh: dict[Place, Told] = {}
        if changed:
            viewers = {key: replace(self._of[key][0].viewer, at=now) for key, _ in changed}
            fresh = await self._service.database.read(_told, changed, viewers)
        for place, told in fresh.items():
            if self._shown.get(place) == told:
                continue
            self._shown[place] = told
            for stream in self._of.get(place[0], ()):
                if stream not in self._new and stream.pops(told.state):
                    stream.tell(message("pop", self._say(place[1], told, stream.language, now)))
        for stream in new:
            mine = [
                self._say(call, told, stream.language, now)
                for (manager, call), told in self._shown.items()
                if manager == stream.viewer.manager and stream.pops(told.state)
            ]
            stream.tell(message("pops", {"pops": mine, "now": milliseconds(now)}))
        self._new = [stream for stream in self._new if stream not in new]
        for call in self._tickets.keys() - {call for _, call in self._shown}:
            del self._tickets[call]

    def _say(self, call: str, told: Told, language: Language, now: datetime) -> dict[str, object]:
        """A pop as a browser is told of it."""
        if call not in self._tickets:
            self._tickets[call] = self._service.seal.ticket(call, now)
        voice = Voice(speak(language), self._service.setups.current)
        url = f"/pop/{self._tickets[call]}"
        pop = pop_of(told.calling, told.ring, told.before, voice, now, url=url)
        return {**message_of(pop, call, told.ring, voice), "now": milliseconds(now)}

    async def ask(self, stream: Stream) -> dict[str, object]:
        """For who gets no stream: what rings now, and whether there is news after `after`."""
        viewer, now, last = stream.viewer, self._service.clock(), stream.after
        read = self._service.database.read
        newest = await read(notices.newest)
        mine: list[dict[str, object]] = []
        if viewer.manager is not None:
            rings = await read(pops.rings_now, viewer.manager)
            places = _current([rings], now, {viewer.manager})
            told = await read(_told, places, {viewer.manager: replace(viewer, at=now)})
            mine = [
                self._say(call, one, stream.language, now)
                for (_, call), one in told.items()
                if stream.pops(one.state)
            ]
        news = last is not None and newest != last
        return {"pops": mine, "last": newest, "news": news, "now": milliseconds(now)}

    # Lists

    async def tell(self) -> None:
        """Tell the lists of calls, of people and of what is owed."""
        if not self._streams and not self._joining:
            self._waiting.clear()
            return
        last, read = self._last or 0, self._service.database.read
        joining = tuple(self._joining)
        missed = await self._missed(joining, last)
        batch = list(self._waiting)[:BATCH]
        whole = last if len(self._waiting) <= BATCH else None
        setup, now = self._service.setups.current, self._service.clock()
        seconds = asyncio.get_running_loop().time()
        quiet = not (batch or joining or self._news) and setup.version == self._version
        if quiet and seconds < self._team_at + TEAM_S:
            return
        if seconds >= self._lost_at + LOST_S:
            self._lost, self._lost_at = {}, seconds
        everybody = {*self._streams, *joining}
        viewers = {one.viewer.people: replace(one.viewer, at=now) for one in everybody}
        seen = await read(_load, {*batch, *missed}, setup, now)
        for part in _parted(viewers, VIEWERS):
            seen.views |= await read(_views, part, {*batch, *missed}, setup, self._lost, now)
        self._lost = {people: view.owed.today for people, view in seen.views.items()}
        self._team_at, self._news = seconds, False
        for call in batch:
            self._waiting.pop(call, None)
        if self._waiting:
            self._changed.set()
        await self._tell(seen, set(batch), joining, whole, setup, now)

    async def _missed(self, joining: Sequence[Stream], last: int) -> set[str]:
        """The calls that changed while those who come in were away."""
        behind = [one for one in joining if one.after is not None and one.after < last]
        for stream in joining:
            if (stream.after or 0) > last:  # the base is another one now
                stream.tell(message("reload", {}))
        if not behind:
            return set()
        oldest = min(stream.after or 0 for stream in behind)
        found = await self._service.database.read(notices.since, oldest, LOOKED_AT)
        missed = {one.call for one in found if one.call}
        if len(found) < LOOKED_AT and len(missed) <= MISSED_MOST:
            return missed
        for stream in behind:
            stream.tell(message("reload", {}))
        return set()

    async def _tell(
        self,
        seen: Seen,
        changed: set[str],
        joining: Sequence[Stream],
        last: int | None,
        setup: Setup,
        now: datetime,
    ) -> None:
        here = {stream for stream in joining if stream in self._joining}
        groups: dict[Group, list[Stream]] = defaultdict(list)
        for stream in (*self._streams, *here):
            groups[Group(stream.viewer.people, stream.language)].append(stream)
        rows = {
            language: await _rows(seen.calls, setup, language, now)
            for language in {group.language for group in groups}
        }
        told, drawn = 0, Drawn(seen.team, setup, now)
        for group, streams in groups.items():
            view = seen.views.get(group.people)
            if view is None:
                continue  # who came in since is told in the next turn
            visible, parts = view.calls, self._draw(drawn, view, group)
            mine = [row for id_, row in rows[group.language].items() if id_ in visible]
            news = [row for row in mine if row["id"] in changed]
            gone = sorted(changed - visible)
            some = self._changes(news, gone, parts, last, now) if news or gone or parts else None
            for stream in streams:
                if stream in here:
                    both = {name: self._parts[name, group].html for name in ("team", "owed")}
                    stream.tell(self._changes(mine, gone, both, last, now))
                elif some:
                    stream.tell(some)
                told += 1
                if told % ABREAST == 0:
                    await asyncio.sleep(0)
            await asyncio.sleep(0)
        if self._version not in (None, setup.version):
            for stream in self._streams:
                stream.tell(message("setup", {"version": setup.version}))
        self._version = setup.version
        arrived = {one for one in here if one.viewer.people in seen.views}
        self._streams.update(stream for stream in arrived if stream in self._joining)
        self._joining = [stream for stream in self._joining if stream not in arrived]
        self._parts = {key: part for key, part in self._parts.items() if key[1] in groups}

    def _draw(self, drawn: Drawn, view: View, group: Group) -> dict[str, str]:
        """The HTML of those parts of the page that show something new."""
        fresh = {"team": drawn.team_of(view, group), "owed": drawn.owed_of(view, group)}
        changed = {}
        for name, part in fresh.items():
            last = self._parts.get((name, group))
            if last is None or last.shown != part.shown:
                self._parts[name, group] = part
                changed[name] = part.html
        return changed

    @staticmethod
    def _changes(
        calls: Sequence[Mapping[str, str]],
        gone: Sequence[str],
        parts: Mapping[str, str],
        last: int | None,
        now: datetime,
    ) -> bytes:
        """A message; with an id only when nothing before it is still untold."""
        data: dict[str, object] = {"calls": calls, "now": milliseconds(now), **parts}
        if gone:
            data["gone"] = gone
        return message("changes", data, last)

    # Who is still let in

    async def _check(self) -> None:
        while True:
            await asyncio.sleep(CHECK_S)
            await _guarded(self.check)

    async def check(self) -> None:
        """End the streams of whoever may see something else by now, or is let in no more.

        Whoever is, comes back at once, as who he is now.
        """
        streams = {one: one.check for one in self._present if one.check}
        digests = {check.digest for check in streams.values()}
        now = self._service.clock()
        found, prefs = await self._service.database.read(_still_in, digests, now)
        for n, (stream, check) in enumerate(streams.items()):
            if n % ABREAST == 0:
                await asyncio.sleep(0)
            visit = found.get(check.digest)
            chosen = prefs.get(visit.user or "") if visit else None
            standing = check.standing(visit, chosen)
            if standing is None or standing.viewer != stream.viewer:
                stream.tell(None)
                self.leave(stream)
            else:
                stream.pop_at = standing.pop_at


def _news(found: Sequence[Notice]) -> bytes:
    kinds = sorted({one.kind for one in found})
    cards = sorted({one.card for one in found if one.card})
    return message("news", {"kinds": kinds, "cards": cards})


async def _guarded(turn: Callable[[], Awaitable[None]]) -> None:
    try:
        await turn()
    except BaseSilent:
        log.info("relay_waits", reason="the base is silent")
    except Exception:
        log.exception("relay_failed")


def _current(
    calls: Iterable[Iterable[Ring]], now: datetime, listens: Container[str]
) -> dict[Place, Ring]:
    """What rings or talks now, of managers who are there; of two phones, the one that talks."""
    found: dict[Place, Ring] = {}
    for rings in calls:
        for ring in rings:
            if ring.manager in listens and (ring.talks or ring.rings(now)):
                place = (ring.manager, ring.call)
                if place not in found or ring.talks:
                    found[place] = ring
    return found


def _look(conn: Connection, last: int, *, whole: bool) -> tuple[list[Notice], list[Ring]]:
    """What is new, and the rings of the calls that it is about, or (`whole`) of all calls."""
    found = notices.since(conn, last, LOOKED_AT)
    if whole:
        return found, pops.rings_now(conn)
    changed = {one.call for one in found if one.call}
    return found, pops.rings_of(conn, changed) if changed else []


def _told(
    conn: Connection, rings: Mapping[Place, Ring], viewers: Mapping[str, Viewer]
) -> dict[Place, Told]:
    found = pops.calling(conn, {call for _, call in rings})
    told = {}
    for (manager, call), ring in rings.items():
        if call in found:
            past = pops.before(conn, viewers[manager], found[call])
            told[manager, call] = Told(ring, found[call], past)
    return told


def _still_in(
    conn: Connection, digests: Iterable[str], now: datetime
) -> tuple[dict[str, Visit], dict[str, str]]:
    """The visits of these cookies, and when the screens of their users are to pop."""
    found = visits.find_cookies(conn, digests, now=now)
    return found, users.all_prefs(conn, "pop_at", {one.user for one in found.values() if one.user})


People = frozenset[str] | None


@dataclass(frozen=True, slots=True)
class View:
    """What those of a group may see: of the calls that were read, of who waits, of what is owed."""

    calls: set[str]
    waiting: InLine
    owed: Owed


@dataclass(slots=True)
class Seen:
    """What was read for lists: calls and team once for all, the rest for each group."""

    calls: tuple[CallView, ...]
    team: Team
    views: dict[People, View] = field(default_factory=dict)


@dataclass(slots=True)
class Drawn:
    """Parts of the page, each drawn once for all who see the same in it."""

    team: Team
    setup: Setup
    now: datetime
    parts: dict[tuple[InLine | Owed, Language], Part] = field(default_factory=dict)

    def team_of(self, view: View, group: Group) -> Part:
        key = (view.waiting, group.language)
        if key not in self.parts:
            team = replace(self.team, waiting=view.waiting)
            strip = strip_of(team, self.setup, group.language, self.now)
            self.parts[key] = Part(strip, render("_team", group.language, team=strip))
        return self.parts[key]

    def owed_of(self, view: View, group: Group) -> Part:
        key = (view.owed, group.language)
        if key not in self.parts:
            panel = panel_of(view.owed, self.setup, group.language, self.now)
            self.parts[key] = Part(panel, render("_owed", group.language, owed=panel))
        return self.parts[key]


def _load(conn: Connection, calls: Iterable[str], setup: Setup, now: datetime) -> Seen:
    return Seen(calls_by_id(conn, calls, _ALL), team_now(conn, setup, _ALL, now=now))


def _views(
    conn: Connection,
    viewers: Mapping[People, Viewer],
    calls: Iterable[str],
    setup: Setup,
    lost: Mapping[People, Lost],
    now: datetime,
) -> dict[People, View]:
    found = {}
    for people, viewer in viewers.items():
        visible = seen_among(conn, viewer, calls)
        owed = read_owed(conn, setup, viewer, now=now, today=lost.get(people))
        found[people] = View(visible, in_line(conn, viewer), owed)
    return found


def _parted(viewers: Mapping[People, Viewer], size: int) -> Iterator[dict[People, Viewer]]:
    """A few at a time: a reading that takes long is cut off."""
    items = list(viewers.items())
    for first in range(0, len(items), size):
        yield dict(items[first : first + size])


async def _rows(
    calls: Sequence[CallView], setup: Setup, language: Language, now: datetime
) -> dict[str, dict[str, str]]:
    """Each call's row by its id; one that cannot be shown is left out and logged."""
    rows = {}
    for call in calls:
        await asyncio.sleep(0)  # a row takes half a millisecond; a hook may be waiting
        try:
            html = render("_call", language, row=row_of(call, setup, language, now))
        except Exception:
            log.exception("row_failed", call=call.id)
        else:
            rows[call.id] = {"id": call.id, "html": html}
    return rows


def message(event: str, data: Mapping[str, object], id_: int | None = None) -> bytes:
    """One message as browsers read it; JSON has no line ends of its own."""
    head = f"id: {id_}\n" if id_ is not None else ""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return f"{head}event: {event}\ndata: {text}\n\n".encode()
