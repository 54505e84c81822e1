"""The page "Calls now": what stands in it, escaped, in both languages."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection

from callrouter.domain.decisions import LastResort, Message
from callrouter.domain.setup import Absence, Account, Manager, Setup
from tests.api.rows import (
    LINE,
    NOON,
    SETUP,
    WHY,
    add_call,
    add_contact,
    add_told,
)
from tests.pages.conftest import Site
from tests.pages.markup import Markup
from tests.pages.rows import SOON, a_call, a_leg, a_ringing_call


async def test_a_ringing_call_is_all_there(site: Site) -> None:
    call = await site.service.database.write(a_ringing_call)
    page = (await site.get("/")).text
    for text in (
        f'id="call-{call}"',
        "Иван Петров",
        "+7 916 123-45-67",
        "Сайт",
        "Звонит",
        "сделка №\u00a0318",
        "звоним сейчас",
        f'data-since="{int(NOON.timestamp() * 1000)}"',
        "Звоним: Анна Смирнова — ответственный (сделка №\u00a0318).",
        f"/calls/{call}/why",
    ):
        assert text in page, text
    assert 'class="chip ringing" data-key="anna"' in page


async def test_the_same_in_english(site: Site) -> None:
    await site.service.database.write(a_ringing_call)
    page = (await site.get("/?language=en")).text
    assert "Ringing: Анна Смирнова — responsible (card #318)." in page
    assert '<html lang="en">' in page


@pytest.mark.parametrize(
    ("columns", "title"),
    [
        pytest.param({"caller_number": "+79161234567"}, "+7 916 123-45-67", id="a number"),
        pytest.param(
            {"caller_kind": "withheld", "caller_number": None, "caller_raw": "anonymous"},
            "Номер скрыт",
            id="withheld",
        ),
        pytest.param({"caller_kind": "short", "caller_number": "112"}, "112", id="short"),
        pytest.param(
            {"caller_kind": "name", "caller_number": None, "caller_raw": "Sklad"},
            "Sklad",
            id="a name",
        ),
    ],
)
async def test_who_calls(site: Site, columns: dict[str, Any], title: str) -> None:
    call = await site.service.database.write(a_call, **columns)
    assert f'<h3><a href="/calls/{call}">{title}</a></h3>' in (await site.get("/")).text


@pytest.mark.parametrize(
    ("state", "columns", "badge", "result"),
    [
        pytest.param(
            "answered",
            {"manager": "vera", "duration_s": 134.0},
            "Принят",
            "Вера Котова · 2 мин 14 с",
            id="talked",
        ),
        pytest.param(
            "missed", {"reason": "caller_hung_up"}, "Пропущен", "клиент положил трубку", id="missed"
        ),
        pytest.param("missed", {}, "Пропущен", "никто не ответил", id="nobody knows why"),
        pytest.param(
            "missed",
            {"reason": "Q850-16"},
            "Пропущен",
            "не соединилось (Q850-16)",
            id="a word that we do not know",
        ),
    ],
)
async def test_how_it_ended(
    site: Site, state: str, columns: dict[str, Any], badge: str, result: str
) -> None:
    await site.service.database.write(a_call, state=state, **columns)
    page = (await site.get("/")).text
    assert f'<span class="badge {state}">{badge}</span>' in page
    assert f'<span class="result">{result}</span>' in page


async def test_a_message_is_no_answer(site: Site) -> None:
    def write(conn: Connection) -> None:
        call = add_call(conn, state="missed", reason="completed")
        machine = {"manager": None, "dial": "", "planned": False, "machine": True}
        a_leg(conn, call, ref="x:?", **machine, answered_at=NOON, ended_at=SOON)
        said = replace(WHY, steps=(), ends="message", open_hours=False)
        add_told(conn, call, decision=Message(call, LastResort("+74950000000")), why=said)

    await site.service.database.write(write)
    page = (await site.get("/")).text
    assert '<span class="result">прослушано сообщение</span>' in page
    assert "Вне плана" not in page


async def test_a_call_that_nobody_asked_us_about_says_so(site: Site) -> None:
    await site.service.database.write(a_call)
    assert "АТС не спрашивала" in (await site.get("/")).text


async def test_a_call_inside_names_who_dialled_and_who_was_rung(site: Site) -> None:
    def write(conn: Connection) -> str:
        inside: dict[str, Any] = {
            "direction": "internal",
            "caller_kind": "internal",
            "caller_number": "101",
        }
        call = add_call(conn, state="answered", manager="anna", duration_s=16.0, **inside)
        for ref, key in (("a1", "anna"), ("a2", "vera")):
            a_leg(conn, call, ref=ref, manager=key, planned=False, answered_at=NOON)
        return call

    call = await site.service.database.write(write)
    for page in ((await site.get("/")).text, (await site.get(f"/calls/{call}")).text):
        assert "Внутренний" in page
        assert "Вера Котова · 16 с" in page
        assert "АТС не спрашивала" not in page
        assert "Итог" not in page
    assert ">Анна Смирнова</a></h3>" in (await site.get("/")).text


NASTY = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' autofocus onfocus=alert(1) x='",
    "{{ 7 * 7 }}",
    "</template><svg/onload=alert(1)>",
    "\u202eevil\u202c & <b>",
]


@pytest.mark.parametrize("nasty", NASTY)
async def test_nothing_that_a_caller_sends_becomes_markup(site: Site, nasty: str) -> None:
    def write(conn: Connection) -> str:
        contact = add_contact(conn, nasty)
        call = add_call(
            conn,
            state="ringing",
            ref=nasty,
            contact=contact,
            caller_kind="name",
            caller_number=None,
            caller_raw=nasty,
            reason=nasty[:60],
        )
        a_leg(conn, call, status="ringing", manager=None, dial=nasty, planned=False)
        add_told(conn, call, why=replace(WHY, rule=nasty, ladder=nasty))
        return call

    call = await site.service.database.write(write)
    for path in ("/", f"/calls/{call}", f"/calls/{call}/why"):
        seen = await site.get(path)
        assert seen.status == 200
        assert Markup(seen.text).is_ours()
        assert nasty in Markup(seen.text).text


async def test_the_whole_why_is_there_as_a_page_and_as_a_part(site: Site) -> None:
    call = await site.service.database.write(a_ringing_call)
    page, part = await site.get(f"/calls/{call}"), await site.get(f"/calls/{call}/why")
    assert "<html" in page.text
    assert "<html" not in part.text
    for text in (
        "1. Ответственный, 20\u00a0с",
        "2. Наименее загруженный, 20\u00a0с",
        "35\u00a0% (7 в работе из 20)",
        "«VIP» (настройки, версия 7)",
        "не на смене",
        "1,2\u00a0мс",
    ):
        assert text in page.text, text
        assert text in part.text, text


async def test_a_call_that_is_none(site: Site) -> None:
    assert (await site.get("/calls/01J")).status == 404


# The managers


@pytest.mark.parametrize(
    ("setup", "columns", "says"),
    [
        pytest.param(SETUP, None, ('class="chip free"', "на линии"), id="available"),
        pytest.param(
            SETUP,
            {"status": "talking", "answered_at": NOON, "hold": "talk", "hold_until": SOON},
            ('class="chip talking"', "разговор"),
            id="in a talk",
        ),
        pytest.param(
            SETUP,
            {"status": "ended", "answered_at": NOON, "hold": "wrap_up", "hold_until": SOON},
            ('class="chip wrap_up"', "оформление"),
            id="in wrap-up",
        ),
        pytest.param(
            SETUP,
            {"status": "planned", "ring_from": SOON, "hold": "ring", "hold_until": SOON},
            ('class="chip free"', "на линии"),
            id="a window that has not begun holds nobody",
        ),
        pytest.param(
            replace(SETUP, absence=(Absence("anna", NOON.date(), NOON.date(), "sick"),)),
            None,
            ('class="chip away"', "больничный сегодня"),
            id="away",
        ),
    ],
)
async def test_what_a_manager_does(
    site: Site, setup: Setup, columns: dict[str, Any] | None, says: tuple[str, str]
) -> None:
    def write(conn: Connection) -> None:
        if columns:
            a_leg(conn, add_call(conn, state="talking"), **columns)

    site.setups.current = setup
    await site.service.database.write(write)
    page = (await site.get("/")).text
    start = page.index('data-key="anna"') - 40
    chip = page[start : page.index("</li>", start)]
    for text in says:
        assert text in chip
    assert "0 из 20" in chip or "1 из 20" in chip
    assert 'data-key="old"' not in page  # dismissed


async def test_a_large_company_is_counted(site: Site) -> None:
    people = tuple(Manager(f"m{n:03}", f"Менеджер {n}", str(100 + n)) for n in range(60))
    site.setups.current = replace(SETUP, manager=people)
    page = (await site.get("/")).text
    assert page.count('class="chip free"') == 24
    assert "и ещё 36" in page
    assert "на линии: 60" in page


# An empty base


async def test_without_a_setup_the_page_says_what_to_do(site: Site) -> None:
    site.setups.current = Setup()
    page = (await site.get("/")).text
    assert "callrouter init" in page
    assert "callrouter apply setup.toml" in page


@pytest.mark.parametrize(
    ("secret", "shown"),
    [
        pytest.param("env:PBX_SECRET", "$PBX_SECRET", id="by its name in the environment"),
        pytest.param("sealed:gAAAA", "$SECRET", id="never the secret itself"),
    ],
)
async def test_without_calls_the_page_shows_the_way_to_the_first(
    site: Site, secret: str, shown: str
) -> None:
    account = (Account("main", default_line=LINE, secret=secret),)
    site.setups.current = replace(SETUP, account=account)
    page = (await site.get("/")).text
    assert "http://calls.example/webhooks/pbx/main" in page
    assert f"Bearer {shown}" in page
    assert f"called={LINE}" in page
    assert "sealed" not in page
    assert '<h2 id="open-title">' in page  # there for the first call, and hidden until then


# Calling oneself


async def test_only_a_demo_has_the_panel(site: Site, demo: Site) -> None:
    assert "Позвонить самому" not in (await site.get("/")).text
    page = (await demo.get("/")).text
    assert "Позвонить самому" in page
    for kind in ("unknown", "known", "withheld", "vip", "busy", "after_hours"):
        assert f'value="{kind}"' in page


OWN = {"Sec-Fetch-Site": "same-origin"}


@pytest.mark.parametrize(
    ("form", "dialled"),
    [
        ({"kind": "unknown"}, ("unknown", "", "")),
        ({"kind": "after_hours"}, ("after_hours", "", "")),
        (
            {"kind": "any", "caller": " 8 916 000-00-00 ", "line": LINE},
            ("any", "8 916 000-00-00", LINE),
        ),
    ],
)
async def test_dialling(demo: Site, form: dict[str, str], dialled: tuple[str, str, str]) -> None:
    by_form = await demo.ask("POST", "/call-yourself", data=form, headers=OWN)
    assert (by_form.status, by_form.headers["Location"]) == (303, "/?call=pbx-1")
    wants = {**OWN, "Accept": "application/json"}
    by_script = await demo.ask("POST", "/call-yourself", data=form, headers=wants)
    assert json.loads(by_script.text) == {"call": "pbx-2"}
    assert demo.dialled == [dialled, dialled]


@pytest.mark.parametrize(
    "form",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"kind": "any"}, id="no number"),
        pytest.param({"kind": "evil"}, id="a kind that is none"),
        pytest.param({"kind": "any", "caller": "1" * 65}, id="too long"),
        pytest.param({"kind": "any", "caller": "1", "line": "+7"}, id="a line that is none"),
    ],
)
async def test_what_cannot_be_dialled(demo: Site, form: dict[str, str]) -> None:
    seen = await demo.ask("POST", "/call-yourself", data=form, headers=OWN)
    assert (seen.status, demo.dialled) == (400, [])


async def test_without_a_script_the_dialled_call_is_marked_all_the_same(demo: Site) -> None:
    assert 'data-mine="pbx-1"' in (await demo.get("/?call=pbx-1")).text
