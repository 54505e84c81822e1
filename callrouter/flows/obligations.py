"""A missed call is an obligation: somebody owes a call back, and it is known who and by when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from callrouter.domain.obligations import (
    Obligation,
    Owed,
    Staff,
    WhyMissed,
    escalated_to,
    is_pending,
    last_talk,
    owed,
    owner_of,
    people_to_ask,
    term_of,
    why_missed,
)
from callrouter.domain.routing import Facts, find_responsible
from callrouter.flows.blocks import blocked
from storage import cards, notices, obligations, presence
from storage.ids import new_id
from storage.notices import Happening

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.obligations import Dealing
    from callrouter.domain.setup import Setup
    from callrouter.flows.work import Work
    from storage.cards import CardState
    from storage.obligations import MissedCall

LOOK_BACK = timedelta(days=2)
"""A talk that settles a call may be of a call that began so long before it."""


def follow(conn: Connection, works: Sequence[Work], *, now: datetime) -> list[Happening]:
    """Open, repeat, count and close obligations as these calls ask for; each acts once."""
    by_number: dict[str, list[Work]] = {}
    for work in works:
        if _matters(work):
            for number in _numbers(work):
                by_number.setdefault(number, []).append(work)
    return _Following(conn, by_number, works[0].setup, now).run() if by_number else []


def _matters(work: Work) -> bool:
    """True when what is owed to its number may be another after this call than before."""
    state, old = work.state, work.stored
    if state is None:
        return False
    if old is None or state.state == "missed":
        return state.over or state.answered_at is not None
    before = (old.state, old.answered_at, old.direction, old.caller.number)
    return before != (state.state, state.answered_at, state.direction, work.caller.number)


def _numbers(work: Work) -> set[str]:
    """The number to call back, and what was taken for it until now; none of ours."""
    found = set()
    if work.state and work.state.direction != "internal" and work.caller.kind == "known":
        found.add(work.caller.number)
    old = work.stored
    if old and old.direction != "internal" and old.caller.kind == "known":
        found.add(old.caller.number)
    ours = (work.setup.own_phones, work.setup.lines)
    return {number for number in found if number and not any(number in one for one in ours)}


@dataclass
class _Following:
    """The calls of one transaction, and what they do to the obligations to their numbers."""

    conn: Connection
    by_number: Mapping[str, list[Work]]
    setup: Setup
    now: datetime
    fresh: set[str] = field(default_factory=set)  # missed calls that were not counted before
    missed: dict[str, MissedCall] = field(default_factory=dict)
    opened: list[Obligation] = field(default_factory=list)
    changed: list[Obligation] = field(default_factory=list)
    closed: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    news: list[tuple[str, Obligation, str]] = field(default_factory=list)  # what, which, by whom
    owing: list[tuple[Work, str]] = field(default_factory=list)  # missed calls, and who owes them
    concerning: dict[str, tuple[Obligation, list[str]]] = field(default_factory=dict)

    def run(self) -> list[Happening]:
        missed = {work.id: work for work in self._works() if _is_missed(work)}
        acts = [(id_, obligations.MISSED) for id_ in missed]
        new = {id_ for id_, work in missed.items() if work.new}
        done = cards.claim_acts(self.conn, acts, now=self.now, new=new)
        self.fresh = {id_ for id_, _ in done}
        by_number = self.by_number
        claims = {obligations.claim(number): number for number in by_number}
        found = obligations.open_of(self.conn, claims)
        standing = {claims[claim]: one for claim, one in found.items()}
        doubtful = {
            number: theirs
            for number, theirs in by_number.items()
            if number in standing or any(_may_owe(work) for work in theirs)
        }
        new_ones = doubtful.keys() - standing.keys()
        for number in blocked(self.conn, new_ones, self.setup, now=self.now):
            del doubtful[number]
        if not doubtful:
            return []
        self._reckon(doubtful, standing)
        return self._write()

    def _works(self) -> Iterator[Work]:
        for works in self.by_number.values():
            yield from works

    # What is owed now

    def _reckon(
        self, by_number: Mapping[str, list[Work]], standing: Mapping[str, Obligation]
    ) -> None:
        begun = [
            work.state.started_at for them in by_number.values() for work in them if work.state
        ]
        since = min([*begun, *(one.first_at for one in standing.values())]) - LOOK_BACK
        dealings = obligations.dealings(self.conn, by_number, since)
        closings = obligations.closed_by_people(self.conn, by_number)
        owes = {
            number: owed(
                dealings[number],
                standing[number].asked if number in standing else (),
                closings.get(number),
            )
            for number in by_number
        }
        self._find_whys(owes, standing)
        for number, works in sorted(by_number.items()):
            one, due = standing.get(number), owes[number]
            if due is None:
                if one and not is_pending(dealings[number]):
                    self._close(one, dealings[number], works)
            elif one is None:
                self._open(number, due, works)
            else:
                self._go_on(one, due, works)

    def _find_whys(
        self, owes: Mapping[str, Owed | None], standing: Mapping[str, Obligation]
    ) -> None:
        """Read why calls were missed: the owed ones of these, and the latest of each number."""
        wanted: set[str] = set()
        for number, due in owes.items():
            if due:
                wanted |= due.calls.intersection(work.id for work in self._works())
                if due.call and not (number in standing and standing[number].call == due.call):
                    wanted.add(due.call)
        self.missed = obligations.missed_calls(self.conn, wanted)
        for work in self._works():
            if work.id in self.missed:
                self.missed[work.id].whys.update(work.whys)

    def _why(self, call: str | None) -> WhyMissed | None:
        found = self.missed.get(call or "")
        if found is None:
            return None
        whys = [found.whys[place] for place in sorted(found.whys)]
        return why_missed(
            whys,
            found.legs,
            started_at=found.started_at,
            ended_at=found.ended_at,
            reason=found.reason,
        )

    # What becomes of an obligation

    def _close(self, one: Obligation, dealings: Sequence[Dealing], works: Sequence[Work]) -> None:
        """By the talk; without one by the call of which we learned that it was none to owe for."""
        talk = last_talk(dealings)
        at, by = talk if talk and talk[0] >= one.first_at else (self.now, works[-1].id)
        self.closed[one.id] = (by, at)
        self.news.append(("closed", one, by))
        self.concerning[one.id] = (one, [one.owner])

    def _open(self, number: str, due: Owed, works: Sequence[Work]) -> None:
        theirs = _in_order(works, due) or list(works)
        work = theirs[0]
        ended = (work.state.ended_at if work.state else None) or self.now
        term, was_closed = term_of(self.setup, work.line, ended)
        owner = self._find_owner(work, due_at=term if was_closed else None)
        manager = self.setup.managers.get(owner)
        one = Obligation(
            id=new_id(self.now),
            number=number,
            owner=owner,
            due_at=term,
            first_at=due.first_at,
            last_at=due.last_at,
            why=self._why(due.call) or WhyMissed("fallback"),
            author=work.id,
            card=work.card.id if work.card else None,
            contact=work.contact,
            line=work.line.number,
            team=manager.team if manager else None,
        )
        one = self._counted(one, due)
        self.opened.append(one)
        self.news.append(("opened", one, work.id))
        self._tell(None, one, works)
        self.owing += [(each, one.owner) for each in theirs if each.id in self.fresh]

    def _find_owner(self, work: Work, *, due_at: datetime | None) -> str:
        setup, cause = self.setup, self._why(work.id)
        facts = Facts(setup, {}, caller=work.facts, known=work.known, card=work.card)
        found = find_responsible(facts, self.now)
        responsible = found.manager if found else None
        rung = cause.managers if cause else ()
        team = self._team_of_ladder(work)
        people = people_to_ask(setup, responsible, rung, team)
        said = presence.last_said(self.conn, sorted(people))
        staff = Staff(setup, said, now=self.now, due_at=due_at)
        return owner_of(setup, staff, responsible=responsible, rung=rung, team=team)

    def _team_of_ladder(self, work: Work) -> str | None:
        whys = self.missed[work.id].whys if work.id in self.missed else {}
        key = whys[max(whys)].ladder if whys else work.line.ladder
        ladder = self.setup.ladders.get(key or "")
        return next((step.team for step in ladder.step if step.team), None) if ladder else None

    def _go_on(self, old: Obligation, due: Owed, works: Sequence[Work]) -> None:
        one = self._counted(old, due)
        theirs = _in_order(works, due)
        for work in theirs:
            one = replace(
                one,
                card=one.card or (work.card.id if work.card else None),
                contact=one.contact or work.contact,
            )
        first = theirs[0].state if theirs else None
        if first and first.ended_at and due.first_at < old.first_at:  # learned of late
            one = replace(
                one, due_at=min(one.due_at, term_of(self.setup, theirs[0].line, first.ended_at)[0])
            )
        if one == old:
            return
        self.changed.append(one)
        again = [work for work in theirs if work.id in self.fresh]
        self.news += [("repeated", one, work.id) for work in again]
        self.owing += [(work, one.owner) for work in again]
        self._tell(old, one, works)

    def _counted(self, one: Obligation, due: Owed) -> Obligation:
        """As its number's calls have it; past so many tries it goes to the head, once."""
        why = WhyMissed("lead") if due.asked_last else self._why(due.call)
        one = replace(
            one,
            first_at=due.first_at,
            last_at=due.last_at,
            why=why or one.why,
            call=due.call,
            asked=due.asked,
            repeats=due.repeats,
            tries=due.tries,
        )
        if one.escalated_at or one.tries < max(1, self.setup.missed.tries):
            return one
        people = people_to_ask(self.setup, one.owner, (), None)
        staff = Staff(self.setup, presence.last_said(self.conn, sorted(people)), now=self.now)
        owner = escalated_to(self.setup, staff, one.owner)
        manager = self.setup.managers.get(owner)
        team = manager.team if manager else None
        return replace(one, owner=owner, team=team, escalated_at=self.now)

    def _tell(self, old: Obligation | None, one: Obligation, works: Sequence[Work]) -> None:
        if one.tries > (old.tries if old else 0):
            self.news.append(("tried", one, works[-1].id))
        if one.escalated_at and not (old and old.escalated_at):
            self.news.append(("escalated", one, works[-1].id))
        owners = {one.owner, old.owner if old else one.owner}
        self.concerning[one.id] = (one, sorted(owners))

    # What is written

    def _write(self) -> list[Happening]:
        obligations.close(self.conn, self.closed)
        obligations.add(self.conn, self.opened)
        obligations.change(self.conn, self.changed)
        happened = [_happened(what, one, by, self.now) for what, one, by in self.news]
        for one, owners in self.concerning.values():
            notices.tell_people(self.conn, "obligation", owners, now=self.now, card=one.card)
        return happened + self._give_cards()

    def _give_cards(self) -> list[Happening]:
        """A card that is nobody's is his who owes its call, unless a person took it from all."""
        before = cards.states(self.conn, {work.card.id for work, _ in self.owing if work.card})
        after: dict[str, CardState] = {}
        happened = []
        for work, owner in self.owing:
            card = before.get(work.card.id) if work.card else None
            if card is None or card.id in after or card.closed or card.manager or card.manager_by:
                continue
            manager = self.setup.managers.get(owner)
            after[card.id] = replace(
                card,
                manager=owner,
                manager_by=work.id,
                manager_at=(work.state.ended_at if work.state else None) or self.now,
                team=manager.team if manager else None,
            )
            data = {"manager": owner}
            happened.append(Happening("card_owned", self.now, work.id, work.id, card.id, data=data))
        changes = [(before[id_], card) for id_, card in after.items()]
        cards.change(self.conn, changes, now=self.now)
        return happened


def _is_missed(work: Work) -> bool:
    return work.state is not None and work.state.state == "missed"


def _may_owe(work: Work) -> bool:
    """True for a missed call, and for one whose talk turned out to be none."""
    old, state = work.stored, work.state
    talked = old is not None and (old.answered_at is not None or old.state == "answered")
    return _is_missed(work) or (talked and state is not None and state.answered_at is None)


def _in_order(works: Sequence[Work], due: Owed) -> list[Work]:
    """Those of these calls that are owed for, the earliest first."""
    theirs = [(work.state.started_at, work.id, work) for work in works if work.state]
    return [work for _, id_, work in sorted(theirs, key=lambda one: one[:2]) if id_ in due.calls]


def owe_lead(
    conn: Connection,
    *,
    number: str | None,
    contact: str,
    card: str,
    owner: str,
    due_at: datetime,
    line: str | None,
    now: datetime,
) -> str:
    """Owe a call back to who asked for it on a site; gives the obligation's id.

    It joins one that is open for the number (E.164; the contact, where there is none): that one
    keeps its owner, and the earlier of both terms.
    """
    claim = obligations.claim(number, contact)
    old = obligations.open_of(conn, [claim]).get(claim)
    if old:
        one = replace(
            old,
            due_at=min(old.due_at, due_at),
            last_at=max(old.last_at, now),
            why=WhyMissed("lead"),
            card=old.card or card,
            contact=old.contact or contact,
            asked=(*old.asked, now),
            repeats=old.repeats + 1,
        )
        obligations.change(conn, [one])
    else:
        found = cards.states(conn, [card]).get(card)
        one = Obligation(
            id=new_id(now),
            number=number,
            owner=owner,
            due_at=due_at,
            first_at=now,
            last_at=now,
            why=WhyMissed("lead"),
            author=card,
            card=card,
            contact=contact,
            line=line,
            team=found.team if found else None,
            asked=(now,),
        )
        obligations.add(conn, [one])
    notices.record(conn, [_happened("repeated" if old else "opened", one, card, now)], now=now)
    notices.tell_people(conn, "obligation", [one.owner], now=now, card=one.card)
    return one.id


class NotOwed(Exception):
    """There is no such obligation."""


class ClosedAlready(Exception):
    """The obligation was closed before."""


def close_obligation(conn: Connection, id_: str, reason: str, *, by: str, now: datetime) -> None:
    """Close an obligation without a talk, for a reason that is kept.

    Raises NotOwed, ClosedAlready, and ValueError for an empty reason.
    """
    found = obligations.find(conn, id_)
    if found is None:
        raise NotOwed
    one, is_open = found
    if not is_open:
        raise ClosedAlready
    if not (reason := reason.strip()):
        raise ValueError("must not be empty")
    obligations.close(conn, {id_: (by, now)}, reason=reason)
    notices.record(conn, [_happened("closed", one, by, now)], now=now)
    notices.tell_people(conn, "obligation", [one.owner], now=now, card=one.card)


def _happened(what: str, one: Obligation, actor: str, at: datetime) -> Happening:
    """`what`: opened, repeated, tried, escalated or closed."""
    data: dict[str, str | int | None] = {
        "obligation": one.id,
        "owner": one.owner,
        "cause": one.why.cause,
        "tries": one.tries,
    }
    return Happening(f"obligation_{what}", at, actor, one.call, one.card, one.contact, data)
