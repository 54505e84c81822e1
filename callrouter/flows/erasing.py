"""Recordings go: the row says so at once, a job takes the file away and looks whether it is gone.

The row comes first and stays: after a kill at whatever moment it says "deleted", nobody hears it
any more, and the job that was asked for with it goes on until no file is there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from callrouter.flows import attachments, next_steps
from callrouter.flows.no_such import NoSuchContact
from callrouter.flows.obligations import close_obligation
from storage import audit, erasures, jobs, notes, notices, profiles, recordings
from storage.jobs import NewJob
from storage.notices import Happening

if TYPE_CHECKING:
    from sqlalchemy import Connection

DELETE_FILE: Final = "delete_file"
FORGET_HOOKS: Final = "forget_hooks"
RETENTION: Final = "retention"
"""Who deleted what was too old; else it is the key of a person or the name of a token."""

ERASED: Final = "erased"
"""The result of a call back that nobody owes any more: it is not known to whom."""


def delete_recordings(conn: Connection, ids: Sequence[str], *, by: str, now: datetime) -> list[str]:
    """Delete recordings, with what was read in them; gives those that were there until now."""
    gone = recordings.mark_deleted(conn, ids, by=by, now=now)
    ask_to_delete(conn, gone, now=now)
    return gone


def erase_sound(conn: Connection, call_id: str, *, by: str, now: datetime) -> int:
    """Delete every recording of a call; gives how many were there until now."""
    mine = [one.id for one in recordings.of_call(conn, call_id)]
    return len(delete_recordings(conn, mine, by=by, now=now))


@dataclass(frozen=True, slots=True)
class Erased:
    """`recordings`: how many of the contact's calls were deleted; `shared_cards`: how many cards,
    on which others stand as well, keep their notes and files.
    """

    recordings: int
    shared_cards: int


def erase_contact(
    conn: Connection, contact_id: str, *, by: str, now: datetime, address: str | None = None
) -> Erased:
    """Forget who a contact is: name, numbers, e-mails and whatever is written of him, in him and
    in those joined into him, in his tasks and requests, and every recording of his calls. A call
    back that is owed to him is closed. What the PBX sent of his calls goes in a job, bit by bit.

    Notes and files go with the cards on which he stands alone, as the main one or beside; on a card
    with other people they are of the deal, and stay. Cards, calls and letters stay as what the
    company did. Raises NoSuchContact.
    """
    if profiles.find(conn, contact_id) is None:
        raise NoSuchContact(contact_id)
    everyone = erasures.with_those_joined(conn, contact_id)
    gone = delete_recordings(conn, erasures.recordings_of(conn, everyone), by=by, now=now)
    cards = erasures.cards_of(conn, everyone)
    notes.erase_of(conn, cards.alone, now=now)
    attachments.delete_of(conn, cards.alone, by=by, now=now)
    for owed in erasures.calls_back_of(conn, everyone):
        close_obligation(conn, owed, ERASED, by=by, now=now)
    erasures.forget_tasks(conn, everyone, cards, codes=(*next_steps.RESULTS, ERASED))
    erasures.forget_told(conn, everyone, cards)
    erasures.forget(conn, everyone, now=now)
    jobs.ask(conn, [NewJob(FORGET_HOOKS, {"contact": contact_id})], now=now)
    told = Happening("contact_erased", now, by, contact=contact_id, data={"recordings": len(gone)})
    notices.record(conn, [told], now=now)
    audit.append(
        conn,
        at=now,
        actor=by,
        action="erase_contact",
        object=contact_id,
        data={"recordings": len(gone)},
        address=address,
    )
    return Erased(len(gone), len(cards.shared))


def forget_hooks(conn: Connection, contact_id: str, limit: int) -> int:
    """Empty the hooks of so many of an erased contact's calls; gives of how many."""
    return erasures.forget_hooks(conn, erasures.with_those_joined(conn, contact_id), limit)


def is_on_the_phone(conn: Connection, contact_id: str) -> bool:
    """Whether a call of an erased contact is not over: its hooks are still needed."""
    return erasures.is_on_the_phone(conn, erasures.with_those_joined(conn, contact_id))


def ask_to_delete(conn: Connection, ids: Sequence[str], *, now: datetime) -> None:
    """Let the files of deleted recordings be taken away, once more if they came again."""
    jobs.ask(conn, [NewJob(DELETE_FILE, {"recording": one}) for one in ids], now=now)


def file_is_gone(conn: Connection, id_: str, *, now: datetime) -> None:
    """The file of a deleted recording was looked for and is not there: keep that for good."""
    one = recordings.find(conn, id_)
    if one is None or one.deleted_at is None:
        return
    proof: dict[str, str | int | None] = {
        "recording": one.id,
        "sha256": one.digest,
        "bytes": one.size,
        "files_left": 0,
    }
    happening = Happening("recording_deleted", now, one.deleted_by or "", one.call, data=proof)
    notices.record(conn, [happening], now=now)
