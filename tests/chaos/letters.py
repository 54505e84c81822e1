"""A process that only sends letters, until it is killed; and a server that has bad days."""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from multiprocessing import get_context
from multiprocessing.process import BaseProcess

from sqlalchemy import Connection

from callrouter.domain.setup import Setup
from callrouter.flows import sending
from callrouter.jobs import send_letter
from callrouter.jobs.worker import Worker
from callrouter.outside.mail import Limits, Mailer
from callrouter.seal import Seal
from callrouter.service import Service
from callrouter.settings import Settings
from storage import letters
from storage.database import open_database
from tests.jobs.letters import MAILING
from tests.smtp import Sink

LEASE_S = 2.0

FORKING = get_context("forkserver")
FORKING.set_forkserver_preload([__name__])


@dataclass(frozen=True)
class Setups:
    current: Setup = MAILING


def run(url: str, smtp_url: str, naive: bool) -> None:  # noqa: FBT001  handed to a process
    """Send what there is. `naive`: mark a letter after it went, and nothing before."""
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115  killed with it open
    send_letter.LEASE_S = LEASE_S  # type: ignore[misc]
    send_letter.pause_s = lambda attempts: 0.3 + 0 * attempts
    if naive:
        sending.begin_sending = lambda *_args, **_kwargs: None
        sending.was_sent = _mark  # type: ignore[assignment]
    asyncio.run(_send(url, smtp_url))


async def _send(url: str, smtp_url: str) -> None:
    database = open_database(url, checkpoints=True)
    mailer = Mailer(Limits(2, 2, 2), rests_s=(0.05, 0.2))
    service = Service(
        Settings(smtp_url=smtp_url), database, Setups(), Seal("letters"), _now, mailer=mailer
    )
    worker = Worker(database, _now, [send_letter.kind_of(service)], look_s=0.05)
    await worker.start()
    await asyncio.Event().wait()


def _now() -> datetime:
    return datetime.now(UTC)


def _mark(
    conn: Connection, letter_id: str, _token: str, _reply: str, _setup: Setup, *, now: datetime
) -> bool:
    one = letters.find(conn, letter_id)
    return one is not None and letters.move(conn, one, replace(one, state="sent", sent_at=now))


@contextmanager
def sender(url: str, smtp_url: str, *, naive: bool = False) -> Iterator[BaseProcess]:
    """Such a process; at the end it is killed, wherever it is."""
    process = FORKING.Process(target=run, args=(url, smtp_url, naive), daemon=True)
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join(30)
        process.close()


@dataclass
class Wild(Sink):
    """Mostly does what it should. `odds`: per stage, each manner with its share."""

    chance: random.Random = field(default_factory=random.Random)

    def turn(self, stage: str) -> str | None:
        self.times[stage] = self.times.get(stage, 0) + 1
        at = self.chance.random()
        for manner, share in ODDS.get(stage, {}).items():
            if (at := at - share) < 0:
                return manner
        return None


ODDS = {
    "greeting": {"421 busy": 0.002, "drop": 0.002},
    "mail": {"450 later": 0.01},
    "rcpt": {"451 greylisted": 0.05, "550 no such user": 0.01, "drop": 0.005},
    "data": {"451 later": 0.01, "554 spam": 0.005, "drop": 0.005},
    "middle": {"drop": 0.005},
    "dot": {
        "451 later": 0.02,
        "554 spam": 0.01,
        "reset": 0.01,
        "keep drop": 0.005,
        "drop": 0.005,
    },
}
