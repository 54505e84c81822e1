"""What the search box finds, by which terms, for whom; and that the terms are kept up."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Connection, delete, select, update

from callrouter.domain.rights import Viewer
from callrouter.domain.searching import LONGEST, understand
from storage import contacts, imports, lookup, profiles
from storage.contacts import NewContact
from storage.database import Database
from storage.ids import new_id
from storage.imports import Fields, Import, Step
from storage.profiles import Profile
from storage.searching import MOST, Found, search
from storage.tables import contact, document
from storage.tables import lookup as terms
from tests.api.rows import NOON, add_card, add_contact, add_document

ALL = Viewer("admin")
ANNA = Viewer("manager", "anna", people=frozenset({"anna"}))


def find(conn: Connection, typed: str, viewer: Viewer = ALL) -> Found:
    return search(conn, viewer, understand(typed, "RU"))


def names(conn: Connection, typed: str, viewer: Viewer = ALL) -> list[str]:
    return [one.name for one in find(conn, typed, viewer).contacts]


def known(conn: Connection, name: str, *phones: str, **more: object) -> str:
    id_ = add_contact(conn, name, *phones, **more)  # type: ignore[arg-type]
    lookup.refresh(conn, [id_])
    return id_


FOUND = {
    "the last four digits": "4567",
    "the last three digits": "567",
    "a number as one writes it": "8 (916) 123-45-67",
    "a number of E.164": "+79161234567",
    "the beginning of a surname": "петр",
    "in capitals": "ПЕТР",
    "with and without the dots": "соловьЕв",
    "two words in another order": "ива соло",
    "an e-mail's beginning": "IVAN@exam",
    "an e-mail without its host": "ivan",
    "an INN": "7701234567",
    "an INN's beginning": "77012",
}


@pytest.mark.parametrize("typed", FOUND.values(), ids=FOUND)
async def test_a_client_is_found_by(typed: str, sqlite_database: Database) -> None:
    def look(conn: Connection) -> list[str]:
        name = "Иван Соловьёв-Петровский"
        known(conn, name, "+79161234567", emails=("Ivan@example.com",), inn="7701234567")
        known(conn, "Анна Другая", "+79169999999", emails=("anna@example.com",), inn="500100")
        return names(conn, typed)

    assert await sqlite_database.write(look) == ["Иван Соловьёв-Петровский"]


NOT_FOUND = [
    "4568",
    "67",
    "петя",
    "соло анна",
    "exam",
    "%",
    "_",
    "и%н",
    "' or 1=1 --",
    "",
    "   ",
    "№",
]


@pytest.mark.parametrize("typed", NOT_FOUND)
async def test_nothing_else_is(typed: str, sqlite_database: Database) -> None:
    def look(conn: Connection) -> Found:
        known(conn, "Иван Соловьёв", "+79161234567", emails=("ivan@example.com",))
        return find(conn, typed)

    assert await sqlite_database.write(look) == Found()


async def test_a_search_on_either_engine(database: Database) -> None:
    """Ranges of beginnings are by bytes, whatever order the language of the base has."""

    def look(conn: Connection) -> None:
        late = known(conn, "Яна Ёлкина", "+79160000001", talked_at=NOON, talked_manager="anna")
        known(conn, "Ян Елкин", "+79160000002")
        known(conn, "ООО «Ёлки-палки»", "+79160000003", responsible="boris")
        known(conn, "Zoë Elk", "+79160000004", emails=("zoe_x@elk.example",))
        assert names(conn, "елк") == ["Яна Ёлкина", "ООО «Ёлки-палки»", "Ян Елкин"]
        assert names(conn, "елк", ANNA) == ["Яна Ёлкина", "Ян Елкин"]
        assert names(conn, "палки елки") == ["ООО «Ёлки-палки»"]
        assert names(conn, "zoe_") == ["Zoë Elk"]
        assert names(conn, "0002") == ["Ян Елкин"]
        assert names(conn, "89160000003", ANNA) == []
        # The number that was typed comes before whom somebody talked to last.
        known(conn, "79160000001 Телеком", "+79160000009", talked_at=NOON + timedelta(days=1))
        first, second = find(conn, "79160000001").contacts
        assert (first.name, first.exact, second.exact) == ("Яна Ёлкина", True, False)
        card = add_card(conn, late, manager="anna")
        assert [one.id for one in find(conn, "яна").contacts[0].cards] == [card]
        conn.execute(update(contact).where(contact.c.id == late).values(merged_into=late))
        assert "Яна Ёлкина" not in names(conn, "елк") + names(conn, "+79160000001")

    await database.write(look)


async def test_deals_and_offers_by_their_numbers(database: Database) -> None:
    def look(conn: Connection) -> None:
        client = known(conn, "Иван Петров", "+79161234567")
        card = add_card(conn, client, number=3180, manager="boris")
        mine = add_card(conn, client, number=3181, manager="anna")
        paper = add_document(conn, card)
        conn.execute(
            update(document).where(document.c.id == paper).values(number=5, label="КП-2026-0005")
        )
        for typed in ("3180", "№3180", "№ 3180", "#3180", "сделка 3180"):
            assert [one.card.id for one in find(conn, typed).cards] == [card], typed
        for typed in ("КП-2026-0005", "кп 2026 5", "2026-0005", "20260005", "0005", "5"):
            (offer,) = find(conn, typed).offers
            assert (offer.label, offer.card.id) == ("КП-2026-0005", card), typed
        for typed in ("КП-2025-0005", "СЧ-2026-0005", "05 2026", "КП-2026-0006"):
            assert find(conn, typed).offers == (), typed
        assert find(conn, "3180", ANNA).cards == ()
        assert find(conn, "20260005", ANNA).offers == ()
        assert [one.card.id for one in find(conn, "3181", ANNA).cards] == [mine]

    await database.write(look)


async def test_a_common_beginning_finds_the_newest(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.searching._RANKED", 30)
    monkeypatch.setattr("storage.searching._NEWEST", 10)

    def look(conn: Connection) -> Found:
        made = [add_contact(conn, f"Иван {n:03}") for n in range(60)]
        conn.execute(
            update(contact)
            .where(contact.c.id == made[-1])
            .values(updated_at=NOON + timedelta(days=1), talked_at=NOON, name="Иван Новый")
        )
        lookup.refresh(conn, made)
        return find(conn, "и")

    found = await database.write(look)
    assert len(found.contacts) == MOST
    assert found.more
    assert found.contacts[0].name == "Иван Новый"


EVIL = [
    "%" * 5000,
    "и " * 5000,
    "9" * 5000,
    "\x00\ud800\u202e",
    "a\x00b",
    "a" * 63 + "@" + "b" * 500,
    "((((((((((a+)+)+)+)+)+)+" * 100,
    "№" + "9" * 40,
    "КП-" + "0-" * 3000 + "1",
    "٣٤٥٦",
    "\U0010ffff\U0010ffff",
]


@pytest.mark.parametrize("typed", EVIL)
def test_what_is_read_of_anything_typed_is_bounded(typed: str) -> None:
    query = understand(typed, "RU")
    beginnings = [one for way in query.ways for one in way]
    assert len(beginnings) <= 8
    assert all(len(one) <= 64 for one in beginnings)
    assert (query.card or 0) < 2**31
    assert (query.offer.number if query.offer else 0) < 2**31
    assert len(query.offer.parts if query.offer else ()) <= LONGEST


async def test_anything_typed_is_looked_for(database: Database) -> None:
    def look(conn: Connection) -> None:
        known(conn, "Иван", "+79161234567")
        for typed in EVIL:
            find(conn, typed)

    await database.write(look)


# Kept up


def is_right(conn: Connection) -> bool:
    """Whether the terms are those that all contacts, read anew, ought to have."""
    wrong, before = lookup.stale(conn, most=3)
    while before is not None and not wrong:
        wrong, before = lookup.stale(conn, before, most=3)
    return not wrong


Act = Callable[[Connection, random.Random, list[str]], None]


def _number(chance: random.Random) -> str:
    return f"+7916{chance.randrange(40):07}"


def _name(chance: random.Random) -> str:
    return chance.choice(("", "Иван Ёлкин", "иван иванов", "ООО «Ромашка»", "Пётр " * 20))


def call_in(conn: Connection, chance: random.Random, ids: list[str]) -> None:
    new = [
        NewContact(new_id(NOON), chance.choice((None, _number(chance))), _name(chance))
        for _ in range(3)
    ]
    by_number = {one.number or one.id: one for one in new}
    made = contacts.make(conn, list(by_number.values()), now=NOON)
    ids += [one.id for one in by_number.values() if not one.number or made[one.number] == one.id]


def _profile(chance: random.Random, before: Profile) -> Profile:
    phones = {_number(chance) for _ in range(chance.randrange(3))}
    return replace(
        before,
        name=_name(chance),
        phones=tuple(sorted(phones)),
        emails=chance.choice(((), ("a@b.example",), ("a@b.example", "Ё@b.example"))),
        inn=chance.choice((None, "7701234567")),
    )


def save(conn: Connection, chance: random.Random, ids: list[str]) -> None:
    ids.append(profiles.add(conn, _profile(chance, Profile()), by="anna", now=NOON))
    found = profiles.find(conn, one := chance.choice(ids))
    assert found
    before, _version = found
    profiles.change(conn, one, before, _profile(chance, before), by="anna", now=NOON)


def come_back(conn: Connection, chance: random.Random, ids: list[str]) -> None:
    new = [NewContact(new_id(NOON), None)]
    contacts.make(conn, new, now=NOON)
    profiles.meet(conn, new[0].id, name="Пётр Вернувшийся", source="site", now=NOON)
    ids.append(new[0].id)
    one = chance.choice(ids[:-1])
    profiles.add_phone(conn, one, _number(chance), now=NOON)
    profiles.add_email(conn, one, f"{chance.randrange(9)}@c.example", now=NOON)


def take_a_file(conn: Connection, chance: random.Random, ids: list[str]) -> None:
    run, stays, goes = new_id(NOON), new_id(NOON), new_id(NOON)
    imports.begin(conn, Import(run, "a.csv", "anna", NOON))
    fields = Fields(name=_name(chance), last_name="Файлов", inn="500100732259")
    mail = ("f@f.example",)
    steps = [
        Step(line=n, digest=one, contact=one, action="taken", fields=fields, emails=mail)
        for n, one in enumerate((stays, goes))
    ]
    imports.take(conn, run, steps, now=NOON)
    imports.remove(conn, [goes])
    ids.append(stays)


ACTS: tuple[Act, ...] = (call_in, save, come_back, take_a_file)


async def test_the_terms_are_what_the_contacts_say_whatever_is_done(database: Database) -> None:
    chance = random.Random(11)

    def play(conn: Connection) -> None:
        ids: list[str] = []
        call_in(conn, chance, ids)
        for act in chance.sample(ACTS * 3, k=12):
            act(conn, chance, ids)
            assert is_right(conn), act.__name__

    await database.write(play)


async def test_a_base_from_before_is_brought_up_step_by_step(database: Database) -> None:
    def write(conn: Connection) -> list[str]:
        return [add_contact(conn, f"Клиент {n}", f"+7916000000{n}") for n in range(7)]

    def bring_up(conn: Connection) -> list[list[str]]:
        steps, before = [], None
        while True:
            wrong, before = lookup.stale(conn, before, most=3)
            steps.append(wrong)
            lookup.refresh(conn, wrong)
            if before is None:
                return steps

    ids = await database.write(write)
    # Meanwhile a whole number finds already: it needs no terms.
    assert await database.read(names, "+79160000003") == ["Клиент 3"]
    assert await database.read(names, "0003") == []
    newest_first = ids[::-1]
    steps = await database.write(bring_up)
    assert steps == [newest_first[:3], newest_first[3:6], newest_first[6:]]
    assert await database.read(names, "0003") == ["Клиент 3"]
    assert await database.write(bring_up) == [[], [], []]


async def test_who_is_forgotten_leaves_no_terms(database: Database) -> None:
    def erase(conn: Connection) -> list[str]:
        one = known(conn, "Иван Забытый", "+79161234567", emails=("ivan@example.com",))
        known(conn, "Пётр", "+79160000001")
        lookup.forget(conn, [one])
        conn.execute(delete(contact).where(contact.c.id == "nobody"))
        return sorted(conn.scalars(select(terms.c.term)))

    assert await database.write(erase) == ["p10000006197", "wпетр"]
