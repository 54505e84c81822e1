"""`/health`: how the server is: what waits, backups, room; letting a restored base send again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import Field

from callrouter import condition
from callrouter.api.fields import Given
from callrouter.api.layer import Asked, Routes
from callrouter.domain.letters import LetterState
from callrouter.flows.restoring import thaw
from storage.backup_log import Backup as StoredBackup
from storage.backup_log import BackupState
from storage.jobs import JobState

routes = Routes()


@dataclass(frozen=True, slots=True)
class JobCount:
    kind: str
    state: JobState
    jobs: int


@dataclass(frozen=True, slots=True)
class Backup:
    """`error`: why it is no good, or what is missing in it."""

    at: datetime
    place: str
    size: int
    state: BackupState
    tried_at: datetime | None
    error: str | None


@dataclass(frozen=True, slots=True)
class Health:
    """`spooled`: events wait on the disk for the base. `frozen_since`: no letter leaves a restored
    base. `letters`: how many that are not settled are in each state. `waits_too_long`: a job has
    been due for ten minutes. `late`, `late_elsewhere`: the newest good backup is too old.

    `missing_recordings`: of answered calls of the last 7 days; `free`: bytes on the disk.
    """

    spooled: bool
    frozen_since: datetime | None
    letters: Mapping[LetterState, int]
    jobs: tuple[JobCount, ...]
    waits_too_long: bool
    backup: Backup | None
    late: bool
    backup_elsewhere: Backup | None
    late_elsewhere: bool
    tried: Backup | None
    missing_recordings: int
    free: int


class Thaw(Given):
    in_doubt: Annotated[
        bool,
        Field(
            description="Not those that were asked for before the restore: they may have been "
            "sent after the backup was made, and a person decides on each."
        ),
    ] = False


@dataclass(frozen=True, slots=True)
class Thawed:
    """`frozen`: until now; false: nothing was done. `waiting`: letters that go out now;
    `doubted`: those on which a person decides.
    """

    frozen: bool
    waiting: int
    doubted: int


@routes.get("/health", right="operate")
async def get_health(asked: Asked) -> Health:
    """How the server is. What is wrong stands in `GET /alarms`, what it lacks in `/readiness`."""
    service = asked.service
    found = await condition.look(service)
    base = found.base
    return Health(
        spooled=found.spooled,
        frozen_since=base.frozen.since if base.frozen else None,
        letters=base.letters,
        jobs=tuple(
            JobCount(kind, state, many) for (kind, state), many in sorted(base.jobs.items())
        ),
        waits_too_long=found.waits_too_long(service.clock()),
        backup=_backup(base.newest),
        late=found.late,
        backup_elsewhere=_backup(base.elsewhere),
        late_elsewhere=found.late_elsewhere,
        tried=_backup(base.tried),
        missing_recordings=found.unrecorded,
        free=found.free,
    )


@routes.post("/health/thaw", right="operate")
async def thaw_letters(asked: Asked, body: Thaw) -> Thawed:
    """Let letters leave a base that was restored from a backup; until then none does."""
    service = asked.service
    done = await service.database.write(
        thaw, by=asked.by, now=service.clock(), in_doubt=body.in_doubt
    )
    return Thawed(done.frozen, done.waiting, done.doubted)


def _backup(one: StoredBackup | None) -> Backup | None:
    if one is None:
        return None
    return Backup(one.at, one.place, one.size, one.state, one.tried_at, one.error)
