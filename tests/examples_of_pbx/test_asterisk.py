"""The dialplan in examples/asterisk against every answer of ours, and its click-to-call.

It is read here as Asterisk would read it; it was not run on a real Asterisk.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import re
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

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
from tests.examples_of_pbx.asterisk import EXAMPLE, Channel, Pbx, Phone, read_dialplan, shipped
from tests.examples_of_pbx.scripted import answering
from tests.webhooks.examples import ACCOUNT, PLAN, SECRET
from webhooks.provider import CallOrder
from webhooks.providers.pbx import Pbx as Provider

LINE = "+74951230001"
BEFORE = "[from-trunk-before]\nexten => _[+0-9].,1,Playback(as-before)\n same => n,Hangup()\n"

ANNA = ("PJSIP/101", "20")
BOTH = ("PJSIP/102&PJSIP/103", "25")
LAST = ("PJSIP/+74950000000@trunk", "60")

ANSWERS = Phone("answer")
BUSY = Phone("busy")
MUSIC = Wait("01JABC", 5, LastResort("+74950000000"))


def office(
    url: str,
    trust: str = f"pbx:{SECRET}",
    phones: Mapping[str, Phone] | None = None,
    **inside: Phone,
) -> Pbx:
    """The shipped dialplan, beside the one that was there before; phones by their dials."""
    phones = {**(phones or {}), **inside}
    text = "\n".join(shipped(url, trust)) + "\n" + BEFORE
    known = {f"PJSIP/{dial.removeprefix('p')}": phone for dial, phone in phones.items()}
    return Pbx(read_dialplan(text), known)


async def ring(pbx: Pbx, caller: str = "+79161234567", **also: str) -> Channel:
    return await asyncio.to_thread(pbx.call, LINE, caller, **also)


async def test_a_plan_is_rung_step_by_step_and_ends_at_the_last_resort() -> None:
    async with answering(PLAN) as (ours, url):
        pbx = office(url, p101=BUSY, p102=Phone("offline"))
        await ring(pbx)
    assert pbx.dialled == [ANNA, BOTH, LAST]
    assert ours.asked == [("ringing", "+79161234567", LINE, None)]
    assert ours.heard == [
        ("leg_failed", "a1", "busy"),
        ("leg_failed", "a2", "no_answer"),
        ("leg_failed", "a3", "no_answer"),
        ("ended", "", "no_answer"),
    ]


async def test_who_answers_is_named_by_his_leg_and_nobody_else_is_rung() -> None:
    async with answering(PLAN) as (ours, url):
        pbx = office(url, p101=replace(ANSWERS, talk_s=75))
        channel = await ring(pbx)
    assert pbx.dialled == [ANNA]
    assert ours.heard == [("answered", "a1", ""), ("ended", "", "completed")]
    assert ours.taken[-1].duration_s == 75
    assert {event.call_ref for event in ours.taken} == {"1710241500.17"}
    assert channel.fields["CALLERID(name)"] == "Иван Петров"


async def test_of_several_who_answers_is_named_by_what_was_dialled() -> None:
    async with answering(PLAN) as (ours, url):
        pbx = office(url, p101=BUSY, p103=ANSWERS)
        await ring(pbx)
    assert pbx.dialled == [ANNA, BOTH]
    assert ours.heard == [
        ("leg_failed", "a1", "busy"),
        ("answered", "103", ""),
        ("ended", "", "completed"),
    ]


async def test_the_last_resort_that_answers_is_a_leg_as_well() -> None:
    async with answering(replace(PLAN, steps=())) as (ours, url):
        pbx = office(url, phones={"+74950000000@trunk": ANSWERS})
        await ring(pbx)
    assert pbx.dialled == [LAST]
    assert ours.heard == [("answered", "last", ""), ("ended", "", "completed")]


async def test_who_hangs_up_while_it_rings_ends_the_call() -> None:
    async with answering(PLAN) as (ours, url):
        pbx = office(url, p101=Phone("caller_gives_up"))
        await ring(pbx)
    assert pbx.dialled == [ANNA]
    assert ours.heard == [("ended", "", "caller_hung_up")]


async def test_after_its_steps_it_asks_again_and_rings_whom_it_is_told_then() -> None:
    first = replace(PLAN, steps=PLAN.steps[:1], ask_again=True)
    second = replace(PLAN, steps=PLAN.steps[1:], ask_again=True)
    async with answering(first, second, replace(PLAN, steps=())) as (ours, url):
        pbx = office(url)
        await ring(pbx)
    assert pbx.dialled == [ANNA, BOTH, LAST]
    assert [(kind, attempt) for kind, _, _, attempt in ours.asked] == [
        ("ringing", None),
        ("next", 1),
        ("next", 2),
    ]


async def test_who_waits_hears_music_and_is_asked_for_again() -> None:
    async with answering(MUSIC, MUSIC, PLAN) as (ours, url):
        pbx = office(url, p101=ANSWERS)
        await ring(pbx)
    assert pbx.done == ["Answer()", "MusicOnHold(default,5)"] * 2
    assert pbx.dialled == [ANNA]
    assert [attempt for _, _, _, attempt in ours.asked] == [None, 1, 2]


async def test_who_waits_by_ringing_is_not_answered() -> None:
    async with answering(replace(MUSIC, media="ringback"), PLAN) as (_, url):
        pbx = office(url, p101=ANSWERS)
        await ring(pbx)
    assert pbx.done == ["Ringing()", "Wait(5)"]


@pytest.mark.parametrize(
    "first", [MUSIC, replace(PLAN, ask_again=True)], ids=["waiting", "asking again"]
)
async def test_the_last_resort_is_dialled_where_the_next_asking_gets_nothing(
    first: Decision,
) -> None:
    async with answering(first, NoOpinion()) as (_, url):
        pbx = office(url)
        await ring(pbx)
    assert pbx.dialled[-1] == LAST
    assert "Playback(as-before)" not in pbx.done


async def test_silence_after_an_answer_does_not_bring_the_former_answer_back() -> None:
    async with answering(MUSIC) as (ours, url):
        pbx = office(url)
        pbx.lasts = 1
        await ring(pbx)
    assert pbx.dialled == [LAST]
    assert len(ours.asked) == 1


async def test_a_message_is_played_and_what_is_said_after_it_is_sent() -> None:
    message = Message("01JABC", LastResort("+74950000000"), play="closed", record=True, max_s=90)
    async with answering(message) as (ours, url):
        pbx = office(url)
        await ring(pbx)
    file = "/var/spool/asterisk/callrouter/1710241500.17-message.wav"
    assert pbx.done[:3] == ["Answer()", "Playback(closed)", f"Record({file},5,90,k)"]
    assert pbx.ran == [f"/etc/asterisk/callrouter-upload {file} 1710241500.17 message &"]
    assert pbx.dialled == []
    assert ours.heard == [("ended", "", "caller_hung_up")]


async def test_a_message_without_a_sound_has_the_local_one() -> None:
    message = Message("01JABC", LastResort("+74950000000"), text="We are closed")
    async with answering(message) as (_, url):
        pbx = office(url)
        await ring(pbx)
    assert pbx.done == ["Answer()", "Playback(vm-goodbye)", "Hangup()"]
    assert pbx.ran == []


async def test_who_is_blocked_is_turned_away() -> None:
    async with answering(Reject("01JABC", "blocked")) as (_, url):
        pbx = office(url)
        await ring(pbx)
    assert (pbx.done, pbx.dialled) == (["Hangup(21)"], [])


async def test_without_an_opinion_the_call_goes_where_it_went_before() -> None:
    async with answering(NoOpinion()) as (_, url):
        pbx = office(url)
        await ring(pbx)
    assert (pbx.done[0], pbx.dialled) == ("Playback(as-before)", [])


async def test_with_a_wrong_secret_the_call_goes_where_it_went_before() -> None:
    async with answering(PLAN) as (ours, url):
        pbx = office(url, trust="pbx:another")
        await ring(pbx)
    assert (pbx.done[0], pbx.dialled) == ("Playback(as-before)", [])
    assert ours.refused[0] == "wrong secret (Basic)"


async def test_in_silence_the_call_goes_where_it_went_before_and_waits_but_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes everything, says nothing
        pbx = office(f"http://127.0.0.1:{silent.getsockname()[1]}/webhooks/pbx/main")
        pbx.slowness = 0.05
        await ring(pbx)
    assert (pbx.done[0], pbx.dialled) == ("Playback(as-before)", [])
    assert len(pbx.posted) == 2  # the asking, and the end


async def test_one_event_that_is_not_taken_is_enough_to_tell_no_more_before_the_end() -> None:
    async with answering(PLAN) as (_, url):
        pbx = office(url)
        pbx.lasts = 1
        await ring(pbx)
    assert pbx.dialled == [ANNA, BOTH, LAST]
    events = [body.partition("event=")[2].partition("&")[0] for body in pbx.posted]
    assert events == ["ringing", "leg_failed", "ended"]


async def test_with_nobody_there_the_call_goes_where_it_went_before() -> None:
    pbx = office("http://127.0.0.1:9/webhooks/pbx/main")
    await ring(pbx)
    assert (pbx.done[0], pbx.dialled) == ("Playback(as-before)", [])


CONFIRMED = replace(
    PLAN,
    steps=(
        PlanStep(
            25,
            "all",
            (Target("a1", "+79160000001", "anna", confirm=True), Target("a2", "102", "boris")),
        ),
    ),
)
MOBILE = "+79160000001@trunk"


async def test_who_must_confirm_has_answered_when_the_key_is_pressed() -> None:
    async with answering(CONFIRMED) as (ours, url):
        pbx = office(url, phones={MOBILE: Phone("answer", talk_s=12, key="1")})
        await ring(pbx)
    assert pbx.dialled[0] == (f"PJSIP/{MOBILE}", "25")
    assert ours.heard == [("answered", "a1", ""), ("ended", "", "completed")]


async def test_a_voicemail_presses_no_key_and_the_others_ring_on() -> None:
    async with answering(CONFIRMED) as (ours, url):
        pbx = office(url, phones={MOBILE: Phone("answer"), "102": Phone("answer", key="1")})
        await ring(pbx)
    assert pbx.dialled == [(f"PJSIP/{MOBILE}", "25"), ("PJSIP/102", "25")]
    assert ours.heard == [("answered", "a2", ""), ("ended", "", "completed")]


async def test_if_nobody_confirms_the_step_has_failed() -> None:
    async with answering(CONFIRMED) as (ours, url):
        pbx = office(url, phones={MOBILE: Phone("answer")})
        await ring(pbx)
    assert pbx.dialled[-1] == LAST
    assert [(kind, leg) for kind, leg, _ in ours.heard] == [
        ("leg_failed", "a1"),
        ("leg_failed", "a2"),
        ("ended", ""),
    ]


async def test_a_talk_is_recorded_once_and_only_where_it_is_wanted() -> None:
    file = "/var/spool/asterisk/callrouter/1710241500.17.wav"
    again = replace(PLAN, steps=PLAN.steps[:1], ask_again=True)
    async with answering(again, PLAN) as (_, url):
        pbx = office(url)
        await ring(pbx)
    assert pbx.ran == [f"/etc/asterisk/callrouter-upload {file} 1710241500.17 talk"]
    async with answering(replace(PLAN, record=False)) as (_, url):
        pbx = office(url)
        await ring(pbx)
    assert pbx.ran == []


@pytest.mark.parametrize(
    ("number", "presentation", "said"),
    [
        ("+79161234567", "allowed_not_screened", "+79161234567"),
        ("+79161234567", "prohib_passed_screen", ""),
        ("anonymous", "unavailable", "anonymous"),
        ("1&event=reset&x=,)${SHELL(id)}\"'", "allowed_passed_screen", None),
        ("", "unavailable", ""),
    ],
)
async def test_what_a_caller_sends_as_his_number_is_a_value_and_nothing_more(
    number: str, presentation: str, said: str | None
) -> None:
    async with answering(PLAN) as (ours, url):
        pbx = office(url, p101=ANSWERS)
        await ring(pbx, number, **{"CALLERID(num-pres)": presentation})
    assert ours.asked == [("ringing", number if said is None else said, LINE, None)]
    assert pbx.dialled == [ANNA]
    assert all(number not in command for command in pbx.ran if number)


async def test_who_was_forwarded_to_us_is_told() -> None:
    async with answering(PLAN) as (ours, url):
        await ring(office(url, p101=ANSWERS), **{"REDIRECTING(from-num)": "+74950000009"})
    assert ours.taken[0].diverted_from == "+74950000009"


async def test_click_to_call_says_who_calls_whom_and_how_it_ended() -> None:
    async with answering(PLAN) as (ours, url):
        pbx = office(url, phones={"+79161234567@trunk": Phone("answer", talk_s=9)})
        variables = {
            "__CALLROUTER_CALL": "01JOUR",
            "__CALLROUTER_TARGET": "101",
            "CALLROUTER_LINE": LINE,
        }
        channel = Channel(pbx, variables)
        await asyncio.to_thread(channel.run_to_the_end, "callrouter-click", "+79161234567")
    dialing = ours.taken[0]
    assert (dialing.kind, dialing.target, dialing.caller, dialing.called, dialing.direction) == (
        "dialing",
        "101",
        LINE,
        "+79161234567",
        "out",
    )
    assert ours.heard[1:] == [("answered", "101", ""), ("ended", "", "completed")]
    assert {event.call_ref for event in ours.taken} == {"01JOUR"}
    assert pbx.dialled == [("PJSIP/+79161234567@trunk", "60")]


def test_every_line_of_the_dialplan_leads_somewhere_that_is_there() -> None:
    contexts = read_dialplan(EXAMPLE.read_text())
    lines = [
        (labels, line)
        for extensions in contexts.values()
        for all_lines in extensions.values()
        for labels in [{one.label for one in all_lines if one.label}]
        for line in all_lines
    ]
    for labels, line in lines:
        if line.app in {"Goto", "GotoIf"}:
            target = line.data.rpartition("?")[2]
            assert target in labels or target.startswith("${CALLROUTER_BEFORE}"), line
        for context in re.findall(r"(?:Gosub\(|U\(|push\)=|^)(callrouter-[a-z]+)", line.data):
            assert context in contexts, line
        if line.app == "Gosub":
            assert line.data.partition(",")[0] in contexts, line


# Click-to-call and the upload: the real scripts, in processes of their own.

FOLDER = EXAMPLE.parent
ORDER = {"call_id": "01JOUR", "target": "101", "number": "+79161234567", "line": LINE}


@pytest.fixture
def clicks(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """The script's port and where Asterisk would look."""
    for folder in ("tmp", "outgoing"):
        (tmp_path / folder).mkdir()
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    environ = {
        "CALLROUTER_SECRET_FILE": str(tmp_path / "secret"),
        "CALLROUTER_SPOOL": str(tmp_path),
        "CALLROUTER_LISTEN": "127.0.0.1:0",
    }
    words = [sys.executable, str(FOLDER / "click_to_call.py")]
    with subprocess.Popen(words, env=environ, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr
        port = int(server.stderr.readline().rpartition(":")[2])
        try:
            yield port, tmp_path / "outgoing"
        finally:
            server.kill()


def ask(port: int, body: bytes, secret: str = SECRET) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("POST", "/", body, {"Authorization": f"Bearer {secret}"})
    status = connection.getresponse().status
    connection.close()
    return status


def test_an_order_of_ours_becomes_a_call_file(clicks: tuple[int, Path]) -> None:
    port, outgoing = clicks
    assert ask(port, json.dumps(ORDER).encode()) == 202
    (file,) = outgoing.iterdir()
    fields = [tuple(line.split(": ", 1)) for line in file.read_text().splitlines()]
    assert ("Channel", "PJSIP/101") in fields
    assert ("Context", "callrouter-click") in fields
    assert ("Extension", "+79161234567") in fields
    assert ("Setvar", "__CALLROUTER_CALL=01JOUR") in fields
    assert ("Setvar", f"CALLROUTER_LINE={LINE}") in fields
    assert "callrouter-click" in read_dialplan(EXAMPLE.read_text())


def test_it_reads_what_our_provider_sends(clicks: tuple[int, Path]) -> None:
    port, outgoing = clicks
    provider = Provider(replace(ACCOUNT, call_url=f"http://127.0.0.1:{port}/"), (SECRET.encode(),))
    order = CallOrder("01JOUR", "101", "+79161234567", LINE, "https://crm.example/")
    request = provider.place_call(order)
    assert request
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request(request.method, "/", request.body, dict(request.headers))
    assert connection.getresponse().status == 202
    assert len(list(outgoing.iterdir())) == 1


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"target": "101\nApplication: System"}, 400),
        ({"target": "PJSIP/101"}, 400),
        ({"number": "+7916123456x"}, 400),
        ({"number": "+79161234567\n"}, 400),
        ({"number": 79161234567}, 400),
        ({"line": ""}, 400),
        ({"call_id": "../../etc/cron.d/x"}, 400),
        ({"line": "9" * 5000}, 413),
    ],
)
def test_anything_else_is_refused_and_makes_no_file(
    clicks: tuple[int, Path], change: dict[str, object], status: int
) -> None:
    port, outgoing = clicks
    assert ask(port, json.dumps(ORDER | change).encode()) == status
    assert ask(port, b"[1]") == 400
    assert ask(port, json.dumps(ORDER).encode(), "another") == 401
    assert ask(port, json.dumps(ORDER).encode(), "пароль".encode().decode("latin-1")) == 401
    assert list(outgoing.iterdir()) == []


@asynccontextmanager
async def recordings() -> AsyncIterator[tuple[str, list[tuple[str, str, bytes]]]]:
    came: list[tuple[str, str, bytes]] = []

    async def take(request: web.Request) -> web.Response:
        trust = request.headers.get("Authorization", "")
        came.append((str(request.rel_url), trust, await request.read()))
        return web.Response(status=200 if trust else 401)

    app = web.Application()
    app.router.add_put("/{any:.*}", take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{site.port}/webhooks/pbx/main", came
    finally:
        await runner.cleanup()


async def test_a_recording_is_sent_with_the_secret_of_a_file_and_then_removed(
    tmp_path: Path,
) -> None:
    sound, empty, config = (tmp_path / name for name in ("a.wav", "b.wav", "curl"))
    sound.write_bytes(b"RIFF" + bytes(1000))
    empty.write_bytes(b"RIFF" + bytes(40))
    config.write_text(f'user = "pbx:{SECRET}"\n')
    async with recordings() as (url, came):
        environ = {"CALLROUTER_URL": url, "CALLROUTER_CURL": str(config), "PATH": "/usr/bin:/bin"}

        async def upload(*words: str) -> int:
            program = str(FOLDER / "callrouter-upload")
            process = await asyncio.create_subprocess_exec(program, *words, env=environ)
            return await process.wait()

        assert await upload(str(sound), "1710241500.17", "talk") == 0
        assert await upload(str(empty), "1710241500.18", "talk") == 0
        assert await upload(str(sound), "x; rm", "talk") == 2
    ((address, trust, body),) = came
    assert address == "/webhooks/pbx/main/recordings/1710241500.17?kind=talk"
    assert trust.startswith("Basic ")
    assert len(body) == 1004
    assert not sound.exists()
    assert not empty.exists()
    assert SECRET not in (FOLDER / "callrouter-upload").read_text()
