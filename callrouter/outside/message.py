"""A letter as the bytes that go out: one message to one address, the same headers on every try.

Headers are written here, not folded by `email`: what it makes of a comma in a Russian name, of a
long token and of a Russian file name differs between versions, and mail programs differ more.
RFC 5322, 2047, 2231, 3834, 8058.
"""

from __future__ import annotations

import re
import unicodedata
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, quote
from typing import TYPE_CHECKING, Final
from urllib.parse import quote as percent

from email_validator import EmailNotValidError, validate_email

if TYPE_CHECKING:
    from callrouter.domain.letters import Outgoing

LONGEST: Final = 500
"""Characters of a name, a subject or a title of a file."""

_POLICY: Final = SMTP.clone(cte_type="7bit", refold_source="none")
_BREAK: Final = "\r\n "
_LINE: Final = 76
_SHORT: Final = 60
_PIECE: Final = 45  # bytes that one encoded word holds
_MESSAGE_ID = re.compile(r"<[!-;=?-~]{1,200}@[!-;=?-~]{1,200}>")
_TYPE = re.compile(r"[a-z]+/[a-z0-9][a-z0-9.+-]{0,100}")
_URL = re.compile(r"https?://[!-;=?-~]{1,900}")
_ODD = re.compile(r"[^A-Za-z0-9._() -]+")
_LATIN: Final = "a b v g d e zh z i y k l m n o p r s t u f kh ts ch sh shch  y  e yu ya"
_CYRILLIC: Final = {
    **dict(zip("абвгдежзийклмнопрстуфхцчшщъыьэюя", _LATIN.split(" "), strict=True)),
    "ё": "e",
}


class Unsendable(ValueError):
    """No message can be made of this; the text names the field and what is wrong with it."""


@dataclass(frozen=True, slots=True)
class File:
    """An attachment: its name as the customer sees it, its type and what is in it."""

    title: str
    type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Mail:
    """A message and its envelope. `utf8`: an address in it cannot be said in ASCII (SMTPUTF8)."""

    sender: str
    to: str
    data: bytes
    utf8: bool = False


@dataclass(frozen=True, slots=True)
class Address:
    """One mail address, its domain in ASCII. `utf8`: its local part is not."""

    text: str
    utf8: bool


def read_address(field: str, given: str) -> Address:
    """Exactly one address, without a name. Raises Unsendable."""
    try:
        found = validate_email(given, check_deliverability=False, globally_deliverable=False)
    except EmailNotValidError:
        raise Unsendable(f"{field}: is not one mail address") from None
    if found.ascii_email:
        return Address(found.ascii_email, utf8=False)
    return Address(f"{found.local_part}@{found.ascii_domain}", utf8=True)


def write(letter: Outgoing, files: Sequence[File], sender: str, *, now: datetime) -> Mail:
    """Make the message. `sender`: the address that the SMTP account owns. Raises Unsendable.

    Whoever gets a copy stands in no header: his copy is another envelope round the same bytes.
    """
    ours, to = read_address("sender", sender), read_address("to", letter.to)
    answers = read_address("reply_to", letter.reply_to) if letter.reply_to else None
    utf8 = any(one.utf8 for one in (ours, to, answers) if one)
    message = EmailMessage(_POLICY.clone(utf8=utf8))
    headers = [
        ("From", _mailbox("From", "sender_name", letter.sender_name, ours)),
        ("To", _mailbox("To", "to_name", letter.to_name, to)),
        *([("Reply-To", answers.text)] if answers else []),
        ("Subject", _words("Subject", _line("subject", letter.subject))),
        ("Date", format_datetime(now)),
        ("Message-ID", _message_id(letter.message_id)),
        ("Auto-Submitted", "auto-generated"),
        *(_opt_out(letter.opt_out_url) if letter.opt_out_url else []),
    ]
    for name, value in headers:
        message.set_raw(name, value)
    message.set_content(_body("text", letter.text), cte="base64")
    if letter.html:
        message.add_alternative(_body("html", letter.html), subtype="html", cte="base64")
    for file in files:
        _attach(message, file)
    return Mail(ours.text, to.text, message.as_bytes(), utf8)


def _line(field: str, text: str) -> str:
    """A text that stands in a header: one line of what people can read."""
    if len(text) > LONGEST:
        raise Unsendable(f"{field}: has more than {LONGEST} characters")
    for char in text:
        if unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp"):
            raise Unsendable(f"{field}: has a line break or another control character")
    return text


def _body(field: str, text: str) -> str:
    if "\0" in text or any("\ud800" <= char <= "\udfff" for char in text):
        raise Unsendable(f"{field}: has characters that are none")
    return text


def _mailbox(header: str, field: str, name: str, address: Address) -> str:
    shown = _line(field, name).strip()
    if not shown:
        return address.text
    said = f'"{quote(shown)}"' if shown.isascii() else _words(header, shown)
    return f"{said}{_BREAK}<{address.text}>"


def _words(header: str, text: str) -> str:
    """As encoded words, each short enough for its line; ASCII as it is.

    They are cut between words where that is possible: some programs put a space where two meet.
    """
    if text.isascii() and "=?" not in text and len(text) <= _SHORT:
        return text
    room = (_LINE - len(header) - 2 - len("=?utf-8?b??=")) // 4 * 3
    pieces: list[str] = [""]
    for word in re.findall(r"\S*\s*", text):
        for part in [word] if len(word.encode()) <= _PIECE else word:
            if len((pieces[-1] + part).encode()) > (room if len(pieces) == 1 else _PIECE):
                pieces.append("")
            pieces[-1] += part
    return _BREAK.join(
        f"=?utf-8?b?{b64encode(piece.encode()).decode()}?=" for piece in pieces if piece
    )


def _message_id(text: str) -> str:
    if not _MESSAGE_ID.fullmatch(text):
        raise Unsendable("message_id: is not <something@somewhere>")
    return text


def _opt_out(url: str) -> list[tuple[str, str]]:
    if not _URL.fullmatch(url):
        raise Unsendable("opt_out_url: is not an address of the web")
    return [
        ("List-Unsubscribe", f"<{url}>"),
        ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
    ]


def _attach(message: EmailMessage, file: File) -> None:
    """Its name is said three times: by RFC 2231, and in two older ways for who cannot read that."""
    title = _line("attachment", file.title).replace("/", "_").replace("\\", "_")
    if not title or not _TYPE.fullmatch(file.type):
        raise Unsendable("attachment: has no name, or a type that is none")
    main, _, sub = file.type.partition("/")
    message.add_attachment(file.data, maintype=main, subtype=sub, cte="base64")
    part = list(message.iter_attachments())[-1]
    names = [f'filename="{_plain(title)}"']
    if not title.isascii() or _plain(title) != title:
        names.insert(0, f"filename*=UTF-8''{_percent(title)}")
    for name in ("Content-Type", "Content-Disposition"):
        del part[name]
    quoted = _words(" name", title) if not title.isascii() else _plain(title)
    part.set_raw("Content-Type", f'{file.type};{_BREAK}name="{quoted}"')
    part.set_raw("Content-Disposition", f";{_BREAK}".join(["attachment", *names]))


def _percent(title: str) -> str:
    """Percent-encoded and within a line, which has 998 bytes; what is too long loses its middle."""
    said = percent(title, safe="")
    while len(said) > 900:
        stem, dot, ending = title.rpartition(".")
        title = f"{(stem if dot else title)[:-10]}{dot}{ending if dot else ''}"
        said = percent(title, safe="")
    return said


def _plain(title: str) -> str:
    """The name in Latin letters, for programs that know no others."""
    known = title.replace("№", "No.").replace("—", "-")
    latin = "".join(_in_latin(char) for char in known if char not in "«»„“”")
    return _ODD.sub("_", latin).strip()[:120] or "file"


def _in_latin(char: str) -> str:
    said = _CYRILLIC.get(char.lower(), char)
    return said.capitalize() if char.isupper() else said
