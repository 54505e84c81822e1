"""The snapshot: what a decision needs, in memory and in a sealed file, for when the base is silent.

It knows what this node has seen commit, and its own reservations; `why` says so.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Container, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from callrouter.domain.blocks import Blocked, find_block
from callrouter.domain.calls import Told, holds_of
from callrouter.domain.events import OF_A_CALL
from callrouter.domain.managers import Board, ManagerFacts
from callrouter.domain.routing import STRANGER, CallerFacts, open_card
from callrouter.domain.setup import Setup
from callrouter.flows.asking import Asking, ask
from callrouter.flows.queue import PLACE_KEPT, Queue
from callrouter.flows.take import RETRY_WITHIN, find_told, key_of_asking
from callrouter.flows.work import Already, Batch, Desk, Entry, Work
from callrouter.seal import Unsealable
from storage.calls import LatelyCall

if TYPE_CHECKING:
    from pathlib import Path

    from callrouter.domain.calls import CallState
    from callrouter.domain.events import CallEvent
    from callrouter.seal import Seal
    from webhooks.provider import Answer

CALLERS_KEPT = 200_000
CALLS_KEPT = 20_000
CALL_FOR = timedelta(minutes=30)
"""So long a call that is over is remembered: its late events find it here."""

CHUNK = 1000


@dataclass(frozen=True, slots=True)
class _Head:
    setup: Setup
    board: dict[str, ManagerFacts]
    saved_at: datetime
    blocks: dict[str, Blocked] = field(default_factory=dict)


_HEAD = TypeAdapter(_Head)
_CALLERS = TypeAdapter(dict[str, CallerFacts])

_Ref = tuple[str, str]


class Snapshot:
    """What this node knows, kept up after each commit. Belongs to the event loop."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._setup: Setup | None = None
        self._board = Board()
        self._callers: OrderedDict[str, CallerFacts] = OrderedDict()
        self._numbers_of: dict[str, tuple[str, ...]] = {}  # the same callers, by contact
        self._calls: OrderedDict[_Ref, Work] = OrderedDict()
        self._answers: OrderedDict[_Ref, Answer] = OrderedDict()
        self._of_number: dict[str, dict[str, Work]] = {}  # the same calls, by who calls
        self._number_of: dict[str, str] = {}
        self._waiting: dict[str, Work] = {}
        self._blocks: dict[str, Blocked] = {}
        self.commits = 0
        """Counted, so that who read the base can tell that it has moved since."""

    @property
    def setup(self) -> Setup | None:
        """None: nothing is known yet, and nothing can be decided."""
        return self._setup

    def use(self, setup: Setup) -> None:
        self._setup = setup

    # Kept up while the base answers

    def absorb(self, batch: Batch) -> None:
        """Take over what a commit left: managers, callers and the calls it touched."""
        self._setup = batch.setup
        self.commits += 1
        self.refresh(batch.board)
        self.learn(self._met(batch.callers))
        for work in batch.works:
            legs = work.state.legs if work.state else ()
            holds = holds_of(work.id, legs, now=batch.now, stranger=work.stranger)
            self._board.place(work.id, holds, batch.now)
            self._keep(work, batch.now)

    def absorb_told(self, batch: Batch) -> None:
        """Take over what was written of what had been told from here.

        Of these calls memory may know more than the base has got yet; what it knows stands.
        """
        self._setup = batch.setup
        self.commits += 1
        self.learn(self._met(batch.callers))
        for work in batch.works:
            known = self._calls.get((work.account, work.ref))
            if known is None or len(known.events) <= len(work.events):
                if known:
                    self._board.release((known.id,))
                self._reserve(work, batch.now)

    def refresh(self, board: Board) -> None:
        """Take over these managers as the base has them."""
        self._board.take_over(board)

    def block(self, blocks: dict[str, Blocked]) -> None:
        """Take over the block list as the base has it."""
        self._blocks = blocks

    def remember(self, works: Iterable[Work], now: datetime) -> None:
        """Take over calls that were open before this node began; what it knows better stands."""
        for work in works:
            if (work.account, work.ref) not in self._calls:
                self._keep(work, now)

    def learn(self, callers: dict[str, CallerFacts]) -> None:
        for number, facts in callers.items():
            self._unlearn(number)
            self._callers[number] = facts
            for one in _people(facts):
                self._numbers_of[one] = (*self._numbers_of.get(one, ()), number)
        while len(self._callers) > CALLERS_KEPT:
            self._unlearn(next(iter(self._callers)))

    def numbers_of(self, contacts: Iterable[str]) -> set[str]:
        """By which numbers these contacts call, as far as it is known here."""
        return {number for one in contacts for number in self._numbers_of.get(one, ())}

    def forget(self, contacts: Iterable[str], *, but: Container[str] = ()) -> None:
        """Know nothing any more of these contacts' numbers, except some."""
        for number in self.numbers_of(contacts):
            if number not in but:
                self._unlearn(number)

    def _unlearn(self, number: str) -> None:
        facts = self._callers.pop(number, None)
        for one in _people(facts) if facts else ():
            left = tuple(other for other in self._numbers_of[one] if other != number)
            if left:
                self._numbers_of[one] = left
            else:
                del self._numbers_of[one]

    def _met(self, callers: dict[str, CallerFacts]) -> dict[str, CallerFacts]:
        """What calls say of their numbers: one that hangs on another of a number's people, nothing.

        Who has a number is told by `changed_since`, and by a call that was looked up by it.
        """
        met = dict(callers)
        for number, facts in callers.items():
            known = self._callers.get(number)
            if known and known.people and not facts.people:
                same = known.contact == facts.contact
                met[number] = replace(facts, people=known.people) if same else known
        return met

    def hear_of(self, works: Iterable[Work], now: datetime) -> None:
        """Take over what the clock made of calls in the base; what memory knows better stands."""
        for work in works:
            known = self._calls.get((work.account, work.ref))
            if known and known.id == work.id and len(known.events) <= len(work.events):
                self._reserve(work, now)

    def _keep(self, work: Work, now: datetime) -> None:
        ref = (work.account, work.ref)
        self._drop(ref)
        self._calls[ref] = work
        if (number := _number(work)) is not None:
            self._of_number.setdefault(number, {})[work.id] = work
            self._number_of[work.id] = number
        if work.state and work.state.state == "waiting":
            self._waiting[work.id] = work
        self._forget(now)

    def _drop(self, ref: _Ref) -> None:
        work = self._calls.pop(ref, None)
        if work is None:
            return
        self._waiting.pop(work.id, None)
        if (number := self._number_of.pop(work.id, None)) is not None:
            theirs = self._of_number[number]
            del theirs[work.id]
            if not theirs:
                del self._of_number[number]

    def _forget(self, now: datetime) -> None:
        """Let go of the oldest, once they are over; of one that is not, when there are too many."""
        while self._calls:
            ref, oldest = next(iter(self._calls.items()))
            if len(self._calls) <= CALLS_KEPT:
                state = oldest.state
                if state is None or now - state.started_at <= CALL_FOR:
                    return
                if not (state.over or oldest.fold(now).over):
                    self._calls.move_to_end(ref)
                    return
            self._drop(ref)

    def _queue(self, work: Work, now: datetime) -> Queue:
        """The others who wait, as this node knows them."""
        number = _number(work)
        queue = Queue(self._setup_of)
        if number is not None:
            queue.lately = {number: self._lately(number, now)}
        for one in self._waiting.values():
            queue.note(one)
        return queue

    def _lately(self, number: str, now: datetime) -> list[LatelyCall]:
        """The number's inbound calls, open or over a moment ago."""
        found = []
        for id_, one in self._of_number.get(number, {}).items():
            state = one.state
            if state and not state.over:
                state = one.fold(now)
            if state and state.direction == "in" and _is_late(state, now):
                found.append(
                    LatelyCall(
                        id_, state.state, state.waiting_since, state.ended_at, state.started_at
                    )
                )
        return found

    def _setup_of(self, version: int) -> Setup:
        """A version that was read before; else the one in force."""
        try:
            return self._desk.setups.known(version)
        except KeyError:
            return self._setup or self._desk.setups.current

    # Used while it does not

    def tell(self, entry: Entry, *, now: datetime) -> Already:
        """Decide from memory, and reserve in it. The same asking again gets the same bytes."""
        event, setup = entry.event, self._setup
        if event.kind not in OF_A_CALL or not event.call_ref or setup is None:
            return Already(None, None, entry.accept)
        work = self._work(event, entry, setup)
        again = self._told_before(work, event, now) if event.asks else None
        place = again.place if again else _place(work, event)
        event = replace(event, key=key_of_asking(event, *place))
        if event.key not in {one.key for one in work.events}:
            work.hear(event)
        already = Already(None, None, entry.accept)
        if again:
            answer = self._answers.get((event.account, again.key)) or entry.render(again.decision)
            already = Already(None, None, answer)
        elif event.asks:
            work.fold(now)
            already = self._ask(work, entry, event.key, place, now)
            self._answers[event.account, event.key] = already.answer
            while len(self._answers) > CALLS_KEPT:
                self._answers.popitem(last=False)
        self._reserve(work, now)
        if event.joins and (consultation := self._calls.get((event.account, event.joins))):
            consultation.join(event.moment)
            self._reserve(consultation, now)
        return already

    def _reserve(self, work: Work, now: datetime) -> None:
        """Keep a call as it stands now, and what it holds."""
        state = work.fold(now)
        stranger = not work.known and state.direction == "in"
        holds = holds_of(work.id, state.legs, now=now, stranger=stranger)
        self._board.place(work.id, holds, now)
        self._keep(work, now)

    def _told_before(self, work: Work, event: CallEvent, now: datetime) -> Told | None:
        """What this asking was told already, by the base or from here."""
        mine = work.plan(work.run)
        if event.own_key and (same := [told for told in work.told if told.key == event.key]):
            return same[-1]
        if event.kind == "next":
            last = mine[-1] if mine and mine[-1].attempt else None
            if event.attempt is None and last and event.received - last.at < RETRY_WITHIN:
                return last
            return next((told for told in mine if told.attempt == event.attempt), None)
        if mine and not work.fold(now).plan_over:
            return mine[0]
        return None

    def _work(self, event: CallEvent, entry: Entry, setup: Setup) -> Work:
        ref = (event.account, event.call_ref or "")
        if (known := self._calls.get(ref)) is not None:
            known.use(setup)
            return known
        work = Work(entry.call_id, *ref, 0, setup)
        work.hear(event)
        number = work.caller.number
        if work.caller.kind == "known" and number and (facts := self._callers.get(number)):
            pipeline = setup.pipeline_of(work.line).key
            work.facts, work.known, work.contact = facts, True, facts.contact
            work.card = open_card(facts.cards, pipeline)
        else:
            work.facts = STRANGER
        return work

    def recall(self, entry: Entry, now: datetime) -> None:
        """Take over what an earlier run told without the base, as if it had been told from here."""
        event, setup, already = entry.event, self._setup, entry.already
        if event.kind not in OF_A_CALL or not event.call_ref or setup is None or already is None:
            return
        work = self._work(event, entry, setup)
        known = find_told(work, event, told=already.decision is not None)
        if known and known.key in {told.key for told in work.told}:
            return
        place = _place(work, event)
        event = known or replace(event, key=key_of_asking(event, *place))
        if event.key not in {one.key for one in work.events}:
            work.hear(event)
        if already.decision:
            version = already.why.setup if already.why else setup.version
            told = Told(event.key, *place, event.received, already.decision, version)
            work.told.append(told)
            self._answers[event.account, event.key] = already.answer
        self._reserve(work, now)

    def _ask(
        self, work: Work, entry: Entry, key: str, place: tuple[int, int], now: datetime
    ) -> Already:
        setup, (run, attempt) = work.setup, place
        if attempt and (began := [told for told in work.told if told.run == run]):
            setup = self._setup_of(began[0].setup)
        asking = Asking(work, entry, run, attempt, key, setup)
        work.blocked = find_block(work.caller.number, setup, self._blocks, now)
        asked = ask(asking, self._board, self._queue(work, now), self._desk, now=now)
        work.told.append(asked.told)
        told_by = asked.why.told_by if asked.bug else "snapshot"
        return Already(asked.told.decision, replace(asked.why, told_by=told_by), asked.answer)

    # The file

    def save(self, path: Path, seal: Seal, now: datetime) -> None:
        """Write the sealed file anew: a head, then callers in chunks; renamed into place."""
        if self._setup is None:
            return
        head = _HEAD.dump_json(_Head(self._setup, dict(self._board.facts), now, self._blocks))
        lines = [head, *(_CALLERS.dump_json(chunk) for chunk in _chunks(dict(self._callers)))]
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        with fresh.open("wb") as file:
            for line in lines:
                file.write(seal.close_bytes(line) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)

    def load(self, path: Path, seal: Seal) -> bool:
        """Read the file of an earlier run. False: there is none that this key opens."""
        try:
            head, *chunks = path.read_bytes().splitlines()
            saved = _HEAD.validate_json(seal.open_bytes(head))
            for chunk in chunks:
                self.learn(_CALLERS.validate_json(seal.open_bytes(chunk)))
        except (OSError, ValueError, Unsealable):
            return False
        self._setup, self._board = saved.setup, Board(saved.board)
        self._blocks = saved.blocks
        return True


def _place(work: Work, event: CallEvent) -> tuple[int, int]:
    """Which asking of its call a new one is: of which plan, and which `next` within it."""
    if event.kind == "next":
        plan = work.plan(work.run)
        return work.run, event.attempt or (plan[-1].attempt if plan else 0) + 1
    return work.run + bool(work.told), 0


def _number(work: Work) -> str | None:
    """By what a caller is known again; who withholds his number is not."""
    return work.caller.number if work.caller.kind == "known" else None


def _people(facts: CallerFacts) -> set[str]:
    """The contacts that a number's facts tell of."""
    found = {one.contact for one in facts.people}
    return found | {facts.contact} if facts.contact else found


def _is_late(state: CallState, now: datetime) -> bool:
    return not state.over or (state.ended_at is not None and state.ended_at >= now - PLACE_KEPT)


def _chunks(callers: dict[str, CallerFacts]) -> Iterable[dict[str, CallerFacts]]:
    left = iter(callers.items())
    while chunk := dict(islice(left, CHUNK)):
        yield chunk
