"""A server's part that tells people and programs, with a clock that is turned by hand."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from callrouter.domain.setup import Letters, Setup
from callrouter.jobs.kinds import feeds_of, kinds_of
from callrouter.jobs.worker import Worker
from callrouter.outside.client import Client
from callrouter.outside.mail import Limits, Mailer
from callrouter.seal import Seal
from callrouter.service import Service
from callrouter.settings import Settings
from storage import jobs
from storage.database import Database
from tests.examples import MONDAY_NOON, SETUP
from tests.office import Office
from tests.outside.servers import known
from tests.smtp import Sink

SEAL = Seal("the-key-of-these-tests")
PUBLIC = "https://calls.example"
MAILING = replace(SETUP, letters=Letters(sender="office@romashka.example"))
FAST = Limits(0.5, 0.5, 0.5)


@dataclass
class Herald:
    """Only the kinds of jobs that are named run: the rest is no business of these tests."""

    database: Database
    kinds: tuple[str, ...]
    setup: Setup = SETUP
    sink: Sink | None = None
    now: datetime = MONDAY_NOON
    environ: dict[str, str] = field(default_factory=dict)
    data_dir: Any = None
    total_s: float = 10.0

    def __post_init__(self) -> None:
        settings = Settings(
            public_url=PUBLIC,
            smtp_url=self.sink.url() if self.sink else None,
            environ=self.environ,
            **({"data_dir": self.data_dir} if self.data_dir else {}),
        )
        self.service = Service(
            settings,
            self.database,
            self,
            SEAL,
            lambda: self.now,
            outside=Client(
                known(crm_example="127.0.0.1", bank_example="127.0.0.1"), total_s=self.total_s
            ),
            mailer=Mailer(FAST, rests_s=(0, 0)),
        )
        wanted = [one for one in kinds_of(self.service) if one.name in self.kinds]
        self.worker = Worker(self.database, lambda: self.now, wanted, feeds=feeds_of(self.service))
        self.office = Office(self.database)

    @property
    def current(self) -> Setup:
        return self.setup

    async def open(self) -> Herald:
        await self.office.open(self.setup, self.now - timedelta(days=60))
        return self

    async def use(self, setup: Setup) -> None:
        self.setup = setup
        await self.office.open(setup, self.now)

    async def work(self, **later: float) -> None:
        """Do what is due, so much later."""
        self.now += timedelta(**later)
        await self.worker.drain()

    async def waiting(self) -> list[jobs.Job]:
        return await self.database.read(_listed, self.kinds, dead=False)

    async def dead(self) -> list[jobs.Job]:
        return await self.database.read(_listed, self.kinds, dead=True)

    def close(self) -> None:
        self.service.outside.close()


def _listed(conn: Connection, kinds: tuple[str, ...], *, dead: bool) -> list[jobs.Job]:
    return [one for one in jobs.listed(conn, dead=dead, limit=500) if one.kind in kinds]
