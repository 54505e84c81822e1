"""Races: servers under the same load in turn, and the echo among them: noise is noise for all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from itertools import count
from statistics import median
from typing import Any

from bench.jobs import Job, Seen, load
from bench.servers import Server

_runs = count(1)
_STRANGERS_A_RUN = 200_000


@dataclass(frozen=True, slots=True)
class Entrant:
    server: Server
    lines: tuple[str, ...]
    known: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """How an entrant did: medians over the rounds. `ratio`: to the echo of the same rounds."""

    rate: float
    ratio: float
    p50: float
    p99: float
    rung: float
    echo: float
    fallbacks: int
    seen: list[Seen] = field(default_factory=list)

    def __str__(self) -> str:
        late = f", {self.fallbacks} answered without the base" if self.fallbacks else ""
        return (
            f"{self.ratio:.3f} × echo ({self.rate:.0f} of {self.echo:.0f}/s),"
            f" p50 {self.p50:.1f} ms, p99 {self.p99:.1f} ms{late}"
        )

    def figures(self) -> dict[str, Any]:
        return asdict(self)


def fresh(server: Server, lines: tuple[str, ...], **options: Any) -> Job:
    """A job whose calls and strangers nobody has met before."""
    run = next(_runs)
    return Job(server.port, f"r{run}", lines, run * _STRANGERS_A_RUN, **options)


def race(
    echo: Server,
    entrants: Mapping[str, Entrant],
    connections: int,
    *,
    rounds: int,
    seconds: float,
) -> dict[str, Place]:
    echoed: list[Seen] = []
    seen: dict[str, list[Seen]] = {name: [] for name in entrants}
    fallbacks = {name: -_fallbacks(one.server) for name, one in entrants.items()}
    for _ in range(rounds):
        echoed.append(load(fresh(echo, ("+74951000000",), connections=connections, seconds=2)))
        for name, one in entrants.items():
            job = fresh(
                one.server, one.lines, connections=connections, seconds=seconds, known=one.known
            )
            seen[name].append(load(job))
            if seen[name][-1].statuses.keys() != {"200"}:
                raise RuntimeError(f"{name}: {seen[name][-1].statuses}")
    rate = median(one.rate for one in echoed)
    for name, one in entrants.items():
        fallbacks[name] += _fallbacks(one.server)
    return {name: _place(rate, seen[name], fallbacks[name]) for name in entrants}


def _fallbacks(server: Server) -> int:
    return server.troubles().get("fallbacks", 0)


def _place(echo: float, seen: list[Seen], fallbacks: int) -> Place:
    rate = median(one.rate for one in seen)
    return Place(
        rate=rate,
        ratio=rate / echo,
        p50=median(one.p50 for one in seen),
        p99=median(one.p99 for one in seen),
        rung=median(one.rung for one in seen),
        echo=echo,
        fallbacks=fallbacks,
        seen=seen,
    )
