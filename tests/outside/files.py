"""How a server that has files behaves, and misbehaves; and certificates for one."""

from __future__ import annotations

import asyncio
import random
import socket
import ssl
import struct
from collections.abc import Callable

import trustme

from tests.outside.servers import Write, answer


def file(body: bytes, *headers: str) -> Write:
    """The whole file, with its length."""
    return answer(200, body, *(headers or ("Content-Type: audio/x-wav",)))


def in_turn(*ways: Write) -> Write:
    """Behaves so at each request in turn, and as the last one ever after."""
    asked = 0

    async def write(to: asyncio.StreamWriter) -> None:
        nonlocal asked
        way = ways[min(asked, len(ways) - 1)]
        asked += 1
        await way(to)

    return write


def redirect(location: str, status: int = 302) -> Write:
    return answer(status, b"", f"Location: {location}")


def without_length(body: bytes) -> Write:
    """As HTTP/1.0 does it: it is over when the connection is."""

    async def write(to: asyncio.StreamWriter) -> None:
        to.write(b"HTTP/1.0 200 OK\r\n\r\n" + body)
        await to.drain()

    return write


def chunked(body: bytes, *, whole: bool = True, size: int = 5000) -> Write:
    async def write(to: asyncio.StreamWriter) -> None:
        to.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for place in range(0, len(body), size):
            part = body[place : place + size]
            to.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
        to.write(b"0\r\n\r\n" if whole else b"")
        await to.drain()

    return write


async def badly_chunked(to: asyncio.StreamWriter) -> None:
    to.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nRIFF_\r\nzz\r\n")
    await to.drain()


def announced(body: bytes, length: int) -> Write:
    """Promises so many bytes, whatever comes."""

    async def write(to: asyncio.StreamWriter) -> None:
        to.write(f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n".encode() + body)
        await to.drain()

    return write


def cut(body: bytes, place: Callable[[], int]) -> Write:
    """Resets the connection after so many bytes."""

    async def write(to: asyncio.StreamWriter) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        to.write(head + body[: place()])
        await to.drain()
        await asyncio.sleep(0.005)
        bound: socket.socket = to.get_extra_info("socket")
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        to.transport.abort()

    return write


def anywhere(body: bytes, chance: random.Random) -> Callable[[], int]:
    """A place in a file, before its end."""
    return lambda: chance.randrange(len(body))


def slowly(body: bytes, each: int, pause_s: float) -> Write:
    async def write(to: asyncio.StreamWriter) -> None:
        to.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode())
        for place in range(0, len(body), each):
            to.write(body[place : place + each])
            await to.drain()
            await asyncio.sleep(pause_s)

    return write


def certified(*names: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's certificate for these names, and who trusts it."""
    authority = trustme.CA()
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(*names).configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    return server, client
