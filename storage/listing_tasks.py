"""Tasks as people and programs read them; calls back that are owed have a list of their own."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Select, case, func, select

from storage.listing_values import MOST, Slice, Viewer, cut
from storage.obligations import KIND as CALL_BACK
from storage.rows import among
from storage.sight import sees_tasks
from storage.tables import card, contact, contact_phone, task


@dataclass(frozen=True, slots=True)
class TaskView:
    """A task. `step`: of a next step, what is to be done; `cause`: why the service asks for it.

    `phone`: of its contact, the first that is known. `closed_by`: a person, or the call or letter
    that settled it; `result`: what was said of it.
    """

    id: str
    kind: str
    text: str
    cause: str | None
    owner: str
    author: str
    due_at: datetime | None
    remind_at: datetime | None
    card: str | None
    card_number: int | None
    card_title: str
    contact: str | None
    contact_name: str | None
    phone: str | None
    call: str | None
    created_at: datetime
    done_at: datetime | None
    closed_by: str | None
    result: str | None
    version: int

    def overdue(self, now: datetime) -> bool:
        return self.done_at is None and self.due_at is not None and self.due_at < now


def list_tasks(
    conn: Connection,
    viewer: Viewer,
    *,
    owner: str | None = None,
    card: str | None = None,
    contact: str | None = None,
    kinds: Collection[str] | None = None,
    open_only: bool = True,
    state: Literal["open", "done"] | None = None,
    newest_first: bool = False,
    after: str | None = None,
    limit: int = MOST,
) -> Slice[TaskView]:
    """Tasks by their terms, those without one last; `newest_first`: by when they were made.

    `after`, with `newest_first`: the id of the last one that was given before.
    """
    c, limit = task.c, min(limit, MOST)
    where = [sees_tasks(viewer), c.kind != CALL_BACK]
    given: dict[str, Any] = {}
    if owner is not None:
        where.append(c.owner == owner)
    if card is not None:
        where.append(c.card == card)
    if contact is not None:
        where.append(_of_contact() == contact)
    if kinds is not None:
        where.append(among(c.kind, "kinds"))
        given["kinds"] = sorted(kinds)
    if open_only or state == "open":
        where.append(c.done_at.is_(None))
    if state == "done":
        where.append(c.done_at.is_not(None))
    if after is not None:
        where.append(c.id < after)
    order = [c.id.desc()] if newest_first else [c.due_at.is_(None), c.due_at, c.id]
    found = conn.execute(_tasks().where(*where).order_by(*order).limit(limit + 1), given).all()
    return cut([_task(row) for row in found], limit)


def find_task(conn: Connection, viewer: Viewer, id_: str) -> TaskView | None:
    c = task.c
    found = _tasks().where(sees_tasks(viewer), c.kind != CALL_BACK, c.id == id_)
    row = conn.execute(found).one_or_none()
    return _task(row) if row else None


def _of_contact() -> ColumnElement[Any]:
    return func.coalesce(task.c.contact, card.c.contact)


def _tasks() -> Select[*tuple[Any, ...]]:
    p = contact_phone.c
    phone = (
        select(p.number)
        .where(p.contact == _of_contact())
        .order_by(p.created_at, p.number)
        .limit(1)
        .scalar_subquery()
    )
    return (
        select(
            task,
            card.c.number.label("card_number"),
            card.c.title.label("card_title"),
            contact.c.id.label("contact_id"),
            contact.c.name.label("contact_name"),
            phone.label("contact_phone"),
        )
        .join_from(task, card, card.c.id == task.c.card, isouter=True)
        .join(contact, contact.c.id == _of_contact(), isouter=True)
    )


def _task(row: Any) -> TaskView:  # noqa: ANN401  a row of `_tasks`
    return TaskView(
        id=row.id,
        kind=row.kind,
        text=row.text,
        cause=row.cause,
        owner=row.owner,
        author=row.author,
        due_at=row.due_at,
        remind_at=row.remind_at,
        card=row.card,
        card_number=row.card_number,
        card_title=row.card_title or "",
        contact=row.contact_id,
        contact_name=row.contact_name,
        phone=row.contact_phone,
        call=row.call,
        created_at=row.created_at,
        done_at=row.done_at,
        closed_by=row.closed_by,
        result=row.result,
        version=row.version,
    )


@dataclass(frozen=True, slots=True)
class DayCount:
    """Of somebody's day: `done` since it began; `due` open by its end, `late` of them overdue."""

    done: int
    due: int
    late: int


def count_day(
    conn: Connection,
    viewer: Viewer,
    owner: str | None,
    *,
    since: datetime,
    until: datetime,
    now: datetime,
) -> DayCount:
    """Tasks and calls owed of a person, for a day from `since` to `until`; None: of all seen."""
    c = task.c
    mine = [sees_tasks(viewer)] + ([c.owner == owner] if owner else [])
    still = c.done_at.is_(None) & (c.due_at < until)
    late = func.coalesce(func.sum(case((c.due_at < now, 1), else_=0)), 0)
    due, overdue = conn.execute(select(func.count(), late).where(*mine, still)).one()
    done = conn.scalar(select(func.count()).where(*mine, c.done_at >= since, c.done_at < until))
    return DayCount(done or 0, due, int(overdue))
