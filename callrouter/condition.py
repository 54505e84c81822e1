"""How a running server is: read for the page of its health and for its metrics."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import urlsplit

from callrouter import metrics
from callrouter.domain.backups import is_late, spelled
from callrouter.flows import readiness
from callrouter.flows.readiness import Around
from callrouter.missing_recordings import LOOKED_BACK, expected_of
from callrouter.sample import SERVICE, SHOP, SITE
from callrouter.setup_file.coverage import unanswered
from storage import condition, fetches
from storage.condition import Condition
from storage.database import BaseSilent

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.readiness import Item
    from callrouter.domain.setup import Setup
    from callrouter.service import Service

LITTLE: Final = 2 * 1024**3
"""Free bytes below which a disk is said to be filling up."""

LONG: Final = timedelta(minutes=10)
"""A job that has not been begun for so long waits too long."""


LOOKED_EACH_S: Final = 60.0

SAMPLE_LINES: Final = frozenset({SITE, SHOP, SERVICE})


@dataclass(frozen=True, slots=True)
class Health:
    """`free`: bytes where the data directory lies; `spooled`: the spool has what the base has not.

    `unrecorded`: answered calls whose recording has not come; `late`, `late_elsewhere`: the newest
    good backup is too old, in whatever place or in the second one.
    """

    base: Condition
    spooled: bool
    unrecorded: int
    free: int
    late: bool
    late_elsewhere: bool

    def waits_too_long(self, now: datetime) -> bool:
        since = self.base.overdue_since
        return since is not None and now - since > LONG


async def look(service: Service) -> Health:
    """Raises BaseSilent."""
    setup, now = service.setups.current, service.clock()
    base, unrecorded = await service.database.read(_read, setup, now)
    to = setup.backups.to
    newest, elsewhere = base.newest, base.elsewhere
    backed_up = not service.demo
    return Health(
        base=base,
        spooled=any((service.settings.data_dir / "spool").glob("spool-*.log")),
        unrecorded=unrecorded,
        free=_free(service),
        late=backed_up and is_late(newest.at if newest else None, base.begun_at, now),
        late_elsewhere=backed_up
        and to is not None
        and is_late(elsewhere.at if elsewhere else None, base.begun_at, now),
    )


def _read(conn: Connection, setup: Setup, now: datetime) -> tuple[Condition, int]:
    expected = expected_of(setup, now - LOOKED_BACK, now)
    to = setup.backups.to
    found = condition.look(conn, spelled(to) if to else None, now=now)
    return found, fetches.count_missing(conn, expected)


def _free(service: Service) -> int:
    try:
        return shutil.disk_usage(service.settings.data_dir).free
    except OSError:
        return 0


async def look_ready(service: Service) -> tuple[Item, ...]:
    """What the server still needs, and what it has. Raises BaseSilent."""
    setup, now = service.setups.current, service.clock()
    known = await around(service)
    return await service.database.read(readiness.look, setup, known, now=now)


async def around(service: Service) -> Around:
    """What is known of the server itself, and of its Setup."""
    settings, setup = service.settings, service.setups.current
    return Around(
        url=settings.public_url,
        address=_address(settings.public_url),
        smtp=bool(settings.smtp_url),
        backed_up=not service.demo,
        key=service.seal.fingerprint[:8],
        key_kept_in="environment" if settings.secret_key else "file",
        sample=service.demo or any(line.number in SAMPLE_LINES for line in setup.line),
        gaps=await _GAPS.of(setup),
    )


class _Gaps:
    """When lines have nobody on shift. Every quarter of an hour of a week is looked at, so it is
    found out once for each Setup, and beside the loop.
    """

    def __init__(self) -> None:
        self._known: tuple[Setup, dict[str, str]] | None = None

    async def of(self, setup: Setup) -> dict[str, str]:
        if self._known and self._known[0] is setup:
            return self._known[1]
        found = await asyncio.to_thread(_gaps_of, setup)
        self._known = setup, found
        return found


def _gaps_of(setup: Setup) -> dict[str, str]:
    return {line.number: unanswered(setup, line) for line in setup.line}


_GAPS: Final = _Gaps()


def _address(url: str) -> Literal["here", "plain", "https"]:
    parts = urlsplit(url)
    if is_here(parts.hostname or ""):
        return "here"
    return "https" if parts.scheme == "https" else "plain"


def is_here(host: str) -> bool:
    """Whether a name leads to the machine itself."""
    if not host or host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def tell_metrics(health: Health, now: datetime) -> None:
    """Set the gauges by what was found."""
    base = health.base
    age = (now - base.newest.at).total_seconds() if base.newest else -1.0
    metrics.BACKUP_AGE.set(age)
    metrics.BACKUP_LATE.set(int(health.late or health.late_elsewhere))
    metrics.BACKUP_BAD.set(int(base.tried is not None and base.tried.state == "failed"))
    metrics.LETTERS_FROZEN.set(int(base.frozen is not None))
    metrics.RECORDINGS_MISSING.set(health.unrecorded)
    metrics.DISK_FREE.set(health.free)
    metrics.JOBS_WAITING.clear()
    metrics.JOBS_DEAD.clear()
    for (kind, state), many in base.jobs.items():
        gauge = metrics.JOBS_DEAD if state == "dead" else metrics.JOBS_WAITING
        gauge.labels(kind).inc(many)


class ConditionGauges:
    """Tells /metrics how the server is, once in a while however often it is asked."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._looked_s = -LOOKED_EACH_S

    async def bring_up(self) -> None:
        """A silent base leaves the figures as they were."""
        if time.monotonic() - self._looked_s < LOOKED_EACH_S:
            return
        self._looked_s = time.monotonic()
        with contextlib.suppress(BaseSilent):
            tell_metrics(await look(self._service), self._service.clock())
