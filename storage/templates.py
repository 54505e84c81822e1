"""Templates that an admin brought, every version of them: the current one has no end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, or_, select, update

from storage import rows
from storage.tables import template


@dataclass(frozen=True, slots=True)
class TemplateVersion:
    """`until` None: it is the one in use."""

    name: str
    format: str
    version: int
    size: int
    made_by: str
    since: datetime
    until: datetime | None


def current(conn: Connection) -> tuple[TemplateVersion, ...]:
    """Those in use, by name and format."""
    c = template.c
    found = conn.execute(_versions().where(c.until.is_(None)).order_by(c.name, c.format))
    return tuple(_version(row) for row in found)


def versions(conn: Connection, name: str, format_: str) -> tuple[TemplateVersion, ...]:
    """All versions of a template, the newest first."""
    c = template.c
    of = (c.name == name, c.format == format_)
    found = conn.execute(_versions().where(*of).order_by(c.version.desc()))
    return tuple(_version(row) for row in found)


def body_of(conn: Connection, name: str, format_: str, version: int) -> bytes | None:
    c = template.c
    return conn.execute(
        select(c.body).where(c.name == name, c.format == format_, c.version == version)
    ).scalar_one_or_none()


def in_use(conn: Connection, name: str, format_: str, at: datetime | None = None) -> bytes | None:
    """The body in use, now or at a moment; None where none was."""
    c = template.c
    holds = [c.until.is_(None)] if at is None else [c.since <= at, _ends_after(at)]
    return conn.execute(
        select(c.body)
        .where(c.name == name, c.format == format_, *holds)
        .order_by(c.version.desc())
        .limit(1)
    ).scalar_one_or_none()


def add(
    conn: Connection, name: str, format_: str, body: bytes, *, by: str, now: datetime
) -> TemplateVersion:
    """Use this from now on; gives its version, the next one."""
    c = template.c
    last = conn.execute(
        select(func.max(c.version)).where(c.name == name, c.format == format_)
    ).scalar_one()
    version = (last or 0) + 1
    end(conn, name, format_, now=now)
    made: dict[str, Any] = {
        "name": name,
        "format": format_,
        "version": version,
        "body": body,
        "made_by": by,
        "since": now,
    }
    rows.add(conn, template, [made])
    return TemplateVersion(name, format_, version, len(body), by, now, None)


def end(conn: Connection, name: str, format_: str, *, now: datetime) -> bool:
    """Use none of ours any more; False where none was in use."""
    c = template.c
    of = (c.name == name, c.format == format_, c.until.is_(None))
    return bool(conn.execute(update(template).where(*of).values(until=now)).rowcount)


def _ends_after(at: datetime) -> ColumnElement[bool]:
    return or_(template.c.until.is_(None), template.c.until > at)


def _versions() -> Any:  # noqa: ANN401  a select of what TemplateVersion holds
    c = template.c
    return select(
        c.name,
        c.format,
        c.version,
        func.length(c.body).label("size"),
        c.made_by,
        c.since,
        c.until,
    )


def _version(row: Any) -> TemplateVersion:  # noqa: ANN401  a row of `_versions`
    return TemplateVersion(
        row.name, row.format, row.version, row.size, row.made_by, row.since, row.until
    )
