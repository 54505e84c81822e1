"""The manager's day: what he has to do, his calls, and what he says after a talk."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, update

from callrouter.domain.setup import DEFAULT_PIPELINE, Letter, Office, Workplace
from callrouter.flows.next_steps import offer_left
from callrouter.flows.tasks import add_task
from callrouter.flows.visits import enter, new_link
from storage import letters, tables
from tests.api.rows import (
    NOON,
    SETUP,
    add_call,
    add_card,
    add_contact,
    add_leg,
    add_letter,
    add_move,
    add_obligation,
)
from tests.pages.conftest import Seen, Site
from tests.pages.markup import Markup

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
OWN = {"Sec-Fetch-Site": "same-origin"}
FIRM = replace(
    SETUP,
    office=(Office("msk", "Москва", "Europe/Moscow"),),
    manager=tuple(
        replace(one, office="msk", role="head" if one.key == "vera" else "manager")
        for one in SETUP.manager
    ),
    pipeline=(DEFAULT_PIPELINE,),
    letter=(Letter("offer", on_status="in_work"),),
)
STRICT = replace(FIRM, workplace=Workplace(write_up="obligatory"))

ASKS_RU = (
    "Получили ли вы предложение? Всё ли понятно? Что для вас важно при выборе? Когда будет решение?"
)
ASKS_EN = (
    "Has the offer reached you? Is everything clear? What matters to you in choosing? "
    "When will you decide?"
)

Enter = Callable[[str], Awaitable[Site]]


@pytest.fixture
async def as_(site: Site) -> Enter:
    """Lets somebody in as this manager."""
    site.setups.current = FIRM

    async def come(manager: str) -> Site:
        role = FIRM.managers[manager].role
        given: dict[str, Any] = {"role": role, "manager": manager, "now": site.clock()}
        link = await site.service.database.write(new_link, **given)
        cookie = await site.service.database.write(enter, link, now=site.clock())
        site.cookie = f"callrouter_{site.service.seal.fingerprint[:8]}={cookie}"
        return site

    return come


async def write(site: Site, flow: Any, *args: Any, **named: Any) -> Any:
    return await site.service.database.write(flow, *args, **named)


async def task(site: Site, text: str, hours: float, owner: str = "anna", **more: Any) -> str:
    made = {"kind": "task", "owner": owner, "by": f"manager:{owner}", "text": text, "now": NOON}
    due = NOON + hours * HOUR
    return str(await write(site, add_task, **made, due_at=due, **more))


async def post(site: Site, path: str, *, script: bool = False, **fields: Any) -> Seen:
    headers = OWN | ({"Accept": "application/json"} if script else {})
    return await site.ask("POST", path, data=fields, headers=headers)


def says(answer: Seen) -> tuple[int, str]:
    return answer.status, str(json.loads(answer.text)["says"])


def parts(html: str) -> dict[str, list[str]]:
    """What stands in each part of the day, by the texts of its rows."""
    found = {}
    for key, inside in re.findall(
        r'<section class="part (\w+)".*?>(.*?)</section>', html, re.DOTALL
    ) + re.findall(r'<details class="(rest)".*?>(.*?)</details>\s*(?:<p|</div>)', html, re.DOTALL):
        found[key] = re.findall(r'class="todo-text">([^<]+)<', inside)
    return found


# What is to be done


async def test_the_day_is_parted_by_time_and_everybody_has_his_own(as_: Enter) -> None:
    anna = await as_("anna")
    contact = await write(anna, add_contact, "Иван <b>Петров</b>", "+79161234567")
    card = await write(anna, add_card, contact, manager="anna")
    for text, hours in (("Поздно", -2), ("Сегодня", 3), ("Завтра", 24), ("Потом", 24 * 30)):
        await task(anna, text, hours, card=card)
    await task(anna, "Чужое", 1, owner="boris")
    await write(anna, add_obligation, "+79160000007", due_at=NOON - HOUR)
    html = (await anna.get("/today")).text
    found = parts(html)
    assert sorted(found["late"]) == ["Не сняли трубку: Анна Смирнова, Борис Ким", "Поздно"]
    assert (found["today"], found["week"]) == (["Сегодня"], ["Завтра"])
    assert "Потом" in html
    assert "Чужое" not in html
    assert "Иван &lt;b&gt;Петров&lt;/b&gt;" in html
    assert f'href="/cards/{card}"' in html
    assert "Сделано сегодня: 0 из 3" in html
    count = await anna.get("/today/count")
    assert '"n": 3' in count.text
    assert '"late": true' in count.text


async def test_an_empty_day_says_so_and_a_program_has_no_day_of_its_own(
    as_: Enter, site: Site
) -> None:
    everybody = await site.get("/today")
    assert everybody.status == 200
    anna = await as_("anna")
    assert "На сегодня всё сделано." in (await anna.get("/today")).text
    assert "Everything for today is done." in (await anna.get("/today?language=en")).text


async def test_before_the_week_comes_that_today_is_done_and_no_number_stands_twice(
    as_: Enter,
) -> None:
    anna = await as_("anna")
    contact = await write(anna, add_contact, "", "+79161234567")
    card = await write(anna, add_card, contact, manager="anna")
    await task(anna, "Завтра", 24, card=card, contact=contact)
    html = (await anna.get("/today")).text
    assert html.index("На сегодня всё сделано.") < html.index("Завтра</p>")
    row = html[html.index("<article") : html.index("</article>")]
    assert re.findall(r">([^<>]*123-45[^<>]*)<", row) == ["+7 916 123-45-67"]


async def test_a_head_looks_at_his_peoples_day_and_a_manager_only_at_his_own(as_: Enter) -> None:
    site = await as_("vera")
    await task(site, "У Анны", 1)
    assert "У Анны" not in (await site.get("/today")).text
    hers = (await site.get("/today?owner=anna")).text
    assert "У Анны" in hers
    assert '<option value="anna" selected>' in hers
    await as_("boris")
    assert "У Анны" not in (await site.get("/today?owner=anna")).text


@pytest.mark.parametrize(
    ("language", "kind", "asks"),
    [
        ("ru", "Спросить о КП", ASKS_RU),
        ("en", "Ask after the offer", ASKS_EN),
    ],
    ids=["ru", "en"],
)
async def test_a_task_to_ask_after_an_offer_says_what_to_ask(
    as_: Enter, language: str, kind: str, asks: str
) -> None:
    anna = await as_("anna")
    calls = await day_of_calls(anna)
    card, talk = calls["card"], calls["talk"]

    def leaves(conn: Connection) -> None:
        letter = letters.find(conn, add_letter(conn, card))
        assert letter is not None
        offer_left(conn, letter, FIRM, by="anna", now=NOON)

    await write(anna, leaves)
    for path in ("/today", f"/cards/{card}", f"/calls/{talk}/write-up"):
        page = Markup((await anna.get(f"{path}?language={language}")).text)
        assert asks in page.text, path
        assert kind in page.text, path


async def test_a_task_is_done_put_off_and_given_on_the_page(as_: Enter) -> None:
    site = await as_("vera")
    id_ = await task(site, "Замеры", -1, owner="vera")
    refused = await post(site, f"/tasks/{id_}/snooze", script=True, when="tomorrow", reason=" ")
    assert says(refused) == (400, "Напишите, почему откладывается.")
    passed = {"when": "date", "date": "2026-03-02T11:00", "reason": "x"}
    refused = await post(site, f"/tasks/{id_}/snooze", script=True, **passed)
    assert says(refused) == (400, "Это время уже прошло.")
    later = await post(site, f"/tasks/{id_}/snooze", when="tomorrow", reason="Занят", back="/today")
    assert (later.status, later.headers["Location"]) == (303, "/today")
    assert "вт 03.03, 10:00" in (await site.get("/today")).text
    given = await post(site, f"/tasks/{id_}/give", script=True, owner="anna")
    assert given.status == 204
    away = await post(site, f"/tasks/{id_}/done", back="//evil.example/")
    assert away.headers["Location"] == "/today"
    again = await post(site, f"/tasks/{id_}/snooze", script=True, when="days", reason="x")
    assert says(again) == (409, "Это уже сделано.")
    await as_("boris")
    assert (await post(site, f"/tasks/{id_}/done")).status == 404
    assert (await post(site, f"/tasks/{id_}/give", owner="boris")).status == 403


async def test_a_task_is_added_by_hand_for_oneself_or_by_a_head_for_another(as_: Enter) -> None:
    site = await as_("anna")
    card = await write(site, add_card, await write(site, add_contact), manager="anna")
    strange = await write(site, add_card, await write(site, add_contact), manager="boris")
    good = {"text": "Выставить счёт", "when": "today", "card": card, "back": f"/cards/{card}#tasks"}
    done = await post(site, "/tasks", **good)
    assert (done.status, done.headers["Location"]) == (303, f"/cards/{card}#tasks")
    html = (await site.get("/today")).text
    assert parts(html)["today"] == ["Выставить счёт"]
    for change, status in (
        ({"card": strange}, 404),
        ({"owner": "boris"}, 400),
        ({"text": ""}, 400),
        ({"when": "some day"}, 400),
        ({"when": "date", "date": "0001-01-01T00:00"}, 400),
    ):
        assert (await post(site, "/tasks", script=True, **good | change)).status == status, change
    await as_("vera")
    assert (await post(site, "/tasks", **good | {"owner": "boris"})).status == 303


# His calls


async def day_of_calls(site: Site) -> dict[str, str]:
    contact = await write(site, add_contact, "Иван Петров", "+79161234567")
    card = await write(site, add_card, contact, manager="anna")
    await write(site, add_move, card, 1, "new")
    found = {"card": card}
    mine = {"manager": "anna", "answered_at": NOON - HOUR, "duration_s": 134.0, "over_at": NOON}
    talk = {"at": NOON - HOUR, "contact": contact, "card": card}
    found["talk"] = await write(site, add_call, **talk, **mine)
    await write(site, add_leg, found["talk"])
    number = {"caller_number": "+79160000009"}
    found["missed"] = await write(site, add_call, at=NOON - 2 * HOUR, state="missed", **number)
    await write(site, add_leg, found["missed"], status="failed")
    found["out"] = await write(
        site, add_call, at=NOON - 3 * HOUR, direction="out", outcome="spam", **mine, **number
    )
    found["old"] = await write(site, add_call, at=NOON - 2 * DAY, **mine, written_up_at=NOON)
    return found


async def test_his_calls_of_a_day_with_those_to_write_up_on_top(as_: Enter) -> None:
    site = await as_("anna")
    calls = await day_of_calls(site)

    async def shown(query: str = "") -> list[str]:
        html = (await site.get(f"/calls/mine{query}")).text
        listed = html.partition('class="my-list"')[2]
        return [name for name, id_ in calls.items() if f'"/calls/{id_}"' in listed]

    html = (await site.get("/calls/mine")).text
    assert html.count("Надо оформить") == 1
    assert html.index("Надо оформить") < html.index('class="days"')
    assert await shown() == ["talk", "missed", "out"]
    assert await shown("?kind=missed") == ["missed"]
    assert await shown("?kind=out") == ["out"]
    assert await shown("?kind=talked") == ["talk"]
    assert await shown("?day=2026-02-28") == ["old"]
    assert await shown("?day=0001-01-01") == await shown("?day=x") == await shown()
    assert 'aria-current="page">Мои звонки' in html
    assert 'aria-current="page">Звонки сейчас' not in html
    await as_("boris")
    assert await shown("?manager=anna") == []
    await as_("vera")
    html = (await site.get("/calls/mine?manager=anna")).text
    assert calls["talk"] in html


# After the talk


def form_of(html: str) -> dict[str, Any]:
    """What a browser would send of the form as it stands."""
    hidden = dict(re.findall(r'<input type="hidden" name="(key|seen|back)" value="([^"]*)"', html))
    radios = re.findall(r'type="radio" name="(\w+)" value="([\w-]+)" checked', html)
    return hidden | dict(radios)


async def test_a_talk_is_written_up_in_three_clicks_and_leaves_the_top(as_: Enter) -> None:
    site = await as_("anna")
    calls = await day_of_calls(site)
    path = f"/calls/{calls['talk']}/write-up"
    page = await site.get(f"{path}?back=/today")
    form = form_of(page.text)
    assert "outcome" not in form  # nobody has said it for him
    assert (form["when"], form["step"], form["status"]) == ("days", "call", "new")
    assert "Через 2 рабочих дня <small>ср 04.03, 10:00</small>" in page.text
    done = await post(site, path, **form, outcome="deal", note="Хочет стол")
    assert (done.status, done.headers["Location"]) == (303, "/today?written")
    again = await post(site, path, **form, outcome="deal", note="Хочет стол")
    assert again.status == 303
    html = (await site.get("/today?written")).text
    assert "Разговор оформлен." in html
    assert parts(html)["week"] == ["Позвонить клиенту"]
    assert "Надо оформить" not in (await site.get("/calls/mine")).text


@pytest.mark.parametrize(
    ("change", "says", "where"),
    [
        ({"outcome": ""}, "Выберите итог", ""),
        ({"when": "none"}, "почему нет следующего шага", ""),
        ({"when": "date", "date": ""}, "Укажите дату", ""),
        ({"when": "date", "date": "2020-01-01T10:00"}, "прошло", ""),
        ({"when": "none", "no_next": "Думает"}, "", "/calls/mine?written"),
        ({"outcome": "spam", "when": "none"}, "", "/calls/mine?written"),
        ({"status": "in_work"}, "", "/cards/CARD/move?to=in_work"),
        ({"status": "lost", "when": "none"}, "", "/cards/CARD/move?to=lost"),
        ({"status": "nowhere"}, "нельзя", ""),
        ({"back": "https://evil.example"}, "", "/calls/mine?written"),
    ],
)
async def test_what_is_wrong_is_said_beside_what_was_typed(
    as_: Enter, change: dict[str, str], says: str, where: str
) -> None:
    site = await as_("anna")
    calls = await day_of_calls(site)
    path = f"/calls/{calls['talk']}/write-up"
    typed = {"outcome": "deal", "note": "Важно <i>"}
    form: dict[str, Any] = form_of((await site.get(path)).text) | typed | change
    done = await post(site, path, **form)
    if where:
        wanted = where.replace("CARD", calls["card"])
        assert (done.status, done.headers["Location"]) == (303, wanted)
        return
    assert done.status in (400, 409)
    assert says in done.text
    assert "Важно &lt;i&gt;</textarea>" in done.text
    assert form_of(done.text)["key"] == form["key"]


async def test_who_comes_too_late_is_told_and_keeps_what_he_typed(as_: Enter) -> None:
    site = await as_("anna")
    calls = await day_of_calls(site)
    path = f"/calls/{calls['talk']}/write-up"
    first, second = [form_of((await site.get(path)).text) for _ in range(2)]
    assert (await post(site, path, **first, outcome="deal")).status == 303
    late = await post(site, path, **second, outcome="deal", note="моё")
    assert (late.status, "тем временем" in late.text) == (409, True)
    assert "моё</textarea>" in late.text
    for odd in ("²", "9" * 15):
        assert (await post(site, path, **{**second, "seen": odd}, outcome="deal")).status == 409
    assert (await post(site, path, **form_of(late.text), note="моё")).status == 303
    await as_("boris")
    assert (await site.get(path)).status == 404
    assert (await post(site, path, **first, outcome="deal")).status == 404


async def test_where_it_is_obligatory_it_stands_on_top_and_is_counted(as_: Enter) -> None:
    site = await as_("anna")
    await day_of_calls(site)
    assert '"n": 0' in (await site.get("/today/count")).text
    site.setups.current = STRICT
    html = (await site.get("/today")).text
    assert html.index("Надо оформить") < html.index("На сегодня всё сделано.")
    assert '"n": 1' in (await site.get("/today/count")).text
    await as_("vera")
    site.setups.current = replace(STRICT, team=(replace(STRICT.team[0], head="vera"),))
    html = (await site.get("/today")).text
    assert re.search(r"Анна Смирнова</a> <b>1</b>", html)


async def test_a_call_that_was_turned_away_or_is_inside_is_not_written_up(as_: Enter) -> None:
    site = await as_("anna")
    calls = await day_of_calls(site)
    for change in ({"state": "rejected"}, {"direction": "internal"}):
        stated = update(tables.call).where(tables.call.c.id == calls["talk"]).values(**change)
        await write(site, lambda conn, said=stated: conn.execute(said) and None)
        assert (await site.get(f"/calls/{calls['talk']}/write-up")).status == 404
        back = update(tables.call).values(state="answered", direction="in")
        await write(site, lambda conn, said=back: conn.execute(said) and None)
