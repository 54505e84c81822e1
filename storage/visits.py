"""One-time links and the cookies they are changed for: only the SHA-256 of each is kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, cast

from sqlalchemy import Connection, delete, select, update

from callrouter.domain.setup import Role
from storage import rows
from storage.tables import visit

VisitKind = Literal["link", "cookie"]


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody who came in by a link: as whom, and until when."""

    role: Role
    expires_at: datetime


def keep(
    conn: Connection, digest: str, kind: VisitKind, role: Role, *, now: datetime, until: datetime
) -> None:
    row = {
        "digest": digest,
        "kind": kind,
        "role": role,
        "created_at": now,
        "expires_at": until,
        "used_at": None,
    }
    rows.add(conn, visit, [row])


def use_link(conn: Connection, digest: str, *, now: datetime) -> Role | None:
    """Use a link up; None when it is wrong, used already or too old."""
    c = visit.c
    used = update(visit).where(
        c.digest == digest, c.kind == "link", c.used_at.is_(None), c.expires_at > now
    )
    role = conn.execute(used.values(used_at=now).returning(c.role)).scalar_one_or_none()
    return cast("Role", role) if role else None


def find_cookie(conn: Connection, digest: str, *, now: datetime) -> Visit | None:
    """The visit that a cookie stands for; None when it is wrong or too old."""
    c = visit.c
    row = conn.execute(
        select(c.role, c.expires_at).where(
            c.digest == digest, c.kind == "cookie", c.expires_at > now
        )
    ).one_or_none()
    return Visit(cast("Role", row.role), row.expires_at) if row else None


def forget_expired(conn: Connection, *, now: datetime) -> None:
    conn.execute(delete(visit).where(visit.c.expires_at <= now))
