"""kill -9 while letters are sent: none goes twice, and none is said to be sent that was not."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from tests.chaos.chance import by_chance
from tests.chaos.letters import Wild, sender
from tests.jobs.letters import message_id_of, name_of, put_letters
from tests.running import beside, rows
from tests.smtp import listening

PIECE = 500


async def fill(url: str, many: int) -> None:
    async with beside(url) as base:
        for first in range(0, many, PIECE):
            numbers = range(first, min(first + PIECE, many))
            await base.write(put_letters, numbers, now=datetime.now(UTC))


async def left(url: str) -> int:
    """How many letters somebody is still to work on."""
    statement = "SELECT count(*) FROM job WHERE state IN ('ready', 'leased')"
    return int((await rows(url, statement))[0][0])


@dataclass(frozen=True)
class Seen:
    """What the base says and what the server has, by letter."""

    states: dict[str, str]
    copies: Counter[str]
    refused: int

    @property
    def doubled(self) -> list[str]:
        return [name for name, many in self.copies.items() if many > 1]

    @property
    def falsely_sent(self) -> list[str]:
        return [
            name for name, state in self.states.items() if state == "sent" and not self.copies[name]
        ]

    @property
    def gone_unnoticed(self) -> list[str]:
        """The server has it, and the base says that it did not go."""
        doubted = ("sent", "in_doubt")
        return [name for name in self.copies if self.states[name] not in doubted]


async def look(url: str, sink: Wild, many: int) -> Seen:
    states = dict(await rows(url, "SELECT id, state FROM letter"))
    names = {message_id_of(n): name_of(n) for n in range(many)}
    copies = Counter(names[one.message_id] for one in sink.taken)
    return Seen(states, copies, sum(state == "failed" for state in states.values()))


async def send_all(
    url: str,
    sink: Wild,
    *,
    kills: int,
    at_once: int = 1,
    naive: bool = False,
    alive_s: Sequence[float] = (0.05, 0.7),
) -> None:
    """Let so many processes send, kill one at a time, and let the last ones come to the end."""
    with ExitStack() as stack:

        def start() -> ExitStack:
            own = stack.enter_context(ExitStack())
            own.enter_context(sender(url, sink.url(), naive=naive))
            return own

        running = [start() for _ in range(at_once)]
        for _ in range(kills):
            await asyncio.sleep(sink.chance.uniform(*alive_s))
            n = sink.chance.randrange(at_once)
            await asyncio.to_thread(running[n].close)
            running[n] = await asyncio.to_thread(start)
        async with asyncio.timeout(400):
            while await left(url):
                await asyncio.sleep(0.3)


def check(seen: Seen, many: int) -> None:
    assert seen.doubled == []
    assert seen.falsely_sent == []
    assert seen.gone_unnoticed == []
    counted = Counter(seen.states.values())
    print(dict(counted))
    assert set(counted) <= {"sent", "in_doubt", "failed"}
    assert sum(counted.values()) == many
    assert counted["sent"] > 0.8 * many


@pytest.mark.slow
@pytest.mark.timeout(600)  # a minute where nothing else runs; fsyncs and two cores decide
async def test_5000_letters_outlive_100_kills(sqlite_url: str, seed: int) -> None:
    await fill(sqlite_url, 5000)
    async with listening(Wild(chance=random.Random(seed))) as sink:
        assert isinstance(sink, Wild)
        await send_all(sqlite_url, sink, kills=100, alive_s=(0.05, 0.5))
        check(await look(sqlite_url, sink, 5000), 5000)


@pytest.mark.slow
async def test_on_postgresql_three_at_once_are_killed_in_turn(postgres_url: str, seed: int) -> None:
    await fill(postgres_url, 900)
    async with listening(Wild(chance=random.Random(seed))) as sink:
        assert isinstance(sink, Wild)
        await send_all(postgres_url, sink, kills=20, at_once=3, alive_s=(0.05, 0.5))
        check(await look(postgres_url, sink, 900), 900)


@by_chance
@pytest.mark.slow
async def test_to_mark_a_letter_only_after_it_went_sends_some_twice(
    sqlite_url: str, seed: int
) -> None:
    """The red control of the tests above."""
    await fill(sqlite_url, 1500)
    async with listening(Wild(chance=random.Random(seed))) as sink:
        assert isinstance(sink, Wild)
        await send_all(sqlite_url, sink, kills=30, naive=True, alive_s=(0.2, 0.5))
        assert (await look(sqlite_url, sink, 1500)).doubled
