"""Carries a played PBX's hooks into a base as the front door would, one at a time."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from typing import Any

from callrouter.domain.setup import Setup
from callrouter.fakepbx import Hook
from callrouter.flows.work import Entry
from storage.ids import new_id
from storage.journal import Raw
from tests.office import Office
from webhooks.provider import RawHook
from webhooks.providers import PROVIDERS

SECRET = "a-good-secret"


class Carrier:
    """Through the real provider of each account."""

    def __init__(self, office: Office, setup: Setup) -> None:
        self.office = office
        self.providers = {
            one.key: PROVIDERS["pbx"](replace(one, time_zone="Europe/Moscow"), (SECRET.encode(),))
            for one in setup.account
        }

    async def send(self, hook: Hook, at: datetime) -> dict[str, Any] | None:
        provider = self.providers[hook.account]
        body = json.dumps(hook.payload, ensure_ascii=False).encode()
        raw = RawHook(
            account=hook.account,
            method="POST",
            url="http://x/webhooks/pbx/main",
            query="",
            headers=(("content-type", "application/json"),),
            body=body,
            peer="127.0.0.1",
            arrived=at,
            arrived_s=0.0,
        )
        (event,) = provider.parse(raw)
        entry = Entry(
            event=event,
            raw=Raw(body, ""),
            call_id=new_id(at),
            can=provider.can(raw),
            render=lambda decision: provider.answer(decision, raw),
            accept=provider.accept(raw),
        )
        (taken,) = await self.office.take(entry, now=at)
        answer: dict[str, Any] = json.loads(taken.answer.body)
        return answer
