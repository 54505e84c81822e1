"""A child process that renders: asked again and again, killed when it takes too long."""

from __future__ import annotations

import json
import os
import select
import signal
import struct
import subprocess
import sys
import time
import weakref
from typing import IO, Final

WALL_S: Final = 0.9
"""So long a render may take, where the machine has time for it."""

CPU_S: Final = 0.7
"""So much work a render may be; the child sees to it itself."""

STARVED_S: Final = 5.0
"""So long is waited for one that a busy machine lets do hardly anything."""

START_S: Final = 60.0
MOST_ANSWER: Final = 24 * 1024**2

_BOOT = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from callrouter.forming.child import main; main()"
)
_TICKS = os.sysconf("SC_CLK_TCK")


class Died(Exception):
    """The child is gone, with what it was at. The text says why, in words for an admin."""


class Child:
    """One process. Not for two threads at once."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - ourselves
            [sys.executable, "-I", "-c", _BOOT, json.dumps([*sys.path])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env={},
            bufsize=0,
            start_new_session=True,  # Ctrl+C is for the server, which then ends its children
        )
        self._end = weakref.finalize(self, _end, self._process)
        self._warm = False
        self.asked = 0

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, request: bytes) -> bytes:
        """Its answer. Raises Died; then it is ended."""
        try:
            if not self._warm:
                self._read(_Patience(self._process.pid, START_S, START_S))
                self._warm = True
            self.asked += 1
            self._write(request)
            return self._read(_Patience(self._process.pid, WALL_S, STARVED_S))
        except Died:
            self.end()
            raise

    def end(self) -> None:
        """Kill it, if it still lives."""
        self._end()

    def _write(self, request: bytes) -> None:
        pipe = _number_of(self._process.stdin)
        left = memoryview(struct.pack(">I", len(request)) + request)
        try:
            while left:
                left = left[os.write(pipe, left) :]
        except OSError:
            raise self._died() from None

    def _read(self, patience: _Patience) -> bytes:
        (length,) = struct.unpack(">I", self._read_exactly(4, patience))
        if length > MOST_ANSWER:
            raise Died("the file would be too large")
        return self._read_exactly(length, patience)

    def _read_exactly(self, count: int, patience: _Patience) -> bytes:
        out = _number_of(self._process.stdout)
        poll = select.poll()
        poll.register(out, select.POLLIN)
        found = bytearray()
        while len(found) < count:
            if not poll.poll(patience.left_ms()):
                if patience.is_over():
                    raise Died("it takes too long to render")
                continue
            if not (piece := os.read(out, min(count - len(found), 1 << 20))):
                raise self._died()
            found += piece
        return bytes(found)

    def _died(self) -> Died:
        try:
            code = self._process.wait(1)
        except subprocess.TimeoutExpired:
            return Died("the renderer stopped answering")
        if -code in (signal.SIGPROF, signal.SIGXCPU):
            return Died("it takes too long to render")
        if -code in (signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS, signal.SIGKILL):
            return Died(f"it needs too much memory (signal {-code})")
        return Died(f"the renderer ended with code {code}")


class _Patience:
    """How long to wait for a child: by the clock, unless the machine gave it no time to work."""

    def __init__(self, pid: int, wall_s: float, starved_s: float) -> None:
        self._pid = pid
        self._began, self._worked = time.monotonic(), _worked(pid)
        self._next, self._last = wall_s, starved_s

    def left_ms(self) -> float:
        return max(0.0, self._began + self._next - time.monotonic()) * 1000

    def is_over(self) -> bool:
        """True when it has had its time; else it is waited for a little more."""
        lasted = time.monotonic() - self._began
        if lasted < self._next:
            return False
        if lasted >= self._last or _worked(self._pid) - self._worked >= lasted / 2:
            return True
        self._next = min(lasted + 0.1, self._last)
        return False


def _number_of(pipe: IO[bytes] | None) -> int:
    if pipe is None:
        raise Died("the renderer has no pipe")
    return pipe.fileno()


def _worked(pid: int) -> float:
    """Seconds of CPU that a process has used."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - hot enough
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return float("inf")
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
