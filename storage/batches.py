"""Batches: the transactions that wrote calls, in the order of their commits.

What the journal says of a call's state, a batch need not repeat. It names only what comes from
elsewhere: calls that it wrote without a new event of theirs, and what other calls, or the contact
that was made, let it know of one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import TypeAdapter
from sqlalchemy import Connection, insert

from storage.tables import batch


@dataclass(frozen=True, slots=True)
class Written:
    """A call as a batch wrote it, as far as its own events do not say it.

    `superseded`: its legs whose phone answered another call later, and when; `joined`: when this
    consultation was put together with its call; `stranger`: so it is from this batch on.
    """

    superseded: dict[str, datetime] = field(default_factory=dict)
    joined: datetime | None = None
    stranger: bool = False


_CALLS = TypeAdapter(dict[str, Written])
_ADD = insert(batch).returning(batch.c.id)


def number(
    conn: Connection, calls: Mapping[str, Written], *, setup: int, events: int, now: datetime
) -> int:
    """Give this transaction its number. `events`: how many of calls it brings.

    Whatever decisions look at and is written before has been seen by those of this transaction,
    what comes after has not.
    """
    row = {"at": now, "setup": setup, "events": events, "calls": write_calls(calls)}
    return conn.execute(_ADD, row).scalar_one()


def write_calls(calls: Mapping[str, Written]) -> str:
    return _CALLS.dump_json(dict(calls), exclude_defaults=True).decode() if calls else "{}"


def read_calls(text: str) -> dict[str, Written]:
    return {} if text == "{}" else _CALLS.validate_json(text)
