"""The caller's "do not record": said once, kept for all his calls; of this one nothing stays."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from callrouter.flows.erasing import erase_sound
from callrouter.flows.no_such import NoSuchCall, NoSuchContact
from storage import choices, notices, unrecorded
from storage.notices import Happening

if TYPE_CHECKING:
    from sqlalchemy import Connection


@dataclass(frozen=True, slots=True)
class Refused:
    """What a caller's wish came to. `contact` None: nobody knows who he is, it holds for the call.

    `erased`: recordings of the call that were there and go; `not_fetched`: that had not come yet.
    """

    contact: str | None
    erased: int
    not_fetched: int


def refuse_recording(conn: Connection, call_id: str, *, by: str, now: datetime) -> Refused:
    """Record this caller no more, and keep nothing of this call. Raises NoSuchCall."""
    found = choices.find(conn, call_id)
    if found is None:
        raise NoSuchCall
    unrecorded.refuse(conn, call_id, now=now)
    if found.contact:
        unrecorded.refuse_all(conn, found.contact, now=now)
    not_fetched = unrecorded.give_up_fetches(conn, call_id, now=now)
    erased = erase_sound(conn, call_id, by=by, now=now)
    data = {"erased": erased, "not_fetched": not_fetched}
    one = Happening("recording_refused", now, by, call_id, found.card, found.contact, data)
    notices.record(conn, [one], now=now)
    notices.tell(conn, [call_id], now=now)
    return Refused(found.contact, erased, not_fetched)


def say_recording(
    conn: Connection, contact_id: str, *, allowed: bool, by: str, now: datetime
) -> bool:
    """Whether talks with a contact may be recorded from now on; False: it was so before.

    Raises NoSuchContact.
    """
    if not unrecorded.there_is(conn, contact_id):
        raise NoSuchContact
    change = unrecorded.allow if allowed else unrecorded.refuse_all
    if not change(conn, contact_id, now=now):
        return False
    kind = "recording_allowed" if allowed else "recording_refused"
    notices.record(conn, [Happening(kind, now, by, contact=contact_id)], now=now)
    return True
