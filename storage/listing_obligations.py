"""Calls back that are owed, as people and programs read them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Select, case, func, select

from callrouter.domain.obligations import WhyMissed
from storage.listing_values import MOST, Slice, Viewer, cut
from storage.obligations import KIND, Lost, claim, lost, read_why_missed
from storage.sight import sees_calls, sees_obligations
from storage.tables import card, contact, task

ObligationState = Literal["open", "closed"]


@dataclass(frozen=True, slots=True)
class ObligationView:
    """A call back that is or was owed.

    `first_at`, `last_at`: when the first and the latest call that it stands for began; `call`: the
    latest; `repeats`: how many came after the first. `phone` None: only an e-mail is known.
    `closed_by`: a person, or the call that settled it; `reason`: what a person said.
    """

    id: str
    phone: str | None
    contact: str | None
    contact_name: str | None
    card: str | None
    card_number: int | None
    owner: str
    team: str | None
    line: str | None
    due_at: datetime
    overdue: bool
    why: WhyMissed
    call: str | None
    first_at: datetime
    last_at: datetime
    repeats: int
    tries: int
    escalated_at: datetime | None
    closed_at: datetime | None
    closed_by: str | None
    reason: str | None

    @property
    def state(self) -> ObligationState:
        return "closed" if self.closed_at else "open"


def list_obligations(
    conn: Connection,
    viewer: Viewer,
    *,
    now: datetime,
    state: ObligationState | None = None,
    owner: str | None = None,
    overdue: bool | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Slice[ObligationView]:
    """Obligations, newest first; `after` is the id of the last one that was given before.

    `overdue`: open ones whose term has passed by `now`; False: all others.
    """
    c, limit = task.c, min(limit, MOST)
    where = [sees_obligations(viewer), c.kind == KIND]
    if state is not None:
        where.append(c.open_for.is_not(None) if state == "open" else c.open_for.is_(None))
    if owner is not None:
        where.append(c.owner == owner)
    if overdue is not None:
        late = c.open_for.is_not(None) & (c.due_at < now)
        where.append(late if overdue else ~late)
    if after is not None:
        where.append(c.id < after)
    found = conn.execute(_obligations().where(*where).order_by(c.id.desc()).limit(limit + 1)).all()
    return cut([_obligation(row, now) for row in found], limit)


def owed_now(
    conn: Connection,
    viewer: Viewer,
    *,
    now: datetime,
    owner: str | None = None,
    limit: int = MOST,
) -> Slice[ObligationView]:
    """Open obligations in the order of their terms."""
    c, limit = task.c, min(limit, MOST)
    where = [sees_obligations(viewer), c.kind == KIND, c.open_for.is_not(None)]
    if owner is not None:
        where.append(c.owner == owner)
    ordered = _obligations().where(*where).order_by(c.due_at, c.id)
    return cut([_obligation(row, now) for row in conn.execute(ordered.limit(limit + 1))], limit)


def count_owed(conn: Connection, viewer: Viewer, *, now: datetime) -> tuple[int, int]:
    """How many obligations are open, and how many of them are overdue."""
    c = task.c
    late = func.coalesce(func.sum(case((c.due_at < now, 1), else_=0)), 0)
    where = (sees_obligations(viewer), c.kind == KIND, c.open_for.is_not(None))
    count, overdue = conn.execute(select(func.count(), late).where(*where)).one()
    return count, int(overdue)


def lost_of(
    conn: Connection,
    viewer: Viewer,
    since: datetime,
    until: datetime,
    *,
    own: Collection[str] = (),
) -> Lost:
    """`obligations.lost`, of the calls that the viewer sees."""
    return lost(conn, since, until, own=own, seen=sees_calls(viewer))


def owed_to(
    conn: Connection, viewer: Viewer, number: str, *, now: datetime
) -> ObligationView | None:
    """The open obligation to call a number back."""
    found = _obligations().where(sees_obligations(viewer), task.c.open_for == claim(number))
    row = conn.execute(found).one_or_none()
    return _obligation(row, now) if row else None


def find_obligation(
    conn: Connection, viewer: Viewer, id_: str, *, now: datetime
) -> ObligationView | None:
    c = task.c
    found = _obligations().where(sees_obligations(viewer), c.kind == KIND, c.id == id_)
    row = conn.execute(found).one_or_none()
    return _obligation(row, now) if row else None


def _obligations() -> Select[*tuple[Any, ...]]:
    return (
        select(task, contact.c.name.label("contact_name"), card.c.number.label("card_number"))
        .join_from(task, contact, contact.c.id == task.c.contact, isouter=True)
        .join(card, card.c.id == task.c.card, isouter=True)
    )


def _obligation(row: Any, now: datetime) -> ObligationView:  # noqa: ANN401  of `_obligations`
    return ObligationView(
        id=row.id,
        phone=row.phone,
        contact=row.contact,
        contact_name=row.contact_name,
        card=row.card,
        card_number=row.card_number,
        owner=row.owner,
        team=row.team,
        line=row.line,
        due_at=row.due_at,
        overdue=row.done_at is None and row.due_at < now,
        why=read_why_missed(row.cause, row.cause_data),
        call=row.call,
        first_at=row.created_at,
        last_at=row.last_at,
        repeats=row.repeats,
        tries=row.tries,
        escalated_at=row.escalated_at,
        closed_at=row.done_at,
        closed_by=row.closed_by,
        reason=row.result,
    )
