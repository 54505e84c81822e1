"""What a server does with recordings that are too old, killed where it is told.

python -m tests.jobs.deleting URL FOLDER WHERE TIMES
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from callrouter.domain.setup import Setup
from callrouter.jobs import retention
from callrouter.jobs.worker import Task, Worker
from callrouter.seal import Seal
from callrouter.service import Service
from callrouter.settings import Settings
from storage.database import open_database
from storage.files import Folder
from tests.examples import SETUP

LATER = timedelta(days=3650)


class Setups:
    current: Setup = SETUP


def killed_at(owner: Any, name: str, times: int, *, before: bool) -> None:
    """Die before, or after, something is done for the n-th time."""
    whole, done = getattr(owner, name), [0]

    def counted(*given: Any, **named: Any) -> Any:
        done[0] += 1
        if before and done[0] == times:
            os.kill(os.getpid(), signal.SIGKILL)
        found = whole(*given, **named)
        if done[0] == times:
            os.kill(os.getpid(), signal.SIGKILL)
        return found

    setattr(owner, name, counted)


async def main(url: str, folder: Path) -> None:
    database = open_database(url, checkpoints=True)
    clock = lambda: datetime.now(UTC) + LATER  # noqa: E731
    service = Service(
        Settings(data_dir=folder), database, Setups(), Seal("a secret of the tests"), clock
    )
    await retention.delete_old(service)
    worker = Worker(database, clock, retention.kinds(service))
    await worker.drain()
    await database.close()


if __name__ == "__main__":
    url, folder, where, times = sys.argv[1:]
    retention.STEP = 4  # type: ignore[misc]
    for name, (owner, what, before) in {
        "rows": (retention, "delete_recordings", False),
        "before the file": (Folder, "delete", True),
        "after the file": (Folder, "delete", False),
        "looked": (Folder, "has", False),
        "proven": (retention, "file_is_gone", False),
        "done": (Task, "finish", True),
    }.items():
        if name == where:
            killed_at(owner, what, int(times), before=before)
    asyncio.run(main(url, Path(folder)))
