"""What a hook's body says, whether JSON or a form: strict where it is read, tolerant of the rest.

Reading a body never raises anything but HookError. A value that cannot be read spoils its own
field only: `Fields` gives it as absent and remembers the trouble, and the provider decides
whether the event can live without it.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Final, TypeVar
from urllib.parse import parse_qsl

from webhooks.errors import TooLarge
from webhooks.provider import UnreadableHook

PARAMETER_LIMIT: Final = 200
BODY_LIMIT: Final = 1000  # FreeSWITCH sends all variables of a call

_CHARSETS: Final = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "us-ascii": "utf-8",
    "windows-1251": "cp1251",
    "cp1251": "cp1251",
    "koi8-r": "koi8-r",
}

_NO_TEXT: Final = frozenset({"Cc", "Cs"})  # control characters; bytes that are not of the charset

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Stands where a value should be. `why` is told to the sender: nothing of the value in it."""

    why: str


Value = object  # str, None, bool, list, dict or Unreadable; numbers are texts, digits as sent


def read_body(body: bytes, content_type: str | None) -> dict[str, Value]:
    """Read a JSON object or a form into its fields. Raises UnreadableHook or TooLarge."""
    kind, charset = _kind_and_charset(content_type or "")
    if kind.startswith("multipart/"):
        raise UnreadableHook("content-type", "send JSON or application/x-www-form-urlencoded")
    text = body.removeprefix(b"\xef\xbb\xbf").decode(charset, errors="surrogateescape").strip()
    # What it is shows in the body itself: `curl -d '{…}'` says that it sends a form.
    if not text.startswith(("{", "[")) and "json" not in kind:
        return read_form(text, charset, BODY_LIMIT)
    found = read_json(text)
    if not isinstance(found, dict):
        raise UnreadableHook("body", "is not a JSON object")
    return found


def read_form(text: str, charset: str = "utf-8", limit: int = PARAMETER_LIMIT) -> dict[str, Value]:
    """Read `a=1&b=2`. Only & separates; a name sent twice with different values is unreadable."""
    try:
        pairs = parse_qsl(
            text,
            keep_blank_values=True,
            max_num_fields=limit,
            encoding=charset,
            errors="surrogateescape",
        )
    except ValueError:
        raise TooLarge(f"a form may have {limit} parameters") from None
    return _without_contradictions(pairs)


def read_json(text: str) -> Value:
    """Read JSON; numbers stay texts. Raises UnreadableHook or TooLarge."""
    try:
        found: Value = _JSON.decode(text)
    except RecursionError:
        raise UnreadableHook("body", "is nested too deeply") from None
    except ValueError:
        raise UnreadableHook("body", "is not JSON") from None
    return found


_PAIR = re.compile(rb'"([a-z_]{1,32})"[ \t\r\n]{0,8}:[ \t\r\n]{0,8}"([^"\\\x00-\x1f]{0,512})"')


def salvage(body: bytes) -> dict[str, Value]:
    """Find the plain `"name": "text"` pairs of a JSON object that is broken elsewhere.

    A call must not hang on a quote inside somebody's display name.
    """
    found = _PAIR.findall(body)[:PARAMETER_LIMIT]
    return _without_contradictions(
        (name.decode(), value.decode(errors="surrogateescape")) for name, value in found
    )


def _kind_and_charset(content_type: str) -> tuple[str, str]:
    kind, *parameters = content_type.lower().split(";")
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "charset":
            # A foreign charset is read as ASCII: its other bytes spoil the fields they stand in.
            return kind.strip(), _CHARSETS.get(value.strip().strip("\"'"), "ascii")
    return kind.strip(), "utf-8"


def _without_contradictions(pairs: Iterable[tuple[str, Value]]) -> dict[str, Value]:
    fields: dict[str, Value] = {}
    for count, (name, value) in enumerate(pairs):
        if count >= BODY_LIMIT:
            raise TooLarge(f"a body may have {BODY_LIMIT} fields")
        if name in fields and fields[name] != value:
            fields[name] = Unreadable("is sent twice with different values")
        else:
            fields[name] = value
    return fields


def agreed(body: Mapping[str, Value], query: Mapping[str, Value]) -> dict[str, Value]:
    """Take the body's fields; one that the query gives otherwise is unreadable."""
    differs = Unreadable("differs between query and body")
    return {
        name: differs if name in query and query[name] != value else value
        for name, value in body.items()
    }


_JSON: Final = json.JSONDecoder(
    strict=False,  # a line feed inside a text spoils that text, not the event
    parse_int=str,  # digits as sent: 1700000000.10 is an id, and 5 000 digits no number
    parse_float=str,
    parse_constant=lambda _: Unreadable("is not a number"),
    object_pairs_hook=_without_contradictions,
)

_RFC_3339 = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ](?P<time>[0-9]{2}:[0-9]{2}):(?P<s>[0-9]{2})"
    r"(?:[.,](?P<part>[0-9]{1,9}))?(?P<zone>[Zz]|[+-][0-9]{2}:?[0-9]{2})?"
)


def read_time(text: str, zone: tzinfo) -> datetime:
    """Read RFC 3339; without a zone of its own it is in `zone`. Raises ValueError."""
    found = _RFC_3339.fullmatch(text)
    if not found or not "2000" <= text[:4] <= "2100":
        raise ValueError("not RFC 3339, or not of this century")
    seconds = min(found["s"], "59") if found["s"] <= "60" else found["s"]  # a leap second
    part = (found["part"] or "0")[:6].ljust(6, "0")
    own = (found["zone"] or "").upper()
    moment = datetime.fromisoformat(f"{found['day']}T{found['time']}:{seconds}.{part}{own}")
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def _only_text(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(c for c in text if unicodedata.category(c) not in _NO_TEXT)


@dataclass(slots=True)
class Fields:
    """Reads fields one by one; what is unreadable counts as absent and stands in `troubles`.

    An empty text is absent. `troubles` maps a field to what is wrong with it, in order of reading.
    """

    values: Mapping[str, Value]
    troubles: dict[str, str] = field(default_factory=dict)

    def only(self, names: Collection[str]) -> Fields:
        """The same, looking at these names alone; troubles are shared."""
        return Fields({n: v for n, v in self.values.items() if n in names}, self.troubles)

    def text(self, name: str, limit: int = 200) -> str | None:
        """An id or a word: no control characters, nothing that a database cannot store."""
        value = self._sent(name)
        if value is None:
            return None
        if len(value) > limit:
            self.trouble(name, f"is longer than {limit} characters")
        elif value != _only_text(value):
            self.trouble(name, "holds characters that are no text")
        else:
            return value
        return None

    def number(self, name: str, limit: int = 512) -> str | None:
        """A party's number as sent, whatever it is; empty means withheld, None means absent.

        Control characters and broken bytes are dropped, digits between them stay.
        """
        value = self._sent(name)
        if value is None:
            said_nothing = name in self.values and name not in self.troubles
            return "" if said_nothing else None
        if len(value) > limit:
            self.trouble(name, f"is longer than {limit} characters")
            return None
        return _only_text(value)

    def word(self, name: str, meanings: Mapping[str, T]) -> T | None:
        """One of the sender's words, translated into ours."""
        value = self._sent(name)
        if value is None:
            return None
        if value not in meanings:
            self.trouble(name, "is none of " + ", ".join(meanings))
        return meanings.get(value)

    def count(self, name: str, most: int) -> int | None:
        """A whole number from 0."""
        value = self._sent(name)
        if value is None:
            return None
        if not re.fullmatch(r"[0-9]{1,9}", value) or int(value) > most:
            self.trouble(name, f"is not a whole number up to {most}")
            return None
        return int(value)

    def seconds(self, name: str) -> float | None:
        value = self._sent(name)
        if value is None:
            return None
        if not re.fullmatch(r"[0-9]{1,7}(?:\.[0-9]{1,9})?", value):
            self.trouble(name, "is not a number of seconds")
            return None
        return float(value)

    def time(self, name: str, zone: tzinfo) -> datetime | None:
        value = self._sent(name)
        if value is None:
            return None
        try:
            return read_time(value, zone)
        except ValueError:
            self.trouble(name, "is not a time like 2026-03-12T14:05:00+03:00")
            return None

    def as_sent(self, name: str) -> str:
        """The text as it came, readable or not; empty where there is none."""
        value = self.values.get(name)
        return value.strip() if isinstance(value, str) else ""

    def trouble(self, name: str, why: str) -> None:
        """Remember what is wrong with a field; its first trouble stands."""
        self.troubles.setdefault(name, why)

    def _sent(self, name: str) -> str | None:
        match self.values.get(name):
            case None:
                return None
            case str(value):
                return value.strip() or None
            case Unreadable(why):
                self.trouble(name, why)
            case _:
                self.trouble(name, "is not a text or a number")
        return None
