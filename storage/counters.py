"""Numbers that people say aloud, and when each manager was last offered a call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, select, update

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
    known = pulses(conn, sorted(beats))
    rows.put(
        conn,
        pulse,
        [
            {
                "manager": manager,
                "last_offer": _later(offer, known.get(manager, (None, None))[0]),
                "last_talk": _later(talk, known.get(manager, (None, None))[1]),
            }
            for manager, (offer, talk) in sorted(beats.items())
        ],
    )


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    moments: Iterable[datetime] = [moment for moment in (one, other) if moment]
    return max(moments, default=None)
