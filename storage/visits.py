"""One-time links and the cookies they are changed for: only the SHA-256 of each is kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast

from sqlalchemy import Connection, Select, delete, func, select, update

from callrouter.domain.setup import Role
from storage import rows
from storage.ids import new_id
from storage.rows import among
from storage.tables import user as users
from storage.tables import visit

VisitKind = Literal["link", "invite", "reset", "cookie"]


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody who is in, or may come in by a link: as whom, and until when.

    `manager`: who he is in Setup, which then has his role; `user`: whose password opened, `name`:
    what he is called. `seen_at`: when he last asked for something, to the minute.
    """

    role: Role
    expires_at: datetime
    id: str = ""
    manager: str | None = None
    user: str | None = None
    name: str = ""
    created_at: datetime | None = None
    seen_at: datetime | None = None
    address: str | None = None
    agent: str | None = None


def keep(
    conn: Connection,
    digest: str,
    kind: VisitKind,
    role: Role,
    *,
    now: datetime,
    until: datetime,
    manager: str | None = None,
    user: str | None = None,
    address: str | None = None,
    agent: str | None = None,
) -> None:
    row = {
        "digest": digest,
        "id": new_id(now),
        "kind": kind,
        "role": role,
        "manager": manager,
        "user": user,
        "created_at": now,
        "expires_at": until,
        "used_at": None,
        "seen_at": now if kind == "cookie" else None,
        "address": address[:64] if address else None,
        "agent": agent[:200] if agent else None,
    }
    rows.add(conn, visit, [row])


def use_link(
    conn: Connection, digest: str, *, now: datetime, kinds: tuple[VisitKind, ...] = ("link",)
) -> Visit | None:
    """Use a link up; None when it is wrong, used already or too old."""
    c = visit.c
    used = update(visit).where(
        c.digest == digest, c.kind.in_(kinds), c.used_at.is_(None), c.expires_at > now
    )
    row = conn.execute(used.values(used_at=now).returning(*_OWN)).one_or_none()
    return _visit(row) if row else None


def find_link(
    conn: Connection, digest: str, *, now: datetime, kinds: tuple[VisitKind, ...]
) -> Visit | None:
    """What a link would open, without using it up."""
    c = visit.c
    good = _whole().where(
        c.digest == digest, c.kind.in_(kinds), c.used_at.is_(None), c.expires_at > now
    )
    row = conn.execute(good).one_or_none()
    return _visit(row) if row else None


def find_cookie(conn: Connection, digest: str, *, now: datetime) -> Visit | None:
    """Whose a cookie is; None when it is wrong, too old, or its user is locked out."""
    c = visit.c
    row = conn.execute(
        _whole().where(
            c.digest == digest,
            c.kind == "cookie",
            c.expires_at > now,
            users.c.locked_at.is_(None),
        )
    ).one_or_none()
    return _visit(row) if row else None


def find_cookies(conn: Connection, digests: Iterable[str], *, now: datetime) -> dict[str, Visit]:
    """As `find_cookie`, of many at once: those that stand for a visit, by digest."""
    c = visit.c
    query = (
        _whole()
        .add_columns(c.digest)
        .where(
            among(c.digest, "digests"),
            c.kind == "cookie",
            c.expires_at > now,
            users.c.locked_at.is_(None),
        )
    )
    found = conn.execute(query, {"digests": list(digests)})
    return {row.digest: _visit(row) for row in found}


def of_user(conn: Connection, user: str, *, now: datetime) -> list[Visit]:
    """Where a user is in, the one that was used last first."""
    c = visit.c
    query = _whole().where(c.user == user, c.kind == "cookie", c.expires_at > now)
    return [_visit(row) for row in conn.execute(query.order_by(c.seen_at.desc(), c.id.desc()))]


def last_seen(conn: Connection) -> dict[str, datetime]:
    """When each user who is in asked for something last."""
    c = visit.c
    query = select(c.user, func.max(c.seen_at).label("at")).where(
        c.user.is_not(None), c.kind == "cookie", c.seen_at.is_not(None)
    )
    return {row.user: row.at for row in conn.execute(query.group_by(c.user))}


def keep_up(conn: Connection, id_: str, *, now: datetime, until: datetime) -> None:
    conn.execute(update(visit).where(visit.c.id == id_).values(seen_at=now, expires_at=until))


def end(conn: Connection, id_: str, *, user: str | None = None) -> bool:
    """End a visit; with `user` only if it is his. False: there is none."""
    gone = delete(visit).where(visit.c.id == id_, visit.c.kind == "cookie")
    if user is not None:
        gone = gone.where(visit.c.user == user)
    return conn.execute(gone).rowcount > 0


def end_all(conn: Connection, user: str, *, but: str | None = None) -> int:
    """End all visits of a user, but one; gives how many."""
    gone = delete(visit).where(visit.c.user == user, visit.c.kind == "cookie")
    if but is not None:
        gone = gone.where(visit.c.id != but)
    return conn.execute(gone).rowcount


def forget_links(conn: Connection, user: str) -> None:
    """Invitations and new passwords that were offered to him open nothing any more."""
    c = visit.c
    conn.execute(delete(visit).where(c.user == user, c.kind.in_(("invite", "reset"))))


def forget_expired(conn: Connection, *, now: datetime) -> None:
    conn.execute(delete(visit).where(visit.c.expires_at <= now))


_OWN = (
    visit.c.role,
    visit.c.expires_at,
    visit.c.id,
    visit.c.manager,
    visit.c.user,
    visit.c.created_at,
    visit.c.seen_at,
    visit.c.address,
    visit.c.agent,
)


def _whole() -> Select[Any]:
    """With what the base says of its user now, who outranks what the visit began with."""
    columns = (users.c.name, users.c.manager.label("his"), users.c.role.label("his_role"))
    own: tuple[Any, ...] = _OWN
    return select(*own, *columns).outerjoin(users, users.c.id == visit.c.user)


def _visit(row: Any) -> Visit:  # noqa: ANN401  of `_OWN`, or of `_whole`
    name = getattr(row, "name", None)
    of_user = row.user is not None and name is not None
    return Visit(
        role=cast("Role", (row.his_role or row.role) if of_user else row.role),
        expires_at=row.expires_at,
        id=row.id or "",
        manager=row.his if of_user else row.manager,
        user=row.user,
        name=name or "",
        created_at=row.created_at,
        seen_at=row.seen_at,
        address=row.address,
        agent=row.agent,
    )
