"""kill -9, a silent base and too small a disk while recordings come: whole and once, or not at all."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import random
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.chaos.conftest import MakeHouse
from tests.chaos.locks import locked
from tests.chaos.nursery import Nursery
from tests.chaos.setups import company
from tests.running import SECRET, House, rows
from tests.sounds import announcing, wav

TRUST = {"Authorization": f"Bearer {SECRET}"}
WITHIN_S = 30.0


@dataclass(frozen=True)
class Sent:
    """An upload that was acknowledged."""

    call: str
    sound: bytes

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.sound).hexdigest()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(headers=TRUST) as session:
        yield session


async def put(session: aiohttp.ClientSession, house: House, call: str, sound: bytes) -> int:
    """The status; 0 where nobody answered."""
    try:
        url = f"{house.url}/webhooks/pbx/main/recordings/{call}"
        async with session.put(url, data=sound) as answer:
            await answer.read()
            return answer.status
    except (aiohttp.ClientError, OSError):
        return 0


async def recorded(house: House) -> list[Any]:
    statement = """
        SELECT call.ref, recording.digest, recording.file, recording.size
        FROM recording JOIN call ON call.id = recording.call ORDER BY call.ref
    """
    return await rows(house.base_url, statement)


async def once_told(house: House) -> None:
    """Wait until the server has followed every note."""
    until = time.monotonic() + WITHIN_S
    while list((house.data_dir / "recordings").glob("*.json")):
        assert time.monotonic() < until
        await asyncio.sleep(0.05)


async def check(house: House, sent: list[Sent]) -> None:
    """What was acknowledged is there once, whole, with its event; no file is left over."""
    found = await recorded(house)
    told = {(one.call, one.digest) for one in sent}
    assert told <= {(ref, digest) for ref, digest, _, _ in found}
    assert len(found) == len({(ref, digest) for ref, digest, _, _ in found})
    for _, digest, file, size in found:
        kept = (house.data_dir / "files" / file).read_bytes()
        assert (len(kept), hashlib.sha256(kept).hexdigest()) == (size, digest)
    files = {str(one.relative_to(house.data_dir / "files")) for one in files_of(house)}
    assert files == {file for _, _, file, _ in found}
    events = await rows(house.base_url, "SELECT COUNT(*) FROM event WHERE kind = 'recording'")
    assert events == [(len(found),)]


def files_of(house: House) -> list[Path]:
    return [one for one in (house.data_dir / "files" / "recordings").rglob("*") if one.is_file()]


async def kill_under_uploads(
    house: House, session: aiohttp.ClientSession, chance: random.Random, kills: int
) -> list[Sent]:
    sent: list[Sent] = []
    stopping = asyncio.Event()

    async def upload(name: str) -> None:
        """As a dialplan does it: the same file again until it is taken."""
        n = 0
        while not stopping.is_set():
            n += 1
            size = chance.randrange(1000, 1_000_000)
            sound = announcing(wav(0.0), size) + chance.randbytes(size)
            while await put(session, house, f"{name}-{n}", sound) != 200:
                await asyncio.sleep(0.02)
            sent.append(Sent(f"{name}-{n}", sound))

    running = [asyncio.create_task(upload(f"c{n}")) for n in range(4)]
    try:
        for _ in range(kills):
            server = await house.open().ready()
            await asyncio.sleep(chance.uniform(0.1, 0.8))
            server.kill()
        async with house.serving():
            stopping.set()
            await asyncio.gather(*running)
            await once_told(house)
    finally:
        for one in running:
            one.cancel()
    return sent


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """Of an empty base; empty itself for one in a file."""
    if request.param == "sqlite":
        return ""
    found: str = request.getfixturevalue("empty_postgres_url")
    return found


async def test_recordings_outlive_kills(
    make_house: MakeHouse, session: aiohttp.ClientSession, seed: int, url: str
) -> None:
    house = await make_house(company(), url=url)
    sent = await kill_under_uploads(house, session, random.Random(seed), kills=4)
    assert len(sent) > 10
    await check(house, sent)


@pytest.mark.slow
async def test_recordings_outlive_40_kills(
    make_house: MakeHouse, session: aiohttp.ClientSession, seed: int
) -> None:
    house = await make_house(company())
    sent = await kill_under_uploads(house, session, random.Random(seed), kills=40)
    await check(house, sent)


@pytest.mark.parametrize(
    ("moment", "found"),
    [("die_before_the_name", 0), ("die_before_the_event", 1), ("die_before_the_recording", 1)],
)
async def test_after_a_kill_at_the_worst_moment_it_is_found_again(
    make_house: MakeHouse,
    nursery: Nursery,
    session: aiohttp.ClientSession,
    moment: str,
    found: int,
) -> None:
    """Without a repeat; and a repeat makes no second one."""
    house, sound = await make_house(company(), variant=moment), wav(2.0)
    server = await house.open().ready()
    assert await put(session, house, "c-1", sound) == 0
    server.process.wait(10)
    house.spawn = nursery.spawner("")
    async with house.serving():
        await once_told(house)
        assert len(await recorded(house)) == found
        await check(house, [])
        assert await put(session, house, "c-1", sound) == 200
        await check(house, [Sent("c-1", sound)])


async def test_without_a_base_a_recording_is_kept_and_hung_up_later(
    make_house: MakeHouse, session: aiohttp.ClientSession
) -> None:
    house, sound = await make_house(company()), wav(2.0)
    async with house.serving() as server:
        with locked(house.base):
            assert await put(session, house, "c-1", sound) == 200
            assert await recorded(house) == []
        await server.settled()
        await once_told(house)
    await check(house, [Sent("c-1", sound)])


async def test_on_too_small_a_disk_recordings_wait_and_calls_do_not(
    make_house: MakeHouse, session: aiohttp.ClientSession, small_disk: Path
) -> None:
    house = await make_house(company(), name="disk/var")
    async with house.serving() as server:
        assert await put(session, house, "c-1", wav(60.0)) == 503
        ringing = {"event": "ringing", "call_id": "c-1", "caller": "+79161234567", "called": ""}
        async with session.post(f"{house.url}/webhooks/pbx/main", json=ringing) as answer:
            assert (await answer.json())["decision"] == "connect"
        assert (await server.metrics())["callrouter_fallbacks"] == 0
    assert [one for one in (house.data_dir / "files").rglob("*") if one.is_file()] == []


@pytest.mark.slow
async def test_a_huge_recording_is_never_in_memory(make_house: MakeHouse, tmp_path: Path) -> None:
    huge, size = tmp_path / "huge.wav", 256 * 1024**2
    huge.write_bytes(announcing(wav(0.0), size))
    with huge.open("r+b") as file:
        file.truncate(44 + size)
    house = await make_house(company())
    async with house.serving() as server:
        before = most_memory(server.process.pid)
        url = f"{house.url}/webhooks/pbx/main/recordings/c-1"
        command = ("curl", "-sS", "--fail", "-T", str(huge), "-u", f"x:{SECRET}", url)
        run = await asyncio.create_subprocess_exec(*command, stdout=-1, stderr=-1)
        said, complaint = await run.communicate()
        assert run.returncode == 0, complaint
        assert json.loads(said)["bytes"] == 44 + size
        assert most_memory(server.process.pid) - before < 32 * 1024
    for one in (huge, *files_of(house)):
        one.unlink()


def most_memory(pid: int) -> int:
    """The most that a process ever had, kB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))


async def test_a_sender_that_dies_leaves_nothing(make_house: MakeHouse) -> None:
    house, sound = await make_house(company()), wav(60.0)
    async with house.serving():
        for cut in (0, 10_000, 500_000):
            _, writer = await asyncio.open_connection("127.0.0.1", house.port)
            head = (
                "PUT /webhooks/pbx/main/recordings/c-1 HTTP/1.1\r\nHost: x\r\n"
                f"Authorization: {TRUST['Authorization']}\r\nContent-Length: {len(sound)}\r\n\r\n"
            )
            writer.write(head.encode() + sound[:cut])
            await writer.drain()
            await asyncio.sleep(0.1)
            writer.transport.abort()
        until = time.monotonic() + WITHIN_S
        while [one for one in (house.data_dir / "files").rglob("*") if one.is_file()]:
            assert time.monotonic() < until
            await asyncio.sleep(0.02)
    with contextlib.suppress(FileNotFoundError):
        assert list((house.data_dir / "recordings").iterdir()) == []
    assert await recorded(house) == []
