"""The spool: what was told while the base was silent, on disk before the answer leaves.

A file is a row of records: length (4 bytes, big-endian), CRC-32 of the document (4 bytes), the
document (JSON). One thread writes; one fsync serves all that wait. A torn record ends its file: it
was never acknowledged.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import os
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import Any, BinaryIO
from zlib import crc32

_HEAD = struct.Struct(">II")
_BALLAST = 8 * 1024 * 1024
"""So much of the disk is kept back for the spool when everything else has filled it."""

Document = dict[str, Any]
_Waiting = tuple[bytes, asyncio.AbstractEventLoop, "asyncio.Future[bool]"]


def frame(document: Document) -> bytes:
    """One record as it stands in the file."""
    body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode(
        "utf-8", "surrogatepass"
    )
    return _HEAD.pack(len(body), crc32(body)) + body


def read_records(path: Path) -> Iterator[Document]:
    """The records of a file, up to the first that is torn."""
    with path.open("rb") as file:
        while len(head := file.read(_HEAD.size)) == _HEAD.size:
            length, check = _HEAD.unpack(head)
            body = file.read(length)
            if len(body) < length or crc32(body) != check:
                return
            yield json.loads(body.decode("utf-8", "surrogatepass"))


class Spool:
    """The files of one node, and the thread that writes them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._queue: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._lock = threading.Lock()  # round the file that is being written
        self._file: BinaryIO | None = None
        self._backlog = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Make the folder and its reserve, and begin to write. Without a disk it only refuses."""
        with contextlib.suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            self._keep_ballast()
        self._backlog = bool(self._files())
        self._thread = threading.Thread(target=self._work, name="spool", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        if self._thread:
            self._queue.put(None)
            self._thread.join()
        with self._lock:
            self._close()

    async def append(self, document: Document, within_s: float) -> bool:
        """Write a record and fsync it. False: it could not be made safe in that time."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[bool] = loop.create_future()
        self._queue.put((frame(document), loop, future))
        done, _ = await asyncio.wait({future}, timeout=within_s)
        return bool(done) and future.result()

    @property
    def waiting(self) -> bool:
        """True while there are records that the base has not got."""
        return self._backlog

    def close_files(self) -> list[Path]:
        """Begin a new file; gives the ones before it, oldest first, which nobody writes now."""
        with self._lock:
            self._close()
            return self._files()

    def _close(self) -> None:
        if self._file:
            self._file.close()
            self._file = None

    def forget(self, path: Path) -> None:
        """Delete a file whose records the base has."""
        with self._lock:
            path.unlink(missing_ok=True)
            self._backlog = bool(self._files())
        with contextlib.suppress(OSError):
            self._keep_ballast()

    def set_aside(self, path: Path) -> None:
        """Take a file that cannot be read out of the way; a person may look at it."""
        with self._lock:
            path.replace(path.with_suffix(".unread"))
            self._backlog = bool(self._files())

    def _files(self) -> list[Path]:
        try:
            return sorted(self._folder.glob("spool-*.log"))
        except OSError:
            return []

    # In the thread

    def _work(self) -> None:
        while (first := self._queue.get()) is not None:
            waiting = [first]
            last = False
            while not self._queue.empty():
                if (more := self._queue.get()) is None:
                    last = True
                    break
                waiting.append(more)
            written = self._write(b"".join(record for record, _, _ in waiting))
            for _, loop, future in waiting:
                with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
                    loop.call_soon_threadsafe(_answer, future, written)
            if last:
                return

    def _write(self, records: bytes) -> bool:
        with self._lock:
            try:
                self._append(records)
            except OSError as error:
                self._close()
                if error.errno != errno.ENOSPC or not self._give_ballast():
                    return False
                try:
                    self._append(records)
                except OSError:
                    self._close()
                    return False
            return True

    def _append(self, records: bytes) -> None:
        if self._file is None:
            self._file = self._open()
        start = self._file.tell()
        try:
            rest = memoryview(records)
            while rest:
                rest = rest[self._file.write(rest) :]
            os.fsync(self._file.fileno())
        except OSError:
            # What an fsync failed on counts as lost; a torn tail must not hide later records.
            with contextlib.suppress(OSError):
                os.ftruncate(self._file.fileno(), start)
            raise
        self._backlog = True

    def _open(self) -> BinaryIO:
        names = [int(path.stem.removeprefix("spool-")) for path in self._files()]
        path = self._folder / f"spool-{max(names, default=0) + 1:012d}.log"
        file = path.open("ab", buffering=0)
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return file

    @property
    def _ballast(self) -> Path:
        return self._folder / "ballast"

    def _keep_ballast(self) -> None:
        if not self._ballast.exists():
            with self._ballast.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, _BALLAST)

    def _give_ballast(self) -> bool:
        if not self._ballast.exists():
            return False
        self._ballast.unlink()
        return True


def _answer(future: asyncio.Future[bool], written: bool) -> None:  # noqa: FBT001
    if not future.done():
        future.set_result(written)
