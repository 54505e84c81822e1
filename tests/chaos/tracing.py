"""What a process asks the kernel to do to its files, and when it speaks to whom: read from strace."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

_CALLS = (
    "openat,write,pwrite64,writev,fsync,fdatasync,ftruncate,fallocate,rename,renameat,renameat2,"
    "link,linkat,unlink,unlinkat,mkdir,mkdirat,sendto,sendmsg"
)


def strace(output: Path) -> list[str]:
    """The command line that a traced command stands behind. Without strace there is no such test."""
    program = shutil.which("strace")
    if program is None:
        why = "a power cut is played back from what strace has seen: install strace"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    # -D: the command is our own child and hears our signals; the tracer stands aside.
    seeing = ["-D", "-f", "-yy", "-q", "-xx", "-s", "1000000", "-e", "signal=none"]
    return [program, *seeing, "-e", f"trace={_CALLS}", "-o", str(output)]


async def written(output: Path, process: int) -> None:
    """Wait until the trace of a process that has ended is whole."""
    async with asyncio.timeout(30):
        while not re.search(rf"(?m)^{process} +\+\+\+ ", _end(output)):
            await asyncio.sleep(0.02)


def _end(output: Path) -> str:
    with output.open("rb") as file:
        file.seek(max(0, output.stat().st_size - 5000))
        return file.read().decode("ascii", errors="replace")


@dataclass(frozen=True, slots=True)
class Call:
    """A system call: that it began (`done` False), or that it came back, with its result."""

    name: str
    target: str  # the file's path, or the socket's two ends
    arguments: tuple[str | bytes, ...]
    result: int
    done: bool
    id: int


_LINE = re.compile(r"(\d+) +(?:<\.\.\. (\w+) resumed>(.*)|(\w+)\((.*))")
_RESULT = re.compile(r" += (-?\d+)")
_ARGUMENT = re.compile(r'"([^"]*)"|\d*<((?:[^>]|(?<=-)>)*)>|([A-Z_|0-9]+)')
_HEX = re.compile(r"^(?:\\x[0-9a-f]{2})*$")


def read_trace(output: Path) -> Iterator[Call]:
    """The calls in their order; each comes twice, when it began and when it was done."""
    open_: dict[str, tuple[int, str, str]] = {}
    with output.open(encoding="ascii") as lines:
        for number, line in enumerate(lines):
            if not (found := _LINE.match(line)):
                continue
            thread, resumed, rest, name, begun = found.groups()
            if resumed:
                if thread not in open_:
                    continue
                id_, name, begun = open_.pop(thread)
                ended = rest
            elif begun.rstrip().endswith("<unfinished ...>"):
                begun = begun.rstrip().removesuffix("<unfinished ...>")
                open_[thread] = (number, name, begun)
                yield _call(name, begun, 0, done=False, id_=number)
                continue
            else:
                id_, ended = number, begun
                begun = begun.rpartition(") = ")[0]
                yield _call(name, begun, 0, done=False, id_=number)
            if result := _RESULT.match(ended.rpartition(")")[2]):
                yield _call(name, begun, int(result[1]), done=True, id_=id_)


def _call(name: str, text: str, result: int, *, done: bool, id_: int) -> Call:
    arguments: list[str | bytes] = []
    target = ""
    for quoted, named, word in _ARGUMENT.findall(text):
        if named:
            target = target or _plain(named)
        elif word:
            arguments.append(word)
        else:
            arguments.append(bytes.fromhex(quoted.replace("\\x", "")))
    return Call(name, target, tuple(arguments), result, done, id_)


def _plain(named: str) -> str:
    if _HEX.match(named):
        return bytes.fromhex(named.replace("\\x", "")).decode(errors="replace")
    return named


def texts(call: Call) -> Sequence[bytes]:
    return [one for one in call.arguments if isinstance(one, bytes)]


def words(call: Call) -> Sequence[str]:
    return [one for one in call.arguments if isinstance(one, str)]
