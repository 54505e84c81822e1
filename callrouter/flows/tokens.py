"""Tokens of programs: made once, shown once, taken back."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import get_args

from sqlalchemy import Connection

from callrouter.domain.setup import Role
from storage import setups, tokens
from storage.ids import new_id

PREFIX = "cr_"
"""By it a token that was left lying about is recognised as one of ours."""

LONGEST_NAME = 200


class BadToken(Exception):
    """A token that cannot be made or taken back; the text says why and what is allowed."""


def add_token(
    conn: Connection, name: str, role: Role, *, now: datetime, manager: str | None = None
) -> str:
    """Make a token and give its text, which is kept nowhere. Raises BadToken.

    `manager`: it asks as this one of Setup, with the role that Setup gives him then.
    """
    name = name.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise BadToken(f"a token's name is 1 to {LONGEST_NAME} printable characters")
    if role not in get_args(Role):
        raise BadToken(f'there is no role "{role}"; allowed: {", ".join(get_args(Role))}')
    text = PREFIX + secrets.token_urlsafe(32)
    info = tokens.TokenInfo(new_id(now), name, role, now, manager=manager)
    if not tokens.keep(conn, info, tokens.digest_of(text)):
        raise BadToken(f'there is a token "{name}" already; allowed: another name')
    return text


def make_token(
    conn: Connection, name: str, *, role: Role | None, manager: str | None, now: datetime
) -> str:
    """A token of this role, or of an active manager of the setup in force. Raises BadToken."""
    if manager is None:
        return add_token(conn, name, role or "manager", now=now)
    found = setups.load(conn, setups.current_version(conn)).managers.get(manager)
    if found is None or not found.active:
        raise BadToken(f'there is no active manager "{manager}" in the setup in force')
    return add_token(conn, name, found.role, now=now, manager=manager)


def revoke_token(conn: Connection, name: str, *, now: datetime) -> None:
    """Take a token back: within two seconds no node lets it in. Raises BadToken."""
    if not tokens.revoke(conn, name.strip(), now):
        raise BadToken(f'there is no good token "{name}"')
