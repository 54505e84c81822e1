"""Recordings that lie at a PBX: what is to be fetched, and what became of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    exists,
    func,
    or_,
    select,
    update,
)

from callrouter.domain.events import Direction
from storage import rows
from storage.listing_values import MOST, Slice, Viewer, cut
from storage.recordings import RecordingKind
from storage.rows import among
from storage.sight import sees_calls
from storage.tables import call, contact, fetch, leg, recording

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite

FetchState = Literal["waiting", "kept", "missing", "refused", "unwanted"]

ASKED: str = "asked"
OUTGOING: str = "outgoing"
"""Why a recording is unwanted: the caller asked for it; calls out are not recorded."""


@dataclass(frozen=True, slots=True)
class Fetch:
    """A recording at a PBX. `ref`: the PBX's id of it, else made of call and address.

    `asked_at`: when it was told of, or a person asked again; `reason`: why it is not here; `tries`:
    how often it was asked for in vain; `recording`: the file that came, the first of several.
    """

    id: str
    account: str
    ref: str
    call: str
    leg: str | None
    kind: RecordingKind
    url: str | None
    asked_at: datetime
    state: FetchState = "waiting"
    reason: str | None = None
    tries: int = 0
    settled_at: datetime | None = None
    recording: str | None = None


_MAY_COME: tuple[FetchState, ...] = ("waiting", "missing", "refused")


def ask(conn: Connection, wanted: Sequence[Fetch]) -> list[Fetch]:
    """Keep that these are to be fetched; gives those of them that are waiting.

    One that is there already stays as it is, unless it has not come and is told of with another
    address now: a link that ran out is renewed so.
    """
    if not wanted:
        return []
    conn.execute(_asking(conn.dialect.name), [asdict(one) for one in wanted])
    refs = {(one.account, one.ref) for one in wanted}
    given = {"accounts": {account for account, _ in refs}, "refs": {ref for _, ref in refs}}
    found = (_fetch(row) for row in conn.execute(_WAITING, given))
    return [one for one in found if (one.account, one.ref) in refs]


@cache
def _asking(dialect: str) -> postgresql.Insert | sqlite.Insert:
    statement = rows.insertion(dialect, fetch)
    c, new = fetch.c, statement.excluded
    other = and_(new.url.is_not(None), or_(c.url.is_(None), c.url != new.url))
    return statement.on_conflict_do_update(
        index_elements=["account", "ref"],
        set_={"url": new.url, "asked_at": new.asked_at, **_ANEW},
        where=and_(new.state == "waiting", c.state != "kept", c.state != "unwanted", other),
    )


_ANEW: Mapping[str, Any] = {"state": "waiting", "reason": None, "tries": 0, "settled_at": None}

_WAITING = (
    select(fetch)
    .where(
        among(fetch.c.account, "accounts"), among(fetch.c.ref, "refs"), fetch.c.state == "waiting"
    )
    .order_by(fetch.c.id)
)


_UNWANTED = (
    select(call.c.id)
    .outerjoin_from(
        call,
        contact,
        and_(contact.c.id == call.c.contact, contact.c.unrecorded_since <= call.c.started_at),
    )
    .where(
        among(call.c.id, "calls"),
        or_(call.c.unrecorded_at.is_not(None), contact.c.unrecorded_since.is_not(None)),
    )
)


def unwanted(conn: Connection, calls: Iterable[str]) -> set[str]:
    """Of which of these calls no sound may be kept: the caller asked for that."""
    return set(conn.scalars(_UNWANTED, {"calls": list(calls)}))


_MOVE = (
    update(fetch)
    .where(fetch.c.call == bindparam("old"))
    .values(call=bindparam("new"), leg=func.coalesce(fetch.c.leg, bindparam("new_leg")))
)
_MOVE_RECORDINGS = (
    update(recording)
    .where(recording.c.call == bindparam("old"))
    .values(call=bindparam("new"), leg=func.coalesce(recording.c.leg, bindparam("new_leg")))
)


def move(conn: Connection, homes: Mapping[str, tuple[str, str | None]]) -> None:
    """Hang what hangs on calls on others: to each its new call, and the leg of what names none."""
    moves = [{"old": old, "new": new, "new_leg": to} for old, (new, to) in homes.items()]
    if moves:
        conn.execute(_MOVE, moves)
        conn.execute(_MOVE_RECORDINGS, moves)


_LEG_OF = (
    select(leg.c.ref)
    .where(
        leg.c.call == bindparam("of_call"),
        leg.c.dial == bindparam("of_dial"),
        leg.c.answered_at.is_not(None),
    )
    .order_by(leg.c.answered_at.desc(), leg.c.ref)
    .limit(1)
)


def talk_on(conn: Connection, call_id: str, dial: str) -> str | None:
    """The latest leg of a call on which this phone talked."""
    found: str | None = conn.scalar(_LEG_OF, {"of_call": call_id, "of_dial": dial})
    return found


def find(conn: Connection, id_: str) -> Fetch | None:
    row = conn.execute(select(fetch).where(fetch.c.id == id_)).one_or_none()
    return _fetch(row) if row else None


def of_call(conn: Connection, call_id: str) -> list[Fetch]:
    """What is or was to be fetched of a call, in the order in which it was told of."""
    c = fetch.c
    found = conn.execute(select(fetch).where(c.call == call_id).order_by(c.asked_at, c.id))
    return [_fetch(row) for row in found]


def note_try(conn: Connection, one: Fetch, reason: str) -> None:
    """It did not come this time."""
    c = fetch.c
    conn.execute(
        update(fetch)
        .where(c.id == one.id, c.state == "waiting", c.asked_at == one.asked_at)
        .values(tries=c.tries + 1, reason=reason)
    )


def settle(
    conn: Connection,
    id_: str,
    state: FetchState,
    *,
    reason: str | None = None,
    recording_id: str | None = None,
    now: datetime,
) -> None:
    """Write what became of one that was waiting."""
    values = {"state": state, "reason": reason, "recording": recording_id, "settled_at": now}
    waiting = (fetch.c.id == id_, fetch.c.state == "waiting")
    conn.execute(update(fetch).where(*waiting).values(**values))


def ask_again(conn: Connection, call_id: str, *, now: datetime) -> list[Fetch]:
    """Let what has not come of a call be fetched as if it were new; gives these."""
    c = fetch.c
    mine = (c.call == call_id, c.state.in_(_MAY_COME))
    conn.execute(update(fetch).where(*mine).values(asked_at=now, **_ANEW))
    return [one for one in of_call(conn, call_id) if one.state == "waiting"]


def same_sound(conn: Connection, call_id: str, digest: str) -> str | None:
    """The recording of a call that has these very bytes already."""
    c = recording.c
    mine = select(c.id).where(c.call == call_id, c.digest == digest, c.deleted_at.is_(None))
    found: str | None = conn.scalar(mine.order_by(c.id).limit(1))
    return found


# What ought to be there and is not


@dataclass(frozen=True, slots=True)
class Absent:
    """An answered call whose sound ought to be kept, and is not. `fetch`: the last that was tried.

    `line`: its number; `manager`: who talked; `caller` None: withheld, or a mere name.
    """

    call: str
    call_id: str
    account: str
    line: str
    direction: Direction
    caller: str | None
    manager: str | None
    started_at: datetime
    ended_at: datetime
    duration_s: float | None
    fetch: Fetch | None


@dataclass(frozen=True, slots=True)
class Expected:
    """Which calls ought to have a recording by now: those on `lines` begun since, ended before."""

    lines: tuple[str, ...]
    since: datetime
    before: datetime
    outgoing: bool = True


def missing(
    conn: Connection,
    expected: Expected,
    *,
    after: tuple[datetime, str] | None = None,
    limit: int = 50,
    viewer: Viewer,
) -> Slice[Absent]:
    """Answered calls without a recording, the newest first, of those that the viewer sees.

    Not those whose caller asked for it, and not those whose recording was deleted. `after`: start
    and id of the last one that was given before.
    """
    c, limit = call.c, min(limit, MOST)
    columns = (c.id, c.ref, c.account, c.line, c.direction, c.caller_number, c.manager)
    moments = (c.started_at, c.ended_at, c.duration_s)
    query = _absent(select(*columns, *moments), expected).where(sees_calls(viewer))
    if after:
        moment, id_ = after
        query = query.where(c.started_at <= moment, or_(c.started_at < moment, c.id < id_))
    ordered = query.order_by(c.started_at.desc(), c.id.desc()).limit(limit + 1)
    part = cut(conn.execute(ordered, {"lines": expected.lines}).all(), limit)
    last = _last_of(conn, [row.id for row in part.items])
    return Slice(tuple(_absence(row, last.get(row.id)) for row in part.items), part.more)


def count_missing(conn: Connection, expected: Expected) -> int:
    """How many `missing` would give in all."""
    query = _absent(select(func.count()), expected)
    return conn.scalar(query, {"lines": expected.lines}) or 0


def _absent(query: Select[*tuple[Any, ...]], expected: Expected) -> Select[*tuple[Any, ...]]:
    c = call.c
    directions = ("in", "out") if expected.outgoing else ("in",)
    refused = and_(contact.c.id == c.contact, contact.c.unrecorded_since <= c.started_at)
    wanted: list[ColumnElement[bool]] = [
        c.state == "answered",
        c.direction.in_(directions),
        c.started_at >= expected.since,
        c.ended_at <= expected.before,
        among(c.line, "lines"),
        c.unrecorded_at.is_(None),
        ~exists().where(recording.c.call == c.id),
        ~exists().where(refused),
    ]
    return query.select_from(call).where(*wanted)


def _last_of(conn: Connection, calls: Collection[str]) -> dict[str, Fetch]:
    """The last fetch of each of these calls."""
    query = select(fetch).where(among(fetch.c.call, "calls")).order_by(fetch.c.asked_at, fetch.c.id)
    return {row.call: _fetch(row) for row in conn.execute(query, {"calls": list(calls)})}


def _absence(row: Any, last: Fetch | None) -> Absent:  # noqa: ANN401  a row of `missing`
    return Absent(
        call=row.id,
        call_id=row.ref,
        account=row.account,
        line=row.line,
        direction=row.direction,
        caller=row.caller_number,
        manager=row.manager,
        started_at=row.started_at,
        ended_at=row.ended_at,
        duration_s=row.duration_s,
        fetch=last,
    )


def _fetch(row: Any) -> Fetch:  # noqa: ANN401  a row of `fetch`
    return Fetch(
        id=row.id,
        account=row.account,
        ref=row.ref,
        call=row.call,
        leg=row.leg,
        kind=row.kind,
        url=row.url,
        asked_at=row.asked_at,
        state=row.state,
        reason=row.reason,
        tries=row.tries,
        settled_at=row.settled_at,
        recording=row.recording,
    )
