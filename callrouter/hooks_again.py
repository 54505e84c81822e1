"""A hook of the journal read once more: with the code and the Setup of today, changing nothing."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

from callrouter.accounts import open_secret, provider_of
from callrouter.domain.decisions import EVERYTHING, Can
from callrouter.flows.try_call import UnknownLine, try_call
from webhooks.provider import Answer, HookError, RawHook, UnreadableHook
from webhooks.providers import PROVIDERS

if TYPE_CHECKING:
    from datetime import datetime

    from callrouter.domain.events import CallEvent
    from callrouter.domain.routing import Decided
    from callrouter.service import Service
    from storage.journal import Raw
    from webhooks.provider import Provider


@dataclass(frozen=True, slots=True)
class Again:
    """What a hook is read as now. `trouble`: the field that cannot be read, and why.

    `decided`: what the call that it tells of would be told; `answer`: how its PBX would hear that.
    """

    events: tuple[CallEvent, ...]
    can: Can
    trouble: tuple[str, str] | None = None
    decided: Decided | None = None
    answer: Answer | None = None

    @property
    def fit(self) -> bool:
        """Whether all of it is understood."""
        return bool(self.events) and self.trouble is None


class NoProvider(LookupError):
    """The account is gone from the Setup, or its provider from this version."""


async def read_again(service: Service, account: str, raw: Raw, at: datetime) -> Again:
    """Parse, decide and answer, dry. `at`: when it came. Raises NoProvider, BaseSilent.

    Its headers are not kept, so trust is not looked at again: it was, when it came.
    """
    provider, hook = _hook(service, account, raw, at)
    again = _read(provider, hook)
    asking = next((one for one in again.events if one.asks), None)
    if asking is None:
        return again
    setup, now = service.setups.current, service.clock()
    of = setup.accounts[account]
    line, _ = setup.find_line(asking.called, of.key)
    try:
        decided = await service.database.read(
            try_call,
            setup,
            line=line.number,
            caller=asking.caller or "",
            at=asking.moment,
            now=now,
            can=again.can,
        )
        answer = provider.answer(decided.decision, hook)
    except UnknownLine:
        return again
    return replace(again, decided=decided, answer=answer)


def secrets_of(service: Service, account: str) -> tuple[str, ...]:
    """An account's own secrets, opened: so that they are hidden wherever they stand."""
    of = service.setups.current.accounts.get(account)
    if of is None:
        return ()
    kept = (*of.secrets, *([of.api_key] if of.api_key else []))
    opened = (open_secret(one, account, service.seal, service.settings.environ) for one in kept)
    return tuple(one for one in opened if one)


def _hook(service: Service, account: str, raw: Raw, at: datetime) -> tuple[Provider, RawHook]:
    setup, settings = service.setups.current, service.settings
    of = setup.accounts.get(account)
    if of is None or of.provider not in PROVIDERS:
        raise NoProvider(account)
    provider = provider_of(of, setup, service.seal, settings.environ)
    query = f"?{raw.query}" if raw.query else ""
    url = f"{settings.public_url}{of.hook_path}{query}"
    hook = RawHook(account, "POST", url, raw.query, (), raw.body, "", at, time.monotonic())
    return provider, hook


def _read(provider: Provider, hook: RawHook) -> Again:
    can = EVERYTHING
    try:
        can = provider.can(hook)
        return Again(tuple(provider.parse(hook)), can)
    except UnreadableHook as trouble:
        return Again(trouble.events, can, (trouble.field, str(trouble)))
    except HookError as error:
        return Again((), can, ("", str(error)))
    except Exception as error:  # noqa: BLE001  a bug of ours is what a person may be looking for
        return Again((), can, ("", f"could not be read: {type(error).__name__}"))


def differing(then: CallEvent, now: Sequence[CallEvent]) -> tuple[str, ...]:
    """Which fields of an event are read otherwise now; of several the nearest is compared."""
    return min(
        (
            tuple(
                one.name
                for one in fields(then)
                if one.name not in ("key", "own_key", "received")
                and getattr(then, one.name) != getattr(other, one.name)
            )
            for other in now
        ),
        key=len,
        default=("kind",),
    )
