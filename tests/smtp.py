"""An SMTP server that does as it is told: a real one, with its manners in a table.

What it does at a stage is a list, one entry for each time that it comes there; the last one stays.
An entry is a reply ("451 later"), or `drop`: hang up; `mute`: say nothing; `slow`: answer as usual
after a while; `keep drop` and `keep mute`: take the letter, and do that; `reset`: answer, then hang
up.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import email
import email.policy
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Final

SLOW_S: Final = 0.15

GOOD: Final = {
    "greeting": "220 sink ready",
    "starttls": "220 go on",
    "auth": "235 welcome",
    "mail": "250 ok",
    "rcpt": "250 ok",
    "data": "354 go on",
    "dot": "250 2.0.0 taken as 42",
}

Manners = Mapping[str, Sequence[str]]
"""Of the stages greeting, ehlo, starttls, auth, mail, rcpt, data, middle (of the text), dot."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A letter that it took."""

    sender: str
    to: str
    data: bytes

    @property
    def message(self) -> EmailMessage:
        return email.message_from_bytes(self.data, policy=email.policy.default)

    @property
    def message_id(self) -> str:
        return str(self.message["Message-ID"])


class _HangUp(Exception):
    pass


@dataclass
class Sink:
    """`tls`: what it offers with STARTTLS; `users`: who may sign in; `size`: how much it takes."""

    manners: Manners = field(default_factory=dict)
    tls: ssl.SSLContext | None = None
    users: Mapping[str, str] = field(default_factory=dict)
    size: int = 0
    smtputf8: bool = True
    port: int = 0
    taken: list[Taken] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    connections: int = 0
    times: dict[str, int] = field(default_factory=dict)
    """How often it came to each stage."""

    def url(self, user: str = "", query: str = "") -> str:
        who = f"{user}@" if user else ""
        return f"smtp://{who}127.0.0.1:{self.port}{query}"

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            await _Talk(self, reader, writer).run()
        except (_HangUp, OSError, asyncio.IncompleteReadError, ssl.SSLError):
            writer.transport.abort()
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            writer.close()

    def turn(self, stage: str) -> str | None:
        """What is to be done this time; None: as usual."""
        n = self.times[stage] = self.times.get(stage, 0) + 1
        told = self.manners.get(stage, ())
        return told[min(n, len(told)) - 1] if told else None


@dataclass
class _Talk:
    sink: Sink
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    sender: str = ""
    to: str = ""
    secured: bool = False

    async def run(self) -> None:
        await self.answer("greeting")
        while line := (await self.reader.readline()).decode().rstrip("\r\n"):
            self.sink.said.append(line)
            verb, _, rest = line.partition(" ")
            match verb.upper():
                case "EHLO" | "HELO":
                    await self.ehlo()
                case "STARTTLS":
                    await self.starttls()
                case "AUTH":
                    await self.auth(rest)
                case "MAIL":
                    self.sender = _address(rest)
                    await self.answer("mail")
                case "RCPT":
                    self.to = _address(rest)
                    await self.answer("rcpt")
                case "DATA":
                    await self.data()
                case "QUIT":
                    await self.say("221 bye")
                    return
                case _:
                    await self.say("250 ok")

    async def say(self, line: str) -> None:
        self.writer.write(line.encode() + b"\r\n")
        await self.writer.drain()

    async def answer(self, stage: str) -> bool:
        """True: it went on as usual."""
        told = self.sink.turn(stage)
        await self.manners(told)
        if told == "slow" or told is None:
            await self.say(GOOD[stage])
            return True
        await self.say(told)
        return told[:1] == GOOD[stage][:1]

    async def manners(self, told: str | None) -> None:
        if told == "drop":
            raise _HangUp
        if told == "mute":
            await self.reader.read()
            raise _HangUp
        if told == "slow":
            await asyncio.sleep(SLOW_S)

    async def ehlo(self) -> None:
        if (told := self.sink.turn("ehlo")) is not None:
            await self.manners(told)
            await self.say(told)
            return
        offers = ["sink"]
        if self.sink.tls and not self.secured:
            offers.append("STARTTLS")
        if self.sink.users:
            offers.append("AUTH PLAIN LOGIN")
        if self.sink.size:
            offers.append(f"SIZE {self.sink.size}")
        if self.sink.smtputf8:
            offers.append("SMTPUTF8")
        for one in offers[:-1]:
            self.writer.write(f"250-{one}\r\n".encode())
        await self.say(f"250 {offers[-1]}")

    async def starttls(self) -> None:
        if await self.answer("starttls") and self.sink.tls:
            await self.writer.start_tls(self.sink.tls)
            self.secured = True

    async def auth(self, rest: str) -> None:
        how, _, said = rest.partition(" ")
        if how == "LOGIN":  # only so far that it is refused in the same words
            await self.say("535 5.7.8 wrong user or password")
            return
        _, user, password = base64.b64decode(said).decode().split("\0")
        if self.sink.manners.get("auth") or self.sink.users.get(user) == password:
            await self.answer("auth")
        else:
            await self.say("535 5.7.8 wrong user or password")

    async def data(self) -> None:
        if not await self.answer("data"):
            return
        text = await self.text()
        told = self.sink.turn("dot")
        kept = told is None or told in ("slow", "reset") or told.startswith(("keep", "2"))
        if kept:
            self.sink.taken.append(Taken(self.sender, self.to, text))
        if told == "reset":
            await self.say(GOOD["dot"])
            raise _HangUp
        await self.manners((told or "").removeprefix("keep "))
        await self.say(GOOD["dot"] if told in (None, "slow") else told or "")

    async def text(self) -> bytes:
        told = self.sink.turn("middle")
        if told is not None:
            await self.reader.readline()
            if told not in ("drop", "mute"):
                await self.say(told)
                raise _HangUp
            await self.manners(told)
        lines = []
        while (line := await self.reader.readline()) != b".\r\n":
            if not line:
                raise _HangUp
            lines.append(line[1:] if line.startswith(b".") else line)
        return b"".join(lines)


def _address(rest: str) -> str:
    return rest.partition("<")[2].partition(">")[0]


@asynccontextmanager
async def listening(
    sink: Sink | None = None, *, wrapped: ssl.SSLContext | None = None
) -> AsyncIterator[Sink]:
    """A sink on loopback. `wrapped`: TLS from the first byte."""
    sink = sink or Sink()
    tasks: set[asyncio.Task[None]] = set()

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(task := asyncio.ensure_future(sink.meet(reader, writer)))
        await asyncio.wait([task])

    server = await asyncio.start_server(meet, "127.0.0.1", 0, ssl=wrapped, limit=2**20)
    sink.port = server.sockets[0].getsockname()[1]
    try:
        yield sink
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with contextlib.suppress(OSError):
            await asyncio.sleep(0)
