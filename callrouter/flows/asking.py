"""Decides for one call that asks, guarded: a bug costs one call its plan, never the batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from time import perf_counter
from typing import TYPE_CHECKING

from callrouter.domain.calls import Told
from callrouter.domain.decisions import Connect, NoOpinion, Wait
from callrouter.domain.past import Seen, seen_by
from callrouter.domain.routing import (
    Arrival,
    Decided,
    Facts,
    decide,
    last_resort_only,
    people_to_look_at,
)
from callrouter.domain.targets import diverter, phones_of
from callrouter.domain.why import Times
from webhooks.provider import Answer

if TYPE_CHECKING:
    from callrouter.domain.managers import Board
    from callrouter.domain.setup import Setup
    from callrouter.domain.why import Passed, Why
    from callrouter.flows.queue import Queue
    from callrouter.flows.work import Desk, Entry, Work

LADDER_OVER = 1_000_000
"""A place on the ladder behind its last step."""

NO_OPINION = Answer(b'{"decision": "none"}')
"""What is left to say when even rendering failed: the PBX does what it does by itself."""

_PASSED: Mapping[str, Passed] = {
    "rejected": "rejected",
    "dnd": "rejected",
    "busy": "phone_busy",
}


@dataclass(frozen=True, slots=True)
class Asking:
    """One asking of a call: its place among the call's plans, and the Setup it goes on with."""

    work: Work
    entry: Entry
    run: int
    attempt: int
    key: str
    setup: Setup


@dataclass(frozen=True, slots=True)
class Asked:
    """What it was told. `bug`: what went wrong by our own fault; `seen`: what it looked at."""

    told: Told
    why: Why
    answer: Answer
    bug: str | None = None
    seen: Seen | None = None


def arrival(asking: Asking) -> Arrival:
    """The call as routing sees it."""
    work = asking.work
    line, line_known = asking.setup.find_line(work.line.number, work.account)
    told = work.plan(asking.run)
    rung, turn = position_after(told)
    return Arrival(
        call=work.id,
        account=work.account,
        caller=work.caller,
        line=line if line_known else work.line,
        line_known=work.line_known,
        diverted_from=work.diverted_from,
        attempt=asking.attempt,
        rung=rung,
        turn=turn,
        legs=_legs_so_far(work),
        tried=_tried(asking) if asking.attempt else {},
        left=_left(asking),
        gone=_gone(asking),
        diverted_by=diverter(asking.setup, work.account, work.diverted_from),
        asked=told[0].at if told else None,
        since=_place(asking),
        began=began_after(told),
    )


def look_at(asking: Asking, queue: Queue, *, now: datetime) -> set[str]:
    """Whose facts the decision will want; nobody's when it is about to fail anyway."""
    try:
        work = asking.work
        facts = Facts(
            asking.setup,
            {},
            work.facts,
            known=work.known,
            card=work.card,
            waiting=queue.at(now),
        )
        return people_to_look_at(arrival(asking), facts, now=now)
    except Exception:  # noqa: BLE001  the same bug will be met, told and counted by `ask`
        return set()


def ask(
    asking: Asking,
    board: Board,
    queue: Queue,
    desk: Desk,
    *,
    now: datetime,
    facts_ms: float = 0.0,
) -> Asked:
    """Decide and render. What a bug of ours does to this call stays with this call.

    `facts_ms`: how long its batch took to gather facts.
    """
    began = perf_counter()
    work, entry, bug = asking.work, asking.entry, None
    line = work.line
    plain = Arrival(work.id, work.account, work.caller, line, attempt=asking.attempt)
    seen: Seen | None = None
    try:
        facts = Facts(
            setup=asking.setup,
            managers=board.facts,
            caller=work.facts,
            known=work.known,
            card=work.card,
            new_card=work.new_card,
            card_url=desk.card_url(work.id, now),
            blocked=work.blocked,
            own=queue.own(work),
            since=queue.place_of(work),
            waiting=queue.at(now),
            mean_talk_s=queue.mean_talk_s,
        )
        call = arrival(asking)
        decided = decide(call, facts, entry.can, now=now)
        seen = seen_by(call, facts, entry.can)
    except Exception as error:  # noqa: BLE001  see the module's first line
        bug = f"decide: {type(error).__name__}: {error}"
        decided = last_resort_only(plain, asking.setup, now=now)
    try:
        answer = entry.render(decided.decision)
    except Exception as error:  # noqa: BLE001
        bug = f"answer: {type(error).__name__}: {error}"
        decided = last_resort_only(plain, asking.setup, now=now)
        decided, answer = _render_plainly(entry, decided)
    waited = entry.waited_ms
    decided_ms = waited + facts_ms + (perf_counter() - began) * 1000
    times = Times(round(waited, 2), round(waited + facts_ms, 2), round(decided_ms, 2))
    why = replace(decided.why, times=times)
    told = Told(
        asking.key,
        asking.run,
        asking.attempt,
        entry.event.received,
        decided.decision,
        asking.setup.version,
    )
    return Asked(told, why, answer, bug, None if bug else seen)


def _render_plainly(entry: Entry, decided: Decided) -> tuple[Decided, Answer]:
    try:
        return decided, entry.render(decided.decision)
    except Exception:  # noqa: BLE001  a ringing call always gets an answer
        return replace(decided, decision=NoOpinion()), NO_OPINION


def position_after(told: Sequence[Told]) -> tuple[int, int]:
    """Where the ladder goes on: behind the last step of what one run was told, in order.

    Once nothing was left there is nothing left, though somebody may be free again.
    """
    if not told:
        return 0, 0
    last = told[-1].decision
    if isinstance(last, Connect) and not last.steps:
        return LADDER_OVER, 0
    for one in reversed(told):
        if isinstance(one.decision, Wait):
            return one.decision.rung, one.decision.turn
        if isinstance(one.decision, Connect) and one.decision.steps:
            step = one.decision.steps[-1]
            more = one is told[-1] or one.decision.ask_again
            return (step.rung, step.turn + 1) if more else (LADDER_OVER, 0)
    return LADDER_OVER, 0


def began_after(told: Sequence[Told]) -> datetime | None:
    """When a call began to wait on the rung where it stands, whatever has rung in vain since."""
    rung, _ = position_after(told)
    waits = [one.decision for one in told if isinstance(one.decision, Wait)]
    return waits[-1].began if waits and waits[-1].rung == rung else None


def _place(asking: Asking) -> datetime | None:
    """Its place among those who wait, whatever has rung in vain since it was told to wait.

    A plan that follows a talk begins without one.
    """
    state = asking.work.state
    talked = state is not None and state.answered_at is not None
    waits = [
        (told.place, told.decision.since)
        for told in asking.work.told
        if isinstance(told.decision, Wait) and (told.run == asking.run or not talked)
    ]
    return max(waits)[1] if waits else None


def _left(asking: Asking) -> frozenset[str]:
    """Whom this run left for last."""
    return frozenset(
        manager
        for told in asking.work.plan(asking.run)
        if isinstance(told.decision, Connect | Wait)
        for manager in told.decision.left
    )


def _gone(asking: Asking) -> frozenset[str]:
    """Who works here by the Setup that the call goes on with, and by the one in force no more."""
    began, current = asking.setup, asking.work.setup
    if began is current:
        return frozenset()
    return frozenset(one.key for one in began.active).difference(one.key for one in current.active)


def _legs_so_far(work: Work) -> int:
    """How many legs the call was given, so that no two are called the same."""
    return sum(
        len(step.targets)
        for told in work.told
        if isinstance(told.decision, Connect)
        for step in told.decision.steps
    )


def _tried(asking: Asking) -> dict[str, Passed]:
    """Whom this run rang already, by our windows, by the legs' ends and by what `next` says."""
    work, event = asking.work, asking.entry.event
    tried: dict[str, Passed] = {}
    for leg in work.state.legs if work.state else ():
        begun = leg.ring_from is not None and leg.ring_from < event.received
        if leg.manager and leg.run == asking.run and begun and leg.answered_at is None:
            tried[leg.manager] = _PASSED.get(leg.reason or "", "no_answer")
    whose = phones_of(asking.setup, work.account)
    legs = work.state.legs if work.state else ()
    for one in event.tried:
        if manager := whose(one.target, event.moment, legs).manager:
            tried[manager] = _PASSED.get(one.reason, "no_answer")
    return tried
