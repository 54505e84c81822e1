"""`/call-back` and calls by a click: what is shown, whose it is, and what the PBX is asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, func, select

from callrouter.domain.setup import Account, Line
from callrouter.flows.blocks import block
from callrouter.outside.client import Client
from callrouter.service import Service
from storage import obligations, tables
from tests.api.rows import LINE, NOON, SETUP, add_call, add_card, add_contact, add_obligation
from tests.outside.servers import Server, answer, nothing, serving
from tests.pages.coming_in import let_in
from tests.pages.conftest import Seen, Setups, Site

HOME = {"Origin": "http://calls.example"}
SCRIPT = {**HOME, "Accept": "application/json"}
NUMBER, OTHER = "+79161234567", "+79161112233"
SHOP = "+74951230002"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def service(service: Service) -> Service:
    return replace(service, outside=Client(total_s=0.3))


@pytest.fixture
async def pbx(setups: Setups) -> AsyncIterator[Server]:
    """A PBX that takes orders on one line; on the other one none takes any."""
    async with serving(answer(202, b"")) as server:
        can = Account(
            "main",
            default_line=LINE,
            secret="a-very-good-secret",
            allowed_prefixes=("+7",),
            call_url=f"http://127.0.0.1:{server.port}/call",
            recording_hosts=("127.0.0.1",),
            allow_private=True,
        )
        cannot = Account("shop", default_line=SHOP, secret="another-good-secret")
        lines = (*SETUP.line, Line(SHOP, "+74950000000", account="shop", name="Магазин"))
        setups.current = replace(SETUP, account=(can, cannot), line=lines)
        yield server


async def order(site: Site, headers: Any = None, **fields: str) -> Seen:
    return await site.ask("POST", "/calls/order", data=fields, headers=headers or SCRIPT)


def says(seen: Seen) -> str:
    found: str = json.loads(seen.text)["says"]
    return found


def asked(server: Server) -> dict[str, str]:
    found: dict[str, str] = json.loads(server.asked[-1].body)
    return found


async def test_whom_one_owes_a_call_by_when_why_and_on_which_line(site: Site) -> None:
    def write(conn: Connection) -> tuple[str, str, str]:
        contact = add_contact(conn, "Иван Петров", NUMBER)
        card = add_card(conn, contact, number=318)
        call = add_call(conn, state="missed")
        add_obligation(conn, NUMBER, contact=contact, card=card, call=call, tries=2)
        add_obligation(conn, OTHER, owner="boris", due_at=NOON + 40 * MINUTE)
        return contact, card, call

    contact, card, call = await site.service.database.write(write)
    await let_in(site, "anna")
    site.clock.now += 20 * MINUTE
    page = (await site.get("/call-back")).text
    main = page[page.index("<main") :]
    for part in (
        f'<a href="/contacts/{contact}">Иван Петров</a>',
        f'href="/cards/{card}">сделка №\u00a0318</a>',
        f'<a href="/calls/{call}">звонок</a>',
        "Не сняли трубку: Анна Смирнова, Борис Ким · 2 попытки без разговора",
        "звонили на Сайт",
        'срок был 12:15 · <time data-since="',
        "просрочено: 1",
        "1 пропущенный сегодня",
        "перезвонили: 0",
    ):
        assert part in main, part
    assert "916 111-22-33" not in main
    # The menu counts what waits, and that some of it is late.
    assert 'Надо перезвонить <span class="nav-count late">1</span>' in page
    part = (await site.get("/call-back/list?whose=mine", headers={"Sec-Fetch-Dest": "empty"})).text
    assert part.count("<article") == 1
    assert "<html" not in part


async def test_a_head_sees_all_and_chooses_whose(site: Site) -> None:
    def write(conn: Connection) -> None:
        add_obligation(conn, NUMBER)
        add_obligation(conn, OTHER, owner="vera")

    await site.service.database.write(write)
    await let_in(site, "vera")
    site.setups.current = replace(
        SETUP,
        manager=tuple(
            replace(one, role="head") if one.key == "vera" else one for one in SETUP.manager
        ),
    )
    mine, every = [(await site.get(f"/call-back{q}")).text for q in ("", "?whose=all")]
    assert (mine.count("<article"), every.count("<article")) == (1, 2)
    await let_in(site, None, "admin")
    assert (await site.get("/call-back")).text.count("<article") == 2


async def test_the_figure_of_the_day(site: Site) -> None:
    """Five were missed today: two called back after 4 and 8 minutes, one needs no call."""

    def write(conn: Connection) -> None:
        made = [add_obligation(conn, f"+7916000000{n}") for n in range(5)]
        add_obligation(conn, "+79160000008", first_at=NOON - timedelta(days=1))
        talks = {made[0]: ("a call", NOON + 4 * MINUTE), made[1]: ("a call", NOON + 8 * MINUTE)}
        obligations.close(conn, talks)
        obligations.close(conn, {made[2]: ("manager:anna", NOON)}, reason="спам")

    await site.service.database.write(write)
    site.clock.now += 10 * MINUTE
    page = (await site.get("/call-back?whose=all")).text
    assert (
        "<span>5 пропущенных сегодня</span><span>перезвонили: 2</span>"
        "<span>в среднем через 6\u00a0мин</span><span>закрыто без звонка: 1</span>"
    ) in page


async def test_a_call_back_is_closed_and_one_stays_on_the_page(site: Site) -> None:
    id_ = await site.service.database.write(lambda conn: add_obligation(conn, NUMBER))
    await let_in(site, "anna")
    fields = {"reason": "дозвонились с мобильного", "from": "/call-back"}
    seen = await site.ask("POST", f"/obligations/{id_}/close", data=fields, headers=HOME)
    assert (seen.status, seen.headers["Location"]) == (303, "/call-back")
    assert "Никто не ждёт звонка." in (await site.get("/call-back")).text


async def test_a_click_calls_on_the_line_that_the_client_called(site: Site, pbx: Server) -> None:
    id_ = await site.service.database.write(lambda conn: add_obligation(conn, NUMBER))
    await let_in(site, "boris", "manager")
    assert (await order(site, obligation=id_, number=OTHER)).status == 404  # Anna's, not his
    await let_in(site, "anna")
    # What the page says beside it does not count: the obligation has its own number and line.
    seen = await order(site, obligation=id_, number=OTHER, line=SHOP)
    assert seen.status == 202
    assert says(seen) == "Звоним: сначала зазвонит ваш телефон, потом +7 916 123-45-67."
    assert asked(pbx) | {"call_id": ""} == {
        "call_id": "",
        "target": "101",
        "number": NUMBER,
        "line": LINE,
    }
    kept = await site.service.database.read(
        lambda conn: conn.execute(select(tables.call_order.c.by)).scalar_one()
    )
    assert kept == "manager:anna"


async def test_two_clicks_are_one_call(site: Site, pbx: Server) -> None:
    await let_in(site, "anna")
    both = await asyncio.gather(*(order(site, number=NUMBER) for _ in range(2)))
    assert [one.status for one in both] == [202, 202]
    assert pbx.hits == 1
    assert asked(pbx)["line"] == LINE  # the first that can


REFUSED = {
    "no number": ({"number": "перезвоните"}, 422, "Это не номер телефона."),
    "one of ours": ({"number": LINE}, 422, "Это наш собственный номер."),
    "abroad": ({"number": "+19005550100"}, 422, "АТС может звонить только на номера"),
    "blocked": ({"number": OTHER}, 422, "Номер заблокирован."),
    "a line that takes no orders": ({"number": NUMBER, "line": SHOP}, 409, "Эту АТС нельзя"),
    "no such line": ({"number": NUMBER, "line": "+70000000000"}, 409, "Эту АТС нельзя"),
    "no such obligation": ({"obligation": "x"}, 404, "Этого уже нет."),
    "no such card": ({"number": NUMBER, "card": "x"}, 404, "Этого уже нет."),
}


@pytest.mark.parametrize(("fields", "status", "why"), REFUSED.values(), ids=REFUSED)
async def test_what_cannot_be_called_is_said(
    site: Site, pbx: Server, fields: dict[str, str], status: int, why: str
) -> None:
    write = site.service.database.write
    await write(block, OTHER, reason="спам", until=None, by="anna", now=NOON)
    await let_in(site, "anna")
    seen = await order(site, **fields)
    assert (seen.status, says(seen)[: len(why)]) == (status, why)
    assert pbx.hits == 0


@pytest.mark.parametrize(
    ("does", "status", "why"),
    [
        pytest.param(answer(500, b"no channels"), 502, "АТС не стала звонить: ", id="refused"),
        pytest.param(nothing, 202, "Неизвестно, звонит ли АТС на", id="no answer"),
    ],
)
async def test_what_the_pbx_does_not_do_is_said(
    site: Site, pbx: Server, does: Any, status: int, why: str
) -> None:
    pbx.does = does
    await let_in(site, "anna")
    seen = await order(site, number=NUMBER)
    assert (seen.status, says(seen)[: len(why)]) == (status, why)


async def test_a_button_that_cannot_call_says_why_beforehand(site: Site, pbx: Server) -> None:
    def write(conn: Connection) -> None:
        add_obligation(conn, NUMBER)
        add_obligation(conn, OTHER, line=SHOP)

    await site.service.database.write(write)
    await let_in(site, "anna")
    page = (await site.get("/call-back")).text
    assert page.count(">Перезвонить</button>") == 2
    assert page.count("disabled title=") == 1
    assert (
        'disabled title="Эту АТС нельзя попросить позвонить: звонок по щелчку для неё не настроен."'
    ) in page
    await let_in(site, None, "admin")
    page = (await site.get("/call-back")).text
    assert page.count('title="Звонить отсюда могут только менеджеры: войдите как менеджер."') == 2
    assert says(await order(site, number=NUMBER)).startswith("Звонить отсюда могут только менедж")
    await let_in(site, None, "auditor")
    assert "Перезвонить</button>" not in (await site.get("/call-back")).text
    assert (await order(site, number=NUMBER)).status == 403
    assert pbx.hits == 0


async def test_without_scripts_a_page_says_what_came_of_it(site: Site, pbx: Server) -> None:
    await let_in(site, "anna")
    seen = await order(site, {**HOME, "Referer": "http://calls.example/call-back"}, number=NUMBER)
    assert seen.status == 200
    assert "Звоним: сначала зазвонит ваш телефон" in seen.text
    assert '<a href="/call-back">Назад</a>' in seen.text
    evil = {**HOME, "Referer": "http://calls.example//evil.example"}
    assert '<a href="/">' in (await order(site, evil, number="1")).text
    count = select(func.count()).select_from(tables.call_order)
    assert await site.service.database.read(lambda conn: conn.execute(count).scalar_one()) == 1
    assert pbx.hits == 1
