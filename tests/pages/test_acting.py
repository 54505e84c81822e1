"""What people do on the screen: each form does its thing once, goes back, and is shown at once."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from callrouter.domain.managers import Presence
from callrouter.flows import obligations
from callrouter.flows.gather import board_of
from callrouter.flows.visits import enter, new_link
from storage import tables
from storage.listing import Viewer, find_call
from tests.api.rows import NOON, SETUP, add_call, add_card, add_contact, add_told
from tests.pages.conftest import Site, Streaming
from tests.pages.rows import a_call

HOME = {"Origin": "http://calls.example"}
SCRIPT = {**HOME, "Accept": "application/json"}
NUMBER = "+79161234567"


async def post(site: Site, path: str, /, headers: Any = None, **fields: str) -> Any:
    return await site.ask("POST", path, data=fields, headers=headers or HOME)


def presence(conn: Connection) -> Presence | None:
    return board_of(conn, ["anna"], SETUP, now=NOON).facts["anna"].presence


async def test_a_break_is_said_and_ended_by_a_click(site: Site) -> None:
    read = site.service.database.read
    seen = await post(site, "/managers/anna/presence", state="pause", reason="обед")
    assert (seen.status, seen.headers["Location"]) == (303, "/")
    said = await read(presence)
    assert said
    assert (said.state, said.reason) == ("pause", "lunch")
    page = (await site.get("/")).text
    assert "перерыв (обед) до" in page
    assert (await post(site, "/managers/anna/presence", SCRIPT, state="available")).status == 204
    said = await read(presence)
    assert said
    assert said.state == "available"


@pytest.mark.parametrize(
    ("path", "fields", "status"),
    [
        pytest.param("/managers/nobody/presence", {"state": "pause"}, 400, id="nobody"),
        pytest.param("/managers/old/presence", {"state": "pause"}, 400, id="dismissed"),
        pytest.param("/managers/anna/presence", {"state": "asleep"}, 400, id="no such presence"),
        pytest.param("/obligations/x/close", {"reason": "done"}, 404, id="no such obligation"),
        pytest.param("/obligations/x/close", {"reason": " "}, 400, id="no reason"),
        pytest.param("/calls/x/contact", {"contact": "y"}, 404, id="no such call"),
        pytest.param("/calls/x/outcome", {"outcome": "spam"}, 404, id="no call for an outcome"),
        pytest.param("/calls/x/outcome", {"outcome": "gold"}, 400, id="no such outcome"),
        pytest.param("/calls/x/block", {}, 404, id="no call to block"),
    ],
)
async def test_what_cannot_be_done_is_refused(
    site: Site, path: str, fields: dict[str, str], status: int
) -> None:
    assert (await post(site, path, **fields)).status == status


async def test_other_sites_and_those_who_only_read_change_nothing(site: Site) -> None:
    path = "/managers/anna/presence"
    evil = {"Origin": "https://evil.example"}
    assert (await post(site, path, evil, state="off")).status == 403
    database = site.service.database
    link = await database.write(new_link, now=NOON, role="auditor")
    cookie = await database.write(enter, link, now=NOON)
    site.cookie = f"{site.cookie.split('=')[0]}={cookie}"
    assert (await post(site, path, state="off")).status == 403
    said = json.loads((await post(site, path, SCRIPT, state="off")).text)
    assert said == {"says": "Вам можно смотреть, но не менять."}
    assert await database.read(presence) is None
    call = await database.write(a_call)
    assert 'class="looks-only"' in (await site.get("/")).text
    page = (await site.get(f"/calls/{call}")).text
    assert "<form" not in page[page.index("<main") :]


async def test_a_call_back_is_shown_and_closed_with_a_reason(site: Site) -> None:
    def owe(conn: Connection) -> str:
        contact = add_contact(conn, "Иван Петров", NUMBER)
        card = add_card(conn, contact, number=318)
        return obligations.owe_lead(
            conn,
            number=NUMBER,
            contact=contact,
            card=card,
            owner="anna",
            due_at=NOON + timedelta(minutes=5),
            line=None,
            now=NOON,
        )

    id_ = await site.service.database.write(owe)
    page = (await site.get("/")).text
    part = page[page.index('id="owed"') :]
    for text in ("Иван Петров", "+7 916 123-45-67", "Анна Смирнова", "до 12:05", "№\u00a0318"):
        assert text in part
    site.clock.now += timedelta(minutes=6)
    assert "срок был 12:05" in (await site.get("/")).text
    assert (await post(site, f"/obligations/{id_}/close", reason="уже договорились")).status == 303
    assert "Никто не ждёт звонка" in (await site.get("/")).text
    again = await post(site, f"/obligations/{id_}/close", SCRIPT, reason="ещё раз")
    assert again.status == 204  # somebody was quicker


async def test_another_of_the_numbers_people_is_chosen(site: Site) -> None:
    def write(conn: Connection) -> tuple[str, str]:
        first = add_contact(conn, "Иван Петров", NUMBER)
        other = add_contact(conn, "Ольга Петрова", NUMBER)
        call = add_call(conn, state="answered", contact=first, caller_number=NUMBER)
        add_told(conn, call)
        return call, other

    call, other = await site.service.database.write(write)
    page = (await site.get(f"/calls/{call}")).text
    assert "Кто звонил" in page
    assert "Ольга Петрова" in page
    seen = await post(site, f"/calls/{call}/contact", contact=other)
    assert (seen.status, seen.headers["Location"]) == (303, f"/calls/{call}")
    found = await site.service.database.read(find_call, Viewer("admin"), call)
    assert found
    assert found[0].contact == other
    assert found[1][0].contact == other


async def test_spam_offers_the_block_list(site: Site) -> None:
    def write(conn: Connection) -> str:
        contact = add_contact(conn, "", NUMBER)
        call = add_call(
            conn, state="answered", contact=contact, caller_number=NUMBER, caller_kind="known"
        )
        add_told(conn, call)
        return call

    call = await site.service.database.write(write)
    assert "Заблокировать" not in (await site.get(f"/calls/{call}")).text
    assert (await post(site, f"/calls/{call}/outcome", outcome="spam")).status == 303
    assert "Заблокировать номер" in (await site.get(f"/calls/{call}")).text
    assert (await post(site, f"/calls/{call}/block")).status == 303
    page = (await site.get(f"/calls/{call}")).text
    assert "Номер заблокирован до 31.05.2026." in page
    assert "Заблокировать" not in page
    assert ">Спам</a>" in (await site.get("/")).text

    def blocks(conn: Connection) -> list[Any]:
        return list(conn.execute(tables.block.select()))

    (row,) = await site.service.database.read(blocks)
    assert (row.number, row.reason) == (NUMBER, "spam")


async def test_news_of_people_and_of_calls_that_are_owed_is_pushed(
    site: Site, events: Streaming
) -> None:
    async with events() as read:
        await post(site, "/managers/anna/presence", SCRIPT, state="pause", reason="обед")
        while "team" not in (data := json.loads((await asyncio.wait_for(read(), 10))["data"])):
            pass
        while "обед" not in data.get("team", ""):
            data = json.loads((await asyncio.wait_for(read(), 10))["data"])
