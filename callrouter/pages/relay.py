"""The relay of a node: reads new notices once, renders each changed call once, tells every browser.

Notices are rows written with what they tell of, so nothing is lost between two looks, and a browser
that was away is told what it missed.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Final

import structlog

from callrouter.pages.owed import Owed, OwedPanel, panel_of, read_owed
from callrouter.pages.rendering import milliseconds, render
from callrouter.pages.rows import row_of
from callrouter.pages.team import Strip, Team, strip_of, team_now
from storage import notices
from storage.database import BaseSilent
from storage.listing import CallView, Viewer, calls_by_id

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.setup import Language, Setup
    from callrouter.service import Service
    from storage.obligations import Lost

LOOK_S: Final = 1.0  # it looks by itself, whoever forgets to wake it
PAUSE_S: Final = 0.1  # at least between two looks, so that a storm is told in batches
SHARE: Final = 5  # it rests so many times as long as it worked: calls come first
TEAM_S: Final = 10.0  # shifts begin and end without any notice
LOST_S: Final = 10.0  # counting today's missed callers looks at the whole day
LOOKED_AT: Final = 1000  # notices read at once
BATCH: Final = 50  # calls rendered in one turn; more of them wait for the next
MISSED_MOST: Final = 200  # a browser that missed more calls loads its page anew
QUEUE: Final = 100  # messages that a slow reader may leave unread

_READER: Final = Viewer("manager")  # every role sees all calls; rows are rendered once for all

log = structlog.get_logger(__name__)


@dataclass(eq=False)
class Stream:
    """One browser. `after`: the last notice it knows. None in the queue: it is over."""

    language: Language
    after: int | None
    transport: asyncio.Transport | None = None
    queue: asyncio.Queue[bytes | None] = field(default_factory=lambda: asyncio.Queue(QUEUE))

    def tell(self, message: bytes | None) -> None:
        """Queue a message; who leaves too many unread is cut off and comes back by himself."""
        try:
            self.queue.put_nowait(message)
        except asyncio.QueueFull:
            if self.transport:
                self.transport.abort()


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the page as it was last told: what it showed, and its HTML."""

    shown: Strip | OwedPanel
    html: str


class Relay:
    """`run` works until it is cancelled; `wake` is called after commits, in this process."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._streams: set[Stream] = set()
        self._joining: list[Stream] = []
        self._woken = asyncio.Event()
        self._last: int | None = None
        self._waiting: dict[str, None] = {}  # changed calls not yet told, in order
        self._parts: dict[tuple[str, Language], Part] = {}  # of the page, as last told
        self._team_at = float("-inf")
        self._lost: Lost | None = None
        self._lost_at = float("-inf")
        self._news = False  # of people or of calls that are owed
        self._version: int | None = None
        self._closed = False

    @property
    def browsers(self) -> int:
        return len(self._streams) + len(self._joining)

    def wake(self) -> None:
        """Say that something was committed."""
        self._woken.set()

    def join(self, stream: Stream) -> None:
        """Let a browser in; the next turn tells it first what it missed."""
        if self._closed:
            stream.tell(None)
            return
        self._joining.append(stream)
        self.wake()

    def leave(self, stream: Stream) -> None:
        self._streams.discard(stream)
        if stream in self._joining:
            self._joining.remove(stream)

    def close(self) -> None:
        """End every stream, so that a server that stops need not wait for browsers."""
        self._closed = True
        for stream in (*self._streams, *self._joining):
            stream.tell(None)

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._woken.clear()
            began = loop.time()
            try:
                await self.turn()
            except BaseSilent:
                log.info("relay_waits", reason="the base is silent")
            except Exception:
                log.exception("relay_failed")
            pause = min(max(PAUSE_S, SHARE * (loop.time() - began)), LOOK_S)
            await asyncio.sleep(pause)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), LOOK_S - pause)

    async def turn(self) -> None:
        """Look once, and tell whatever is new."""
        read = self._service.database.read
        if self._last is None:
            self._last = await read(notices.newest)
        found = await read(notices.since, self._last, LOOKED_AT)
        if found:
            self._last = found[-1].id
            self._waiting.update(dict.fromkeys(one.call for one in found if one.call))
            self._news = self._news or any(one.call is None for one in found)
        if not self.browsers:
            self._waiting.clear()
            return
        if len(found) == LOOKED_AT:
            self.wake()  # who comes in waits until this is caught up
            return
        joining = tuple(self._joining)
        missed = await self._missed(joining, self._last)
        batch = list(self._waiting)[:BATCH]
        setup, now = self._service.setups.current, self._service.clock()
        seconds = asyncio.get_running_loop().time()
        quiet = not (batch or joining or self._news) and setup.version == self._version
        if quiet and seconds < self._team_at + TEAM_S:
            return
        lost = self._lost if seconds < self._lost_at + LOST_S else None
        calls, team, owed = await read(_load, {*batch, *missed}, setup, lost, now)
        self._team_at, self._news = seconds, False
        if lost is None:
            self._lost, self._lost_at = owed.today, seconds
        for call in batch:
            del self._waiting[call]
        if self._waiting:
            self.wake()
        await self._tell(calls, set(batch), team, owed, joining, setup, now)

    async def _missed(self, joining: Sequence[Stream], last: int) -> set[str]:
        """The calls that changed while those who come in were away."""
        behind = [stream for stream in joining if (stream.after or 0) < last and stream.after]
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
        calls: Sequence[CallView],
        changed: set[str],
        team: Team,
        owed: Owed,
        joining: Sequence[Stream],
        setup: Setup,
        now: datetime,
    ) -> None:
        here = [stream for stream in joining if stream in self._joining]
        for language in {stream.language for stream in (*self._streams, *here)}:
            rows = await _rows(calls, setup, language, now)
            parts = self._redraw("team", strip_of(team, setup, language, now), language)
            parts |= self._redraw("owed", panel_of(owed, setup, language, now), language)
            news = [row for id_, row in rows.items() if id_ in changed]
            if news or parts:
                told = self._changes(news, parts, now)
                for stream in self._streams:
                    if stream.language == language:
                        stream.tell(told)
            if mine := [stream for stream in here if stream.language == language]:
                whole = {name: self._parts[name, language].html for name in ("team", "owed")}
                told = self._changes(list(rows.values()), whole, now)
                for stream in mine:
                    stream.tell(told)
        if self._version not in (None, setup.version):
            for stream in self._streams:
                stream.tell(message("setup", {"version": setup.version}))
        self._version = setup.version
        self._streams.update(stream for stream in here if stream in self._joining)
        self._joining = [stream for stream in self._joining if stream not in here]

    def _redraw(self, name: str, shown: Strip | OwedPanel, language: Language) -> dict[str, str]:
        """The HTML of a part of the page, by its name; nothing where it shows what it showed."""
        last = self._parts.get((name, language))
        if last and last.shown == shown:
            return {}
        html = render(f"_{name}", language, **{name: shown})
        self._parts[name, language] = Part(shown, html)
        return {name: html}

    def _changes(
        self, calls: Sequence[Mapping[str, str]], parts: Mapping[str, str], now: datetime
    ) -> bytes:
        """A message; with an id only when nothing before it is still untold."""
        data: dict[str, object] = {"calls": calls, "now": milliseconds(now), **parts}
        return message("changes", data, None if self._waiting else self._last)


def _load(
    conn: Connection, ids: Iterable[str], setup: Setup, lost: Lost | None, now: datetime
) -> tuple[tuple[CallView, ...], Team, Owed]:
    owed = read_owed(conn, setup, _READER, now=now, today=lost)
    return calls_by_id(conn, ids, _READER), team_now(conn, setup, _READER, now=now), owed


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
