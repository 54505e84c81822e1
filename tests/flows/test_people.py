"""Contacts by people and programs: which one is meant, what is added, what is replaced."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from callrouter.flows.new_card import Wanted, make_card
from callrouter.flows.no_such import NoSuchContact
from callrouter.flows.people import BadFields, Person, Saved, Stale, change, read_email, save
from storage import cards, profiles, tables
from storage.database import Database
from tests.examples import MONDAY_NOON, SETUP, event
from tests.office import Office

IVAN = "+79161234567"
OLGA = "+79161234568"
LATER = MONDAY_NOON + timedelta(hours=1)


def person(**fields: Any) -> Person:
    return Person(given=frozenset(fields), **fields)


@pytest.fixture
async def office(database: Database) -> Office:
    return await Office(database).open()


async def put(office: Office, sent: Person, external_id: str | None = None, **more: Any) -> Saved:
    given = {"system": "crm", "by": "token:crm", "now": MONDAY_NOON, **more}
    return await office.database.write(save, sent, SETUP, external_id=external_id, **given)


async def alter(office: Office, contact: str, sent: Person, version: int | None = None) -> None:
    given: dict[str, Any] = {"version": version, "by": "token:crm", "now": LATER}
    await office.database.write(change, contact, sent, SETUP, **given)


async def of(office: Office, contact: str) -> profiles.Profile:
    found = await office.database.read(profiles.find, contact)
    assert found
    return found[0]


# Which contact is meant


async def test_a_new_contact_has_all_that_is_given(office: Office) -> None:
    saved = await put(
        office,
        person(
            name="  Иван   Петров ",
            phones=("8 916 123-45-67", "+7 916 123 45 67"),
            emails=("Ivan@Example.com",),
            tags=("vip", "vip"),
            responsible="vera",
            inn="7707083893",
            comment="Звонить утром",
            position="Директор",
            company="ООО «Ромашка»",
        ),
        "77",
    )
    assert saved.new
    found = await of(office, saved.contact)
    assert found.company
    assert found == profiles.Profile(
        name="Иван Петров",
        responsible="vera",
        inn="7707083893",
        comment="Звонить утром",
        position="Директор",
        company=found.company,
        phones=(IVAN,),
        emails=("ivan@example.com",),
        tags=("vip",),
    )
    company = await of(office, found.company)
    assert (company.kind, company.name) == ("company", "ООО «Ромашка»")
    owned = await office.only(tables.responsibility)
    assert (owned.contact, owned.card, owned.manager) == (saved.contact, None, "vera")
    assert (owned.by, owned.since, owned.until) == ("token:crm", MONDAY_NOON, None)
    other = await put(office, person(name="Ольга", company='ооо "Ромашка"'))
    assert (await of(office, other.contact)).company == found.company


async def test_the_senders_own_id_finds_it_again(office: Office) -> None:
    first = await put(office, person(name="Иван", phones=(IVAN,)), "77")
    again = await put(office, person(name="Иван Петров", phones=(OLGA,)), "77")
    assert again == Saved(first.contact, new=False)
    assert (await of(office, first.contact)).phones == (IVAN, OLGA)
    other = await put(office, person(name="Другой"), "77", system="shop")
    assert other.new


async def test_a_number_finds_it_and_is_told_apart_by_the_senders_ids(office: Office) -> None:
    first = await put(office, person(name="Иван", phones=(IVAN,)))
    by_phone = await put(office, person(phones=(OLGA, IVAN)), "77")
    assert by_phone == Saved(first.contact, new=False)
    wife = await put(office, person(name="Ольга", phones=(IVAN,)), "78")
    assert wife.new
    assert not (await put(office, person(phones=(IVAN,)), "78")).new
    assert await office.count(tables.contact) == 2


async def test_of_several_people_on_a_number_the_name_tells_who_is_meant(office: Office) -> None:
    for n, name in enumerate(("Иван Петров", "Ольга Петрова")):
        await put(office, person(name=name, phones=(IVAN,)), f"id-{n}")
    saved = await put(office, person(name="Петрова О.", phones=(IVAN,), tags=("vip",)))
    assert not saved.new
    found = await of(office, saved.contact)
    assert (found.name, found.tags) == ("Петрова О.", ("vip",))
    assert await office.count(tables.contact) == 2


async def test_a_contact_that_a_call_made_is_brought_up_to_date(office: Office) -> None:
    await office.take(event("ringing"))
    saved = await put(office, person(name="Иван", phones=(IVAN,), tags=("vip",)), "77")
    assert not saved.new
    row = await office.only(tables.contact)
    assert (row.name, row.name_confirmed, row.version, row.made_for) == ("Иван", True, 2, IVAN)


async def test_what_is_the_same_changes_nothing(office: Office) -> None:
    sent = person(name="Иван", phones=(IVAN,), responsible="vera", company="Ромашка")
    first = await put(office, sent, "77")
    before = await office.rows(tables.contact)
    assert await put(office, sent, "77", now=LATER) == replace(first, new=False)
    assert await office.rows(tables.contact) == before
    assert await office.count(tables.responsibility) == 1


async def test_what_is_given_is_added_and_what_is_not_stays(office: Office) -> None:
    sent = person(name="Иван", phones=(IVAN,), tags=("vip",), comment="Так", responsible="vera")
    saved = await put(office, sent, "77")
    await put(office, person(phones=(OLGA,), tags=("опт",), comment="Эдак"), "77")
    assert await of(office, saved.contact) == profiles.Profile(
        name="Иван",
        responsible="vera",
        comment="Эдак",
        phones=(IVAN, OLGA),
        tags=("vip", "опт"),
    )


# Changing


async def test_a_change_replaces_lists_and_empties_fields(office: Office) -> None:
    sent = person(name="Иван", phones=(IVAN,), tags=("vip",), responsible="vera", company="Ромашка")
    saved = await put(office, sent)
    await alter(
        office,
        saved.contact,
        person(phones=(OLGA,), tags=(), responsible=None, company=None, name=None),
    )
    assert await of(office, saved.contact) == profiles.Profile(phones=(OLGA,))
    owned = await office.only(tables.responsibility)
    assert (owned.manager, owned.until) == ("vera", LATER)
    row = next(row for row in await office.rows(tables.contact) if row.id == saved.contact)
    assert (row.version, row.updated_at, row.name_confirmed) == (2, LATER, False)


async def test_a_number_that_was_taken_away_makes_a_contact_of_its_own_again(
    office: Office,
) -> None:
    await office.take(event("ringing"))
    ivan = (await office.only(tables.contact)).id
    await alter(office, ivan, person(phones=(OLGA,)))
    await office.take(event("ringing", "c2", LATER))
    numbers = {row.number: row.contact for row in await office.rows(tables.contact_phone)}
    assert numbers[OLGA] == ivan
    assert numbers[IVAN] != ivan


async def test_the_responsible_is_kept_as_intervals(office: Office) -> None:
    saved = await put(office, person(name="Иван", responsible="vera"))
    await alter(office, saved.contact, person(responsible="anna"))
    found = sorted(await office.rows(tables.responsibility), key=lambda row: row.since)
    assert [(row.manager, row.since, row.until) for row in found] == [
        ("vera", MONDAY_NOON, LATER),
        ("anna", LATER, None),
    ]


async def test_a_stale_version_changes_nothing(office: Office) -> None:
    saved = await put(office, person(name="Иван"))
    await alter(office, saved.contact, person(name="Пётр"), 1)
    with pytest.raises(Stale):
        await alter(office, saved.contact, person(name="Семён"), 1)
    assert (await of(office, saved.contact)).name == "Пётр"


async def test_who_was_merged_or_never_was_is_not_changed(office: Office) -> None:
    first = await put(office, person(name="Иван"))
    second = await put(office, person(name="Пётр"))

    def merge(conn: Any) -> None:
        row = tables.contact.update().where(tables.contact.c.id == second.contact)
        conn.execute(row.values(merged_into=first.contact))

    await office.database.write(merge)
    for id_ in (second.contact, "01" + "Z" * 24):
        with pytest.raises(NoSuchContact):
            await alter(office, id_, person(name="Семён"))


@pytest.mark.parametrize(
    ("sent", "fields"),
    [
        pytest.param(person(), ["name", "phones", "emails", "external_id"], id="nothing"),
        pytest.param(person(name="  "), ["name", "phones", "emails", "external_id"], id="blank"),
        pytest.param(person(phones=(IVAN, "12-34")), ["phones.1"], id="a bad number"),
        pytest.param(person(emails=("a@b", IVAN)), ["emails.0", "emails.1"], id="bad e-mails"),
        pytest.param(person(name="И", responsible="petr"), ["responsible"], id="no manager"),
        pytest.param(person(name="И", inn="12345"), ["inn"], id="a bad INN"),
        pytest.param(
            person(kind="company", name="И", company="К"), ["company"], id="a company's company"
        ),
    ],
)
async def test_what_is_wrong_is_named(office: Office, sent: Person, fields: list[str]) -> None:
    with pytest.raises(BadFields) as bad:
        await put(office, sent)
    assert [one.field for one in bad.value.wrong] == fields
    assert await office.count(tables.contact) == 0


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (" Ivan@Example.com ", "ivan@example.com"),
        ("иван@почта.рф", "иван@почта.рф"),
        ("ivan@example", None),
        ("ivan petrov@example.com", None),
        ("a@b.ru, c@d.ru", None),
        ("@example.com", None),
        ("x" * 65 + "@example.com", None),
        ("", None),
    ],
)
def test_addresses(text: str, address: str | None) -> None:
    assert read_email(text) == address


# Cards


async def test_a_card_by_hand_is_one_more(office: Office) -> None:
    await office.take(event("ringing"))
    contact = (await office.only(tables.contact)).id
    wanted = Wanted(contact, status="in_work", manager="vera", source="fair")
    id_ = await office.database.write(make_card, wanted, SETUP, by="token:crm", now=LATER)
    card = next(row for row in await office.rows(tables.card) if row.id == id_)
    assert (card.number, card.open_for, card.made_by_call) == (2, None, None)
    assert (card.status, card.manager, card.manager_by) == ("in_work", "vera", "token:crm")
    assert (card.team, card.source_first, card.source_last) == ("sales", "fair", "fair")
    first = next(row for row in await office.rows(tables.transition) if row.card == id_)
    assert (first.n, first.from_status, first.to_status, first.by) == (
        1,
        None,
        "in_work",
        "token:crm",
    )
    owned = await office.only(tables.responsibility)
    assert (owned.card, owned.manager, owned.until) == (id_, "vera", None)
    read = office.database.read
    assert dict(await read(cards.counted)) == dict(await read(cards.recount))


@pytest.mark.parametrize(
    ("manager", "owner"),
    [
        pytest.param(None, "anna", id="the contact's own"),
        pytest.param("boris", "boris", id="the one that is named"),
        pytest.param("", None, id="nobody"),
    ],
)
async def test_whose_a_card_by_hand_is(
    office: Office, manager: str | None, owner: str | None
) -> None:
    saved = await put(office, person(name="Иван", responsible="anna"))
    wanted = Wanted(saved.contact, manager=manager)
    await office.database.write(make_card, wanted, SETUP, by="token:crm", now=LATER)
    assert (await office.only(tables.card)).manager == owner


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        pytest.param({"contact": "01" + "Z" * 24}, ["contact"], id="no contact"),
        pytest.param({"pipeline": "no"}, ["pipeline"], id="no pipeline"),
        pytest.param({"status": "won"}, ["status"], id="a closed status"),
        pytest.param({"manager": "petr"}, ["manager"], id="no manager"),
    ],
)
async def test_a_card_that_cannot_be(
    office: Office, changes: dict[str, str], fields: list[str]
) -> None:
    saved = await put(office, person(name="Иван"))
    wanted = replace(Wanted(saved.contact), **changes)
    with pytest.raises(BadFields) as bad:
        await office.database.write(make_card, wanted, SETUP, by="token:crm", now=LATER)
    assert [one.field for one in bad.value.wrong] == fields
    assert await office.count(tables.card) == 0
