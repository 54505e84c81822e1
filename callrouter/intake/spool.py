"""The spool: what was told while the base was silent, on disk before the answer leaves.

A file is a row of records: length (4 bytes, big-endian), CRC-32 of the document (4 bytes), the
document (JSON). One thread writes; one fsync serves all that wait. A torn record ends its file: it
was never acknowledged; so does a length of zero, which stands where the reserve is not used up.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import os
import struct
import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any, BinaryIO
from zlib import crc32

_HEAD = struct.Struct(">II")
_RESERVE = 8 * 1024 * 1024
"""So much of the disk is kept back for the spool when everything else has filled it."""

_FULL = 4 * 1024 * 1024
"""A file of that size is followed by another."""

Document = dict[str, Any]
_Waiting = tuple[bytes, asyncio.AbstractEventLoop, "asyncio.Future[bool]"]


def frame(document: Document) -> bytes:
    """One record as it stands in the file."""
    body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode(
        "utf-8", "surrogatepass"
    )
    return _HEAD.pack(len(body), crc32(body)) + body


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a file that is safe on the disk and will not change."""

    path: Path
    start: int
    end: int


def read_records(part: Part) -> Generator[Document, None, None]:
    """The records of a part, up to the first that is torn."""
    with part.path.open("rb") as file:
        at = file.seek(part.start)
        while at < part.end and len(head := file.read(_HEAD.size)) == _HEAD.size:
            length, check = _HEAD.unpack(head)
            body = file.read(length)
            if not length or len(body) < length or crc32(body) != check:
                return
            at += _HEAD.size + length
            yield json.loads(body.decode("utf-8", "surrogatepass"))


class Spool:
    """The files of one node, and the thread that writes them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._queue: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._lock = threading.Lock()  # round the file that is being written
        self._file: BinaryIO | None = None
        self._path = folder
        self._end = 0  # of what is safe in the file that is being written
        self._read: dict[Path, int] = {}  # how far the base has files that are still there
        self._backlog = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Make the folder and its reserve, and begin to write. Without a disk it only refuses."""
        with contextlib.suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            _sync(self._folder.parent)
            self._keep_reserve()
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

    def parts(self) -> list[Part]:
        """What there is to be read, oldest first."""
        with self._lock:
            return [self._part(path) for path in self._files()]

    def _part(self, path: Path) -> Part:
        end = self._end if self._is_written(path) else path.stat().st_size
        return Part(path, self._read.get(path, 0), end)

    def _is_written(self, path: Path) -> bool:
        return self._file is not None and path == self._path

    def forget(self, part: Part) -> None:
        """The base has these records: delete the file, unless more has been written into it."""
        with self._lock:
            if self._is_written(part.path):
                if self._end > part.end:
                    self._read[part.path] = part.end
                    return
                self._close()
            part.path.unlink(missing_ok=True)
            self._drop(part.path)
        with contextlib.suppress(OSError):
            self._keep_reserve()

    def set_aside(self, part: Part) -> None:
        """Take a file that cannot be read out of the way; a person may look at it."""
        with self._lock:
            if self._is_written(part.path):
                self._close()
            part.path.replace(part.path.with_suffix(".unread"))
            self._drop(part.path)

    def _drop(self, path: Path) -> None:
        self._read.pop(path, None)
        self._backlog = bool(self._files())

    def _close(self) -> None:
        if self._file:
            self._file.close()
            self._file = None

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
                self._append(records, self._open_next)
            except OSError as error:
                self._leave()
                if error.errno != errno.ENOSPC:
                    return False
                try:
                    self._append(records, self._open_reserve)
                except OSError:
                    self._leave()
                    return False
            return True

    def _leave(self) -> None:
        """Go on in another file; one with nothing in it need not stay."""
        empty = self._file is not None and not self._end
        self._close()
        if empty:
            with contextlib.suppress(OSError):
                self._path.unlink()

    def _append(self, records: bytes, begin: Callable[[], BinaryIO]) -> None:
        if self._file is None:
            self._file, self._end = begin(), 0
        try:
            rest = memoryview(records)
            while rest:
                rest = rest[self._file.write(rest) :]
            os.fsync(self._file.fileno())
        except OSError:
            # What an fsync failed on counts as lost; a torn tail must not hide later records.
            with contextlib.suppress(OSError):
                os.ftruncate(self._file.fileno(), self._end)
            raise
        self._end += len(records)
        self._backlog = True
        if self._end > _FULL:
            self._close()

    def _open_next(self) -> BinaryIO:
        self._path = self._next_path()
        file = self._path.open("xb", buffering=0)
        _sync(self._folder)
        return file

    def _open_reserve(self) -> BinaryIO:
        """Write on where there is room already, whatever has become of the rest of the disk."""
        self._path = self._next_path()
        self._reserve.rename(self._path)
        file = self._path.open("r+b", buffering=0)
        _sync(self._folder)
        return file

    def _next_path(self) -> Path:
        names = [int(path.stem.removeprefix("spool-")) for path in self._files()]
        return self._folder / f"spool-{max(names, default=0) + 1:012d}.log"

    @property
    def _reserve(self) -> Path:
        return self._folder / "reserve"

    def _keep_reserve(self) -> None:
        if self._reserve.exists():
            return
        fresh = self._folder / "reserve.new"
        try:
            with fresh.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, _RESERVE)
            fresh.rename(self._reserve)
        except OSError:
            fresh.unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    """Make sure of the names in a folder."""
    file = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _answer(future: asyncio.Future[bool], written: bool) -> None:  # noqa: FBT001
    if not future.done():
        future.set_result(written)
