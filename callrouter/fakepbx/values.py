"""What a played PBX is made of and what it hands to whoever drives it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

Kind = Literal[
    "unknown", "known", "again", "withheld", "vip", "blocked", "busy", "after_hours", "any"
]
"""Who calls, and in which circumstances. `again`: somebody who called earlier in this play."""

Direction = Literal["in", "out", "internal"]
Transfer = Literal["blind", "attended"]

Where = Literal["here", "pause", "away", "dnd", "offline", "busy"]
"""Where somebody is, as far as his phones are concerned. `away`: he left and told nobody."""

Payload = dict[str, object]
Answer = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Account:
    """One PBX as the service has it configured: its key and the lines that come in through it."""

    key: str
    lines: tuple[str, ...]  # E.164, at least one
    forgetful: bool = False  # sends no event_id, leg_id, at
    rings: tuple[str, ...] = ()  # what it rings by itself when told nothing; empty: anybody
    recordings: str = ""  # where talks can be fetched, up to the file's name; empty: none are made


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with one or more phones; talks on one of them at a time."""

    name: str
    dials: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Callers:
    """Who is out there. Numbers are E.164; strangers are made up.

    `blocked`: those whom the service is to reject; nobody of a kind without numbers calls.
    """

    known: tuple[str, ...] = ()
    vip: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()
    mix: Mapping[Kind, int] = field(
        default_factory=lambda: {
            "unknown": 45,
            "known": 35,
            "again": 8,
            "withheld": 7,
            "vip": 5,
            "blocked": 2,
        }
    )


@dataclass(frozen=True, slots=True)
class Course:
    """What is to come of a call, if it comes so far: drawn by habits, or wished for.

    `patience_s`, `waits_s`: so long the caller lets it ring, or is kept waiting; None: he stays.
    `heard`: whether whoever is rung picks up; None: as it comes. `talk_s` None: likewise.
    """

    patience_s: float | None = None
    waits_s: float | None = None
    heard: bool | None = None
    talk_s: float | None = None
    transfer: Transfer | None = None


@dataclass(frozen=True, slots=True)
class Hook:
    """One request to send now. `ask` is the number of the asking when the PBX wants a decision."""

    account: str
    payload: Payload
    at: datetime
    call_id: str | None = None
    ask: int | None = None
