"""Contacts joined into one: everything that hangs on the gone one moves, and can come back.

Three kinds of rows speak of a contact. Those that hang on one (`MOVED`) get the other. Those that
are his by their key (`SETS`: a number, a tag …) may stand with both, and become one. Those that
tell of the past (`STAYING`) stay.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Column, ColumnElement, Connection, Table, delete, func, select, update

from callrouter.domain.merging import Joined, Side
from callrouter.domain.names import folded
from storage import lookup, rows
from storage.cards import claim as card_claim
from storage.ids import new_id
from storage.obligations import claim as task_claim
from storage.profiles import begin_responsibility
from storage.rows import among
from storage.tables import (
    call,
    card,
    card_contact,
    consent,
    contact,
    contact_email,
    contact_phone,
    contact_tag,
    custom_value,
    external_id,
    import_row,
    lead,
    letter,
    membership,
    merge,
    responsibility,
    task,
)
from storage.tables import lookup as lookup_table

_Row = dict[str, Any]
_Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class _Moved:
    """`noun`: what its rows are called where they are counted."""

    noun: str
    table: Table[Any]
    column: Column[Any]

    @property
    def keys(self) -> list[Column[Any]]:
        return list(self.table.primary_key)

    def of(self, id_: str) -> ColumnElement[bool]:
        """The condition that a row is this contact's."""
        mine: ColumnElement[bool] = self.column == id_
        return mine & (external_id.c.noun == "contact") if self.table is external_id else mine


@dataclass(frozen=True, slots=True)
class _Set:
    noun: str
    table: Table[Any]
    column: Column[Any]

    @property
    def keys(self) -> list[str]:
        return [one.name for one in self.table.primary_key if one.name != self.column.name]


_CARDS: Final = _Moved("card", card, card.c.contact)
_TASKS: Final = _Moved("task", task, task.c.contact)
MOVED: Final = (
    _CARDS,
    _TASKS,
    _Moved("call", call, call.c.contact),
    _Moved("letter", letter, letter.c.contact),
    _Moved("lead", lead, lead.c.contact),
    _Moved("consent", consent, consent.c.contact),
    _Moved("external_id", external_id, external_id.c.ours),
    _Moved("import", import_row, import_row.c.contact),
    _Moved("merge", contact, contact.c.merged_into),
)
SETS: Final = (
    _Set("phone", contact_phone, contact_phone.c.contact),
    _Set("email", contact_email, contact_email.c.contact),
    _Set("tag", contact_tag, contact_tag.c.contact),
    _Set("company", membership, membership.c.person),
    _Set("member", membership, membership.c.company),
    _Set("field", custom_value, custom_value.c.owner),
    _Set("beside", card_contact, card_contact.c.contact),
)
STAYING: Final = (merge.c.kept, merge.c.gone, responsibility.c.contact)
DERIVED: Final = (lookup_table.c.contact,)  # written anew

_COLUMNS: Final = (
    "kind",
    "relation",
    "name",
    "folded",
    "first_name",
    "middle_name",
    "last_name",
    "name_confirmed",
    "responsible",
    "inn",
    "position",
    "comment",
    "source_first",
    "source_last",
    "made_for",
    "talked_manager",
    "talked_at",
    "unrecorded_since",
    "no_card_until",
)


@dataclass(frozen=True, slots=True)
class Merge:
    """A contact (`gone`) that was joined into another. `name`: what the gone one was called."""

    id: str
    kept: str
    gone: str
    by: str
    at: datetime
    undone_at: datetime | None
    name: str


@dataclass(frozen=True, slots=True)
class Stays:
    """What an undoing left as it is: `n` of these, which changed since."""

    what: str
    n: int = 1


# Reading


def side(conn: Connection, contact_id: str) -> Side | None:
    """One of two that may be joined; None where there is none, or it was joined already."""
    c = contact.c
    row = conn.execute(
        select(contact).where(c.id == contact_id, c.merged_into.is_(None))
    ).one_or_none()
    if row is None:
        return None
    v = custom_value.c
    own = conn.execute(select(custom_value).where(v.owner == contact_id).order_by(v.field))
    talked = (row.talked_manager, row.talked_at) if row.talked_manager and row.talked_at else None
    return Side(
        id=row.id,
        kind=row.kind,
        relation=row.relation,
        name=row.name,
        first_name=row.first_name,
        middle_name=row.middle_name,
        last_name=row.last_name,
        name_confirmed=row.name_confirmed,
        responsible=row.responsible,
        inn=row.inn,
        position=row.position,
        comment=row.comment,
        source_first=row.source_first,
        source_last=row.source_last,
        talked=talked,
        unrecorded_since=row.unrecorded_since,
        no_card_until=row.no_card_until,
        created_at=row.created_at,
        version=row.version,
        own={one.field: _text(one) for one in own},
    )


def _text(row: Any) -> str:  # noqa: ANN401  a row of `custom_value`
    if row.text is not None:
        return str(row.text)
    if row.number is not None:
        return f"{row.number.normalize():f}"
    return f"{row.instant:%Y-%m-%d}" if row.instant else ""


def counts(conn: Connection, contact_id: str) -> dict[str, int]:
    """How many of each noun would move with a contact; nothing of what there is none."""
    found = {}
    for one in MOVED:
        n = conn.scalar(select(func.count()).select_from(one.table).where(one.of(contact_id)))
        if n:
            found[one.noun] = n
    return found


def of_contact(conn: Connection, contact_id: str) -> list[Merge]:
    """Who was joined into a contact, the newest first."""
    return _merges(conn, merge.c.kept == contact_id)


def find(conn: Connection, merge_id: str) -> Merge | None:
    return next(iter(_merges(conn, merge.c.id == merge_id)), None)


def _merges(conn: Connection, where: ColumnElement[bool]) -> list[Merge]:
    m = merge.c
    found = (
        select(m.id, m.kept, m.gone, m.by, m.at, m.undone_at, contact.c.name)
        .join_from(merge, contact, contact.c.id == m.gone)
        .where(where)
        .order_by(m.at.desc(), m.id.desc())
        .limit(50)
    )
    return [
        Merge(row.id, row.kept, row.gone, row.by, row.at, row.undone_at, row.name)
        for row in conn.execute(found)
    ]


def last_of(conn: Connection, kept: str) -> str | None:
    """The newest merge into a contact that was not undone: the one that can be."""
    m = merge.c
    found = select(m.id).where(m.kept == kept, m.undone_at.is_(None))
    return conn.scalar(found.order_by(m.at.desc(), m.id.desc()).limit(1))


def open_calls(conn: Connection, contacts: Sequence[str]) -> list[str]:
    """The calls of these contacts that are not over, the newest fifty."""
    c = call.c
    found = select(c.id).where(c.contact.in_(contacts), c.known_end.is_not(None))
    return list(conn.scalars(found.order_by(c.id.desc()).limit(50)))


def open_cards(conn: Connection, contacts: Sequence[str]) -> list[tuple[str, str]]:
    """Open cards of these contacts, each with whose it is, the newest fifty."""
    c = card.c
    found = select(c.id, c.manager).where(
        c.contact.in_(contacts), c.closed_at.is_(None), c.manager.is_not(None)
    )
    rows_found = conn.execute(found.order_by(c.id.desc()).limit(50))
    return [(row.id, row.manager) for row in rows_found if row.manager]


def kept_of(conn: Connection, contact_id: str) -> str | None:
    """Into which contact one was joined, else None."""
    return conn.scalar(select(contact.c.merged_into).where(contact.c.id == contact_id))


# Joining


def write(conn: Connection, kept: str, gone: str, joined: Joined, *, by: str, now: datetime) -> str:
    """Make two contacts one; gives the id of the merge. Both must be there, and not joined."""
    mine, theirs = _columns(conn, kept), _columns(conn, gone)
    left = mine | _written(joined.side) | {"made_for": mine["made_for"] or theirs["made_for"]}
    sets = [_join_set(conn, one, kept, gone, joined) for one in SETS]
    claims = _move_claims(conn, kept, gone)
    moved = {one.noun: _move_all(conn, one, kept, gone, now) for one in MOVED}
    c = contact.c
    more = {"updated_at": now, "version": c.version + 1}
    conn.execute(
        update(contact).where(c.id == gone).values(merged_into=kept, made_for=None, **more)
    )
    conn.execute(update(contact).where(c.id == kept).values(**left, **more))
    begin_responsibility(conn, {gone: None}, by=by, now=now)
    if mine["responsible"] != left["responsible"]:
        begin_responsibility(conn, {kept: left["responsible"]}, by=by, now=now)
    before = {
        "kept": mine,
        "gone": theirs,
        "left": left,
        "sets": sets,
        "claims": claims,
        "moved": moved,
    }
    id_ = new_id(now)
    row = {"id": id_, "kept": kept, "gone": gone, "by": by, "at": now, "before": _dump(before)}
    rows.add(conn, merge, [row])
    lookup.refresh(conn, [kept, gone])
    return id_


def _columns(conn: Connection, id_: str) -> _Row:
    chosen = [contact.c[name] for name in _COLUMNS]
    return dict(conn.execute(select(*chosen).where(contact.c.id == id_)).mappings().one())


def _written(one: Side) -> _Row:
    """The columns of a side."""
    given = {name: getattr(one, name) for name in _COLUMNS if hasattr(one, name)}
    talked = one.talked or (None, None)
    is_company = one.kind == "company" and bool(one.name)
    return given | {
        "folded": folded(one.name) if is_company else None,
        "talked_manager": talked[0],
        "talked_at": talked[1],
    }


def _join_set(conn: Connection, one: _Set, kept: str, gone: str, joined: Joined) -> _Row:
    """Gives the rows of both as they were, and those of the kept one as they are."""
    mine, theirs = _rows(conn, one, kept), _rows(conn, one, gone)
    both = {kept, gone} if one.table is membership else set()
    left = {key: row for key, row in mine.items() if not both & set(key)}
    for key, row in theirs.items():
        if not both & set(key):  # nobody is a member of himself
            left[key] = _one_of(one, left.get(key), row, joined)
    _delete(conn, one, gone, theirs)
    _delete(conn, one, kept, [key for key in mine if key not in left])
    _put(conn, one, kept, [row for key, row in left.items() if mine.get(key) != row])
    return {"kept": list(mine.values()), "gone": list(theirs.values()), "left": list(left.values())}


def _one_of(one: _Set, mine: _Row | None, theirs: _Row, joined: Joined) -> _Row:
    """Of a row that both have the better known of each: a label, a state that is known."""
    if mine is None:
        return theirs
    if one.table is custom_value:
        return theirs if theirs["field"] in joined.own else mine
    better = dict(mine)
    for name, value in theirs.items():
        if name == "created_at":
            better[name] = min(mine[name], value)
        elif name == "state":
            better[name] = value if mine[name] == "unknown" else mine[name]
        elif not mine[name]:
            better[name] = value
    return better


def _rows(conn: Connection, one: _Set, id_: str) -> dict[_Key, _Row]:
    """A contact's rows without himself, by the rest of their keys."""
    wanted = [column for column in one.table.c if column.name != one.column.name]
    found = conn.execute(select(*wanted).where(one.column == id_)).mappings()
    return {_key(one, row): row for row in map(dict, found)}


def _key(one: _Set, row: Mapping[str, Any]) -> _Key:
    return tuple(row[name] for name in one.keys)


def _delete(conn: Connection, one: _Set, id_: str, keys: Iterable[_Key]) -> None:
    for key in keys:
        here = [one.table.c[name] == value for name, value in zip(one.keys, key, strict=True)]
        conn.execute(delete(one.table).where(one.column == id_, *here))


def _put(conn: Connection, one: _Set, id_: str, given: Sequence[_Row]) -> None:
    new = [row | {one.column.name: id_} for row in given]
    if one.table is contact_tag:  # nothing but keys
        rows.add_new(conn, one.table, new)
    else:
        rows.put(conn, one.table, new)


def _move_all(conn: Connection, one: _Moved, kept: str, gone: str, now: datetime) -> list[Any]:
    """Gives the keys of what moved."""
    found = conn.execute(select(*one.keys).where(one.of(gone)).order_by(*one.keys))
    keys = [list(row) for row in found]
    if keys:
        values = {one.column.name: kept} | _noted(one, now)
        conn.execute(update(one.table).where(one.of(gone)).values(**values))
    return keys


def _noted(one: _Moved, now: datetime) -> _Row:
    """A card says that it was changed, a task that its version is another."""
    if one is _CARDS:
        return {"updated_at": now, "version": card.c.version + 1}
    return {"version": task.c.version + 1} if one is _TASKS else {}


def _move_claims(conn: Connection, kept: str, gone: str) -> dict[str, list[Any]]:
    """Let what only one card or one call back may hold be the kept one's, where that is free.

    A second card does without; a call back keeps the claim it has. Gives per id both claims.
    """
    found: dict[str, list[Any]] = {}
    c = card.c
    query = select(c.id, c.pipeline, c.open_for).where(c.contact == gone, c.open_for.is_not(None))
    for one in conn.execute(query).all():
        wanted = card_claim(kept, one.pipeline)
        free = one.open_for == card_claim(gone, one.pipeline) and not _is_taken(conn, c, wanted)
        left = wanted if free else None
        conn.execute(update(card).where(c.id == one.id).values(open_for=left))
        found[one.id] = [one.open_for, left]
    t, wanted = task.c, task_claim(None, kept)
    if not _is_taken(conn, t, wanted):
        mine = select(t.id, t.open_for).where(t.open_for == task_claim(None, gone))
        for row in conn.execute(mine).all():
            conn.execute(update(task).where(t.id == row.id).values(open_for=wanted))
            found[row.id] = [row.open_for, wanted]
    return found


def _is_taken(conn: Connection, columns: Any, claim: str) -> bool:  # noqa: ANN401  of card or task
    return conn.execute(select(columns.id).where(columns.open_for == claim)).first() is not None


# Undoing


def undo(conn: Connection, one: Merge, *, by: str, now: datetime) -> list[Stays]:
    """Give both back what they had; what changed since stays as it is, and is told.

    The merge must be the newest of its kept one, and not undone.
    """
    before = _load(conn.scalar(select(merge.c.before).where(merge.c.id == one.id)) or "{}")
    stays: list[Stays] = []
    for part, was in zip(SETS, before["sets"], strict=False):  # an older record knows fewer
        stays += _part_set(conn, part, one, was)
    for moved in MOVED:
        stays += _move_back(conn, moved, one, before["moved"][moved.noun], now)
    _claims_back(conn, one.gone, before["claims"])
    stays += _columns_back(conn, one, before, by=by, now=now)
    numbers = [row["number"] for row in before["sets"][0]["gone"]]
    c = call.c
    since = select(func.count()).select_from(call)
    since = since.where(c.contact == one.kept, c.started_at >= one.at)
    if n := conn.scalar(since.where(c.caller_number.in_(numbers))):
        stays.append(Stays("call_since", n))
    conn.execute(update(merge).where(merge.c.id == one.id).values(undone_at=now))
    lookup.refresh(conn, [one.kept, one.gone])
    return stays


def _part_set(conn: Connection, one: _Set, of: Merge, was: _Row) -> list[Stays]:
    """A row that is no longer there was taken away since; one that is otherwise stays so."""
    mine, theirs, left = (
        {_key(one, row): row for row in was[name]} for name in ("kept", "gone", "left")
    )
    current = _rows(conn, one, of.kept)
    back: list[_Row] = [row for key, row in theirs.items() if key not in left]
    again: list[_Row] = [row for key, row in mine.items() if key not in left]
    gone: list[_Key] = []
    changed = 0
    for key in theirs.keys() & left.keys():
        now = current.get(key)
        changed += now != left[key]
        if now is None:
            continue
        if key not in mine:
            back.append(theirs[key] if now == left[key] else now)
            gone.append(key)
        else:
            back.append(theirs[key])
            if now == left[key]:
                again.append(mine[key])
    _delete(conn, one, of.kept, gone)
    _put(conn, one, of.kept, again)
    _put(conn, one, of.gone, back)
    return [Stays(one.noun, changed)] if changed else []


def _move_back(
    conn: Connection, one: _Moved, of: Merge, keys: Sequence[Sequence[Any]], now: datetime
) -> list[Stays]:
    """What hangs on somebody else by now stays with him."""
    if not keys:
        return []
    values = {one.column.name: of.gone} | _noted(one, now)
    moving = update(one.table).where(one.of(of.kept)).values(**values)
    if len(one.keys) == 1:
        here = among(one.keys[0], "ids")
        n = conn.execute(moving.where(here), {"ids": [key[0] for key in keys]}).rowcount
    else:
        n = 0
        for key in keys:
            here_too = [column == value for column, value in zip(one.keys, key, strict=True)]
            n += conn.execute(moving.where(*here_too)).rowcount
    return [Stays(one.noun, len(keys) - n)] if n < len(keys) else []


def _claims_back(conn: Connection, gone: str, claims: Mapping[str, Sequence[str | None]]) -> None:
    """Give claims back to what came back, is still open and has not got another one since."""
    c, t = card.c, task.c
    for id_, (before, left) in claims.items():
        if not before or before.startswith(task_claim(None, "")):
            still = (t.id == id_, t.contact == gone, t.open_for == left)
            if before and not _is_taken(conn, t, before):
                conn.execute(update(task).where(*still).values(open_for=before))
        elif left is None and not _is_taken(conn, c, before):
            without = (c.id == id_, c.contact == gone, c.open_for.is_(None), c.closed_at.is_(None))
            conn.execute(update(card).where(*without).values(open_for=before))
    theirs = select(c.id, c.pipeline, c.open_for).where(c.contact == gone, c.open_for.is_not(None))
    for row in conn.execute(theirs).all():
        wanted = card_claim(gone, row.pipeline)
        if row.open_for != wanted:
            mine = None if _is_taken(conn, c, wanted) else wanted
            conn.execute(update(card).where(c.id == row.id).values(open_for=mine))


def _columns_back(
    conn: Connection, of: Merge, before: _Row, *, by: str, now: datetime
) -> list[Stays]:
    current, left, mine, theirs = (
        _columns(conn, of.kept),
        before["left"],
        before["kept"],
        before["gone"],
    )
    values = {name: mine[name] for name in _COLUMNS if current[name] == left[name]}
    changed = [name for name in _COLUMNS if current[name] != left[name] != mine[name]]
    c = contact.c
    more = {"updated_at": now, "version": c.version + 1}
    conn.execute(update(contact).where(c.id == of.kept).values(**values, **more))
    number = theirs["made_for"]
    p = contact_phone.c
    has = select(p.number).where(p.contact == of.gone, p.number == number)
    free = number and conn.scalar(has) and not conn.scalar(select(c.id).where(c.made_for == number))
    conn.execute(
        update(contact)
        .where(c.id == of.gone)
        .values(merged_into=None, made_for=number if free else None, **more)
    )
    begin_responsibility(conn, {of.gone: theirs["responsible"]}, by=by, now=now)
    if values.get("responsible", current["responsible"]) != current["responsible"]:
        begin_responsibility(conn, {of.kept: values["responsible"]}, by=by, now=now)
    return [Stays(name) for name in changed if name not in _UNTOLD]


_UNTOLD: Final = frozenset({"folded", "made_for", "talked_at", "name_confirmed", "source_last"})


# The record, as JSON

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)


def _dump(record: _Row) -> str:
    return json.dumps(record, default=_write_value, ensure_ascii=False)


def _load(text: str) -> _Row:
    found: _Row = json.loads(text, object_hook=_read_value)
    return found


def _write_value(value: object) -> dict[str, str | int]:
    if isinstance(value, datetime):
        return {"$ms": (value - _EPOCH) // _MS}
    if isinstance(value, Decimal):
        return {"$decimal": str(value)}
    if isinstance(value, date):
        return {"$day": value.isoformat()}
    raise TypeError(f"no way is known to keep a {type(value).__name__}")


def _read_value(found: _Row) -> Any:  # noqa: ANN401  whatever was kept
    match found:
        case {"$ms": int(ms)}:
            return _EPOCH + ms * _MS
        case {"$decimal": str(text)}:
            return Decimal(text)
        case {"$day": str(text)}:
            return date.fromisoformat(text)
        case _:
            return found
