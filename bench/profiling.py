"""Where the time goes: the service with a sampler beside it, and what the samples say.

`python -m bench.profiling FILE serve …` runs the service. From SIGUSR1 to SIGUSR2 a thread looks
every 2 ms at what each thread does, waiting included, and writes that to FILE at the end.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from types import FrameType

_EVERY_S = 0.002
_SHOWN = 14


class Sampler:
    """Counts, per thread, the function on top and every function below it."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._on = threading.Event()
        self._top: dict[str, Counter[str]] = {}
        self._whole: dict[str, Counter[str]] = {}
        self._taken = 0

    def begin(self, *_: object) -> None:
        self._on.set()
        threading.Thread(target=self._work, name="sampler", daemon=True).start()

    def end(self, *_: object) -> None:
        self._on.clear()
        found = {"samples": self._taken, "top": self._top, "whole": self._whole}
        self._file.write_text(json.dumps(found))

    def _work(self) -> None:
        while self._on.is_set():
            time.sleep(_EVERY_S)
            names = {thread.ident: thread.name for thread in threading.enumerate()}
            self._taken += 1
            for number, frame in sys._current_frames().items():  # noqa: SLF001  its only purpose
                if (name := names.get(number, "?")) != "sampler":
                    self._note(name, frame)

    def _note(self, thread: str, frame: FrameType | None) -> None:
        self._top.setdefault(thread, Counter())
        self._whole.setdefault(thread, Counter())
        if frame:
            self._top[thread][_name(frame)] += 1
        seen = set()
        while frame:
            seen.add(_name(frame))
            frame = frame.f_back
        self._whole[thread].update(seen)


def _name(frame: FrameType) -> str:
    path = Path(frame.f_code.co_filename)
    return f"{'/'.join(path.parts[-2:])}:{frame.f_code.co_qualname}"


def describe(file: Path) -> str:
    """The busiest threads: shares of the time, waiting included."""
    found = json.loads(file.read_text())
    samples = max(found["samples"], 1)
    lines = []
    for thread, whole in sorted(found["whole"].items()):
        top = Counter(found["top"][thread])
        waiting = sum(count for name, count in top.items() if name.startswith(_WAITING))
        if waiting > 0.97 * samples:
            continue
        lines.append(f"\n{thread}: {waiting / samples:.0%} of {samples} samples waiting")
        ours = Counter({name: n for name, n in whole.items() if not name.startswith(_FRAME)})
        for title, counts in (("with what they call", ours), ("by themselves", top)):
            lines.append(f"  {title}")
            lines += [
                f"    {count / samples:6.1%}  {name}" for name, count in counts.most_common(_SHOWN)
            ]
    return "\n".join(lines)


_WAITING = ("python3.", "lib/selectors.py", "lib/threading.py", "lib/queue.py")
_FRAME = ("python", "asyncio/", "lib/", "bench/", "click/", "callrouter/__main__", "callrouter/cli")


def main() -> None:
    from callrouter.cli import main as run

    sampler = Sampler(Path(sys.argv[1]))
    signal.signal(signal.SIGUSR1, sampler.begin)
    signal.signal(signal.SIGUSR2, sampler.end)
    run(sys.argv[2:], prog_name="callrouter")


if __name__ == "__main__":
    main()
