"""Calls back that are owed, on "Calls now", on the call's page and on the screen pop."""

from __future__ import annotations

import json
from datetime import timedelta

from sqlalchemy import Connection

from callrouter.pages import owed, relay
from callrouter.pages.owed import panel_of, read_owed
from storage import notices
from storage.listing import Viewer
from tests.api.rows import NOON, SETUP, add_call, add_contact, add_obligation, add_told
from tests.pages.conftest import Site, Streaming

NUMBER = "+79161234567"
MINUTE = timedelta(minutes=1)


def owe(conn: Connection, n: int) -> None:
    for one in range(n):
        add_obligation(conn, f"+7916000{one:04}", due_at=NOON + one * MINUTE)


async def test_the_most_urgent_are_seen_at_once_and_all_are_counted(site: Site) -> None:
    await site.service.database.write(owe, owed.SHOWN + 3)
    site.clock.now += timedelta(seconds=150)
    page = (await site.get("/")).text
    part = page[page.index('id="owed"') : page.index('id="over-list"')]
    assert f'<span class="count">{owed.SHOWN + 3}</span>' in part
    assert "просрочено: 3" in part
    first, rest = part.split('<details class="rest">')
    assert first.count("<article") == owed.FIRST
    assert rest.count("<article") == owed.SHOWN - owed.FIRST
    assert f"и ещё {owed.SHOWN + 3 - owed.FIRST}" in rest
    assert "и ещё 3<" in rest
    assert first.index("+7 916 000-00-00") < first.index("+7 916 000-00-05")


async def test_what_is_told_of_one(site: Site) -> None:
    def write(conn: Connection) -> None:
        contact = add_contact(conn, "Иван Петров", NUMBER)
        add_obligation(
            conn,
            NUMBER,
            contact=contact,
            due_at=NOON + timedelta(days=1),
            repeats=2,
            tries=3,
            escalated_at=NOON,
        )

    await site.service.database.write(write)
    page = (await site.get("/")).text
    assert (
        "Не сняли трубку: Анна Смирнова, Борис Ким · звонил 3 раза · 3 попытки без разговора"
        " · передано руководителю"
    ) in page
    assert "до 03.03 12:00" in page
    assert 'href="tel:+79161234567">+7 916 123-45-67</a>' in page


async def test_todays_missed_callers_are_summed_up(site: Site) -> None:
    def write(conn: Connection) -> None:
        for number in ("+79160000001", "+79160000001", "+79160000002"):
            add_call(conn, state="missed", caller_number=number)
        add_call(
            conn,
            at=NOON + MINUTE,
            caller_number="+79160000002",
            direction="out",
            answered_at=NOON + MINUTE,
        )
        add_call(conn, at=NOON - timedelta(days=1), state="missed", caller_number="+79160000003")

    await site.service.database.write(write)
    assert (
        "сегодня не дозвонились 2 клиента; перезвонили: 1, ещё нет: 1" in (await site.get("/")).text
    )


async def test_the_day_is_counted_once_in_a_while_and_only_what_changed_is_drawn(
    site: Site, events: Streaming
) -> None:
    def missed(conn: Connection) -> None:
        add_call(conn, state="missed")
        add_obligation(conn, NUMBER)
        notices.tell_people(conn, "obligation", ["anna"], now=NOON)

    async with events() as read:
        first = json.loads((await read())["data"])
        assert {"team", "owed"} <= set(first)
        await site.service.database.write(missed)
        site.relay.wake()
        second = json.loads((await read())["data"])
        assert "+7 916 123-45-67" in second["owed"]
        assert "сегодня" not in second["owed"]
        assert "team" not in second
        site.relay._lost_at -= relay.LOST_S
        site.relay._news = True
        site.relay.wake()
        third = json.loads((await read())["data"])
        assert "сегодня не дозвонился 1 клиент" in third["owed"]


async def test_what_was_counted_a_moment_ago_is_not_counted_again(site: Site) -> None:
    def shown(conn: Connection) -> tuple[str, ...]:
        viewer = Viewer("head")
        before = read_owed(conn, SETUP, viewer, now=NOON)
        add_call(conn, state="missed")
        kept = read_owed(conn, SETUP, viewer, now=NOON, today=before.today)
        anew = read_owed(conn, SETUP, viewer, now=NOON)
        return tuple(panel_of(one, SETUP, "en", NOON).today for one in (kept, anew))

    kept, anew = await site.service.database.write(shown)
    assert (kept, anew) == ("", "today 1 missed caller; called back: 0, not yet: 1")


async def test_a_calls_own_page_says_that_its_caller_is_owed_a_call(site: Site) -> None:
    def write(conn: Connection) -> str:
        call = add_call(conn, state="missed", caller_number=NUMBER)
        add_told(conn, call)
        add_obligation(conn, NUMBER)
        return call

    call = await site.service.database.write(write)
    ticket = site.service.seal.ticket(call, site.clock())
    for path in (f"/calls/{call}", f"/pop/{ticket}"):
        page = (await site.get(path)).text
        part = page[page.index("Надо перезвонить") :]
        assert part.index("до 12:15") < part.index("Анна Смирнова")
        assert "Не сняли трубку: Анна Смирнова, Борис Ким" in part
    other = await site.service.database.write(lambda conn: add_call(conn, caller_number="+7916000"))
    assert "debt-note" not in (await site.get(f"/calls/{other}")).text
