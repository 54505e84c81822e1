"""Every night, and when a new version first starts: are contacts found by what they are called?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog

from callrouter.jobs.worker import Kind, Schedule, Task
from storage import lookup
from storage.database import Priority

if TYPE_CHECKING:
    from callrouter.service import Service
    from storage.database import Database

log = structlog.get_logger()

LOOK_UP: Final = "look_up"


def kinds(service: Service) -> list[Kind]:
    async def bring_up(_task: Task) -> None:
        if changed := await look_up(service.database):
            log.info("contacts_looked_up", contacts=changed)

    return [Kind(LOOK_UP, bring_up, at_once=1, lease_s=300.0)]


def schedules(service: Service) -> list[Schedule]:
    def zone() -> str:
        return service.setups.current.company.time_zone

    return [Schedule(LOOK_UP, LOOK_UP, lambda: "40 4 * * *", zone)]


async def look_up(database: Database) -> int:
    """Write anew by what contacts are found, where it is not so; gives how many that were.

    The newest first, step by step. Whoever is found as he should be is only read, so that a run
    that was cut short is soon where it was.
    """
    before: str | None = None
    changed, measured = 0, 0
    while True:
        wrong, before = await database.read(lookup.stale, before)
        if wrong:
            changed += await database.write_as(Priority.PAGES, lookup.refresh, wrong)
        if changed > 2 * measured + lookup.STEP:
            measured = changed
            await database.read(lookup.measure)
        if before is None:
            return changed
