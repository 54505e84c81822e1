"""What the past is rebuilt from, read in pages: a running server never waits for whoever reads.

A batch is seen whole: `began_after` and `ended_after` of a row, and the number of a batch, say
what was known when it decided.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, and_, bindparam, func, or_, select

from callrouter.domain.calls import Told
from callrouter.domain.events import CallEvent
from callrouter.domain.past import Seen
from callrouter.domain.why import ToldBy
from storage.batches import Written, read_calls
from storage.coolings import read as read_cooled
from storage.counters import Pulse
from storage.documents import read_decision, read_event, read_seen
from storage.presence import read as read_presence
from storage.rows import among
from storage.tables import batch, call, cooling, decision, event, leg, load, presence, pulse

PAGE = 1000
"""Rows in one read."""

RESETS_BEFORE = timedelta(days=2)
"""So long before a call a reset may have been that touches it."""


@dataclass(frozen=True, slots=True)
class Batch:
    """A transaction that wrote calls; `at`: its `now`, to the millisecond."""

    id: int
    at: datetime
    setup: int
    events: int
    calls: Mapping[str, Written]


@dataclass(frozen=True, slots=True)
class Telling:
    """A decision as it is stored. `why`: its text, `at` its moment; `seen` None: see `told_by`."""

    told: Told
    why: str
    at: datetime
    told_by: ToldBy
    seen: Seen | None


@dataclass(frozen=True, slots=True)
class Heard:
    """An event of a call, and what it was told, if it asked. `stranger`: as the call is now."""

    batch: int
    place: int
    call: str
    stranger: bool
    event: CallEvent
    telling: Telling | None = None


# Where a period begins and ends

_FIRST = select(batch.c.id).where(batch.c.at >= bindparam("since")).order_by(batch.c.at, batch.c.id)


def first_since(conn: Connection, since: datetime) -> int | None:
    """The first batch since a moment; None: there is none."""
    return conn.execute(_FIRST.limit(1), {"since": since}).scalar_one_or_none()


def newest(conn: Connection) -> int:
    """The number of the last batch; 0: there is none."""
    return conn.execute(select(func.coalesce(func.max(batch.c.id), 0))).scalar_one()


_UNNUMBERED = (
    select(func.count())
    .select_from(event)
    .where(
        event.c.batch == 0,
        event.c.kind.in_(("ringing", "next")),
        event.c.received >= bindparam("since"),
    )
)


def count_unnumbered(conn: Connection, since: datetime) -> int:
    """How many askings there are from before batches were numbered."""
    return conn.execute(_UNNUMBERED, {"since": since}).scalar_one()


_EVENTS_BETWEEN = select(func.coalesce(func.sum(batch.c.events), 0)).where(
    batch.c.id >= bindparam("first"), batch.c.id <= bindparam("last")
)


def count_events(conn: Connection, first: int, last: int) -> int:
    """How many events of calls these batches brought."""
    return int(conn.execute(_EVENTS_BETWEEN, {"first": first, "last": last}).scalar_one())


# The journal, batch after batch

_BATCHES = (
    select(batch)
    .where(batch.c.id > bindparam("after"), batch.c.id <= bindparam("last"))
    .order_by(batch.c.id)
    .limit(PAGE)
)
_HEARD = select(
    event.c.batch,
    event.c.place,
    event.c.call,
    event.c.event,
    call.c.stranger,
    decision.c.key,
    decision.c.run,
    decision.c.attempt,
    decision.c.at,
    decision.c.setup,
    decision.c.decision,
    decision.c.why,
    decision.c.facts,
).select_from(
    event.join(call, call.c.id == event.c.call).outerjoin(
        decision, and_(decision.c.call == event.c.call, decision.c.key == event.c.key)
    )
)
_HEARD_BETWEEN = _HEARD.where(
    event.c.batch > bindparam("after"), event.c.batch <= bindparam("last")
)
_HEARD_BEFORE = _HEARD.where(among(event.c.call, "calls"), event.c.batch < bindparam("first"))


@dataclass(frozen=True, slots=True)
class Page:
    """Batches in their order, with what they brought, in the order of arrival.

    `before`: what came earlier of calls that are not `known` to whoever reads.
    """

    batches: Sequence[Batch]
    heard: Mapping[int, Sequence[Heard]]
    before: Mapping[str, Sequence[Heard]]


def read_page(conn: Connection, after: int, last: int, known: Collection[str]) -> Page:
    """The next batches after one, up to the `last`; no more of them than hold a page of events."""
    batches = _cut(_batch(row) for row in conn.execute(_BATCHES, {"after": after, "last": last}))
    if not batches:
        return Page((), {}, {})
    upto = batches[-1].id
    heard: dict[int, list[Heard]] = {}
    met = {id_ for one in batches for id_ in one.calls}
    for row in conn.execute(_HEARD_BETWEEN, {"after": after, "last": upto}):
        heard.setdefault(row.batch, []).append(_heard(row))
        met.add(row.call)
    for some in heard.values():
        some.sort(key=_place)
    before: dict[str, list[Heard]] = {}
    if unknown := met.difference(known):
        of = {"calls": unknown, "first": batches[0].id}
        for row in conn.execute(_HEARD_BEFORE, of):
            before.setdefault(row.call, []).append(_heard(row))
        for some in before.values():
            some.sort(key=_place)
    return Page(batches, heard, before)


def _cut(batches: Iterable[Batch]) -> list[Batch]:
    found: list[Batch] = []
    events = 0
    for one in batches:
        events += one.events
        if found and events > PAGE:
            break
        found.append(one)
    return found


def _batch(row: Any) -> Batch:  # noqa: ANN401  a row of `batch`
    return Batch(row.id, row.at, row.setup, row.events, read_calls(row.calls))


def _heard(row: Any) -> Heard:  # noqa: ANN401  a row of `_HEARD`
    telling = None
    if row.decision is not None:
        decided = read_decision(row.decision)
        told = Told(row.key, row.run, row.attempt, row.at, decided, row.setup)
        why = json.loads(row.why)
        at = datetime.fromisoformat(why["at"])
        telling = Telling(told, row.why, at, why["told_by"], read_seen(row.facts))
    return Heard(row.batch, row.place, row.call, row.stranger, read_event(row.event), telling)


def _place(one: Heard) -> tuple[int, int]:
    return (one.batch, one.place)


class Reset(NamedTuple):
    """A PBX said that it forgot all calls begun before `moment`; known `after` a batch."""

    account: str
    moment: datetime
    received: datetime
    after: int


_RESETS = select(event.c.account, event.c.moment, event.c.received, event.c.batch).where(
    among(event.c.account, "accounts"),
    event.c.kind == "reset",
    event.c.received >= bindparam("since"),
)


def resets(conn: Connection, accounts: Iterable[str], since: datetime) -> list[Reset]:
    of = {"accounts": sorted(set(accounts)), "since": since}
    return [Reset(*row) for row in conn.execute(_RESETS, of)]


# What is kept as intervals


class Interval(NamedTuple):
    """A row that held from after one batch until after another; None: it still does."""

    id: str
    manager: str
    began_after: int
    ended_after: int | None
    value: Any


class Counted(NamedTuple):
    """So many open cards of a manager in a status, last touched on a day."""

    pipeline: str
    status: str
    day: int
    cards: int


_LOAD_NOW = select(load).where(load.c.until.is_(None), load.c.id > bindparam("mark"))
_LOAD_ENDED = select(load).where(
    load.c.ended_after >= bindparam("ended"),
    or_(load.c.ended_after > bindparam("ended"), load.c.id > bindparam("mark")),
)


def loads_now(conn: Connection, mark: str) -> list[Interval]:
    """A page of the counters that stand, by id after a mark."""
    found = conn.execute(_LOAD_NOW.order_by(load.c.id).limit(PAGE), {"mark": mark})
    return [_counter(row) for row in found]


def loads_ended(conn: Connection, ended: int, mark: str) -> list[Interval]:
    """A page of those that ended after a batch or later, by (end, id) after (`ended`, `mark`)."""
    found = conn.execute(
        _LOAD_ENDED.order_by(load.c.ended_after, load.c.id).limit(PAGE),
        {"ended": ended, "mark": mark},
    )
    return [_counter(row) for row in found]


def _counter(row: Any) -> Interval:  # noqa: ANN401  a row of `load`
    value = Counted(row.pipeline, row.status, row.day, row.cards)
    return Interval(row.id, row.manager, row.began_after, row.ended_after, value)


def said(conn: Connection, first: int, mark: str) -> list[Interval]:
    """A page of what was said of presence and held at batch `first` or later, by id."""
    c = presence.c
    held = or_(c.ended_after.is_(None), c.ended_after >= first)
    found = conn.execute(_page(select(presence).where(held, c.id > mark), c.id))
    return [
        Interval(
            row.id,
            row.manager,
            row.began_after,
            row.ended_after,
            read_presence(row),
        )
        for row in found
    ]


def cooled(conn: Connection, since: datetime, mark: str) -> list[Interval]:
    """A page of the coolings that were to last until after a moment, by id."""
    c = cooling.c
    found = conn.execute(_page(select(cooling).where(c.ends_at > since, c.id > mark), c.id))
    return [
        Interval(
            row.id,
            row.manager,
            row.began_after,
            row.ended_after,
            read_cooled(row),
        )
        for row in found
    ]


def _page(statement: Select[Any], by: Any) -> Select[Any]:  # noqa: ANN401  a column
    return statement.order_by(by).limit(PAGE)


# Offers and talks from before


def pulses(conn: Connection) -> dict[str, Pulse]:
    """Everybody's last offer and last talk, as they are now."""
    return {
        row.manager: (row.last_offer, row.last_talk)
        for row in conn.execute(select(pulse.c.manager, pulse.c.last_offer, pulse.c.last_talk))
    }


class Leg(NamedTuple):
    """A leg that rang a manager or talked, as it is now."""

    call: str
    manager: str
    offer: datetime | None
    talk: datetime | None


_LEGS_BEFORE = (
    select(
        leg.c.call,
        leg.c.manager,
        leg.c.ring_from,
        leg.c.answered_at,
        leg.c.ended_at,
        leg.c.machine,
    )
    .where(leg.c.call < bindparam("before"), leg.c.manager.is_not(None))
    .order_by(leg.c.call.desc(), leg.c.ref)
    .limit(PAGE)
)


def legs_before(conn: Connection, before: str) -> tuple[list[Leg], str | None]:
    """A page of the legs of calls before one, the latest first; then the next mark, if any."""
    found = [
        Leg(
            row.call,
            row.manager or "",
            row.ring_from,
            (row.ended_at or row.answered_at) if row.answered_at and not row.machine else None,
        )
        for row in conn.execute(_LEGS_BEFORE, {"before": before})
    ]
    if len(found) < PAGE:
        return found, None
    whole = [one for one in found if one.call != found[-1].call]
    return whole, whole[-1].call if whole else None
