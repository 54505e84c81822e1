"""A small company, its decisions and their legs, for whoever words them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from callrouter.domain.calls import Leg, LegStatus
from callrouter.domain.setup import (
    Absence,
    Company,
    Ladder,
    Line,
    Manager,
    Setup,
    Step,
    Team,
)
from callrouter.domain.why import Candidate, Responsible, StepWhy, Why

NOON = datetime(2026, 8, 3, 9, 0, tzinfo=UTC)  # 12:00 in Moscow
LINE = "+74951230001"

SETUP = Setup(
    company=Company(name="Ромашка"),
    team=(Team("sales", "Продажи"),),
    manager=(
        Manager("anna", "Анна Смирнова", "101", team="sales"),
        Manager("vera", "Вера Котова", "102", team="sales"),
        Manager("boris", "Борис Ильин", "103", team="sales"),
        Manager("gleb", "Глеб Орлов", "104", team="sales"),
    ),
    absence=(Absence("gleb", date(2026, 8, 1), date(2026, 8, 14)),),
    ladder=(Ladder("night", (Step(say="Мы перезвоним завтра с девяти"),)),),
    line=(Line(LINE, "+74950000000", name="Сайт, Москва"),),
    version=7,
)

ANNA = Candidate("anna", load=0.6, in_work=12, cards=12, capacity=20, idle_s=840)
VERA = Candidate("vera", load=0.35, in_work=7, cards=7, capacity=20, idle_s=3900)
BORIS = Candidate(
    "boris", passed="talking", load=0.5, in_work=9, strangers=1, capacity=20, call="01J"
)
GLEB = Candidate("gleb", passed="absent", capacity=20, until=datetime(2026, 8, 14, 21, tzinfo=UTC))

TO_ANNA = StepWhy("responsible", 20, ("anna",), (replace(ANNA, chosen=True),), rung=0)
TO_VERA = StepWhy(
    "least_loaded", 20, ("vera",), (replace(VERA, chosen=True), ANNA, BORIS, GLEB), rung=1
)
TO_ALL = StepWhy(
    "all",
    25,
    ("anna", "vera", "boris"),
    (
        replace(ANNA, chosen=True),
        replace(VERA, chosen=True),
        replace(BORIS, passed=None, chosen=True),
    ),
    team="sales",
)

WHY = Why(
    caller="known",
    known=True,
    line=LINE,
    line_known=True,
    setup=7,
    at=NOON,
    contact="01C",
    card=318,
    ladder="",
    responsible=Responsible("anna", "card", 318),
    steps=(TO_ANNA, TO_VERA),
)

STRANGER = replace(WHY, known=False, card=319, new_card=True, responsible=None)


def leg(who: str | None, step: int, status: LegStatus, **changes: object) -> Leg:
    """A leg of the first answer, rung from the beginning of its step of 20 s."""
    start = NOON + timedelta(seconds=20 * step)
    ended = start + timedelta(seconds=20) if status in ("failed", "cancelled") else None
    made = Leg(
        ref=f"a{step + 1}" if who else "last",
        dial="101" if who else "+74950000000",
        manager=who,
        step=step,
        status=status,
        ring_from=start,
        ended_at=ended,
        reason="no_answer" if status == "failed" else None,
    )
    return made._replace(**changes)  # type: ignore[arg-type]


def unbegun(who: str | None, step: int) -> Leg:
    """A leg whose turn never came."""
    return leg(who, step, "cancelled", ring_from=None)


def talk(who: str | None, step: int, seconds: int | None) -> Leg:
    """A leg that was answered after 6 s; `seconds` None: the talk goes on."""
    begun = NOON + timedelta(seconds=20 * step + 6)
    if seconds is None:
        return leg(who, step, "talking", answered_at=begun)
    ended = begun + timedelta(seconds=seconds)
    return leg(who, step, "ended", answered_at=begun, ended_at=ended)
