"""Twilio: whom it believes, what it reads, what it says, and what it asks of the API."""

from __future__ import annotations

import base64
import inspect
import json
import random
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode
from xml.etree import ElementTree as ET

import pytest
from aiohttp import web
from hypothesis import example, given, settings
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator, get_signature_algorithm  # type: ignore[import-untyped]
from twilio.twiml.voice_response import VoiceResponse  # type: ignore[import-untyped]

from callrouter.domain.decisions import (
    Can,
    Connect,
    LastResort,
    Message,
    NoOpinion,
    PlanStep,
    Reject,
    Target,
    Wait,
)
from callrouter.domain.events import CallEvent
from callrouter.outside.client import Client, door_of
from tests.examples import LINE_NUMBER
from tests.twilio import (
    ACCOUNT,
    CALLER,
    NEXT_TOKEN,
    SID,
    TOKEN,
    TWILIO,
    URL,
    call_sid,
    sign,
    signed_hook,
)
from tests.webhooks.door import FORM, open_door, request
from tests.webhooks.examples import Memory
from tests.webhooks.forging import mutate
from webhooks.provider import (
    Answer,
    CallOrder,
    ForgedHook,
    HookError,
    RawHook,
    Refused,
    Response,
    UnreadableHook,
)
from webhooks.providers.twilio import Twilio

SAMPLES = Path(__file__).parent / "samples" / "twilio"
ARRIVED = datetime(2026, 3, 12, 11, 5, tzinfo=UTC)
AT = datetime(2026, 3, 12, 11, 4, 58, tzinfo=UTC)
CALL = call_sid(1)
RECORDING = "RE" + "0" * 31 + "5"
MEDIA = f"https://api.twilio.com/2010-04-01/Accounts/{SID}/Recordings/{RECORDING}"
SETTINGS = "X-Twilio-Webhooks-Signature-Settings"
FORGERIES = 10_000
VECTORS = json.loads((SAMPLES / "vectors.json").read_text())


@cache
def sample(name: str) -> RawHook:
    """A recorded request; its signature was made by Twilio's own library."""
    head, body = (SAMPLES / f"{name}.http").read_text().rstrip("\n").split("\n\n")
    target, signature = head.split("\n")
    url = "https://crm.example" + target.removeprefix("POST ")
    signature = signature.removeprefix("X-Twilio-Signature: ")
    return signed_hook(url, body.encode(), signature=signature, at=ARRIVED)


def event(kind: str, key: str = "", **fields: object) -> CallEvent:
    start = CallEvent("main", key, "unknown", ARRIVED, own_key=True, call_ref=CALL)
    return replace(start, kind=kind, **fields)  # type: ignore[arg-type]  # names are checked


# What is read

LEG: dict[str, Any] = {"at": AT, "leg_ref": "a1"}
PARTIES: dict[str, Any] = {"caller": CALLER, "called": LINE_NUMBER}
OUT: dict[str, Any] = {"direction": "out", "caller": LINE_NUMBER, "called": CALLER}
RECORDED: dict[str, Any] = {"recording_id": RECORDING, "recording_url": MEDIA}
GONE = [event("ended", reason="caller_hung_up")]
FAILED = event("leg_failed", ":leg", leg_ref="a1", reason="no_answer")

GOLDEN: dict[str, list[CallEvent]] = {
    "ringing": [event("ringing", **PARTIES)],
    "ringing_withheld": [event("ringing", caller="+266696687", called=LINE_NUMBER)],
    "ringing_diverted": [event("ringing", diverted_from="+74951230002", **PARTIES)],
    "ringing_from_a_phone_of_ours": [event("ringing", caller="102", called=LINE_NUMBER)],
    "outbound_api": [event("dialing", **OUT)],
    "number_completed": [event("ended", at=AT, reason="completed")],
    "number_canceled": [event("ended", at=AT, reason="caller_hung_up")],
    "leg_initiated": [event("leg_ringing", **LEG)],
    "leg_ringing": [event("leg_ringing", **LEG)],
    "leg_answered": [event("answered", **LEG)],
    "leg_completed": [event("leg_ended", duration_s=61.0, **LEG)],
    "leg_busy": [event("leg_failed", reason="busy", **LEG)],
    "leg_no_answer": [event("leg_failed", reason="no_answer", **LEG)],
    "leg_offline": [event("leg_failed", reason="offline", **LEG)],
    "leg_answered_elsewhere": [
        event("leg_failed", reason="answered_elsewhere", at=AT, leg_ref="a2")
    ],
    "leg_picked_up": [event("leg_ringing", **LEG)],
    "leg_over_unconfirmed": [event("leg_ended", **LEG)],
    "whisper": [event("leg_ringing", leg_ref="a1")],
    "key_pressed": [event("answered", leg_ref="a1")],
    "dial_no_answer": [FAILED, event("next", attempt=1, **PARTIES)],
    "dial_together_no_answer": [event("next", attempt=2, **PARTIES)],
    "dial_completed": [
        event("leg_ended", ":leg", leg_ref="a1", duration_s=61.0),
        event("ended", leg_ref="a1", duration_s=61.0, reason="completed"),
    ],
    "dial_not_confirmed": [FAILED, event("next", attempt=1, **PARTIES)],
    "dial_caller_gone": GONE,
    "last_completed": [
        event("leg_ended", ":leg", leg_ref="last", duration_s=30.0),
        event("ended", leg_ref="last", duration_s=30.0, reason="completed"),
    ],
    "last_busy": [
        event("leg_failed", ":leg", leg_ref="last", reason="busy"),
        event("ended", reason="busy"),
    ],
    "wait_over": [event("next", attempt=3, **PARTIES)],
    "wait_caller_gone": GONE,
    "recording": [event("recording", leg_ref="a1", **RECORDED)],
    "recording_absent": [event("unknown", word="recording")],
    "recording_of_a_message": [event("recording", recording_kind="message", **RECORDED)],
    "message_over": [event("ended", reason="completed")],
    "order_initiated": [event("dialing", target="102", **OUT)],
    "order_no_answer": [
        event("leg_failed", ":leg", at=AT, target="102", reason="no_answer", **OUT),
        event("ended", at=AT, reason="no_answer", **OUT),
    ],
    "order_over": [event("ended", at=AT, reason="completed", **OUT)],
    "order_picked_up": [event("dialing", target="102", **OUT)],
    "customer_answered": [event("answered", at=AT, target=CALLER, **OUT)],
    "customer_busy": [event("leg_failed", at=AT, target=CALLER, reason="busy", **OUT)],
    "customer_over": [
        event("leg_ended", ":leg", target=CALLER, duration_s=40.0, **OUT),
        event("ended", target=CALLER, duration_s=40.0, reason="completed", **OUT),
    ],
    "customer_no_answer": [
        event("leg_failed", ":leg", target=CALLER, reason="no_answer", **OUT),
        event("ended", reason="no_answer", **OUT),
    ],
    "unknown": [event("unknown", word="stream")],
}


def test_every_kind_of_callback_has_a_sample() -> None:
    assert sorted(GOLDEN) == sorted(path.stem for path in SAMPLES.glob("*.http"))


@pytest.mark.parametrize("name", GOLDEN)
def test_reads_a_sample(name: str) -> None:
    hook = sample(name)
    TWILIO.verify(hook)
    events = TWILIO.parse(hook)
    assert [replace(one, key=one.key[40:]) for one in events] == GOLDEN[name]
    assert len({one.key[:40] for one in events}) == 1


def test_every_sample_has_keys_of_its_own() -> None:
    keys = [one.key for name in GOLDEN for one in TWILIO.parse(sample(name))]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("field", ["CallSid", "From", "To", "CallStatus"])
@pytest.mark.parametrize("value", [None, "", "\udce4", "x" * 600])
def test_what_asks_is_always_read(field: str, value: str | None) -> None:
    """A ringing call gets its decision, whatever is wrong with the form."""
    given = {**dict(parse_qsl(sample("ringing").body.decode())), field: value}
    body = urlencode({k: v for k, v in given.items() if v is not None}, errors="surrogateescape")
    hook = signed_hook(URL, body.encode(), signature="")
    try:
        events = TWILIO.parse(hook)
    except UnreadableHook as trouble:
        events = trouble.events
    assert [one.kind for one in events] == ["ringing"]
    assert TWILIO.answer(PLAN, hook).status == 200


@pytest.mark.parametrize(
    "sent", ["", "yesterday", "Thu, 12 Mar 1899 11:04:58 +0000", "Thu, 99 Mar 2026 99:99:99 x", "0"]
)
def test_a_time_that_cannot_be_read_is_none(sent: str) -> None:
    (found,) = TWILIO.parse(changed("leg_answered", Timestamp=sent))
    assert (found.kind, found.at) == ("answered", None)


@pytest.mark.parametrize(
    ("sent", "seen"),
    [
        ("Thu, 12 Mar 2026 11:04:50 +0000", datetime(2026, 3, 12, 11, 4, 50, 250_000, UTC)),
        ("Thu, 12 Mar 2026 14:04:58 +0300", AT),
        ("Thu, 12 Mar 2026 11:09:00 +0000", ARRIVED),
    ],
)
def test_its_time_is_never_before_we_told_it_nor_after_we_heard(sent: str, seen: datetime) -> None:
    (found,) = TWILIO.parse(changed("leg_answered", Timestamp=sent))
    assert found.at == seen


@given(
    st.binary(max_size=300),
    st.text(max_size=120),
    st.text(max_size=40),
    st.sampled_from(
        ["", "leg", "dial", "wait", "order", "confirm", "pressed", "last", "recording"]
    ),
)
@settings(max_examples=150, deadline=None)
def test_no_request_breaks_it(body: bytes, query: str, signature: str, of: str) -> None:
    hook = signed_hook(
        f"{URL}?of={of}&{query}",
        body,
        signature=signature,
        more={SETTINGS: signature},
    )
    with pytest.raises(ForgedHook):
        TWILIO.verify(hook)
    TWILIO.can(hook)
    TWILIO.accept(hook)
    with suppress(HookError):
        TWILIO.parse(hook)
    for decision in (PLAN, WAIT, MESSAGE, NoOpinion()):
        read_xml(TWILIO.answer(decision, hook).body)


# Whom it believes


@pytest.mark.parametrize("vector", VECTORS, ids=[one["name"] for one in VECTORS])
def test_agrees_with_what_twilios_library_said(vector: dict[str, Any]) -> None:
    headers = dict(vector["headers"])
    signature = headers.pop("X-Twilio-Signature")
    params = vector["params"]
    body = params if isinstance(params, str) else urlencode(params, doseq=True)
    hook = signed_hook(vector["url"], body.encode(), signature=signature, more=headers)
    assert believes(replace(TWILIO, secrets=(vector["key"].encode(),)), hook) is vector["expected"]


NAMES = st.text("ABCDfromTo_.09", min_size=1, max_size=8) | st.sampled_from(
    ["CallSid", "From", "To", "Дом"]
)
VALUES = st.text(max_size=12).filter(lambda text: "\x00" not in text)
PAIRS = st.lists(st.tuples(NAMES, VALUES), max_size=8)
URLS = st.builds(
    "{}://{}{}/webhooks/twilio/main{}".format,
    st.sampled_from(["https", "http"]),
    st.sampled_from(["crm.example", "127.0.0.1"]),
    st.sampled_from(["", ":443", ":80", ":8443"]),
    st.sampled_from(["", "?of=leg&leg=a1", "?tenant=7&rule=a%20b", "?a=1&a=2&b="]),
)


class Params(dict[str, list[str]]):
    """A form as web frameworks hand it to Twilio's library."""

    def getlist(self, name: str) -> list[str]:
        return self[name]


@given(
    URLS,
    PAIRS,
    st.sampled_from([TOKEN, NEXT_TOKEN, "another"]),
    st.sampled_from([None, "HMAC_SHA1", "HMAC_SHA256", "hmac_sha256", "HMAC_MD5", ""]),
    st.booleans(),
    st.sampled_from(["", "port", "value", "signature"]),
)
@settings(max_examples=150, deadline=None)
@example(URL, [("A", "1"), ("A", "2"), ("A", "1")], TOKEN, None, False, "")
@example(URL.replace(".example", ".example:8443"), [], TOKEN, None, False, "port")
def test_agrees_with_twilios_library(
    url: str,
    pairs: list[tuple[str, str]],
    token: str,
    algorithm: str | None,
    shuffled: bool,  # noqa: FBT001
    wrong: str,
) -> None:
    """We differ in these only: several signatures and none are refused, not read or raised at; an
    address of IPv6 keeps its brackets; bytes that are no UTF-8 stand as they came; a digest in the address holds for a form too.
    """
    sign_as = (algorithm or "HMAC_SHA1").upper()
    signing = RequestValidator(token)
    if sign_as == "HMAC_MD5":
        sign_as = "HMAC_SHA1"
    params = Params()
    for name, value in pairs:
        params.setdefault(name, []).append(value)
    signature = signing.compute_signature(url, params, sign_as)
    given_url = re.sub(r":[0-9]+/", "/", url) if wrong == "port" else url
    if wrong == "value":
        params.setdefault("From", []).append("+70000000000")
    if wrong == "signature":
        signature = signature.swapcase()
    settings_header = None if algorithm is None else f"key=webhooks_1,algorithm={algorithm}"
    sent = [(name, value) for name, values in params.items() for value in values]
    body = urlencode(sent[::-1] if shuffled else sent).encode()
    more = {SETTINGS: settings_header} if settings_header else {}
    hook = signed_hook(given_url, body, signature=signature, more=more)
    verdict = any(
        RequestValidator(secret).validate(
            given_url, params, signature, get_signature_algorithm(settings_header)
        )
        for secret in (TOKEN, NEXT_TOKEN)
    )
    assert believes(TWILIO, hook) is verdict


def test_no_signature_and_two_are_refused() -> None:
    hook = sample("ringing")
    unsigned = tuple(one for one in hook.headers if one[0] != "x-twilio-signature")
    assert not believes(TWILIO, replace(hook, headers=unsigned))
    two = (*hook.headers, ("x-twilio-signature", "4FcPXxyba0HcPOrTbn4YnilO9k4="))
    assert not believes(TWILIO, replace(hook, headers=two))
    assert believes(TWILIO, replace(hook, headers=hook.headers * 2))


def test_an_address_of_ipv6_keeps_its_brackets() -> None:
    url = "https://[2001:db8::1]:8443/webhooks/twilio/main"
    body = b"CallSid=1"
    for signed in (url, url.replace(":8443", "")):
        assert believes(TWILIO, signed_hook(url, body, signature=sign(signed, body)))
    wrong = url.replace("::1", "::2")
    assert not believes(TWILIO, signed_hook(url, body, signature=sign(wrong, body)))


@pytest.mark.parametrize("name", ["form-POST", "JSON"])
def test_what_is_signed_is_what_is_read(name: str) -> None:
    """An unsigned Content-Type changes neither how the form is read nor its bytes."""
    for kind in ("application/json", "text/plain; charset=koi8-r", "multipart/form-data", name):
        hook = sample("ringing")
        headers = tuple((n, kind if n == "content-type" else v) for n, v in hook.headers)
        again = replace(hook, headers=headers)
        TWILIO.verify(again)
        assert TWILIO.parse(again) == TWILIO.parse(hook)


def test_a_body_that_is_no_form_is_bound_by_its_digest_and_is_no_call() -> None:
    vector = next(one for one in VECTORS if isinstance(one["params"], str))
    provider = replace(TWILIO, secrets=(vector["key"].encode(),))
    signature = vector["headers"]["X-Twilio-Signature"]
    body = vector["params"].encode()
    hook = signed_hook(vector["url"], body, signature=signature)
    assert believes(provider, hook)
    for other in (b"", body + b" ", b"CallSid=" + CALL.encode()):
        assert not believes(provider, replace(hook, body=other))
    with pytest.raises(UnreadableHook) as refused:
        provider.parse(hook)
    assert refused.value.events == ()


def test_both_secrets_are_good_while_one_is_rotated() -> None:
    for token in (TOKEN, NEXT_TOKEN):
        assert believes(TWILIO, signed_hook(params={"CallSid": CALL}, token=token))
    assert not believes(TWILIO, signed_hook(params={"CallSid": CALL}, token="a-third-token"))
    assert not believes(replace(TWILIO, secrets=()), signed_hook(params={"CallSid": CALL}))


async def test_behind_a_proxy_the_public_address_counts_and_never_the_host() -> None:
    takes = Memory(account=ACCOUNT)
    hook = sample("ringing")
    async with open_door(takes) as door:
        for host in (b"crm.example", b"10.0.0.7:8080", b"evil.example"):
            headers = [f"X-Twilio-Signature: {hook.header('x-twilio-signature')}", FORM]
            raw = request(hook.body, headers, target="/webhooks/twilio/main")
            heard = await door.knock(raw.replace(b"Host: crm.example", b"Host: " + host))
            assert heard.status == 200
            assert read_xml(heard.body).find("Dial") is not None
        moved = sign("https://evil.example/webhooks/twilio/main", hook.body)
        headers = [f"X-Twilio-Signature: {moved}", FORM]
        raw = request(hook.body, headers, target="/webhooks/twilio/main")
        heard = await door.knock(raw.replace(b"Host: crm.example", b"Host: evil.example"))
        assert heard.status == 401
    assert takes.refused == ["wrong signature: another auth token, or another public address"]


FORGED = ["ringing", "dial_no_answer", "leg_answered", "order_picked_up", "key_pressed"]


@pytest.mark.slow
def test_nothing_forged_is_believed() -> None:
    """The secret, the signature, the address, each parameter: one changed, and it is refused."""
    chance = random.Random(4)
    accepted = []
    for n in range(FORGERIES):
        name = FORGED[n % len(FORGED)]
        hook = sample(name)
        what = chance.choice(["secret", "signature", "url", "name", "value", "more", "less"])
        pairs = parse_qsl(hook.body.decode(), keep_blank_values=True)
        at = chance.randrange(len(pairs))
        provider, forged = TWILIO, hook
        match what:
            case "secret":
                provider = replace(TWILIO, secrets=(mutate(TOKEN, chance).encode(),))
            case "signature":
                signature = mutate(hook.header("x-twilio-signature") or "", chance)
                forged = signed_hook(hook.url, hook.body, signature=signature)
            case "url":
                url = mutate(hook.url, chance)
                forged = replace(hook, url=url, query=url.partition("?")[2])
            case "name":
                pairs[at] = (mutate(pairs[at][0], chance), pairs[at][1])
            case "value":
                pairs[at] = (pairs[at][0], mutate(pairs[at][1], chance))
            case "more":
                pairs.append(("From", mutate(CALLER, chance)))
            case "less":
                del pairs[at]
        if what in ("name", "value", "more", "less"):
            forged = replace(hook, body=urlencode(pairs, errors="surrogateescape").encode())
        if forged.body != hook.body and sorted(set(parse_qsl(forged.body.decode()))) == sorted(
            set(parse_qsl(hook.body.decode()))
        ):
            continue
        if believes(provider, forged):
            accepted.append((what, name, forged))
    # A value may be emptied into nothing, its name cut away: what was signed is then the same.
    for what, name, forged in accepted:
        keys = {one.key for one in TWILIO.parse(sample(name))}
        assert {one.key for one in heard(forged)} <= keys, (what, name, forged.body)
    assert [one for one in accepted if one[0] in ("secret", "signature", "value", "more")] == []


def test_headers_that_nobody_signed_change_nothing() -> None:
    chance = random.Random(5)
    hook = sample("dial_no_answer")
    for _ in range(200):
        headers = tuple(
            (name, value if name == "x-twilio-signature" else mutate(value, chance))
            for name, value in hook.headers
        )
        token = ("i-twilio-idempotency-token", mutate("token", chance))
        again = replace(hook, headers=(*headers, token), peer=mutate(hook.peer, chance))
        TWILIO.verify(again)
        assert TWILIO.parse(again) == TWILIO.parse(hook)
        assert TWILIO.answer(PLAN, again) == TWILIO.answer(PLAN, hook)


def read_xml(text: bytes) -> ET.Element:
    return ET.fromstring(text)  # noqa: S314  our own document


def believes(provider: Twilio, hook: RawHook) -> bool:
    try:
        provider.verify(hook)
    except ForgedHook:
        return False
    return True


def heard(hook: RawHook) -> Sequence[CallEvent]:
    try:
        return TWILIO.parse(hook)
    except UnreadableHook as trouble:
        return trouble.events


def changed(name: str, **params: str) -> RawHook:
    hook = sample(name)
    pairs = {**dict(parse_qsl(hook.body.decode(), keep_blank_values=True)), **params}
    return signed_hook(hook.url, pairs, at=ARRIVED)


# What it says

PLAN = Connect(
    call="01JABC",
    steps=(PlanStep(20, "one", (Target("a1", "101", "anna"),)),),
    then=LastResort("+74950000000", ring_s=45),
    ask_again=True,
    record=True,
)
WAIT = Wait("01JABC", 5, LastResort("+74950000000"))
MESSAGE = Message("01JABC", LastResort("+74950000000"), text="Мы перезвоним <завтра>", record=True)


def document(answer: Answer) -> ET.Element:
    """The document, checked to be one that Twilio's library could have made itself."""
    assert (answer.status, answer.content_type) == (200, "text/xml")
    found = read_xml(answer.body)
    assert found.tag == "Response"
    theirs = VoiceResponse()
    for verb in found:
        _rebuild(theirs, verb)
    assert ET.canonicalize(theirs.to_xml(), strip_text=True) == ET.canonicalize(
        answer.body.decode(), strip_text=True
    )
    return found


def _rebuild(parent: Any, verb: ET.Element) -> None:
    make = getattr(parent, verb.tag.lower())
    known = list(inspect.signature(make).parameters)
    given: dict[str, str] = {}
    for name, value in verb.attrib.items():
        snake = re.sub(r"([A-Z])", lambda found: f"_{found[1].lower()}", name)
        assert snake in known, f"{verb.tag} has no {name}"
        given[snake] = value
    if verb.text:
        given[known[0]] = verb.text
    made = make(**given)
    for child in verb:
        _rebuild(made, child)


def said_in(address: str | None) -> dict[str, list[str]]:
    assert address is not None
    assert address.partition("?")[0] == URL
    return parse_qs(address.partition("?")[2])


DIALS = st.sampled_from(
    ["101", "sip:102@pbx.example", "client:anna", "+79160000101", "+15005550006", "anna"]
)
TARGETS = st.lists(st.tuples(DIALS, st.booleans()), min_size=1, max_size=10)


@given(
    TARGETS,
    st.integers(1, 700),
    st.booleans(),
    st.sampled_from(["", "client:{dial}", "sip:{dial}@acme.sip.twilio.com;region=us1"]),
    st.integers(0, 40),
)
@settings(max_examples=100, deadline=None)
def test_a_step_is_said_as_it_was_decided(
    dials: list[tuple[str, bool]],
    ring_s: int,
    record: bool,  # noqa: FBT001
    spelling: str,
    attempt: int,
) -> None:
    provider = replace(TWILIO, account=replace(ACCOUNT, dial_inside=spelling or "{dial}"))
    targets = tuple(
        Target(f"a{n}", dial, "anna", confirm=confirm and dial.startswith("+"))
        for n, (dial, confirm) in enumerate(dials, start=1)
    )
    plan = replace(PLAN, steps=(PlanStep(ring_s, "all", targets),), record=record)
    url = f"{URL}?of=wait&next={attempt}" if attempt else URL
    hook = signed_hook(url, sample("ringing").body, at=ARRIVED)
    found = document(provider.answer(plan, hook))
    may = [one for one in targets if spelt(one.dial, spelling)]
    if not may:
        assert said_in(found[0].text) == {"of": ["wait"], "next": [str(attempt + 1)]}
        return
    (dial,) = found
    assert dial.get("timeout") == str(min(max(ring_s, 5), 600))
    assert (dial.get("answerOnBridge"), dial.get("callerId")) == ("true", CALLER)
    over = said_in(dial.get("action"))
    assert over["next"] == [str(attempt + 1)]
    assert over["legs"] == [",".join(one.leg for one in may)]
    assert over["confirm"] == [str(int(any(one.confirm for one in may)))]
    assert (dial.get("record") == "record-from-answer-dual") is record
    assert [(noun.tag, noun.text) for noun in dial] == [spelt(one.dial, spelling) for one in may]
    for noun, one in zip(dial, may, strict=True):
        assert noun.get("statusCallbackEvent") == "initiated ringing answered completed"
        watched = said_in(noun.get("statusCallback"))
        assert (watched["leg"], watched["call"]) == ([one.leg], [CALL])
        assert ("confirm" in watched) is one.confirm
        assert (noun.get("url") is not None) is one.confirm


def spelt(dial: str, spelling: str) -> tuple[str, str] | None:
    if dial == "+79160000101":
        return "Number", dial
    if dial.startswith("sip:"):
        return "Sip", dial
    if dial.startswith("client:"):
        return "Client", "anna"
    if dial.startswith("+") or not spelling:
        return None
    if spelling.startswith("client:"):
        return "Client", dial
    return "Sip", spelling.replace("{dial}", dial)


def answer(decision: Any, name: str = "ringing") -> ET.Element:
    return document(TWILIO.answer(decision, sample(name)))


def test_the_last_resort_is_dialled_when_nothing_is_left() -> None:
    (dial,) = answer(replace(PLAN, steps=(), ask_again=False))
    assert (dial.tag, dial.get("timeout"), dial[0].tag, dial[0].text) == (
        "Dial",
        "45",
        "Number",
        "+74950000000",
    )
    assert said_in(dial.get("action")) == {"of": ["last"], "legs": ["last"]}
    assert said_in(dial[0].get("statusCallback"))["leg"] == ["last"]


def test_a_recording_tells_of_its_leg() -> None:
    (dial,) = answer(PLAN)
    assert dial.get("recordingStatusCallbackEvent") == "completed absent"
    told = said_in(dial.get("recordingStatusCallback"))
    assert told == {"of": ["recording"], "call": [CALL], "leg": ["a1"], "kind": ["talk"]}


def test_who_waits_hears_ringing() -> None:
    pause, redirect = answer(WAIT, "wait_over")
    assert (pause.tag, pause.get("length")) == ("Pause", "5")
    assert said_in(redirect.text) == {"of": ["wait"], "next": ["4"]}


def test_a_message_is_said_in_its_language_and_recorded() -> None:
    say, record, end = answer(MESSAGE)
    assert (say.tag, say.get("language"), say.text) == ("Say", "ru-RU", MESSAGE.text)
    assert (record.tag, record.get("maxLength"), end.tag) == ("Record", "120", "Hangup")
    assert said_in(record.get("recordingStatusCallback"))["kind"] == ["message"]
    english, end = answer(replace(MESSAGE, text="We call back\x00\ud800 at nine", record=False))
    assert (english.get("language"), english.text) == ("en-US", "We call back   at nine")
    play, end = answer(replace(MESSAGE, play="https://crm.example/closed.mp3", record=False))
    assert (play.tag, play.text) == ("Play", "https://crm.example/closed.mp3")


@pytest.mark.parametrize(("reason", "said"), [("blocked", "rejected"), ("loop", "busy")])
def test_a_refused_call_is_rejected(reason: Any, said: str) -> None:
    (reject,) = answer(Reject("01JABC", reason))
    assert (reject.tag, reject.get("reason")) == ("Reject", said)


@pytest.mark.parametrize(
    "decision",
    [
        NoOpinion(),
        replace(PLAN, steps=(), then=LastResort("+1234")),
        replace(PLAN, steps=(), then=LastResort("+7495;rm")),
    ],
)
def test_without_an_opinion_the_fallback_address_is_asked(decision: Any) -> None:
    told = TWILIO.answer(decision, sample("ringing"))
    assert (told.status, told.decision) == (404, "none")
    assert [verb.tag for verb in read_xml(told.body)] == ["Reject"]


@pytest.mark.parametrize("withheld", ["anonymous", "+266696687", "+17378742833", "", "client:x"])
def test_a_withheld_caller_is_shown_as_the_line(withheld: str) -> None:
    hook = changed("ringing", From=withheld)
    (dial,) = document(TWILIO.answer(PLAN, hook))
    assert dial.get("callerId") == LINE_NUMBER


def test_what_it_can_do_is_one_step_of_ten_phones() -> None:
    assert TWILIO.can(sample("ringing")) == Can(steps=1, targets=10, wait=True)


@pytest.mark.parametrize(
    "whom",
    [
        {"number": "+19005550006"},
        {"number": "sip:x@evil.example"},
        {"number": ""},
        {"number": "+7916123456789012345"},
    ],
)
def test_the_second_half_of_an_order_goes_to_allowed_numbers_only(whom: dict[str, str]) -> None:
    said = {"of": "order", "target": "102", "number": CALLER, "line": LINE_NUMBER, **whom}
    hook = signed_hook(f"{URL}?{urlencode(said)}", sample("order_picked_up").body)
    TWILIO.verify(hook)
    assert [verb.tag for verb in document(TWILIO.accept(hook))] == ["Hangup"]


def test_who_picks_up_is_asked_for_a_key() -> None:
    gather, end = document(TWILIO.accept(sample("whisper")))
    assert (gather.get("numDigits"), end.tag) == ("1", "Hangup")
    assert [say.get("language") for say in gather] == ["ru-RU", "en-US"]
    assert said_in(gather.get("action")) == {"of": ["pressed"], "call": [CALL], "leg": ["a1"]}
    assert list(document(TWILIO.accept(sample("key_pressed")))) == []
    silent = document(TWILIO.accept(changed("key_pressed", Digits="")))
    assert [verb.tag for verb in silent] == ["Hangup"]


@pytest.mark.parametrize("name", GOLDEN)
def test_acknowledgements_are_documents(name: str) -> None:
    document(TWILIO.accept(sample(name)))


# What it asks of the API

ORDER = CallOrder("order-1", "102", CALLER, LINE_NUMBER, URL)


def test_an_order_rings_the_manager_first() -> None:
    request = TWILIO.place_call(ORDER)
    assert request is not None
    assert request.method == "POST"
    assert request.url == f"https://api.twilio.com/2010-04-01/Accounts/{SID}/Calls.json"
    basic = base64.b64encode(f"{SID}:{TOKEN}".encode()).decode()
    assert dict(request.headers)["Authorization"] == f"Basic {basic}"
    said = parse_qs(request.body.decode())
    assert said["To"] == ["sip:102@acme.sip.twilio.com"]
    assert said["From"] == [LINE_NUMBER]
    assert said["StatusCallbackEvent"] == ["initiated", "completed"]
    assert said_in(said["Url"][0])["number"] == [CALLER]
    assert TOKEN not in repr(request)


@pytest.mark.parametrize(
    "changes",
    [{"number": "+15005550006"}, {"number": "900"}, {"target": "+15005550006"}, {"target": "a b"}],
)
def test_an_order_beyond_the_allowed_numbers_is_not_placed(changes: dict[str, str]) -> None:
    assert TWILIO.place_call(replace(ORDER, **changes)) is None


def test_without_an_account_sid_no_order_is_placed() -> None:
    without = replace(TWILIO, account=replace(ACCOUNT, api_key=None))
    assert without.place_call(ORDER) is None
    assert without.find_recording(RECORDING, None) is None


def test_what_was_placed() -> None:
    assert TWILIO.placed(Response(201, body=json.dumps({"sid": CALL}).encode())) == CALL
    assert TWILIO.placed(Response(201, body=b"<html>")) is None
    said = json.dumps({"code": 21211, "message": f"The 'To' number {CALLER} is not valid"})
    with pytest.raises(Refused) as refused:
        TWILIO.placed(Response(400, body=said.encode()))
    assert str(refused.value) == "Twilio answered 400, error 21211"
    assert refused.value.again_after_s is None
    with pytest.raises(Refused) as refused:
        TWILIO.placed(Response(429, body=b"[]"))
    assert refused.value.again_after_s


def test_a_recording_is_fetched_as_wav() -> None:
    for url in (MEDIA, None, "https://evil.example/x", "http://api.twilio.com/x"):
        found = TWILIO.find_recording(RECORDING, url)
        assert found is not None
        (part,) = found.parts
        assert part.url == f"{MEDIA}.wav"
        assert dict(part.headers)["Authorization"].startswith("Basic ")


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/x",
        "https://api.twilio.com.evil.example/x",
        "https://api.twilio.com@evil.example/x",
        "https://evil.example/api.twilio.com",
        "http://api.twilio.com/x",
        "https://api.twilio.com:8443/x",
        "https://[api.twilio.com/x",
        "ftp://api.twilio.com/x",
    ],
)
def test_credentials_go_to_twilios_own_hosts_only(url: str) -> None:
    assert TWILIO.find_recording("no sid", url) is None


def test_recordings_may_lie_in_a_region() -> None:
    url = MEDIA.replace("api.", "api.dublin.ie1.")
    found = TWILIO.find_recording(RECORDING, url)
    assert found is not None
    assert found.parts[0].url == f"{url}.wav"


@asynccontextmanager
async def scripted_api(heard: list[tuple[str, str, str]]) -> AsyncIterator[str]:
    """Twilio's API as far as we ask it."""

    async def calls(request: web.Request) -> web.Response:
        form = await request.post()
        heard.append((request.path, request.headers["Authorization"], str(form["To"])))
        return web.json_response({"sid": CALL, "status": "queued"}, status=201)

    async def media(request: web.Request) -> web.Response:
        heard.append((request.path, request.headers["Authorization"], ""))
        return web.Response(body=b"RIFF", content_type="audio/x-wav")

    app = web.Application()
    app.router.add_post(f"/2010-04-01/Accounts/{SID}/Calls.json", calls)
    app.router.add_get(f"/2010-04-01/Accounts/{SID}/Recordings/{RECORDING}.wav", media)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{site.port}"
    finally:
        await runner.cleanup()


async def test_orders_and_recordings_through_the_guarded_client() -> None:
    heard: list[tuple[str, str, str]] = []
    async with scripted_api(heard) as base:
        account = replace(ACCOUNT, base_url=base, allow_private=True)
        provider = replace(TWILIO, account=account)
        client, door = Client(), door_of(account, provider)
        try:
            request = provider.place_call(ORDER)
            assert request is not None
            assert provider.placed(await client.send(request, door)) == CALL
            found = provider.find_recording(RECORDING, None)
            assert found is not None
            audio = await client.send(found.parts[0], replace(door, per_minute=None))
            assert (audio.status, audio.body) == (200, b"RIFF")
        finally:
            client.close()
    basic = "Basic " + base64.b64encode(f"{SID}:{TOKEN}".encode()).decode()
    assert [credentials for _, credentials, _ in heard] == [basic, basic]
    assert heard[0][2] == "sip:102@acme.sip.twilio.com"


def test_a_trial_changes_nothing() -> None:
    trial = TWILIO.trial(URL, "t-1")
    assert trial is not None
    signature = dict(trial.request.headers)["X-Twilio-Signature"]
    assert signature
    hook = signed_hook(trial.request.url, trial.request.body, signature=signature)
    TWILIO.verify(hook)
    (found,) = TWILIO.parse(hook)
    assert found.kind == "unknown"
    assert TWILIO.accept(hook).body == trial.answer
    assert replace(TWILIO, secrets=()).trial(URL, "t-1") is None
