"""`POST /leads` as sites and shops use it."""

from typing import Any

import pytest
from sqlalchemy import Connection, select

from callrouter.flows.tokens import add_token
from storage import tables
from tests.api.conftest import Api, Reply
from tests.api.rows import NOON, add_contact

LEAD = {
    "name": "Иван Петров",
    "phone": "8 (916) 123-45-67",
    "email": "ivan@example.com",
    "source": "landing",
    "text": "Нужно 20 стульев",
    "external_id": "order-1001",
    "page": "https://shop.example/chairs",
    "utm": {"source": "yandex", "utm_medium": "cpc"},
    "consent": {
        "processing": True,
        "advertising": False,
        "text_version": "2026-01",
        "at": "2026-03-02T11:59:00+03:00",
        "ip": "203.0.113.7",
    },
    "pipeline": "sales",
}


async def send(api: Api, body: Any, **more: Any) -> Reply:
    return await api.ask("POST", "/leads", json=body, **more)


def count(conn: Connection, table: Any) -> int:
    return len(conn.execute(select(table)).all())


async def test_a_whole_lead(api: Api) -> None:
    found = await send(api, LEAD)
    assert (found.status, found.body.keys()) == (201, {"card", "contact", "new"})
    assert found.body["new"] is True
    card = (await api.get(f"/cards/{found.body['card']}")).body
    assert card["contact"] == {
        "id": found.body["contact"],
        "name": "Иван Петров",
        "phones": ["+79161234567"],
    }
    assert (card["manager"], card["source"], card["status"]) == ("anna", "landing", "new")
    (lead,) = [one for one in card["timeline"] if one.get("event") == "lead"]
    assert lead["actor"] == "token:a admin"
    assert lead["data"] == {
        "source": "landing",
        "page": "https://shop.example/chairs",
        "text": "Нужно 20 стульев",
        "utm_source": "yandex",
        "utm_medium": "cpc",
    }


async def test_a_repeat_gives_the_first_answer_to_the_same_program(api: Api) -> None:
    first = await send(api, LEAD)
    again = await send(api, {"phone": "+79031112233", "external_id": "order-1001"})
    assert (again.status, again.body) == (first.status, first.body)
    assert await api.service.database.read(count, tables.lead) == 1
    other = await send(api, LEAD, role="head")
    assert (other.status, other.body["new"]) == (201, False)
    assert await api.service.database.read(count, tables.lead) == 2


async def test_a_program_with_a_long_name_repeats_itself_too(api: Api) -> None:
    name = "магазин " * 20
    token = await api.service.database.write(add_token, name, "manager", now=NOON)
    first = await send(api, LEAD, token=token)
    assert (await send(api, LEAD, token=token)).body == first.body
    assert await api.service.database.read(count, tables.lead) == 1


async def test_a_known_phone_or_email_is_the_same_contact(api: Api) -> None:
    def make(conn: Connection) -> str:
        return add_contact(conn, "Иван", "+79161234567", emails=("ivan@example.com",))

    ivan = await api.service.database.write(make)
    by_phone = await send(api, {"phone": "+7 916 1234567"})
    by_email = await send(api, {"email": "IVAN@example.com", "phone": ""})
    assert by_phone.body["contact"] == by_email.body["contact"] == ivan
    assert [by_phone.body["new"], by_email.body["new"]] == [True, False]


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        pytest.param({"name": "Иван"}, ["phone", "email"], id="no way to reach him"),
        pytest.param({"phone": " ", "email": ""}, ["phone", "email"], id="empty ways"),
        pytest.param({"phone": "позвоните"}, ["phone"], id="a phone that is none"),
        pytest.param({"email": "ivan@"}, ["email"], id="an e-mail that is none"),
        pytest.param({"phone": "89161234567", "pipeline": "x"}, ["pipeline"], id="no pipeline"),
        pytest.param({"phone": "89161234567", "fone": "1"}, ["fone"], id="a misspelt name"),
        pytest.param({"phone": 89161234567}, ["phone"], id="a phone as a figure"),
        pytest.param(
            {"phone": "89161234567", "consent": {"ip": "here"}}, ["consent.ip"], id="no address"
        ),
        pytest.param(
            {"phone": "89161234567", "consent": {"at": "now"}}, ["consent.at"], id="no moment"
        ),
        pytest.param(
            {"phone": "89161234567", "utm": {str(n): "x" for n in range(21)}},
            ["utm"],
            id="too many",
        ),
        pytest.param({"phone": "89161234567", "external_id": ""}, ["external_id"], id="no id"),
        pytest.param({"phone": "89161234567", "text": "x" * 4001}, ["text"], id="too long"),
    ],
)
async def test_a_lead_that_cannot_be_taken_names_its_fields(
    api: Api, body: dict[str, Any], fields: list[str]
) -> None:
    found = await send(api, body)
    assert (found.status, [one["field"] for one in found.body["errors"]]) == (422, fields)
    assert "89161234567" not in found.text
    assert await api.service.database.read(count, tables.contact) == 0


async def test_an_auditor_sends_none(api: Api) -> None:
    assert (await send(api, LEAD, role="auditor")).status == 403
