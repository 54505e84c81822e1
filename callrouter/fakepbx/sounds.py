"""The recordings of a PBX without telephones: murmur of the right length, fetched over HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import io
import math
import wave
from collections.abc import AsyncIterator, Callable
from hashlib import sha256
from typing import TYPE_CHECKING, Final

import numpy as np
from aiohttp import web

from callrouter.fakepbx.serving import serving

if TYPE_CHECKING:
    from datetime import datetime

    from callrouter.fakepbx.truth import CallTruth, Truth

RATE: Final = 8000
LONGEST_S: Final = 120.0
READY_S: Final = 8.0
"""Before that a recording is not ready: it is still being written."""


def murmur(seed: str, seconds: float) -> bytes:
    """A WAV in which two voices without words take turns; the same seed sounds the same."""
    chance = np.random.default_rng(int.from_bytes(sha256(seed.encode()).digest()[:8], "big"))
    parts = []
    left, voice = min(max(seconds, 0.5), LONGEST_S), 0
    while left > 0:
        length = min(left, float(chance.uniform(0.8, 3.0)))
        time = np.arange(round(length * RATE)) / RATE
        pitch = (115.0, 205.0)[voice] * (1 + 0.06 * np.sin(2 * math.pi * 0.7 * time))
        phase = 2 * math.pi * np.cumsum(pitch) / RATE
        tone = sum(np.sin(n * phase) / n for n in (1, 2, 3, 5))
        syllables = 0.5 + 0.5 * np.sin(2 * math.pi * float(chance.uniform(3, 5)) * time)
        parts.append(tone * syllables * 5000)
        parts.append(np.zeros(round(RATE * float(chance.uniform(0.1, 0.4)))))
        left, voice = left - length, 1 - voice
    sound = np.concatenate(parts)[: round(min(max(seconds, 0.5), LONGEST_S) * RATE)]
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(sound.astype("<i2").tobytes())
    return file.getvalue()


@contextlib.asynccontextmanager
async def shelf(truth: Callable[[], Truth], clock: Callable[[], datetime]) -> AsyncIterator[str]:
    """Hand out the talks of a PBX on this machine; gives `host:port`."""

    async def give(request: web.Request) -> web.Response:
        call = truth().calls.get(request.match_info["name"])
        if call is None:
            raise web.HTTPNotFound
        until = call.ended
        if until is None or (clock() - until).total_seconds() < READY_S:
            raise web.HTTPNotFound
        body = await asyncio.to_thread(murmur, call.call_id, _seconds(call))
        return web.Response(body=body, content_type="audio/wav")

    app = web.Application()
    app.router.add_get("/{name}.wav", give)
    async with serving(app) as where:
        yield where


def _seconds(call: CallTruth) -> float:
    return sum(((talk.until or talk.since) - talk.since).total_seconds() for talk in call.talks)
