"""The generic PBX: contract section 1, sample by sample."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import astuple, replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from callrouter.domain.decisions import Can
from callrouter.domain.events import CallEvent, Tried
from tests.webhooks.examples import ACCOUNT, ARRIVED, NEXT_SECRET, PLAN, SECRET, hook
from webhooks.provider import ForgedHook, HookError, RawHook, UnreadableHook
from webhooks.providers.pbx import Pbx

SAMPLES = Path(__file__).parent / "samples" / "pbx"
FORM = "application/x-www-form-urlencoded"
MOSCOW = timezone(timedelta(hours=3))
AT = datetime(2026, 3, 12, 14, 5, tzinfo=MOSCOW)
CALL = "1710241500.17"

PBX = Pbx(ACCOUNT, (SECRET.encode(), NEXT_SECRET.encode()))


def event(key: str, **fields: object) -> CallEvent:
    start = CallEvent(account="main", key=key, kind="unknown", received=ARRIVED, call_ref=CALL)
    return replace(start, **fields)  # type: ignore[arg-type]  # names are checked by replace


GOLDEN = {
    "ringing": event(
        "id:e-1",
        own_key=True,
        kind="ringing",
        caller="8 (916) 123-45-67",
        called="+74951230001",
        diverted_from="+74951230002",
        at=AT,
    ),
    "ringing_withheld": event(
        "of:1710241500.18|ringing||||",
        kind="ringing",
        call_ref="1710241500.18",
        caller="",
        called="trunk-msk",
    ),
    "ringing_out": event(
        "of:1710241500.19|ringing||101||",
        kind="dialing",
        call_ref="1710241500.19",
        caller="101",
        called="+79161234567",
        direction="out",
        target="101",
    ),
    "next": event(
        f"of:{CALL}|next|||2|",
        kind="next",
        attempt=2,
        tried=(Tried("PJSIP/101", "no_answer"), Tried("sip:102@pbx.example", "busy")),
    ),
    "dialing": event(
        "of:1710241500.20|dialing||101||2026-03-12 14:05:00.250",
        kind="dialing",
        call_ref="1710241500.20",
        caller="101",
        called="+79161234567",
        direction="out",
        target="101",
        at=AT.replace(microsecond=250_000),
    ),
    "leg_ringing": event(
        f"of:{CALL}|leg_ringing|a1|PJSIP/101-0000001a||2026-03-12T14:05:00+03:00",
        kind="leg_ringing",
        leg_ref="a1",
        target="PJSIP/101-0000001a",
        at=AT,
    ),
    "leg_failed": event(
        f"of:{CALL}|leg_failed|a1|101||2026-03-12T14:05:00+03:00",
        kind="leg_failed",
        leg_ref="a1",
        target="101",
        reason="no_answer",
        at=AT,
    ),
    "leg_failed_of_its_own": event(
        f"of:{CALL}|leg_failed|a1|||", kind="leg_failed", leg_ref="a1", reason="tea_break"
    ),
    "answered": event(
        f"of:{CALL}|answered|a2|102||2026-03-12T14:05:00+03:00",
        kind="answered",
        leg_ref="a2",
        target="102",
        at=AT,
    ),
    "answered_by_machine": event(
        f"of:{CALL}|answered|last|+74950000000||",
        kind="answered",
        leg_ref="last",
        target="+74950000000",
        by="machine",
    ),
    "leg_ended": event(
        f"of:{CALL}|leg_ended|a2|102||2026-03-12T14:05:00+03:00",
        kind="leg_ended",
        leg_ref="a2",
        target="102",
        duration_s=61.5,
        at=AT,
    ),
    "transferred": event(
        f"of:{CALL}|transferred|a2|102||2026-03-12T14:05:00+03:00",
        kind="transferred",
        leg_ref="a2",
        target="102",
        to_target="103",
        transfer="attended",
        other_call="1710241500.21",
        at=AT,
    ),
    "ended": event(
        f"of:{CALL}|ended||||2026-03-12T14:05:00+03:00",
        kind="ended",
        reason="completed",
        duration_s=61.0,
        recording_url="https://pbx.example.com/rec/17.mp3",
        recording_id="17",
        at=AT,
    ),
    "recording": event(
        f"of:{CALL}|recording|last|||2026-03-12T14:05:00+03:00",
        kind="recording",
        leg_ref="last",
        recording_url="https://pbx.example.com/rec/17.mp3",
        recording_id="17",
        recording_kind="message",
        at=AT,
    ),
    "presence": event(
        "id:e-9", own_key=True, kind="presence", call_ref=None, target="101", state="pause"
    ),
    "unknown": event(f"of:{CALL}|queue_joined||||", word="queue_joined"),
}

OF_NO_CALL = {
    "device": event("", kind="device", call_ref=None, target="101", state="dnd", at=AT),
    "reset": event("", kind="reset", call_ref=None, at=AT),
}
"""Their derived keys hold a digest of the body."""


def read(body: str, **how: str) -> CallEvent:
    (found,) = PBX.parse(hook(body, **how))
    return found


def trouble(sent: RawHook) -> UnreadableHook:
    with pytest.raises(UnreadableHook) as caught:
        PBX.parse(sent)
    return caught.value


def sample(name: str) -> str:
    return (SAMPLES / name).read_text()


class TestSamples:
    def test_each_has_its_golden_parse(self) -> None:
        names = {path.stem for path in SAMPLES.iterdir()}
        assert names == GOLDEN.keys() | OF_NO_CALL.keys()

    @pytest.mark.parametrize("name", GOLDEN)
    def test_as_json(self, name: str) -> None:
        assert read(sample(f"{name}.json")) == GOLDEN[name]

    @pytest.mark.parametrize("name", GOLDEN)
    def test_as_a_form(self, name: str) -> None:
        assert read(sample(f"{name}.form"), content_type=FORM) == GOLDEN[name]

    @pytest.mark.parametrize("name", OF_NO_CALL)
    def test_without_a_call(self, name: str) -> None:
        assert replace(read(sample(f"{name}.json")), key="") == OF_NO_CALL[name]
        form = read(sample(f"{name}.form"), content_type=FORM)
        assert replace(form, key="") == OF_NO_CALL[name]


class TestKeys:
    def test_the_same_hook_again_has_the_same_key_whenever_it_comes(self) -> None:
        first = hook(sample("leg_failed_of_its_own.json"))
        later = replace(first, arrived=ARRIVED + timedelta(hours=1), arrived_s=4600.0)
        assert PBX.parse(first)[0].key == PBX.parse(later)[0].key

    @pytest.mark.parametrize(
        "other",
        [
            pytest.param({"call_id": "2"}, id="another call"),
            pytest.param({"event": "leg_ringing"}, id="another event"),
            pytest.param({"leg_id": "a2"}, id="another leg"),
            pytest.param({"target": "102"}, id="another target"),
            pytest.param({"attempt": 2}, id="another attempt"),
            pytest.param({"at": "2026-03-12T14:05:00Z"}, id="another moment"),
            pytest.param({"at": "2026-03-12T11:05:00+00:00"}, id="the moment spelt otherwise"),
        ],
    )
    def test_what_differs_has_another(self, other: dict[str, object]) -> None:
        one = {"event": "leg_failed", "call_id": "1", "at": "2026-03-12T14:05:00+03:00"}
        assert read(json.dumps(one)).key != read(json.dumps(one | other)).key

    def test_parts_do_not_run_into_each_other(self) -> None:
        one = read('{"event": "answered", "call_id": "1", "leg_id": "a|b"}')
        two = read('{"event": "answered", "call_id": "1", "leg_id": "a", "target": "b"}')
        assert one.key != two.key

    def test_an_own_id_is_never_taken_for_a_derived_one(self) -> None:
        derived = read('{"event": "answered", "call_id": "1"}').key
        assert read(json.dumps({"event": "ended", "call_id": "1", "event_id": derived})).key != (
            derived
        )

    def test_a_key_is_never_long(self) -> None:
        ids = dict.fromkeys(("call_id", "leg_id", "target"), "я" * 200)
        assert len(read(json.dumps({"event": "answered", **ids})).key) <= 255

    def test_the_second_reset_is_not_the_first(self) -> None:
        first, second = hook('{"event": "reset"}'), hook('{"event": "reset"}')
        second = replace(second, arrived=ARRIVED + timedelta(minutes=5))
        assert PBX.parse(first)[0].key != PBX.parse(second)[0].key

    def test_nor_is_one_state_of_a_device_another(self) -> None:
        at = '"at": "2026-03-12T14:05:00Z"'
        busy = read(f'{{"event": "device", "target": "1", "state": "busy", {at}}}')
        free = read(f'{{"event": "device", "target": "1", "state": "available", {at}}}')
        assert busy.key != free.key

    def test_two_calls_without_an_id_stay_two(self) -> None:
        one = trouble(hook('{"event": "ringing", "caller": "1", "called": "2"}')).events[0]
        two = trouble(hook('{"event": "ringing", "caller": "3", "called": "2"}')).events[0]
        assert one.key != two.key

    def test_digits_of_an_id_stay_as_sent(self) -> None:
        assert read('{"event": "ended", "call_id": 1710241500.10}').call_ref == "1710241500.10"


class TestTimes:
    @pytest.mark.parametrize(
        ("text", "moment"),
        [
            ("2026-03-12T14:05:00+03:00", AT),
            ("2026-03-12T11:05:00Z", AT),
            ("2026-03-12t11:05:00z", AT),
            ("2026-03-12 14:05:00", AT),
            ("2026-03-12T14:05:00", AT),
            ("2026-03-12T14:05:00.5", AT.replace(microsecond=500_000)),
            ("2026-03-12T14:05:00,123456789+03:00", AT.replace(microsecond=123_456)),
            ("2026-03-12T14:04:60+0300", AT - timedelta(seconds=1)),
        ],
    )
    def test_rfc_3339(self, text: str, moment: datetime) -> None:
        assert read(json.dumps({"event": "ended", "call_id": "1", "at": text})).at == moment

    @pytest.mark.parametrize(
        "at",
        [
            *("tomorrow", "12.03.2026 14:05", "2026-13-01T00:00:00Z", "2026-03-12T25:00:00Z"),
            *("1773313500", "2026-03-12", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"),
            *(
                "２０２６-03-12T14:05:00Z",
                "2026-03-12T14:05:61Z",
                "NaN",
                "2026-03-12T14:05:00+99:99",
            ),
            *([], {}, True, 1773313500, 1e400),
        ],
    )
    def test_nonsense_is_absent_and_seen(self, at: object) -> None:
        found = trouble(hook(json.dumps({"event": "ended", "call_id": "1", "at": at})))
        assert found.field == "at"
        assert [(one.kind, one.at, one.moment) for one in found.events] == [
            ("ended", None, ARRIVED)
        ]

    def test_without_any_zone_it_is_utc(self) -> None:
        nowhere = Pbx(replace(ACCOUNT, time_zone=None), ())
        body = '{"event": "ended", "call_id": "1", "at": "2026-03-12T11:05:00"}'
        assert nowhere.parse(hook(body))[0].at == datetime(2026, 3, 12, 11, 5, tzinfo=UTC)


class TestUnreadable:
    @pytest.mark.parametrize(
        ("fields", "wrong", "absent"),
        [
            pytest.param({"called": "2"}, "caller", "caller", id="no caller"),
            pytest.param({"caller": "1"}, "called", "called", id="no called"),
            pytest.param(
                {"caller": [], "called": "2"}, "caller", "caller", id="a list for a caller"
            ),
            pytest.param(
                {"caller": "1" * 600, "called": "2"}, "caller", "caller", id="a long caller"
            ),
            pytest.param(
                {"caller": "1", "called": "2", "direction": "up"},
                "direction",
                "direction",
                id="direction",
            ),
            pytest.param(
                {"caller": "1", "called": "2", "call_id": "x" * 201},
                "call_id",
                "call_ref",
                id="a long call_id",
            ),
            pytest.param(
                {"caller": "1", "called": "2", "call_id": "a\0b"}, "call_id", "call_ref", id="NUL"
            ),
            pytest.param(
                {"caller": "1", "called": "2", "diverted_from": {}},
                "diverted_from",
                "diverted_from",
                id="diverted_from",
            ),
        ],
    )
    def test_in_a_ringing_it_counts_as_absent(
        self, fields: dict[str, object], wrong: str, absent: str
    ) -> None:
        found = trouble(hook(json.dumps({"event": "ringing", "call_id": "1", **fields})))
        assert found.field == wrong
        (ringing,) = found.events
        assert ringing.asks
        assert getattr(ringing, absent) is None

    @pytest.mark.parametrize(
        ("body", "wrong"),
        [
            pytest.param({"event": "ended"}, "call_id", id="no call"),
            pytest.param({"event": "ended", "call_id": ""}, "call_id", id="an empty call"),
            pytest.param({"event": "dialing", "call_id": "1"}, "caller", id="dialing whom?"),
            pytest.param(
                {"event": "ended", "call_id": "1", "duration_s": "long"}, "duration_s", id="long"
            ),
            pytest.param(
                {"event": "ended", "call_id": "1", "duration_s": -1}, "duration_s", id="minus"
            ),
            pytest.param(
                {"event": "ended", "call_id": "1", "duration_s": 10**12}, "duration_s", id="years"
            ),
            pytest.param({"event": "answered", "call_id": "1", "by": "dog"}, "by", id="by a dog"),
            pytest.param(
                {"event": "transferred", "call_id": "1", "kind": "talk"}, "kind", id="kind"
            ),
            pytest.param({"event": "recording", "call_id": "1", "kind": "blind"}, "kind", id="rec"),
            pytest.param({"event": "device", "target": "1", "state": "off"}, "state", id="device"),
            pytest.param({"event": "presence", "state": "off"}, "target", id="whose presence?"),
            pytest.param(
                {"event": "leg_failed", "call_id": "1", "attempt": "two"}, "attempt", id="attempt"
            ),
            pytest.param({"event": "ended", "call_id": "1", "reason": []}, "reason", id="reason"),
            pytest.param({"event": ""}, "event", id="no event"),
            pytest.param({"event": 65 * "x"}, "event", id="a long event"),
        ],
    )
    def test_any_other_is_not_taken(self, body: dict[str, object], wrong: str) -> None:
        found = trouble(hook(json.dumps(body)))
        assert (found.field, found.events) == (wrong, ())

    def test_fields_of_other_events_spoil_nothing(self) -> None:
        body = {"event": "answered", "call_id": "1", "duration_s": "?", "kind": 1, "tried": 1}
        assert read(json.dumps(body)).kind == "answered"

    def test_an_unknown_event_is_taken_whatever_stands_in_it(self) -> None:
        found = trouble(hook('{"event": "parked", "call_id": [1]}'))
        assert [(one.kind, one.word) for one in found.events] == [("unknown", "parked")]

    def test_controls_in_a_number_are_dropped(self) -> None:
        body = '{"event": "ended", "call_id": "1", "caller": "+7916\\u0000123\\ud80045\\t67"}'
        assert read(body).caller == "+79161234567"

    def test_null_and_empty_are_withheld_for_a_caller_and_absent_for_others(self) -> None:
        for nothing in (None, "", "  "):
            body = {"event": "ringing", "call_id": "1", "caller": nothing, "called": "2"}
            found = read(json.dumps(body | {"leg_id": nothing, "at": nothing}))
            assert (found.caller, found.leg_ref, found.at) == ("", None, None)

    def test_quotes_in_a_display_name_do_not_lose_a_call(self) -> None:
        body = '{"event":"ringing","call_id":"7","name":"ООО "Мир"","caller":"+7916","called":"2"}'
        found = trouble(hook(body))
        assert found.field == "body"
        assert [(one.call_ref, one.caller) for one in found.events] == [("7", "+7916")]

    def test_what_is_broken_and_asks_nothing_is_not_taken(self) -> None:
        assert trouble(hook('{"event":"ended","call_id":"7",}')).events == ()

    @pytest.mark.parametrize(
        "sent",
        [
            hook('{"event": "ended", "call_id": "1", "call_id": "2"}'),
            hook("event=ended&call_id=1&call_id=2", content_type=FORM),
            hook('{"event": "ended", "call_id": "1"}', query="call_id=2"),
            hook("event=ended&call_id=1", query="call_id=2", content_type=FORM),
        ],
        ids=["JSON", "form", "query and JSON", "query and form"],
    )
    def test_contradictions_are_refused(self, sent: RawHook) -> None:
        assert trouble(sent).field == "call_id"

    @pytest.mark.parametrize(
        "sent",
        [
            hook('{"event": "ended", "call_id": "1", "call_id": "1"}'),
            hook("event=ended&call_id=1&call_id=1", content_type=FORM),
            hook('{"event": "ended", "call_id": "1"}', query="call_id=1&event=ended"),
        ],
        ids=["JSON", "form", "query"],
    )
    def test_saying_the_same_twice_is_none(self, sent: RawHook) -> None:
        assert PBX.parse(sent)[0].call_ref == "1"

    def test_what_only_the_query_says_is_not_read(self) -> None:
        assert PBX.parse(hook('{"event": "reset"}', query="call_id=9"))[0].call_ref is None

    @pytest.mark.parametrize("sent", ["1,2", "101:busy", '["101"]', "[", '[{"reason": "busy"}]'])
    def test_what_was_tried(self, sent: str) -> None:
        sent_hook = hook(f"event=next&call_id=1&tried={sent}", content_type=FORM)
        if sent.startswith("["):
            assert trouble(sent_hook).events[0].tried == ()
        else:
            tried = PBX.parse(sent_hook)[0].tried
            assert [one.reason for one in tried] in (["failed", "failed"], ["busy"])


class TestTrust:
    @pytest.mark.parametrize("secret", [SECRET, NEXT_SECRET])
    def test_either_secret(self, secret: str) -> None:
        PBX.verify(hook(authorization=f"Bearer {secret}"))

    @given(at=st.integers(0, len(SECRET) - 1), letter=st.characters(codec="utf-8"))
    @settings(max_examples=500)
    def test_a_changed_letter(self, at: int, letter: str) -> None:
        changed = SECRET[:at] + letter + SECRET[at + 1 :]
        if changed != SECRET:
            with pytest.raises(ForgedHook):
                PBX.verify(hook(authorization=f"Bearer x{changed}"[:-1]))
            with pytest.raises(ForgedHook):
                PBX.verify(hook(authorization=f"Bearer {changed}"))

    @given(st.text(st.characters(exclude_categories=())))
    @example("Bearer \ud800")
    @example("Bearer \udcff")
    @settings(max_examples=500)
    def test_any_other_text(self, text: str) -> None:
        with pytest.raises(ForgedHook):
            PBX.verify(hook(authorization=text))
        with pytest.raises(ForgedHook):
            PBX.verify(hook(authorization=f"Basic {text}"))

    def test_secrets_are_not_printed(self) -> None:
        assert SECRET not in repr(PBX)


class TestWhatItCanDo:
    def test_a_whole_plan(self) -> None:
        assert PBX.can(hook()) == Can(ask_again=True, wait=True)

    @pytest.mark.parametrize("query", ["steps=one", "as=rtjson", "as=rtjson&steps=all"])
    def test_one_step_at_a_time(self, query: str) -> None:
        assert PBX.can(hook(query=query)) == Can(steps=1, ask_again=True, wait=True)

    def test_one_step_of_a_longer_plan(self) -> None:
        said = json.loads(PBX.answer(PLAN, hook(query="steps=one")).body)
        assert [step["targets"][0]["leg"] for step in said["steps"]] == ["a1"]
        assert said["ask_again"] is True
        last = json.loads(PBX.answer(PLAN, hook(query="steps=one"), step=1).body)
        assert [step["targets"][0]["leg"] for step in last["steps"]] == ["a2"]
        assert last["ask_again"] is False

    @pytest.mark.parametrize("query", ["as=klingon", "as=json&as=asterisk", "as=RTJSON"])
    def test_a_call_in_an_unknown_dialect_is_answered_in_json(self, query: str) -> None:
        ringing = hook(sample("ringing.json"), query=query)
        found = trouble(ringing)
        assert (found.field, len(found.events)) == ("as", 1)
        assert json.loads(PBX.answer(PLAN, ringing).body)["decision"] == "connect"
        assert trouble(hook(sample("ended.json"), query=query)).events == ()

    def test_other_events_are_acknowledged(self) -> None:
        assert PBX.accept(hook(query="as=asterisk")).body == b'{"ok": true}'


CURL = (
    "section=dialplan&Unique-ID=c-1&Hunt-Caller-ID-Number=%2B79161234567"
    "&Hunt-Destination-Number=%2B74951230001&Hunt-Context=public&Caller-Direction=inbound"
)


class TestFreeSwitch:
    def test_its_question_is_a_call(self) -> None:
        asked = hook(CURL, query="as=freeswitch", content_type=FORM)
        assert PBX.greet(asked) is None
        (found,) = PBX.parse(asked)
        said = (found.kind, found.call_ref, found.caller, found.called)
        assert said == ("ringing", "c-1", "+79161234567", "+74951230001")
        assert PBX.answer(PLAN, asked).content_type.startswith("text/xml")

    @pytest.mark.parametrize("section", ["directory", "configuration", "phrases", ""])
    def test_whatever_else_it_asks_for_is_not_found(self, section: str) -> None:
        """Before trust: nothing of ours stands in it."""
        asked = hook(
            f"section={section}&tag_name=domain&Unique-ID=c-1",
            query="as=freeswitch",
            content_type=FORM,
            authorization=None,
        )
        greeting = PBX.greet(asked)
        assert greeting is not None
        assert b'<result status="not found"' in greeting.body

    def test_it_is_so_only_where_its_dialect_is_spoken(self) -> None:
        asked = hook("section=directory", content_type=FORM)
        assert PBX.greet(asked) is None
        assert trouble(asked).field == "event"

    def test_events_have_our_own_names_there_too(self) -> None:
        ringing = hook(sample("ringing.json"), query="as=freeswitch")
        assert PBX.greet(ringing) is None
        assert PBX.parse(ringing) == [GOLDEN["ringing"]]

    @pytest.mark.parametrize("body", [b"\xff", b"{", b"[]", b"a=1&" * 1100])
    def test_what_cannot_be_read_is_no_greeting(self, body: bytes) -> None:
        assert PBX.greet(hook(body, query="as=freeswitch")) is None


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(st.text(), inside, max_size=4),
    max_leaves=8,
)
_NAMES = st.sampled_from(
    sorted({name for path in SAMPLES.glob("*.json") for name in json.loads(path.read_text())})
)
_KINDS = st.sampled_from([one.kind for one in (*GOLDEN.values(), *OF_NO_CALL.values())])


class TestNeverAnExceptionOfAnotherKind:
    @given(st.binary(max_size=300), st.sampled_from([FORM, "application/json", None]))
    @settings(max_examples=300)
    def test_whatever_bytes_come(self, body: bytes, content_type: str | None) -> None:
        with suppress(HookError):
            PBX.parse(hook(body, content_type=content_type))

    @given(kind=_KINDS, fields=st.dictionaries(_NAMES, _JSON), query=st.text(max_size=40))
    @settings(max_examples=500)
    def test_whatever_stands_in_a_field(
        self, kind: str, fields: dict[str, object], query: str
    ) -> None:
        sent = hook(json.dumps({**fields, "event": kind}), query=query)
        try:
            found = tuple(PBX.parse(sent))
        except UnreadableHook as error:
            found = error.events
            assert found or kind not in {"ringing", "next"} or "direction" in fields
        for one in found:
            assert len(one.key) <= 255
            for value in (*astuple(one), *(text for tried in one.tried for text in astuple(tried))):
                if isinstance(value, str):
                    value.encode()  # a lone surrogate would fail here, as in a database
                    assert "\0" not in value
        PBX.answer(PLAN, sent)
