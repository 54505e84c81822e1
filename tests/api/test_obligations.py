"""`/obligations`: what is owed, closing it for a reason, and the figure of lost clients."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from callrouter.domain.obligations import WhyMissed
from tests.api.conftest import Api
from tests.api.rows import LINE, NOON, add_call, add_card, add_contact, add_obligation

MINUTE = timedelta(minutes=1)
NOBODY = "01" + "Z" * 24


async def test_an_obligation_field_by_field(api: Api) -> None:
    def make(conn: Connection) -> tuple[str, ...]:
        contact = add_contact(conn, "Иван Петров", "+79161234567")
        card = add_card(conn, contact, number=318)
        call = add_call(conn, state="missed", contact=contact, card=card)
        changes: dict[str, Any] = {"last_at": NOON + MINUTE, "repeats": 1, "tries": 2}
        one = add_obligation(conn, contact=contact, card=card, call=call, **changes)
        return one, contact, card, call

    one, contact, card, call = await api.service.database.write(make)
    found = await api.ask("GET", "/obligations", headers={"Accept-Language": "ru"})
    assert found.body == {
        "items": [
            {
                "id": one,
                "phone": "+79161234567",
                "contact": contact,
                "contact_name": "Иван Петров",
                "card": card,
                "card_number": 318,
                "owner": "anna",
                "due_at": "2026-03-02T09:15:00.000Z",
                "overdue": False,
                "cause": "not_picked_up",
                "sentence": "Не сняли трубку: Анна Смирнова, Борис Ким",
                "rang": ["anna", "boris"],
                "hung_up_after_s": None,
                "call": call,
                "line": LINE,
                "first_at": "2026-03-02T09:00:00.000Z",
                "last_at": "2026-03-02T09:01:00.000Z",
                "repeats": 1,
                "tries": 2,
                "escalated_at": None,
                "state": "open",
                "closed_at": None,
                "closed_by": None,
                "reason": None,
            }
        ],
        "next": None,
    }


async def test_a_lead_without_a_phone(api: Api) -> None:
    def make(conn: Connection) -> str:
        contact = add_contact(conn, "Ольга", emails=("olga@example.com",))
        return add_obligation(conn, None, contact=contact, why=WhyMissed("lead"), line=None)

    one = await api.service.database.write(make)
    (item,) = (await api.get("/obligations")).body["items"]
    assert (item["id"], item["phone"], item["cause"], item["call"]) == (one, None, "lead", None)


def make_one(conn: Connection) -> str:
    return add_obligation(conn)


def make_three(conn: Connection) -> tuple[str, ...]:
    """Annas, overdue in a minute; Veras; and one that is to be closed."""
    soon = add_obligation(conn, "+79160000001", due_at=NOON + MINUTE)
    later = add_obligation(conn, "+79160000002", owner="vera", due_at=NOON + 9 * MINUTE)
    third = add_obligation(conn, "+79160000003", due_at=NOON + MINUTE)
    return soon, later, third


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param({}, (2, 1, 0), id="the newest first"),
        pytest.param({"state": "open"}, (1, 0), id="open"),
        pytest.param({"state": "closed"}, (2,), id="closed"),
        pytest.param({"owner": "vera"}, (1,), id="whose"),
        pytest.param({"overdue": "true"}, (0,), id="overdue: a closed one is not"),
        pytest.param({"overdue": "false"}, (2, 1), id="not overdue"),
        pytest.param({"overdue": "true", "owner": "vera"}, (), id="both"),
    ],
)
async def test_some_of_them(api: Api, query: dict[str, Any], expected: tuple[int, ...]) -> None:
    ids = await api.service.database.write(make_three)
    await api.ask("POST", f"/obligations/{ids[2]}/close", json={"reason": "спам"})
    api.clock.now = NOON + 2 * MINUTE
    found = await api.get("/obligations", **query)
    assert [one["id"] for one in found.body["items"]] == [ids[n] for n in expected]


async def test_page_by_page(api: Api) -> None:
    ids = await api.service.database.write(make_three)
    first = (await api.get("/obligations", limit=2)).body
    assert [one["id"] for one in first["items"]] == [ids[2], ids[1]]
    second = (await api.get("/obligations", limit=2, cursor=first["next"])).body
    assert [one["id"] for one in second["items"]] == [ids[0]]
    assert second["next"] is None


async def test_it_is_closed_for_a_reason_and_once(api: Api) -> None:
    one = await api.service.database.write(make_one)
    api.clock.now = NOON + 5 * MINUTE
    path = f"/obligations/{one}/close"
    closed = await api.ask("POST", path, role="manager", json={"reason": " Спам, не звонить "})
    assert closed.status == 200
    said = {key: closed.body[key] for key in ("state", "closed_at", "closed_by", "reason")}
    assert said == {
        "state": "closed",
        "closed_at": "2026-03-02T09:05:00.000Z",
        "closed_by": "token:a manager",
        "reason": "Спам, не звонить",
    }
    again = await api.ask("POST", path, json={"reason": "ещё раз"})
    assert again.status == 409
    (item,) = (await api.get("/obligations")).body["items"]
    assert item["reason"] == "Спам, не звонить"


@pytest.mark.parametrize("body", [{}, {"reason": ""}, {"reason": "  "}, {"reason": "\x00"}])
async def test_without_a_reason_it_stays_open(api: Api, body: dict[str, str]) -> None:
    one = await api.service.database.write(make_one)
    refused = await api.ask("POST", f"/obligations/{one}/close", json=body)
    assert (refused.status, refused.body["errors"][0]["field"]) == (422, "reason")
    (item,) = (await api.get("/obligations", state="open")).body["items"]
    assert item["id"] == one


async def test_what_is_not_there_is_not_closed(api: Api) -> None:
    found = await api.ask("POST", f"/obligations/{NOBODY}/close", json={"reason": "x"})
    assert found.status == 404


async def test_how_many_clients_were_lost(api: Api) -> None:
    def make(conn: Connection) -> None:
        for number, later in (("+79160000001", "answered"), ("+79160000002", "missed")):
            add_call(conn, state="missed", caller_number=number)
            talked = NOON + 2 * MINUTE if later == "answered" else None
            at = NOON + MINUTE
            add_call(conn, at=at, state=later, caller_number=number, answered_at=talked)
        add_call(conn, state="missed", caller_kind="withheld", caller_number=None)

    await api.service.database.write(make)
    period = {"since": "2026-03-02T00:00:00Z", "until": "2026-03-03T00:00:00Z"}
    found = await api.get("/obligations/figures", **period)
    assert found.body == {"missed_numbers": 2, "called_back": 1, "lost": 1, "withheld": 1}
    assert (await api.get("/obligations/figures")).status == 422


@pytest.mark.parametrize("overdue", ["1", "yes", "True"])
async def test_a_flag_is_true_or_false(api: Api, overdue: str) -> None:
    assert (await api.get("/obligations", overdue=overdue)).status == 422
