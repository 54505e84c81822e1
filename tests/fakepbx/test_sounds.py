"""A recording of the fake PBX is sound of the talk's length, once it is ready."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import aiohttp
import pytest

from callrouter.domain.audio import read_wav, type_of
from callrouter.fakepbx.sounds import LONGEST_S, READY_S, murmur, shelf
from callrouter.fakepbx.truth import CallTruth, Talk, Truth

NOON = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(("asked", "plays"), [(0.0, 0.5), (3.25, 3.25), (7200.0, LONGEST_S)])
def test_it_plays_as_long_as_the_talk_was(asked: float, plays: float) -> None:
    file = murmur("c1", asked)
    assert type_of(file) == "wav"
    found = read_wav(file[:1000], len(file))
    assert (found.seconds, found.missing) == (plays, 0)


def test_each_call_sounds_its_own_way_each_time() -> None:
    assert murmur("c1", 2) == murmur("c1", 2) != murmur("c2", 2)
    assert len(set(murmur("c1", 2)[44:])) > 100  # not silence


async def test_it_is_there_a_while_after_the_call_and_not_before() -> None:
    talk = Talk("101", "Анна", NOON, NOON + timedelta(seconds=4))
    call = CallTruth("main-1", "main", "+74951230001", "known", None, NOON, talks=[talk])
    truth, now = Truth({"main-1": call}), NOON

    async def status(name: str) -> int:
        async with session.get(f"http://{host}/{name}.wav") as response:
            await response.read()
            return response.status

    async with shelf(lambda: truth, lambda: now) as host, aiohttp.ClientSession() as session:
        assert await status("main-1") == 404
        call.ended = NOON
        assert await status("main-1") == 404
        now = NOON + timedelta(seconds=READY_S)
        assert await status("main-1") == 200
        assert await status("main-2") == 404
