"""Who calls back somebody who left a request on a site, and by when. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from callrouter.domain.hours import add_working, parse_hours
from callrouter.domain.ladders import AWAY, AtWork, Standing, among, by_load, deputies_of
from callrouter.domain.managers import NOTHING_KNOWN, ManagerFacts
from callrouter.domain.setup import DEFAULT_LADDER
from callrouter.domain.soft_start import is_soft_start, lifted

if TYPE_CHECKING:
    from callrouter.domain.managers import Managers
    from callrouter.domain.setup import Line, Manager, Pipeline, Setup
    from callrouter.domain.why import Passed


@dataclass(frozen=True, slots=True)
class Backlog:
    """Call-backs that a manager owes: how many, and when the last of them was given to him."""

    count: int = 0
    last: datetime | None = None


NOTHING_OWED = Backlog()


def line_of(setup: Setup, pipeline: Pipeline, source: str | None) -> Line | None:
    """The line whose hours and people a lead takes: of its pipeline, best with the same source."""
    lines = [line for line in setup.line if setup.pipeline_of(line).key == pipeline.key]
    same = (line for line in lines if source is not None and line.source == source)
    return next(same, lines[0] if lines else None)


def people_of(setup: Setup, line: Line | None) -> tuple[Manager, ...]:
    """Who may be given a lead: those whom the line's ladder rings, as far as they own cards."""
    named: dict[str, Manager] = {}
    if line:
        ladder = setup.ladders[line.ladder] if line.ladder else DEFAULT_LADDER
        for step in ladder.step:
            if step.ring:
                named |= {one.key: one for one in among(step, setup, line, None)}
    mine = tuple(one for one in named.values() if one.active and one.owns_cards)
    return mine or tuple(one for one in setup.active if one.owns_cards) or setup.active


def opens_at(setup: Setup, line: Line | None, now: datetime) -> datetime:
    """Now, or when the line opens next; who has no hours is always open."""
    if (found := setup.hours_of(line) if line else None) is None:
        return now
    hours, calendar = found
    return hours.next_opening(now, calendar) or now


def due_at(setup: Setup, line: Line | None, owner: Manager | None, now: datetime) -> datetime:
    """By when he is to be called: `lead_term_min` working minutes from now.

    The line's hours count, else its office's, else the shift of who owes the call.
    """
    term = timedelta(minutes=setup.missed.lead_term_min)
    found = setup.hours_of(line) if line else None
    if found is None and owner and owner.shift:
        found = parse_hours(owner.shift), setup.calendar_of(owner.office)
    if found is None:
        return now + term
    return add_working(*found, now, term) or now + term


class Roster:
    """Everybody who could be given a lead, as they are at the moment from which its term counts."""

    def __init__(
        self,
        setup: Setup,
        facts: Managers,
        owed: Mapping[str, Backlog],
        *,
        at: datetime,
        now: datetime,
    ) -> None:
        self._setup = setup
        self._facts = facts
        self._owed = owed
        self._at = at
        self._now = now
        self._at_work = AtWork(setup, at)

    def stand_in(self, key: str | None) -> Manager | None:
        """The manager himself; his deputy, who is at work, while he is not. None: nobody is."""
        manager = self._setup.managers.get(key or "")
        if manager is None:
            return None
        people = (manager, *deputies_of(manager, self._setup))
        return next((one for one in people if self._absence(one) not in AWAY), None)

    def least_loaded(self, people: Sequence[Manager]) -> Manager | None:
        """Who of those at work is loaded least, then who had nothing for the longest time.

        Nobody at work: of those who have a break, else of all. Each call-back that is owed weighs
        as much as a card, so that the leads of a night do not all go to one.
        """
        there = [one for one in people if self._absence(one) is None]
        soon = there or [one for one in people if self._absence(one) == "paused"]
        group = [self._stand(one) for one in soon or people]
        order = by_load(group, group, self._setup.load.tie)
        return order[0].manager if order else None

    def _absence(self, manager: Manager) -> Passed | None:
        said = self._known(manager).presence if self._at == self._now else None
        away = self._at_work.absence(manager, said)
        return away[0] if away else None

    def _known(self, manager: Manager) -> ManagerFacts:
        return self._facts.get(manager.key, NOTHING_KNOWN)

    def _stand(self, manager: Manager) -> Standing:
        facts, owed = self._known(manager), self._owed.get(manager.key, NOTHING_OWED)
        offers = [moment for moment in (facts.last_offer, owed.last) if moment]
        facts = replace(facts, last_offer=max(offers, default=None))
        load = self._load(manager)
        if self._is_soft(manager):
            load = lifted(load, list(self._loads_of_team(manager))) or load
        return Standing(manager, facts, facts.parts(self._now), load)

    def _load(self, manager: Manager) -> float:
        owed = self._owed.get(manager.key, NOTHING_OWED).count
        parts = self._known(manager).parts(self._now)
        return replace(parts, strangers=parts.strangers + owed).of(manager.capacity)

    def _loads_of_team(self, manager: Manager) -> Iterator[float]:
        for one in self._setup.members.get(manager.team or "", ()):
            if one is not manager and self._absence(one) is None and not self._is_soft(one):
                yield self._load(one)

    def _is_soft(self, manager: Manager) -> bool:
        today = self._setup.calendar_of(manager.office).local(self._at).date()
        return is_soft_start(manager, self._setup, today)
