"""What is said of people and phones: by themselves, by the PBX, until when, and who is rung then."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import Connection

from callrouter.domain.events import CallEvent
from callrouter.domain.managers import ManagerFacts, Presence
from callrouter.domain.setup import Absence, Manager, Setup
from callrouter.flows.gather import board_of
from callrouter.flows.presence import EndHasCome, end_of_day, say
from callrouter.flows.staff import managers_now
from storage import tables
from storage.database import Database
from tests.examples import MONDAY_NOON, SETUP, event
from tests.office import Office

DAY = "Mo-Fr 09:00-18:00"
SIX = MONDAY_NOON + timedelta(hours=6)  # 18:00 in Moscow
MIDNIGHT = MONDAY_NOON + timedelta(hours=12)
MANAGERS = (
    Manager("anna", "Анна", "101", team="sales", office="msk", shift=DAY, wrap_up_s=60),
    Manager("boris", "Борис", {"main": ("102", "112")}, team="sales", office="msk"),
    Manager("vera", "Вера", "103", team="sales", office="ekb", shift=DAY),
)
PEOPLE: Setup = replace(SETUP, manager=MANAGERS)


def at(seconds: float) -> datetime:
    return MONDAY_NOON + timedelta(seconds=seconds)


@pytest.fixture
async def office(database: Database) -> Office:
    return await Office(database).open(PEOPLE)


async def said(
    office: Office, key: str, state: Any, *, now: datetime = MONDAY_NOON, **given: Any
) -> Presence | None:
    """Somebody says it at the desk."""
    setup = PEOPLE
    manager = setup.managers[key]
    return await office.database.write(say, setup, manager, state, by="anna", now=now, **given)


async def facts(office: Office, key: str, now: datetime = MONDAY_NOON) -> ManagerFacts:
    board = await office.database.read(board_of, [key], PEOPLE, now=now)
    return board.facts[key]


async def state(office: Office, key: str, now: datetime = MONDAY_NOON) -> str:
    setup = PEOPLE
    (found,) = await office.database.read(managers_now, setup, [setup.managers[key]], now=now)
    return found.state


def tidings(kind: Any, target: str, state: str, moment: datetime, **more: Any) -> CallEvent:
    key = f"{kind}-{target}-{state}-{moment.timestamp()}"
    given = {"key": key, "target": target, "state": state, "call_ref": None, **more}
    return event(kind, "-", moment, **given)


async def test_who_has_a_break_is_not_rung_until_it_ends(office: Office) -> None:
    await said(office, "anna", "pause", reason="обед", until=at(1800))
    assert (await facts(office, "anna")).presence == Presence(
        "pause", MONDAY_NOON, at(1800), "обед"
    )
    assert await state(office, "anna") == "pause"
    assert await office.ring(event("ringing")) == [("boris",), ("vera",)]
    later = event("ringing", "c2", at(1800), caller="+79160000002")
    assert (await facts(office, "anna", at(1800))).presence is None
    assert ("anna",) in await office.ring(later)


@pytest.mark.parametrize(
    ("key", "moment", "end"),
    [
        pytest.param("anna", MONDAY_NOON, SIX, id="on shift: its end"),
        pytest.param("vera", MONDAY_NOON, at(4 * 3600), id="the end by the clock of his office"),
        pytest.param("anna", at(-4 * 3600), SIX, id="early in the morning: today's shift's end"),
        pytest.param("anna", at(7 * 3600), MIDNIGHT, id="after the shift: midnight"),
        pytest.param("anna", at(-36 * 3600), at(-12 * 3600), id="on Sunday: midnight"),
        pytest.param("boris", MONDAY_NOON, MIDNIGHT, id="no shift: midnight"),
    ],
)
def test_a_presence_without_an_end_lasts_for_the_day(
    key: str, moment: datetime, end: datetime
) -> None:
    assert end_of_day(PEOPLE, PEOPLE.managers[key], moment) == end


def test_a_night_shift_that_begins_today_ends_it_tomorrow() -> None:
    night = replace(MANAGERS[0], shift="22:00-06:00")
    assert end_of_day(PEOPLE, night, MONDAY_NOON) == at(18 * 3600)
    always = replace(MANAGERS[0], shift="24/7")
    assert end_of_day(PEOPLE, always, MONDAY_NOON) == MIDNIGHT


async def test_overtime_is_said_and_ends_at_midnight(office: Office) -> None:
    evening = at(8 * 3600)
    assert await state(office, "anna", evening) == "off_shift"
    await said(office, "anna", "available", now=evening)
    assert await state(office, "anna", evening) == "available"
    assert await state(office, "anna", MIDNIGHT) == "off_shift"


async def test_who_is_on_leave_stays_so_whatever_is_said(database: Database) -> None:
    leave = (Absence("anna", MONDAY_NOON.date(), MONDAY_NOON.date()),)
    setup = replace(PEOPLE, absence=leave)
    office = await Office(database).open(setup)
    await said(office, "anna", "available")
    (found,) = await database.read(managers_now, setup, [setup.managers["anna"]], now=MONDAY_NOON)
    assert (found.state, found.presence and found.presence.state) == ("absent", "available")


async def test_the_same_again_only_moves_the_end(office: Office) -> None:
    await said(office, "anna", "pause", reason="обед", until=at(600))
    await said(office, "anna", "pause", now=at(60), until=at(900))
    (row,) = [one for one in await office.rows(tables.presence) if one.until is None]
    assert (row.state, row.reason, row.since, row.ends_at) == ("pause", "обед", at(0), at(900))
    told = len(await office.rows(tables.business_event))
    await said(office, "anna", "pause", now=at(70), until=at(900))
    assert len(await office.rows(tables.business_event)) == told == 2


async def test_history_is_what_held_when(office: Office) -> None:
    await said(office, "anna", "pause", until=at(600))
    await said(office, "anna", "off", now=at(300), until=at(1200))
    await said(office, "anna", "off", now=at(1500), until=at(1600))
    await said(office, "anna", "pause", now=at(2000), reason="обед")
    await said(office, "anna", "pause", now=at(2100), reason="планёрка")
    rows = sorted(await office.rows(tables.presence), key=lambda row: row.since)
    assert [(row.state, row.since, row.until) for row in rows] == [
        ("pause", at(0), at(300)),
        ("off", at(300), at(1200)),  # it was over by itself
        ("off", at(1500), at(1600)),
        ("pause", at(2000), at(2100)),
        ("pause", at(2100), None),
    ]


async def test_an_end_that_has_come_is_refused(office: Office) -> None:
    with pytest.raises(EndHasCome):
        await said(office, "anna", "pause", until=MONDAY_NOON)
    assert await office.count(tables.presence) == 0


async def test_each_change_is_told_to_the_screens_and_kept(office: Office) -> None:
    await said(office, "anna", "pause", until=at(600), reason="обед")
    notice = await office.only(tables.notice)
    assert (notice.kind, notice.manager) == ("manager", "anna")
    kept = await office.only(tables.business_event)
    assert (kept.kind, kept.actor) == ("presence", "anna")


async def talk(office: Office, end: float, call: str = "c1") -> None:
    """Anna talks, and the PBX says that it ended; wrap-up begins."""
    await office.take(event("ringing", call))
    on = {"target": "101", "leg_ref": "p1"}
    await office.take(event("answered", call, at(5), **on))
    await office.take(event("ended", call, at(end)))


async def test_a_click_ends_the_wrap_up(office: Office) -> None:
    await talk(office, 60)
    assert [hold.kind for hold in (await facts(office, "anna", at(70))).holds] == ["wrap_up"]
    await said(office, "anna", "available", now=at(70))
    assert (await facts(office, "anna", at(71))).holds == ()
    assert await state(office, "anna", at(71)) == "available"


async def test_a_click_ends_each_wrap_up_also_of_who_is_available_already(office: Office) -> None:
    await said(office, "anna", "available", now=at(-60))
    await talk(office, 60)
    assert await state(office, "anna", at(70)) == "busy"
    await said(office, "anna", "available", now=at(70))
    assert await state(office, "anna", at(71)) == "available"


async def test_a_wrap_up_that_a_fast_clock_began_ends_by_a_click_all_the_same(
    office: Office,
) -> None:
    await office.take(event("ringing"))
    on = {"target": "101", "leg_ref": "p1"}
    await office.take(replace(event("answered", "c1", at(95), **on), received=at(5)))
    await office.take(replace(event("ended", "c1", at(150)), received=at(60)))
    await said(office, "anna", "available", now=at(70))
    assert (await facts(office, "anna", at(71))).holds == ()


async def test_a_later_talk_has_its_wrap_up(office: Office) -> None:
    await said(office, "anna", "available")
    await talk(office, 60)
    assert [hold.kind for hold in (await facts(office, "anna", at(61))).holds] == ["wrap_up"]


# What a PBX says


async def test_a_pbx_says_who_has_a_break(office: Office) -> None:
    lunch = tidings("presence", "PJSIP/101-0000001a", "pause", at(0), reason="обед")
    await office.take(lunch)
    row = await office.only(tables.presence)
    assert (row.manager, row.state, row.reason, row.by, row.ends_at) == (
        "anna",
        "pause",
        "обед",
        "pbx:main",
        SIX,
    )
    await office.take(tidings("presence", "101", "available", at(60)))
    assert await state(office, "anna", at(61)) == "available"


async def test_of_who_is_dismissed_nothing_is_said(database: Database) -> None:
    gone = replace(PEOPLE, manager=(replace(MANAGERS[0], active=False), *MANAGERS[1:]))
    office = await Office(database).open(gone)
    await office.take(tidings("presence", "101", "available", at(0)))
    assert await office.count(tables.presence) == 0


@pytest.mark.parametrize(
    ("target", "state"),
    [
        pytest.param("999", "pause", id="a phone of nobody"),
        pytest.param("101", "asleep", id="a state that is none"),
    ],
)
async def test_what_means_nothing_changes_nothing(office: Office, target: str, state: str) -> None:
    await office.take(tidings("presence", target, state, at(0)))
    await office.take(tidings("device", target, state, at(0)))
    assert await office.count(tables.presence) == await office.count(tables.cooling) == 0
    assert await office.count(tables.event) == 2


async def test_a_late_event_is_not_over_what_was_said_since(office: Office) -> None:
    await said(office, "anna", "available", now=at(60))
    late = tidings("presence", "101", "pause", at(0))
    await office.take(replace(late, received=at(90)))
    assert await state(office, "anna", at(91)) == "available"


@pytest.mark.parametrize(
    ("word", "longest"),
    [("offline", 8 * 3600), ("dnd", 8 * 3600), ("busy", 3600)],
)
async def test_a_phone_that_is_not_there_cools_until_it_is(
    office: Office, word: str, longest: int
) -> None:
    await office.take(tidings("device", "101", word, at(0)))
    await office.take(tidings("device", "101", word, at(60)))
    cooling = (await facts(office, "anna", at(61))).cooling
    assert cooling
    assert (cooling.reason, cooling.until) == (word, at(longest))
    assert (await facts(office, "anna", at(longest))).cooling is None
    await office.take(tidings("device", "101", "available", at(120)))
    assert (await facts(office, "anna", at(121))).cooling is None
    row = await office.only(tables.cooling)
    assert (row.account, row.dial, row.until) == ("main", "101", at(120))


async def test_he_cools_only_when_all_his_phones_do(office: Office) -> None:
    await office.take(tidings("device", "102", "offline", at(0)))
    assert (await facts(office, "boris", at(1))).cooling is None
    await office.take(tidings("device", "112", "busy", at(2)))
    cooling = (await facts(office, "boris", at(3))).cooling
    assert cooling
    assert (cooling.reason, cooling.until) == ("busy", at(3602))  # then one is back
    await office.take(tidings("device", "102", "available", at(4)))
    assert (await facts(office, "boris", at(5))).cooling is None


async def test_the_same_dial_at_two_accounts_is_one_phone(database: Database) -> None:
    second = replace(SETUP.account[0], key="zad")
    setup = replace(PEOPLE, account=(*PEOPLE.account, second))
    office = await Office(database).open(setup)
    await office.take(tidings("device", "101", "offline", at(0)))
    await office.take(tidings("device", "101", "busy", at(1), account="zad"))
    cooling = (await facts(office, "anna", at(2))).cooling
    assert cooling
    assert (cooling.reason, cooling.until) == ("offline", at(8 * 3600))


async def test_a_click_says_that_the_phone_is_there(office: Office) -> None:
    await office.take(tidings("device", "101", "offline", at(0)))
    await said(office, "anna", "available", now=at(10))
    assert (await facts(office, "anna", at(11))).cooling is None


@pytest.mark.parametrize("seed", range(8))
async def test_order_and_repeats_of_tidings_do_not_matter(
    sqlite_database: Database, seed: int
) -> None:
    """What the last of them by its moment says holds, however they come."""
    office = await Office(sqlite_database).open(PEOPLE)
    chance = Random(seed)
    heard: list[CallEvent] = []
    for n in range(12):
        word = chance.choice(["available", "offline", "dnd", "busy"])
        heard.append(tidings("device", "101", word, at(n)))
        heard.append(tidings("presence", "103", chance.choice(["available", "pause"]), at(n)))
    last_device, last_presence = heard[-2].state, heard[-1].state
    told = chance.sample(heard, len(heard)) + chance.sample(heard, 6)
    for n, one in enumerate(told):
        await office.take(replace(one, received=at(20 + n)))
    cooling = (await facts(office, "anna", at(100))).cooling
    presence = (await facts(office, "vera", at(100))).presence
    assert (cooling.reason if cooling else "available") == last_device
    assert presence
    assert presence.state == last_presence


async def test_the_page_of_managers_is_read_by_few_statements(office: Office) -> None:
    """Facts of many people cost as many statements as those of one."""

    def count(conn: Connection, keys: list[str]) -> int:
        from sqlalchemy import event as hooks

        seen: list[str] = []

        def note(_c: Any, _cur: Any, statement: str, *_: Any) -> None:
            seen.append(statement)

        hooks.listen(conn, "before_cursor_execute", note)
        board_of(conn, keys, PEOPLE, now=MONDAY_NOON)
        hooks.remove(conn, "before_cursor_execute", note)
        return len(seen)

    one = await office.database.read(count, ["anna"])
    two = await office.database.read(count, ["anna", "boris"])
    assert one == two <= 6
