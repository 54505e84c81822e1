"""Many rows in one statement, the same on both engines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table, insert
from sqlalchemy.dialects import postgresql, sqlite

Row = Mapping[str, Any]


def add(conn: Connection, table: Table[Any], rows: Sequence[Row]) -> None:
    """Insert rows; a key that is there already is an error."""
    if rows:
        conn.execute(insert(table), list(rows))


def add_new(conn: Connection, table: Table[Any], rows: Sequence[Row]) -> None:
    """Insert rows; those whose key is there already are passed over."""
    if rows:
        conn.execute(_insert(conn, table).on_conflict_do_nothing(), list(rows))


def put(conn: Connection, table: Table[Any], rows: Sequence[Row]) -> None:
    """Insert rows; where the primary key is there already the row is replaced.

    All rows have the same columns.
    """
    if not rows:
        return
    statement = _insert(conn, table)
    keys = [column.name for column in table.primary_key]
    changed = {name: statement.excluded[name] for name in rows[0] if name not in keys}
    conn.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed), list(rows))


def _insert(conn: Connection, table: Table[Any]) -> postgresql.Insert | sqlite.Insert:
    return sqlite.insert(table) if conn.dialect.name == "sqlite" else postgresql.insert(table)
