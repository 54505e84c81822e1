"""Imports on their page: what a file looks like, what would come of it, running, stopping, undo."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import FormData
from sqlalchemy import Connection, select

from callrouter import import_desk
from callrouter.flows.erasing import RETENTION
from callrouter.jobs import retention
from callrouter.jobs.worker import Worker
from callrouter.service import Service
from storage import jobs, setups, tables
from storage.database import Database
from storage.ids import new_id
from storage.jobs import NewJob
from tests.api.rows import NOON, SETUP, add_contact
from tests.pages.conftest import Open, Seen, Site
from tests.pages.markup import Markup

OWN = {"Sec-Fetch-Site": "same-origin"}
SCRIPT = {**OWN, "Accept": "application/json"}
CLIENTS = """ФИО;Тел. клиента;Ответственный;Любимый цвет
Иван Петров;8 916 123-45-67;Анна Смирнова;синий
Мария;89161234568;;<b>красный</b>
Глеб;7,91612E+10;Аня;=1+1
Пётр Старый;+79160000001;;
"""
GOODS = "Наименование;Цена;Ед.\nНасос;12 345,50;шт\nКабель;дорого;м\n"


@pytest.fixture
async def desk(
    open_site: Open, service: Service, sqlite_database: Database, tmp_path: Path
) -> Site:
    """A site with a data directory of its own, the setup in force."""
    settings = replace(service.settings, data_dir=tmp_path)
    await sqlite_database.write(setups.publish, SETUP, by="apply", now=NOON)
    return await open_site(replace(service, settings=settings))


def text_of(page: Seen) -> str:
    return " ".join(" ".join(Markup(page.text).texts).split())


async def bring(
    site: Site, body: str | bytes = CLIENTS, name: str = "клиенты.csv", noun: str = "contacts"
) -> Seen:
    form = FormData({"noun": noun}, quote_fields=False)
    data = body.encode() if isinstance(body, str) else body
    form.add_field("file", io.BytesIO(data), filename=name, content_type="text/csv")
    return await site.ask("POST", "/import", data=form, headers=OWN)


async def post(site: Site, path: str, **said: Any) -> Seen:
    return await site.ask("POST", path, data=said, headers=OWN)


async def settled(site: Site, path: str) -> dict[str, Any]:
    """What the page's script is told once nothing moves any more."""
    said: dict[str, Any] = {}
    for _ in range(500):
        said = json.loads((await site.get(path, headers=SCRIPT)).text)
        if not said["moving"]:
            return said
        await asyncio.sleep(0.02)
    raise AssertionError(said)


def said_in(told: dict[str, Any]) -> str:
    return " ".join(" ".join(Markup(told["html"]).texts).split())


def names(conn: Connection) -> list[str]:
    return list(conn.execute(select(tables.contact.c.name).order_by("name")).scalars())


REFUSED = """ФИО;Телефон;Почта;ИНН;Ответственный;Последний разговор;Тип;Комментарий
Иван;не телефон;не почта;1;Никто Такой;когда-то;кто-то;
Иван;;;7707083894;;01.01.2099;;
;;;;;;;есть
Иван;;;;;;;;лишнее
"""
REFUSED_GOODS = """Наименование;Артикул;Цена;Ставка НДС
Насос;1;дорого;99
Насос;2;99999999999;
;3;1;
Кран;4;1;
Кран;4;2;
"""
ENGLISH = (
    "allowed",
    "there is",
    " is not ",
    " is no ",
    " is too ",
    "has ",
    "says ",
    " lies ",
    "is empty",
)


@pytest.mark.parametrize(
    ("noun", "text", "fields"),
    [
        ("contacts", REFUSED, "name phone email inn responsible last_talk kind comment"),
        ("products", REFUSED_GOODS, "name article price vat"),
    ],
)
async def test_why_a_line_is_refused_is_said_in_the_readers_words(
    desk: Site, noun: str, text: str, fields: str
) -> None:
    brought = await bring(desk, text, "список.csv", noun)
    here = brought.headers["Location"]
    columns = {f"column.{n}": name for n, name in enumerate(fields.split())}
    assert (await post(desk, f"{here}/try", **columns)).status == 303
    told = await settled(desk, here)
    said = said_in(told)
    assert "4 не принято" in said, said
    assert not [one for one in ENGLISH if one in said], said


async def test_a_file_of_clients_from_first_look_to_taking_it_back(
    desk: Site, sqlite_database: Database, tmp_path: Path
) -> None:
    read = sqlite_database.read
    await sqlite_database.write(
        lambda conn: add_contact(conn, "Пётр Старый", "+79160000001") and None
    )
    brought = await bring(desk)
    assert brought.status == 303
    here = brought.headers["Location"]
    page = await desk.get(here)
    assert 'value="name" selected' in page.text
    assert "Ни один столбец не назван телефоном" in text_of(
        page
    )  # "Тел. клиента" is not known by itself
    assert "синий · <b>красный</b>" in text_of(page)
    assert "<b>красный" not in page.text
    assert (await post(desk, f"{here}/run")).status == 409  # not tried yet

    columns = {"column.0": "name", "column.1": "phone", "column.2": "responsible", "column.3": ""}
    assert (await post(desk, f"{here}/try", **columns)).status == 303
    said = said_in(await settled(desk, here))
    assert "2 новых" in said
    assert "1 не принято" in said
    assert "Прочитано 4 строки." in said
    assert "4 Тел. клиента: Excel превратил номер в 7,91612E+10." in said  # its line, what is wrong
    assert "Ответственный: В настройке нет менеджера «Аня»" in said
    assert await read(names) == ["Пётр Старый"]

    assert (await post(desk, f"{here}/run")).status == 303
    await settled(desk, here)
    assert await read(names) == ["Иван Петров", "Мария", "Пётр Старый"]
    page = await desk.get(here)
    assert "Загружен" in text_of(page)
    stale = await post(desk, f"{here}/try")  # from a page that was open since before
    assert (stale.status, stale.headers["Location"]) == (303, f"{here}#state")
    refused = await desk.get(f"{here}/refused.csv")
    rows = list(csv.reader(io.StringIO(refused.text.lstrip("\ufeff")), delimiter=";"))
    assert rows[1][:4] == ["Глеб", "7,91612E+10", "Аня", "'=1+1"]
    assert refused.headers["Content-Disposition"].startswith("attachment")
    lies = {one.name for one in (tmp_path / "imports").rglob("*") if one.is_file()}
    assert lies == {"state.json", "клиенты.csv.refused.csv"}  # the file itself is gone

    past = await desk.get("/import")
    assert "клиенты.csv" in text_of(past)
    assert "новых: 2 · дополнено: 0 · уже были: 1 · не принято: 1" in text_of(past)
    (run,) = re.findall(r'action="/import/undo/(\w+)"', past.text)
    changed = tables.contact.update().where(tables.contact.c.name == "Мария")
    await sqlite_database.write(
        lambda conn: bool(
            conn.execute(changed.values(updated_at=NOON + timedelta(days=1))).rowcount
        )
    )
    assert (await post(desk, f"/import/undo/{run}")).status == 303
    lists = ""
    for _ in range(500):
        lists = text_of(await desk.get("/import"))
        if "Отменяется" not in lists:
            break
        await asyncio.sleep(0.02)
    assert "Удалено: 1." in lists
    assert "строка 3: Мария (меняли после загрузки)" in lists
    assert "отменена" in lists
    assert await read(names) == ["Мария", "Пётр Старый"]
    assert (await post(desk, f"/import/undo/{run}")).status == 404
    assert (await post(desk, f"{here}/drop")).status == 303
    assert not list((tmp_path / "imports").iterdir())


async def test_a_list_of_goods(desk: Site, sqlite_database: Database) -> None:
    here = (await bring(desk, GOODS, "прайс.csv", "products")).headers["Location"]
    assert (
        await post(
            desk, f"{here}/try", **{"column.0": "name", "column.1": "price", "column.2": "unit"}
        )
    ).status == 303
    said = said_in(await settled(desk, here))
    assert "1 новых" in said
    assert "3 Цена:" in said
    await post(desk, f"{here}/run")
    await settled(desk, here)
    product = tables.product.c
    found = await sqlite_database.read(
        lambda conn: conn.execute(select(product.name)).scalars().all()
    )
    assert found == ["Насос"]


async def test_one_at_a_time_and_it_can_be_stopped_and_gone_on_with(
    desk: Site, sqlite_database: Database
) -> None:
    many = "ФИО;Телефон\n" + "".join(f"Клиент {n};+7916{n:07}\n" for n in range(600))
    here = (await bring(desk, many)).headers["Location"]
    other = (await bring(desk)).headers["Location"]
    columns = {"column.0": "name", "column.1": "phone"}
    await post(desk, f"{here}/try", **columns)
    busy = await post(desk, f"{other}/try", **columns)
    assert (busy.status, "другой файл" in text_of(busy)) == (409, True)
    assert (await post(desk, f"{here}/drop")).status == 409
    await settled(desk, here)
    await post(desk, f"{here}/run")
    await post(desk, f"{here}/stop")
    await settled(desk, here)
    stopped = await desk.get(here)
    assert "Остановлено" in text_of(stopped)
    before = len(await sqlite_database.read(names))
    assert before < 600
    await post(desk, f"{here}/run")
    await settled(desk, here)
    assert len(await sqlite_database.read(names)) == 600


async def test_what_is_not_taken(desk: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_desk, "MOST_BYTES", 1000)
    monkeypatch.setattr(import_desk, "MOST_FILES", 2)
    for body, says in ((b"x" * 1001, "Не больше"), (b"", "Файл пуст")):
        page = await bring(desk, body)
        assert (page.status, says in text_of(page)) == (422, True)
    assert "Сначала выберите файл" in text_of(await post(desk, "/import"))
    for kind in ("multipart/form-data", "multipart/form-data; boundary=x"):
        headers = {**OWN, "Content-Type": kind}
        page = await desk.ask("POST", "/import", data=b"--y\r\n\r\n--y--", headers=headers)
        assert (page.status, "Сначала выберите файл" in text_of(page)) == (422, True), kind
    web_page = (await bring(desk, "<html><table>")).headers["Location"]
    assert "Это веб-страница" in text_of(await desk.get(web_page))
    evil = (await bring(desk, CLIENTS, "../../../etc/<i>x.csv")).headers["Location"]
    page = await desk.get(evil)
    assert "/i>x.csv" not in text_of(page)
    full = await bring(desk)
    assert (full.status, "Файлов уже" in text_of(full)) == (422, True)
    for path in ("/import/nothing", "/import/../state", f"/import/{'0' * 26}"):
        assert (await desk.get(path)).status == 404


async def test_a_server_that_ended_meanwhile_left_it_stopped(desk: Site, tmp_path: Path) -> None:
    here = (await bring(desk)).headers["Location"]
    state = tmp_path / "imports" / here.rpartition("/")[2] / "state.json"
    said = json.loads(state.read_text())
    state.write_text(json.dumps({**said, "state": "running"}))
    assert "Остановлено" in text_of(await desk.get(here))


async def look(desk: Site) -> None:
    await desk.let_in()
    assert (await desk.get("/import")).status == 200


async def sleep_over(desk: Site) -> None:
    service = desk.service
    await service.database.write(jobs.ask, [NewJob(RETENTION)], now=desk.clock())
    night = [one for one in retention.kinds(service) if one.name == RETENTION]
    assert await Worker(service.database, desk.clock, night).drain() == 1


@pytest.mark.parametrize("happens", [look, sleep_over])
async def test_after_a_week_a_file_of_clients_is_thrown_away(
    desk: Site, tmp_path: Path, happens: Callable[[Site], Awaitable[None]]
) -> None:
    await bring(desk)
    half = tmp_path / "imports" / new_id(desk.clock())  # its server died while it came
    half.mkdir()
    (half / "clients.csv").write_text(CLIENTS)
    desk.clock.now += timedelta(days=6)
    await happens(desk)
    assert len(list((tmp_path / "imports").iterdir())) == 2
    desk.clock.now += timedelta(days=2, minutes=1)
    await happens(desk)
    assert list((tmp_path / "imports").iterdir()) == []
