"""Whom a call rings, and why: rules name a ladder, its steps choose people. Pure; microseconds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Literal

from callrouter.domain.climb import Climb
from callrouter.domain.decisions import (
    Can,
    Connect,
    Decision,
    LastResort,
    Message,
    Reject,
    Wait,
)
from callrouter.domain.hours import parse_hours
from callrouter.domain.ladders import NEVER, deputies_of, whom_it_may_ring
from callrouter.domain.managers import NOTHING_KNOWN
from callrouter.domain.people import Ranked
from callrouter.domain.recording import recorded
from callrouter.domain.rules import matches
from callrouter.domain.setup import (
    DEFAULT_LADDER,
    Ladder,
    Line,
    ResponsibleSource,
    Rule,
    Step,
)
from callrouter.domain.soft_start import is_soft_start, may_be_soft
from callrouter.domain.waiting import USUAL_TALK_S, Waiting
from callrouter.domain.why import Responsible, Why

if TYPE_CHECKING:
    from callrouter.domain.blocks import Blocked
    from callrouter.domain.managers import Managers
    from callrouter.domain.phones import Caller
    from callrouter.domain.setup import Setup
    from callrouter.domain.why import Passed


@dataclass(frozen=True, slots=True)
class CardFacts:
    """A card as routing needs it. `beside`: another contact is its main one."""

    id: str
    number: int
    pipeline: str
    status: str
    manager: str | None = None
    open: bool = True
    last_contact: datetime | None = None
    beside: bool = False


@dataclass(frozen=True, slots=True)
class CallerFacts:
    """What the base knows of who calls. `contact` None: nobody has this number yet."""

    contact: str | None = None
    name: str = ""
    relation: str = "client"
    responsible: str | None = None
    tags: frozenset[str] = frozenset()
    cards: tuple[CardFacts, ...] = ()
    talked: tuple[str, datetime] | None = None  # who talked to him last, and when
    tried: tuple[str, datetime] | None = None  # who called him last without a talk
    missed_today: int = 0
    people: tuple[Ranked, ...] = ()  # all who have the number, where it is several
    no_card_until: datetime | None = None  # "not a deal": calls make no card
    unrecorded: bool = False  # he asked not to be recorded


STRANGER = CallerFacts()


def open_card(cards: Iterable[CardFacts], pipeline: str) -> CardFacts | None:
    """The open card of a pipeline that a contact's call hangs on.

    Of his own the one that was talked about last. Without one, a card that he stands beside on, if
    there is no other: which of several it would be is not guessed.
    """
    there = [one for one in cards if one.open and one.pipeline == pipeline]
    if own := [one for one in there if not one.beside]:
        return max(own, key=lambda one: (one.last_contact or NEVER, one.number))
    return there[0] if len(there) == 1 else None


@dataclass(frozen=True, slots=True)
class Arrival:
    """A call that asks for a decision.

    `attempt` 0: `ringing`; else which `next`. `rung`, `turn`: where its ladder goes on; `legs`: how
    many legs it was given so far; `tried`: whom it rang already, and how that ended; `gone`: who
    has left since the Setup that it began with.
    """

    call: str
    account: str
    caller: Caller
    line: Line
    line_known: bool = True
    diverted_from: str | None = None
    attempt: int = 0
    rung: int = 0
    turn: int = 0
    legs: int = 0
    tried: Mapping[str, Passed] = field(default_factory=dict)
    left: frozenset[str] = frozenset()  # who is to be rung last
    gone: frozenset[str] = frozenset()
    diverted_by: str | None = None  # the manager whose phone forwarded the call to us
    asked: datetime | None = None  # when this plan began: it goes on with the ladder of then
    since: datetime | None = None  # its place among those who wait, if it waited already
    began: datetime | None = None  # when it began to wait on this rung


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a decision looks at, gathered before. `card` is the card the call hangs on.

    `own`: other calls of the same number that are not over; `since`: the place of one that was cut
    off while it waited; `waiting`: who else waits; `mean_talk_s`: how long talks take.
    """

    setup: Setup
    managers: Managers
    caller: CallerFacts = STRANGER
    known: bool = False
    card: CardFacts | None = None
    new_card: bool = False
    card_url: str = ""
    blocked: Blocked | None = None
    own: frozenset[str] = frozenset()
    since: datetime | None = None
    waiting: tuple[Waiting, ...] = ()
    mean_talk_s: float = USUAL_TALK_S


@dataclass(frozen=True, slots=True)
class Decided:
    decision: Decision
    why: Why


def decide(call: Arrival, facts: Facts, can: Can, *, now: datetime) -> Decided:
    """Choose whom a call rings and keep why, cut to what the provider can do with the answer.

    Rules are looked at in order and the first that matches names the ladder; without one it is the
    line's, or outside the line's hours its `closed` one. Every connect ends in the last resort.
    """
    setup, line = facts.setup, call.line
    ladder, rule, open_hours = find_ladder(call, facts, now)
    responsible = find_responsible(facts, now)
    strict = bool(setup.routing.strict and facts.known and responsible)
    why = partial(
        Why,
        caller=call.caller.kind,
        known=facts.known,
        line=line.number,
        line_known=call.line_known,
        setup=setup.version,
        at=now,
        contact=facts.caller.contact,
        card=facts.card.number if facts.card else None,
        new_card=facts.new_card,
        open_hours=open_hours,
        rule=rule.name if rule else None,
        ladder=ladder.key,
        responsible=responsible,
        people=facts.caller.people,
        strict=strict,
        attempt=call.attempt,
    )
    if rejected := _rejected(call, facts, now):
        note = facts.blocked.reason if facts.blocked and rejected == "blocked" else ""
        return Decided(
            Reject(call.call, rejected), why(ends="reject", rejected=rejected, note=note)
        )

    climb = Climb(call, facts, can, now, responsible)
    saying = climb.up(strictly(ladder) if strict else ladder)
    steps, ask_again = climb.told(more=saying is not None or climb.comes_back)
    then = LastResort(line.last_resort, kind=line.last_resort_kind)
    record = recorded(line, facts.caller, can)
    decision: Decision
    if climb.place and not climb.planned:
        decision = climb.wait(then)
    elif saying and not climb.planned and can.message:
        decision = Message(
            call.call, then, saying.say or "", saying.play or "", saying.record, saying.max_s
        )
    else:
        if saying and not (ask_again and climb.planned):
            climb.cut.append("message")
        first = next((why.ring for why in climb.whys if why.chosen and why.told), None)
        decision = Connect(
            call.call,
            steps,
            then,
            ask_again=ask_again,
            record=record == "yes",
            caller_name=facts.caller.name,
            card_url=facts.card_url,
            reason=first or ("closed" if not open_hours else "last_resort"),
            left=climb.left(steps),
        )
    told = why(
        steps=tuple(climb.whys),
        ends=_ENDS.get(type(decision), "last_resort"),
        cut=tuple(dict.fromkeys(climb.cut)),
        place=climb.place if isinstance(decision, Wait) else None,
        recorded=record if isinstance(decision, Connect) else None,
    )
    return Decided(decision, told)


_ENDS: Mapping[type[Decision], Literal["message", "wait"]] = {Message: "message", Wait: "wait"}


def _rejected(call: Arrival, facts: Facts, now: datetime) -> Literal["blocked", "loop"] | None:
    """Whether a call is not put through at all.

    A loop is a call that comes to us from a phone that we ring with another call right now. One
    that was put through before is none, whatever rings by the time it asks again.
    """
    if facts.blocked:
        return "blocked"
    if not call.diverted_by or call.attempt:
        return None
    diverter = facts.managers.get(call.diverted_by, NOTHING_KNOWN)
    for hold in diverter.holds:
        if hold.kind == "ring" and hold.call != call.call and hold.since <= now < hold.until:
            return "loop"
    return None


def strictly(ladder: Ladder) -> Ladder:
    """The ladder of a known caller where only his manager, or the deputy, may be rung."""
    own = tuple(step for step in ladder.step if step.ring in (None, "responsible"))
    if not any(step.ring for step in own):
        first = next((step for step in ladder.step if step.ring), Step(ring="responsible"))
        only = Step("responsible", first.seconds, busy=first.busy, wait=first.wait)
        own = (only, *own)
    return replace(ladder, step=own)


def last_resort_only(call: Arrival, setup: Setup, *, now: datetime) -> Decided:
    """The plan of a call whose decision failed by our own fault: nobody but the last resort."""
    then = LastResort(call.line.last_resort, kind=call.line.last_resort_kind)
    why = Why(
        caller=call.caller.kind,
        known=False,
        line=call.line.number,
        line_known=call.line_known,
        setup=setup.version,
        at=now,
        told_by="last_resort",
        attempt=call.attempt,
    )
    return Decided(Connect(call.call, (), then, reason="last_resort"), why)


def find_responsible(facts: Facts, now: datetime) -> Responsible | None:
    """Who is responsible for the caller: the first source in `[routing]` that names somebody."""
    routing = facts.setup.routing
    for source in routing.responsible:
        found = _by_source(source, facts, now)
        if found and _can_be_rung(facts.setup, found[0]):
            return Responsible(found[0], source, found[1])
    return None


def _can_be_rung(setup: Setup, key: str) -> bool:
    """False for one who has left, unless somebody stands in for him."""
    manager = setup.managers.get(key)
    return manager is not None and (
        manager.active or any(one.active for one in deputies_of(manager, setup))
    )


def _by_source(
    source: ResponsibleSource, facts: Facts, now: datetime
) -> tuple[str, int | None] | None:
    caller, routing = facts.caller, facts.setup.routing
    match source:
        case "card":
            card = facts.card
            return (card.manager, card.number) if card and card.manager else None
        case "contact":
            return (caller.responsible, None) if caller.responsible else None
        case "tried":
            fresh = caller.tried and now - caller.tried[1] <= timedelta(hours=routing.tried_hours)
            return (caller.tried[0], None) if caller.tried and fresh else None
        case "closed_card":
            closed = [card for card in caller.cards if not card.open and card.manager]
            last = max(closed, key=lambda card: card.number, default=None)
            return (last.manager, last.number) if last and last.manager else None
        case "talked":
            fresh = caller.talked and now - caller.talked[1] <= timedelta(days=routing.talked_days)
            return (caller.talked[0], None) if caller.talked and fresh else None


def people_to_look_at(call: Arrival, facts: Facts, *, now: datetime) -> set[str]:
    """The managers whose facts a decision on this call will compare; needs none of theirs."""
    setup = facts.setup
    ladder, _, _ = find_ladder(call, facts, now)
    responsible = find_responsible(facts, now)
    key = responsible.manager if responsible else None
    found: set[str] = {call.diverted_by} if call.diverted_by else set()
    for step in (*ladder.step, Step(ring="responsible")):
        if step.ring:
            found.update(one.key for one in whom_it_may_ring(step, setup, call.line, key))
    for one in {one.wants: one for one in facts.waiting}.values():
        people = whom_it_may_ring(one.step, one.setup, one.line, one.responsible)
        found.update(other.key for other in people)
    return found | _teams_of_beginners(setup, found, now)


def _teams_of_beginners(setup: Setup, keys: set[str], now: datetime) -> set[str]:
    """Whose load a soft start is measured by."""
    teams = set()
    for key in keys:
        one = setup.managers.get(key)
        if one and one.team and one.team not in teams and may_be_soft(one, setup):
            today = setup.calendar_of(one.office).local(now).date()
            if is_soft_start(one, setup, today):
                teams.add(one.team)
    return {one.key for team in teams for one in setup.members.get(team, ())}


def find_ladder(call: Arrival, facts: Facts, now: datetime) -> tuple[Ladder, Rule | None, bool]:
    """The ladder a call climbs, the rule that named it, and whether the line is open."""
    setup, line, moment = facts.setup, call.line, call.asked or now
    calendar = setup.calendar_of(line.office)
    open_hours = line.hours is None or parse_hours(line.hours).open_at(moment, calendar)
    for rule in setup.rule:
        if matches(rule.when, call, facts, open_hours, moment):
            return setup.ladders[rule.ladder], rule, open_hours
    return _ladder(setup, line, open_hours=open_hours), None, open_hours


def _ladder(setup: Setup, line: Line, *, open_hours: bool) -> Ladder:
    if not open_hours:
        return setup.ladders[line.closed] if line.closed else Ladder("closed")
    return setup.ladders[line.ladder] if line.ladder else DEFAULT_LADDER
