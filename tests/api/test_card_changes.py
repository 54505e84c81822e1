"""Statuses, fields, items and products as a program changes them."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection

from callrouter.domain.setup import CustomField, Pipeline, Status
from storage import products
from storage.products import Product
from tests.api.conftest import Api, Reply, Setups
from tests.api.rows import NOON, SETUP, add_card, add_contact, add_move

STATUSES = (
    Status("new", moves=("in_work", "lost")),
    Status("in_work", required=("email", "contract")),
    Status("lost", closed=True, required=("loss_reason",)),
)
FIELDS = (
    CustomField("contract", "Договор"),
    CustomField("area", "Площадь", type="number"),
    CustomField("visit", "Замер", type="date"),
    CustomField("urgent", "Срочно", type="flag"),
    CustomField("kind", "Вид", type="choice", choices=("окна", "двери")),
    CustomField("heard", "Откуда", "contact"),
)
NOBODY = "01" + "Z" * 24


@pytest.fixture
def setups() -> Setups:
    return Setups(replace(SETUP, pipeline=(Pipeline("sales", STATUSES),), field=FIELDS))


def make(conn: Connection) -> str:
    card = add_card(conn, add_contact(conn, emails=("ivan@example.com",)), manager="anna")
    add_move(conn, card, 1, "new")
    return card


async def send(api: Api, method: str, path: str, body: Any = None, **kwargs: Any) -> Reply:
    return await api.ask(method, path, json=body, **kwargs)


def named(reply: Reply) -> list[str]:
    return [one["field"] for one in reply.body["errors"]]


async def test_a_card_gets_a_status(api: Api) -> None:
    card = await api.service.database.write(make)
    body = {"status": "in_work", "version": 1, "fields": {"contract": "17-А"}}
    moved = await send(api, "POST", f"/cards/{card}/status", body)
    assert (moved.status, moved.body["status"], moved.body["version"]) == (200, "in_work", 3)
    again = await send(api, "POST", f"/cards/{card}/status", body)
    assert (again.status, again.body) == (200, moved.body)
    whole = (await api.get(f"/cards/{card}")).body
    assert whole["fields"] == {"contract": "17-А"}
    assert [one["to_status"] for one in whole["timeline"] if one["kind"] == "status"] == [
        "in_work",
        "new",
    ]


async def test_a_status_is_refused_with_what_is_missing_or_allowed(api: Api) -> None:
    card = await api.service.database.write(make)
    path = f"/cards/{card}/status"
    missing = await send(api, "POST", path, {"status": "in_work"})
    assert (missing.status, named(missing)) == (422, ["fields.contract"])
    none = await send(api, "POST", path, {"status": "nowhere"})
    assert (none.status, named(none)) == (422, ["status"])
    assert '"in_work"' in none.body["errors"][0]["message"]
    lost = await send(api, "POST", path, {"status": "lost"})
    assert named(lost) == ["loss_reason"]
    stale = await send(api, "POST", path, {"status": "lost", "loss_reason": "x", "version": 7})
    assert stale.status == 409
    assert "its version is 1, its status new" in stale.body["detail"]
    gone = await send(api, "POST", f"/cards/{NOBODY}/status", {"status": "lost"})
    assert gone.status == 404
    closed = await send(api, "POST", path, {"status": "lost", "loss_reason": "price"})
    assert (closed.body["loss_reason"], closed.body["closed_at"]) == (
        "price",
        "2026-03-02T09:00:00.000Z",
    )


async def test_a_card_is_changed(api: Api) -> None:
    card = await api.service.database.write(make)
    body = {
        "amount": "1234.50",
        "due_on": "2026-04-01",
        "source": "shop",
        "manager": "vera",
        "fields": {"area": 12.5, "visit": "2026-03-05", "urgent": True, "kind": "окна"},
        "version": 1,
    }
    changed = await send(api, "PATCH", f"/cards/{card}", body)
    assert changed.status == 200
    told = {name: changed.body[name] for name in ("amount", "due_on", "source", "manager")}
    assert told == {
        "amount": "1234.50",
        "due_on": "2026-04-01",
        "source": "shop",
        "manager": "vera",
    }
    own = {"area": "12.5", "visit": "2026-03-05", "urgent": True, "kind": "окна"}
    assert (await api.get(f"/cards/{card}")).body["fields"] == own
    assert (await send(api, "PATCH", f"/cards/{card}", {"version": 1})).status == 409
    emptied = {"amount": None, "due_on": None, "manager": None, "fields": dict.fromkeys(own)}
    changed = await send(api, "PATCH", f"/cards/{card}", emptied)
    assert [changed.body[one] for one in ("amount", "due_on", "manager")] == [None] * 3
    assert (await api.get(f"/cards/{card}")).body["fields"] == {}
    assert (await send(api, "PATCH", f"/cards/{NOBODY}", {})).status == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"amount": -1}, "amount"),
        ({"amount": "1.001"}, "amount"),
        ({"amount": "much"}, "amount"),
        ({"amount": True}, "amount"),
        ({"due_on": "2026-02-30"}, "due_on"),
        ({"manager": "old"}, "manager"),
        ({"entity": "ghost"}, "entity"),
        ({"fields": {"colour": "red"}}, "fields.colour"),
        ({"fields": {"heard": "друзья"}}, "fields.heard"),
        ({"fields": {"area": "big"}}, "fields.area"),
        ({"fields": {"area": 0.001}}, "fields.area"),
        ({"fields": {"area": True}}, "fields.area"),
        ({"fields": {"visit": "завтра"}}, "fields.visit"),
        ({"fields": {"urgent": "yes"}}, "fields.urgent"),
        ({"fields": {"kind": "крыша"}}, "fields.kind"),
        ({"fields": {"contract": 17}}, "fields.contract"),
    ],
)
async def test_a_value_that_does_not_fit_is_named(
    api: Api, body: dict[str, Any], field: str
) -> None:
    card = await api.service.database.write(make)
    refused = await send(api, "PATCH", f"/cards/{card}", body)
    assert (refused.status, named(refused)) == (422, [field])


async def test_a_contact_has_fields_of_his_own(api: Api) -> None:
    body = {"name": "Глеб", "external_id": "7", "fields": {"heard": "друзья"}}
    made = await send(api, "POST", "/contacts", body)
    assert (made.status, made.body["fields"]) == (201, {"heard": "друзья"})
    id_, version = made.body["id"], made.body["version"]
    path = f"/contacts/{id_}"
    wrong = await send(api, "PATCH", path, {"fields": {"contract": "17"}})
    assert (wrong.status, named(wrong)) == (422, ["fields.contract"])
    changed = await send(api, "PATCH", path, {"fields": {"heard": "сайт"}, "version": version})
    assert (changed.status, changed.body["fields"]) == (200, {"heard": "сайт"})
    assert changed.body["version"] == version + 1
    stale = await send(api, "PATCH", path, {"fields": {"heard": "радио"}, "version": version})
    assert stale.status == 409
    assert (await api.get("/contacts")).body["items"][0]["fields"] == {"heard": "сайт"}


async def test_items_are_put_and_read(api: Api) -> None:
    card = await api.service.database.write(make)
    path = f"/cards/{card}/items"
    body = [
        {"name": "Окно", "unit": "шт", "quantity": 3, "price": "0.10", "discount": 0, "vat": "22"},
        {"name": "Монтаж", "quantity": "1.5", "price": 1000.1, "vat": "none"},
    ]
    put = await send(api, "PUT", path, body, params={"version": 1})
    assert put.status == 200
    assert put.body == {
        "items": [
            {
                "name": "Окно",
                "unit": "шт",
                "quantity": "3",
                "price": "0.10",
                "discount": "0",
                "vat": "22",
                "sum": "0.30",
                "article": None,
                "by": "token:a admin",
            },
            {
                "name": "Монтаж",
                "unit": "шт",
                "quantity": "1.5",
                "price": "1000.10",
                "discount": "0",
                "vat": "none",
                "sum": "1500.15",
                "article": None,
                "by": "token:a admin",
            },
        ],
        "net": "1500.40",
        "vat": [{"rate": "22", "amount": "0.05"}],
        "total": "1500.45",
        "prices_include_vat": True,
        "confirmed": True,
        "version": 2,
    }
    assert (await api.get(path)).body == put.body
    assert (await api.get(f"/cards/{card}")).body["amount"] == "1500.45"
    assert (await send(api, "POST", f"{path}/confirm")).body == put.body
    stale = await send(api, "PUT", path, [], params={"version": 1})
    assert stale.status == 409
    for method, gone in (("GET", "items"), ("GET", "proposals"), ("POST", "items/confirm")):
        assert (await send(api, method, f"/cards/{NOBODY}/{gone}")).status == 404
    assert (await send(api, "PUT", f"/cards/{NOBODY}/items", [])).status == 404


async def test_a_wrong_item_is_named_by_its_place(api: Api) -> None:
    card = await api.service.database.write(make)
    good = {"name": "Окно", "price": 1}
    body = [good, {**good, "quantity": 0}, {**good, "price": "1.001", "vat": "20"}]
    refused = await send(api, "PUT", f"/cards/{card}/items", body)
    assert refused.status == 422
    assert named(refused) == ["items[1].quantity", "items[2].price", "items[2].vat"]
    shapeless = await send(api, "PUT", f"/cards/{card}/items", [good, {**good, "price": []}])
    assert shapeless.status == 422
    assert named(shapeless) == ["items[1].price"]


async def test_five_hundred_long_rows_are_taken(api: Api) -> None:
    card = await api.service.database.write(make)
    body = [{"name": "Щ" * 200, "price": n} for n in range(500)]
    assert (await send(api, "PUT", f"/cards/{card}/items", body)).status == 200
    assert (await send(api, "PUT", f"/cards/{card}/items", [*body, body[0]])).status == 422


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "status"), ("PUT", "items"), ("POST", "items/confirm")],
)
async def test_an_auditor_only_reads(api: Api, method: str, path: str) -> None:
    card = await api.service.database.write(make)
    refused = await send(api, method, f"/cards/{card}/{path}", [], role="auditor")
    assert refused.status == 403
    assert (await api.ask("GET", f"/cards/{card}/items", role="auditor")).status == 200


async def test_proposals_come_from_former_cards(api: Api) -> None:
    def two(conn: Connection) -> tuple[str, str]:
        contact = add_contact(conn)
        return add_card(conn, contact), add_card(conn, contact)

    former, card = await api.service.database.write(two)
    await send(api, "PUT", f"/cards/{former}/items", [{"name": "Окно", "price": 5}])
    found = (await api.get(f"/cards/{card}/proposals")).body["items"]
    assert [(one["name"], one["price"], one["card"]) for one in found] == [("Окно", "5.00", former)]
    assert (await api.get(f"/cards/{card}/items")).body["items"] == []


async def test_products_are_searched(api: Api) -> None:
    def some(conn: Connection) -> None:
        listed = [
            Product("p1", "OK-1", "Окно ПВХ, белое", "шт", Decimal("1234.5"), "22", "Окна"),
            Product("p2", None, "Окно деревянное", "шт", Decimal(9), "", None),
            Product("p3", "d_9", "Дверь", "шт", Decimal(7), "10", None),
        ]
        products.put(conn, listed, now=NOON)

    await api.service.database.write(some)

    async def found(q: str) -> list[str]:
        return [one["id"] for one in (await api.get("/products", q=q)).body["items"]]

    assert await found("ОКНО") == ["p2", "p1"]
    assert await found("белое окно") == ["p1"]
    assert await found("ok-1") == ["p1"]
    assert await found("D_9") == ["p3"]
    assert await found("%") == ["p3", "p2", "p1"]
    assert await found("крыша") == []
    page = (await api.get("/products", limit=2)).body
    assert page["items"][0] == {
        "id": "p3",
        "article": "d_9",
        "name": "Дверь",
        "unit": "шт",
        "price": "7.00",
        "vat": "10",
        "group": None,
    }
    assert page["items"][1]["vat"] is None


async def test_a_card_has_several_contacts_one_of_them_the_main_one(api: Api) -> None:
    write = api.service.database.write
    ivan = await write(lambda conn: add_contact(conn, "Иван", "+79160000001"))
    olga = await write(lambda conn: add_contact(conn, "Ольга", emails=("o@example.com",)))
    card = await write(lambda conn: add_card(conn, ivan))
    path = f"/cards/{card}/contacts"
    added = await api.ask("POST", path, json={"contact": olga})
    assert added.status == 200
    assert [(one["id"], one["main"]) for one in added.body["items"]] == [
        (ivan, True),
        (olga, False),
    ]
    assert added.body["items"][1]["emails"] == ["o@example.com"]
    assert (await api.ask("DELETE", f"{path}/{ivan}")).status == 409
    main = await api.ask("POST", f"{path}/{olga}/main")
    assert [one["id"] for one in main.body["items"]] == [olga, ivan]
    left = await api.ask("DELETE", f"{path}/{ivan}")
    assert left.body == (await api.get(path)).body
    assert [one["id"] for one in left.body["items"]] == [olga]
    assert (await api.ask("DELETE", f"{path}/{ivan}")).status == 404
    assert (await api.ask("POST", path, json={"contact": "0" * 26})).status == 404
    assert (await api.get(f"/cards/{'0' * 26}/contacts")).status == 404
