"""What a call is told, in the words of the generic PBX's answer, with the reasons for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, assert_never

from callrouter.domain import decisions
from callrouter.domain.decisions import (
    Connect,
    LastResort,
    Message,
    NoOpinion,
    PlanStep,
    Reject,
    Wait,
)
from callrouter.domain.setup import Language, Setup
from callrouter.domain.why import Why
from callrouter.wording import why_text
from storage.listing import LegView


@dataclass(frozen=True, slots=True)
class Target:
    """One phone to ring; `confirm`: connect only after a key press."""

    manager: str | None
    leg: str
    dial: str
    confirm: bool


@dataclass(frozen=True, slots=True)
class Step:
    ring_s: int
    mode: Literal["one", "all"]
    targets: tuple[Target, ...]


@dataclass(frozen=True, slots=True)
class Then:
    """The last resort."""

    dial: str
    leg: str
    ring_s: int


@dataclass(frozen=True, slots=True)
class Decision:
    """`steps` and `ask_again` belong to `connect`; what another kind does not have is null."""

    decision: Literal["connect", "wait", "message", "reject", "none"]
    steps: tuple[Step, ...] = ()
    then: Then | None = None
    ask_again: bool = False
    record: bool = False
    caller_name: str = ""
    reason: str | None = None
    text: str | None = None
    play: str | None = None
    max_s: int | None = None
    wait_s: int | None = None
    media: Literal["ringback", "music"] | None = None
    position: int | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """A decision, the sentence that explains it to a colleague, and the record behind that."""

    decision: Decision
    sentence: str
    why: Why


def sentence_of(why: Why, setup: Setup, language: Language, legs: Sequence[LegView] = ()) -> str:
    """`legs`: those of the decision's own run; without any it is told as a plan."""
    return why_text(why, setup, language=language, legs=legs)


def decision_body(decision: decisions.Decision) -> Decision:
    """The link to the card is left out: whoever has it may open the card."""
    match decision:
        case Connect():
            return Decision(
                "connect",
                steps=tuple(_step(step) for step in decision.steps),
                then=_then(decision.then),
                ask_again=decision.ask_again,
                record=decision.record,
                caller_name=decision.caller_name,
                reason=decision.reason,
            )
        case Wait():
            return Decision(
                "wait",
                then=_then(decision.then),
                ask_again=True,
                wait_s=decision.wait_s,
                media=decision.media,
                position=decision.position,
            )
        case Message():
            return Decision(
                "message",
                then=_then(decision.then),
                record=decision.record,
                text=decision.text,
                play=decision.play,
                max_s=decision.max_s,
            )
        case Reject():
            return Decision("reject", reason=decision.reason)
        case NoOpinion():
            return Decision("none")
        case _:
            assert_never(decision)


def _step(step: PlanStep) -> Step:
    targets = (Target(one.manager, one.leg, one.dial, one.confirm) for one in step.targets)
    return Step(step.ring_s, step.mode, tuple(targets))


def _then(then: LastResort) -> Then:
    return Then(then.dial, then.leg, then.ring_s)
