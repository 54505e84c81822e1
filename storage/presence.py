"""Presence: what managers, or their phones, said of their being there; intervals.

A row whose `ends_at` has come is over although its `until` is still NULL; whoever reads looks at
both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, case, select, update

from callrouter.domain.managers import Presence
from storage import rows
from storage.columns import Instant
from storage.ids import new_id
from storage.rows import among
from storage.tables import last_batch, presence

_LAST = select(
    presence.c.manager,
    presence.c.state,
    presence.c.since,
    presence.c.ends_at,
    presence.c.reason,
).where(among(presence.c.manager, "managers"), presence.c.until.is_(None))


def last_said(conn: Connection, managers: Sequence[str]) -> dict[str, Presence]:
    """What was said last of each of these managers, maybe past its end."""
    if not managers:
        return {}
    return {row.manager: read(row) for row in conn.execute(_LAST, {"managers": managers})}


def read(row: Any) -> Presence:  # noqa: ANN401  a row of `presence`
    return Presence(row.state, row.since, row.ends_at, row.reason or "")


_END = (
    update(presence)
    .where(presence.c.manager == bindparam("who"), presence.c.until.is_(None))
    .values(
        until=case(
            (presence.c.ends_at < bindparam("end", type_=Instant), presence.c.ends_at),
            else_=bindparam("end", type_=Instant),
        ),
        ended_after=last_batch,
    )
)
_CURRENT = select(presence).where(
    presence.c.manager == bindparam("who"), presence.c.until.is_(None)
)


def begin(conn: Connection, manager: str, said: Presence, *, by: str) -> None:
    """Write what is said now; what was said before ends with it, unless it was over before."""
    end(conn, manager, said.since)
    rows.add(
        conn,
        presence,
        [
            {
                "id": new_id(said.since),
                "manager": manager,
                "state": said.state,
                "reason": said.reason or None,
                "ends_at": said.until,
                "by": by,
                "since": said.since,
            }
        ],
    )


def end(conn: Connection, manager: str, moment: datetime) -> None:
    """End what was said last, unless it was over before."""
    conn.execute(_END, {"who": manager, "end": moment})


def move_end(conn: Connection, manager: str, ends_at: datetime | None) -> None:
    """Let what was said last end at another moment.

    What it said before is kept as an interval of no length: so it was known until then.
    """
    if row := conn.execute(_CURRENT, {"who": manager}).one_or_none():
        begin(conn, manager, replace(read(row), until=ends_at), by=row.by)
