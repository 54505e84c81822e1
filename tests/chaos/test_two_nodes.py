"""Two servers on one PostgreSQL: they never give one manager to two calls, nor do they block.

That they would without the gate is shown by tests/flows/test_two_nodes.py.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field

import pytest

from tests.chaos.conftest import MakeHouse
from tests.chaos.judge import check, look
from tests.chaos.setups import company
from tests.chaos.traffic import numbers
from tests.hooks import Pbx, pbx_of
from tests.running import LINE, rows

MANAGERS = 10
PAIRS_PER_S = 8
NEW = 20
"""The first so many pairs come from new numbers. Then nobody needs a card, whose number is drawn
from a row that the base lets only one node have at a time: a gate of sorts."""

LADDER = """
  [[ladder.step]]
  ring = "least_loaded"
  seconds = 20
"""


@dataclass(frozen=True)
class Held:
    """A phone that a call's first step rings alone: from when we were told to when we say so."""

    ref: str
    manager: str
    since: float
    until: float


@dataclass
class Pairs:
    """Calls that come two at a time, one to each node; some of them from the same number."""

    pbx: Pbx
    held: list[Held] = field(default_factory=list)

    async def run(self, pairs: int) -> None:
        callers = numbers(2 * NEW)
        async with asyncio.TaskGroup() as group:
            for n in range(pairs):
                first = 2 * (n % NEW)
                ours = (callers[first], callers[first + (n % 3 > 0)])
                for node, caller in enumerate(ours):
                    group.create_task(self.call(f"c{n}-{node}", caller, node))
                await asyncio.sleep(1 / PAIRS_PER_S)

    async def call(self, ref: str, caller: str, node: int) -> None:
        """Its later events go to whichever node."""
        clock = asyncio.get_running_loop().time
        event = {"event": "ringing", "event_id": ref, "call_id": ref, "caller": caller}
        ringing = await self.pbx.post({**event, "called": LINE}, node=node)
        since, phone = clock(), ringing.phone
        await asyncio.sleep(self.pbx.chance.uniform(0.3, 0.8))
        named = {"call_id": ref}
        if phone:
            named |= {"leg_id": phone["leg"], "target": phone["dial"]}
            await self.pbx.post({"event": "answered", "event_id": f"{ref}-a", **named})
            await asyncio.sleep(self.pbx.chance.uniform(0.1, 0.5))
            self.held.append(Held(ref, phone["manager"], since, clock()))
        await self.pbx.post({"event": "ended", "event_id": f"{ref}-e", **named})


async def two_nodes(make_house: MakeHouse, url: str, seed: int, variant: str = "") -> Pairs:
    """Let calls come to two nodes until all are over."""
    one = await make_house(company(MANAGERS, ladder=LADDER), url=url, name="one", variant=variant)
    other = await make_house(url=url, name="other", variant=variant)
    async with (
        pbx_of(one, other, seed=seed) as pbx,
        one.serving() as first,
        other.serving() as second,
    ):
        pairs = Pairs(pbx)
        await pairs.run(60)
        await first.settled()
        await second.settled()
    return pairs


async def given_twice(pairs: Pairs, url: str) -> list[tuple[Held, Held]]:
    """Managers whom two calls held at a time. What a node told without the base does not count."""
    told = await rows(url, "SELECT c.ref, d.why FROM decision d JOIN call c ON c.id = d.call")
    alone = {ref for ref, why in told if json.loads(why).get("told_by") == "snapshot"}
    held = sorted((one for one in pairs.held if one.ref not in alone), key=lambda one: one.since)
    return [
        (one, other)
        for n, one in enumerate(held)
        for other in held[n + 1 :]
        if one.manager == other.manager and other.since < one.until
    ]


async def deadlocks(url: str) -> int:
    statement = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    ((count,),) = await rows(url, statement)
    return int(count)


@pytest.mark.slow
async def test_two_nodes_are_as_one(
    make_house: MakeHouse, empty_postgres_url: str, seed: int
) -> None:
    url = empty_postgres_url
    pairs = await two_nodes(make_house, url, seed)
    assert await given_twice(pairs, url) == []
    assert len(pairs.held) > 60
    assert await deadlocks(url) == 0
    assert await rows(url, "SELECT ref FROM call WHERE state IN ('talking', 'ringing')") == []
    assert await rows(url, "SELECT call FROM leg WHERE hold IS NOT NULL") == []
    check(pairs.pbx, await look(url))
