"""How long the decision alone takes: pure, so it is called here, without a server."""

from __future__ import annotations

import gc
from datetime import UTC, datetime, timedelta
from statistics import median
from time import perf_counter

from callrouter.domain.decisions import Can
from callrouter.domain.load import LoadParts
from callrouter.domain.managers import Hold, ManagerFacts
from callrouter.domain.phones import read_caller
from callrouter.domain.routing import Arrival, Facts, decide
from callrouter.domain.setup import Account, Ladder, Line, Manager, Setup, Step

NOW = datetime(2026, 3, 12, 12, 5, tzinfo=UTC)
CANDIDATES = (8, 50, 500)
_SPENT_S = 0.6


def decide_us(candidates: int) -> float:
    """Microseconds of one decision, the median of many; every third manager is being rung."""
    call, facts = _sample(candidates)
    can, took = Can(), []
    gc.disable()
    until = perf_counter() + _SPENT_S
    while (began := perf_counter()) < until:
        decide(call, facts, can, now=NOW)
        took.append(perf_counter() - began)
    gc.enable()
    return median(took) * 1e6


def _sample(candidates: int) -> tuple[Arrival, Facts]:
    managers = tuple(
        Manager(
            f"m{n}", f"Manager {n}", dial=str(10_000 + n), team="sales", shift="Mo-Su 00:00-24:00"
        )
        for n in range(candidates)
    )
    ladder = Ladder(
        "sales",
        (Step("responsible"), Step("least_loaded", team="sales", count=2)),
    )
    line = Line("+74951230001", "+74950000000", ladder="sales")
    setup = Setup(
        account=(Account("main", line.number),), manager=managers, ladder=(ladder,), line=(line,)
    )
    known = {one.key: _facts(n) for n, one in enumerate(managers)}
    caller = read_caller("+79161234567", "RU", internal=frozenset())
    return Arrival("call", "main", caller, line), Facts(setup, known)


def _facts(n: int) -> ManagerFacts:
    begun = NOW - timedelta(seconds=5)
    ringing = Hold(f"call-{n}", "a1", "ring", begun, begun + timedelta(seconds=30), stranger=True)
    return ManagerFacts(
        holds=() if n % 3 else (ringing,),
        load=LoadParts(in_work=n % 7, cards=n % 7, strangers=n % 3),
        last_offer=NOW - timedelta(minutes=n % 60),
    )
