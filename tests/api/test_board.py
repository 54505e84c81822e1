"""The board as a program reads it, and cards that it moves."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection, select

from callrouter.domain.setup import Letter, Pipeline, Status
from callrouter.flows.tasks import add_task
from callrouter.flows.tokens import add_token
from storage import tables
from tests.api.conftest import Api, Setups
from tests.api.rows import NOON, SETUP, add_card, add_contact

STATUSES = (
    Status("new", moves=("in_work",)),
    Status("in_work"),
    Status("lost", closed=True, required=("loss_reason",)),
)
NOBODY = "01" + "Z" * 24


@pytest.fixture
def setups() -> Setups:
    letters = (Letter("offer", on_status="in_work"), Letter("brief", kind="brief", attach=()))
    return Setups(replace(SETUP, pipeline=(Pipeline("sales", STATUSES),), letter=letters))


def make(conn: Connection, /, **columns: Any) -> str:
    contact = add_contact(conn, emails=("a@example.com", "b@example.com"))
    return add_card(conn, contact, **({"status_at": NOON, "manager": "anna"} | columns))


async def letters_of(api: Api, card: str) -> list[tuple[str, str | None]]:
    def read(conn: Connection) -> list[tuple[str, str | None]]:
        c = tables.letter.c
        found = conn.execute(select(c.key, c.email).where(c.card == card))
        return [(row.key, row.email) for row in found]

    return await api.service.database.read(read)


async def test_statuses_are_counted_and_summed(api: Api) -> None:
    write = api.service.database.write
    await write(make, amount=Decimal("10.50"))
    await write(make, amount=Decimal(2), manager=None)
    await write(make, status="lost", closed_at=NOON)
    found = await api.get("/board")
    assert found.body == {
        "pipeline": "sales",
        "statuses": [
            {"status": "new", "closed": False, "cards": 2, "amount": "12.50"},
            {"status": "in_work", "closed": False, "cards": 0, "amount": "0.00"},
            {"status": "lost", "closed": True, "cards": 1, "amount": "0.00"},
        ],
    }
    nobodys = await api.get("/board", manager="", no_step="true")
    assert [one["cards"] for one in nobodys.body["statuses"]] == [1, 0, 0]
    assert (await api.get("/board", pipeline="none")).status == 422


async def test_a_column_is_read_page_by_page_who_came_last_first(api: Api) -> None:
    write = api.service.database.write
    old = await write(make, title="Столы", amount=Decimal("10.50"))
    fresh = await write(make, status_at=NOON + timedelta(minutes=1), manager=None)
    await write(make, status="lost", closed_at=NOON)
    step = await write(
        add_task,
        kind="task",
        owner="anna",
        by="x",
        text="Позвонить",
        due_at=NOON,
        card=old,
        now=NOON,
    )
    first = (await api.get("/board/cards", status="new", limit=1)).body
    rest = (await api.get("/board/cards", status="new", limit=1, cursor=first["next"])).body
    assert [one["id"] for one in first["items"]] == [fresh]
    (tile,) = rest["items"]
    assert rest["next"] is None
    assert tile == tile | {
        "id": old,
        "title": "Столы",
        "status_at": "2026-03-02T09:00:00.000Z",
        "manager": "anna",
        "contact_name": "Иван Петров",
        "amount": "10.50",
        "owed": False,
        "letters": [],
    }
    due_at = "2026-03-02T09:00:00.000Z"
    assert tile["step"] == {
        "id": step,
        "kind": "task",
        "text": "Позвонить",
        "owner": "anna",
        "due_at": due_at,
    }
    nobodys = (await api.get("/board/cards", status="new", manager="")).body["items"]
    assert [one["id"] for one in nobodys] == [fresh]


async def test_of_a_column_one_is_shown_what_one_sees(api: Api) -> None:
    mine = await api.service.database.write(make)
    await api.service.database.write(make, manager="boris")
    token = await api.service.database.write(add_token, "a", "manager", now=NOON, manager="anna")
    found = await api.ask("GET", "/board/cards", token=token, params={"status": "new"})
    assert [one["id"] for one in found.body["items"]] == [mine]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({}, "status"),
        ({"status": "won"}, "status"),
        ({"status": "new", "pipeline": "none"}, "pipeline"),
        ({"status": "new", "cursor": "x"}, "cursor"),
    ],
)
async def test_a_column_that_there_is_not_is_refused(
    api: Api, query: dict[str, str], field: str
) -> None:
    refused = await api.get("/board/cards", **query)
    assert (refused.status, refused.body["errors"][0]["field"]) == (422, field)


async def test_many_cards_are_moved_each_by_itself(api: Api) -> None:
    write = api.service.database.write
    first, second = await write(make), await write(make, status="in_work")
    lost = await write(make, status="lost", closed_at=NOON)
    body = {"cards": [first, second, lost, NOBODY], "status": "in_work", "letters": False}
    moved = await api.ask("POST", "/moves", json=body)
    assert moved.status == 200
    assert [(one["card"], one["moved"], one["problem"]) for one in moved.body["items"]] == [
        (first, True, None),
        (second, False, None),
        (lost, True, None),
        (NOBODY, False, "There is no such card."),
    ]
    assert await letters_of(api, first) == []
    refused = await api.ask("POST", "/moves", json={"cards": [first], "status": "lost"})
    assert "loss_reason is missing" in refused.body["items"][0]["problem"]
    for bad in ([], [first] * 101, ["x"]):
        sent = {"cards": bad, "status": "new"}
        assert (await api.ask("POST", "/moves", json=sent)).status == 422


@pytest.mark.parametrize(
    ("wish", "letters"),
    [
        pytest.param({}, [("offer", "a@example.com")], id="as the status asks"),
        pytest.param({"letters": False}, [], id="none"),
        pytest.param(
            {"email": "b@example.com"}, [("offer", "b@example.com")], id="another address"
        ),
        pytest.param({"letter": "brief"}, [("brief", "a@example.com")], id="another letter"),
    ],
)
async def test_a_move_says_which_letter_goes_where(api: Api, wish: Any, letters: Any) -> None:
    card = await api.service.database.write(make)
    moved = await api.ask("POST", f"/cards/{card}/status", json={"status": "in_work", **wish})
    assert moved.status == 200
    assert await letters_of(api, card) == letters


async def test_a_wish_that_cannot_be_is_refused(api: Api) -> None:
    card = await api.service.database.write(make)
    body = {"status": "in_work", "letter": "gone", "email": "c@example.com"}
    refused = await api.ask("POST", f"/cards/{card}/status", json=body)
    assert refused.status == 422
    assert [one["field"] for one in refused.body["errors"]] == ["letter", "email"]
