"""The block list: numbers that people keep out. Those of setup.toml are not here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, or_, select, update

from storage import rows
from storage.ids import new_id
from storage.rows import among
from storage.tables import block


@dataclass(frozen=True, slots=True)
class StoredBlock:
    """A block of the list. `ends_at` None: for good; `by`: who added it."""

    id: str
    number: str
    reason: str
    by: str
    since: datetime
    ends_at: datetime | None = None


_COLUMNS = (
    block.c.id,
    block.c.number,
    block.c.reason,
    block.c.by,
    block.c.since,
    block.c.ends_at,
)
_OF_NUMBERS = select(*_COLUMNS).where(
    among(block.c.number, "numbers"),
    block.c.until.is_(None),
    or_(block.c.ends_at.is_(None), block.c.ends_at > bindparam("now")),
)


def of_numbers(
    conn: Connection, numbers: Iterable[str], *, now: datetime
) -> dict[str, StoredBlock]:
    """What stands on the list now for each of these numbers."""
    wanted = set(numbers)
    if not wanted:
        return {}
    found = conn.execute(_OF_NUMBERS, {"numbers": wanted, "now": now})
    return {row.number: _stored(row) for row in found}


def current(conn: Connection) -> list[StoredBlock]:
    """The list: every block that was not taken off, those past their end too."""
    return [_stored(row) for row in conn.execute(select(*_COLUMNS).where(block.c.until.is_(None)))]


def put(
    conn: Connection,
    number: str,
    *,
    reason: str,
    ends_at: datetime | None,
    by: str,
    now: datetime,
) -> tuple[StoredBlock, StoredBlock | None]:
    """Block a number, or change the block that stands; gives it, and what stood before.

    One that is past its end is closed, and a new one begins.
    """
    old = conn.execute(
        select(*_COLUMNS).where(block.c.number == number, block.c.until.is_(None))
    ).one_or_none()
    before = _stored(old) if old else None
    if before and before.ends_at and before.ends_at <= now:
        end(conn, before.id, at=before.ends_at)
        before = None
    if before is None:
        one = StoredBlock(new_id(now), number, reason, by, now, ends_at)
        rows.add(conn, block, [asdict(one)])
        return one, None
    one = replace(before, reason=reason, ends_at=ends_at)
    conn.execute(update(block).where(block.c.id == one.id).values(reason=reason, ends_at=ends_at))
    return one, before


def find(conn: Connection, id_: str) -> StoredBlock | None:
    """One that was not taken off."""
    row = conn.execute(
        select(*_COLUMNS).where(block.c.id == id_, block.c.until.is_(None))
    ).one_or_none()
    return _stored(row) if row else None


def end(conn: Connection, id_: str, *, at: datetime) -> None:
    """Take a block off the list."""
    conn.execute(update(block).where(block.c.id == id_, block.c.until.is_(None)).values(until=at))


def _stored(row: Any) -> StoredBlock:  # noqa: ANN401  a row of `block`
    return StoredBlock(row.id, row.number, row.reason, row.by, row.since, row.ends_at)
