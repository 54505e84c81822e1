"""What the snapshot keeps of callers: read in pages, so that no read is long."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import or_, select

from callrouter.domain.routing import CallerFacts
from storage import cards, contacts
from storage.tables import contact, contact_phone

if TYPE_CHECKING:
    from sqlalchemy import Connection

PAGE = 1000

Mark = tuple[datetime, str]
"""Where a reading stands: (when the contact changed, its id)."""


def mark_before(conn: Connection, newest: int) -> Mark:
    """The mark after which the newest so many contacts come; all of them, where there are fewer."""
    c = contact.c
    last = conn.execute(
        select(c.updated_at, c.id)
        .order_by(c.updated_at.desc(), c.id.desc())
        .offset(newest)
        .limit(1)
    ).one_or_none()
    return (last.updated_at, last.id) if last else (datetime(1970, 1, 1, tzinfo=UTC), "")


def changed_since(
    conn: Connection, mark: Mark, limit: int = PAGE
) -> tuple[dict[str, CallerFacts], Mark | None]:
    """Callers by number, of contacts changed after a mark; then the next mark, None at the end."""
    c = contact.c
    found = conn.execute(
        select(c.id, c.updated_at)
        .where(c.updated_at >= mark[0], or_(c.updated_at > mark[0], c.id > mark[1]))
        .order_by(c.updated_at, c.id)
        .limit(limit)
    ).all()
    ids = [row.id for row in found]
    if not ids:
        return {}, None
    people = contacts.by_ids(conn, ids)
    theirs = cards.of_contacts(conn, ids)
    p = contact_phone.c
    numbers = conn.execute(select(p.number, p.contact).where(p.contact.in_(ids)))
    facts = {
        row.number: CallerFacts(
            contact=row.contact,
            name=people[row.contact].name,
            relation=people[row.contact].relation,
            responsible=people[row.contact].responsible,
            tags=people[row.contact].tags,
            cards=theirs.get(row.contact, ()),
            talked=people[row.contact].talked,
            tried=people[row.contact].tried,
        )
        for row in numbers
    }
    return facts, (found[-1].updated_at, found[-1].id)
