"""One good hook and one good plan; each case changes only its subject."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from callrouter.domain.decisions import Connect, Decision, LastResort, PlanStep, Target
from callrouter.domain.events import CallEvent
from callrouter.domain.setup import Account
from webhooks.provider import Answer, Provider, RawHook, UnreadableHook
from webhooks.providers import PROVIDERS

ARRIVED = datetime(2026, 3, 12, 11, 5, tzinfo=UTC)
SECRET = "s3cret-of-main"
NEXT_SECRET = "пароль-2"

ACCOUNT = Account(
    key="main",
    default_line="+74951230001",
    secret=(SECRET, NEXT_SECRET),
    dial_inside="PJSIP/{dial}",
    dial_outside="PJSIP/{dial}@trunk",
    time_zone="Europe/Moscow",
)

PLAN = Connect(
    call="01JABC",
    steps=(
        PlanStep(20, "one", (Target("a1", "101", "anna"),)),
        PlanStep(25, "all", (Target("a2", "102", "boris"), Target("a3", "103", "vera"))),
    ),
    then=LastResort("+74950000000"),
    record=True,
    caller_name="Иван Петров",
    card_url="https://crm.example/pop/t0k3n",
    reason="responsible",
)


def hook(
    body: bytes | str = b"",
    *,
    query: str = "",
    content_type: str | None = "application/json",
    authorization: str | None = f"Bearer {SECRET}",
) -> RawHook:
    headers = {"content-type": content_type, "authorization": authorization}
    return RawHook(
        account="main",
        method="POST",
        url="https://crm.example/webhooks/pbx/main" + (f"?{query}" if query else ""),
        query=query,
        headers=tuple((name, value) for name, value in headers.items() if value is not None),
        body=body.encode() if isinstance(body, str) else body,
        peer="192.0.2.1",
        arrived=ARRIVED,
        arrived_s=1000.0,
    )


@dataclass
class Memory:
    """Takes events into lists; every call gets `decision`, and a repeat the same bytes again."""

    decision: Decision = PLAN
    account: Account = ACCOUNT
    blind: bool = False
    taken: list[CallEvent] = field(default_factory=list)
    troubles: list[UnreadableHook] = field(default_factory=list)
    hooks: list[RawHook] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    told: dict[str, Answer] = field(default_factory=dict)

    def provider(self, name: str, account: str) -> Provider | None:
        if (name, account) != (self.account.provider, self.account.key):
            return None
        secrets = tuple(secret.encode() for secret in self.account.secrets)
        return PROVIDERS[name](self.account, secrets)

    async def take(
        self,
        hook: RawHook,
        provider: Provider,
        events: Sequence[CallEvent],
        *,
        trouble: UnreadableHook | None = None,
    ) -> Answer:
        self.hooks.append(hook)
        if trouble:
            self.troubles.append(trouble)
        answer = provider.accept(hook)
        for event in events:
            fresh = provider.answer(self.decision, hook) if event.asks else answer
            answer = self.told.setdefault(event.key, fresh)
            self.taken.append(event)
        return answer

    async def refuse(self, hook: RawHook, reason: str) -> None:
        self.refused.append(reason)
        self.hooks.append(hook)
