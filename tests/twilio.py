"""Twilio as far as we see it: it signs its forms, and does what a document says step by step."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime
from functools import partial
from typing import Final
from urllib.parse import parse_qsl, urlencode
from xml.etree import ElementTree as ET

from callrouter.domain.setup import Account
from callrouter.flows.work import Batch, Entry
from storage.ids import new_id
from storage.journal import Raw
from tests.examples import LINE_NUMBER, MONDAY_NOON
from tests.office import Office
from webhooks.provider import Answer, RawHook
from webhooks.providers.twilio import Twilio

TOKEN: Final = "a3f1c95d2b7e4806913fd0c2e8b75a14"
NEXT_TOKEN: Final = "новый-token-2"
SID: Final = "AC00000000000000000000000000000007"
URL: Final = "https://crm.example/webhooks/twilio/main"
FORM: Final = "application/x-www-form-urlencoded"
CALLER: Final = "+79161234567"

ACCOUNT: Final = Account(
    key="main",
    provider="twilio",
    default_line=LINE_NUMBER,
    secret=(TOKEN, NEXT_TOKEN),
    api_key=SID,
    dial_inside="sip:{dial}@acme.sip.twilio.com",
    allowed_prefixes=("+7",),
)
TWILIO: Final = Twilio(ACCOUNT, (TOKEN.encode(), NEXT_TOKEN.encode()))


def call_sid(n: int) -> str:
    return f"CA{n:032x}"


def sign(url: str, body: bytes, token: str = TOKEN, algorithm: str = "sha1") -> str:
    """As Twilio's documentation words it, by other means than the provider's own."""
    pairs = sorted(set(parse_qsl(body.decode(), keep_blank_values=True)))
    text = url + "".join(name + value for name, value in pairs)
    digest = hmac.new(token.encode(), text.encode(), getattr(hashlib, algorithm)).digest()
    return base64.b64encode(digest).decode()


def signed_hook(
    url: str = URL,
    params: Mapping[str, str] | bytes = b"",
    *,
    token: str = TOKEN,
    signature: str | None = None,
    at: datetime = MONDAY_NOON,
    more: Mapping[str, str] | None = None,
) -> RawHook:
    """A form as Twilio posts it to an address of ours; `more`: further headers."""
    body = params if isinstance(params, bytes) else urlencode(params).encode()
    given = sign(url, body, token) if signature is None else signature
    sent = {"x-twilio-signature": given, "content-type": FORM, **(more or {})}
    return RawHook(
        account="main",
        method="POST",
        url=url,
        query=url.partition("?")[2],
        headers=tuple((name.lower(), value) for name, value in sent.items()),
        body=body,
        peer="192.0.2.1",
        arrived=at,
        arrived_s=1000.0,
    )


def entries_of(hook: RawHook, provider: Twilio = TWILIO) -> list[Entry]:
    """What the front door and the intake make of a hook."""
    provider.verify(hook)
    return [
        Entry(
            event=event,
            raw=Raw(hook.body, hook.query),
            call_id=new_id(hook.arrived),
            can=provider.can(hook),
            render=partial(_render, provider, hook),
            accept=provider.accept(hook),
        )
        for event in provider.parse(hook)
    ]


def _render(provider: Twilio, hook: RawHook, decision: object) -> Answer:
    return provider.answer(decision, hook)  # type: ignore[arg-type]  # whatever was decided


@dataclass
class Caller:
    """One call that comes in, its document, and the phones that it rings.

    Every hook that was sent is kept, so that it can be sent again.
    """

    office: Office
    n: int = 1
    number: str = CALLER
    line: str = LINE_NUMBER
    provider: Twilio = TWILIO
    now: datetime = MONDAY_NOON
    document: ET.Element = field(default_factory=lambda: ET.Element("Response"))
    sent: list[RawHook] = field(default_factory=list)
    batch: Batch | None = None

    @property
    def sid(self) -> str:
        return call_sid(self.n)

    def child(self, noun: ET.Element) -> str:
        return call_sid(self.n * 1000 + len(noun.text or "") + ord((noun.text or "0")[-1]))

    def later(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    async def post(self, url: str, **params: str) -> ET.Element:
        """Send a hook and read the document that answers it."""
        hook = signed_hook(url, params, at=self.now)
        self.sent.append(hook)
        return await self.send(hook)

    async def send(self, hook: RawHook) -> ET.Element:
        entries = entries_of(hook, self.provider)
        self.batch = await self.office.batch(*entries, now=self.now)
        taken = self.batch.taken
        asked = [one for one, it in zip(taken, entries, strict=True) if it.event.asks]
        answer = (asked or taken)[0].answer
        return ET.fromstring(answer.body)  # noqa: S314  our own document

    def parent(self, **more: str) -> dict[str, str]:
        return {
            "AccountSid": SID,
            "ApiVersion": "2010-04-01",
            "CallSid": self.sid,
            "CallStatus": "ringing",
            "Direction": "inbound",
            "From": self.number,
            "To": self.line,
            **more,
        }

    async def rings(self) -> ET.Element:
        self.document = await self.post(URL, **self.parent())
        return self.document

    @property
    def dial(self) -> ET.Element:
        found = self.document.find("Dial")
        assert found is not None, ET.tostring(self.document)
        return found

    @property
    def rung(self) -> list[str]:
        """Whom the document rings."""
        return [noun.text or "" for noun in self.dial]

    async def phone(self, noun: ET.Element, status: str, **more: str) -> None:
        """One phone's own status, as it is told at the address that stands on it."""
        url = noun.get("statusCallback", "")
        await self.post(
            url,
            **{
                "AccountSid": SID,
                "CallSid": self.child(noun),
                "ParentCallSid": self.sid,
                "CallStatus": status,
                "Direction": "outbound-dial",
                "From": self.number,
                "To": noun.text or "",
                "Timestamp": format_datetime(self.now.replace(microsecond=0)),
                "CallbackSource": "call-progress-events",
                "SequenceNumber": "0",
                **more,
            },
        )

    async def dial_ends(self, status: str, **more: str) -> ET.Element:
        """The `<Dial>` is over: Twilio asks what comes next."""
        bridged = {"DialBridged": "true", "DialCallDuration": "60"} if status == "completed" else {}
        params = self.parent(DialCallStatus=status, **{**bridged, **more})
        self.document = await self.post(self.dial.get("action", ""), **params)
        return self.document

    async def redirected(self) -> ET.Element:
        """The pause is over."""
        redirect = self.document.find("Redirect")
        assert redirect is not None, ET.tostring(self.document)
        self.document = await self.post(redirect.text or "", **self.parent())
        return self.document

    async def hangs_up(self, status: str = "completed") -> None:
        """The number's own status callback."""
        await self.post(
            URL,
            **self.parent(
                CallStatus=status,
                CallDuration="5",
                Timestamp=format_datetime(self.now.replace(microsecond=0)),
                CallbackSource="call-progress-events",
            ),
        )
