"""Tags of contacts, as far as somebody has given them."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from storage.tables import contact_tag

MOST = 200


def tags_in_use(conn: Connection) -> tuple[str, ...]:
    """Those that most contacts have, in the order of the alphabet."""
    t = contact_tag.c
    often = func.count().desc()
    found = conn.scalars(select(t.tag).group_by(t.tag).order_by(often, t.tag).limit(MOST))
    return tuple(sorted(found))
