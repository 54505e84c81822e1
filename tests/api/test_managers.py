"""`/managers`: saying that one is there or not, who cools, and what is whose."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, insert

from storage import coolings, tables
from storage.coolings import Cooled
from storage.ids import new_id
from tests.api.conftest import Api, Reply
from tests.api.rows import NOON, add_call, add_card, add_contact, add_leg

MINUTE = timedelta(minutes=1)


async def say(api: Api, key: str, *, role: Any = "manager", **body: Any) -> Reply:
    return await api.ask("POST", f"/managers/{key}/presence", role=role, json=body)


async def manager(api: Api, key: str) -> Any:
    found = (await api.get("/managers")).body["items"]
    return next(one for one in found if one["key"] == key)


async def test_a_pause_is_set_shown_and_ended(api: Api) -> None:
    until = "2026-03-02T09:30:00.000Z"
    found = await say(api, "anna", state="pause", reason="обед", until=until)
    assert found.status == 200
    said = {"state": "pause", "reason": "обед", "since": "2026-03-02T09:00:00.000Z"}
    assert (found.body["state"], found.body["presence"]) == ("pause", said | {"until": until})
    assert await manager(api, "anna") == found.body
    back = await say(api, "anna", state="available")
    assert (back.body["state"], back.body["presence"]["state"]) == ("available", "available")
    api.clock.now = NOON + 12 * 60 * MINUTE
    assert (await manager(api, "anna"))["presence"] is None


async def test_without_an_end_it_lasts_for_the_day(api: Api) -> None:
    found = (await say(api, "anna", state="off")).body
    assert (found["state"], found["presence"]["until"]) == ("off", "2026-03-02T21:00:00.000Z")
    overtime = (await say(api, "boris", state="available")).body
    assert overtime["state"] == "available"
    assert overtime["presence"]["until"] == "2026-03-02T20:00:00.000Z"  # his shift of today


async def test_available_ends_the_wrap_up(api: Api) -> None:
    def make(conn: Connection) -> None:
        call = add_call(conn, state="answered")
        add_leg(
            conn,
            call,
            status="ended",
            answered_at=NOON - MINUTE,
            ended_at=NOON,
            hold="wrap_up",
            hold_until=NOON + MINUTE,
        )

    await api.service.database.write(make)
    assert (await manager(api, "anna"))["state"] == "busy"
    api.clock.now = NOON + timedelta(seconds=5)
    found = (await say(api, "anna", state="available")).body
    assert (found["state"], found["busy"]) == ("available", None)


async def test_who_cools_is_shown_until_he_says_that_he_is_there(api: Api) -> None:
    cold = Cooled("anna", "no_answer", NOON, NOON + 5 * MINUTE, "a call", strikes=2)
    await api.service.database.write(coolings.begin, [cold], now=NOON)
    found = await manager(api, "anna")
    assert found["cooling"] == {"reason": "no_answer", "until": "2026-03-02T09:05:00.000Z"}
    assert found["state"] == "available"  # rung last, and rung
    assert (await say(api, "anna", state="available")).body["cooling"] is None


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"state": "asleep"}, "state"),
        ({}, "state"),
        ({"state": "pause", "reason": "я" * 201}, "reason"),
        ({"state": "pause", "until": "2026-03-02T09:00:00Z"}, "until"),
        ({"state": "pause", "until": "tomorrow"}, "until"),
        ({"state": "pause", "till": "2026-03-02T10:00:00Z"}, "till"),
    ],
)
async def test_what_makes_no_sense_is_refused(api: Api, body: Any, field: str) -> None:
    found = await say(api, "anna", **body)
    assert (found.status, [one["field"] for one in found.body["errors"]]) == (422, [field])
    assert (await manager(api, "anna"))["presence"] is None


async def test_nobody_is_said_to_be_there_who_is_not(api: Api) -> None:
    assert (await say(api, "eva", state="pause")).status == 404
    assert (await say(api, "old", state="available")).status == 409
    assert (await say(api, "anna", role="auditor", state="pause")).status == 403


async def test_the_longest_reason_is_kept_whole(api: Api) -> None:
    found = await say(api, "anna", state="pause", reason="я" * 200)
    assert found.body["presence"]["reason"] == "я" * 200


async def test_what_is_whose_is_listed_oldest_first(api: Api) -> None:
    def make(conn: Connection) -> tuple[str, str, str]:
        contact = add_contact(conn, "Иван Петров", "+79161234567", responsible="old")
        card = add_card(conn, contact, number=318, manager="old", status="in_work")
        add_card(conn, contact, number=319, manager="old", status="won", closed_at=NOON)
        task = new_id(NOON + MINUTE)
        conn.execute(
            insert(tables.task).values(
                id=task,
                kind="call_back",
                owner="old",
                author="x",
                card=card,
                phone="+79161234567",
                due_at=NOON,
                created_at=NOON,
            )
        )
        return contact, card, task

    contact, card, task = await api.service.database.write(make)
    whole = (await api.get("/managers/old/work")).body
    assert (whole["cards"], whole["contacts"], whole["tasks"], whole["next"]) == (1, 1, 1, None)
    assert [(one["noun"], one["id"]) for one in whole["items"]] == [
        ("contact", contact),
        ("card", card),
        ("task", task),
    ]
    assert whole["items"][1] == {
        "noun": "card",
        "id": card,
        "name": "Иван Петров",
        "number": 318,
        "pipeline": "sales",
        "status": "in_work",
        "kind": None,
        "phone": None,
        "due_at": None,
    }
    owed = whole["items"][2]
    assert (owed["name"], owed["kind"], owed["phone"], owed["due_at"]) == (
        "Иван Петров",
        "call_back",
        "+79161234567",
        "2026-03-02T09:00:00.000Z",
    )
    first = (await api.get("/managers/old/work", limit=2)).body
    rest = (await api.get("/managers/old/work", limit=2, cursor=first["next"])).body
    assert (len(first["items"]), rest["items"], rest["next"]) == (2, [owed], None)
    assert (await api.get("/managers/anna/work")).body["items"] == []
    assert (await api.get("/managers/eva/work")).status == 404
