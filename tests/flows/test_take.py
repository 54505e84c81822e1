"""What a batch of events does to the base, on both engines."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection

from callrouter.domain.decisions import Can, Connect, Message
from callrouter.domain.setup import Condition, Ladder, Manager, Pipeline, Rule, Status, Step
from callrouter.flows.work import Already
from storage import cards, contacts, tables
from storage.contacts import Person
from storage.database import Database
from tests.examples import MONDAY_NOON, SETUP, event, with_ladder
from tests.office import Office, entry, render


def at(seconds: float) -> datetime:
    return MONDAY_NOON + timedelta(seconds=seconds)


@pytest.fixture
async def office(database: Database) -> Office:
    return await Office(database).open()


async def test_a_stranger_gets_a_contact_a_card_and_the_least_loaded(office: Office) -> None:
    (taken,) = await office.take(event("ringing"))
    assert isinstance(taken.decision, Connect)
    assert [step.managers for step in taken.decision.steps] == [("anna",), ("boris",)]
    call, card = await office.only(tables.call), await office.only(tables.card)
    contact, phone = await office.only(tables.contact), await office.only(tables.contact_phone)
    assert (call.state, call.contact, call.card) == ("ringing", contact.id, card.id)
    assert (card.contact, card.number, card.pipeline, card.status, card.source_first) == (
        contact.id,
        1,
        "sales",
        "new",
        "site",
    )
    assert (phone.number, contact.made_for, contact.relation) == (
        "+79161234567",
        "+79161234567",
        "client",
    )
    assert taken.why is not None
    assert (taken.why.known, taken.why.new_card, taken.why.card) == (False, True, 1)
    times = taken.why.times
    assert 0 <= times.waited < times.facts < times.decided


async def test_two_hundred_first_calls_of_one_number_make_one_contact_and_one_card(
    office: Office,
) -> None:
    many = [event("ringing", f"c{n}") for n in range(200)]
    await office.take(*many[:100])
    await office.take(*many[100:])
    assert await office.count(tables.call) == 200
    assert await office.count(tables.contact) == 1
    assert await office.count(tables.card) == 1
    assert {row.card for row in await office.rows(tables.call)} == {
        (await office.only(tables.card)).id
    }


async def test_a_repeat_gets_the_first_answer_byte_for_byte_and_does_nothing(
    office: Office,
) -> None:
    (first,) = await office.take(event("ringing"))
    (second,) = await office.take(replace(event("ringing"), received=at(4)))
    both = await office.take(event("ringing", "c2"), event("ringing", "c2"))
    assert second.repeat
    assert second.answer == first.answer
    assert both[0].answer == both[1].answer
    assert [one.repeat for one in both] == [False, True]
    assert await office.count(tables.event) == 2
    assert await office.count(tables.decision) == 2


async def test_the_same_key_with_another_body_goes_to_quarantine(office: Office) -> None:
    (first,) = await office.take(event("ringing"))
    (second,) = await office.take(entry(event("ringing"), body=b"another"))
    assert second.answer == first.answer
    assert (await office.only(tables.quarantine)).field == "event_id"


@pytest.mark.parametrize(
    ("caller", "contacts_made"),
    [
        pytest.param("anonymous", 2, id="withheld callers never share anything"),
        pytest.param("", 2, id="nor do those who send nothing"),
        pytest.param("112", 0, id="a service number makes nothing"),
        pytest.param("101", 0, id="nor does a phone of ours"),
        pytest.param("89161234567", 1, id="a number makes one"),
    ],
)
async def test_who_gets_a_card(office: Office, caller: str, contacts_made: int) -> None:
    for call in ("c1", "c2"):
        await office.take(event("ringing", call, caller=caller))
    assert await office.count(tables.contact) == contacts_made
    assert await office.count(tables.card) == contacts_made
    assert await office.count(tables.call) == 2


async def test_a_withheld_callers_card_and_contact_are_claimed_by_nobody(office: Office) -> None:
    await office.take(event("ringing", caller="anonymous"))
    assert (await office.only(tables.contact)).made_for is None
    assert (await office.only(tables.card)).open_for is None


async def test_a_call_from_a_managers_own_phone_makes_no_card(database: Database) -> None:
    people = (replace(SETUP.manager[0], phones=("8 916 123-45-67",)), *SETUP.manager[1:])
    office = await Office(database).open(replace(SETUP, manager=people))
    await office.take(event("ringing"))
    assert await office.count(tables.card) == 0


@pytest.mark.parametrize("relation", ["supplier", "partner", "staff", "other"])
async def test_only_strangers_and_clients_get_cards(office: Office, relation: str) -> None:
    person = Person("Склад", ("+79161234567",), relation=relation)
    await office.database.write(contacts.add, person, now=MONDAY_NOON)
    (taken,) = await office.take(event("ringing"))
    assert await office.count(tables.card) == 0
    assert taken.why is not None
    assert taken.why.known


async def test_a_known_caller_with_only_closed_cards_gets_a_new_one(office: Office) -> None:
    await office.take(event("ringing"))
    card = await office.only(tables.card)

    def close(conn: Connection) -> None:
        conn.execute(
            tables.card.update()
            .where(tables.card.c.id == card.id)
            .values(closed_at=MONDAY_NOON, open_for=None, status="won")
        )

    await office.database.write(close)
    (taken,) = await office.take(event("ringing", "c2", at(900)))
    assert await office.count(tables.contact) == 1
    assert [row.number for row in await office.rows(tables.card)] == [1, 2]
    assert taken.why is not None
    assert (taken.why.known, taken.why.card, taken.why.new_card) == (True, 2, True)


async def test_a_line_of_another_pipeline_makes_its_own_card(database: Database) -> None:
    other = Pipeline("service", (Status("asked"), Status("done", closed=True)))
    second = replace(SETUP.line[0], number="+74951230002", pipeline="service")
    setup = replace(SETUP, pipeline=(*SETUP.pipeline, other), line=(*SETUP.line, second))
    office = await Office(database).open(setup)
    await office.take(event("ringing"))
    await office.take(event("ringing", "c2", called="8 (495) 123-00-02"))
    assert {(row.pipeline, row.status) for row in await office.rows(tables.card)} == {
        ("sales", "new"),
        ("service", "asked"),
    }


@pytest.mark.parametrize(
    ("card_at", "at_ring", "at_answer"),
    [("ring", 1, 1), ("answer", 0, 1), ("never", 0, 0)],
)
async def test_when_a_card_is_made(
    database: Database, card_at: str, at_ring: int, at_answer: int
) -> None:
    routing = replace(SETUP.routing, card_at=card_at)  # type: ignore[arg-type]
    office = await Office(database).open(replace(SETUP, routing=routing))
    await office.take(event("ringing"))
    assert await office.count(tables.card) == at_ring
    await office.take(event("answered", "c1", at(5), leg_ref="a1", target="101"))
    assert await office.count(tables.card) == at_answer


async def test_who_answers_first_becomes_responsible_and_is_rung_next_time(office: Office) -> None:
    await office.take(event("ringing"))
    await office.take(event("leg_failed", "c1", at(20), leg_ref="a1", target="101"))
    await office.take(event("answered", "c1", at(25), leg_ref="a2", target="102"))
    assert (await office.only(tables.card)).manager == "boris"
    await office.take(event("ended", "c1", at(90), duration_s=65))
    assert {
        row.team for row in (*await office.rows(tables.card), *await office.rows(tables.call))
    } == {"sales"}
    (interval,) = await office.rows(tables.responsibility)
    assert (interval.manager, interval.until) == ("boris", None)
    assert (await office.ring(event("ringing", "c2", at(100))))[0] == ("boris",)


async def test_first_and_last_source_are_kept(database: Database) -> None:
    second = replace(SETUP.line[0], number="+74951230002", source="adverts")
    office = await Office(database).open(replace(SETUP, line=(*SETUP.line, second)))
    await office.take(event("ringing"))
    await office.take(event("ringing", "c2", at(500), called="+74951230002"))
    contact = await office.only(tables.contact)
    assert (contact.source_first, contact.source_last) == ("site", "adverts")


async def test_a_talk_that_was_too_short_gives_the_card_back(office: Office) -> None:
    await office.take(event("ringing"))
    await office.take(event("answered", "c1", at(5), leg_ref="a1", target="101"))
    assert (await office.only(tables.card)).manager == "anna"
    await office.take(event("ended", "c1", at(9), duration_s=4))
    assert (await office.only(tables.card)).manager is None
    (interval,) = await office.rows(tables.responsibility)
    assert interval.until is not None


async def test_reception_answers_and_owns_nothing(database: Database) -> None:
    people = (replace(SETUP.manager[0], owns_cards=False), *SETUP.manager[1:])
    office = await Office(database).open(replace(SETUP, manager=people))
    await office.take(event("ringing"))
    await office.take(event("answered", "c1", at(5), leg_ref="a1", target="101"))
    assert (await office.only(tables.card)).manager is None


async def test_a_person_who_took_the_card_is_not_overruled_by_a_call(office: Office) -> None:
    await office.take(event("ringing"))
    card = await office.only(tables.card)

    def by_hand(conn: Connection) -> None:
        before = cards.states(conn, [card.id])[card.id]
        after = replace(before, manager="vera", manager_by="person:admin", manager_at=at(1))
        cards.change(conn, [(before, after)], now=at(1))

    await office.database.write(by_hand)
    await office.take(event("answered", "c1", at(5), leg_ref="a1", target="101"))
    await office.take(event("ended", "c1", at(90), duration_s=85))
    assert (await office.only(tables.card)).manager == "vera"


async def test_the_first_event_of_whatever_kind_makes_the_call(office: Office) -> None:
    await office.take(event("answered", "c1", at(5), target="103"))
    call, card = await office.only(tables.call), await office.only(tables.card)
    assert (call.state, call.manager, card.manager) == ("talking", "vera", "vera")


async def test_steps_one_and_next_climb_the_ladder_and_repeat_byte_for_byte(
    office: Office,
) -> None:
    one = Can(steps=1)
    (first,) = await office.take(event("ringing"), can=one)
    asked = event("next", "c1", at(12), attempt=1)
    (second,) = await office.take(asked, can=one)
    (again,) = await office.take(event("next", "c1", at(13), attempt=1, key="other id"), can=one)
    (third,) = await office.take(event("next", "c1", at(30), attempt=2), can=one)
    rung = [
        (taken.decision.steps[0].managers if taken.decision.steps else (), taken.decision.ask_again)
        for taken in (first, second, third)
        if isinstance(taken.decision, Connect)
    ]
    assert rung == [(("anna",), True), (("boris",), True), ((), False)]
    assert again.answer == second.answer
    legs = {leg.ref: leg for leg in await office.rows(tables.leg)}
    assert (legs["a1"].status, legs["a1"].reason) == ("failed", "no_answer")


async def test_a_next_without_attempt_goes_on_and_its_retry_does_not(office: Office) -> None:
    one = Can(steps=1)
    await office.take(event("ringing"), can=one)
    rung = []
    for seconds in (20, 21, 40):
        asked = event("next", "c1", at(seconds), key=f"n{seconds}")
        (taken,) = await office.take(asked, can=one)
        assert isinstance(taken.decision, Connect)
        rung.append(taken.decision.steps[0].managers if taken.decision.steps else ())
    assert rung == [("boris",), ("boris",), ()]


async def test_next_goes_on_with_the_setup_it_began_with(office: Office) -> None:
    one = Can(steps=1)
    await office.take(event("ringing"), can=one)
    speaking = with_ladder(Step(say="Все заняты"))
    await office.open(speaking)
    (taken,) = await office.take(event("next", "c1", at(21), attempt=1), can=one)
    assert isinstance(taken.decision, Connect)
    assert taken.decision.steps[0].managers == ("boris",)
    (other,) = await office.take(event("ringing", "c2", at(22)), can=Can(message=True))
    assert isinstance(other.decision, Message)


async def test_who_has_left_meanwhile_is_not_rung_by_a_next(office: Office) -> None:
    one = Can(steps=1)
    await office.take(event("ringing"), can=one)
    left = replace(SETUP, manager=tuple(replace(m, active=m.key != "boris") for m in SETUP.manager))
    await office.open(left)
    (taken,) = await office.take(event("next", "c1", at(21), attempt=1), can=one)
    assert isinstance(taken.decision, Connect)
    assert [step.managers for step in taken.decision.steps] == [("vera",)]
    assert taken.why
    passed = {each.manager: each.passed for each in taken.why.steps[0].candidates}
    assert passed["boris"] == "inactive"


async def test_a_ringing_after_the_plan_ran_out_is_a_re_entry_of_the_same_call(
    office: Office,
) -> None:
    derived = replace(event("ringing"), own_key=False, at=None)
    (first,) = await office.take(derived)
    (soon,) = await office.take(replace(derived, received=at(10)))
    (later,) = await office.take(replace(derived, received=at(60)))
    (repeat,) = await office.take(replace(derived, received=at(62)))
    assert soon.answer == first.answer
    assert later.answer != first.answer
    assert repeat.answer == later.answer
    assert await office.count(tables.call) == 1
    assert [(row.run, row.key[-3:]) for row in await office.rows(tables.decision)][1] == (1, "~r1")
    refs = [leg.ref for leg in await office.rows(tables.leg)]
    assert len(refs) == len(set(refs))


async def test_a_ringing_whose_call_is_over_is_answered_and_reserves_nobody(
    office: Office,
) -> None:
    await office.take(event("answered", "c1", at(5), target="103"))
    await office.take(event("ended", "c1", at(30), duration_s=25))
    (late,) = await office.take(event("ringing", "c1", at(31)))
    assert isinstance(late.decision, Connect)
    assert await office.held(at(32)) == {}
    assert (await office.only(tables.call)).state == "answered"


async def test_a_call_id_met_a_day_after_its_end_is_a_new_call(office: Office) -> None:
    derived = replace(event("ringing"), own_key=False)
    await office.take(derived)
    await office.take(replace(event("ended", "c1", at(30)), own_key=False))
    day = timedelta(hours=24, seconds=31)
    again = replace(derived, at=MONDAY_NOON + day, received=MONDAY_NOON + day)
    (taken,) = await office.take(again)
    assert not taken.repeat
    assert sorted((row.ref, row.generation) for row in await office.rows(tables.call)) == [
        ("c1", 0),
        ("c1", 1),
    ]


async def test_a_reset_frees_everybody_of_its_account(office: Office) -> None:
    await office.take(event("ringing"))
    await office.take(event("answered", "c1", at(5), leg_ref="a1", target="101"))
    assert await office.held(at(6)) == {"anna": ["talk"]}
    reset = replace(event("reset", "", at(60)), call_ref=None, own_key=False)
    await office.take(reset)
    assert await office.held(at(61)) == {}
    assert (await office.only(tables.call)).presumed
    await office.take(event("ringing", "c2", at(70)))
    await office.take(event("answered", "c2", at(75), leg_ref="a1", target="101"))
    second = replace(reset, at=None, received=at(300))
    third = replace(reset, at=None, received=at(900))
    await office.take(second)
    assert await office.held(at(301)) == {}
    assert not (await office.take(third))[0].repeat


async def test_a_newer_talk_on_the_same_phone_ends_the_older_one(office: Office) -> None:
    await office.take(event("ringing"))
    await office.take(event("answered", "c1", at(5), leg_ref="a1", target="101"))
    await office.take(event("answered", "c2", at(300), target="101", caller="89161111111"))
    assert await office.held(at(301)) == {"anna": ["talk"]}
    await office.take(event("ended", "c2", at(400)))
    assert await office.held(at(401)) == {}


async def test_the_sweep_ends_by_their_known_ends_what_nobody_ended(office: Office) -> None:
    await office.take(event("ringing"))
    await office.take(event("ringing", "c2", at(1), caller="89160000001"))
    await office.take(event("answered", "c2", at(5), leg_ref="a1"))
    await office.sweep(at(200))
    assert await office.open_calls() == ["c2"]
    await office.sweep(at(3700))
    assert await office.open_calls() == []
    assert {row.state for row in await office.rows(tables.call)} == {"missed", "answered"}
    ended = [r for r in await office.rows(tables.business_event) if r.kind == "call_ended"]
    assert len(ended) == 2


async def test_eight_managers_and_three_steps_ring_eight_callers(database: Database) -> None:
    people = tuple(Manager(f"m{n}", f"М {n}", f"10{n}", team="sales") for n in range(8))
    step = Step(ring="least_loaded", seconds=20)
    setup = with_ladder(step, step, step, setup=replace(SETUP, manager=people))
    office = await Office(database).open(setup)
    first = [
        (await office.ring(event("ringing", f"c{n}", at(n), caller=f"8916000000{n}")))[0][0]
        for n in range(8)
    ]
    assert len(set(first)) == 8


async def test_two_callers_ring_the_same_five_on_an_all_line(database: Database) -> None:
    people = tuple(Manager(f"m{n}", f"М {n}", f"10{n}", team="sales") for n in range(5))
    setup = with_ladder(Step(ring="all", seconds=30), setup=replace(SETUP, manager=people))
    office = await Office(database).open(setup)
    for n in range(2):
        (rung,) = await office.ring(event("ringing", f"c{n}", at(5 * n), caller=f"8916000000{n}"))
        assert len(rung) == 5


async def test_a_rule_can_count_the_calls_missed_today(database: Database) -> None:
    again = Rule("again", Condition(field="missed_today", op="above", value=1), "head")
    head = Ladder("head", (Step(ring="manager", managers=("vera",)),))
    office = await Office(database).open(replace(SETUP, rule=(again,), ladder=(head,)))
    for n in range(2):
        assert (await office.ring(event("ringing", f"c{n}", at(200 * n))))[0] != ("vera",)
        await office.take(event("ended", f"c{n}", at(200 * n + 9), reason="caller_hung_up"))
    assert await office.ring(event("ringing", "c9", at(900))) == [("vera",)]


async def test_a_rule_on_the_callers_country_holds_for_the_whole_ladder(database: Database) -> None:
    abroad = Rule("abroad", Condition(field="caller.country", op="is", value="DE"), "head")
    steps = tuple(Step(ring="manager", managers=(key,)) for key in ("vera", "boris"))
    office = await Office(database).open(
        replace(SETUP, rule=(abroad,), ladder=(Ladder("head", steps),))
    )
    german, one = "+4915112345678", Can(steps=1)
    await office.take(event("ringing", caller=german), can=one)
    (taken,) = await office.take(event("next", "c1", at(21), caller=german, attempt=1), can=one)
    assert isinstance(taken.decision, Connect)
    assert [step.managers for step in taken.decision.steps] == [("boris",)]


async def test_load_is_made_of_cards_with_a_talk_and_of_todays_strangers(office: Office) -> None:
    for n in range(3):
        caller = f"8916000000{n}"
        await office.take(event("ringing", f"c{n}", at(n * 600), caller=caller))
        await office.take(event("answered", f"c{n}", at(n * 600 + 5), target="101", caller=caller))
        await office.take(event("ended", f"c{n}", at(n * 600 + 99), duration_s=94, caller=caller))

    def in_work(conn: Connection) -> None:
        rows = [(s, replace(s, status="in_work")) for s in _states(conn)]
        cards.count_load(conn, rows, now=at(2000))
        conn.execute(tables.card.update().values(status="in_work"))

    await office.database.write(in_work)
    (taken,) = await office.take(event("ringing", "c9", at(3000), caller="89169999999"))
    assert taken.why is not None
    least = next(step for step in taken.why.steps if step.ring == "least_loaded")
    anna = next(one for one in least.candidates if one.manager == "anna")
    assert (anna.cards, anna.in_work, anna.strangers, anna.load) == (3, 3.0, 3, 0.3)


async def test_a_card_talked_on_again_moves_between_the_counters_of_load(office: Office) -> None:
    day = timedelta(days=1)
    for n in range(3):
        moment = MONDAY_NOON + n * day
        await office.take(event("ringing", f"c{n}", moment))
        await office.take(event("answered", f"c{n}", moment + timedelta(seconds=9), target="101"))
        await office.take(event("ended", f"c{n}", moment + timedelta(seconds=99), duration_s=90))
    counted = dict(await office.database.read(cards.counted))
    assert counted == dict(await office.database.read(cards.recount))
    assert list(counted.values()) == [1]
    closed = [row for row in await office.rows(tables.load) if row.until]
    assert len(closed) == 2, "each change of a counter is an interval that can be looked up"


def _states(conn: Connection) -> list[cards.CardState]:
    ids = [row.id for row in conn.execute(tables.card.select())]
    return list(cards.states(conn, ids).values())


async def test_events_of_a_batch_that_free_somebody_come_before_calls_that_ring(
    database: Database,
) -> None:
    anna = replace(SETUP, manager=SETUP.manager[:1], company=replace(SETUP.company, duty="anna"))
    office = await Office(database).open(anna)
    await office.take(event("ringing"))
    await office.take(event("answered", "c1", at(5), leg_ref="a1", target="101"))
    ringing = event("ringing", "c2", at(60), caller="89160000002")
    taken = await office.take(ringing, event("ended", "c1", at(60), duration_s=55))
    assert isinstance(taken[0].decision, Connect)
    assert [step.managers for step in taken[0].decision.steps] == [("anna",)]


async def test_what_was_told_meanwhile_replaces_what_a_late_commit_left(office: Office) -> None:
    await office.take(event("ringing", "another"))
    ringing = event("ringing", caller="89160000007")
    (meant,) = await office.take(ringing)
    assert isinstance(meant.decision, Connect)
    swapped = replace(meant.decision, steps=meant.decision.steps[1:])
    told = Already(swapped, meant.why, render(swapped))
    for _ in range(2):
        (taken,) = await office.take(entry(ringing, already=told, call_id=meant.call))
        assert taken.answer == told.answer
    (again,) = await office.take(ringing)
    assert again.answer == told.answer
    call = next(row for row in await office.rows(tables.call) if row.ref == "c1")
    legs = [leg.manager for leg in await office.rows(tables.leg) if leg.call == call.id]
    assert legs == [swapped.steps[0].managers[0], None]
    assert await office.count(tables.contact) == 2
