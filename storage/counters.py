"""Numbers that people say aloud; when each manager was last offered a call, and his silence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Insert,
    bindparam,
    case,
    func,
    literal,
    select,
    update,
)

from storage import rows
from storage.columns import Instant
from storage.rows import among
from storage.tables import counter, pulse

NEVER = datetime(1970, 1, 1, tzinfo=UTC)

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
    """Note offers and talks; an earlier moment than the one known changes nothing.

    A talk later than the last ends the count of rings that he left unanswered.
    """
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
        "unanswered": case(
            (new.last_talk > func.coalesce(c.last_talk, literal(NEVER, Instant)), 0),
            else_=c.unanswered,
        ),
    }
    return statement.on_conflict_do_update(index_elements=["manager"], set_=latest)


def _later(one: ColumnElement[Any], other: ColumnElement[Any]) -> ColumnElement[Any]:
    return case((one > other, one), else_=func.coalesce(other, one))


# Rings in a row that a manager left unanswered.

_UNANSWERED = select(pulse.c.manager, pulse.c.last_talk, pulse.c.unanswered).where(
    among(pulse.c.manager, "managers")
)
_SET_UNANSWERED = (
    update(pulse).where(pulse.c.manager == bindparam("who")).values(unanswered=bindparam("count"))
)
_FORGET_UNANSWERED = (
    update(pulse)
    .where(pulse.c.manager == bindparam("who"), pulse.c.unanswered > 0)
    .values(unanswered=0)
)


def unanswered(conn: Connection, managers: Sequence[str]) -> dict[str, tuple[int, datetime | None]]:
    """Per manager: how many rings in a row he left unanswered, and his last talk."""
    if not managers:
        return {}
    return {
        row.manager: (row.unanswered, row.last_talk)
        for row in conn.execute(_UNANSWERED, {"managers": managers})
    }


def set_unanswered(conn: Connection, counts: Mapping[str, int]) -> None:
    """Write the counts of managers who were offered a call before."""
    if counts:
        conn.execute(
            _SET_UNANSWERED,
            [{"who": manager, "count": count} for manager, count in sorted(counts.items())],
        )


def forget_unanswered(conn: Connection, manager: str) -> bool:
    """Begin the count anew; False when there was nothing to forget."""
    return bool(conn.execute(_FORGET_UNANSWERED, {"who": manager}).rowcount)
