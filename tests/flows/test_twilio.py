"""Calls played through Twilio's documents, into the base: what Twilio says and what it is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl

import pytest

from callrouter.domain.setup import Setup, Step
from storage import tables
from storage.database import Database
from tests.examples import LAST_RESORT, LINE_NUMBER, MONDAY_NOON, SETUP, with_ladder
from tests.office import Office
from tests.twilio import ACCOUNT, CALLER, SID, TWILIO, URL, Caller
from webhooks.provider import CallOrder
from webhooks.providers.twilio import Twilio

PHONES = replace(SETUP, account=(ACCOUNT,))
IN_ORDER = with_ladder(Step(ring="in_order", seconds=20, count=2, team="sales"), setup=PHONES)
TOGETHER = with_ladder(Step(ring="all", seconds=25, managers=("anna", "boris")), setup=PHONES)
anna, boris, *_ = SETUP.manager
OUTSIDE = replace(anna, dial="+79160000101", confirm=True)
MOBILE = with_ladder(
    Step(ring="manager", seconds=20, managers=("anna",)),
    Step(ring="manager", seconds=20, managers=("boris",)),
    setup=replace(PHONES, manager=(OUTSIDE, boris, SETUP.manager[2])),
)
QUEUE = with_ladder(
    Step(ring="least_loaded", seconds=20, busy="wait", wait=60),
    setup=replace(PHONES, manager=(replace(anna, wrap_up_s=0),)),
)


def sip(dial: str) -> str:
    return f"sip:{dial}@acme.sip.twilio.com"


async def calling(database: Database, setup: Setup = IN_ORDER, **fields: Any) -> Caller:
    office = await Office(database).open(setup)
    return Caller(office, **fields)


async def calls(office: Office) -> list[tuple[str, str | None]]:
    return [(row.state, row.manager) for row in await office.rows(tables.call)]


async def legs(office: Office) -> list[tuple[str, str, str | None]]:
    return [(row.dial, row.status, row.reason) for row in await office.rows(tables.leg)]


async def state(office: Office) -> list[dict[str, Any]]:
    """Everything a call may leave behind."""
    left = (tables.call, tables.leg, tables.card, tables.contact, tables.task, tables.cooling)
    return [row._asdict() for table in left for row in await office.rows(table)]


async def test_the_second_manager_talks_after_the_first_was_silent(database: Database) -> None:
    call = await calling(database)
    await call.rings()
    assert call.rung == [sip("101")]
    assert call.dial.get("timeout") == "20"
    (phone,) = call.dial
    call.later(1)
    await call.phone(phone, "initiated")
    await call.phone(phone, "ringing")
    assert await call.office.held(call.now) == {"anna": ["ring"]}
    call.later(20)
    await call.phone(phone, "no-answer")
    await call.dial_ends("no-answer")
    assert call.rung == [sip("102")]
    assert await call.office.held(call.now) == {"boris": ["ring"]}
    (phone,) = call.dial
    call.later(4)
    await call.phone(phone, "ringing")
    await call.phone(phone, "in-progress")
    assert await calls(call.office) == [("talking", "boris")]
    assert await call.office.held(call.now) == {"boris": ["talk"]}
    call.later(60)
    await call.phone(phone, "completed", CallDuration="60")
    document = await call.dial_ends("completed")
    assert [verb.tag for verb in document] == ["Hangup"]
    await call.hangs_up()
    assert await calls(call.office) == [("answered", "boris")]
    assert await call.office.held(call.now) == {}
    row = await call.office.only(tables.call)
    assert (row.caller_number, row.line, row.duration_s) == (CALLER, LINE_NUMBER, 60)
    assert (await call.office.only(tables.card)).manager == "boris"
    statuses = {dial: (status, reason) for dial, status, reason in await legs(call.office)}
    assert statuses["101"] == ("failed", "no_answer")
    assert statuses["102"] == ("ended", None)


async def test_the_dial_alone_tells_enough(database: Database) -> None:
    """Status callbacks may be lost."""
    call = await calling(database)
    await call.rings()
    call.later(3)
    await call.dial_ends("busy")
    assert call.rung == [sip("102")]
    assert (await legs(call.office))[0] == ("101", "failed", "busy")
    call.later(20)
    await call.dial_ends("no-answer")
    assert call.rung == [LAST_RESORT]
    call.later(20)
    await call.dial_ends("no-answer")
    assert [verb.tag for verb in call.document] == ["Hangup"]
    assert await calls(call.office) == [("missed", None)]
    assert await call.office.held(call.now) == {}


async def test_a_talk_of_which_only_the_end_is_heard_is_a_talk(database: Database) -> None:
    call = await calling(database)
    await call.rings()
    call.later(64)
    await call.dial_ends("completed")
    row = await call.office.only(tables.call)
    assert (row.state, row.manager, row.duration_s) == ("answered", "anna", 60)


async def test_the_last_resort_answers(database: Database) -> None:
    call = await calling(database)
    await call.rings()
    for _ in range(2):
        call.later(20)
        await call.dial_ends("no-answer")
    assert call.rung == [LAST_RESORT]
    (phone,) = call.dial
    call.later(5)
    await call.phone(phone, "in-progress")
    call.later(30)
    await call.dial_ends("completed")
    assert [state for state, _ in await calls(call.office)] == ["answered"]


@pytest.mark.parametrize("status", ["completed", "canceled", "no-answer"])
async def test_a_caller_who_hangs_up_frees_everybody(database: Database, status: str) -> None:
    call = await calling(database)
    await call.rings()
    call.later(5)
    document = await call.dial_ends("no-answer", CallStatus=status)
    assert [verb.tag for verb in document] == ["Hangup"]
    assert await calls(call.office) == [("missed", None)]
    assert await call.office.held(call.now) == {}
    assert await call.office.count(tables.decision) == 1


async def test_the_numbers_own_status_ends_a_call_too(database: Database) -> None:
    call = await calling(database)
    await call.rings()
    call.later(5)
    await call.hangs_up("no-answer")
    assert await calls(call.office) == [("missed", None)]
    assert await call.office.held(call.now) == {}


async def test_of_phones_rung_together_one_answers(database: Database) -> None:
    call = await calling(database, TOGETHER)
    await call.rings()
    assert sorted(call.rung) == [sip("101"), sip("102")]
    first, second = call.dial
    call.later(4)
    await call.phone(first, "in-progress")
    await call.phone(second, "no-answer")
    call.later(30)
    await call.dial_ends("completed")
    talked, silent = sorted(await legs(call.office), key=lambda leg: leg[1])[:2]
    assert {leg[1:] for leg in (talked, silent)} <= {
        ("ended", None),
        ("cancelled", None),
        ("failed", "answered_elsewhere"),
    }
    assert await call.office.count(tables.cooling) == 0


async def test_only_a_key_press_connects_an_outside_phone(database: Database) -> None:
    call = await calling(database, MOBILE)
    await call.rings()
    assert call.rung == ["+79160000101"]
    (phone,) = call.dial
    call.later(3)
    await call.phone(phone, "in-progress")
    assert await calls(call.office) == [("ringing", None)]
    asked = await call.post(phone.get("url", ""), CallSid=call.child(phone), CallStatus="ringing")
    gather = asked.find("Gather")
    assert gather is not None
    assert asked[-1].tag == "Hangup"
    call.later(10)
    await call.phone(phone, "completed", CallDuration="10")
    call.later(0.3)
    await call.dial_ends("completed", DialBridged="false")
    assert call.rung == [sip("102")]
    assert (await legs(call.office))[0] == ("+79160000101", "failed", "no_answer")
    assert await calls(call.office) == [("ringing", None)]


async def test_who_presses_a_key_talks(database: Database) -> None:
    call = await calling(database, MOBILE)
    await call.rings()
    (phone,) = call.dial
    call.later(3)
    await call.phone(phone, "in-progress")
    asked = await call.post(phone.get("url", ""), CallSid=call.child(phone), CallStatus="ringing")
    gather = asked.find("Gather")
    assert gather is not None
    call.later(4)
    connected = await call.post(gather.get("action", ""), CallSid=call.child(phone), Digits="1")
    assert list(connected) == []
    assert await calls(call.office) == [("talking", "anna")]
    call.later(30)
    await call.phone(phone, "completed", CallDuration="37")
    await call.dial_ends("completed")
    row = await call.office.only(tables.call)
    assert (row.state, row.manager, row.duration_s) == ("answered", "anna", 30)


async def test_who_waits_hears_ringing_and_is_asked_for_again(database: Database) -> None:
    ahead = await calling(database, QUEUE)
    await ahead.rings()
    (phone,) = ahead.dial
    ahead.later(2)
    await ahead.phone(phone, "in-progress")
    call = Caller(ahead.office, 2, "+79160000001", now=ahead.now)
    await call.rings()
    assert [verb.tag for verb in call.document] == ["Pause", "Redirect"]
    assert call.document[0].get("length") == "5"
    for _ in range(3):
        call.later(5)
        await call.redirected()
    assert [verb.tag for verb in call.document] == ["Pause", "Redirect"]
    ahead.later(15)
    await ahead.dial_ends("completed")
    call.later(5)
    await call.redirected()
    assert call.rung == [sip("101")]
    assert len({hook.url for hook in call.sent}) == 5


async def test_who_waits_and_hangs_up_makes_room(database: Database) -> None:
    ahead = await calling(database, QUEUE)
    await ahead.rings()
    (phone,) = ahead.dial
    await ahead.phone(phone, "in-progress")
    call = Caller(ahead.office, 2, "+79160000001")
    await call.rings()
    call.later(5)
    await call.hangs_up("canceled")
    assert sorted(await calls(call.office)) == [("missed", None), ("talking", "anna")]


@pytest.mark.parametrize(
    "number", ["anonymous", "Restricted", "+266696687", "266696687", "+17378742833", ""]
)
async def test_withheld_callers_are_nobody(database: Database, number: str) -> None:
    call = await calling(database, number=number)
    await call.rings()
    row = await call.office.only(tables.call)
    assert (row.caller_kind, row.caller_number) == ("withheld", None)
    assert call.dial.get("callerId") == LINE_NUMBER


async def test_what_is_sent_again_has_no_second_effect(database: Database) -> None:
    """Every hook of three calls, four times more, its unsigned headers changed."""
    office = (await calling(database)).office
    played = []
    for n, second in enumerate(("completed", "no-answer", "canceled"), start=1):
        call = Caller(office, n, f"+7916123456{n}")
        await call.rings()
        (phone,) = call.dial
        call.later(3)
        await call.phone(phone, "busy")
        await call.dial_ends("busy")
        (phone,) = call.dial
        call.later(2)
        await call.phone(phone, "in-progress" if second == "completed" else "ringing")
        call.later(20)
        over = {"CallStatus": "completed"} if second == "canceled" else {}
        await call.dial_ends(second, **over)
        played.append(call)
    await office.sweep(MONDAY_NOON + timedelta(hours=1))  # what nobody reported is over by then
    before = await state(office)
    events = await office.count(tables.event)
    for call in played:
        call.later(3600)
        for n, hook in enumerate(call.sent * 4):
            another = ("i-twilio-idempotency-token", f"token-{n}")
            call.later(30_000 * (n % 2))  # the next day it is still no new call
            await call.send(replace(hook, headers=(*hook.headers, another), arrived=call.now))
    assert await office.count(tables.event) == events
    assert await state(office) == before


async def test_a_form_cut_otherwise_is_the_same_event(database: Database) -> None:
    """Names and values are signed without marks between them."""
    call = await calling(database)
    await call.rings()
    call.later(3)
    await call.dial_ends("completed", DialBridged="false", CallerZip="")
    before = await state(call.office)
    last = call.sent[-1]
    cut = replace(
        last,
        body=last.body.replace(b"DialBridged=false", b"").replace(
            b"CallerZip=", b"CallerZip=DialBridgedfalse"
        ),
    )
    assert cut.body != last.body
    TWILIO.verify(cut)
    events = await call.office.count(tables.event)
    await call.send(replace(cut, arrived=call.now))
    assert await call.office.count(tables.event) == events
    assert await state(call.office) == before


ORDER = CallOrder("order-1", "102", CALLER, LINE_NUMBER, URL)


def ordered(office: Office) -> tuple[Caller, dict[str, str]]:
    call = Caller(office, 7)
    params = {
        "AccountSid": SID,
        "CallSid": call.sid,
        "Direction": "outbound-api",
        "From": LINE_NUMBER,
        "To": sip("102"),
    }
    return call, params


async def test_a_call_that_we_order_is_a_managers_call_out(database: Database) -> None:
    office = (await calling(database)).office
    call, params = ordered(office)
    url, status = addresses()
    await call.post(status, **params, CallStatus="initiated")
    assert await calls(office) == [("ringing", "boris")]
    assert "boris" in await office.held(call.now)
    call.later(5)
    call.document = await call.post(url, **params, CallStatus="in-progress")
    assert call.rung == [CALLER]
    assert call.dial.get("callerId") == LINE_NUMBER
    (phone,) = call.dial
    call.later(8)
    await call.phone(phone, "in-progress")
    assert await calls(office) == [("talking", "boris")]
    call.later(40)
    await call.phone(phone, "completed", CallDuration="40")
    await call.post(
        call.dial.get("action", ""),
        **params,
        CallStatus="in-progress",
        DialCallStatus="completed",
        DialBridged="true",
        DialCallDuration="40",
    )
    await call.post(status, **params, CallStatus="completed")
    row = await office.only(tables.call)
    assert (row.direction, row.state, row.manager) == ("out", "answered", "boris")
    assert (row.caller_number, row.line, row.card) == (CALLER, LINE_NUMBER, None)
    assert await office.held(call.now) == {}


async def test_a_manager_who_does_not_pick_up_his_own_call_out_is_free(database: Database) -> None:
    office = (await calling(database)).office
    call, params = ordered(office)
    _, status = addresses()
    await call.post(status, **params, CallStatus="initiated")
    call.later(30)
    await call.post(status, **params, CallStatus="no-answer")
    row = await office.only(tables.call)
    assert (row.direction, row.state, row.manager) == ("out", "unanswered", "boris")
    assert await office.held(call.now) == {}


async def test_calls_of_the_api_never_come_in(database: Database) -> None:
    call = await calling(database)
    document = await call.post(
        URL, **call.parent(Direction="outbound-api", From=LINE_NUMBER, To=CALLER)
    )
    assert list(document) == []
    row = await call.office.only(tables.call)
    assert (row.direction, row.caller_number) == ("out", CALLER)
    assert await call.office.count(tables.card) == 0
    assert await call.office.count(tables.decision) == 0


async def test_who_has_no_phone_for_twilio_is_passed_over(database: Database) -> None:
    bare = replace(ACCOUNT, dial_inside="{dial}")
    setup = replace(MOBILE, account=(bare,), manager=(boris, OUTSIDE, SETUP.manager[2]))
    swapped = replace(setup, ladder=(replace(setup.ladder[0], step=setup.ladder[0].step[::-1]),))
    provider = Twilio(bare, TWILIO.secrets)
    call = await calling(database, swapped, provider=provider)
    await call.rings()
    assert call.rung == ["+79160000101"]


async def test_a_recording_hangs_on_the_call(database: Database) -> None:
    call = await calling(database)
    await call.rings()
    address = call.dial.get("recordingStatusCallback")
    assert address is None or "of=recording" in address
    await call.post(
        f"{URL}?of=recording&call={call.sid}&leg=a1&kind=talk",
        CallSid=call.sid,
        RecordingSid="RE" + "0" * 32,
        RecordingStatus="completed",
        RecordingUrl=f"https://api.twilio.com/2010-04-01/Accounts/{SID}/Recordings/RE" + "0" * 32,
    )
    assert await call.office.count(tables.event) == 2
    assert await calls(call.office) == [("ringing", None)]


def addresses() -> tuple[str, str]:
    """Where Twilio asks what to do, and where it tells how the manager's phone is."""
    request = TWILIO.place_call(ORDER)
    assert request is not None
    said = dict(parse_qsl(request.body.decode()))
    return said["Url"], said["StatusCallback"]
