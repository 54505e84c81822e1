"""Tokens of programs: made once, shown once, taken back."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import get_args

from sqlalchemy import Connection

from callrouter.domain.setup import Role
from storage import tokens
from storage.ids import new_id

PREFIX = "cr_"
"""By it a token that was left lying about is recognised as one of ours."""

LONGEST_NAME = 200


class BadToken(Exception):
    """A token that cannot be made or taken back; the text says why and what is allowed."""


def add_token(conn: Connection, name: str, role: Role, *, now: datetime) -> str:
    """Make a token and give its text, which is kept nowhere. Raises BadToken."""
    name = name.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise BadToken(f"a token's name is 1 to {LONGEST_NAME} printable characters")
    if role not in get_args(Role):
        raise BadToken(f'there is no role "{role}"; allowed: {", ".join(get_args(Role))}')
    text = PREFIX + secrets.token_urlsafe(32)
    info = tokens.TokenInfo(new_id(now), name, role, now)
    if not tokens.keep(conn, info, tokens.digest_of(text)):
        raise BadToken(f'there is a token "{name}" already; allowed: another name')
    return text


def revoke_token(conn: Connection, name: str, *, now: datetime) -> None:
    """Take a token back: within two seconds no node lets it in. Raises BadToken."""
    if not tokens.revoke(conn, name.strip(), now):
        raise BadToken(f'there is no good token "{name}"')
