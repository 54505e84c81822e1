"""Two contacts are made one, and two again: nothing that hangs on either is lost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select, update

from callrouter.domain.merging import NoQuestion
from callrouter.domain.rights import Viewer
from callrouter.flows.merge import (
    CannotUndo,
    NoSuchMerge,
    SameContact,
    foresee,
    merge_contacts,
    undo_merge,
)
from callrouter.flows.people import Stale
from callrouter.flows.seeing import NotSeen
from storage import cards, known, lookup, merges, tables
from storage.cards import NewCard
from storage.database import Database
from storage.ids import new_id
from storage.merges import DERIVED, MOVED, SETS, STAYING, Stays
from tests.api.rows import add_call, add_card, add_contact
from tests.examples import MONDAY_NOON, SETUP, event
from tests.office import Office

ALL = Viewer("admin")
OLD, NEW, COMMON = "+79160000001", "+79160000002", "+79160000003"
BY = "manager:vera"
LATER = MONDAY_NOON + timedelta(minutes=1)


def at(seconds: float) -> datetime:
    return MONDAY_NOON + timedelta(seconds=seconds)


@pytest.fixture
async def office(database: Database) -> Office:
    return await Office(database).open()


def two(conn: Connection) -> tuple[str, str]:
    """Ivan twice: with all that can hang on a contact, and with as much that they share."""
    talked = {"talked_manager": "anna", "talked_at": at(-500)}
    kept = add_contact(
        conn,
        "Иван",
        OLD,
        COMMON,
        emails=("ivan@example.com",),
        tags=("vip", "retail"),
        responsible="anna",
        comment="Любит чай",
        **talked,
    )
    gone = add_contact(
        conn,
        "Иван Петров",
        NEW,
        COMMON,
        emails=("ivan@example.com", "petrov@example.com"),
        tags=("vip", "debtor"),
        responsible="boris",
        comment="Звонить утром",
        name_confirmed=True,
        last_name="Петров",
        inn="500100732259",
        made_for=NEW,
        unrecorded_since=at(-900),
        source_first="site",
        talked_manager="boris",
        talked_at=at(-100),
    )
    company = add_contact(conn, "ООО Ромашка", kind="company", folded="ооо ромашка")
    add_contact(conn, "Кто-то ещё", COMMON)
    put(conn, tables.membership, person=gone, company=company, role="директор")
    put(conn, tables.membership, person=gone, company=kept)  # he was taken for a company
    card = add_card(conn, gone, open_for=f"{gone}:sales", manager="boris")
    add_call(conn, contact=gone, card=card, caller_number=NEW, manager="boris")
    add_call(conn, contact=kept, caller_number=OLD)
    now = {"created_at": at(-50)}
    task = {"kind": "task", "owner": "anna", "author": "anna", **now}
    put(conn, tables.task, id=new_id(at(1)), contact=gone, **task)
    owed = {"kind": "call_back", "owner": "anna", "author": "anna", **now}
    claim = f"call_back:contact:{gone}"
    put(conn, tables.task, id=new_id(at(2)), contact=gone, open_for=claim, **owed)
    letter = {"card": card, "key": "offer", "n": 1, "kind": "offer", "state": "sent", "by": "anna"}
    moments = {"asked_at": at(-40), "changed_at": at(-40)}
    put(conn, tables.letter, id=new_id(at(3)), contact=gone, message_id="m", **letter, **moments)
    lead = {"system": "site", "card": card, "new": True, "at": at(-60)}
    put(conn, tables.lead, id=new_id(at(4)), contact=gone, **lead)
    consent = {"purpose": "advertising", "how": "form", "given_at": at(-60)}
    put(conn, tables.consent, id=new_id(at(5)), contact=gone, **consent)
    put(conn, tables.external_id, system="1c", noun="contact", id="K-1", ours=gone)
    put(conn, tables.import_run, id="run", file="a.csv", by="import", at=at(-99))
    put(conn, tables.import_row, run="run", line=7, contact=gone, action="taken", digest="d")
    for key, type_ in (("size", "number"), ("city", "text")):
        put(conn, tables.custom_field, key=key, noun="contact", type=type_, name=key)
    put(conn, tables.custom_value, field="size", owner=gone, number=Decimal("12.50"))
    put(conn, tables.custom_value, field="city", owner=gone, text="Тула")
    put(conn, tables.custom_value, field="city", owner=kept, text="Москва")
    add_contact(conn, "Ваня", merged_into=gone)
    for id_, manager in ((kept, "anna"), (gone, "boris")):
        row = {"manager": manager, "by": "vera", "since": at(-1000)}
        put(conn, tables.responsibility, id=new_id(at(-1000)), contact=id_, **row)
    lookup.refresh(conn, [kept, gone])
    return kept, gone


def put(conn: Connection, table: Any, **row: Any) -> None:
    conn.execute(insert(table).values(**row))


def everything(conn: Connection) -> dict[str, list[Any]]:
    """All rows but history, without what says only that and when something was changed."""
    untold = {"version", "updated_at"}
    history = {"merge", "responsibility", "business_event", "notice"}
    found = {}
    for table in tables.metadata.tables.values():
        if table.name not in history:
            wanted = [column for column in table.c if column.name not in untold]
            found[table.name] = sorted(map(repr, conn.execute(select(*wanted)).all()))
    return found


def responsible_now(conn: Connection) -> dict[str | None, str]:
    c = tables.responsibility.c
    found = conn.execute(select(c.contact, c.manager).where(c.until.is_(None)))
    return {row.contact: row.manager for row in found}


def hanging(conn: Connection, contact: str) -> dict[str, int]:
    """How many rows of every table speak of a contact, by whichever foreign key."""
    found = {}
    for column in speaking_of_contacts():
        if n := len(conn.execute(select(column).where(column == contact)).all()):
            found[f"{column.table.name}.{column.name}"] = n
    return found


def speaking_of_contacts() -> list[Any]:
    return [
        column
        for table in tables.metadata.tables.values()
        for column in table.c
        for key in column.foreign_keys
        if key.column is tables.contact.c.id
    ]


def raised(do: Callable[..., object], *given: Any, **named: Any) -> Exception | None:
    """What a call raises: in a transaction pytest's own failure would end the writer."""
    try:
        do(*given, **named)
    except Exception as refused:  # noqa: BLE001  it is looked at
        return refused
    return None


def join(
    conn: Connection, /, kept: str, gone: str, now: datetime = MONDAY_NOON, **given: Any
) -> str:
    return merge_contacts(conn, ALL, kept, gone, SETUP, by=BY, now=now, **given)


def apart(conn: Connection, /, merge: str, now: datetime = LATER) -> tuple[Stays, ...]:
    return undo_merge(conn, ALL, merge, by=BY, now=now).stays


def test_every_foreign_key_to_a_contact_is_thought_of() -> None:
    """A new one must be moved, joined or left on purpose: say which in storage/merges.py."""
    thought_of = [one.column for one in (*MOVED, *SETS)] + [*STAYING, *DERIVED]
    forgotten = [one for one in speaking_of_contacts() if not any(one is it for it in thought_of)]
    assert [f"{one.table.name}.{one.name}" for one in forgotten] == []


async def test_joined_and_taken_apart_leaves_every_row_as_it_was(office: Office) -> None:
    def round_trip(conn: Connection) -> None:
        kept, gone = two(conn)
        before, owned = everything(conn), responsible_now(conn)
        merge = join(conn, kept, gone)
        left = hanging(conn, gone)
        assert left == {"merge.gone": 1, "responsibility.contact": 1}, "history alone"
        assert everything(conn) != before
        assert gone not in responsible_now(conn)
        assert apart(conn, merge) == ()
        after = everything(conn)
        assert {name: after[name] for name in after if after[name] != before[name]} == {}
        assert responsible_now(conn) == owned

    await office.database.write(round_trip)


async def test_the_kept_one_has_what_both_had(office: Office) -> None:
    def look(conn: Connection) -> tuple[str, str]:
        kept, gone = two(conn)
        seen = foresee(conn, ALL, kept, gone)
        assert [(one.field, one.choice) for one in seen.questions] == [
            ("name", "gone"),  # a person confirmed it
            ("responsible", "kept"),
            ("comment", "both"),
            ("fields.city", "kept"),
        ]
        moves = {"call": 1, "card": 1, "task": 2, "letter": 1, "lead": 1, "consent": 1}
        assert seen.moves == moves | {"external_id": 1, "import": 1, "merge": 1}
        join(conn, kept, gone, choices={"fields.city": "gone", "responsible": "gone"})
        return kept, gone

    kept, gone = await office.database.write(look)
    rows = {row.id: row for row in await office.rows(tables.contact)}
    one = rows[kept]
    assert (one.name, one.last_name, one.inn) == ("Иван Петров", "Петров", "500100732259")
    assert one.comment == "Любит чай\n\nЗвонить утром"
    assert (one.responsible, one.made_for, one.source_first) == ("boris", NEW, "site")
    assert (one.talked_manager, one.unrecorded_since) == ("boris", at(-900))
    assert (rows[gone].merged_into, rows[gone].made_for) == (kept, None)
    assert {row.number for row in await of(office, tables.contact_phone, kept)} == {
        OLD,
        NEW,
        COMMON,
    }
    assert {row.tag for row in await of(office, tables.contact_tag, kept)} == {
        "vip",
        "retail",
        "debtor",
    }
    values = {row.field: row.text or row.number for row in await office.rows(tables.custom_value)}
    assert values == {"size": Decimal("12.50"), "city": "Тула"}
    told = [row.kind for row in await office.rows(tables.business_event)]
    assert told == ["contacts_merged"]


async def of(office: Office, table: Any, contact: str) -> list[Any]:
    return [row for row in await office.rows(table) if row.contact == contact]


async def test_calls_from_either_number_find_the_kept_one(office: Office) -> None:
    """Both called before, so each has the claims of its number and its card."""
    await office.take(event("ringing", "a", at(0), caller=OLD))
    await office.take(event("ringing", "b", at(1), caller=NEW))
    kept, gone = [call.contact for call in await calls(office)]
    first, second = sorted(await office.rows(tables.card), key=lambda row: row.number)
    assert second.open_for == f"{gone}:sales"
    merge = await office.database.write(join, kept, gone, at(2))
    (taken,) = await office.take(event("ringing", "c", at(3), caller=NEW))
    (other,) = await office.take(event("ringing", "d", at(4), caller=OLD))
    assert {call.contact for call in await calls(office)} == {kept}
    assert taken.why is not None
    assert other.why is not None
    assert (taken.why.contact, other.why.contact) == (kept, kept)
    assert await office.count(tables.card) == 2, "no third is made"
    claims = {row.id: row.open_for for row in await office.rows(tables.card)}
    assert claims == {first.id: f"{kept}:sales", second.id: None}

    stays = await office.database.write(apart, merge)
    assert stays == (Stays("call_since", 1),)
    claims = {row.id: row.open_for for row in await office.rows(tables.card)}
    assert claims == {first.id: f"{kept}:sales", second.id: f"{gone}:sales"}
    (again,) = await office.take(event("ringing", "e", at(99), caller=NEW))
    assert again.why is not None
    assert again.why.contact == gone
    assert await office.count(tables.card) == 2


async def calls(office: Office) -> list[Any]:
    return sorted(await office.rows(tables.call), key=lambda row: row.ref)


async def test_the_snapshot_learns_of_both(office: Office) -> None:
    kept, gone = await office.database.write(two)
    mark = (at(5), "")
    merge = await office.database.write(join, kept, gone, at(10))
    facts, _, _ = await office.database.read(known.changed_since, mark)
    assert {number: facts[number].contact for number in (OLD, NEW)} == {OLD: kept, NEW: kept}
    await office.database.write(apart, merge)
    facts, _, _ = await office.database.read(known.changed_since, (at(20), ""))
    assert {number: facts[number].contact for number in (OLD, NEW)} == {OLD: kept, NEW: gone}


async def test_what_changed_since_stays_and_is_told(office: Office) -> None:
    def change(conn: Connection) -> None:
        kept, gone = two(conn)
        merge = join(conn, kept, gone)
        c, p, t = tables.contact.c, tables.contact_phone.c, tables.card.c
        conn.execute(update(tables.contact).where(c.id == kept).values(name="Пётр", version=9))
        conn.execute(tables.contact_phone.delete().where(p.contact == kept, p.number == NEW))
        conn.execute(
            update(tables.contact_email)
            .where(tables.contact_email.c.email == "petrov@example.com")
            .values(state="bad")
        )
        other = add_contact(conn, "Третий")
        moved = conn.scalars(select(t.id).where(t.contact == kept)).one()
        conn.execute(update(tables.card).where(t.id == moved).values(contact=other, open_for=None))
        stays = apart(conn, merge)
        assert set(stays) == {Stays("name"), Stays("phone"), Stays("email"), Stays("card")}
        names = {row.id: row.name for row in conn.execute(select(c.id, c.name))}
        assert (names[kept], names[gone]) == ("Пётр", "Иван Петров")
        e = tables.contact_email.c
        mine = conn.execute(select(e.contact, e.state).where(e.email == "petrov@example.com"))
        assert [tuple(row) for row in mine] == [(gone, "bad")]
        assert conn.scalars(select(t.contact).where(t.id == moved)).one() == other
        assert not conn.scalars(select(p.contact).where(p.number == NEW)).all()
        claimed = conn.scalar(select(c.made_for).where(c.id == gone))
        assert claimed is None, "it has the number no more"

    await office.database.write(change)


async def test_a_card_closed_since_comes_back_without_its_claim(office: Office) -> None:
    def close(conn: Connection) -> Any:
        kept, gone = two(conn)
        new = NewCard(new_id(at(1)), 900, kept, "sales", "new", call="x")
        cards.make(conn, [new], now=at(1))
        merge = join(conn, kept, gone)
        c = tables.card.c
        theirs = conn.scalars(select(c.id).where(c.contact == kept, c.id != new.id)).one()
        conn.execute(update(tables.card).where(c.id == theirs).values(closed_at=at(5)))
        apart(conn, merge)
        found = conn.execute(select(c.contact, c.open_for).where(c.id == theirs)).one()
        return tuple(found) == (gone, None)

    assert await office.database.write(close)


async def test_merges_are_undone_the_newest_first(office: Office) -> None:
    def several(conn: Connection) -> None:
        kept, gone = two(conn)
        third = add_contact(conn, "Третий", NEW)
        first = join(conn, kept, gone)
        second = join(conn, third, kept, at(1))
        refused = raised(apart, conn, first)
        assert isinstance(refused, CannotUndo)
        assert refused.later == second
        assert merges.kept_of(conn, gone) == third
        assert apart(conn, second) == ()
        assert merges.kept_of(conn, gone) == kept
        apart(conn, first)
        assert isinstance(raised(apart, conn, first), CannotUndo)
        assert isinstance(raised(apart, conn, "nothing"), NoSuchMerge)

    await office.database.write(several)


async def test_what_cannot_be_joined_is_refused(office: Office) -> None:
    def refuse(conn: Connection) -> None:
        kept, gone = two(conn)
        before = everything(conn)
        assert isinstance(raised(join, conn, kept, kept), SameContact)
        assert isinstance(raised(join, conn, kept, "nobody"), NotSeen)
        assert isinstance(raised(join, conn, kept, gone, choices={"inn": "gone"}), NoQuestion)
        assert isinstance(raised(join, conn, kept, gone, versions=(1, 2)), Stale)
        own = Viewer("head", "vera", people=frozenset({"vera"}))
        assert isinstance(raised(foresee, conn, own, kept, gone), NotSeen)
        assert everything(conn) == before

    await office.database.write(refuse)
