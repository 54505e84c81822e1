"""Why: the stored record of how a decision came about, as codes and values, worded elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from callrouter.domain.people import Ranked
from callrouter.domain.phones import CallerKind
from callrouter.domain.recording import Recorded
from callrouter.domain.setup import ResponsibleSource, Strategy

CANDIDATES_KEPT = 20
"""So many candidates of a step are kept: the chosen, then the nearest by load."""

Passed = Literal[
    "talking",
    "ringing",
    "wrap_up",
    "paused",
    "off",
    "off_shift",
    "absent",
    "inactive",
    "strict",
    "promised",
    "promised_own",
    "cooling",
    "no_skill",
    "no_phone",
    "rejected",
    "no_answer",
    "phone_busy",
    "already",
    "no_responsible",
]
"""Why a candidate is not rung. `already`: he stands in an earlier step of this plan; `rejected`,
`no_answer`, `phone_busy`: so he, or his phone, answered this call already; `promised`: he is free,
but somebody who has waited longer is to have him, with `promised_own` somebody whose responsible
he is; `cooling`: he is rung last for a while; `strict`:
a known caller is only for his own manager."""

PROMISED: frozenset[Passed | None] = frozenset({"promised", "promised_own"})

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
    call: str | None = None  # what holds him, or waits for him
    instead_of: str | None = None  # whose deputy he is in this step
    floor: float | None = None  # a soft start: the team's median, where that is above his own load
    note: str = ""  # the reason of a pause; the code of a cooling


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
    waits: bool = False  # nobody was free and the caller waits for somebody
    last: bool = False  # the ladder's end: whom it had left for last
    told: bool = True


@dataclass(frozen=True, slots=True)
class Responsible:
    """Who is responsible for the caller, by which of the `[routing] responsible` sources."""

    manager: str
    by: ResponsibleSource
    card: int | None = None  # its speakable number


@dataclass(frozen=True, slots=True)
class Place:
    """A caller's place among those who wait. `kept`: he was cut off and has called again."""

    position: int
    since: datetime
    until: datetime  # no longer than that; then the ladder goes on
    expected_s: int | None = None
    kept: bool = False


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
    people: tuple[Ranked, ...] = ()  # who has the number, where it is several; the first calls
    card: int | None = None
    new_card: bool = False
    open_hours: bool = True
    rule: str | None = None
    ladder: str = ""
    responsible: Responsible | None = None
    steps: tuple[StepWhy, ...] = ()
    ends: Literal["last_resort", "message", "reject", "wait"] = "last_resort"
    rejected: Literal["blocked", "loop"] | None = None
    note: str = ""  # what the block list says of a blocked number
    strict: bool = False
    place: Place | None = None
    recorded: Recorded | None = None  # None: nobody is put through
    cut: tuple[Cut, ...] = ()
    told_by: ToldBy = "base"
    attempt: int = 0
    times: Times = Times()
