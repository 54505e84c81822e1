"""Calls that come at their own pace, whatever became of those before: an open loop, seeded."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tests.hooks import Event, Pbx, Sent
from tests.running import LINE


@dataclass
class Manners:
    """What a PBX does besides sending each event once. Shares of all events; times in seconds."""

    retried: float = 0.0
    doubled: float = 0.0
    nameless: float = 0.0  # without an `event_id`
    withheld: float = 0.0
    ring: tuple[float, float] = (0.05, 0.3)
    talk: tuple[float, float] = (0.1, 0.8)
    answered: float = 0.7
    heard_of: float = 1.0  # calls of which more is told than that they ring


@dataclass
class Traffic:
    """Whole calls: ringing, answered by the first phone of the plan, ended."""

    pbx: Pbx
    calls_per_s: float
    callers: list[str]
    manners: Manners = field(default_factory=Manners)
    name: str = "c"
    calls: int = 0
    _stop: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, seconds: float | None = None) -> None:
        """Let calls come for so long, or until stopped; then let those that came end."""
        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            while not self._stop.is_set():
                due = began + self.calls / self.calls_per_s
                if seconds is not None and due - began >= seconds:
                    break
                await _until(due)
                self.calls += 1
                group.create_task(self.call(f"{self.name}{self.calls}"))

    def stop(self) -> None:
        self._stop.set()

    @property
    def _chance(self) -> random.Random:
        return self.pbx.chance

    async def call(self, ref: str) -> Sent:
        """One call from its beginning to its end."""
        caller = self._chance.choice(self.callers)
        if self._chance.random() < self.manners.withheld:
            caller = "anonymous"
        ringing = await self.send("ringing", ref, caller=caller, called=LINE)
        if self._chance.random() >= self.manners.heard_of:
            return ringing
        await asyncio.sleep(self._chance.uniform(*self.manners.ring))
        phone = ringing.phone
        if phone and self._chance.random() < self.manners.answered:
            named = {"leg_id": phone["leg"], "target": phone["dial"]}
            await self.send("answered", ref, **named)
            await asyncio.sleep(self._chance.uniform(*self.manners.talk))
            await self.send("ended", ref, reason="completed", duration_s=1, **named)
        else:
            await self.send("ended", ref, reason="caller_hung_up", duration_s=0)
        return ringing

    async def send(self, kind: str, ref: str, **said: object) -> Sent:
        """An event, perhaps twice at once, perhaps again later; gives the first answer of all."""
        event: Event = {"event": kind, "call_id": ref, **said}
        if self._chance.random() < self.manners.nameless:
            event["at"] = datetime.now(UTC).isoformat()
        else:
            event["event_id"] = f"{ref}-{kind}"
        sent = [self.pbx.post(event)]
        if self._chance.random() < self.manners.doubled:
            sent.append(self.pbx.post(event))
        answers = await asyncio.gather(*sent)
        if self._chance.random() < self.manners.retried:
            await asyncio.sleep(self._chance.uniform(0.05, 0.6))
            answers.append(await self.pbx.post(event))
        return next((one for one in answers if one.acknowledged), answers[0])


async def _until(moment: float) -> None:
    if (left := moment - time.monotonic()) > 0:
        await asyncio.sleep(left)


def numbers(count: int, *, first: int = 0) -> list[str]:
    return [f"+7916{first + n:07}" for n in range(count)]
