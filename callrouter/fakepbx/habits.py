"""What people do: how often somebody calls, who picks up and after how long, how long they talk."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Literal


@dataclass(frozen=True, slots=True)
class Habits:
    """A human pace: with eight managers a few talk at once. Pairs are from … to, in seconds."""

    gap_s: tuple[float, float] | None = (8.0, 20.0)  # between calls; None: only those asked for
    picks_up: float = 0.75
    picks_up_s: tuple[float, float] = (2.0, 12.0)
    rejects: float = 0.06
    unreachable: float = 0.03
    outsider_picks_up: float = 0.9  # a number that is none of our people's
    call_waiting: float = 0.05  # a talking phone rings instead of being busy
    talk_s: tuple[float, float] = (20.0, 300.0)
    talk_mean_s: float = 50.0
    hangs_up: float = 0.10  # callers who lose patience while it rings
    patience_s: tuple[float, float] = (5.0, 40.0)


@dataclass(frozen=True, slots=True)
class Reaction:
    does: Literal["answers", "rejects", "unreachable", "busy", "ignores"]
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


def talk_length(habits: Habits, chance: Random) -> float:
    """Draw seconds: most talks are short, few are long."""
    shortest, longest = habits.talk_s
    spread = max(habits.talk_mean_s - shortest, 0.001)
    return min(shortest + chance.expovariate(1 / spread), longest)


def patience(habits: Habits, chance: Random) -> float | None:
    """Draw after how many seconds of ringing the caller hangs up; None: he waits."""
    if chance.random() >= habits.hangs_up:
        return None
    return chance.uniform(*habits.patience_s)
