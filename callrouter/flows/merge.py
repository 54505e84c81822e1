"""Two contacts turn out to be one: joined in one transaction, and taken apart again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from callrouter.domain import merging
from callrouter.domain.merging import Choice, Joined, Question, Side
from callrouter.flows import letters
from callrouter.flows.no_such import NoSuchContact
from callrouter.flows.people import Stale
from callrouter.flows.seeing import check_seen
from storage import merges, notices
from storage.merges import Merge, Stays
from storage.notices import Happening

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.rights import Viewer
    from callrouter.domain.setup import Setup


class SameContact(ValueError):
    """A contact is not joined into itself."""


class NoSuchMerge(LookupError):
    """There is no merge of this id, or none that this viewer may see."""


class CannotUndo(ValueError):
    """It was undone already, or a later one must be undone first: `later` is its id."""

    def __init__(self, later: str | None) -> None:
        super().__init__(later or "undone already")
        self.later = later


@dataclass(frozen=True, slots=True)
class Preview:
    """What a merge would do. `moves`: how many of each noun come with the gone one."""

    kept: Side
    gone: Side
    questions: tuple[Question, ...]
    joined: Joined
    moves: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Undone:
    """What was taken apart, and what stays as it became since."""

    merge: Merge
    stays: tuple[Stays, ...]


def foresee(
    conn: Connection,
    viewer: Viewer,
    kept: str,
    gone: str,
    choices: Mapping[str, Choice] | None = None,
) -> Preview:
    """What joining `gone` into `kept` would come to; nothing is written.

    Raises SameContact, NotSeen, NoSuchContact, merging.NoQuestion.
    """
    if kept == gone:
        raise SameContact(kept)
    mine, theirs = _side(conn, viewer, kept), _side(conn, viewer, gone)
    asked = merging.questions(mine, theirs, choices)
    joined = merging.join(mine, theirs, choices)
    return Preview(mine, theirs, asked, joined, merges.counts(conn, gone))


def _side(conn: Connection, viewer: Viewer, id_: str) -> Side:
    check_seen(conn, viewer, "contact", id_)
    found = merges.side(conn, id_)
    if found is None:
        raise NoSuchContact(id_)
    return found


def merge_contacts(
    conn: Connection,
    viewer: Viewer,
    kept: str,
    gone: str,
    setup: Setup,
    *,
    choices: Mapping[str, Choice] | None = None,
    versions: tuple[int, int] | None = None,
    by: str,
    now: datetime,
) -> str:
    """Join `gone` into `kept`, with all that hangs on it; gives the id of the merge.

    `versions`: of both, as whoever decided has read them; None: whatever they are. The gone one
    keeps its row and is found no more. Raises as `foresee`, and people.Stale.
    """
    found = foresee(conn, viewer, kept, gone, choices)
    if versions is not None and versions != (found.kept.version, found.gone.version):
        raise Stale("One of the two contacts was changed meanwhile.")
    id_ = merges.write(conn, kept, gone, found.joined, by=by, now=now)
    data = {"merge": id_, "gone": gone}
    told = Happening("contacts_merged", now, by, contact=kept, data=data)
    notices.record(conn, [told], now=now)
    letters.address_filled(conn, [kept], setup, by=by, now=now)
    _tell(conn, (kept,), now)
    return id_


def undo_merge(
    conn: Connection, viewer: Viewer, merge_id: str, *, by: str, now: datetime
) -> Undone:
    """Take two contacts apart that were one: each has what it had, as far as it is unchanged.

    What changed since stays as it is, and what came since stays with the kept one. Of several
    merges the newest is undone first. Raises NoSuchMerge, CannotUndo, NotSeen.
    """
    one = merges.find(conn, merge_id)
    if one is None:
        raise NoSuchMerge(merge_id)
    now_in = merges.kept_of(conn, one.kept) or one.kept
    check_seen(conn, viewer, "contact", now_in)
    if one.undone_at:
        raise CannotUndo(None)
    last = merges.last_of(conn, now_in)
    if last != one.id:
        raise CannotUndo(last)
    stays = merges.undo(conn, one, by=by, now=now)
    data = {"merge": one.id, "gone": one.gone}
    told = Happening("merge_undone", now, by, contact=one.kept, data=data)
    notices.record(conn, [told], now=now)
    _tell(conn, (one.kept, one.gone), now)
    return Undone(one, tuple(stays))


def _tell(conn: Connection, contacts: Sequence[str], now: datetime) -> None:
    """Let the screens show their open calls and cards anew."""
    notices.tell(conn, merges.open_calls(conn, contacts), now=now)
    for card, manager in merges.open_cards(conn, contacts):
        notices.tell_people(conn, "card", [manager], now=now, card=card)
