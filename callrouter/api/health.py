"""/health and /metrics: for probes and for Prometheus."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from callrouter.condition import ConditionGauges
from storage.database import BaseSilent
from storage.frozen import is_frozen
from storage.tokens import find_token

if TYPE_CHECKING:
    from callrouter.intake.intake import Intake
    from callrouter.service import Service

LOCAL = frozenset({"127.0.0.1", "::1"})


def add_health(app: web.Application, service: Service, intake: Intake) -> None:
    """Add the probes, open to all, and the metrics, for this machine or a token of an admin."""
    gauges = ConditionGauges(service)

    async def live(_request: web.Request) -> web.Response:
        return web.json_response({"status": "live"})

    async def ready(_request: web.Request) -> web.Response:
        """Ready means: calls are answered, be it from the snapshot."""
        setup = intake.snapshot.setup
        found = {
            "status": "blind" if intake.blind else "ready",
            "base": "silent" if intake.batches.silent else "answers",
            "spool": "waiting" if intake.batches.busy and intake.batches.silent else "empty",
            "setup": setup.version if setup else None,
            "letters": await _letters(service, silent=intake.batches.silent),
        }
        return web.json_response(found, status=503 if intake.blind else 200)

    async def metrics(request: web.Request) -> web.Response:
        if request.remote not in LOCAL and not await _is_admin(request, service):
            raise web.HTTPUnauthorized(text="metrics: from this machine, or with an admin's token")
        if not intake.batches.silent:
            await gauges.bring_up()
        headers = {"Content-Type": CONTENT_TYPE_LATEST}
        return web.Response(body=generate_latest(), headers=headers)

    app.router.add_get("/health/live", live)
    app.router.add_get("/health/ready", ready)
    app.router.add_get("/metrics", metrics)


async def _letters(service: Service, *, silent: bool) -> str:
    """Whether letters leave: `leave`, `no_smtp`, `frozen` after a restore, `unknown`."""
    if not service.settings.smtp_url and not service.demo:
        return "no_smtp"
    with suppress(BaseSilent):
        if not silent:
            return "frozen" if await service.database.read(is_frozen) else "leave"
    return "unknown"


async def _is_admin(request: web.Request, service: Service) -> bool:
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return False
    try:
        token = await service.database.read(find_token, secret.strip())
    except BaseSilent:
        return False
    return token is not None and token.role == "admin"
