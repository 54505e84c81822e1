"""The load generator: one process, raw sockets with keep-alive, an epoll and nothing else.

Reads a job as JSON from standard input and writes what it saw to standard output.
"""

from __future__ import annotations

import gc
import json
import re
import select
import socket
import sys
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from heapq import heappop, heappush
from random import Random
from time import perf_counter

from bench.jobs import KNOWN_FROM, SECRET, STRANGERS_FROM, Job, Seen, percentile, read_job

_LENGTH = re.compile(rb"\r\n[Cc]ontent-[Ll]ength: (\d+)\r\n")
_RINGS_AFTER_S = 0.2
_TALKS_AFTER_S = 1.0
_ENDS_AFTER_S = 3.0


class Wire:
    """One connection, at most one request on it."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.since = 0.0
        self.then: Callable[[bytes], None] | None = None
        self._got = b""

    def send(self, request: bytes, since: float) -> None:
        self.since = since
        self.socket.sendall(request)

    def receive(self) -> bytes | None:
        """The whole answer once it is here. Raises ConnectionError when the server hangs up."""
        data = self.socket.recv(262_144)
        if not data:
            raise ConnectionError("the server hung up")
        got = self._got + data if self._got else data
        head = got.find(b"\r\n\r\n")
        found = _LENGTH.search(got, 0, head + 2) if head >= 0 else None
        if found is None or len(got) < head + 4 + int(found[1]):
            self._got = got
            return None
        self._got = b""
        return got


class Calls:
    """Makes requests: each call is a new one, from a new number or from a contact's."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._made = 0
        self._random = Random(job.tag)
        self._head = (
            "POST /webhooks/pbx/main HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Authorization: Bearer {SECRET}\r\n"
            "Content-Type: application/json\r\nContent-Length: "
        )

    def ringing(self) -> tuple[str, bytes]:
        """A new call's id and the request that asks about it."""
        job, n = self._job, self._made
        self._made += 1
        line = job.lines[n % len(job.lines)]
        if job.known and n % 2:
            caller = f"+79{KNOWN_FROM + self._random.randrange(job.known)}"
        else:
            caller = f"+79{STRANGERS_FROM + job.numbers_from + n}"
        call = f"{job.tag}-{n}"
        return call, self._post(
            f'{{"event":"ringing","event_id":"{call}-r","call_id":"{call}",'
            f'"caller":"{caller}","called":"{line}"}}'
        )

    def tiding(self, event: str, call: str, leg: str) -> bytes:
        """An event of a call that wants no decision."""
        return self._post(
            f'{{"event":"{event}","event_id":"{call}-{event}","call_id":"{call}","leg_id":"{leg}"}}'
        )

    def _post(self, body: str) -> bytes:
        return f"{self._head}{len(body)}\r\n\r\n{body}".encode()


@dataclass
class Tally:
    """What was seen, from `begin` to `end` by the clock of `perf_counter`."""

    begin: float
    end: float
    waited: list[float] = field(default_factory=list)
    tidings: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    decided: int = 0
    rung: int = 0
    told: int = 0

    def note(self, answer: bytes, since: float, now: float, *, asked: bool) -> None:
        self.statuses[answer[9:12].decode()] += 1
        if asked:
            self.decided += 1
            self.rung += b'"targets": [' in answer
        if self.begin <= now < self.end:
            (self.waited if asked else self.tidings).append(now - since)

    def seen(self) -> Seen:
        waited, tidings = sorted(self.waited), sorted(self.tidings)
        return Seen(
            rate=len(waited) / (self.end - self.begin),
            p50=percentile(waited, 0.5) * 1000,
            p99=percentile(waited, 0.99) * 1000,
            worst=percentile(waited, 1) * 1000,
            acknowledged=self.decided,
            rung=self.rung / max(self.decided, 1),
            statuses=dict(self.statuses),
            tidings_p99=percentile(tidings, 0.99) * 1000,
            told=self.told,
        )


def press(job: Job) -> Seen:
    """Closed: as fast as the answers come."""
    calls, poll = Calls(job), select.epoll()
    wires = {
        wire.socket.fileno(): wire for wire in (Wire(job.port) for _ in range(job.connections))
    }
    for number in wires:
        poll.register(number, select.EPOLLIN)
    begin = perf_counter() + job.warm_s
    tally = Tally(begin, begin + job.seconds)
    for wire in wires.values():
        wire.send(calls.ringing()[1], perf_counter())
    waiting = len(wires)
    while waiting:
        for number, _ in poll.poll(10):
            wire = wires[number]
            if (answer := wire.receive()) is None:
                continue
            now = perf_counter()
            tally.note(answer, wire.since, now, asked=True)
            if now < tally.end:
                wire.send(calls.ringing()[1], now)
            else:
                waiting -= 1
    return tally.seen()


class Schedule:
    """Open: calls begin by the clock, each with its ring, answer and end, whatever the answers do.

    A request waits for a free connection, and its time runs from when it was due.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._calls = Calls(job)
        begin = perf_counter() + job.warm_s
        self._tally = Tally(begin, begin + job.seconds)
        self._poll = select.epoll()
        self._wires: dict[int, Wire] = {}
        self._streams: dict[int, socket.socket] = {}
        self._free: list[Wire] = []
        self._due: list[tuple[float, int, str, str, str]] = []
        self._backlog: deque[tuple[float, bytes, Callable[[bytes], None]]] = deque()
        self._count = 0

    def run(self) -> Seen:
        for _ in range(self._job.connections):
            wire = Wire(self._job.port)
            self._wires[wire.socket.fileno()] = wire
            self._poll.register(wire.socket.fileno(), select.EPOLLIN)
            self._free.append(wire)
        for _ in range(self._job.streams):
            self._open_stream()
        start, made = perf_counter(), 0
        while (now := perf_counter()) < self._tally.end:
            while start + made / self._job.rate <= now:
                self._begin_call(start + made / self._job.rate)
                made += 1
            while self._due and self._due[0][0] <= now:
                due, _, event, call, leg = heappop(self._due)
                self._ask(due, self._calls.tiding(event, call, leg), lambda _answer: None)
            self._send()
            following = min([start + made / self._job.rate, *(one[0] for one in self._due[:1])])
            for number, _ in self._poll.poll(max(0.0, following - perf_counter())):
                self._hear(number)
        return self._tally.seen()

    def _begin_call(self, due: float) -> None:
        call, request = self._calls.ringing()

        def go_on(answer: bytes) -> None:
            steps = json.loads(answer[answer.find(b"\r\n\r\n") + 4 :]).get("steps")
            leg = steps[0]["targets"][0]["leg"] if steps else "last"
            for after, event in (
                (_RINGS_AFTER_S, "leg_ringing"),
                (_TALKS_AFTER_S, "answered"),
                (_ENDS_AFTER_S, "ended"),
            ):
                self._count += 1
                heappush(self._due, (perf_counter() + after, self._count, event, call, leg))

        self._ask(due, request, go_on)

    def _ask(self, due: float, request: bytes, then: Callable[[bytes], None]) -> None:
        self._backlog.append((due, request, then))

    def _send(self) -> None:
        while self._backlog and self._free:
            due, request, then = self._backlog.popleft()
            wire = self._free.pop()
            wire.then = then
            wire.send(request, due)

    def _hear(self, number: int) -> None:
        if stream := self._streams.get(number):
            self._tally.told += stream.recv(262_144).count(b"event: ")
            return
        wire = self._wires[number]
        if (answer := wire.receive()) is None:
            return
        asked = b'"decision"' in answer
        self._tally.note(answer, wire.since, perf_counter(), asked=asked)
        if wire.then:
            wire.then(answer)
        self._free.append(wire)
        self._send()

    def _open_stream(self) -> None:
        """A browser's stream of changes; what it is told is counted and thrown away."""
        stream = socket.create_connection(("127.0.0.1", self._job.port))
        head = f"GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {self._job.cookie}\r\n\r\n"
        stream.sendall(head.encode())
        if not stream.recv(65_536).startswith(b"HTTP/1.1 200"):
            raise ConnectionError("the stream was refused")
        self._streams[stream.fileno()] = stream
        self._poll.register(stream.fileno(), select.EPOLLIN)


def main() -> None:
    job = read_job(sys.stdin.read())
    gc.disable()
    seen = Schedule(job).run() if job.rate else press(job)
    json.dump(asdict(seen), sys.stdout)


if __name__ == "__main__":
    main()
