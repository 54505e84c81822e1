"""What examples/freeswitch makes of every answer of ours, and what we make of its forms.

It is read here as FreeSWITCH would read it; it was not run on a real FreeSWITCH.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest

from callrouter.domain.decisions import (
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
from tests.examples_of_pbx.freeswitch import (
    FOLDER,
    Channel,
    Pbx,
    global_variables,
    parameters,
    read,
)
from tests.examples_of_pbx.scripted import answering
from tests.webhooks.examples import ACCOUNT, PLAN, SECRET, hook
from webhooks.providers.pbx import Pbx as Provider

LINE = "+74951230001"
ANNA, BORIS, VERA = "PJSIP/101", "PJSIP/102", "PJSIP/103"
LAST = "PJSIP/+74950000000@trunk"
MUSIC = Wait("01JABC", 5, LastResort("+74950000000"))
TELL = "/etc/freeswitch/callrouter-tell"


def office(url: str, trust: str = f"pbx:{SECRET}", **phones: str) -> Pbx:
    answer = {f"PJSIP/{dial.removeprefix('p')}": key for dial, key in phones.items()}
    return Pbx(f"{url}?as=freeswitch", trust, answer)


async def ring(pbx: Pbx, caller: str = "+79161234567", **also: str) -> Channel:
    return await asyncio.to_thread(pbx.call, caller, **also)


def rung(pbx: Pbx) -> list[list[tuple[str, str]]]:
    """Dial and seconds of each phone, bridge by bridge."""
    return [[(leg.dial, leg.variables["leg_timeout"]) for leg in legs] for legs in pbx.dialled]


async def test_a_plan_is_rung_step_by_step_and_ends_at_the_last_resort() -> None:
    async with answering(PLAN) as (ours, url):
        pbx = office(url)
        channel = await ring(pbx)
    assert rung(pbx) == [[(ANNA, "20")], [(BORIS, "25"), (VERA, "25")], [(LAST, "60")]]
    assert pbx.done[-1] == "hangup NO_ANSWER"
    assert channel.variables["continue_on_fail"] == "true"
    assert channel.variables["effective_caller_id_name"] == "Иван Петров"
    assert ours.asked == [("ringing", "+79161234567", LINE, None)]
    assert {event.call_ref for event in ours.taken} == {"7f0e"}
    legs = [leg.variables["callrouter_leg"] for legs in pbx.dialled for leg in legs]
    assert legs == ["a1", "a2", "a3", "last"]


async def test_who_rings_and_answers_is_told_by_his_leg() -> None:
    async with answering(PLAN) as (_, url):
        pbx = office(url, p101="")
        await ring(pbx)
    assert rung(pbx) == [[(ANNA, "20")]]
    assert pbx.told == [
        f"{TELL} event=leg_ringing call_id=7f0e leg_id=a1",
        f"{TELL} event=answered call_id=7f0e leg_id=a1",
    ]


async def test_after_its_steps_it_asks_again_and_says_whom_it_has_tried() -> None:
    first = replace(PLAN, steps=PLAN.steps[:1], ask_again=True)
    second = replace(PLAN, steps=PLAN.steps[1:], ask_again=True)
    async with answering(first, second, replace(PLAN, steps=())) as (ours, url):
        pbx = office(url)
        channel = await ring(pbx)
    assert [[dial for dial, _ in step] for step in rung(pbx)] == [[ANNA], [BORIS, VERA], [LAST]]
    assert "callrouter_again" not in channel.variables  # transferred later, it is no asking again
    assert [(kind, attempt) for kind, _, _, attempt in ours.asked] == [
        ("ringing", None),
        ("next", 1),
        ("next", 2),
    ]
    tried = [(one.target, one.reason) for one in ours.taken[-1].tried]
    assert tried == [("101", "no_answer"), ("102", "no_answer"), ("103", "no_answer")]


async def test_who_waits_hears_music_and_is_asked_for_again() -> None:
    async with answering(MUSIC, replace(MUSIC, media="ringback"), PLAN) as (ours, url):
        pbx = office(url, p101="")
        await ring(pbx)
    assert pbx.done[:4] == ["answer", "after +5", "ring_ready", "sleep 5000"]
    assert rung(pbx) == [[(ANNA, "20")]]
    assert [attempt for _, _, _, attempt in ours.asked] == [None, 1, 2]
    assert ours.asked[-1][2] == LINE


@pytest.mark.parametrize(
    "first", [MUSIC, replace(PLAN, ask_again=True)], ids=["waiting", "asking again"]
)
async def test_the_last_resort_is_dialled_where_the_next_asking_gets_nothing(
    first: Decision,
) -> None:
    async with answering(first, NoOpinion()) as (_, url):
        pbx = office(url)
        await ring(pbx)
    assert rung(pbx)[-1] == [(LAST, "60")]
    assert "as_before" not in pbx.done


async def test_a_message_is_played_and_what_is_said_after_it_is_sent() -> None:
    message = Message("01JABC", LastResort("+74950000000"), play="closed.wav", record=True, max_s=9)
    async with answering(message) as (_, url):
        pbx = office(url)
        channel = await ring(pbx)
    file = "/var/lib/freeswitch/recordings/callrouter/7f0e-message.wav"
    assert pbx.done == [
        "answer",
        "playback closed.wav",
        f"record {file} 9 200 5",
        "hangup NORMAL_CLEARING",
    ]
    sends = channel.variables["api_hangup_hook"]
    assert sends.endswith(f"/etc/freeswitch/callrouter-upload {file} 7f0e message")
    assert pbx.dialled == []


async def test_a_message_without_a_sound_has_the_local_one_and_records_nothing() -> None:
    async with answering(Message("01JABC", LastResort("102"), text="Closed")) as (_, url):
        pbx = office(url)
        await ring(pbx)
    assert pbx.done[1] == f"playback {global_variables()['callrouter_regret']}"
    assert not any(one.startswith("record") for one in pbx.done)


async def test_who_is_blocked_is_turned_away() -> None:
    async with answering(Reject("01JABC", "blocked")) as (_, url):
        pbx = office(url)
        await ring(pbx)
    assert (pbx.done, pbx.dialled) == (["respond 603 Decline", "hangup CALL_REJECTED"], [])


@pytest.mark.parametrize("trust", [f"pbx:{SECRET}", "pbx:another"], ids=["none", "a wrong secret"])
async def test_without_an_answer_the_call_goes_where_it_went_before(trust: str) -> None:
    async with answering(NoOpinion()) as (_, url):
        pbx = office(url, trust)
        await ring(pbx)
    assert (pbx.done, pbx.dialled) == (["as_before"], [])


async def test_with_nobody_there_the_call_goes_where_it_went_before() -> None:
    pbx = office("http://127.0.0.1:9/webhooks/pbx/main")
    await ring(pbx)
    assert (pbx.done, pbx.dialled) == (["as_before"], [])


CONFIRMED = replace(
    PLAN,
    record=False,
    steps=(
        PlanStep(
            25, "all", (Target("a1", "101", "anna", confirm=True), Target("a2", "102", "boris"))
        ),
    ),
)


async def test_who_must_confirm_has_answered_when_the_key_is_pressed() -> None:
    async with answering(CONFIRMED) as (_, url):
        pbx = office(url, p101="1")
        await ring(pbx)
    assert rung(pbx) == [[(ANNA, "25"), (BORIS, "25")]]
    assert pbx.told[-1] == f"{TELL} event=answered call_id=7f0e leg_id=a1"


async def test_a_voicemail_presses_no_key_and_who_need_not_confirm_just_talks() -> None:
    async with answering(CONFIRMED) as (_, url):
        pbx = office(url, p101="", p102="")
        await ring(pbx)
    answered = [one for one in pbx.told if "event=answered" in one]
    assert answered == [f"{TELL} event=answered call_id=7f0e leg_id=a2"]


async def test_a_talk_is_recorded_where_it_is_wanted() -> None:
    async with answering(PLAN) as (_, url):
        pbx = office(url, p101="")
        channel = await ring(pbx)
    file = "/var/lib/freeswitch/recordings/callrouter/7f0e.wav"
    assert pbx.done == [f"record_session {file}"]
    assert channel.variables["api_hangup_hook"].endswith(f"{file} 7f0e talk")
    assert channel.variables["RECORD_BRIDGE_REQ"] == "true"


@pytest.mark.parametrize(
    ("caller", "hide", "said"),
    [
        ("+79161234567", "false", "+79161234567"),
        ("+79161234567", "true", ""),
        ("anonymous", "false", "anonymous"),
        ("", "false", ""),
        ("1&event=reset&x=${system(id)}", "false", "1&event=reset&x=${system(id)}"),
    ],
)
async def test_what_a_caller_sends_as_his_number_is_a_value_and_nothing_more(
    caller: str, hide: str, said: str
) -> None:
    async with answering(PLAN) as (ours, url):
        pbx = office(url, p101="")
        await ring(pbx, caller, hide=hide, rdnis="+74950000009")
    assert ours.asked == [("ringing", said, LINE, None)]
    assert ours.taken[0].diverted_from == "+74950000009"


@pytest.mark.parametrize(("section", "context"), [("directory", "public"), ("dialplan", "default")])
async def test_what_is_no_customers_call_is_not_found_and_leaves_no_trace(
    section: str, context: str
) -> None:
    async with answering(PLAN) as (ours, url):
        pbx = office(url)
        channel = Channel(pbx, {"uuid": "7f0e"})
        form = channel.form("102", context) | {"section": section}
        found = await asyncio.to_thread(pbx.locate, form, "public")
    assert [one.attrib["name"] for one in found] == ["callrouter_last_resort", "before"]
    assert ours.hooks == []


def test_no_secret_stands_in_what_a_call_carries() -> None:
    assert all("secret" not in value for value in global_variables().values())
    for name in ("dialplan/callrouter.xml", "dialplan/00_callrouter_public.xml"):
        assert "secret" not in (FOLDER / name).read_text()


def test_the_configuration_names_the_address_the_secret_and_a_time_limit() -> None:
    asks, tells = (
        parameters(f"autoload_configs/{name}.conf.xml") for name in ("xml_curl", "json_cdr")
    )
    address = "https://crm.example.com/webhooks/pbx/main?as=freeswitch"
    assert (asks["gateway-url"], tells["url"]) == (address, address)
    assert asks["timeout"] == "2"
    assert asks["gateway-credentials"] == tells["cred"]
    assert asks["gateway-credentials"].startswith("pbx:")
    assert tells["encode"] == "false"
    assert tells["log-b-leg"] == "true"
    assert read("autoload_configs/xml_curl.conf.xml").attrib["name"] == "xml_curl.conf"
    assert read("autoload_configs/json_cdr.conf.xml").attrib["name"] == "json_cdr.conf"
    binding = read("autoload_configs/xml_curl.conf.xml").find(".//param[@name='gateway-url']")
    assert binding is not None
    assert binding.attrib["bindings"] == "dialplan"


# mod_json_cdr: what is told of each leg that has ended.

PROVIDER = Provider(ACCOUNT, (SECRET.encode(),))
LEG = {"uuid": "b1", "callrouter_call": "7f0e", "callrouter_leg": "a1", "callrouter_target": "101"}
CALL = {"uuid": "7f0e", "callrouter_call": "7f0e"}
TALKED = {"answer_epoch": "1710241510", "bridge_epoch": "1710241511", "end_epoch": "1710241553"}
NEVER = {"answer_epoch": "0", "bridge_epoch": "0", "end_epoch": "1710241553"}


def record(variables: dict[str, str]) -> bytes:
    """One of mod_json_cdr's documents, with what else stands in it."""
    more = {f"sip_{n}": str(n) for n in range(250)}
    document = {
        "core-uuid": "c",
        "switchname": "pbx",
        "channel_data": {"state": "CS_REPORTING"},
        "variables": more | variables,
        "callflow": [{"caller_profile": {"destination_number": LINE}}],
    }
    return json.dumps(document).encode()


def told_by(body: bytes) -> CallEvent:
    (event,) = PROVIDER.parse(hook(body, query="as=freeswitch"))
    return event


@pytest.mark.parametrize(
    ("variables", "kind", "reason", "seconds"),
    [
        (LEG | TALKED | {"hangup_cause": "NORMAL_CLEARING"}, "leg_ended", None, 43),
        (LEG | NEVER | {"hangup_cause": "USER_BUSY"}, "leg_failed", "busy", None),
        (LEG | NEVER | {"hangup_cause": "NO_ANSWER"}, "leg_failed", "no_answer", None),
        (LEG | NEVER | {"hangup_cause": "CALL_REJECTED"}, "leg_failed", "rejected", None),
        (LEG | NEVER | {"hangup_cause": "USER_NOT_REGISTERED"}, "leg_failed", "offline", None),
        (LEG | NEVER | {"hangup_cause": "LOSE_RACE"}, "leg_failed", "answered_elsewhere", None),
        (LEG | NEVER | {"hangup_cause": "ORIGINATOR_CANCEL"}, "leg_failed", "cancelled", None),
        (LEG | NEVER | {"hangup_cause": "SOMETHING_NEW"}, "leg_failed", "failed", None),
        (
            LEG | TALKED | {"callrouter_confirm": "true", "hangup_cause": "NO_ANSWER"},
            "leg_failed",
            "no_answer",
            None,
        ),
        (
            LEG | TALKED | {"callrouter_confirm": "true", "callrouter_confirmed": "true"},
            "leg_ended",
            None,
            43,
        ),
        (CALL | TALKED | {"hangup_cause": "NORMAL_CLEARING"}, "ended", "completed", 42),
        (CALL | NEVER | {"hangup_cause": "ORIGINATOR_CANCEL"}, "ended", "caller_hung_up", 0),
        (CALL | NEVER | {"hangup_cause": "NO_ANSWER"}, "ended", "no_answer", 0),
        (
            CALL | TALKED | {"bridge_epoch": "0", "hangup_cause": "NORMAL_CLEARING"},
            "ended",
            "caller_hung_up",
            0,
        ),
    ],
)
def test_a_record_tells_how_a_leg_or_the_call_has_ended(
    variables: dict[str, str], kind: str, reason: str | None, seconds: int | None
) -> None:
    event = told_by(record(variables))
    leg = "a1" if "callrouter_leg" in variables else None
    assert (event.kind, event.call_ref, event.leg_ref) == (kind, "7f0e", leg)
    assert (event.reason, event.duration_s) == (reason, seconds)


def test_a_record_may_be_percent_encoded() -> None:
    plain = LEG | {"callrouter_target": "sip:a@b.example"} | TALKED
    encoded = {name: quote(value, safe="") for name, value in plain.items()}
    assert told_by(record(encoded)) == replace(
        told_by(record(plain)), key=told_by(record(encoded)).key
    )


async def test_a_record_of_another_call_is_acknowledged_and_leaves_no_trace() -> None:
    greeting = PROVIDER.greet(hook(record({"uuid": "x"} | TALKED), query="as=freeswitch"))
    assert greeting is not None
    assert json.loads(greeting.body) == {"ok": True}
    assert PROVIDER.greet(hook(record(LEG | TALKED), query="as=freeswitch")) is None


# Click-to-call and the teller: the real scripts, in processes of their own.

ORDER = {"call_id": "01JOUR", "target": "101", "number": "+79161234567", "line": LINE}


@contextmanager
def event_socket(password: str) -> Iterator[tuple[int, list[str]]]:
    """FreeSWITCH's event socket, as far as a password and one command go."""
    said: list[str] = []

    class Talk(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"Content-Type: auth/request\n\n")
            trusted = False
            while line := self.rfile.readline().decode().strip():
                self.rfile.readline()
                if line.startswith("auth "):
                    trusted = line == f"auth {password}"
                elif trusted:
                    said.append(line)
                reply = "+OK accepted" if trusted else "-ERR invalid"
                self.wfile.write(f"Content-Type: command/reply\nReply-Text: {reply}\n\n".encode())

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Talk) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_address[1], said
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def clicks(folder: Path, switch: int, password: str) -> Iterator[int]:
    (folder / "secret").write_text(f"{SECRET}\n")
    (folder / "password").write_text(f"{password}\n")
    environ = {
        "CALLROUTER_SECRET_FILE": str(folder / "secret"),
        "CALLROUTER_PASSWORD_FILE": str(folder / "password"),
        "CALLROUTER_SWITCH": f"127.0.0.1:{switch}",
        "CALLROUTER_LISTEN": "127.0.0.1:0",
    }
    words = [sys.executable, str(FOLDER / "click_to_call.py")]
    with subprocess.Popen(words, env=environ, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr
        try:
            yield int(server.stderr.readline().rpartition(":")[2])
        finally:
            server.kill()


def ask(port: int, order: dict[str, object], secret: str = SECRET) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    headers = {"Authorization": f"Bearer {secret}"}
    connection.request("POST", "/", json.dumps(order).encode(), headers)
    status = connection.getresponse().status
    connection.close()
    return status


async def test_an_order_of_ours_rings_the_manager_and_then_the_customer(tmp_path: Path) -> None:
    with event_socket("ClueCon") as (switch, said), clicks(tmp_path, switch, "ClueCon") as port:
        assert ask(port, dict(ORDER)) == 202
        for change in (
            {"target": "101\n\napi shutdown"},
            {"target": "101,origination_uuid=x"},
            {"number": "+7916}user/1"},
            {"call_id": "x y"},
        ):
            assert ask(port, {**ORDER, **change}) == 400
        assert ask(port, dict(ORDER), "another") == 401
    (command,) = said
    assert command.startswith("bgapi originate {callrouter_call=01JOUR,")
    _, dial, number, dialplan, context = command.removeprefix("bgapi ").split(" ")
    assert dial.endswith("}user/101")
    variables = dict(one.split("=", 1) for one in dial[1:].partition("}")[0].split(","))
    async with answering(PLAN) as (_, url):
        pbx = office(url)
        pbx.phones = {"sofia/gateway/trunk/+79161234567": ""}
        channel = Channel(pbx, variables | {"uuid": "c"})
        assert dialplan == "XML"
        await asyncio.to_thread(channel.route, number, context)
    tells = (
        f"{TELL} event=dialing direction=out call_id=01JOUR target=101 caller={LINE} "
        "called=+79161234567"
    )
    assert pbx.told == [tells, f"{TELL} event=answered call_id=01JOUR target=101"]


def test_what_freeswitch_refuses_is_told(tmp_path: Path) -> None:
    with event_socket("ClueCon") as (switch, said), clicks(tmp_path, switch, "another") as port:
        assert ask(port, dict(ORDER)) == 503
    assert said == []


async def test_the_teller_sends_an_event_that_we_understand(tmp_path: Path) -> None:
    (tmp_path / "curl").write_text(f'user = "pbx:{SECRET}"\n')
    async with answering(PLAN) as (ours, url):
        environ = {
            "CALLROUTER_URL": url,
            "CALLROUTER_CURL": str(tmp_path / "curl"),
            "PATH": "/usr/bin:/bin",
        }
        words = "event=dialing call_id=7f0e target=101 caller=+74951230001 called=+79161234567"
        program = str(FOLDER / "callrouter-tell")
        process = await asyncio.create_subprocess_exec(program, *words.split(), env=environ)
        assert await process.wait() == 0
    (event,) = ours.taken
    assert (event.kind, event.call_ref, event.target) == ("dialing", "7f0e", "101")
    assert (event.caller, event.called) == (LINE, "+79161234567")
