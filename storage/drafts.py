"""Drafts of the setup: tried, changed and published by people, or thrown away."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Row, delete, select, update

from callrouter.domain.setup import Setup
from storage import rows
from storage.documents import read_setup, write_setup
from storage.tables import draft

if TYPE_CHECKING:
    from typing import Any


@dataclass(frozen=True, slots=True)
class Draft:
    """`base`: the version of the Setup that it was begun from; `version` counts its changes."""

    id: str
    name: str
    setup: Setup
    base: int
    by: str
    created_at: datetime
    updated_at: datetime
    version: int


def find(conn: Connection, id_: str) -> Draft | None:
    row = conn.execute(select(draft).where(draft.c.id == id_)).one_or_none()
    return _draft(row) if row else None


def everybody(conn: Connection) -> list[Draft]:
    """Everybody's drafts, the one changed last first."""
    asked = select(draft).order_by(draft.c.updated_at.desc(), draft.c.id.desc())
    return [_draft(row) for row in conn.execute(asked)]


def add(conn: Connection, new: Draft) -> None:
    rows.add(conn, draft, [_values(new)])


def keep(conn: Connection, changed: Draft) -> None:
    conn.execute(update(draft).where(draft.c.id == changed.id).values(_values(changed)))


def remove(conn: Connection, id_: str) -> None:
    conn.execute(delete(draft).where(draft.c.id == id_))


def _values(one: Draft) -> dict[str, Any]:
    return {
        "id": one.id,
        "name": one.name,
        "document": write_setup(replace(one.setup, version=0)),
        "base": one.base,
        "by": one.by,
        "created_at": one.created_at,
        "updated_at": one.updated_at,
        "version": one.version,
    }


def _draft(row: Row[Any]) -> Draft:
    return Draft(
        row.id,
        row.name,
        read_setup(row.document),
        row.base,
        row.by,
        row.created_at,
        row.updated_at,
        row.version,
    )
