"""What the disk itself can do, in this run: nothing that is durable is quicker."""

from __future__ import annotations

import os
from pathlib import Path
from time import perf_counter

from bench.jobs import percentile

_TIMES = 300
_PAGES = 8  # about what a transaction of one call appends to the log


def fsync_ms(folder: Path) -> tuple[float, float]:
    """p50 and p99 of appending some pages and making sure of them."""
    waited = []
    path = folder / "fsync"
    with path.open("wb", buffering=0) as file:
        for _ in range(_TIMES):
            file.write(b"x" * 4096 * _PAGES)
            began = perf_counter()
            os.fdatasync(file.fileno())
            waited.append((perf_counter() - began) * 1000)
    path.unlink()
    waited.sort()
    return percentile(waited, 0.5), percentile(waited, 0.99)
