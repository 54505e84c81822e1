"""Tasks of people: given by hand, or asked for by a thing of ours, at most one open for its claim.

Calls back that are owed are tasks as well; they have `storage.obligations` of their own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from storage import rows
from storage.ids import new_id
from storage.obligations import KIND as CALL_BACK
from storage.rows import among
from storage.tables import task


@dataclass(frozen=True, slots=True)
class NewTask:
    """`claim`: what it is about, up to 64 characters; `cause`: a code; `text`: what is known."""

    kind: str
    claim: str
    owner: str
    author: str
    card: str | None = None
    contact: str | None = None
    team: str | None = None
    cause: str | None = None
    text: str = ""
    due_at: datetime | None = None


def open_task(conn: Connection, one: NewTask, *, now: datetime) -> bool:
    """Ask somebody to do something; False where the claim has an open task already."""
    c = task.c
    if conn.execute(select(c.id).where(c.open_for == one.claim)).first():
        return False
    row = {
        "id": new_id(now),
        "kind": one.kind,
        "card": one.card,
        "contact": one.contact,
        "owner": one.owner,
        "author": one.author,
        "text": one.text,
        "due_at": one.due_at or now,
        "created_at": now,
        "open_for": one.claim,
        "team": one.team,
        "cause": one.cause,
    }
    rows.add_new(conn, task, [row])
    return True


def close_tasks(
    conn: Connection, claims: Iterable[str], *, by: str, now: datetime, result: str | None = None
) -> None:
    """Whatever was open for these claims is done."""
    done = {"done_at": now, "closed_by": by, "result": result, "open_for": None}
    conn.execute(
        update(task).where(among(task.c.open_for, "claims")).values(**done),
        {"claims": list(claims)},
    )


# Those that people give and do


@dataclass(frozen=True, slots=True)
class Task:
    """A task as a person works on it. `step`: of a next step, what is to be done."""

    id: str
    kind: str
    owner: str
    author: str
    text: str
    created_at: datetime
    due_at: datetime | None = None
    remind_at: datetime | None = None
    card: str | None = None
    contact: str | None = None
    call: str | None = None
    step: str | None = None
    team: str | None = None
    done_at: datetime | None = None
    version: int = 1


def add(conn: Connection, tasks: Iterable[Task]) -> None:
    """Write new tasks; one whose id is there already is passed over."""
    found = [
        {
            "id": one.id,
            "kind": one.kind,
            "owner": one.owner,
            "author": one.author,
            "text": one.text,
            "created_at": one.created_at,
            "due_at": one.due_at,
            "remind_at": one.remind_at,
            "card": one.card,
            "contact": one.contact,
            "call": one.call,
            "cause": one.step,
            "team": one.team,
        }
        for one in tasks
    ]
    rows.add_new(conn, task, found)


def find(conn: Connection, id_: str) -> Task | None:
    """A task of any kind but of a call that is owed."""
    c = task.c
    row = conn.execute(select(task).where(c.id == id_, c.kind != CALL_BACK)).one_or_none()
    return read(row) if row else None


def read(row: Any) -> Task:  # noqa: ANN401  a row of `task`
    return Task(
        id=row.id,
        kind=row.kind,
        owner=row.owner,
        author=row.author,
        text=row.text,
        created_at=row.created_at,
        due_at=row.due_at,
        remind_at=row.remind_at,
        card=row.card,
        contact=row.contact,
        call=row.call,
        step=row.cause,
        team=row.team,
        done_at=row.done_at,
        version=row.version,
    )


def finish(
    conn: Connection, ids: Iterable[str], *, result: str | None, by: str, now: datetime
) -> None:
    """These are done; those that were done before stay as they were."""
    c = task.c
    conn.execute(
        update(task)
        .where(among(c.id, "ids"), c.done_at.is_(None))
        .values(done_at=now, closed_by=by, result=result, open_for=None, version=c.version + 1),
        {"ids": list(ids)},
    )


def postpone(conn: Connection, id_: str, *, due_at: datetime, remind_at: datetime | None) -> None:
    """Give an open task another term."""
    c = task.c
    conn.execute(
        update(task)
        .where(c.id == id_, c.done_at.is_(None))
        .values(due_at=due_at, remind_at=remind_at, version=c.version + 1)
    )


def give(conn: Connection, id_: str, owner: str, team: str | None) -> None:
    """Make an open task somebody else's."""
    c = task.c
    conn.execute(
        update(task)
        .where(c.id == id_, c.done_at.is_(None))
        .values(owner=owner, team=team, version=c.version + 1)
    )


# Those that the service gives and closes by itself


def open_of_card(conn: Connection, kind: str, card_id: str) -> list[Task]:
    """The open tasks of a kind on a card."""
    c = task.c
    found = select(task).where(c.card == card_id, c.kind == kind, c.done_at.is_(None))
    return [read(row) for row in conn.execute(found.order_by(c.id))]


_OPEN_OF_CONTACTS = (
    select(task)
    .where(
        among(task.c.contact, "contacts"),
        task.c.kind == bindparam("task_kind"),
        task.c.done_at.is_(None),
    )
    .order_by(task.c.id)
)


def open_of_contacts(conn: Connection, kind: str, contacts: Iterable[str]) -> list[Task]:
    """The open tasks of a kind that concern these contacts."""
    asked = {"contacts": sorted(set(contacts)), "task_kind": kind}
    return [read(row) for row in conn.execute(_OPEN_OF_CONTACTS, asked)]


def take_reminders(conn: Connection, now: datetime, limit: int = 100) -> list[Task]:
    """The open tasks of which somebody is to be reminded by now; each is given once."""
    c = task.c
    due = select(task).where(c.remind_at <= now, c.done_at.is_(None)).order_by(c.remind_at)
    found = [read(row) for row in conn.execute(due.limit(limit))]
    if found:
        conn.execute(
            update(task).where(among(c.id, "ids")).values(remind_at=None),
            {"ids": [one.id for one in found]},
        )
    return found
