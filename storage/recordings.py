"""Recordings: which file of sound hangs on which call."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from sqlalchemy import (
    ColumnElement,
    Connection,
    exists,
    false,
    func,
    or_,
    select,
    true,
    tuple_,
    update,
)

from storage import rows
from storage.listing_values import Viewer
from storage.rows import among
from storage.tables import business_event, call, card, leg, recording

RecordingKind = Literal["talk", "message"]

Hearing = Literal["recording_played", "transcript_read"]

ONE_HEARING: Final = timedelta(minutes=10)
"""A player asks for a file in many parts: within this they are one hearing."""


@dataclass(frozen=True, slots=True)
class Recording:
    """A file that is whole. `ref`: the PBX's id of it, ours where it sent the file itself.

    `leg`: the PBX's id of the attempt; `seconds`: how long it plays, where that is known. Of a
    deleted one the file is gone, or goes.
    """

    id: str
    account: str
    ref: str
    call: str
    leg: str | None
    kind: RecordingKind
    file: str
    type: str
    size: int
    digest: str
    seconds: float | None
    at: datetime
    deleted_at: datetime | None = None
    deleted_by: str | None = None


def add(conn: Connection, recordings: Sequence[Recording]) -> None:
    """Keep recordings; one that is there already stays as it is."""
    rows.add_new(
        conn,
        recording,
        [
            {
                "id": one.id,
                "account": one.account,
                "ref": one.ref,
                "call": one.call,
                "leg": one.leg,
                "kind": one.kind,
                "file": one.file,
                "type": one.type,
                "size": one.size,
                "digest": one.digest,
                "seconds": one.seconds,
                "at": one.at,
            }
            for one in recordings
        ],
    )


_KNOWN = select(recording.c.id).where(among(recording.c.id, "ids"))


def known(conn: Connection, ids: Iterable[str]) -> set[str]:
    """Which of these there are."""
    return set(conn.scalars(_KNOWN, {"ids": list(ids)}))


def find(conn: Connection, id_: str) -> Recording | None:
    row = conn.execute(_recordings().where(recording.c.id == id_)).one_or_none()
    return _recording(row) if row else None


def of_call(conn: Connection, call_id: str) -> list[Recording]:
    """What hangs on a call: talks before messages, each in the order of arrival; deleted ones too,
    so that the others keep their places.
    """
    return _of_call(conn, call_id, true())


def audible(conn: Connection, viewer: Viewer, call_id: str) -> list[Recording]:
    """`of_call` for who wants to listen; nothing is there for whom it is none of his business.

    Whose things one sees, of theirs one hears: what they talked on, and what hangs on their cards;
    a head also what was his team's then. That a phone rang, or that nobody's it is, lets nobody
    listen. A program stands for nobody and hears what its role reads.
    """
    return _of_call(conn, call_id, _audible(viewer))


def _audible(viewer: Viewer) -> ColumnElement[bool]:
    is_program = viewer.manager is None and viewer.team is None
    if not viewer.may("listen"):
        return false()
    if is_program or viewer.role in ("admin", "auditor"):
        return true()
    people = sorted({*(viewer.people or ()), *([viewer.manager] if viewer.manager else ())})
    talked = (leg.c.call == call.c.id, leg.c.manager.in_(people))
    mine: list[ColumnElement[bool]] = [
        call.c.manager.in_(people),
        card.c.manager.in_(people),
        exists().where(*talked, leg.c.answered_at.is_not(None)),
    ]
    if viewer.role == "head" and viewer.team is not None:
        mine += [call.c.team == viewer.team, card.c.team == viewer.team]
    calls = select(call.c.id).outerjoin_from(call, card, card.c.id == call.c.card)
    return recording.c.call.in_(calls.where(call.c.id == recording.c.call, or_(*mine)))


def _of_call(conn: Connection, call_id: str, which: ColumnElement[bool]) -> list[Recording]:
    c = recording.c
    order = (c.kind.desc(), c.at, c.id)  # talk, message
    found = conn.execute(_recordings().where(c.call == call_id, which).order_by(*order))
    return [_recording(row) for row in found]


# Who heard


def heard_as(one: Recording) -> Mapping[str, str]:
    """What a business event of a hearing says besides who and when."""
    return {"recording": one.id}


def heard_recently(
    conn: Connection, one: Recording, by: str, now: datetime, how: Hearing = "recording_played"
) -> bool:
    """True while it is still the same hearing."""
    since = now - ONE_HEARING
    c, data = business_event.c, json.dumps(dict(heard_as(one)), ensure_ascii=False)
    mine = (c.kind == how, c.actor == by, c.call == one.call, c.data == data)
    return conn.execute(select(c.id).where(c.at >= since, *mine).limit(1)).first() is not None


# What is in them


def keep_peaks(conn: Connection, id_: str, peaks: str, seconds: float | None) -> None:
    """How loud it is, as JSON; how long it plays stays as it was, where that was known."""
    c = recording.c
    values = {"peaks": peaks, "seconds": func.coalesce(c.seconds, seconds)}
    conn.execute(update(recording).where(c.id == id_, c.deleted_at.is_(None)).values(**values))


def keep_transcript(conn: Connection, id_: str, transcript: str, said: str) -> None:
    """What was said, as JSON, and the same folded, by which it is found."""
    c = recording.c
    values = {"transcript": transcript, "said": said}
    conn.execute(update(recording).where(c.id == id_, c.deleted_at.is_(None)).values(**values))


def peaks_of(conn: Connection, id_: str) -> str | None:
    """None: nobody has read it yet."""
    return conn.scalar(select(recording.c.peaks).where(recording.c.id == id_))


def transcript_of(conn: Connection, id_: str) -> str | None:
    """None: nobody has made text of it."""
    return conn.scalar(select(recording.c.transcript).where(recording.c.id == id_))


def transcribed(conn: Connection, ids: Iterable[str]) -> set[str]:
    """Those of which there is a text."""
    wanted = sorted(set(ids))
    if not wanted:
        return set()
    c = recording.c
    found = select(c.id).where(c.id.in_(wanted), c.transcript.is_not(None))
    return set(conn.scalars(found))


def was_said(text: str) -> ColumnElement[bool]:
    """On this row of `call` somebody said so; `text` is folded, and nothing is said by nobody."""
    if not text:
        return false()
    c = recording.c
    here = (c.call == call.c.id, c.deleted_at.is_(None), c.said.contains(text, autoescape=True))
    return exists().where(*here)


# Deleting


def mark_deleted(conn: Connection, ids: Sequence[str], *, by: str, now: datetime) -> list[str]:
    """Say that these are deleted, and forget what was read in them; gives those that were not."""
    c = recording.c
    there = select(c.id).where(among(c.id, "ids"), c.deleted_at.is_(None)).order_by(c.id)
    found = list(conn.scalars(there, {"ids": list(ids)}))
    gone = update(recording).where(among(c.id, "ids"))
    empty = {"peaks": None, "transcript": None, "said": None}
    conn.execute(gone.values(deleted_at=now, deleted_by=by, **empty), {"ids": found})
    return found


def deleted_among(conn: Connection, ids: Iterable[str]) -> list[str]:
    """Which of these were deleted."""
    c = recording.c
    query = select(c.id).where(among(c.id, "ids"), c.deleted_at.is_not(None)).order_by(c.id)
    return list(conn.scalars(query, {"ids": list(ids)}))


@dataclass(frozen=True, slots=True)
class Kept:
    """A recording that is kept, and on which line its call came."""

    id: str
    at: datetime
    line: str


def kept_before(
    conn: Connection, before: datetime, after: Kept | None = None, limit: int = 500
) -> list[Kept]:
    """The recordings of before that are kept, the oldest first; `after`: the last one met."""
    c = recording.c
    query = (
        select(c.id, c.at, call.c.line)
        .join_from(recording, call, call.c.id == c.call)
        .where(c.deleted_at.is_(None), c.at < before)
        .order_by(c.at, c.id)
        .limit(limit)
    )
    if after:
        query = query.where(c.at >= after.at, tuple_(c.at, c.id) > (after.at, after.id))
    return [Kept(row.id, row.at, row.line) for row in conn.execute(query)]


def _recordings() -> Any:  # noqa: ANN401  a select of `_recording`'s columns
    c = recording.c
    return select(
        c.id,
        c.account,
        c.ref,
        c.call,
        c.leg,
        c.kind,
        c.file,
        c.type,
        c.size,
        c.digest,
        c.seconds,
        c.at,
        c.deleted_at,
        c.deleted_by,
    )


def _recording(row: Any) -> Recording:  # noqa: ANN401  a row of `_recordings`
    return Recording(
        id=row.id,
        account=row.account,
        ref=row.ref,
        call=row.call,
        leg=row.leg,
        kind=row.kind,
        file=row.file,
        type=row.type,
        size=row.size,
        digest=row.digest,
        seconds=row.seconds,
        at=row.at,
        deleted_at=row.deleted_at,
        deleted_by=row.deleted_by,
    )
