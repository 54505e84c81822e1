"""What the load generator is asked for, and what it saw: values that pass between processes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from math import ceil
from typing import Any

SECRET = "bench-secret-bench"
STRANGERS_FROM = 100_000_000
"""Of +79…: 910 to 919, numbers of mobile phones."""

KNOWN_FROM = 600_000_000
"""Of +79…: 960 to 969. The contacts that `bases` fills in have them."""


@dataclass(frozen=True, slots=True)
class Job:
    """One load. `tag` makes its calls' ids its own, `numbers_from` its strangers' numbers.

    Closed (`rate` 0): each of `connections` sends its next call when it has its answer. Open:
    `rate` calls begin each second whatever happens, each with its ring, answer and end. `known`:
    so many contacts are in the base, and every second call is from one of them.
    """

    port: int
    tag: str
    lines: tuple[str, ...]
    numbers_from: int
    connections: int = 1
    seconds: float = 3.0
    warm_s: float = 0.5
    rate: float = 0.0
    known: int = 0
    streams: int = 0
    cookie: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of it. Latencies in ms, of what asked for a decision; `acknowledged`: warm-up too.

    `rung`: the share of decisions that ring somebody, not the last resort alone.
    """

    rate: float
    p50: float
    p99: float
    worst: float
    acknowledged: int
    rung: float
    statuses: dict[str, int] = field(default_factory=dict)
    tidings_p99: float = 0.0  # of events that want no decision
    told: int = 0  # messages that the streams were sent


def percentile(sorted_values: Sequence[float], share: float) -> float:
    """The nearest-rank percentile; 0 of nothing."""
    if not sorted_values:
        return 0.0
    return sorted_values[min(len(sorted_values), max(1, ceil(share * len(sorted_values)))) - 1]


def load(job: Job) -> Seen:
    """Run the generator in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.client"],
        input=json.dumps(asdict(job)),
        capture_output=True,
        text=True,
        check=False,
        timeout=job.seconds + job.warm_s + 60,
    )
    if done.returncode:
        raise RuntimeError(f"the load generator failed: {done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return Seen(**found)


def read_job(text: str) -> Job:
    found: dict[str, Any] = json.loads(text)
    return Job(**{**found, "lines": tuple(found["lines"])})
