"""Contacts as people and programs write them: names, numbers, tags, whose they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, bindparam, case, delete, func, select, update

from callrouter.domain.names import folded
from storage import lookup, rows
from storage.ids import new_id
from storage.rows import among
from storage.tables import (
    contact,
    contact_email,
    contact_phone,
    contact_tag,
    external_id,
    membership,
    responsibility,
)


@dataclass(frozen=True, slots=True)
class Profile:
    """What may be set of a contact. `company`: the id of the company whose person he is."""

    kind: str = "person"
    relation: str = "client"
    name: str = ""
    responsible: str | None = None
    inn: str | None = None
    comment: str | None = None
    position: str | None = None
    company: str | None = None
    phones: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


# Finding


def find(conn: Connection, contact_id: str) -> tuple[Profile, int] | None:
    """A contact's profile and version; None where there is none, or it was merged into another."""
    c = contact.c
    row = conn.execute(
        select(
            c.kind,
            c.relation,
            c.name,
            c.responsible,
            c.inn,
            c.comment,
            c.position,
            c.version,
        ).where(c.id == contact_id, c.merged_into.is_(None))
    ).one_or_none()
    if row is None:
        return None
    m = membership.c
    of = conn.execute(select(m.company).where(m.person == contact_id).order_by(m.company)).first()
    profile = Profile(
        row.kind,
        row.relation,
        row.name,
        row.responsible,
        row.inn,
        row.comment,
        row.position,
        of.company if of else None,
        _list(conn, contact_phone, "number", contact_id),
        _list(conn, contact_email, "email", contact_id),
        _list(conn, contact_tag, "tag", contact_id),
    )
    return profile, row.version


def _list(conn: Connection, table: Table[Any], column: str, contact_id: str) -> tuple[str, ...]:
    one = table.c[column]
    return tuple(conn.scalars(select(one).where(table.c.contact == contact_id).order_by(one)))


_BY_EMAILS = (
    select(contact_email.c.contact)
    .join_from(contact_email, contact, contact_email.c.contact == contact.c.id)
    .where(among(contact_email.c.email, "emails"), contact.c.merged_into.is_(None))
    .order_by(contact.c.created_at, contact.c.id)
)


def by_email(conn: Connection, email: str) -> list[str]:
    """Who has this address, as it is spelled or in small letters; the oldest contact first."""
    spellings = {email, email.lower()}
    return list(dict.fromkeys(conn.scalars(_BY_EMAILS, {"emails": spellings})))


def by_external(conn: Connection, system: str, id_: str) -> str | None:
    """The contact that a program knows under an id of its own."""
    c = external_id.c
    return conn.execute(
        select(c.ours).where(c.system == system, c.noun == "contact", c.id == id_)
    ).scalar_one_or_none()


def known_to(conn: Connection, system: str, contacts: Iterable[str]) -> set[str]:
    """Which of these contacts a program knows under any id of its own."""
    c = external_id.c
    ours = among(c.ours, "contacts")
    found = select(c.ours).where(c.system == system, c.noun == "contact", ours)
    return set(conn.scalars(found, {"contacts": list(contacts)}))


def company_named(conn: Connection, name: str) -> str | None:
    """The oldest company of this name, however it is spelled."""
    c = contact.c
    return conn.execute(
        select(c.id)
        .where(c.kind == "company", c.folded == folded(name), c.merged_into.is_(None))
        .order_by(c.created_at, c.id)
        .limit(1)
    ).scalar_one_or_none()


# Writing


def add_external(conn: Connection, system: str, id_: str, contact_id: str) -> None:
    rows.add_new(
        conn,
        external_id,
        [{"system": system, "noun": "contact", "id": id_, "ours": contact_id}],
    )


def add_phone(conn: Connection, contact_id: str, number: str, *, now: datetime) -> None:
    rows.add_new(
        conn, contact_phone, [{"contact": contact_id, "number": number, "created_at": now}]
    )
    lookup.refresh(conn, [contact_id])


def add_email(conn: Connection, contact_id: str, email: str, *, now: datetime) -> None:
    rows.add_new(conn, contact_email, [{"contact": contact_id, "email": email, "created_at": now}])
    lookup.refresh(conn, [contact_id])


_MEET = (
    update(contact)
    .where(contact.c.id == bindparam("of_contact"))
    .values(
        name=case((contact.c.name == "", bindparam("said")), else_=contact.c.name),
        source_first=func.coalesce(contact.c.source_first, bindparam("source")),
        source_last=func.coalesce(bindparam("source"), contact.c.source_last),
        updated_at=bindparam("now"),
    )
)


def meet(
    conn: Connection, contact_id: str, *, name: str, source: str | None, now: datetime
) -> None:
    """Note that he came back, and by which source; who had no name gets the one he says."""
    conn.execute(_MEET, {"of_contact": contact_id, "said": name, "source": source, "now": now})
    if name:
        lookup.refresh(conn, [contact_id])


_COLUMNS = ("kind", "relation", "name", "responsible", "inn", "comment", "position")


def add(conn: Connection, profile: Profile, *, by: str, now: datetime) -> str:
    """Make a contact; gives its id. No number claims it."""
    id_ = new_id(now)
    columns = {name: getattr(profile, name) for name in _COLUMNS}
    rows.add(
        conn,
        contact,
        [
            {
                "id": id_,
                "name_confirmed": bool(profile.name),
                "folded": _folded(profile),
                "created_at": now,
                "updated_at": now,
                **columns,
            }
        ],
    )
    _write_lists(conn, id_, Profile(), profile, now)
    lookup.refresh(conn, [id_])
    if profile.responsible:
        begin_responsibility(conn, {id_: profile.responsible}, by=by, now=now)
    return id_


def _folded(profile: Profile) -> str | None:
    """How a company is looked up by its name."""
    return folded(profile.name) if profile.kind == "company" and profile.name else None


def change(
    conn: Connection, contact_id: str, before: Profile, after: Profile, *, by: str, now: datetime
) -> None:
    """Write what is other than before, with the interval of a new responsible."""
    values = {
        name: getattr(after, name)
        for name in _COLUMNS
        if getattr(after, name) != getattr(before, name)
    }
    if "name" in values:
        values["name_confirmed"] = bool(after.name)
    if (before.kind, before.name) != (after.kind, after.name):
        values["folded"] = _folded(after)
    c = contact.c
    conn.execute(
        update(contact)
        .where(c.id == contact_id)
        .values(updated_at=now, version=c.version + 1, **values)
    )
    _write_lists(conn, contact_id, before, after, now)
    lookup.refresh(conn, [contact_id])
    if gone := set(before.phones) - set(after.phones):
        # A number that is his no longer may make a contact of its own again.
        conn.execute(
            update(contact)
            .where(c.id == contact_id, c.made_for.in_(sorted(gone)))
            .values(made_for=None)
        )
    if "responsible" in values:
        begin_responsibility(conn, {contact_id: after.responsible}, by=by, now=now)


def _write_lists(
    conn: Connection, contact_id: str, before: Profile, after: Profile, now: datetime
) -> None:
    at = {"created_at": now}
    _write(conn, contact_phone, "number", contact_id, before.phones, after.phones, at)
    _write(conn, contact_email, "email", contact_id, before.emails, after.emails, at)
    _write(conn, contact_tag, "tag", contact_id, before.tags, after.tags, {})
    if before.company != after.company:
        conn.execute(delete(membership).where(membership.c.person == contact_id))
        if after.company:
            rows.add(conn, membership, [{"person": contact_id, "company": after.company}])


def _write(
    conn: Connection,
    table: Table[Any],
    column: str,
    contact_id: str,
    before: Sequence[str],
    after: Sequence[str],
    more: Mapping[str, datetime],
) -> None:
    if gone := sorted(set(before) - set(after)):
        c = table.c
        conn.execute(delete(table).where(c.contact == contact_id, c[column].in_(gone)))
    new = [one for one in dict.fromkeys(after) if one not in set(before)]
    rows.add_new(conn, table, [{"contact": contact_id, column: one, **more} for one in new])


_END_RESPONSIBILITY = (
    update(responsibility)
    .where(
        responsibility.c.contact == bindparam("of_contact"),
        responsibility.c.card.is_(None),
        responsibility.c.until.is_(None),
    )
    .values(until=bindparam("end"))
)


def begin_responsibility(
    conn: Connection, handed: Mapping[str, str | None], *, by: str, now: datetime
) -> None:
    """Whose each contact is from now on, as an interval; None: nobody's. The column is not here."""
    if not handed:
        return
    conn.execute(_END_RESPONSIBILITY, [{"of_contact": one, "end": now} for one in sorted(handed)])
    rows.add(
        conn,
        responsibility,
        [
            {"id": new_id(now), "contact": one, "manager": manager, "by": by, "since": now}
            for one, manager in sorted(handed.items())
            if manager
        ],
    )


# By hand


@dataclass(frozen=True, slots=True)
class Names:
    """A person's name in parts; `confirmed`: a person looked at it."""

    first: str | None = None
    middle: str | None = None
    last: str | None = None
    confirmed: bool = False


def names_of(conn: Connection, contact_id: str) -> Names:
    c = contact.c
    row = conn.execute(
        select(c.first_name, c.middle_name, c.last_name, c.name_confirmed).where(c.id == contact_id)
    ).one()
    return Names(row.first_name, row.middle_name, row.last_name, row.name_confirmed)


@dataclass(frozen=True, slots=True)
class Phone:
    """A number of somebody's (E.164), and what it is for."""

    number: str
    label: str | None


def phones_of(conn: Connection, contacts: Sequence[str]) -> dict[str, list[Phone]]:
    """The numbers of these contacts, each contact's in the order of the alphabet."""
    p = contact_phone.c
    found: dict[str, list[Phone]] = {}
    rows_found = conn.execute(
        select(p.contact, p.number, p.label)
        .where(among(p.contact, "ids"))
        .order_by(p.contact, p.number),
        {"ids": list(contacts)},
    )
    for row in rows_found:
        found.setdefault(row.contact, []).append(Phone(row.number, row.label))
    return found


def names_by_id(conn: Connection, contacts: Sequence[str]) -> dict[str, Names]:
    """The names in parts of these contacts."""
    c = contact.c
    found = conn.execute(
        select(c.id, c.first_name, c.middle_name, c.last_name, c.name_confirmed).where(
            among(c.id, "ids")
        ),
        {"ids": list(contacts)},
    )
    return {
        row.id: Names(row.first_name, row.middle_name, row.last_name, row.name_confirmed)
        for row in found
    }


def write_names(conn: Connection, contact_id: str, names: Names, *, now: datetime) -> bool:
    """False: they were so before."""
    if names_of(conn, contact_id) == names:
        return False
    c = contact.c
    conn.execute(
        update(contact)
        .where(c.id == contact_id)
        .values(
            first_name=names.first,
            middle_name=names.middle,
            last_name=names.last,
            name_confirmed=names.confirmed,
            updated_at=now,
            version=c.version + 1,
        )
    )
    lookup.refresh(conn, [contact_id])
    return True


def label_phones(
    conn: Connection, contact_id: str, labels: Mapping[str, str | None], *, now: datetime
) -> bool:
    """Say what each of his numbers (E.164) is for. False: all were so before."""
    p, c = contact_phone.c, contact.c
    changed = 0
    for number, label in sorted(labels.items()):
        here = (p.contact == contact_id, p.number == number, p.label.is_distinct_from(label))
        changed += conn.execute(update(contact_phone).where(*here).values(label=label)).rowcount
    if changed:
        conn.execute(
            update(contact).where(c.id == contact_id).values(updated_at=now, version=c.version + 1)
        )
    return changed > 0
