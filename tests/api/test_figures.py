"""A period in figures, as a program reads it."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from tests.api.conftest import Api
from tests.api.rows import LINE, NOON, add_call, add_card, add_leg, add_obligation


def make(conn: Connection) -> None:
    talk: dict[str, Any] = {"answered_at": NOON + timedelta(seconds=25), "duration_s": 60.0}
    call = add_call(conn, manager="anna", source="ads", **talk)
    add_leg(conn, call, ring_from=NOON, answered_at=talk["answered_at"])
    missed = add_call(conn, state="missed", at=NOON - timedelta(hours=1))
    add_leg(conn, missed, ring_from=NOON, status="failed")
    add_call(conn, at=NOON - timedelta(days=1))
    add_card(conn, status="won", amount=Decimal("10.50"), source_first="ads")
    add_obligation(conn, call=missed)


async def test_a_day_is_counted(api: Api) -> None:
    await api.service.database.write(make)
    found = (await api.get("/figures")).body
    counts = ("calls", "answered", "missed", "rejected", "open", "outgoing", "internal")
    assert [found[name] for name in counts] == [2, 1, 1, 0, 0, 0, 0]
    assert (found["since"], found["until"]) == ("2026-03-02", "2026-03-02")
    assert (found["service_level"], found["average_wait"], found["wait_95"]) == (0.0, 25.0, 25)
    assert found["causes"] == [{"cause": "not_picked_up", "missed": 1}]
    assert found["hours"][11:13] == [
        {"key": "11", "calls": 1, "answered": 0, "missed": 1},
        {"key": "12", "calls": 1, "answered": 1, "missed": 0},
    ]
    assert found["lines"] == [{"key": LINE, "calls": 2, "answered": 1, "missed": 1}]
    assert found["managers"] == [
        {
            "manager": "anna",
            "rang": 2,
            "answered": 1,
            "not_picked_up": 1,
            "called_out": 0,
            "talk_s": 60,
        }
    ]
    assert found["deals"] == [{"source": "ads", "deals": 1, "won": 1, "amount": "10.50"}]
    assert found["calls_back"] == {"kept": 0, "late": 0, "overdue": 0, "open": 1}
    longer = (await api.get("/figures", since="2026-03-01", within="30")).body
    assert (longer["calls"], longer["service_level"]) == (3, 1 / 3)
    only = (await api.get("/figures", source="ads", manager="anna")).body
    assert (only["calls"], only["missed"]) == (1, 0)
    assert (await api.get("/figures", since="yesterday")).status == 422
    assert (await api.get("/figures", within="0")).status == 422
