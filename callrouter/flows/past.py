"""The past, rebuilt: managers and calls as the base had them, batch after batch, in memory.

A batch is gone through as `take` went through it, with the same functions: calls are folded, those
who ask are met in the order of arrival, then everything is as it was written. What was told is the
truth here, too: a decision is given to whoever looks on, and then stands as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from callrouter.domain.calls import Told, holds_of
from callrouter.domain.ladders import NEVER
from callrouter.domain.managers import Hold, ManagerFacts, Presence, in_order
from callrouter.domain.past import Seen, arrival_of, blocked_by, facts_of
from callrouter.flows import gather
from callrouter.flows.queue import Queue
from callrouter.flows.settle import LONGEST, beats_of
from callrouter.flows.take import is_counted
from callrouter.flows.work import Work
from storage.batches import Written
from storage.cards import day_of
from storage.coolings import Cooled
from storage.counters import Pulse
from storage.past import Counted

if TYPE_CHECKING:
    from callrouter.domain.routing import Arrival, Facts
    from callrouter.domain.setup import Manager, Setup
    from storage.past import Batch, Heard, Interval, Page, Reset, Telling

QUIET = timedelta(minutes=10)
"""So long after its end a call that nothing was heard of is forgotten; it is read again if need be.
"""

_NOTHING_MORE = Written()
_US = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Moment:
    """A decision of the past, and all that it was taken on.

    `setup`: the version it was taken on; `current`: the one that was in force.
    """

    past: Past
    call: str
    account: str
    seen: Seen
    telling: Telling
    setup: Setup
    current: Setup
    queue: Queue

    def arrival(self, setup: Setup | None = None) -> Arrival:
        """The call as it asked; with a Setup, as it would have asked on that one."""
        return arrival_of(
            self.seen,
            setup or self.setup,
            setup or self.current,
            call=self.call,
            account=self.account,
            attempt=self.telling.told.attempt,
        )

    @property
    def at(self) -> datetime:
        return self.telling.at

    def facts(self, setup: Setup | None = None) -> Facts:
        """All that the decision looked at; with a Setup, what it would have looked at on that one.

        What held people, and for how long, is as it was.
        """
        waiting = self.queue.at(self.at)
        managers = Everybody(self.past, setup or self.current)
        if setup is None:
            return facts_of(self.seen, self.setup, managers, waiting)
        blocked = blocked_by(self.seen, setup, self.at)
        return facts_of(replace(self.seen, blocked=blocked), setup, managers, waiting)


class Everybody(Mapping[str, ManagerFacts]):
    """What is known of managers at a moment; each is made up when he is looked at."""

    def __init__(self, past: Past, setup: Setup) -> None:
        self._past = past
        self._setup = setup
        self._made: dict[str, ManagerFacts] = {}

    def __getitem__(self, key: str) -> ManagerFacts:
        if (made := self._made.get(key)) is None:
            made = self._made[key] = self._past.manager(key, self._setup)
        return made

    def __iter__(self) -> Iterator[str]:
        return iter(self._setup.managers)

    def __len__(self) -> int:
        return len(self._setup.managers)


@dataclass(slots=True)
class _Call:
    """A call in memory. `line`: the number of ours that it came in by, once it has asked."""

    work: Work
    line: str | None = None
    touched: datetime | None = None
    held: set[str] = field(default_factory=set)
    talked: set[str] = field(default_factory=set)


@dataclass(slots=True)
class _Person:
    """What the base has of a manager; what is not read by now, `Past` adds as it comes."""

    holds: dict[str, tuple[Hold, ...]] = field(default_factory=dict)
    pulse: Pulse = (None, None)
    talks: dict[str, tuple[datetime, bool]] = field(default_factory=dict)
    counted: dict[str, Counted] = field(default_factory=dict)
    said: dict[str, Presence] = field(default_factory=dict)
    cooled: dict[str, Cooled] = field(default_factory=dict)
    weighed: dict[tuple[int, int], tuple[float, int]] = field(default_factory=dict)
    today: dict[datetime, tuple[int, int]] = field(default_factory=dict)

    def load(self, setup: Setup, now: datetime) -> tuple[float, int]:
        """The weight of his cards, and how many of them weigh."""
        since = day_of(now - timedelta(days=setup.load.active_days))
        if (known := self.weighed.get((id(setup), since))) is None:
            cards: dict[tuple[str, str], int] = {}
            for one in self.counted.values():
                if one.day >= since:
                    place = (one.pipeline, one.status)
                    cards[place] = cards.get(place, 0) + one.cards
            known = self.weighed[id(setup), since] = gather.weigh(cards, setup)
        return known

    def since(self, midnight: datetime) -> tuple[int, int]:
        """The calls that he talked on, and the strangers' among them."""
        if (known := self.today.get(midnight)) is None:
            strangers = [stranger for at, stranger in self.talks.values() if at >= midnight]
            known = self.today[midnight] = (len(strangers), sum(strangers))
        return known

    def talk(self, call: str, talk: tuple[datetime, bool] | None) -> None:
        """Note when he answered a call last and whether it is a stranger's; None: he did not."""
        old = self.talks.get(call)
        if talk == old:
            return
        if talk:
            self.talks[call] = talk
        else:
            del self.talks[call]
        for midnight, (calls, strangers) in self.today.items():
            for one, n in ((old, -1), (talk, 1)):
                if one and one[0] >= midnight:
                    calls, strangers = calls + n, strangers + n * one[1]  # noqa: PLW2901
            self.today[midnight] = (calls, strangers)


class _Timeline:
    """Intervals, in the order in which they begin and end."""

    def __init__(self, kind: str, intervals: Sequence[Interval]) -> None:
        self.kind = kind
        self._begins = sorted(intervals, key=lambda one: one.began_after, reverse=True)
        ended = [one for one in intervals if one.ended_after is not None]
        self._ends = sorted(ended, key=lambda one: one.ended_after or 0, reverse=True)

    def before(self, batch: int) -> Iterator[tuple[Interval, bool]]:
        """What has changed until a batch decides: (which, whether it begins)."""
        while self._begins and self._begins[-1].began_after < batch:
            yield self._begins.pop(), True
        while self._ends and (self._ends[-1].ended_after or 0) < batch:
            yield self._ends.pop(), False


class Past:
    """Everybody and every call, as they stood after the last batch that was gone through."""

    def __init__(
        self,
        setups: Callable[[int], Setup],
        *,
        pulses: Mapping[str, Pulse],
        loads: Sequence[Interval],
        said: Sequence[Interval],
        cooled: Sequence[Interval],
        resets: Sequence[Reset],
    ) -> None:
        self._setups = setups
        self._people = {key: _Person(pulse=pulse) for key, pulse in pulses.items()}
        self._timelines = (
            _Timeline("counted", loads),
            _Timeline("said", said),
            _Timeline("cooled", cooled),
        )
        self._resets = sorted(resets, key=lambda one: one.after, reverse=True)
        self._reset: dict[str, list[Reset]] = {}  # by account, those that are known by now
        self._calls: dict[str, _Call] = {}
        self._waiting: dict[str, Told] = {}
        # Of the batch that is being gone through
        self._works: dict[str, _Call] = {}
        self._held: dict[str, list[tuple[str, Hold]]] = {}  # by its calls, as they stand now
        self._offers: dict[str, datetime] = {}  # that the base does not have yet
        self._midnights: dict[tuple[int, str | None], datetime] = {}
        self._now = NEVER

    @property
    def known(self) -> frozenset[str]:
        """The calls that are in memory."""
        return frozenset(self._calls)

    # Going on

    def go_through(self, page: Page) -> Iterator[Moment | Telling]:
        """Go through batches; gives each decision before it stands.

        One that was not taken from the base is given as it is stored.
        """
        for call, heard in page.before.items():
            self._calls[call] = self._remember(call, heard)
        for batch in page.batches:
            yield from self._batch(batch, page.heard.get(batch.id, ()))
        self._forget()

    def _remember(self, call: str, heard: Sequence[Heard]) -> _Call:
        """A call of which something was heard before."""
        found = self._new(call, heard[0])
        for one in heard:
            found.work.hear(one.event)
            if one.telling:
                found.work.told.append(one.telling.told)
                found.line = one.telling.seen.line if one.telling.seen else found.line
        found.work.stranger = heard[0].stranger
        found.talked = {key for key, person in self._people.items() if call in person.talks}
        return found

    def _new(self, call: str, heard: Heard) -> _Call:
        event = heard.event
        work = Work(call, event.account, event.call_ref or "", 0, self._setups(0))
        return _Call(work)

    def _batch(self, batch: Batch, heard: Sequence[Heard]) -> Iterator[Moment | Telling]:
        for timeline in self._timelines:
            self._bring_up(timeline, batch.id)
        while self._resets and self._resets[-1].after < batch.id:
            reset = self._resets.pop()
            self._reset.setdefault(reset.account, []).append(reset)
        setup = self._setups(batch.setup)
        self._now = now = _moment_of(batch, heard)
        works = {one.call: self._call(one) for one in heard}
        works |= {id_: self._calls[id_] for id_ in batch.calls if id_ in self._calls}
        late = {one.place for one in heard if _waits_its_turn(one, works[one.call].work)}
        for one in heard:
            if one.place not in late:
                works[one.call].work.hear(one.event)
        self._works, self._held, self._offers, self._midnights = works, {}, {}, {}
        for id_, call in works.items():
            self._fold(call.work, batch.calls.get(id_, _NOTHING_MORE), setup)
        asking = [one for one in heard if one.event.asks]
        if asking:
            yield from self._ask(asking, late, setup)
        for call in works.values():
            self._write(call, now)

    def _call(self, heard: Heard) -> _Call:
        if (found := self._calls.get(heard.call)) is None:
            found = self._calls[heard.call] = self._new(heard.call, heard)
        return found

    def _fold(self, work: Work, written: Written, setup: Setup) -> None:
        work.use(setup)
        work.superseded = written.superseded
        work.joined = None
        if written.joined:
            work.join(written.joined)
        work.stranger = work.stranger or written.stranger
        work.resets = tuple(one.moment for one in self._reset.get(work.account, ()))
        work.fold(self._now)

    def _bring_up(self, timeline: _Timeline, batch: int) -> None:
        for one, begins in timeline.before(batch):
            person = self._person(one.manager)
            values: dict[str, object] = getattr(person, timeline.kind)
            if begins:
                values[one.id] = one.value
            else:
                values.pop(one.id, None)
            person.weighed.clear()

    # Those who ask

    def _ask(
        self, asking: Sequence[Heard], late: set[int], setup: Setup
    ) -> Iterator[Moment | Telling]:
        queue = Queue()
        if setup.waits:
            for id_, told in self._waiting.items():
                self._queue(queue, self._calls[id_], told)
        for call in self._works.values():
            self._note(queue, call)
            self._hold(call)
        for one in asking:
            call = self._calls[one.call]
            work = call.work
            if one.place in late:
                work.hear(one.event)
            if telling := one.telling:
                if (seen := telling.seen) is None:
                    yield telling
                else:
                    call.line = seen.line
                    yield Moment(
                        past=self,
                        call=one.call,
                        account=work.account,
                        seen=seen,
                        telling=telling,
                        setup=self._setups(telling.told.setup),
                        current=setup,
                        queue=queue,
                    )
                told = replace(telling.told, at=one.event.received)
                work.told = [*(t for t in work.told if t.place != told.place), told]
            work.fold(self._now)
            self._note(queue, call)
            self._hold(call)

    def _hold(self, call: _Call) -> None:
        """Note what a call holds now; a window that has begun is an offer, whatever comes of it."""
        held = self._held[call.work.id] = self._held_by(call)
        for key, hold in held:
            if hold.kind == "ring" and hold.since <= self._now:
                self._offers[key] = max(self._offers.get(key, hold.since), hold.since)

    def _held_by(self, call: _Call) -> list[tuple[str, Hold]]:
        work = call.work
        legs = work.state.legs if work.state else ()
        return holds_of(work.id, legs, now=self._now, stranger=work.stranger)

    def _note(self, queue: Queue, call: _Call) -> None:
        queue.waiting.pop(call.work.id, None)
        work = call.work
        if work.told and work.state and work.state.state == "waiting":
            self._queue(queue, call, _last(work.told))

    def _queue(self, queue: Queue, call: _Call, told: Told) -> None:
        line = call.line or call.work.line.number
        queue.add(call.work.id, call.work.account, line, told, self._setups(told.setup))

    def manager(self, key: str, setup: Setup) -> ManagerFacts:
        """A manager at the present moment, as the batch had him: with what its calls hold."""
        now, whole = self._now, _whole(self._now)
        manager = setup.managers.get(key)
        person = self._people.get(key) or _Person()
        facts = gather.facts_of(
            manager,
            setup,
            holds=[
                hold
                for call, holds in person.holds.items()
                if call not in self._works
                for hold in holds
                if hold.until > whole
            ],
            pulse=(_latest(person.pulse[0], self._offers.get(key)), person.pulse[1]),
            today=person.since(self._midnight(manager, setup)),
            load=person.load(setup, now),
            said=next(iter(person.said.values()), None),
            cooled=[one for _, one in sorted(person.cooled.items()) if one.ends_at > whole],
            now=now,
        )
        if held := [hold for one in self._held.values() for who, hold in one if who == key]:
            return replace(facts, holds=in_order((*facts.holds, *held)))
        return facts

    def _midnight(self, manager: Manager | None, setup: Setup) -> datetime:
        place = (id(setup), manager.office if manager else None)
        if (known := self._midnights.get(place)) is None:
            known = self._midnights[place] = setup.calendar_of(place[1]).midnight(self._now)
        return known

    # What the base has afterwards: moments in whole milliseconds

    def _write(self, call: _Call, now: datetime) -> None:
        work, state = call.work, call.work.state
        if state is None:
            return
        call.touched = now
        work.stranger = work.stranger and state.direction == "in"
        if any(one.at.microsecond % 1000 for one in work.told):
            work.told = [replace(one, at=_whole(one.at)) for one in work.told]
        for key in call.held:
            self._people[key].holds.pop(work.id, None)
        held: dict[str, list[Hold]] = {}
        for key, hold in self._held_by(call):
            since, until = _whole(hold.since), _whole(hold.until)
            if (since, until) != (hold.since, hold.until):
                hold = replace(hold, since=since, until=until)  # noqa: PLW2901  the same hold
            held.setdefault(key, []).append(hold)
        for key, holds in held.items():
            self._person(key).holds[work.id] = tuple(holds)
        call.held = set(held)
        for key, (offer, talk) in beats_of([work], now).items():
            person = self._person(key)
            old_offer, old_talk = person.pulse
            person.pulse = (
                _latest(old_offer, _whole(offer) if offer else None),
                _latest(old_talk, _whole(talk) if talk else None),
            )
        self._write_talks(call)
        self._waiting.pop(work.id, None)
        if state.state == "waiting" and work.told:
            self._waiting[work.id] = _last(work.told)

    def _write_talks(self, call: _Call) -> None:
        work = call.work
        talks: dict[str, datetime] = {}
        for leg in work.state.legs if work.state else ():
            if leg.manager and leg.talked and leg.answered_at:
                before = talks.get(leg.manager, leg.answered_at)
                talks[leg.manager] = max(before, leg.answered_at)
        for key in call.talked | talks.keys():
            at = talks.get(key)
            self._person(key).talk(work.id, (_whole(at), work.stranger) if at else None)
        call.talked = set(talks)

    def _person(self, key: str) -> _Person:
        if (found := self._people.get(key)) is None:
            found = self._people[key] = _Person()
        return found

    def _holds(self, id_: str, call: _Call) -> bool:
        holds = (hold for key in call.held for hold in self._people[key].holds.get(id_, ()))
        return any(hold.until > self._now for hold in holds)

    def _forget(self) -> None:
        """Let go of calls and talks that can be read again, or matter no more."""
        for id_, call in list(self._calls.items()):
            state = call.work.state
            quiet = call.touched and self._now - call.touched > QUIET
            if quiet and state and state.over and not self._holds(id_, call):
                del self._calls[id_]
                for key in call.held:
                    self._people[key].holds.pop(id_, None)
        for account, known in self._reset.items():
            self._reset[account] = [one for one in known if self._now - one.received <= LONGEST]
        for person in self._people.values():
            gone = [id_ for id_, (at, _) in person.talks.items() if self._now - at > LONGEST]
            for id_ in gone:
                del person.talks[id_]


def _moment_of(batch: Batch, heard: Sequence[Heard]) -> datetime:
    """The batch's `now`: exactly, where it took a decision."""
    for one in heard:
        if one.telling and one.telling.seen:
            return one.telling.at
    return max([batch.at, *(one.event.received for one in heard)])


def _waits_its_turn(heard: Heard, work: Work) -> bool:
    """True for a `ringing` of a call that has a plan: it is looked at among those who ask."""
    event = heard.event
    again = event.kind == "ringing" or is_counted(event)
    return again and event.asks and bool(work.told)


def _last(told: Sequence[Told]) -> Told:
    return max(told, key=lambda one: one.place)


def _latest(one: datetime | None, other: datetime | None) -> datetime | None:
    return max(one, other) if one and other else one or other


def _whole(moment: datetime) -> datetime:
    """To the millisecond, as the base keeps moments."""
    rest = moment.microsecond % 1000
    return moment - rest * _US if rest else moment
