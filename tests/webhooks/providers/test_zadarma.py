"""Zadarma: every event and answer of its documents, and every way to forge them."""

from __future__ import annotations

import hashlib
import json
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from callrouter.domain.decisions import (
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
from callrouter.domain.events import CallEvent
from callrouter.domain.setup import Account
from callrouter.outside.client import Client, TooSoon, door_of
from tests.webhooks.door import open_door, request
from tests.webhooks.examples import PLAN, Memory
from tests.webhooks.forging import mutate
from webhooks.errors import TooLarge
from webhooks.provider import (
    CallOrder,
    ForgedHook,
    RawHook,
    Recording,
    Refused,
    Request,
    Response,
    UnreadableHook,
)
from webhooks.providers.zadarma import Zadarma, sign

SAMPLES = Path(__file__).parent / "samples" / "zadarma"
SECRET = b"zd-secret-0000-example"
OLD = b"zd-secret-of-last-year"
FORM = "application/x-www-form-urlencoded"

ACCOUNT = Account(
    key="zad",
    default_line="+74951230001",
    provider="zadarma",
    secret=(SECRET.decode(), OLD.decode()),
    api_key="zd-key-example",
    time_zone="Europe/Moscow",
)
ZADARMA = Zadarma(ACCOUNT, (SECRET, OLD))
ARRIVED = datetime(2026, 3, 2, 7, 20, 1, tzinfo=UTC)
BEGAN = datetime(2026, 3, 2, 7, 15, 30, tzinfo=UTC)

SIGNATURES = {
    "start": "YjljYjUwNzFhZGNkNmVhY2FiMWUyZDViZDVlMmM1OWFiOGRlZmMyMA==",
    "internal": "YjljYjUwNzFhZGNkNmVhY2FiMWUyZDViZDVlMmM1OWFiOGRlZmMyMA==",
    "ivr": "YjljYjUwNzFhZGNkNmVhY2FiMWUyZDViZDVlMmM1OWFiOGRlZmMyMA==",
    "end_answered": "YjljYjUwNzFhZGNkNmVhY2FiMWUyZDViZDVlMmM1OWFiOGRlZmMyMA==",
    "end_no_answer": "YjljYjUwNzFhZGNkNmVhY2FiMWUyZDViZDVlMmM1OWFiOGRlZmMyMA==",
    "answer": "YzNmYjU5NGNkZmE1YjczNTYyZDI5ZDhlNWZmMTAzNGJhM2Q5YmZiYQ==",
    "out_start": "YzRmNjMzMjE5NjEyMjg1NjZjYmQxMzQyNGQyY2EwNWU0NDU3MDk3NQ==",
    "out_end_answered": "YzRmNjMzMjE5NjEyMjg1NjZjYmQxMzQyNGQyY2EwNWU0NDU3MDk3NQ==",
    "record": "YmI5MDZhZTY0MTRjNDdhOGVkODY0ODNlY2E1ZDA4NzgzNzA4N2FlYQ==",
}
"""Computed from the documents, by another program."""

_OUTSIDE = ("caller_id", "called_did", "call_start")
SIGNED = {
    "NOTIFY_ANSWER": ("caller_id", "destination", "call_start"),
    "NOTIFY_OUT_START": ("internal", "destination", "call_start"),
    "NOTIFY_OUT_END": ("internal", "destination", "call_start"),
    "NOTIFY_RECORD": ("pbx_call_id", "call_id_with_rec"),
    "SMS": ("result",),
    "NUMBER_LOOKUP": ("result",),
    "CALL_TRACKING": ("result",),
}


def fields_of(name: str) -> dict[str, str]:
    return dict(parse_qsl((SAMPLES / f"{name}.form").read_text(), keep_blank_values=True))


def signed_names(fields: dict[str, str]) -> tuple[str, ...]:
    return SIGNED.get(fields["event"], _OUTSIDE)


def signature_of(fields: dict[str, str]) -> str:
    data = "".join(fields.get(name, "") for name in signed_names(fields))
    return sign(SECRET, data.encode()).decode()


def hook(
    body: bytes | str,
    signature: str | None = None,
    *,
    content_type: str = FORM,
    method: str = "POST",
    query: str = "",
    peer: str = "185.45.152.42",
    arrived: datetime = ARRIVED,
) -> RawHook:
    signs = [] if signature is None else [("signature", signature)]
    return RawHook(
        account="zad",
        method=method,
        url="https://crm.example/webhooks/zadarma/zad" + (f"?{query}" if query else ""),
        query=query,
        headers=(("content-type", content_type), *signs),
        body=body.encode() if isinstance(body, str) else body,
        peer=peer,
        arrived=arrived,
        arrived_s=1000.0,
    )


def hook_of(fields: dict[str, str], **how: Any) -> RawHook:
    return hook(urlencode(fields), signature_of(fields), **how)


def event(name: str, **changes: Any) -> CallEvent:
    fields = fields_of(name)
    target = "101" if fields["event"] == "NOTIFY_INTERNAL" else ""
    known = fields["event"] != "NOTIFY_INTERNAL_END"
    parts = (fields["event"] if known else "?", signature_of(fields), target)
    start = CallEvent(
        account="zad",
        key="signed:" + hashlib.sha256("\0".join(parts).encode()).hexdigest(),
        kind="unknown",
        received=ARRIVED,
        own_key=True,
        hearsay=True,
    )
    return replace(start, **changes)


CALL = "in_1234567890abcdef1234567890abcdef"
CALL_OUT = "out_234567890abcdef1234567890abcdef1"
INBOUND = {"call_ref": CALL, "caller": "+79161234567", "called": "+74951230001"}
OUTBOUND = {
    "call_ref": CALL_OUT,
    "caller": "101",
    "called": "+79161234567",
    "direction": "out",
}
ANSWERED = {"call_ref": CALL, "caller": "+79161234567", "kind": "answered"}
ENDS = {
    "answered": "completed",
    "busy": "busy",
    "cancel": "cancelled",
    "no_answer": "no_answer",
    "failed": "failed",
    "call_failed": "failed",
    "no_money": "failed",
    "unallocated_number": "unreachable",
    "no_limit": "failed",
    "no_day_limit": "failed",
    "line_limit": "failed",
    "no_money_no_limit": "failed",
}
NOBODY: dict[str, Any] = {**INBOUND, "kind": "ringing", "at": BEGAN, "caller": ""}

GOLDEN = {
    "start": event("start", kind="ringing", at=BEGAN, **INBOUND),
    "start_withheld": event("start_withheld", **NOBODY),
    "start_zero": event("start_zero", **NOBODY),
    "start_name": event("start_name", **NOBODY),
    "start_plus": event("start_plus", **{**NOBODY, "caller": "+442037691880"}),
    "ivr": event("ivr", word="NOTIFY_IVR", **{**INBOUND, "call_ref": None}),
    "internal": event("internal", kind="leg_ringing", target="101", **INBOUND),
    "answer": event("answer", target="101", **ANSWERED),
    "answer_forwarded": event("answer_forwarded", target="+79035550102", **ANSWERED),
    "out_start": event(
        "out_start",
        kind="dialing",
        at=datetime(2026, 3, 2, 7, 20, tzinfo=UTC),
        target="101",
        **OUTBOUND,
    ),
    "out_end_answered": event(
        "out_end_answered", kind="ended", reason="completed", duration_s=61.0, **OUTBOUND
    ),
    "out_end_no_answer": event("out_end_no_answer", kind="ended", reason="no_answer", **OUTBOUND),
    "record": event(
        "record",
        kind="recording",
        call_ref=CALL,
        recording_id="1740909330.1234567",
        hearsay=False,
    ),
    "sms": event("sms", word="SMS"),
    "number_lookup": event("number_lookup", word="NUMBER_LOOKUP"),
    "call_tracking": event("call_tracking", word="CALL_TRACKING"),
    "internal_end": event("internal_end", word="NOTIFY_INTERNAL_END"),
    **{
        f"end_{name}": event(f"end_{name}", kind="ended", reason=reason, **INBOUND)
        for name, reason in ENDS.items()
    },
}

EVERY = sorted(GOLDEN)


class TestSamples:
    def test_each_has_its_golden_parse(self) -> None:
        assert {path.stem for path in SAMPLES.iterdir()} == GOLDEN.keys()

    @pytest.mark.parametrize("name", EVERY)
    def test_as_a_form(self, name: str) -> None:
        sent = hook_of(fields_of(name))
        ZADARMA.verify(sent)
        assert ZADARMA.parse(sent) == [GOLDEN[name]]

    @pytest.mark.parametrize("name", EVERY)
    def test_with_spaces_as_percent_20_and_pluses_bare(self, name: str) -> None:
        fields = fields_of(name)
        sent = hook(urlencode(fields, quote_via=quote, safe="+"), signature_of(fields))
        ZADARMA.verify(sent)
        assert ZADARMA.parse(sent) == [GOLDEN[name]]

    @pytest.mark.parametrize("name", ["start", "answer", "end_no_answer", "sms"])
    @pytest.mark.parametrize(
        "content_type",
        [
            pytest.param("multipart/form-data; boundary=--------------------------1f0c2e1a9b7d"),
            pytest.param("multipart/form-data; boundary=another", id="another boundary"),
            pytest.param("multipart/form-data", id="no boundary"),
            pytest.param(FORM, id="said to be a form"),
        ],
    )
    @pytest.mark.parametrize("ends", ["\r\n", "\n"])
    def test_as_multipart(self, name: str, content_type: str, ends: str) -> None:
        body = (SAMPLES / f"{name}.multipart").read_bytes().replace(b"\r\n", ends.encode())
        sent = hook(body, signature_of(fields_of(name)), content_type=content_type)
        ZADARMA.verify(sent)
        assert ZADARMA.parse(sent) == [GOLDEN[name]]

    def test_a_multipart_file_is_passed_over_and_a_cut_body_read_as_far_as_it_goes(self) -> None:
        body = (SAMPLES / "start.multipart").read_bytes()
        boundary = body.splitlines()[0]
        head = b'Content-Disposition: form-data; name="event"; filename="x"'
        more = boundary + b"\r\n" + head + b"\r\n\r\nNOTIFY_END\r\n" + body
        assert ZADARMA.parse(hook(more, signature_of(fields_of("start")))) == [GOLDEN["start"]]
        cut = body.removesuffix(boundary + b"--\r\n")
        assert ZADARMA.parse(hook(cut, signature_of(fields_of("start")))) == [GOLDEN["start"]]

    def test_multipart_is_bounded(self) -> None:
        field = '--b\r\nContent-Disposition: form-data; name="a{n}"\r\n\r\n1\r\n'
        with pytest.raises(TooLarge):
            ZADARMA.verify(hook("".join(field.format(n=n) for n in range(300)), "x"))
        for body in ("--", "--" + "b" * 300 + "\r\n", "--b\r\n" * 100):
            with pytest.raises(ForgedHook):
                ZADARMA.verify(hook(body, "x"))

    def test_a_field_sent_twice_with_different_values_is_not_signed(self) -> None:
        fields = fields_of("start")
        twice = urlencode(fields) + "&caller_id=79990000000"
        with pytest.raises(ForgedHook, match="twice"):
            ZADARMA.verify(hook(twice, signature_of(fields)))

    def test_what_is_missing(self) -> None:
        fields = fields_of("start")
        del fields["pbx_call_id"]
        with pytest.raises(UnreadableHook) as caught:
            ZADARMA.parse(hook_of(fields))
        assert caught.value.field == "pbx_call_id"
        assert [one.kind for one in caught.value.events] == ["ringing"]  # it is answered
        fields = fields_of("answer") | {"destination": ""}
        with pytest.raises(UnreadableHook) as caught:
            ZADARMA.parse(hook_of(fields))
        assert (caught.value.field, caught.value.events) == ("destination", ())
        with pytest.raises(UnreadableHook):
            ZADARMA.parse(hook("result=1"))


class TestTimes:
    @pytest.mark.parametrize(
        ("zone", "arrived", "at"),
        [
            pytest.param("Europe/Moscow", ARRIVED, BEGAN, id="in the account's zone"),
            pytest.param(None, ARRIVED, None, id="of another zone: hours away"),
            pytest.param("Asia/Yekaterinburg", ARRIVED, None, id="of another one"),
            pytest.param(
                None, ARRIVED + timedelta(hours=3), BEGAN + timedelta(hours=3), id="in UTC"
            ),
            pytest.param(
                "Europe/Moscow",
                BEGAN - timedelta(seconds=2),
                BEGAN - timedelta(seconds=2),
                id="its clock is a little ahead: never later than now",
            ),
        ],
    )
    def test_when_a_call_began(
        self, zone: str | None, arrived: datetime, at: datetime | None
    ) -> None:
        provider = Zadarma(replace(ACCOUNT, time_zone=zone), (SECRET,))
        (found,) = provider.parse(hook_of(fields_of("start"), arrived=arrived))
        assert found.at == at

    @pytest.mark.parametrize("days", [-3, 3])
    def test_what_began_days_ago_is_a_replay(self, days: int) -> None:
        with pytest.raises(ForgedHook, match="days ago"):
            ZADARMA.verify(hook_of(fields_of("start"), arrived=ARRIVED + timedelta(days=days)))

    @pytest.mark.parametrize("text", ["", "2026-03-02T10:15:30", "2026-13-02 10:15:30", "x"])
    def test_without_a_moment_nothing_tells_where_the_signed_fields_end(self, text: str) -> None:
        with pytest.raises(ForgedHook, match="no moment"):
            ZADARMA.verify(hook_of(fields_of("start") | {"call_start": text}))


class TestGreeting:
    @pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "PUT"])
    def test_it_is_said_back(self, method: str) -> None:
        said = ZADARMA.greet(hook("", method=method, query="zd_echo=a1B2-_"))
        assert said
        assert (said.body, said.content_type, said.status) == (b"a1B2-_", "text/plain", 200)

    @pytest.mark.parametrize(
        "query",
        [
            "",
            "zd_echo=",
            "zd_echo=%3Cscript%3E",
            "zd_echo=a%0Ab",
            "zd_echo=%D0%B0",
            "zd_echo=1&zd_echo=2",
            "zd_echo=" + "a" * 129,
            "echo=1",
        ],
    )
    def test_nothing_else_is(self, query: str) -> None:
        assert ZADARMA.greet(hook("", query=query)) is None


class TestTrust:
    @pytest.mark.parametrize("name", SIGNATURES)
    def test_the_documents_examples(self, name: str) -> None:
        ZADARMA.verify(hook(urlencode(fields_of(name)), SIGNATURES[name]))

    def test_the_secret_before_it_was_rotated_is_good(self) -> None:
        fields = fields_of("start")
        data = "".join(fields[name] for name in _OUTSIDE)
        ZADARMA.verify(hook(urlencode(fields), sign(OLD, data.encode()).decode()))

    @pytest.mark.parametrize(
        ("signature", "why"),
        [
            pytest.param(None, "no Signature", id="missing"),
            pytest.param("", "empty", id="empty"),
            pytest.param("uctQca3NbqyrHi1b1eLFmrje/CA=", "wrong", id="of the raw digest"),
            pytest.param("b9cb5071adcd6eacab1e2d5bd5e2c59ab8defc20", "wrong", id="hex alone"),
            pytest.param("подпись", "wrong", id="not ASCII"),
            pytest.param("\udcff\ud800", "wrong", id="no characters at all"),
        ],
    )
    def test_other_signatures_are_refused(self, signature: str | None, why: str) -> None:
        with pytest.raises(ForgedHook, match=why):
            ZADARMA.verify(hook(urlencode(fields_of("start")), signature))

    def test_two_signatures_are_refused(self) -> None:
        sent = hook_of(fields_of("start"))
        with pytest.raises(ForgedHook, match="several"):
            ZADARMA.verify(replace(sent, headers=(*sent.headers, ("signature", "x"))))

    def test_an_account_without_a_secret_lets_nobody_in(self) -> None:
        fields = fields_of("start")
        with pytest.raises(ForgedHook, match="no secret"):
            Zadarma(ACCOUNT, ()).verify(hook_of(fields))
        with pytest.raises(ForgedHook):
            ZADARMA.verify(hook(urlencode(fields), sign(b"", b"").decode()))

    @pytest.mark.parametrize("name", EVERY)
    def test_ten_thousand_forgeries_of_what_is_signed(self, name: str) -> None:
        chance = random.Random(f"zadarma {name}")
        fields = fields_of(name)
        names = signed_names(fields)
        good = signature_of(fields)
        for _ in range(10_000 // len(EVERY) + 1):
            forged, signature, secrets = dict(fields), good, (SECRET, OLD)
            match chance.randrange(len(names) + 2):
                case 0:
                    signature = mutate(good, chance)
                case 1:
                    secrets = (mutate(SECRET.decode(), chance).encode(), OLD)
                case n:
                    forged[names[n - 2]] = mutate(fields[names[n - 2]], chance)
            sent = hook(urlencode(forged, errors="surrogatepass"), signature)
            with pytest.raises(ForgedHook):
                Zadarma(ACCOUNT, secrets).verify(sent)

    @pytest.mark.parametrize("name", EVERY)
    def test_forgeries_of_the_rest_name_the_same_event_of_the_same_people(self, name: str) -> None:
        chance = random.Random(f"unsigned {name}")
        fields = fields_of(name)
        names = [one for one in fields if one not in (*signed_names(fields), "event")]
        (true,) = ZADARMA.parse(hook_of(fields))
        for _ in range(100 * bool(names)):
            other = chance.choice(names)
            forged = fields | {other: mutate(fields[other], chance)}
            sent = hook(urlencode(forged), signature_of(fields))
            ZADARMA.verify(sent)
            try:
                (event,) = ZADARMA.parse(sent)
            except UnreadableHook as trouble:
                assert trouble.field == other  # noqa: PT017  other mutations are readable
                continue
            assert (event.caller, event.called, event.kind) == (
                true.caller,
                true.called,
                true.kind,
            )
            if event.kind == "leg_ringing":
                assert event.hearsay
            else:
                assert (event.key, event.target) == (true.key, true.target)

    def test_a_signature_shifted_between_fields_is_the_same_event(self) -> None:
        fields = fields_of("start")
        (true,) = ZADARMA.parse(hook_of(fields))
        shifted = fields | {"caller_id": "7916123456", "called_did": "774951230001"}
        sent = hook(urlencode(shifted), signature_of(fields))
        ZADARMA.verify(sent)
        assert ZADARMA.parse(sent)[0].key == true.key

    def test_a_signed_call_makes_no_recording_and_a_text_no_call(self) -> None:
        fields = fields_of("start")
        data = "".join(fields[name] for name in _OUTSIDE)
        record = {"event": "NOTIFY_RECORD", "pbx_call_id": data[:5], "call_id_with_rec": data[5:]}
        with pytest.raises(ForgedHook, match="none"):
            ZADARMA.verify(hook(urlencode(record), signature_of(fields)))
        sms = fields_of("sms")
        call = {"event": "NOTIFY_START", "caller_id": sms["result"]}
        with pytest.raises(ForgedHook, match="no moment"):
            ZADARMA.verify(hook(urlencode(call), signature_of(sms)))

    def test_one_signature_makes_one_event_of_an_unknown_name(self) -> None:
        fields = fields_of("internal_end")
        keys = {
            ZADARMA.parse(hook(urlencode(fields | {"event": name}), signature_of(fields)))[0].key
            for name in ("NOTIFY_A", "NOTIFY_B", "NOTIFY_INTERNAL_END")
        }
        assert len(keys) == 1

    @pytest.mark.parametrize(
        "peer", ["185.45.152.44", "2a00::1", "::ffff:185.45.152.44", "", "185.45.152.42, 10.0.0.1"]
    )
    def test_where_networks_are_set_others_are_refused(self, peer: str) -> None:
        provider = Zadarma(replace(ACCOUNT, networks=("185.45.152.40/30",)), (SECRET,))
        provider.verify(hook_of(fields_of("start"), peer="185.45.152.42"))
        provider.verify(hook_of(fields_of("start"), peer="::ffff:185.45.152.42"))
        with pytest.raises(ForgedHook, match="address"):
            provider.verify(hook_of(fields_of("start"), peer=peer))

    def test_a_trial_is_let_in_and_means_nothing(self) -> None:
        trial = ZADARMA.trial("https://crm.example/webhooks/zadarma/zad", "t0k3n")
        assert trial
        sent = hook(trial.request.body, dict(trial.request.headers)["Signature"])
        ZADARMA.verify(sent)
        assert [one.kind for one in ZADARMA.parse(sent)] == ["unknown"]
        assert ZADARMA.accept(sent).body == trial.answer
        assert Zadarma(ACCOUNT, ()).trial("https://crm.example/", "t") is None


def step(*dials: str, seconds: int = 20) -> PlanStep:
    targets = tuple(Target(f"a{n}", dial, "anna") for n, dial in enumerate(dials))
    return PlanStep(seconds, "one", targets)


LAST = LastResort("100")


class TestAnswers:
    @pytest.mark.parametrize(
        ("decision", "said"),
        [
            pytest.param(
                PLAN,
                {"redirect": "101", "return_timeout": 20, "caller_name": "Иван Петров"},
                id="one phone",
            ),
            pytest.param(
                Connect("c", (step("101", seconds=1),), LAST),
                {"redirect": "101", "return_timeout": 3},
                id="never shorter than it may be",
            ),
            pytest.param(
                Connect("c", (step("101"),), LAST, caller_name="Петров (опт) ${x}"),
                {"redirect": "101", "return_timeout": 20, "caller_name": "Петров опт x"},
                id="a name that is safe",
            ),
            pytest.param(Connect("c", (), LAST), {}, id="nobody"),
            *(
                pytest.param(Connect("c", (step(dial),), LAST), {}, id=f"never {dial}")
                for dial in (
                    "1",
                    "0-1",
                    "0-main",
                    "blacklist",
                    "12",
                    "1010",
                    "+79161234567",
                    "１０１",
                )
            ),
            pytest.param(Reject("c", "blocked"), {"redirect": "blacklist"}, id="blocked"),
            pytest.param(Reject("c", "loop"), {"hangup": 1}, id="loop"),
            pytest.param(Wait("c", 5, LAST), {}, id="it cannot keep a caller"),
            pytest.param(Message("c", LAST, "Мы закрыты"), {}, id="nor say a message"),
            pytest.param(NoOpinion(), {}, id="nothing is known"),
        ],
    )
    def test_what_is_said(self, decision: Decision, said: dict[str, Any]) -> None:
        answer = ZADARMA.answer(decision, hook(""))
        assert json.loads(answer.body) == said
        assert (answer.status, answer.content_type) == (200, "application/json")

    def test_other_events_are_acknowledged_with_no_opinion(self) -> None:
        assert ZADARMA.accept(hook("")).body == b"{}"

    def test_it_can_ring_one_extension_and_nothing_else(self) -> None:
        can = ZADARMA.can(hook(""))
        dials = ["101", "10", "1010", "anna", "client:anna", "sip:a@b.c", "+79161234567", "１０１"]
        assert [dial for dial in dials if can.rings(dial)] == ["101"]
        assert (can.steps, can.targets, can.ask_again, can.wait) == (1, 1, False, False)
        assert (can.parallel, can.message, can.record, can.then) == (False,) * 4


ORDER = CallOrder("ours-1", "101", "+79161234567", "+74951230001", "https://crm.example/")


def answered(body: object, status: int = 200, *headers: tuple[str, str]) -> Response:
    return Response(status, headers, json.dumps(body).encode())


class TestApi:
    def test_the_documents_example_of_a_call(self) -> None:
        asked = ZADARMA.place_call(ORDER)
        assert asked == Request(
            "GET",
            "https://api.zadarma.com/v1/request/callback/?format=json&from=101&to=79161234567",
            (
                (
                    "Authorization",
                    "zd-key-example:YzU5NmY5Y2M3Njg1ZDMxOWY2NjU1OTRkODQ4YWM3MmMyZDlhOTcyYg==",
                ),
            ),
        )
        assert ZADARMA.placed(answered({"status": "success", "from": 101})) is None

    def test_the_documents_example_of_a_recording(self) -> None:
        asked = ZADARMA.find_recording("1740909330.1234567", None)
        assert asked == Request(
            "GET",
            "https://api.zadarma.com/v1/pbx/record/request/?call_id=1740909330.1234567&format=json",
            (
                (
                    "Authorization",
                    "zd-key-example:YjRjM2UzZWFlMDMwZDU1MzFjZDdkNzcxMmY2Y2MwMTU3ZGRiMDE2Nw==",
                ),
            ),
        )

    def test_novofon_has_another_address(self) -> None:
        provider = Zadarma(replace(ACCOUNT, base_url="https://api.novofon.com"), (SECRET,))
        asked, same = provider.place_call(ORDER), ZADARMA.place_call(ORDER)
        assert asked
        assert same
        assert asked.url.startswith("https://api.novofon.com/v1/request/callback/?")
        assert asked.headers == same.headers

    def test_without_key_secret_or_extension_it_asks_nothing(self) -> None:
        assert Zadarma(replace(ACCOUNT, api_key=None), (SECRET,)).place_call(ORDER) is None
        assert Zadarma(ACCOUNT, ()).find_recording("1740909330.1", None) is None
        assert ZADARMA.place_call(replace(ORDER, target="+79161234567")) is None
        assert ZADARMA.find_recording("1&pbx_call_id=in_1", None) is None

    @pytest.mark.parametrize(
        "said",
        [
            {"status": "success", "link": "https://api.zadarma.com/v1/r/1.mp3"},
            {"status": "success", "links": ["https://api.zadarma.com/v1/r/1.mp3"]},
        ],
    )
    def test_links(self, said: object) -> None:
        parts = (Request("GET", "https://api.zadarma.com/v1/r/1.mp3"),)
        assert ZADARMA.found_recording(answered(said)) == Recording(parts)

    def test_several_links_are_parts_in_order(self) -> None:
        links = [f"https://api.zadarma.com/v1/r/{n}.mp3" for n in (1, 2)]
        found = ZADARMA.found_recording(answered({"status": "success", "links": links}))
        assert [part.url for part in found.parts] == links

    @pytest.mark.parametrize(
        ("response", "again_after_s"),
        [
            (answered({"status": "success"}), 60),
            (answered({"status": "success", "links": []}), 60),
            (answered({"status": "success", "link": "file:///etc/passwd"}), None),
            (answered({"status": "success", "links": [{"a": "b"}]}), None),
            (answered({"status": "error", "message": "79161234567"}), None),
            (answered({"status": "error"}, 400), None),
            (answered({"status": "error"}, 401), None),
            (answered({}, 429), 60),
            (answered({}, 429, ("retry-after", "7")), 7),
            (answered({}, 429, ("retry-after", "999999")), 3600),
            (answered({}, 502), 60),
            (Response(200, (), b"<html>"), None),
            (Response(200, (), b"\xff[]"), None),
        ],
    )
    def test_refusals_say_when_to_ask_again_and_no_number(
        self, response: Response, again_after_s: float | None
    ) -> None:
        with pytest.raises(Refused) as caught:
            ZADARMA.found_recording(response)
        assert caught.value.again_after_s == again_after_s
        assert "79161234567" not in str(caught.value)


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_at_the_front_door_a_greeting_needs_no_signature(method: str) -> None:
    async with open_door(Memory(account=ACCOUNT)) as door:
        target = "/webhooks/zadarma/zad?zd_echo=a1B2"
        heard = await door.knock(request(b"", (), method=method, target=target))
        assert (heard.status, heard.body) == (200, b"a1B2")


@pytest.mark.parametrize("signature", ["", "Signature: подпись", "Signature: \udcff"])
async def test_at_the_front_door_no_strange_signature_does_more_than_a_401(signature: str) -> None:
    takes = Memory(account=ACCOUNT)
    async with open_door(takes) as door:
        body = urlencode(fields_of("start")).encode()
        headers = tuple(filter(None, [f"Content-Type: {FORM}", signature]))
        heard = await door.knock(request(body, headers, target="/webhooks/zadarma/zad"))
        assert heard.status == 401
    assert not takes.taken


async def test_its_requests_over_the_wire_keep_to_its_limit() -> None:
    asked: list[tuple[str, str]] = []

    async def answer(sent: web.Request) -> web.Response:
        asked.append((sent.raw_path, sent.headers["Authorization"]))
        if len(asked) == 1:
            return web.json_response({"status": "success", "link": "https://x.example/1.mp3"})
        return web.json_response({}, status=429, headers={"Retry-After": "7"})

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    async with TestServer(app) as server:
        base = str(server.make_url("")).rstrip("/")
        account = replace(ACCOUNT, base_url=base, allow_private=True)
        provider, client = Zadarma(account, (SECRET,)), Client()
        door = door_of(account, provider)
        question = provider.find_recording("1740909330.1234567", None)
        assert question
        try:
            found = provider.found_recording(await client.send(question, door))
            assert found.parts[0].url == "https://x.example/1.mp3"
            with pytest.raises(Refused) as caught:
                provider.found_recording(await client.send(question, door))
            assert caught.value.again_after_s == 7
            with pytest.raises(TooSoon):
                await client.send(question, door)
        finally:
            client.close()
    assert (
        asked
        == [
            (
                "/v1/pbx/record/request/?call_id=1740909330.1234567&format=json",
                "zd-key-example:YjRjM2UzZWFlMDMwZDU1MzFjZDdkNzcxMmY2Y2MwMTU3ZGRiMDE2Nw==",
            )
        ]
        * 2
    )
    assert (provider.per_minute, door.per_minute) == (100, 100)
