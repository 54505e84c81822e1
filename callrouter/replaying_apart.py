"""The program that does a replay asked for on a page: in a process that lets all others go first.

On standard input it is told the base and which replay; it only reads the base. It prints lines of
`progress DONE ALL`, and at its end `result JSON`; whatever else it prints is a complaint.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import time
from typing import Any, Final

from callrouter.domain.replayed import Replayed
from callrouter.flows.replay import replay
from callrouter.terminal import say
from storage import replays
from storage.database import BaseSilent, Database, open_database
from storage.documents import write_replayed

NICE: Final = 15
EVERY_S: Final = 0.5
_PATIENCE_S: Final = 30.0  # with a base that does not answer


def main() -> None:
    asked = json.loads(sys.stdin.read())
    with contextlib.suppress(OSError):
        os.nice(NICE)
    replayed = asyncio.run(_run(asked["database"], asked["replay"]))
    say(f"result {write_replayed(replayed)}")


async def _run(url: str, id_: str) -> Replayed:
    database = open_database(url, guest=True)
    read = Reading(database, asyncio.get_running_loop())
    try:
        one = await database.read(replays.find, id_)
        if one is None:
            raise SystemExit("there is no such replay any more")
        rules = await database.read(replays.rules_of, id_)
        return await asyncio.to_thread(
            replay, read, since=one.since, until=one.until, rules=rules, progress=_Progress()
        )
    finally:
        read.stop()
        await database.close()


class Reading:
    """Reads for a thread beside the loop, each a short one; a silent base is asked again."""

    def __init__(self, database: Database, loop: asyncio.AbstractEventLoop) -> None:
        self._database = database
        self._loop = loop
        self._stopped = False

    def __call__(self, do: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  handed on
        asked = self._ask(do, *args, **kwargs)
        return asyncio.run_coroutine_threadsafe(asked, self._loop).result()

    def stop(self) -> None:
        """Let whoever reads on fail: nobody waits for him any more."""
        self._stopped = True

    async def _ask(self, do: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  handed on
        until = time.monotonic() + _PATIENCE_S
        while not self._stopped:
            try:
                return await self._database.read(do, *args, **kwargs)
            except BaseSilent:
                if time.monotonic() > until:
                    raise
                await asyncio.sleep(0.5)
        raise asyncio.CancelledError


class _Progress:
    """Who listens may be gone; then to say so fails, and with it everything."""

    def __init__(self) -> None:
        self._said = 0.0

    def __call__(self, done: int, everything: int) -> None:
        if time.monotonic() - self._said > EVERY_S:
            self._said = time.monotonic()
            say(f"progress {done} {everything}")


if __name__ == "__main__":
    main()
