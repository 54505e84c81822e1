"""Reads back the calls that were open when a server ended: the next one goes on with them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from callrouter.flows.callers import recognise
from callrouter.flows.settle import load_works
from storage import calls

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.setup import Setup
    from callrouter.flows.work import Work

MOST = 1000
"""Of so many, the newest: a read is to be quick."""


def open_calls(conn: Connection, setup: Setup, *, now: datetime) -> list[Work]:
    """The calls of all accounts that are not known to be over, as their events leave them."""
    ids = sorted(one for key in setup.accounts for one in calls.open_before(conn, key, now))
    works = list(load_works(conn, ids[-MOST:], setup).values())
    recognise(conn, works, now=now)
    for work in works:
        work.fold(now)
    return works
