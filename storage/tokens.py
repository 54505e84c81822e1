"""Tokens of programs: only the SHA-256 of each is kept."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from sqlalchemy import Connection, select, update

from callrouter.domain.setup import Role
from storage import rows
from storage.tables import token


@dataclass(frozen=True, slots=True)
class TokenInfo:
    """What is known of a token. `revoked_at` None: it is good; `manager`: as whom it asks."""

    id: str
    name: str
    role: Role
    created_at: datetime
    revoked_at: datetime | None = None
    manager: str | None = None


def digest_of(text: str) -> str:
    """What is kept of a token: it has 256 bits of chance, so a plain hash is enough."""
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()


def find_token(conn: Connection, text: str) -> TokenInfo | None:
    """The token that this text is; None for a wrong or a revoked one."""
    c = token.c
    row = conn.execute(
        select(c.id, c.name, c.role, c.created_at, c.manager).where(
            c.digest == digest_of(text), c.revoked_at.is_(None)
        )
    ).one_or_none()
    if row is None:
        return None
    role = cast("Role", row.role)
    return TokenInfo(row.id, row.name, role, row.created_at, manager=row.manager)


def tokens(conn: Connection) -> list[TokenInfo]:
    """All tokens by name, the revoked ones too."""
    c = token.c
    return [
        TokenInfo(
            row.id, row.name, cast("Role", row.role), row.created_at, row.revoked_at, row.manager
        )
        for row in conn.execute(
            select(c.id, c.name, c.role, c.created_at, c.revoked_at, c.manager).order_by(c.name)
        )
    ]


def keep(conn: Connection, one: TokenInfo, digest: str) -> bool:
    """Keep a new token; a revoked one of that name gives way. False: the name is in use."""
    c = token.c
    values = {
        "id": one.id,
        "role": one.role,
        "manager": one.manager,
        "digest": digest,
        "created_at": one.created_at,
        "revoked_at": None,
    }
    again = update(token).where(c.name == one.name, c.revoked_at.is_not(None)).values(**values)
    if conn.execute(again).rowcount:
        return True
    if conn.execute(select(c.id).where(c.name == one.name)).first():
        return False
    rows.add(conn, token, [{"name": one.name, **values}])
    return True


def revoke(conn: Connection, name: str, now: datetime) -> bool:
    """False: there is no good token of that name."""
    c = token.c
    good = update(token).where(c.name == name, c.revoked_at.is_(None)).values(revoked_at=now)
    return conn.execute(good).rowcount > 0
