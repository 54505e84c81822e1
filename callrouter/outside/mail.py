"""Hands a letter to an SMTP server, and says for certain what came of it.

    outcome = await mailer.send(mailbox, mail, begin)

Everything that may go wrong before the text is handed over goes wrong first: connection, TLS,
signing in, sender, recipient. Then `begin` commits that the letter is on its way; then the text
goes. Until its last line has been given to the network nothing was sent; after that only the
server's answer tells, and without one the letter is in doubt.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Final, Literal

import aiosmtplib
import structlog
from aiosmtplib import (
    SMTP,
    SMTPConnectError,
    SMTPConnectResponseError,
    SMTPException,
    SMTPHeloError,
    SMTPResponseException,
    SMTPServerDisconnected,
)

from callrouter.domain.mailbox import Mailbox
from callrouter.outside.message import Mail

log = structlog.get_logger()

Stage = Literal["connect", "ehlo", "tls", "auth", "mail", "rcpt", "begin", "data", "content"]
"""How far it came: the first four are about the mailbox, not about the letter; `data` is the
command alone, `content` the text and the answer to it."""

OF_THE_MAILBOX: Final = frozenset({"connect", "ehlo", "tls", "auth"})

Begin = Callable[[], Awaitable[bool]]
"""Commits that the letter is on its way; False: it may not leave."""

TEXT: Final = 300
_PIECE: Final = 64 * 1024
_LINE_END = re.compile(rb"\r\n|\n|\r")
_DOT = re.compile(rb"(?m)^\.")


@dataclass(frozen=True, slots=True)
class Sent:
    """The server has taken it over. `reply`: its words."""

    reply: str


@dataclass(frozen=True, slots=True)
class NotSent:
    """It certainly was not taken over. `code` None: it was no answer of the server's.

    `temporary`: the same may go through later. `again_after_s`: the mailbox rests so long.
    """

    reason: str
    stage: Stage
    code: int | None = None
    temporary: bool = True
    again_after_s: float | None = None

    @property
    def is_of_the_mailbox(self) -> bool:
        return self.stage in OF_THE_MAILBOX


@dataclass(frozen=True, slots=True)
class InDoubt:
    """It was handed over and nobody said what became of it."""

    reason: str


Outcome = Sent | NotSent | InDoubt


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds. `end_s`: for the answer to a whole letter, as RFC 5321 (4.5.3.2.6) asks."""

    connect_s: float = 10.0
    command_s: float = 60.0
    end_s: float = 600.0


class _Failed(Exception):
    def __init__(self, found: NotSent) -> None:
        super().__init__(found.reason)
        self.found = found


@dataclass
class _Rest:
    """A mailbox that does not work is left alone for a while, longer each time."""

    until: float = 0.0
    pause_s: float = 0.0
    why: NotSent | None = None


@dataclass
class Mailer:
    """Belongs to the event loop. A connection for each letter.

    `trust`: whose certificates are believed; None: the system's authorities. `rests_s`: how long a
    mailbox that cannot be used is left alone, at first and at most.
    """

    limits: Limits = field(default_factory=Limits)
    trust: ssl.SSLContext | None = None
    rests_s: tuple[float, float] = (15.0, 900.0)
    _resting: dict[tuple[str, int, str], _Rest] = field(default_factory=dict)

    async def send(self, mailbox: Mailbox, mail: Mail, begin: Begin) -> Outcome:
        """Send one message to one address. What `begin` raises goes through: nothing was sent."""
        key = (mailbox.host, mailbox.port, mailbox.user)
        if rest := self._rest_of(key):
            return rest
        try:
            async with self._signed_in(mailbox, _domain(mail.sender)) as client:
                self._resting.pop(key, None)
                return await self._hand_over(client, mail, begin)
        except _Failed as failed:
            found = failed.found
            return self._let_rest(key, found) if found.is_of_the_mailbox else found

    # A mailbox that does not work

    def _rest_of(self, key: tuple[str, int, str]) -> NotSent | None:
        found = self._resting.get(key)
        left = found.until - time.monotonic() if found else 0.0
        if found is None or found.why is None or left <= 0:
            return None
        why = found.why
        return NotSent(why.reason, why.stage, why.code, temporary=True, again_after_s=left)

    def _let_rest(self, key: tuple[str, int, str], why: NotSent) -> NotSent:
        least, most = self.rests_s
        had = self._resting.get(key) or _Rest()
        if had.until < time.monotonic():  # those that were on their way with it count as one
            had = _Rest(pause_s=min(most, max(least, had.pause_s * 2)))
            had.until, had.why = time.monotonic() + had.pause_s, why
            self._resting[key] = had
            log.error("mailbox_unusable", host=key[0], stage=why.stage, code=why.code)
        left = max(0.0, had.until - time.monotonic())
        return NotSent(why.reason, why.stage, why.code, temporary=True, again_after_s=left)

    # The way in

    @asynccontextmanager
    async def _signed_in(self, mailbox: Mailbox, name: str) -> AsyncIterator[SMTP]:
        client = SMTP(
            hostname=mailbox.host,
            port=mailbox.port,
            use_tls=mailbox.tls == "wrapped",
            start_tls=False,
            tls_context=self.trust,
            local_hostname=name or "localhost",
            timeout=self.limits.command_s,
        )
        polite = False
        try:
            await self._come_in(client, mailbox)
            yield client
            polite = True
        except _Failed as failed:
            polite = failed.found.stage not in ("data", "content")  # what we say there is its text
            raise
        finally:
            await _leave(client, polite=polite)

    async def _come_in(self, client: SMTP, mailbox: Mailbox) -> None:
        with _stage("connect"):
            await client.connect(timeout=self.limits.connect_s)
        with _stage("ehlo"):
            await _greet(client)
        if mailbox.tls == "required" and not client.supports_extension("starttls"):
            raise _Failed(NotSent("the server offers no STARTTLS", "tls", temporary=False))
        if mailbox.tls in ("required", "offered") and client.supports_extension("starttls"):
            with _stage("tls"):
                await client.starttls(timeout=self.limits.connect_s)
                await _greet(client)
        if mailbox.user:
            with _stage("auth"):
                await client.login(mailbox.user, mailbox.password)

    # One letter

    async def _hand_over(self, client: SMTP, mail: Mail, begin: Begin) -> Outcome:
        body = _as_sent(mail.data)
        encoding, options = self._options(client, mail, len(body))
        with _stage("mail"):
            await client.mail(mail.sender, options=options, encoding=encoding)
        with _stage("rcpt"):
            await client.rcpt(mail.to, encoding=encoding)
        if not await begin():
            return NotSent("it may not leave now", "begin")
        with _stage("data"):
            said = await client.execute_command(b"DATA")
            if said.code != aiosmtplib.SMTPStatus.start_input:
                raise SMTPResponseException(said.code, said.message)
        with _stage("content"):
            await asyncio.wait_for(_put(client, body), self.limits.end_s)
        return await self._end(client)

    def _options(self, client: SMTP, mail: Mail, size: int) -> tuple[str, list[str]]:
        """How addresses are spelled, and what MAIL says besides. Raises _Failed."""
        options = []
        if client.supports_extension("size"):
            most = client.esmtp_extensions.get("size", "")
            if most.isdigit() and 0 < int(most) < size:
                reason = f"the letter has {size} bytes and the server takes {most}"
                raise _Failed(NotSent(reason, "mail", 552, temporary=False))
            options.append(f"SIZE={size}")
        if not mail.utf8:
            return "ascii", options
        if not client.supports_extension("smtputf8"):
            reason = "the server takes no address that is not in Latin letters (SMTPUTF8)"
            raise _Failed(NotSent(reason, "rcpt", 553, temporary=False))
        return "utf-8", [*options, "SMTPUTF8"]

    async def _end(self, client: SMTP) -> Outcome:
        """Say that this was all, and hear what became of it: from here on only that tells."""
        protocol = client.protocol
        if protocol is None:
            raise _Failed(NotSent("the connection ended before the letter was whole", "content"))
        try:
            protocol.write(b".\r\n")
            said = await protocol.read_response(timeout=self.limits.end_s)
        except SMTPResponseException as error:
            return InDoubt(f"the server's answer cannot be read: {_short(error.message)}")
        except (SMTPException, OSError) as error:
            late = isinstance(error, TimeoutError)
            return InDoubt(
                "no answer to the whole letter in time"
                if late
                else "the connection ended before the answer to the whole letter"
            )
        if 200 <= said.code < 300:
            return Sent(f"{said.code} {_short(said.message)}")
        if 400 <= said.code < 600:
            return NotSent(_short(said.message), "content", said.code, temporary=said.code < 500)
        return InDoubt(f"the server answered {said.code} to the whole letter")


def _domain(address: str) -> str:
    return address.rpartition("@")[2]


def _as_sent(data: bytes) -> bytes:
    """With the ends of lines that SMTP has, and dots at their beginning doubled; no last dot."""
    lines = _LINE_END.sub(b"\r\n", data)
    return _DOT.sub(b"..", lines if lines.endswith(b"\r\n") else lines + b"\r\n")


async def _put(client: SMTP, body: bytes) -> None:
    """Give it all to the network; the system has taken it when this ends."""
    for begin in range(0, len(body), _PIECE):
        if client.protocol is None:
            raise SMTPServerDisconnected("Connection lost")
        client.protocol.write(body[begin : begin + _PIECE])
        while isinstance(at := client.transport, asyncio.WriteTransport):
            if not at.get_write_buffer_size():
                break
            await asyncio.sleep(0.005)
    if not client.is_connected:
        raise SMTPServerDisconnected("Connection lost")


async def _greet(client: SMTP) -> None:
    try:
        await client.ehlo()
    except SMTPHeloError:
        await client.helo()


async def _leave(client: SMTP, *, polite: bool) -> None:
    """With a QUIT where that may be said; nothing depends on it."""
    try:
        if polite and client.is_connected:
            with contextlib.suppress(SMTPException, OSError, ValueError):
                await client.quit(timeout=1.0)
    finally:
        client.close()


@contextmanager
def _stage(stage: Stage) -> Iterator[None]:
    """Turn what goes wrong here into our own words: a library's may quote what was sent."""
    try:
        yield
    except SMTPConnectResponseError as error:
        raise _Failed(_refused("connect", error.code, error.message)) from None
    except SMTPResponseException as error:
        raise _Failed(_refused(stage, error.code, error.message)) from None
    except TimeoutError:
        raise _Failed(NotSent("the server does not answer in time", stage)) from None
    except (SMTPException, OSError, ValueError) as error:
        raise _Failed(_broken(error, stage)) from None


def _refused(stage: Stage, code: int, words: str) -> NotSent:
    """A code that is none of refusals is read as a fault of the moment."""
    lasting = 500 <= code < 600
    return NotSent(_short(words), stage, code if 400 <= code < 600 else None, not lasting)


def _broken(error: Exception, stage: Stage) -> NotSent:
    cause = error.__cause__ or error
    if isinstance(cause, ssl.SSLCertVerificationError):
        reason = f"its certificate is not trusted: {cause.verify_message}"
        return NotSent(reason, "tls", temporary=False)
    if isinstance(cause, ssl.SSLError):
        return NotSent(f"TLS failed: {cause.reason or 'no common way'}", "tls", temporary=False)
    if isinstance(error, SMTPConnectError):
        why = getattr(cause, "strerror", None) or "the connection ended"
        return NotSent(f"no connection: {why}", stage)
    if stage == "auth" and not isinstance(error, (SMTPServerDisconnected, OSError)):
        return NotSent("the server offers no way to sign in that we know", stage, temporary=False)
    return NotSent("the connection ended", stage)


def _short(words: str) -> str:
    """A server's words on one line."""
    clean = words.encode("utf-8", "replace").decode()
    return " ".join("".join(c if c.isprintable() else " " for c in clean).split())[:TEXT]
