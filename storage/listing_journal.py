"""The journal as an admin looks through it: hooks taken, put aside, refused, newest first.

Of one account and kind the journal has an index by moment, so the newest of each are looked up and
laid together; never all events are read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, get_args

from sqlalchemy import ColumnElement, Connection, exists, func, select, union_all

from callrouter.domain.decisions import Decision
from callrouter.domain.events import ASKS, CallEvent, EventKind
from callrouter.domain.why import Why
from storage.documents import read_decision, read_event, read_why
from storage.journal import Raw, Refused
from storage.listing_values import Viewer
from storage.tables import call, decision, event, quarantine, refused

Outcome = Literal["answered", "again", "kept", "without_base", "aside", "refused"]
"""`answered`: it asked and was told something; `again`: it asked once more and heard the same;
`kept`: it only told; `without_base`: told from the snapshot while the base was silent; `aside`: in
quarantine; `refused`: not let in."""

SEARCHED: Final = timedelta(days=30)
"""So far back numbers and answers without the base are looked for, where no moment is said."""

MOST_CALLS: Final = 200
MOST_ACCOUNTS: Final = 50

TAKEN: Final = "aside:"
"""Begins the key of an event that was taken from quarantine; the id that it had there follows."""


@dataclass(frozen=True, slots=True)
class Sought:
    """What is looked for; None: any. `digits`: the last ones of the caller's number."""

    account: str | None = None
    outcome: Outcome | None = None
    since: datetime | None = None
    until: datetime | None = None
    call: str | None = None
    digits: str = ""


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a page ended: a moment, and how many of each kind were shown of that moment."""

    at: datetime
    events: int = 0
    aside: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True)
class EventLine:
    """An event of the journal. `told`: what it was answered, where it asked as the first."""

    event: CallEvent
    call: str | None
    told: Decision | None
    why: Why | None

    @property
    def at(self) -> datetime:
        return self.event.received


@dataclass(frozen=True, slots=True)
class AsideLine:
    """A hook in quarantine. `taken`: it was read and taken since."""

    id: str
    account: str
    at: datetime
    field: str
    reason: str
    taken: bool


Line = EventLine | AsideLine | Refused


@dataclass(frozen=True, slots=True)
class Page:
    """`after`: where the next one begins; None: that is all."""

    lines: tuple[Line, ...]
    after: Mark | None


@dataclass(frozen=True, slots=True)
class Hook:
    """One event with its bytes. `why`, `told`: as in `EventLine`; `answered_at`: when."""

    event: CallEvent
    call: str | None
    raw: Raw
    told: Decision | None
    why: Why | None


@dataclass(frozen=True, slots=True)
class AsideHook:
    """One hook in quarantine with its bytes. `taken`: the event that was made of it since."""

    id: str
    account: str
    at: datetime
    field: str
    reason: str
    raw: Raw
    taken: CallEvent | None
    call: str | None


def look_through(
    conn: Connection,
    viewer: Viewer,  # noqa: ARG001  only an admin is shown hooks
    sought: Sought,
    *,
    after: Mark | None = None,
    limit: int = 50,
) -> Page:
    """A page of the journal, the newest first."""
    most = limit + 1
    skipped = after or Mark(datetime.max.replace(tzinfo=UTC))
    until = _earliest(sought.until, after.at if after else None)
    parts: list[tuple[str, Sequence[Line]]] = [
        ("events", _events(conn, sought, until, most + skipped.events)[skipped.events :]),
        ("aside", _aside(conn, sought, until, most + skipped.aside)[skipped.aside :]),
        ("refused", _refused(conn, sought, until, most + skipped.refused)[skipped.refused :]),
    ]
    together = [(line, name) for name, lines in parts for line in lines]
    together.sort(key=lambda one: one[0].at, reverse=True)
    shown = together[:limit]
    if len(together) <= limit:
        return Page(tuple(line for line, _ in shown), None)
    at = shown[-1][0].at
    seen = {name: sum(line.at == at and name == of for line, of in shown) for name, _ in parts}
    if after and after.at == at:  # all of this page came at one moment
        seen = {name: many + getattr(after, name) for name, many in seen.items()}
    return Page(tuple(line for line, _ in shown), Mark(at, **seen))


def find_hook(
    conn: Connection,
    viewer: Viewer,  # noqa: ARG001
    account: str,
    key: str,
) -> Hook | None:
    """One event of the journal with all that was kept of it."""
    c = event.c
    row = conn.execute(select(event).where(c.account == account, c.key == key)).one_or_none()
    if row is None:
        return None
    told = _told_of(conn, [row.call] if row.call else [])
    decided, why = told.get((row.call, row.key), (None, None))
    raw = Raw(row.body, row.query, row.answer, row.answer_type)
    return Hook(read_event(row.event), row.call, raw, decided, why)


def find_aside(
    conn: Connection,
    viewer: Viewer,  # noqa: ARG001
    id_: str,
) -> AsideHook | None:
    """One hook of the quarantine."""
    row = conn.execute(select(quarantine).where(quarantine.c.id == id_)).one_or_none()
    if row is None:
        return None
    c = event.c
    made = conn.execute(
        select(c.event, c.call).where(c.account == row.account, c.key == f"{TAKEN}{id_}")
    ).one_or_none()
    taken = read_event(made.event) if made else None
    return AsideHook(
        row.id,
        row.account,
        row.received,
        row.field,
        row.reason,
        Raw(row.body, row.query, b"", ""),
        taken,
        made.call if made else None,
    )


def accounts_of(conn: Connection) -> list[str]:
    """Whose events there are, also of accounts that the Setup does not have any more.

    Each is looked up behind the one before: the table is never read.
    """
    found: list[str] = []
    last = ""
    while len(found) < MOST_ACCOUNTS:
        more = conn.scalar(select(func.min(event.c.account)).where(event.c.account > last))
        if more is None:
            break
        found.append(last := more)
    return found


def has_event(conn: Connection, account: str, kind: EventKind, received: datetime) -> bool:
    """Whether the journal has an event of this kind that came at that very moment."""
    c = event.c
    same = select(c.key).where(c.account == account, c.kind == kind, c.received == received)
    return conn.execute(same.limit(1)).first() is not None


def last_heard(conn: Connection, account: str) -> datetime | None:
    """When an account's PBX last told of something that we know; our own tests do not count."""
    c = event.c
    kinds = [kind for kind in get_args(EventKind) if kind != "unknown"]
    newest = (
        conn.scalar(select(func.max(c.received)).where(c.account == account, c.kind == kind))
        for kind in kinds
    )
    return max((at for at in newest if at), default=None)


# Events


def _events(
    conn: Connection, sought: Sought, until: datetime | None, most: int
) -> Sequence[EventLine]:
    if sought.outcome in ("aside", "refused"):
        return ()
    if sought.call or sought.digits:
        return _of_calls(conn, sought, until, most)
    found: list[Any] = []
    for account in [sought.account] if sought.account else accounts_of(conn):
        found += conn.execute(_newest(account, sought, until, most))
    found.sort(key=lambda row: row.received, reverse=True)
    return _lines(conn, found[:most])


def _newest(account: str, sought: Sought, until: datetime | None, most: int) -> Any:  # noqa: ANN401  a query
    c = event.c
    kinds = [
        select(
            select(c.account, c.key, c.received, c.batch, c.place)
            .where(c.account == account, c.kind == kind, *_within(sought, until), *_asked(sought))
            .order_by(c.received.desc(), c.batch.desc(), c.place.desc(), c.key)
            .limit(most)
            .subquery()
        )
        for kind in _kinds(sought)
    ]
    near = union_all(*kinds).subquery()
    return (
        select(c.account, c.key, c.received, c.call, c.event)
        .join(near, (c.account == near.c.account) & (c.key == near.c.key))
        .order_by(near.c.received.desc(), near.c.batch.desc(), near.c.place.desc(), near.c.key)
        .limit(most)
    )


def _of_calls(
    conn: Connection, sought: Sought, until: datetime | None, most: int
) -> Sequence[EventLine]:
    """Those of one call, or of the calls from numbers that end so."""
    c = event.c
    calls = [sought.call] if sought.call else _calls_from(conn, sought)
    query = select(c.account, c.key, c.received, c.call, c.event).where(
        c.call.in_(calls), c.kind.in_(_kinds(sought)), *_within(sought, until), *_asked(sought)
    )
    if sought.account:
        query = query.where(c.account == sought.account)
    order = (c.received.desc(), c.batch.desc(), c.place.desc(), c.account, c.key)
    return _lines(conn, conn.execute(query.order_by(*order).limit(most)).all())


def _calls_from(conn: Connection, sought: Sought) -> list[str]:
    c = call.c
    since = sought.since or (sought.until and sought.until - SEARCHED)
    query = select(c.id).where(c.caller_number.endswith(sought.digits, autoescape=True))
    if since:
        query = query.where(c.started_at >= since - timedelta(days=1))  # a call has later events
    return list(conn.scalars(query.order_by(c.started_at.desc()).limit(MOST_CALLS)))


def _kinds(sought: Sought) -> list[EventKind]:
    kinds = get_args(EventKind)
    match sought.outcome:
        case "answered" | "again" | "without_base":
            return [kind for kind in kinds if kind in ASKS]
        case "kept":
            return [kind for kind in kinds if kind not in ASKS]
        case _:
            return list(kinds)


def _within(sought: Sought, until: datetime | None) -> list[ColumnElement[bool]]:
    since = sought.since
    if since is None and sought.outcome == "without_base" and sought.until:
        since = sought.until - SEARCHED
    found = [event.c.received >= since] if since else []
    return [*found, event.c.received <= until] if until else found


def _asked(sought: Sought) -> list[ColumnElement[bool]]:
    told = exists().where(decision.c.call == event.c.call, decision.c.key == event.c.key)
    match sought.outcome:
        case "answered":
            return [told]
        case "again":  # one that goes out, or inside the house, asks for nothing
            inwards = [event.c.event.not_like(f'%"direction":"{way}"%') for way in _OUT]
            return [~told, *inwards]
        case "without_base":
            return [told.where(decision.c.why.like('%"told_by":"snapshot"%'))]
        case _:
            return []


_OUT: Final = ("out", "internal")


def _lines(conn: Connection, found: Sequence[Any]) -> Sequence[EventLine]:
    told = _told_of(conn, {row.call for row in found if row.call})
    nothing = (None, None)
    return [
        EventLine(read_event(row.event), row.call, *told.get((row.call, row.key), nothing))
        for row in found
    ]


def _told_of(
    conn: Connection, calls: Iterable[str]
) -> dict[tuple[str | None, str], tuple[Decision | None, Why | None]]:
    """By call and key of the event that asked."""
    c = decision.c
    query = select(c.call, c.key, c.decision, c.why).where(c.call.in_(list(calls)))
    return {
        (row.call, row.key): (read_decision(row.decision), read_why(row.why))
        for row in conn.execute(query)
    }


# Those that are no events


def _aside(
    conn: Connection, sought: Sought, until: datetime | None, most: int
) -> Sequence[AsideLine]:
    if sought.call or sought.digits or sought.outcome not in (None, "aside"):
        return ()
    c, made = quarantine.c, event.alias("made")
    taken = exists().where(made.c.account == c.account, made.c.key == TAKEN + c.id)
    query = select(c.id, c.account, c.received, c.field, c.reason, taken.label("taken"))
    if sought.account:
        query = query.where(c.account == sought.account)
    if sought.since:
        query = query.where(c.received >= sought.since)
    if until:
        query = query.where(c.received <= until)
    found = conn.execute(query.order_by(c.id.desc()).limit(most))  # ids are ordered by time
    return [
        AsideLine(row.id, row.account, row.received, row.field, row.reason, bool(row.taken))
        for row in found
    ]


def _refused(
    conn: Connection, sought: Sought, until: datetime | None, most: int
) -> Sequence[Refused]:
    if sought.call or sought.digits or sought.outcome not in (None, "refused"):
        return ()
    c = refused.c
    query = select(refused)
    if sought.account:
        query = query.where(c.account == sought.account)
    if sought.since:
        query = query.where(c.at >= sought.since)
    if until:
        query = query.where(c.at <= until)
    found = conn.execute(query.order_by(c.at.desc(), c.id.desc()).limit(most))
    return [Refused(row.account, row.provider, row.at, row.reason, row.peer) for row in found]


def _earliest(*moments: datetime | None) -> datetime | None:
    return min((at for at in moments if at is not None), default=None)
