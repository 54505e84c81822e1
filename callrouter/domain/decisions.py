"""What a PBX is told to do with a call: a closed union, so mypy lists whoever cannot say one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from callrouter.domain.phones import is_outside
from callrouter.domain.setup import Step

LAST_LEG = "last"
"""The leg of the last resort."""


@dataclass(frozen=True, slots=True)
class Can:
    """What a provider could do with an answer to this hook. None: no limit."""

    targets: int | None = None  # phones rung at once in a step
    steps: int | None = None  # steps in one answer
    parallel: bool = True  # more than one phone at once
    outside_numbers: bool = True
    inside: str | None = None  # a regular expression: the inside dials that it rings
    ask_again: bool = True  # comes back with `next`
    wait: bool = False
    message: bool = True
    record: bool = True
    then: bool = True  # dials a last resort that we name

    def rings(self, dial: str) -> bool:
        """Whether it could ring this phone at all."""
        if is_outside(dial):
            return self.outside_numbers
        return self.inside is None or bool(re.fullmatch(self.inside, dial))


EVERYTHING = Can(wait=True)


@dataclass(frozen=True, slots=True)
class Target:
    """One phone to ring. `dial` is bare, as contract "What may be dialled" has it."""

    leg: str
    dial: str
    manager: str | None = None
    confirm: bool = False


@dataclass(frozen=True, slots=True)
class PlanStep:
    """Phones rung together for `ring_s` seconds.

    `mode` one: exactly one manager, a target for each of his phones. `rung`: index of the ladder's
    step it came from; `turn`: which of that step's `count` attempts, from 0.
    """

    ring_s: int
    mode: Literal["one", "all"]
    targets: tuple[Target, ...]
    rung: int = 0
    turn: int = 0

    @property
    def managers(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(t.manager for t in self.targets if t.manager))


@dataclass(frozen=True, slots=True)
class LastResort:
    dial: str
    leg: str = LAST_LEG
    ring_s: int = 60
    kind: Literal["person", "voicemail"] = "person"


@dataclass(frozen=True, slots=True)
class Connect:
    """Ring these, one step after another; `left`: who is to be rung last, if it asks again."""

    call: str
    steps: tuple[PlanStep, ...]
    then: LastResort
    ask_again: bool = False
    record: bool = False
    caller_name: str = ""
    card_url: str = ""
    reason: str = ""
    left: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Wait:
    """Keep the caller for `wait_s` seconds, then ask again.

    `rung`, `turn`: where on its ladder the call waits; `tried`: whom it is not to ring once more.
    """

    call: str
    wait_s: int
    then: LastResort
    media: Literal["ringback", "music"] = "music"
    position: int = 1
    expected_s: int | None = None  # until somebody is free, as far as that can be told
    since: datetime | None = None  # its place: who has waited longest comes first
    began: datetime | None = None  # when this call itself began to wait on this rung
    rung: int = 0
    turn: int = 0
    step: Step | None = None
    responsible: str | None = None
    tried: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Message:
    call: str
    then: LastResort
    text: str = ""
    play: str = ""
    record: bool = False
    max_s: int = 120


@dataclass(frozen=True, slots=True)
class Reject:
    call: str
    reason: Literal["blocked", "loop"]


@dataclass(frozen=True, slots=True)
class NoOpinion:
    """We know nothing yet: the PBX does what it does by itself."""


Decision = Connect | Wait | Message | Reject | NoOpinion
