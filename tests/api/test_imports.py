"""`/import-files`, `/imports`: a file is brought, tried, taken in and taken back by a program, as on the page."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection, select

from callrouter.import_desk import ImportDesk
from storage import setups, tables
from storage.database import Database
from tests.api.conftest import Api, Reply
from tests.api.rows import NOON, SETUP

CLIENTS = """ФИО;Тел. клиента;Ответственный;Любимый цвет
Иван Петров;8 916 123-45-67;Анна Смирнова;синий
Мария;89161234568;;красный
Глеб;7,91612E+10;Аня;
"""
GOODS = "Наименование;Цена;Ед.\nНасос;12 345,50;шт\nКабель;дорого;м\n"
PHONE = {"Тел. клиента": "phone"}
NOBODY = "01" + "Z" * 24


@pytest.fixture(autouse=True)
async def _in_force(database: Database) -> None:
    await database.write(setups.publish, SETUP, by="apply", now=NOON)


async def bring(api: Api, text: str = CLIENTS, **query: str) -> Reply:
    query = {"name": "клиенты.csv", **query}
    headers = {"Content-Type": "application/octet-stream"}
    return await api.ask("POST", "/import-files", params=query, data=text.encode(), headers=headers)


async def do(api: Api, id_: str, what: str, **body: Any) -> Reply:
    given: dict[str, Any] = {"json": body} if what == "try" else {}
    found = await api.ask("POST", f"/import-files/{id_}/{what}", **given)
    if found.status == 202:
        await api.service.imports.settled()
    return found


async def state(api: Api, id_: str) -> dict[str, Any]:
    found: dict[str, Any] = (await api.get(f"/import-files/{id_}")).body["file"]
    return found


def names(conn: Connection) -> list[str]:
    return list(conn.scalars(select(tables.contact.c.name).order_by("name")))


async def test_a_file_is_looked_at_tried_taken_in_and_taken_back(api: Api) -> None:
    brought = await bring(api)
    id_ = brought.body["file"]["id"]
    assert brought.status == 201
    assert "no column is a phone" in brought.body["problem"]
    headings = {one["name"]: one for one in brought.body["headings"]}
    assert headings["ФИО"]["field"] == "name"
    assert headings["Любимый цвет"] == {
        "name": "Любимый цвет",
        "field": "",
        "samples": ["синий", "красный"],
    }
    assert "phone" in brought.body["fields"]

    begun = await do(api, id_, "try", columns={**PHONE, "Любимый цвет": ""})
    assert (begun.status, begun.body["state"]) == (202, "trying")
    looked = (await api.get(f"/import-files/{id_}")).body
    assert (looked["problem"], looked["headings"][1]["field"]) == ("", "phone")
    tried = looked["file"]
    assert (tried["state"], tried["tried"]["taken"], tried["tried"]["refused"]) == ("tried", 2, 1)
    assert tried["tried"]["first_refused"][0]["line"] == 4
    assert await api.service.database.read(names) == []

    assert (await do(api, id_, "run")).status == 202
    done = await state(api, id_)
    assert (done["state"], done["done"]["lines"], done["by"]) == ("done", 3, "token:a admin")
    assert await api.service.database.read(names) == ["Иван Петров", "Мария"]
    assert (await do(api, id_, "run")).status == 409
    assert (await do(api, id_, "try")).status == 409
    refused = await api.session.get(
        f"{api.url}/import-files/{id_}/refused",
        headers={"Authorization": f"Bearer {api.tokens['admin']}"},
    )
    assert "Глеб" in await refused.text()

    (past,) = (await api.get("/imports")).body["items"]
    assert (past["id"], past["taken"], past["undoing"]) == (done["import_id"], 2, None)
    back = await api.ask("POST", f"/imports/{past['id']}/undo")
    assert back.status == 202
    await api.service.imports.settled()
    gone = (await api.get(f"/imports/{past['id']}")).body
    assert gone["undone_at"] == "2026-03-02T09:00:00.000Z"
    assert gone["undoing"] == {
        "moving": False,
        "removed": 2,
        "restored": 0,
        "stay": 0,
        "first_staying": [],
        "error": "",
    }
    assert await api.service.database.read(names) == []
    assert (await api.ask("POST", f"/imports/{past['id']}/undo")).status == 409

    dropped = await api.ask("DELETE", f"/import-files/{id_}")
    assert (dropped.status, dropped.body) == (200, {"items": []})


async def test_products_are_taken_in_and_what_is_wrong_is_said_in_ones_words(api: Api) -> None:
    id_ = (await bring(api, GOODS, name="товары.csv", noun="products")).body["file"]["id"]
    await do(api, id_, "try")
    told = await api.ask("GET", f"/import-files/{id_}", headers={"Accept-Language": "ru"})
    (refused,) = told.body["file"]["tried"]["first_refused"]
    assert refused["line"] == 3
    assert "дорого" in refused["problems"][0]
    assert "не " in refused["problems"][0]
    (listed,) = (await api.get("/import-files")).body["items"]
    assert listed == told.body["file"] | {"tried": listed["tried"]}


async def test_what_was_not_tried_is_not_run_and_nothing_stops_what_does_not_run(api: Api) -> None:
    id_ = (await bring(api)).body["file"]["id"]
    assert (await do(api, id_, "run")).status == 409
    stopped = await do(api, id_, "stop")
    assert (stopped.status, stopped.body["state"]) == (200, "new")
    none = await api.get(f"/import-files/{id_}/refused")
    assert none.status == 404


async def test_one_file_at_a_time_is_worked_on(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = [(await bring(api)).body["file"]["id"] for _ in range(2)]
    await do(api, one, "try", columns=PHONE)
    monkeypatch.setattr(ImportDesk, "busy", True)
    assert (await do(api, other, "try", columns=PHONE)).status == 409
    assert (await do(api, one, "run")).status == 409
    assert (await api.ask("DELETE", f"/import-files/{one}")).status == 409
    assert (await api.ask("DELETE", f"/import-files/{other}")).status == 200


@pytest.mark.parametrize(
    ("columns", "fields"),
    [
        ({"Телефон": "phone"}, ["columns.Телефон"]),
        ({"ФИО": "shoe size"}, ["columns.ФИО"]),
        ({"ФИО": "ignore", "Цвет": "x"}, ["columns.ФИО", "columns.Цвет", "columns.Цвет"]),
    ],
)
async def test_columns_that_cannot_be_are_named(
    api: Api, columns: dict[str, str], fields: list[str]
) -> None:
    id_ = (await bring(api)).body["file"]["id"]
    refused = await do(api, id_, "try", columns=columns)
    assert refused.status == 422
    assert [one["field"] for one in refused.body["errors"]] == fields
    assert (await do(api, id_, "try", system="Битрикс")).body["errors"][0]["field"] == "system"


@pytest.mark.parametrize(
    ("text", "query", "field"),
    [
        ("", {}, "file"),
        (CLIENTS, {"noun": "cards"}, "noun"),
        (CLIENTS, {"name": ""}, "name"),
    ],
)
async def test_a_file_that_cannot_be_taken(
    api: Api, text: str, query: dict[str, str], field: str
) -> None:
    refused = await bring(api, text, **query)
    assert refused.status == 422
    assert [one["field"] for one in refused.body["errors"]] == [field]
    assert (await api.get("/import-files")).body["items"] == []


async def test_a_file_without_a_telling_column_says_what_it_lacks(api: Api) -> None:
    looked = await bring(api, "Любимый цвет\nсиний\n")
    assert looked.status == 201
    assert looked.body["problem"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"/import-files/{NOBODY}"),
        ("POST", f"/import-files/{NOBODY}/try"),
        ("POST", f"/import-files/{NOBODY}/run"),
        ("POST", f"/import-files/{NOBODY}/stop"),
        ("DELETE", f"/import-files/{NOBODY}"),
        ("GET", f"/import-files/{NOBODY}/refused"),
        ("GET", f"/imports/{NOBODY}"),
        ("POST", f"/imports/{NOBODY}/undo"),
    ],
)
async def test_what_is_not_there_and_whose_it_is(api: Api, method: str, path: str) -> None:
    given: dict[str, Any] = {"json": {}} if path.endswith("/try") else {}
    assert (await api.ask(method, path, **given)).status == 404
    assert (await api.ask(method, path, role="head", **given)).status == 403
