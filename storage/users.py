"""People who sign in: a row each, found by e-mail, by id, by who they are in Setup."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Connection, select, update

from callrouter.domain.setup import Role
from storage import rows
from storage.rows import among
from storage.tables import user

Prefs = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who signs in. `manager`: who he is in Setup, which then has his role; else `role`.

    `password`: as argon2 writes it; None: invited, and has not come yet. `totp`: sealed;
    `totp_step` None: begun, not yet asked for. `recovery`: digests of codes that are left.
    """

    id: str
    email: str
    name: str
    manager: str | None
    role: Role | None
    created_at: datetime
    by: str
    password: str | None = field(default=None, repr=False)
    totp: str | None = field(default=None, repr=False)
    totp_step: int | None = None
    recovery: tuple[str, ...] = field(default=(), repr=False)
    subject: str | None = None
    locked_at: datetime | None = None

    @property
    def asks_for_code(self) -> bool:
        return self.totp is not None and self.totp_step is not None


def fold(email: str) -> str:
    """How an e-mail is kept and looked for."""
    return email.strip().casefold()


def add(conn: Connection, one: User) -> None:
    rows.add(conn, user, [{**_row(one), "prefs": "{}"}])


def change(conn: Connection, id_: str, /, **columns: Any) -> None:  # noqa: ANN401  of the table
    conn.execute(update(user).where(user.c.id == id_).values(**columns))


def find(conn: Connection, id_: str) -> User | None:
    return _one(conn, user.c.id == id_)


def by_email(conn: Connection, email: str) -> User | None:
    return _one(conn, user.c.email == fold(email))


def by_subject(conn: Connection, subject: str) -> User | None:
    return _one(conn, user.c.subject == subject)


def everybody(conn: Connection) -> list[User]:
    """All, by name."""
    found = [_user(row) for row in conn.execute(select(*_USER))]
    return sorted(found, key=lambda one: (one.name.casefold(), one.id))


def of_manager(conn: Connection, manager: str) -> User | None:
    return _one(conn, user.c.manager == manager)


def names(conn: Connection) -> dict[str, str]:
    """Each user's name by his id, for saying who did something."""
    return {row.id: row.name for row in conn.execute(select(user.c.id, user.c.name))}


def use_step(conn: Connection, id_: str, step: int) -> bool:
    """Use a TOTP's step up; False: that step, or a later one, was used before."""
    c = user.c
    later = c.totp_step.is_(None) | (c.totp_step < step)
    done = update(user).where(c.id == id_, later).values(totp_step=step)
    return conn.execute(done).rowcount > 0


# What somebody has chosen for himself


def prefs(conn: Connection, id_: str) -> dict[str, str]:
    """A user's own choices by name: `language`, `pop_at` …; empty for whom there is not."""
    found = conn.execute(select(user.c.prefs).where(user.c.id == id_)).scalar_one_or_none()
    read = json.loads(found or "{}")
    return {str(name): str(value) for name, value in read.items()}


def all_prefs(conn: Connection, name: str, ids: Iterable[str]) -> dict[str, str]:
    """What each of these users has chosen, of those who have."""
    query = select(user.c.id, user.c.prefs).where(among(user.c.id, "ids"), user.c.prefs != "{}")
    found = conn.execute(query, {"ids": list(ids)})
    read = {row.id: json.loads(row.prefs).get(name) for row in found}
    return {id_: str(value) for id_, value in read.items() if value is not None}


def put_pref(conn: Connection, id_: str, name: str, value: str | None) -> None:
    """Keep a choice; None: as the company has it."""
    said = prefs(conn, id_)
    if value is None:
        said.pop(name, None)
    else:
        said[name] = value
    change(conn, id_, prefs=json.dumps(said, ensure_ascii=False, sort_keys=True))


_USER = (
    user.c.id,
    user.c.email,
    user.c.name,
    user.c.manager,
    user.c.role,
    user.c.created_at,
    user.c.by,
    user.c.password,
    user.c.totp,
    user.c.totp_step,
    user.c.recovery,
    user.c.subject,
    user.c.locked_at,
)


def _one(conn: Connection, where: Any) -> User | None:  # noqa: ANN401  a condition
    row = conn.execute(select(*_USER).where(where)).one_or_none()
    return _user(row) if row else None


def _row(one: User) -> dict[str, object]:
    row: dict[str, object] = {c.name: getattr(one, c.name) for c in _USER}
    return {**row, "email": fold(one.email), "recovery": " ".join(one.recovery) or None}


def _user(row: Any) -> User:  # noqa: ANN401  of `_USER`
    values = {c.name: getattr(row, c.name) for c in _USER}
    values["role"] = cast("Role | None", row.role)
    values["recovery"] = tuple((row.recovery or "").split())
    return User(**values)
