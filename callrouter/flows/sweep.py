"""Ends by their known ends whatever no event has ended: windows, talks, calls, orders."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from callrouter.flows.next_steps import remind
from callrouter.flows.order_call import doubt_orders
from callrouter.flows.settle import settle
from callrouter.flows.work import Desk, Work
from storage import calls

if TYPE_CHECKING:
    from sqlalchemy import Connection

AT_ONCE = 200
"""Calls in one transaction: a write has 50 ms."""


def sweep(conn: Connection, desk: Desk, *, now: datetime) -> list[Work]:
    """Settle the calls of which something is over by now; fewer than `AT_ONCE` were all.

    An order whose server is gone is in doubt from then on. Reminders that have come are told.
    """
    setup = desk.setups.refresh(conn)
    doubt_orders(conn, now=now)
    remind(conn, now=now)
    due = calls.due(conn, now, AT_ONCE)
    return settle(conn, due, setup, now=now) if due else []
