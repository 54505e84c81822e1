"""Offers as documents: what they say, their numbers without gaps, editions, what was annulled."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from callrouter.domain.items import Item, totals_of
from callrouter.domain.offers import Customer, Offer, Sender
from callrouter.domain.setup import Entity, Manager, Office, Setup
from callrouter.flows.documents import (
    NoItems,
    NoSuchPaper,
    NotInForce,
    Unconfirmed,
    annul,
    correct,
    draft,
    issue,
)
from callrouter.flows.no_such import NoSuchCard
from storage import papers, tables
from storage.database import BaseSilent, Database, open_database
from storage.documents import read_offer, write_offer
from storage.papers import StoredPaper
from tests import office
from tests.examples import MONDAY_NOON, SETUP
from tests.flows.issuing import TakenBack, issue_one
from tests.flows.papers import (
    DESK,
    ENTITIES,
    IVAN,
    LAMP,
    ROMASHKA,
    card_with,
    put_items,
    set_card,
    set_contact,
)

NEW_YEAR = datetime(2026, 12, 31, 21, 0, tzinfo=UTC)  # midnight in Moscow


async def drafted(database: Database, card: str, setup: Setup = ENTITIES) -> Offer:
    return await database.read(draft, card, setup, now=MONDAY_NOON)


async def issued(
    database: Database, card: str, setup: Setup = ENTITIES, now: datetime = MONDAY_NOON
) -> StoredPaper:
    return await database.write(issue, card, setup, by="anna", now=now)


def with_series(pattern: str) -> Setup:
    return replace(ENTITIES, entity=(replace(ROMASHKA, series=pattern),))


# What an offer says


async def test_an_offer_says_what_the_card_says(database: Database) -> None:
    card = await card_with(database)
    anna = Manager("anna", "Анна Смирнова", "101", post="Ведущий менеджер",
                   phones=("+79160000001",), email="anna@example.com")  # fmt: skip
    offer = await drafted(database, card, replace(ENTITIES, manager=(anna,)))
    assert offer == Offer(
        card=1,
        number="",
        dated=date(2026, 3, 2),
        valid_until=date(2026, 3, 12),
        entity=ROMASHKA,
        customer=Customer(
            "Иван Петров",
            greeting="Иван Петров",
            email="ivan@example.com",
            phones=("+7 916 123-45-67",),
        ),
        sender=Sender(
            "anna", "Анна Смирнова", "Ведущий менеджер", "+7 916 000-00-01", "anna@example.com"
        ),
        items=(DESK, LAMP),
        totals=totals_of((DESK, LAMP), prices_include_vat=True),
        opening="Иван Петров, здравствуйте! Благодарим за обращение и предлагаем вам:",
        terms="Доставка за наш счёт.",
    )
    assert offer.totals.total == Decimal("3143.49")


async def test_an_english_offer_begins_in_english(database: Database) -> None:
    card = await card_with(database)
    offer = await database.read(draft, card, ENTITIES, now=MONDAY_NOON, language="en")
    assert (offer.language, offer.opening[:17]) == ("en", "Dear Иван Петров,")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param({"name_confirmed": False}, "", id="a name that nobody confirmed"),
        pytest.param({"kind": "company"}, "", id="a company"),
        pytest.param({"name_confirmed": True}, "Иван Петров", id="a name in one piece"),
        pytest.param({"first_name": "Иван", "last_name": "Петров"}, "Иван", id="a first name"),
        pytest.param(
            {"first_name": "Иван", "middle_name": "Ильич", "last_name": "Петров"},
            "Иван Ильич",
            id="a first and a middle name",
        ),
    ],
)
async def test_nobody_is_called_by_a_name_that_no_person_confirmed(
    database: Database, values: dict[str, str | bool], expected: str
) -> None:
    card = await card_with(database)
    await set_contact(database, **values)
    offer = await drafted(database, card)
    assert offer.customer.greeting == expected
    assert offer.opening.startswith(f"{expected}, здравствуйте!" if expected else "Здравствуйте!")


async def test_an_offer_to_a_companys_person_is_to_the_company(database: Database) -> None:
    card = await card_with(database)

    def join(conn: Connection) -> None:
        table = tables.contact
        (person,) = conn.execute(table.select()).all()
        company = {"id": "company", "kind": "company", "name": "Лютик", "inn": "7707083893"}
        moments = {"created_at": MONDAY_NOON, "updated_at": MONDAY_NOON}
        conn.execute(table.insert(), [company | moments])
        conn.execute(tables.membership.insert(), [{"person": person.id, "company": "company"}])

    await database.write(join)
    customer = (await drafted(database, card)).customer
    assert (customer.name, customer.company, customer.inn) == (
        "Иван Петров", "Лютик", "7707083893",
    )  # fmt: skip


MSK = Office("msk", entity="ip")


@pytest.mark.parametrize(
    ("of_card", "office_of_card", "setup", "expected"),
    [
        pytest.param(None, None, ENTITIES, "romashka", id="the first one"),
        pytest.param("ip", None, ENTITIES, "ip", id="the card's own"),
        pytest.param("gone", None, ENTITIES, "romashka", id="one that is gone"),
        pytest.param(
            None, "msk", replace(ENTITIES, office=(MSK,)), "ip", id="that of the card's office"
        ),
        pytest.param(
            None, None, replace(ENTITIES, office=(MSK,)), "ip", id="that of the manager's office"
        ),
        pytest.param(
            "romashka",
            "msk",
            replace(ENTITIES, office=(MSK,)),
            "romashka",
            id="the card's before the office's",
        ),
        pytest.param(None, None, SETUP, "", id="the company where there is none"),
    ],
)
async def test_in_whose_name_an_offer_is_made(
    database: Database,
    of_card: str | None,
    office_of_card: str | None,
    setup: Setup,
    expected: str,
) -> None:
    card = await card_with(database)
    await set_card(database, card, entity=of_card, office=office_of_card)
    entity = (await drafted(database, card, setup)).entity
    assert (entity.key, entity.name) == (expected, entity.name or "Ромашка")


async def test_who_pays_no_vat_names_none(database: Database) -> None:
    card = await card_with(database)
    await set_card(database, card, entity="ip")
    offer = await drafted(database, card)
    assert [one.vat for one in offer.items] == ["none", "none"]
    assert (offer.totals.vat, offer.totals.total) == ((), Decimal("3143.49"))


async def test_an_offer_of_nobodys_card_comes_from_who_is_on_duty(database: Database) -> None:
    card = await card_with(database)
    await set_card(database, card, manager=None)
    assert (await drafted(database, card)).sender.key == "vera"


async def test_a_card_that_is_not_there_has_no_offer(database: Database) -> None:
    with pytest.raises(NoSuchCard):
        await drafted(database, "none")


# Numbers


async def test_a_number_is_given_and_what_is_said_is_frozen(database: Database) -> None:
    card = await card_with(database)
    paper = await issued(database, card)
    offer = replace(await drafted(database, card), number="КП-2026-0001")
    assert (paper.label, paper.n, paper.edition, paper.offer) == ("КП-2026-0001", 1, 1, offer)
    await database.write(put_items, card, LAMP)
    assert await database.read(papers.find, paper.id) == paper


async def test_issued_twice_it_is_one_document(database: Database) -> None:
    card = await card_with(database)
    first = await issued(database, card)
    assert await issued(database, card) == first
    await database.write(put_items, card, LAMP)
    assert (await issued(database, card)).label == "КП-2026-0002"
    tomorrow = await issued(database, card, now=MONDAY_NOON + timedelta(days=1))
    assert tomorrow.label == "КП-2026-0003"


async def test_an_annulled_document_is_not_given_again(database: Database) -> None:
    card = await card_with(database)
    first = await issued(database, card)
    await database.write(annul, first.id, "ошибка", by="vera", now=MONDAY_NOON)
    assert (await issued(database, card)).label == "КП-2026-0002"


@pytest.mark.parametrize(
    ("items", "refused"),
    [
        pytest.param((), NoItems, id="no items"),
        pytest.param((DESK, replace(LAMP, by="")), Unconfirmed, id="a price that nobody put"),
    ],
)
async def test_what_may_not_leave_gets_no_number(
    database: Database, items: tuple[Item, ...], refused: type[Exception]
) -> None:
    card = await card_with(database)
    await database.write(put_items, card, *items)
    with pytest.raises(refused):
        await issued(database, card)
    await database.write(put_items, card, DESK)
    assert (await issued(database, card)).n == 1


@pytest.mark.parametrize(
    ("pattern", "labels"),
    [
        pytest.param("КП-{year}-{n:04}", ["КП-2026-0001", "КП-2027-0001"], id="by the year"),
        pytest.param("{n}", ["1", "2"], id="without a year it never begins anew"),
        pytest.param("{month:02}/{n:03}", ["12/001", "01/002"], id="the month begins nothing"),
        pytest.param(
            "{entity} {year}.{n}", ["romashka 2026.1", "romashka 2027.1"], id="with the entity"
        ),
        pytest.param("{office}-{n}", ["msk-1", "msk-2"], id="with the office"),
    ],
)
async def test_a_year_ends_at_midnight_of_the_companys_zone(
    database: Database, pattern: str, labels: list[str]
) -> None:
    setup = with_series(pattern)
    card = await card_with(database)
    before = await issued(database, card, setup, now=NEW_YEAR - timedelta(milliseconds=1))
    after = await issued(database, card, setup, now=NEW_YEAR)
    assert [before.label, after.label] == labels
    assert (before.dated, after.dated) == (date(2026, 12, 31), date(2027, 1, 1))


async def test_entities_and_offices_count_apart(database: Database) -> None:
    setup = replace(
        ENTITIES,
        entity=tuple(replace(one, series="{office}-{year}-{n}") for one in ENTITIES.entity),
    )
    labels = []
    for entity, where in [("romashka", "msk"), ("romashka", "ekb"), ("ip", "msk"), ("ip", "msk")]:
        card = await card_with(database)
        await set_card(database, card, entity=entity, office=where)
        labels.append((await issued(database, card, setup)).label)
    assert labels == ["msk-2026-1", "ekb-2026-1", "msk-2026-1", "msk-2026-2"]


async def test_a_counter_of_long_keys_has_a_name_that_the_base_takes(database: Database) -> None:
    long = Entity("e" * 64, "Длинная", series="{office}/{year}/{n}")
    card = await card_with(database)
    await set_card(database, card, office="o" * 64)
    paper = await issued(database, card, replace(SETUP, entity=(long,)))
    assert (len(paper.series), paper.label) == (64, f"{'o' * 64}/2026/1")


# Editions


async def test_a_correction_is_the_next_edition_of_the_number(database: Database) -> None:
    card = await card_with(database)
    first = await issued(database, card)
    await database.write(put_items, card, LAMP)
    await set_card(database, card, entity="ip")  # the number stays with its entity
    later = MONDAY_NOON + timedelta(days=2)
    second = await database.write(correct, first.id, ENTITIES, by="vera", now=later)
    third = await database.write(correct, second.id, ENTITIES, by="vera", now=later)
    assert [
        (one.label, one.offer.number, one.offer.replaces) for one in (first, second, third)
    ] == [
        ("КП-2026-0001", "КП-2026-0001", ""),
        ("КП-2026-0001/2", "КП-2026-0001/2", "КП-2026-0001"),
        ("КП-2026-0001/3", "КП-2026-0001/3", "КП-2026-0001/2"),
    ]
    assert (second.offer.items, second.offer.entity, second.dated) == (
        (LAMP,), ROMASHKA, date(2026, 3, 4),
    )  # fmt: skip
    found = await database.read(papers.of_card, card)
    assert [(one.edition, one.state, one.replaces) for one in found] == [
        (3, "issued", second.id),
        (2, "replaced", first.id),
        (1, "replaced", None),
    ]


async def test_what_is_replaced_or_annulled_is_so_for_good(database: Database) -> None:
    card = await card_with(database)
    first = await issued(database, card)
    second = await database.write(correct, first.id, ENTITIES, by="vera", now=MONDAY_NOON)
    ended = await database.write(annul, second.id, "ошибка", by="vera", now=MONDAY_NOON)
    assert (ended.state, ended.end_reason) == ("annulled", "ошибка")
    assert await database.read(papers.find, second.id) == ended
    for paper, state in ((first, "replaced"), (second, "annulled")):
        with pytest.raises(NotInForce, match=state):
            await database.write(annul, paper.id, "ещё раз", by="vera", now=MONDAY_NOON)
        with pytest.raises(NotInForce, match=state):
            await database.write(correct, paper.id, ENTITIES, by="vera", now=MONDAY_NOON)


async def test_a_document_that_is_not_there_is_not_annulled(database: Database) -> None:
    with pytest.raises(NoSuchPaper):
        await database.write(annul, "none", "", by="vera", now=MONDAY_NOON)


async def test_what_becomes_of_documents_is_told(database: Database) -> None:
    card = await card_with(database)
    first = await issued(database, card)
    second = await database.write(correct, first.id, ENTITIES, by="vera", now=MONDAY_NOON)
    await database.write(annul, second.id, "ошибка", by="vera", now=MONDAY_NOON)
    happened = {
        row.kind: json.loads(row.data)
        for row in await office.Office(database).rows(tables.business_event)
        if row.kind.startswith("document_") and row.card == card
    }
    total = "3143.49"
    assert happened == {
        "document_issued": {"document": first.id, "number": first.label, "total": total},
        "document_corrected": {"document": second.id, "number": second.label, "total": total},
        "document_annulled": {
            "document": second.id, "number": second.label, "total": total, "reason": "ошибка",
        },
    }  # fmt: skip
    told = [
        (row.manager, row.card)
        for row in await office.Office(database).rows(tables.notice)
        if row.kind == "document"
    ]
    assert told == [("anna", card)] * 3


# Frozen


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
MONEY = st.decimals(0, 10**9, places=2)
ITEMS = st.builds(
    Item,
    name=TEXTS,
    unit=TEXTS,
    quantity=st.decimals(0, 10**6, places=3),
    price=MONEY,
    discount=st.decimals(0, 100, places=2),
    vat=st.sampled_from(["none", "0", "10", "20", "22"]),
    by=TEXTS,
)


@given(st.lists(ITEMS, max_size=5), TEXTS, st.dates())
@settings(deadline=None)
def test_what_was_frozen_reads_back_as_it_was(items: list[Item], name: str, day: date) -> None:
    offer = Offer(
        card=1,
        number=name,
        dated=day,
        valid_until=day,
        entity=replace(ROMASHKA, name=name),
        customer=Customer(name, phones=(name,)),
        sender=Sender("anna", name),
        items=tuple(items),
        totals=totals_of(items, prices_include_vat=True),
        terms=name,
    )
    again = read_offer(write_offer(offer))
    assert again == offer
    assert [str(one.price) for one in again.items] == [str(one.price) for one in items]


# No gap, no double


def labels(count: int) -> list[str]:
    return [f"КП-2026-{n:04}" for n in range(1, count + 1)]


async def numbers(database: Database) -> list[str]:
    return sorted(row.label for row in await office.Office(database).rows(tables.document))


async def test_two_nodes_issue_without_gap_or_double(database_url: str) -> None:
    """At once, over both nodes; every third transaction is taken back at its end."""
    nodes = [open_database(database_url, guest=True) for _ in range(2)]
    try:
        cards = [await card_with(nodes[0], person=replace(IVAN, phones=())) for _ in range(4)]

        async def ask(n: int) -> str | None:
            with suppress(TakenBack, BaseSilent):
                node, card = nodes[n % 2], cards[n % 4]
                return await node.write(issue_one, card, f"Стол {n}", fail=n % 3 == 2)
            return None

        told = [one for one in await asyncio.gather(*map(ask, range(60))) if one]
        assert sorted(told) == await numbers(nodes[0]) == labels(40)
    finally:
        for node in nodes:
            await node.close()


@pytest.mark.slow
async def test_killed_processes_leave_no_gap_and_no_double(
    database: Database, database_url: str
) -> None:
    """Whatever was told is there; the numbers of all that is there have no gap."""
    cards = [await card_with(database, person=replace(IVAN, phones=())) for _ in range(4)]
    told: list[str] = []
    for turn in range(3):
        processes = [
            subprocess.Popen(
                [sys.executable, "-m", "tests.flows.issuing", database_url, f"{turn}.{n}", *cards],
                stdout=subprocess.PIPE,
                text=True,
            )
            for n in range(2)
        ]
        for n, process in enumerate(processes):
            with process:
                assert process.stdout
                said = [await asyncio.to_thread(process.stdout.readline) for _ in range(7 + 5 * n)]
                process.kill()
                said += (await asyncio.to_thread(process.stdout.read)).splitlines(keepends=True)
            told += [line.strip() for line in said if line.endswith("\n")]
    found = await numbers(database)
    assert found == labels(len(found))
    assert set(told) <= set(found)
    assert len(told) == len(set(told)) >= 54  # 3 * (7 + 12) at least, less a line cut short
