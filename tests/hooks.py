"""A PBX that sends hooks over real sockets and remembers the whole history, as Jepsen does.

An answer that did not come is unknown, not a failure.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.running import SECRET, House

PATIENCE_S = 2.0
"""How long a PBX waits before it fails open."""

Event = dict[str, Any]


@dataclass(slots=True)
class Sent:
    """One request and what became of it. `status` None: unknown."""

    event: Event
    body: bytes
    at: float
    took_s: float = 0.0
    status: int | None = None
    answer: bytes = b""

    @property
    def acknowledged(self) -> bool:
        return self.status == 200

    @property
    def told(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.answer)
        return found

    @property
    def phone(self) -> dict[str, str] | None:
        """The first phone it is told to ring."""
        if not self.acknowledged or self.told.get("decision") != "connect":
            return None
        steps = self.told["steps"]
        phone: dict[str, str] | None = steps[0]["targets"][0] if steps else None
        return phone


@dataclass
class Pbx:
    """Sends hooks over real sockets and remembers the whole history. `urls`: nodes, in turn."""

    session: aiohttp.ClientSession
    urls: Sequence[str]
    account: str = "main"
    chance: random.Random = field(default_factory=lambda: random.Random(1))
    history: list[Sent] = field(default_factory=list)

    async def post(self, event: Event, *, node: int | None = None) -> Sent:
        """Send an event once."""
        url = self.chance.choice(self.urls) if node is None else self.urls[node]
        sent = Sent(event, json.dumps(event).encode(), time.monotonic())
        self.history.append(sent)
        try:
            async with self.session.post(
                f"{url}/webhooks/pbx/{self.account}",
                data=sent.body,
                headers={"Authorization": f"Bearer {SECRET}", "Content-Type": "application/json"},
                timeout=aiohttp.ClientTimeout(total=PATIENCE_S),
            ) as response:
                answer = await response.read()
                sent.status, sent.answer = response.status, answer
        except (aiohttp.ClientError, OSError, TimeoutError):
            pass
        sent.took_s = time.monotonic() - sent.at
        return sent

    @property
    def acknowledged(self) -> list[Sent]:
        return [sent for sent in self.history if sent.acknowledged]

    def slowest(self) -> float:
        return max(sent.took_s for sent in self.history)


@asynccontextmanager
async def pbx_of(
    *houses: House, seed: int = 1, account: str = "main", connections: int = 0
) -> AsyncIterator[Pbx]:
    """A PBX that knows these nodes."""
    connector = aiohttp.TCPConnector(limit=connections, force_close=False)
    async with aiohttp.ClientSession(connector=connector) as session:
        yield Pbx(session, [one.url for one in houses], account, random.Random(seed))


def percentile(values: Iterable[float], part: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]
