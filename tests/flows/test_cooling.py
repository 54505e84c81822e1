"""Who does not pick up is rung last, then has a break; a talk, a click, a phone end it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest

from callrouter.domain.events import CallEvent, Tried
from callrouter.domain.managers import Cooling, ManagerFacts
from callrouter.domain.setup import Manager, Setup, Step
from callrouter.flows.cooling import silence
from callrouter.flows.gather import board_of
from callrouter.flows.presence import say
from storage import counters, tables
from storage.database import Database
from tests.examples import MONDAY_NOON, SETUP, event, with_ladder
from tests.office import Office

MANAGERS = (
    Manager("anna", "Анна", ("101", "111"), team="sales"),
    Manager("boris", "Борис", "102", team="sales"),
    Manager("vera", "Вера", "103", team="sales", active=False),
)
PEOPLE: Setup = replace(SETUP, manager=MANAGERS)
ANNA = Step(ring="manager", managers=("anna",), seconds=20)
ONLY_ANNA = with_ladder(ANNA, setup=PEOPLE)


def at(seconds: float) -> datetime:
    return MONDAY_NOON + timedelta(seconds=seconds)


@pytest.fixture
async def office(database: Database) -> Office:
    return await Office(database).open(ONLY_ANNA)


async def facts(office: Office, now: datetime, key: str = "anna") -> ManagerFacts:
    setup = office.desk.setups.current
    board = await office.database.read(board_of, [key], setup, now=now)
    return board.facts[key]


async def strikes(office: Office, key: str = "anna") -> int:
    return (await office.database.read(counters.unanswered, [key]))[key][0]


def call(n: int, start: float, *ends: str | None, caller: str = "") -> list[CallEvent]:
    """A call that rings Anna's phones from `start`; how each ended after 20 seconds.

    "answered" is a talk of 30 seconds; None: nothing is heard of that phone.
    """
    ref, number = f"c{n}", caller or f"8916{n:07}"
    found = [event("ringing", ref, at(start), caller=number)]
    over = start + 21
    for phone, end in zip(("101", "111"), ends, strict=False):
        on: dict[str, Any] = {"target": phone, "caller": number}
        if end == "answered":
            found.append(event("answered", ref, at(start + 5), **on))
            over = start + 35
        elif end:
            found.append(event("leg_failed", ref, at(start + 20), reason=end, **on))
    found.append(event("ended", ref, at(over), reason="caller_hung_up", caller=number))
    return found


async def hear(office: Office, *stories: list[CallEvent]) -> None:
    for story in stories:
        for one in story:
            await office.take(one)


SILENT = ("no_answer", "no_answer")
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("count", "minutes"), [(1, 0), (2, 5), (3, 10), (4, 20), (5, 30), (6, 30), (200, 30)]
)
def test_silence_cools_longer_each_time(count: int, minutes: int) -> None:
    assert silence(count) == timedelta(minutes=minutes)


async def test_a_second_ring_in_a_row_left_unanswered_cools(office: Office) -> None:
    await hear(office, call(1, 0, *SILENT))
    assert ((await facts(office, at(22))).cooling, await strikes(office)) == (None, 1)
    await hear(office, call(2, 60, *SILENT))
    cooling = (await facts(office, at(82))).cooling
    assert cooling == Cooling("no_answer", at(80) + 5 * MINUTE, 2)
    assert (await facts(office, at(80) + 5 * MINUTE)).cooling is None
    kept = [row for row in await office.rows(tables.business_event) if row.kind == "cooled"]
    assert len(kept) == 1
    assert ("manager", "anna") in {(n.kind, n.manager) for n in await office.rows(tables.notice)}


@pytest.mark.parametrize(
    ("ends", "reason", "seconds"),
    [
        pytest.param(("unreachable", "unreachable"), "unreachable", 60, id="unreachable"),
        pytest.param(("offline", "offline"), "offline", 60, id="offline"),
        pytest.param(("dnd", "dnd"), "dnd", 300, id="do not disturb"),
        pytest.param(("busy", "busy"), "busy", 30, id="busy, and we know of no talk"),
        pytest.param(("unreachable", "dnd"), "dnd", 300, id="the phone that came nearer"),
        pytest.param(("unreachable", "odd"), "unreachable", 60, id="a word that says nothing"),
        pytest.param(("rejected", "unreachable"), None, 0, id="rejected by hand"),
        pytest.param(("unreachable", None), None, 0, id="a phone that rang until the end"),
        pytest.param(("unreachable", "answered"), None, 0, id="a phone that answered"),
        pytest.param(("odd", "odd"), None, 0, id="nothing is known"),
        pytest.param(("answered_elsewhere", "cancelled"), None, 0, id="stopped from outside"),
        pytest.param(("no_answer", "unreachable"), None, 0, id="left unanswered once"),
    ],
)
async def test_each_reason_cools_for_its_time(
    office: Office, ends: tuple[str | None, str | None], reason: str | None, seconds: int
) -> None:
    await hear(office, call(1, 0, *ends))
    cooling = (await facts(office, at(22))).cooling
    assert (cooling.reason if cooling else None) == reason
    if cooling:
        assert cooling.until == at(20 + seconds)
    assert await strikes(office) == (1 if "no_answer" in ends else 0)


async def test_whoever_hung_up_first_it_is_no_strike(office: Office) -> None:
    await office.take(event("ringing"))
    await office.take(event("ended", "c1", at(8), reason="caller_hung_up"))
    await office.sweep(at(100))
    assert await strikes(office) == 0
    assert await office.count(tables.cooling) == 0


@pytest.mark.parametrize("swept", [True, False], ids=["swept", "not swept"])
async def test_a_ring_of_which_nothing_was_heard_is_presumed_unanswered(
    office: Office, *, swept: bool
) -> None:
    await office.take(event("ringing"))
    if swept:
        await office.sweep(at(32))
        assert await strikes(office) == 1
    await office.take(event("ended", "c1", at(40), reason="caller_hung_up"))
    assert await strikes(office) == 1


@pytest.mark.parametrize(
    ("asked_at", "tried", "count"),
    [
        pytest.param(4, None, 0, id="asked early without a word"),
        pytest.param(20, None, 1, id="asked in time without a word"),
        pytest.param(12, "no_answer", 1, id="said to be unanswered"),
        pytest.param(4, "rejected", 0, id="said to be rejected"),
    ],
)
async def test_a_ring_that_was_cut_short_is_no_strike(
    office: Office, asked_at: int, tried: str | None, count: int
) -> None:
    await office.take(event("ringing"))
    said = tuple(Tried(phone, tried) for phone in ("101", "111")) if tried else ()
    await office.take(event("next", "c1", at(asked_at), attempt=1, tried=said))
    assert await strikes(office) == count


async def test_a_step_that_began_early_cut_the_one_before_it(database: Database) -> None:
    boris = Step(ring="manager", managers=("boris",), seconds=20)
    office = await Office(database).open(with_ladder(ANNA, boris, setup=PEOPLE))
    await office.take(event("ringing"))
    await office.take(event("leg_ringing", "c1", at(4), target="102"))
    await office.sweep(at(45))
    assert await strikes(office) == 0
    await hear(office, [event("ringing", "c2", at(100), caller="89160000002")])
    await hear(office, [event("leg_ringing", "c2", at(120), target="102", caller="89160000002")])
    await office.sweep(at(145))
    assert await strikes(office) == 1


async def test_who_talks_is_not_silent(database: Database) -> None:
    """A call that knocks at his phone during a talk counts neither as silence nor as busy."""
    knocking = with_ladder(replace(ANNA, busy="ring"), setup=PEOPLE)
    office = await Office(database).open(knocking)
    await hear(office, call(1, 0, "answered")[:2])
    await hear(office, call(2, 10, *SILENT), call(3, 20, "busy", "busy"))
    assert await strikes(office) == 0
    assert (await facts(office, at(32))).cooling is None


async def test_a_talk_ends_cooling_and_count(office: Office) -> None:
    await hear(office, call(1, 0, *SILENT), call(2, 60, *SILENT))
    await hear(office, call(3, 120, "answered"))
    assert (await facts(office, at(126))).cooling is None
    assert await strikes(office) == 0
    await hear(office, call(4, 200, *SILENT))
    assert ((await facts(office, at(222))).cooling, await strikes(office)) == (None, 1)


async def test_a_talk_that_is_reported_late_takes_its_strike_back(office: Office) -> None:
    await hear(office, call(1, 0, *SILENT))
    first, answered, ended = call(2, 60, "answered")
    await office.take(first)
    await office.sweep(at(95))
    assert (await facts(office, at(96))).cooling is not None
    await office.take(replace(answered, received=at(97)))
    assert ((await facts(office, at(98))).cooling, await strikes(office)) == (None, 0)
    await office.take(replace(ended, received=at(99)))
    assert ((await facts(office, at(99))).cooling, await strikes(office)) == (None, 0)


async def test_a_short_talk_that_is_reported_whole_and_late_takes_it_back_too(
    office: Office,
) -> None:
    await hear(office, call(1, 0, *SILENT))
    first, answered, ended = call(2, 60, "answered")
    await office.take(first)
    await office.sweep(at(95))
    ended = replace(ended, at=at(70), received=at(97))
    await office.take(replace(answered, received=at(97)), ended)
    assert ((await facts(office, at(98))).cooling, await strikes(office)) == (None, 0)


async def test_a_ring_before_a_talk_that_is_heard_of_after_it_is_no_strike(office: Office) -> None:
    await hear(office, call(1, 0, *SILENT)[:1])
    await hear(office, call(2, 40, "answered"))
    await hear(office, call(1, 0, *SILENT)[1:])
    assert await strikes(office) == 0


async def test_a_phone_that_no_plan_of_ours_rang_is_no_strike(office: Office) -> None:
    await office.take(event("ringing"))
    for n in range(3):
        await office.take(event("leg_ringing", "c1", at(1 + n), target="102", leg_ref=f"x{n}"))
        failed = {"target": "102", "leg_ref": f"x{n}", "reason": "unreachable"}
        await office.take(event("leg_failed", "c1", at(2 + n), **failed))
    assert (await facts(office, at(6), "boris")).cooling is None


async def test_a_click_ends_cooling_and_count(office: Office) -> None:
    await hear(office, call(1, 0, *SILENT), call(2, 60, *SILENT))
    who = ONLY_ANNA.managers["anna"]
    await office.database.write(say, ONLY_ANNA, who, "available", by="anna", now=at(90))
    assert ((await facts(office, at(91))).cooling, await strikes(office)) == (None, 0)


async def test_a_phone_that_is_back_ends_cooling_and_count(office: Office) -> None:
    await hear(office, call(1, 0, *SILENT), call(2, 60, *SILENT))
    back = event("device", "-", at(90), target="111", state="available", call_ref=None)
    await office.take(back)
    assert ((await facts(office, at(91))).cooling, await strikes(office)) == (None, 0)


async def test_a_third_ring_left_unanswered_begins_a_break(office: Office) -> None:
    await hear(office, *(call(n, 60 * n, *SILENT) for n in range(3)))
    said = (await facts(office, at(150))).presence
    assert said
    assert (said.state, said.reason) == ("pause", "no_answer")
    row = await office.only(tables.presence)
    assert row.by == "callrouter"
    who = ONLY_ANNA.managers["anna"]
    await office.database.write(say, ONLY_ANNA, who, "available", by="anna", now=at(200))
    found = await facts(office, at(201))
    assert (found.presence and found.presence.state, found.cooling) == ("available", None)
    await hear(office, call(7, 300, *SILENT))
    assert ((await facts(office, at(322))).cooling, await strikes(office)) == (None, 1)


@pytest.mark.parametrize("why", ["off", "dismissed", "alone in the team"])
async def test_the_last_one_available_only_cools(database: Database, why: str) -> None:
    anna, boris, vera = MANAGERS
    if why == "dismissed":
        boris = replace(boris, active=False)
    if why == "alone in the team":
        boris = replace(boris, team=None)
    setup = replace(ONLY_ANNA, manager=(anna, boris, vera))
    office = await Office(database).open(setup)
    if why == "off":
        await database.write(say, setup, boris, "off", by="boris", now=at(-60))
    await hear(office, *(call(n, 60 * n, *SILENT) for n in range(4)))
    found = await facts(office, at(205))
    assert found.presence is None
    assert found.cooling == Cooling("no_answer", at(200) + 20 * MINUTE, 4)
    ended = [row.until for row in await office.rows(tables.cooling)]
    assert ended == [at(140), at(200), None]  # each begins where the one before it ends
    assert [step for step in await office.ring(call(9, 300)[0]) if step] == [("anna",)]


async def test_a_talk_ends_the_break_of_who_was_silent(office: Office) -> None:
    await hear(office, *(call(n, 60 * n, *SILENT) for n in range(3)))
    picked_up = {"caller": "89169999999", "target": "101"}
    await office.take(event("ringing", "c9", at(200), caller="89169999999"))
    await office.take(event("answered", "c9", at(205), **picked_up))
    assert (await facts(office, at(206))).presence is None


async def test_a_talk_from_before_the_break_does_not_end_it(office: Office) -> None:
    talked = call(9, -100, "answered", caller="89169999999")
    await hear(office, talked[:1])
    await hear(office, *(call(n, 60 * n, *SILENT) for n in range(3)))
    await office.take(*(replace(one, received=at(200)) for one in talked[1:]))
    said = (await facts(office, at(206))).presence
    assert said
    assert said.reason == "no_answer"


async def test_a_talk_of_nobody_known_blames_nobody(office: Office) -> None:
    await office.take(event("ringing"))
    await office.take(event("ended", "c1", at(100), duration_s=60, reason="completed"))
    assert await strikes(office) == 0


async def test_a_break_of_his_own_is_not_ended_by_a_talk(office: Office) -> None:
    who = ONLY_ANNA.managers["anna"]
    await office.database.write(say, ONLY_ANNA, who, "pause", by="anna", now=at(0), reason="обед")
    await hear(office, call(1, 10, "answered"))
    said = (await facts(office, at(60))).presence
    assert said
    assert said.reason == "обед"


async def test_what_a_person_said_since_stands(office: Office) -> None:
    """A ring that began before the click is no strike after it, however late we hear of it."""
    await hear(office, call(1, 0, *SILENT)[:1])
    who = ONLY_ANNA.managers["anna"]
    await office.database.write(say, ONLY_ANNA, who, "available", by="anna", now=at(5))
    await hear(office, call(1, 0, *SILENT)[1:])
    assert await strikes(office) == 0


async def test_what_is_heard_an_hour_late_cools_nobody_now(office: Office) -> None:
    stories = [call(n, 60 * n, *SILENT) for n in range(3)]
    for one in (one for story in stories for one in story):
        await office.take(replace(one, received=one.received + timedelta(hours=2)))
    found = await facts(office, at(2 * 3600 + 300))
    assert (found.cooling, found.presence) == (None, None)
    assert await strikes(office) == 3


async def test_a_call_out_is_never_a_strike(office: Office) -> None:
    for n in range(3):
        out = {"direction": "out", "target": "101", "called": "89160000009", "caller": "101"}
        await office.take(event("dialing", f"c{n}", at(60 * n), **out))
        await office.take(
            event("ended", f"c{n}", at(60 * n + 20), reason="no_answer", direction="out")
        )
    await office.sweep(at(4000))
    assert await office.count(tables.cooling) == 0


@pytest.mark.parametrize("seed", range(10))
async def test_in_any_order_and_twice_each_ring_counts_once(
    sqlite_database: Database, seed: int
) -> None:
    """The calls come as they come; what became of their rings is heard late, mixed and twice."""
    office = await Office(sqlite_database).open(ONLY_ANNA)
    chance = Random(seed)
    rings = chance.randint(1, 6)
    stories = [call(n, 60 * n, *SILENT) for n in range(rings)]
    for first, *_ in stories:
        await office.take(first)
    rest = [one for _, *story in stories for one in story]
    rest += chance.sample(rest, len(rest) // 2)
    chance.shuffle(rest)
    for n, one in enumerate(rest):
        await office.take(replace(one, received=at(360 + n)))
    await office.sweep(at(500))
    acts = [row for row in await office.rows(tables.act) if row.act.startswith("cool:")]
    breaks = await office.rows(tables.presence)
    assert len(acts) == rings
    if rings < 3:
        assert (await strikes(office), breaks) == (rings, [])
    else:
        assert (await strikes(office), [row.reason for row in breaks]) == (0, ["no_answer"])
    assert len([row for row in await office.rows(tables.cooling) if row.until is None]) <= 1


@pytest.mark.parametrize("seed", range(5))
async def test_strangest_orders_count_no_ring_twice(sqlite_database: Database, seed: int) -> None:
    office = await Office(sqlite_database).open(ONLY_ANNA)
    chance = Random(seed)
    rings = chance.randint(3, 8)
    heard = [one for n in range(rings) for one in call(n, 60 * n, *SILENT)]
    heard += chance.sample(heard, len(heard) // 3)
    chance.shuffle(heard)
    for n, one in enumerate(heard):
        await office.take(replace(one, received=at(600 + n)))
    await office.sweep(at(2000))
    acts = [row for row in await office.rows(tables.act) if row.act.startswith("cool:")]
    breaks = await office.count(tables.presence)
    assert len(acts) <= rings
    assert await strikes(office) + 3 * breaks <= rings
