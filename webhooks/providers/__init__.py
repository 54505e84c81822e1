"""Which providers there are. One file each, one line here; README.md says how to add one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from callrouter.domain.setup import Account
from webhooks.provider import Provider
from webhooks.providers.pbx import Pbx
from webhooks.providers.twilio import Twilio
from webhooks.providers.zadarma import Zadarma

PROVIDERS: Final[Mapping[str, Callable[[Account, tuple[bytes, ...]], Provider]]] = {
    "pbx": Pbx,
    "twilio": Twilio,
    "zadarma": Zadarma,
}
"""Makes a provider of an account and its opened secrets, two while one is being rotated."""
