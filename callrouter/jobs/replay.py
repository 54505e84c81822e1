"""Past calls again, as somebody asked for on a page: one at a time on each node, in a child.

It may take minutes of a processor, so it is done where it holds up no call: in a process of low
priority that only reads the base. A server that ends takes it along, and the page says so.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import callrouter
from callrouter.flows import replays as flow
from callrouter.flows.replays import INTERRUPTED, REPLAY
from callrouter.jobs.worker import Kind, Task
from storage import replays
from storage.database import BaseSilent, Priority
from storage.documents import read_replayed

if TYPE_CHECKING:
    from callrouter.domain.replayed import Replayed
    from callrouter.service import Service

PROGRAM: Final = "callrouter.replaying_apart"
LOOK_S: Final = 1.0
"""So often it is written how far it is, and looked whether it is still wanted."""

WITHIN_S: Final = 4 * 3600.0
_MOST: Final = 16 * 1024**2
_SAID: Final = 300


class Broken(Exception):
    """It did not come to a result; the text is the last of its complaints."""


def kinds(service: Service) -> list[Kind]:
    return [Kind(REPLAY, partial(run, service), at_once=1, lease_s=30.0, tries=3)]


async def run(service: Service, task: Task) -> None:
    """Do it, unless it was cancelled, or begun by a server that is no more."""
    id_, write, clock = task.text("replay"), service.database.write_as, service.clock
    if not await write(Priority.JOBS, flow.begin, id_, now=clock()):
        return
    try:
        found = await _in_a_child(service, id_)
    except asyncio.CancelledError:
        told = write(Priority.JOBS, flow.failed, id_, INTERRUPTED, now=clock())
        with contextlib.suppress(BaseSilent):
            await asyncio.shield(told)
        raise
    except (Broken, ValueError) as error:  # what it printed may be none of what we know
        await task.finish(flow.failed, id_, str(error)[:_SAID], now=clock())
        return
    if found is not None:
        await task.finish(flow.came, id_, found, now=clock())


@dataclass(slots=True)
class _Heard:
    """What the child has said so far."""

    done: int = 0
    out_of: int = 0
    result: Replayed | None = None
    complaint: str = ""


async def _in_a_child(service: Service, id_: str) -> Replayed | None:
    """What came of it; None: it was cancelled. Raises Broken."""
    heard, told = _Heard(), (0, 0)
    async with _child(service.settings.database, id_) as child:
        if child.stdout is None:
            raise Broken("its process has no pipe")
        listening = asyncio.create_task(_listen(child.stdout, heard))
        try:
            async with asyncio.timeout(WITHIN_S):
                while not (await asyncio.wait({listening}, timeout=LOOK_S))[0]:
                    so_far = (heard.done, heard.out_of)
                    if not await _go_on(service, id_, so_far if so_far != told else None):
                        return None
                    told = so_far
        except TimeoutError:
            raise Broken(f"it took more than {WITHIN_S / 3600:g} h") from None
        finally:
            listening.cancel()
        await listening
        ended = await child.wait()
    if heard.result is None:
        raise Broken(heard.complaint[:_SAID] or f"its process ended with {ended}")
    return heard.result


async def _go_on(service: Service, id_: str, so_far: tuple[int, int] | None) -> bool:
    """Whether it is still wanted. `so_far`: how far it is, where that is news."""
    with contextlib.suppress(BaseSilent):
        if so_far is not None:
            return await service.database.write_as(
                Priority.JOBS, replays.went_on, id_, so_far[0], so_far[1]
            )
        one = await service.database.read(replays.find, id_)
        return one is not None and one.state == "running"
    return True


async def _listen(said: asyncio.StreamReader, heard: _Heard) -> None:
    async for line in said:
        word, _, rest = line.decode(errors="replace").strip().partition(" ")
        if word == "progress":
            done, out_of = rest.split()
            heard.done, heard.out_of = int(done), int(out_of)
        elif word == "result":
            heard.result = read_replayed(rest)
        elif word:
            heard.complaint = f"{word} {rest}".strip()


@asynccontextmanager
async def _child(database: str, id_: str) -> AsyncIterator[Process]:
    """It lives no longer than the block. By pipe, as the base's address may hold a password."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        PROGRAM,
        stdin=PIPE,
        stdout=PIPE,
        stderr=STDOUT,
        env=_environ(),
        limit=_MOST,
    )
    try:
        if child.stdin is None:
            raise Broken("its process has no pipe")
        child.stdin.write(json.dumps({"database": database, "replay": id_}).encode())
        with contextlib.suppress(OSError):  # it has ended already: what it says tells why
            await child.stdin.drain()
        child.stdin.close()
        yield child
    finally:
        if child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            await asyncio.shield(child.wait())


def _environ() -> dict[str, str]:
    """Ours without our own settings, in which secrets stand; it finds the same code as we do."""
    ours = {name: text for name, text in os.environ.items() if not name.startswith("CALLROUTER_")}
    where = [str(Path(callrouter.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    return {**ours, "PYTHONPATH": os.pathsep.join(one for one in where if one)}
