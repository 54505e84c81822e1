"""`/events`: what changes on the screen, pushed to each browser for as long as it looks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from aiohttp import ClientConnectionResetError, web

from callrouter.pages.doors import SECURITY
from callrouter.pages.relay import Relay, Stream

if TYPE_CHECKING:
    from callrouter.pages.doors import Guest

MOST: Final = 2000
HEARTBEAT_S: Final = 15.0
LIFE_S: Final = 3600.0  # then the browser comes anew, and its cookie is looked at again


class Events:
    def __init__(self, relay: Relay, *, most: int = MOST, heartbeat_s: float = HEARTBEAT_S) -> None:
        self._relay = relay
        self._most = most
        self._heartbeat_s = heartbeat_s

    async def show(self, request: web.Request, guest: Guest) -> web.StreamResponse:
        """Stream changes after `Last-Event-ID`, or after `?after=` on a page's first visit."""
        if self._relay.browsers >= self._most:
            status = HTTPStatus.SERVICE_UNAVAILABLE
            return web.Response(status=status, headers={"Retry-After": "30"})
        stream = Stream(guest.language, _after(request), request.transport)
        self._relay.join(stream)
        response = web.StreamResponse(headers={**SECURITY, "X-Accel-Buffering": "no"})
        response.content_type = "text/event-stream"
        response.charset = "utf-8"
        try:
            # A browser that has gone is no error: it is met at the next write.
            with suppress(ClientConnectionResetError, ConnectionResetError):
                await response.prepare(request)
                await self._write(response, stream)
        finally:
            self._relay.leave(stream)
        return response

    async def _write(self, response: web.StreamResponse, stream: Stream) -> None:
        await response.write(b"retry: 2000\n\n")
        loop = asyncio.get_running_loop()
        until = loop.time() + LIFE_S
        while loop.time() < until:
            try:
                message = await asyncio.wait_for(stream.queue.get(), self._heartbeat_s)
            except TimeoutError:
                message = b": still here\n\n"
            if message is None:
                return
            await response.write(message)


def _after(request: web.Request) -> int | None:
    said = request.headers.get("Last-Event-ID") or request.query.get("after", "")
    return int(said) if said.isascii() and said.isdigit() and len(said) < 19 else None


def run_with(app: web.Application, relay: Relay) -> None:
    """Let the relay run while the application runs; its streams end first."""

    async def run(_app: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(relay.run(), name="relay")
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    async def end(_app: web.Application) -> None:
        relay.close()

    app.cleanup_ctx.append(run)
    app.on_shutdown.append(end)
