"""Files on cards: put there by people, taken away again by them; the row stays.

As with recordings the row says first that it is gone, and a job takes the file away until none is
there.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING, Final

from callrouter.flows.fields import tell_of
from callrouter.flows.no_such import NoSuchCard
from callrouter.flows.seeing import NotSeen, check_seen
from storage import attachments, jobs, moves, notices
from storage.attachments import Attached
from storage.ids import new_id
from storage.jobs import NewJob
from storage.notices import Happening

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.rights import Viewer

DELETE_ATTACHED: Final = "delete_attached"

MOST_BYTES: Final = 25 * 1024**2
"""Of one file."""

LONGEST_NAME: Final = 200
FOLDER: Final = "attachments"
OTHER: Final = "application/octet-stream"

_UNFIT = re.compile(r"[\x00-\x1f\x7f/\\\u202a-\u202e\u2066-\u2069]+")
_END = re.compile(r"\.([A-Za-z0-9]{1,8})$")

_MAGIC: Final = (
    (b"%PDF-", "application/pdf"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
)


class NoSuchFile(LookupError):
    """The card has no such file."""


class NotYourFile(Exception):
    """Somebody else put it there, and who asks may not delete others'."""


def type_of(head: bytes) -> str:
    """By its first bytes: what a browser may take it for once it lies on a disk.

    Everything else, pages and drawings with scripts above all, is just bytes.
    """
    return next((type_ for magic, type_ in _MAGIC if head.startswith(magic)), OTHER)


def tidy_name(said: str) -> str:
    """A file's name as its sender has it, without folders and what hides its end."""
    name = " ".join(_UNFIT.sub(" ", said.rpartition("/")[2].rpartition("\\")[2]).split())
    name = name.strip(". ")
    if len(name) > LONGEST_NAME:
        end = _END.search(name)
        tail = end[0] if end else ""
        name = name[: LONGEST_NAME - len(tail)] + tail
    return name or "file"


def place_of(id_: str, name: str) -> str:
    """Where a file lies among ours; its own name is kept in the row alone."""
    end = _END.search(name)
    return f"{FOLDER}/{id_[-2:].lower()}/{id_}.{end[1].lower() if end else 'bin'}"


def attach(
    conn: Connection,
    card_id: str,
    *,
    file_id: str,
    name: str,
    size: int,
    type_: str,
    digest: str,
    by: str,
    now: datetime,
) -> Attached:
    """Keep that a file lies on a card; it is there already, as `place_of` says.

    Raises NoSuchCard.
    """
    if moves.find(conn, card_id) is None:
        raise NoSuchCard(card_id)
    file = place_of(file_id, name)
    one = Attached(file_id, card_id, name, file, size, type_, digest, by, now)
    attachments.add(conn, one)
    _tell(conn, "file_added", one, by=by, now=now)
    return one


def new_file_id(now: datetime) -> str:
    """Of a file before it has a row."""
    return new_id(now)


def delete_file(
    conn: Connection, card_id: str, file_id: str, *, by: str, now: datetime, others: bool = False
) -> Attached:
    """Take a file away from a card; a second time does nothing.

    `others`: whoever deletes may do so with what others put there, too. Raises NoSuchFile,
    NotYourFile.
    """
    one = attachments.find(conn, file_id)
    if one is None or one.card != card_id:
        raise NoSuchFile(file_id)
    if one.by != by and not others:
        raise NotYourFile
    if attachments.mark_deleted(conn, one.id, by=by, now=now):
        ask_to_delete(conn, one.id, now=now)
        _tell(conn, "file_deleted", one, by=by, now=now)
    return one


def delete_of(conn: Connection, cards: Collection[str], *, by: str, now: datetime) -> int:
    """Take away every file on these cards, and how it was called; gives how many."""
    attachments.forget_names(conn, cards)
    gone = attachments.of_cards(conn, cards)
    for id_ in gone:
        attachments.mark_deleted(conn, id_, by=by, now=now)
        ask_to_delete(conn, id_, now=now)
    return len(gone)


def seen_file(conn: Connection, viewer: Viewer, card_id: str, file_id: str) -> Attached | None:
    """A file of a card, a deleted one too; None: there is none that this viewer may see."""
    try:
        check_seen(conn, viewer, "card", card_id)
    except NotSeen:
        return None
    one = attachments.find(conn, file_id)
    return one if one and one.card == card_id else None


def ask_to_delete(conn: Connection, id_: str, *, now: datetime) -> None:
    """Let the file of a deleted attachment be taken away."""
    jobs.ask(conn, [NewJob(DELETE_ATTACHED, {"attachment": id_})], now=now)


def attached_is_gone(conn: Connection, id_: str, *, now: datetime) -> None:
    """The file of a deleted attachment was looked for and is not there: keep that for good."""
    one = attachments.find(conn, id_)
    if one is None or one.deleted_at is None:
        return
    proof: dict[str, str | int | None] = {
        "file": one.id,
        "sha256": one.digest,
        "bytes": one.size,
        "files_left": 0,
    }
    by = one.deleted_by or ""
    notices.record(conn, [Happening("file_is_gone", now, by, None, one.card, data=proof)], now=now)


def _tell(conn: Connection, kind: str, one: Attached, *, by: str, now: datetime) -> None:
    card = moves.find(conn, one.card)
    data: dict[str, str | int | None] = {"file": one.id, "bytes": one.size}
    contact = card.contact if card else None
    notices.record(conn, [Happening(kind, now, by, None, one.card, contact, data)], now=now)
    if card:
        tell_of(conn, one.card, {card.manager}, now=now)
