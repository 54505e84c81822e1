"""Two ways to drive a FakePbx: in real time over HTTP, and in virtual time without sleeping."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import aiohttp

from callrouter.fakepbx.manners import GIVES_UP_S
from callrouter.fakepbx.play import FakePbx
from callrouter.fakepbx.truth import Truth
from callrouter.fakepbx.values import Answer, Hook

LOOKS_EVERY_S = 0.1
TICK = timedelta(seconds=5)
_SLEPT = timedelta(seconds=30)

Send = Callable[[Hook, datetime], Answer | None]
AsyncSend = Callable[[Hook, datetime], Awaitable[Answer | None]]
Tick = Callable[[datetime], None]
AsyncTick = Callable[[datetime], Awaitable[None]]


async def play_http(
    pbx: FakePbx,
    base_url: str,
    secrets: Mapping[str, str],
    *,
    stop: asyncio.Event,
    session: aiohttp.ClientSession,
) -> None:
    """Play in real time until told to stop; `secrets` are by account.

    Whatever goes wrong on the way counts as no answer, and the play goes on.
    """
    pbx.open(datetime.now(UTC))
    async with asyncio.TaskGroup() as deliveries:
        while not stop.is_set():
            now = datetime.now(UTC)
            pbx.catch_up(now, slack=_SLEPT)
            for hook in pbx.play_until(now):
                url = f"{base_url.rstrip('/')}/webhooks/pbx/{hook.account}"
                deliveries.create_task(_deliver(pbx, hook, url, secrets[hook.account], session))
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), LOOKS_EVERY_S)


async def _deliver(
    pbx: FakePbx, hook: Hook, url: str, secret: str, session: aiohttp.ClientSession
) -> None:
    answer: Answer | None = None
    try:
        async with session.post(
            url,
            json=hook.payload,
            headers={"Authorization": f"Bearer {secret}"},
            timeout=aiohttp.ClientTimeout(total=GIVES_UP_S),
        ) as response:
            answer = _object(await response.read()) if response.status == 200 else None
    except (aiohttp.ClientError, OSError, TimeoutError):
        pbx.truth.counts["undelivered"] += 1
    pbx.take(hook, answer, datetime.now(UTC))


def _object(body: bytes) -> Answer | None:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return answer if isinstance(answer, dict) else None


def play_virtual(
    pbx: FakePbx,
    send: Send,
    *,
    start: datetime,
    hours: float,
    tick: Tick | None = None,
    quiet: timedelta = timedelta(0),
) -> Truth:
    """Play some hours at once; `tick` comes every 5 virtual seconds, after what was due.

    `quiet`: afterwards the clock runs on by as much with no new calls, for late events and limits.
    """
    for moment in _moments(pbx, start, hours, quiet):
        for hook in pbx.play_until(moment):
            pbx.take(hook, send(hook, hook.at), hook.at)
        if tick:
            tick(moment)
    return pbx.truth


async def play_virtual_async(
    pbx: FakePbx,
    send: AsyncSend,
    *,
    start: datetime,
    hours: float,
    tick: AsyncTick | None = None,
    quiet: timedelta = timedelta(0),
) -> Truth:
    """As `play_virtual`, for a service that is awaited."""
    for moment in _moments(pbx, start, hours, quiet):
        for hook in pbx.play_until(moment):
            pbx.take(hook, await send(hook, hook.at), hook.at)
        if tick:
            await tick(moment)
    return pbx.truth


def _moments(pbx: FakePbx, start: datetime, hours: float, quiet: timedelta) -> Iterator[datetime]:
    pbx.open(start)
    closing = start + timedelta(hours=hours)
    moment = start
    while moment < closing + quiet:
        moment += TICK
        if moment > closing:
            pbx.close()
        yield moment
