"""How fast the past is gone through again: days that are played into a base, and replayed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from bench.deciding import decide_us
from callrouter.domain.setup import Setup, Step
from callrouter.flows.replay import replay
from callrouter.replaying import Reading
from storage.database import Database, open_database
from tests.days import MONDAY_MORNING, Days, company

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.replayed import Replayed

CALLS = 1500
MOST_S = 30
"""For 10 000 calls."""

_FEW = 8  # candidates, as in the company that is played


@dataclass(frozen=True, slots=True)
class Speed:
    """`seconds` for these calls, on other rules; `bare_s`: their decisions alone, twice each."""

    calls: int
    decisions: int
    unexplained: int
    seconds: float
    bare_s: float

    @property
    def of_ten_thousand(self) -> float:
        return self.seconds * 10_000 / self.calls

    def __str__(self) -> str:
        return (
            f"{self.of_ten_thousand:.1f} s for 10 000 calls on other rules: "
            f"{self.calls / self.seconds:.0f} calls/s, {self.decisions / self.seconds:.0f} "
            f"decisions/s, {self.seconds / self.bare_s:.1f} times a bare decide"
            + (f"; {self.unexplained} NOT EXPLAINED" if self.unexplained else "")
        )


def measure(folder: Path, calls: int = CALLS) -> Speed:
    """Play calls into a new SQLite base and replay them."""
    return asyncio.run(_measure(folder / "replay.sqlite", calls))


async def _measure(file: Path, calls: int) -> Speed:
    database = open_database(f"sqlite:///{file}", checkpoints=True, guest=True)
    try:
        await database.migrate()
        await database.write(_play, calls)
        began = perf_counter()
        found = await _replay(database)
        seconds = perf_counter() - began
    finally:
        await database.close()
    bare_s = 2 * found.decisions * decide_us(_FEW) / 1e6
    unexplained = found.decisions - found.explained
    return Speed(found.calls, found.decisions, unexplained, seconds, bare_s)


def _play(conn: Connection, calls: int) -> int:
    return Days(conn).play(calls)


async def _replay(database: Database) -> Replayed:
    read = Reading(database, asyncio.get_running_loop())
    since, until = MONDAY_MORNING, MONDAY_MORNING + timedelta(days=30)
    return await asyncio.to_thread(replay, read, since=since, until=until, rules=_other_rules())


def _other_rules() -> Setup:
    setup = company()
    first = Step(ring="least_loaded", team="shop", seconds=10)
    return replace(
        setup,
        ladder=tuple(
            replace(one, step=(first, *one.step)) if one.key == "sales" else one
            for one in setup.ladder
        ),
    )
