"""Each figure's list, as a program reads it: exactly what is counted, page by page."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection, update

from callrouter.flows.tokens import add_token
from storage import tables
from storage.listing import MOST
from tests.api.conftest import Api
from tests.api.rows import (
    NOON,
    add_call,
    add_card,
    add_contact,
    add_leg,
    add_letter,
    add_obligation,
)

HOUR = timedelta(hours=1)


def make(conn: Connection) -> dict[str, str]:
    contact = add_contact(conn, "Иван Петров", "+79161234567")
    talk: dict[str, Any] = {"answered_at": NOON + timedelta(seconds=25), "duration_s": 60.0}
    answered = add_call(conn, manager="anna", source="ads", outcome="deal", **talk)
    add_leg(conn, answered, ring_from=NOON, answered_at=talk["answered_at"])
    missed = add_call(conn, state="missed", at=NOON - HOUR)
    add_leg(conn, missed, manager="boris", ring_from=NOON - HOUR, status="failed")
    won = add_card(conn, contact, status="won", amount=Decimal("10.50"), manager="anna")
    lost = add_card(conn, status="lost", manager="boris", loss_reason="Дорого")
    owed = add_obligation(conn, call=missed, contact=contact)
    letter = add_letter(conn, won)
    conn.execute(update(tables.letter).values(state="sent", sent_at=NOON, subject="КП"))
    names = {"answered": answered, "missed": missed, "won": won, "lost": lost}
    return names | {"owed": owed, "letter": letter}


@pytest.fixture
async def made(api: Api) -> dict[str, str]:
    return await api.service.database.write(make)


@pytest.mark.parametrize(
    ("path", "query", "expected"),
    [
        ("calls", {}, ["answered", "missed"]),
        ("calls", {"kind": "missed"}, ["missed"]),
        ("calls", {"kind": "missed", "direction": "out"}, []),
        ("calls", {"cause": "not_picked_up"}, ["missed"]),
        ("calls", {"hour": "12"}, ["answered"]),
        ("calls", {"weekday": "1"}, []),
        ("calls", {"talked": "anna"}, ["answered"]),
        ("calls", {"talked": "-"}, ["missed"]),
        ("calls", {"rang": "boris"}, ["missed"]),
        ("calls", {"unpicked": "boris"}, ["missed"]),
        ("calls", {"outcome": "deal"}, ["answered"]),
        ("calls", {"within": "20"}, []),
        ("calls", {"within": "30"}, ["answered"]),
        ("calls", {"source": "ads"}, ["answered"]),
        ("calls", {"until": "2026-03-01"}, []),
        ("cards", {}, ["lost", "won"]),
        ("cards", {"manager": "anna"}, ["won"]),
        ("cards", {"end": "won"}, ["won"]),
        ("cards", {"end": "lost", "reason": "Дорого"}, ["lost"]),
        ("cards", {"end": "lost", "reason": "-"}, []),
        ("cards", {"pipeline": "sales", "status": "lost"}, ["lost"]),
        ("cards", {"reached": "won"}, ["won"]),
        ("cards", {"came_from": "-", "deals": "true"}, ["lost", "won"]),
        ("owed", {}, ["owed"]),
        ("owed", {"state": "open"}, ["owed"]),
        ("owed", {"state": "kept"}, []),
        ("letters", {}, ["letter"]),
        ("letters", {"letter": "offer"}, ["letter"]),
        ("letters", {"letter": "brief"}, []),
    ],
)
async def test_a_list_holds_what_its_figure_counts(
    api: Api, made: dict[str, str], path: str, query: dict[str, str], expected: list[str]
) -> None:
    found = await api.get(f"/figures/{path}", **query)
    assert found.status == 200, found.text
    names = {id_: name for name, id_ in made.items()}
    assert [names[one["id"]] for one in found.body["items"]] == expected
    assert (found.body["count"], found.body["next"]) == (len(expected), None)


async def test_what_lists_say_of_each(api: Api, made: dict[str, str]) -> None:
    assert (await api.get("/figures/cards")).body["amount"] == "10.50"
    (owed,) = (await api.get("/figures/owed")).body["items"]
    assert owed == {
        "id": made["owed"],
        "at": "2026-03-02T09:00:00.000Z",
        "phone": "+79161234567",
        "contact": owed["contact"],
        "contact_name": "Иван Петров",
        "owner": "anna",
        "cause": "not_picked_up",
        "due_at": "2026-03-02T09:15:00.000Z",
        "done_at": None,
        "call": made["missed"],
        "state": "open",
    }
    (letter,) = (await api.get("/figures/letters")).body["items"]
    assert (letter["card"], letter["letter"], letter["subject"]) == (made["won"], "offer", "КП")
    api.clock.now = NOON + HOUR
    assert (await api.get("/figures/owed", state="overdue")).body["items"][0]["state"] == "overdue"


@pytest.mark.parametrize("path", ["calls", "cards"])
async def test_lists_come_in_pages(api: Api, made: dict[str, str], path: str) -> None:
    whole = [one["id"] for one in (await api.get(f"/figures/{path}")).body["items"]]
    first = (await api.get(f"/figures/{path}", limit=1)).body
    second = (await api.get(f"/figures/{path}", limit=1, cursor=first["next"])).body
    assert [one["id"] for one in first["items"] + second["items"]] == whole
    assert (first["count"], second["next"]) == (2, None)
    assert set(whole) <= set(made.values())


async def test_the_longest_page_says_that_others_follow(api: Api) -> None:
    def many(conn: Connection) -> None:
        for n in range(MOST + 1):
            add_call(conn, at=NOON - timedelta(seconds=n))

    await api.service.database.write(many)
    page = (await api.get("/figures/calls", limit=MOST)).body
    assert (len(page["items"]), page["count"]) == (MOST, MOST + 1)
    rest = (await api.get("/figures/calls", limit=MOST, cursor=page["next"])).body
    assert (len(rest["items"]), rest["next"]) == (1, None)


async def test_one_is_listed_what_one_sees(api: Api, made: dict[str, str]) -> None:
    token = await api.service.database.write(add_token, "b", "manager", now=NOON, manager="boris")
    seen = {}
    for path in ("calls", "cards", "owed", "letters"):
        found = (await api.ask("GET", f"/figures/{path}", token=token)).body
        assert found["count"] == len(found["items"])
        seen[path] = {one["id"] for one in found["items"]}
    assert seen["cards"] == {made["lost"]}
    assert made["answered"] not in seen["calls"]
    assert (seen["owed"], seen["letters"]) == (set(), set())


@pytest.mark.parametrize(
    ("path", "query", "field"),
    [
        ("calls", {"kind": "lost"}, "kind"),
        ("calls", {"hour": "24"}, "hour"),
        ("calls", {"cursor": "x"}, "cursor"),
        ("calls", {"limit": "201"}, "limit"),
        ("cards", {"end": "draw"}, "end"),
        ("cards", {"deals": "1"}, "deals"),
        ("cards", {"status": "won"}, "pipeline"),
        ("owed", {"state": "closed"}, "state"),
        ("letters", {"since": "yesterday"}, "since"),
    ],
)
async def test_what_is_wrong_is_named(
    api: Api, path: str, query: dict[str, str], field: str
) -> None:
    refused = await api.get(f"/figures/{path}", **query)
    assert (refused.status, refused.body["errors"][0]["field"]) == (422, field)
