"""Imports of contacts: what a file's lines may join, what they did, and taking it back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from sqlalchemy import (
    ColumnElement,
    Connection,
    bindparam,
    delete,
    func,
    select,
    union_all,
    update,
)

from callrouter.domain.names import folded
from storage import lookup, rows
from storage.ids import new_id
from storage.rows import among
from storage.tables import (
    call,
    card,
    consent,
    contact,
    contact_email,
    contact_phone,
    contact_tag,
    custom_value,
    external_id,
    handover_item,
    import_row,
    import_run,
    lead,
    membership,
    responsibility,
    task,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)

NOUN = "contact"
"""Of external ids."""

Action = Literal["taken", "joined"]


# Imports


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of a file's lines. `same`: the contact had everything already."""

    taken: int = 0
    joined: int = 0
    same: int = 0
    refused: int = 0
    companies: int = 0
    finished: bool = False


@dataclass(frozen=True, slots=True)
class Import:
    id: str
    file: str
    by: str
    at: datetime
    counts: Counts = field(default_factory=Counts)
    undone_at: datetime | None = None


_COUNT = (
    update(import_run)
    .where(import_run.c.id == bindparam("run"))
    .values(counts=bindparam("said", type_=import_run.c.counts.type))
)


def count(conn: Connection, run: str, counts: Counts) -> bool:
    """Note what became of lines so far. False: the import is not begun."""
    return conn.execute(_COUNT, {"run": run, "said": _said(counts)}).rowcount > 0


def begin(conn: Connection, one: Import) -> None:
    """Note an import with its first change."""
    row = {"id": one.id, "file": one.file, "by": one.by, "at": one.at}
    rows.add(conn, import_run, [{**row, "counts": _said(one.counts)}])


def _said(counts: Counts) -> str:
    return json.dumps(asdict(counts))


def imports(conn: Connection, limit: int = 50, *, after: str | None = None) -> list[Import]:
    """The newest imports; `after`: the id of the last before."""
    query = select(import_run).order_by(import_run.c.id.desc()).limit(limit)
    if after is not None:
        query = query.where(import_run.c.id < after)
    return [_import(row) for row in conn.execute(query)]


def find(conn: Connection, run: str) -> Import | None:
    row = conn.execute(select(import_run).where(import_run.c.id == run)).one_or_none()
    return _import(row) if row else None


def mark_undone(conn: Connection, run: str, now: datetime) -> None:
    c = import_run.c
    conn.execute(update(import_run).where(c.id == run).values(undone_at=now))


def _import(row: Any) -> Import:  # noqa: ANN401  a row of the table
    return Import(row.id, row.file, row.by, row.at, Counts(**json.loads(row.counts)), row.undone_at)


# What lines may join


@dataclass(frozen=True, slots=True)
class Fields:
    """The single values of a contact that a line may fill in; None: nothing is said."""

    name: str | None = None
    first_name: str | None = None
    middle_name: str | None = None
    last_name: str | None = None
    responsible: str | None = None
    inn: str | None = None
    comment: str | None = None
    position: str | None = None
    source_first: str | None = None
    source_last: str | None = None
    talked_manager: str | None = None
    talked_at: datetime | None = None


FIELDS = tuple(one.name for one in fields(Fields))


@dataclass(frozen=True, slots=True)
class Known:
    """A contact that a line may join.

    `external`: its id in the system of the file. `named`: how other lines of the same file, in this
    import or one before, called whom they joined to it or made it of.
    """

    id: str
    kind: str
    created_at: datetime
    updated_at: datetime
    fields: Fields
    phones: frozenset[str] = frozenset()
    emails: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    companies: frozenset[str] = frozenset()
    external: str | None = None
    named: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Wanted:
    """By what the lines of a part of a file may know whom they speak of."""

    system: str
    file: str
    external_ids: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    inns: tuple[str, ...] = ()
    companies: tuple[str, ...] = ()  # folded names


@dataclass(frozen=True, slots=True)
class Done:
    """What an earlier line that said the same did."""

    run: str
    line: int
    contact: str
    action: Action
    changed: bool


_DONE = select(
    import_row.c.digest,
    import_row.c.run,
    import_row.c.line,
    import_row.c.contact,
    import_row.c.action,
    import_row.c.after,
).where(among(import_row.c.digest, "digests"))
_KEYS = (
    select(contact_phone.c.contact).where(among(contact_phone.c.number, "phones")),
    select(contact_email.c.contact).where(among(contact_email.c.email, "emails")),
    select(contact.c.id).where(contact.c.inn.is_not(None), among(contact.c.inn, "inns")),
    select(contact.c.id).where(contact.c.folded.is_not(None), among(contact.c.folded, "companies")),
    select(external_id.c.ours).where(
        external_id.c.system == bindparam("system"),
        external_id.c.noun == NOUN,
        among(external_id.c.id, "external_ids"),
    ),
)
_LED_TO = union_all(*_KEYS)
_CHANGED = select(contact.c.id, contact.c.updated_at).where(
    among(contact.c.id, "ids"), contact.c.merged_into.is_(None)
)
_KNOWN = select(
    contact.c.id,
    contact.c.kind,
    contact.c.created_at,
    contact.c.updated_at,
    *(contact.c[name] for name in FIELDS),
).where(among(contact.c.id, "ids"))
_PHONES = select(contact_phone.c.contact, contact_phone.c.number).where(
    among(contact_phone.c.contact, "ids")
)
_EMAILS = select(contact_email.c.contact, contact_email.c.email).where(
    among(contact_email.c.contact, "ids")
)
_TAGS = select(contact_tag.c.contact, contact_tag.c.tag).where(among(contact_tag.c.contact, "ids"))
_COMPANIES = select(membership.c.person, membership.c.company).where(
    among(membership.c.person, "ids")
)
# System, noun and file are looked at here: a planner that began with them would read all there is.
_EXTERNAL = select(
    external_id.c.ours, external_id.c.id, external_id.c.system, external_id.c.noun
).where(among(external_id.c.ours, "ids"))
_NAMED = (
    select(import_row.c.contact, import_row.c.after, import_run.c.file)
    .join_from(import_row, import_run, import_run.c.id == import_row.c.run)
    .where(among(import_row.c.contact, "ids"))
)


def done(conn: Connection, digests: Iterable[str]) -> dict[str, Done]:
    """What lines with these digests did before, in any import, where it still stands."""
    return {
        row.digest: Done(row.run, row.line, row.contact, row.action, '"set"' in row.after)
        for row in conn.execute(_DONE, {"digests": tuple(digests)})
    }


def led_to(conn: Connection, wanted: Wanted) -> dict[str, datetime]:
    """The contacts that these keys lead to, each with the moment of its last change.

    Those merged into another are left out.
    """
    asked = {
        "system": wanted.system,
        "external_ids": wanted.external_ids,
        "phones": wanted.phones,
        "emails": wanted.emails,
        "inns": wanted.inns,
        "companies": wanted.companies,
    }
    ids = {row[0] for row in conn.execute(_LED_TO, asked)}
    if not ids:
        return {}
    return {row.id: row.updated_at for row in conn.execute(_CHANGED, {"ids": ids})}


def known(conn: Connection, wanted: Wanted) -> list[Known]:
    """The same contacts, with all that a line may join."""
    ids = tuple(led_to(conn, wanted))
    if not ids:
        return []
    phones, emails = _of(conn, _PHONES, ids), _of(conn, _EMAILS, ids)
    tags, companies = _of(conn, _TAGS, ids), _of(conn, _COMPANIES, ids)
    external = _of(conn, _EXTERNAL, ids, wanted.system, NOUN)
    named = _of(conn, _NAMED, ids, wanted.file)
    return [
        Known(
            row.id,
            row.kind,
            row.created_at,
            row.updated_at,
            Fields(*(getattr(row, name) for name in FIELDS)),
            frozenset(phones.get(row.id, ())),
            frozenset(emails.get(row.id, ())),
            frozenset(tags.get(row.id, ())),
            frozenset(companies.get(row.id, ())),
            next(iter(external.get(row.id, ())), None),
            tuple(json.loads(after)["as"] for after in named.get(row.id, ())),
        )
        for row in conn.execute(_KNOWN, {"ids": ids})
    ]


def _of(
    conn: Connection,
    statement: Any,  # noqa: ANN401  a select of an id and a text
    ids: Iterable[str],
    *only: str,
) -> dict[str, list[str]]:
    """Texts by id, of the rows that end with `only`."""
    found: dict[str, list[str]] = {}
    for id_, value, *rest in conn.execute(statement, {"ids": tuple(ids)}):
        if tuple(rest) == only:
            found.setdefault(id_, []).append(value)
    return found


_GROWING = (contact, contact_phone, contact_email, contact_tag, external_id, import_row)


def measure(conn: Connection) -> None:
    """Let PostgreSQL see that tables have grown, or it reads them whole, for calls too.

    It looks by itself once a minute. Nothing waits for this: it may run as a read.
    """
    if conn.dialect.name == "postgresql":
        conn.exec_driver_sql(f"ANALYZE {', '.join(table.name for table in _GROWING)}")
    lookup.measure(conn)


# What lines do


@dataclass(frozen=True, slots=True)
class NewPhone:
    number: str
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """What one line does to one contact; `line` below zero: to the company that it names.

    All but `fields` is added, `fields` fill in what is empty. `kind`: the contact becomes one, and
    was `was`. `named`: how the line calls it. `found_at`: when it was changed before.
    """

    line: int
    contact: str
    action: Action
    digest: str = ""
    named: str = ""
    kind: str | None = None
    was: str | None = None
    found_at: datetime | None = None
    fields: Fields = field(default_factory=Fields)
    phones: tuple[NewPhone, ...] = ()
    emails: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    company: str | None = None
    role: str | None = None
    external: tuple[str, str] | None = None  # system, id

    @property
    def changes(self) -> bool:
        said = (self.kind, self.phones, self.emails, self.tags, self.company, self.external)
        return self.action == "taken" or any(said) or self.fields != Fields()


_FILL = (
    update(contact)
    .where(contact.c.id == bindparam("b_id"))
    .values(
        **{
            name: func.coalesce(bindparam(f"b_{name}", type_=contact.c[name].type), contact.c[name])
            for name in (*FIELDS, "kind", "folded")
        },
        updated_at=bindparam("b_now", type_=contact.c.updated_at.type),
        version=contact.c.version + 1,
    )
)


def take(conn: Connection, run: str, steps: Sequence[Step], *, now: datetime) -> None:
    """Do what lines do, and note it. Contacts are made before they are joined.

    What somebody has added meanwhile, or has under an id of a contact merged away, is passed over.
    """
    new = [one for one in steps if one.action == "taken"]
    joined = [one for one in steps if one.action == "joined" and one.changes]
    rows.add(conn, contact, [_new_contact(one, now) for one in new])
    if joined:
        conn.execute(_FILL, [_filled(one, now) for one in joined])
    changing = [*new, *joined]
    rows.add_new(
        conn,
        contact_phone,
        [
            {"contact": one.contact, "number": p.number, "label": p.label, "created_at": now}
            for one in changing
            for p in one.phones
        ],
    )
    rows.add_new(
        conn,
        contact_email,
        [
            {"contact": one.contact, "email": email, "created_at": now}
            for one in changing
            for email in one.emails
        ],
    )
    rows.add_new(
        conn,
        contact_tag,
        [{"contact": one.contact, "tag": tag} for one in changing for tag in one.tags],
    )
    rows.add_new(
        conn,
        membership,
        [
            {"person": one.contact, "company": one.company, "role": one.role}
            for one in changing
            if one.company
        ],
    )
    rows.add_new(
        conn,
        external_id,
        [
            {"system": one.external[0], "noun": NOUN, "id": one.external[1], "ours": one.contact}
            for one in changing
            if one.external
        ],
    )
    rows.add(
        conn,
        responsibility,
        [
            {
                "id": new_id(now),
                "contact": one.contact,
                "manager": one.fields.responsible,
                "by": _by(run),
                "since": now,
            }
            for one in changing
            if one.fields.responsible
        ],
    )
    rows.add(conn, import_row, [_noted(run, one, now) for one in steps])
    lookup.refresh(conn, [one.contact for one in changing])


def _by(run: str) -> str:
    return f"import:{run}"


def _new_contact(one: Step, now: datetime) -> dict[str, Any]:
    values = {name: getattr(one.fields, name) for name in FIELDS}
    return {
        "id": one.contact,
        "kind": one.kind or "person",
        "folded": _folded(one),
        "created_at": now,
        "updated_at": now,
        **values,
        "name": one.fields.name or "",
    }


def _filled(one: Step, now: datetime) -> dict[str, Any]:
    values = {f"b_{name}": getattr(one.fields, name) for name in FIELDS}
    kind = {"b_kind": one.kind, "b_folded": _folded(one)}
    return {"b_id": one.contact, "b_now": now, **kind, **values}


def _folded(one: Step) -> str | None:
    return folded(one.fields.name) if one.kind == "company" and one.fields.name else None


def _noted(run: str, one: Step, now: datetime) -> dict[str, Any]:
    """`at`: when the line left it so. `set`: what a join did, so that it can be taken back."""
    after: dict[str, Any] = {"as": one.named}
    before: dict[str, Any] = {}
    if one.changes:
        after["at"] = _ms(now)
    if one.action == "joined" and one.changes:
        values = {name: _plain(getattr(one.fields, name)) for name in FIELDS}
        after["set"] = {
            "fields": {name: value for name, value in values.items() if value is not None},
            "kind": one.kind,
            "phones": [phone.number for phone in one.phones],
            "emails": one.emails,
            "tags": one.tags,
            "company": one.company,
            "external": one.external,
        }
        before = {"at": _ms(one.found_at or now), "kind": one.was}
    return {
        "run": run,
        "line": one.line,
        "contact": one.contact,
        "action": one.action,
        "before": json.dumps(before),
        "after": json.dumps(after, ensure_ascii=False),
        "digest": one.digest,
    }


def _plain(value: object) -> object:
    return _ms(value) if isinstance(value, datetime) else value


def _ms(moment: datetime) -> int:
    return (moment - _EPOCH) // _MS


# Taking it back


@dataclass(frozen=True, slots=True)
class Touched:
    """A contact that an import made or joined, with what its lines did, the last one first.

    `lowest`: its first line, below zero that of a company. `made_by`: the line that made it, None:
    it was there. `left_at`: when the last line that changed it did, `updated_at`: when anybody did.
    """

    id: str
    name: str
    lowest: int
    made_by: int | None
    left_at: datetime | None
    updated_at: datetime
    notes: tuple[Note, ...]


@dataclass(frozen=True, slots=True)
class Note:
    """What a join set, and what was before, as they were noted."""

    before: Mapping[str, Any]
    set: Mapping[str, Any] | None


def lines_below(conn: Connection, run: str, below: int | None, limit: int) -> list[tuple[int, str]]:
    """Lines of an import with their contacts, from the last one down; None: from the very last."""
    c = import_row.c
    where = [c.run == run] if below is None else [c.run == run, c.line < below]
    found = conn.execute(
        select(c.line, c.contact).where(*where).order_by(c.line.desc()).limit(limit)
    )
    return [(row.line, row.contact) for row in found]


_TOUCHED = (
    select(
        import_row.c.contact,
        import_row.c.line,
        import_row.c.action,
        import_row.c.before,
        import_row.c.after,
        contact.c.name,
        contact.c.updated_at,
    )
    .join_from(import_row, contact, contact.c.id == import_row.c.contact)
    .where(among(import_row.c.contact, "ids"), import_row.c.run == bindparam("run"))
    .order_by(import_row.c.line.desc())
)


def touched(conn: Connection, run: str, ids: Iterable[str]) -> list[Touched]:
    """What an import did to these contacts."""
    found: dict[str, list[Any]] = {}
    for row in conn.execute(_TOUCHED, {"ids": tuple(ids), "run": run}):
        found.setdefault(row.contact, []).append(row)
    return [_touched(its) for its in found.values()]


def _touched(its: Sequence[Any]) -> Touched:
    after = [json.loads(row.after) for row in its]
    left = [one["at"] for one in after if "at" in one]
    return Touched(
        its[0].contact,
        its[0].name,
        its[-1].line,
        next((row.line for row in its if row.action == "taken"), None),
        _EPOCH + max(left) * _MS if left else None,
        its[0].updated_at,
        tuple(
            Note(json.loads(row.before), one.get("set"))
            for row, one in zip(its, after, strict=True)
        ),
    )


Work = Literal["call", "card", "lead", "task", "consent", "handover", "merge", "import", "member"]
"""What somebody did with a contact since, by which it stays."""


def worked_on(conn: Connection, run: str, ids: Iterable[str]) -> dict[str, set[Work]]:
    """What hangs on these contacts that did not come with this import."""
    asked = {"ids": tuple(ids), "run": run}
    found: dict[str, set[Work]] = {}
    if not asked["ids"]:
        return found
    for work, statement in _WORK.items():
        for id_ in conn.execute(statement, asked).scalars():
            found.setdefault(id_, set()).add(work)
    return found


_WORK: Mapping[Work, Any] = {
    "call": select(call.c.contact).where(among(call.c.contact, "ids")).distinct(),
    "card": select(card.c.contact).where(among(card.c.contact, "ids")).distinct(),
    "lead": select(lead.c.contact).where(among(lead.c.contact, "ids")).distinct(),
    "task": select(task.c.contact).where(among(task.c.contact, "ids")).distinct(),
    "consent": select(consent.c.contact).where(among(consent.c.contact, "ids")).distinct(),
    "handover": select(handover_item.c.id).where(
        handover_item.c.noun == "contact", among(handover_item.c.id, "ids")
    ),
    "merge": select(contact.c.merged_into).where(
        contact.c.merged_into.is_not(None), among(contact.c.merged_into, "ids")
    ),
    "import": select(import_row.c.contact).where(
        among(import_row.c.contact, "ids"), import_row.c.run != bindparam("run")
    ),
    "member": select(membership.c.company).where(among(membership.c.company, "ids")).distinct(),
}

_REMOVALS = tuple(
    delete(table).where(among(column, "ids"))
    for table, column in (
        (contact_phone, contact_phone.c.contact),
        (contact_email, contact_email.c.contact),
        (contact_tag, contact_tag.c.contact),
        (membership, membership.c.person),
        (responsibility, responsibility.c.contact),
        (external_id, external_id.c.ours),
        (custom_value, custom_value.c.owner),
        (import_row, import_row.c.contact),
        (contact, contact.c.id),
    )
)


def remove(conn: Connection, ids: Iterable[str]) -> None:
    """Remove contacts on which nothing hangs, with all that is theirs."""
    asked = {"ids": tuple(ids)}
    lookup.forget(conn, asked["ids"])
    for statement in _REMOVALS if asked["ids"] else ():
        conn.execute(statement, asked)


_NUMBERS_USED = select(call.c.contact, call.c.caller_number).where(among(call.c.contact, "ids"))
_CHOSEN = select(contact_phone.c.contact, contact_phone.c.number).where(
    among(contact_phone.c.contact, "ids"), contact_phone.c.chosen
)
_STATE = select(contact.c.id, contact.c.kind, *(contact.c[name] for name in FIELDS)).where(
    among(contact.c.id, "ids")
)
_RESTORE = (
    update(contact)
    .where(contact.c.id == bindparam("b_id"))
    .values(
        **{
            name: bindparam(f"b_{name}", type_=contact.c[name].type)
            for name in (*FIELDS, "kind", "folded")
        },
        updated_at=bindparam("b_now", type_=contact.c.updated_at.type),
        version=contact.c.version + 1,
    )
)
_END_RESPONSIBILITY = (
    update(responsibility)
    .where(
        responsibility.c.contact == bindparam("b_contact"),
        responsibility.c.by == bindparam("b_by"),
        responsibility.c.until.is_(None),
    )
    .values(until=bindparam("b_now", type_=responsibility.c.until.type))
)


def restore(conn: Connection, run: str, joined: Sequence[Touched], *, now: datetime) -> int:
    """Give joined contacts back what they had, where it still is as the import left it.

    A phone by which somebody has called since, or for which a person chose the contact, stays.
    Gives how many contacts were changed.
    """
    if not joined:
        return 0
    ids = [one.id for one in joined]
    state = {row.id: row for row in conn.execute(_STATE, {"ids": ids})}
    used = {
        tuple(row)
        for statement in (_NUMBERS_USED, _CHOSEN)
        for row in conn.execute(statement, {"ids": ids})
    }
    changed = [one for one in joined if one.left_at is not None]
    lost: dict[str, list[dict[str, str]]] = {}
    for one in changed:
        for note in one.notes:
            for what, keys in _added(one.id, note.set or {}):
                if what != "phones" or (one.id, keys["b_key"]) not in used:
                    lost.setdefault(what, []).append(keys)
    for what, theirs in lost.items():
        conn.execute(_TAKING_AWAY[what], theirs)
    before = [_before(one, state[one.id], now) for one in changed]
    if before:
        conn.execute(_RESTORE, before)
        ended = [
            {"b_contact": one["b_id"], "b_by": _by(run), "b_now": now}
            for one in before
            if one["b_responsible"] != state[one["b_id"]].responsible
        ]
        if ended:
            conn.execute(_END_RESPONSIBILITY, ended)
    _hand_back(conn, run, changed, now)
    lookup.refresh(conn, [one.id for one in changed])
    conn.execute(
        delete(import_row).where(import_row.c.run == run, among(import_row.c.contact, "ids")),
        {"ids": ids},
    )
    return len(changed)


def _added(id_: str, was_set: Mapping[str, Any]) -> Iterable[tuple[str, dict[str, str]]]:
    for what in ("phones", "emails", "tags"):
        for key in was_set.get(what, ()):
            yield what, {"b_contact": id_, "b_key": key}
    if company := was_set.get("company"):
        yield "company", {"b_contact": id_, "b_key": company}
    if external := was_set.get("external"):
        yield "external", {"b_contact": id_, "b_system": external[0], "b_key": external[1]}


def _removal(table: Any, owner: Any, key: Any, *more: ColumnElement[bool]) -> Any:  # noqa: ANN401
    where = (owner == bindparam("b_contact"), key == bindparam("b_key"), *more)
    return delete(table).where(*where)


_TAKING_AWAY: Mapping[str, Any] = {
    "phones": _removal(contact_phone, contact_phone.c.contact, contact_phone.c.number),
    "emails": _removal(contact_email, contact_email.c.contact, contact_email.c.email),
    "tags": _removal(contact_tag, contact_tag.c.contact, contact_tag.c.tag),
    "company": _removal(membership, membership.c.person, membership.c.company),
    "external": _removal(
        external_id,
        external_id.c.ours,
        external_id.c.id,
        external_id.c.system == bindparam("b_system"),
        external_id.c.noun == NOUN,
    ),
}


def _before(one: Touched, state: Any, now: datetime) -> dict[str, Any]:  # noqa: ANN401
    """The values of a contact without what the import left in it."""
    values = {name: getattr(state, name) for name in FIELDS}
    kind = state.kind
    for note in one.notes:
        said = note.set or {}
        for name, value in said.get("fields", {}).items():
            if _plain(values[name]) == value:
                values[name] = "" if name == "name" else None
        if said.get("kind") == kind:
            kind = note.before["kind"]
    name = folded(values["name"]) if kind == "company" else None
    given = {f"b_{field}": value for field, value in values.items()}
    return {"b_id": one.id, "b_now": now, "b_kind": kind, "b_folded": name, **given}


def _hand_back(conn: Connection, run: str, joined: Sequence[Touched], now: datetime) -> None:
    """Let imports before know that their contacts are again as they left them."""
    c = import_row.c
    was = {
        one.id: next(note.before["at"] for note in reversed(one.notes) if note.set)
        for one in joined
        if one.updated_at == one.left_at
    }
    theirs = select(c.run, c.line, c.contact, c.after).where(among(c.contact, "ids"), c.run != run)
    moved = []
    for row in conn.execute(theirs, {"ids": tuple(was)}):
        after = json.loads(row.after)
        if after.get("at") == was[row.contact]:
            said = json.dumps({**after, "at": _ms(now)}, ensure_ascii=False)
            moved.append({"b_run": row.run, "b_line": row.line, "b_after": said})
    if moved:
        conn.execute(
            update(import_row)
            .where(c.run == bindparam("b_run"), c.line == bindparam("b_line"))
            .values(after=bindparam("b_after", type_=c.after.type)),
            moved,
        )
