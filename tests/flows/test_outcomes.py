"""What came of a call: "not a deal" closes what the call made, and "a deal" takes that back."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection, insert

from callrouter.domain.blocks import Blocked
from callrouter.domain.outcomes import Outcome
from callrouter.domain.setup import JUNK, Pipeline, Routing, Setup, Status
from callrouter.flows import blocks
from callrouter.flows.no_such import NoSuchCall
from callrouter.flows.outcomes import Offer, Said, say_outcome
from storage import cards, contacts, tables
from storage.contacts import Person
from storage.database import Database
from tests.examples import MONDAY_NOON, SETUP, event
from tests.office import Office

NUMBER = "+79161234567"  # the example's caller
DAY = timedelta(days=1)
NOT_DEALS: tuple[Outcome, ...] = ("wrong_number", "spam", "supplier", "job_seeker", "private")


def at(seconds: float) -> datetime:
    return MONDAY_NOON + timedelta(seconds=seconds)


AFTER = at(100)
NO_CARD_UNTIL = AFTER + 30 * DAY


@pytest.fixture
async def office(database: Database) -> Office:
    return await Office(database).open()


async def talk(office: Office, ref: str = "c1", since: float = 0, dial: str = "101") -> None:
    await office.take(event("ringing", ref, at(since)))
    await office.take(event("answered", ref, at(since + 1), target=dial))
    await office.take(event("ended", ref, at(since + 60), duration_s=59))


async def call_of(office: Office, ref: str = "c1") -> Any:
    return next(row for row in await office.rows(tables.call) if row.ref == ref)


async def say(
    office: Office,
    outcome: Outcome,
    note: str | None = None,
    *,
    ref: str = "c1",
    setup: Setup = SETUP,
    now: datetime = AFTER,
) -> Said:
    call = (await call_of(office, ref)).id
    return await office.database.write(
        say_outcome, call, outcome, note, setup, by="token:page", now=now
    )


async def counters_are_true(office: Office) -> bool:
    def compare(conn: Connection) -> bool:
        return dict(cards.counted(conn)) == dict(cards.recount(conn))

    return await office.database.read(compare)


async def moves(office: Office) -> list[tuple[str | None, str, str]]:
    call = (await call_of(office)).id
    return [
        (row.from_status, row.to_status, "call" if row.by == call else row.by)
        for row in await office.rows(tables.transition)
    ]


@pytest.mark.parametrize("outcome", NOT_DEALS)
async def test_not_a_deal_closes_the_card_that_the_call_made(
    office: Office, outcome: Outcome
) -> None:
    await talk(office)
    said = await say(office, outcome, "спросил номер соседей")
    assert (said.outcome, said.card_closed, said.no_card_until) == (outcome, True, NO_CARD_UNTIL)
    card, call = await office.only(tables.card), await call_of(office)
    assert (card.status, card.closed_at, card.open_for, card.loss_reason) == (
        JUNK,
        AFTER,
        None,
        outcome,
    )
    assert (call.outcome, call.note, call.card) == (outcome, "спросил номер соседей", card.id)
    assert await moves(office) == [(None, "new", "call"), ("new", JUNK, "token:page")]
    assert await counters_are_true(office)
    relation = {"supplier": "supplier", "job_seeker": "other", "private": "other"}
    contact = await office.only(tables.contact)
    assert contact.relation == relation.get(outcome, "client")
    kinds = {row.kind for row in await office.rows(tables.business_event)}
    assert {"call_outcome", "card_closed"} <= kinds


async def test_for_so_many_days_calls_ring_but_make_no_card(office: Office) -> None:
    await talk(office)
    await say(office, "spam")
    contact = await office.only(tables.contact)
    rung = await office.ring(event("ringing", "c2", at(3600)))
    assert rung
    await office.take(event("ended", "c2", at(3700)))
    again = await call_of(office, "c2")
    assert (again.contact, again.card) == (contact.id, None)
    assert await office.count(tables.card) == 1
    later = NO_CARD_UNTIL + timedelta(seconds=1)
    await office.take(event("ringing", "c3", later))
    assert (await call_of(office, "c3")).card is not None
    assert await office.count(tables.card) == 2


async def test_the_days_are_a_setting(office: Office) -> None:
    await talk(office)
    setup = replace(SETUP, routing=Routing(junk_days=0))
    said = await say(office, "spam", setup=setup)
    assert said.no_card_until is None
    await office.take(event("ringing", "c2", at(3600)))
    assert await office.count(tables.card) == 2


async def test_the_same_again_does_nothing(office: Office) -> None:
    await talk(office)
    first = await say(office, "spam", "робот")
    before = [await office.rows(table) for table in (tables.card, tables.business_event)]
    assert await say(office, "spam", now=at(200)) == replace(
        first, offer=Offer(NUMBER, at(200) + 90 * DAY)
    )
    after = [await office.rows(table) for table in (tables.card, tables.business_event)]
    assert after == before
    assert (await call_of(office)).note == "робот"


async def test_a_note_may_be_changed_or_taken_away(office: Office) -> None:
    await talk(office)
    await say(office, "spam", "робот")
    assert (await say(office, "spam", "продаёт рекламу")).note == "продаёт рекламу"
    assert (await say(office, "spam", "")).note is None
    assert len(await moves(office)) == 2


async def test_a_deal_takes_back_what_the_call_did(office: Office) -> None:
    await talk(office)
    whose = await office.only(tables.card)
    await say(office, "supplier")
    said = await say(office, "deal", now=at(200))
    assert (said.card_closed, said.no_card_until) == (False, None)
    card, contact = await office.only(tables.card), await office.only(tables.contact)
    assert (card.status, card.closed_at, card.loss_reason) == ("new", None, None)
    assert (card.open_for, card.manager) == (whose.open_for, "anna")
    assert (contact.relation, contact.no_card_until) == ("client", None)
    assert (await moves(office))[1:] == [
        ("new", JUNK, "token:page"),
        (JUNK, "new", "token:page"),
    ]
    assert await counters_are_true(office)
    await say(office, "spam", now=at(300))
    assert (await office.only(tables.card)).status == JUNK
    assert await counters_are_true(office)


async def test_a_card_on_which_somebody_worked_since_stays_as_it_is(office: Office) -> None:
    await talk(office)
    await say(office, "spam")

    def win(conn: Connection) -> None:
        card = tables.card
        conn.execute(card.update().values(status="won"))
        conn.execute(
            insert(tables.transition).values(
                card=conn.scalar(card.select().with_only_columns(card.c.id)),
                n=3,
                from_status=JUNK,
                to_status="won",
                by="token:page",
                at=AFTER,
            )
        )

    await office.database.write(win)
    await say(office, "deal", now=at(200))
    assert (await office.only(tables.card)).status == "won"


async def test_who_was_named_supplier_by_a_person_stays_so(office: Office) -> None:
    await talk(office)
    await say(office, "supplier")

    def change(conn: Connection) -> None:
        contact = tables.contact
        conn.execute(contact.update().values(version=contact.c.version + 1))

    await office.database.write(change)
    await say(office, "deal", now=at(200))
    contact = await office.only(tables.contact)
    assert (contact.relation, contact.no_card_until) == ("supplier", None)


async def test_what_is_said_otherwise_is_written_on_the_card(office: Office) -> None:
    await talk(office)
    await say(office, "supplier")
    await say(office, "private")
    card, contact = await office.only(tables.card), await office.only(tables.contact)
    assert (card.loss_reason, contact.relation) == ("private", "other")
    await say(office, "wrong_number")
    assert (await office.only(tables.contact)).relation == "client"
    assert len(await moves(office)) == 2


async def _set_status(office: Office) -> None:
    def write(conn: Connection) -> None:
        card = conn.execute(tables.card.select()).one()
        conn.execute(tables.card.update().values(status="in_work"))
        row = {"card": card.id, "n": 2, "from_status": "new", "to_status": "in_work"}
        conn.execute(insert(tables.transition).values(by="anna", at=AFTER, **row))
        before = cards.states(conn, [card.id])[card.id]
        cards.count_load(conn, [(replace(before, status="new"), before)], now=AFTER)

    await office.database.write(write)


async def _add_item(office: Office) -> None:
    def write(conn: Connection) -> None:
        card = conn.execute(tables.card.select()).one().id
        row = {"card": card, "n": 1, "name": "Стол", "unit": "шт", "vat": "20"}
        one = Decimal(1)
        conn.execute(insert(tables.card_item).values(quantity=one, price=one, **row))

    await office.database.write(write)


async def _talk_again(office: Office) -> None:
    await talk(office, "c0", 70, "102")


@pytest.mark.parametrize("work", [_set_status, _add_item, _talk_again])
async def test_a_card_with_more_to_it_than_this_call_is_left_open(
    office: Office, work: Any
) -> None:
    """And its contact is somebody's client, whatever this one call was."""
    await talk(office)
    await work(office)
    said = await say(office, "private")
    assert (said.card_closed, said.no_card_until) == (False, None)
    card, contact = await office.only(tables.card), await office.only(tables.contact)
    assert (card.closed_at, contact.relation) == (None, "client")
    assert (await call_of(office)).outcome == "private"
    assert await counters_are_true(office)


async def test_a_talk_that_is_no_deal_either_keeps_no_card_open(office: Office) -> None:
    await talk(office)
    await talk(office, "c2", 70, "102")
    assert not (await say(office, "spam", ref="c2")).card_closed
    assert (await say(office, "spam")).card_closed
    assert (await say(office, "spam", ref="c2")).card_closed
    # It was the first call that closed it.
    await say(office, "deal", ref="c2", now=at(200))
    assert (await office.only(tables.card)).status == JUNK
    await say(office, "deal", now=at(200))
    assert (await office.only(tables.card)).status == "new"


async def test_missed_calls_before_it_keep_no_card_open(office: Office) -> None:
    await office.take(event("ringing", "c0"), event("ended", "c0", at(5)))
    await talk(office, "c1", 10)
    assert (await say(office, "spam")).card_closed


async def test_a_card_that_a_person_made_stays_open(office: Office) -> None:
    await talk(office)

    def by_hand(conn: Connection) -> None:
        conn.execute(tables.card.update().values(made_by_call=None))

    await office.database.write(by_hand)
    assert not (await say(office, "spam")).card_closed


async def test_a_card_of_a_lead_is_closed_as_one_of_a_call(office: Office) -> None:
    await talk(office)

    def by_a_lead(conn: Connection) -> None:
        card = conn.execute(tables.card.select()).one()
        conn.execute(tables.card.update().values(made_by_call=None))
        row = {"card": card.id, "contact": card.contact, "system": "site", "new": True}
        conn.execute(insert(tables.lead).values(id="0" * 26, at=AFTER, **row))

    await office.database.write(by_a_lead)
    assert (await say(office, "spam")).card_closed


async def test_a_client_of_old_stays_one(office: Office) -> None:
    await talk(office)

    def won_before(conn: Connection) -> None:
        row = conn.execute(tables.card.select()).one()._asdict()
        old = {"id": "0" * 26, "number": 99, "status": "won", "closed_at": AFTER, "open_for": None}
        conn.execute(insert(tables.card).values(**{**row, **old}))

    await office.database.write(won_before)
    said = await say(office, "supplier")
    assert said.card_closed
    contact = await office.only(tables.contact)
    assert (contact.relation, contact.no_card_until) == ("client", NO_CARD_UNTIL)


async def test_a_deal_after_all_makes_the_card_that_was_held_back(office: Office) -> None:
    await talk(office)
    await say(office, "spam")
    await talk(office, "c2", 3600, "102")
    assert (await call_of(office, "c2")).card is None
    said = await say(office, "deal", ref="c2", now=at(4000))
    assert said.no_card_until is None
    call = await call_of(office, "c2")
    card = next(row for row in await office.rows(tables.card) if row.id == call.card)
    assert (card.status, card.manager, card.made_by_call) == ("new", "boris", call.id)
    # The first one's claim is taken now: it comes back without.
    await say(office, "deal", now=at(5000))
    again = [row for row in await office.rows(tables.card) if row.id != card.id]
    assert [(row.status, row.open_for) for row in again] == [("new", None)]
    assert await counters_are_true(office)


async def test_the_call_back_that_is_owed_is_closed(office: Office) -> None:
    await office.take(event("ringing"), event("ended", "c1", at(30)))
    assert (await office.only(tables.task)).done_at is None
    assert (await say(office, "spam")).card_closed
    task = await office.only(tables.task)
    assert (task.done_at, task.closed_by, task.result) == (AFTER, "token:page", "spam")


async def test_spam_offers_the_block_list_until_the_number_is_on_it(office: Office) -> None:
    await talk(office)
    assert (await say(office, "private")).offer is None
    assert (await say(office, "spam")).offer == Offer(NUMBER, AFTER + 90 * DAY)
    await office.database.write(
        blocks.block, NUMBER, reason="", until=None, by="token:page", now=AFTER
    )
    assert await office.database.read(blocks.current) == {NUMBER: Blocked(NUMBER)}
    assert (await say(office, "spam")).offer is None


async def test_a_caller_who_withheld_his_number(office: Office) -> None:
    await office.take(event("ringing", caller="anonymous"))
    said = await say(office, "spam")
    assert (said.card_closed, said.offer) == (True, None)
    await say(office, "deal", now=at(200))
    card = await office.only(tables.card)
    assert (card.status, card.open_for) == ("new", None)


async def test_it_may_be_said_while_they_talk(office: Office) -> None:
    await office.take(event("ringing"))
    await office.take(event("answered", "c1", at(1), target="101"))
    await say(office, "wrong_number", now=at(5))
    await office.take(event("ended", "c1", at(6), duration_s=5))
    card, call = await office.only(tables.card), await call_of(office)
    assert (card.status, call.card, call.state) == (JUNK, card.id, "answered")
    assert (call.outcome, await counters_are_true(office)) == ("wrong_number", True)


async def test_there_is_no_such_call(office: Office) -> None:
    with pytest.raises(NoSuchCall):
        await office.database.write(
            say_outcome, "0" * 26, "spam", None, SETUP, by="token:page", now=AFTER
        )


def test_every_pipeline_has_junk_and_may_name_it_itself() -> None:
    plain = Pipeline("sales", (Status("new"),))
    junk = plain.status(JUNK)
    assert junk is not None
    assert (junk.name, junk.weight, junk.closed) == ("Не сделка", 0, True)
    own = replace(plain, statuses=(Status("new"), Status(JUNK, "Мусор", closed=True)))
    assert own.status(JUNK) == Status(JUNK, "Мусор", closed=True)


async def test_who_is_imported_and_sells_to_us_is_a_supplier(office: Office) -> None:
    person = Person("ООО Склад", phones=(NUMBER,))
    await office.database.write(contacts.add, person, now=MONDAY_NOON - DAY)
    await talk(office)
    await say(office, "supplier")
    assert (await office.only(tables.contact)).relation == "supplier"
