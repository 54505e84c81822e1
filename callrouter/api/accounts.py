"""`/accounts`: connections to PBXs: where each sends its hooks, and whether one gets through."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from callrouter.accounts import provider_of
from callrouter.api.fields import Given, Key
from callrouter.api.layer import Asked, Routes
from callrouter.api.problems import Problem
from callrouter.trials import Verdict, find_account, send_trial

if TYPE_CHECKING:
    from callrouter.domain.setup import Account as Connected
    from webhooks.provider import Trial

routes = Routes()

log = structlog.get_logger(__name__)


class ByKey(Given):
    key: Key


@dataclass(frozen=True, slots=True)
class Account:
    """`address`: where its PBX sends its hooks. The rest of it stands in `GET /setup`."""

    key: str
    provider: str
    default_line: str
    address: str


@dataclass(frozen=True, slots=True)
class Accounts:
    items: tuple[Account, ...]


@dataclass(frozen=True, slots=True)
class TrialTold:
    """`verdict`: `arrived`; `refused`: by a wrong secret or on the way; `redirected`: to
    `location`; `stranger`: an answer came that is none of ours; from `no_host` on none came.
    `status`, `answer`: as they came, 0 and empty where nothing did.
    """

    verdict: Verdict
    took_ms: int
    status: int
    answer: str
    location: str


@routes.get("/accounts", right="see_setup")
async def list_accounts(asked: Asked) -> Accounts:
    """Every connection to a PBX, in the order of the setup."""
    return Accounts(
        tuple(
            Account(one.key, one.provider, one.default_line, _address(one, asked))
            for one in asked.service.setups.current.account
        )
    )


@routes.post("/accounts/{key}/test", right="tune")
async def try_account(asked: Asked, path: ByKey) -> TrialTold:
    """Send a harmless hook to the account's public address, the whole way that its PBX goes.

    It takes up to 5 seconds. What came and was refused: `GET /hooks`. 409: there is no secret.
    """
    account = await find_account(asked.service, path.key)
    if account is None:
        raise Problem(404, "There is no such account.")
    trial = _trial(account, asked)
    if trial is None:
        raise Problem(409, "There is no secret to try it with.")
    came = await send_trial(trial)
    log.info("trial", account=account.key, verdict=came.verdict, ms=came.took_ms)
    return TrialTold(came.verdict, came.took_ms, came.status, came.answer, came.location)


def _trial(account: Connected, asked: Asked) -> Trial | None:
    service = asked.service
    provider = provider_of(account, service.setups.current, service.seal, service.settings.environ)
    return provider.trial(_address(account, asked), secrets.token_hex(8))


def _address(account: Connected, asked: Asked) -> str:
    return f"{asked.service.settings.public_url}{account.hook_path}"
