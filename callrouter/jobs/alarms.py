"""Every minute: is there anything that somebody should look at? And the letters that say so."""

from __future__ import annotations

import asyncio
import shutil
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

from callrouter.accounts import has_secret
from callrouter.domain import alarms as rules
from callrouter.domain.alarms import Facts, Heard
from callrouter.domain.rights import Viewer
from callrouter.flows import alarms as flows
from callrouter.flows import outgoing
from callrouter.jobs import digest, send_letter
from callrouter.jobs.worker import Again, Kind, Schedule, Task
from callrouter.notifying import Notice, notify
from callrouter.wording import alarms as say
from callrouter.wording import speak
from callrouter.wording.people import Voice
from storage import alarms, backup_log, jobs, letters
from storage.database import Priority
from storage.listing import count_owed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Connection

    from callrouter.domain.setup import Setup
    from callrouter.service import Service

WATCH: Final = "watch_alarms"
OUTSIDE: Final = (outgoing.DELIVER, outgoing.DELIVER_RING)
"""Their dead have an alarm of their own, by webhook."""

_PASSING: Final = (*OUTSIDE, outgoing.POP_MAIL, WATCH, flows.MAIL, digest.ASK)
_DONE: Final = timedelta(days=2)
_DEAD: Final = timedelta(days=7)
"""So long what these kinds did, or could not do, is known."""

_ALL: Final = Viewer("admin")

MAIL_TRIES: Final = 20
"""With the worker's pauses about nine hours: a mail server may be what the alarm is about."""


def kinds(service: Service) -> list[Kind]:
    return [
        Kind(WATCH, partial(watch, service), at_once=1, tries=2),
        Kind(flows.MAIL, partial(mail, service), at_once=2, tries=MAIL_TRIES),
    ]


def schedules(_service: Service) -> list[Schedule]:
    return [Schedule("alarms", WATCH, lambda: "* * * * *", lambda: "UTC")]


async def watch(service: Service, task: Task) -> None:
    setup, now = service.setups.current, service.clock()
    spooled, free = await asyncio.to_thread(_of_the_disk, service.settings.data_dir)
    facts = await service.database.read(
        _facts,
        setup,
        list(_without_secret(service, setup)),
        spooled,
        free,
        backed_up=not service.demo,
        now=now,
    )
    await task.finish(flows.take_in, facts, setup, now=now)
    while await service.database.write_as(
        Priority.PAGES, jobs.forget_of, _PASSING, now - _DONE, now - _DEAD
    ):
        pass


def _of_the_disk(folder: Path) -> tuple[datetime | None, int | None]:
    """When the oldest of what the base has not was written, and how much room there is."""
    oldest = None
    for path in (folder / "spool").glob("spool-*.log"):
        try:
            written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        except OSError:  # the base has it by now
            continue
        oldest = min(oldest or written, written)
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        free = None
    return oldest, free


def _without_secret(service: Service, setup: Setup) -> Iterator[str]:
    """Whose secret is named and cannot be had; of two that are changed, either."""
    named = [(one.key, one.secrets) for one in setup.account]
    named += [(one.key, one.secrets) for one in setup.webhook if one.active]
    named += [(one.key, (one.smtp.password,)) for one in setup.active if one.smtp]
    for key, secrets in named:
        if not all(has_secret(one, service.seal, service.settings.environ) for one in secrets):
            yield key


def _facts(
    conn: Connection,
    setup: Setup,
    no_secret: list[str],
    spooled: datetime | None,
    free: int | None,
    *,
    backed_up: bool,
    now: datetime,
) -> Facts:
    lately = now - rules.LATELY
    dead = {kind: many for (kind, state), many in jobs.counts(conn).items() if state == "dead"}
    newest = backup_log.newest_good(conn)
    due_since = newest.at if newest else backup_log.begun_at(conn)
    return Facts(
        heard=_heard(conn, setup, now),
        refused=alarms.refused_since(conn, lately),
        fallbacks=alarms.fallbacks_since(conn, lately),
        spooled=spooled,
        dead={kind: many for kind, many in dead.items() if kind not in _PASSING},
        in_doubt=letters.counts(conn).get("in_doubt", 0),
        backup_due_since=due_since if backed_up else None,
        stuck_mail=len(alarms.stuck(conn, [send_letter.KIND], rules.STUCK_MAIL, now=now)),
        stuck_webhooks=alarms.stuck_webhooks(conn, OUTSIDE, now=now),
        no_secret=no_secret,
        free=free,
        overdue=count_owed(conn, _ALL, now=now)[1],
    )


def _heard(conn: Connection, setup: Setup, now: datetime) -> list[Heard]:
    """Nobody wonders at a silence on a day off."""
    back = timedelta(minutes=setup.alarms.silent_min)
    calendar = setup.calendar_of(None)
    if not back or calendar.is_holiday(calendar.local(now).date()):
        return []
    return alarms.heard(conn, [one.key for one in setup.account], back, now=now)


# The letters


async def mail(service: Service, task: Task) -> None:
    """One letter of all that changed in a look. Payload: `to`, `alarms`: their ids."""
    setup = service.setups.current
    found = await service.database.read(alarms.of_ids, task.text("alarms").split())
    if not found:
        return
    voice = Voice(speak(setup.company.language), setup)
    news = [(one.found, one.since, one.until) for one in found]
    subject, text = say.letter(news, voice, service.settings.public_url)
    later = await notify(service, Notice(task.job.id, task.text("to"), "", subject, text))
    if later:
        raise Again(later.reason, least_s=later.rest_s)
