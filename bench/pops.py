"""The screen pop: from a webhook's first byte to the bytes at the browser of whoever is rung.

A thousand managers, each with a real stream of his own; their sockets are held by this one process.
"""

from __future__ import annotations

import asyncio
import json
import re
import resource
import select
import socket
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import perf_counter

from sqlalchemy import Connection

from bench.client import Calls, Wire
from bench.company import SECRET_KEY, Company
from bench.jobs import Job, percentile
from bench.report import progress
from bench.scenes import Bench
from bench.servers import Place
from callrouter.flows.visits import open_visit
from callrouter.seal import Seal
from storage.database import open_database

MANAGERS = 1000
LISTS = 20  # of them look at lists of calls, too
CALLS = 200
CALLS_A_SECOND = 20.0
TALK_S = 0.5
MOST_MS = 100
ABREAST = 30  # streams that are opened at once
PATIENCE_S = 20.0
COMPANY = Company(teams=(8,) * (MANAGERS // 8), ring_s=5, slack_s=0)

_POP = re.compile(rb"event: pop\ndata: (\{[^\n]*\})\n\n")


def popping(run: Bench) -> None:
    for engine in run.engines:
        progress(f"{engine}: {MANAGERS} managers wait for their screens to pop")
        place = run.new(engine)
        place.apply(COMPANY)
        with place.serving() as server:
            cookies = asyncio.run(_let_in(place))
            screens = Screens(server.port, cookies)
            try:
                screens.open()
                screens.call(20)  # to warm up
                screens.call(CALLS)
            finally:
                screens.close()
            troubles = server.troubles()
        pops, hooks = sorted(screens.popped()), sorted(screens.answered.values())
        half, most = (percentile(pops, share) * 1000 for share in (0.5, 0.95))
        hook = percentile(hooks, 0.95) * 1000
        missing = "" if screens.missing == 0 else f"; {screens.missing} calls popped nowhere"
        shown = (
            f"p50 {half:.1f} ms, p95 {most:.1f} ms, {most / max(hook, 1e-9):.1f} × the answer to"
            f" the PBX (p95 {hook:.1f} ms); {len(pops)} of {CALLS} calls at {CALLS_A_SECOND:g}/s"
            + missing
            + (f"; {troubles}" if troubles else "")
        )
        what = f"{engine}: screen pop, {MANAGERS} managers, p95 ms"
        run.report.at_most(what, most if screens.missing == 0 else float("inf"), MOST_MS, shown)
        run.report.keep(what, {"p50": half, "p95": most, "hook p95": hook})


async def _let_in(place: Place) -> list[str]:
    """A visit for each manager; gives their cookies' lines."""

    def visits(conn: Connection) -> list[str]:
        now = datetime.now(UTC)
        return [open_visit(conn, "manager", now=now, manager=f"m{n}") for n in range(MANAGERS)]

    url = place.database_url or f"sqlite:///{place.folder / 'callrouter.db'}"
    database = open_database(url, guest=True)
    try:
        name = f"callrouter_{Seal(SECRET_KEY).fingerprint[:8]}"
        return [f"{name}={value}" for value in await database.write(visits)]
    finally:
        await database.close()


@dataclass
class Screens:
    """The browsers of all, and the PBX that calls."""

    port: int
    cookies: list[str]
    streams: dict[int, tuple[socket.socket, bytearray]] = field(default_factory=dict)
    sent: dict[str, float] = field(default_factory=dict)  # by our call's id
    seen: dict[str, float] = field(default_factory=dict)
    answered: dict[str, float] = field(default_factory=dict)
    missing: int = 0

    def __post_init__(self) -> None:
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self._poll = select.epoll()
        self._count = 0

    def open(self) -> None:
        """Every browser, a few at a time, until each has been told what rings."""
        for n, cookie in enumerate(self.cookies):
            path = "/events" if n < LISTS else "/events?lists=0"
            stream = socket.create_connection(("127.0.0.1", self.port))
            head = (
                f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nSec-Fetch-Dest: empty\r\n"
                f"Cookie: {cookie}\r\n\r\n"
            )
            stream.sendall(head.encode())
            self.streams[stream.fileno()] = stream, bytearray()
            self._poll.register(stream.fileno(), select.EPOLLIN)
            self._wait(most=ABREAST)
        self._wait(most=0)
        for _, got in self.streams.values():
            got.clear()

    def _wait(self, *, most: int) -> None:
        """Until no more than so many browsers wait to hear what rings."""
        until = perf_counter() + PATIENCE_S
        while sum(b"event: pops" not in got for _, got in self.streams.values()) > most:
            if perf_counter() > until:
                raise ConnectionError("not every stream was opened")
            self._hear(0.05)

    def close(self) -> None:
        for stream, _ in self.streams.values():
            stream.close()
        self._poll.close()

    def call(self, count: int) -> None:
        """So many calls, each of which is over soon."""
        self.sent, self.seen, self.answered = {}, {}, {}
        self._count += 1
        job = Job(self.port, f"pop{self._count}", COMPANY.lines, 10_000 * self._count)
        calls, start = Calls(job), perf_counter()
        wire = Wire(self.port)
        due: list[tuple[float, str, str]] = []
        for n in range(count):
            while (left := start + n / CALLS_A_SECOND - perf_counter()) > 0:
                self._hear(left)
                self._end(wire, calls, due)
            call, request = calls.ringing()
            began = perf_counter()
            answer = json.loads(self._ask(wire, request))
            self.sent[answer["call"]] = began
            self.answered[answer["call"]] = perf_counter() - began
            leg = answer["steps"][0]["targets"][0]["leg"] if answer.get("steps") else "last"
            due.append((began + TALK_S, call, leg))
        until = perf_counter() + 3
        while perf_counter() < until and not self.sent.keys() <= self.seen.keys():
            self._hear(0.05)
            self._end(wire, calls, due)
        self.missing = len(self.sent.keys() - self.seen.keys())

    def popped(self) -> list[float]:
        return [self.seen[one] - began for one, began in self.sent.items() if one in self.seen]

    def _end(self, wire: Wire, calls: Calls, due: list[tuple[float, str, str]]) -> None:
        while due and due[0][0] <= perf_counter():
            _, call, leg = due.pop(0)
            self._ask(wire, calls.tiding("ended", call, leg))

    def _ask(self, wire: Wire, request: bytes) -> bytes:
        """Send a hook; while its answer is on the way, the browsers are listened to."""
        wire.send(request, perf_counter())
        number = wire.socket.fileno()
        self._poll.register(number, select.EPOLLIN)
        try:
            while True:
                for ready, _ in self._poll.poll(10):
                    if ready != number:
                        self._receive(ready)
                    elif (answer := wire.receive()) is not None:
                        return answer[answer.find(b"\r\n\r\n") + 4 :]
        finally:
            self._poll.unregister(number)

    def _hear(self, seconds: float) -> None:
        until = perf_counter() + seconds
        for number, _ in self._poll.poll(max(0.0, until - perf_counter())):
            self._receive(number)

    def _receive(self, number: int) -> None:
        stream, got = self.streams[number]
        data = stream.recv(262_144)
        if not data:
            raise ConnectionError(f"a stream has ended: {bytes(got[:300])!r}")
        now = perf_counter()
        got += data
        for found in _POP.finditer(bytes(got)):
            self.seen.setdefault(json.loads(found[1])["call"], now)
        end = got.rfind(b"\n\n")
        if end >= 0 and self.sent:
            del got[: end + 2]


def main() -> None:
    """`python -m bench.pops`: this scene alone."""
    import tempfile
    from pathlib import Path

    from bench.scenes import bench

    began = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="callrouter-bench-") as folder,
        bench(Path(folder), 1) as run,
    ):
        popping(run)
        print(run.report.as_table())
    print(f"{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
