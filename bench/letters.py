"""Letters alone: how many a second leave, each over a connection of its own to a server that takes
whatever comes.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime

from bench.report import progress
from bench.scenes import Bench
from bench.servers import Place
from bench.work import outside
from callrouter.domain.setup import Setup
from callrouter.jobs import send_letter
from callrouter.jobs.worker import Worker
from callrouter.seal import Seal
from callrouter.service import Service
from callrouter.settings import Settings
from storage.database import open_database
from tests.jobs.letters import MAILING, put_letters

LETTERS = 400


@dataclass(frozen=True)
class Setups:
    current: Setup = MAILING


def sending(run: Bench) -> None:
    for engine in run.engines:
        progress(f"{engine}: {LETTERS} letters are sent")
        with outside() as (_, mail):
            place = run.new(engine)
            place.folder.mkdir(parents=True, exist_ok=True)
            seconds = asyncio.run(_send(place, mail))
        speed = LETTERS / seconds
        what = f"{engine}: letters sent/s"
        run.report.say(what, f"{speed:.0f}, three commits and a connection each")
        run.report.keep(what, speed)


async def _send(place: Place, mail: int) -> float:
    """How many seconds it took."""
    url = place.database_url or f"sqlite:///{place.folder / 'callrouter.db'}"
    base = open_database(url, checkpoints=True)
    settings = Settings(smtp_url=f"smtp://127.0.0.1:{mail}")
    service = Service(settings, base, Setups(), Seal("bench"), _now)
    worker = Worker(base, _now, [send_letter.kind_of(service)])
    try:
        await base.migrate()
        await base.write(put_letters, range(LETTERS), now=_now())
        began = time.perf_counter()
        done = await worker.drain()
        took = time.perf_counter() - began
    finally:
        await base.close()
    if done != LETTERS:
        raise RuntimeError(f"{done} jobs were done, not {LETTERS}")
    return took


def _now() -> datetime:
    return datetime.now(UTC)
