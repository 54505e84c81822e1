"""What is known of each manager at a moment: what holds him, how loaded he is, since when idle."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from callrouter.domain.load import NO_LOAD, LoadParts

HoldKind = Literal["talk", "ring", "wrap_up"]
PresenceState = Literal["available", "pause", "off"]
CoolReason = Literal["no_answer", "unreachable", "offline", "dnd", "busy"]


@dataclass(frozen=True, slots=True)
class Hold:
    """Why a manager is busy: always one leg, always with an end known beforehand.

    A `ring` hold is the window of its own step, half-open, `until` with the account's slack.
    `shared`: the window of an `all` step, which holds softly.
    """

    call: str
    leg: str
    kind: HoldKind
    since: datetime
    until: datetime
    shared: bool = False
    stranger: bool = False

    def is_soft(self, now: datetime) -> bool:
        """True when others may still be rung through it: not begun, or one of many rung at once."""
        return self.kind == "ring" and (self.shared or self.since > now)

    def overlaps(self, start: datetime) -> bool:
        """True when it is not over by the start of a step."""
        return self.until > start

    def is_over_by(self, said: Presence | None) -> bool:
        """A wrap-up is over for who said after his talk that he is available."""
        return (
            self.kind == "wrap_up"
            and said is not None
            and said.state == "available"
            and said.since >= self.since
        )

    @property
    def order(self) -> tuple[datetime, str, str]:
        """Of several the one that began first speaks for what keeps him."""
        return (self.since, self.call, self.leg)


@dataclass(frozen=True, slots=True)
class Presence:
    """What a manager, or somebody for him, said of his being there. `until`: when that ends."""

    state: PresenceState
    since: datetime
    until: datetime | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Cooling:
    """He, or every phone of his, is rung last until a moment."""

    reason: CoolReason
    until: datetime
    strikes: int = 0


@dataclass(frozen=True, slots=True)
class ManagerFacts:
    holds: tuple[Hold, ...] = ()
    load: LoadParts = NO_LOAD
    presence: Presence | None = None
    cooling: Cooling | None = None
    last_offer: datetime | None = None
    last_talk: datetime | None = None
    calls_today: int = 0

    def cooled(self, now: datetime) -> Cooling | None:
        """What he is rung last for, while it lasts."""
        return self.cooling if self.cooling and self.cooling.until > now else None

    @property
    def last_busy(self) -> datetime | None:
        """When he was last offered a call or talked; None: never."""
        if self.last_offer and self.last_talk:
            return max(self.last_offer, self.last_talk)
        return self.last_offer or self.last_talk

    def parts(self, now: datetime) -> LoadParts:
        """His load with the strangers whose leg rings him at this moment."""
        if not self.holds:
            return self.load
        ringing = {
            hold.call
            for hold in self.holds
            if hold.stranger and hold.kind == "ring" and hold.since <= now < hold.until
        }
        return replace(self.load, ringing=len(ringing)) if ringing else self.load


def in_order(holds: Iterable[Hold]) -> tuple[Hold, ...]:
    """So that the same holds are looked at alike, wherever they come from."""
    return tuple(sorted(holds, key=lambda hold: hold.order))


NOTHING_KNOWN = ManagerFacts()

Managers = Mapping[str, ManagerFacts]


class Board:
    """The facts of many managers, kept true while calls are decided one after another."""

    def __init__(self, facts: Mapping[str, ManagerFacts] | None = None) -> None:
        self.facts: dict[str, ManagerFacts] = dict(facts or {})
        self._held: dict[str, set[str]] = {}
        for manager, known in self.facts.items():
            for hold in known.holds:
                self._held.setdefault(hold.call, set()).add(manager)

    def take_over(self, other: Board) -> None:
        """Replace what is known of the managers whom the other one names."""
        for manager, facts in other.facts.items():
            for hold in self.facts.get(manager, NOTHING_KNOWN).holds:
                self._let_go(hold.call, manager)
            self.facts[manager] = facts
            for hold in facts.holds:
                self._held.setdefault(hold.call, set()).add(manager)

    def _let_go(self, call: str, manager: str) -> None:
        held = self._held.get(call, set())
        held.discard(manager)
        if not held:
            self._held.pop(call, None)

    def place(self, call: str, holds: Iterable[tuple[str, Hold]], now: datetime) -> None:
        """Replace what a call holds; a window that has begun is an offer."""
        self.release((call,))
        for manager, hold in holds:
            facts = self.facts.get(manager, NOTHING_KNOWN)
            offered = facts.last_offer
            if hold.kind == "ring" and hold.since <= now:
                offered = max(offered or hold.since, hold.since)
            held = in_order((*facts.holds, hold))
            self.facts[manager] = replace(facts, holds=held, last_offer=offered)
            self._held.setdefault(call, set()).add(manager)

    def release(self, calls: Iterable[str]) -> None:
        """Take off everything that these calls hold."""
        for call in calls:
            for manager in self._held.pop(call, ()):
                facts = self.facts[manager]
                left = tuple(hold for hold in facts.holds if hold.call != call)
                self.facts[manager] = replace(facts, holds=left)
