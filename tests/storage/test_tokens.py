"""Tokens: told once, kept as a digest, taken back, given anew."""

import re
from typing import Any

import pytest
from sqlalchemy import select

from callrouter.flows.tokens import BadToken, add_token, make_token, revoke_token
from storage import setups, tables
from storage.database import Database
from storage.tokens import find_token, tokens
from tests.api.rows import NOON, SETUP


async def test_a_token_is_found_by_its_text_alone(database: Database) -> None:
    text = await database.write(add_token, "  shop ", "auditor", now=NOON)
    assert re.fullmatch(r"cr_[A-Za-z0-9_-]{43}", text)
    found = await database.read(find_token, text)
    assert found
    assert (found.name, found.role, found.created_at) == ("shop", "auditor", NOON)
    assert await database.read(find_token, text + "x") is None


async def test_the_base_does_not_hold_it(database: Database) -> None:
    text = await database.write(add_token, "shop", "auditor", now=NOON)
    rows = await database.read(lambda conn: str(conn.execute(select(tables.token)).all()))
    assert text not in rows
    assert text.removeprefix("cr_") not in rows


async def test_a_token_that_was_taken_back_is_none(database: Database) -> None:
    text = await database.write(add_token, "shop", "auditor", now=NOON)
    await database.write(revoke_token, "shop", now=NOON)
    assert await database.read(find_token, text) is None
    assert [one.revoked_at for one in await database.read(tokens)] == [NOON]


async def test_its_name_may_be_given_anew(database: Database) -> None:
    old = await database.write(add_token, "shop", "auditor", now=NOON)
    await database.write(revoke_token, "shop", now=NOON)
    new = await database.write(add_token, "shop", "head", now=NOON)
    assert await database.read(find_token, old) is None
    found = await database.read(find_token, new)
    assert found
    assert found.role == "head"


@pytest.mark.parametrize(
    ("name", "role", "said"),
    [
        pytest.param("shop", "admin", 'there is a token "shop" already', id="a name in use"),
        pytest.param(" ", "admin", "printable", id="no name"),
        pytest.param("a\nb", "admin", "printable", id="a name of two lines"),
        pytest.param("x" * 201, "admin", "200", id="a name too long"),
        pytest.param("crm", "boss", "allowed: manager, head, admin, auditor", id="no such role"),
    ],
)
async def test_what_cannot_be_made_is_said(
    database: Database, name: str, role: Any, said: str
) -> None:
    await database.write(add_token, "shop", "admin", now=NOON)
    with pytest.raises(BadToken, match=re.escape(said)):
        await database.write(add_token, name, role, now=NOON)


async def test_what_is_not_there_cannot_be_taken_back(database: Database) -> None:
    with pytest.raises(BadToken, match='no good token "shop"'):
        await database.write(revoke_token, "shop", now=NOON)


async def test_a_token_of_a_manager_is_of_one_who_is_active(database: Database) -> None:
    await database.write(setups.publish, SETUP, by="vera", now=NOON)
    text = await database.write(make_token, "hers", role=None, manager="anna", now=NOON)
    found = await database.read(find_token, text)
    assert found is not None
    assert (found.role, found.manager) == ("manager", "anna")
    for nobody in ("old", "nobody"):
        with pytest.raises(BadToken, match="no active manager"):
            await database.write(make_token, "his", role=None, manager=nobody, now=NOON)
