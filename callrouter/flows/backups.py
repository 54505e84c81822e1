"""What became of a backup, noted; and the next thing that is to be done with it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from callrouter.domain.backups import spelled
from storage import backup_log, jobs
from storage.jobs import NewJob

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from storage.backups import Made

CARRY: Final = "carry_backup"
_NAMED: Final = 5


def made(
    conn: Connection,
    backup: Made,
    root: Path,
    there: Collection[str] | None,
    *,
    to: str | None,
    now: datetime,
) -> None:
    """Note a backup; ask for it to be carried `to`.

    `there`: the archives that stand in this place now; None: it was not looked at.
    """
    backup_log.add(
        conn,
        str(root / backup.name),
        at=backup.at,
        size=backup.size,
        digest=backup.digest,
        error=lacking(backup.lost),
    )
    if there is not None:
        _forget_others(conn, f"{root}/", there)
    if to:
        jobs.ask(conn, [NewJob(CARRY, {"name": backup.name}, f"carry:{backup.name}")], now=now)


def carried(
    conn: Connection,
    local: str,
    to: str,
    name: str,
    there: Collection[str] | None,
) -> None:
    """Note that a backup lies in a second place; `there`: all that do. None: we cannot see."""
    found = backup_log.at_place(conn, local)
    if found is None:
        return
    backup_log.add(conn, spelled(to, name), at=found.at, size=found.size, digest=found.digest)
    if there is not None:
        _forget_others(conn, spelled(to), there)


def _forget_others(conn: Connection, root: str, there: Collection[str]) -> None:
    """What is not in a place any more is gone."""
    known = backup_log.places(conn, root)
    backup_log.gone(conn, known - {f"{root}{one}" for one in there})


def lacking(lost: Collection[str]) -> str | None:
    """In a sentence: the files that an archive is without."""
    if not lost:
        return None
    some = ", ".join(list(lost)[:_NAMED])
    return f"{len(lost)} files are lost or damaged, such as {some}"
