"""A card's timeline as people read it: everything that happened to it, newest first, in pages."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, assert_never

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Table,
    and_,
    false,
    or_,
    select,
)

from storage import attachments, letters, notes, papers
from storage.attachments import Attached
from storage.letters import StoredLetter
from storage.listing_calls import calls_by_id
from storage.listing_values import (
    MOST,
    CallView,
    HappeningView,
    MoveView,
    OwnerView,
    Slice,
    Viewer,
    cut,
)
from storage.notes import Note
from storage.papers import StoredPaper
from storage.rows import among
from storage.sight import sees_calls, sees_tasks
from storage.tables import (
    attachment,
    business_event,
    call,
    document,
    lead,
    letter,
    note,
    responsibility,
    task,
    transition,
    user,
)

Filter = Literal["all", "calls", "letters", "notes", "tasks", "changes"]


@dataclass(frozen=True, slots=True)
class LeadView:
    """What a site or shop sent. `text`: as its sender wrote it."""

    at: datetime
    id: str
    name: str
    text: str
    page: str | None
    source: str | None


@dataclass(frozen=True, slots=True)
class TaskBrief:
    """A task or a call back that is owed, as the card's timeline shows it."""

    at: datetime
    id: str
    kind: str
    text: str
    owner: str
    author: str
    cause: str | None
    due_at: datetime | None
    done_at: datetime | None
    result: str | None
    closed_by: str | None


@dataclass(frozen=True, slots=True)
class LetterEntry:
    at: datetime
    letter: StoredLetter


@dataclass(frozen=True, slots=True)
class PaperEntry:
    at: datetime
    paper: StoredPaper


Line = (
    CallView
    | LetterEntry
    | PaperEntry
    | Note
    | Attached
    | LeadView
    | TaskBrief
    | MoveView
    | OwnerView
    | HappeningView
)
"""An entry of the timeline; `at` of each is where it stands."""

TOLD_BY_ROWS: Final = (
    *("card_made", "card_moved", "card_owned", "card_closed", "card_reopened", "lead"),
    *("call_began", "call_answered", "call_ended"),
    *("document_issued", "document_corrected", "document_formed_anew"),
    *("recording_played", "transcript_read", "file_is_gone"),
)
"""Business events that other entries tell already, or that tell of nothing done to the card."""

TOLD_BY_BEGINNING: Final = ("letter_", "note_", "file_", "task_", "obligation_")
_SHOWN_ALL_THE_SAME: Final = ("letter_asked_again", "letter_moved_nothing")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_CURSOR = re.compile(r"([0-9]{1,15})\.([0-9])\.([0-9A-Za-z]{1,40})")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ends: the moment, the kind's rank and the id of the last entry given."""

    at: datetime
    rank: int
    id: str

    def __str__(self) -> str:
        return f"{(self.at - _EPOCH) // _MS}.{self.rank}.{self.id}"


def read_place(text: str) -> Place | None:
    """As `str` has written it; None for what is none."""
    found = _CURSOR.fullmatch(text)
    if found is None:
        return None
    try:
        return Place(_EPOCH + _MS * int(found[1]), int(found[2]), found[3])
    except OverflowError:
        return None


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of entry: where its moments and ids stand, in which filter, in which order."""

    rank: int
    table: Table[Any]
    at: Column[Any]
    id: Column[Any]
    card: Column[Any]
    shown: Filter


_KINDS: Final = (
    _Kind(0, call, call.c.started_at, call.c.id, call.c.card, "calls"),
    _Kind(1, letter, letter.c.asked_at, letter.c.id, letter.c.card, "letters"),
    _Kind(2, document, document.c.created_at, document.c.id, document.c.card, "letters"),
    _Kind(3, note, note.c.at, note.c.id, note.c.card, "notes"),
    _Kind(4, attachment, attachment.c.at, attachment.c.id, attachment.c.card, "notes"),
    _Kind(5, lead, lead.c.at, lead.c.id, lead.c.card, "notes"),
    _Kind(6, task, task.c.created_at, task.c.id, task.c.card, "tasks"),
    _Kind(7, transition, transition.c.at, transition.c.n, transition.c.card, "changes"),
    _Kind(
        8,
        responsibility,
        responsibility.c.since,
        responsibility.c.id,
        responsibility.c.card,
        "changes",
    ),
    _Kind(
        9,
        business_event,
        business_event.c.at,
        business_event.c.id,
        business_event.c.card,
        "changes",
    ),
)


@dataclass(frozen=True, slots=True)
class Timeline:
    """`next`: from where the earlier ones are asked for; "" where there are none."""

    lines: tuple[Line, ...]
    next: str = ""


def timeline_of(
    conn: Connection,
    viewer: Viewer,
    card_id: str,
    *,
    shown: Filter = "all",
    after: Place | None = None,
    limit: int = 30,
) -> Timeline:
    """What happened to a card, newest first. Calls and tasks only as far as the viewer sees them;
    that he sees the card itself, whoever asks has looked.
    """
    limit = min(limit, MOST)
    found: list[tuple[datetime, int, Any, Line]] = []
    for kind in _KINDS:
        if shown not in ("all", kind.shown):
            continue
        for id_, line in _of_kind(conn, viewer, card_id, kind, after, limit + 1):
            found.append((line.at, -kind.rank, id_, line))
    found.sort(key=lambda one: one[:3], reverse=True)
    part: Slice[tuple[datetime, int, Any, Line]] = cut(found, limit)
    lines = tuple(one[3] for one in part.items)
    if not part.more:
        return Timeline(lines)
    at, rank, id_, _ = part.items[-1]
    return Timeline(lines, str(Place(at, -rank, str(id_))))


def _of_kind(
    conn: Connection, viewer: Viewer, card_id: str, kind: _Kind, after: Place | None, limit: int
) -> list[tuple[Any, Line]]:
    where = [kind.card == card_id, *_allowed(kind, viewer)]
    if after is not None:
        where.append(_earlier(kind, after))
    query = select(kind.table).where(*where).order_by(kind.at.desc(), kind.id.desc()).limit(limit)
    rows = conn.execute(query).all()
    if kind.table is call:
        calls = {one.id: one for one in calls_by_id(conn, [row.id for row in rows], viewer)}
        return [(row.id, calls[row.id]) for row in rows if row.id in calls]
    read = _READ[kind.rank]
    return [(getattr(row, kind.id.name), read(row)) for row in rows]


def _allowed(kind: _Kind, viewer: Viewer) -> list[ColumnElement[bool]]:
    if kind.table is call:
        return [sees_calls(viewer)]
    if kind.table is task:
        return [sees_tasks(viewer)]
    if kind.table is business_event:
        c = business_event.c.kind
        told = or_(*(c.startswith(one, autoescape=True) for one in TOLD_BY_BEGINNING))
        return [c.not_in(TOLD_BY_ROWS), or_(~told, c.in_(_SHOWN_ALL_THE_SAME))]
    return []


def _earlier(kind: _Kind, place: Place) -> ColumnElement[bool]:
    """After a place in the order: moments first, then the kinds by rank, then ids."""
    if kind.rank > place.rank:
        return kind.at <= place.at
    if kind.rank < place.rank:
        return kind.at < place.at
    if kind.table is transition:
        if not place.id.isdecimal():
            return false()
        before = kind.id < int(place.id)
    else:
        before = kind.id < place.id
    return or_(kind.at < place.at, and_(kind.at == place.at, before))


def _lead(row: Any) -> LeadView:  # noqa: ANN401  of its table, as all of these
    return LeadView(row.at, row.id, row.name, row.text, row.page, row.source)


def _task(row: Any) -> TaskBrief:  # noqa: ANN401
    return TaskBrief(
        row.created_at,
        row.id,
        row.kind,
        row.text,
        row.owner,
        row.author,
        row.cause,
        row.due_at,
        row.done_at,
        row.result,
        row.closed_by,
    )


def _letter(row: Any) -> LetterEntry:  # noqa: ANN401
    return LetterEntry(row.asked_at, letters.read(row))


def _paper(row: Any) -> PaperEntry:  # noqa: ANN401
    return PaperEntry(row.created_at, papers.read(row))


def _move(row: Any) -> MoveView:  # noqa: ANN401
    return MoveView(row.at, row.n, row.from_status, row.to_status, row.by)


def _owner(row: Any) -> OwnerView:  # noqa: ANN401
    return OwnerView(row.since, row.manager, row.until, row.by)


def _happening(row: Any) -> HappeningView:  # noqa: ANN401
    return HappeningView(row.at, row.id, row.kind, row.actor, row.call, row.data)


_READ: Final[dict[int, Callable[[Any], Line]]] = {
    1: _letter,
    2: _paper,
    3: notes.read,
    4: attachments.read,
    5: _lead,
    6: _task,
    7: _move,
    8: _owner,
    9: _happening,
}


_USERS = select(user.c.id, user.c.name).where(among(user.c.id, "ids"))


def last_change(
    conn: Connection, card_id: str, kinds: Sequence[str], named: str = ""
) -> str | None:
    """Who did such a thing to a card last; `named`: only with this among the fields it tells of.

    None where that was too long ago to be looked for.
    """
    c = business_event.c
    found = conn.execute(
        select(c.actor, c.data)
        .where(c.card == card_id, c.kind.in_(kinds))
        .order_by(c.at.desc(), c.id.desc())
        .limit(MOST)
    )
    for row in found:
        if not named or named in str(json.loads(row.data).get("fields") or "").split():
            return str(row.actor)
    return None


def user_names(conn: Connection, by: Iterable[str]) -> dict[str, str]:
    """The names of users among those who did something (`user:ID`)."""
    ids = sorted({one.removeprefix("user:") for one in by if one.startswith("user:")})
    if not ids:
        return {}
    return {row.id: row.name for row in conn.execute(_USERS, {"ids": ids})}


def doers(lines: Sequence[Line]) -> set[str]:
    """Who did what stands in these lines."""
    return {by for line in lines for by in _doers(line) if by}


def _doers(line: Line) -> Iterable[str | None]:
    match line:
        case LetterEntry():
            return (line.letter.by, line.letter.released_by)
        case PaperEntry():
            return (line.paper.by,)
        case Note() | MoveView() | OwnerView():
            return (line.by,)
        case Attached():
            return (line.by, line.deleted_by)
        case TaskBrief():
            return (line.author, line.closed_by)
        case HappeningView():
            return (line.actor,)
        case CallView() | LeadView():
            return ()
        case _:
            assert_never(line)
