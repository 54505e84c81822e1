"""Numbers that people say aloud, and when each manager was last offered a call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Insert, bindparam, case, func, select, update

from storage import rows
from storage.rows import among
from storage.tables import counter, pulse

_DRAW = (
    update(counter)
    .where(counter.c.name == bindparam("series"))
    .values(value=counter.c.value + bindparam("count"))
    .returning(counter.c.value)
)


def draw(conn: Connection, name: str, count: int) -> range:
    """The next numbers of a series; the gate keeps them without gaps within what commits."""
    if count == 0:
        return range(0)
    found = conn.execute(_DRAW, {"series": name, "count": count}).scalar_one_or_none()
    if found is None:
        rows.add(conn, counter, [{"name": name, "value": count}])
        found = count
    return range(found - count + 1, found + 1)


Pulse = tuple[datetime | None, datetime | None]
"""(last offer, last talk)."""


_PULSES = select(pulse).where(among(pulse.c.manager, "managers"))


def pulses(conn: Connection, managers: Sequence[str]) -> dict[str, Pulse]:
    if not managers:
        return {}
    return {
        row.manager: (row.last_offer, row.last_talk)
        for row in conn.execute(_PULSES, {"managers": managers})
    }


def beat(conn: Connection, beats: Mapping[str, Pulse]) -> None:
    """Note offers and talks; an earlier moment than the one known changes nothing."""
    if not beats:
        return
    conn.execute(
        _beating(conn.dialect.name),
        [
            {"manager": manager, "last_offer": offer, "last_talk": talk}
            for manager, (offer, talk) in sorted(beats.items())
        ],
    )


@cache
def _beating(dialect: str) -> Insert:
    statement = rows.insertion(dialect, pulse)
    c, new = pulse.c, statement.excluded
    latest = {
        "last_offer": _later(c.last_offer, new.last_offer),
        "last_talk": _later(c.last_talk, new.last_talk),
    }
    return statement.on_conflict_do_update(index_elements=["manager"], set_=latest)


def _later(one: ColumnElement[Any], other: ColumnElement[Any]) -> ColumnElement[Any]:
    return case((one > other, one), else_=func.coalesce(other, one))
