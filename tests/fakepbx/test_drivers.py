from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from callrouter.fakepbx import (
    GOOD,
    ON_REQUEST,
    FakePbx,
    Habits,
    play_http,
    play_virtual,
    play_virtual_async,
)
from callrouter.fakepbx.values import Answer, Hook
from tests.fakepbx.desk import Desk
from tests.fakepbx.examples import DIALS, START, a_pbx

SECRETS = {"main": "s-main", "old": "s-old"}
HASTY = Habits(
    gap_s=(0.01, 0.05),
    picks_up=1,
    picks_up_s=(0.05, 0.1),
    talk_s=(0.1, 0.3),
    talk_mean_s=0.2,
    hangs_up=0,
)


class Service:
    """A real server that asks the stand-in; `moods` are what goes wrong first, one a request."""

    def __init__(self, *moods: str) -> None:
        self.desk = Desk(DIALS, plain=True)
        self.moods = list(moods)
        self.refused = 0

    async def take(self, request: web.Request) -> web.StreamResponse:
        account = request.match_info["account"]
        if request.headers.get("Authorization") != f"Bearer {SECRETS[account]}":
            self.refused += 1
            return web.Response(status=401)
        match self.moods.pop(0) if self.moods else "":
            case "500":
                return web.Response(status=500)
            case "garbage":
                return web.Response(text="<html>")
            case "array":
                return web.json_response([1])
            case "cut":
                assert request.transport
                request.transport.close()
                return web.Response()
            case "slow":
                await asyncio.sleep(3)
        now = datetime.now(UTC)
        payload = await request.json()
        asks = 1 if payload["event"] in {"ringing", "next"} else None
        return web.json_response(
            self.desk(Hook(account, payload, now, payload.get("call_id"), asks), now)
        )


@asynccontextmanager
async def serving(service: Service) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/webhooks/pbx/{account}", service.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    try:
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()


async def play_for(pbx: FakePbx, url: str, seconds: float) -> None:
    stop = asyncio.Event()
    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
        group.create_task(play_http(pbx, url, SECRETS, stop=stop, session=session))
        await asyncio.sleep(seconds)
        stop.set()


async def test_calls_are_played_over_http() -> None:
    service = Service()
    pbx = a_pbx(manners=GOOD, habits=HASTY)
    async with serving(service) as url:
        await play_for(pbx, url, 1.5)
    assert service.refused == 0
    talked = [call for call in pbx.truth.calls.values() if call.talks]
    assert len(talked) >= 3
    assert {call.routed_by for call in talked} == {"service"}
    assert {call.account for call in talked} == {"main", "old"}
    assert pbx.truth.bad_answers == []


async def test_a_call_asked_for_while_playing_comes_at_once() -> None:
    service = Service()
    pbx = a_pbx(habits=ON_REQUEST)
    stop = asyncio.Event()
    async with serving(service) as url, aiohttp.ClientSession() as session:
        playing = asyncio.create_task(play_http(pbx, url, SECRETS, stop=stop, session=session))
        await asyncio.sleep(0.05)
        call_id = pbx.call(kind="vip")
        await asyncio.sleep(0.4)
        stop.set()
        await playing
    assert service.desk.hooks[0].payload["call_id"] == call_id


@pytest.mark.parametrize("mood", ["500", "garbage", "array", "cut"])
async def test_a_broken_service_stops_neither_the_call_nor_the_play(mood: str) -> None:
    service = Service(*[mood] * 4)
    pbx = a_pbx(manners=GOOD, habits=HASTY)
    async with serving(service) as url:
        await play_for(pbx, url, 1)
    by = {call.routed_by for call in pbx.truth.calls.values() if call.talks}
    assert by == {"pbx", "service"}


async def test_it_waits_two_seconds_and_goes_on_by_itself() -> None:
    service = Service("slow")
    pbx = a_pbx(manners=GOOD, habits=replace(ON_REQUEST, picks_up=1))
    stop = asyncio.Event()
    async with serving(service) as url, aiohttp.ClientSession() as session:
        playing = asyncio.create_task(play_http(pbx, url, SECRETS, stop=stop, session=session))
        await asyncio.sleep(0.05)
        call = pbx.truth.calls[pbx.call(kind="known")]
        await asyncio.sleep(1.7)
        assert call.routed_by == ""
        await asyncio.sleep(0.6)
        assert call.routed_by == "pbx"
        stop.set()
        await playing


async def test_nobody_listens_and_the_play_goes_on() -> None:
    pbx = a_pbx(manners=GOOD, habits=HASTY)
    await play_for(pbx, "http://127.0.0.1:1", 0.6)
    assert pbx.truth.counts["undelivered"] > 3
    assert {call.routed_by for call in pbx.truth.calls.values()} <= {"pbx", ""}


def test_a_sleep_of_the_machine_is_not_played() -> None:
    pbx = a_pbx()
    pbx.open(START)
    for hook in pbx.play_until(START + timedelta(minutes=5)):
        pbx.take(hook, None, hook.at)
    before = pbx.truth.counts["calls"]
    woken = START + timedelta(hours=9)
    pbx.catch_up(woken, slack=timedelta(seconds=30))
    hooks = list(pbx.play_until(woken + timedelta(seconds=1)))
    assert pbx.truth.counts["calls"] - before <= 2
    assert len(hooks) < 10
    assert pbx.next_at is not None
    assert pbx.next_at > woken


async def test_the_awaited_play_is_the_same_play() -> None:
    plain, awaited = Desk(DIALS), Desk(DIALS)
    moments: dict[str, list[datetime]] = {"plain": [], "awaited": []}

    async def send(hook: Hook, at: datetime) -> Answer | None:
        await asyncio.sleep(0)
        return awaited(hook, at)

    async def tick(moment: datetime) -> None:
        moments["awaited"].append(moment)

    play_virtual(a_pbx(), plain, start=START, hours=1, tick=moments["plain"].append)
    await play_virtual_async(a_pbx(), send, start=START, hours=1, tick=tick)
    assert plain.hooks == awaited.hooks
    assert moments["plain"] == moments["awaited"]
    assert moments["plain"][:2] == [START + timedelta(seconds=5), START + timedelta(seconds=10)]
    assert len(moments["plain"]) == 720


def test_an_hour_takes_a_few_seconds_at_most() -> None:
    desk = Desk(DIALS)
    began: Any = datetime.now(UTC)
    play_virtual(a_pbx(), desk, start=START, hours=1)
    assert datetime.now(UTC) - began < timedelta(seconds=5)
    assert len(desk.hooks) > 1_000
