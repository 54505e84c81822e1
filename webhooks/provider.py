"""What a provider is: pure functions over a raw hook, and the values that pass through them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Protocol

from callrouter.domain.decisions import Can, Decision
from callrouter.domain.events import CallEvent


@dataclass(frozen=True, slots=True)
class RawHook:
    """A request as it came: nothing decoded, nothing trusted.

    `url` is the public address with its query, as the sender signed it. `headers` keep repeats,
    names in lower case. `arrived` is wall clock (aware), `arrived_s` the monotonic clock, seconds.
    """

    account: str
    method: str
    url: str
    query: str  # raw, without the question mark
    headers: tuple[tuple[str, str], ...]
    body: bytes
    peer: str
    arrived: datetime
    arrived_s: float

    def header(self, name: str) -> str | None:
        """The first value of a header; names are matched in lower case."""
        name = name.lower()
        return next((value for key, value in self.headers if key == name), None)


@dataclass(frozen=True, slots=True)
class Answer:
    """Bytes for the wire. Stored with the event, so that a repeat gets the same ones.

    `decision` and `call` go into the log line only: its first word and our id of the call.
    """

    body: bytes
    content_type: str = "application/json"
    status: int = 200
    headers: tuple[tuple[str, str], ...] = field(default=())
    decision: str = field(default="", compare=False)
    call: str = field(default="", compare=False)


class HookError(Exception):
    """A hook that is not taken as it is; each kind has its status in `webhooks.errors`."""


class ForgedHook(HookError):
    """Trust failed. The text says what was wrong without any secret, body or phone."""


class UnreadableHook(HookError):
    """The body cannot be read. `field` names what, the text says what is allowed.

    `events`: what could be read all the same; an unreadable `ringing` is still answered.
    """

    def __init__(self, field_name: str, message: str, events: Sequence[CallEvent] = ()) -> None:
        super().__init__(message)
        self.field = field_name
        self.events = tuple(events)


class Provider(Protocol):
    """Pure: no I/O, no clock. It is made with the account's settings and opened secrets.

    `waits`: whether it ever keeps a caller and asks again.
    """

    waits: ClassVar[bool]

    def can(self, hook: RawHook) -> Can:
        """Say what it could do with an answer to this hook."""
        ...

    def greet(self, hook: RawHook) -> Answer | None:
        """Answer a handshake or a ping: before trust, no state."""
        ...

    def verify(self, hook: RawHook) -> None:
        """Raise ForgedHook unless the raw bytes are from whom they claim."""
        ...

    def parse(self, hook: RawHook) -> Sequence[CallEvent]:
        """Translate into our events. Raises UnreadableHook."""
        ...

    def answer(self, decision: Decision, hook: RawHook, *, step: int = 0) -> Answer:
        """Render a decision for this hook; `step` is the first step to tell."""
        ...

    def accept(self, hook: RawHook) -> Answer:
        """Render the acknowledgement of an event that wants no decision."""
        ...
