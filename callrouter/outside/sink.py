"""The demo's mail server: takes every letter, brings none anywhere, and shows the last ones.

It listens on loopback alone. A letter is a file of its own, so that it outlives the demo.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage, MIMEPart
from email.parser import BytesHeaderParser
from typing import TYPE_CHECKING, Final

from aiosmtpd.smtp import SMTP, Envelope, Session

if TYPE_CHECKING:
    from pathlib import Path

KEPT: Final = 200
LONGEST: Final = 32 * 1024**2

_TO: Final = "X-Demo-Envelope-To"
_HEAD: Final = 16 * 1024
_ID = re.compile(r"[0-9]{13}-[0-9a-f]{8}")


@dataclass(frozen=True, slots=True)
class InBox:
    """A letter in the list. `to`: whom it went to; `blind`: he stands in no header of it."""

    id: str
    at: datetime
    sender: str
    to: str
    subject: str
    blind: bool


@dataclass(frozen=True, slots=True)
class Part:
    """A file that came along."""

    name: str
    type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Opened:
    """A whole letter. `html` "": it has none."""

    head: InBox
    reply_to: str
    message_id: str
    html: str
    text: str
    files: tuple[Part, ...]


class Sink:
    """Its port is bound at once, so that `url` is known before it listens."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._socket = socket.create_server(("127.0.0.1", 0))

    @property
    def url(self) -> str:
        """As CALLROUTER_SMTP_URL has it."""
        return f"smtp://127.0.0.1:{self._socket.getsockname()[1]}"

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        self._folder.mkdir(parents=True, exist_ok=True)

        def talk() -> SMTP:
            return SMTP(
                self,
                hostname="demo",
                ident="demo",
                data_size_limit=LONGEST,
                enable_SMTPUTF8=True,
                loop=loop,
            )

        server = await loop.create_server(talk, sock=self._socket)
        try:
            yield
        finally:
            server.close()

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802  aiosmtpd's name
        data = envelope.original_content or b""
        for to in envelope.rcpt_tos:
            await asyncio.to_thread(self.keep, to, data)
        return "250 2.0.0 kept, and brought nowhere"

    def keep(self, to: str, data: bytes) -> None:
        """Keep a letter, and let go what is older than the last ones."""
        now = datetime.now(UTC)
        within = f"{now.microsecond % 1000:03x}"  # so that two of one millisecond keep their order
        name = f"{int(now.timestamp() * 1000):013}-{within}{secrets.token_hex(3)[:5]}"
        path = self._folder / f"{name}.eml"
        part = path.with_suffix(".part")
        part.write_bytes(f"{_TO}: {to}\r\n".encode() + data)
        part.rename(path)
        for old in self._names()[KEPT:]:
            with contextlib.suppress(FileNotFoundError):
                (self._folder / f"{old}.eml").unlink()

    def listed(self) -> list[InBox]:
        """The last ones, the newest first."""
        found = []
        for name in self._names()[:KEPT]:
            with contextlib.suppress(FileNotFoundError), self._path(name).open("rb") as file:
                parser = BytesHeaderParser(policy=policy.SMTPUTF8)
                found.append(_head(name, parser.parsebytes(file.read(_HEAD))))
        return found

    def open(self, name: str) -> Opened | None:
        """None: there is no such letter, or it is gone."""
        if not _ID.fullmatch(name):
            return None
        try:
            data = self._path(name).read_bytes()
        except FileNotFoundError:
            return None
        found = message_from_bytes(data, policy=policy.SMTPUTF8)
        html, text = found.get_body(("html",)), found.get_body(("plain",))
        return Opened(
            _head(name, found),
            str(found["Reply-To"] or ""),
            str(found["Message-ID"] or ""),
            _content(html),
            _content(text),
            tuple(_file(part) for part in found.iter_attachments()),
        )

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.eml"

    def _names(self) -> list[str]:
        return sorted((path.stem for path in self._folder.glob("*.eml")), reverse=True)


def _head(name: str, found: EmailMessage) -> InBox:
    to = str(found[_TO] or "")
    named = [one.addr_spec for one in found["To"].addresses] if found["To"] else []
    return InBox(
        id=name,
        at=datetime.fromtimestamp(int(name[:13]) / 1000, UTC),
        sender=_people(found, "From"),
        to=to,
        subject=str(found["Subject"] or ""),
        blind=to not in named,
    )


def _people(found: EmailMessage, header: str) -> str:
    """Without the quotes that only a header needs."""
    people = found[header].addresses if found[header] else ()
    return ", ".join(
        f"{one.display_name} <{one.addr_spec}>" if one.display_name else one.addr_spec
        for one in people
    )


def _content(part: MIMEPart | None) -> str:
    return str(part.get_content()) if part is not None else ""


def _file(part: MIMEPart) -> Part:
    data = part.get_payload(decode=True)
    return Part(
        part.get_filename() or "file",
        part.get_content_type(),
        data if isinstance(data, bytes) else b"",
    )
