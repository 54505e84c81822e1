"""Tells programs outside what happened: each event to each webhook, at least once, signed.

Standard Webhooks 1.0: the id stays the same over all tries, the time and signature are new each
time, 2xx is taken. Order is not promised.
"""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import TYPE_CHECKING, Final

import structlog

from callrouter import metrics
from callrouter.accounts import open_secret
from callrouter.flows import outgoing
from callrouter.jobs.worker import Again, Kind, Task
from callrouter.outside.client import Forbidden, OutsideError, TooSoon, asked_to_rest, door_to
from storage import outbox
from storage.database import Priority
from webhooks.provider import Request
from webhooks.signed import signatures

if TYPE_CHECKING:
    from callrouter.domain.setup import Webhook
    from callrouter.flows.outgoing import Told
    from callrouter.service import Service

log = structlog.get_logger()

TRIES: Final = 24
"""With the worker's pauses about 14 hours; then the event is given up for this webhook."""

RING_TRIES: Final = 3
RING_S: Final = 5.0
CLEAR_S: Final = 10.0
LONGEST_REST_S: Final = 60.0
MOST_REST_S: Final = 3600.0


class Outbox:
    """Turns the outbox into jobs, before each look for jobs; with nobody to tell it is emptied."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._cleared = float("-inf")

    async def __call__(self) -> None:
        service, setup = self._service, self._service.setups.current
        if not outgoing.is_heard(setup):
            if time.monotonic() - self._cleared < CLEAR_S:
                return
            self._cleared = time.monotonic()
        while await service.database.read(outbox.is_waiting):
            await service.database.write_as(
                Priority.JOBS, outgoing.spread, setup, now=service.clock()
            )
            await asyncio.sleep(0)


class Rests:
    """A webhook that does not answer is left alone for a while: it must not hold up the others.

    Belongs to the event loop.
    """

    def __init__(self) -> None:
        self._until: dict[str, float] = {}
        self._pause_s: dict[str, float] = {}

    def left(self, webhook: Webhook) -> float:
        return self._until.get(webhook.url, 0.0) - time.monotonic()

    def failed(self, webhook: Webhook) -> None:
        if self.left(webhook) <= 0:
            pause = min(LONGEST_REST_S, 2 * self._pause_s.get(webhook.url, 0.5))
            self._pause_s[webhook.url] = pause
            self._until[webhook.url] = time.monotonic() + pause

    def taken(self, webhook: Webhook) -> None:
        self._until.pop(webhook.url, None)
        self._pause_s.pop(webhook.url, None)


def kinds(service: Service) -> list[Kind]:
    """Rings have a kind of their own: they wait behind nothing, and are worth little later."""
    rests = Rests()
    tell = partial(deliver, service, rests)
    return [
        Kind(outgoing.DELIVER, tell, at_once=4, lease_s=30, tries=TRIES),
        Kind(outgoing.DELIVER_RING, tell, at_once=8, lease_s=15, tries=RING_TRIES),
    ]


async def deliver(service: Service, rests: Rests, task: Task) -> None:
    """Tell one webhook of one event; one that is there no more, or off, is told nothing."""
    told, now = outgoing.told_by(task.job.payload), service.clock()
    webhook = service.setups.current.webhooks.get(told.webhook)
    if webhook is None or not webhook.active:
        return
    if rests.left(webhook) > 0:
        raise Again("it did not answer the one before")
    pop_url = _pop_url(service, told) if told.type == "call.ringing" else ""
    body = await service.database.read(outgoing.message, told, pop_url=pop_url, now=now)
    if body is None:
        return
    await _send(service, rests, webhook, told, body)


async def _send(service: Service, rests: Rests, webhook: Webhook, told: Told, body: bytes) -> None:
    """Raises Again."""
    owner, environ = f"webhook {webhook.key}", service.settings.environ
    secrets = [
        found.encode()
        for one in webhook.secrets
        if (found := open_secret(one, owner, service.seal, environ))
    ]
    if not secrets:
        raise Again("its secret cannot be had")
    signed = signatures(secrets, told.id, int(service.clock().timestamp()), body)
    head = (("Content-Type", "application/json"), *signed)
    request = Request("POST", webhook.url, head, body)
    rings = told.type == "call.ringing"
    try:
        door = door_to(webhook.url, owner, private=webhook.allow_private)
        response = await service.outside.send(request, door, total_s=RING_S if rings else None)
    except TooSoon as error:
        raise Again(str(error), error.again_after_s, counted=False) from None
    except OutsideError as error:
        metrics.WEBHOOKS.labels("failed").inc()
        if not isinstance(error, Forbidden):
            rests.failed(webhook)
        raise Again(str(error)) from None
    if 200 <= response.status < 300:
        rests.taken(webhook)
        metrics.WEBHOOKS.labels("taken").inc()
        log.info("webhook_sent", webhook=webhook.key, type=told.type, id=told.id)
        return
    metrics.WEBHOOKS.labels("refused").inc()
    if response.status >= 500:
        rests.failed(webhook)
    rest = min(asked_to_rest(response) or 0.0, MOST_REST_S)
    raise Again(f"it answered {response.status}", least_s=rest)


def _pop_url(service: Service, told: Told) -> str:
    ticket = service.seal.ticket(told.call or "", service.clock())
    return f"{service.settings.public_url}/pop/{ticket}"
