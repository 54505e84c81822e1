"""What a viewer may see, as conditions of a query: whoever reads for people asks with them.

The rules are told in `callrouter/domain/rights.py`. For whoever sees everything there is no
condition at all. `sees_…` holds of one row, whatever else finds it; `…_seen` gives the ids of all
that he sees, for lists that nothing else narrows: each of its ways has an index. A query that is
asked all the time is made once, for `Somebody`: making it takes longer than asking it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final, Literal, assert_never

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    CompoundSelect,
    Connection,
    CursorResult,
    FromClause,
    Select,
    and_,
    bindparam,
    exists,
    func,
    or_,
    select,
    true,
    union_all,
)

from callrouter.domain.rights import LATELY_RUNG, LATELY_TALKED, Viewer
from storage.obligations import KIND as CALL_BACK
from storage.rows import among
from storage.tables import (
    attachment,
    call,
    card,
    card_contact,
    contact,
    document,
    leg,
    letter,
    merge,
    note,
    task,
)

Noun = Literal[
    "card",
    "contact",
    "call",
    "task",
    "obligation",
    "letter",
    "document",
    "note",
    "attachment",
    "merge",
]

FEW: Final = 3
"""Of so many people a list gathers all cards; of more it looks through the newest."""

Ids = Select[Any] | CompoundSelect[Any]


@dataclass(frozen=True, slots=True)
class Somebody:
    """A viewer who is named only where the query is asked: by `ask`. `people` as a Viewer's."""

    people: tuple[()] | None
    at: BindParameter[datetime] = field(
        default_factory=lambda: bindparam("seen_at", type_=call.c.started_at.type), compare=False
    )


_SEES_EVERYTHING: Final = Somebody(None)
_SEES_SOME: Final = Somebody(())
_ALWAYS: Final = datetime.max.replace(tzinfo=UTC)

Moment = datetime | BindParameter[datetime] | None


def ask(
    conn: Connection,
    viewer: Viewer,
    made: Callable[[Somebody], Select[*tuple[Any, ...]]],
    of: Mapping[str, object] | None = None,
) -> CursorResult[*tuple[Any, ...]]:
    """Ask a query that is `made` once for all who are like him, of what the parameters say."""
    if viewer.people is None:
        return conn.execute(made(_SEES_EVERYTHING), of)
    people = _people(viewer)
    him = {
        "people": people,
        "nobody_or_people": ["", *people],
        "seen_at": viewer.at or _ALWAYS,
    }
    return conn.execute(made(_SEES_SOME), {**him, **(of or {})})


# Other names, so that a query that reads these tables itself is not taken for the same.
_call, _card, _leg, _task, _contact = (
    one.alias(f"its_{one.name}") for one in (call, card, leg, task, contact)
)


def is_seen(conn: Connection, viewer: Viewer, noun: Noun, id_: str) -> bool:
    """Whether there is such a thing, and the viewer may see it."""
    table, condition = _of(noun, viewer)
    return conn.execute(select(table.c.id).where(table.c.id == id_, condition)).first() is not None


def _of(noun: Noun, viewer: Viewer) -> tuple[FromClause, ColumnElement[bool]]:
    match noun:
        case "card":
            return card, sees_cards(viewer)
        case "contact":
            return contact, sees_contacts(viewer)
        case "call":
            return call, sees_calls(viewer)
        case "task":
            return task, sees_tasks(viewer)
        case "obligation":
            return task, and_(task.c.kind == CALL_BACK, sees_obligations(viewer))
        case "letter":
            return letter, on_seen_card(viewer, letter)
        case "document":
            return document, or_(document.c.card.is_(None), on_seen_card(viewer, document))
        case "note":
            return note, on_seen_card(viewer, note)
        case "attachment":
            return attachment, on_seen_card(viewer, attachment)
        case "merge":
            kept = (_contact.c.id == merge.c.kept, sees_contacts(viewer, _contact))
            return merge, exists().where(*kept)
        case _:
            assert_never(noun)


# Cards


def sees_cards(viewer: Viewer, of: FromClause = card) -> ColumnElement[bool]:
    if viewer.people is None:
        return true()
    return or_(_is_free_or_theirs(viewer, of), of.c.id.in_(_touched(viewer, "card")))


def cards_seen(viewer: Viewer) -> Ids:
    """The ids of all cards that he sees, some twice; only of who does not see everything."""
    c = _card.c
    return union_all(
        select(c.id).where(c.manager.in_(_people(viewer))),
        select(c.id).where(c.manager.is_(None)),
        *_touching(viewer, "card"),
    )


def on_seen_card(viewer: Viewer, of: FromClause) -> ColumnElement[bool]:
    """Whether the row hangs on a card that he sees."""
    if viewer.people is None:
        return true()
    return exists().where(_card.c.id == of.c.card, sees_cards(viewer, _card))


def _is_free_or_theirs(viewer: Viewer | Somebody, of: FromClause) -> ColumnElement[bool]:
    owner = _owner(of.c.manager)
    if isinstance(viewer, Somebody):
        return among(owner, "nobody_or_people")
    return owner.in_(["", *_people(viewer)])


def _touched(viewer: Viewer, noun: Literal["card", "contact"]) -> Ids:
    return union_all(*_touching(viewer, noun))


def _touching(viewer: Viewer, noun: Literal["card", "contact"]) -> Sequence[Select[Any]]:
    """By whom they are: what one of his people has to do with, or lately talked or was rung for."""
    t, c, g, people = _task.c, _call.c, _leg.c, _people(viewer)
    ways = [select(t[noun]).where(t.done_at.is_(None), t.owner.in_(people), t[noun].is_not(None))]
    if viewer.at is not None:
        theirs = (
            select(c[noun])
            .join_from(_leg, _call, c.id == g.call)
            .where(g.manager.in_(people), c[noun].is_not(None))
        )
        ways += [
            theirs.where(g.answered_at >= viewer.at - LATELY_TALKED),
            theirs.where(g.ring_from >= viewer.at - LATELY_RUNG, g.ring_from <= viewer.at),
        ]
    return ways


# Contacts


def sees_contacts(viewer: Viewer, of: FromClause = contact) -> ColumnElement[bool]:
    if viewer.people is None:
        return true()
    cards = select(_card.c.contact).where(_card.c.id.in_(_touched(viewer, "card")))
    b = card_contact.c
    beside = (_card.c.id == b.card, b.contact == of.c.id, _is_free_or_theirs(viewer, _card))
    return or_(
        _owner(of.c.responsible).in_(["", *_people(viewer)]),
        exists().where(_card.c.contact == of.c.id, _is_free_or_theirs(viewer, _card)),
        of.c.id.in_(cards.where(_card.c.contact.is_not(None))),
        exists().where(*beside),
        of.c.id.in_(select(b.contact).where(b.card.in_(_touched(viewer, "card")))),
        of.c.id.in_(_touched(viewer, "contact")),
    )


# Calls


def sees_calls(viewer: Viewer | Somebody, of: FromClause = call) -> ColumnElement[bool]:
    if viewer.people is None:
        return true()
    return or_(
        _is_of(viewer, _owner(of.c.manager)),
        _rang_them(viewer, of),
        _is_of_their_card(viewer, of),
        of.c.id.in_(_owed_calls(viewer)),
        nobodys_call(viewer.at, of),
    )


def calls_seen(viewer: Viewer, since: datetime | None, until: datetime | None = None) -> Ids:
    """The ids of all calls that he sees, some twice; `since`: those begun before may be wanting,
    and from `until` on.

    Of a short while it looks at every call, else at all that each of his people ever had.
    """
    c, g, k, people = _call.c, _leg.c, _card.c, _people(viewer)
    calls = select(c.id) if since is None else select(c.id).where(c.started_at >= since)
    calls = calls if until is None else calls.where(c.started_at < until)
    lately = viewer.at is not None and since is not None and since >= viewer.at - LATELY_TALKED
    if since is not None and (until is not None or lately):
        # Two ways, not one OR: PostgreSQL would read all legs and cards for that.
        others = [calls.where(_rang_them(viewer, _call))]
        others += [calls.where(_is_of_their_card(viewer, _call))]
    else:
        others = [
            select(g.call).where(g.manager.in_(people), has_rung(viewer.at)),
            calls.where(c.card.in_(select(k.id).where(k.manager.in_(people)))),
        ]
    return union_all(
        calls.where(c.manager.in_(people)),
        *others,
        _owed_calls(viewer),
        calls.where(nobodys_call(viewer.at, _call)),
    )


def seen_among(conn: Connection, viewer: Viewer, calls: Iterable[str]) -> set[str]:
    """Which of these calls a viewer may see."""
    found = ask(conn, viewer, _seen_among, {"ids": sorted(set(calls))})
    return {row.id for row in found}


@cache
def _seen_among(viewer: Somebody) -> Select[*tuple[Any, ...]]:
    return select(call.c.id).where(among(call.c.id, "ids"), sees_calls(viewer))


def _rang_them(viewer: Viewer | Somebody, of: FromClause) -> ColumnElement[bool]:
    theirs = _is_of(viewer, _owner(_leg.c.manager))
    return exists().where(_leg.c.call == of.c.id, theirs, has_rung(viewer.at))


def _is_of_their_card(viewer: Viewer | Somebody, of: FromClause) -> ColumnElement[bool]:
    theirs = _is_of(viewer, _owner(_card.c.manager))
    return exists().where(_card.c.id == of.c.card, theirs)


def nobodys_call(at: Moment, of: FromClause = call) -> ColumnElement[bool]:
    """Nobody talked, no phone of anybody's rang, and its card, if it has one, is nobody's."""
    rung = (_leg.c.call == of.c.id, _leg.c.manager.is_not(None), has_rung(at))
    owned = (_card.c.id == of.c.card, _card.c.manager.is_not(None))
    return and_(of.c.manager.is_(None), ~exists().where(*rung), ~exists().where(*owned))


def has_rung(at: Moment) -> ColumnElement[bool]:
    """Of this leg: a step that has not come yet, or never came, rang nobody."""
    c = _leg.c
    begun = c.ring_from.is_not(None) if at is None else c.ring_from <= at
    return or_(begun, c.answered_at.is_not(None), c.outbound)


def _owed_calls(viewer: Viewer | Somebody) -> Select[Any]:
    """Those about which one of his people has something to do."""
    c = _task.c
    mine = (c.done_at.is_(None), _is_of(viewer, c.owner), c.call.is_not(None))
    return select(c.call).where(*mine)


# Tasks


def sees_tasks(viewer: Viewer | Somebody) -> ColumnElement[bool]:
    """What his people have to do, and all but calls back on cards of theirs or nobody's."""
    if viewer.people is None:
        return true()
    on_card = exists().where(_card.c.id == task.c.card, _is_free_or_theirs(viewer, _card))
    return or_(_is_of(viewer, task.c.owner), and_(task.c.kind != CALL_BACK, on_card))


def sees_obligations(viewer: Viewer) -> ColumnElement[bool]:
    if viewer.people is None:
        return true()
    return task.c.owner.in_(_people(viewer))


def _owner(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """Whose it is, "" for nobody's: no index is taken for it, which would give all that is his."""
    return func.coalesce(column, "")


def _is_of(viewer: Viewer | Somebody, owner: ColumnElement[Any]) -> ColumnElement[bool]:
    return among(owner, "people") if isinstance(viewer, Somebody) else owner.in_(_people(viewer))


def _people(viewer: Viewer) -> list[str]:
    return sorted(viewer.people or ())
