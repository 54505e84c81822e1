"""The board: what it shows of whom, how cards are moved there, and what is refused with a reason."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select, update

from callrouter.domain.items import Item
from callrouter.domain.setup import CustomField, Letter, Letters, Pipeline, Status
from callrouter.flows.visits import enter, new_link
from storage import items, tables
from storage.ids import new_id
from tests.api.rows import NOON, SETUP, add_card, add_contact, add_obligation
from tests.pages.conftest import Setups, Site

HOME = {"Origin": "http://calls.example"}
SCRIPT = {**HOME, "Accept": "application/json"}
HOUR = timedelta(hours=1)

COMPANY = replace(
    SETUP,
    pipeline=(
        Pipeline(
            "sales",
            (
                Status("new", "Новая"),
                Status("in_work", "В работе"),
                Status("invoice", "Счёт", required=("amount", "contract"), moves=("won", "lost")),
                Status("won", "Оплачено", closed=True),
                Status("lost", "Отказ", closed=True, required=("loss_reason",)),
            ),
            "Продажи",
        ),
    ),
    field=(CustomField("contract", "Договор"),),
    letter=(
        Letter("offer", on_status="in_work", undo_seconds=20, then_status="invoice"),
        Letter("brief", kind="brief", template="brief", attach=()),
    ),
    letters=Letters(sender="sales@example.com"),
)


@pytest.fixture
def setups() -> Setups:
    return Setups(COMPANY)


async def become(site: Site, manager: str | None, role: Any = "manager") -> None:
    """Let another one sit before the screen."""
    write = site.service.database.write
    link = await write(new_link, now=NOON, role=role, manager=manager)
    cookie = await write(enter, link, now=NOON)
    site.cookie = f"{site.cookie.split('=')[0]}={cookie}"


def add_task(conn: Connection, card: str, **columns: Any) -> None:
    row = {
        "kind": "task",
        "owner": "anna",
        "author": "vera",
        "text": "Позвонить",
        "created_at": NOON,
    }
    conn.execute(insert(tables.task).values(id=new_id(NOON), card=card, **(row | columns)))


async def post(site: Site, path: str, /, headers: Any = None, **fields: Any) -> Any:
    return await site.ask("POST", path, data=fields, headers=headers or HOME)


async def asked(site: Site, path: str, /, **fields: Any) -> tuple[int, Any]:
    """As a script posts it."""
    seen = await post(site, path, SCRIPT, **fields)
    return seen.status, json.loads(seen.text)


async def card_of(site: Site, id_: str) -> Any:
    def read(conn: Connection) -> Any:
        return conn.execute(select(tables.card).where(tables.card.c.id == id_)).one()

    return await site.service.database.read(read)


async def letters_of(site: Site, card: str) -> list[Any]:
    def read(conn: Connection) -> Any:
        found = select(tables.letter).where(tables.letter.c.card == card)
        return conn.execute(found.order_by(tables.letter.c.n)).all()

    return await site.service.database.read(read)


async def new_card(site: Site, *emails: str, **columns: Any) -> str:
    def write(conn: Connection) -> str:
        contact = add_contact(conn, "Иван Петров", "+79161234567", emails=emails, tags=("vip",))
        return add_card(conn, contact, **({"manager": "anna", "status_at": NOON} | columns))

    return await site.service.database.write(write)


def titles(html: str) -> list[str]:
    return re.findall(r'class="tile-open"[^>]*>([^<]*)<', html)


async def test_tiles_say_what_a_manager_looks_for(site: Site) -> None:
    old = NOON - timedelta(days=9)
    card = await new_card(
        site, title="Цветы в офис", amount=Decimal("1234.50"), number=318, status_at=old
    )

    def write(conn: Connection) -> None:
        add_task(conn, card, due_at=NOON - HOUR)
        add_task(conn, card, due_at=NOON - 2 * HOUR, done_at=NOON, text="Старое")
        add_task(conn, card, text="Без срока")
        add_obligation(conn, contact=(conn.execute(select(tables.card.c.contact)).scalar_one()))
        row = {"card": card, "key": "offer", "n": 1, "kind": "offer", "state": "in_doubt"}
        moments = {"asked_at": NOON, "changed_at": NOON}
        letter = {"id": new_id(NOON), "message_id": "x", "by": "anna"}
        conn.execute(insert(tables.letter).values(**row, **moments, **letter))

    await site.service.database.write(write)
    page = (await site.get("/board")).text
    said = " ".join(re.sub("<[^>]+>", " ", page).replace("\u00a0", " ").split())
    for part in ("Цветы в офис № 318 Иван Петров 1 234,50 ₽", "просрочено: 11:00", "АС"):
        assert part in said
    for part in ("надо перезвонить", "Неизвестно, ушло ли письмо", "9 дн.", "Не сделка"):
        assert part in said
    assert "Старое" not in said
    assert 'class="tile red"' in page
    assert re.search(r'data-sum="new">1\W234,50\W₽', page)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        pytest.param("", {"А", "Б", "В", "Г"}, id="everybody's"),
        pytest.param("who=mine", {"А", "Б"}, id="mine"),
        pytest.param("who=boris", {"В"}, id="another's"),
        pytest.param("who=nobody", {"Г"}, id="nobody's"),
        pytest.param("overdue=1", {"Б"}, id="overdue"),
        pytest.param("no_step=1", {"А", "Г"}, id="without a next step"),
        pytest.param("source=shop", {"В"}, id="by source"),
        pytest.param("tag=vip", {"А", "Б", "В", "Г"}, id="by tag"),
        pytest.param("tag=vip&who=mine&no_step=1", {"А"}, id="several at once"),
        pytest.param("q=иван петров", {"А", "Б", "В", "Г"}, id="a client in small letters"),
        pytest.param("q=9000", {"Г"}, id="a number"),
        pytest.param("q=8 916 123-45-67&who=boris", {"В"}, id="a phone"),
        pytest.param("q=100%25", set(), id="a sign of LIKE is a sign"),
        pytest.param("pipeline=gone&who=mine", {"А", "Б"}, id="no such pipeline: the first"),
    ],
)
async def test_filters_stand_in_the_address(site: Site, query: str, found: set[str]) -> None:
    await new_card(site, title="А")
    late = await new_card(site, title="Б")
    other = await new_card(site, title="В", manager="boris", source_last="shop")
    await new_card(site, title="Г", manager=None, number=9000)

    def write(conn: Connection) -> None:
        add_task(conn, late, due_at=NOON - HOUR)
        add_task(conn, other, due_at=NOON + HOUR)

    await site.service.database.write(write)
    await become(site, "anna", "head")
    site.setups.current = replace(COMPANY, workplace=replace(COMPANY.workplace, managers_see="all"))
    page = (await site.get(f"/board?{query}")).text
    assert set(titles(page)) == found
    assert f'data-count="new">{len(found)}<' in page


async def test_one_sees_and_moves_only_what_is_ones_own_or_nobodys(site: Site) -> None:
    mine = await new_card(site, title="Моя")
    free = await new_card(site, title="Ничья", manager=None)
    other = await new_card(site, title="Чужая", manager="boris")
    await become(site, "anna")
    assert set(titles((await site.get("/board")).text)) == {"Моя", "Ничья"}
    heads = json.loads((await site.get("/board/heads")).text)
    assert [one["count"] for one in heads["columns"]] == [2, 0, 0, 0, 0, 0]
    for id_, status in ((mine, 200), (free, 200), (other, 404)):
        assert (await asked(site, f"/cards/{id_}/move", to="won"))[0] == status
    assert (await card_of(site, other)).status == "new"
    assert (await site.get(f"/cards/{other}/move?to=won")).status == 404
    assert (await site.get(f"/cards/{other}/move/offer.pdf")).status == 404
    await become(site, None, "auditor")
    assert "tile-move" not in (await site.get("/board")).text
    assert (await post(site, f"/cards/{mine}/move", to="new")).status == 403


async def test_a_long_column_comes_in_parts_and_each_card_once(site: Site) -> None:
    def write(conn: Connection) -> None:
        for n in range(120):  # several came in one millisecond
            add_card(conn, title=f"К{n}", status_at=NOON + timedelta(seconds=n // 7))

    await site.service.database.write(write)
    html, seen = (await site.get("/board")).text, []
    assert 'data-count="new">120<' in html
    for _ in range(4):
        seen += titles(html)
        more = re.search(r'<a href="([^"]+)" data-more>', html)
        if more is None:
            break
        html = (await site.get(more[1].replace("&amp;", "&"))).text
    assert len(seen) == len(set(seen)) == 120
    assert seen[0] in {"К119"} | {f"К{n}" for n in range(112, 120)}  # who came last stands first
    whole = (await site.get("/board/column?status=new&limit=500")).text
    assert titles(whole) == seen
    for bad in (
        "status=none",
        "status=new&after=x",
        "status=new&after=1.",
        "status=new&after=-5.a",
    ):
        assert (await site.get(f"/board/column?{bad}")).status == 404


async def test_closed_columns_are_folded_and_show_only_the_last_month(site: Site) -> None:
    await new_card(site, title="Свежая", status="won", closed_at=NOON)
    ago = NOON - timedelta(days=31)
    await new_card(site, title="Давняя", status="won", closed_at=ago, status_at=ago)
    page = (await site.get("/board")).text
    assert 'data-count="won">1<' in page
    assert titles(page) == []
    assert titles((await site.get("/board?open=won")).text) == ["Свежая"]


# Moving


async def test_a_move_says_how_the_card_is_now(site: Site) -> None:
    card = await new_card(site, "ivan@example.com")
    status, body = await asked(site, f"/cards/{card}/move", to="won", version="1")
    assert (status, body["status"], body["says"]) == (200, "won", "")
    assert 'data-version="2"' in body["tile"]
    now = await card_of(site, card)
    assert (now.status, now.status_at) == ("won", NOON)
    back = await post(site, f"/cards/{card}/move", to="new", back="/board?who=mine")
    assert (back.status, back.headers["Location"]) == (303, "/board?who=mine")
    away = await post(site, f"/cards/{card}/move", to="won", back="https://evil.example/")
    assert away.headers["Location"] == f"/cards/{card}"


async def test_a_refused_move_says_why_and_where_the_card_may_go(site: Site) -> None:
    card = await new_card(site, status="invoice")
    status, body = await asked(site, f"/cards/{card}/move", to="new")
    assert status == 422
    assert body["says"] == (
        "Из «Счёт» в «Новая» сделку не переносят. Можно: «Оплачено», «Отказ», «Не сделка»."
    )
    assert body["status"] == "invoice"
    assert 'data-status="invoice"' in body["tile"]
    assert (await card_of(site, card)).version == 1


async def test_who_moves_what_another_moved_learns_it_and_may_say_it_again(site: Site) -> None:
    card = await new_card(site)
    await become(site, "anna")
    await asked(site, f"/cards/{card}/move", to="won", version="1")
    says = "Сделка тем временем изменена (Анна Смирнова); сейчас она в этапе «Оплачено»."
    for to in ("lost", "won"):
        form = f"/cards/{card}/move?part=1&to={to}&version="
        assert says in (await site.get(f"{form}1")).text  # it was dragged as it was before
        assert says not in (await site.get(f"{form}2")).text
    status, body = await asked(
        site, f"/cards/{card}/move", to="lost", version="1", loss_reason="Дорого"
    )
    assert status == 409
    assert body["says"] == says
    assert 'value="Дорого"' in body["form"]
    again = re.search(r'name="version" value="(\d+)"', body["form"])
    assert again
    fields = {"to": "lost", "version": again[1], "loss_reason": "Дорого"}
    assert (await asked(site, f"/cards/{card}/move", **fields))[0] == 200
    assert (await card_of(site, card)).loss_reason == "Дорого"


async def test_what_a_status_needs_is_asked_for_and_what_was_typed_stays(site: Site) -> None:
    card = await new_card(site, status="in_work")
    path = f"/cards/{card}/move"
    form = (await site.get(f"{path}?to=invoice")).text
    assert 'name="field.amount"' in form
    assert "Договор" in form
    typed = {"to": "invoice", "field.amount": "много", "field.contract": "№ 7 <b>"}
    seen = await post(site, path, **typed)
    assert seen.status == 422
    assert "Это не сумма" in seen.text
    assert 'value="№ 7 &lt;b&gt;"' in seen.text
    status, body = await asked(site, path, to="invoice")
    assert (status, body["says"]) == (422, "Ещё нужно: сумма, «Договор».")
    assert (await asked(site, path, **typed | {"field.amount": "1 234,50 ₽"}))[0] == 200
    now = await card_of(site, card)
    assert (now.status, now.amount) == ("invoice", Decimal("1234.50"))


async def test_a_lost_deal_is_asked_why(site: Site) -> None:
    card = await new_card(site)
    path = f"/cards/{card}/move"
    assert "почему сделка не состоялась" in (await site.get(f"{path}?to=lost")).text
    status, body = await asked(site, path, to="lost")
    assert (status, body["says"]) == (422, "Ещё нужно: причина отказа.")
    assert (await asked(site, path, to="lost", loss_reason="Купили у других"))[0] == 200
    assert (await card_of(site, card)).loss_reason == "Купили у других"


# Letters


async def test_a_status_with_a_letter_asks_first_and_sends_only_if_told(site: Site) -> None:
    card = await new_card(site, "ivan@example.com", "second@example.com")
    path = f"/cards/{card}/move"
    status, body = await asked(site, path, to="in_work", version="1")  # nobody said: letters?
    assert (status, body["asks"]) == (422, True)
    form = body["form"]
    for part in ("ivan@example.com", "Перенести и отправить", "Перенести без письма", "Отмена"):
        assert part in form
    assert (await card_of(site, card)).status == "new"
    fields = {"to": "in_work", "version": "1", "send": "1", "email": "second@example.com"}
    assert (await asked(site, path, **fields))[0] == 200
    (letter,) = await letters_of(site, card)
    assert (letter.state, letter.email, letter.by) == (
        "waiting",
        "second@example.com",
        "page:admin",
    )
    page = (await site.get("/board")).text  # the countdown is there after a reload
    until = int(letter.wait_until.timestamp() * 1000)
    assert f'<time data-until="{until}">0:20</time>' in page
    assert "Отменить письмо" in page
    status, body = await asked(site, f"/board/letters/{letter.id}/cancel")
    assert (status, body["says"]) == (200, "")
    assert [one.state for one in await letters_of(site, card)] == ["cancelled"]
    assert "Отменить письмо" not in (await site.get("/board")).text


async def test_of_several_letters_another_one_may_be_chosen(site: Site) -> None:
    card = await new_card(site, "ivan@example.com")
    path = f"/cards/{card}/move"

    def offered(html: str) -> list[tuple[str, bool, str]]:
        (select,) = re.findall(r'<select name="letter">(.*?)</select>', html, re.DOTALL)
        found = re.findall(r'<option value="(\w+)"( selected)?>([^<]*)<', select)
        return [(key, bool(here), name) for key, here, name in found]

    asks = (await site.get(f"{path}?to=in_work&language=en")).text
    names = [("offer", "Offer"), ("brief", "Short letter")]
    assert offered(asks) == [(key, key == "offer", name) for key, name in names]
    asks = (await site.get(f"{path}?to=in_work&letter=brief&language=en")).text
    assert offered(asks) == [(key, key == "brief", name) for key, name in names]
    for wrong in ("nosuch", "<b>"):
        status, _ = await asked(site, path, to="in_work", send="1", letter=wrong)
        assert (status, await letters_of(site, card)) == (422, []), wrong
    assert (await card_of(site, card)).status == "new"
    fields = {"to": "in_work", "send": "1", "email": "ivan@example.com", "letter": "brief"}
    assert (await post(site, path, **fields)).status == 303
    (letter,) = await letters_of(site, card)
    assert (letter.key, letter.kind, letter.state) == ("brief", "brief", "waiting")
    assert (await card_of(site, card)).status == "in_work"


async def test_the_only_letter_is_no_choice(site: Site) -> None:
    other = Letter("away", pipeline="another", on_status="in_work")
    site.setups.current = replace(COMPANY, letter=(COMPANY.letter[0], other))
    form = (await site.get(f"/cards/{await new_card(site)}/move?to=in_work")).text
    assert "move-letter" in form
    assert 'name="letter"' not in form


async def test_without_a_letter_none_is_asked_for(site: Site) -> None:
    card = await new_card(site, "ivan@example.com")
    assert (await asked(site, f"/cards/{card}/move", to="in_work", send="0"))[0] == 200
    assert (await card_of(site, card)).status == "in_work"
    assert await letters_of(site, card) == []


async def test_one_more_address_is_taken_and_a_slip_is_asked_about_once(site: Site) -> None:
    card = await new_card(site)
    path = f"/cards/{card}/move"
    fields = {"to": "in_work", "send": "1", "email": "new"}
    status, body = await asked(site, path, **fields, new_email="ivan@gmial.com")
    assert status == 422
    assert "Может быть, ivan@gmail.com?" in body["form"]
    assert 'value="ivan@gmial.com"' in body["form"]
    status, body = await asked(site, path, **fields, new_email="ivan@", sure="ivan@")
    assert (status, body["says"]) == (
        422,
        "Это не адрес почты. Можно, например, ivan@example.com.",
    )
    sure = {"new_email": "ivan@gmial.com", "sure": "ivan@gmial.com"}
    assert (await asked(site, path, **fields, **sure))[0] == 200
    (letter,) = await letters_of(site, card)
    assert letter.email == "ivan@gmial.com"
    seen = await site.get(f"{path}/hint?email=a@yandx.ru")
    assert json.loads(seen.text) == {"meant": "a@yandex.ru"}


async def test_without_an_address_it_is_said_that_the_letter_waits(site: Site) -> None:
    card = await new_card(site)
    status, body = await asked(site, f"/cards/{card}/move", to="in_work", send="1")
    assert status == 200
    assert body["says"].startswith("Нет почты для письма.")
    assert [one.state for one in await letters_of(site, card)] == ["no_address"]
    assert "Нет почты для письма" in (await site.get("/board")).text


async def test_a_letter_that_was_sent_goes_again_only_if_it_is_wished(site: Site) -> None:
    card = await new_card(site, "ivan@example.com")
    path = f"/cards/{card}/move"
    desk = Item("Стол", "шт", Decimal(2), Decimal(1500), vat="22", by="anna")
    await site.service.database.write(items.put, card, [desk], Decimal(3000), now=NOON)

    async def there_again(**fields: str) -> list[tuple[int, str]]:
        await asked(site, path, to="new")
        await asked(site, path, to="in_work", send="1", **fields)
        return [(one.n, one.state) for one in await letters_of(site, card)]

    def sent(conn: Connection) -> None:
        conn.execute(update(tables.letter).values(state="sent", sent_at=NOON))

    assert await there_again() == [(1, "waiting")]
    await site.service.database.write(sent)
    assert await there_again() == [(1, "sent")]
    await asked(site, path, to="new")
    form = (await site.get(f"{path}?to=in_work")).text
    assert "Отправить ещё одно" in form
    assert "2 шт" in form
    assert await there_again(again="1") == [(1, "sent"), (2, "waiting")]


async def test_the_letter_is_shown_before_it_leaves(site: Site) -> None:
    card = await new_card(site, "ivan@example.com")
    seen = await site.get(f"/cards/{card}/move/letter?to=in_work&part=1")
    assert seen.status == 200
    assert "ivan@example.com" in seen.text
    assert "<pre" in seen.text
    assert await letters_of(site, card) == []
    paper = await site.ask("GET", f"/cards/{card}/move/letter?to=in_work")
    assert "<!doctype html>" in paper.text


async def test_too_late_is_said(site: Site) -> None:
    card = await new_card(site, "ivan@example.com")
    await asked(site, f"/cards/{card}/move", to="in_work", send="1")
    (letter,) = await letters_of(site, card)

    def leaves(conn: Connection) -> None:
        conn.execute(update(tables.letter).values(state="sending"))

    await site.service.database.write(leaves)
    status, body = await asked(site, f"/board/letters/{letter.id}/cancel")
    assert (status, body["says"]) == (409, "Поздно: письмо уже уходит или ушло.")
    assert (await asked(site, "/board/letters/none/cancel"))[0] == 404


# Several at once


async def test_several_are_moved_each_by_itself(site: Site) -> None:
    cards = [await new_card(site, number=n) for n in (51, 52)]
    stuck = await new_card(site, number=53, status="invoice")
    status, body = await asked(
        site, "/board/together", card=[*cards, stuck, "gone"], do="move", to="new"
    )
    assert (status, [one["done"] for one in body["results"]]) == (200, [True, True, False, False])
    assert body["results"][2]["says"].startswith("Из «Счёт» в «Новая»")
    assert body["results"][3]["says"] == "Этого уже нет."
    fields: Any = {"card": cards, "do": "move", "to": "in_work"}
    status, body = await asked(site, "/board/together", **fields)
    assert (status, body["says"]) == (422, "Выберите: с письмами или без.")
    page = await post(site, "/board/together", **fields, letters="without")
    assert page.text.count(": готово") == 2
    assert {(await card_of(site, one)).status for one in cards} == {"in_work"}
    assert await letters_of(site, cards[0]) == []
    many = [f"{n}" for n in range(101)]
    assert (await asked(site, "/board/together", card=many, do="move", to="new"))[0] == 422


async def test_who_may_not_assign_takes_only_what_is_nobodys(site: Site) -> None:
    mine, free = await new_card(site), await new_card(site, manager=None)
    await become(site, "anna")
    receivers = (await site.get("/board")).text.split('name="manager" aria-label')[1]
    assert 'value="boris"' in receivers.split("</select>")[0]
    fields: Any = {"card": [mine, free], "do": "give"}
    status, body = await asked(site, "/board/together", **fields, manager="boris")
    assert [one["done"] for one in body["results"]] == [True, False]  # one's own may be given
    assert body["results"][1]["says"] == "Чужие сделки передаёт только руководитель."
    status, body = await asked(site, "/board/together", card=[free], do="give", manager="anna")
    assert (status, body["results"][0]["done"]) == (200, True)
    assert (await card_of(site, free)).manager == "anna"
    await become(site, "vera", "admin")
    site.setups.current = replace(
        COMPANY,
        manager=tuple(
            replace(one, role="admin") if one.key == "vera" else one for one in COMPANY.manager
        ),
    )
    status, body = await asked(site, "/board/together", **fields, manager="vera")
    assert [one["done"] for one in body["results"]] == [True, True]
