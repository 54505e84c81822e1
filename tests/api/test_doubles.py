"""`GET /doubles`: who is known already by what a new contact would have."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection

from callrouter.flows.tokens import add_token
from tests.api.conftest import Api
from tests.api.rows import NOON, add_contact


@pytest.fixture
async def ivan(api: Api) -> str:
    def make(conn: Connection) -> str:
        emails = ("ivan@example.com",)
        return add_contact(
            conn,
            "Иван Петров",
            "+79161234567",
            emails=emails,
            responsible="boris",
            inn="500100732259",
        )

    return await api.service.database.write(make)


@pytest.mark.parametrize(
    ("by", "typed", "value"),
    [
        ("phone", "8 (916) 123-45-67", "+79161234567"),
        ("email", "Ivan@Example.com", "ivan@example.com"),
        ("inn", "5001 0073 2259", "500100732259"),
    ],
)
async def test_one_is_known_by_number_address_or_inn(
    api: Api, ivan: str, by: str, typed: str, value: str
) -> None:
    found = await api.get("/doubles", **{by: typed})
    assert found.body == {
        "items": [
            {"by": by, "value": value, "id": ivan, "name": "Иван Петров", "responsible": "boris"}
        ],
        "email_meant": None,
    }
    assert (await api.get("/doubles", besides=ivan, **{by: typed})).body["items"] == []


async def test_of_somebody_elses_contact_only_whose_he_is_is_told(api: Api, ivan: str) -> None:
    mine = await api.service.database.write(
        add_token, "of anna", "manager", now=NOON, manager="anna"
    )
    found = await api.ask("GET", "/doubles", token=mine, params={"phone": "+79161234567"})
    (one,) = found.body["items"]
    assert (one["id"], one["name"], one["responsible"]) == (None, None, "boris")
    assert ivan not in found.text


@pytest.mark.usefixtures("ivan")
async def test_nobody_is_known_by_what_cannot_be_read_and_slips_are_seen(api: Api) -> None:
    for query in ({}, {"phone": "что-то"}, {"email": "@"}, {"inn": ""}):
        assert (await api.get("/doubles", **query)).body == {"items": [], "email_meant": None}
    meant = (await api.get("/doubles", email="ivan@gmial.com")).body["email_meant"]
    assert meant == "ivan@gmail.com"


async def test_who_may_make_no_contact_may_not_ask(api: Api) -> None:
    found = await api.ask("GET", "/doubles", role="auditor", params={"phone": "+79161234567"})
    assert found.status == 403


async def test_a_wrong_query_is_named(api: Api) -> None:
    found = await api.get("/doubles", besides="x")
    assert (found.status, found.body["errors"][0]["field"]) == (422, "besides")
