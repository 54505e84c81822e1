"""An account of the setup becomes a provider: its secrets are opened here, and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from callrouter.seal import SEALED, Seal, Unsealable
from webhooks.providers import PROVIDERS

if TYPE_CHECKING:
    from callrouter.domain.setup import Account, Setup
    from webhooks.provider import Provider

log = structlog.get_logger()


def provider_of(account: Account, setup: Setup, seal: Seal, environ: Mapping[str, str]) -> Provider:
    """Make an account's provider. Raises KeyError for one that this version does not have.

    A secret that cannot be had is left out: it lets nobody in, and the log says so.
    """
    opened = [
        found.encode()
        for secret in account.secrets
        if (found := open_secret(secret, account.key, seal, environ))
    ]
    zone = account.time_zone or setup.company.time_zone
    key = open_secret(account.api_key, account.key, seal, environ) if account.api_key else None
    return PROVIDERS[account.provider](replace(account, time_zone=zone, api_key=key), tuple(opened))


def has_secret(text: str, seal: Seal, environ: Mapping[str, str]) -> bool:
    """Whether `open_secret` would give it; says nothing to the log."""
    if text.startswith("env:"):
        return bool(environ.get(text.removeprefix("env:")))
    if not text.startswith(SEALED):
        return True
    try:
        seal.open(text)
    except Unsealable:
        return False
    return True


def open_secret(text: str, owner: str, seal: Seal, environ: Mapping[str, str]) -> str | None:
    """A secret in clear: `env:NAME`, sealed, or as it is written. `owner`: for the log alone."""
    if text.startswith("env:"):
        if found := environ.get(text.removeprefix("env:")):
            return found
        log.error("secret_missing", account=owner, variable=text)
        return None
    if not text.startswith(SEALED):
        return text
    try:
        return seal.open(text)
    except Unsealable:
        log.error("secret_unreadable", account=owner)  # noqa: TRY400
        return None
