"""Click-to-call: what may be ordered, once, and what is known of it whatever happens."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from callrouter.domain.setup import Account, Block, Line, Manager, Setup
from callrouter.flows.blocks import block
from callrouter.flows.order_call import (
    DOUBT_AFTER,
    SAME_CLICK,
    Outcome,
    Wanted,
    ask_for_call,
    plan_call,
    settle_order,
)
from callrouter.flows.people import BadFields
from storage import orders, tables
from storage.database import Database
from storage.ids import new_id
from storage.orders import StoredOrder
from tests.examples import LAST_RESORT, LINE_NUMBER, MONDAY_NOON, SETUP, event
from tests.office import Office

NUMBER = "+79161234567"
SECOND = timedelta(seconds=1)
OURS = replace(
    SETUP,
    account=(
        replace(SETUP.account[0], allowed_prefixes=("+7", "+375")),
        Account("zad", default_line="+74951230002", secret="another-good-secret"),
    ),
    manager=(
        *SETUP.manager,
        Manager("gleb", "Глеб Фомин", {"zad": "205"}),
        Manager("olga", "Ольга Белова", ("+79161112233", "109"), phones=("+79164445566",)),
        Manager("oleg", "Олег Давний", "110", active=False),
    ),
    line=(
        replace(SETUP.line[0], aliases=("88001234567", "trunk-msk")),
        Line(number="+74951230002", account="zad", last_resort=LAST_RESORT),
        Line(number="+74951230003", last_resort=LAST_RESORT),
    ),
)


@pytest.fixture
async def office(database: Database) -> Office:
    return await Office(database).open()


async def ask(
    office: Office,
    number: str = NUMBER,
    *,
    manager: str = "anna",
    now: datetime = MONDAY_NOON,
    setup: Setup = OURS,
) -> tuple[StoredOrder, bool]:
    """Order a call; True: it is a new one."""
    plan = plan_call(setup, Wanted(manager, number, LINE_NUMBER))
    id_ = new_id(now)
    dial = plan.dials[0]
    found = await office.database.write(
        ask_for_call, id_, plan, dial, setup, by="token:crm", now=now
    )
    return found, found.id == id_


async def settle(
    office: Office, one: StoredOrder, outcome: Outcome, now: datetime = MONDAY_NOON
) -> StoredOrder:
    found = await office.database.write(settle_order, one.id, outcome, now=now)
    assert found
    return found


# What may be ordered


@pytest.mark.parametrize(
    ("manager", "number", "line", "target", "called"),
    [
        ("anna", NUMBER, LINE_NUMBER, "101", NUMBER),
        ("anna", "8 (916) 123-45-67", "8 495 123-00-01", "101", NUMBER),
        ("anna", "tel:+7-916-123-45-67", "88001234567", "101", NUMBER),
        ("anna", "+375 29 123-45-67", "trunk-msk", "101", "+375291234567"),
        ("olga", NUMBER, LINE_NUMBER, "+79161112233", NUMBER),
        ("gleb", NUMBER, "+74951230002", "205", NUMBER),
    ],
)
def test_a_plan_says_whom_to_ring(
    manager: str, number: str, line: str, target: str, called: str
) -> None:
    plan = plan_call(OURS, Wanted(manager, number, line))
    assert (plan.manager, plan.dials[0], plan.number) == (manager, target, called)
    assert plan.line in {LINE_NUMBER, "+74951230002"}


def test_a_line_without_an_account_is_of_the_only_one() -> None:
    only = replace(OURS, account=OURS.account[:1], line=OURS.line[2:])
    assert plan_call(only, Wanted("anna", NUMBER, "+74951230003")).account.key == "main"


@pytest.mark.parametrize(
    ("wanted", "field", "words"),
    [
        (Wanted("nobody", NUMBER, LINE_NUMBER), "manager", "is nobody; allowed: anna, boris"),
        (Wanted("oleg", NUMBER, LINE_NUMBER), "manager", "is not active; allowed: anna"),
        (Wanted("gleb", NUMBER, LINE_NUMBER), "manager", "no phone on the account main"),
        (Wanted("anna", "anonymous", LINE_NUMBER), "number", "is no number"),
        (Wanted("anna", "", LINE_NUMBER), "number", "is no number"),
        (Wanted("anna", "102", LINE_NUMBER), "number", "is no number"),
        (Wanted("anna", "+7916123456", LINE_NUMBER), "number", "is no number"),
        (Wanted("anna", "sip:a@b.example", LINE_NUMBER), "number", "is no number"),
        (Wanted("anna", LINE_NUMBER, LINE_NUMBER), "number", "is a line of ours"),
        (Wanted("anna", "8 495 123-00-02", LINE_NUMBER), "number", "is a line of ours"),
        (Wanted("anna", "+79164445566", LINE_NUMBER), "number", "a phone of the manager olga"),
        (Wanted("anna", "+14155552671", LINE_NUMBER), "number", "allowed: numbers with +7, +375"),
        (Wanted("anna", NUMBER, "+74951239999"), "line", "is no line of ours; allowed: +7495"),
        (Wanted("anna", NUMBER, "+74951230003"), "line", "has no account"),
    ],
)
def test_what_cannot_be_ordered_is_said_with_what_is_allowed(
    wanted: Wanted, field: str, words: str
) -> None:
    with pytest.raises(BadFields) as bad:
        plan_call(OURS, wanted)
    (one,) = bad.value.wrong
    assert one.field == field
    assert words in one.message


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(BadFields) as bad:
        plan_call(OURS, Wanted("nobody", "12", "12"))
    assert {one.field for one in bad.value.wrong} == {"manager", "number", "line"}


async def test_a_blocked_number_is_not_called(office: Office) -> None:
    own = replace(OURS, block=(Block(NUMBER),))
    with pytest.raises(BadFields, match="is blocked"):
        await ask(office, setup=own)
    await office.database.write(
        block, "+79990000000", reason="", until=None, by="anna", now=MONDAY_NOON
    )
    with pytest.raises(BadFields, match="is blocked"):
        await ask(office, "+79990000000")
    assert await office.count(tables.call_order) == 0


# Once


async def test_an_order_is_kept_before_anything_is_sent(office: Office) -> None:
    one, new = await ask(office)
    assert new
    row = await office.only(tables.call_order)
    assert (row.id, row.state, row.target, row.number) == (one.id, "asked", "101", NUMBER)
    happened = await office.only(tables.business_event)
    assert (happened.kind, happened.actor) == ("call_ordered", "token:crm")
    assert NUMBER not in happened.data


async def test_a_second_click_gives_the_first_order(office: Office) -> None:
    first, _ = await ask(office)
    assert await ask(office, "8 916 123-45-67", now=MONDAY_NOON + 5 * SECOND) == (first, False)
    done = await settle(office, first, Outcome("accepted", ref="CA1"))
    assert await ask(office, now=MONDAY_NOON + SAME_CLICK - SECOND) == (done, False)
    assert await office.count(tables.call_order) == 1
    assert await office.count(tables.business_event) == 1


async def test_later_or_of_others_it_is_another_order(office: Office) -> None:
    assert (await ask(office))[1]
    assert (await ask(office, manager="boris"))[1]
    assert (await ask(office, "+79161234568"))[1]
    assert (await ask(office, now=MONDAY_NOON + SAME_CLICK))[1]
    assert not (await ask(office, now=MONDAY_NOON + SAME_CLICK + SECOND))[1]
    assert await office.count(tables.call_order) == 4


async def test_many_clicks_at_once_make_one_order(office: Office) -> None:
    found = await asyncio.gather(*(ask(office) for _ in range(20)))
    assert len({one.id for one, _ in found}) == 1
    assert [new for _, new in found].count(True) == 1


async def test_what_failed_may_be_ordered_again_at_once(office: Office) -> None:
    first, _ = await ask(office)
    failed = await settle(office, first, Outcome("failed", reason="the PBX answered 404"))
    assert (failed.state, failed.reason) == ("failed", "the PBX answered 404")
    assert (await ask(office, now=MONDAY_NOON + SECOND))[1]


async def test_what_is_in_doubt_is_not_ordered_again_by_a_second_click(office: Office) -> None:
    first, _ = await ask(office)
    doubt = await settle(office, first, Outcome("in_doubt", reason="no answer in time"))
    assert await ask(office, now=MONDAY_NOON + SECOND) == (doubt, False)


# What is known of it


@pytest.mark.parametrize(
    ("told", "stands"),
    [
        (("accepted",), "accepted"),
        (("failed",), "failed"),
        (("in_doubt", "accepted"), "accepted"),
        (("in_doubt", "failed"), "failed"),
        (("accepted", "in_doubt"), "accepted"),
        (("accepted", "failed"), "accepted"),
        (("failed", "accepted"), "failed"),
    ],
)
async def test_what_is_known_stands_and_doubt_gives_way(
    office: Office, told: tuple[Any, ...], stands: str
) -> None:
    one, _ = await ask(office)
    for state in told:
        one = await settle(office, one, Outcome(state))
    assert one.state == stands


async def test_an_order_whose_server_died_is_in_doubt_and_stays_one(office: Office) -> None:
    lost, _ = await ask(office)
    known, _ = await ask(office, "+79161234568")
    await settle(office, known, Outcome("accepted"))
    await office.sweep(MONDAY_NOON + DOUBT_AFTER - SECOND)
    assert {row.state for row in await office.rows(tables.call_order)} == {"asked", "accepted"}
    await office.sweep(MONDAY_NOON + DOUBT_AFTER)
    states = {row.id: row.state for row in await office.rows(tables.call_order)}
    assert states == {lost.id: "in_doubt", known.id: "accepted"}
    found = await office.database.read(orders.find, lost.id)
    assert found
    assert "may have been made" in (found.reason or "")


# The call that comes of it


@pytest.mark.parametrize("ref", [None, "CA1"])
async def test_a_call_is_found_its_order_by_the_id_in_its_events(
    office: Office, ref: str | None
) -> None:
    one, _ = await ask(office)
    one = await settle(office, one, Outcome("accepted", ref=ref))
    assert one.call_ref == (ref or one.id)
    dialled = event(
        "dialing", one.call_ref, MONDAY_NOON + SECOND, caller="101", called=NUMBER, target="101"
    )
    await office.take(dialled)
    call = await office.only(tables.call)
    assert call.direction == "out"
    assert await office.database.read(orders.of_call, call.account, call.ref) == one
    assert await office.database.read(orders.of_call, "zad", call.ref) is None
    assert await office.database.read(orders.of_call, call.account, "another") is None
