"""Many rows in one statement, the same on both engines.

To make a statement costs more than to run it: those of the hot path are made once, with parameters.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Insert,
    Select,
    Table,
    Text,
    TypeDecorator,
    bindparam,
    insert,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

if TYPE_CHECKING:
    from sqlalchemy import Dialect
    from sqlalchemy.sql.compiler import SQLCompiler

Row = Mapping[str, Any]


# Finding


class _Texts(TypeDecorator[Iterable[str]]):
    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Iterable[str] | None, dialect: Dialect) -> str:  # noqa: ARG002
        return json.dumps(list(value or ()))


class _Among(FunctionElement[bool]):
    """Of no type: a boolean would be compared with 1 on SQLite, and no index used."""

    inherit_cache = True


def among(column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """`column IN (…)`, for any number of texts given as the parameter `name`.

    The list is one parameter, so a statement is the same one however long it is, and need be
    neither made nor prepared again.
    """
    return _Among(column, bindparam(name, type_=_Texts()))


@compiles(_Among)
def _among(element: _Among, compiler: SQLCompiler, **how: object) -> str:
    column, texts = (compiler.process(one, **how) for one in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({texts}))"  # noqa: S608  of placeholders


@compiles(_Among, "postgresql")
def _among_postgres(element: _Among, compiler: SQLCompiler, **how: object) -> str:
    column, texts = (compiler.process(one, **how) for one in element.clauses)
    return f"{column} IN (SELECT json_array_elements_text(CAST({texts} AS json)))"


class _AmongFew(FunctionElement[bool]):
    inherit_cache = True


def among_few(column: ColumnElement[Any], query: Select[str]) -> ColumnElement[bool]:
    """`column IN (query)`, of a query that gives some thousands at most, each found by its index.

    PostgreSQL would read the whole table where it guesses that they are many.
    """
    return _AmongFew(column, query.scalar_subquery())


@compiles(_AmongFew)
def _among_few(element: _AmongFew, compiler: SQLCompiler, **how: object) -> str:
    column, query = (compiler.process(one, **how) for one in element.clauses)
    return f"{column} IN {query}"


@compiles(_AmongFew, "postgresql")
def _among_few_postgres(element: _AmongFew, compiler: SQLCompiler, **how: object) -> str:
    column, query = (compiler.process(one, **how) for one in element.clauses)
    return f"{column} = ANY (ARRAY{query})"


def lists(
    conn: Connection,
    statement: Any,  # noqa: ANN401  of two columns
    asked: Mapping[str, Sequence[str]],
) -> dict[str, list[str]]:
    """What stands in the second column, gathered by the first."""
    found: dict[str, list[str]] = {}
    for key, value in conn.execute(statement, asked):
        found.setdefault(key, []).append(value)
    return found


# Writing


def add(conn: Connection, table: Table[Any], rows: Sequence[Row]) -> None:
    """Insert rows; a key that is there already is an error."""
    if rows:
        conn.execute(_adding(table), list(rows))


def add_new(conn: Connection, table: Table[Any], rows: Sequence[Row]) -> None:
    """Insert rows; those whose key is there already are passed over."""
    if rows:
        conn.execute(_adding_new(conn.dialect.name, table), list(rows))


def put(conn: Connection, table: Table[Any], rows: Sequence[Row]) -> None:
    """Insert rows; where the primary key is there already the row is replaced.

    All rows have the same columns.
    """
    if rows:
        conn.execute(_putting(conn.dialect.name, table, tuple(rows[0])), list(rows))


@cache
def _adding(table: Table[Any]) -> Insert:
    return insert(table)


@cache
def _adding_new(dialect: str, table: Table[Any]) -> Insert:
    return insertion(dialect, table).on_conflict_do_nothing()


@cache
def _putting(dialect: str, table: Table[Any], columns: tuple[str, ...]) -> Insert:
    statement = insertion(dialect, table)
    keys = [column.name for column in table.primary_key]
    changed = {name: statement.excluded[name] for name in columns if name not in keys}
    return statement.on_conflict_do_update(index_elements=keys, set_=changed)


def insertion(dialect: str, table: Table[Any]) -> postgresql.Insert | sqlite.Insert:
    """An insert that may say what is to be done about rows that are there already."""
    return sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)
