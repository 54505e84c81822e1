"""A thousand calls told in any order, late, twice, or only in part, end as they should."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest

from callrouter.domain.events import CallEvent
from callrouter.domain.setup import Manager, Setup
from storage import cards, tables
from storage.database import Database
from tests.examples import MONDAY_NOON, SETUP, event
from tests.office import Office

HISTORIES = 1000
AT_ONCE = 100
LONG_AFTER = timedelta(days=5)

PEOPLE = tuple(
    Manager(f"m{n}", f"М {n}", f"10{n}", team="sales", owns_cards=n != 7, wrap_up_s=10)
    for n in range(8)
)
MANY: Setup = replace(SETUP, manager=PEOPLE, company=replace(SETUP.company, duty="m0"))


def history(n: int, chance: Random, start: datetime) -> list[CallEvent]:
    """One call as a PBX with its own leg ids tells it, from ringing to its end."""
    call, number = f"c{n}", f"8916{n:07}"
    moment = start
    found: list[CallEvent] = []

    def tell(kind: Any, **fields: Any) -> None:
        nonlocal moment
        key = f"{call}-{len(found)}"
        found.append(event(kind, call, moment, caller=number, key=key, **fields))
        moment += timedelta(seconds=chance.randint(1, 15))

    tell("ringing")
    phones = chance.sample(range(8), 3)
    for leg, phone in enumerate(phones[: chance.randint(0, 2)]):
        on = {"leg_ref": f"p{leg}", "target": f"10{phone}"}
        tell("leg_ringing", **on)
        tell("leg_failed", **on, reason=chance.choice(["busy", "no_answer", "rejected", "odd"]))
    talked = 0.0
    if chance.random() < 0.7:
        on = {"leg_ref": "p9", "target": f"10{phones[2]}"}
        tell("leg_ringing", **on)
        answered = moment
        tell("answered", **on)
        moment += timedelta(seconds=chance.choice([3, 40, 200]))
        talked = (moment - answered).total_seconds()
        if chance.random() < 0.5:
            tell("leg_ended", **on, duration_s=talked)
    length = {"duration_s": talked} if chance.random() < 0.6 else {}
    tell("ended", reason="completed" if talked else "caller_hung_up", **length)
    if talked and chance.random() < 0.3:
        tell("recording", recording_id=f"r{n}")
    return found


def told_badly(events: Iterable[CallEvent], chance: Random, *, most_s: int) -> list[CallEvent]:
    """The same events late and some of them twice, in the order in which they come."""
    heard = []
    for one in events:
        for _ in range(2 if chance.random() < 0.2 else 1):
            late = timedelta(seconds=chance.choice([0, 1, 60, chance.randint(0, most_s)]))
            heard.append(replace(one, received=one.received + late))
    return sorted(heard, key=lambda one: (one.received, chance.random()))


async def play(office: Office, heard: list[CallEvent], *, sweeping: bool = True) -> None:
    for start in range(0, len(heard), AT_ONCE):
        batch = heard[start : start + AT_ONCE]
        await office.take(*batch)
        if sweeping and start % (10 * AT_ONCE) == 0:
            await office.sweep(batch[-1].received)


async def outcome(office: Office) -> dict[str, tuple[Any, ...]]:
    """How each call ended: whose it was, who talked, and who owns its card."""
    contacts = {row.id: row for row in await office.rows(tables.contact)}
    deals = {row.id: row for row in await office.rows(tables.card)}
    return {
        row.ref: (
            row.state,
            row.manager,
            row.started_at,
            row.answered_at,
            row.ended_at,
            row.duration_s,
            row.presumed,
            contacts[row.contact].made_for,
            deals[row.card].manager,
            deals[row.card].open_for == f"{row.contact}:sales",
            contacts[row.contact].talked_manager,
        )
        for row in await office.rows(tables.call)
    }


async def counters_are_right(office: Office) -> None:
    assert dict(await office.database.read(cards.counted)) == dict(
        await office.database.read(cards.recount)
    )


def histories(seed: int) -> list[list[CallEvent]]:
    chance = Random(seed)
    starts = sorted(chance.randint(0, 40_000) for _ in range(HISTORIES))
    return [
        history(n, chance, MONDAY_NOON + timedelta(seconds=start)) for n, start in enumerate(starts)
    ]


def in_order(stories: list[list[CallEvent]]) -> list[CallEvent]:
    return sorted((one for story in stories for one in story), key=lambda one: one.received)


@pytest.fixture
async def office(sqlite_database: Database) -> Office:
    return await Office(sqlite_database).open(MANY)


@pytest.fixture
async def other(templates: Any, tmp_path: Any) -> Any:
    import shutil

    from storage.database import open_database

    shutil.copy(templates.sqlite, tmp_path / "other.sqlite")
    database = open_database(f"sqlite:///{tmp_path / 'other.sqlite'}", checkpoints=True)
    yield await Office(database).open(MANY)
    await database.close()


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1])
async def test_order_lateness_and_repeats_do_not_matter(
    office: Office, other: Office, seed: int
) -> None:
    stories = histories(seed)
    await play(office, in_order(stories))
    chance = Random(seed + 100)
    await play(other, told_badly(in_order(stories), chance, most_s=76 * 3600))
    for one in (office, other):
        await one.sweep(MONDAY_NOON + LONG_AFTER)
        assert await one.open_calls() == []
        assert await one.held(MONDAY_NOON + LONG_AFTER) == {}
        await counters_are_right(one)
    right, late = await outcome(office), await outcome(other)
    assert len(right) == HISTORIES
    assert {ref: late[ref] for ref in right if late[ref] != right[ref]} == {}
    assert {ref: right[ref] for ref in right if late[ref] != right[ref]} == {}
    assert {row[0] for row in right.values()} == {"answered", "missed"}


@pytest.mark.slow
async def test_without_their_ringing_they_end_the_same(office: Office, other: Office) -> None:
    stories = histories(3)
    await play(office, in_order(stories))
    await play(other, in_order([story[1:] for story in stories]))
    for one in (office, other):
        await one.sweep(MONDAY_NOON + LONG_AFTER)
    right, found = await outcome(office), await outcome(other)
    without_start = [{ref: row[:2] + row[3:] for ref, row in o.items()} for o in (right, found)]
    assert without_start[0] == without_start[1]


def bare(events: Iterable[CallEvent]) -> list[CallEvent]:
    """As a PBX tells them that sends no ids and times: the key is derived from what is left."""
    return [
        replace(
            one,
            own_key=False,
            at=None,
            leg_ref=None,
            key=f"{one.call_ref}+{one.kind}++{one.target or ''}+{one.attempt or ''}+",
        )
        for one in events
    ]


@pytest.mark.slow
async def test_without_ids_and_times_nobody_stays_busy_and_no_call_open(office: Office) -> None:
    stories = histories(4)
    await play(office, bare(told_badly(in_order(stories), Random(4), most_s=180)))
    await office.sweep(MONDAY_NOON + LONG_AFTER)
    assert await office.open_calls() == []
    assert await office.held(MONDAY_NOON + LONG_AFTER) == {}
    made = [row.made_for for row in await office.rows(tables.contact)]
    claims = [row.open_for for row in await office.rows(tables.card)]
    assert len(made) == len(set(made)) == len(claims) == len(set(claims)) == HISTORIES
    await counters_are_right(office)


@pytest.mark.slow
async def test_with_any_events_but_the_first_dropped_all_comes_to_an_end(office: Office) -> None:
    chance = Random(5)
    stories = [
        [story[0], *(one for one in story[1:] if chance.random() < 0.5)] for story in histories(5)
    ]
    await play(office, in_order(stories), sweeping=False)
    end = max(one.received for story in stories for one in story)
    longest = timedelta(seconds=3600 + 200)
    assert await office.held(end + longest) == {}
    await office.sweep(end + longest)
    assert await office.open_calls() == []
    await counters_are_right(office)
