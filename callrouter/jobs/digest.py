"""The letter of the morning to heads and admins: what there was, what waits, of their people."""

from __future__ import annotations

from datetime import date, time
from functools import partial
from typing import TYPE_CHECKING, Final

from callrouter.domain.digests import Digest, since_when
from callrouter.flows import digests as flows
from callrouter.jobs.worker import Again, Kind, Schedule, Task
from callrouter.notifying import Notice, notify
from callrouter.wording import digests as say
from callrouter.wording import speak
from callrouter.wording.people import Voice
from storage import digests

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from callrouter.domain.setup import Setup
    from callrouter.flows.digests import Reader
    from callrouter.service import Service

ASK: Final = "ask_digests"
MIDNIGHT: Final = time()
TRIES: Final = 16
"""With the worker's pauses about five hours: till after noon a mail server may be away."""


def kinds(service: Service) -> list[Kind]:
    return [
        Kind(ASK, partial(ask, service), at_once=1, tries=2),
        Kind(flows.SEND, partial(send, service), at_once=2, tries=TRIES),
    ]


def schedules(_service: Service) -> list[Schedule]:
    """Every five minutes: each office has its own morning, and a server may have stood still."""
    return [Schedule("digests", ASK, lambda: "*/5 * * * *", lambda: "UTC")]


async def ask(service: Service, task: Task) -> None:
    await task.finish(flows.ask, service.setups.current, now=service.clock())


async def send(service: Service, task: Task) -> None:
    """Payload: `to`, `day`. Nothing to whoever is no head any more, and nothing about nothing."""
    setup, now, day = service.setups.current, service.clock(), date.fromisoformat(task.text("day"))
    found = await service.database.read(_read, setup, task.text("to"), day, now=now)
    if found is None or not setup.digest.active:
        return
    reader, digest = found
    if not digest.says_something:
        return
    voice = Voice(speak(setup.company.language), setup)
    letter = say.letter(digest, reader.name, voice, service.settings.public_url)
    notice = Notice(
        task.job.id, reader.email, reader.name, letter.subject, letter.text, letter.html
    )
    if later := await notify(service, notice):
        raise Again(later.reason, least_s=later.rest_s)


def _read(
    conn: Connection, setup: Setup, to: str, day: date, *, now: datetime
) -> tuple[Reader, Digest] | None:
    reader = next((one for one in flows.readers(conn, setup, now=now) if one.email == to), None)
    if reader is None:
        return None
    since = since_when(reader.desk, day)
    span = (reader.desk.at(since, MIDNIGHT), reader.desk.at(day, MIDNIGHT))
    return reader, digests.read(conn, reader.viewer, (since, day), span, now=now)
