"""Small real servers: one that does as it is told, one that nobody may reach, and name servers."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field

Write = Callable[[asyncio.StreamWriter], Awaitable[None]]
"""What a server does after it has read a request."""


def answer(status: int, body: bytes = b"{}", *headers: str) -> Write:
    """A whole answer, at once."""

    async def write(to: asyncio.StreamWriter) -> None:
        lines = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(body)}", *headers]
        to.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        await to.drain()

    return write


async def nothing(to: asyncio.StreamWriter) -> None:
    """Reads, and never answers."""
    await asyncio.sleep(30)


async def drip(to: asyncio.StreamWriter) -> None:
    """A byte now and then: no single wait is long."""
    to.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        to.write(b"x")
        await to.drain()
        await asyncio.sleep(0.02)


async def drip_head(to: asyncio.StreamWriter) -> None:
    to.write(b"HTTP/1.1 200 OK\r\nX-A: ")
    while True:
        to.write(b"x")
        await to.drain()
        await asyncio.sleep(0.02)


async def hang_up(to: asyncio.StreamWriter) -> None:
    """Ends before a word."""


async def hang_up_later(to: asyncio.StreamWriter) -> None:
    """Ends in the middle of the answer."""
    to.write(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"half":')
    await to.drain()


async def endless(to: asyncio.StreamWriter) -> None:
    to.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        to.write(b"4000\r\n" + b"x" * 0x4000 + b"\r\n")
        await to.drain()


async def gibberish(to: asyncio.StreamWriter) -> None:
    to.write(b"SIP/2.0 200 OK\r\n\r\n")
    await to.drain()


@dataclass(frozen=True, slots=True)
class Asked:
    head: str
    body: bytes

    def header(self, name: str) -> str | None:
        lines = (line.partition(": ") for line in self.head.split("\r\n")[1:])
        return next((value for key, _, value in lines if key.lower() == name.lower()), None)


@dataclass
class Server:
    """Answers every request as `does` says and remembers them. `hits`: connections."""

    does: Write = field(default_factory=lambda: answer(200))
    port: int = 0
    hits: int = 0
    asked: list[Asked] = field(default_factory=list)

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.hits += 1
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            asked = Asked(head.strip(), b"")
            length = int(asked.header("Content-Length") or 0)
            self.asked.append(Asked(asked.head, await reader.readexactly(length)))
            await self.does(writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            writer.close()

    async def reached(self) -> int:
        """How many have connected till now: one of our own comes after them all."""
        before = self.asked.copy()
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(b"GET /mine HTTP/1.1\r\n\r\n")
        await reader.read()
        writer.close()
        self.asked = before
        self.hits -= 1
        return self.hits


@contextlib.asynccontextmanager
async def serving(
    does: Write | None = None,
    *,
    everywhere: bool = False,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Server]:
    """A server on loopback, or at every address of this machine."""
    server = Server(does) if does else Server()
    tasks: set[asyncio.Task[None]] = set()

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(task := asyncio.ensure_future(server.meet(reader, writer)))
        await asyncio.wait([task])

    both = everywhere and socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if both else socket.AF_INET
    place = ("" if everywhere else "127.0.0.1", 0)
    bound = socket.create_server(place, family=family, dualstack_ipv6=both)
    server.port = bound.getsockname()[1]
    listening = await asyncio.start_server(meet, sock=bound, ssl=tls)
    try:
        yield server
    finally:
        listening.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # transports close in the loop's next round


def known(**names: str | Sequence[str]) -> Callable[[str, int], Awaitable[Sequence[str]]]:
    """A name server that knows these names; `_` stands for a dot."""
    table = {name.replace("_", "."): found for name, found in names.items()}

    async def resolve(host: str, port: int) -> Sequence[str]:
        if host not in table:
            raise OSError(f"{host}: unknown")
        found = table[host]
        return [found] if isinstance(found, str) else found

    return resolve


@dataclass
class TwoFaced:
    """A name server that first tells one address, and another ever after."""

    first: str
    then: str
    times: dict[str, int] = field(default_factory=dict)

    async def __call__(self, host: str, _port: int) -> Sequence[str]:
        self.times[host] = self.times.get(host, 0) + 1
        return [self.first if self.times[host] == 1 else self.then]
