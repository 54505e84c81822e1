"""What leaves of a decision: only what may be dialled, and as many steps as are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import assert_never

from callrouter.domain.decisions import (
    Connect,
    Decision,
    Message,
    NoOpinion,
    PlanStep,
    Reject,
    Wait,
)
from callrouter.domain.phones import is_dialable


def keep_dialable(decision: Decision, may_ring: Callable[[str], bool]) -> Decision:
    """Check every dial once more before it leaves.

    A target that must not be rung is dropped; with a last resort that is no dial the PBX is left
    to its own default.
    """
    match decision:
        case Connect(steps=steps, then=then) if is_dialable(then.dial):
            return replace(decision, steps=tuple(_ringable(steps, may_ring)))
        case Wait(then=then) | Message(then=then) if is_dialable(then.dial):
            return decision
        case Connect() | Wait() | Message():
            return NoOpinion()
        case Reject() | NoOpinion():
            return decision
        case _:
            assert_never(decision)


def _ringable(steps: Iterable[PlanStep], may_ring: Callable[[str], bool]) -> Iterator[PlanStep]:
    for step in steps:
        targets = tuple(target for target in step.targets if may_ring(target.dial))
        if targets == step.targets:
            yield step
        elif targets:
            yield replace(step, targets=targets)


def from_step(decision: Decision, first: int, *, only: bool) -> Decision:
    """Leave out the steps before `first` and, with `only`, those after it: the PBX asks again."""
    if not isinstance(decision, Connect) or not (first or only):
        return decision
    steps = decision.steps[first:]
    if only and len(steps) > 1:
        return replace(decision, steps=steps[:1], ask_again=True)
    return replace(decision, steps=steps)
