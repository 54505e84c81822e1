"""What a PBX tells us, in our words: one event of one call."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

EventKind = Literal[
    "ringing",
    "next",
    "dialing",
    "leg_ringing",
    "leg_failed",
    "answered",
    "leg_ended",
    "transferred",
    "ended",
    "recording",
    "device",
    "presence",
    "reset",
    "unknown",
]
Direction = Literal["in", "out", "internal"]
Reason = Literal[
    "busy",
    "no_answer",
    "rejected",
    "unreachable",
    "dnd",
    "offline",
    "answered_elsewhere",
    "cancelled",
    "caller_hung_up",
    "completed",
    "failed",
]

ASKS: frozenset[EventKind] = frozenset({"ringing", "next"})
"""Kinds that want a decision."""

BEGINS: frozenset[EventKind] = frozenset({"ringing", "dialing"})
"""Kinds with which a call begins, and by which it is known who calls whom."""

OF_A_CALL: frozenset[EventKind] = frozenset(
    {
        "ringing",
        "next",
        "dialing",
        "leg_ringing",
        "leg_failed",
        "answered",
        "leg_ended",
        "transferred",
        "ended",
        "recording",
    }
)

ORDER: dict[EventKind, int] = {
    "ringing": 0,
    "next": 1,
    "dialing": 2,
    "leg_ringing": 3,
    "leg_failed": 4,
    "answered": 5,
    "transferred": 6,
    "leg_ended": 7,
    "ended": 8,
    "recording": 9,
}
"""Which comes first when two events of a call carry the same moment."""


@dataclass(frozen=True, slots=True)
class Tried:
    target: str
    reason: str


@dataclass(frozen=True, slots=True)
class CallEvent:
    """One event as read from a hook. Numbers and reasons are as sent; times are aware.

    `key` is unique within the account. With `own_key` it is the PBX's own id; without, it is
    derived from the fields, and for `ringing` the intake adds its count of run-out plans.

    `hearsay`: the sender signed who called whom, but neither which call this is of nor what it says
    besides. So it is of its call only with the same caller, a phone that it says rings is believed
    only if a plan rang it, and what it says of a talk takes a card from nobody.
    """

    account: str
    key: str
    kind: EventKind
    received: datetime
    own_key: bool = False
    word: str = ""  # the event's name as sent, where kind is "unknown"
    call_ref: str | None = None
    at: datetime | None = None
    caller: str | None = None
    called: str | None = None
    direction: Direction | None = None
    diverted_from: str | None = None
    leg_ref: str | None = None
    target: str | None = None
    attempt: int | None = None
    tried: tuple[Tried, ...] = ()
    by: Literal["person", "machine"] = "person"
    to_target: str | None = None
    transfer: Literal["blind", "attended"] | None = None
    other_call: str | None = None
    reason: str | None = None
    state: str | None = None
    duration_s: float | None = None
    recording_url: str | None = None
    recording_id: str | None = None
    recording_kind: Literal["talk", "message"] = "talk"
    hearsay: bool = False

    @property
    def moment(self) -> datetime:
        """What orders it within its call."""
        return self.at or self.received

    @property
    def order(self) -> tuple[datetime, int, str]:
        return (self.moment, ORDER.get(self.kind, 10), self.key)

    @property
    def asks(self) -> bool:
        """True when the PBX waits for a decision: an inbound `ringing` or `next`."""
        return self.kind in ASKS and self.direction in (None, "in")

    @property
    def joins(self) -> str | None:
        """The consultation call that ends in this one, if it tells of such a transfer."""
        if self.kind != "transferred" or self.transfer == "blind":
            return None
        return self.other_call if self.other_call != self.call_ref else None
