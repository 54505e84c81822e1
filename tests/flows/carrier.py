"""Carries a played PBX's hooks into a base as the front door would, one at a time."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from typing import Any

from callrouter.domain.setup import Setup
from callrouter.fakepbx import Hook
from tests.office import Office, entry_of, posted
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
        entry = entry_of(self.providers[hook.account], posted(hook.account, hook.payload, at))
        (taken,) = await self.office.take(entry, now=at)
        answer: dict[str, Any] = json.loads(taken.answer.body)
        return answer
