"""Mails whoever is rung the link to who calls, where the setup says so; worth nothing later."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from callrouter.flows import outgoing
from callrouter.jobs.worker import Again, Kind, Task
from callrouter.notifying import Notice, notify
from callrouter.wording import speak
from callrouter.wording.people import Voice
from callrouter.wording.ringing import letter, number_of
from storage import pops

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from callrouter.service import Service
    from storage.pops import Calling

TRIES: Final = 2


def kinds(service: Service) -> list[Kind]:
    return [Kind(outgoing.POP_MAIL, partial(send, service), at_once=4, lease_s=60, tries=TRIES)]


async def send(service: Service, task: Task) -> None:
    """Nothing to whoever is rung no more, has no address, or where the setup has changed."""
    call, key, setup = task.text("call"), task.text("manager"), service.setups.current
    manager, now = setup.managers.get(key), service.clock()
    if not setup.workplace.pop_mail or manager is None or not manager.email:
        return
    calling = await service.database.read(_calling, call, key, now=now)
    if calling is None:
        return
    voice = Voice(speak(setup.company.language), setup)
    link = f"{service.settings.public_url}/pop/{service.seal.ticket(call, now)}"
    number = number_of(calling.caller, calling.caller_kind, calling.caller_raw, voice)
    subject, text = letter(calling.contact_name, number, calling.line, link, voice)
    notice = Notice(task.job.id, manager.email, manager.name, subject, text)
    if later := await notify(service, notice):
        raise Again(later.reason, 2.0)


def _calling(conn: Connection, call: str, manager: str, *, now: datetime) -> Calling | None:
    if outgoing.ringing(conn, call, manager, now=now) is None:
        return None
    return pops.calling(conn, [call]).get(call)
