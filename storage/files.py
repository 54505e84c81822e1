"""Files that are kept: written under a name of no meaning, whole and on the disk before anybody
sees them under their own.

Nothing here waits for the network and everything may wait for the disk: call it in a thread.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote

SPARE: Final = 128 * 1024**2
"""Bytes that a file leaves free: base, spool and logs may lie on the same disk."""

FLUSH: Final = 8 * 1024**2
"""So much at once goes to the disk, so that no fsync of the base waits behind a whole file."""

_NAME: Final = re.compile(r"[a-z]+(?:/[a-z0-9]+)*/[A-Za-z0-9_-]+\.[a-z0-9]{1,8}")
_FULL: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_DRAFTS: Final = "drafts"


class NoRoom(Exception):
    """The disk is full, or would be. Nothing half written stays."""


def open_files(url: str) -> Folder:
    """The files at `file:///PATH`. Nothing is made yet. Raises ValueError."""
    if not url.startswith("file:///"):
        raise ValueError("neither empty nor file:///PATH")
    return Folder(Path(unquote(url.removeprefix("file://"))))


@dataclass(frozen=True)
class Folder:
    """Files by names of ours, such as `recordings/3f/3f….wav`, under a folder."""

    root: Path
    spare: int = SPARE

    def begin(self) -> Draft:
        """A new file of no name. Raises NoRoom."""
        drafts = self.root / _DRAFTS
        try:
            drafts.mkdir(parents=True, exist_ok=True)
            number, path = tempfile.mkstemp(prefix="", suffix=".part", dir=drafts)
        except OSError as error:
            raise _of(error) from None
        return Draft(self, Path(path), number)

    def path(self, name: str) -> Path:
        """Where a file lies. Raises ValueError for a name that is none of ours."""
        if not _NAME.fullmatch(name) or name.startswith(f"{_DRAFTS}/"):
            raise ValueError("no name of a file")
        return self.root / name

    def has(self, name: str) -> bool:
        return self.path(name).is_file()

    def make_sure_of_room(self, size: int) -> None:
        """Raise NoRoom unless so many more bytes leave enough free."""
        self.root.mkdir(parents=True, exist_ok=True)
        disk = os.statvfs(self.root)
        if disk.f_bavail * disk.f_frsize < size + self.spare:
            raise NoRoom("too little is free on the disk")

    def sweep(self, older_than_s: float) -> int:
        """Take away drafts that nobody writes any more: their server was killed."""
        before, swept = time.time() - older_than_s, 0
        for path in (self.root / _DRAFTS).glob("*.part"):
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime < before:
                    path.unlink()
                    swept += 1
        return swept


class Draft:
    """A file on its way: it gets its name with `keep`, or goes with `drop`."""

    def __init__(self, folder: Folder, path: Path, number: int) -> None:
        self._folder = folder
        self._path = path
        self._file = os.fdopen(number, "r+b", buffering=0)
        self._hash = hashlib.sha256()
        self._flushed = 0
        self._lock = threading.Lock()  # whoever drops it may come while it is written
        self.size = 0

    @property
    def digest(self) -> str:
        """SHA-256 of what was written, in hex."""
        return self._hash.hexdigest()

    def write(self, data: bytes) -> None:
        """Add to its end. Raises NoRoom."""
        self._folder.make_sure_of_room(len(data))
        with self._lock:
            try:
                self._write(memoryview(data))
            except OSError as error:
                raise _of(error) from None

    def _write(self, data: memoryview) -> None:
        rest = data
        while rest:
            rest = rest[self._file.write(rest) :]
        self._hash.update(data)
        self.size += len(data)
        if self.size - self._flushed >= FLUSH:
            os.fdatasync(self._file.fileno())
            self._flushed = self.size

    def head(self, size: int) -> bytes:
        """Its first bytes."""
        return os.pread(self._file.fileno(), size, 0)

    def save(self) -> None:
        """Make sure that what was written is on the disk. Raises NoRoom."""
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise _of(error) from None

    def keep(self, name: str) -> None:
        """Save it and give it its name; a file of that name gives way. Raises NoRoom."""
        path = self._folder.path(name)
        self.save()
        try:
            _make(path.parent)
            self._path.chmod(0o640)
            self._path.rename(path)
            sync_folder(path.parent)
        except OSError as error:
            raise _of(error) from None
        self._file.close()

    def drop(self) -> None:
        """Take it away, unless it was kept."""
        with self._lock:
            if not self._file.closed:
                self._file.close()
                self._path.unlink(missing_ok=True)


def _make(folder: Path) -> None:
    """Make a folder that a power cut does not take away."""
    if folder.is_dir():
        return
    _make(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Make sure on the disk which names stand in a folder."""
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _of(error: OSError) -> Exception:
    return NoRoom("the disk is full") if error.errno in _FULL else error
