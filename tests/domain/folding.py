"""Folding one call: a dial plan of three phones, a plan that was told, and who is held."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

from callrouter.domain.calls import CallState, Leg, Limits, Phone, Told, holds_of
from callrouter.domain.decisions import Connect, LastResort, PlanStep, Target
from callrouter.domain.events import CallEvent
from callrouter.domain.fold import fold
from tests.examples import MONDAY_NOON, event

OWNERS = {"101": "anna", "102": "boris", "103": "vera"}


def whose(target: str | None, _moment: datetime, legs: Sequence[Leg]) -> Phone:
    """The dial plan of these tests."""
    for leg in legs:
        if target and leg.dial == target:
            return Phone(target, leg.manager)
    return Phone(target or "", OWNERS.get(target or ""))


def at(seconds: float) -> datetime:
    return MONDAY_NOON + timedelta(seconds=seconds)


def plan(
    *steps: tuple[str, ...], key: str, run: int = 0, attempt: int = 0, when: float = 0
) -> Told:
    """Told at a moment: each step rings these dials for 20 s."""
    legs = iter(range(1 + 10 * run + 3 * attempt, 99))
    made = tuple(
        PlanStep(
            20,
            "one" if len(dials) == 1 else "all",
            tuple(Target(f"a{next(legs)}", dial, OWNERS[dial]) for dial in dials),
        )
        for dials in steps
    )
    return Told(key, run, attempt, at(when), Connect("call", made, LastResort("+74950000000")))


RINGING = event("ringing")
TWO_STEPS = plan(("101",), ("102",), key=RINGING.key)


def folded(
    *events: CallEvent, told: Sequence[Told] = (TWO_STEPS,), now: float, **more: Any
) -> CallState:
    given = {"limits": Limits(), "whose": whose, **more}
    return fold(events, told, now=at(now), **given)


def shuffled(events: Sequence[CallEvent], chance: Random, *, most_s: int) -> list[CallEvent]:
    """The same events in another order, late, and some of them twice."""
    heard = [
        replace(one, received=one.received + timedelta(seconds=chance.randint(0, most_s)))
        for one in (*events, *chance.sample(events, 2))
    ]
    chance.shuffle(heard)
    return heard


def what_counts(state: CallState) -> tuple[Any, ...]:
    """What does not depend on when its events were heard."""
    return (
        state.state,
        state.direction,
        state.talker,
        state.last_talker,
        state.dialer,
        state.owner,
        state.started_at,
        state.answered_at,
        state.ended_at,
        state.duration_s,
        state.presumed,
    )


def held(state: CallState, now: float) -> dict[str, tuple[str, float]]:
    """Who is held by the call at a moment: by what, and for how many seconds more."""
    return {
        manager: (hold.kind, (hold.until - at(now)).total_seconds())
        for manager, hold in holds_of("call", state.legs, now=at(now), stranger=False)
        if hold.since <= at(now)
    }
