"""Coolings: managers, and single phones, that are rung last for a while; intervals.

A row whose `ends_at` has come is over although its `until` is still NULL.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from callrouter.domain.managers import CoolReason
from storage import rows
from storage.ids import new_id
from storage.rows import among
from storage.tables import cooling, last_batch


@dataclass(frozen=True, slots=True)
class Cooled:
    """One cooling. `account` and `dial` None: of the manager, whichever phone; `by`: who says so.

    `strikes`: how many rings in a row he had left unanswered by then.
    """

    manager: str
    reason: CoolReason
    since: datetime
    ends_at: datetime
    by: str
    account: str | None = None
    dial: str | None = None
    strikes: int = 0
    id: str = ""


_IN_FORCE = (
    select(cooling)
    .where(
        among(cooling.c.manager, "managers"),
        cooling.c.ends_at > bindparam("now"),
        cooling.c.until.is_(None),
    )
    .order_by(cooling.c.id)
)


def in_force(conn: Connection, managers: Sequence[str], now: datetime) -> dict[str, list[Cooled]]:
    """The coolings of these managers and of their phones that are not over."""
    if not managers:
        return {}
    found: dict[str, list[Cooled]] = {}
    for row in conn.execute(_IN_FORCE, {"managers": managers, "now": now}):
        found.setdefault(row.manager, []).append(read(row))
    return found


def read(row: Any) -> Cooled:  # noqa: ANN401  a row of `cooling`
    reason: CoolReason = row.reason
    return Cooled(
        row.manager,
        reason,
        row.since,
        row.ends_at,
        row.by,
        row.account,
        row.dial,
        row.strikes,
        row.id,
    )


def begin(conn: Connection, new: Sequence[Cooled], *, now: datetime) -> None:
    rows.add(
        conn,
        cooling,
        [
            {
                "id": new_id(now),
                "manager": one.manager,
                "account": one.account,
                "dial": one.dial,
                "reason": one.reason,
                "strikes": one.strikes,
                "by": one.by,
                "since": one.since,
                "ends_at": one.ends_at,
            }
            for one in new
        ],
    )


_END = (
    update(cooling)
    .where(among(cooling.c.id, "ids"))
    .values(until=bindparam("end"), ended_after=last_batch)
)


def end(conn: Connection, over: Iterable[Cooled], *, now: datetime) -> None:
    """End coolings before their time."""
    if ids := [one.id for one in over]:
        conn.execute(_END, {"ids": ids, "end": now})
