"""Callers who asked not to be recorded: kept with the contact and with the call."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, func, select, update

from storage.tables import call, contact, fetch


def refuse(conn: Connection, call_id: str, *, now: datetime) -> None:
    """Keep no sound of this call."""
    c = call.c
    conn.execute(
        update(call).where(c.id == call_id, c.unrecorded_at.is_(None)).values(unrecorded_at=now)
    )


def refuse_all(conn: Connection, contact_id: str, *, now: datetime) -> bool:
    """Record no talk with this contact from now on. False: it was so before."""
    return _say(conn, contact_id, contact.c.unrecorded_since.is_(None), now, now)


def allow(conn: Connection, contact_id: str, *, now: datetime) -> bool:
    """Talks with the contact may be recorded again. False: they might before."""
    return _say(conn, contact_id, contact.c.unrecorded_since.is_not(None), None, now)


def _say(
    conn: Connection,
    contact_id: str,
    otherwise: ColumnElement[bool],
    since: datetime | None,
    now: datetime,
) -> bool:
    k = contact.c
    change = update(contact).where(k.id == contact_id, otherwise)
    values = {"unrecorded_since": since, "updated_at": now, "version": k.version + 1}
    return conn.execute(change.values(**values)).rowcount == 1


def there_is(conn: Connection, contact_id: str) -> bool:
    return conn.scalar(select(contact.c.id).where(contact.c.id == contact_id)) is not None


def is_refused(conn: Connection, call_id: str) -> bool:
    """True when no sound of this call may be kept.

    Of a contact who asked for it that is each call since, and the one on which he did.
    """
    c, k = call.c, contact.c
    asked = and_(k.id == c.contact, k.unrecorded_since <= c.started_at)
    query = select(func.count()).select_from(call).join(contact, asked, isouter=True)
    refused = c.unrecorded_at.is_not(None) | k.unrecorded_since.is_not(None)
    return bool(conn.scalar(query.where(c.id == call_id, refused)))


def is_outgoing(conn: Connection, call_id: str) -> bool:
    """True for a call that one of ours made."""
    return conn.scalar(select(call.c.direction).where(call.c.id == call_id)) == "out"


def give_up_fetches(conn: Connection, call_id: str, *, now: datetime) -> int:
    """Fetch nothing of the call that has not come yet; gives how many that were."""
    f = fetch.c
    gone = update(fetch).where(f.call == call_id, f.state == "waiting")
    values = {"state": "unwanted", "reason": "asked", "settled_at": now}
    return conn.execute(gone.values(**values)).rowcount
