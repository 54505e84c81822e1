"""Twilio Programmable Voice: https://www.twilio.com/docs/voice, as of August 2026; twilio.md.

Twilio asks with a signed form and does what a TwiML document says. A step is one `<Dial>`; when it
is over, Twilio asks at the address that stands in it. What such an address says is signed too.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, ClassVar, Final, assert_never
from urllib.parse import unquote_to_bytes, urlencode, urlsplit
from xml.etree import ElementTree as ET

from callrouter.domain.decisions import (
    Can,
    Connect,
    Decision,
    LastResort,
    Message,
    NoOpinion,
    PlanStep,
    Reject,
    Target,
    Wait,
)
from callrouter.domain.events import CallEvent, Direction, EventKind
from callrouter.domain.phones import is_dialable, is_outside, read_caller
from callrouter.domain.setup import Account
from webhooks.dialects.cutting import from_step, keep_dialable
from webhooks.dialects.document import told
from webhooks.errors import TooLarge
from webhooks.payload import Fields, read_form
from webhooks.provider import (
    Answer,
    CallOrder,
    ForgedHook,
    RawHook,
    Recording,
    Refused,
    Request,
    Response,
    Trial,
    UnreadableHook,
)

_API: Final = "https://api.twilio.com"
_API_HOST: Final = re.compile(r"api(?:\.[a-z0-9-]{1,32}){0,2}\.twilio\.com")
_SID: Final = re.compile(r"[A-Z]{2}[0-9a-f]{32}")
_E164: Final = re.compile(r"\+[1-9][0-9]{6,14}")
_ADDRESSES: Final = ("client:", "sip:", "sips:")
_AN_ADDRESS: Final = "(?:client|sips?):.+"
_ADDRESS: Final = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[^\]/?#]*\]|[^:/?#\[\]]*)(?P<port>:[0-9]*)?(?P<rest>.*)",
    re.DOTALL,
)
_BODY_DIGEST: Final = re.compile(r"[?&]bodySHA256=([0-9a-f]{64})(?:&|$)")
_HASHES: Final[Mapping[str, str]] = {"HMAC_SHA1": "sha1", "HMAC_SHA256": "sha256"}
_DEFAULT_PORTS: Final[Mapping[str, str]] = {"http": ":80", "https": ":443"}

_RINGS: Final = frozenset({"queued", "initiated", "ringing"})
_TALKS: Final = frozenset({"in-progress", "answered"})
_FAILURES: Final[Mapping[str, str]] = {
    "busy": "busy",
    "no-answer": "no_answer",
    "failed": "failed",
    "canceled": "cancelled",
}
_OVER: Final = frozenset({"completed", *_FAILURES})
_WHY_OVER: Final[Mapping[str, str]] = {
    "completed": "completed",
    "busy": "busy",
    "no-answer": "caller_hung_up",
    "failed": "failed",
    "canceled": "caller_hung_up",
}
_STATUSES: Final = frozenset({*_RINGS, *_TALKS, *_OVER})
_BY_SIP_CODE: Final[Mapping[str, str]] = {
    "404": "offline",
    "480": "offline",
    "408": "unreachable",
    "503": "unreachable",
    "486": "busy",
    "603": "rejected",
}

_LEG: Final = ":leg"  # of a hook with two events: the key of the one that is about a phone
_REST_S: Final[Mapping[int, float]] = {429: 5.0}
_RING_LIMITS_S: Final = (5, 600)
_ATTEMPTS: Final = 9999
_SAID_LIMIT: Final = 4000  # characters that one <Say> may have
_PLAYABLE: Final = re.compile(r"https?://[A-Za-z0-9_.:/@%+~?=-]{1,256}")
_PRESS_A_KEY: Final = (
    ("ru-RU", "Звонок клиента. Чтобы ответить, нажмите любую клавишу."),
    ("en-US", "A customer is calling. Press any key to answer."),
)


@dataclass(frozen=True, slots=True)
class Twilio:
    """Signs what it sends with the account's auth token, or with a SharedKey; waits 15 s.

    The account's `api_key` is the Account SID; its first secret, the auth token, is also the
    password of the API.
    """

    api_hosts: ClassVar[tuple[str, ...]] = ("api.twilio.com",)
    per_minute: ClassVar[int | None] = 60  # calls begun: one a second, more are queued there

    account: Account = field(repr=False)  # its secret may stand in it as written
    secrets: tuple[bytes, ...] = field(repr=False)  # two while one is being rotated

    @property
    def able(self) -> Can:
        """Inside dials are phones for it only where `dial_inside` makes addresses of them."""
        spells = self._spell("101") is not None
        return Can(steps=1, targets=10, wait=True, inside=None if spells else _AN_ADDRESS)

    def can(self, hook: RawHook) -> Can:  # noqa: ARG002  the same whatever it asks
        return self.able

    def greet(self, hook: RawHook) -> Answer | None:  # noqa: ARG002  this provider has no handshake
        return None

    def verify(self, hook: RawHook) -> None:
        """Check the signature over address and parameters.

        The address is the public one; it counts with and without its port, as Twilio signs either.
        """
        given = {value for name, value in hook.headers if name == "x-twilio-signature"}
        if len(given) != 1:
            raise ForgedHook("several signatures" if given else "no X-Twilio-Signature")
        named = _algorithm(hook)
        if named not in _HASHES:
            raise ForgedHook("the signature's algorithm is none of " + ", ".join(_HASHES))
        if not self.secrets:
            raise ForgedHook("the account has no secret")
        digest = _BODY_DIGEST.search(hook.url)
        if digest and digest[1] != hashlib.sha256(hook.body).hexdigest():
            raise ForgedHook("the body is not the one whose digest is signed")
        signature = given.pop().encode(errors="surrogatepass")
        signed = _signed(hook)
        # Every secret is compared with every spelling, whichever fits.
        matches = [
            hmac.compare_digest(signature, _sign(secret, url, signed, _HASHES[named]))
            for secret in self.secrets
            for url in _spellings(hook.url)
        ]
        if True not in matches:
            raise ForgedHook("wrong signature: another auth token, or another public address")

    def parse(self, hook: RawHook) -> Sequence[CallEvent]:
        """Read what one hook says: mostly one event, and when a `<Dial>` is over several.

        What asks for a decision is always read: what is unreadable in it counts as absent.
        """
        if hook.body.lstrip()[:1] in (b"{", b"["):
            raise UnreadableHook("body", "is not a form")
        fields = Fields(read_form(hook.body.decode(errors="surrogateescape")))
        heard = _Heard(hook, fields, _Address.of_hook(hook), self._bare)
        events = list(heard.events())
        if not fields.troubles:
            return events
        name, why = next(iter(fields.troubles.items()))
        raise UnreadableHook(name, why, [event for event in events if event.asks])

    def answer(self, decision: Decision, hook: RawHook, *, step: int = 0) -> Answer:
        decision = from_step(decision, step, only=True)
        kept = keep_dialable(decision, self._may_ring)
        match kept:
            case Connect(steps=(first, *_)):
                verbs = [self._dial_step(kept, first, hook)]
            case Connect() if isinstance(decision, Connect) and decision.steps:
                # Nobody of this step has a phone that Twilio could ring: on up the ladder.
                verbs = [_text("Redirect", _next(hook, "wait"))]
            case Connect(then=then):
                verbs = self._dial_last(then, kept, hook)
            case Wait():
                # Not picked up yet: the caller goes on hearing that it rings.
                pause = ET.Element("Pause", length=str(kept.wait_s))
                verbs = [pause, _text("Redirect", _next(hook, "wait"))]
            case Message():
                verbs = _message(kept, hook)
            case Reject(reason=reason):
                verbs = [ET.Element("Reject", reason="rejected" if reason == "blocked" else "busy")]
            case NoOpinion():
                verbs = []
            case _:
                assert_never(kept)
        if verbs:
            return told(decision, _document(*verbs), "text/xml")
        # Twilio has no default of its own: a failure makes it use the number's fallback URL.
        busy = _document(ET.Element("Reject", reason="busy"))
        return replace(told(NoOpinion(), busy, "text/xml"), status=404)

    def accept(self, hook: RawHook) -> Answer:
        back = _Address.of_hook(hook)
        match back.of:
            case "confirm":
                verbs = _ask_for_a_key(back, hook)
            case "pressed":
                verbs = [] if _form(hook).text("Digits") else [ET.Element("Hangup")]
            case "order":
                verbs = [self._dial_customer(back, hook)]
            case "dial" | "last" | "ordered" | "recorded":
                verbs = [ET.Element("Hangup")]
            case _:
                verbs = []
        return Answer(_document(*verbs).encode(), "text/xml")

    # What we ask of its API

    def place_call(self, order: CallOrder) -> Request | None:
        """Ring the manager; once he picks up, Twilio asks at `Url` and is told to dial."""
        to = self._spell(order.target) if self._may_ring(order.target) else None
        if not (self.account.api_key and self.secrets and to and self._may_call(order.number)):
            return None
        whom = {"target": order.target, "number": order.number, "line": order.line, "id": order.id}
        said = [
            ("To", to),
            ("From", order.line),
            ("Url", _address(order.hook_url, "order", **whom)),
            ("StatusCallback", _address(order.hook_url, "ordering", **whom)),
            ("StatusCallbackEvent", "initiated"),
            ("StatusCallbackEvent", "completed"),
            ("Timeout", "30"),
        ]
        headers = (*self._credentials(), ("Content-Type", "application/x-www-form-urlencoded"))
        url = f"{self._api}/2010-04-01/Accounts/{self.account.api_key}/Calls.json"
        return Request("POST", url, headers, urlencode(said).encode())

    def placed(self, response: Response) -> str | None:
        """The call's SID. Of a refusal only the code is told: its text may hold a number."""
        said = _json_object(response.body)
        if 200 <= response.status < 300:
            sid = said.get("sid")
            return sid if isinstance(sid, str) and _SID.fullmatch(sid) else None
        code = said.get("code")
        why = f", error {code}" if isinstance(code, int) else ""
        raise Refused(f"Twilio answered {response.status}{why}", _REST_S.get(response.status))

    def find_recording(self, ref: str, url: str | None) -> Recording | None:
        """The audio as WAV. Credentials go to Twilio's own hosts only."""
        if not url or not self._is_api(url):
            if not (_SID.fullmatch(ref) and self.account.api_key):
                return None
            url = f"{self._api}/2010-04-01/Accounts/{self.account.api_key}/Recordings/{ref}"
        return Recording((Request("GET", f"{url}.wav", self._credentials()),))

    def found_recording(self, response: Response) -> Recording:  # noqa: ARG002  never asked
        raise Refused("Twilio is not asked where a recording is")

    def trial(self, url: str, token: str) -> Trial | None:
        """A status of nothing, signed as Twilio signs."""
        if not self.secrets:
            return None
        body = urlencode({"CallbackSource": "test", "Token": token}).encode()
        headers = (
            ("X-Twilio-Signature", _sign(self.secrets[0], url, _parameters(body), "sha1").decode()),
            ("Content-Type", "application/x-www-form-urlencoded"),
        )
        return Trial(Request("POST", url, headers, body), _document().encode())

    # Whom Twilio may ring, and how it spells a phone

    def _may_ring(self, dial: str) -> bool:
        return is_dialable(dial) and self.account.may_dial(dial) and self._noun(dial) is not None

    def _may_call(self, number: str) -> bool:
        return bool(_E164.fullmatch(number)) and self.account.may_dial(number)

    def _spell(self, dial: str) -> str | None:
        """An address of Twilio's: +number, client:name or sip:user@host; None: no phone for it."""
        spelt = dial if dial.startswith(_ADDRESSES) else self.account.spell(dial)
        known = _E164.fullmatch(spelt) or spelt.startswith(_ADDRESSES)
        return spelt if known and is_dialable(spelt.partition(";")[0]) else None

    def _noun(self, dial: str) -> ET.Element | None:
        spelt = self._spell(dial)
        if spelt is None:
            return None
        if spelt.startswith("client:"):
            return _text("Client", spelt.removeprefix("client:"))
        return _text("Number" if is_outside(spelt) else "Sip", spelt)

    def _bare(self, address: str) -> str:
        """The inside dial that this account spells so; else the address as it is."""
        before, _, after = self.account.dial_inside.partition("{dial}")
        dial = address.removeprefix(before).removesuffix(after)
        return dial if is_dialable(dial) and self._spell(dial) == address else address

    # Documents

    def _dial_step(self, plan: Connect, step: PlanStep, hook: RawHook) -> ET.Element:
        legs = [target.leg for target in step.targets]
        confirm = any(target.confirm for target in step.targets)
        over = _next(hook, "dial", legs=",".join(legs), confirm=int(confirm))
        dial = self._dial(over, step.ring_s, plan, hook, legs[0] if len(legs) == 1 else "")
        for target in step.targets:
            dial.append(self._ring(target, step, hook))
        return dial

    def _dial_last(self, then: LastResort, plan: Connect, hook: RawHook) -> list[ET.Element]:
        noun = self._noun(then.dial)
        if noun is None:
            return []
        dial = self._dial(_back(hook, "last", legs=then.leg), then.ring_s, plan, hook, then.leg)
        dial.append(_watched(noun, _of_a_leg(hook, then.leg)))
        return [dial]

    def _dial(self, action: str, ring_s: int, plan: Connect, hook: RawHook, leg: str) -> ET.Element:
        """`<Dial>` without whom; the caller hears ringing until somebody picks up."""
        shortest, longest = _RING_LIMITS_S
        dial = ET.Element("Dial", action=action, answerOnBridge="true")
        dial.set("timeout", str(min(max(ring_s, shortest), longest)))
        if caller_id := _caller_id(hook):
            dial.set("callerId", caller_id)
        if plan.record:
            dial.set("record", "record-from-answer-dual")
            _recorded(dial, _back(hook, "recording", call=_call_of(hook), leg=leg, kind="talk"))
        return dial

    def _ring(self, target: Target, step: PlanStep, hook: RawHook) -> ET.Element:
        noun = self._noun(target.dial)
        if noun is None:
            raise ValueError("a dial that no noun can say")
        said: dict[str, object] = {}
        if len(step.targets) > 1:
            said["ring"] = step.ring_s
        if target.confirm:
            noun.set("url", _back(hook, "confirm", call=_call_of(hook), leg=target.leg))
            said["confirm"] = 1
        return _watched(noun, _of_a_leg(hook, target.leg, **said))

    def _dial_customer(self, back: _Address, hook: RawHook) -> ET.Element:
        """Second half of a click-to-call. The address is signed; its number is checked again."""
        if not self._may_call(back.number) or (number := self._noun(back.number)) is None:
            return ET.Element("Hangup")
        whom = {"target": back.target, "number": back.number, "line": back.line}
        dial = ET.Element("Dial", action=_back(hook, "ordered", **whom), timeout="60")
        if _E164.fullmatch(back.line):
            dial.set("callerId", back.line)
        dial.append(_watched(number, _back(hook, "other", call=_call_of(hook), **whom)))
        return dial

    # Its API

    @property
    def _api(self) -> str:
        return (self.account.base_url or _API).rstrip("/")

    def _credentials(self) -> tuple[tuple[str, str], ...]:
        if not (self.account.api_key and self.secrets):
            return ()
        pair = self.account.api_key.encode() + b":" + self.secrets[0]
        return (("Authorization", f"Basic {base64.b64encode(pair).decode()}"),)

    def _is_api(self, url: str) -> bool:
        try:
            found, ours = urlsplit(url), urlsplit(self._api)
            if found.username is not None or found.query or found.fragment:
                return False
            if (found.scheme, found.netloc) == (ours.scheme, ours.netloc):
                return True
            plain = found.scheme == "https" and found.port in (None, 443)
            return plain and bool(_API_HOST.fullmatch(found.hostname or ""))
        except ValueError:
            return False


# Trust


def _algorithm(hook: RawHook) -> str:
    """Which hash a SharedKey's signature has; without a word of it, that of the auth token."""
    settings = hook.header("x-twilio-webhooks-signature-settings") or ""
    for part in settings.split(","):
        name, _, value = part.partition("=")
        if name.strip() == "algorithm" and value.strip():
            return value.strip().upper()
    return "HMAC_SHA1"


def _spellings(url: str) -> tuple[str, ...]:
    """The address as it is, and without its port or with the default one."""
    found = _ADDRESS.fullmatch(url)
    if not found:
        return (url,)
    scheme, host, port, rest = found["scheme"], found["host"], found["port"], found["rest"]
    other_port = "" if port else _DEFAULT_PORTS[scheme]
    return (url, f"{scheme}://{host}{other_port}{rest}")


def _signed(hook: RawHook) -> bytes:
    """What Twilio signs behind the address: each parameter's name and value, sorted, once.

    An address that holds a digest of the body stands for it; it is for a body that is no form.
    """
    return b"" if _BODY_DIGEST.search(hook.url) else _parameters(hook.body)


def _parameters(body: bytes) -> bytes:
    pairs = set()
    for part in body.split(b"&"):
        if part:
            name, _, value = part.replace(b"+", b" ").partition(b"=")
            pairs.add((unquote_to_bytes(name), unquote_to_bytes(value)))
    return b"".join(name + value for name, value in sorted(pairs))


def _sign(secret: bytes, url: str, parameters: bytes, algorithm: str) -> bytes:
    signed = url.encode(errors="surrogatepass") + parameters
    return base64.b64encode(hmac.digest(secret, signed, algorithm))


# What stands in the addresses that we give Twilio


@dataclass(frozen=True, slots=True)
class _Address:
    """Why Twilio comes to this address. `of` empty: one that a person typed there.

    `attempt`: which asking this is, 0 for the first; `asked`: when the step was told; `ring`: how
    long it rings, where several phones ring at once.
    """

    of: str = ""
    call: str | None = None
    legs: tuple[str, ...] = ()
    attempt: int = 0
    asked: datetime | None = None
    ring: int = 0
    confirm: bool = False
    kind: str = "talk"
    target: str = ""
    number: str = ""
    line: str = ""

    @classmethod
    def of_hook(cls, hook: RawHook) -> _Address:
        try:
            said = Fields(read_form(hook.query))
        except TooLarge:
            return cls()
        asked = said.text("asked") or ""
        call = said.text("call") or ""
        legs = said.text("legs") or said.text("leg") or ""
        return cls(
            of=said.text("of") or "",
            call=call if _SID.fullmatch(call) else None,
            legs=tuple(leg for leg in legs.split(",") if leg.isalnum()),
            attempt=said.count("next", most=_ATTEMPTS) or 0,
            asked=datetime.fromtimestamp(int(asked) / 1000, UTC)
            if re.fullmatch(r"[0-9]{13}", asked)
            else None,
            ring=said.count("ring", most=_RING_LIMITS_S[1]) or 0,
            confirm=said.text("confirm") == "1",
            kind=said.text("kind") or "talk",
            target=said.text("target", limit=300) or "",
            number=said.text("number") or "",
            line=said.text("line") or "",
        )


def _address(base_url: str, of: str, **said: object) -> str:
    told = {name: value for name, value in said.items() if value not in ("", None)}
    return f"{base_url}?{urlencode({'of': of, **told})}"


def _back(hook: RawHook, of: str, **said: object) -> str:
    return _address(hook.url.partition("?")[0], of, **said)


def _next(hook: RawHook, of: str, **said: object) -> str:
    """Where Twilio asks next: the count stands in the address, not in anybody's memory."""
    return _back(hook, of, next=_Address.of_hook(hook).attempt + 1, **said)


def _of_a_leg(hook: RawHook, leg: str, **said: object) -> str:
    asked = round(hook.arrived.timestamp() * 1000)
    return _back(hook, "leg", call=_call_of(hook), leg=leg, asked=asked, **said)


# What Twilio says


@dataclass(frozen=True, slots=True)
class _Heard:
    """One hook on its way to events.

    The keys are digests of all that was signed, and of nothing else: whatever header a repeat
    changes, it stays a repeat. Names and values are signed without marks between them, so the same
    signature fits a form that is cut otherwise; its keys are the same then.
    """

    hook: RawHook
    fields: Fields
    back: _Address
    bare: Callable[[str], str]

    def events(self) -> Iterator[CallEvent]:
        match self.back.of:
            case "":
                yield from self._of_the_number()
            case "leg" | "other":
                yield self._of_a_leg()
            case "dial" | "last" | "ordered":
                yield from self._dial_over()
            case "wait":
                yield from self._ask_again()
            case "confirm":
                yield self._event("leg_ringing", **self._whom())
            case "pressed" if self.fields.text("Digits"):
                yield self._event("answered", **self._whom())
            case "order":
                yield self._event("dialing", **self._whom())
            case "ordering":
                yield from self._order_heard()
            case "recording" if self.fields.text("RecordingStatus") == "completed":
                yield self._recorded()
            case "recorded":
                yield self._event("ended", reason="completed")
            case of:
                yield self._event("unknown", word=of)

    # The number's own addresses

    def _of_the_number(self) -> Iterator[CallEvent]:
        status = self._status("CallStatus") if "CallStatus" in self.fields.values else ""
        outbound = (self.fields.text("Direction") or "").startswith("outbound")
        if status in _OVER:
            way: Direction | None = "out" if outbound else None
            yield self._event("ended", at=self._at(), reason=_WHY_OVER[status], direction=way)
        elif source := self.fields.text("CallbackSource"):
            yield self._event("unknown", word=source)
        elif outbound:  # a call that somebody made through the API, not one that comes in
            yield self._event("dialing", direction="out", **self._parties())
        else:
            yield self._event("ringing", **self._parties())

    def _parties(self) -> dict[str, Any]:
        for name in ("From", "To"):
            if name not in self.fields.values:
                self.fields.trouble(name, "is obligatory")
        caller = self.fields.number("From")
        return {
            "caller": self.bare(caller) if caller else caller,
            "called": self.fields.number("To"),
            "diverted_from": self.fields.number("ForwardedFrom"),
        }

    # A `<Dial>`, its phones, and what comes after it

    def _of_a_leg(self) -> CallEvent:
        """A phone's status. One who has picked up but pressed no key yet still rings."""
        status, at = self._status("CallStatus"), self._at()
        whom = self._whom()
        if status in _RINGS or (status in _TALKS and self.back.confirm):
            return self._event("leg_ringing", at=at, **whom)
        if status in _TALKS:
            return self._event("answered", at=at, **whom)
        if status == "completed":
            length = None if self.back.confirm else self._seconds("CallDuration")
            return self._event("leg_ended", at=at, duration_s=length, **whom)
        return self._event("leg_failed", at=at, reason=self._why_failed(status, at), **whom)

    def _why_failed(self, status: str, at: datetime | None) -> str:
        asked, ring = self.back.asked, self.back.ring
        cut = bool(ring and asked and at and (at - asked).total_seconds() < ring)
        if cut and status in ("no-answer", "canceled"):
            return "answered_elsewhere"  # or the caller left: it did not ring its time
        code = self.fields.text("SipResponseCode") or ""
        reason = _FAILURES.get(status, "failed")
        return _BY_SIP_CODE.get(code, reason) if reason == "failed" else reason

    def _dial_over(self) -> Iterator[CallEvent]:
        """The talk is over and so is the call; or nobody was there, and the next asking begins."""
        status, gone = self._status("DialCallStatus"), self._status("CallStatus") in _OVER
        whom = self._whom()
        if status in ("completed", "answered") and self._bridged():
            length = None if self.back.confirm else self._seconds("DialCallDuration")
            # Whose talk it was is said twice: that he picked up may not have been heard.
            yield self._event("leg_ended", _LEG, duration_s=length, **whom)
            whose = {**whom, **self._side()}
            yield self._event("ended", reason="completed", duration_s=length, **whose)
            return
        reason = "no_answer" if status in ("completed", "answered") else _FAILURES.get(status)
        if gone:
            yield self._event("ended", reason="caller_hung_up", **self._side())
            return
        if len(self.back.legs) == 1 or self.back.of == "ordered":
            yield self._event("leg_failed", _LEG, reason=reason or "failed", **whom)
        if self.back.of == "dial":
            yield from self._ask_again()
        else:
            yield self._event("ended", reason=reason or "failed", **self._side())

    def _bridged(self) -> bool:
        """Whether two people talked: to pick up and press no key is no talk."""
        said = (self.fields.text("DialBridged") or "").lower()
        return said == "true" or (not said and not self.back.confirm)

    def _ask_again(self) -> Iterator[CallEvent]:
        if self._status("CallStatus") in _OVER:
            yield self._event("ended", reason="caller_hung_up")
        else:
            yield self._event("next", attempt=self.back.attempt, **self._parties())

    def _order_heard(self) -> Iterator[CallEvent]:
        """The manager's own phone, in a call that we were asked to make."""
        status = self._status("CallStatus")
        if status not in _OVER:
            yield self._event("dialing", **self._whom())
            return
        if status != "completed":
            reason = _FAILURES.get(status, "failed")
            yield self._event("leg_failed", _LEG, at=self._at(), reason=reason, **self._whom())
        reason = _FAILURES.get(status, "completed")
        yield self._event("ended", at=self._at(), reason=reason, **self._side())

    def _recorded(self) -> CallEvent:
        return self._event(
            "recording",
            leg_ref=self.back.legs[0] if self.back.legs else None,
            recording_id=self._sid("RecordingSid"),
            recording_url=self.fields.text("RecordingUrl", limit=2048),
            recording_kind="message" if self.back.kind == "message" else "talk",
        )

    # Parts of events

    def _event(self, kind: EventKind, part: str = "", **said: object) -> CallEvent:
        signed = self.hook.url.encode(errors="surrogatepass") + _signed(self.hook)
        event = CallEvent(
            account=self.hook.account,
            key=f"{hashlib.sha256(signed).hexdigest()[:40]}{part}",
            own_key=True,
            kind=kind,
            received=self.hook.arrived,
            call_ref=self.back.call or (None if kind == "unknown" else self._sid("CallSid")),
        )
        return replace(event, **said)  # type: ignore[arg-type]  # names are checked by replace

    def _whom(self) -> dict[str, Any]:
        """Which phone it is about: a leg of our plan, or the two sides of a call that we make."""
        if self.back.of in ("other", "ordered"):
            return {"target": self.back.number, **self._side()}
        if self.back.of in ("order", "ordering"):
            return {"target": self.back.target, **self._side()}
        return {"leg_ref": self.back.legs[0]} if len(self.back.legs) == 1 else {}

    def _side(self) -> dict[str, Any]:
        if not self.back.number:
            return {}
        return {"direction": "out", "caller": self.back.line, "called": self.back.number}

    def _status(self, name: str) -> str:
        said = self.fields.text(name) or ""
        if said not in _STATUSES:
            self.fields.trouble(name, "is no status that we know")
        return said

    def _sid(self, name: str) -> str | None:
        said = self.fields.text(name) or ""
        if not _SID.fullmatch(said):
            self.fields.trouble(name, "is no SID")
            return None
        return said

    def _seconds(self, name: str) -> float | None:
        said = self.fields.text(name) or ""
        return float(said) if re.fullmatch(r"[0-9]{1,6}", said) else None

    def _at(self) -> datetime | None:
        """Its own time, which has whole seconds: never before we told it, nor after we heard it."""
        try:
            said = parsedate_to_datetime(self.fields.text("Timestamp") or "")
        except (TypeError, ValueError, IndexError, OverflowError):
            return None
        moment = said if said.tzinfo else said.replace(tzinfo=UTC)
        if not 2000 <= moment.year <= 2100:
            return None
        return max(self.back.asked or moment, min(moment, self.hook.arrived))


def _form(hook: RawHook) -> Fields:
    try:
        return Fields(read_form(hook.body.decode(errors="surrogateescape")))
    except TooLarge:
        return Fields({})


def _call_of(hook: RawHook) -> str:
    """The call that a document is for: the one that asks."""
    said = _form(hook).text("CallSid") or ""
    return said if _SID.fullmatch(said) else ""


def _caller_id(hook: RawHook) -> str | None:
    """The caller's number, else the line's: a withheld one would be refused."""
    said = _form(hook)
    for name in ("From", "To"):
        number = said.text(name) or ""
        if _E164.fullmatch(number) and read_caller(number, "US").kind == "known":
            return number
    return None


# TwiML


def _document(*verbs: ET.Element) -> str:
    response = ET.Element("Response")
    response.extend(verbs)
    return '<?xml version="1.0" encoding="UTF-8"?>' + ET.tostring(response, encoding="unicode")


def _text(name: str, text: str, **attributes: str) -> ET.Element:
    element = ET.Element(name, attributes)
    element.text = text
    return element


def _watched(noun: ET.Element, address: str) -> ET.Element:
    noun.set("statusCallback", address)
    noun.set("statusCallbackEvent", "initiated ringing answered completed")
    return noun


def _recorded(verb: ET.Element, address: str) -> None:
    verb.set("recordingStatusCallback", address)
    verb.set("recordingStatusCallbackEvent", "completed absent")


def _ask_for_a_key(back: _Address, hook: RawHook) -> list[ET.Element]:
    """What who picks up hears before he is put through. A voicemail presses nothing."""
    leg = back.legs[0] if back.legs else ""
    pressed = _back(hook, "pressed", call=back.call, leg=leg)
    gather = ET.Element("Gather", action=pressed, numDigits="1", timeout="10")
    gather.extend(_text("Say", said, language=language) for language, said in _PRESS_A_KEY)
    return [gather, ET.Element("Hangup")]


def _message(message: Message, hook: RawHook) -> list[ET.Element]:
    verbs = []
    if _PLAYABLE.fullmatch(message.play):
        verbs.append(_text("Play", message.play))
    elif said := _speakable(message.text):
        language = "ru-RU" if re.search("[\u0400-\u04ff]", said) else "en-US"
        verbs.append(_text("Say", said, language=language))
    if message.record:
        done = _back(hook, "recorded", call=_call_of(hook))
        record = ET.Element("Record", action=done, maxLength=str(message.max_s), playBeep="true")
        _recorded(record, _back(hook, "recording", call=_call_of(hook), kind="message"))
        verbs.append(record)
    return [*verbs, ET.Element("Hangup")]


def _speakable(text: str) -> str:
    """Without what XML cannot hold and nobody can hear."""
    return "".join(c if c.isprintable() else " " for c in text)[:_SAID_LIMIT].strip()


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
