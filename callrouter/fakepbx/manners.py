"""How badly the PBX treats its events: lost, doubled, late; and what its users do unannounced."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

GIVES_UP_S = 2.0
"""How long the PBX waits for a decision before it goes on by itself."""


@dataclass(frozen=True, slots=True)
class Manners:
    """Each share is a probability, 0 … 1.

    `lost` of an asking event: it never arrives, and the PBX goes on by itself. An asking event is
    not `late`, since the caller waits for it; with `stray` it arrives after the PBX gave up.
    """

    lost: float = 0.03
    doubled: float = 0.05
    late: float = 0.10  # also out of order: what happened afterwards is sent before it
    late_s: tuple[float, float] = (1.0, 180.0)
    stray: float = 0.01
    losers_reported: bool = False  # of an `all` step that somebody answered
    pickup: float = 0.02  # of calls that ring: a phone outside the plan answers
    redial: float = 0.3  # of callers who hang up: they call again while the old call is dying
    restart_every_s: float | None = 2700.0  # on average, for each account
    down_s: tuple[float, float] = (5.0, 20.0)
    spellings: bool = True  # numbers as +7…, 8…, 7…, sip:…


GOOD = Manners(
    lost=0,
    doubled=0,
    late=0,
    stray=0,
    losers_reported=True,
    pickup=0,
    redial=0,
    restart_every_s=None,
    spellings=False,
)


def deliveries(manners: Manners, chance: Random, *, event: str, asks: bool) -> tuple[float, ...]:
    """Draw after how many seconds the event arrives, each time that it does; empty: it is lost."""
    if chance.random() < manners.lost:
        return ()
    if asks and chance.random() < manners.stray:
        return (GIVES_UP_S + chance.uniform(0.5, 30),)
    # A restarted PBX says so before anything else.
    waits_for_nobody = not asks and event != "reset"
    low, high = manners.late_s
    late = waits_for_nobody and chance.random() < manners.late
    first = low * (high / low) ** chance.random() if late else 0.0
    if chance.random() >= manners.doubled:
        return (first,)
    return (first, first + chance.uniform(0.1, 20 if waits_for_nobody else 1.5))


def spell(number: str, manners: Manners, chance: Random) -> str:
    """Write a number as trunks do; only a Russian E.164 number has more than one spelling here."""
    if not (manners.spellings and number.startswith("+7") and len(number) == 12):
        return number
    forms = (number, "8" + number[2:], number[1:], f"sip:{number}@trunk.example")
    return chance.choices(forms, weights=(12, 4, 2, 2))[0]
