"""Transfers in the base: consultations are folded in, and the right one keeps the card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import permutations
from typing import Any

import pytest

from callrouter.domain.events import CallEvent
from callrouter.domain.setup import Setup
from callrouter.flows.work import Desk
from callrouter.intake.snapshot import Snapshot
from storage import tables
from storage.database import Database
from storage.setups import SetupCache
from tests.examples import MONDAY_NOON, SETUP, event
from tests.office import Office, entry


def at(seconds: float) -> datetime:
    return MONDAY_NOON + timedelta(seconds=seconds)


def setup_of(owner: Any = "first", **anna: Any) -> Setup:
    people = (replace(SETUP.manager[0], **anna), *SETUP.manager[1:])
    routing = replace(SETUP.routing, owner=owner)
    wrapping = tuple(replace(one, wrap_up_s=30) for one in people)
    return replace(SETUP, manager=wrapping, routing=routing)


@pytest.fixture
async def office(database: Database) -> Office:
    return await Office(database).open(setup_of())


RINGING = event("ringing")
ANSWERED = event("answered", "c1", at(8), leg_ref="a1", target="101")
BLIND = event("transferred", "c1", at(40), target="101", to_target="102", transfer="blind")
ATTENDED = event(
    "transferred",
    "c1",
    at(40),
    target="101",
    to_target="102",
    transfer="attended",
    other_call="c2",
)
ENDED = event("ended", "c1", at(100))


def asked(kind: Any, when: float, **fields: Any) -> CallEvent:
    """An event of the call by which Anna asks Boris."""
    return event(kind, "c2", at(when), **{"caller": "101", "called": "102", **fields})


INTERNAL = [asked("dialing", 20, target="101"), asked("answered", 25, target="102")]
INBOUND = [asked("ringing", 20), asked("answered", 25, leg_ref="a1", target="102")]
OWN_NUMBER = [
    asked("ringing", 20, caller="89161234567"),
    asked("answered", 25, target="102", caller="89161234567"),
]
LATE = [asked("leg_ended", 41, target="102"), asked("ended", 42)]


async def calls(office: Office) -> dict[str, Any]:
    return {row.ref: row for row in await office.rows(tables.call)}


async def take_each(office: Office, events: Sequence[CallEvent]) -> None:
    for one in events:
        await office.take(one, now=max(one.received, at(0)))


async def test_while_the_first_asks_the_second_both_are_held_and_the_customer_waits(
    office: Office,
) -> None:
    await take_each(office, [RINGING, ANSWERED, *INTERNAL])
    assert (await calls(office))["c1"].state == "talking"
    assert await office.held(at(30)) == {"anna": ["talk", "talk"], "boris": ["talk"]}


async def test_a_consultation_that_comes_to_nothing_leaves_the_talk_as_it_was(
    office: Office,
) -> None:
    await take_each(office, [RINGING, ANSWERED, *INTERNAL, asked("ended", 35)])
    held = await office.held(at(36))
    assert "talk" in held["anna"]
    assert held["boris"] == ["wrap_up"]
    await take_each(office, [ENDED])
    call = (await calls(office))["c1"]
    assert (call.state, call.presumed, call.duration_s) == ("answered", False, 92)


@pytest.mark.parametrize(
    "consultation",
    [
        pytest.param(INTERNAL, id="internal"),
        pytest.param(INBOUND, id="inbound, as the PBX has it"),
        pytest.param(OWN_NUMBER, id="inbound, with the customer's number"),
        pytest.param(INTERNAL[:1], id="not answered"),
        pytest.param(INBOUND[:1], id="inbound and not answered"),
    ],
)
@pytest.mark.parametrize("late", [pytest.param([], id="no end"), pytest.param(LATE, id="late end")])
async def test_a_consultation_is_over_with_the_transfer(
    office: Office, consultation: list[CallEvent], late: list[CallEvent]
) -> None:
    await take_each(office, [RINGING, ANSWERED, *consultation, ATTENDED, *late])
    assert await office.held(at(43)) == {"anna": ["wrap_up"], "boris": ["talk"]}
    found = await calls(office)
    assert found["c1"].state == "talking"
    answered = any(one.kind == "answered" for one in consultation)
    assert (found["c2"].direction, found["c2"].state, found["c2"].ended_at) == (
        "internal",
        "answered" if answered else "unanswered",
        at(40),
    )
    assert (found["c2"].contact, found["c2"].card) == (None, None)
    assert await office.open_calls() == ["c1"]
    assert await office.count(tables.contact) == await office.count(tables.card) == 1
    assert await office.count(tables.task) == 0


@pytest.mark.slow
async def test_in_whatever_order_calls_and_transfer_are_heard_the_end_is_the_same(
    sqlite_database: Database,
) -> None:
    office = await Office(sqlite_database).open(setup_of())
    parts = [[RINGING, ANSWERED], INTERNAL, [ATTENDED], LATE, [ENDED]]
    outcomes = set()
    for n, order in enumerate(permutations(parts)):
        story = [
            replace(
                one,
                key=f"{n}/{one.key}",
                call_ref=f"{one.call_ref}-{n}",
                other_call=f"{one.other_call}-{n}" if one.other_call else None,
                caller=f"8916{n:07}" if one.caller == "89161234567" else one.caller,
            )
            for part in order
            for one in part
        ]
        await take_each(office, story)
        found = await calls(office)
        one, two = found[f"c1-{n}"], found[f"c2-{n}"]
        outcomes.add(
            (
                *(one.state, one.manager, one.answered_at, one.ended_at, one.duration_s),
                *(two.state, two.direction, two.manager, two.contact, two.ended_at),
                two.duration_s,
            )
        )
    assert len(outcomes) == 1
    assert await office.held(at(200)) == {}
    assert await office.open_calls() == []


async def test_an_id_used_again_a_day_later_is_another_call(office: Office) -> None:
    await take_each(office, [RINGING, ANSWERED, *INTERNAL, ATTENDED, *LATE, ENDED])
    later = timedelta(hours=25)
    again = [
        replace(
            one, key=f"2/{one.key}", received=one.received + later, at=(one.at or at(0)) + later
        )
        for one in (*INTERNAL, LATE[1])
    ]
    await take_each(office, again)
    rows = [row for row in await office.rows(tables.call) if row.ref == "c2"]
    assert [(row.generation, row.duration_s) for row in rows] == [(0, 15.0), (1, 17.0)]


async def test_both_managers_of_a_blind_transfer(office: Office) -> None:
    await take_each(office, [RINGING, ANSWERED, BLIND])
    assert await office.held(at(41)) == {"anna": ["wrap_up"], "boris": ["ring"]}
    assert (await office.ring(event("ringing", "c3", at(41), caller="89160000003")))[0] == ("vera",)
    await take_each(office, [event("answered", "c1", at(45), target="102")])
    assert (await office.held(at(46)))["boris"] == ["talk"]
    await take_each(office, [ENDED])
    assert (await office.held(at(101)))["boris"] == ["wrap_up"]


async def test_a_ring_back_that_is_answered_is_a_new_talk(office: Office) -> None:
    failed = event("leg_failed", "c1", at(50), target="102", reason="no_answer")
    back = event("answered", "c1", at(55), target="101")
    await take_each(office, [RINGING, ANSWERED, BLIND, failed, back])
    assert "talk" in (await office.held(at(56)))["anna"]
    await take_each(office, [ENDED])
    legs = [row for row in await office.rows(tables.leg) if row.manager == "anna"]
    assert [(row.ended_at - row.answered_at).total_seconds() for row in legs] == [32, 45]
    assert (await calls(office))["c1"].duration_s == 77


# Whose the card is


@pytest.mark.parametrize(
    ("owner", "talk_s", "manager"),
    [
        pytest.param("first", 60, "anna", id="first"),
        pytest.param("last", 60, "boris", id="last"),
        pytest.param("last", 3, "anna", id="last, who hardly talked"),
    ],
)
async def test_who_owns_the_card_after_a_transfer(
    database: Database, owner: str, talk_s: int, manager: str
) -> None:
    office = await Office(database).open(setup_of(owner))
    await take_each(office, [RINGING, ANSWERED, ATTENDED, event("ended", "c1", at(40 + talk_s))])
    assert (await office.only(tables.card)).manager == manager


async def test_who_owns_no_cards_is_passed_over(database: Database) -> None:
    office = await Office(database).open(setup_of(owns_cards=False))
    await take_each(office, [RINGING, ANSWERED, ATTENDED, ENDED])
    assert (await office.only(tables.card)).manager == "boris"


SECOND = [
    event("ringing", "c9", at(500)),
    event("answered", "c9", at(505), target="102"),
    event("ended", "c9", at(600), duration_s=95),
]


@pytest.mark.parametrize(("owner", "manager"), [("first", "anna"), ("last", "boris")])
async def test_a_later_call_takes_the_card_over_only_for_the_last(
    database: Database, owner: str, manager: str
) -> None:
    office = await Office(database).open(setup_of(owner))
    await take_each(office, [RINGING, ANSWERED, ENDED, *SECOND])
    card = await office.only(tables.card)
    assert card.manager == manager
    # The first call tells something late: it decides nothing any more.
    await take_each(office, [event("recording", "c1", at(700), recording_id="r1")])
    assert (await office.only(tables.card)).manager == manager
    current = [row for row in await office.rows(tables.responsibility) if row.until is None]
    assert [row.manager for row in current] == [manager]


async def test_a_later_talk_that_was_too_short_gives_the_card_back(database: Database) -> None:
    office = await Office(database).open(setup_of("last"))
    await take_each(office, [RINGING, ANSWERED, ENDED, *SECOND[:2]])
    assert (await office.only(tables.card)).manager == "boris"
    await take_each(office, [event("ended", "c9", at(508), duration_s=3)])
    assert (await office.only(tables.card)).manager == "anna"


@pytest.mark.parametrize(
    ("changed", "manager"),
    [
        pytest.param(550, "vera", id="after the talk began: it stands"),
        pytest.param(300, "boris", id="before: the last one takes it"),
    ],
)
async def test_what_a_person_decided_after_a_talk_stands(
    database: Database, changed: float, manager: str
) -> None:
    office = await Office(database).open(setup_of("last"))
    await take_each(office, [RINGING, ANSWERED, ENDED])
    values = {"manager": "vera", "manager_by": "head", "manager_at": at(changed)}

    def change(conn: Any) -> None:
        conn.execute(tables.card.update().values(**values))

    await office.database.write(change)
    await take_each(office, SECOND)
    assert (await office.only(tables.card)).manager == manager


def test_without_the_base_a_consultation_is_over_with_the_transfer_too() -> None:
    snapshot = Snapshot(Desk(SetupCache()))
    snapshot.use(setup_of())
    for one in (RINGING, ANSWERED, *INTERNAL, ATTENDED, *LATE):
        snapshot.tell(entry(one), now=one.received)
    held = {
        manager: [(hold.kind, hold.since) for hold in facts.holds]
        for manager, facts in snapshot._board.facts.items()
        if facts.holds
    }
    assert held == {"anna": [("wrap_up", at(40))], "boris": [("talk", at(40))]}
