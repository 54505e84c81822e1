"""What the world outside is still to be told of: written with what happened, in commits' order."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, delete, select

from storage import rows
from storage.tables import outbox

RINGS: Final = "rings"
"""Somebody's phone rings, or will, for this call."""

TOLD: Final[Mapping[str, str]] = {
    "call_ended": "call.ended",
    "card_made": "card.created",
    "card_moved": "card.moved",
    "card_closed": "card.moved",
    "card_reopened": "card.moved",
    "letter_sent": "letter.sent",
    "letter_in_doubt": "letter.in_doubt",
    "obligation_opened": "obligation.opened",
    "obligation_closed": "obligation.closed",
    "alarm_opened": "alarm.opened",
    "alarm_closed": "alarm.closed",
}
"""Business events that the world may be told of, as it knows them."""

Data = Mapping[str, str | int | None]


@dataclass(frozen=True, slots=True)
class Waiting:
    """`kind`: as the world knows it, or RINGS; `event`: the id by which it knows this one."""

    id: int
    at: datetime
    kind: str
    event: str
    call: str | None
    card: str | None
    data: str


def put(conn: Connection, new: Sequence[Mapping[str, object]]) -> None:
    """Rows of business events, as they are kept; those that are nobody's business are left out."""
    wanted = ("at", "call", "card", "data")
    told = [
        {
            **{name: one[name] for name in wanted},
            "kind": TOLD[str(one["kind"])],
            "event": one["id"],
        }
        for one in new
        if one["kind"] in TOLD
    ]
    rows.add(conn, outbox, told)


def put_rings(conn: Connection, calls: Iterable[str], *, now: datetime) -> None:
    row = {"at": now, "kind": RINGS, "event": "", "card": None, "data": "{}"}
    rows.add(conn, outbox, [{**row, "call": call} for call in calls])


def is_waiting(conn: Connection) -> bool:
    return conn.execute(select(outbox.c.id).limit(1)).first() is not None


def waiting(conn: Connection, limit: int) -> list[Waiting]:
    """The oldest, in the order of commits."""
    c = outbox.c
    found = select(c.id, c.at, c.kind, c.event, c.call, c.card, c.data).order_by(c.id).limit(limit)
    return [Waiting(*row) for row in conn.execute(found)]


def drop(conn: Connection, until: int) -> None:
    """All up to this id: they were asked for, in this transaction."""
    conn.execute(delete(outbox).where(outbox.c.id <= until))


def read_data(text: str) -> Data:
    found: Data = json.loads(text)
    return found
