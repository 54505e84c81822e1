"""How long the machine itself held its breath: what is promised in milliseconds cannot be kept then."""

from __future__ import annotations

import os
import threading
import time
from contextlib import nullcontext
from pathlib import Path
from types import TracebackType
from typing import Final, Self

STEP_S: Final = 0.01
STALLED_S: Final = 0.06
"""A machine that sleeps or syncs so much longer than it was asked to shares its cores with others."""


class Pauses:
    """Watches, in a thread, by sleeping and, where a folder is given, by an fsync after each sleep.

    `longest` is the worst that one of these took too long, in seconds; `lost` is all of it.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._path = folder / "pauses" if folder else None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.longest = self.lost = 0.0

    @property
    def stalled(self) -> bool:
        return self.longest > STALLED_S

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        with self._path.open("ab", buffering=0) if self._path else nullcontext() as file:
            while not self._over.is_set():
                began = time.monotonic()
                time.sleep(STEP_S)
                if file:
                    file.write(b".")
                    os.fsync(file.fileno())
                late = time.monotonic() - began - STEP_S
                self.longest = max(self.longest, late)
                self.lost += late
