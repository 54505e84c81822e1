"""What a call that we make does to the base: whom it makes known, where it hangs, who tried."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from callrouter.domain.events import CallEvent
from callrouter.domain.setup import Pipeline, Status
from callrouter.flows.callers import facts_of
from callrouter.flows.try_call import try_call
from storage import cards, contacts, counters, tables
from storage.contacts import Person
from storage.database import Database
from tests.examples import LINE_NUMBER, MONDAY_NOON, SETUP, event, rings
from tests.office import Office

NUMBER = "+79161234567"


def at(seconds: float) -> datetime:
    return MONDAY_NOON + timedelta(seconds=seconds)


def out(kind: Any, when: float, *, call: str = "o1", **fields: Any) -> CallEvent:
    """An event of a call that Boris makes."""
    given = {"caller": LINE_NUMBER, "called": "89161234567", "target": "102", **fields}
    return event(kind, call, at(when), **given)


def tried(when: float, call: str = "o1", **fields: Any) -> list[CallEvent]:
    return [out("dialing", when, call=call, **fields), out("ended", when + 20, call=call, **fields)]


def talked(when: float, call: str = "o1", **fields: Any) -> list[CallEvent]:
    return [
        out("dialing", when, call=call, **fields),
        out("answered", when + 10, call=call, **fields),
        out("ended", when + 70, call=call, duration_s=60, **fields),
    ]


@pytest.fixture
async def office(database: Database) -> Office:
    return await Office(database).open()


async def known(office: Office, name: str = "Склад", **fields: Any) -> str:
    person = Person(name, (NUMBER,), **fields)
    return await office.database.write(contacts.add, person, now=at(-9000))


async def make_card(
    office: Office, contact: str, pipeline: str, manager: str | None = None, touched: float = -900
) -> str:
    """An open card of a contact's."""

    def make(conn: Connection) -> str:
        (number,) = counters.draw(conn, "card", 1)
        id_ = f"card-{number}"
        new = cards.NewCard(id_, number, contact, pipeline, "new", "", claimed=False)
        cards.make(conn, [new], now=at(-9000))
        changed = {
            "manager": manager,
            "manager_by": "vera" if manager else None,
            "manager_at": at(-8000) if manager else None,
            "last_contact_at": at(touched),
        }
        conn.execute(tables.card.update().where(tables.card.c.id == id_).values(changed))
        return id_

    return await office.database.write(make)


async def test_an_outbound_talk_makes_the_contact_known(office: Office) -> None:
    (taken, *_) = await office.take(*talked(0))
    assert taken.decision is None
    call, contact = await office.only(tables.call), await office.only(tables.contact)
    phone = await office.only(tables.contact_phone)
    assert (call.direction, call.state, call.manager, call.team) == (
        "out",
        "answered",
        "boris",
        "sales",
    )
    assert (call.caller_number, call.line, call.line_known) == (NUMBER, LINE_NUMBER, True)
    assert (call.contact, call.card, call.stranger) == (contact.id, None, False)
    assert (contact.made_for, phone.number, contact.source_first) == (NUMBER, NUMBER, None)
    assert (contact.talked_manager, contact.talked_at) == ("boris", at(70))
    assert await office.count(tables.card) == 0
    kinds = {row.kind for row in await office.rows(tables.business_event)}
    assert kinds == {"call_began", "call_answered", "call_ended", "contact_made"}


async def test_a_try_without_a_talk_makes_no_contact(office: Office) -> None:
    await office.take(*tried(0), *talked(100, "o2", by="machine"))
    for call in await office.rows(tables.call):
        assert (call.state, call.manager, call.contact) == ("unanswered", "boris", None)
    assert await office.count(tables.contact) == 0


async def test_who_tried_is_rung_when_the_stranger_calls_back(office: Office) -> None:
    await office.take(*tried(0))
    (taken,) = await office.take(event("ringing", "c1", at(3600)))
    assert taken.decision is not None
    assert taken.why is not None
    assert rings(taken.decision)[0] == ("boris",)
    assert (taken.why.known, taken.why.new_card) == (False, True)
    call = (await office.rows(tables.call))[-1]
    assert call.stranger
    assert call.contact == (await office.only(tables.contact)).id
    assert await office.count(tables.card) == 1


@pytest.mark.parametrize(
    ("before", "after", "now", "who"),
    [
        pytest.param([], [], 3600, ("boris", 0), id="lately"),
        pytest.param([], [], 25 * 3600, None, id="too long ago"),
        pytest.param([], talked(100, "o2"), 3600, None, id="reached after all"),
        pytest.param(
            [],
            [
                event("ringing", "c1", at(100)),
                event("answered", "c1", at(110), target="101"),
                event("ended", "c1", at(160)),
            ],
            3600,
            None,
            id="called back and talked",
        ),
        pytest.param(
            [],
            [event("ringing", "c1", at(100)), event("ended", "c1", at(110))],
            3600,
            ("boris", 0),
            id="called back and reached nobody",
        ),
        pytest.param(talked(-500, "o0"), [], 3600, ("boris", 0), id="a talk before"),
        pytest.param(
            [], tried(100, "o2", target="103"), 3600, ("vera", 100), id="somebody else tried later"
        ),
    ],
)
async def test_who_tried(
    office: Office,
    before: list[CallEvent],
    after: list[CallEvent],
    now: float,
    who: tuple[str, float] | None,
) -> None:
    for one in (*before, *tried(0), *after):
        await office.take(one)

    def read(conn: Connection) -> Any:
        return facts_of(conn, [NUMBER], SETUP, now=at(now)).get(NUMBER)

    facts = await office.database.read(read)
    found = facts.tried if facts else None
    assert found == (who and (who[0], at(who[1])))


async def test_who_tried_is_asked_only_where_routing_wants_it(database: Database) -> None:
    setup = replace(SETUP, routing=replace(SETUP.routing, responsible=("card", "contact")))
    office = await Office(database).open(setup)
    await office.take(*tried(0))
    assert (await office.ring(event("ringing", "c1", at(60))))[0] == ("anna",)


async def test_the_snapshot_hears_who_tried_a_known_number(office: Office) -> None:
    await known(office)
    batch = await office.batch(*tried(0))
    assert batch.callers[NUMBER].tried == ("boris", at(0))
    batch = await office.batch(*talked(100, "o2"))
    assert batch.callers[NUMBER].tried is None


async def test_who_tried_stands_in_what_would_happen_too(office: Office) -> None:
    await office.take(*tried(0))

    def ask(conn: Connection) -> Any:
        return try_call(conn, SETUP, line=LINE_NUMBER, caller=NUMBER, at=at(60), now=at(60))

    decided = await office.database.read(ask)
    assert rings(decided.decision)[0] == ("boris",)
    assert not decided.why.known


SERVICE = Pipeline("service", (Status("asked"), Status("done", closed=True)))


@pytest.mark.parametrize(
    ("theirs", "chosen"),
    [
        pytest.param([], None, id="none: it never makes one"),
        pytest.param([("sales", None, -900)], 0, id="the only one"),
        pytest.param(
            [("service", None, -10), ("sales", None, -900)], 1, id="one in the line's pipeline"
        ),
        pytest.param([("service", None, -900), ("service", None, -10)], 1, id="the latest other"),
        pytest.param(
            [("sales", "anna", -10), ("service", "boris", -900)], 1, id="the dialing manager's own"
        ),
    ],
)
async def test_on_which_card_it_hangs(
    database: Database, theirs: list[tuple[str, str | None, float]], chosen: int | None
) -> None:
    office = await Office(database).open(replace(SETUP, pipeline=(*SETUP.pipeline, SERVICE)))
    contact = await known(office)
    made = [await make_card(office, contact, *one) for one in theirs]
    await office.take(*tried(0))
    call = await office.only(tables.call)
    assert (call.contact, call.card) == (contact, None if chosen is None else made[chosen])
    assert await office.count(tables.card) == len(made)


@pytest.mark.parametrize(
    ("manager", "owner"), [pytest.param(None, "boris", id="nobody's"), ("anna", "anna")]
)
async def test_its_talk_touches_the_card_and_may_own_it(
    office: Office, manager: str | None, owner: str
) -> None:
    await make_card(office, await known(office), "sales", manager)
    await office.take(*talked(0))
    card = await office.only(tables.card)
    assert (card.manager, card.last_contact_at) == (owner, at(10))


async def test_a_try_touches_no_card(office: Office) -> None:
    await make_card(office, await known(office), "sales")
    await office.take(*tried(0))
    card = await office.only(tables.card)
    assert (card.manager, card.last_contact_at) == (None, at(-900))


async def test_who_calls_out_is_passed_over_and_comes_last_in_longest_idle(office: Office) -> None:
    await office.take(out("dialing", 0, target="101"))
    assert (await office.held(at(1))) == {"anna": ["ring"]}
    assert (await office.ring(event("ringing", "c1", at(1))))[0] == ("boris",)
    await office.take(out("answered", 5, target="101"), out("ended", 65, target="101"))
    beats = {
        row.manager: (row.last_offer, row.last_talk) for row in await office.rows(tables.pulse)
    }
    assert beats["anna"] == (at(0), at(65))


async def test_an_outbound_talk_is_no_strangers(office: Office) -> None:
    await office.take(*talked(0))
    (taken,) = await office.take(event("ringing", "c2", at(100), caller="89169999999"))
    assert taken.why is not None
    boris = next(
        one for step in taken.why.steps for one in step.candidates if one.manager == "boris"
    )
    assert boris.strangers == 0


INSIDE = [
    pytest.param({"caller": "101", "called": "102", "direction": "internal"}, id="said to be"),
    pytest.param({"caller": "101", "called": "102"}, id="to an inside dial"),
    pytest.param({"caller": "101", "called": "8 916 000-00-02", "direction": "out"}, id="a phone"),
]


@pytest.mark.parametrize("fields", INSIDE)
async def test_internal_calls_make_nothing(database: Database, fields: dict[str, str]) -> None:
    people = (
        SETUP.manager[0],
        replace(SETUP.manager[1], phones=("+79160000002",)),
        SETUP.manager[2],
    )
    office = await Office(database).open(replace(SETUP, manager=people))
    await known(office)
    await office.take(out("dialing", 0, **{"target": "101", **fields}))
    assert await office.held(at(1)) == {"anna": ["ring"], "boris": ["ring"]}
    await office.take(replace(out("answered", 5, **fields), target=None))
    assert await office.held(at(6)) == {"anna": ["talk"], "boris": ["talk"]}
    await office.take(replace(out("ended", 25, **fields), target=None))
    assert await office.held(at(26)) == {}
    call = await office.only(tables.call)
    assert (call.direction, call.state, call.manager) == ("internal", "answered", "anna")
    assert (call.contact, call.card) == (None, None)
    assert await office.count(tables.contact) == 1
    assert await office.count(tables.card) == 0
    assert await office.count(tables.task) == 0


async def test_a_dialing_that_comes_late_puts_right_whose_call_it_is(office: Office) -> None:
    """Until then nobody said that it is one of ours: the caller is our own line."""
    await office.take(out("answered", 10, target=None))
    assert await office.count(tables.contact) == 0
    await office.take(out("dialing", 0), out("ended", 70))
    call = await office.only(tables.call)
    assert (call.direction, call.state, call.manager) == ("out", "answered", "boris")
    assert call.caller_number == (await office.only(tables.contact)).made_for == NUMBER
    assert await office.count(tables.card) == 0


async def test_a_call_out_by_an_unknown_line_goes_by_the_default_one(office: Office) -> None:
    await office.take(out("dialing", 0, caller="+74959999999"))
    call = await office.only(tables.call)
    assert (call.line, call.line_known, call.source) == (LINE_NUMBER, False, None)


async def test_the_same_person_calls_back_after_a_talk_and_is_known(office: Office) -> None:
    await office.take(*talked(0))
    (taken,) = await office.take(event("ringing", "c1", at(600)))
    assert taken.why is not None
    assert (taken.why.known, taken.why.new_card) == (True, True)
    assert taken.decision is not None
    assert rings(taken.decision)[0] == ("boris",)
    assert await office.count(tables.contact) == 1
