"""One way up a ladder: step by step whom it rings, who is passed over, and where it has to wait.

The ladder is climbed twice: who is to be rung last for a while (`cooling`) is left out at first,
and rung after its last step. Places on the second way up are counted on from the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from statistics import median
from typing import TYPE_CHECKING, Literal, TypedDict

from callrouter.domain.decisions import EVERYTHING, Can, LastResort, PlanStep, Target, Wait
from callrouter.domain.ladders import (
    AWAY,
    ORDERS,
    STANDS_IN,
    AtWork,
    Standing,
    among,
    deputies_of,
    stand,
)
from callrouter.domain.managers import NOTHING_KNOWN
from callrouter.domain.phones import is_dialable, is_outside
from callrouter.domain.soft_start import is_soft_start, may_be_soft
from callrouter.domain.waiting import ASKS_EVERY_S, Wanting, allot
from callrouter.domain.why import CANDIDATES_KEPT, PROMISED, Candidate, Place, StepWhy

if TYPE_CHECKING:
    from collections.abc import Hashable
    from datetime import date, datetime

    from callrouter.domain.managers import ManagerFacts
    from callrouter.domain.routing import Arrival, Facts
    from callrouter.domain.setup import Ladder, Line, Manager, Setup, Step, WhenBusy
    from callrouter.domain.waiting import Waiting
    from callrouter.domain.why import Cut, Passed, Responsible


class _LookedAt(TypedDict):
    candidates: tuple[Candidate, ...]
    others: tuple[tuple[str, int], ...]


class Climb:
    """The steps planned so far, the people they hold, and the place of a caller who has to wait."""

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
        self._at_work = AtWork(facts.setup, now, call.gone)
        self._others = [one for one in facts.waiting if one.call not in {call.call, *facts.own}]
        self._used: set[str] = set()
        self._cool: set[str] = set(call.left)  # who was left for the second way up
        self._stands_in: dict[str, str] = {}
        self._dials: dict[str, list[str]] = {}
        self._unheld: dict[str, Standing] = {}
        self._candidates: dict[str, Candidate] = {}
        self._floors: dict[str, float | None] = {}
        self._today: dict[str | None, date] = {}
        self._medians: dict[str, float | None] = {}
        self._to_be_had: dict[str, Standing | None] = {}  # by others, at the start of this step
        self._circles: dict[Hashable, list[Manager]] = {}
        self._legs = call.legs
        self.planned: list[PlanStep] = []
        self.whys: list[StepWhy] = []
        self.cut: list[Cut] = []
        self.place: Place | None = None
        self.comes_back = False  # if nobody picks up, the caller waits
        self._waits_at = (0, 0)
        self._waits_for: Step | None = None

    def up(self, ladder: Ladder) -> Step | None:
        """Plan every step from where the call stands. Gives the step that speaks, if it ends so."""
        ring = [step for step in ladder.step if step.ring is not None]
        speaks = next((n for n, step in enumerate(ladder.step) if step.ring is None), None)
        ring = ring if speaks is None else list(ladder.step[:speaks])
        for rung in range(self._call.rung, 2 * len(ring)):
            last, step = rung >= len(ring), ring[rung % len(ring)]
            if last and not self._cool:
                break
            first = self._call.turn if rung == self._call.rung else 0
            turns = 1 if step.ring in ("all", *STANDS_IN) else (step.count or 1)
            if waits := self._waits_on(step, rung):
                turns = max(turns, first + 1)  # who is rung in vain meanwhile costs no turn
            for turn in range(first, turns):
                if not self._take(step, rung, turn, last=last):
                    break  # the next turn of the same step would find nobody either
            if self.place or (waits and self.planned):
                self.comes_back = True
                return None
        return None if speaks is None else ladder.step[speaks]

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

    def left(self, told: Sequence[PlanStep] = ()) -> tuple[str, ...]:
        """Who is to be rung last and stands in none of these steps."""
        return tuple(sorted(self._cool.difference(*(step.managers for step in told))))

    def wait(self, then: LastResort) -> Wait:
        """What a caller is told for whom nobody is free yet. Only for a climb that has a place."""
        place = self.place
        if place is None:
            raise ValueError("this climb does not wait")
        left = (place.until - self._now).total_seconds()
        rung, turn = self._waits_at
        return Wait(
            call=self._call.call,
            wait_s=max(1, min(ASKS_EVERY_S, round(left))),
            then=then,
            position=place.position,
            expected_s=place.expected_s,
            since=place.since,
            began=self._began(rung),
            rung=rung,
            turn=turn,
            step=self._waits_for,
            responsible=self._responsible,
            tried=tuple(self._call.tried),
            left=self.left(),
        )

    # One step

    def _take(self, step: Step, rung: int, turn: int, *, last: bool) -> bool:
        """Plan one attempt of a step. False: there is nobody to ring."""
        facts = self._facts
        people = self._people(step, facts.setup, self._call.line, self._responsible)
        self._stands_in = (
            {one.key: people[0].key for one in people[1:]} if step.ring in STANDS_IN else {}
        )
        if last:
            people = [one for one in people if one.key in self._cool]
        group = [self._judge(self._stand(one), step, last=last) for one in people]
        if last and not any(one.free for one in group):
            return False
        group = self._without_promised(group, step)
        order, tie = ORDERS[step.ring or "all"], self._facts.setup.load.tie
        ranked = order([one for one in group if one.free], group, tie)
        how: WhenBusy = "skip" if ranked or last else self._when_busy(step, group, rung)
        if how == "ring":
            ranked = order([one for one in group if one.busy], group, tie)
        chosen = self._ring(step, ranked, rung, turn)
        self.whys.append(
            StepWhy(
                ring=step.ring or "all",
                seconds=step.seconds,
                chosen=chosen,
                **self._looked_at(group, chosen),
                team=step.team,
                office=step.office,
                skill=step.skill,
                rung=rung,
                turn=turn,
                call_waiting=how == "ring" and bool(ranked),
                waits=how == "wait",
                last=last,
            )
        )
        if how == "wait":
            self.place = self._place(step, group, rung)
            self._waits_at, self._waits_for = (rung, turn), step
        return bool(chosen)

    def _when_busy(self, step: Step, group: Sequence[Standing], rung: int) -> WhenBusy:
        """What to do where nobody is free: to wait makes sense only for people who are there."""
        if step.busy != "wait":
            return step.busy
        if not self._may_wait:
            self.cut.append("wait")
            return "ring"
        if not any(one.busy or one.passed in PROMISED for one in group):
            return "skip"
        return "skip" if self._waited_enough(step, rung) else "wait"

    def _waits_on(self, step: Step, rung: int) -> bool:
        """True for a rung on which the caller waits already, for as long as he may."""
        if rung != self._call.rung or self._call.began is None or step.busy != "wait":
            return False
        return self._may_wait and not self._waited_enough(step, rung)

    @property
    def _may_wait(self) -> bool:
        return self._can.wait and self._can.ask_again

    def _waited_enough(self, step: Step, rung: int) -> bool:
        return self._now - self._began(rung) >= timedelta(seconds=step.wait)

    def _began(self, rung: int) -> datetime:
        """When the call began to wait on a rung."""
        return (self._call.began if rung == self._call.rung else None) or self._now

    def _place(self, step: Step, group: Sequence[Standing], rung: int) -> Place:
        """The caller's place among those who wait for the same people."""
        mine = {one.manager.key for one in group}
        ahead = sum(
            one.place < self._line_place and any(other.key in mine for other in self._circle(one))
            for one in self._others
        )
        there = sum(one.busy or one.free or one.passed in PROMISED for one in group)
        expected = (ahead + 1) * self._facts.mean_talk_s / there if there else None
        return Place(
            position=ahead + 1,
            since=self._line_place[0],
            until=self._began(rung) + timedelta(seconds=step.wait),
            expected_s=None if expected is None else round(expected),
            kept=self._facts.since == self._line_place[0],
        )

    @property
    def _line_place(self) -> tuple[datetime, str]:
        return (self._call.since or self._facts.since or self._now, self._call.call)

    # The people of a step

    def _people(
        self, step: Step, setup: Setup, line: Line, responsible: str | None
    ) -> list[Manager]:
        """Whom a step speaks of; behind one who is away, his deputies up to one who is not."""
        people = list(among(step, setup, line, responsible))
        if step.ring in STANDS_IN and people and self._is_away(people[0]):
            for one in deputies_of(people[0], setup):
                people.append(one)
                if not self._is_away(one):
                    break
        return people

    def _is_away(self, manager: Manager) -> bool:
        """By our own Setup, whichever Setup it is that names him: he may have left since."""
        here = self._facts.setup.managers.get(manager.key)
        if here is None or not manager.active:
            return True
        away = self._at_work.absence(here, self._known(here).presence)
        return away is not None and away[0] in AWAY

    def _known(self, manager: Manager) -> ManagerFacts:
        """Of who has left nothing was gathered."""
        if not manager.active:
            return NOTHING_KNOWN
        return self._facts.managers.get(manager.key, NOTHING_KNOWN)

    def _stand(self, manager: Manager) -> Standing:
        """How calls hold him at the start of the step; whom none holds stands alike at each."""
        if known := self._unheld.get(manager.key):
            return known
        facts = self._known(manager)
        own = self._facts.own
        floor = self._floor(manager) if may_be_soft(manager, self._facts.setup) else None
        one = stand(manager, facts, start=self._start, now=self._now, own=own, floor=floor)
        if not facts.holds:
            self._unheld[manager.key] = one
        return one

    def _floor(self, manager: Manager) -> float | None:
        """What a soft start lifts his load to."""
        if not (manager.active and manager.team):
            return None
        key = manager.key
        if key not in self._floors:
            self._floors[key] = self._median(manager.team, key) if self._is_soft(manager) else None
        return self._floors[key]

    def _median(self, team: str, key: str) -> float | None:
        """The middle load of those of his team who are at work and no beginners themselves.

        Where all are beginners it is that of the others.
        """
        if team not in self._medians:
            settled = [one for one in self._team_at_work(team) if not self._is_soft(one)]
            self._medians[team] = self._middle(settled)
        if (middle := self._medians[team]) is None:
            middle = self._middle([one for one in self._team_at_work(team) if one.key != key])
        return middle

    def _team_at_work(self, team: str) -> list[Manager]:
        members = self._facts.setup.members.get(team, ())
        return [
            one for one in members if self._at_work.absence(one, self._known(one).presence) is None
        ]

    def _middle(self, people: Sequence[Manager]) -> float | None:
        loads = [self._known(one).parts(self._now).of(one.capacity) for one in people]
        return median(loads) if loads else None

    def _is_soft(self, manager: Manager) -> bool:
        setup, office = self._facts.setup, manager.office
        if office not in self._today:
            self._today[office] = setup.calendar_of(office).local(self._now).date()
        return is_soft_start(manager, setup, self._today[office])

    def _judge(self, one: Standing, step: Step, *, last: bool) -> Standing:
        """Add the reasons that are not a call's: this plan, this call, work, skill, phone."""
        key = one.manager.key
        passed: Passed | None = None
        until: datetime | None = None
        note = ""
        if away := self._at_work.absence(one.manager, one.facts.presence):
            passed, until = away
            if passed == "paused" and one.facts.presence:
                note = one.facts.presence.reason
        elif key in self._used:
            passed = "already"
        elif key in self._call.tried:
            passed = self._call.tried[key]
        elif step.skill and step.skill not in one.manager.skills:
            passed = "no_skill"
        elif not self._phones(one.manager):
            passed = "no_phone"
        elif one.free and not last and (cooling := one.facts.cooled(self._now)):
            passed, until, note = "cooling", cooling.until, cooling.reason
            self._cool.add(key)
        if passed is None:
            return one
        return one._replace(passed=passed, until=until, hold=None, note=note)

    def _phones(self, manager: Manager) -> list[str]:
        """His phones that this call may ring."""
        if (phones := self._dials.get(manager.key)) is None:
            phones = self._find_phones(manager, self._call.account, self._facts.setup)
            self._dials[manager.key] = phones
        return phones

    def _find_phones(self, manager: Manager, account_key: str, setup: Setup) -> list[str]:
        account = setup.accounts.get(account_key)
        can = self._can if account_key == self._call.account else EVERYTHING
        return [
            dial
            for dial in manager.dials(account_key)
            if is_dialable(dial) and can.rings(dial) and (account is None or account.may_dial(dial))
        ]

    # Others who wait

    def _without_promised(self, group: list[Standing], step: Step) -> list[Standing]:
        """Pass over who is free, but to be had by another who waits."""
        if not self._others or not any(one.free for one in group):
            return group
        others = [wanting for one in self._others if (wanting := self._wanting(one)).free]
        if not others:
            return group
        free = self._in_order(step, [one for one in group if one.free], group)
        mine = Wanting(self._line_place, self._responsible, free, self._most(step))
        places = {one.place[1]: one.place for one in others}
        given = {
            manager: places[call]
            for manager, call in allot([*others, mine]).items()
            if call != self._call.call
        }
        return [
            self._promise(one, given.get(one.manager.key)) if one.free else one for one in group
        ]

    def _promise(self, one: Standing, place: tuple[datetime, str] | None) -> Standing:
        if place is None:
            return one
        passed: Passed = "promised" if place < self._line_place else "promised_own"
        return one._replace(passed=passed, hold=None, waiter=place[1])

    def _in_order(
        self, step: Step, people: Sequence[Standing], group: Sequence[Standing]
    ) -> list[str]:
        ranked = ORDERS[step.ring or "all"](people, group, self._facts.setup.load.tie)
        return [one.manager.key for one in ranked]

    def _most(self, step: Step) -> int | None:
        """How many people a step takes at once; None: all that there are."""
        return step.count if step.ring == "all" else 1

    def _wanting(self, other: Waiting) -> Wanting:
        """Whom a call that waits could have now, as its own step would choose."""
        step, theirs = other.step, other.setup.managers
        group = [
            one
            for manager in self._circle(other)
            if manager.key not in other.tried
            and (one := self._free_for_others(manager))
            and (not step.skill or step.skill in theirs[manager.key].skills)
            and self._find_phones(theirs[manager.key], other.account, other.setup)
        ]
        free = self._in_order(step, group, group)
        return Wanting(other.place, other.responsible, free, self._most(step))

    def _circle(self, other: Waiting) -> list[Manager]:
        """The people for whom a call waits, as our own Setup has them; many wait for the same."""
        key = other.wants
        if (known := self._circles.get(key)) is None:
            people = self._people(other.step, other.setup, other.line, other.responsible)
            here = self._facts.setup.managers
            known = [here[one.key] for one in people if one.active and one.key in here]
            self._circles[key] = known
        return known

    def _free_for_others(self, manager: Manager) -> Standing | None:
        """How he stands, if calls that wait may have him at the start of this step.

        Whom an earlier call of this caller's still rings is free for this caller alone.
        """
        if manager.key not in self._to_be_had:
            one, facts = self._stand(manager), self._known(manager)
            free = (
                one.free
                and manager.key not in self._used
                and not facts.cooled(self._now)
                and not any(hold.call in self._facts.own for hold in facts.holds)
                and self._at_work.absence(manager, facts.presence) is None
            )
            self._to_be_had[manager.key] = one if free else None
        return self._to_be_had[manager.key]

    # What comes of it

    def _ring(
        self, step: Step, ranked: Sequence[Standing], rung: int, turn: int
    ) -> tuple[str, ...]:
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
        self._to_be_had.clear()
        return planned.managers

    def _looked_at(self, group: list[Standing], chosen: tuple[str, ...]) -> _LookedAt:
        """The chosen and the nearest by load; of the others how many, by reason."""
        near = sorted(
            group,
            key=lambda one: (one.manager.key not in chosen, one.load, one.manager.key),
        )
        others: dict[str, int] = {}
        for one in near[CANDIDATES_KEPT:]:
            reason = one.passed or "free"
            others[reason] = others.get(reason, 0) + 1
        candidates = tuple(
            self._candidate(one, chosen=one.manager.key in chosen) for one in near[:CANDIDATES_KEPT]
        )
        return {"candidates": candidates, "others": tuple(sorted(others.items()))}

    def _candidate(self, one: Standing, *, chosen: bool) -> Candidate:
        """One who stands as before, and is not chosen, is told of alike at each step."""
        key = one.manager.key
        alike = not (chosen or self._stands_in) and one is self._unheld.get(key)
        if alike and (known := self._candidates.get(key)):
            return known
        parts, since = one.parts, one.facts.last_busy
        told = Candidate(
            manager=key,
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
            call=one.waiter or (one.hold.call if one.hold else None),
            instead_of=self._stands_in.get(key),
            floor=None if one.floor is None else round(one.floor, 4),
            note=one.note,
        )
        if alike:
            self._candidates[key] = told
        return told
