"""Who gets the letter of the morning, and that he gets it once a day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from callrouter.domain.digests import is_due
from callrouter.domain.next_steps import desk_of
from callrouter.domain.rights import Viewer, viewer_of
from callrouter.flows.users import role_of
from storage import jobs, users
from storage.jobs import NewJob

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from callrouter.domain.next_steps import Desk
    from callrouter.domain.setup import Manager, Setup

SEND: Final = "digest"
_ROLES: Final = ("head", "admin")


@dataclass(frozen=True, slots=True)
class Reader:
    """`manager` None: somebody who is in no Setup, and sees what his role does."""

    email: str
    name: str
    manager: Manager | None
    viewer: Viewer
    desk: Desk


def readers(conn: Connection, setup: Setup, *, now: datetime) -> list[Reader]:
    """Heads and admins who have an address, by address; the Setup's goes before the user's."""
    found: dict[str, Reader] = {}
    for manager in setup.active:
        if manager.role in _ROLES and manager.email:
            found[users.fold(manager.email)] = _of_manager(manager, manager.email, setup, now)
    known = {one.manager.key for one in found.values() if one.manager}
    for user in users.everybody(conn):
        role = role_of(user, setup)
        address = users.fold(user.email)
        if role not in _ROLES or user.locked_at or address in found or user.manager in known:
            continue
        if user.manager:
            found[address] = _of_manager(setup.managers[user.manager], user.email, setup, now)
        else:
            desk, viewer = desk_of(setup, None), Viewer(role)
            found[address] = Reader(user.email, user.name, None, viewer, desk)
    return [found[one] for one in sorted(found)]


def _of_manager(manager: Manager, email: str, setup: Setup, now: datetime) -> Reader:
    viewer = viewer_of(manager, setup, now)
    return Reader(email, manager.name, manager, viewer, desk_of(setup, manager))


def ask(conn: Connection, setup: Setup, *, now: datetime) -> int:
    """Ask for the letters whose time has come; what was asked for today is not asked for again."""
    if not setup.digest.active:
        return 0
    due = [
        NewJob(SEND, {"to": one.email, "day": day.isoformat()}, f"{SEND}:{day}:{one.email}"[:320])
        for one in readers(conn, setup, now=now)
        if (day := is_due(setup.digest.at, one.desk, now))
    ]
    jobs.ask(conn, due, now=now)
    return len(due)
