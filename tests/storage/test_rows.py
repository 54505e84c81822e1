"""Lists as one parameter: what they find, and that it is found by an index."""

import json

import pytest
from sqlalchemy import Connection, select

from storage.database import Database
from storage.rows import add, among
from storage.tables import token
from tests.examples import MONDAY_NOON

NAMES = ("anna", "Борис", "o'hara", 'a "b" \\c', "")

_FIND = select(token.c.name).where(among(token.c.name, "names"))


def _add(conn: Connection) -> None:
    tokens = [
        {"id": f"t{n}", "name": name, "role": "admin", "digest": f"d{n}", "created_at": MONDAY_NOON}
        for n, name in enumerate(NAMES)
    ]
    add(conn, token, tokens)


def _find(conn: Connection, names: list[str]) -> set[str]:
    return set(conn.execute(_FIND, {"names": names}).scalars())


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        pytest.param(["anna", "vera"], {"anna"}, id="those that are there"),
        pytest.param(list(NAMES), set(NAMES), id="whatever stands in them"),
        pytest.param([], set(), id="nobody, of nobody"),
        pytest.param(["anna", *(f"n{n}" for n in range(5000))], {"anna"}, id="thousands"),
    ],
)
async def test_a_list_finds(database: Database, wanted: list[str], found: set[str]) -> None:
    await database.write(_add)
    assert await database.read(_find, wanted) == found


def _plan(conn: Connection) -> str:
    """How SQLite would run the statement, in its own words."""
    spelled = str(_FIND.compile(dialect=conn.dialect))
    rows = conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {spelled}", (json.dumps(["anna"]),))
    return "\n".join(row.detail for row in rows)


async def test_a_list_is_looked_up_in_the_index(sqlite_database: Database) -> None:
    assert "SEARCH token USING" in await sqlite_database.read(_plan)
