"""Whose phone rings or talks, and what the screen of whoever is rung says of the call."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any, Final, cast

from sqlalchemy import ColumnElement, Connection, Select, bindparam, or_, select

from callrouter.domain.outcomes import Outcome
from callrouter.domain.phones import CallerKind
from callrouter.domain.rights import Viewer
from storage.rows import among
from storage.sight import Somebody, ask, sees_calls, sees_tasks
from storage.tables import call, card, contact, leg, task

SHOWN: Final = 3  # talks and tasks in a pop
_RINGS: Final = ("planned", "ringing", "talking")
_EPOCH: Final = datetime.fromisoformat("1970-01-01T00:00:00Z")


@dataclass(frozen=True, slots=True)
class Ring:
    """A manager's phone that rings or will (`since` to `until`), or that talks, for who called."""

    call: str
    manager: str
    talks: bool
    since: datetime
    until: datetime | None = None

    def rings(self, now: datetime) -> bool:
        return not self.talks and self.since <= now and (self.until is None or now < self.until)


def rings_of(conn: Connection, calls: Iterable[str]) -> list[Ring]:
    """Of these calls."""
    found = conn.execute(_rings().where(among(call.c.id, "ids")), {"ids": sorted(set(calls))})
    return [one for row in found if (one := _ring(row))]


def rings_now(conn: Connection, manager: str | None = None) -> list[Ring]:
    """Of all calls that are open; with `manager` only his."""
    # A comparison, so that SQLite takes the index of open calls.
    query = _rings().where(call.c.known_end > _EPOCH)
    if manager is not None:
        query = query.where(leg.c.manager == manager)
    return [one for row in conn.execute(query) if (one := _ring(row))]


def _rings() -> Select[*tuple[Any, ...]]:
    g = leg.c
    return (
        select(g.call, g.manager, g.status, g.ring_from, g.ring_until, g.answered_at)
        .join_from(call, leg, call.c.id == g.call)
        .where(
            call.c.direction == "in",
            call.c.known_end.is_not(None),
            g.manager.is_not(None),
            g.status.in_(_RINGS),
            g.machine.is_(False),
            g.outbound.is_(False),
        )
    )


def _ring(row: Any) -> Ring | None:  # noqa: ANN401  of `_rings`
    if row.status == "talking":
        since = row.answered_at or row.ring_from
        return Ring(row.call, row.manager, True, since) if since else None
    if row.ring_from is None:
        return None
    return Ring(row.call, row.manager, False, row.ring_from, row.ring_until)


@dataclass(frozen=True, slots=True)
class Calling:
    """Who calls, and his card, if there is one."""

    id: str
    line: str
    caller: str | None
    caller_kind: CallerKind
    caller_raw: str
    contact: str | None
    contact_name: str | None
    card: str | None = None
    card_number: int | None = None
    card_title: str = ""
    pipeline: str | None = None
    status: str | None = None
    amount: Decimal | None = None
    manager: str | None = None


def calling(conn: Connection, calls: Iterable[str]) -> dict[str, Calling]:
    """Of these calls, by id: for whoever is rung by them, who may see as much."""
    c, d = call.c, card.c
    query = (
        select(
            c.id,
            c.line,
            c.caller_number.label("caller"),
            c.caller_kind,
            c.caller_raw,
            c.contact,
            contact.c.name.label("contact_name"),
            c.card,
            d.number.label("card_number"),
            d.title.label("card_title"),
            d.pipeline,
            d.status,
            d.amount,
            d.manager,
        )
        .outerjoin_from(call, contact, c.contact == contact.c.id)
        .outerjoin(card, c.card == d.id)
        .where(among(c.id, "ids"))
    )
    found = conn.execute(query, {"ids": sorted(set(calls))}).mappings()
    return {row["id"]: Calling(**{**row, "card_title": row["card_title"] or ""}) for row in found}


@dataclass(frozen=True, slots=True)
class Talk:
    at: datetime
    manager: str | None
    seconds: float | None
    outcome: Outcome | None


@dataclass(frozen=True, slots=True)
class ToDo:
    kind: str
    text: str
    due_at: datetime | None
    owner: str


@dataclass(frozen=True, slots=True)
class Before:
    """What there was with who calls, as far as a viewer may see it."""

    talks: tuple[Talk, ...] = ()
    tasks: tuple[ToDo, ...] = ()


def before(conn: Connection, viewer: Viewer, one: Calling) -> Before:
    """The last talks, and what is still to be done, the most urgent first."""
    return Before(_talks(conn, viewer, one), _tasks(conn, viewer, one))


def _talks(conn: Connection, viewer: Viewer, one: Calling) -> tuple[Talk, ...]:
    whose = one.contact or one.caller
    if whose is None:
        return ()
    made = _talks_of_contact if one.contact else _talks_of_number
    found = ask(conn, viewer, made, {"whose": whose, "this": one.id})
    return tuple(
        Talk(row.started_at, row.manager, row.duration_s, cast("Outcome | None", row.outcome))
        for row in found
    )


@cache
def _talks_of_contact(viewer: Somebody) -> Select[*tuple[Any, ...]]:
    return _talks_where(viewer, call.c.contact)


@cache
def _talks_of_number(viewer: Somebody) -> Select[*tuple[Any, ...]]:
    return _talks_where(viewer, call.c.caller_number)


def _talks_where(viewer: Somebody, whose: ColumnElement[str | None]) -> Select[*tuple[Any, ...]]:
    c = call.c
    his = (whose == bindparam("whose"), c.id != bindparam("this"), c.answered_at.is_not(None))
    return (
        select(c.started_at, c.manager, c.duration_s, c.outcome)
        .where(*his, sees_calls(viewer))
        .order_by(c.started_at.desc(), c.id.desc())
        .limit(SHOWN)
    )


def _tasks(conn: Connection, viewer: Viewer, one: Calling) -> tuple[ToDo, ...]:
    if one.contact is None and one.card is None:
        return ()
    of = {"contact": one.contact, "card": one.card}
    return tuple(ToDo(*row) for row in ask(conn, viewer, _tasks_of, of))


@cache
def _tasks_of(viewer: Somebody) -> Select[*tuple[Any, ...]]:
    t = task.c
    his = or_(t.contact == bindparam("contact"), t.card == bindparam("card"))
    return (
        select(t.kind, t.text, t.due_at, t.owner)
        .where(his, t.done_at.is_(None), sees_tasks(viewer))
        .order_by(t.due_at.is_(None), t.due_at, t.id)
        .limit(SHOWN)
    )
