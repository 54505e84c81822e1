"""Trust of the generic PBX: what is forged is refused, what is sent again does nothing."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import random
import re
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo
from itertools import pairwise
from pathlib import Path
from typing import Self

import aiohttp
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from standardwebhooks import webhooks as oracle

import webhooks.providers
from callrouter.app import create_app, serving
from callrouter.domain.events import CallEvent
from callrouter.flows.apply import apply
from callrouter.seal import Seal
from callrouter.settings import Settings
from storage import tables
from storage.database import open_database
from tests.running import LAST_RESORT, LINE, House, rows
from tests.webhooks.examples import ACCOUNT, ARRIVED, PLAN, SECRET, hook
from tests.webhooks.forging import mutate
from tests.webhooks.readers import hear_asterisk, hear_freeswitch, hear_json, hear_rtjson
from webhooks.provider import Answer, ForgedHook, RawHook, UnreadableHook
from webhooks.providers.pbx import Pbx
from webhooks.signed import signing_key

ENCODED = "whsec_" + base64.b64encode(bytes(range(24))).decode()
PBX = Pbx(ACCOUNT, (SECRET.encode(), ENCODED.encode()))
NOW = int(ARRIVED.timestamp())
BODY = '{"event": "ringing", "call_id": "c-1", "caller": "+79161234567", "called": "+74951230001"}'
FORGERIES = 10_000


class Noon(datetime):
    """The moment at which the hooks of these tests arrive."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        return cls.fromtimestamp(ARRIVED.timestamp(), tz)


@pytest.fixture(autouse=True, scope="module")
def noon() -> Iterator[None]:
    """The oracle takes its own time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(oracle, "datetime", Noon)
        yield


@dataclass(frozen=True)
class Sent:
    """A request as it may come: the headers are texts, the body bytes."""

    webhook_id: str
    timestamp: str
    signature: str
    body: bytes
    authorization: str | None = None
    more: tuple[tuple[str, str], ...] = ()

    @property
    def hook(self) -> RawHook:
        start = hook(self.body, authorization=self.authorization)
        own = {
            "webhook-id": self.webhook_id,
            "webhook-timestamp": self.timestamp,
            "webhook-signature": self.signature,
        }
        return replace(start, headers=(*start.headers, *own.items(), *self.more))


def sign(
    body: str | bytes = BODY,
    *,
    secret: str = SECRET,
    webhook_id: str = "msg_1",
    at: int = NOW,
) -> Sent:
    """As the standard says it, by the oracle's own HMAC."""
    body = body.encode() if isinstance(body, str) else body
    signed = f"{webhook_id}.{at}.".encode("utf-8", "surrogatepass") + body
    mac = base64.b64encode(oracle.hmac_data(signing_key(secret.encode()), signed)).decode()
    return Sent(webhook_id, str(at), f"v1,{mac}", body)


def mutated(sent: Sent, header: str, chance: random.Random) -> Sent:
    match header:
        case "webhook_id":
            return replace(sent, webhook_id=mutate(sent.webhook_id, chance))
        case "timestamp":
            return replace(sent, timestamp=mutate(sent.timestamp, chance))
        case _:
            return replace(sent, signature=mutate(sent.signature, chance))


def refused(sent: RawHook) -> str:
    """Why it is; empty: it is taken."""
    try:
        PBX.verify(sent)
    except ForgedHook as why:
        return str(why)
    return ""


def read(sent: RawHook) -> tuple[CallEvent, ...]:
    """Its events, though the query may ask for a dialect that there is not."""
    try:
        return tuple(PBX.parse(sent))
    except UnreadableHook as trouble:
        return trouble.events


def the_oracle_takes(sent: Sent, secret: str) -> bool:
    """It raises what it likes where it does not."""
    headers = {
        "webhook-id": sent.webhook_id,
        "webhook-timestamp": sent.timestamp,
        "webhook-signature": sent.signature,
    }
    verifier = oracle.Webhook(secret if secret.startswith("whsec_") else secret.encode())
    try:
        verifier.verify(sent.body, headers, json_parse=False)
    except Exception:  # noqa: BLE001  ValueError, binascii.Error and others besides its own
        return False
    return True


STRICTER: dict[str, Callable[[Sent], bool]] = {
    "an id with a full stop, which could end elsewhere": lambda it: "." in it.webhook_id,
    "an id with a space, longer than 200, or not of printable ASCII": lambda it: (
        not re.fullmatch(r"[\x21-\x7e]{1,200}", it.webhook_id)
    ),
    "a time that is not spelt as it was signed": lambda it: (
        not it.timestamp.isascii() or str(int(float(it.timestamp))) != it.timestamp
    ),
    "a signature of another length, or with signs that are not of base64": lambda it: any(
        part.startswith("v1,") and not re.fullmatch(r"v1,[A-Za-z0-9+/]{43}=", part)
        for part in it.signature.split(" ")
    ),
    "a signature that is spelt otherwise, with bits beyond its end": lambda it: any(
        base64.b64encode(base64.b64decode(part[3:] + "==")).decode() != part[3:]
        for part in it.signature.split(" ")
        if part.startswith("v1,")
    ),
    "a list with anything broken in it, even behind what is right": lambda it: (
        not all(re.fullmatch(r"[!-~]{1,10},[!-~]{1,200}", one) for one in it.signature.split(" "))
        or any(one.count(",") != 1 for one in it.signature.split(" "))
    ),
}
"""Where we refuse what the oracle takes. We also read headers sent twice, and Authorization."""

GOOD = sign()
_V1 = GOOD.signature.removeprefix("v1,")


class TestTheOracle:
    @given(st.data())
    @settings(max_examples=300)
    def test_agrees_except_where_we_are_stricter(self, data: st.DataObject) -> None:
        secret = data.draw(st.sampled_from([SECRET, ENCODED]))
        chance = random.Random(data.draw(st.integers(0, 2**32)))
        ids = st.from_regex(r"[A-Za-z0-9_:-]{1,40}", fullmatch=True) | st.text(max_size=20)
        at = NOW + data.draw(st.sampled_from([0, 299, 300, 301, -300, -301]) | st.integers())
        sent = sign(
            data.draw(st.text(max_size=40) | st.just(BODY)),
            secret=secret,
            webhook_id=data.draw(ids),
            at=at,
        )
        which = data.draw(st.sampled_from(["", "", "webhook_id", "timestamp", "signature"]))
        sent = mutated(sent, which, chance) if which else sent
        beside = data.draw(
            st.sampled_from(["", "", "v1a,x", "v2,x", f"v1,{'A' * 43}=", "x", "v1,"])
        )
        if beside:
            both = [beside, sent.signature]
            sent = replace(sent, signature=" ".join(data.draw(st.permutations(both))))
        ours, theirs = not refused(sent.hook), the_oracle_takes(sent, secret)
        if ours != theirs:
            assert theirs, sent
            assert [name for name, it_is in STRICTER.items() if it_is(sent)], sent

    @given(secret=st.binary(min_size=1, max_size=64), body=st.text(max_size=80))
    @settings(max_examples=200)
    def test_reads_the_same_key_in_a_secret(self, secret: bytes, body: str) -> None:
        padded = "whsec_" + base64.b64encode(secret).decode()
        for text in (padded, padded.rstrip("=")):
            mac = oracle.Webhook(text).sign("m", ARRIVED, body)
            Pbx(ACCOUNT, (text.encode(),)).verify(Sent("m", str(NOW), mac, body.encode()).hook)

    @pytest.mark.parametrize(
        ("sent", "why"),
        [
            pytest.param(sign(webhook_id="1710241500.17"), "webhook-id", id="a full stop"),
            pytest.param(sign(webhook_id="msg 1"), "webhook-id", id="a space"),
            pytest.param(sign(webhook_id="сообщение"), "webhook-id", id="not ASCII"),
            pytest.param(sign(webhook_id="m" * 201), "webhook-id", id="a long id"),
            pytest.param(replace(GOOD, timestamp=f"{NOW}.7"), "webhook-timestamp", id="a float"),
            pytest.param(replace(GOOD, timestamp=f"0{NOW}"), "webhook-timestamp", id="a zero"),
            pytest.param(replace(GOOD, timestamp=f"+{NOW}"), "webhook-timestamp", id="a plus"),
            pytest.param(
                replace(GOOD, signature=f"v1,!{_V1}"), "webhook-signature", id="no base64"
            ),
            pytest.param(
                replace(GOOD, signature=f"{GOOD.signature} x"),
                "webhook-signature",
                id="a broken one",
            ),
            pytest.param(
                replace(GOOD, signature=f"{GOOD.signature} "),
                "webhook-signature",
                id="an empty one",
            ),
            pytest.param(
                replace(GOOD, signature=f"{GOOD.signature} v1,x"),
                "webhook-signature",
                id="no length",
            ),
        ],
    )
    def test_is_less_strict_here(self, sent: Sent, why: str) -> None:
        assert why in refused(sent.hook)
        assert the_oracle_takes(sent, SECRET)
        assert any(it_is(sent) for it_is in STRICTER.values())

    def test_bits_beyond_the_end_are_not_compared_by_it(self) -> None:
        letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
        last = letters[letters.index(_V1[-2]) ^ 1]
        sent = replace(GOOD, signature=f"v1,{_V1[:-2]}{last}=")
        assert the_oracle_takes(sent, SECRET)
        assert refused(sent.hook) == "wrong signature"

    def test_takes_a_secret_that_is_no_base64_for_one(self) -> None:
        sent = replace(GOOD, signature=oracle.Webhook("whsec_!AAAA").sign("msg_1", ARRIVED, BODY))
        assert the_oracle_takes(sent, "whsec_!AAAA")
        with pytest.raises(ForgedHook, match="no key"):
            Pbx(ACCOUNT, (b"whsec_!AAAA",)).verify(sent.hook)

    def test_cannot_read_what_is_not_utf_8_but_bytes_are_signed(self) -> None:
        sent = sign(b'{"event": "ended", "call_id": "\xff"}')
        assert not the_oracle_takes(sent, SECRET)
        assert not refused(sent.hook)

    def test_knows_no_header_that_is_sent_twice(self) -> None:
        for name, value in (
            ("webhook-id", "msg_2"),
            ("webhook-timestamp", str(NOW - 1)),
            ("webhook-signature", f"v1,{'A' * 43}="),
        ):
            assert f"several {name}" in refused(replace(GOOD, more=((name, value),)).hook)
        same = replace(GOOD, more=(("webhook-id", "msg_1"), ("webhook-timestamp", str(NOW))))
        assert not refused(same.hook)


class TestTrust:
    @pytest.mark.parametrize("secret", [SECRET, ENCODED])
    def test_either_secret_signs(self, secret: str) -> None:
        assert not refused(sign(secret=secret).hook)

    def test_a_rotating_sender_signs_with_both(self) -> None:
        old = sign(secret="the-secret-before")
        both = f"{old.signature} {sign().signature} v1a,x"
        assert refused(old.hook) == "wrong signature"
        assert not refused(replace(old, signature=both).hook)

    @pytest.mark.parametrize(
        ("authorization", "why"),
        [
            pytest.param(f"Bearer {SECRET}", "", id="right"),
            pytest.param("Bearer guessed", "wrong secret (Bearer)", id="wrong"),
            pytest.param("", "Authorization is neither Bearer nor Basic", id="empty"),
            pytest.param("Digest x", "Authorization is neither Bearer nor Basic", id="another"),
        ],
    )
    def test_whatever_comes_beside_a_signature_must_be_right(
        self, authorization: str, why: str
    ) -> None:
        assert refused(replace(GOOD, authorization=authorization).hook) == why

    def test_a_wrong_signature_is_not_mended_by_a_secret(self) -> None:
        wrong = replace(GOOD, signature=f"v1,{'A' * 43}=", authorization=f"Bearer {SECRET}")
        assert refused(wrong.hook) == "wrong signature"

    def test_an_id_without_a_signature_says_nothing(self) -> None:
        start = hook(BODY)
        named = replace(start, headers=(*start.headers, ("webhook-id", "msg_1")))
        assert not refused(named)
        assert PBX.parse(named) == PBX.parse(start)

    @pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp"])
    def test_what_is_missing_is_named(self, name: str) -> None:
        headers = tuple(pair for pair in GOOD.hook.headers if pair[0] != name)
        assert refused(replace(GOOD.hook, headers=headers)) == f"no {name} header"

    @pytest.mark.parametrize("way", [-1, 1], ids=["old", "of the future"])
    def test_what_is_too_far_from_our_clock_is_not_taken(self, way: int) -> None:
        assert "300 s" in refused(sign(at=NOW + 301 * way).hook)
        assert not refused(sign(at=NOW + 300 * way).hook)

    @given(
        name=st.sampled_from(["webhook-id", "webhook-timestamp", "webhook-signature"]),
        text=st.text(st.characters(exclude_categories=())),
    )
    @example("webhook-signature", "v1,\ud800")
    @example("webhook-timestamp", "١٧٧٣٣١٣٥٠٠")
    @example("webhook-id", "\udcff")
    @settings(max_examples=500)
    def test_any_other_text_is_refused_and_never_a_bug(self, name: str, text: str) -> None:
        start = GOOD.hook
        headers = tuple((key, text if key == name else value) for key, value in start.headers)
        if headers != start.headers:
            assert refused(replace(start, headers=headers))

    def test_no_secret_stands_in_what_is_said(self) -> None:
        for sent in (sign(secret="other-secret"), replace(GOOD, timestamp=SECRET)):
            assert SECRET not in refused(sent.hook)
            assert "other-secret" not in refused(sent.hook)


README = Path(webhooks.providers.__file__).with_name("README.md")
_CURL = """
curl() {
  shift
  for word in "$@"; do printf '%s\\0' "$word"; done
}
"""


def test_the_example_signs_as_it_should() -> None:
    """The README's own lines, with a curl that says what it was to send."""
    example = README.read_text().partition("### Signed hooks")[2].partition("```sh\n")[2]
    script = _CURL + example.partition("```")[0]
    done = subprocess.run(
        ["sh", "-euc", script],
        env={**os.environ, "PBX_SECRET": SECRET},
        capture_output=True,
        check=True,
    )
    words = done.stdout.decode().split("\0")
    pairs = [one.split(": ", 1) for flag, one in pairwise(words) if flag == "-H"]
    sent = replace(
        hook(words[words.index("--data-binary") + 1], authorization=None),
        headers=tuple((name, value) for name, value in pairs),
        arrived=datetime.now(UTC),
    )
    assert refused(sent) == ""
    (event,) = PBX.parse(sent)
    assert (event.kind, event.key) == ("ended", f"webhook:{sent.header('webhook-id')}")


class TestForgeries:
    def test_of_whatever_is_signed(self) -> None:
        chance = random.Random(4)
        parts = ("secret", "webhook_id", "timestamp", "signature", "body")
        for n in range(FORGERIES):
            part = parts[n % len(parts)]
            secret = chance.choice([SECRET, ENCODED])
            good = sign(secret=secret)
            if part == "secret":
                forged = sign(secret=mutate(secret, chance))
            elif part == "body":
                forged = replace(good, body=mutate(BODY, chance).encode())
            else:
                forged = mutated(good, part, chance)
            assert refused(forged.hook), forged

    def test_of_a_secret_that_is_sent(self) -> None:
        """Spaces around a header's value are no part of it."""
        chance = random.Random(5)
        for n in range(FORGERIES):
            secret = chance.choice([SECRET, ENCODED])
            if n % 3 == 0:
                forged = mutate(secret, chance)
                if forged.strip() != secret:
                    assert refused(hook(BODY, authorization=f"Bearer {forged}")), forged
            elif n % 3 == 1:
                forged = mutate(secret, chance)
                text = base64.b64encode(f"pbx:{forged}".encode()).decode()
                assert refused(hook(BODY, authorization=f"Basic {text}")), forged
            else:
                text = mutate(base64.b64encode(f"pbx:{secret}".encode()).decode(), chance)
                if not _holds(text, secret):
                    assert refused(hook(BODY, authorization=f"Basic {text}")), text

    def test_of_a_scheme(self) -> None:
        chance = random.Random(6)
        for _ in range(1000):
            scheme = mutate("Bearer", chance)
            if scheme.strip().lower() != "bearer":
                assert refused(hook(BODY, authorization=f"{scheme} {SECRET}")), scheme

    def test_what_is_not_signed_changes_nothing_but_how_the_answer_is_said(self) -> None:
        """Nobody else is called, nothing else is rung."""
        chance = random.Random(7)
        pbx = Pbx(replace(ACCOUNT, dial_inside="{dial}", dial_outside="{dial}"), PBX.secrets)
        plan = rung(pbx.answer(PLAN, GOOD.hook))
        expected = read(GOOD.hook)
        for _ in range(2000):
            query = mutate(chance.choice(QUERIES), chance)
            header = mutate(chance.choice(HEADERS), chance)
            name, _, value = header.partition(":")
            if name.lower() in {"webhook-id", "webhook-timestamp", "webhook-signature"}:
                continue
            changed = replace(GOOD, more=((name.lower(), value),)).hook
            changed = replace(changed, query=query, url=f"{changed.url}?{query}", peer="192.0.2.9")
            # Another content type comes before the sender's own.
            changed = replace(changed, headers=changed.headers[::-1])
            assert not refused(changed)
            assert read(changed) == expected, query
            assert rung(pbx.answer(PLAN, changed)) <= plan, query

    @pytest.mark.parametrize("query", ["as=freeswitch", "as=rtjson", "event=reset"])
    def test_nor_does_it_make_another_event_of_an_unreadable_one(self, query: str) -> None:
        nothing = sign("Unique-ID=1&section=dialplan&Hunt-Destination-Number=101").hook
        with pytest.raises(UnreadableHook) as trouble:
            PBX.parse(replace(nothing, query=query))
        assert (trouble.value.field, trouble.value.events) == ("event", ())


def _holds(credentials: str, secret: str) -> bool:
    """Tell whether these are other credentials, or another spelling of them, with the secret."""
    try:
        return base64.b64decode(credentials).partition(b":")[2] == secret.encode()
    except ValueError:
        return False


QUERIES = (
    "as=json",
    "as=asterisk",
    "as=rtjson",
    "as=freeswitch",
    "steps=one",
    "as=asterisk&steps=one",
    "caller=%2B79990000000&called=900",
    "event=reset",
    "call_id=c-2&event_id=7",
    "section=directory",
    "&".join(f"p{n}=1" for n in range(300)),
)
HEADERS = (
    "content-type: application/x-www-form-urlencoded",
    "content-type: multipart/form-data; boundary=x",
    "content-type: application/json; charset=koi8-r",
    "user-agent: freeswitch-xml/1.0",
    "x-forwarded-for: 203.0.113.7",
    "x-http-method-override: DELETE",
    "host: evil.example",
)


def rung(answer: Answer) -> set[str]:
    """Every phone that an answer names, in whichever dialect."""
    if answer.content_type.startswith("text/xml"):
        heard = hear_freeswitch(answer)
    elif answer.content_type != "application/json":
        heard = hear_asterisk(answer)
    else:
        heard = hear_rtjson(answer) if b'"version"' in answer.body else hear_json(answer)
    rings = (*heard.rings, *([heard.last] if heard.last else []))
    return {dial for ring in rings for dial in ring.dials}


# On a running server

OLD, NEW = "secret-of-this-year", "whsec_" + base64.b64encode(bytes(range(30))).decode()
COMPANY = f"""
[company]
name = "Ромашка"
duty = "anna"
[[account]]
key = "main"
secret = SECRET
default_line = "{LINE}"
[[manager]]
key = "anna"
name = "Анна"
dial = "101"
[[line]]
number = "{LINE}"
last_resort = "{LAST_RESORT}"
"""


def company(*secrets: str) -> str:
    return COMPANY.replace("SECRET", json.dumps(secrets))


def headers_of(sent: Sent) -> dict[str, str]:
    return {
        "webhook-id": sent.webhook_id,
        "webhook-timestamp": sent.timestamp,
        "webhook-signature": sent.signature,
    }


@asynccontextmanager
async def served(database_url: str, folder: Path) -> AsyncIterator[aiohttp.ClientSession]:
    base = open_database(database_url)
    seal = Seal("k" * 32)
    await base.write(apply, company(SECRET), seal=seal, now=datetime.now(UTC))
    await base.close()
    made = create_app(Settings(data_dir=folder, database_url=database_url, secret_key="k" * 32))
    async with (
        serving(made, "127.0.0.1", 0) as port,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http,
    ):
        yield http


async def kept(database_url: str) -> dict[str, int]:
    """How many rows of everything, but of what only tells of hooks: that they came, were refused,
    or differ from what came under the same key. Jobs are also asked for by the clock.
    """
    found = {}
    for table in tables.metadata.sorted_tables:
        if table.name not in {"refused", "quarantine", "notice", "batch", "counter", "job"}:
            ((count,),) = await rows(database_url, f'SELECT count(*) FROM "{table.name}"')  # noqa: S608
            found[table.name] = count
    return found


async def test_a_replay_has_no_second_effect(database_url: str, tmp_path: Path) -> None:
    """Signed requests without an `event_id`: sent again as they were, with another query, or by
    the sender himself, who signs anew under the same id.
    """
    now = int(time.time())
    call = {"call_id": "c-1", "caller": "+79161234567", "called": LINE}
    events = [
        {"event": "ringing", **call},
        {"event": "answered", **call, "target": "101"},
        {"event": "ended", **call, "duration_s": 30},
        {"event": "reset"},
        {"event": "presence", "target": "101", "state": "pause"},
        {"event": "ringing", **call, "call_id": "c-2"},
    ]
    sent = [sign(json.dumps(one), webhook_id=f"msg_{n}", at=now) for n, one in enumerate(events)]
    async with served(database_url, tmp_path) as http:

        async def post(one: Sent, query: str = "", **headers: str) -> tuple[int, bytes]:
            async with http.post(
                f"/webhooks/pbx/main{query}", data=one.body, headers=headers_of(one) | headers
            ) as response:
                return response.status, await response.read()

        told = [await post(one) for one in sent]
        assert {status for status, _ in told} == {200}
        assert json.loads(told[0][1])["steps"][0]["targets"][0]["manager"] == "anna"
        before = await kept(database_url)
        assert (before["event"], before["contact"], before["call"]) == (len(events), 1, 2)
        for n, one in enumerate(sent):
            assert await post(one) == told[n]
            assert await post(one, "?caller=900&event=reset") == told[n]
            assert await post(one, "?steps=one&as=asterisk") == told[n]
            assert await post(one, **{"Content-Type": "text/plain; charset=koi8-r"}) == told[n]
            anew = sign(one.body, webhook_id=one.webhook_id, at=now + 1)
            assert await post(anew) == told[n]
        assert await kept(database_url) == before
        assert (await post(replace(sent[0], webhook_id="msg_x")))[0] == 401
        assert (await post(sign(sent[0].body, at=now - 400)))[0] == 401
        assert await kept(database_url) == before


@dataclass
class Sender:
    """One way of trust, with the secret that this sender knows now."""

    way: str
    secret: str = OLD
    statuses: list[int] = field(default_factory=list)

    def headers(self, body: str, webhook_id: str) -> dict[str, str]:
        match self.way:
            case "bearer":
                return {"Authorization": f"Bearer {self.secret}"}
            case "basic":
                pair = base64.b64encode(f"pbx:{self.secret}".encode()).decode()
                return {"Authorization": f"Basic {pair}"}
            case _:
                return headers_of(
                    sign(body, secret=self.secret, webhook_id=webhook_id, at=int(time.time()))
                )


@pytest.mark.slow
async def test_a_secret_is_changed_under_fifty_hooks_a_second(tmp_path: Path) -> None:
    """Old, then both, then new; each sender changes over when it likes while both are valid."""
    house = House(tmp_path / "var")
    house.data_dir.mkdir()
    await house.apply(company(OLD))
    senders = [Sender("bearer"), Sender("basic"), Sender("signed")]
    chance, over = random.Random(8), asyncio.Event()
    async with (
        house.serving(),
        aiohttp.ClientSession(house.url) as http,
        asyncio.TaskGroup() as group,
    ):

        async def post(sender: Sender, n: int) -> int:
            call = {"call_id": f"c{n // 2}", "caller": f"+7916{n // 2:07}", "called": LINE}
            body = json.dumps({"event": ("ringing", "ended")[n % 2], **call})
            headers = sender.headers(body, f"msg_{n}")
            async with http.post("/webhooks/pbx/main", data=body, headers=headers) as response:
                await response.read()
                return response.status

        async def send(sender: Sender, n: int) -> None:
            sender.statuses.append(await post(sender, n))

        async def keep_sending() -> None:
            n = 0
            began = time.monotonic()
            while not over.is_set():
                group.create_task(send(chance.choice(senders), n))
                n += 1
                await asyncio.sleep(max(0.0, began + n / 50 - time.monotonic()))

        async def until(secret: str, status: int) -> None:
            n = 10**6
            while await post(Sender("bearer", secret), n := n + 1) != status:
                await asyncio.sleep(0.05)

        sending = group.create_task(keep_sending())
        await house.apply(company(OLD, NEW))
        await until(NEW, 200)
        for sender in chance.sample(senders, len(senders)):
            await asyncio.sleep(chance.uniform(0.1, 0.5))
            sender.secret = NEW
        await asyncio.sleep(0.2)  # what was sent with the old one is there
        await house.apply(company(NEW))
        await until(OLD, 401)
        await asyncio.sleep(0.5)
        over.set()
        await sending
    for sender in senders:
        assert len(sender.statuses) > 20, sender
        assert set(sender.statuses) == {200}, sender
