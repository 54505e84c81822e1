"""The power goes off at the very moment of an answer: what was answered is on the disk.

The server runs under strace; what its disk would have after a cut is played back from that (see
`disks`), at every answer, twice: with nothing of what was not synced, and with some of it.
"""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import sqlite3
import sys
import tempfile
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from callrouter.intake.spool import Part, read_records
from tests.chaos.conftest import MakeHouse
from tests.chaos.disks import Disk, play
from tests.chaos.locks import locked
from tests.chaos.nursery import Nursery
from tests.chaos.setups import company
from tests.chaos.tracing import Call, read_trace, strace, texts, written
from tests.chaos.traffic import numbers
from tests.running import LINE, SECRET, Event, House, Process, Spawn, spawn

LANES = 3
CALLS = 14
"""Of each lane; three events each."""

SILENT_S = 1.5
EVERY = 2
"""Every second answer is looked at: the states between two differ by one transaction."""


@dataclass(frozen=True)
class Acknowledged:
    """An answer as its lane got it: the n-th from that port of ours."""

    port: int
    n: int
    body: bytes
    answer: bytes


@dataclass
class Recording:
    house: House
    before: Path  # the data directory as it was when the server began
    trace: Path
    answers: list[Acknowledged]


async def lane(house: House, name: str, got: list[Acknowledged]) -> None:
    """One connection, one event after another."""
    reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
    port: int = writer.get_extra_info("sockname")[1]
    callers = numbers(CALLS, first=ord(name) * 100)
    for n, event in enumerate(e for c in range(CALLS) for e in call(f"{name}{c}", callers[c])):
        body = json.dumps(event).encode()
        head = (
            f"POST /webhooks/pbx/main HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {SECRET}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        told = await reader.readuntil(b"\r\n\r\n")
        assert told.startswith(b"HTTP/1.1 200"), told
        length = int(told.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        got.append(Acknowledged(port, n, body, await reader.readexactly(length)))
    writer.close()


def call(ref: str, caller: str) -> list[Event]:
    named = {"call_id": ref, "leg_id": "a1"}
    return [
        {"event": "ringing", "event_id": f"{ref}r", "call_id": ref, "caller": caller, "called": LINE},
        {"event": "answered", "event_id": f"{ref}a", **named},
        {"event": "ended", "event_id": f"{ref}e", "duration_s": 1, **named},
    ]


async def record(house: House, tmp_path: Path, variant: str = "") -> Recording:
    """Run a server under strace, through a normal time, a silence of its base, and after."""
    house.spawn = traced(tmp_path / "trace", variant)
    before = tmp_path / "before"
    shutil.copytree(house.data_dir, before)
    found = Recording(house, before, tmp_path / "trace", [])
    async with house.serving() as server:
        running = asyncio.gather(*(lane(house, name, found.answers) for name in "abc"[:LANES]))
        while len(found.answers) < LANES * CALLS:
            await asyncio.sleep(0.01)
        with locked(house.base):
            await asyncio.sleep(SILENT_S)
        await running
        await server.settled()
    await written(found.trace, server.process.pid)
    return found


def traced(trace: Path, variant: str) -> Spawn:
    """Starts a server under strace."""

    def start(words: list[str], environ: dict[str, str], log: Path) -> Process:
        program = [*strace(trace), sys.executable, "-m", "tests.chaos.variants", variant]
        return spawn(words, environ, log, program=program)

    return start  # type: ignore[return-value]


@contextmanager
def laid_down(disk: Disk, chance: random.Random | None) -> Iterator[Path]:
    """The data directory as it is found after the cut."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        disk.cut(Path(folder), chance)
        yield Path(folder)


def found_in(folder: Path) -> dict[bytes, bytes]:
    """Every event that the base or the spool has, and what it was told."""
    with closing(sqlite3.connect(folder / "callrouter.db")) as conn:
        assert conn.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        events = dict(conn.execute("SELECT body, answer FROM event").fetchall())
    for file in sorted(folder.glob("spool/spool-*.log")):
        for one in read_records(Part(file, 0, file.stat().st_size)):
            events[b64decode(one["body"])] = b64decode(one["answer"])
    return events


@dataclass
class Verdict:
    cuts: int = 0
    lost: int = 0
    spooled: int = 0  # answers that were only on the spool at their moment


def judge(recording: Recording, *, deaf: Callable[[str], bool] = lambda _path: False) -> Verdict:
    """Cut the power at every answer; see what of all that was answered until then is missing."""
    data_dir = recording.house.data_dir
    disk = Disk(recording.before, deaf=deaf)
    disk.move(data_dir)
    answers = {(one.port, one.n): one for one in recording.answers}
    heard: dict[int, int] = {}
    until: dict[bytes, bytes] = {}
    verdict, chance = Verdict(), random.Random(1)
    for cut in play(read_trace(recording.trace), disk, is_answer):
        port = int(cut.target.rpartition(":")[2].rstrip("]"))
        n = heard.get(port, 0)
        if (one := answers.get((port, n))) is None:
            continue
        heard[port] = n + 1
        until[one.body] = one.answer
        if len(until) % EVERY:
            continue
        for dice in (None, chance):
            with laid_down(disk, dice) as folder:
                found = found_in(folder)
            verdict.cuts += 1
            verdict.lost += any(found.get(body) != answer for body, answer in until.items())
    return verdict


def is_answer(call: Call) -> bool:
    sends = call.name in ("sendto", "sendmsg", "write", "writev") and not call.done
    return sends and "->" in call.target and any(one.startswith(b"HTTP/1.1 200") for one in texts(call))


async def test_what_was_answered_outlives_a_power_cut(
    make_house: MakeHouse, tmp_path: Path
) -> None:
    house = await make_house(company())
    recording = await record(house, tmp_path)
    verdict = judge(recording)
    print(verdict)
    assert verdict.cuts >= LANES * CALLS
    assert verdict.lost == 0
    for red, deaf in {
        "a log that is not synced": lambda path: path.endswith("-wal"),
        "a spool that is not synced": lambda path: "/spool-" in path,
        "names that are not synced": lambda path: path.endswith("/spool"),
    }.items():
        assert judge(recording, deaf=deaf).lost, red


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["trust_the_cache", "trust_the_cache_of_the_spool"])
async def test_a_server_that_trusts_the_cache_loses_some(
    make_house: MakeHouse, tmp_path: Path, variant: str
) -> None:
    """The red control of the test above: synchronous NORMAL, and a spool without fsync."""
    house = await make_house(company())
    verdict = judge(await record(house, tmp_path, variant))
    print(verdict)
    assert verdict.lost
