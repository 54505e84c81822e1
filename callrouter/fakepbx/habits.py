"""What people do: who calls how often, who picks up, how long they talk, who leaves his desk."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Literal

from callrouter.fakepbx.values import Course, Where

Seconds = tuple[float, float]
"""From … to."""


@dataclass(frozen=True, slots=True)
class Habits:
    """A human pace: with eight managers a few talk at once. Shares are probabilities, 0 … 1."""

    # Who calls
    gap_s: Seconds | None = (8.0, 20.0)  # between calls; None: only those asked for
    tides: tuple[float, ...] = (1.0,)  # how many times as many call, hour by hour; the last stays
    hangs_up: float = 0.10  # callers who lose patience while it rings
    patience_s: Seconds = (5.0, 40.0)
    gives_up: float = 0.3  # callers who lose patience while they wait
    waits_s: Seconds = (20.0, 240.0)
    tries_again: float = 0.3  # of those who hung up in vain
    tries_again_s: Seconds = (10.0, 110.0)

    # Who is rung
    picks_up: float = 0.75
    picks_up_s: Seconds = (2.0, 12.0)
    rejects: float = 0.06
    unreachable: float = 0.03
    outsider_picks_up: float = 0.9  # a number that is none of our people's
    call_waiting: float = 0.05  # a talking phone rings instead of being busy
    machine: float = 0.3  # a mobile that its owner leaves ringing is taken by a machine
    presses_key: float = 0.9  # whoever takes a call that wants a key pressed first
    forwards: float = 0.05  # a mobile sends our call back to our own line

    # What is said
    talk_s: Seconds = (20.0, 300.0)
    talk_mean_s: float = 50.0
    transfers: float = 0.08
    attended: float = 0.5  # of transfers
    takes_over: float = 0.8  # a colleague who is asked about a call

    # Whom our people call
    dials_s: Seconds | None = (45.0, 150.0)  # between calls out by themselves; None: never
    colleague: float = 0.2  # of those calls
    customer_answers: float = 0.65
    customer_busy: float = 0.15
    calls_back: float = 0.7  # of callers who reached nobody
    calls_back_s: Seconds = (45.0, 400.0)

    # Who leaves his desk
    break_after_s: Seconds | None = (600.0, 4000.0)  # since the opening or the last one
    break_s: Seconds = (60.0, 420.0)


ON_REQUEST = Habits(gap_s=None, dials_s=None, calls_back=0, break_after_s=None)
"""Nobody does anything by himself."""

OFFICE_DAY = Habits(
    gap_s=(30.0, 75.0),
    tides=(1.5, 1.7, 1.3, 1.0, 0.7, 0.9, 1.1, 1.0, 0.7),
    talk_s=(20.0, 900.0),
    talk_mean_s=170.0,
    gives_up=0.3,
    waits_s=(30.0, 400.0),
    dials_s=(60.0, 240.0),
    calls_back_s=(120.0, 1500.0),
    break_after_s=(2.8 * 3600, 5 * 3600),
    break_s=(1500.0, 3300.0),
)
"""A sales department of twelve from nine to six: a rush in the morning, lunch in turns."""

BREAKS: dict[Where, int] = {"pause": 6, "away": 2, "dnd": 1, "offline": 1, "busy": 1}
"""Why somebody is not to be had, and how often each."""

PHONE_BREAK_S: Seconds = (30.0, 240.0)
"""How long a phone says that it is not there, or in use."""


@dataclass(frozen=True, slots=True)
class Reaction:
    does: Literal[
        "answers",
        "rejects",
        "unreachable",
        "busy",
        "dnd",
        "offline",
        "ignores",
        "machine",
        "forwards",
    ]
    after_s: float = 0.3


IGNORES = Reaction("ignores")
BUSY = Reaction("busy")


def react(habits: Habits, chance: Random, *, outsider: bool) -> Reaction:
    """Draw what a person does when rung."""
    draw = chance.random()
    after = chance.uniform(*habits.picks_up_s)
    if outsider:
        return Reaction("answers", after) if draw < habits.outsider_picks_up else IGNORES
    if draw < habits.picks_up:
        return Reaction("answers", after)
    draw -= habits.picks_up
    if draw < habits.rejects:
        return Reaction("rejects", after / 2)
    return Reaction("unreachable") if draw < habits.rejects + habits.unreachable else IGNORES


def answers(habits: Habits, chance: Random) -> Reaction:
    """Draw when a person picks up."""
    return Reaction("answers", chance.uniform(*habits.picks_up_s))


def customer(habits: Habits, chance: Random, *, heard: bool | None = None) -> Reaction:
    """Draw what a customer does whom we call. `heard`: whether he picks up, where that is known."""
    draw = chance.random()
    if heard or (heard is None and draw < habits.customer_answers):
        return answers(habits, chance)
    busy = heard is None and draw < habits.customer_answers + habits.customer_busy
    return BUSY if busy else IGNORES


def left_ringing(habits: Habits, chance: Random) -> Reaction:
    """Draw what a mobile does by itself that its owner leaves ringing."""
    if chance.random() < habits.forwards:
        return Reaction("forwards", chance.uniform(1, 3))
    if chance.random() < habits.machine:
        return Reaction("machine", chance.uniform(8, 18))
    return IGNORES


def course(habits: Habits, chance: Random) -> Course:
    """Draw what is to come of a call."""
    return Course(
        patience_s=_perhaps(habits.hangs_up, habits.patience_s, chance),
        waits_s=_perhaps(habits.gives_up, habits.waits_s, chance),
        transfer=("attended" if chance.random() < habits.attended else "blind")
        if chance.random() < habits.transfers
        else None,
    )


def _perhaps(share: float, seconds: Seconds, chance: Random) -> float | None:
    return chance.uniform(*seconds) if chance.random() < share else None


def talk_length(habits: Habits, chance: Random) -> float:
    """Draw seconds: most talks are short, few are long."""
    shortest, longest = habits.talk_s
    spread = max(habits.talk_mean_s - shortest, 0.001)
    return min(shortest + chance.expovariate(1 / spread), longest)


def gap(habits: Habits, chance: Random, hours: float) -> float | None:
    """Draw seconds to the next call, so long after the opening; None: nobody calls by himself."""
    if habits.gap_s is None:
        return None
    tide = habits.tides[min(int(hours), len(habits.tides) - 1)]
    return chance.uniform(*habits.gap_s) / tide
