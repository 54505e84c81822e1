"""Where the time goes: the service with a profiler in each thread, and what they say.

`python -m bench.profiling FILE serve …` runs the service; at SIGUSR2 it writes what its threads did
since SIGUSR1. Counted is each thread's own processor time, so that waiting, for the disk or for
each other, is no part of it. (A thread that looks at the others from time to time sees only where
they let it run; py-spy looks from outside and is as good as this.)
"""

from __future__ import annotations

import cProfile
import json
import signal
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

_SHOWN = 16


class Profilers:
    """One for each thread of the process, from SIGUSR1 on."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._of: dict[str, cProfile.Profile] = {}
        self._before: dict[str, dict[str, tuple[float, float, int]]] = {}
        self._begin()

    def _begin(self) -> None:
        self._profile_this_thread()
        # A new thread calls this until it is profiled.
        threading.setprofile(self._in_a_new_thread)

    def _in_a_new_thread(self, _frame: FrameType, _event: str, _what: object) -> None:
        with suppress(RuntimeError):  # another thread begins at the same moment
            self._profile_this_thread()

    def _profile_this_thread(self) -> None:
        profile = cProfile.Profile(time.thread_time)
        profile.enable()
        self._of[threading.current_thread().name] = profile

    def start(self, *_: object) -> None:
        self._before = self._counted()

    def end(self, *_: object) -> None:
        found: dict[str, dict[str, list[float]]] = {}
        for thread, counts in self._counted().items():
            before = self._before.get(thread, {})
            found[thread] = {
                name: [
                    now - old for now, old in zip(count, before.get(name, (0, 0, 0)), strict=True)
                ]
                for name, count in counts.items()
            }
        self._file.write_text(json.dumps(found))

    def _counted(self) -> dict[str, dict[str, tuple[float, float, int]]]:
        """Of each thread, each function's seconds: by itself, with what it calls; and its calls."""
        found: dict[str, dict[str, tuple[float, float, int]]] = {}
        for thread, profile in list(self._of.items()):
            counts = found.setdefault(thread, {})
            for entry in profile.getstats():
                name = _name(entry.code)
                own, whole, calls = counts.get(name, (0.0, 0.0, 0))
                counts[name] = (
                    own + entry.inlinetime,
                    whole + entry.totaltime,
                    calls + entry.callcount,
                )
        return found


def _name(code: CodeType | str) -> str:
    if isinstance(code, str):
        return code
    return f"{'/'.join(code.co_filename.rsplit('/', 2)[-2:])}:{code.co_qualname}"


def describe(file: Path, *, greenlets: bool) -> str:
    """The busy threads: shares of the processor time of all of them.

    With `greenlets` (SQLAlchemy on asyncpg) only what functions take by themselves is true: who
    called whom is lost where one greenlet goes on in the place of another.
    """
    found: dict[str, dict[str, list[Any]]] = json.loads(file.read_text())
    busy = {thread: sum(own for own, _, _ in counts.values()) for thread, counts in found.items()}
    whole = sum(busy.values()) or 1.0
    lines = []
    for thread, counts in sorted(found.items(), key=lambda item: -busy[item[0]]):
        if busy[thread] < 0.05 * whole:
            continue
        lines.append(f"\n{thread}: {busy[thread] / whole:.0%} of {whole:.1f} s of processor time")
        ours = {name: one for name, one in counts.items() if name.startswith(_OURS)}
        columns = [("with what they call", 1, ours), ("by themselves", 0, counts)]
        for title, column, those in columns[1:] if greenlets else columns:
            lines.append(f"  {title}")
            top = sorted(those.items(), key=lambda item: -item[1][column])[:_SHOWN]
            lines += [
                f"    {one[column] / whole:6.1%}  {one[2]:>8} calls  {name}" for name, one in top
            ]
    return "\n".join(lines)


_OURS = (
    "flows/",
    "domain/",
    "intake/",
    "storage/",
    "webhooks/",
    "providers/",
    "pages/",
    "structlog/",
)


def main() -> None:
    from callrouter.cli import main as run

    profilers = Profilers(Path(sys.argv[1]))
    signal.signal(signal.SIGUSR1, profilers.start)
    signal.signal(signal.SIGUSR2, profilers.end)
    run(sys.argv[2:], prog_name="callrouter")


if __name__ == "__main__":
    main()
