"""The real front door on a real socket, and raw bytes to knock with."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from tests.webhooks.examples import SECRET
from webhooks.handler import SERVER_OPTIONS, FrontDoor, Takes

TRUST = f"Authorization: Bearer {SECRET}"
JSON = "Content-Type: application/json"
FORM = "Content-Type: application/x-www-form-urlencoded"
RINGING = (
    b'{"event": "ringing", "call_id": "c-1", "caller": "+79161234567", "called": "+74951230001"}'
)

PATIENCE_S = 2.0
"""No knock may take longer."""


@dataclass(frozen=True)
class Door:
    port: int
    server: web.Server

    @property
    def connections(self) -> int:
        """How many are open on the server's side."""
        return len(self.server.connections)

    @property
    def unsent(self) -> int:
        """Bytes of answers that the server could not yet hand to the system."""
        transports = (connection.transport for connection in self.server.connections)
        return sum(one.get_write_buffer_size() for one in transports if one)

    async def knock(self, *parts: bytes, pause_s: float = 0.0) -> Heard:
        """Send the parts, with pauses between them, and read until the server closes."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        began = time.monotonic()
        listening = asyncio.ensure_future(_listen(reader))
        try:
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(pause_s)
        except ConnectionError:
            pass  # refused before all was sent
        try:
            async with asyncio.timeout(PATIENCE_S + 1):
                answer = await listening
        finally:
            writer.close()
        return Heard(answer, time.monotonic() - began)


@dataclass(frozen=True)
class Heard:
    answer: bytes
    took_s: float

    @property
    def status(self) -> int:
        """0: closed without a word."""
        return int(self.answer.split(b" ", 2)[1]) if self.answer else 0

    @property
    def body(self) -> bytes:
        return self.answer.partition(b"\r\n\r\n")[2]


@asynccontextmanager
async def open_door(takes: Takes, **options: Any) -> AsyncIterator[Door]:
    app = web.Application()
    app.add_routes(FrontDoor(takes, "https://crm.example/", send_s=0.5).routes())
    runner = web.AppRunner(app, **{**SERVER_OPTIONS, "keepalive_timeout": 0.7, **options})
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        assert runner.server is not None
        yield Door(site.port, runner.server)
    finally:
        await runner.cleanup()


def request(
    body: bytes = RINGING,
    headers: Sequence[str] = (TRUST, JSON),
    *,
    method: str = "POST",
    target: str = "/webhooks/pbx/main",
    length: bool = True,
) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: crm.example", "Connection: close", *headers]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    head = "\r\n".join(lines) + "\r\n\r\n"
    return head.encode("utf-8", "surrogateescape") + body


async def _listen(reader: asyncio.StreamReader) -> bytes:
    heard = bytearray()
    try:
        while chunk := await reader.read(65536):
            heard += chunk
    except ConnectionError:
        pass  # a reset ends it as well
    return bytes(heard)
