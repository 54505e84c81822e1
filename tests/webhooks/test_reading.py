"""Slow, stalled and silent connections are closed, and nothing that is sent grows our memory."""

from __future__ import annotations

import asyncio
import resource
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from tests.webhooks.door import JSON, PATIENCE_S, RINGING, TRUST, Door, open_door, request
from tests.webhooks.examples import PLAN, Memory
from webhooks.handler import SERVER_OPTIONS

CHUNKED = request(b"", (TRUST, JSON, "Transfer-Encoding: chunked"), length=False)
KEPT_OPEN = request().replace(b"Connection: close\r\n", b"")


@pytest.fixture
def takes() -> Memory:
    return Memory()


@pytest.fixture
async def door(takes: Memory) -> AsyncIterator[Door]:
    async with open_door(takes) as opened:
        yield opened


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param([request()[:-10]], id="a body that stops"),
        pytest.param([request(b"", (TRUST, "Content-Length: 100"), length=False)], id="none"),
        pytest.param([CHUNKED], id="chunks that never begin"),
        pytest.param([CHUNKED + b"5\r\nab"], id="a chunk that stops"),
        pytest.param(
            [request()[: -len(RINGING)], *(bytes([byte]) for byte in RINGING)], id="a dripping body"
        ),
    ],
)
async def test_a_stalled_body_is_told_and_closed(
    door: Door, takes: Memory, parts: list[bytes]
) -> None:
    heard = await door.knock(*parts, pause_s=0.02)
    assert (heard.status, takes.taken) == (408, [])
    assert heard.took_s < PATIENCE_S
    assert takes.refused == ["the whole body must be here within 250 ms"]


async def test_a_body_in_two_pieces_is_in_time(door: Door) -> None:
    raw = request()
    heard = await door.knock(raw[:-20], raw[-20:], pause_s=0.02)
    assert heard.status == 200


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param([b""], id="silence"),
        pytest.param([b"POST /webhooks"], id="half a line"),
        pytest.param([request()[:60]], id="half a head"),
        pytest.param([b"POST / HTTP/1.1\r\n", *[b"X: y\r\n"] * 40], id="a dripping head"),
        pytest.param([b"\r\n"] * 40, id="empty lines"),
    ],
)
async def test_a_silent_connection_is_closed(door: Door, parts: list[bytes]) -> None:
    heard = await door.knock(*parts, pause_s=0.04)
    assert heard.status in {0, 400}
    assert heard.took_s < PATIENCE_S


async def test_a_connection_kept_open_is_closed_when_idle(door: Door) -> None:
    heard = await door.knock(KEPT_OPEN)
    assert heard.status == 200
    assert heard.took_s < PATIENCE_S


def test_the_server_is_told_to_close_what_is_silent() -> None:
    """An hour is the default of aiohttp."""
    assert SERVER_OPTIONS["keepalive_timeout"] <= 15
    assert SERVER_OPTIONS["auto_decompress"] is False


async def test_endless_chunks_are_refused_before_memory_grows(door: Door, takes: Memory) -> None:
    piece = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    heard = await door.knock(CHUNKED, *[piece] * 800)
    grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert (heard.status, takes.taken) == (413, [])
    assert grown_kb < 20_000


async def test_a_peer_that_breaks_off_leaves_nothing(door: Door, takes: Memory) -> None:
    for raw in (request()[:-10], CHUNKED + b"5\r\nab", request()[:40]):
        _reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
        writer.write(raw)
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.transport.abort()
    assert await _closed(door)
    assert takes.taken == []
    assert takes.refused == ["the body broke off or is badly chunked"] * 2


async def test_a_chunk_that_turns_bad_while_we_read(door: Door, takes: Memory) -> None:
    heard = await door.knock(CHUNKED + b"5\r\n{abcd\r\n", b"zz\r\n", pause_s=0.05)
    assert heard.status in {400, 408}
    assert takes.taken == []


async def test_a_peer_that_does_not_read_is_dropped(door: Door) -> None:
    peer = _one_who_does_not_read(door)
    asking = KEPT_OPEN * 100
    began = time.monotonic()
    try:
        # Answers pile up until ours is the buffer that is full.
        while door.connections or time.monotonic() < began + 0.3:
            assert time.monotonic() < began + 10, "still open"
            try:
                peer.send(asking)
            except BlockingIOError:
                pass  # it reads no more either
            except ConnectionError:
                break
            await asyncio.sleep(0.01)
    finally:
        peer.close()
    assert await _closed(door)


async def test_nor_is_it_kept_for_the_sake_of_a_few_bytes(door: Door, takes: Memory) -> None:
    takes.decision = replace(PLAN, card_url="x" * 30_000)
    peer = _one_who_does_not_read(door)
    try:
        while not door.unsent:
            asked = len(takes.hooks)
            peer.send(KEPT_OPEN)
            while len(takes.hooks) == asked:
                await asyncio.sleep(0.001)
        assert await _closed(door)
    finally:
        peer.close()


async def test_slow_ones_do_not_hold_up_others(door: Door) -> None:
    slow = [door.knock(request()[:-10]) for _ in range(50)]
    stalled = asyncio.gather(*slow)
    await asyncio.sleep(0.02)
    heard = await door.knock(request())
    assert heard.status == 200
    assert heard.took_s < PATIENCE_S  # one after another they would take 12 s
    assert {one.status for one in await stalled} == {408}


def _one_who_does_not_read(door: Door) -> socket.socket:
    peer = socket.socket()
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    peer.connect(("127.0.0.1", door.port))
    peer.setblocking(False)
    return peer


async def _closed(door: Door) -> bool:
    for _ in range(100):
        if not door.connections:
            return True
        await asyncio.sleep(0.02)
    return False
