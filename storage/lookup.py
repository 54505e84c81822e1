"""By which words and digits contacts are found: rows of `lookup`, kept up where contacts change.

A term is written in the transaction that changes the contact. Whatever was written otherwise, as by
a version before, is brought up by `stale` and `refresh`, step by step.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, select

from callrouter.domain.searching import terms_of
from storage import rows
from storage.rows import among
from storage.tables import contact, contact_email, contact_phone, lookup

STEP: Final = 250
"""So many contacts at most are looked at in one transaction."""

_NAMES = select(
    contact.c.id,
    contact.c.name,
    contact.c.first_name,
    contact.c.middle_name,
    contact.c.last_name,
    contact.c.inn,
).where(among(contact.c.id, "ids"), contact.c.merged_into.is_(None))
_PHONES = select(contact_phone.c.contact, contact_phone.c.number).where(
    among(contact_phone.c.contact, "ids")
)
_EMAILS = select(contact_email.c.contact, contact_email.c.email).where(
    among(contact_email.c.contact, "ids")
)
_TERMS = select(lookup.c.contact, lookup.c.term).where(among(lookup.c.contact, "ids"))
_FORGET = delete(lookup).where(
    lookup.c.term == bindparam("b_term"), lookup.c.contact == bindparam("b_contact")
)
_FORGET_ALL = delete(lookup).where(among(lookup.c.contact, "ids"))
_IDS = (
    select(contact.c.id)
    .where(contact.c.id < bindparam("before"))
    .order_by(contact.c.id.desc())
    .limit(bindparam("most"))
)


def note_new(conn: Connection, names: Mapping[str, str], phones: Mapping[str, str]) -> None:
    """Let contacts just made be found: the name and the number (E.164) of each, by id.

    The hot path: one statement, and nothing is read.
    """
    found = {id_: terms_of([name]) for id_, name in names.items()}
    for id_, number in phones.items():
        found[id_] = found.get(id_, frozenset()) | terms_of([], [number])
    _add(conn, found)


def refresh(conn: Connection, ids: Iterable[str]) -> int:
    """Write by what these contacts are found, as they now are; gives how many were not so yet.

    Who is merged into another, or is not there, is found by nothing.
    """
    asked = {"ids": sorted(set(ids))}
    if not asked["ids"]:
        return 0
    right, stored = _right(conn, asked), _stored(conn, asked)
    gone = [
        {"b_term": term, "b_contact": id_}
        for id_, terms in sorted(stored.items())
        for term in sorted(terms - right.get(id_, frozenset()))
    ]
    if gone:
        conn.execute(_FORGET, gone)
    new = {id_: terms - stored.get(id_, set()) for id_, terms in right.items()}
    _add(conn, new)
    return len({one["b_contact"] for one in gone} | {id_ for id_, terms in new.items() if terms})


def forget(conn: Connection, ids: Iterable[str]) -> None:
    """Let nothing lead to these contacts any more."""
    conn.execute(_FORGET_ALL, {"ids": sorted(set(ids))})


def stale(
    conn: Connection, before: str | None = None, most: int = STEP
) -> tuple[list[str], str | None]:
    """Which contacts are not found as they should be, among the next ones, the newest first.

    `before`: the id that was given as the second value; None there: those were the last.
    """
    given: dict[str, Any] = {"before": before or "~", "most": most}
    ids = list(conn.scalars(_IDS, given))
    asked = {"ids": ids}
    if not ids:
        return [], None
    right, stored = _right(conn, asked), _stored(conn, asked)
    wrong = [id_ for id_ in ids if right.get(id_, frozenset()) != stored.get(id_, set())]
    return wrong, ids[-1] if len(ids) == most else None


def measure(conn: Connection) -> None:
    """Let PostgreSQL see that the table has grown, or it is read whole. It may run as a read."""
    if conn.dialect.name == "postgresql":
        conn.exec_driver_sql(f"ANALYZE {lookup.name}")


def _right(conn: Connection, asked: Mapping[str, list[str]]) -> dict[str, frozenset[str]]:
    phones, emails = rows.lists(conn, _PHONES, asked), rows.lists(conn, _EMAILS, asked)
    return {
        row.id: terms_of(
            (row.name, row.first_name, row.middle_name, row.last_name),
            phones.get(row.id, ()),
            emails.get(row.id, ()),
            row.inn,
        )
        for row in conn.execute(_NAMES, asked)
    }


def _stored(conn: Connection, asked: Mapping[str, list[str]]) -> dict[str, set[str]]:
    return {id_: set(terms) for id_, terms in rows.lists(conn, _TERMS, asked).items()}


def _add(conn: Connection, found: Mapping[str, Iterable[str]]) -> None:
    """In the order of the key, as every writer goes."""
    new = sorted((term, id_) for id_, terms in found.items() for term in terms)
    rows.add_new(conn, lookup, [{"term": term, "contact": id_} for term, id_ in new])
