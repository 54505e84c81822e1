"""A base that does not answer: every call gets its plan in time, and the base ends up with it."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import pytest

from tests.chaos.conftest import MakeHouse
from tests.chaos.judge import check, look
from tests.chaos.locks import locked, locked_for_readers
from tests.chaos.setups import ONE_STEP, company
from tests.chaos.traffic import Manners, Traffic, numbers
from tests.hooks import Event, Pbx, pbx_of, percentile
from tests.pauses import Pauses
from tests.postgres import Postgres
from tests.running import LINE, House

IN_TIME_S = 0.8
BUSY = Manners(
    retried=0.05, doubled=0.03, withheld=0.02, ring=(0.1, 0.5), talk=(0.2, 2.0), heard_of=0.4
)


async def stall_under_load(
    house: House,
    pbx: Pbx,
    silence: AbstractContextManager[None],
    *,
    calls_per_s: float,
    silent_s: float,
    before_s: float = 1.0,
) -> Pauses:
    """Take the base away in the middle of the day, and give it back; gives how the machine was."""
    async with house.serving() as server:
        traffic = Traffic(pbx, calls_per_s, numbers(300), BUSY)
        running = asyncio.create_task(traffic.run())
        try:
            with Pauses(house.data_dir) as pauses:
                await asyncio.sleep(before_s)
                with silence:
                    await asyncio.sleep(silent_s)
                await asyncio.sleep(1.0)
                traffic.stop()
                await running
        finally:
            running.cancel()
        await server.settled()
        figures = await server.metrics()
        assert figures["callrouter_fallbacks"] > silent_s * calls_per_s
        # The spool has 150 ms; where the machine itself stalls for longer, what is told is told.
        assert figures["callrouter_unrecorded"] == 0 or pauses.stalled, pauses.longest
    return pauses


def check_in_time(pbx: Pbx, pauses: Pauses | None = None) -> None:
    """Every request was answered in time, and whoever asked got a decision."""
    unanswered = [sent for sent in pbx.history if not sent.acknowledged]
    if pauses and pauses.stalled:  # what asked for nothing may have been put off: "try again"
        assert len(unanswered) < 0.02 * len(pbx.history), unanswered[:3]
        assert not any(sent.event["event"] == "ringing" for sent in unanswered)
    else:
        assert not unanswered, unanswered[:3]
    took = [sent.took_s for sent in pbx.history]
    print(f"{len(took)} answers, p50 {percentile(took, 0.5):.3f}, max {max(took):.3f} s")
    crowded = os.getloadavg()[0] > 2 * (os.cpu_count() or 1)  # then the slowest says nothing
    if pauses and pauses.stalled:
        assert percentile(took, 0.95) <= IN_TIME_S + pauses.longest
    else:
        assert percentile(took, 0.99 if crowded else 1.0) <= IN_TIME_S
    for sent in pbx.history:
        if sent.event["event"] == "ringing":
            assert sent.told["decision"] == "connect"
            assert sent.told["then"]["dial"]


@pytest.mark.parametrize(
    "silent_s",
    [
        pytest.param(2, id="for 2 s"),
        pytest.param(10, id="for 10 s", marks=pytest.mark.slow),
    ],
)
async def test_a_base_locked_by_another_process(
    make_house: MakeHouse, seed: int, silent_s: float
) -> None:
    house = await make_house(company(30))
    async with pbx_of(house, seed=seed) as pbx:
        silence = locked(house.base)
        pauses = await stall_under_load(house, pbx, silence, calls_per_s=50, silent_s=silent_s)
    check_in_time(pbx, pauses)
    check(pbx, await look(house.base_url))


@pytest.mark.slow
async def test_a_frozen_postgresql(
    make_house: MakeHouse, empty_postgres_url: str, postgres: Postgres, seed: int
) -> None:
    house = await make_house(company(30), url=empty_postgres_url)
    async with pbx_of(house, seed=seed) as pbx:
        silence = postgres.frozen()
        pauses = await stall_under_load(house, pbx, silence, calls_per_s=30, silent_s=5)
    check_in_time(pbx, pauses)
    check(pbx, await look(house.base_url))


@dataclass
class Desks:
    """Who of the managers is on the phone, as the PBX knows it; and whom strangers were given."""

    pbx: Pbx
    managers: int
    busy: set[str] = field(default_factory=set)
    leaving: set[str] = field(default_factory=set)  # we said so and were not answered yet
    offers: Counter[str] = field(default_factory=Counter)
    owners: dict[str, str] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    async def call(self, ref: str, caller: str, talk_s: float) -> None:
        """One call, answered by the first phone it is given."""
        everybody = {f"m{n:02}" for n in range(1, self.managers + 1)}
        busy, free = set(self.busy), everybody - self.busy - self.leaving
        sent = await self.pbx.post(
            {"event": "ringing", "event_id": ref, "call_id": ref, "caller": caller, "called": LINE}
        )
        phone = sent.phone
        if phone is None:
            self.wrong.append(f"{ref}: nobody was rung, {len(free)} were free")
            return
        manager = phone["manager"]
        if manager in busy:
            self.wrong.append(f"{ref}: {manager} is on the phone")
        self._judge(ref, caller, manager, free)
        self.busy.add(manager)
        named = {"call_id": ref, "leg_id": phone["leg"], "target": phone["dial"]}
        await asyncio.sleep(0.3)
        await self.pbx.post({"event": "answered", "event_id": f"{ref}-a", **named})
        self.owners.setdefault(caller, manager)
        await asyncio.sleep(talk_s)
        self.busy.discard(manager)
        self.leaving.add(manager)
        await self.pbx.post(
            {"event": "ended", "event_id": f"{ref}-e", "duration_s": talk_s, **named}
        )
        self.leaving.discard(manager)

    def _judge(self, ref: str, caller: str, manager: str, free: set[str]) -> None:
        if owner := self.owners.get(caller):
            if owner in free and manager != owner:
                self.wrong.append(f"{ref}: went to {manager}, his {owner} is free")
            return
        least = min(self.offers[one] for one in free)
        if self.offers[manager] > least:
            self.wrong.append(f"{ref}: {manager} has had {self.offers[manager]}, others {least}")
        self.offers[manager] += 1


@pytest.mark.slow
async def test_calls_are_spread_as_well_as_ever(make_house: MakeHouse) -> None:
    """A known caller whose manager is free reaches him; no free manager is passed by twice."""
    managers = 40
    house = await make_house(company(managers, ladder=ONE_STEP))
    known = numbers(6)
    async with pbx_of(house) as pbx, house.serving(), asyncio.TaskGroup() as group:
        desks = Desks(pbx, managers)
        for n, caller in enumerate(known):
            await desks.call(f"before{n}", caller, talk_s=0.1)
        with locked(house.base):
            for n in range(20):
                caller = known[n // 2 % len(known)] if n % 2 else f"+7926{n:07}"
                group.create_task(desks.call(f"in{n}", caller, talk_s=1.2))
                await asyncio.sleep(0.5)
        for n in range(4):
            group.create_task(desks.call(f"after{n}", f"+7927{n:07}", talk_s=1.2))
            await asyncio.sleep(0.5)
    assert not desks.wrong, desks.wrong
    check_in_time(pbx)


# Started into silence


async def test_a_server_that_starts_without_its_base_goes_on_from_its_snapshot(
    make_house: MakeHouse,
) -> None:
    """An earlier run has left the file; nobody can read the base."""
    house = await make_house(company(3, ladder=ONE_STEP))
    async with pbx_of(house) as pbx:
        async with house.serving():
            await pbx.post(call("c1", "+79160000001"))
            await pbx.post({"event": "answered", "call_id": "c1", "leg_id": "a1"})
            await pbx.post({"event": "ended", "call_id": "c1", "duration_s": 30})
        with locked_for_readers(house.base):
            server = await house.open().ready()
            assert (await server.health())["base"] == "silent"
            again = await pbx.post(call("c2", "+79160000001"))
            other = await pbx.post(call("c3", "+79160000002"))
            assert [sent.status for sent in (again, other)] == [200, 200]
            assert again.phone
            assert other.phone
            assert (again.phone["manager"], other.phone["manager"]) == ("m01", "m03")
        await server.settled()
        assert (await pbx.post(call("c2", "+79160000001"))).answer == again.answer
        last = await pbx.post(call("c4", "+79160000003"))
        assert last.phone
        assert last.phone["manager"] == "m02"  # who is only promised to the second step of c2
        assert await server.stop() == 0
    check(pbx, await look(house.base_url))


async def test_a_postgresql_that_is_not_there_at_the_start(
    make_house: MakeHouse, empty_postgres_url: str, postgres: Postgres
) -> None:
    house = await make_house(company(3, ladder=ONE_STEP), url=empty_postgres_url)
    async with pbx_of(house) as pbx:
        async with house.serving():
            await pbx.post(call("c1", "+79160000001"))
        postgres.stop()
        try:
            server = await house.open().ready()
            told = await pbx.post(call("c2", "+79160000002"))
        finally:
            postgres.start()
        assert told.phone
        assert told.phone["manager"] == "m02"
        await server.settled()
        assert (await pbx.post(call("c3", "+79160000003"))).phone
        assert await server.stop() == 0
    check(pbx, await look(house.base_url))


async def test_without_base_and_snapshot_the_pbx_does_what_it_does_by_itself(
    make_house: MakeHouse,
) -> None:
    house = await make_house(company(3))
    async with pbx_of(house) as pbx:
        with locked_for_readers(house.base):
            server = await house.open().ready(blind=True)
            health = await server.health()
            assert (health["status"], health["base"]) == ("blind", "silent")
            told = await pbx.post(call("c1", "+79160000001"))
            assert (told.status, told.told) == (200, {"decision": "none"})
            assert (await pbx.post({"event": "ended", "call_id": "c1"})).status in (200, 503)
        await server.ready()
        assert (await pbx.post(call("c1", "+79160000001"))).phone
        await server.settled()
        assert await server.stop() == 0


def call(ref: str, caller: str) -> Event:
    return {
        "event": "ringing",
        "event_id": f"{ref}-ringing",
        "call_id": ref,
        "caller": caller,
        "called": LINE,
    }
