"""What a played PBX is made of and what it hands to whoever drives it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

Kind = Literal["unknown", "known", "again", "withheld", "vip", "busy", "after_hours", "any"]
"""Who calls, and in which circumstances. `again`: somebody who called earlier in this play."""

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
    """Who is out there. Numbers are E.164; strangers are made up."""

    known: tuple[str, ...] = ()
    vip: tuple[str, ...] = ()
    mix: Mapping[Kind, int] = field(
        default_factory=lambda: {"unknown": 45, "known": 35, "again": 8, "withheld": 7, "vip": 5}
    )


@dataclass(frozen=True, slots=True)
class Hook:
    """One request to send now. `ask` is the number of the asking when the PBX wants a decision."""

    account: str
    payload: Payload
    at: datetime
    call_id: str | None = None
    ask: int | None = None
