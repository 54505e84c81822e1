"""Whatever comes to the front door gets a 4xx or its decision: never a 5xx, never a hang."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace

import pytest
import structlog

from callrouter.domain.decisions import Decision, Reject
from callrouter.domain.events import CallEvent
from tests.webhooks.door import (
    FORM,
    JSON,
    PATIENCE_S,
    RINGING,
    TRUST,
    Door,
    open_door,
    request,
)
from tests.webhooks.examples import ACCOUNT, NEXT_SECRET, SECRET, Memory
from webhooks.provider import Answer, Provider, RawHook, UnreadableHook
from webhooks.providers.pbx import Pbx

ENDED = b'{"event": "ended", "call_id": "c-1", "reason": "completed"}'
BOMB = b'{"event": "ended", "x": ' + b"[" * 60_000


@pytest.fixture
def takes() -> Memory:
    return Memory()


@pytest.fixture
async def door(takes: Memory) -> AsyncIterator[Door]:
    async with open_door(takes) as opened:
        yield opened


def json_of(text: str) -> bytes:
    return request(text.encode("utf-8", "surrogatepass"))


def form_of(text: str | bytes, content_type: str = FORM) -> bytes:
    return request(text if isinstance(text, bytes) else text.encode(), (TRUST, content_type))


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    head = request(b"", (TRUST, JSON, "Transfer-Encoding: chunked"), length=False)
    return head + b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + end


def multipart(body: str, boundary: str = "; boundary=b") -> bytes:
    return request(body.encode(), (TRUST, f"Content-Type: multipart/form-data{boundary}"))


def basic(user_and_password: str) -> str:
    return "Authorization: Basic " + base64.b64encode(user_and_password.encode()).decode()


DECIDED = [
    pytest.param(request(), id="a good ringing"),
    pytest.param(request(target="/webhooks/pbx/main?as=asterisk"), id="asterisk"),
    pytest.param(request(headers=(basic(f"anyone:{SECRET}"), JSON)), id="Basic"),
    pytest.param(request(headers=(basic(f":{NEXT_SECRET}"), JSON)), id="Basic, no user"),
    pytest.param(request(headers=(f"authorization: bearer {SECRET}", JSON)), id="small letters"),
    pytest.param(request(headers=(TRUST, TRUST, JSON)), id="the secret twice, as dialplans do"),
    pytest.param(request(headers=(TRUST,)), id="no content type"),
    pytest.param(
        request(b"event=ringing&call_id=1&caller=&called=", (TRUST,)), id="a form without a type"
    ),
    pytest.param(request(headers=(TRUST, FORM)), id="JSON that says it is a form"),
    pytest.param(request(headers=(TRUST, "Content-Type: text/plain")), id="JSON as plain text"),
    pytest.param(request(headers=(TRUST, "Content-Type: ;;;=")), id="a content type of noise"),
    pytest.param(request(b"\xef\xbb\xbf" + RINGING), id="a byte order mark"),
    pytest.param(chunked(RINGING[:10], RINGING[10:]), id="chunked"),
    pytest.param(request(headers=(TRUST, JSON, "Expect: 100-continue")), id="Expect"),
    pytest.param(request(headers=(TRUST, JSON, "Content-Encoding: identity")), id="identity"),
    pytest.param(
        request(target="http://evil.example/webhooks/pbx/main"), id="an absolute request line"
    ),
    pytest.param(
        request(headers=(TRUST, JSON, "X-Forwarded-For: 1.2.3.4", "X-Forwarded-Host: evil")),
        id="forwarded headers from anybody",
    ),
    pytest.param(request(target="/webhooks/pbx/%6Dain"), id="an encoded path"),
    pytest.param(request(target="/webhooks/pbx/main?steps=one&steps=two"), id="steps twice"),
    pytest.param(request(target="/webhooks/pbx/main?as=klingon"), id="as nobody speaks"),
    pytest.param(request(target="/webhooks/pbx/main?as=json&as=asterisk"), id="as twice"),
    pytest.param(request(target="/webhooks/pbx/main?as=asterisk;steps=one"), id="semicolons"),
    pytest.param(request(target="/webhooks/pbx/main?%ff%00=%ff"), id="bytes in the query"),
    pytest.param(request(target="/webhooks/pbx/main?caller=1"), id="contradicting query"),
    pytest.param(json_of('{"event": "ringing"}'), id="ringing and nothing else"),
    pytest.param(json_of('{"event": "next"}'), id="next and nothing else"),
    pytest.param(json_of('{"event": "ringing", "call_id": ["c"]}'), id="a list for a text"),
    pytest.param(json_of('{"event": "ringing", "call_id": 1e999}'), id="a huge number"),
    pytest.param(json_of('{"event": "ringing", "call_id": NaN}'), id="NaN"),
    pytest.param(json_of('{"event": "ringing", "caller": ' + "9" * 5000 + "}"), id="5 000 digits"),
    pytest.param(json_of('{"event": "ringing", "caller": "\\ud800"}'), id="a lone surrogate"),
    pytest.param(json_of('{"event": "ringing", "caller": "\ud800"}'), id="a raw surrogate"),
    pytest.param(json_of('{"event": "ringing", "call_id": "a\\u0000b"}'), id="NUL"),
    pytest.param(json_of('{"event": "ringing", "call_id": "a\nb"}'), id="a raw line feed"),
    pytest.param(
        json_of('{"event": "ringing", "caller": "1", "caller": "2"}'), id="contradicting keys"
    ),
    pytest.param(
        json_of('{"event": "ringing", "x": ' + "[" * 60_000), id="a deep ringing, cut off"
    ),
    pytest.param(
        json_of('{"event": "ringing", "call_id": "c-1", "name": "ООО "Ромашка"", "called": "1"}'),
        id="a display name with quotes",
    ),
    pytest.param(json_of('{"event": "ringing", "tried": {"a": 1}}'), id="tried in ringing"),
    pytest.param(json_of('{"event": "next", "attempt": -1, "tried": 5}'), id="next with noise"),
    pytest.param(json_of('{"event": "ringing", "at": "tomorrow"}'), id="at tomorrow"),
    pytest.param(json_of('{"event": "ringing", "direction": "up"}'), id="direction up"),
    pytest.param(form_of("event=ringing&call_id=1&caller=&called="), id="a form, withheld"),
    pytest.param(form_of("event=ringing&caller=%D1%84%ff"), id="a form with broken bytes"),
    pytest.param(form_of("event=ringing&caller=1&caller=2"), id="a form with two callers"),
    pytest.param(
        form_of("event=ringing&caller=Иван".encode("cp1251"), FORM + "; charset=windows-1251"),
        id="a form in cp1251",
    ),
    *(
        pytest.param(form_of(RINGING, f"{JSON}; charset={charset}"), id=f"charset {charset}")
        for charset in ("bogus", "hex", "rot13", "utf-7", '"UTF-8"', "", "koi8-r")
    ),
]

REFUSED = [
    pytest.param(request(headers=(JSON,)), 401, id="no secret"),
    pytest.param(request(headers=("Authorization: Bearer wrong", JSON)), 401, id="a wrong one"),
    pytest.param(request(headers=("Authorization: Bearer", JSON)), 401, id="an empty one"),
    pytest.param(request(headers=("Authorization: é", JSON)), 401, id="a scheme é"),
    pytest.param(request(headers=("Authorization: Bearer é", JSON)), 401, id="a secret é"),
    pytest.param(
        request(headers=("Authorization: Bearer \udcff", JSON)), 401, id="a byte for a secret"
    ),
    pytest.param(request(headers=("Authorization: Basic !!!", JSON)), 401, id="no base64"),
    pytest.param(request(headers=(basic(SECRET), JSON)), 401, id="Basic without a colon"),
    pytest.param(request(headers=("Authorization: Digest x", JSON)), 401, id="Digest"),
    pytest.param(
        request(headers=(TRUST, "Authorization: Bearer x", JSON)), 401, id="two Authorizations"
    ),
    pytest.param(request(target="/webhooks/pbx/other"), 401, id="an unknown account"),
    pytest.param(request(target="/webhooks/pbx/%00%ff"), 401, id="an account of bytes"),
    pytest.param(request(target="/webhooks/parrot/main"), 401, id="an unknown provider"),
    pytest.param(request(target="/webhooks/pbx"), 404, id="no account"),
    pytest.param(request(target="/webhooks/pbx/main/more"), 404, id="a longer path"),
    pytest.param(request(target="/webhooks/../webhooks/pbx/"), 404, id="a walking path"),
    pytest.param(request(b"", method="GET", length=False), 405, id="GET"),
    pytest.param(request(b"", method="HEAD", length=False), 405, id="HEAD"),
    pytest.param(request(method="PUT"), 405, id="PUT"),
    pytest.param(request(method="PATCH"), 405, id="PATCH"),
    pytest.param(request(method="DELETE"), 405, id="DELETE"),
    pytest.param(request(b"", method="OPTIONS"), 405, id="OPTIONS"),
    pytest.param(request(b"", method="OPTIONS", target="*"), 404, id="OPTIONS *"),
    pytest.param(request(b"", method="CONNECT", target="a:1", length=False), 404, id="CONNECT"),
    pytest.param(request(method="BREW"), 400, id="BREW"),
    pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, id="HTTP/2 by guess"),
    pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\r\n\r\n", 400, id="TLS"),
    pytest.param(b"\x00\x01\x02\r\n\r\n", 400, id="noise"),
    pytest.param(request(headers=(TRUST, "Content-Length: 5")), 400, id="two Content-Lengths"),
    pytest.param(request(headers=(TRUST, JSON, JSON)), 400, id="two Content-Types"),
    pytest.param(
        request(headers=(TRUST, "Transfer-Encoding: chunked")), 400, id="chunked with a length"
    ),
    pytest.param(
        request(headers=(TRUST, "Content-Length: x"), length=False), 400, id="a length of x"
    ),
    pytest.param(request(headers=(TRUST, "Content-Length: -1"), length=False), 400, id="below 0"),
    pytest.param(request(headers=(TRUST, "X: " + "a" * 9000)), 400, id="a header of 9 kB"),
    pytest.param(request(headers=["X: 1"] * 200), 400, id="200 headers"),
    pytest.param(request(headers=(TRUST, "no colon")), 400, id="a header without a colon"),
    pytest.param(request(headers=(TRUST, "Expect: the spanish")), 417, id="another Expect"),
    pytest.param(request(target="/webhooks/pbx/main?" + "a" * 9000), 400, id="a line of 9 kB"),
    pytest.param(request(target="/webhooks/pbx/main?" + "a" * 3000), 413, id="a query of 3 kB"),
    pytest.param(request(target="/webhooks/pbx/main?" + "a&" * 300), 413, id="300 in the query"),
    pytest.param(chunked(b"{", end=b"zz\r\n"), 400, id="a bad chunk size"),
    pytest.param(request(b"x" * 70_000), 413, id="70 kB"),
    pytest.param(
        request(b"", (TRUST, "Content-Length: 99999999999999999999"), length=False),
        400,
        id="a length of 10^20",
    ),
    pytest.param(
        request(b"", (TRUST, "Content-Length: 999999999999"), length=False),
        413,
        id="a length of 10^12",
    ),
    pytest.param(chunked(*[b"x" * 30_000] * 5), 413, id="150 kB in chunks"),
    pytest.param(
        request(gzip.compress(RINGING), (TRUST, JSON, "Content-Encoding: gzip")), 415, id="gzip"
    ),
    pytest.param(
        request(b"not it", (TRUST, JSON, "Content-Encoding: gzip")), 415, id="gzip that is none"
    ),
    pytest.param(
        request(gzip.compress(b"\0" * 50_000_000), (TRUST, JSON, "Content-Encoding: gzip")),
        415,
        id="a gzip bomb",
    ),
    pytest.param(request(headers=(TRUST, JSON, "Content-Encoding: gzip, br")), 415, id="gzip, br"),
    pytest.param(form_of("&".join(f"p{n}=1" for n in range(10_000))), 413, id="10 000 parameters"),
    pytest.param(
        json_of(json.dumps({f"p{n}": 1 for n in range(4_000)})), 413, id="4 000 JSON keys"
    ),
    pytest.param(json_of(""), 400, id="nothing"),
    pytest.param(json_of("nonsense"), 400, id="no JSON"),
    pytest.param(json_of('{"event": "ended"'), 400, id="JSON cut off"),
    pytest.param(json_of("[]"), 400, id="a list"),
    pytest.param(json_of('"ringing"'), 400, id="a text"),
    pytest.param(json_of("null"), 400, id="null"),
    pytest.param(request(BOMB), 400, id="60 000 brackets"),
    pytest.param(request(b"[" * 60_000), 400, id="60 000 brackets alone"),
    pytest.param(request(b"\xff\xfe" + RINGING.decode().encode("utf-16-le")), 400, id="UTF-16"),
    pytest.param(json_of("{}"), 400, id="no event"),
    pytest.param(json_of('{"event": []}'), 400, id="a list for an event"),
    pytest.param(json_of('{"event": null}'), 400, id="null for an event"),
    pytest.param(json_of('{"event": "ended", "event": "ringing"}'), 400, id="two events"),
    pytest.param(json_of('{"event": "ended"}'), 400, id="ended of no call"),
    pytest.param(json_of('{"event": "ended", "call_id": "\\ud800"}'), 400, id="a surrogate for id"),
    pytest.param(
        json_of('{"event": "ended", "call_id": "1", "duration_s": NaN}'), 400, id="NaN seconds"
    ),
    pytest.param(
        json_of('{"event": "ended", "call_id": "1", "duration_s": -5}'), 400, id="minus 5 seconds"
    ),
    pytest.param(json_of('{"event": "device", "target": "101"}'), 400, id="a device of no state"),
    pytest.param(form_of(""), 400, id="an empty form"),
    pytest.param(form_of("&&&==;%"), 400, id="a form of noise"),
    pytest.param(form_of("event=ended&call_id=1&call_id=2"), 400, id="a form with two calls"),
    pytest.param(
        request(ENDED, target="/webhooks/pbx/main?call_id=c-2"), 400, id="another call in the query"
    ),
    pytest.param(request(ENDED, target="/webhooks/pbx/main?as=klingon"), 400, id="ended, as ..."),
    pytest.param(multipart("--b\r\n", boundary=""), 400, id="multipart without boundary"),
    pytest.param(multipart("--b\r\nContent-Disposition: form-data"), 400, id="multipart cut off"),
    pytest.param(multipart("--b\r\n\r\nx\r\n--b--"), 400, id="multipart without a name"),
    pytest.param(multipart("", boundary="; boundary="), 400, id="multipart of nothing"),
]


@pytest.mark.parametrize("raw", DECIDED)
async def test_a_ringing_call_gets_its_decision(door: Door, raw: bytes) -> None:
    heard = await door.knock(raw)
    assert b"connect" in heard.body
    assert b" 200 OK" in heard.answer
    assert heard.took_s < PATIENCE_S


@pytest.mark.parametrize(("raw", "status"), REFUSED)
async def test_what_is_odd_gets_a_4xx_in_time(
    door: Door, takes: Memory, raw: bytes, status: int
) -> None:
    heard = await door.knock(raw)
    assert (heard.status, takes.taken) == (status, [])
    assert heard.took_s < PATIENCE_S


async def test_what_cannot_be_read_names_its_field_and_is_kept(door: Door, takes: Memory) -> None:
    heard = await door.knock(json_of('{"event": "ended", "call_id": "1", "duration_s": "long"}'))
    assert json.loads(heard.body) == {"error": "is not a number of seconds", "field": "duration_s"}
    assert [trouble.field for trouble in takes.troubles] == ["duration_s"]


async def test_an_unreadable_ringing_is_answered_and_kept(door: Door, takes: Memory) -> None:
    heard = await door.knock(json_of('{"event": "ringing", "call_id": "1", "caller": [1]}'))
    assert json.loads(heard.body)["decision"] == "connect"
    assert [trouble.field for trouble in takes.troubles] == ["called"]
    assert takes.taken[0].caller is None


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        pytest.param(request(headers=()), "no Authorization header", id="no header"),
        pytest.param(
            request(headers=("Authorization: Bearer x",)), "wrong secret (Bearer)", id="Bearer"
        ),
        pytest.param(request(headers=(basic("a:b"),)), "wrong secret (Basic)", id="Basic"),
        pytest.param(request(target="/webhooks/pbx/x"), "unknown account", id="account"),
        pytest.param(request(target="/webhooks/x/main"), "unknown provider", id="provider"),
        pytest.param(request(b"x" * 70_000), "a body may have 65536 bytes", id="size"),
        pytest.param(request(method="PUT"), "hooks are sent by POST", id="method"),
    ],
)
async def test_an_engineer_learns_why_a_hook_was_refused(
    door: Door, takes: Memory, raw: bytes, reason: str
) -> None:
    await door.knock(raw)
    assert takes.refused == [reason]


async def test_outside_an_unknown_account_looks_like_a_wrong_secret(door: Door) -> None:
    unknown = await door.knock(request(target="/webhooks/pbx/other"))
    wrong = await door.knock(request(headers=("Authorization: Bearer x",)))
    assert unknown.body == wrong.body


async def test_both_secrets_are_good_while_one_is_rotated(door: Door) -> None:
    for secret in (SECRET, NEXT_SECRET):
        heard = await door.knock(request(headers=(f"Authorization: Bearer {secret}",)))
        assert heard.status == 200


async def test_an_account_without_a_secret_trusts_nobody(takes: Memory) -> None:
    takes.account = replace(ACCOUNT, secret=())
    async with open_door(takes) as door:
        for header in ("Authorization: Bearer ", "Authorization: Basic Og==", TRUST):
            assert (await door.knock(request(headers=(header,)))).status == 401


async def test_a_repeat_gets_the_same_bytes(door: Door, takes: Memory) -> None:
    first = await door.knock(request())
    takes.decision = Reject("01JABC", "blocked")
    assert (await door.knock(request())).body == first.body


@pytest.mark.parametrize(
    "target",
    [
        "/webhooks/pbx/main?as=json&x=%2f%41",
        "https://evil.example:99/webhooks/pbx/main?as=json&x=%2f%41",
    ],
    ids=["a path", "an absolute line"],
)
async def test_the_address_is_the_public_one_as_sent(
    door: Door, takes: Memory, target: str
) -> None:
    await door.knock(request(target=target, headers=(TRUST, "X-Forwarded-Host: evil.example")))
    assert takes.hooks[0].url == "https://crm.example/webhooks/pbx/main?as=json&x=%2f%41"
    assert takes.hooks[0].query == "as=json&x=%2f%41"


async def test_ten_requests_on_one_connection_get_ten_answers(door: Door) -> None:
    raw = request().replace(b"Connection: close\r\n", b"")
    heard = await door.knock(raw * 10)
    assert heard.answer.count(b"HTTP/1.1 200 OK") == 10


class TestBlind:
    """Started without base and snapshot: trust cannot be checked, so nothing is kept."""

    @pytest.fixture
    def takes(self) -> Memory:
        return Memory(blind=True)

    @pytest.mark.parametrize(
        "raw",
        [
            pytest.param(request(headers=()), id="ringing without a secret"),
            pytest.param(request(target="/webhooks/pbx/anybody"), id="any account"),
            pytest.param(request(ENDED), id="ended"),
            pytest.param(json_of('{"event": "ringing", "caller": []}'), id="unreadable ringing"),
        ],
    )
    async def test_every_readable_hook_is_left_to_the_pbx(
        self, door: Door, takes: Memory, raw: bytes
    ) -> None:
        assert (await door.knock(raw)).body == b'{"decision": "none"}'
        assert (takes.taken, takes.troubles) == ([], [])

    async def test_in_its_dialect(self, door: Door) -> None:
        heard = await door.knock(request(target="/webhooks/pbx/main?as=asterisk"))
        assert heard.body == b"decision=none"

    async def test_others_are_refused(self, door: Door, takes: Memory) -> None:
        assert (await door.knock(json_of("[]"))).status == 400
        assert takes.troubles == []


@dataclass
class Broken(Memory):
    """Fails in one place, as a bug of ours would."""

    at: str = "take"

    def provider(self, name: str, account: str) -> Provider | None:
        if self.at == "provider":
            raise LookupError("bug")
        return super().provider(name, account)

    async def take(
        self,
        hook: RawHook,
        provider: Provider,
        events: Sequence[CallEvent],
        *,
        trouble: UnreadableHook | None = None,
    ) -> Answer:
        if self.at == "take":
            raise TimeoutError("bug")
        return await super().take(hook, provider, events, trouble=trouble)

    async def refuse(self, hook: RawHook, reason: str) -> None:
        raise OSError(f"no room for {hook.account}: {reason}")


@pytest.mark.parametrize(
    ("at", "raw", "status", "body"),
    [
        pytest.param("take", request(), 200, b'{"decision": "none"}', id="a call goes on"),
        pytest.param(
            "take",
            request(target="/webhooks/pbx/main?as=asterisk"),
            200,
            b"decision=none",
            id="in its dialect",
        ),
        pytest.param(
            "take", request(ENDED), 503, b'{"error":"not kept, send it again"}', id="no false 200"
        ),
        pytest.param(
            "take",
            json_of("[]"),
            400,
            b'{"error": "is not a JSON object", "field": "body"}',
            id="an unreadable one stays unreadable",
        ),
    ],
)
async def test_a_bug_of_ours_is_not_heard_by_a_caller(
    at: str, raw: bytes, status: int, body: bytes
) -> None:
    with structlog.testing.capture_logs() as lines:
        async with open_door(Broken(at=at)) as door:
            heard = await door.knock(raw)
    assert any(line["log_level"] == "error" for line in lines)
    assert (heard.status, heard.body) == (status, body)


@pytest.mark.parametrize("raw", [request(), request(target="/webhooks/pbx/x")])
async def test_a_bug_before_trust_trusts_nobody(raw: bytes) -> None:
    with structlog.testing.capture_logs() as lines:
        async with open_door(Broken(at="provider")) as door:
            assert (await door.knock(raw)).status == 401
    assert any(line["log_level"] == "error" for line in lines)


class BrokenPbx(Pbx):
    """Its reader and its writer fail."""

    def parse(self, hook: RawHook) -> Sequence[CallEvent]:
        raise RecursionError(f"bug at {hook.url}")

    def answer(self, decision: Decision, hook: RawHook, *, step: int = 0) -> Answer:
        raise RecursionError(f"bug at {hook.url}: {decision}, {step}")


@dataclass
class HasBrokenPbx(Memory):
    def provider(self, name: str, account: str) -> Provider | None:
        known = (name, account) == ("pbx", self.account.key)
        return BrokenPbx(self.account, (SECRET.encode(),)) if known else None


async def test_a_provider_that_fails_twice_leaves_the_call_to_the_pbx() -> None:
    takes = HasBrokenPbx()
    with structlog.testing.capture_logs():
        async with open_door(takes) as door:
            heard = await door.knock(request())
    assert (heard.status, heard.body) == (200, b'{"decision": "none"}')
    assert [trouble.field for trouble in takes.troubles] == ["body"]
    assert takes.hooks[0].body == RINGING


async def test_one_line_per_hook_without_phones(door: Door) -> None:
    with structlog.testing.capture_logs() as lines:
        await door.knock(request())
        await door.knock(request(headers=("Authorization: Bearer x",)))
        await door.knock(json_of('{"event": "ended", "call_id": "+79161234567", "at": "+7916123"}'))
    for line in lines:
        assert line.pop("duration_ms") >= 0
    common = {"event": "webhook", "log_level": "info", "provider": "pbx", "account": "main"}
    assert lines == [
        common | {"kind": "ringing", "call": "01JABC", "decision": "connect", "status": 200},
        common | {"refused": "wrong secret (Bearer)", "status": 401},
        common | {"kind": "ended", "trouble": "at", "status": 200},
    ]


async def test_a_caller_who_hangs_up_early_does_not_undo_what_is_kept(takes: Memory) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    @dataclass
    class Slow(Memory):
        async def take(
            self,
            hook: RawHook,
            provider: Provider,
            events: Sequence[CallEvent],
            *,
            trouble: UnreadableHook | None = None,
        ) -> Answer:
            begun.set()
            await go_on.wait()
            return await super().take(hook, provider, events, trouble=trouble)

    slow = Slow()
    async with open_door(slow) as door:
        _reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
        writer.write(request())
        await begun.wait()
        writer.transport.abort()
        await asyncio.sleep(0.05)
        go_on.set()
        await asyncio.sleep(0.05)
    assert len(slow.taken) == 1
