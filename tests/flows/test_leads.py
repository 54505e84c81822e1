"""Leads: whose they are, their card, who calls back by when, and that a repeat does nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from callrouter.domain.setup import (
    Absence,
    Block,
    Ladder,
    Leads,
    Line,
    Pipeline,
    Setup,
    Status,
    Step,
)
from callrouter.flows.leads import Agrees, Lead, LeadTaken, take_lead
from callrouter.flows.people import BadFields
from storage import cards, contacts, tables
from storage.contacts import Person
from storage.database import BaseSilent, Database, open_database
from tests.examples import LINE, MONDAY_NOON, SETUP, event
from tests.office import Office

IVAN = "+79161234567"
LEAD = Lead("shop", phone="8 916 123-45-67", name="Иван Петров")
MINUTE = timedelta(minutes=1)


@pytest.fixture
async def office(database: Database) -> Office:
    return await Office(database).open()


async def send(
    office: Office, lead: Lead = LEAD, setup: Setup = SETUP, now: datetime = MONDAY_NOON
) -> LeadTaken:
    return await office.database.write(take_lead, lead, setup, by="token:shop", now=now)


async def add(office: Office, person: Person) -> str:
    def write(conn: Connection) -> str:
        return contacts.add(conn, person, now=MONDAY_NOON - timedelta(days=30))

    return await office.database.write(write)


async def owed(office: Office) -> list[tuple[str, datetime]]:
    """Who owes a call back, by when, in the order in which they were asked."""
    rows = sorted(await office.rows(tables.task), key=lambda row: (row.created_at, row.id))
    return [(row.owner, row.due_at) for row in rows]


# What it makes


async def test_a_stranger_gets_a_contact_a_card_an_owner_and_a_call_back(office: Office) -> None:
    lead = replace(LEAD, email="Ivan@Example.com", source="landing", text="Хочу КП", page="/x")
    taken = await send(office, replace(lead, utm={"utm_source": "yandex"}))
    contact, card = await office.only(tables.contact), await office.only(tables.card)
    assert taken == LeadTaken(card.id, contact.id, new=True)
    assert (contact.name, contact.made_for) == ("Иван Петров", IVAN)
    assert (contact.source_first, contact.source_last) == ("landing", "landing")
    assert (await office.only(tables.contact_phone)).number == IVAN
    assert (await office.only(tables.contact_email)).email == "ivan@example.com"
    assert (card.pipeline, card.status, card.source_first) == ("sales", "new", "landing")
    assert (card.number, card.made_by_call, card.open_for) == (1, None, f"{contact.id}:sales")
    assert (card.manager, card.team) == ("anna", "sales")
    lead_row = await office.only(tables.lead)
    assert (lead_row.text, lead_row.page, json.loads(lead_row.utm)) == (
        "Хочу КП",
        "/x",
        {"utm_source": "yandex"},
    )
    assert (await office.only(tables.transition)).by == lead_row.id
    assert (await office.only(tables.responsibility)).by == lead_row.id
    task = await office.only(tables.task)
    assert (task.kind, task.phone, task.owner, task.card) == ("call_back", IVAN, "anna", card.id)
    assert (task.cause, task.due_at) == ("lead", MONDAY_NOON + 5 * MINUTE)
    notices = [row for row in await office.rows(tables.notice) if row.kind == "lead"]
    assert [(row.manager, row.card) for row in notices] == [("anna", card.id)]
    kinds = {row.kind for row in await office.rows(tables.business_event)}
    assert {"contact_made", "card_made", "lead", "card_owned"} <= kinds


async def test_a_repeat_gets_the_first_answer_and_does_nothing(office: Office) -> None:
    lead = replace(LEAD, external_id="order-1")
    first = await send(office, lead)
    again = replace(lead, phone="+74959999999", name="Другой", text="Другое")
    assert await send(office, again, now=MONDAY_NOON + 60 * MINUTE) == first
    for table in (tables.lead, tables.card, tables.contact, tables.task, tables.contact_phone):
        assert await office.count(table) == 1
    other = await send(office, replace(again, system="site"))
    assert other.card != first.card


async def test_another_lead_of_the_same_person_hangs_on_his_open_card(office: Office) -> None:
    first = await send(office, replace(LEAD, source="landing"))
    later = MONDAY_NOON + 60 * MINUTE
    second = await send(office, replace(LEAD, source="shop", name="Иван"), now=later)
    assert second == replace(first, new=False)
    card, contact = await office.only(tables.card), await office.only(tables.contact)
    assert (card.source_first, card.source_last) == ("landing", "shop")
    assert (contact.source_first, contact.source_last) == ("landing", "shop")
    assert contact.name == "Иван Петров"
    assert await owed(office) == [("anna", MONDAY_NOON + 5 * MINUTE)]
    assert (await office.only(tables.task)).repeats == 1


async def test_a_call_and_a_lead_of_one_number_share_contact_and_card(office: Office) -> None:
    await office.take(event("ringing", caller="89161234567"))
    taken = await send(office)
    assert not taken.new
    assert (await office.only(tables.call)).card == taken.card
    assert (await office.only(tables.card)).manager == "boris"  # the call has just rung Anna
    (after,) = await office.take(event("ringing", "c2", MONDAY_NOON + 20 * MINUTE))
    assert after.why
    assert after.why.responsible
    assert after.why.responsible.manager == "boris"
    assert await office.count(tables.card) == 1


@pytest.mark.parametrize(
    ("lead", "fields"),
    [
        pytest.param(Lead("s", name="Иван"), ["phone", "email"], id="neither phone nor e-mail"),
        pytest.param(Lead("s", phone="123"), ["phone"], id="a phone that is none"),
        pytest.param(Lead("s", email="ivan"), ["email"], id="an e-mail that is none"),
        pytest.param(
            Lead("s", phone="x", email="@", pipeline="no"), ["pipeline", "phone", "email"], id="all"
        ),
    ],
)
async def test_what_is_wrong_is_named_and_nothing_written(
    office: Office, lead: Lead, fields: list[str]
) -> None:
    with pytest.raises(BadFields) as bad:
        await send(office, lead)
    assert [one.field for one in bad.value.wrong] == fields
    assert await office.count(tables.contact) == 0


# Whose it is


async def test_who_is_known_by_his_email_keeps_his_contact_and_gets_the_number(
    office: Office,
) -> None:
    ivan = await add(office, Person("Иван", email="ivan@example.com", responsible="vera"))
    taken = await send(office, replace(LEAD, email="IVAN@example.com"))
    assert taken.contact == ivan
    assert (await office.only(tables.contact_phone)).number == IVAN
    assert (await office.only(tables.card)).manager == "vera"
    assert (await owed(office))[0][0] == "vera"


async def test_of_several_people_on_a_number_the_email_tells_who_it_is(office: Office) -> None:
    first = await add(office, Person("Пётр", phones=(IVAN,), email="petr@example.com"))
    second = await add(office, Person("Иван", phones=(IVAN,), email="ivan@example.com"))
    assert (await send(office, replace(LEAD, email="ivan@example.com"))).contact == second
    assert (await send(office, replace(LEAD, email="petr@example.com"))).contact == first
    stranger = await add(office, Person("Анна", email="anna@example.com"))
    there = (await send(office, replace(LEAD, email="anna@example.com"))).contact
    assert there in (first, second)
    assert there != stranger


async def test_a_lead_with_an_email_alone_is_owed_to_the_contact(office: Office) -> None:
    taken = await send(office, Lead("shop", email="ivan@example.com"))
    again = await send(office, Lead("shop", email="ivan@example.com"))
    assert (again.contact, again.card, again.new) == (taken.contact, taken.card, False)
    task = await office.only(tables.task)
    assert (task.phone, task.contact) == (None, taken.contact)
    phoned = await add(office, Person("Ольга", phones=("+74951112233",), email="olga@example.com"))
    await send(office, Lead("shop", email="olga@example.com"))
    assert [row.phone for row in await office.rows(tables.task) if row.contact == phoned] == [
        "+74951112233"
    ]


# Whom it goes to

DAY_LINE = replace(LINE, hours="Mo-Fr 09:00-18:00", office="msk")
DAY = replace(SETUP, line=(DAY_LINE,))
EVENING = datetime(2026, 3, 2, 19, 0, tzinfo=UTC)  # Monday, 22:00 in Moscow
TUESDAY = datetime(2026, 3, 3, 6, 0, tzinfo=UTC)  # 9:00 in Moscow


def staffed(setup: Setup = SETUP, **changes: dict[str, Any]) -> Setup:
    """A setup with these managers changed."""
    people = (replace(one, **changes.get(one.key, {})) for one in setup.manager)
    return replace(setup, manager=tuple(people))


@pytest.mark.parametrize(
    ("now", "due"),
    [
        pytest.param(MONDAY_NOON, MONDAY_NOON + 5 * MINUTE, id="in hours"),
        pytest.param(EVENING, TUESDAY + 5 * MINUTE, id="at night"),
        pytest.param(
            datetime(2026, 3, 2, 14, 57, tzinfo=UTC), TUESDAY + 2 * MINUTE, id="before closing"
        ),
        pytest.param(
            datetime(2026, 3, 7, 9, 0, tzinfo=UTC),
            datetime(2026, 3, 10, 6, 5, tzinfo=UTC),
            id="on a long weekend",
        ),
    ],
)
async def test_the_term_is_five_working_minutes(
    office: Office, now: datetime, due: datetime
) -> None:
    setup = replace(DAY, line=(replace(DAY_LINE, hours="Mo-Fr 09:00-18:00; PH off"),))
    await send(office, setup=setup, now=now)
    assert await owed(office) == [("anna", due)]


async def test_without_hours_of_a_line_the_shift_of_who_owes_it_counts(office: Office) -> None:
    shift = {"shift": "Mo-Fr 10:00-18:00"}
    setup = staffed(anna=shift, boris=shift, vera=shift)
    await send(office, setup=setup, now=EVENING)
    assert await owed(office) == [("anna", TUESDAY + 65 * MINUTE)]


async def test_ten_leads_at_night_do_not_all_go_to_one(office: Office) -> None:
    for n in range(10):
        lead = Lead("shop", phone=f"+7916000000{n}")
        await send(office, lead, setup=DAY, now=EVENING + n * MINUTE)
    owners = [owner for owner, _ in await owed(office)]
    assert sorted(owners.count(one) for one in ("anna", "boris", "vera")) == [3, 3, 4]
    assert all(due == TUESDAY + 5 * MINUTE for _, due in await owed(office))


async def test_a_full_manager_gets_no_lead_while_others_are_not(office: Office) -> None:
    setup = staffed(anna={"capacity": 1})
    for n in range(5):
        await send(office, Lead("shop", phone=f"+7916000000{n}"), setup=setup)
    assert [owner for owner, _ in await owed(office)].count("anna") == 1


TWO_TEAMS = Pipeline("service", (Status("new", weight=0),))


@pytest.mark.parametrize(
    ("setup", "lead", "owner"),
    [
        pytest.param(SETUP, LEAD, "anna", id="nobody has anything: the first by key"),
        pytest.param(staffed(anna={"active": False}), LEAD, "boris", id="who has left gets none"),
        pytest.param(staffed(anna={"owns_cards": False}), LEAD, "boris", id="nor reception"),
        pytest.param(
            staffed(anna={"shift": "Mo-Fr 14:00-22:00"}), LEAD, "boris", id="nor who is off shift"
        ),
        pytest.param(
            replace(DAY, manager=staffed(anna={"shift": "Mo-Fr 14:00-22:00"}).manager),
            LEAD,
            "boris",
            id="nor, at night, who is not there at the opening",
        ),
        pytest.param(
            replace(
                SETUP,
                pipeline=(*SETUP.pipeline, TWO_TEAMS),
                ladder=(Ladder("service", (Step("in_order", managers=("vera",)),)),),
                line=(
                    LINE,
                    Line(
                        "+74951230002", "+74950000000", "main", ladder="service", pipeline="service"
                    ),
                ),
            ),
            replace(LEAD, pipeline="service"),
            "vera",
            id="the people of the pipeline's line",
        ),
    ],
)
async def test_a_strangers_lead_goes_to_the_least_loaded_at_work(
    office: Office, setup: Setup, lead: Lead, owner: str
) -> None:
    now = EVENING if setup.line[0].hours else MONDAY_NOON
    await send(office, lead, setup=setup, now=now)
    assert (await office.only(tables.card)).manager == owner
    assert (await owed(office))[0][0] == owner


LEAVE = (Absence("vera", MONDAY_NOON.date(), MONDAY_NOON.date() + timedelta(days=14)),)


@pytest.mark.parametrize(
    ("setup", "keeper", "caller"),
    [
        pytest.param(SETUP, "vera", "vera", id="at work: he himself"),
        pytest.param(
            staffed(replace(SETUP, absence=LEAVE), vera={"deputy": "boris"}),
            "vera",
            "boris",
            id="on leave: his deputy calls back",
        ),
        pytest.param(
            replace(SETUP, absence=LEAVE), "vera", "anna", id="without one: the least loaded"
        ),
        pytest.param(
            staffed(vera={"active": False, "deputy": "boris"}), "boris", "boris", id="he has left"
        ),
        pytest.param(
            staffed(vera={"owns_cards": False}), "anna", "vera", id="he may keep no cards"
        ),
    ],
)
async def test_the_lead_of_a_known_client_goes_to_his_manager(
    office: Office, setup: Setup, keeper: str, caller: str
) -> None:
    await add(office, Person("Иван", phones=(IVAN,), responsible="vera"))
    await send(office, setup=setup)
    assert (await office.only(tables.card)).manager == keeper
    assert (await owed(office))[0][0] == caller


async def test_who_takes_a_break_now_gets_none_but_keeps_his_own(office: Office) -> None:
    await add(office, Person("Иван", phones=(IVAN,), responsible="anna"))

    def pause(conn: Connection) -> None:
        row = {"id": "p", "manager": "anna", "state": "pause", "by": "anna", "since": MONDAY_NOON}
        conn.execute(tables.presence.insert().values(**row))

    await office.database.write(pause)
    await send(office)
    await send(office, Lead("shop", phone="+79160000001"), now=MONDAY_NOON + MINUTE)
    assert [owner for owner, _ in await owed(office)] == ["anna", "boris"]


async def test_a_card_that_has_a_manager_keeps_him(office: Office) -> None:
    await office.take(event("ringing"), event("answered", target="102"))
    await office.take(event("ended", "c1", MONDAY_NOON + MINUTE, duration_s=50))
    assert (await office.only(tables.card)).manager == "boris"
    await send(office, now=MONDAY_NOON + 2 * MINUTE)
    assert (await office.only(tables.card)).manager == "boris"
    assert (await owed(office))[0][0] == "boris"


async def test_the_counters_of_load_stay_true(office: Office) -> None:
    for n in range(3):
        await send(office, Lead("shop", phone=f"+7916000000{n}"))
    read = office.database.read
    assert dict(await read(cards.counted)) == dict(await read(cards.recount)) == {}


# Consent, blocks


async def test_what_was_agreed_to_is_written_down_and_nothing_else(office: Office) -> None:
    at = MONDAY_NOON - MINUTE
    agrees = Agrees(processing=True, text_version="2026-01", at=at, ip="203.0.113.7")
    await send(office, replace(LEAD, agrees=agrees, page="https://example.com/x"))
    consent, lead = await office.only(tables.consent), await office.only(tables.lead)
    assert (consent.purpose, consent.how, consent.text_version) == ("processing", "lead", "2026-01")
    assert (consent.contact, consent.given_at, consent.withdrawn_at) == (lead.contact, at, None)
    assert json.loads(consent.evidence) == {
        "lead": lead.id,
        "ip": "203.0.113.7",
        "page": "https://example.com/x",
    }
    await send(office, replace(LEAD, agrees=Agrees(processing=True, advertising=True)))
    purposes = [row.purpose for row in await office.rows(tables.consent)]
    assert sorted(purposes) == ["advertising", "processing", "processing"]


async def test_a_blocked_number_is_kept_but_owed_nothing(office: Office) -> None:
    setup = replace(SETUP, block=(Block(IVAN),))
    taken = await send(office, setup=setup)
    assert taken.new
    assert await office.count(tables.task) == 0
    assert not [row for row in await office.rows(tables.notice) if row.kind == "lead"]


async def test_sources_and_pipeline_of_the_settings_stand_for_missing_ones(office: Office) -> None:
    setup = replace(
        SETUP,
        pipeline=(*SETUP.pipeline, TWO_TEAMS),
        leads=Leads(pipeline="service", source="landing"),
    )
    await send(office, setup=setup)
    card = await office.only(tables.card)
    assert (card.pipeline, card.source_first) == ("service", "landing")


# Many at once


@asynccontextmanager
async def nodes(url: str, count: int) -> AsyncIterator[list[Office]]:
    databases = [
        open_database(url, guest=True, checkpoints=not n and url.startswith("sqlite"))
        for n in range(count)
    ]
    offices = [Office(database) for database in databases]
    await offices[0].open()
    try:
        yield offices
    finally:
        for database in databases:
            await database.close()


async def patiently(do: Any) -> Any:
    for _ in range(20):
        with suppress(BaseSilent):
            return await do()
    return await do()


async def test_two_hundred_leads_and_calls_of_one_number_make_one_contact_and_card(
    database_url: str,
) -> None:
    count = 1 if database_url.startswith("sqlite") else 2
    async with nodes(database_url, count) as offices:
        leads = (
            patiently(lambda n=n: send(offices[n % count], replace(LEAD, external_id=f"o{n}")))
            for n in range(100)
        )
        calls = (
            patiently(lambda n=n: offices[n % count].take(event("ringing", f"c{n}")))
            for n in range(100)
        )
        await asyncio.gather(*(one for pair in zip(leads, calls, strict=True) for one in pair))
        office = offices[0]
        assert await office.count(tables.lead) == 100
        assert await office.count(tables.call) == 100
        assert await office.count(tables.contact) == 1
        assert await office.count(tables.card) == 1
        assert await office.count(tables.task) == 1


async def test_one_order_sent_many_times_over_two_nodes_is_one_lead(postgres_url: str) -> None:
    async with nodes(postgres_url, 2) as offices:
        lead = replace(LEAD, external_id="order-1")
        taken = await asyncio.gather(
            *(patiently(lambda n=n: send(offices[n % 2], lead)) for n in range(60))
        )
        assert len(set(taken)) == 1
        for table in (tables.lead, tables.contact, tables.card, tables.task):
            assert await offices[0].count(table) == 1
