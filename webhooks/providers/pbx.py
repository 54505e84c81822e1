"""Any PBX that can send HTTP. Hooks: README.md of this folder, "The generic PBX"."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Final, Literal, get_args
from urllib.parse import quote
from zoneinfo import ZoneInfo

from callrouter.domain.decisions import Can, Decision
from callrouter.domain.events import OF_A_CALL, CallEvent, Direction, EventKind, Reason, Tried
from callrouter.domain.phones import is_dialable
from callrouter.domain.setup import Account
from webhooks.dialects.asterisk import as_asterisk
from webhooks.dialects.cutting import from_step, keep_dialable
from webhooks.dialects.document import as_json
from webhooks.dialects.freeswitch import as_freeswitch, in_our_words, is_not_ours
from webhooks.dialects.rtjson import as_rtjson
from webhooks.errors import TooLarge
from webhooks.payload import Fields, Value, agreed, read_body, read_form, read_json, salvage
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
from webhooks.signed import check_signature, is_signed, webhook_id

_WITHOUT_A_CALL: Final[frozenset[EventKind]] = frozenset({"device", "presence", "reset"})
_KINDS: Final[Mapping[str, EventKind]] = {kind: kind for kind in OF_A_CALL | _WITHOUT_A_CALL}

_ALWAYS: Final = frozenset(
    {"event_id", "call_id", "caller", "called", "direction", "leg_id", "target", "attempt", "at"}
)
_RECORDED: Final = frozenset({"recording_url", "recording_id", "kind"})
_ALSO: Final[Mapping[EventKind, frozenset[str]]] = {
    "ringing": frozenset({"diverted_from"}),
    "next": frozenset({"tried"}),
    "answered": frozenset({"by"}),
    "transferred": frozenset({"to_target", "kind", "other_call_id"}),
    "leg_failed": frozenset({"reason"}),
    "leg_ended": frozenset({"duration_s"}),
    "ended": frozenset({"reason", "duration_s"}) | _RECORDED,
    "recording": _RECORDED,
    "device": frozenset({"state"}),
    "presence": frozenset({"state"}),
}
"""What is read of an event besides; other fields are left alone, so they cannot spoil it."""

_MUST_BE_THERE: Final[Mapping[EventKind, tuple[str, ...]]] = {
    "ringing": ("caller", "called"),  # empty is fine: withheld
    "dialing": ("caller", "called"),
    "device": ("target", "state"),
    "presence": ("target", "state"),
}

_DIRECTIONS: Final[Mapping[str, Direction]] = {"in": "in", "out": "out", "internal": "internal"}
_BY: Final[Mapping[str, Literal["person", "machine"]]] = {"person": "person", "machine": "machine"}
_TRANSFERS: Final[Mapping[str, Literal["blind", "attended"]]] = {
    "blind": "blind",
    "attended": "attended",
}
_RECORDINGS: Final[Mapping[str, Literal["talk", "message"]]] = {
    "talk": "talk",
    "message": "message",
}
_STATES: Final[Mapping[EventKind, Mapping[str, str]]] = {
    "device": {state: state for state in ("available", "busy", "dnd", "offline")},
    "presence": {state: state for state in ("available", "pause", "off")},
}

_DIALECTS: Final = ("json", "asterisk", "rtjson", "freeswitch")
_KEY_LIMIT: Final = 255
_TRIED_LIMIT: Final = 100


@dataclass(frozen=True, slots=True)
class Pbx:
    """Sends a secret with each hook, as a Bearer token or as a Basic password, or signs it.

    It waits 2 s. Times without a zone are in the account's, else in UTC.
    """

    api_hosts: ClassVar[tuple[str, ...]] = ()
    per_minute: ClassVar[int | None] = None

    account: Account = field(repr=False)  # its secret may stand in it as written
    secrets: tuple[bytes, ...] = field(repr=False)  # two while one is being rotated

    @property
    def able(self) -> Can:
        return Can(wait=True)

    def can(self, hook: RawHook) -> Can:
        return replace(self.able, steps=1 if _one_step(hook) else None)

    def greet(self, hook: RawHook) -> Answer | None:
        """Nothing is kept of what FreeSWITCH asks and tells of calls that are not ours."""
        if _dialect(hook) != "freeswitch":
            return None
        try:
            return is_not_ours(read_body(hook.body, hook.header("content-type")))
        except HookError:
            return None

    def verify(self, hook: RawHook) -> None:
        """Whatever it brings must be right, the secret and the signature."""
        if not self.secrets:
            raise ForgedHook("the account has no secret")
        signed = is_signed(hook)
        if signed:
            check_signature(hook, self.secrets)
        if not signed or hook.header("authorization") is not None:
            self._check_secret(hook)

    def _check_secret(self, hook: RawHook) -> None:
        scheme, given = _given_secret(hook)
        # Every secret is compared, whichever fits.
        matches = [hmac.compare_digest(given, secret) for secret in self.secrets]
        if True not in matches:
            raise ForgedHook(f"wrong secret ({scheme})")

    def parse(self, hook: RawHook) -> Sequence[CallEvent]:
        """Read one event.

        What asks for a decision is always read: what is unreadable in it counts as absent. So
        does an unreadable `at` in any event, and everything in an event of unknown name.
        """
        broken = None
        signed = is_signed(hook)  # the body alone: neither header nor query may change it
        try:
            values = read_body(hook.body, None if signed else hook.header("content-type"))
        except UnreadableHook as trouble:
            values, broken = salvage(hook.body), trouble
        if not signed and _dialect(hook) == "freeswitch":
            values = dict(in_our_words(values))
        fields = Fields(values if signed else agreed(values, read_form(hook.query)))
        word = fields.text("event", limit=64)
        if word is None:
            raise broken or UnreadableHook("event", fields.troubles.get("event", "is obligatory"))
        event = self._event(word, fields, hook)
        if broken and not event.asks:
            raise broken
        if _dialect(hook) is None:
            fields.trouble("as", "is none of " + ", ".join(_DIALECTS))
        troubles = ({broken.field: str(broken)} if broken else {}) | fields.troubles
        if not troubles:
            return [event]
        stands = event.asks or event.kind == "unknown" or troubles.keys() <= {"at"}
        name, why = next(iter(troubles.items()))
        raise UnreadableHook(name, why, [event] if stands else ())

    def answer(self, decision: Decision, hook: RawHook, *, step: int = 0) -> Answer:
        decision = keep_dialable(from_step(decision, step, only=False), self._may_ring)
        decision = from_step(decision, 0, only=_one_step(hook))
        match _dialect(hook):
            case "asterisk":
                return as_asterisk(decision, self.account.spell)
            case "rtjson":
                return as_rtjson(decision, self.account.spell)
            case "freeswitch":
                return as_freeswitch(decision, self.account.spell)
            case _:
                return as_json(decision)

    def accept(self, hook: RawHook) -> Answer:  # noqa: ARG002  said alike in every dialect
        return Answer(b'{"ok": true}')

    def place_call(self, order: CallOrder) -> Request | None:
        """POST to the account's `call_url`; the call it makes has our id."""
        if not (self.account.call_url and self.secrets):
            return None
        said = {
            "call_id": order.id,
            "target": order.target,
            "number": order.number,
            "line": order.line,
        }
        headers = (
            ("Authorization", f"Bearer {self.secrets[0].decode()}"),
            ("Content-Type", "application/json"),
        )
        return Request("POST", self.account.call_url, headers, json.dumps(said).encode())

    def placed(self, response: Response) -> str | None:
        if not 200 <= response.status < 300:
            raise Refused(f"the PBX answered {response.status}")
        return None

    def find_recording(self, ref: str, url: str | None) -> Recording | None:  # noqa: ARG002
        """An event names the address; without one the PBX sends the audio itself."""
        return Recording((Request("GET", url),)) if url else None

    def found_recording(self, response: Response) -> Recording:  # noqa: ARG002  never asked
        raise Refused("this PBX is not asked for recordings")

    def trial(self, url: str, token: str) -> Trial | None:
        """An event of unknown name is kept, and does nothing."""
        if not self.secrets:
            return None
        said = {"event": "test", "event_id": f"test-{token}"}
        headers = (
            ("Authorization", f"Bearer {self.secrets[0].decode()}"),
            ("Content-Type", "application/json"),
        )
        return Trial(Request("POST", url, headers, json.dumps(said).encode()), b'{"ok": true}')

    def _event(self, word: str, fields: Fields, hook: RawHook) -> CallEvent:
        direction = fields.word("direction", _DIRECTIONS)
        kind = _KINDS.get(word, "unknown")
        if kind == "ringing" and direction in {"out", "internal"}:
            kind = "dialing"
        for name in _MUST_BE_THERE.get(kind, ()):
            if name not in fields.values:
                fields.trouble(name, f"is obligatory in {word}")
        fields = fields.only(_ALWAYS | _ALSO.get(kind, frozenset()))
        call_ref = fields.text("call_id")
        if kind in OF_A_CALL and call_ref is None:
            fields.trouble("call_id", f"is obligatory in {word}")
        own_id = fields.text("event_id")
        return CallEvent(
            account=hook.account,
            key=_key(own_id, word, fields, hook),
            own_key=own_id is not None or is_signed(hook),
            kind=kind,
            word=word if kind == "unknown" else "",
            received=hook.arrived,
            call_ref=call_ref,
            at=fields.time("at", ZoneInfo(self.account.time_zone or "UTC")),
            caller=fields.number("caller"),
            called=fields.number("called"),
            direction=direction,
            diverted_from=fields.number("diverted_from"),
            leg_ref=fields.text("leg_id"),
            target=fields.text("target", limit=300),
            attempt=fields.count("attempt", most=1000),
            tried=_tried(fields),
            by=fields.word("by", _BY) or "person",
            to_target=fields.text("to_target", limit=300),
            transfer=fields.word("kind", _TRANSFERS) if kind == "transferred" else None,
            other_call=fields.text("other_call_id"),
            reason=fields.text("reason"),
            state=fields.word("state", _STATES.get(kind, {})),
            duration_s=fields.seconds("duration_s"),
            recording_url=fields.text("recording_url", limit=2048),
            recording_id=fields.text("recording_id"),
            recording_kind=(fields.word("kind", _RECORDINGS) or "talk")
            if kind != "transferred"
            else "talk",
        )

    def _may_ring(self, dial: str) -> bool:
        return is_dialable(dial) and self.account.may_dial(dial)


def _given_secret(hook: RawHook) -> tuple[str, bytes]:
    """The scheme and the secret that came with it. Raises ForgedHook where there is none.

    Bytes, because comparing texts in constant time fails on what is not ASCII.
    """
    sent = {value for name, value in hook.headers if name == "authorization"}
    if len(sent) != 1:
        raise ForgedHook("several Authorization headers" if sent else "no Authorization header")
    scheme, _, credentials = sent.pop().strip().encode(errors="surrogatepass").partition(b" ")
    match scheme.lower():
        case b"bearer":
            return "Bearer", credentials.strip()
        case b"basic":
            return "Basic", _password(credentials.strip())
        case _:
            raise ForgedHook("Authorization is neither Bearer nor Basic")


def _password(credentials: bytes) -> bytes:
    try:
        _user, colon, password = base64.b64decode(credentials, validate=True).partition(b":")
    except binascii.Error:
        raise ForgedHook("Basic credentials are not base64") from None
    if not colon:
        raise ForgedHook("Basic credentials without a password")
    return password


def _key(own_id: str | None, word: str, fields: Fields, hook: RawHook) -> str:
    if own_id:
        return f"id:{own_id}"
    if is_signed(hook):
        return f"webhook:{webhook_id(hook)}"
    return _derived_key(word, fields, hook)


def _derived_key(word: str, fields: Fields, hook: RawHook) -> str:
    """Tell an event from others by what it says: the same hook sent again has the same key."""
    names = ("leg_id", "target", "attempt", "at")
    parts = [fields.as_sent("call_id"), word, *map(fields.as_sent, names)]
    if not fields.as_sent("call_id"):
        # Without a call the rest says too little: the PBX's second `reset` is not its first.
        parts.append(hashlib.sha256(hook.body).hexdigest()[:16])
        if not fields.as_sent("at"):
            parts.append(hook.arrived.isoformat())
    key = "of:" + "|".join(quote(part, safe=":+@/ ", errors="replace") for part in parts)
    if len(key) <= _KEY_LIMIT:
        return key
    return "of:" + hashlib.sha256(key.encode()).hexdigest()


_TRIED_WITH_REASON = re.compile(f"(.+):({'|'.join(get_args(Reason))})")


def _tried(fields: Fields) -> tuple[Tried, ...]:
    """A list, in a form `101:busy,sip:102@host:no_answer`; without a reason it failed."""
    sent = fields.values.get("tried") or []
    items = _listed(sent) if isinstance(sent, str) else sent
    found = [_one_tried(item) for item in items] if isinstance(items, list) else [None]
    if None in found:
        fields.trouble("tried", "is not a list of targets and reasons")
    return tuple(one for one in found if one)[:_TRIED_LIMIT]


def _listed(text: str) -> Value:
    if text.lstrip().startswith("["):
        try:
            return read_json(text)
        except HookError:
            return None
    parts = (part.strip() for part in text.split(","))
    pairs = ((_TRIED_WITH_REASON.fullmatch(part), part) for part in parts if part)
    return [
        {"target": found[1], "reason": found[2]} if found else {"target": part}
        for found, part in pairs
    ]


def _one_tried(item: Value) -> Tried | None:
    fields = Fields(item if isinstance(item, dict) else {})
    target, reason = fields.text("target", limit=300), fields.text("reason")
    return Tried(target, reason or "failed") if target and not fields.troubles else None


def _options(hook: RawHook) -> dict[str, Value]:
    try:
        return read_form(hook.query)
    except TooLarge:
        return {}


def _dialect(hook: RawHook) -> str | None:
    """Which dialect the answer has; None for one that we do not know."""
    asked = _options(hook).get("as") or "json"
    return next((dialect for dialect in _DIALECTS if dialect == asked), None)


def _one_step(hook: RawHook) -> bool:
    """Kamailio knows one way of routing per document, so it asks after each step."""
    return _options(hook).get("steps") == "one" or _dialect(hook) == "rtjson"
