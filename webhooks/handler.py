"""The front door: the whole way of a webhook, in reading order."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import structlog
from aiohttp import web

from callrouter import metrics
from callrouter.domain.decisions import NoOpinion
from callrouter.domain.events import CallEvent
from callrouter.domain.setup import Account
from webhooks.errors import NOT_KEPT, UnknownAccount, WrongMethod, refusal
from webhooks.provider import Answer, ForgedHook, HookError, Provider, RawHook, UnreadableHook
from webhooks.providers import PROVIDERS
from webhooks.reading import read_body, read_head, send

log = structlog.get_logger()

SERVER_OPTIONS: Final[dict[str, Any]] = {
    "keepalive_timeout": 15.0,  # closes silent and header-dripping connections too; not 3 630 s
    "lingering_time": 1.0,  # how long what follows a refusal is read and thrown away
    "auto_decompress": False,  # compressed bodies are refused; a bomb is never opened
    "max_headers": 100,
    "handler_cancellation": False,  # a PBX that hangs up early does not undo what is being kept
    "access_log": None,  # our line says more
}
"""How the server must be set up: `web.AppRunner(app, **SERVER_OPTIONS)`."""


class Takes(Protocol):
    """Whoever keeps events and decides calls."""

    @property
    def blind(self) -> bool:
        """True: started without base and snapshot; trust cannot be checked, nothing is kept."""
        ...

    def provider(self, name: str, account: str) -> Provider | None:
        """Give the account's provider; None: no such account, or it is another provider's."""
        ...

    async def take(
        self,
        hook: RawHook,
        provider: Provider,
        events: Sequence[CallEvent],
        *,
        trouble: UnreadableHook | None = None,
    ) -> Answer:
        """Keep the events and answer in time; with `trouble` the raw hook goes to quarantine too.

        Without events there is only a hook to keep, and the answer acknowledges that.
        """
        ...

    async def refuse(self, hook: RawHook, reason: str) -> None:
        """Remember that a hook was refused, and why."""
        ...


@dataclass(slots=True)
class Visit:
    """How far a hook has come: for the log, and for the net under a bug of ours."""

    provider: str
    hook: RawHook
    trusted: Provider | None = None
    events: Sequence[CallEvent] | None = None  # None: not read yet
    trouble: UnreadableHook | None = None
    refused: str = ""


@dataclass(frozen=True, slots=True)
class FrontDoor:
    """Takes hooks at /webhooks/{provider}/{account}.

    `public_url` is the base that senders know; `send_s` how long one may take to read our answer.
    """

    takes: Takes
    public_url: str
    send_s: float = 5.0

    def routes(self) -> list[web.RouteDef]:
        # Every method, so that a wrong one is told so; some providers greet by GET.
        return [web.route("*", "/webhooks/{provider}/{account}", self.handle)]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        visit = Visit(request.match_info["provider"], read_head(request, self.public_url))
        try:
            answer = await self._answer(request, visit)
        except HookError as error:
            answer = await self._refuse(visit, error)
        except Exception:
            log.exception("webhook_failed", provider=visit.provider, account=visit.hook.account)
            answer = await self._catch(visit)
        _log_line(visit, answer)
        return await send(request, answer, self.send_s)

    async def _answer(self, request: web.Request, visit: Visit) -> Answer:
        provider = self._find_provider(visit)
        visit.hook = hook = await read_body(request, visit.hook)
        if greeting := provider.greet(hook):
            return greeting
        if hook.method != "POST":
            raise WrongMethod("hooks are sent by POST")
        if not self.takes.blind:
            provider.verify(hook)
        visit.trusted = provider
        visit.events, visit.trouble = _parse(provider, hook)
        if visit.trouble and not visit.events:
            await self._quarantine(visit, provider, visit.trouble)
            raise visit.trouble
        if self.takes.blind:
            return provider.answer(NoOpinion(), hook)
        return await self.takes.take(hook, provider, visit.events, trouble=visit.trouble)

    def _find_provider(self, visit: Visit) -> Provider:
        make = PROVIDERS.get(visit.provider)
        if make is None:
            raise UnknownAccount("unknown provider")
        if self.takes.blind:
            return make(Account(key=visit.hook.account, default_line=""), ())
        if found := self.takes.provider(visit.provider, visit.hook.account):
            return found
        raise UnknownAccount("unknown account")

    async def _quarantine(self, visit: Visit, provider: Provider, trouble: UnreadableHook) -> None:
        if self.takes.blind:
            return
        try:
            await self.takes.take(visit.hook, provider, (), trouble=trouble)
        except Exception:
            log.exception("hook_not_quarantined", account=visit.hook.account)

    async def _refuse(self, visit: Visit, error: HookError) -> Answer:
        if not isinstance(error, UnreadableHook):
            visit.refused = str(error)
            try:
                await self.takes.refuse(visit.hook, visit.refused)
            except Exception:
                log.exception("refused_hook_not_remembered", account=visit.hook.account)
        return refusal(error)

    async def _catch(self, visit: Visit) -> Answer:
        """Answer after a bug of ours: nobody is trusted by it, and no caller hears of it."""
        provider = visit.trusted
        if provider is None:
            return await self._refuse(visit, ForgedHook("could not be checked: a bug, see the log"))
        if visit.events and not any(event.asks for event in visit.events):
            return NOT_KEPT
        if visit.events is None:
            bug = UnreadableHook("body", "could not be read: a bug, see the log")
            await self._quarantine(visit, provider, bug)
        try:
            return provider.answer(NoOpinion(), visit.hook)
        except Exception:
            log.exception("webhook_failed_twice", account=visit.hook.account)
            return Answer(b'{"decision": "none"}', decision="none")


def _parse(provider: Provider, hook: RawHook) -> tuple[Sequence[CallEvent], UnreadableHook | None]:
    try:
        return provider.parse(hook), None
    except UnreadableHook as trouble:
        return trouble.events, trouble


def _log_line(visit: Visit, answer: Answer) -> None:
    """One line per hook. No phones, no body, no secret."""
    told = {
        "provider": visit.provider[:64],
        "account": visit.hook.account[:64],
        "kind": visit.events[0].kind if visit.events else "",
        "call": answer.call,
        "decision": answer.decision,
        "trouble": visit.trouble.field if visit.trouble else "",
        "refused": visit.refused,
    }
    metrics.HOOKS.labels(
        visit.provider if visit.provider in PROVIDERS else "unknown",
        told["kind"] or "none",
        answer.status,
    ).inc()
    log.info(
        "webhook",
        **{name: value for name, value in told.items() if value},
        status=answer.status,
        duration_ms=round((time.monotonic() - visit.hook.arrived_s) * 1000, 1),
    )
