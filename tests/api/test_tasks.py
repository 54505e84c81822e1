"""`/tasks`, and what is said of a call afterwards, as programs send and read them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from callrouter.domain.setup import DEFAULT_PIPELINE
from tests.api.conftest import Api, Reply
from tests.api.rows import NOON, SETUP, add_call, add_card, add_contact, add_move

HOUR = timedelta(hours=1)
NOBODY = "01" + "Z" * 24
TOMORROW = "2026-03-03T10:00:00+03:00"


async def send(api: Api, path: str, **body: Any) -> Reply:
    return await api.ask("POST", path, json=body)


async def a_card(api: Api) -> str:
    def make(conn: Connection) -> str:
        contact = add_contact(conn, "Иван Петров", "+79161234567")
        card = add_card(conn, contact, number=318, manager="anna")
        add_move(conn, card, 1, "new")
        return card

    return await api.service.database.write(make)


async def test_a_task_field_by_field_from_its_making_to_its_end(api: Api) -> None:
    card = await a_card(api)
    made = await send(api, "/tasks", text="Замеры", owner="anna", due_at=TOMORROW, card=card)
    assert made.status == 201
    id_ = made.body["id"]
    assert made.body == {
        "id": id_,
        "kind": "task",
        "text": "Замеры",
        "cause": None,
        "owner": "anna",
        "author": made.body["author"],
        "due_at": "2026-03-03T07:00:00.000Z",
        "overdue": False,
        "remind_at": None,
        "card": card,
        "card_number": 318,
        "contact": made.body["contact"],
        "contact_name": "Иван Петров",
        "call": None,
        "created_at": "2026-03-02T09:00:00.000Z",
        "state": "open",
        "done_at": None,
        "closed_by": None,
        "result": None,
    }
    assert made.body["author"].startswith("token:")
    later = await send(
        api, f"/tasks/{id_}/snooze", due_at="2026-03-05T10:00:00+03:00", reason="занят"
    )
    assert (later.status, later.body["due_at"]) == (200, "2026-03-05T07:00:00.000Z")
    given = await send(api, f"/tasks/{id_}/give", owner="vera")
    assert given.body["owner"] == "vera"
    for _ in range(2):
        done = await send(api, f"/tasks/{id_}/done", result="замерили")
        assert (done.status, done.body["state"], done.body["result"]) == (200, "done", "замерили")
    for path, body in (
        ("snooze", {"due_at": "2026-03-06T10:00:00+03:00", "reason": "x"}),
        ("give", {"owner": "anna"}),
    ):
        assert (await send(api, f"/tasks/{id_}/{path}", **body)).status == 409


async def test_tasks_are_listed_newest_first_page_by_page_and_by_what_is_asked(api: Api) -> None:
    made = []
    for n, owner in enumerate(("anna", "vera", "anna")):
        api.clock.now = NOON + n * HOUR
        made.append((await send(api, "/tasks", text=f"{n}", owner=owner)).body["id"])
    await send(api, f"/tasks/{made[0]}/done")

    async def texts(**query: Any) -> list[str]:
        return [one["text"] for one in (await api.get("/tasks", **query)).body["items"]]

    assert await texts() == ["2", "1", "0"]
    assert await texts(owner="anna") == ["2", "0"]
    assert await texts(state="open") == ["2", "1"]
    assert await texts(state="done") == ["0"]
    first = (await api.get("/tasks", limit=2)).body
    assert await texts(limit=2, cursor=first["next"]) == ["0"]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/tasks", {"text": " ", "owner": "anna"}, 422),
        ("/tasks", {"text": "x", "owner": "old"}, 422),
        ("/tasks", {"text": "x", "owner": "anna", "card": NOBODY}, 404),
        ("/tasks", {"text": "x", "owner": "anna", "colour": "red"}, 422),
        ("/tasks/ID/snooze", {"due_at": TOMORROW, "reason": " "}, 422),
        ("/tasks/ID/snooze", {"due_at": "2026-03-01T10:00:00Z", "reason": "x"}, 422),
        ("/tasks/ID/give", {"owner": "old"}, 422),
        (f"/tasks/{NOBODY}/done", {}, 404),
        (f"/calls/{NOBODY}/write-up", {"outcome": "deal"}, 404),
    ],
)
async def test_what_cannot_be_is_refused(
    api: Api, path: str, body: dict[str, Any], status: int
) -> None:
    id_ = (await send(api, "/tasks", text="x", owner="anna")).body["id"]
    assert (await send(api, path.replace("ID", id_), **body)).status == status


async def test_a_call_is_written_up_once(api: Api) -> None:
    api.setups.current = replace(SETUP, pipeline=(DEFAULT_PIPELINE,))
    card = await a_card(api)
    talk: dict[str, Any] = {"card": card, "manager": "anna", "answered_at": NOON, "over_at": NOON}
    call = await api.service.database.write(lambda conn: add_call(conn, **talk))
    path, step = f"/calls/{call}/write-up", {"step": "call", "text": "Позвонить"}
    bare = await send(api, path, outcome="deal")
    assert (bare.status, bare.body["errors"][0]["field"]) == (422, "next_step")
    body = {
        "outcome": "deal",
        "next_step": step | {"due_at": TOMORROW},
        "note": "Хочет стол",
        "status": "won",
        "key": "once",
    }
    first = await send(api, path, **body)
    (task,) = (await api.get("/tasks", card=card)).body["items"]
    assert first.body == {"card": card, "new": True, "next_step": task["id"], "move_to": "won"}
    assert (task["cause"], task["call"], task["remind_at"]) == ("call", call, task["due_at"])
    again = await send(api, path, **body)
    assert (again.status, again.body["new"]) == (200, False)
    assert (await send(api, path, **body | {"key": "other"})).status == 409
    seen = "2026-03-02T09:00:00.000Z"
    assert (await send(api, path, **body | {"key": "other", "seen": seen})).status == 200
