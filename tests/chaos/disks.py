"""A disk that forgets: what it has after a power cut at a moment of a traced run.

What was synced is there. Of the rest there is nothing, or a part, as chance has it: some of the
writes to a file, some torn in two, and of the changes to a folder's names those up to some moment.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.tracing import Call, texts, words

Change = Callable[[bytearray], None]
Naming = Callable[[dict[str, "File"]], None]

SECTOR = 512


@dataclass
class File:
    """Its bytes as they are on the platter, and the changes that may or may not be."""

    safe: bytearray = field(default_factory=bytearray)
    pending: list[tuple[int, Change]] = field(default_factory=list)
    size: int = 0  # as the process sees it

    def sync(self, before: int) -> None:
        """Make sure of what was done before a call began."""
        for id_, change in self.pending:
            if id_ < before:
                change(self.safe)
        self.pending = [one for one in self.pending if one[0] >= before]

    def after_cut(self, chance: random.Random | None) -> bytes:
        found = bytearray(self.safe)
        for _, change in self.pending if chance else ():
            if chance and chance.random() < 0.5:
                change(found)
        return bytes(found)


class Disk:
    """The files under one folder. It is told of every call, and can be cut at any moment."""

    def __init__(self, folder: Path, *, deaf: Callable[[str], bool] = lambda _path: False) -> None:
        """What is in the folder now counts as safe. `deaf`: files whose syncs do nothing."""
        self._folder = str(folder)
        self._deaf = deaf
        self._names: dict[str, File] = {}  # as the process sees them
        self._safe_names: dict[str, File] = {}
        self._naming: list[tuple[int, str, Naming]] = []
        self._at: dict[str, int] = {}  # where the next `write` goes
        self._began: dict[int, int] = {}
        for path in folder.rglob("*"):
            if path.is_dir():
                self._safe_names[f"{path}/"] = File()
            else:
                file = File(bytearray(path.read_bytes()), size=path.stat().st_size)
                self._names[str(path)] = self._safe_names[str(path)] = file

    def move(self, folder: Path) -> None:
        """The folder was a copy of that one, which is what the calls are about."""
        old, self._folder = self._folder, str(folder)
        for names in (self._names, self._safe_names):
            moved = {self._folder + name.removeprefix(old): file for name, file in names.items()}
            names.clear()
            names.update(moved)

    def see(self, call: Call) -> None:
        """Learn of a call; what it does counts from its end on."""
        if call.done and call.result >= 0 and (handle := getattr(self, f"_{call.name}", None)):
            handle(call)

    def cut(self, where: Path, chance: random.Random | None) -> None:
        """Lay down in a folder what is there after a power cut. Without chance: what was synced."""
        names = dict(self._safe_names)
        if chance and self._naming:
            for _, _, naming in self._naming[: chance.randint(0, len(self._naming))]:
                naming(names)
        for path, file in names.items():
            folder = str(Path(path).parent)
            lost = folder != self._folder and f"{folder}/" not in names
            if lost or path.endswith(("/", "/reserve")):
                continue
            place = where / Path(path).relative_to(self._folder)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(file.after_cut(chance))

    def _mine(self, path: str) -> bool:
        return path.startswith(self._folder + "/")

    # Calls

    def _openat(self, call: Call) -> None:
        path, flags = texts(call)[0].decode(errors="replace"), " ".join(words(call))
        if not self._mine(path):
            return
        if path not in self._names and "O_CREAT" in flags:
            self._names[path] = file = File()
            self._name(call, path, lambda names: names.update({path: file}))
        if (found := self._names.get(path)) is None:
            return
        if "O_TRUNC" in flags:
            self._change(found, call, _truncation(0))
            found.size = 0
        if "O_RDONLY" not in flags:
            self._at[path] = found.size if "O_APPEND" in flags else 0

    def _write(self, call: Call) -> None:
        if file := self._names.get(call.target):
            at = self._at.get(call.target, file.size)
            self._put(file, call, at, texts(call)[0][: call.result])
            self._at[call.target] = at + call.result

    def _pwrite64(self, call: Call) -> None:
        if file := self._names.get(call.target):
            self._put(file, call, int(words(call)[-1]), texts(call)[0][: call.result])

    def _ftruncate(self, call: Call) -> None:
        if file := self._names.get(call.target):
            size = int(words(call)[-1])
            self._change(file, call, _truncation(size))
            file.size = size

    def _fallocate(self, call: Call) -> None:
        if file := self._names.get(call.target):
            start, length = map(int, words(call)[-2:])
            size = max(file.size, start + length)
            self._change(file, call, _extension(size))
            file.size = size

    def _fsync(self, call: Call) -> None:
        if self._deaf(call.target):
            return
        if file := self._names.get(call.target):
            file.sync(call.id)
        elif self._mine(call.target + "/"):
            for id_, folder, naming in self._naming:
                if folder == call.target and id_ < call.id:
                    naming(self._safe_names)
            self._naming = [
                one for one in self._naming if one[1] != call.target or one[0] >= call.id
            ]

    _fdatasync = _fsync

    def _rename(self, call: Call) -> None:
        old, new = (one.decode(errors="replace") for one in texts(call)[:2])
        if not self._mine(new):
            return

        def rename(names: dict[str, File]) -> None:
            if old in names:
                names[new] = names.pop(old)

        rename(self._names)
        self._name(call, new, rename)

    _renameat = _renameat2 = _rename

    def _link(self, call: Call) -> None:
        old, new = (one.decode(errors="replace") for one in texts(call)[:2])
        if self._mine(new) and (file := self._names.get(old)):
            self._names[new] = file
            self._name(call, new, lambda names: names.update({new: file}))

    _linkat = _link

    def _unlink(self, call: Call) -> None:
        path = texts(call)[0].decode(errors="replace")
        if self._mine(path):
            self._names.pop(path, None)
            self._name(call, path, _removal(path))

    _unlinkat = _unlink

    def _mkdir(self, call: Call) -> None:
        """A folder whose name is not safe takes with it all that is in it."""
        path = texts(call)[0].decode(errors="replace")
        if self._mine(path):
            self._name(call, path, lambda names: names.update({f"{path}/": File()}))

    _mkdirat = _mkdir

    # Changes

    def _name(self, call: Call, path: str, naming: Naming) -> None:
        self._naming.append((call.id, str(Path(path).parent), naming))

    def _put(self, file: File, call: Call, at: int, data: bytes) -> None:
        for start in range(0, len(data), SECTOR):
            self._change(file, call, _writing(at + start, data[start : start + SECTOR]))
        file.size = max(file.size, at + len(data))

    def _change(self, file: File, call: Call, change: Change) -> None:
        file.pending.append((call.id, change))


def _removal(path: str) -> Naming:
    def remove(names: dict[str, File]) -> None:
        names.pop(path, None)

    return remove


def _writing(at: int, data: bytes) -> Change:
    def write(found: bytearray) -> None:
        if len(found) < at:
            found.extend(bytes(at - len(found)))
        found[at : at + len(data)] = data

    return write


def _truncation(size: int) -> Change:
    def truncate(found: bytearray) -> None:
        del found[size:]
        found.extend(bytes(size - len(found)))

    return truncate


def _extension(size: int) -> Change:
    def extend(found: bytearray) -> None:
        found.extend(bytes(max(0, size - len(found))))

    return extend


def play(calls: Iterable[Call], disk: Disk, moment: Callable[[Call], bool]) -> Iterable[Call]:
    """Let the disk see the calls; stop before each of those that are a moment to look at."""
    for call in calls:
        if moment(call):
            yield call
        disk.see(call)
