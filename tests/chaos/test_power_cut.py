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
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from callrouter.intake.spool import Part, read_records
from tests.chaos.chance import by_chance
from tests.chaos.conftest import MakeHouse
from tests.chaos.disks import Disk, play
from tests.chaos.locks import locked
from tests.chaos.nursery import Nursery
from tests.chaos.setups import company
from tests.chaos.tracing import Call, read_trace, strace, texts, written
from tests.chaos.traffic import numbers
from tests.hooks import Event
from tests.running import CALLROUTER, LINE, SECRET, House, Process, Spawn, rows, spawn

LANES = 3
CALLS = 12
"""Of each lane; three events each."""

SILENT_S = 1.0


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
    answers: list[Acknowledged]
    calls: list[Call]


async def lane(house: House, name: str, got: list[Acknowledged]) -> None:
    """One connection, one event after another; what was not taken is sent again."""
    reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
    port: int = writer.get_extra_info("sockname")[1]
    callers = numbers(CALLS, first=ord(name) * 100)
    n = 0
    events = [e for c in range(CALLS) for e in call(f"{name}{c}", callers[c])]
    while events:
        body = json.dumps(events[0]).encode()
        head = (
            f"POST /webhooks/pbx/main HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {SECRET}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        told = await reader.readuntil(b"\r\n\r\n")
        length = int(told.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        answer = await reader.readexactly(length)
        if told.startswith(b"HTTP/1.1 200"):
            got.append(Acknowledged(port, n, body, answer))
            del events[0]
        else:  # a disk that is slow under strace
            assert told.startswith(b"HTTP/1.1 503"), told
            assert n < 10 * CALLS, "it takes nothing"
            await asyncio.sleep(0.1)
        n += 1
    writer.close()


def call(ref: str, caller: str) -> list[Event]:
    named = {"call_id": ref, "leg_id": "a1"}
    return [
        {
            "event": "ringing",
            "event_id": f"{ref}r",
            "call_id": ref,
            "caller": caller,
            "called": LINE,
        },
        {"event": "answered", "event_id": f"{ref}a", **named},
        {"event": "ended", "event_id": f"{ref}e", "duration_s": 1, **named},
    ]


async def record(house: House, tmp_path: Path, variant: str = "") -> Recording:
    """Run a server under strace, through a normal time, a silence of its base, and after."""
    trace = tmp_path / "trace"
    house.spawn = traced(trace, variant)
    before = tmp_path / "before"
    shutil.copytree(house.data_dir, before)
    found = Recording(house, before, [], [])
    async with house.serving() as server:
        running = asyncio.gather(*(lane(house, name, found.answers) for name in "abc"[:LANES]))
        while len(found.answers) < LANES * CALLS:
            await asyncio.sleep(0.01)
        with locked(house.base):
            await asyncio.sleep(SILENT_S)
        await running
        await server.settled()
    await written(trace, server.process.pid)
    found.calls.extend(read_trace(trace))
    return found


def traced(trace: Path, variant: str) -> Spawn:
    """Starts a server under strace."""

    def start(
        words: Sequence[str], environ: Mapping[str, str], printed: Path, complaints: Path
    ) -> Process:
        program = [*strace(trace), sys.executable, "-m", "tests.chaos.variants", variant]
        return spawn(words, environ, printed, complaints, program=program)

    return start


@contextmanager
def laid_down(disk: Disk, chance: random.Random | None) -> Iterator[Path]:
    """The data directory as it is found after the cut."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        disk.cut(Path(folder), chance)
        yield Path(folder)


def in_base(folder: Path) -> dict[bytes, bytes] | None:
    """Every event that the base has, and what it was told. None: the base is broken."""
    try:
        with closing(sqlite3.connect(folder / "callrouter.db")) as conn:
            if conn.execute("PRAGMA integrity_check").fetchall() != [("ok",)]:
                return None
            return dict(conn.execute("SELECT body, answer FROM event").fetchall())
    except sqlite3.DatabaseError:
        return None


def in_spool(folder: Path) -> dict[bytes, bytes]:
    return {
        b64decode(one["body"]): b64decode(one["answer"])
        for file in sorted(folder.glob("spool/spool-*.log"))
        for one in read_records(Part(file, 0, file.stat().st_size))
    }


@dataclass
class Verdict:
    """How many cuts left what. `spooled`: those after which the spool held what the base had not."""

    cuts: int = 0
    lost: int = 0
    broken: int = 0
    spooled: int = 0


def judge(
    recording: Recording,
    *,
    deaf: Callable[[str], bool] | None = None,
    every: int = 2,
    keep: Callable[[Path, dict[bytes, bytes]], None] = lambda _folder, _told: None,
) -> Verdict:
    """Cut the power at every so many-th answer; see what of all that was answered is missing.

    `keep` is shown what each cut left, and what had been told by then. With `deaf` one loss will do.
    """
    disk = Disk(recording.before, deaf=deaf or _is_synced)
    disk.move(recording.house.data_dir)
    answers = {(one.port, one.n): one for one in recording.answers}
    heard: Counter[int] = Counter()
    told: dict[bytes, bytes] = {}
    verdict, chance = Verdict(), random.Random(1)
    for cut in play(recording.calls, disk, is_answer):
        port = int(cut.target.rpartition(":")[2].rstrip("]"))
        if (one := answers.get((port, heard[port]))) is None:
            continue  # of somebody who asked how it is
        heard[port] += 1
        told[one.body] = one.answer
        if len(told) % every:
            continue
        if deaf and verdict.lost:
            break
        for dice in (None, chance):
            with laid_down(disk, dice) as folder:
                base, spool = in_base(folder), in_spool(folder)
                found = {**(base or {}), **spool}
                verdict.cuts += 1
                verdict.broken += base is None
                verdict.lost += any(found.get(body) != answer for body, answer in told.items())
                verdict.spooled += bool(spool.keys() - (base or {}).keys())
                keep(folder, told)
    return verdict


def _is_synced(_path: str) -> bool:
    return False


def is_answer(call: Call) -> bool:
    sends = call.name in ("sendto", "sendmsg", "write", "writev") and not call.done
    return (
        sends
        and "->" in call.target
        and any(one.startswith(b"HTTP/1.1 200") for one in texts(call))
    )


RED = {
    "a log that is not synced": lambda path: path.endswith("-wal"),
    "a spool that is not synced": lambda path: "/spool-" in path,
    "names that are not synced": lambda path: path.endswith("/spool"),
}


async def test_what_was_answered_outlives_a_power_cut(
    make_house: MakeHouse, nursery: Nursery, tmp_path: Path
) -> None:
    recording = await record(await make_house(company()), tmp_path)
    some: list[tuple[Path, dict[bytes, bytes]]] = []

    def keep(folder: Path, told: dict[bytes, bytes]) -> None:
        if len(told) % (LANES * CALLS // 2 * 2) == 0:
            some.append((tmp_path / f"cut{len(some)}", dict(told)))
            shutil.copytree(folder, some[-1][0])

    verdict = judge(recording, keep=keep)
    assert verdict.cuts > LANES * CALLS
    assert verdict.spooled
    assert (verdict.lost, verdict.broken) == (0, 0)
    for folder, told in some:
        await check_start(House(folder, spawn=nursery.spawner()), told)
    for red, deaf in RED.items():
        verdict = judge(recording, deaf=deaf, every=5)
        assert verdict.lost or verdict.broken, f"the method does not see {red}"


async def check_start(house: House, told: dict[bytes, bytes]) -> None:
    """A server that is started on what a cut has left brings all of it into its base."""
    async with house.serving() as server:
        await server.settled()
    kept = dict(await rows(house.base_url, "SELECT body, answer FROM event"))
    assert [body for body, answer in told.items() if kept.get(body) != answer] == []


@by_chance
@pytest.mark.slow
@pytest.mark.parametrize("variant", ["trust_the_cache", "trust_the_cache_of_the_spool"])
async def test_a_server_that_trusts_the_cache_loses_some(
    make_house: MakeHouse, tmp_path: Path, variant: str
) -> None:
    """The red control of the test above: synchronous NORMAL, and a spool without fsync."""
    house = await make_house(company())
    assert judge(await record(house, tmp_path, variant)).lost


async def test_a_setup_that_was_applied_outlives_a_power_cut(tmp_path: Path) -> None:
    """With the key that its secrets are sealed with: without it no hook would be let in."""
    folder, file, trace = tmp_path / "var", tmp_path / "setup.toml", tmp_path / "trace"
    folder.mkdir()
    file.write_text(company(), encoding="utf-8")
    program, log = [*strace(trace), *CALLROUTER], tmp_path / "log"
    environ = {"CALLROUTER_DATA_DIR": str(folder)}
    process = spawn(["apply", str(file)], environ, log, log, program=program)
    assert await asyncio.to_thread(process.wait, 30) == 0
    await written(trace, process.pid)
    disk = Disk(tmp_path / "nothing was there before")
    disk.move(folder)
    for call in read_trace(trace):
        disk.see(call)
    with laid_down(disk, None) as left:
        assert (left / "secret.key").read_text() == (folder / "secret.key").read_text()
        with closing(sqlite3.connect(left / "callrouter.db")) as conn:
            assert conn.execute("SELECT count(*) FROM setup_version").fetchall() == [(1,)]
