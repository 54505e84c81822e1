"""The intake in this process, on a base whose silence and slowness a test decides to the moment."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection

from callrouter.domain.events import CallEvent
from callrouter.flows.apply import apply
from callrouter.flows.work import Desk
from callrouter.intake.intake import Intake, Parts
from callrouter.seal import Seal
from storage.database import BaseSilent, Database, Priority
from storage.setups import SetupCache
from tests.bases import Passing
from tests.chaos.setups import company
from tests.hooks import Event
from tests.running import LINE
from webhooks.provider import Answer, RawHook

P = ParamSpec("P")
R = TypeVar("R")


@dataclass
class Moody(Passing):
    """A real base that answers when it likes. Of the intake's writes only; the rest goes through.

    `silent`: it refuses. `locked`: it refuses writes alone. `early_s`: the next write waits for its
    turn. `late_s`: the next one commits and says so only then. `writes`: so many more, then it is
    silent.
    """

    silent: bool = False
    locked: bool = False
    early_s: float = 0.0
    late_s: float = 0.0
    writes: int | None = None

    async def write_as(
        self,
        priority: Priority,
        do: Callable[Concatenate[Connection, P], R],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        if priority is not Priority.INTAKE:
            return await self.inner.write_as(priority, do, *args, **kwargs)
        if self.silent or self.locked:
            raise BaseSilent("it does not feel like it")
        if self.writes is not None:
            self.writes -= 1
            self.silent = self.writes == 0
        early, self.early_s = self.early_s, 0.0
        await asyncio.sleep(early)
        late, self.late_s = self.late_s, 0.0
        done = await self.inner.write_as(priority, do, *args, **kwargs)
        if late:
            await asyncio.sleep(late)
        return done

    async def read(
        self, do: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        if self.silent:
            raise BaseSilent("it does not feel like it")
        return await self.inner.read(do, *args, **kwargs)


@dataclass
class Inside:
    """An intake that runs, and a PBX that stands beside it."""

    base: Moody
    data_dir: Path
    seal: Seal = field(default_factory=lambda: Seal("the-key-of-these-tests"))
    intake: Intake = field(init=False)
    runs: bool = False

    def __post_init__(self) -> None:
        self.intake = self.make()

    def make(self) -> Intake:
        parts = Parts(
            database=self.base,
            desk=Desk(SetupCache()),
            seal=self.seal,
            data_dir=self.data_dir,
            environ={},
            clock=lambda: datetime.now(UTC),
        )
        return Intake(parts)

    async def restart(self) -> None:
        """A new intake on the same base and folder."""
        await self.stop()
        self.intake = self.make()
        await self.start()

    async def start(self) -> None:
        await self.intake.start()
        self.runs = True

    async def stop(self) -> None:
        if self.runs:
            await self.intake.stop()
        self.runs = False

    async def post(self, event: Event, **changes: Any) -> Answer:
        """Let an event in as the front door does; `changes` are to what was read of it."""
        hook = RawHook(
            account="main",
            method="POST",
            url="http://127.0.0.1/webhooks/pbx/main",
            query="",
            headers=(("content-type", "application/json"),),
            body=json.dumps(event).encode(),
            peer="127.0.0.1",
            arrived=datetime.now(UTC),
            arrived_s=time.monotonic(),
        )
        provider = self.intake.provider("pbx", "main")
        assert provider is not None
        events: list[CallEvent] = [replace(one, **changes) for one in provider.parse(hook)]
        return await self.intake.take(hook, provider, events)

    async def settled(self) -> None:
        """Until the base has everything."""
        async with asyncio.timeout(10):
            while self.intake.batches.busy:
                await asyncio.sleep(0.01)


@asynccontextmanager
async def inside(database: Database, data_dir: Path, setup: str = "") -> AsyncIterator[Inside]:
    found = Inside(Moody(database), data_dir)
    await database.write(apply, setup or company(), seal=found.seal, now=datetime.now(UTC))
    await found.start()
    try:
        yield found
    finally:
        await found.stop()


def ringing(ref: str, caller: str = "+79161234567", **said: object) -> Event:
    return {
        "event": "ringing",
        "event_id": f"{ref}-ringing",
        "call_id": ref,
        "caller": caller,
        "called": LINE,
        **said,
    }


def told(answer: Answer) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(answer.body)
    return found


def rung(answer: Answer) -> list[str]:
    """Whom it rings, in order."""
    return [target["manager"] for step in told(answer)["steps"] for target in step["targets"]]
