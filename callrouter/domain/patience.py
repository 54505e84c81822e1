"""How long a caller may have to wait on a ladder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from callrouter.domain.ladders import STANDS_IN

if TYPE_CHECKING:
    from callrouter.domain.setup import Ladder, Step


def tries_of(step: Step) -> int:
    """How often a step rings, one attempt after another."""
    return 1 if step.ring in ("all", *STANDS_IN) else step.count or 1


def longest_way(ladder: Ladder) -> int:
    """The most seconds until a ladder ends: in a message, else in the last resort.

    Who is rung last for a while is rung after the last step, beyond this.
    """
    total = 0
    for step in ladder.step:
        if step.ring is None:
            break
        total += tries_of(step) * step.seconds + (step.wait if step.busy == "wait" else 0)
    return total
