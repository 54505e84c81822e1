"""Replays that somebody asked for on a page: a row each, with how far it is and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import Connection, delete, select, update

from storage import rows
from storage.documents import read_replayed, read_setup, write_replayed, write_setup
from storage.rows import among
from storage.tables import replay

if TYPE_CHECKING:
    from callrouter.domain.replayed import Replayed
    from callrouter.domain.setup import Setup

ReplayState = Literal["waiting", "running", "done", "cancelled", "failed"]


@dataclass(frozen=True, slots=True)
class Replay:
    """A replay without its rules and its result. `draft` None: on the rules that were in force.

    `name`: the draft's, as it was called then; `done`, `out_of`: events gone through, of how many;
    `error`: why it failed.
    """

    id: str
    draft: str | None
    name: str
    since: datetime
    until: datetime
    state: ReplayState
    by: str
    created_at: datetime
    done: int = 0
    out_of: int = 0
    error: str | None = None
    ended_at: datetime | None = None

    @property
    def open(self) -> bool:
        return self.state in ("waiting", "running")


_c = replay.c
_OPEN = _c.state.in_(("waiting", "running"))
_COLUMNS = (
    _c.id,
    _c.draft,
    _c.name,
    _c.since,
    _c.until,
    _c.state,
    _c.by,
    _c.created_at,
    _c.done,
    _c.out_of,
    _c.error,
    _c.ended_at,
)


def add(conn: Connection, one: Replay, rules: Setup | None) -> None:
    """Keep a new one, with the rules that it is tried on."""
    document = None if rules is None else write_setup(rules)
    row = {column.name: getattr(one, column.name) for column in _COLUMNS}
    rows.add(conn, replay, [{**row, "document": document}])


def find(conn: Connection, id_: str) -> Replay | None:
    row = conn.execute(select(*_COLUMNS).where(_c.id == id_)).one_or_none()
    return _replay(row) if row else None


def rules_of(conn: Connection, id_: str) -> Setup | None:
    """The rules that it is tried on; None: those that were in force."""
    text = conn.execute(select(_c.document).where(_c.id == id_)).scalar_one_or_none()
    return None if text is None else read_setup(text)


def result_of(conn: Connection, id_: str) -> Replayed | None:
    """What came of one that is done."""
    text = conn.execute(select(_c.result).where(_c.id == id_)).scalar_one_or_none()
    return None if text is None else read_replayed(text)


def listed(conn: Connection, limit: int, *, after: str | None = None) -> list[Replay]:
    """The newest first; `after`: the id of the last before."""
    query = select(*_COLUMNS).order_by(_c.id.desc()).limit(limit)
    if after is not None:
        query = query.where(_c.id < after)
    return [_replay(row) for row in conn.execute(query)]


def under_way(conn: Connection) -> list[Replay]:
    """Those that wait or run, in the order in which they were asked for."""
    query = select(*_COLUMNS).where(_OPEN).order_by(_c.created_at, _c.id)
    return [_replay(row) for row in conn.execute(query)]


def rules_are(conn: Connection, id_: str, rules: Setup | None) -> bool:
    """Whether it is tried on just these rules."""
    text = conn.execute(select(_c.document).where(_c.id == id_)).scalar_one_or_none()
    return text == (None if rules is None else write_setup(rules))


# Its life


def begin(conn: Connection, id_: str) -> bool:
    """It runs from now on; False: it did not wait any more."""
    waits = update(replay).where(_c.id == id_, _c.state == "waiting")
    return conn.execute(waits.values(state="running")).rowcount == 1


def went_on(conn: Connection, id_: str, done: int, out_of: int) -> bool:
    """How far it is; False: it is not to run any more."""
    runs = update(replay).where(_c.id == id_, _c.state == "running")
    return conn.execute(runs.values(done=done, out_of=out_of)).rowcount == 1


def finish(conn: Connection, id_: str, result: Replayed, *, now: datetime) -> bool:
    runs = update(replay).where(_c.id == id_, _c.state == "running")
    text = write_replayed(result)
    values = {"state": "done", "result": text, "ended_at": now, "done": _c.out_of}
    return conn.execute(runs.values(values)).rowcount == 1


def fail(conn: Connection, id_: str, error: str, *, now: datetime) -> bool:
    runs = update(replay).where(_c.id == id_, _c.state == "running")
    return conn.execute(runs.values(state="failed", error=error, ended_at=now)).rowcount == 1


def cancel(conn: Connection, id_: str, *, now: datetime) -> bool:
    """False: it had ended before."""
    runs = update(replay).where(_c.id == id_, _OPEN)
    return conn.execute(runs.values(state="cancelled", ended_at=now)).rowcount == 1


def forget(conn: Connection, before: datetime, most: int) -> None:
    """Delete those that were asked for before, and of the others all but the newest `most`."""
    over = _c.state.not_in(("waiting", "running"))
    conn.execute(delete(replay).where(over, _c.created_at < before))
    newest = select(_c.id).order_by(_c.created_at.desc(), _c.id.desc())
    older = list(conn.scalars(newest.offset(most)))
    conn.execute(delete(replay).where(over, among(_c.id, "ids")), {"ids": older})


def _replay(row: Any) -> Replay:  # noqa: ANN401  of _COLUMNS
    return Replay(**{column.name: getattr(row, column.name) for column in _COLUMNS})
