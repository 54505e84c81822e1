"""Whom a call rings, and why: rules name a ladder, its steps choose people. Pure; microseconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from callrouter.domain.decisions import (
    Can,
    Connect,
    Decision,
    LastResort,
    Message,
    NoOpinion,
    PlanStep,
    Reject,
    Target,
    Wait,
)
from callrouter.domain.hours import parse_hours
from callrouter.domain.ladders import ORDERS, AtWork, Standing, among, stand
from callrouter.domain.managers import NOTHING_KNOWN
from callrouter.domain.phones import is_dialable, is_outside
from callrouter.domain.rules import matches
from callrouter.domain.setup import (
    DEFAULT_LADDER,
    Ladder,
    Line,
    Manager,
    ResponsibleSource,
    Rule,
    Step,
)
from callrouter.domain.why import CANDIDATES_KEPT, Candidate, Cut, Responsible, StepWhy, Why

if TYPE_CHECKING:
    from callrouter.domain.managers import Managers
    from callrouter.domain.phones import Caller
    from callrouter.domain.setup import Setup
    from callrouter.domain.why import Passed


@dataclass(frozen=True, slots=True)
class CardFacts:
    """A card as routing needs it."""

    id: str
    number: int
    pipeline: str
    status: str
    manager: str | None = None
    open: bool = True
    last_contact: datetime | None = None


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


STRANGER = CallerFacts()


@dataclass(frozen=True, slots=True)
class Arrival:
    """A call that asks for a decision.

    `attempt` 0: `ringing`; else which `next`. `rung`, `turn`: where its ladder goes on; `legs`: how
    many legs it was given so far; `tried`: whom it rang already, and how that ended.
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


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a decision looks at, gathered before. `card` is the card the call hangs on."""

    setup: Setup
    managers: Managers
    caller: CallerFacts = STRANGER
    known: bool = False
    card: CardFacts | None = None
    new_card: bool = False
    card_url: str = ""


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
    climb = _Climb(call, facts, can, now, responsible)
    saying = climb.up(ladder)
    steps, ask_again = climb.told(more=saying is not None)
    then = LastResort(line.last_resort, kind=line.last_resort_kind)

    decision: Decision
    if saying and not climb.planned and can.message:
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
            record=line.recording and can.record,
            caller_name=facts.caller.name,
            card_url=facts.card_url,
            reason=first or ("closed" if not open_hours else "last_resort"),
        )
    why = Why(
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
        steps=tuple(climb.whys),
        ends="message" if isinstance(decision, Message) else "last_resort",
        cut=tuple(dict.fromkeys(climb.cut)),
        attempt=call.attempt,
    )
    return Decided(decision, why)


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


def plan_of(decision: Decision) -> tuple[PlanStep, ...]:
    """The steps that a decision rings; none for one that rings nobody."""
    match decision:
        case Connect(steps=steps):
            return steps
        case Wait() | Message() | Reject() | NoOpinion():
            return ()


def find_responsible(facts: Facts, now: datetime) -> Responsible | None:
    """Who is responsible for the caller: the first source in `[routing]` that names somebody."""
    routing = facts.setup.routing
    for source in routing.responsible:
        found = _by_source(source, facts, now)
        if found and (manager := facts.setup.managers.get(found[0])) and manager.active:
            return Responsible(found[0], source, found[1])
    return None


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
    ladder, _, _ = find_ladder(call, facts, now)
    responsible = find_responsible(facts, now)
    found = {responsible.manager} if responsible else set()
    for step in ladder.step:
        if step.ring and step.ring != "responsible":
            people = among(step, facts.setup, call.line, None)
            found.update(one.key for one in people if one.active)
    return found


def find_ladder(call: Arrival, facts: Facts, now: datetime) -> tuple[Ladder, Rule | None, bool]:
    """The ladder a call climbs, the rule that named it, and whether the line is open."""
    setup, line = facts.setup, call.line
    calendar = setup.calendar_of(line.office)
    open_hours = line.hours is None or parse_hours(line.hours).open_at(now, calendar)
    for rule in setup.rule:
        if matches(rule.when, call, facts, open_hours, now):
            return setup.ladders[rule.ladder], rule, open_hours
    return _ladder(setup, line, open_hours=open_hours), None, open_hours


def _ladder(setup: Setup, line: Line, *, open_hours: bool) -> Ladder:
    if not open_hours:
        return setup.ladders[line.closed] if line.closed else Ladder("closed")
    return setup.ladders[line.ladder] if line.ladder else DEFAULT_LADDER


class _Climb:
    """One way up a ladder: the steps planned so far and the people they hold."""

    def __init__(
        self,
        call: Arrival,
        facts: Facts,
        can: Can,
        now: datetime,
        responsible: Responsible | None,
    ) -> None:
        self._call = call
        self._facts = facts
        self._can = can
        self._now = now
        self._start = now  # of the step being chosen
        self._responsible = responsible.manager if responsible else None
        self._at_work = AtWork(facts.setup, now)
        self._used: set[str] = set()
        self._dials: dict[str, list[str]] = {}
        self._unheld: dict[str, Standing] = {}
        self._legs = call.legs
        self.planned: list[PlanStep] = []
        self.whys: list[StepWhy] = []
        self.cut: list[Cut] = []

    def up(self, ladder: Ladder) -> Step | None:
        """Plan every step from where the call stands. Gives the step that speaks, if it ends so."""
        for rung, step in enumerate(ladder.step[self._call.rung :], start=self._call.rung):
            if step.ring is None:
                return step
            first = self._call.turn if rung == self._call.rung else 0
            turns = 1 if step.ring in ("all", "responsible", "manager") else (step.count or 1)
            for turn in range(first, turns):
                if not self._take(step, rung, turn):
                    break  # the next turn of the same step would find nobody either
        return None

    def told(self, *, more: bool) -> tuple[tuple[PlanStep, ...], bool]:
        """What is told of the plan, and whether the provider is to ask again."""
        limit = self._can.steps
        if limit is None or not self.planned:
            ask_again = more and bool(self.planned) and self._can.ask_again
            return tuple(self.planned), ask_again
        told = self.planned[:limit]
        if len(told) < len(self.planned):
            self.cut.append("steps")
            kept = {(step.rung, step.turn) for step in told}
            self.whys = [
                why if not why.chosen or (why.rung, why.turn) in kept else replace(why, told=False)
                for why in self.whys
            ]
        return tuple(told), self._can.ask_again

    def _take(self, step: Step, rung: int, turn: int) -> bool:
        """Plan one attempt of a step. False: there is nobody to ring."""
        people = among(step, self._facts.setup, self._call.line, self._responsible)
        group = [self._judge(self._stand(one), step) for one in people]
        order, tie = ORDERS[step.ring or "all"], self._facts.setup.load.tie
        ranked = order([one for one in group if one.free], group, tie)
        waiting = False
        if not ranked and step.busy != "skip":
            ranked = order([one for one in group if one.busy], group, tie)
            waiting = bool(ranked)
        chosen = self._ring(step, ranked, rung, turn)
        self.whys.append(self._explain(step, group, chosen, rung, turn, waiting=waiting))
        return bool(chosen)

    def _stand(self, manager: Manager) -> Standing:
        """How calls hold him at the start of the step; whom none holds stands alike at each."""
        if known := self._unheld.get(manager.key):
            return known
        facts = self._facts.managers.get(manager.key, NOTHING_KNOWN)
        one = stand(manager, facts, start=self._start, now=self._now)
        if not facts.holds:
            self._unheld[manager.key] = one
        return one

    def _judge(self, one: Standing, step: Step) -> Standing:
        """Add the reasons that are not a call's: this plan, this call, work, skill, phone."""
        key = one.manager.key
        away = self._at_work.absence(one.manager)
        passed: Passed | None = None
        until: datetime | None = None
        if away:
            passed, until = away
        elif key in self._used:
            passed = "already"
        elif key in self._call.tried:
            passed = self._call.tried[key]
        elif step.skill and step.skill not in one.manager.skills:
            passed = "no_skill"
        elif not self._phones(one.manager):
            passed = "no_phone"
        if passed is None:
            return one
        return one._replace(passed=passed, until=until, hold=None)

    def _phones(self, manager: Manager) -> list[str]:
        """His phones that this call may ring."""
        if (phones := self._dials.get(manager.key)) is None:
            phones = self._dials[manager.key] = self._find_phones(manager)
        return phones

    def _find_phones(self, manager: Manager) -> list[str]:
        account = self._facts.setup.accounts.get(self._call.account)
        allowed = account.allowed_prefixes if account else None
        prefixes = ("+",) if allowed is None else allowed
        return [
            dial
            for dial in manager.dials(self._call.account)
            if is_dialable(dial)
            and (not is_outside(dial) or (self._can.outside_numbers and dial.startswith(prefixes)))
        ]

    def _ring(self, step: Step, ranked: list[Standing], rung: int, turn: int) -> tuple[str, ...]:
        """Append the plan's step for those who come first; gives their keys."""
        everybody = step.ring == "all"
        people = ranked[: step.count] if everybody else ranked[:1]
        phones = [(one.manager, dial) for one in people for dial in self._phones(one.manager)]
        allowed = len(phones) if self._can.targets is None else self._can.targets
        if not self._can.parallel:
            allowed = min(allowed, 1)
        if len(phones) > allowed:
            self.cut.append("parallel" if not self._can.parallel else "targets")
            phones = phones[:allowed]
        if not phones:
            return ()
        targets = []
        for manager, dial in phones:
            self._legs += 1
            confirm = manager.confirm and is_outside(dial)
            targets.append(Target(f"a{self._legs}", dial, manager.key, confirm))
        mode: Literal["one", "all"] = "all" if everybody else "one"
        planned = PlanStep(step.seconds, mode, tuple(targets), rung, turn)
        self.planned.append(planned)
        self._used.update(planned.managers)
        self._start += timedelta(seconds=step.seconds)
        return planned.managers

    def _explain(
        self,
        step: Step,
        group: list[Standing],
        chosen: tuple[str, ...],
        rung: int,
        turn: int,
        *,
        waiting: bool,
    ) -> StepWhy:
        near = sorted(
            group,
            key=lambda one: (one.manager.key not in chosen, one.load, one.manager.key),
        )
        others: dict[str, int] = {}
        for one in near[CANDIDATES_KEPT:]:
            reason = one.passed or "free"
            others[reason] = others.get(reason, 0) + 1
        return StepWhy(
            ring=step.ring or "all",
            seconds=step.seconds,
            chosen=chosen,
            candidates=tuple(
                self._candidate(one, chosen=one.manager.key in chosen)
                for one in near[:CANDIDATES_KEPT]
            ),
            others=tuple(sorted(others.items())),
            team=step.team,
            office=step.office,
            skill=step.skill,
            rung=rung,
            turn=turn,
            call_waiting=waiting,
        )

    def _candidate(self, one: Standing, *, chosen: bool) -> Candidate:
        parts, since = one.parts, one.facts.last_busy
        return Candidate(
            manager=one.manager.key,
            passed=one.passed,
            chosen=chosen,
            soft=one.soft,
            load=round(one.load, 4),
            in_work=parts.in_work,
            cards=parts.cards,
            strangers=parts.strangers + parts.ringing,
            capacity=one.manager.capacity,
            idle_s=None if since is None else max(0, int((self._now - since).total_seconds())),
            until=one.until,
            call=one.hold.call if one.hold else None,
        )
