"""Files that are kept: written under a name of no meaning, whole before anybody sees them under
their own.

`Files` is what every place of files can do: a folder, or a bucket of an S3 service
(`storage/bucket.py`). All of it may wait, for the disk or for the network: call it in a thread.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import secrets
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import unquote

SPARE: Final = 128 * 1024**2
"""Bytes that a file leaves free: base, spool and logs may lie on the same disk."""

FLUSH: Final = 8 * 1024**2
"""So much at once goes to the disk, so that no fsync of the base waits behind a whole file."""

_NAME: Final = re.compile(r"[a-z]+(?:/[a-z0-9]+)*/[A-Za-z0-9_-]+\.[a-z0-9]{1,8}")
_FULL: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_DRAFTS: Final = "drafts"
_BLOCK: Final = 256 * 1024


class NoRoom(Exception):
    """The disk is full, or would be. Nothing half written stays."""


class FilesSilent(Exception):
    """Where the files lie gives no answer, or refuses us; the text says what it said. Try later."""


@dataclass(frozen=True, slots=True)
class Lying:
    """A file as it lies there. `at`: when it got its name."""

    name: str
    size: int
    at: datetime


class Files(Protocol):
    """Files by names of ours, such as `recordings/3f/3f….wav`.

    Everything but `begin` and `sweep` raises ValueError for a name that is none of ours. What lies
    elsewhere raises FilesSilent.
    """

    def begin(self) -> Draft:
        """A new file of no name. Raises NoRoom."""
        ...

    def make_sure_of_room(self, size: int) -> None:
        """Raise NoRoom unless so many more bytes leave enough free."""
        ...

    def sweep(self, older_than_s: float) -> int:
        """Take away drafts that nobody writes any more: their server was killed."""
        ...

    def has(self, name: str) -> bool: ...

    def size(self, name: str) -> int | None:
        """In bytes; None: there is no such file."""
        ...

    def read(self, name: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """A part of a file in blocks, its rest without a length. Raises FileNotFoundError."""
        ...

    def delete(self, name: str) -> None:
        """Take a file away for good; none is there afterwards, whether or not there was one."""
        ...

    def under(self, folder: str) -> Iterator[Lying]:
        """All whose names begin so; `folder` as in `recordings`."""
        ...


def open_files(
    url: str, environ: Mapping[str, str] | None = None, drafts: Path | None = None
) -> Files:
    """The files at `file:///PATH` or `s3://BUCKET/PREFIX`. Nothing is made or asked yet.

    `environ`: where a bucket's keys stand; `drafts`: where its files are written before they are
    sent. Raises ValueError, which says what is allowed.
    """
    if url.startswith("file:///"):
        return Folder(Path(unquote(url.removeprefix("file://"))))
    if url.startswith("s3://"):
        from storage.bucket import open_bucket

        return open_bucket(url, environ or {}, Folder(drafts or _spare_place()))
    raise ValueError("allowed are file:///PATH and s3://BUCKET/PREFIX")


def _spare_place() -> Path:
    return Path(tempfile.gettempdir()) / f"callrouter-{os.getuid()}"


@contextlib.contextmanager
def at_hand(files: Files, name: str) -> Iterator[Path]:
    """A file as a path of this machine, for what reads nothing else; it may be gone afterwards.

    Raises FileNotFoundError, NoRoom.
    """
    if isinstance(files, Folder):
        path = files.path(name)
        if not path.is_file():
            raise FileNotFoundError(name)
        yield path
        return
    draft = files.begin()
    try:
        for block in files.read(name):
            draft.write(block)
        yield draft.path
    finally:
        draft.drop()


def check_name(name: str) -> str:
    """Raises ValueError for a name that is none of ours."""
    if not _NAME.fullmatch(name) or name.startswith(f"{_DRAFTS}/"):
        raise ValueError("no name of a file")
    return name


@dataclass(frozen=True)
class Folder:
    """Files under a folder of this machine."""

    root: Path
    spare: int = SPARE

    def place(self) -> str:
        """A word that lies in the folder: whoever sees the same one sees the same files."""
        self.root.mkdir(parents=True, exist_ok=True)
        path = self.root / ".place"
        with contextlib.suppress(FileExistsError), path.open("x") as file:
            file.write(secrets.token_hex(16))
            file.flush()
            os.fsync(file.fileno())
        return path.read_text()

    def begin(self) -> Draft:
        """A new file of no name. Raises NoRoom."""
        return self.draft_for(self._name)

    def draft_for(self, name_it: Callable[[Path, str], None]) -> Draft:
        """A draft of this folder that gets its name by a way of its own. Raises NoRoom."""
        drafts = self.root / _DRAFTS
        try:
            drafts.mkdir(parents=True, exist_ok=True)
            number, path = tempfile.mkstemp(prefix="", suffix=".part", dir=drafts)
        except OSError as error:
            raise _of(error) from None
        return Draft(self, Path(path), number, name_it)

    def _name(self, draft: Path, name: str) -> None:
        path = self.path(name)
        _make(path.parent)
        draft.chmod(0o640)
        draft.rename(path)
        sync_folder(path.parent)

    def path(self, name: str) -> Path:
        """Where a file lies. Raises ValueError for a name that is none of ours."""
        return self.root / check_name(name)

    def has(self, name: str) -> bool:
        return self.path(name).is_file()

    def size(self, name: str) -> int | None:
        try:
            return self.path(name).stat().st_size
        except FileNotFoundError:
            return None

    def read(self, name: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Raises FileNotFoundError."""
        path = self.path(name)
        rest = path.stat().st_size - start if length is None else length
        with path.open("rb") as file:
            file.seek(start)
            while rest > 0 and (block := file.read(min(rest, _BLOCK))):
                rest -= len(block)
                yield block

    def delete(self, name: str) -> None:
        path = self.path(name)
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
            sync_folder(path.parent)

    def under(self, folder: str) -> Iterator[Lying]:
        for path in (self.root / folder).rglob("*.*"):
            with contextlib.suppress(FileNotFoundError):
                found = path.stat()
                name = path.relative_to(self.root).as_posix()
                yield Lying(name, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))

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

    def __init__(
        self, folder: Folder, path: Path, number: int, name_it: Callable[[Path, str], None]
    ) -> None:
        self._folder = folder
        self._name_it = name_it
        self.path = path
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
        """Save it and give it its name; a file of that name gives way.

        Raises NoRoom, FilesSilent.
        """
        check_name(name)
        self.save()
        try:
            self._name_it(self.path, name)
        except OSError as error:
            raise _of(error) from None
        self._file.close()

    def drop(self) -> None:
        """Take it away, unless it was kept."""
        with self._lock:
            if not self._file.closed:
                self._file.close()
                self.path.unlink(missing_ok=True)


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
