"""Who did what that is not business: signing in, exports, deletions, changes of rights.

Append-only and chained: each row's digest is the SHA-256 of the row and of the digest before it,
so that a row changed, taken out or put between shows.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import Connection, select

from storage import rows
from storage.tables import audit

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_AT_ONCE: Final = 500
_LATEST: Final = 20_000
_LONGEST: Final = {"actor": 64, "action": 64, "object": 200, "address": 64}

Data = Mapping[str, str | int | None]

_NOTHING: Final[Data] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the audit. `n` counts from 1; `actor`: as `by` is elsewhere (`manager:anna`)."""

    n: int
    at: datetime
    actor: str
    action: str
    object: str | None = None
    data: Data = field(default_factory=dict)
    address: str | None = None
    digest: str = field(default="", compare=False)


def append(
    conn: Connection,
    *,
    at: datetime,
    actor: str,
    action: str,
    object: str | None = None,  # noqa: A002  as the column is called
    data: Data = _NOTHING,
    address: str | None = None,
) -> None:
    """Keep that it was done. In a write: the gate lets one after the other count.

    What is longer than its column is cut.
    """
    c = audit.c
    last = conn.execute(select(c.n, c.digest).order_by(c.n.desc()).limit(1)).one_or_none()
    n, before = (last.n + 1, last.digest) if last else (1, "")
    values = {
        "n": n,
        "at": at,
        "actor": actor[: _LONGEST["actor"]],
        "action": action[: _LONGEST["action"]],
        "object": object[: _LONGEST["object"]] if object is not None else None,
        "data": json.dumps(dict(data), ensure_ascii=False, sort_keys=True),
        "address": address[: _LONGEST["address"]] if address is not None else None,
    }
    rows.add(conn, audit, [{**values, "digest": _digest(values, before)}])


def verify(conn: Connection) -> int | None:
    """The first `n` whose digest is not what row and chain say, or that is missing; None: whole.

    Rows that were cut off at the end leave no trace here: whoever wants to know keeps the last
    digest elsewhere.
    """
    part = Checked()
    while not part.whole:
        part = verify_part(conn, part)
        if part.broken_at is not None:
            return part.broken_at
    return None


@dataclass(frozen=True, slots=True)
class Checked:
    """How far the chain was gone through: to row `n`, whose digest that is.

    `broken_at`: the first row that is not what it was, or is missing; `whole`: the end was reached.
    `since`, `until`: when the first and the last of these rows were written.
    """

    n: int = 0
    digest: str = ""
    since: datetime | None = None
    until: datetime | None = None
    broken_at: int | None = None
    whole: bool = False


def verify_part(conn: Connection, after: Checked, rows_at_once: int = _AT_ONCE) -> Checked:
    """Go on along the chain by so many rows: a long one is checked in short reads."""
    c = audit.c
    n, before, since, until = after.n, after.digest, after.since, after.until
    part = conn.execute(select(audit).where(c.n > n).order_by(c.n).limit(rows_at_once)).all()
    for row in part:
        values = {name: getattr(row, name) for name in _WRITTEN}
        if row.n != n + 1 or row.digest != _digest(values, before):
            return Checked(n, before, since, until, broken_at=n + 1)
        n, before, until = row.n, row.digest, row.at
        since = since or row.at
    return Checked(n, before, since, until, whole=len(part) < rows_at_once)


def begin_behind(conn: Connection, n: int) -> Checked:
    """As if all up to row `n` had been gone through; without such a row: from the beginning."""
    c = audit.c
    row = conn.execute(select(c.digest, c.at).where(c.n == n)).one_or_none()
    first = conn.scalar(select(c.at).order_by(c.n).limit(1))
    return Checked(n, row.digest, first, row.at) if row else Checked()


def last(conn: Connection) -> tuple[int, str] | None:
    """The number and digest of the newest row."""
    c = audit.c
    row = conn.execute(select(c.n, c.digest).order_by(c.n.desc()).limit(1)).one_or_none()
    return (row.n, row.digest) if row else None


@dataclass(frozen=True, slots=True)
class Sought:
    """What is looked for; None: any. `object`: how it begins, like `user:`."""

    actor: str | None = None
    action: str | None = None
    object: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def search(
    conn: Connection, sought: Sought, *, after: int | None = None, limit: int = 200
) -> list[Line]:
    """Those that fit, the newest first; `after`: the `n` of the last one that was given before."""
    c = audit.c
    query = select(audit).order_by(c.n.desc()).limit(limit)
    if after is not None:
        query = query.where(c.n < after)
    if sought.actor:
        query = query.where(c.actor == sought.actor)
    if sought.action:
        query = query.where(c.action == sought.action)
    if sought.object:
        query = query.where(c.object.startswith(sought.object, autoescape=True))
    if sought.since:
        query = query.where(c.at >= sought.since)
    if sought.until:
        query = query.where(c.at <= sought.until)
    return [_line(row) for row in conn.execute(query)]


def named(conn: Connection) -> tuple[list[str], list[str]]:
    """Who acted and what was done, among the latest rows."""
    c = audit.c
    late = select(c.actor, c.action).order_by(c.n.desc()).limit(_LATEST).subquery()
    actors = conn.scalars(select(late.c.actor).distinct().order_by(late.c.actor))
    actions = conn.scalars(select(late.c.action).distinct().order_by(late.c.action))
    return list(actors), list(actions)


def lines(conn: Connection, *, after: int | None = None, limit: int = 200) -> list[Line]:
    """The newest first; `after`: the `n` of the last one that was given before."""
    c = audit.c
    query = select(audit).order_by(c.n.desc()).limit(limit)
    if after is not None:
        query = query.where(c.n < after)
    return [_line(row) for row in conn.execute(query)]


def _line(row: Any) -> Line:  # noqa: ANN401  a row of `audit`
    data = json.loads(row.data)
    return Line(
        row.n, row.at, row.actor, row.action, row.object, data, row.address, digest=row.digest
    )


_WRITTEN: Final = ("n", "at", "actor", "action", "object", "data", "address")


def _digest(values: Mapping[str, Any], before: str) -> str:
    """Of the row as canonical JSON (its instant in milliseconds, as it is kept), then the chain."""
    said = {**values, "at": (values["at"] - _EPOCH) // timedelta(milliseconds=1)}
    text = json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256((text + before).encode()).hexdigest()
