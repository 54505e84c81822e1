"""The past as it is rebuilt: the same decisions come out again, and on other rules, other ones."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, select

from callrouter.domain.decisions import Can, Connect
from callrouter.domain.past import Seen
from callrouter.domain.replayed import Compared, Replayed, Shift, Way
from callrouter.domain.routing import Arrival, Facts
from callrouter.domain.setup import (
    Block,
    Condition,
    Ladder,
    Manager,
    Pipeline,
    Rule,
    Setup,
    Status,
    Step,
)
from callrouter.domain.why import Why
from callrouter.flows import presence
from callrouter.flows.replay import replay
from callrouter.flows.work import Already
from callrouter.replaying_apart import Reading
from storage import past as kept
from storage import setups, tables
from storage.database import Database, open_database
from tests.days import MONDAY_MORNING, Days
from tests.examples import LAST_RESORT, LINE_NUMBER, MONDAY_NOON, SETUP, event, with_ladder
from tests.office import Office, entry, render

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
FAR = MONDAY_MORNING + timedelta(days=100)


async def replayed(
    database: Database,
    rules: Setup | None = None,
    *,
    since: datetime = MONDAY_MORNING - DAY,
    until: datetime = FAR,
) -> Replayed:
    """As the command does it: in a thread, each read by itself."""
    read = Reading(database, asyncio.get_running_loop())
    return await asyncio.to_thread(replay, read, since=since, until=until, rules=rules)


async def compared(database: Database, rules: Setup) -> Compared:
    found = await replayed(database, rules)
    assert found.compared
    return found.compared


def play(conn: Connection, calls: int, twins: int = 1) -> int:
    return Days(conn, twins=twins).play(calls)


def at(seconds: float) -> datetime:
    return MONDAY_NOON + timedelta(seconds=seconds)


# As it was


async def test_every_decision_comes_out_as_it_was_told(database: Database) -> None:
    calls = await database.write(play, 60)
    found = await replayed(database)
    assert found.calls > 0.9 * calls, "all that the PBX has not lost"
    assert (found.explained, found.unexplained) == (found.decisions, ())
    assert found.decisions > 1.5 * calls, "many were asked for again"


@pytest.mark.slow
async def test_hundreds_of_calls_come_out_as_they_were_told(database: Database) -> None:
    await database.write(play, 400)
    found = await replayed(database)
    assert found.calls > 360
    assert (found.explained, found.unexplained) == (found.decisions, ())
    assert await reasons_of(database) >= {
        *("talking", "ringing", "promised", "paused", "cooling", "no_answer", "already", "absent")
    }


async def reasons_of(database: Database) -> set[str]:
    """For what candidates were passed over."""

    def read(conn: Connection) -> set[str]:
        whys = "".join(conn.scalars(select(tables.decision.c.why)))
        return {part.partition('"')[0] for part in whys.split('"passed":"')[1:]}

    return await database.read(read)


MANY = int(os.environ.get("CALLS", "1500"))
"""To play 10 000 (`CALLS=10400 pytest -o timeout=3600`) takes minutes."""


@pytest.mark.slow
async def test_days_of_calls_come_out_as_they_were_told(sqlite_url: str) -> None:
    database = open_database(sqlite_url, checkpoints=True, guest=True)
    try:
        await database.write(play, MANY, twins=12)
        found = await replayed(database)
        assert found.calls >= 0.95 * MANY
        assert (found.explained, found.unexplained) == (found.decisions, ())
        later = await replayed(database, since=MONDAY_MORNING + HOUR / 4)
        assert 0 < later.calls < found.calls
        assert (later.explained, later.unexplained) == (later.decisions, ()), "begun in between"
    finally:
        await database.close()


FORGOTTEN: dict[str, tuple[str, Callable[..., list[Any]]]] = {
    "what was said of presence": ("said", lambda *_: []),
    "coolings": ("cooled", lambda *_: []),
    "the counters of load": ("loads_now", lambda *_: []),
    "restarts of the PBX": ("resets", lambda *_: []),
}


@pytest.mark.slow
async def test_without_something_that_is_kept_decisions_come_out_otherwise(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The red control of the tests above."""
    await sqlite_database.write(play, 250)
    whole = await replayed(sqlite_database)
    assert whole.explained == whole.decisions
    for what, (name, nothing) in FORGOTTEN.items():
        with monkeypatch.context() as patch:
            patch.setattr(kept, name, nothing)
            found = await replayed(sqlite_database)
            assert found.explained < found.decisions, what

    def forget_calls(conn: Connection) -> None:
        conn.execute(tables.batch.update().where(tables.batch.c.events == 0).values(calls="{}"))

    await sqlite_database.write(forget_calls)
    found = await replayed(sqlite_database)
    assert found.explained < found.decisions, "what sweeps wrote"


async def test_pages_of_any_size_give_the_same(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sqlite_database.write(play, 30)
    whole = await replayed(sqlite_database)
    monkeypatch.setattr(kept, "PAGE", 7)
    assert await replayed(sqlite_database) == whole
    assert whole.explained == whole.decisions


async def test_two_who_call_at_once_are_met_in_the_order_of_their_arrival(
    database: Database,
) -> None:
    """The second of a batch sees whom the first holds; of the same keys the other way round."""
    office = await Office(database).open(with_ladder(Step("least_loaded")))
    first, second = event("ringing", "z"), event("ringing", "a", caller="89161234568")
    await office.take(first, second)
    found = await replayed(database)
    assert (found.calls, found.explained) == (2, 2)


async def test_what_is_said_between_two_batches_of_one_moment_counts_from_the_second_on(
    database: Database,
) -> None:
    office = await Office(database).open(with_ladder(Step("in_order", managers=("anna", "boris"))))
    anna = SETUP.managers["anna"]
    await office.take(event("ringing", "c1"), now=at(0))
    await office.take(event("ended", "c1"), now=at(0))
    await database.write(presence.say, SETUP, anna, "pause", by="anna", now=at(0))
    assert await office.ring(event("ringing", "c2")) == [("boris",)]
    await database.write(
        presence.say, SETUP, anna, "pause", by="anna", now=at(0), until=at(0) + 9 * HOUR
    )
    await office.take(event("ended", "c2"), now=at(0))
    await database.write(presence.say, SETUP, anna, "available", by="anna", now=at(0))
    assert await office.ring(event("ringing", "c3")) == [("anna",)]
    found = await replayed(database)
    assert (found.decisions, found.explained) == (3, 3)


async def test_a_decision_told_without_the_base_is_counted_apart(database: Database) -> None:
    office = await Office(database).open()
    (first,) = await office.take(event("ringing", "c1"))
    assert isinstance(first.decision, Connect)
    assert first.why
    told = replace(first.decision, call="c2")
    already = Already(told, replace(first.why, told_by="snapshot"), render(told))
    await office.take(entry(event("ringing", "c2"), already=already), now=at(5))
    found = await replayed(database)
    assert (found.decisions, found.explained, found.without_base) == (1, 1, 1)


async def test_what_was_decided_before_facts_were_kept_is_counted_apart(
    database: Database,
) -> None:
    office = await Office(database).open()
    await office.take(event("ringing", "c1"))
    await office.take(event("ringing", "c2"), now=at(5))

    def forget(conn: Connection) -> None:
        conn.execute(tables.decision.update().values(facts="{}"))

    await database.write(forget)
    found = await replayed(database)
    assert (found.decisions, found.unrecorded) == (0, 2)


async def test_nothing_is_found_where_nobody_called(database: Database) -> None:
    await Office(database).open()
    found = await replayed(database, SETUP)
    assert (found.calls, found.decisions, found.compared and found.compared.calls) == (0, 0, 0)


def test_all_that_a_decision_looks_at_is_kept_or_rebuilt() -> None:
    """A new field of `Arrival` or `Facts` must be kept, or be one that can be found again."""
    names = {one.name for one in fields(Seen)}
    found_again = {"call", "account", "line", "attempt", "diverted_by"}
    assert {one.name for one in fields(Arrival)} - found_again < names
    renamed = {"caller": "of_caller", "since": "place"}
    found_again = {"setup", "managers", "waiting", "card_url"}
    assert {renamed.get(one.name, one.name) for one in fields(Facts)} - found_again < names


def test_how_long_a_decision_took_is_said_last_in_a_why() -> None:
    """So that two whys can be compared as texts without it."""
    assert fields(Why)[-1].name == "times"


# On other rules

TO_VERA = (Ladder("own", (Step("manager", managers=("vera",)),)),)


async def two_calls(database: Database, *, can: Can | None = None) -> Office:
    """One rings anna, then one rings boris."""
    ladder = with_ladder(Step("in_order", managers=("anna", "boris"), count=2))
    office = await Office(database).open(ladder)
    how: dict[str, Any] = {"can": can} if can else {}
    await office.take(event("ringing", "c1"), now=at(0), **how)
    await office.take(event("ringing", "c2", at(1), caller="89161234568"), **how)
    return office


async def test_who_gains_and_who_loses(database: Database) -> None:
    await two_calls(database)
    rules = replace(with_ladder(), ladder=TO_VERA)
    found = await compared(database, rules)
    assert (found.calls, found.elsewhere) == (2, 2)
    (line,) = found.lines
    assert (line.line, line.calls, line.elsewhere) == (LINE_NUMBER, 2, 2)
    shifts = {one.manager: (one.first, one.gained, one.lost) for one in found.managers}
    assert shifts == {
        "anna": (Shift(1, 0), 0, 1),
        "boris": (Shift(1, 0), 0, 1),
        "vera": (Shift(0, 2), 2, 0),
    }
    example = found.examples[0]
    assert example.before == Way("rings", (("anna",), ("boris",)), LAST_RESORT)
    assert example.after == Way("rings", (("vera",),), LAST_RESORT)


async def test_the_same_rules_change_nothing(database: Database) -> None:
    office = await two_calls(database)
    found = await compared(database, office.desk.setups.current)
    assert (found.calls, found.elsewhere, found.otherwise, found.examples) == (2, 0, 0, ())


async def test_other_seconds_are_no_other_way(database: Database) -> None:
    await two_calls(database)
    step = Step("in_order", managers=("anna", "boris"), count=2, seconds=21)
    found = await compared(database, with_ladder(step))
    assert (found.elsewhere, found.otherwise) == (0, 2)


async def test_calls_that_would_end_at_once_are_counted_by_how(database: Database) -> None:
    await two_calls(database)
    say = with_ladder(Step(say="Завтра"))
    assert (await compared(database, say)).lines[0].messages == Shift(0, 2)
    nobody = with_ladder(Step("manager", managers=("anna",), skill="en"))
    assert (await compared(database, nobody)).lines[0].last_resort == Shift(0, 2)
    blocked = replace(SETUP, block=(Block("+79161234567"),))
    assert (await compared(database, blocked)).lines[0].rejects == Shift(0, 1)


async def test_a_manager_whom_only_the_new_rules_have_is_free(database: Database) -> None:
    await two_calls(database)
    gleb = Manager("gleb", "Глеб Лебедев", "109")
    setup = with_ladder(Step("manager", managers=("gleb",)))
    found = await compared(database, replace(setup, manager=(*setup.manager, gleb)))
    assert found.new_managers == ("gleb",)
    assert [one.first for one in found.managers if one.manager == "gleb"] == [Shift(0, 2)]


async def test_load_is_weighed_as_the_new_rules_weigh(database: Database) -> None:
    """Anna has talked on a card; a status without weight leaves her as free as Boris."""
    office = await Office(database).open(with_ladder(Step("least_loaded")))
    await office.take(event("ringing", "c1"), now=at(0))
    await office.take(event("answered", "c1", at(5), leg_ref="a1"))
    await office.take(event("ended", "c1", at(60), duration_s=55))
    first = await office.ring(event("ringing", "c2", at(120), caller="89161234568"))
    assert first == [("boris",)]
    flat = Pipeline("sales", (Status("new", weight=0), Status("in_work", weight=0)))
    rules = replace(with_ladder(Step("in_order")), pipeline=(flat,))
    found = await compared(database, rules)
    assert [(one.before.rings, one.after.rings) for one in found.examples] == [
        ((("boris",),), (("anna",),))
    ]


ONE_STEP = Can(steps=1)


async def test_where_the_pbx_asks_again_the_call_is_followed_until_its_ways_part(
    database: Database,
) -> None:
    """Old: anna, boris. New: somebody without the skill, anna, vera: they part at the second."""
    office = await Office(database).open(
        with_ladder(Step("in_order", managers=("anna", "boris"), count=2))
    )
    await office.take(event("ringing", "c1"), can=ONE_STEP)
    again = event("next", "c1", at(20), attempt=1)
    assert await office.ring(again, can=ONE_STEP) == [("boris",)]
    await office.take(event("next", "c1", at(40), attempt=2), can=ONE_STEP)
    rules = with_ladder(
        Step("manager", managers=("vera",), skill="en"),
        Step("in_order", managers=("anna", "vera"), count=2),
    )
    found = await compared(database, rules)
    assert (found.calls, found.elsewhere) == (1, 1)
    (example,) = found.examples
    assert (example.at, example.before.rings, example.after.rings) == (
        at(20),
        (("boris",),),
        (("vera",),),
    )
    assert {one.manager: (one.first, one.rung) for one in found.managers} == {
        "anna": (Shift(1, 1), Shift(1, 1)),
        "boris": (Shift(), Shift(1, 0)),
        "vera": (Shift(), Shift(0, 1)),
    }


async def test_what_no_rule_asked_for_is_said_to_be_unknown(database: Database) -> None:
    await two_calls(database)
    tired = Condition(field="missed_today", op="above", value=1)
    rules = replace(with_ladder(Step("least_loaded")), rule=(Rule("tired", tired, "own"),))
    assert (await compared(database, rules)).unknown == ("missed_today",)


async def test_a_setup_of_then_is_the_one_that_was_in_force(database: Database) -> None:
    office = await two_calls(database)
    renamed = replace(with_ladder(), ladder=TO_VERA, version=0)
    await database.write(setups.publish, renamed, by="apply", now=at(50))
    taken = await office.ring(event("ringing", "c3", at(100), caller="89161234569"))
    assert taken == [("vera",)]
    found = await replayed(database)
    assert (found.decisions, found.explained) == (3, 3)
