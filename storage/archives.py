"""The file of a backup: a tar that says of itself what is in it, and whether it is whole.

`manifest.json` comes first and has size and SHA-256 of every member after it; the last member,
`sha256`, is that of all bytes before it. So whatever byte is changed or missing is found.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import tarfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Final, Literal, Protocol, Self

from storage.files import Draft

FORMAT: Final = 1
CHUNK: Final = 256 * 1024
Stop = Callable[[], None]
"""Asked before every piece; raises when the work is to end."""

_MANIFEST: Final = "manifest.json"
_SUM: Final = "sha256"
_MOST_MANIFEST: Final = 4 * 1024**2


class Damaged(Exception):
    """An archive, or a file that it names, is not what it was; the text says which."""


@dataclass(frozen=True, slots=True)
class Member:
    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Kept:
    """A file that the base names, and what it must be like."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What an archive holds. `key`: the fingerprint of the secret key, which is not in it.

    `tables`: how many rows each has; `columns` and `sequences`: of a dump of PostgreSQL, in the
    order in which the tables are to be filled. `files`, `bytes`: of recordings and documents.
    """

    id: str
    at: datetime
    callrouter: str
    schema: str
    engine: Literal["sqlite", "postgresql"]
    key: str
    tables: Mapping[str, int]
    columns: Mapping[str, list[str]] = field(default_factory=dict)
    sequences: Mapping[str, int] = field(default_factory=dict)
    files: int = 0
    bytes: int = 0
    members: tuple[Member, ...] = ()
    format: int = FORMAT


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def pieces(file: Readable, size: int | None = None, stop: Stop = lambda: None) -> Iterator[bytes]:
    """What a file holds, piece by piece; `size`: not more than so much of it."""
    left = size
    while left is None or left > 0:
        stop()
        piece = file.read(CHUNK if left is None else min(CHUNK, left))
        if not piece:
            return
        if left is not None:
            left -= len(piece)
        yield piece


def sum_of(path: Path, stop: Stop = lambda: None) -> tuple[int, str]:
    """Size and SHA-256 of a file."""
    total, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        for piece in pieces(file, stop=stop):
            total.update(piece)
            size += len(piece)
    return size, total.hexdigest()


# Writing


class _Page:
    """A draft as tarfile writes to it."""

    def __init__(self, draft: Draft, stop: Stop) -> None:
        self._draft = draft
        self._stop = stop

    def tell(self) -> int:
        return self._draft.size

    def write(self, data: bytes) -> int:
        self._stop()
        self._draft.write(data)
        return len(data)


def write(
    draft: Draft, manifest: Manifest, members: Mapping[str, Path], stop: Stop = lambda: None
) -> None:
    """Write an archive of these files. Raises NoRoom."""
    sums = {name: sum_of(member, stop) for name, member in members.items()}
    listed = [Member(name, size, digest) for name, (size, digest) in sums.items()]
    said = {**asdict(manifest), "at": manifest.at.isoformat()}
    said["members"] = [asdict(one) for one in listed]
    when = int(manifest.at.timestamp())
    page: Any = _Page(draft, stop)
    with tarfile.open(fileobj=page, mode="w", format=tarfile.PAX_FORMAT) as tar:
        text = json.dumps(said, ensure_ascii=False, indent=1).encode()
        _add(tar, _MANIFEST, len(text), io.BytesIO(text), when)
        for name, member in members.items():
            with member.open("rb") as file:
                _add(tar, name, sums[name][0], file, when)
        last = draft.digest.encode()
        _add(tar, _SUM, len(last), io.BytesIO(last), when)


def _add(tar: tarfile.TarFile, name: str, size: int, file: IO[bytes], when: int) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mtime, info.mode = size, when, 0o640
    tar.addfile(info, file)


# Reading


class Archive:
    """An archive that was found whole. Use it as a context manager."""

    def __init__(self, path: Path, stop: Stop = lambda: None) -> None:
        """Reads all of it. Raises Damaged, OSError."""
        self.path = path
        self._file = path.open("rb")
        try:
            with _damaged(path):
                self._tar = tarfile.open(fileobj=self._file, mode="r:")  # noqa: SIM115
                self._places = {one.name: one for one in self._tar}
                self.manifest = self._read_manifest()
                self._check(stop)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._tar.close()
        self._file.close()

    def read(self, name: str, stop: Stop = lambda: None) -> Iterator[bytes]:
        """A member, piece by piece."""
        place = self._places[name]
        self._file.seek(place.offset_data)
        return pieces(self._file, place.size, stop)

    def open(self, name: str) -> IO[bytes]:
        """A member, to be read from its beginning while nothing else of the archive is."""
        found = self._tar.extractfile(self._places[name])
        if found is None:
            raise Damaged(f"{self.path}: {name} is no file")
        return found

    def _read_manifest(self) -> Manifest:
        if self._places[_MANIFEST].size > _MOST_MANIFEST:
            raise ValueError("its manifest is too long")
        found = json.loads(b"".join(self.read(_MANIFEST)))
        if found["format"] != FORMAT:
            raise Damaged(
                f"{self.path}: its format is {found['format']}, this version knows {FORMAT}"
            )
        found["at"] = datetime.fromisoformat(found["at"])
        found["members"] = tuple(Member(**one) for one in found["members"])
        return Manifest(**found)

    def _check(self, stop: Stop) -> None:
        expected = [_MANIFEST, *(one.name for one in self.manifest.members), _SUM]
        if list(self._places) != expected:
            missing = sorted(set(expected) - set(self._places))
            raise ValueError(f"it lacks {', '.join(missing)}" if missing else "it holds too much")
        for member in self.manifest.members:
            total = hashlib.sha256()
            for piece in self.read(member.name, stop):
                total.update(piece)
            if (self._places[member.name].size, total.hexdigest()) != (member.size, member.sha256):
                raise ValueError(f"{member.name} is not what it was")
        last, total = self._places[_SUM], hashlib.sha256()
        self._file.seek(0)
        for piece in pieces(self._file, last.offset, stop):
            total.update(piece)
        if b"".join(self.read(_SUM)) != total.hexdigest().encode():
            raise ValueError("it is not what it was")
        size = self._file.seek(0, os.SEEK_END)
        self._file.seek(last.offset_data + last.size)
        if size % tarfile.RECORDSIZE or any(map(any, pieces(self._file))):
            raise ValueError("its end is not what it was")


@contextlib.contextmanager
def _damaged(path: Path) -> Iterator[None]:
    """Whatever cannot be read of an archive is damage, or it never was one of ours."""
    try:
        yield
    except (tarfile.TarError, EOFError, ValueError, KeyError, TypeError, OverflowError) as error:
        raise Damaged(f"{path}: damaged, or no backup of callrouter: {error}") from error
