"""A callrouter that says what it is told to say, over real HTTP and through the real provider."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from callrouter.domain.decisions import Decision
from callrouter.domain.events import CallEvent
from tests.webhooks.door import open_door
from tests.webhooks.examples import Memory
from webhooks.provider import Answer, Provider, RawHook, UnreadableHook


@dataclass
class Scripted(Memory):
    """Gives its decisions in order; the last one again and again."""

    decisions: list[Decision] = field(default_factory=list)

    async def take(
        self,
        hook: RawHook,
        provider: Provider,
        events: Sequence[CallEvent],
        *,
        trouble: UnreadableHook | None = None,
    ) -> Answer:
        if any(event.asks for event in events):
            self.decision = self.decisions.pop(0) if len(self.decisions) > 1 else self.decisions[0]
        return await Memory.take(self, hook, provider, events, trouble=trouble)

    @property
    def heard(self) -> list[tuple[str, str, str]]:
        """Kind, leg or target, reason or seconds of each event that is not an asking."""
        return [
            (
                one.kind,
                one.leg_ref or one.target or "",
                one.reason or str(int(one.duration_s) if one.duration_s is not None else ""),
            )
            for one in self.taken
            if not one.asks
        ]

    @property
    def asked(self) -> list[tuple[str, str | None, str | None, int | None]]:
        """Kind, caller, called, attempt of each asking."""
        return [(one.kind, one.caller, one.called, one.attempt) for one in self.taken if one.asks]


@asynccontextmanager
async def answering(*decisions: Decision) -> AsyncIterator[tuple[Scripted, str]]:
    """The callrouter and its address for the account `main`."""
    takes = Scripted(decisions=list(decisions))
    async with open_door(takes) as door:
        yield takes, f"http://127.0.0.1:{door.port}/webhooks/pbx/main"
    assert not takes.troubles, takes.troubles
