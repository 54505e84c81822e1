"""From an HTTP request to a RawHook, and from an Answer to the wire: bounded in size and time."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from webhooks.errors import BrokenBody, TooLarge, TooSlow, UnsupportedEncoding
from webhooks.provider import Answer, RawHook

BODY_LIMIT: Final = 64 * 1024
BODY_S: Final = 0.25
QUERY_LIMIT: Final = 2048

_ABSOLUTE = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")


def read_head(request: web.Request, public_url: str) -> RawHook:
    """Take what is there before the body.

    The address is ours with the sender's path and query, byte for byte: what a sender signs. The
    request's Host and an absolute request line never change it.
    """
    target = _ABSOLUTE.sub("", request.raw_path).partition("#")[0]
    return RawHook(
        account=request.match_info.get("account", ""),
        method=request.method,
        url=public_url.rstrip("/") + target,
        query=target.partition("?")[2],
        headers=tuple((name.lower(), value) for name, value in request.headers.items()),
        body=b"",
        peer=request.remote or "",
        arrived=datetime.now(UTC),
        arrived_s=time.monotonic(),
    )


async def read_body(request: web.Request, hook: RawHook) -> RawHook:
    """Add the body as sent. Raises what `webhooks.errors` has a status for."""
    if len(hook.query) > QUERY_LIMIT:
        raise TooLarge(f"a query may have {QUERY_LIMIT} bytes")
    if (hook.header("content-encoding") or "identity").strip().lower() != "identity":
        raise UnsupportedEncoding("send the body without Content-Encoding")
    if (request.content_length or 0) > BODY_LIMIT:
        raise TooLarge(f"a body may have {BODY_LIMIT} bytes")
    body = bytearray()
    try:
        # aiohttp has no limit of time for a body: a stalled one would stay open for ever.
        async with asyncio.timeout(BODY_S):
            while chunk := await request.content.readany():
                body += chunk
                if len(body) > BODY_LIMIT:
                    raise TooLarge(f"a body may have {BODY_LIMIT} bytes")
    except TimeoutError:
        raise TooSlow(f"the whole body must be here within {BODY_S * 1000:.0f} ms") from None
    except (web.RequestPayloadError, HttpProcessingError, OSError) as broken:
        raise BrokenBody("the body broke off or is badly chunked") from broken
    return replace(hook, body=bytes(body))


async def send(request: web.Request, answer: Answer, within_s: float) -> web.StreamResponse:
    """Write the answer. A connection whose peer does not take it, or still sends, is closed."""
    response = web.Response(body=answer.body, status=answer.status)
    response.headers["Content-Type"] = answer.content_type
    response.headers.extend(answer.headers)
    if not request.content.is_eof():
        response.force_close()
    transport = request.transport
    if transport is None:  # gone meanwhile; what was decided is kept all the same
        return response
    # Without a buffer of its own the transport tells when the peer has not taken what is written.
    transport.set_write_buffer_limits(high=0)
    try:
        async with asyncio.timeout(within_s):
            await response.prepare(request)
            await response.write_eof()
    except TimeoutError:
        transport.abort()
    return response
