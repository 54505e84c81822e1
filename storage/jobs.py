"""Jobs: work after the answer, asked for in the transaction of what it is about.

Whoever works on a job has a lease with a token. A lease that ran out is anybody's: who takes it has
a new token, and what the old one writes comes to nothing. So a dead worker needs no detector, and
what a job does to the base happens exactly once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, and_, delete, func, or_, select, update

from storage import rows
from storage.ids import new_id
from storage.rows import among
from storage.tables import job

JobState = Literal["ready", "leased", "done", "dead"]
Payload = Mapping[str, str | int | float | bool | None]


@dataclass(frozen=True, slots=True)
class NewJob:
    """Work that is asked for. `key`: the same work is asked for once, however often it is said.

    `due_at` None: at once.
    """

    kind: str
    payload: Payload = field(default_factory=dict)
    key: str | None = None
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """`attempts`: how often it was begun; `due_at` of a leased one: when its lease ends."""

    id: str
    kind: str
    payload: Payload
    key: str | None
    state: JobState
    due_at: datetime
    attempts: int
    token: str | None
    error: str | None
    created_at: datetime
    ended_at: datetime | None


def ask(conn: Connection, wanted: Sequence[NewJob], *, now: datetime) -> None:
    """Ask for work; what was asked for by the same key before stays as it is."""
    rows.add_new(
        conn,
        job,
        [
            {
                "id": new_id(now),
                "kind": one.kind,
                "payload": json.dumps(dict(one.payload), ensure_ascii=False),
                "key": one.key,
                "state": "ready",
                "due_at": one.due_at or now,
                "created_at": now,
            }
            for one in wanted
        ],
    )


def ask_by_clock(conn: Connection, kind: str, name: str, tick: datetime, *, now: datetime) -> None:
    """Ask for the work of a schedule's tick, once over all nodes.

    A schedule that was never met begins with its next tick: this one counts as done.
    """
    met = conn.execute(select(job.c.id).where(job.c.key.startswith(_clock(name), autoescape=True)))
    new = met.first() is None
    row = {
        "id": new_id(now),
        "kind": kind,
        "payload": json.dumps({"tick": tick.isoformat()}),
        "key": f"{_clock(name)}{tick.isoformat()}",
        "state": "done" if new else "ready",
        "due_at": now,
        "created_at": now,
        "ended_at": now if new else None,
    }
    rows.add_new(conn, job, [row])


def _clock(name: str) -> str:
    return f"clock:{name}:"


_OPEN = job.c.state.in_(("ready", "leased"))


def next_due(conn: Connection, kinds: Iterable[str]) -> datetime | None:
    """When the next work of these kinds is to be done, or taken over."""
    query = select(func.min(job.c.due_at)).where(_OPEN, among(job.c.kind, "kinds"))
    return conn.scalar(query, {"kinds": list(kinds)})


def claim(
    conn: Connection, room: Mapping[str, int], lease: Mapping[str, timedelta], *, now: datetime
) -> list[Job]:
    """Take what is due, of each kind as much as there is room for, the longest due first."""
    c = job.c
    found: list[Job] = []
    for kind, free in room.items():
        if free <= 0:
            continue
        query = select(c.id).where(_OPEN, c.kind == kind, c.due_at <= now)
        ids = {"ids": list(conn.scalars(query.order_by(c.due_at, c.id).limit(free)))}
        if not ids["ids"]:
            continue
        until = now + lease[kind]
        taken = update(job).where(among(c.id, "ids"))
        taken = taken.values(state="leased", token=new_id(now), attempts=c.attempts + 1)
        conn.execute(taken.values(due_at=until), ids)
        mine = select(job).where(among(c.id, "ids")).order_by(c.id)
        found += [_job(row) for row in conn.execute(mine, ids)]
    return found


def prolong(conn: Connection, one: Job, until: datetime) -> bool:
    """Keep a lease for longer. False: it is somebody else's by now."""
    return _change(conn, one, due_at=until)


def finish(conn: Connection, one: Job, *, now: datetime) -> bool:
    """It is done. False: the lease was lost, and nothing of this transaction may stay."""
    return _change(conn, one, state="done", ended_at=now, error=None)


def put_back(conn: Connection, one: Job, due_at: datetime, error: str, *, counted: bool) -> bool:
    """Do it again later; `counted` False: this was no failed attempt."""
    attempts = one.attempts if counted else one.attempts - 1
    return _change(conn, one, state="ready", due_at=due_at, error=error, attempts=attempts)


def bury(conn: Connection, one: Job, error: str, *, now: datetime) -> bool:
    """Give up until a person asks for it again."""
    return _change(conn, one, state="dead", ended_at=now, error=error)


def _change(conn: Connection, one: Job, **values: Any) -> bool:  # noqa: ANN401  columns
    c = job.c
    mine = (c.id == one.id, c.state == "leased", c.token == one.token)
    return conn.execute(update(job).where(*mine).values(**values)).rowcount == 1


def revive(conn: Connection, id_: str, *, now: datetime) -> Job | None:
    """Run a dead job again, with all its attempts before it; None: there is no such dead one."""
    fresh = {"state": "ready", "due_at": now, "attempts": 0, "ended_at": None}
    dead = update(job).where(job.c.id == id_, job.c.state == "dead")
    return find(conn, id_) if conn.execute(dead.values(**fresh)).rowcount else None


def hurry(conn: Connection, kind: str, *, now: datetime) -> int:
    """What waits and has not failed is due now: what it waited for may be there."""
    c = job.c
    waiting = (c.kind == kind, c.state == "ready", c.attempts == 0, c.due_at > now)
    return conn.execute(update(job).where(*waiting).values(due_at=now)).rowcount


def find(conn: Connection, id_: str) -> Job | None:
    row = conn.execute(select(job).where(job.c.id == id_)).one_or_none()
    return _job(row) if row else None


def of_key(conn: Connection, key: str) -> Job | None:
    row = conn.execute(select(job).where(job.c.key == key)).one_or_none()
    return _job(row) if row else None


def listed(
    conn: Connection,
    *,
    dead: bool = False,
    after: tuple[datetime, str] | None = None,
    limit: int = 50,
) -> list[Job]:
    """The dead ones, the latest first; or those that are still to be done, the next first.

    `after`: when the last one before was given up, or is to be done, and its id.
    """
    c = job.c
    if dead:
        query = select(job).where(c.state == "dead").order_by(c.ended_at.desc(), c.id.desc())
    else:
        query = select(job).where(_OPEN).order_by(c.due_at, c.id)
    if after is not None:
        at, id_ = after
        earlier = or_(c.ended_at < at, and_(c.ended_at == at, c.id < id_))
        later = or_(c.due_at > at, and_(c.due_at == at, c.id > id_))
        query = query.where(earlier if dead else later)
    return [_job(row) for row in conn.execute(query.limit(limit))]


def counts(conn: Connection) -> dict[tuple[str, JobState], int]:
    """How many there are of each kind and state that are not done."""
    c = job.c
    query = select(c.kind, c.state, func.count().label("many")).where(c.state != "done")
    found = conn.execute(query.group_by(c.kind, c.state))
    return {(row.kind, row.state): row.many for row in found}


def forget(conn: Connection, before: datetime, limit: int = 500) -> int:
    """Delete what was done before; gives how many went."""
    c = job.c
    old = select(c.id).where(c.ended_at < before, c.state == "done").limit(limit)
    return conn.execute(delete(job).where(c.id.in_(old))).rowcount


def forget_of(
    conn: Connection, kinds: Sequence[str], done: datetime, dead: datetime, limit: int = 500
) -> int:
    """Delete what of these kinds was done, or given up, before; gives how many went."""
    c = job.c
    over = or_(
        and_(c.state == "done", c.ended_at < done), and_(c.state == "dead", c.ended_at < dead)
    )
    old = select(c.id).where(c.kind.in_(kinds), over).limit(limit)
    return conn.execute(delete(job).where(c.id.in_(old))).rowcount


def _job(row: Any) -> Job:  # noqa: ANN401  a row of `job`
    return Job(
        id=row.id,
        kind=row.kind,
        payload=json.loads(row.payload),
        key=row.key,
        state=row.state,
        due_at=row.due_at,
        attempts=row.attempts,
        token=row.token,
        error=row.error,
        created_at=row.created_at,
        ended_at=row.ended_at,
    )
