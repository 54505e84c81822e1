"""Load: how much of his capacity a manager's own work takes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LoadParts:
    """What the figure is made of.

    load = (in_work + strangers + ringing) / capacity, where `in_work` is the sum of the status
    weights of his own open cards with a talk, letter or task within `[load] active_days`, `cards`
    how many those are, `strangers` the calls of strangers that he talked to today, `ringing` the
    strangers whose leg rings him now. A card that nobody ever talked on weighs nothing.
    """

    in_work: float = 0.0
    cards: int = 0
    strangers: int = 0
    ringing: int = 0

    def of(self, capacity: int) -> float:
        """The load as a share: 1.0 and more is "full". `capacity` is at least 1."""
        return (self.in_work + self.strangers + self.ringing) / max(capacity, 1)


NO_LOAD = LoadParts()
