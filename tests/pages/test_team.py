"""The managers on the screen: what each does and says of himself, his load, and who waits."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from callrouter.domain.decisions import LastResort, Wait
from callrouter.domain.managers import PresenceState
from callrouter.domain.setup import Absence
from callrouter.domain.why import Place
from callrouter.flows.gather import board_of
from callrouter.flows.presence import EndHasCome, say
from callrouter.pages.acting import end_at
from callrouter.pages.team import Chip, Strip, strip_of, team_now
from storage import coolings, notices
from storage.coolings import Cooled
from storage.listing import Viewer
from tests.api.rows import NOON, SETUP, WHY, add_call, add_told
from tests.pages.conftest import Site, Streaming
from tests.pages.rows import SOON, a_leg
from tests.pages.test_acting import HOME, SCRIPT, post

HOUR = timedelta(hours=1)
AGAIN = "Не получилось. Попробуйте ещё раз."


def strip(conn: Connection, setup: Any = SETUP, now: datetime = NOON) -> Strip:
    return strip_of(team_now(conn, setup, Viewer("head"), now=now), setup, "ru", now)


def chip(conn: Connection, key: str = "anna", setup: Any = SETUP) -> Chip:
    return next(one for one in strip(conn, setup).chips if one.key == key)


def talk(conn: Connection, **columns: Any) -> None:
    hold = {"status": "talking", "answered_at": NOON, "hold": "talk", "hold_until": SOON}
    a_leg(conn, add_call(conn, state="talking"), **(hold | columns))


def a_waiting_call(conn: Connection, position: int = 1, *, since: datetime = NOON) -> str:
    call = add_call(conn, state="waiting", waiting_since=since)
    place = Place(position, since, since + HOUR, expected_s=50)
    told = Wait(call, 30, LastResort("+74950000000"), position=position, since=since)
    add_told(conn, call, decision=told, why=replace(WHY, steps=(), ends="wait", place=place))
    notices.tell(conn, [call], now=NOON)
    return call


def on_a_break(conn: Connection, **said: Any) -> None:
    anna = SETUP.managers["anna"]
    say(conn, SETUP, anna, said.pop("state", "pause"), by="anna", now=NOON, **said)


# What each does


async def test_a_break_that_begins_after_the_talk_is_shown_beside_it(site: Site) -> None:
    def write(conn: Connection) -> Chip:
        talk(conn)
        on_a_break(conn, reason="lunch", until=NOON + HOUR)
        return chip(conn)

    one = await site.service.database.write(write)
    assert (one.doing, one.says, one.state, one.back) == (
        "talking",
        "разговор",
        "pause",
        "На линию",
    )
    assert one.notes == ("потом перерыв (обед) до 13:00",)


@pytest.mark.parametrize(
    ("state", "says"),
    [
        pytest.param("pause", "перерыв до полуночи", id="a break to the end of the day"),
        pytest.param("off", "не принимает звонки", id="gone for today"),
    ],
)
async def test_who_has_no_shift_is_away_for_the_day(
    site: Site, state: PresenceState, says: str
) -> None:
    def write(conn: Connection) -> Chip:
        on_a_break(conn, state=state)
        return chip(conn)

    one = await site.service.database.write(write)
    assert (one.says, one.state, one.back) == (says, state, "На линию")


async def test_who_is_on_leave_says_nothing_and_his_load_is_shown_all_the_same(site: Site) -> None:
    day = NOON.date()
    site.setups.current = replace(SETUP, absence=(Absence("anna", day, day, "sick"),))
    page = (await site.get("/")).text
    start = page.index('data-key="anna"')
    there = page[start : page.index("</li>", start)]
    assert "полная загрузка" in there
    assert "<form" not in there


async def test_wrap_up_is_ended_by_a_click(site: Site) -> None:
    def wrap_up(conn: Connection) -> Chip:
        ended = {"status": "ended", "hold": "wrap_up", "hold_until": SOON}
        a_leg(conn, add_call(conn), **ended, ring_from=NOON, answered_at=NOON, ended_at=NOON)
        return chip(conn)

    write, read = site.service.database.write, site.service.database.read
    assert (await write(wrap_up)).back == "Готово"
    site.clock.now += timedelta(seconds=1)
    assert (await post(site, "/managers/anna/presence", state="available")).status == 303
    board = await read(board_of, ["anna"], SETUP, now=site.clock.now)
    assert board.facts["anna"].holds == ()


async def test_who_is_rung_last_says_so_and_comes_back_by_a_click(site: Site) -> None:
    def cool(conn: Connection) -> Chip:
        one = Cooled("anna", "no_answer", NOON, NOON + timedelta(minutes=5), by="test")
        coolings.begin(conn, [one], now=NOON)
        return chip(conn)

    one = await site.service.database.write(cool)
    assert one.notes == ("пока звоним в последнюю очередь (последние звонки без ответа) до 12:05",)
    assert one.back == "На линию"
    await post(site, "/managers/anna/presence", state="available")
    assert "последнюю очередь" not in (await site.get("/")).text


async def test_the_load_is_told_in_its_parts(site: Site) -> None:
    def write(conn: Connection) -> Chip:
        talk(conn, stranger=True)
        ring = {"status": "ringing", "ring_from": NOON, "ring_until": SOON, "answered_at": None}
        talk(conn, ref="a2", **ring, hold="ring", stranger=True)
        return chip(conn)

    one = await site.service.database.write(write)
    assert one.parts == (
        ("сделок в работе", "0"),
        ("новых клиентов сегодня", "1"),
        ("новых звонит сейчас", "1"),
        ("полная загрузка", "20"),
    )
    assert (one.share, one.short) == ("10 %", "2 из 20")
    page = (await site.get("/")).text
    assert "<dt>новых звонит сейчас</dt><dd>1</dd>" in page


# What is said of him


@pytest.mark.parametrize(
    ("said", "ends"),
    [
        pytest.param("", None, id="nothing: as his day ends"),
        pytest.param("12:30", NOON + HOUR / 2, id="today, by the company's clock"),
        pytest.param("23:59", NOON + 12 * HOUR - timedelta(minutes=1), id="late today"),
        pytest.param("00:00", NOON + 12 * HOUR, id="midnight"),
    ],
)
def test_until_when(said: str, ends: datetime | None) -> None:
    assert end_at(said, SETUP, NOON) == ends


def test_a_break_may_run_over_midnight() -> None:
    late = NOON + 11 * HOUR
    assert end_at("00:30", SETUP, late) == late + 1.5 * HOUR


@pytest.mark.parametrize("said", ["11:59", "12:00", "00:01"])
def test_a_time_that_has_passed_is_no_end(said: str) -> None:
    with pytest.raises(EndHasCome):
        end_at(said, SETUP, NOON)


async def test_a_break_with_its_reason_and_end(site: Site) -> None:
    fields = {"state": "pause", "reason": " обед ", "until": "12:40"}
    assert (await post(site, "/managers/anna/presence", SCRIPT, **fields)).status == 204
    assert "перерыв (обед) до 12:40" in (await site.get("/")).text
    # A usual reason is read by everybody in his own language; any other as it was written.
    assert "has a break (lunch) until 12:40" in (await site.get("/?language=en")).text
    await post(site, "/managers/anna/presence", state="pause", reason="к врачу")
    assert "has a break (к врачу) until midnight" in (await site.get("/?language=en")).text


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        pytest.param({"state": "pause", "until": "11:00"}, "Это время уже прошло.", id="passed"),
        pytest.param({"state": "pause", "until": "lunch"}, AGAIN, id="no time"),
        pytest.param({"state": "x"}, AGAIN, id="no such presence"),
    ],
)
async def test_a_script_is_told_in_words_what_was_wrong(
    site: Site, fields: dict[str, str], says: str
) -> None:
    seen = await post(site, "/managers/anna/presence", SCRIPT, **fields)
    assert (seen.status, json.loads(seen.text)) == (400, {"says": says})
    page = await post(site, "/managers/anna/presence", HOME, **fields)
    assert (page.status, "<html" in page.text) == (400, True)


# Who waits


async def test_those_who_wait_are_counted_and_each_has_his_place(site: Site) -> None:
    def write(conn: Connection) -> None:
        a_waiting_call(conn, 1, since=NOON - timedelta(seconds=40))
        a_waiting_call(conn, 2)

    page = (await site.get("/")).text
    assert "ждут в очереди" not in page
    await site.service.database.write(write)
    page = (await site.get("/")).text
    longest = int((NOON - timedelta(seconds=40)).timestamp() * 1000)
    assert f'ждут в очереди: 2, дольше всех <time class="timer" data-since="{longest}">' in page
    for text in ("место 1, ещё около 1\u00a0мин", "место 2, ещё около 1\u00a0мин", "Ожидает"):
        assert text in page
    assert page.count(f'data-since="{longest}"') == 2  # in the line of the summary and in his row


async def test_who_begins_to_wait_is_told_to_the_summary(site: Site, events: Streaming) -> None:
    async with events() as read:
        await read()
        await site.service.database.write(a_waiting_call)
        site.relay.wake()
        data = json.loads((await asyncio.wait_for(read(), 10))["data"])
    assert "ждут в очереди: 1" in data["team"]
