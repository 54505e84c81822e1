"""Recordings: which file of sound hangs on which call."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, select

from storage import rows
from storage.rows import among
from storage.tables import recording

RecordingKind = Literal["talk", "message"]


@dataclass(frozen=True, slots=True)
class Recording:
    """A file that is whole. `ref`: the PBX's id of it, ours where it sent the file itself.

    `leg`: the PBX's id of the attempt; `seconds`: how long it plays, where that is known.
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


def of_call(conn: Connection, call: str) -> list[Recording]:
    """What hangs on a call: talks before messages, each in the order of arrival."""
    c = recording.c
    order = (c.kind.desc(), c.at, c.id)  # talk, message
    found = conn.execute(select(recording).where(c.call == call).order_by(*order))
    return [_recording(row) for row in found]


def _recording(row: Any) -> Recording:  # noqa: ANN401  a row of `recording`
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
    )
