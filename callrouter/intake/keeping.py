"""Keeps the files that PBXs send, beside the hot path: on threads of its own, a few at a time.

A file gets its name only when it is whole and on the disk, and before that a note says what it is
of. The note goes when the base has the event and the recording; so after a kill -9 at whatever
moment either nothing was kept, or the note leads to it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

import structlog

from callrouter.flows.recordings import Upload, hang
from storage.database import BaseSilent, Database, Priority
from storage.files import Draft, Files, FilesSilent, sync_folder
from webhooks.provider import RawHook

if TYPE_CHECKING:
    from pathlib import Path

    from callrouter.intake.intake import Intake

log = structlog.get_logger()

P = ParamSpec("P")
T = TypeVar("T")

AT_ONCE: Final = 8
"""So many files may come at once; whoever sends one more is asked to come again."""

AGAIN_S: Final = 2.0
"""After which a note is looked at again; each time in vain doubles it, up to an hour."""

SWEEP_S: Final = 3600.0
DRAFT_LIFE_S: Final = 2 * 3600.0
"""No file takes so long to come: what is older was left behind by a server that was killed."""


class Keeper:
    """The files of one server. Belongs to the event loop."""

    def __init__(
        self,
        database: Database,
        intake: Intake,
        files: Files,
        notes: Path,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._intake = intake
        self._files = files
        self._notes = notes
        self._clock = clock
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="files")
        self._coming = 0
        self._going: set[str] = set()
        self._again: dict[str, tuple[float, float]] = {}
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Find again what an earlier run left."""
        self._task = asyncio.create_task(self._work(), name="keeper")

    async def stop(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._threads.shutdown()

    @property
    def busy(self) -> bool:
        """True while as many files come as may."""
        return self._coming >= AT_ONCE

    @contextlib.asynccontextmanager
    async def draft(self, size: int) -> AsyncIterator[Page]:
        """A file to write to; it is gone at the end unless it was kept. Raises NoRoom."""
        self._coming += 1
        try:
            await self.run(self._files.make_sure_of_room, size)
            draft = await self.run(self._files.begin)
            try:
                yield Page(self, draft)
            finally:
                await asyncio.shield(self.run(draft.drop))
        finally:
            self._coming -= 1

    async def keep(self, draft: Draft, upload: Upload) -> None:
        """Keep a file that is whole, and tell its call. Raises NoRoom.

        Once this is done it is kept, though the base may hear of it later.
        """
        self._going.add(upload.id)
        try:
            await self.run(self._put_down, draft, upload)
            await self._tell(upload)
        finally:
            self._going.discard(upload.id)

    def _put_down(self, draft: Draft, upload: Upload) -> None:
        draft.save()
        _write_note(self._note(upload.id), upload)
        draft.keep(upload.file)

    async def _tell(self, upload: Upload) -> bool:
        """Let the base have the event and the recording. False: it has to be done again."""
        provider = self._intake.provider("pbx", upload.account)
        if provider is None:
            return False
        hook = RawHook(
            account=upload.account,
            method="PUT",
            url="",
            query="",
            headers=(),
            body=upload.body,
            peer="",
            arrived=upload.at,
            arrived_s=time.monotonic(),
        )
        try:
            await self._intake.take(hook, provider, [upload.event])
            setup = self._intake.snapshot.setup
            outgoing = setup is None or setup.recordings.outgoing
            call = await self._database.write_as(
                Priority.JOBS, hang, upload, outgoing=outgoing, now=self._clock()
            )
        except BaseSilent:
            return False
        if call is None:
            return False
        await self.run(self._note(upload.id).unlink, missing_ok=True)
        return True

    # What is still to be told

    async def _work(self) -> None:
        swept = 0.0
        while True:
            try:
                if not swept or time.monotonic() - swept > SWEEP_S:
                    swept = time.monotonic()
                    await self.run(self._files.sweep, DRAFT_LIFE_S)
                await self._tell_again()
            except Exception:
                log.exception("background_work_failed", work="keeper")
            await asyncio.sleep(AGAIN_S)

    async def _tell_again(self) -> None:
        """Follow the notes whose time has come."""
        notes = await self.run(lambda: sorted(self._notes.glob("*.json")))
        there = {one.stem for one in notes}
        self._again = {id_: due for id_, due in self._again.items() if id_ in there}
        for path in notes:
            due, pause = self._again.get(path.stem, (0.0, AGAIN_S))
            if path.stem in self._going or time.monotonic() < due:
                continue
            if not await self._follow(path):
                self._again[path.stem] = (time.monotonic() + pause, min(pause * 2, 3600.0))

    async def _follow(self, path: Path) -> bool:
        """False: it has to be looked at again."""
        upload = await self.run(_read_note, path)
        try:
            there = upload is not None and await self.run(self._files.has, upload.file)
        except FilesSilent as error:
            log.warning("files_silent", error=str(error))
            return False
        if upload is not None and there:
            return await self._tell(upload)
        # It was never whole, and nobody was told that it is kept.
        await self.run(path.unlink, missing_ok=True)
        return True

    def _note(self, id_: str) -> Path:
        return self._notes / f"{id_}.json"

    async def run(self, do: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run what waits for the disk."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, lambda: do(*args, **kwargs))


class Page:
    """A draft as the event loop writes to it."""

    def __init__(self, keeper: Keeper, draft: Draft) -> None:
        self._keeper = keeper
        self._draft = draft

    @property
    def size(self) -> int:
        return self._draft.size

    @property
    def digest(self) -> str:
        """SHA-256 of what was written, in hex."""
        return self._draft.digest

    async def write(self, data: bytes) -> None:
        """Raises NoRoom."""
        await self._keeper.run(self._draft.write, data)

    async def head(self, size: int) -> bytes:
        """Its first bytes."""
        return await self._keeper.run(self._draft.head, size)

    async def keep(self, upload: Upload) -> None:
        """Keep it, whole as it is. Raises NoRoom."""
        await self._keeper.keep(self._draft, upload)


def _write_note(path: Path, upload: Upload) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({**asdict(upload), "at": upload.at.isoformat()})
    draft = path.with_suffix(".part")
    with draft.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)
    sync_folder(path.parent)


def _read_note(path: Path) -> Upload | None:
    """None: it is broken or gone."""
    try:
        found = json.loads(path.read_text())
        return Upload(**{**found, "at": datetime.fromisoformat(found["at"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None
