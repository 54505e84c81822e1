"""Sends an account's harmless hook to its public address, the whole way that its PBX goes."""

from __future__ import annotations

import ssl
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import aiohttp

from storage import setups

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.setup import Account
    from callrouter.service import Service
    from webhooks.provider import Trial

WITHIN_S: Final = 5.0
SHOWN: Final = 300  # of the answer, characters

Verdict = Literal[
    "arrived",
    "refused",
    "redirected",
    "stranger",
    "no_host",
    "closed",
    "bad_tls",
    "silent",
    "broken",
]
"""`stranger`: an answer came that is none of ours. From `no_host` on there was no answer at all."""


@dataclass(frozen=True, slots=True)
class Came:
    """What came of it. `status`, `answer`: as they came, 0 and "" where nothing did."""

    verdict: Verdict
    took_ms: int
    status: int = 0
    answer: str = ""
    location: str = ""


async def find_account(service: Service, key: str) -> Account | None:
    """Also one that was connected a moment ago: calls know of it within two seconds."""
    known = service.setups.current.accounts.get(key)
    return known or await service.database.read(_newest, key)


def _newest(conn: Connection, key: str) -> Account | None:
    return setups.load(conn, setups.current_version(conn)).accounts.get(key)


async def send_trial(trial: Trial, within_s: float = WITHIN_S) -> Came:
    """Send it as a PBX would: no redirect is followed, no proxy of ours is used."""
    began = time.monotonic()
    try:
        status, body, location = await _ask(trial, within_s)
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
        return Came(verdict_of(error), _ms(began))
    return Came(
        _verdict(trial, status, body),
        _ms(began),
        status,
        body[: SHOWN * 4].decode(errors="replace")[:SHOWN],
        location,
    )


async def _ask(trial: Trial, within_s: float) -> tuple[int, bytes, str]:
    request = trial.request
    timeout = aiohttp.ClientTimeout(total=within_s)
    async with (
        aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session,
        session.request(
            request.method,
            request.url,
            headers=list(request.headers),
            data=request.body or None,
            allow_redirects=False,
        ) as answer,
    ):
        # Our own answers are short; of a stranger's page this much says enough.
        body = await answer.content.read(SHOWN * 4)
        return answer.status, body, answer.headers.get("Location", "")[:SHOWN]


def _verdict(trial: Trial, status: int, body: bytes) -> Verdict:
    if status == 200 and body == trial.answer:
        return "arrived"
    if status == 401:
        return "refused"
    return "redirected" if 300 <= status < 400 else "stranger"


def verdict_of(error: Exception) -> Verdict:
    """What kept an answer from coming."""
    match error:
        case aiohttp.ClientConnectorDNSError():
            return "no_host"
        case aiohttp.ClientSSLError() | ssl.SSLError():
            return "bad_tls"
        case TimeoutError():
            return "silent"
        case aiohttp.ClientConnectorError():
            return "closed"
        case _:
            return "broken"


def _ms(began: float) -> int:
    return round((time.monotonic() - began) * 1000)
