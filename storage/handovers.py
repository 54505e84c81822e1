"""A manager's open work, and its handing over to others: what moved, and what went back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

from sqlalchemy import ColumnElement, Connection, bindparam, func, select, tuple_, update

from storage import rows
from storage.profiles import begin_responsibility
from storage.rows import among
from storage.tables import card, contact, handover, handover_item, responsibility, task

Noun = Literal["card", "contact", "task"]
NOUNS: tuple[Noun, ...] = get_args(Noun)


@dataclass(frozen=True, slots=True)
class Piece:
    """One open thing that is a manager's.

    `of`: what goes to one person together, the contact's id where there is one. `number`,
    `pipeline` and `status` are a card's; `kind`, `phone` and `due_at` a task's; `name` the
    contact's.
    """

    noun: Noun
    id: str
    of: str
    name: str = ""
    number: int | None = None
    pipeline: str | None = None
    status: str | None = None
    kind: str | None = None
    phone: str | None = None
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """How much of each noun; an obligation is a task."""

    cards: int = 0
    contacts: int = 0
    tasks: int = 0

    def __bool__(self) -> bool:
        return bool(self.cards or self.contacts or self.tasks)


@dataclass(frozen=True, slots=True)
class Handover:
    """`to` None: spread over the team."""

    id: str
    giver: str
    to: str | None
    undone: bool


_CARDS = (
    select(card.c.id, card.c.number, card.c.pipeline, card.c.status, card.c.contact, contact.c.name)
    .join_from(card, contact, card.c.contact == contact.c.id, isouter=True)
    .where(
        card.c.manager == bindparam("manager"),
        card.c.closed_at.is_(None),
        card.c.id > bindparam("after"),
    )
    .order_by(card.c.id)
    .limit(bindparam("most"))
)
_CONTACTS = (
    select(contact.c.id, contact.c.name)
    .where(
        contact.c.responsible == bindparam("manager"),
        contact.c.merged_into.is_(None),
        contact.c.id > bindparam("after"),
    )
    .order_by(contact.c.id)
    .limit(bindparam("most"))
)
_WHOSE = func.coalesce(task.c.contact, card.c.contact)
_TASKS = (
    select(
        task.c.id,
        task.c.kind,
        task.c.phone,
        task.c.due_at,
        func.coalesce(_WHOSE, task.c.card, task.c.id).label("of"),
        contact.c.name,
    )
    .select_from(
        task.outerjoin(card, task.c.card == card.c.id).outerjoin(contact, contact.c.id == _WHOSE)
    )
    .where(
        task.c.owner == bindparam("manager"),
        task.c.done_at.is_(None),
        task.c.id > bindparam("after"),
    )
    .order_by(task.c.id)
    .limit(bindparam("most"))
)


def open_work(conn: Connection, manager: str, *, after: str = "", limit: int) -> list[Piece]:
    """A manager's open cards, contacts and tasks, oldest first; `after`: the last id given."""
    asked = {"manager": manager, "after": after, "most": limit}
    found = [
        Piece("card", row.id, row.contact or row.id, row.name or "", row.number, *row[2:4])
        for row in conn.execute(_CARDS, asked)
    ]
    found += [Piece("contact", row.id, row.id, row.name) for row in conn.execute(_CONTACTS, asked)]
    found += [
        Piece(
            "task",
            row.id,
            row.of,
            row.name or "",
            kind=row.kind,
            phone=row.phone,
            due_at=row.due_at,
        )
        for row in conn.execute(_TASKS, asked)
    ]
    return sorted(found, key=lambda piece: piece.id)[:limit]


def count_open(conn: Connection, managers: Sequence[str]) -> dict[str, Counts]:
    """How much open work each of these managers has; who has none is left out."""
    if not managers:
        return {}
    by_noun: tuple[tuple[ColumnElement[Any], ColumnElement[Any]], ...] = (
        (card.c.manager, card.c.closed_at),
        (contact.c.responsible, contact.c.merged_into),
        (task.c.owner, task.c.done_at),
    )
    found: dict[str, list[int]] = {}
    for place, (whose, over) in enumerate(by_noun):
        counted = select(whose, func.count()).where(among(whose, "managers"), over.is_(None))
        for manager, count in conn.execute(counted.group_by(whose), {"managers": managers}):
            found.setdefault(manager, [0, 0, 0])[place] = count
    return {manager: Counts(*counts) for manager, counts in sorted(found.items())}


# Giving


def begin(
    conn: Connection, id_: str, giver: str, to: str | None, *, by: str, now: datetime
) -> None:
    """Write that a handover begins; one that has begun goes on."""
    row = {"id": id_, "at": now, "by": by, "from_manager": giver, "to_manager": to}
    rows.add_new(conn, handover, [row])


def find(conn: Connection, id_: str) -> Handover | None:
    row = conn.execute(select(handover).where(handover.c.id == id_)).one_or_none()
    if row is None:
        return None
    return Handover(row.id, row.from_manager, row.to_manager, row.undone_at is not None)


def keep(conn: Connection, id_: str, given: Iterable[tuple[Noun, str, str]]) -> None:
    """Remember what went to whom: (noun, id, manager). What comes again went elsewhere since."""
    rows.put(
        conn,
        handover_item,
        [
            {"handover": id_, "noun": noun, "id": piece, "to_manager": to}
            for noun, piece, to in given
        ],
    )


_THEIRS = (
    select(contact.c.id, contact.c.responsible, responsibility.c.by)
    .join_from(
        contact,
        responsibility,
        (responsibility.c.contact == contact.c.id)
        & responsibility.c.card.is_(None)
        & responsibility.c.until.is_(None),
        isouter=True,
    )
    .where(among(contact.c.id, "ids"), contact.c.merged_into.is_(None))
)
_SET_RESPONSIBLE = (
    update(contact)
    .where(contact.c.id == bindparam("of_contact"))
    .values(
        responsible=bindparam("to_manager"),
        updated_at=bindparam("now"),
        version=contact.c.version + 1,
    )
)
_OWNERS = select(task.c.id, task.c.owner).where(among(task.c.id, "ids"), task.c.done_at.is_(None))
_SET_OWNER = (
    update(task).where(task.c.id == bindparam("of_task")).values(owner=bindparam("to_manager"))
)


def responsible_of(
    conn: Connection, ids: Sequence[str]
) -> dict[str, tuple[str | None, str | None]]:
    """Whose each of these contacts is, and by whom or what."""
    if not ids:
        return {}
    return {row.id: (row.responsible, row.by) for row in conn.execute(_THEIRS, {"ids": ids})}


def set_responsible(conn: Connection, handed: Mapping[str, str], *, by: str, now: datetime) -> None:
    """Make contacts these managers', with their intervals."""
    if not handed:
        return
    conn.execute(
        _SET_RESPONSIBLE,
        [
            {"of_contact": id_, "to_manager": manager, "now": now}
            for id_, manager in sorted(handed.items())
        ],
    )
    begin_responsibility(conn, handed, by=by, now=now)


def owners_of(conn: Connection, ids: Sequence[str]) -> dict[str, str]:
    """Whose each of these tasks is; those that are done are left out."""
    if not ids:
        return {}
    return {row.id: row.owner for row in conn.execute(_OWNERS, {"ids": ids})}


def set_owner(conn: Connection, handed: Mapping[str, str]) -> None:
    if handed:
        changes = [{"of_task": id_, "to_manager": to} for id_, to in sorted(handed.items())]
        conn.execute(_SET_OWNER, changes)


# Taking back


def items(
    conn: Connection, id_: str, *, after: tuple[str, str] = ("", ""), limit: int
) -> list[tuple[Noun, str, str]]:
    """What went to whom, in the order of (noun, id)."""
    c = handover_item.c
    found = conn.execute(
        select(c.noun, c.id, c.to_manager)
        .where(c.handover == id_, tuple_(c.noun, c.id) > after)
        .order_by(c.noun, c.id)
        .limit(limit)
    )
    known: dict[str, Noun] = {noun: noun for noun in NOUNS}
    return [(known[row.noun], row.id, row.to_manager) for row in found]


def close(conn: Connection, id_: str, *, now: datetime) -> None:
    """Write that a handover was taken back."""
    conn.execute(update(handover).where(handover.c.id == id_).values(undone_at=now))
