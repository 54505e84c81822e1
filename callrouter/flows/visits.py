"""Coming in: a one-time link is changed for a cookie. Until people can sign in, the only door."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from callrouter.domain.setup import Role
from storage import visits
from storage.tokens import digest_of
from storage.visits import Visit

LINK_LIFE: Final = timedelta(hours=24)
VISIT_LIFE: Final = timedelta(hours=12)

_BYTES: Final = 32  # 256 bits of chance


def new_link(conn: Connection, *, now: datetime, role: Role = "admin") -> str:
    """Make a one-time link; gives its token, which is kept nowhere."""
    visits.forget_expired(conn, now=now)
    token = secrets.token_urlsafe(_BYTES)
    visits.keep(conn, digest_of(token), "link", role, now=now, until=now + LINK_LIFE)
    return token


def enter(conn: Connection, token: str, *, now: datetime) -> str | None:
    """Change a link's token for a cookie's value; None when it opens nothing, or nothing more."""
    role = visits.use_link(conn, digest_of(token), now=now)
    if role is None:
        return None
    cookie = secrets.token_urlsafe(_BYTES)
    visits.keep(conn, digest_of(cookie), "cookie", role, now=now, until=now + VISIT_LIFE)
    return cookie


def find_visit(conn: Connection, cookie: str, *, now: datetime) -> Visit | None:
    """The visit of a cookie's value; changes nothing, so it may run in a read."""
    return visits.find_cookie(conn, digest_of(cookie), now=now)
