"""An hour of a PBX with bad manners, in virtual time, through the real provider into a real base."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from callrouter.domain.setup import Manager, Setup, Team
from callrouter.fakepbx import (
    GOOD,
    OFFICE_DAY,
    ON_REQUEST,
    Account,
    Callers,
    FakePbx,
    Habits,
    Person,
    Truth,
    first_minutes,
    play_virtual_async,
)
from callrouter.sample import BLOCKED, SERVICE, SHOP, SITE, sample_setup
from storage import cards, contacts, tables
from storage.database import Database
from tests.examples import MONDAY_NOON
from tests.flows.carrier import SECRET, Carrier
from tests.flows.judge import Records, complaints, unnoticed_loops
from tests.flows.test_histories import LONG_AFTER
from tests.office import Office

SETUP = sample_setup(lambda _account: SECRET)
KNOWN = tuple(f"+7916000{n:04}" for n in range(40))
BUSY = Habits(
    gap_s=(6, 15), forwards=0.3, transfers=0.15, dials_s=(30, 90), break_after_s=(200, 900)
)

TWELVE = tuple(
    Manager(
        f"m{n}",
        f"М {n}",
        (f"3{n:02}", f"+7943111{n:04}") if n % 4 == 0 else f"3{n:02}",
        team="sales" if n < 8 else "shop",
        office="msk",
        confirm=n == 4,
        wrap_up_s=15,
    )
    for n in range(12)
)
DEPARTMENT = replace(
    SETUP,
    company=replace(SETUP.company, duty="m0"),
    manager=TWELVE,
    team=(Team("sales", head="m0"), Team("shop", head="m8"), Team("service", head="m0")),
    ladder=(*SETUP.ladder[:2], *(one for one in SETUP.ladder[2:] if one.key == "night")),
    line=tuple(
        replace(one, ladder="sales" if one.number != SHOP else "shop") for one in SETUP.line
    ),
    rule=(),
)
CLIENTS = tuple(f"+7921{n:07}" for n in range(4000))


def a_pbx(seed: int, **changes: Any) -> FakePbx:
    good: dict[str, Any] = {
        "accounts": [
            Account("main", (SITE, SHOP), rings=("101",)),
            Account("bare", (SERVICE,), forgetful=True, rings=("105",)),
        ],
        "people": [Person(one.key, one.all_dials) for one in SETUP.active],
        "callers": Callers(known=KNOWN, blocked=(BLOCKED,)),
        "habits": BUSY,
    }
    return FakePbx(seed=seed, **(good | changes))


async def play(office: Office, pbx: FakePbx, setup: Setup, *, hours: float) -> Truth:
    """Play, then let the clock run on until whatever was not ended has ended by itself."""
    truth = await play_virtual_async(
        pbx,
        Carrier(office, setup).send,
        start=MONDAY_NOON,
        hours=hours,
        tick=office.sweep,
        quiet=timedelta(seconds=3600 + 300),
    )
    await office.sweep(end_of(hours))
    return truth


def end_of(hours: float) -> datetime:
    return MONDAY_NOON + timedelta(hours=hours + 1, minutes=10)


async def nothing_is_stuck_or_lost(office: Office, truth: Truth, *, hours: float) -> None:
    """Nor made of nothing: what the base has is what the PBX knows to be true."""
    end = end_of(hours)
    assert truth.bad_answers == []
    assert truth.contradictions == []
    assert truth.talking(end) == {}
    assert await office.held(end) == {}, "nobody is busy without a living leg"
    assert await office.open_calls() == [], "no call is open past its limit"
    assert complaints(truth, await Records.read(office), exact=["main"]) == []
    assert unnoticed_loops(truth) == []
    claims = [row.open_for for row in await office.rows(tables.card) if row.open_for]
    assert len(claims) == len(set(claims))
    states = [row.state for row in await office.rows(tables.call)]
    assert states.count("answered") > len(states) / 3
    assert dict(await office.database.read(cards.counted)) == dict(
        await office.database.read(cards.recount)
    )


@pytest.mark.slow
@pytest.mark.parametrize("seed", [7])
async def test_after_an_hour_of_bad_manners_nothing_is_stuck_or_lost(
    sqlite_database: Database, seed: int
) -> None:
    office = await Office(sqlite_database).open(SETUP)
    truth = await play(office, a_pbx(seed), SETUP, hours=1)
    calls = truth.calls.values()
    assert len(calls) > 250
    assert sum(bool(call.waits) for call in calls) > 30
    assert sum(bool(call.loop_of) for call in calls) > 1
    assert {one.kind for call in calls for one in call.passed_on} == {"blind", "attended"}
    counts = truth.counts
    for name in ("calls_out", "calls_back", "transfers", "breaks", "hang_ups", "pickups"):
        assert counts[name] > 2, name
    await nothing_is_stuck_or_lost(office, truth, hours=1)
    await office.sweep(MONDAY_NOON + LONG_AFTER)


@pytest.mark.slow
async def test_a_department_of_twelve_and_four_thousand_clients(
    sqlite_database: Database,
) -> None:
    office = await Office(sqlite_database).open(DEPARTMENT)

    def know(conn: Connection) -> None:
        for n, number in enumerate(CLIENTS):
            responsible = f"m{n % 12}" if n % 3 else None
            person = contacts.Person("", (number,), responsible=responsible)
            contacts.add(conn, person, now=MONDAY_NOON)

    await sqlite_database.write(know)
    pbx = a_pbx(
        21,
        people=[Person(one.key, one.all_dials) for one in TWELVE],
        callers=Callers(known=CLIENTS, blocked=(BLOCKED,)),
        habits=replace(OFFICE_DAY, gap_s=(15, 40), break_after_s=(300, 3000), break_s=(600, 1500)),
    )
    truth = await play(office, pbx, DEPARTMENT, hours=0.6)
    assert len(truth.calls) > 100
    await nothing_is_stuck_or_lost(office, truth, hours=0.6)


async def test_the_first_minutes_of_a_demo_show_each_kind_of_call(
    sqlite_database: Database,
) -> None:
    office = await Office(sqlite_database).open(SETUP)
    pbx = a_pbx(5, habits=ON_REQUEST, manners=GOOD, scenes=first_minutes(KNOWN, SITE))
    truth = await play_virtual_async(
        pbx, Carrier(office, SETUP).send, start=MONDAY_NOON, hours=1 / 12, tick=office.sweep
    )
    base = await Records.read(office)
    assert complaints(truth, base, exact=["main"]) == []
    calls = list(truth.calls.values())
    assert any(call.waits and call.talks for call in calls)
    assert [one.kind for call in calls for one in call.passed_on] == ["attended"]
    missed, back = (call for call in calls if call.caller == KNOWN[2])
    assert (missed.talks, missed.end, back.direction) == ([], "caller_hung_up", "out")
    [owed] = base.owed[KNOWN[2]]
    assert owed.done_at == back.talks[0].since.replace(microsecond=owed.done_at.microsecond)
    assert owed.call == base.calls[missed.call_id].id


@pytest.mark.slow
async def test_while_it_plays_a_busy_manager_has_a_living_leg_or_a_lost_end(
    sqlite_database: Database,
) -> None:
    """Looked at each minute: who we think talks does, or the PBX never told us that he stopped."""
    office = await Office(sqlite_database).open(SETUP)
    main = Account("main", (SITE, SHOP), rings=("101",))
    pbx = a_pbx(11, accounts=[main], habits=Habits())
    wrong: list[tuple[datetime, str]] = []
    looked = [0]
    dials = {one.key: one.all_dials for one in SETUP.manager}

    async def tick(now: datetime) -> None:
        await office.sweep(now)
        if now.second:
            return
        looked[0] += 1
        talking = pbx.truth.talking(now)
        untold = {ref for ref, call in pbx.truth.calls.items() if call.lost or call.late}
        by_ref = {row.id: row.ref for row in await office.rows(tables.call)}
        for leg in await office.rows(tables.leg):
            if leg.hold == "talk" and leg.hold_until > now and leg.manager:
                alive = any(dial in talking for dial in dials[leg.manager])
                if not alive and by_ref[leg.call] not in untold:
                    wrong.append((now, leg.manager))

    await play_virtual_async(
        pbx, Carrier(office, SETUP).send, start=MONDAY_NOON, hours=0.5, tick=tick
    )
    assert looked[0] == 30
    assert wrong == []
