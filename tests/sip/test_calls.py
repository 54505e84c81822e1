"""A telephone calls through Kamailio, callrouter says whom to ring, and knows what became of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.running import LAST_RESORT
from tests.sip.company import BLOCKED, NUMBERS, PEOPLE, SAID
from tests.sip.conftest import Exchange
from tests.sip.exchange import ANONYMOUS, HOST, Sipp, Telephones, free_ports, until


def legs(call: dict[str, Any]) -> list[tuple[str, str, str | None]]:
    """Whom it rang, in order: who, what became of it and why. `last`: the last resort."""
    rung = [leg for leg in call["legs"] if leg["manager"] or leg["status"] in {"ended", "failed"}]
    return [(leg["manager"] or leg["leg"], leg["status"], leg["reason"]) for leg in rung]


def test_a_call_is_answered(exchange: Exchange, telephones: Telephones) -> None:
    phone = telephones.phone(exchange.phones["one1"])
    caller = telephones.caller(NUMBERS["one"], "+79160000101", ref="answered", ms=1500)
    talking = exchange.call("answered", "talking")
    assert exchange.busy()["one1"] == talking["id"]
    caller.wait()
    phone.wait()
    call = exchange.call("answered")
    assert (call["state"], call["manager"], call["caller"]) == ("answered", "one1", "+79160000101")
    assert 1.0 < call["duration_s"] < 3.0
    assert call["reason"] == "caller_hung_up"
    assert call["card"]
    assert legs(call) == [("one1", "ended", None)]
    (told,) = exchange.why(call)
    assert told["decision"]["decision"] == "connect"
    assert told["why"]["steps"][0]["candidates"][0]["manager"] == "one1"
    exchange.is_free("one1")


def test_a_manager_hangs_up(exchange: Exchange, telephones: Telephones) -> None:
    phone = telephones.phone(exchange.phones["leaves1"], "phone_hangs_up", ms=1200)
    caller = telephones.caller(NUMBERS["leaves"], ref="leaves", scenario="caller_hears_out")
    caller.wait()
    phone.wait()
    call = exchange.call("leaves")
    assert (call["state"], call["manager"], call["reason"]) == ("answered", "leaves1", "completed")
    assert call["duration_s"] > 1.0


@pytest.mark.parametrize(
    ("line", "scenario", "code", "reason"),
    [
        ("busy", "phone_refuses", 486, "busy"),
        ("declined", "phone_refuses", 603, "rejected"),
        ("silent", "phone_rings", 0, "no_answer"),
    ],
)
def test_the_first_phone_fails_and_the_second_rings(
    exchange: Exchange,
    telephones: Telephones,
    line: str,
    scenario: str,
    code: int,
    reason: str,
) -> None:
    first, second = f"{line}1", f"{line}2"
    failing = telephones.phone(exchange.phones[first], scenario, code=code)
    answering = telephones.phone(exchange.phones[second])
    caller = telephones.caller(NUMBERS[line], ref=line, ms=2000)
    call = exchange.call(line, "talking")
    assert exchange.busy().keys() & {first, second} == {second}
    for one in (failing, answering, caller):
        one.wait()
    call = exchange.call(line)
    assert (call["state"], call["manager"]) == ("answered", second)
    assert legs(call) == [(first, "failed", reason), (second, "ended", None)]
    assert len(exchange.why(call)) == 2
    exchange.is_free(first, second)


def test_a_phone_that_is_not_there_costs_two_seconds(
    exchange: Exchange, telephones: Telephones
) -> None:
    answering = telephones.phone(exchange.phones["gone2"])
    telephones.caller(NUMBERS["gone"], ref="gone").wait()
    answering.wait()
    call = exchange.call("gone")
    assert legs(call) == [("gone1", "failed", "unreachable"), ("gone2", "ended", None)]


def test_where_all_ring_one_refusal_stops_nobody(
    exchange: Exchange, telephones: Telephones
) -> None:
    refusing = telephones.phone(exchange.phones["all1"], "phone_refuses", code=603)
    answering = telephones.phone(exchange.phones["all2"], ms=700)
    ringing = telephones.phone(exchange.phones["all3"], "phone_rings")
    caller = telephones.caller(NUMBERS["all"], ref="all")
    for one in (refusing, ringing, answering, caller):
        one.wait()
    call = exchange.call("all")
    assert (call["state"], call["manager"]) == ("answered", "all2")
    assert sorted(legs(call)) == [
        ("all1", "failed", "rejected"),
        ("all2", "ended", None),
        ("all3", "failed", "answered_elsewhere"),
    ]
    exchange.is_free("all1", "all2", "all3")


def test_where_nobody_answers_the_last_resort_rings(
    exchange: Exchange, telephones: Telephones
) -> None:
    silent = telephones.phone(exchange.phones["nobody1"], "phone_rings")
    refusing = telephones.phone(exchange.phones["nobody2"], "phone_refuses", code=480)
    last = telephones.phone(exchange.last)
    telephones.caller(NUMBERS["nobody"], ref="nobody", ms=500).wait()
    for one in (silent, refusing, last):
        one.wait()
    (invite,) = last.heard("INVITE")
    assert invite.startswith(f"INVITE sip:{LAST_RESORT}@")
    call = exchange.call("nobody")
    assert legs(call) == [
        ("nobody1", "failed", "no_answer"),
        ("nobody2", "failed", "unreachable"),
        ("last", "ended", None),
    ]
    assert call["manager"] is None
    exchange.is_free("nobody1", "nobody2")


def test_a_caller_hangs_up_while_it_rings(exchange: Exchange, telephones: Telephones) -> None:
    phone = telephones.phone(exchange.phones["impatient1"], "phone_rings")
    caller = telephones.caller(
        NUMBERS["impatient"], ref="impatient", scenario="caller_gives_up", ms=600
    )
    ringing = exchange.call("impatient", "ringing")
    assert exchange.busy()["impatient1"] == ringing["id"]
    caller.wait()
    phone.wait()
    call = exchange.call("impatient")
    assert (call["state"], call["reason"], call["manager"]) == ("missed", "caller_hung_up", None)
    assert call["card"]
    exchange.is_free("impatient1")


@pytest.mark.parametrize(
    ("ref", "caller", "privacy"),
    [("anonymous", ANONYMOUS, "id"), ("private", "+79160000333", "id;critical")],
)
def test_a_withheld_number_stays_withheld(
    exchange: Exchange, telephones: Telephones, ref: str, caller: str, privacy: str
) -> None:
    phone = telephones.phone(exchange.phones["withheld1"])
    telephones.caller(NUMBERS["withheld"], caller, ref=ref, privacy=privacy).wait()
    phone.wait()
    call = exchange.call(ref)
    assert (call["state"], call["manager"]) == ("answered", "withheld1")
    assert (call["caller"], call["caller_kind"]) == (None, "withheld")
    exchange.is_free("withheld1")


def test_a_blocked_number_is_declined(exchange: Exchange, telephones: Telephones) -> None:
    caller = telephones.caller(
        NUMBERS["blocked"], BLOCKED, ref="blocked", scenario="caller_refused", code=603
    )
    caller.wait()
    call = exchange.call("blocked")
    assert (call["state"], legs(call), call["card"]) == ("rejected", [], None)
    (told,) = exchange.why(call)
    assert (told["decision"]["decision"], told["decision"]["reason"]) == ("reject", "blocked")


def test_where_a_message_is_to_be_played_and_nobody_can_the_last_resort_rings(
    exchange: Exchange, telephones: Telephones
) -> None:
    last = telephones.phone(exchange.last)
    telephones.caller(NUMBERS["night"], ref="night").wait()
    last.wait()
    call = exchange.call("night")
    (told,) = exchange.why(call)
    assert (told["decision"]["decision"], told["decision"]["text"]) == ("message", SAID)
    assert legs(call) == [("last", "ended", None)]


def test_a_message_is_handed_to_whoever_can_say_it(
    exchange: Exchange, telephones: Telephones, tmp_path: Path
) -> None:
    announcer = free_ports(1)[0]
    able = replace(
        exchange.kamailio,
        folder=tmp_path / "kamailio",
        defines={"CALLROUTER_ANNOUNCER": f'"sip:announce@{HOST}:{announcer}"'},
        port=0,
    ).start()
    try:
        telephones.proxy = f"{HOST}:{able.port}"
        saying = telephones.phone(announcer, "phone_hangs_up")
        telephones.caller(NUMBERS["night"], ref="said", scenario="caller_hears_out").wait()
        saying.wait()
        (invite,) = saying.heard("INVITE")
        exchange.call("said")
    finally:
        able.stop()
    assert f"X-Callrouter-Text: {SAID}\n" in invite
    assert "X-Callrouter-Record: true\nX-Callrouter-Max: 60\n" in invite


def test_each_step_is_decided_afresh(exchange: Exchange, telephones: Telephones) -> None:
    """While the first rings, the second begins to talk with somebody else: the third rings."""
    first = telephones.phone(exchange.phones["afresh1"], "phone_rings")
    second = telephones.phone(exchange.phones["afresh2"], ms=20)
    third = telephones.phone(exchange.phones["afresh3"])
    caller = telephones.caller(NUMBERS["afresh"], "+79160000401", ref="afresh")
    exchange.call("afresh", "ringing")
    other = telephones.caller(NUMBERS["meanwhile"], "+79160000402", ref="meanwhile", ms=4000)
    exchange.call("meanwhile", "talking")
    for one in (caller, first, third, other, second):
        one.wait()
    call = exchange.call("afresh")
    assert legs(call) == [("afresh1", "failed", "no_answer"), ("afresh3", "ended", None)]
    _ringing, following = exchange.why(call)
    looked = {one["manager"]: one for one in following["why"]["steps"][-1]["candidates"]}
    assert looked["afresh2"]["passed"] == "talking"
    assert exchange.call("meanwhile")["manager"] == "afresh2"


def test_a_caller_waits_until_somebody_is_free(exchange: Exchange, telephones: Telephones) -> None:
    phone = telephones.phone(exchange.phones["waits1"], calls=2)
    first = telephones.caller(NUMBERS["waits"], "+79160000501", ref="waits-a", ms=2000)
    exchange.call("waits-a", "talking")
    second = telephones.caller(NUMBERS["waits"], "+79160000502", ref="waits-b")
    exchange.call("waits-b", "waiting")
    for one in (first, second, phone):
        one.wait()
    call = exchange.call("waits-b")
    assert (call["state"], call["manager"]) == ("answered", "waits1")
    assert [told["decision"]["decision"] for told in exchange.why(call)] == ["wait", "connect"]
    exchange.is_free("waits1")


def test_a_caller_hangs_up_while_he_waits(exchange: Exchange, telephones: Telephones) -> None:
    phone = telephones.phone(exchange.phones["tires1"])
    first = telephones.caller(NUMBERS["tires"], "+79160000511", ref="tires-a", ms=3000)
    exchange.call("tires-a", "talking")
    second = telephones.caller(
        NUMBERS["tires"], "+79160000512", ref="tires-b", scenario="caller_tires", ms=500
    )
    for one in (second, first, phone):
        one.wait()
    call = exchange.call("tires-b")
    assert (call["state"], call["reason"], legs(call)) == ("missed", "caller_hung_up", [])


def test_with_the_server_down_calls_ring_the_local_phone_and_are_told_of_later(
    exchange: Exchange, telephones: Telephones
) -> None:
    local = telephones.phone(exchange.fallback)
    with exchange.down():
        telephones.caller(NUMBERS["down"], "+79160000601", ref="down", ms=1200).wait()
        local.wait()
    call = exchange.call("down")
    assert (call["state"], call["caller"]) == ("answered", "+79160000601")
    assert legs(call) == [("fallback", "ended", None)]
    assert call["duration_s"] > 1.0
    assert call["card"]


def test_with_a_silent_server_calls_ring_the_local_phone_after_two_seconds(
    exchange: Exchange, telephones: Telephones
) -> None:
    """More calls at once than may ask at once: nobody waits for two others."""
    local = telephones.phone(exchange.fallback, calls=40)
    with exchange.standing_still():
        callers = telephones.caller(
            NUMBERS["slow"], "+7916000060[call_number]", ref="slow", calls=40, ms=1200
        )
        callers.wait(12)
        local.wait()
    for n in range(1, 41):
        call = exchange.call(f"slow-{n}")
        assert call["state"] == "answered"
        assert ("fallback", "ended", None) in legs(call)
    exchange.is_free("slow1")


def test_a_second_call_of_a_number_rings_who_talked_first(
    exchange: Exchange, telephones: Telephones
) -> None:
    phones = {one: telephones.phone(exchange.phones[one], calls=9) for one in PEOPLE["again"]}
    telephones.caller(NUMBERS["again"], "+79160000701", ref="again-a").wait()
    first = exchange.call("again-a")
    exchange.is_free(*phones)
    telephones.caller(NUMBERS["again"], "+79160000702", ref="again-b").wait()
    stranger = exchange.call("again-b")
    exchange.is_free(*phones)
    telephones.caller(
        NUMBERS["again"], "8 (916) 000-07-01".translate(_DIALLED), ref="again-c"
    ).wait()
    second = exchange.call("again-c")
    assert {first["manager"], stranger["manager"]} == set(phones)
    assert second["manager"] == first["manager"]
    assert second["card"] == first["card"] != stranger["card"]
    (told,) = exchange.why(second)
    assert told["decision"]["reason"] == "responsible"


_DIALLED = str.maketrans("", "", " ()-")


def test_thirty_calls_at_once_give_no_phone_two(exchange: Exchange, telephones: Telephones) -> None:
    people = PEOPLE["storm"]
    phones = [telephones.phone(exchange.phones[one], calls=30) for one in people]
    telephones.phone(exchange.last, calls=30)
    callers = telephones.caller(
        NUMBERS["storm"], "+7916000080[call_number]", ref="storm", calls=30, ms=3000
    )
    until("all talk", lambda: len(exchange.busy().keys() & set(people)) == len(people))
    callers.wait()
    calls = [exchange.call(f"storm-{n}") for n in range(1, 31)]
    assert {call["state"] for call in calls} <= {"answered", "unanswered"}
    talked = [call["manager"] for call in calls if call["manager"]]
    assert set(talked) == set(people)
    assert {phone.name: _most_at_once(phone) for phone in phones} == {
        phone.name: 1 for phone in phones
    }
    exchange.is_free(*people)


def _most_at_once(phone: Sipp) -> int:
    """How many calls it had at a time, by what came in over the wire."""
    now, most = set[str](), 0
    for came, text in phone.log():
        ref = next(line for line in text.splitlines() if line.startswith("Call-ID"))
        if came and text.startswith("INVITE"):
            now.add(ref)
            most = max(most, len(now))
        elif came and text.startswith(("BYE", "CANCEL")):
            now.discard(ref)
    return most
