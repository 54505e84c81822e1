"""Two nodes on one PostgreSQL: what one transaction at a time is good for, and what breaks without."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from sqlalchemy import Connection, text

from callrouter.domain.events import CallEvent
from callrouter.domain.setup import Manager, Step
from storage import cards, tables
from storage.database import BaseSilent, open_database
from tests.examples import MONDAY_NOON, SETUP, event, with_ladder
from tests.office import Office

pytestmark = pytest.mark.slow

MANAGERS = 20
ROUNDS = 30
AT_ONCE = 4  # calls of each node in a round: both want the least loaded at the same moment

PEOPLE = tuple(Manager(f"m{n:02}", f"М {n}", str(100 + n), team="sales") for n in range(MANAGERS))
MANY = with_ladder(Step(ring="least_loaded", seconds=20), setup=replace(SETUP, manager=PEOPLE))


@pytest.fixture
async def nodes(postgres_url: str) -> AsyncIterator[tuple[Office, Office]]:
    async with _open(postgres_url, gate=True) as pair:
        yield pair


@asynccontextmanager
async def _open(url: str, *, gate: bool) -> AsyncIterator[tuple[Office, Office]]:
    databases = [open_database(url, guest=True, gate=gate) for _ in range(2)]
    first, second = (Office(database) for database in databases)
    await first.open(MANY)
    try:
        yield first, second
    finally:
        for database in databases:
            await database.close()


async def take(office: Office, *events: CallEvent) -> None:
    for _ in range(20):
        with suppress(BaseSilent):
            await office.take(*events)
            return
    await office.take(*events)


async def play(nodes: tuple[Office, Office]) -> None:
    """Rounds of calls at both nodes at once, answered at the other node, ended at their own.

    Who calls is new in the first round only: the drawing of card numbers would be a gate, too.
    """
    moment = MONDAY_NOON
    for n in range(ROUNDS):
        rung = [
            [
                event("ringing", f"c{n}-{node}-{k}", moment, caller=f"8916000{node}{k:03}")
                for k in range(AT_ONCE)
            ]
            for node in range(2)
        ]
        await asyncio.gather(*(take(nodes[i], *rung[i]) for i in range(2)))
        later = moment + timedelta(seconds=5)
        answers = [
            [
                event("answered", one.call_ref or "", later, leg_ref="a1", caller=one.caller)
                for one in rung[i]
            ]
            for i in range(2)
        ]
        await asyncio.gather(*(take(nodes[1 - i], *answers[i]) for i in range(2)))
        end = moment + timedelta(seconds=50)
        ends = [
            [
                event("ended", one.call_ref or "", end, duration_s=45, caller=one.caller)
                for one in rung[i]
            ]
            for i in range(2)
        ]
        await asyncio.gather(*(take(nodes[i], *ends[i]) for i in range(2)))
        moment += timedelta(seconds=60)


async def doubly_rung(office: Office) -> list[tuple[str, datetime]]:
    """Managers whom two first steps rang at once."""
    windows: dict[str, list[tuple[datetime, datetime, str]]] = defaultdict(list)
    for leg in await office.rows(tables.leg):
        if leg.planned and leg.step == 0 and leg.manager and leg.ring_from and leg.mode == "one":
            windows[leg.manager].append((leg.ring_from, leg.ring_until, leg.call))
    return [
        (manager, second[0])
        for manager, found in windows.items()
        for first, second in pairwise(sorted(found))
        if first[1] > second[0] and first[2] != second[2]
    ]


async def deadlocks(office: Office) -> int:
    def read(conn: Connection) -> int:
        found = conn.execute(
            text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        )
        return int(found.scalar_one())

    return await office.database.read(read)


async def test_no_first_step_rings_one_manager_twice_and_no_card_is_doubled(
    nodes: tuple[Office, Office],
) -> None:
    await play(nodes)
    office = nodes[0]
    assert await doubly_rung(office) == []
    assert await deadlocks(office) == 0
    assert await office.count(tables.call) == ROUNDS * AT_ONCE * 2
    made = [row.made_for for row in await office.rows(tables.contact)]
    claims = [row.open_for for row in await office.rows(tables.card)]
    assert len(made) == len(set(made)) == len(claims) == len(set(claims))
    assert {row.state for row in await office.rows(tables.call)} == {"answered"}
    assert await office.held(MONDAY_NOON + timedelta(minutes=ROUNDS + 5)) == {}
    assert dict(await office.database.read(cards.counted)) == dict(
        await office.database.read(cards.recount)
    )


async def test_without_the_gate_it_goes_wrong(postgres_url: str) -> None:
    """The red control: the test above can fail."""
    async with _open(postgres_url, gate=False) as pair:
        wrong = ""
        try:
            await play(pair)
        except Exception as error:  # noqa: BLE001  whatever two nodes do to each other
            wrong = type(error).__name__
        doubled = await doubly_rung(pair[0])
        counted = dict(await pair[0].database.read(cards.counted))
        recounted = dict(await pair[0].database.read(cards.recount))
        assert wrong or doubled or counted != recounted


async def test_two_hundred_first_calls_of_one_number_over_two_nodes_make_one_card(
    nodes: tuple[Office, Office],
) -> None:
    await asyncio.gather(*(take(nodes[n % 2], event("ringing", f"c{n}")) for n in range(200)))
    assert await nodes[0].count(tables.call) == 200
    assert await nodes[0].count(tables.contact) == 1
    assert await nodes[0].count(tables.card) == 1
