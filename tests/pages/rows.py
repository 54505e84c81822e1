"""Calls as the screens meet them: written, and told to the screens in the same transaction."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, update

from storage import notices, tables
from tests.api.rows import NOON, add_call, add_card, add_contact, add_leg, add_told

SOON = NOON + timedelta(seconds=20)


def a_call(conn: Connection, /, **columns: Any) -> str:
    return add_call(conn, **columns)


def a_ringing_call(conn: Connection, /, **columns: Any) -> str:
    """A call of a known contact that rings Anna, with its card and its why."""
    contact = add_contact(conn, "Иван Петров", "+79161234567")
    card = add_card(conn, contact, number=318)
    call = add_call(conn, state="ringing", contact=contact, card=card, **columns)
    rings = {"status": "ringing", "ring_from": NOON, "ring_until": SOON}
    a_leg(conn, call, **rings, hold="ring", hold_until=SOON)
    add_told(conn, call)
    return call


def a_leg(conn: Connection, call: str, /, **columns: Any) -> None:
    add_leg(conn, call, **columns)


def ring(conn: Connection, /, **columns: Any) -> str:
    """A call comes in."""
    call = add_call(conn, state="ringing", **columns)
    notices.tell(conn, [call], now=NOON)
    return call


def pick_up(conn: Connection, call: str, /) -> None:
    talks = {"state": "talking", "answered_at": NOON}
    conn.execute(update(tables.call).where(tables.call.c.id == call).values(**talks))
    notices.tell(conn, [call], now=NOON)


def a_decision(conn: Connection, call: str, /) -> None:
    add_told(conn, call)
