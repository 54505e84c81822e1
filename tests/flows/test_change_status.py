"""A card gets another status: allowed, with what it needs, numbered, once."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection, insert

from callrouter.domain.setup import JUNK, CustomField, Letter, Pipeline, Setup, Status
from callrouter.domain.setup import Office as Place
from callrouter.flows.change_status import Changed, change_status
from callrouter.flows.fields import CardChange, StaleCard, change_card
from callrouter.flows.items import GivenItem, put_items
from callrouter.flows.new_card import Wanted, make_card
from callrouter.flows.no_such import NoSuchCard
from callrouter.flows.people import BadFields, Person, save
from storage import cards, tables
from storage.database import Database
from tests.examples import MONDAY_NOON, SETUP, event
from tests.office import Office

STATUSES = (
    Status("new", weight=0, moves=("in_work", "lost")),
    Status("in_work", required=("email",)),
    Status("invoice", required=("amount", "due", "items", "contract")),
    Status("won", closed=True, moves=()),
    Status("lost", closed=True, required=("loss_reason",)),
)
COMPANY = replace(
    SETUP,
    office=(Place("msk", "Москва", hours="Mo-Fr 09:00-18:00"),),
    pipeline=(Pipeline("sales", STATUSES),),
    field=(CustomField("contract", "Договор"), CustomField("size", "Размер", "contact", "number")),
)
FREE = replace(SETUP, pipeline=(Pipeline("sales", tuple(map(Status, ("new", "a", "b")))),))
HOUR = timedelta(hours=1)


@pytest.fixture
async def office(database: Database) -> Office:
    return await Office(database).open(COMPANY)


async def make(office: Office, setup: Setup = COMPANY, *, email: bool = True) -> str:
    """A card made by hand at noon of a Monday."""
    emails = ("ivan@example.com",) if email else ()
    sent = Person(frozenset({"name", "emails"}), name="Иван Петров", emails=emails)

    def both(conn: Connection) -> str:
        who = save(conn, sent, setup, system="test", by="anna", now=MONDAY_NOON)
        wanted = Wanted(who.contact, manager="anna")
        return make_card(conn, wanted, setup, by="anna", now=MONDAY_NOON)

    return await office.database.write(both)


async def move(
    office: Office,
    card: str,
    status: str,
    *,
    setup: Setup = COMPANY,
    now: datetime = MONDAY_NOON + HOUR,
    **given: Any,
) -> Changed:
    return await office.database.write(
        change_status, card, status, setup, by="anna", now=now, **given
    )


async def refused(office: Office, card: str, status: str, **given: Any) -> list[tuple[str, str]]:
    """Which fields keep the card from a status, and why; nothing is written."""
    before = [await office.rows(one) for one in (tables.card, tables.transition)]
    with pytest.raises(BadFields) as raised:
        await move(office, card, status, **given)
    assert before == [await office.rows(one) for one in (tables.card, tables.transition)]
    return [(one.field, one.message) for one in raised.value.wrong]


async def way(office: Office) -> list[tuple[int, str | None, str, str, int | None]]:
    return [
        (row.n, row.from_status, row.to_status, row.by, row.working_s)
        for row in await office.rows(tables.transition)
    ]


async def counters_are_true(office: Office) -> bool:
    def compare(conn: Connection) -> bool:
        return dict(cards.counted(conn)) == dict(cards.recount(conn))

    return await office.database.read(compare)


async def test_a_move_is_numbered_and_told(office: Office) -> None:
    card = await make(office)
    assert await move(office, card, "in_work") == Changed(card, "new", "in_work", 2, moved=True)
    row = await office.only(tables.card)
    assert (row.status, row.closed_at, row.updated_at) == ("in_work", None, MONDAY_NOON + HOUR)
    assert await way(office) == [
        (1, None, "new", "anna", None),
        (2, "new", "in_work", "anna", 3600),
    ]
    moved = [row for row in await office.rows(tables.business_event) if row.kind == "card_moved"]
    assert [(one.actor, one.card, one.contact) for one in moved] == [("anna", card, row.contact)]
    assert moved[0].data == '{"from": "new", "to": "in_work", "n": 2}'
    news = await office.rows(tables.notice)
    assert ("card", "anna", card) in [(one.kind, one.manager, one.card) for one in news]


async def test_the_same_status_again_does_nothing(office: Office) -> None:
    card = await make(office)
    await move(office, card, "in_work", version=2)
    before = await office.only(tables.card)
    again = await move(office, card, "in_work", version=2)  # the second click of two
    assert again == Changed(card, "in_work", "in_work", 2, moved=False)
    assert await office.only(tables.card) == before
    assert len(await way(office)) == 2


async def test_who_read_an_older_card_is_told_what_it_is_now(office: Office) -> None:
    card = await make(office)
    version = (await office.only(tables.card)).version
    await move(office, card, "in_work", version=version)
    with pytest.raises(StaleCard) as raised:
        await move(office, card, "lost", version=version, loss_reason="price")
    assert (raised.value.version, raised.value.status) == (version + 1, "in_work")
    with pytest.raises(NoSuchCard):
        await move(office, "01ZZZZZZZZZZZZZZZZZZZZZZZZ", "in_work")


async def test_of_many_at_once_one_moves_it(office: Office) -> None:
    card = await make(office)
    moved = await asyncio.gather(*(move(office, card, "in_work") for _ in range(8)))
    assert sorted(one.moved for one in moved) == [False] * 7 + [True]
    assert {one.n for one in moved} == {2}
    version = (await office.only(tables.card)).version
    came = await asyncio.gather(
        *(move(office, card, to, version=version, loss_reason="x") for to in ("lost", JUNK)),
        return_exceptions=True,
    )
    assert sorted(type(one).__name__ for one in came) == ["Changed", "StaleCard"]
    assert len(await way(office)) == 3


@pytest.mark.parametrize(
    ("path", "to", "allowed"),
    [
        ((), "in_work", True),
        ((), "invoice", False),
        ((), JUNK, True),  # whatever `moves` say
        (("in_work",), "new", True),  # no `moves`: everywhere
        (("in_work", "won"), "in_work", False),
        (("in_work", "won"), JUNK, True),
        (("lost",), "new", True),  # a closed one without `moves` may be opened again
        ((JUNK,), "new", True),
        ((), "nowhere", False),
    ],
)
async def test_a_status_says_where_a_card_may_go(
    office: Office, path: tuple[str, ...], to: str, *, allowed: bool
) -> None:
    card = await make(office)
    for step in path:
        reason = "price" if step == "lost" else None
        await move(office, card, step, loss_reason=reason)
    if allowed:
        assert (await move(office, card, to)).moved
    else:
        ((field, said),) = await refused(office, card, to)
        assert field == "status"
        assert "allowed: " in said


async def test_every_table_of_moves_is_kept(sqlite_database: Database) -> None:
    """All ways of three statuses, tried from each to each."""
    office = await Office(sqlite_database).open(FREE)
    card = await make(office, FREE)
    keys = ("new", "a", "b")
    ways = [None, *(tuple(one) for n in range(3) for one in itertools.combinations(keys, n))]
    for moves, start, to in itertools.product(ways, keys, keys):
        await move(office, card, start, setup=FREE)
        own = tuple(Status(key, moves=moves if key == start else None) for key in keys)
        setup = replace(FREE, pipeline=(Pipeline("sales", own),))
        may = start == to or moves is None or to in moves
        try:
            assert (await move(office, card, to, setup=setup)).status == to
        except BadFields:
            assert not may
        else:
            assert may


async def test_what_a_status_needs_is_named_at_once(office: Office) -> None:
    card = await make(office, email=False)
    ((field, said),) = await refused(office, card, "in_work")
    assert (field, said) == ("email", 'is missing: the status "in_work" needs it')
    ((field, _),) = await refused(office, card, "lost")
    assert field == "loss_reason"
    await move(office, card, JUNK)
    missing = await refused(office, card, "invoice", fields={"contract": ""})
    assert [field for field, _ in missing] == ["amount", "due", "items", "fields.contract"]


async def test_what_is_missing_can_come_along(office: Office) -> None:
    card = await make(office)
    await move(office, card, "in_work")
    given = {"due": "2026-04-01", "contract": "17-А"}
    missing = await refused(office, card, "invoice", fields=given)
    assert [field for field, _ in missing] == ["amount", "items"]
    await office.database.write(
        put_items, card, [GivenItem("Окно", price="100.50")], COMPANY, by="anna", now=MONDAY_NOON
    )
    await move(office, card, "invoice", fields=given)
    row = await office.only(tables.card)
    assert (row.status, row.amount, str(row.due_on)) == ("invoice", Decimal("100.5"), "2026-04-01")
    (value,) = await office.rows(tables.custom_value)
    assert (value.field, value.owner, value.text) == ("contract", card, "17-А")


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"amount": "much"}, "fields.amount"),
        ({"amount": "-1"}, "fields.amount"),
        ({"amount": "0.001"}, "fields.amount"),
        ({"due": "tomorrow"}, "fields.due"),
        ({"due": 5}, "fields.due"),
        ({"source": ""}, "fields.source"),
        ({"colour": "red"}, "fields.colour"),
        ({"contract": 5}, "fields.contract"),
        ({"size": 5}, "fields.size"),  # a contact's
    ],
)
async def test_what_comes_along_and_is_wrong_is_named(
    office: Office, fields: dict[str, Any], named: str
) -> None:
    card = await make(office)
    assert [field for field, _ in await refused(office, card, "in_work", fields=fields)] == [named]


async def test_a_reason_is_kept_with_a_closed_status_only(office: Office) -> None:
    card = await make(office)
    ((field, _),) = await refused(office, card, "in_work", loss_reason="price")
    assert field == "loss_reason"
    await move(office, card, "lost", loss_reason="price")
    row = await office.only(tables.card)
    assert (row.loss_reason, row.closed_at) == ("price", MONDAY_NOON + HOUR)
    await move(office, card, "new")
    row = await office.only(tables.card)
    assert (row.loss_reason, row.closed_at) == (None, None)


async def test_the_time_in_a_status_is_its_offices_working_time(office: Office) -> None:
    card = await make(office)  # noon in Moscow, the manager's office
    await move(office, card, "in_work", now=MONDAY_NOON + timedelta(days=1))
    await move(office, card, "new", now=MONDAY_NOON + timedelta(days=1, hours=12))
    spent = [working for *_, working in await way(office)]
    assert spent == [None, 9 * 3600, 6 * 3600]  # 12-18 and 9-12; 12-18


async def test_a_closed_card_frees_its_claim_and_takes_it_again(office: Office) -> None:
    await office.take(event("ringing", "c1"))
    await office.take(event("answered", "c1", MONDAY_NOON + timedelta(seconds=5), target="101"))
    card = await office.only(tables.card)
    assert card.open_for
    assert await counters_are_true(office)
    await move(office, card.id, "lost", loss_reason="price")
    assert (await office.only(tables.card)).open_for is None
    assert await counters_are_true(office)
    await move(office, card.id, "new")
    assert (await office.only(tables.card)).open_for == card.open_for
    assert await counters_are_true(office)
    await move(office, card.id, "lost", loss_reason="price")
    await office.take(event("ended", "c1", MONDAY_NOON + timedelta(minutes=1)))
    await office.take(event("ringing", "c2", MONDAY_NOON + 2 * HOUR))
    held = {row.id: row.open_for for row in await office.rows(tables.card)}
    assert list(held.values()).count(card.open_for) == 1
    await move(office, card.id, "new", now=MONDAY_NOON + 3 * HOUR)
    again = {row.id: row.open_for for row in await office.rows(tables.card)}
    assert again == held  # another card has it by now
    assert await counters_are_true(office)


async def test_a_card_made_by_hand_never_takes_a_claim(office: Office) -> None:
    card = await make(office)
    await move(office, card, "lost", loss_reason="price")
    await move(office, card, "new")
    assert (await office.only(tables.card)).open_for is None


async def test_a_card_whose_status_is_gone_from_the_setup_can_leave_it(office: Office) -> None:
    def strand(conn: Connection) -> str:
        columns = {"number": 900, "pipeline": "sales", "status": "old"}
        moments = {"created_at": MONDAY_NOON, "updated_at": MONDAY_NOON}
        conn.execute(insert(tables.card).values(id="c" * 26, **columns, **moments))
        return "c" * 26

    card = await office.database.write(strand)
    assert (await move(office, card, "new")).n == 1
    gone = replace(COMPANY, pipeline=(Pipeline("service", STATUSES),))
    ((field, said),) = await refused(office, card, "lost", setup=gone)
    assert field == "status"
    assert "gone" in said


async def test_letters_follow_the_move(office: Office) -> None:
    letter = Letter("brief", "brief", on_status="in_work", template="brief")
    setup = replace(COMPANY, letter=(letter,))
    card = await make(office, setup)
    await move(office, card, "in_work", setup=setup)
    (one,) = await office.rows(tables.letter)
    assert (one.card, one.key, one.state) == (card, "brief", "waiting")
    await move(office, card, "lost", setup=setup, loss_reason="price")
    (one,) = await office.rows(tables.letter)
    assert one.state == "cancelled"


# What is set of a card


async def change(office: Office, card: str, version: int | None = None, **given: Any) -> None:
    own = given.pop("own", {})
    sent = CardChange(given=frozenset(given), own=own, **given)
    await office.database.write(
        change_card, card, sent, COMPANY, version=version, by="boris", now=MONDAY_NOON + HOUR
    )


async def test_what_is_set_of_a_card_is_told_once(office: Office) -> None:
    card = await make(office)
    version = (await office.only(tables.card)).version
    set_to: dict[str, Any] = {
        "amount": Decimal("1234.50"),
        "source": "shop",
        "own": {"contract": " 17-А "},
    }
    await change(office, card, version, **set_to)
    row = await office.only(tables.card)
    assert (row.amount, row.source_first, row.version) == (Decimal("1234.5"), "shop", version + 1)
    await change(office, card, **set_to)
    assert await office.only(tables.card) == row
    told = [one for one in await office.rows(tables.business_event) if one.kind == "card_changed"]
    assert [one.data for one in told] == [
        '{"amount": "1234.50", "source": "shop", "fields": "amount source fields.contract"}'
    ]
    with pytest.raises(StaleCard):
        await change(office, card, version, amount=Decimal(1))
    await change(office, card, amount=None, own={"contract": None})
    assert (await office.only(tables.card)).amount is None
    assert await office.count(tables.custom_value) == 0


async def test_a_card_is_handed_to_somebody_or_nobody(office: Office) -> None:
    card = await make(office)
    await change(office, card, manager="vera")
    assert (await office.only(tables.card)).manager == "vera"
    await change(office, card, manager=None)
    row = await office.only(tables.card)
    assert (row.manager, row.manager_by) == (None, "boris")
    kinds = [one.kind for one in await office.rows(tables.business_event)]
    assert kinds.count("card_owned") == 2  # when it was made, too
    assert kinds.count("card_disowned") == 1
    with pytest.raises(BadFields) as raised:
        await change(office, card, manager="nobody", entity="ghost", amount=Decimal(-1))
    assert [one.field for one in raised.value.wrong] == ["amount", "entity", "manager"]


async def test_the_amount_of_a_card_with_items_is_their_sum_only(office: Office) -> None:
    card = await make(office)
    given = [GivenItem("Окно", price=100)]
    await office.database.write(put_items, card, given, COMPANY, by="anna", now=MONDAY_NOON)
    with pytest.raises(BadFields) as raised:
        await change(office, card, amount=Decimal(5))
    assert [one.field for one in raised.value.wrong] == ["amount"]
