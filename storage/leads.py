"""Leads: what sites and shops sent, the consents that came with it, and who owes how many calls."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, func, select

from callrouter.domain.leads import Backlog
from storage import rows
from storage.ids import new_id
from storage.rows import among
from storage.tables import consent, lead, task


@dataclass(frozen=True, slots=True)
class StoredLead:
    """A lead and what it was answered. `system`: who sent it, within whom `external_id` is one."""

    id: str
    system: str
    external_id: str | None
    card: str
    contact: str
    new: bool
    at: datetime
    name: str = ""
    text: str = ""
    page: str | None = None
    source: str | None = None
    utm: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Consent:
    """What somebody agreed to. `evidence`: where and how, as JSON."""

    purpose: str
    how: str
    evidence: str
    given_at: datetime
    text_version: str | None = None


def find(conn: Connection, system: str, external_id: str) -> StoredLead | None:
    """The lead that was sent under this id before."""
    c = lead.c
    row = conn.execute(
        select(lead).where(c.system == system, c.external_id == external_id)
    ).one_or_none()
    if row is None:
        return None
    return StoredLead(
        row.id,
        row.system,
        row.external_id,
        row.card,
        row.contact,
        row.new,
        row.at,
        row.name,
        row.text,
        row.page,
        row.source,
        json.loads(row.utm),
    )


def keep(conn: Connection, one: StoredLead) -> None:
    """Add a lead. A second one of the same system and id is an IntegrityError."""
    rows.add(
        conn,
        lead,
        [
            {
                "id": one.id,
                "system": one.system,
                "external_id": one.external_id,
                "card": one.card,
                "contact": one.contact,
                "new": one.new,
                "at": one.at,
                "name": one.name,
                "text": one.text,
                "page": one.page,
                "source": one.source,
                "utm": json.dumps(dict(one.utm), ensure_ascii=False),
            }
        ],
    )


def add_consents(
    conn: Connection, contact: str, given: Sequence[Consent], *, now: datetime
) -> None:
    rows.add(
        conn,
        consent,
        [
            {
                "id": new_id(now),
                "contact": contact,
                "purpose": one.purpose,
                "how": one.how,
                "evidence": one.evidence,
                "text_version": one.text_version,
                "given_at": one.given_at,
            }
            for one in given
        ],
    )


_OWED = (
    select(
        task.c.owner,
        func.count().label("tasks"),
        func.max(task.c.created_at, type_=task.c.created_at.type).label("last"),
    )
    .where(among(task.c.owner, "managers"), task.c.kind == "call_back", task.c.done_at.is_(None))
    .group_by(task.c.owner)
)


def owed(conn: Connection, managers: Iterable[str]) -> dict[str, Backlog]:
    """How many call-backs each of these managers owes now, and when the last one came."""
    keys = sorted(set(managers))
    if not keys:
        return {}
    found = conn.execute(_OWED, {"managers": keys})
    return {row.owner: Backlog(row.tasks, row.last) for row in found}
