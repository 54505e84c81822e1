"""The block list: who is on it, and how people change it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from callrouter.domain.blocks import Blocked, find_block, whose_number
from callrouter.domain.outcomes import BLOCK_OFFERED_FOR
from storage import blocks, calls, notices
from storage.notices import Happening

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.setup import Setup
    from storage.blocks import StoredBlock


def blocked(
    conn: Connection, numbers: Iterable[str], setup: Setup, *, now: datetime
) -> dict[str, Blocked]:
    """Which of these numbers are blocked now: by setup.toml, else by the list."""
    wanted = set(numbers)
    listed = {
        number: as_blocked(one) for number, one in blocks.of_numbers(conn, wanted, now=now).items()
    }
    found = {number: find_block(number, setup, listed, now) for number in wanted}
    return {number: one for number, one in found.items() if one}


def current(conn: Connection) -> dict[str, Blocked]:
    """The whole list by number, for the snapshot; one that is past its end no longer `stands`."""
    return {one.number: as_blocked(one) for one in blocks.current(conn)}


def block(
    conn: Connection,
    number: str,
    *,
    reason: str,
    until: datetime | None,
    by: str,
    now: datetime,
) -> tuple[StoredBlock, bool]:
    """Put a number (as `read_blocked` gives it) on the list; True: it was not on it before.

    Again with another end or reason changes the block that stands.
    """
    one, before = blocks.put(conn, number, reason=reason, ends_at=until, by=by, now=now)
    if one != before:
        kind = "block_changed" if before else "block_added"
        notices.record(conn, [_told(kind, one, by, now)], now=now)
    return one, before is None


def block_caller(
    conn: Connection, call_id: str, setup: Setup, *, by: str, now: datetime
) -> StoredBlock:
    """Put the number that a call came from on the list, because it was spam.

    Raises LookupError for a call that is not there or has no number that may be blocked.
    """
    call = calls.by_ids(conn, [call_id]).get(call_id)
    number = call.caller.number if call and call.direction == "in" else None
    if number is None or whose_number(setup, number):
        raise LookupError(call_id)
    until = now + BLOCK_OFFERED_FOR
    return block(conn, number, reason="spam", until=until, by=by, now=now)[0]


def unblock(conn: Connection, id_: str, *, by: str, now: datetime) -> StoredBlock | None:
    """Take a number off the list; gives what stood there. None: there is no such block."""
    one = blocks.find(conn, id_)
    if one is None or (one.ends_at and one.ends_at <= now):
        return None
    blocks.end(conn, id_, at=now)
    notices.record(conn, [_told("block_removed", one, by, now)], now=now)
    return one


def _told(kind: str, one: StoredBlock, by: str, now: datetime) -> Happening:
    until = one.ends_at.isoformat() if one.ends_at else None
    data = {"block": one.id, "number": one.number, "until": until, "reason": one.reason}
    return Happening(kind, now, by, data=data)


def as_blocked(one: StoredBlock) -> Blocked:
    return Blocked(one.number, one.reason, one.ends_at, "list")
