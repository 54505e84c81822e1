"""The journal: raw events with their answers, what was put in quarantine, what was refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, select, update

from callrouter.domain.events import CallEvent
from storage import rows
from storage.documents import read_event, write_event
from storage.ids import new_id
from storage.rows import among
from storage.tables import event, quarantine, refused

EventKey = tuple[str, str]
"""(account, key)."""

REFUSED_KEPT = 50


@dataclass(frozen=True, slots=True)
class Raw:
    """What came and what was answered, byte for byte."""

    body: bytes
    query: str
    answer: bytes = b""
    answer_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Stored:
    """An event of the journal as a repeat of it needs it."""

    call: str | None
    raw: Raw


@dataclass(frozen=True, slots=True)
class Refused:
    """A hook that was not let in. No body, no phones."""

    account: str
    provider: str
    at: datetime
    reason: str
    peer: str


_FIND = select(
    event.c.account,
    event.c.key,
    event.c.call,
    event.c.body,
    event.c.query,
    event.c.answer,
    event.c.answer_type,
).where(among(event.c.account, "accounts"), among(event.c.key, "keys"))


def find(conn: Connection, keys: Iterable[EventKey]) -> dict[EventKey, Stored]:
    """Which of these events the journal has already."""
    wanted = set(keys)
    if not wanted:
        return {}
    accounts, names = {account for account, _ in wanted}, {key for _, key in wanted}
    found = conn.execute(_FIND, {"accounts": accounts, "keys": names})
    return {
        (row.account, row.key): Stored(
            row.call, Raw(row.body, row.query, row.answer, row.answer_type)
        )
        for row in found
        if (row.account, row.key) in wanted
    }


def remember(
    conn: Connection,
    events: Sequence[tuple[CallEvent, str | None, Raw]],
    *,
    batch: int | None = None,
) -> None:
    """Store events, each with its call and its raw bytes; one that is there already stays.

    They stand in the order of their arrival. `batch` None: of no call, known after the last one.
    """
    numbered = {} if batch is None else {"batch": batch}
    rows.add_new(
        conn,
        event,
        [
            {
                **numbered,
                "place": place,
                "account": one.account,
                "key": one.key,
                "call": call,
                "kind": one.kind,
                "moment": one.moment,
                "received": one.received,
                "event": write_event(one),
                "joins": one.joins,
                "body": raw.body,
                "query": raw.query,
                "answer": raw.answer,
                "answer_type": raw.answer_type,
            }
            for place, (one, call, raw) in enumerate(events)
        ],
    )


def set_answers(conn: Connection, answers: Mapping[EventKey, tuple[bytes, str]]) -> None:
    """Put in what events were told after all: the truth is what the PBX heard."""
    for (account, key), (answer, answer_type) in answers.items():
        conn.execute(
            update(event)
            .where(event.c.account == account, event.c.key == key)
            .values(answer=answer, answer_type=answer_type)
        )


_EVENTS_OF = select(event.c.call, event.c.event).where(among(event.c.call, "calls"))


def events_of(conn: Connection, calls: Iterable[str]) -> dict[str, list[CallEvent]]:
    """Every event of these calls."""
    ids = list(calls)
    found: dict[str, list[CallEvent]] = {call: [] for call in ids}
    if ids:
        for row in conn.execute(_EVENTS_OF, {"calls": ids}):
            if row.call is not None:
                found[row.call].append(read_event(row.event))
    return found


_RESETS_OF = select(event.c.account, event.c.moment).where(
    among(event.c.account, "accounts"),
    event.c.kind == "reset",
    event.c.received >= bindparam("since"),
)


def resets_of(
    conn: Connection, accounts: Iterable[str], since: datetime
) -> dict[str, list[datetime]]:
    """When these accounts' PBXs said that they forgot all calls."""
    names = sorted(set(accounts))
    found: dict[str, list[datetime]] = {name: [] for name in names}
    if names:
        for row in conn.execute(_RESETS_OF, {"accounts": names, "since": since}):
            found[row.account].append(row.moment)
    return found


_SAID_LATER = select(event.c.event).where(
    event.c.account == bindparam("of_account"),
    event.c.kind == bindparam("of_kind"),
    event.c.received >= bindparam("since"),
    event.c.moment > bindparam("since"),
)


def said_later(conn: Connection, one: CallEvent) -> list[CallEvent]:
    """Events of the same kind and account that speak of a later moment."""
    of = {"of_account": one.account, "of_kind": one.kind, "since": one.moment}
    return [read_event(row.event) for row in conn.execute(_SAID_LATER, of)]


_JOINS_OF = (
    select(event.c.account, event.c.joins, event.c.moment)
    .where(
        among(event.c.account, "accounts"),
        event.c.joins.is_not(None),
        among(event.c.joins, "refs"),
    )
    .order_by(event.c.moment)
)


def joins_of(
    conn: Connection, refs: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], list[datetime]]:
    """When consultations (account, call_id) were put together with the calls they were about."""
    wanted = set(refs)
    found: dict[tuple[str, str], list[datetime]] = {}
    if wanted:
        given = {"accounts": {one for one, _ in wanted}, "refs": {ref for _, ref in wanted}}
        for row in conn.execute(_JOINS_OF, given):
            if (row.account, row.joins) in wanted:
                found.setdefault((row.account, row.joins), []).append(row.moment)
    return found


_TRANSFERS_TO = select(event.c.call, event.c.event).where(
    among(event.c.account, "accounts"), event.c.joins.is_not(None), among(event.c.joins, "refs")
)


def transfers_of(conn: Connection, refs: Iterable[tuple[str, str]]) -> list[tuple[str, CallEvent]]:
    """The transfers that put these consultations (account, call_id) together, each with the call
    that it is told of.
    """
    wanted = set(refs)
    given = {"accounts": {one for one, _ in wanted}, "refs": {ref for _, ref in wanted}}
    found = ((row.call, read_event(row.event)) for row in conn.execute(_TRANSFERS_TO, given))
    return [(call, one) for call, one in found if call and (one.account, one.other_call) in wanted]


def set_aside(
    conn: Connection,
    *,
    account: str,
    received: datetime,
    field: str,
    reason: str,
    body: bytes,
    query: str,
) -> None:
    """Keep in quarantine what was not understood."""
    rows.add(
        conn,
        quarantine,
        [
            {
                "id": new_id(received),
                "account": account,
                "received": received,
                "field": field,
                "reason": reason,
                "body": body,
                "query": query,
            }
        ],
    )


def refuse(conn: Connection, one: Refused) -> None:
    """Remember a refused hook; of each account the last 50 stay."""
    rows.add(
        conn,
        refused,
        [
            {
                "account": one.account,
                "provider": one.provider,
                "at": one.at,
                "reason": one.reason,
                "peer": one.peer,
            }
        ],
    )
    oldest = (
        select(refused.c.id)
        .where(refused.c.account == one.account)
        .order_by(refused.c.id.desc())
        .offset(REFUSED_KEPT)
        .limit(1)
        .scalar_subquery()
    )
    conn.execute(delete(refused).where(refused.c.account == one.account, refused.c.id <= oldest))


def refusals(conn: Connection) -> list[Refused]:
    """The refused hooks of all accounts, newest first."""
    c = refused.c
    return [
        Refused(row.account, row.provider, row.at, row.reason, row.peer)
        for row in conn.execute(
            select(c.account, c.provider, c.at, c.reason, c.peer).order_by(c.id.desc())
        )
    ]
