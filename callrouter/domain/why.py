"""Why: the stored record of how a decision came about, as codes and values, worded elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from callrouter.domain.phones import CallerKind
from callrouter.domain.setup import ResponsibleSource, Strategy

CANDIDATES_KEPT = 20
"""So many candidates of a step are kept: the chosen, then the nearest by load."""

Passed = Literal[
    "talking",
    "ringing",
    "wrap_up",
    "off_shift",
    "absent",
    "inactive",
    "no_skill",
    "no_phone",
    "rejected",
    "no_answer",
    "phone_busy",
    "already",
    "no_responsible",
]
"""Why a candidate is not rung. `already`: he stands in an earlier step of this plan; `rejected`,
`no_answer`, `phone_busy`: so he, or his phone, answered this call already."""

Cut = Literal["steps", "targets", "parallel", "outside_numbers", "message", "ask_again", "wait"]
"""What was planned and then cut, because the provider cannot do it."""

ToldBy = Literal["base", "snapshot", "last_resort"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One person whom a step looked at, with the figures that it compared."""

    manager: str
    passed: Passed | None = None
    chosen: bool = False
    soft: bool = False  # another call may ring him later, or rings him with others
    load: float = 0.0
    in_work: float = 0.0
    cards: int = 0
    strangers: int = 0  # talked to today and ringing now
    capacity: int = 1
    idle_s: int | None = None  # since his last offer or talk; None: never had one
    until: datetime | None = None  # when what holds him, or his absence, ends
    call: str | None = None  # what holds him


@dataclass(frozen=True, slots=True)
class StepWhy:
    """One step of the ladder as it was decided. `told` False: planned, then cut."""

    ring: Strategy
    seconds: int
    chosen: tuple[str, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    others: tuple[tuple[str, int], ...] = ()  # (reason or "free", how many) beyond those kept
    team: str | None = None
    office: str | None = None
    skill: str | None = None
    rung: int = 0
    turn: int = 0
    call_waiting: bool = False  # nobody was free and the ladder says to ring all the same
    told: bool = True


@dataclass(frozen=True, slots=True)
class Responsible:
    """Who is responsible for the caller, by which of the `[routing] responsible` sources."""

    manager: str
    by: ResponsibleSource
    card: int | None = None  # its speakable number


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds from the first byte of the hook until each was done."""

    waited: float = 0.0  # its batch began
    facts: float = 0.0  # all facts of the batch were gathered
    decided: float = 0.0  # and this call was decided


@dataclass(frozen=True, slots=True)
class Why:
    caller: CallerKind
    known: bool  # the number belonged to a contact before this call
    line: str
    line_known: bool
    setup: int
    at: datetime
    contact: str | None = None
    card: int | None = None
    new_card: bool = False
    open_hours: bool = True
    rule: str | None = None
    ladder: str = ""
    responsible: Responsible | None = None
    steps: tuple[StepWhy, ...] = ()
    ends: Literal["last_resort", "message", "reject"] = "last_resort"
    cut: tuple[Cut, ...] = ()
    told_by: ToldBy = "base"
    attempt: int = 0
    times: Times = Times()
