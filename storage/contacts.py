"""Contacts: who has which number, and the claim by which a number makes only one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, and_, bindparam, or_, select, update

from callrouter.domain.names import folded
from storage import lookup, rows
from storage.ids import new_id
from storage.rows import among
from storage.tables import contact, contact_email, contact_phone, contact_tag


@dataclass(frozen=True, slots=True)
class Contact:
    """What routing needs of a contact."""

    id: str
    name: str = ""
    relation: str = "client"
    responsible: str | None = None
    talked: tuple[str, datetime] | None = None
    tags: frozenset[str] = frozenset()
    created_at: datetime | None = None
    no_card_until: datetime | None = None
    unrecorded: bool = False
    chosen: bool = False  # by a person, for the number by which he was found


@dataclass(frozen=True, slots=True)
class NewContact:
    """One that a call makes. `number` None: the caller withheld it, and it is claimed by nobody."""

    id: str
    number: str | None
    name: str = ""
    source: str | None = None


_COLUMNS = (
    contact.c.id,
    contact.c.name,
    contact.c.relation,
    contact.c.responsible,
    contact.c.talked_manager,
    contact.c.talked_at,
    contact.c.created_at,
    contact.c.no_card_until,
    contact.c.unrecorded_since,
)
_BY_NUMBERS = (
    select(contact_phone.c.number, contact_phone.c.chosen, *_COLUMNS)
    .join_from(contact_phone, contact, contact_phone.c.contact == contact.c.id)
    .where(among(contact_phone.c.number, "numbers"), contact.c.merged_into.is_(None))
    .order_by(contact_phone.c.chosen.desc(), contact.c.created_at)
)
_BY_IDS = select(*_COLUMNS).where(among(contact.c.id, "ids"))
_TAGS = select(contact_tag).where(among(contact_tag.c.contact, "ids"))
_CLAIMED = select(contact.c.made_for, contact.c.id).where(among(contact.c.made_for, "numbers"))


def by_numbers(conn: Connection, numbers: Iterable[str]) -> dict[str, list[Contact]]:
    """Who has each of these numbers (E.164), those merged into another left out."""
    wanted = set(numbers)
    if not wanted:
        return {}
    found = conn.execute(_BY_NUMBERS, {"numbers": wanted}).all()
    tags = _tags(conn, [row.id for row in found])
    people: dict[str, list[Contact]] = {}
    for row in found:
        one = replace(_contact(row, tags), chosen=row.chosen)
        people.setdefault(row.number, []).append(one)
    return people


def by_ids(conn: Connection, ids: Iterable[str]) -> dict[str, Contact]:
    wanted = set(ids)
    if not wanted:
        return {}
    found = conn.execute(_BY_IDS, {"ids": wanted}).all()
    tags = _tags(conn, wanted)
    return {row.id: _contact(row, tags) for row in found}


def _contact(row: object, tags: Mapping[str, frozenset[str]]) -> Contact:
    id_: str = getattr(row, "id")  # noqa: B009  a row of _COLUMNS, whatever else it holds
    get = row.__getattribute__
    talked = (get("talked_manager"), get("talked_at")) if get("talked_manager") else None
    return Contact(
        id=id_,
        name=get("name"),
        relation=get("relation"),
        responsible=get("responsible"),
        talked=talked,
        tags=tags.get(id_, frozenset()),
        created_at=get("created_at"),
        no_card_until=get("no_card_until"),
        unrecorded=get("unrecorded_since") is not None,
    )


def _tags(conn: Connection, ids: Iterable[str]) -> dict[str, frozenset[str]]:
    if not ids:
        return {}
    found: dict[str, set[str]] = {}
    for row in conn.execute(_TAGS, {"ids": ids}):
        found.setdefault(row.contact, set()).add(row.tag)
    return {id_: frozenset(tags) for id_, tags in found.items()}


def make(conn: Connection, new: Sequence[NewContact], *, now: datetime) -> dict[str, str]:
    """Make contacts for callers; gives who claims each number, which may be one made before."""
    rows.add_new(
        conn,
        contact,
        [
            {
                "id": one.id,
                "name": one.name,
                "source_first": one.source,
                "source_last": one.source,
                "made_for": one.number,
                "created_at": now,
                "updated_at": now,
            }
            for one in new
        ],
    )
    numbers = [one.number for one in new if one.number]
    unclaimed = {one.id: one.name for one in new if one.number is None}
    if not numbers:
        lookup.note_new(conn, unclaimed, {})
        return {}
    claimed = {
        row.made_for: row.id for row in conn.execute(_CLAIMED, {"numbers": numbers}) if row.made_for
    }
    rows.add_new(
        conn,
        contact_phone,
        [
            {"contact": id_, "number": number, "created_at": now}
            for number, id_ in sorted(claimed.items())
        ],
    )
    mine = {one.id: one.name for one in new if one.number and claimed.get(one.number) == one.id}
    lookup.note_new(conn, unclaimed | mine, {id_: number for number, id_ in claimed.items()})
    return claimed


_NOTE_TALK = (
    update(contact)
    .where(
        contact.c.id == bindparam("contact"),
        or_(
            contact.c.talked_at.is_(None),
            contact.c.talked_at < bindparam("moment"),
            # The same end, but it turned out to be another's talk.
            and_(
                contact.c.talked_at == bindparam("moment"),
                contact.c.talked_manager != bindparam("manager"),
            ),
        ),
    )
    .values(
        talked_manager=bindparam("manager"),
        talked_at=bindparam("moment"),
        updated_at=bindparam("now"),
    )
)
_SET_LAST_SOURCE = (
    update(contact)
    .where(
        contact.c.id == bindparam("contact"),
        contact.c.source_last.is_distinct_from(bindparam("source")),
    )
    .values(source_last=bindparam("source"), updated_at=bindparam("now"))
)


def note_talk(
    conn: Connection, talks: Mapping[str, tuple[str, datetime]], *, now: datetime
) -> None:
    """Remember who talked to each contact last; an earlier talk changes nothing."""
    if talks:
        conn.execute(
            _NOTE_TALK,
            [
                {"contact": id_, "manager": manager, "moment": moment, "now": now}
                for id_, (manager, moment) in sorted(talks.items())
            ],
        )


def set_last_source(conn: Connection, sources: Mapping[str, str], *, now: datetime) -> None:
    """Remember by which source each contact came last."""
    if sources:
        conn.execute(
            _SET_LAST_SOURCE,
            [
                {"contact": id_, "source": source, "now": now}
                for id_, source in sorted(sources.items())
            ],
        )


@dataclass(frozen=True, slots=True)
class Person:
    """A contact that is not made by a call."""

    name: str
    phones: tuple[str, ...] = ()
    kind: str = "person"
    relation: str = "client"
    responsible: str | None = None
    tags: tuple[str, ...] = ()
    email: str | None = None


def add(conn: Connection, one: Person, *, now: datetime) -> str:
    """Add a contact with his phones (E.164), e-mail and tags; gives its id."""
    id_ = new_id(now)
    rows.add(
        conn,
        contact,
        [
            {
                "id": id_,
                "kind": one.kind,
                "relation": one.relation,
                "name": one.name,
                "folded": folded(one.name) if one.kind == "company" else None,
                "name_confirmed": True,
                "responsible": one.responsible,
                "created_at": now,
                "updated_at": now,
            }
        ],
    )
    phones = [{"contact": id_, "number": number, "created_at": now} for number in one.phones]
    rows.add(conn, contact_phone, phones)
    if one.email:
        rows.add(conn, contact_email, [{"contact": id_, "email": one.email, "created_at": now}])
    rows.add(conn, contact_tag, [{"contact": id_, "tag": tag} for tag in one.tags])
    lookup.refresh(conn, [id_])
    return id_
