"""What a provider is: pure functions, and the values that pass through them.

Inwards a raw hook becomes events, and a decision an answer; outwards, what we ask of its API.
"""

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


@dataclass(frozen=True, slots=True)
class CallOrder:
    """Click-to-call: ring the manager's phone, then the customer's number.

    `id`: ours, the call's `call_id` where the provider lets us choose it. `target`: the manager's
    bare dial; `number`, `line`: E.164. `hook_url`: the account's public webhook address.
    """

    id: str
    target: str
    number: str
    line: str
    hook_url: str


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be asked of a provider's API. Headers may hold credentials: never logged."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    headers: tuple[tuple[str, str], ...] = ()  # names in lower case
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Recording:
    """Where the audio is: GET requests, one per part, in order."""

    parts: tuple[Request, ...]


@dataclass(frozen=True, slots=True)
class Trial:
    """A hook as the provider would send it that changes nothing, and the body that answers it.

    It is read as an event of unknown name, with `test` in the name.
    """

    request: Request
    answer: bytes


class Refused(Exception):
    """The provider said no. The text is for people: no secret, no number in it.

    `again_after_s`: when to ask again; None: asking again changes nothing.
    """

    def __init__(self, message: str, again_after_s: float | None = None) -> None:
        super().__init__(message)
        self.again_after_s = again_after_s


class Provider(Protocol):
    """Pure: no I/O, no clock. It is made with the account's settings and opened secrets.

    `api_hosts`: where its API is, unless an account has a `base_url`. `per_minute`: how many
    requests that takes; None: no limit is known.
    """

    api_hosts: ClassVar[tuple[str, ...]]
    per_minute: ClassVar[int | None]

    @property
    def able(self) -> Can:
        """What it could do with an answer at best."""
        ...

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

    def place_call(self, order: CallOrder) -> Request | None:
        """The request that makes it call; None: this account cannot."""
        ...

    def placed(self, response: Response) -> str | None:
        """Its own id of the call it makes, where it tells one. Raises Refused."""
        ...

    def find_recording(self, ref: str, url: str | None) -> Request | Recording | None:
        """Where an event's recording is, or the request that asks for it; None: it keeps none."""
        ...

    def found_recording(self, response: Response) -> Recording:
        """Read the answer to that request. Raises Refused, with a time where it is not ready."""
        ...

    def trial(self, url: str, token: str) -> Trial | None:
        """A harmless hook to an address, `token` in it; None: without a secret there is none."""
        ...
