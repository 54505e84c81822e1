"""Coming in, being in and going out: a cookie's value is new each time, and its visit a row."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from callrouter.domain.setup import Role
from storage import audit, visits
from storage.tokens import digest_of
from storage.visits import Visit

LINK_LIFE: Final = timedelta(hours=24)
VISIT_LIFE: Final = timedelta(hours=12)
"""Of a visit that asks for nothing."""
LONGEST_VISIT: Final = timedelta(days=7)
KEPT_UP: Final = timedelta(minutes=1)
"""How often it is written down that somebody is still there."""

_BYTES: Final = 32  # 256 bits of chance


def new_link(
    conn: Connection, *, now: datetime, role: Role = "admin", manager: str | None = None
) -> str:
    """Make a one-time link; gives its token, which is kept nowhere.

    `manager`: who comes in is this one of Setup, with the role that Setup gives him.
    """
    visits.forget_expired(conn, now=now)
    token, until = secrets.token_urlsafe(_BYTES), now + LINK_LIFE
    visits.keep(conn, digest_of(token), "link", role, now=now, until=until, manager=manager)
    return token


def enter(
    conn: Connection,
    token: str,
    *,
    now: datetime,
    address: str | None = None,
    agent: str | None = None,
) -> str | None:
    """Change a link's token for a cookie's value; None when it opens nothing, or nothing more."""
    link = visits.use_link(conn, digest_of(token), now=now)
    if link is None:
        return None
    audit.append(
        conn, at=now, actor=_actor(link), action="came_in", data={"by": "link"}, address=address
    )
    return open_visit(conn, link.role, now=now, manager=link.manager, address=address, agent=agent)


def open_visit(
    conn: Connection,
    role: Role,
    *,
    now: datetime,
    manager: str | None = None,
    user: str | None = None,
    address: str | None = None,
    agent: str | None = None,
) -> str:
    """Let somebody in; gives the cookie's value, which is kept nowhere."""
    visits.forget_expired(conn, now=now)
    cookie, until = secrets.token_urlsafe(_BYTES), now + VISIT_LIFE
    visits.keep(
        conn,
        digest_of(cookie),
        "cookie",
        role,
        now=now,
        until=until,
        manager=manager,
        user=user,
        address=address,
        agent=agent,
    )
    return cookie


def find_visit(conn: Connection, cookie: str, *, now: datetime) -> Visit | None:
    """The visit of a cookie's value; changes nothing, so it may run in a read."""
    return visits.find_cookie(conn, digest_of(cookie), now=now)


def is_due(visit: Visit, now: datetime) -> bool:
    """Whether it is to be written down that he is still there."""
    return visit.seen_at is None or now - visit.seen_at >= KEPT_UP


def keep_up(conn: Connection, visit: Visit, *, now: datetime) -> None:
    """He is still there: he stays in for another while, but not longer than a visit may last."""
    until = now + VISIT_LIFE
    if visit.created_at is not None:
        until = min(until, visit.created_at + LONGEST_VISIT)
    visits.keep_up(conn, visit.id, now=now, until=until)


def sign_out(
    conn: Connection, visit: Visit, *, by: str, now: datetime, address: str | None
) -> None:
    if visits.end(conn, visit.id):
        audit.append(conn, at=now, actor=by, action="signed_out", address=address)


def end_visit(
    conn: Connection, user: str, id_: str, *, by: str, now: datetime, address: str | None
) -> None:
    """End one visit of a user; one that is not his, or is over, is left alone."""
    if visits.end(conn, id_, user=user):
        audit.append(conn, at=now, actor=by, action="ended_visit", object=id_, address=address)


def end_others(
    conn: Connection, user: str, own: str, *, by: str, now: datetime, address: str | None
) -> int:
    """End a user's visits but his own of now; gives how many."""
    ended = visits.end_all(conn, user, but=own)
    if ended:
        data = {"ended": ended}
        audit.append(conn, at=now, actor=by, action="ended_visits", data=data, address=address)
    return ended


def _actor(visit: Visit) -> str:
    return f"manager:{visit.manager}" if visit.manager else f"page:{visit.role}"
