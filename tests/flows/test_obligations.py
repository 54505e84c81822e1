"""A missed call is owed a call back: once, by somebody, and settled by any talk; on both engines."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import Connection, update

from callrouter.domain.decisions import Connect, LastResort, Reject
from callrouter.domain.events import CallEvent
from callrouter.domain.setup import Absence, Company, Missed, Setup, Step, Team
from callrouter.domain.why import Why
from callrouter.flows.obligations import (
    ClosedAlready,
    NotOwed,
    close_obligation,
    owe_lead,
)
from callrouter.flows.work import Already
from storage import cards, contacts, notices, obligations, tables
from storage.cards import CardState
from storage.contacts import Person
from storage.database import Database, open_database
from tests.examples import LINE, LINE_NUMBER, MONDAY_NOON, SETUP, event, with_ladder
from tests.office import Office, entry, render

NUMBER = "+79161234567"
WEEK = "Mo-Fr 09:00-18:00"
MINUTE = timedelta(minutes=1)


def at(seconds: float) -> datetime:
    return MONDAY_NOON + timedelta(seconds=seconds)


@pytest.fixture
async def office(database: Database) -> Office:
    return await Office(database).open()


async def miss(office: Office, call: str = "c1", start: float = 0, **fields: Any) -> None:
    """A call that nobody picks up for 45 s."""
    await office.take(event("ringing", call, at(start), **fields))
    await office.take(event("ended", call, at(start + 45), **fields))


async def talk(office: Office, call: str, start: float, **fields: Any) -> None:
    await office.take(event("ringing", call, at(start), **fields))
    await office.take(event("answered", call, at(start + 9), target="101", **fields))
    await office.take(event("ended", call, at(start + 60), **fields))


def out(kind: Any, call: str, start: float, **fields: Any) -> CallEvent:
    """A manager at phone 102 calls the client."""
    given = {"target": "102", "caller": LINE_NUMBER, "called": NUMBER, "direction": "out"}
    return event(kind, call, at(start), **(given | fields))


async def try_to_call(office: Office, call: str, start: float) -> None:
    await office.take(out("dialing", call, start))
    await office.take(out("ended", call, start + 20, reason="no_answer"))


async def tasks(office: Office) -> list[Any]:
    rows = await office.rows(tables.task)
    return sorted(rows, key=lambda row: (row.last_at, row.id))


async def owed(office: Office) -> list[Any]:
    return [row for row in await tasks(office) if row.open_for]


async def happened(office: Office) -> list[str]:
    kinds = [row.kind for row in await office.rows(tables.business_event)]
    return sorted(kind.partition("_")[2] for kind in kinds if kind.startswith("obligation_"))


# Opened


async def test_a_missed_call_is_owed_by_who_was_rung_and_so_is_its_card(office: Office) -> None:
    await miss(office)
    one, call = await office.only(tables.task), await office.only(tables.call)
    card = await office.only(tables.card)
    assert (one.kind, one.open_for, one.phone) == ("call_back", f"call_back:{NUMBER}", NUMBER)
    assert (one.owner, one.team, one.line) == ("anna", "sales", LINE_NUMBER)
    assert (one.call, one.card, one.contact) == (call.id, call.card, call.contact)
    assert (one.created_at, one.last_at) == (at(0), at(0))
    assert one.due_at == at(45) + 15 * MINUTE
    assert (one.cause, json.loads(one.cause_data)) == (
        "not_picked_up",
        {"managers": ["anna", "boris"]},
    )
    assert (one.repeats, one.tries, one.done_at, one.author) == (0, 0, None, call.id)
    assert (card.manager, card.manager_by, card.manager_at, card.team) == (
        "anna",
        call.id,
        at(45),
        "sales",
    )
    assert await happened(office) == ["opened"]
    told = [row for row in await office.rows(tables.notice) if row.kind == "obligation"]
    assert [(row.manager, row.card) for row in told] == [("anna", card.id)]
    owned = [row for row in await office.rows(tables.responsibility) if row.card == card.id]
    assert [row.manager for row in owned] == ["anna"]


async def test_ringing_and_end_in_one_batch_are_owed_for_too(office: Office) -> None:
    await office.take(event("ringing"), event("ended", "c1", at(12)), now=at(12))
    one = await office.only(tables.task)
    assert (one.cause, json.loads(one.cause_data)["seconds"]) == ("hung_up", 12)
    await office.open(replace(SETUP, line=(replace(LINE, hours="Mo 20:00-21:00"),)))
    await office.take(event("ringing", "c2", at(60)), event("ended", "c2", at(62)), now=at(62))
    assert (await office.only(tables.task)).cause == "out_of_hours"


async def test_the_responsible_owes_it(office: Office) -> None:
    def write(conn: Connection) -> None:
        contacts.add(conn, Person("Иван", (NUMBER,), responsible="boris"), now=MONDAY_NOON)

    await office.database.write(write)
    await miss(office)
    assert (await office.only(tables.task)).owner == "boris"


async def test_a_presumed_end_is_owed_for_and_the_real_one_adds_nothing(office: Office) -> None:
    await office.take(event("ringing"))
    await office.sweep(at(200))
    await office.sweep(at(201))
    one = await office.only(tables.task)
    assert (one.cause, one.repeats) == ("not_picked_up", 0)
    await office.take(replace(event("ended", "c1", at(50)), received=at(300)))
    again = await office.only(tables.task)
    assert (again.id, again.repeats, again.owner) == (one.id, 0, one.owner)
    assert await happened(office) == ["opened"]
    told = [row.manager for row in await office.rows(tables.notice) if row.kind == "obligation"]
    assert told == ["anna"]


async def test_a_call_that_goes_on_after_all_keeps_its_obligation_until_it_is_over(
    office: Office,
) -> None:
    await office.take(event("ringing"))
    await office.sweep(at(200))
    await office.take(event("leg_ringing", "c1", at(210), target="103"))
    assert [row.state for row in await office.rows(tables.call)] == ["ringing"]
    assert [row.phone for row in await owed(office)] == [NUMBER]
    await office.take(event("ended", "c1", at(220)))
    assert len(await tasks(office)) == 1
    assert [row.phone for row in await owed(office)] == [NUMBER]


async def test_at_night_it_is_owed_in_the_morning_by_who_is_there_then(office: Office) -> None:
    people = tuple(replace(one, shift=WEEK) for one in SETUP.manager)
    line = replace(LINE, hours=WEEK, office="msk")
    await office.open(replace(SETUP, manager=people, line=(line,)))

    def write(conn: Connection) -> None:
        contacts.add(conn, Person("Иван", (NUMBER,), responsible="boris"), now=MONDAY_NOON)

    await office.database.write(write)
    night = 11 * 3600
    await miss(office, start=night)
    one = await office.only(tables.task)
    assert (one.owner, one.cause) == ("boris", "out_of_hours")
    assert one.due_at == at(18.5 * 3600 + 3600 * 3)  # 09:30 of the next day


async def test_nobody_is_on_shift_or_all_are_busy(office: Office) -> None:
    setup = with_ladder(Step(ring="least_loaded", team="sales"))
    asleep = tuple(replace(one, shift="Mo-Fr 20:00-21:00") for one in SETUP.manager)
    await office.open(replace(setup, manager=asleep))
    await miss(office)
    assert (await office.only(tables.task)).cause == "nobody_on_shift"
    await office.open(setup)
    for n in range(3):
        busy = event("ringing", f"b{n}", at(90), caller=f"8916000000{n}")
        await office.take(busy)
        on = {"target": f"10{n + 1}", "caller": f"8916000000{n}"}
        await office.take(event("answered", f"b{n}", at(95), **on))
    await miss(office, "c2", 120)
    one = await office.only(tables.task)
    assert (one.cause, one.owner, one.repeats) == ("all_busy", "vera", 1)


@pytest.mark.parametrize(
    "setup",
    [
        pytest.param(replace(SETUP, company=Company(duty="gone")), id="unknown"),
        pytest.param(
            replace(
                SETUP,
                manager=(*SETUP.manager[:2], replace(SETUP.manager[2], active=False)),
                team=(Team("sales", head="vera"),),
            ),
            id="dismissed",
        ),
    ],
)
async def test_it_is_never_nobodys_even_when_duty_has_left(office: Office, setup: Setup) -> None:
    line = replace(LINE, ladder="own")
    await office.open(replace(setup, ladder=with_ladder().ladder, line=(line,)))
    await miss(office)
    assert (await office.only(tables.task)).owner == "anna"


# Not owed


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"caller": "anonymous"}, id="withheld"),
        pytest.param({"caller": None}, id="without a word of who calls"),
        pytest.param({"caller": "102"}, id="from an inside phone"),
        pytest.param({"caller": "Ivan <sip:ivan@example.com>"}, id="a name"),
        pytest.param({"caller": "89160000001"}, id="from a manager's own phone"),
        pytest.param({"direction": "internal", "target": "102"}, id="between colleagues"),
    ],
)
async def test_nothing_is_owed_for_such_calls(office: Office, fields: dict[str, Any]) -> None:
    people = (replace(SETUP.manager[0], phones=("+79160000001",)), *SETUP.manager[1:])
    await office.open(replace(SETUP, manager=people))
    await miss(office, **fields)
    assert {row.state for row in await office.rows(tables.call)} <= {"missed", "unanswered"}
    assert await tasks(office) == []


async def test_nothing_is_owed_for_a_rejected_call(office: Office) -> None:
    why = Why("known", known=True, line=LINE_NUMBER, line_known=True, setup=1, at=MONDAY_NOON)
    told = Reject("c1", "blocked")
    already = Already(told, why, render(told))
    await office.take(entry(event("ringing"), already=already), event("ended", "c1", at(1)))
    assert (await office.only(tables.call)).state == "rejected"
    assert await tasks(office) == []


async def test_nothing_is_owed_for_a_call_out(office: Office) -> None:
    await try_to_call(office, "o1", 0)
    assert (await office.only(tables.call)).state == "unanswered"
    assert await tasks(office) == []


async def test_a_call_that_turns_out_to_go_out_is_not_owed_any_more(office: Office) -> None:
    await office.take(event("ended", "c1", at(20)))
    assert [row.phone for row in await owed(office)] == [NUMBER]
    dialing = out("dialing", "c1", 0, caller="101", called="+79160000009", target="101")
    await office.take(replace(dialing, received=at(60)))
    assert await owed(office) == []
    assert len(await tasks(office)) == 1


async def test_a_call_from_a_phone_that_was_a_managers_is_not_owed_for_later(
    office: Office,
) -> None:
    people = (replace(SETUP.manager[0], phones=(NUMBER,)), *SETUP.manager[1:])
    await office.open(replace(SETUP, manager=people))
    await miss(office)
    await office.open(SETUP)
    await miss(office, "c2", 100)
    assert [row.repeats for row in await owed(office)] == [0]


async def test_only_a_machine_answered_so_it_is_owed(office: Office) -> None:
    await office.take(event("ringing"))
    await office.take(event("answered", "c1", at(5), target="101", by="machine"))
    await office.take(event("ended", "c1", at(30)))
    one = await office.only(tables.task)
    assert (one.cause, json.loads(one.cause_data)["managers"]) == ("machine", ["anna"])


async def test_told_from_memory_is_a_fault_of_ours_even_when_it_is_learned_late(
    office: Office,
) -> None:
    await office.take(event("ended", "c1", at(45)))
    assert (await office.only(tables.task)).cause == "fallback"
    await office.open(SETUP)
    told = Connect("c1", (), LastResort("+74950000000"))
    why = Why("known", known=False, line=LINE_NUMBER, line_known=True, setup=1, at=at(0))
    already = Already(told, replace(why, told_by="snapshot"), render(told))
    await office.take(entry(event("ringing"), already=already), now=at(300))
    assert [(row.cause, row.repeats) for row in await tasks(office)] == [("fallback", 0)]


# Repeated, settled


async def test_repeats_fold_into_one_that_keeps_its_owner_and_term(office: Office) -> None:
    await miss(office)
    first = await office.only(tables.task)
    await office.take(event("ringing", "c2", at(100)))
    await office.take(event("ended", "c2", at(107)))
    again = await office.only(tables.task)
    assert (again.id, again.owner, again.due_at) == (first.id, first.owner, first.due_at)
    assert (again.repeats, again.last_at, again.cause) == (1, at(100), "hung_up")
    calls = {row.ref: row.id for row in await office.rows(tables.call)}
    assert (again.call, again.created_at) == (calls["c2"], at(0))
    assert await happened(office) == ["opened", "repeated"]


async def test_a_talk_settles_it_and_the_next_missed_call_opens_another(office: Office) -> None:
    await miss(office)
    await talk(office, "c2", 100)
    one = await office.only(tables.task)
    calls = {row.ref: row.id for row in await office.rows(tables.call)}
    assert (one.open_for, one.done_at, one.closed_by) == (None, at(109), calls["c2"])
    assert one.result is None
    await miss(office, "c3", 200)
    assert [(row.call, row.repeats) for row in await owed(office)] == [
        (calls_of(await office.rows(tables.call))["c3"], 0)
    ]
    assert await happened(office) == ["closed", "opened", "opened"]


def calls_of(rows: Any) -> dict[str, str]:
    return {row.ref: row.id for row in rows}


async def test_somebody_calls_the_client_back(office: Office) -> None:
    await miss(office)
    await office.take(out("dialing", "o1", 100))
    await office.take(out("answered", "o1", 110))
    assert await owed(office) == []
    assert (await office.only(tables.task)).closed_by == calls_of(await office.rows(tables.call))[
        "o1"
    ]


async def test_a_talk_of_which_only_the_length_was_told_settles_it(office: Office) -> None:
    await miss(office)
    await office.take(event("ringing", "c2", at(100)))
    await office.take(event("ended", "c2", at(200), duration_s=60))
    call = calls_of(await office.rows(tables.call))["c2"]
    one = await office.only(tables.task)
    assert (one.done_at, one.closed_by) == (at(200), call)


async def test_a_call_back_that_a_machine_took_settles_nothing(office: Office) -> None:
    await miss(office)
    await office.take(out("dialing", "o1", 100))
    await office.take(out("answered", "o1", 110))
    assert await owed(office) == []
    machine = out("answered", "o1", 109, by="machine", key="machine")
    await office.take(replace(machine, received=at(115)))
    await office.take(out("ended", "o1", 120))
    (one,) = await owed(office)
    assert (one.call, one.tries) == (calls_of(await office.rows(tables.call))["c1"], 1)


async def test_the_last_resort_talked_to_him(office: Office) -> None:
    await miss(office)
    await office.take(event("ringing", "c2", at(100)))
    await office.take(event("answered", "c2", at(150), target="+74950000000"))
    assert await owed(office) == []


async def test_a_talk_before_the_latest_call_settles_nothing(office: Office) -> None:
    await miss(office)
    await miss(office, "c2", 200)
    for one in (
        event("ringing", "c3", at(100)),
        event("answered", "c3", at(110), target="101"),
        event("ended", "c3", at(130)),
    ):
        await office.take(replace(one, received=at(500)))
    (one,) = await owed(office)
    assert (one.call, one.repeats) == (calls_of(await office.rows(tables.call))["c2"], 0)


async def test_a_missed_call_that_is_learned_of_late_brings_its_earlier_term(
    office: Office,
) -> None:
    await miss(office, "c2", 600)
    await office.take(replace(event("ended", "c1", at(30)), received=at(900)))
    one = await office.only(tables.task)
    assert (one.repeats, one.created_at, one.last_at) == (1, at(30), at(600))
    assert one.due_at == at(30) + 15 * MINUTE


async def test_a_missed_call_that_is_learned_of_after_a_later_talk_is_not_owed(
    office: Office,
) -> None:
    await talk(office, "c2", 100)
    await office.take(replace(event("ended", "c1", at(30)), received=at(900)))
    assert await tasks(office) == []
    card = await office.only(tables.card)
    assert card.manager == "anna"
    assert card.manager_by == calls_of(await office.rows(tables.call))["c2"]


async def test_a_talk_in_a_call_whose_end_was_presumed_settles_it(office: Office) -> None:
    await office.take(event("ringing"))
    await office.sweep(at(200))
    assert len(await owed(office)) == 1
    await office.take(replace(event("answered", "c1", at(20), target="102"), received=at(230)))
    assert await owed(office) == []
    assert (await office.only(tables.card)).manager == "boris"


# Tried


async def test_tries_without_a_talk_are_counted_and_then_it_goes_to_the_head(
    office: Office,
) -> None:
    await office.open(replace(SETUP, missed=Missed(tries=2)))
    await miss(office)
    await try_to_call(office, "o1", 100)
    await office.take(replace(out("ended", "o1", 120), key="again", received=at(140)))
    one = await office.only(tables.task)
    assert (one.tries, one.owner, one.escalated_at) == (1, "anna", None)
    await try_to_call(office, "o2", 200)
    one = await office.only(tables.task)
    assert (one.tries, one.owner, one.escalated_at) == (2, "vera", at(220))
    await try_to_call(office, "o3", 300)
    one = await office.only(tables.task)
    assert (one.tries, one.owner, one.escalated_at) == (3, "vera", at(220))
    assert await happened(office) == ["escalated", "opened", "tried", "tried", "tried"]
    told = [row.manager for row in await office.rows(tables.notice) if row.kind == "obligation"]
    assert told == ["anna", "anna", "anna", "vera", "vera"]


async def test_a_try_before_the_missed_call_does_not_count(office: Office) -> None:
    await try_to_call(office, "o1", 0)
    await miss(office, "c1", 100)
    assert (await office.only(tables.task)).tries == 0


async def test_past_a_head_who_is_away_it_goes_to_duty(office: Office) -> None:
    monday = date(2026, 3, 2)
    setup = replace(
        SETUP,
        company=replace(SETUP.company, duty="boris"),
        missed=Missed(tries=1),
        absence=(Absence("vera", monday, monday),),
    )
    await office.open(setup)
    await miss(office)
    await try_to_call(office, "o1", 100)
    assert (await office.only(tables.task)).owner == "boris"


# People


async def close(office: Office, reason: str = "спам", *, after: float = 300) -> None:
    id_ = (await owed(office) or await tasks(office))[-1].id
    now = at(after)
    await office.database.write(close_obligation, id_, reason, by="vera", now=now)


async def test_a_person_closes_it_for_a_reason_and_it_stays_closed(office: Office) -> None:
    await office.take(event("ringing"))
    await office.sweep(at(200))
    await close(office, " спам ")
    one = await office.only(tables.task)
    assert (one.done_at, one.closed_by, one.result, one.open_for) == (
        at(300),
        "vera",
        "спам",
        None,
    )
    assert await happened(office) == ["closed", "opened"]
    await office.take(event("ended", "c1", at(400)))  # later than it was closed
    await office.sweep(at(900))
    assert await owed(office) == []
    await miss(office, "c2", 1000)
    assert [row.repeats for row in await owed(office)] == [0]


async def test_a_call_that_rang_while_the_last_one_was_closed_is_owed(office: Office) -> None:
    await miss(office)
    await office.take(event("ringing", "c2", at(290)))
    await close(office)
    await office.take(event("ended", "c2", at(310)))
    assert [row.repeats for row in await owed(office)] == [0]


async def test_it_is_closed_once_and_for_a_reason(office: Office) -> None:
    await miss(office)
    with pytest.raises(ValueError, match="must not be empty"):
        await close(office, " ")
    await close(office)
    with pytest.raises(ClosedAlready):
        await close(office)
    with pytest.raises(NotOwed):
        await office.database.write(close_obligation, "no", "x", by="vera", now=at(0))


def change_card(**changes: Any) -> Callable[[Connection, CardState], None]:
    def write(conn: Connection, card: CardState) -> None:
        given: dict[str, Any] = {"manager_by": "vera", "manager_at": at(10)} | changes
        cards.change(conn, [(card, replace(card, **given))], now=at(10))

    return write


@pytest.mark.parametrize("manager", ["boris", None])
async def test_a_card_that_a_person_gave_or_took_is_left_alone(
    office: Office, manager: str | None
) -> None:
    await office.take(event("ringing"))
    id_ = (await office.only(tables.card)).id
    card = (await office.database.read(cards.states, [id_]))[id_]
    await office.database.write(change_card(manager=manager), card)
    await office.take(event("ended", "c1", at(45)))
    found = await office.only(tables.card)
    assert (found.manager, found.manager_by) == (manager, "vera")
    assert (await office.only(tables.task)).owner == manager or "anna"


async def test_a_card_is_given_once(office: Office) -> None:
    await miss(office)

    def take_away(conn: Connection) -> None:
        conn.execute(update(tables.card).values(manager=None, manager_by=None))

    await office.database.write(take_away)
    await office.take(event("ended", "c1", at(45), key="again"))
    await office.sweep(at(900))
    await try_to_call(office, "o1", 1000)
    assert (await office.only(tables.task)).tries == 1
    assert (await office.only(tables.card)).manager is None


# Leads


async def lead(office: Office, number: str | None = NUMBER, *, after: float = 0) -> str:
    now = at(after)

    def write(conn: Connection) -> str:
        contact = contacts.add(conn, Person("Иван", (number,) if number else ()), now=now)
        made = cards.NewCard(f"card-{now:%H%M%S}", now.second + 1, contact, "sales", "new", "")
        cards.make(conn, [made], now=now)
        return owe_lead(
            conn,
            number=number,
            contact=contact,
            card=made.id,
            owner="boris",
            due_at=now + 5 * MINUTE,
            line=None,
            now=now,
        )

    return await office.database.write(write)


async def test_a_lead_is_owed_until_somebody_talks_to_the_number(office: Office) -> None:
    id_ = await lead(office)
    one = await office.only(tables.task)
    assert (one.id, one.owner, one.cause, one.due_at) == (id_, "boris", "lead", at(300))
    await miss(office, "c1", 60)
    one = await office.only(tables.task)
    assert (one.id, one.owner, one.due_at, one.repeats) == (id_, "boris", at(300), 1)
    assert one.cause == "not_picked_up"
    await talk(office, "c2", 200)
    assert await owed(office) == []


async def test_a_lead_joins_what_is_owed_to_the_number(office: Office) -> None:
    await miss(office)
    first = await office.only(tables.task)
    assert await lead(office, after=60) == first.id
    one = await office.only(tables.task)
    assert (one.cause, one.repeats, one.owner, one.last_at) == ("lead", 1, "anna", at(60))
    assert one.due_at == at(60) + 5 * MINUTE
    await miss(office, "c2", 100)
    assert (await office.only(tables.task)).repeats == 2
    await try_to_call(office, "o1", 200)
    one = await office.only(tables.task)
    assert (one.repeats, one.tries) == (2, 1)


async def test_a_lead_without_a_phone_is_owed_to_the_contact(office: Office) -> None:
    await lead(office, None)
    one = await office.only(tables.task)
    assert (one.phone, one.open_for) == (None, f"call_back:contact:{one.contact}")
    await close(office)
    assert await owed(office) == []


# Figures


async def test_how_many_clients_were_lost(office: Office) -> None:
    people = (replace(SETUP.manager[0], phones=("+79160000009",)), *SETUP.manager[1:])
    await office.open(replace(SETUP, manager=people))
    own = frozenset(["+79160000009"])
    for n, caller in enumerate(("89160000001", "89160000001", "89160000002", "89160000003")):
        await miss(office, f"m{n}", 100 * n, caller=caller)
    await miss(office, "own", 50, caller="89160000009")
    await miss(office, "dark", 60, caller="anonymous")
    await miss(office, "inside", 70, caller="102")
    await talk(office, "t1", 50, caller="89160000001")  # before the number's last missed call
    await talk(office, "t2", 5000, caller="89160000003")
    await office.take(out("dialing", "o1", 6000, called="+79160000002"))
    await office.take(out("ended", "o1", 6020, called="+79160000002"))
    await close(office, "больше не звонит", after=7000)

    async def lost(since: float, until: float) -> tuple[int, int, int, int]:
        found = await office.database.read(obligations.lost, at(since), at(until), own=own)
        return found.missed_numbers, found.called_back, found.lost, found.withheld

    assert await lost(0, 9000) == (3, 1, 2, 1)
    assert await lost(0, 100) == (1, 1, 0, 1)  # to 0001 somebody talked between
    assert await lost(9000, 9999) == (0, 0, 0, 0)


# Any order


def histories(chance: Random) -> list[CallEvent]:
    """What ten numbers and we do in a day: calls missed, answered, tried, called back."""
    found: list[CallEvent] = []
    for n in range(10):
        moment = chance.uniform(0, 600)
        for call in range(chance.randint(2, 6)):
            ref, number = f"c{n}-{call}", f"891600000{n:02}"
            kind = chance.choice(["missed", "missed", "missed", "answered", "tried", "back"])
            if kind in ("tried", "back"):
                both = {"called": number, "key": f"{ref}-"}
                story = [out("dialing", ref, moment, **both | {"key": f"{ref}-0"})]
                if kind == "back":
                    story.append(out("answered", ref, moment + 15, **both | {"key": f"{ref}-1"}))
                story.append(out("ended", ref, moment + 60, **both | {"key": f"{ref}-2"}))
            else:
                mine = {"caller": number}
                story = [event("ringing", ref, at(moment), key=f"{ref}-0", **mine)]
                if kind == "answered":
                    on = {"target": f"10{chance.randint(1, 3)}", **mine}
                    story.append(event("answered", ref, at(moment + 15), key=f"{ref}-1", **on))
                story.append(event("ended", ref, at(moment + 60), key=f"{ref}-2", **mine))
            found += story
            moment += chance.uniform(300, 3000)
    return sorted(found, key=lambda one: one.moment)


def told_badly(events: list[CallEvent], chance: Random) -> list[CallEvent]:
    """The same late, doubled and shuffled; of some calls the beginning or the end never comes."""
    lost = {
        ref: chance.choice(["-0", "-2", "", ""])
        for ref in sorted({one.call_ref or "" for one in events})
    }
    heard = []
    for one in events:
        if (ending := lost[one.call_ref or ""]) and one.key.endswith(ending):
            continue
        for _ in range(chance.choice([1, 1, 2])):
            late = timedelta(seconds=chance.choice([0, 5, chance.uniform(0, 40_000)]))
            heard.append(replace(one, received=one.received + late))
    return sorted(heard, key=lambda one: (one.received, chance.random()))


async def play(office: Office, heard: list[CallEvent], chance: Random) -> None:
    """Batch by batch with doubled sweeps; never more than one open obligation for a number."""
    left = list(heard)
    while left:
        size = chance.choice([1, 3, 20])
        batch, left = left[:size], left[size:]
        await office.take(*batch, now=batch[-1].received)
        if chance.random() < 0.2:
            await office.sweep(batch[-1].received)
            await office.sweep(batch[-1].received)
    end = heard[-1].received + timedelta(days=1)
    await office.sweep(end)
    await office.take(*heard[-20:], now=end)  # and once more


async def outcome(office: Office) -> dict[str, tuple[Any, ...]]:
    """What every number is still owed: for which call, how often it was missed, how often tried."""
    calls = {row.id: row.ref for row in await office.rows(tables.call)}
    found = {}
    for row in await owed(office):
        assert row.phone not in found
        found[row.phone] = (calls[row.call], row.repeats, row.tries)
    assert len(found) == len({row.open_for for row in await owed(office)})
    return found


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
async def test_order_lateness_repeats_and_sweeps_leave_the_same_owed(
    office: Office, tmp_path: Path, seed: int
) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'other.sqlite'}", checkpoints=True)
    await database.migrate()
    other = await Office(database).open()
    events = histories(Random(seed))
    await play(other, events, Random(seed))
    right = await outcome(other)
    await database.close()
    chance = Random(seed + 50)
    await play(office, told_badly(events, chance), chance)
    assert await outcome(office) == right
    assert 3 <= len(right) < 10
    closed = [row for row in await tasks(office) if not row.open_for]
    assert all(row.done_at and row.closed_by for row in closed)


async def test_the_page_of_the_owner_hears_of_it(office: Office) -> None:
    await miss(office)
    news = await office.database.read(notices.since, 0)
    assert [(one.kind, one.manager) for one in news if one.kind == "obligation"] == [
        ("obligation", "anna")
    ]
