"""Zadarma's PBX, and Novofon 1.0, which differs by `base_url`: zadarma.md of this folder.

https://zadarma.com/en/support/api/, github.com/zadarma/openapi and github.com/zadarma/user-api-v1,
read in November 2026.

A signature covers who called whom and when, nothing else: neither `event` nor `pbx_call_id`, not
even where one field ends and the next begins. So an event is known by its name and what is signed,
whatever stands beside that, and all of them are hearsay (`CallEvent.hearsay`).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.parser import BytesHeaderParser
from ipaddress import IPv6Address, ip_address, ip_network
from typing import ClassVar, Final, assert_never
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from callrouter.domain.decisions import (
    Can,
    Connect,
    Decision,
    Message,
    NoOpinion,
    Reject,
    Target,
    Wait,
)
from callrouter.domain.events import BEGINS, CallEvent, Direction, EventKind, Reason
from callrouter.domain.phones import clean_text
from callrouter.domain.setup import Account
from webhooks.dialects.cutting import from_step
from webhooks.dialects.document import told
from webhooks.errors import TooLarge
from webhooks.payload import PARAMETER_LIMIT, Fields, Value, read_form, read_json, read_time
from webhooks.provider import (
    Answer,
    CallOrder,
    ForgedHook,
    HookError,
    RawHook,
    Recording,
    Refused,
    Request,
    Response,
    Trial,
    UnreadableHook,
)

_FROM_OUTSIDE: Final = ("caller_id", "called_did", "call_start")
_PICKED_UP: Final = ("caller_id", "destination", "call_start")
_TO_OUTSIDE: Final = ("internal", "destination", "call_start")
_RECORDED: Final = ("pbx_call_id", "call_id_with_rec")
_RESULT: Final = ("result",)

_SIGNED: Final[Mapping[str, tuple[str, ...]]] = {
    "NOTIFY_START": _FROM_OUTSIDE,
    "NOTIFY_IVR": _FROM_OUTSIDE,
    "NOTIFY_INTERNAL": _FROM_OUTSIDE,
    "NOTIFY_ANSWER": _PICKED_UP,
    "NOTIFY_END": _FROM_OUTSIDE,
    "NOTIFY_OUT_START": _TO_OUTSIDE,
    "NOTIFY_OUT_END": _TO_OUTSIDE,
    "NOTIFY_RECORD": _RECORDED,
    "SMS": _RESULT,
    "NUMBER_LOOKUP": _RESULT,
    "CALL_TRACKING": _RESULT,
}
"""What is signed of each event: these values, one behind the other."""

_ANY: Final = (_FROM_OUTSIDE, _PICKED_UP, _TO_OUTSIDE, _RECORDED, _RESULT)
"""What may be signed of an event that nobody has described."""

_KINDS: Final[Mapping[str, EventKind]] = {
    "NOTIFY_START": "ringing",
    "NOTIFY_INTERNAL": "leg_ringing",
    "NOTIFY_ANSWER": "answered",
    "NOTIFY_END": "ended",
    "NOTIFY_OUT_START": "dialing",
    "NOTIFY_OUT_END": "ended",
    "NOTIFY_RECORD": "recording",
}

_REASONS: Final[Mapping[str, Reason]] = {
    "answered": "completed",
    "busy": "busy",
    "cancel": "cancelled",
    "no answer": "no_answer",
    "failed": "failed",
    "call failed": "failed",
    "unallocated number": "unreachable",
    "no money": "failed",
    "no limit": "failed",
    "no day limit": "failed",
    "line limit": "failed",
    "no money, no limit": "failed",
}

_EXTENSION = re.compile(r"[0-9]{3}")

_CAN: Final = Can(
    targets=1,
    steps=1,
    parallel=False,
    outside_numbers=False,
    inside=_EXTENSION.pattern,
    ask_again=False,
    wait=False,
    message=False,
    record=False,
    then=False,
)
"""`redirect` takes an extension of three digits. Fewer name a scenario of the PBX: never told."""

_ECHO = re.compile(r"[A-Za-z0-9_-]{1,128}")
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")
_CALL_ID = re.compile(r"(?:in|out)_[0-9A-Za-z]{1,100}")
_RECORDING_ID = re.compile(r"[0-9A-Za-z._-]{1,100}")

_LEAST_RING_S: Final = 3
_STALE: Final = timedelta(days=2)
_LATE: Final = timedelta(minutes=15)
_EARLY: Final = timedelta(seconds=5)

_NOTHING: Final = "{}"
_API: Final = "https://api.zadarma.com"
_CALLBACK: Final = "/v1/request/callback/"
_RECORD: Final = "/v1/pbx/record/request/"
_AGAIN_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Zadarma:
    """Asks once, at the beginning of a call, and rings one extension of ours.

    Wherever nobody is to be rung by us, its own scenario goes on. Its secret is the API secret,
    `api_key` the key; times are in the account's zone, else in UTC.
    """

    api_hosts: ClassVar[tuple[str, ...]] = ("api.zadarma.com",)
    per_minute: ClassVar[int | None] = 100

    account: Account = field(repr=False)  # its secret may stand in it as written
    secrets: tuple[bytes, ...] = field(repr=False)  # two while one is being rotated

    @property
    def able(self) -> Can:
        return _CAN

    def can(self, hook: RawHook) -> Can:  # noqa: ARG002  always the same
        return self.able

    def greet(self, hook: RawHook) -> Answer | None:
        """Say `zd_echo` back, by whatever method; nothing that a browser could run."""
        asked = read_form(hook.query).get("zd_echo")
        if not isinstance(asked, str) or not _ECHO.fullmatch(asked):
            return None
        return Answer(
            asked.encode(), "text/plain", headers=(("X-Content-Type-Options", "nosniff"),)
        )

    def verify(self, hook: RawHook) -> None:
        self._check_peer(hook.peer)
        given = _given_signature(hook)
        if not self.secrets:
            raise ForgedHook("the account has no secret")
        try:
            values = _read(hook)
        except UnreadableHook:
            raise ForgedHook("a body that cannot be read holds nothing signed") from None
        # Everything that may be signed is compared with every secret, whichever fits.
        matches = [
            (names, hmac.compare_digest(given, sign(secret, _joined(values, names))))
            for names in _may_be_signed(values)
            for secret in self.secrets
        ]
        signed = next((names for names, fits in matches if fits), None)
        if signed is None:
            raise ForgedHook("wrong signature")
        self._check_form(values, signed, hook.arrived)

    def parse(self, hook: RawHook) -> Sequence[CallEvent]:
        """Read one event; a START is always read, so that the call gets its decision."""
        fields = Fields(_read(hook))
        word = fields.text("event", limit=64)
        if word is None:
            raise UnreadableHook("event", fields.troubles.get("event", "is obligatory"))
        event = self._event(word, fields, hook)
        if not fields.troubles:
            return [event]
        name, why = next(iter(fields.troubles.items()))
        stands = event.asks or event.kind == "unknown"
        raise UnreadableHook(name, why, [event] if stands else ())

    def answer(self, decision: Decision, hook: RawHook, *, step: int = 0) -> Answer:  # noqa: ARG002
        return told(decision, _said(from_step(decision, step, only=False)), "application/json")

    def accept(self, hook: RawHook) -> Answer:  # noqa: ARG002
        return Answer(_NOTHING.encode())

    def place_call(self, order: CallOrder) -> Request | None:
        """It rings the extension, then the number; which call that is shows in NOTIFY_OUT_START."""
        if not _EXTENSION.fullmatch(order.target):
            return None
        return self._ask(_CALLBACK, {"from": order.target, "to": order.number.removeprefix("+")})

    def placed(self, response: Response) -> str | None:
        """It tells no id of the call."""
        _checked(response)
        return None

    def find_recording(self, ref: str, url: str | None) -> Request | None:  # noqa: ARG002
        """Asks for a link; that is there from 40 s after the call's end on."""
        return self._ask(_RECORD, {"call_id": ref}) if _RECORDING_ID.fullmatch(ref) else None

    def found_recording(self, response: Response) -> Recording:
        said = _checked(response)
        found = said.get("links") or said.get("link")
        links = found if isinstance(found, list) else [found] if found else []
        if not links:
            raise Refused("the recording is not ready yet", again_after_s=_AGAIN_S)
        if not all(isinstance(link, str) and link.startswith("https://") for link in links):
            raise Refused("Zadarma's link to the recording cannot be read")
        return Recording(tuple(Request("GET", str(link)) for link in links))

    def trial(self, url: str, token: str) -> Trial | None:
        """An event that nobody knows; it is kept, and does nothing."""
        if not self.secrets:
            return None
        body = urlencode({"event": "CALLROUTER_TEST", "result": token}).encode()
        headers = (
            ("Signature", sign(self.secrets[0], token.encode()).decode()),
            ("Content-Type", "application/x-www-form-urlencoded"),
        )
        return Trial(Request("POST", url, headers, body), _NOTHING.encode())

    # What is let in

    def _check_peer(self, peer: str) -> None:
        if not self.account.networks:
            return
        try:
            address = ip_address(peer)
        except ValueError:
            raise ForgedHook("its address is unknown, and networks are set") from None
        if isinstance(address, IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        if not any(address in ip_network(one) for one in self.account.networks):
            raise ForgedHook("its address is in none of the account's networks")

    def _check_form(
        self, values: Mapping[str, Value], signed: tuple[str, ...], arrived: datetime
    ) -> None:
        """What is signed is one text: only its fixed ends tell that it is an event of this kind."""
        if signed == _RECORDED and not _CALL_ID.fullmatch(str(values.get("pbx_call_id") or "")):
            raise ForgedHook("its pbx_call_id is none")
        if "call_start" not in signed:
            return
        text = str(values.get("call_start") or "")
        try:
            began = read_time(text, self._zone) if _MOMENT.fullmatch(text) else None
        except ValueError:
            began = None
        if began is None:
            raise ForgedHook("its call_start is no moment")
        if abs(arrived - began) > _STALE:
            raise ForgedHook("its call began days ago: a replay, or a wrong clock")

    # What it tells

    def _event(self, word: str, fields: Fields, hook: RawHook) -> CallEvent:
        kind = _KINDS.get(word, "unknown")
        out = word.startswith("NOTIFY_OUT_")
        target = _target_of(word, fields)
        if word == "NOTIFY_ANSWER" and target is None:
            fields.trouble("destination", "is obligatory in NOTIFY_ANSWER")
        call_ref = fields.text("pbx_call_id") if kind != "unknown" else None
        if kind != "unknown" and call_ref is None:
            fields.trouble("pbx_call_id", f"is obligatory in {word}")
        disposition = fields.text("disposition") if kind == "ended" else None
        direction: Direction | None = "out" if out else None
        return CallEvent(
            account=hook.account,
            key=_key(word, hook, target if kind == "leg_ringing" else None),
            own_key=True,
            kind=kind,
            word=word if kind == "unknown" else "",
            received=hook.arrived,
            call_ref=call_ref,
            at=self._began(fields, hook.arrived) if kind in BEGINS else None,
            caller=_caller_of(word, fields),
            called=_called_of(word, fields),
            direction=direction,
            target=target,
            reason=_REASONS.get(disposition, "failed") if disposition else None,
            duration_s=fields.seconds("duration") if out and disposition == "answered" else None,
            recording_id=fields.text("call_id_with_rec") if kind == "recording" else None,
            hearsay=kind != "recording",
        )

    def _began(self, fields: Fields, arrived: datetime) -> datetime | None:
        """When the call began; a moment that is far from now says that the zone is another one."""
        began = fields.time("call_start", self._zone)
        if began is None or not -_EARLY <= arrived - began < _LATE:
            return None
        return min(began, arrived).astimezone(UTC)

    @property
    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self.account.time_zone or "UTC")

    # What is asked of it

    def _ask(self, path: str, parameters: Mapping[str, str]) -> Request | None:
        if not (self.account.api_key and self.secrets):
            return None
        query = urlencode(sorted({**parameters, "format": "json"}.items())).replace("~", "%7E")
        digest = hashlib.md5(query.encode(), usedforsecurity=False).hexdigest()
        signature = sign(self.secrets[0], f"{path}{query}{digest}".encode()).decode()
        base = (self.account.base_url or _API).rstrip("/")
        headers = (("Authorization", f"{self.account.api_key}:{signature}"),)
        return Request("GET", f"{base}{path}?{query}", headers)


def sign(secret: bytes, data: bytes) -> bytes:
    """As PHP does it by default: base64 of the digest in lower-case hex, not of its bytes."""
    return base64.b64encode(hmac.new(secret, data, hashlib.sha1).hexdigest().encode())


def _given_signature(hook: RawHook) -> bytes:
    """Bytes, because comparing texts in constant time fails on what is not ASCII."""
    sent = {value for name, value in hook.headers if name == "signature"}
    if len(sent) != 1:
        raise ForgedHook("several Signature headers" if sent else "no Signature header")
    given = sent.pop()
    if not given:
        raise ForgedHook("an empty Signature header")
    return given.encode(errors="surrogatepass")


def _may_be_signed(values: Mapping[str, Value]) -> Sequence[tuple[str, ...]]:
    word = values.get("event")
    known = _SIGNED.get(word) if isinstance(word, str) else None
    return (known,) if known else _ANY


def _joined(values: Mapping[str, Value], names: Sequence[str]) -> bytes:
    """The values as sent, one behind the other; what is not there is empty."""
    parts = [values.get(name) or "" for name in names]
    if not all(isinstance(part, str) for part in parts):
        raise ForgedHook("a signed field is sent twice")
    return "".join(map(str, parts)).encode(errors="surrogateescape")


def _key(word: str, hook: RawHook, target: str | None) -> str:
    """Tell an event from others by its name and signature; one of a phone that rings by that, too.

    Its signature stands for all that is signed, as one text: shifted between fields it is the same.
    Names that nobody has described count as one, or one signature would make any number of events.
    """
    name = word if word in _SIGNED else "?"
    told_apart = "\0".join([name, hook.header("signature") or "", target or ""])
    return "signed:" + hashlib.sha256(told_apart.encode(errors="surrogatepass")).hexdigest()


# Its numbers


def _caller_of(word: str, fields: Fields) -> str | None:
    match _SIGNED.get(word):
        case names if names in (_FROM_OUTSIDE, _PICKED_UP):
            return _number(fields.number("caller_id")) or ""
        case names if names == _TO_OUTSIDE:
            return fields.text("internal")
        case _:
            return None


def _called_of(word: str, fields: Fields) -> str | None:
    match _SIGNED.get(word):
        case names if names == _FROM_OUTSIDE:
            sent = fields.number("called_did")
        case names if names == _TO_OUTSIDE:
            sent = fields.number("destination")
        case _:
            return None
    return _number(sent) or sent


def _target_of(word: str, fields: Fields) -> str | None:
    """Whose phone it speaks of; only that of an ANSWER and of a call out is signed."""
    match word:
        case "NOTIFY_ANSWER":
            sent = fields.text("destination", limit=300)
            return _number(sent) or sent
        case "NOTIFY_INTERNAL" | "NOTIFY_OUT_START":
            sent = fields.text("internal", limit=300)
            return sent if sent and _EXTENSION.fullmatch(sent) else None
        case _:
            return None


def _number(sent: str | None) -> str | None:
    """Full numbers come with their country's code and mostly without plus. None: withheld."""
    found = re.fullmatch(r"\+?([0-9]{1,32})", (sent or "").strip())
    digits = found[1] if found else ""
    if not digits.strip("0"):
        return None
    return f"+{digits}" if 8 <= len(digits) <= 15 and digits[0] != "0" else digits


# Its answers


def _said(decision: Decision) -> str:
    match decision:
        case Connect(steps=steps):
            target = _first_target(steps[0].targets) if steps else None
            if target is None:
                return _NOTHING
            said: dict[str, object] = {"redirect": target.dial}
            said["return_timeout"] = max(_LEAST_RING_S, steps[0].ring_s)
            if name := clean_text(decision.caller_name):
                said["caller_name"] = name
            return json.dumps(said, ensure_ascii=False)
        case Reject(reason="blocked"):
            return json.dumps({"redirect": "blacklist"})
        case Reject():
            return json.dumps({"hangup": 1})
        case Wait() | Message() | NoOpinion():
            return _NOTHING
        case _:
            assert_never(decision)


def _first_target(targets: Sequence[Target]) -> Target | None:
    return next((one for one in targets if _EXTENSION.fullmatch(one.dial)), None)


# Its bodies


def _read(hook: RawHook) -> dict[str, Value]:
    """A form or its multipart twin, in UTF-8; which of them shows in the body itself."""
    if hook.body.lstrip().startswith(b"--"):
        return _read_multipart(hook.body.lstrip())
    text = hook.body.decode(errors="surrogateescape")
    # Who writes a space as %20 means a plus by a plus.
    return read_form(text.replace("+", "%2B") if "%20" in text else text)


def _read_multipart(body: bytes) -> dict[str, Value]:
    """Fields of multipart/form-data. The boundary is what the body begins with, whatever is said.

    Files are passed over. Raises UnreadableHook or TooLarge.
    """
    boundary = body.splitlines()[0].rstrip()
    if not 3 <= len(boundary) <= 200:
        raise UnreadableHook("body", "has no boundary that can be read")
    parts = re.split(rb"(?:\A|\r?\n)" + re.escape(boundary) + rb"(?:--)?[ \t]*(?:\r?\n|\Z)", body)
    if len(parts) > PARAMETER_LIMIT:
        raise TooLarge(f"a form may have {PARAMETER_LIMIT} parameters")
    fields: dict[str, Value] = {}
    for name, value in _pairs(parts):
        if fields.setdefault(name, value) != value:
            raise UnreadableHook(name[:64], "is sent twice with different values")
    return fields


def _pairs(parts: Sequence[bytes]) -> Iterator[tuple[str, str]]:
    for part in parts:
        head, empty, value = _divide(part)
        headers = BytesHeaderParser().parsebytes(head)
        name = headers.get_param("name", header="content-disposition")
        if empty and isinstance(name, str) and headers.get_filename() is None:
            yield name, value.decode(errors="surrogateescape")


def _divide(part: bytes) -> tuple[bytes, bytes, bytes]:
    found = re.search(rb"\r?\n\r?\n", part)
    if found is None:
        return part, b"", b""
    return part[: found.start()], found[0], part[found.end() :]


# Its API's answers


def _checked(response: Response) -> Mapping[str, Value]:
    """What it said, if it said yes. Raises Refused."""
    if response.status == 429:
        raise Refused("Zadarma was asked too often", again_after_s=_rest(response))
    if response.status in (401, 403):
        raise Refused("Zadarma does not take the key or its signature")
    if response.status >= 500:
        raise Refused(f"Zadarma answered {response.status}", again_after_s=_AGAIN_S)
    try:
        said = read_json(response.body.decode(errors="replace"))
    except HookError:
        said = None
    if not isinstance(said, dict):
        raise Refused(f"Zadarma answered {response.status}, and nothing that can be read")
    if response.status != 200 or said.get("status") != "success":
        raise Refused(f"Zadarma refused it ({response.status})")
    return said


def _rest(response: Response) -> float:
    """How long to leave it alone: what it says, within reason."""
    headers = dict(response.headers)
    sent = headers.get("retry-after", "")
    return min(float(sent), 3600.0) if re.fullmatch(r"[0-9]{1,6}", sent) else _AGAIN_S
