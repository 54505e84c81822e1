"""Alarms: what is wrong and since when, and what of it can be read from the base."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import Connection, and_, case, func, or_, select, update

from callrouter.domain.alarms import STUCK, WEEKS, AlarmKind, Found, Heard, Standing
from storage import rows
from storage.ids import new_id
from storage.tables import alarm, call, decision, job, refused

_GIVEN_UP = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Alarm:
    """`until` None: it is open."""

    id: str
    found: Found
    since: datetime
    until: datetime | None


def opened(conn: Connection) -> list[Standing]:
    """Those that are open, the oldest first."""
    c = alarm.c
    query = select(c.id, c.kind, c.subject, c.data, c.since).where(c.open_for.is_not(None))
    return [_standing(row) for row in conn.execute(query.order_by(c.since, c.id))]


def count_open(conn: Connection) -> int:
    query = select(func.count()).select_from(alarm).where(alarm.c.open_for.is_not(None))
    return conn.execute(query).scalar_one()


def latest(conn: Connection, since: datetime, limit: int = 100) -> list[Alarm]:
    """Those that are open, and those that began after a moment, the newest first."""
    c = alarm.c
    query = (
        select(c.id, c.kind, c.subject, c.data, c.since, c.until)
        .where(or_(c.open_for.is_not(None), c.since >= since))
        .order_by(c.open_for.is_(None), c.since.desc(), c.id.desc())
        .limit(limit)
    )
    return [_alarm(row) for row in conn.execute(query)]


def listed(
    conn: Connection, *, opened: bool | None = None, after: str | None = None, limit: int = 50
) -> list[Alarm]:
    """The newest first. `opened` False: those that are over; `after`: the id of the last before."""
    c = alarm.c
    query = select(c.id, c.kind, c.subject, c.data, c.since, c.until)
    if opened is not None:
        query = query.where(c.open_for.is_not(None) if opened else c.open_for.is_(None))
    if after is not None:
        query = query.where(c.id < after)
    return [_alarm(row) for row in conn.execute(query.order_by(c.id.desc()).limit(limit))]


def of_ids(conn: Connection, ids: Sequence[str]) -> list[Alarm]:
    c = alarm.c
    query = select(c.id, c.kind, c.subject, c.data, c.since, c.until)
    return [_alarm(row) for row in conn.execute(query.where(c.id.in_(ids)).order_by(c.since, c.id))]


def open_(conn: Connection, new: Sequence[Found], *, now: datetime) -> list[Standing]:
    """Open them; none of them is open, which the gate sees to."""
    made = [Standing(new_id(now), one, now, now) for one in new]
    rows.add(
        conn,
        alarm,
        [
            {
                "id": one.id,
                "kind": one.found.kind,
                "subject": one.found.subject,
                "data": _data(one),
                "open_for": one.found.key,
                "since": now,
                "told_at": now,
            }
            for one in made
        ],
    )
    return made


def see(conn: Connection, again: Sequence[Standing]) -> None:
    """They are still there."""
    for one in again:
        conn.execute(update(alarm).where(alarm.c.id == one.id).values(data=_data(one)))


def close(conn: Connection, over: Sequence[Standing], *, now: datetime) -> None:
    for one in over:
        gone = update(alarm).where(alarm.c.id == one.id)
        conn.execute(gone.values(open_for=None, until=now, told_at=now))


def _data(one: Standing) -> str:
    return json.dumps({"n": one.found.n, "seen": int(one.seen.timestamp() * 1000)})


def _found(row: Any) -> tuple[Found, int]:  # noqa: ANN401  a row of `alarm`
    data = json.loads(row.data)
    kind = cast("AlarmKind", row.kind)
    return Found(kind, row.subject, int(data.get("n", 0))), int(data.get("seen", 0))


def _standing(row: Any) -> Standing:  # noqa: ANN401  a row of `alarm`
    found, seen = _found(row)
    return Standing(row.id, found, row.since, datetime.fromtimestamp(seen / 1000, row.since.tzinfo))


def _alarm(row: Any) -> Alarm:  # noqa: ANN401  a row of `alarm`
    return Alarm(row.id, _found(row)[0], row.since, row.until)


# What the base knows of how the server is


def heard(
    conn: Connection, accounts: Sequence[str], back: timedelta, *, now: datetime
) -> list[Heard]:
    """The calls of each account in this last while, and in the same while of past weeks."""
    c, week = call.c, timedelta(days=7)
    spans = [(now - n * week - back, now - n * week) for n in range(WEEKS + 1)]
    inside = [and_(c.started_at > since, c.started_at <= until) for since, until in spans]
    counted = [func.coalesce(func.sum(case((span, 1), else_=0)), 0) for span in inside]
    query = select(c.account, *counted).where(or_(*inside)).group_by(c.account)
    found = {row[0]: tuple(int(n) for n in row[1:]) for row in conn.execute(query)}
    nothing = (0,) * (WEEKS + 1)
    return [Heard(one, found.get(one, nothing)[0], found.get(one, nothing)[1:]) for one in accounts]


def refused_since(conn: Connection, since: datetime) -> dict[str, int]:
    """How many hooks were refused, by account; of one account at most the last fifty are known."""
    c = refused.c
    query = select(c.account, func.count()).where(c.at > since).group_by(c.account)
    return {row[0]: row[1] for row in conn.execute(query)}


def fallbacks_since(conn: Connection, since: datetime) -> int:
    """Calls that were decided without the base."""
    # By the index of calls: one is decided within minutes of its beginning.
    query = (
        select(func.count())
        .select_from(call)
        .join(decision, decision.c.call == call.c.id)
        .where(
            call.c.started_at > since - timedelta(hours=1),
            decision.c.at > since,
            decision.c.why.contains('"told_by":"snapshot"', autoescape=True),
        )
    )
    return conn.execute(query).scalar_one()


def stuck(
    conn: Connection, kinds: Sequence[str], patience: timedelta, *, now: datetime
) -> list[str]:
    """Payloads of jobs that have failed for so long, or were given up within a day."""
    c = job.c
    in_vain = and_(c.state == "ready", c.error.is_not(None), c.created_at <= now - patience)
    given_up = and_(c.state == "dead", c.ended_at > now - _GIVEN_UP)
    query = select(c.payload).where(c.kind.in_(kinds), or_(in_vain, given_up))
    return list(conn.scalars(query.limit(5000)))


def stuck_webhooks(conn: Connection, kinds: Sequence[str], *, now: datetime) -> Mapping[str, int]:
    """How many events do not get through, by webhook."""
    found = stuck(conn, kinds, STUCK, now=now)
    return Counter(str(json.loads(payload)["webhook"]) for payload in found)
