"""The audit: chained, so that whoever changes a line of it shows."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Connection, delete, update

from storage import audit, tables
from storage.database import Database
from tests.api.rows import NOON

LINES = 5


def write(conn: Connection) -> None:
    for n in range(LINES):
        audit.append(
            conn,
            at=NOON + timedelta(microseconds=1500 * n),
            actor="manager:anna",
            action="sign_in" if n % 2 else "x" * 100,
            object=None if n % 2 else "contact",
            data={"имя": "Иван", "rows": n, "none": None},
            address="127.0.0.1",
        )


async def test_lines_are_read_back_and_are_whole(database: Database) -> None:
    await database.write(write)
    assert await database.read(audit.verify) is None
    found = await database.read(audit.lines, limit=2)
    assert [one.n for one in found] == [5, 4]
    assert found[0].data == {"имя": "Иван", "rows": 4, "none": None}
    assert found[0].action == "x" * 64
    assert [one.n for one in await database.read(audit.lines, after=3)] == [2, 1]


async def test_none_is_whole(database: Database) -> None:
    assert await database.read(audit.verify) is None


@pytest.mark.parametrize(
    ("column", "value"),
    [("at", NOON - timedelta(hours=1)), ("actor", "anna"), ("data", "{}"), ("address", None)],
)
async def test_a_changed_line_is_found(database: Database, column: str, value: object) -> None:
    await database.write(write)

    def change(conn: Connection) -> None:
        of = update(tables.audit).where(tables.audit.c.n == 3)
        conn.execute(of.values(**{column: value}))

    await database.write(change)
    assert await database.read(audit.verify) == 3


async def test_a_missing_line_is_found(database: Database) -> None:
    await database.write(write)

    def drop(conn: Connection) -> None:
        conn.execute(delete(tables.audit).where(tables.audit.c.n == 2))

    await database.write(drop)
    assert await database.read(audit.verify) == 2
