"""How the base is, for whoever looks after it: what waits, was given up, is backed up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from callrouter.domain.letters import LetterState
from storage import backup_log, frozen, jobs, letters
from storage.backup_log import Backup
from storage.frozen import Frozen
from storage.jobs import JobState
from storage.tables import job


@dataclass(frozen=True, slots=True)
class Condition:
    """`letters`: how many are in each state but the last ones; `jobs`: of each kind and state.

    `overdue_since`: when the oldest job that nobody has begun was to be done. `newest`,
    `elsewhere`: good backups, in any place and in the second one; `tried`: the last trial.
    """

    frozen: Frozen | None
    letters: Mapping[LetterState, int]
    jobs: Mapping[tuple[str, JobState], int]
    overdue_since: datetime | None
    newest: Backup | None
    elsewhere: Backup | None
    tried: Backup | None
    begun_at: datetime | None


def look(conn: Connection, second_place: str | None, *, now: datetime) -> Condition:
    oldest = select(func.min(job.c.due_at)).where(job.c.state == "ready", job.c.due_at <= now)
    return Condition(
        frozen=frozen.found(conn),
        letters=letters.counts(conn),
        jobs=jobs.counts(conn),
        overdue_since=conn.scalar(oldest),
        newest=backup_log.newest_good(conn),
        elsewhere=backup_log.newest_good(conn, second_place) if second_place else None,
        tried=backup_log.last_trial(conn),
        begun_at=backup_log.begun_at(conn),
    )
