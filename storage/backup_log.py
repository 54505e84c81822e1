"""What was backed up, where it lies, and whether it could be restored."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, func, select, update

from storage import rows
from storage.ids import new_id
from storage.tables import backup, setup_version

BackupState = Literal["made", "tried", "failed", "gone"]

_GOOD = ("made", "tried")


@dataclass(frozen=True, slots=True)
class Backup:
    """`place`: the archive's path or URL. `error`: why it is no good, or what is missing in it."""

    id: str
    at: datetime
    place: str
    size: int
    digest: str
    state: BackupState
    tried_at: datetime | None
    error: str | None


def add(
    conn: Connection,
    place: str,
    *,
    at: datetime,
    size: int = 0,
    digest: str = "",
    state: BackupState = "made",
    error: str | None = None,
) -> None:
    """Note a backup; the same place is noted anew."""
    conn.execute(update(backup).where(_lying_at([place])).values(state="gone"))
    row = {"id": new_id(at), "at": at, "place": place, "size": size, "digest": digest}
    rows.add(conn, backup, [{**row, "state": state, "error": error}])


def tried(conn: Connection, place: str, error: str | None, *, now: datetime) -> None:
    """Note whether a backup could be restored."""
    state = "failed" if error else "tried"
    values: dict[str, Any] = {"state": state, "tried_at": now}
    if error:
        values["error"] = error
    conn.execute(update(backup).where(_lying_at([place])).values(**values))


def gone(conn: Connection, places: Collection[str]) -> None:
    """Note that these archives are not kept any more."""
    conn.execute(update(backup).where(_lying_at(places)).values(state="gone"))


def _lying_at(places: Collection[str]) -> Any:  # noqa: ANN401  a clause
    return backup.c.place.in_(list(places)) & (backup.c.state != "gone")


def newest_good(conn: Connection, begins: str = "") -> Backup | None:
    """The newest that is not known to be bad, of those whose place begins so."""
    c = backup.c
    good = select(backup).where(c.state.in_(_GOOD), c.place.startswith(begins, autoescape=True))
    row = conn.execute(good.order_by(c.at.desc(), c.id.desc()).limit(1)).one_or_none()
    return _backup(row) if row else None


def last_trial(conn: Connection) -> Backup | None:
    """The one that was tried last, whatever came of it."""
    c = backup.c
    asked = select(backup).where(c.tried_at.is_not(None)).order_by(c.tried_at.desc()).limit(1)
    row = conn.execute(asked).one_or_none()
    return _backup(row) if row else None


def at_place(conn: Connection, place: str) -> Backup | None:
    """What lies at a path or URL."""
    row = conn.execute(select(backup).where(_lying_at([place])).limit(1)).one_or_none()
    return _backup(row) if row else None


def places(conn: Connection, begins: str) -> set[str]:
    """Where there is one, of the places that begin so."""
    c = backup.c
    known = select(c.place).where(c.state != "gone", c.place.startswith(begins, autoescape=True))
    return set(conn.scalars(known))


def listed(conn: Connection, limit: int = 20) -> Sequence[Backup]:
    """The newest first, without those that are gone."""
    c = backup.c
    asked = select(backup).where(c.state != "gone").order_by(c.at.desc(), c.id.desc())
    return [_backup(row) for row in conn.execute(asked.limit(limit))]


def begun_at(conn: Connection) -> datetime | None:
    """Since when there is something to back up: the first setup."""
    return conn.scalar(select(func.min(setup_version.c.since)))


def _backup(row: Any) -> Backup:  # noqa: ANN401  a row of `backup`
    return Backup(
        row.id, row.at, row.place, row.size, row.digest, row.state, row.tried_at, row.error
    )
