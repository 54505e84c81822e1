"""Takes a batch of events into the base: the whole of a call's way, in one transaction.

Remember, free who is freed, gather facts, decide for who rings, write. Nothing here waits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from time import perf_counter
from typing import TYPE_CHECKING

from callrouter.domain.blocks import Blocked
from callrouter.domain.calls import Leg, Told, holds_of
from callrouter.domain.decisions import Reject
from callrouter.domain.events import OF_A_CALL, CallEvent
from callrouter.domain.managers import Board
from callrouter.domain.past import Seen
from callrouter.domain.why import Why
from callrouter.flows import fetches, tidings
from callrouter.flows.asking import Asking, ask, look_at
from callrouter.flows.blocks import blocked
from callrouter.flows.callers import identify
from callrouter.flows.gather import board_of
from callrouter.flows.queue import Queue, queue_for
from callrouter.flows.settle import fold_all, load_works, number, works_of, write
from callrouter.flows.work import Already, Batch, Desk, Entry, Taken, Work
from storage import calls, journal
from storage.journal import Raw
from webhooks.provider import Answer

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.decisions import Decision
    from callrouter.domain.setup import Setup
    from storage.calls import StoredCall
    from storage.journal import EventKey, Stored

SAME_ID_FOR = timedelta(hours=24)
"""A PBX's call id met so long after its call's end is a new call."""

RETRY_WITHIN = timedelta(seconds=2)
"""A `next` without `attempt` so soon after the last one is the same asking again."""


def take(conn: Connection, entries: Sequence[Entry], desk: Desk, *, now: datetime) -> Batch:
    """Take events in the order of their arrival; each gets its answer.

    The same event again, whenever and in whatever batch, gets the stored bytes and does nothing.
    """
    return _Taking(conn, desk, now, [_Item(entry, entry.event) for entry in entries]).run()


@dataclass
class _Item:
    """An entry on its way. `event` carries the final key once that is known."""

    entry: Entry
    event: CallEvent
    work: Work | None = None
    taken: Taken | None = None
    same_as: _Item | None = None

    @property
    def key(self) -> EventKey:
        return (self.event.account, self.event.key)

    @property
    def settled(self) -> bool:
        return self.taken is not None or self.same_as is not None


@dataclass
class _Taking:
    conn: Connection
    desk: Desk
    now: datetime
    items: list[_Item]
    setup: Setup = field(init=False)
    works: dict[str, Work] = field(default_factory=dict)
    stored: dict[EventKey, Stored] = field(default_factory=dict)
    first: dict[EventKey, _Item] = field(default_factory=dict)
    told: dict[tuple[str, int, int], tuple[str, Told, Why, Seen | None]] = field(
        default_factory=dict
    )
    corrected: dict[EventKey, tuple[bytes, str]] = field(default_factory=dict)
    bugs: list[str] = field(default_factory=list)
    queue: Queue = field(default_factory=Queue)

    def run(self) -> Batch:
        began = perf_counter()
        self.setup = self.desk.setups.refresh(self.conn)
        self._find_works()
        self._remember()
        self.works = {id_: work for id_, work in self.works.items() if work.events}
        fold_all(self.conn, self.works, self.setup, now=self.now)
        asking = [one for one in self.items if one.event.asks and one.work and not one.settled]
        self._look_up_blocks({item.work.id for item in asking if item.work})
        happened = identify(self.conn, list(self.works.values()), now=self.now)
        board = self._gather(asking)
        facts_ms = (perf_counter() - began) * 1000
        for item in asking:
            self._answer(item, board, facts_ms)
        events = self._new_events()
        batch = self._number(events)
        write(self.conn, list(self.works.values()), happened, now=self.now)
        self._ask_for_recordings(events)
        self._store(events, batch)
        return Batch(
            taken=[self._taken(item) for item in self.items],
            board=board,
            callers={
                work.caller.number: work.facts
                for work in self.works.values()
                if work.caller.number and work.facts.contact
            },
            setup=self.setup,
            now=self.now,
            works=tuple(self.works.values()),
            bugs=tuple(self.bugs),
        )

    # Which calls these are, and what the journal has of them

    def _find_works(self) -> None:
        refs = {
            (item.event.account, item.event.call_ref)
            for item in self.items
            if item.event.kind in OF_A_CALL and item.event.call_ref
        }
        known = calls.find(self.conn, refs)
        self.works = works_of(self.conn, {one.id: one for one in known.values()}, self.setup)
        fresh: dict[tuple[str, str], Work] = {}
        for item in self.items:
            event = item.event
            if event.kind not in OF_A_CALL or not event.call_ref:
                item.event = _with_minute(event)
                continue
            ref = (event.account, event.call_ref)
            old = known.get(ref)
            if old and not _begins_anew(event, old):
                item.work = self.works[old.id]
            else:
                if ref not in fresh:
                    generation = old.generation + 1 if old else 0
                    fresh[ref] = Work(item.entry.call_id, *ref, generation, self.setup)
                item.work = self.works[fresh[ref].id] = fresh[ref]
            if item.work.generation and not event.own_key:
                item.event = replace(event, key=f"{event.key}~g{item.work.generation}")
        self.stored = journal.find(self.conn, [item.key for item in self.items])

    def _remember(self) -> None:
        """Add to the calls whatever is new of them. A `ringing` of a call with a plan waits."""
        for item in self.items:
            ringing = item.event.kind == "ringing" and item.event.asks
            told = item.work.told if item.work else []
            if is_counted(item.event) and (told or item.key in self.first):
                continue  # whether it is a repeat depends on what was told since
            if (item.entry.already and item.event.asks and item.key in self.stored) or (
                self._is_repeat(item)
            ):
                continue
            if item.work is None:
                self._remember_tidings(item)
            elif not (ringing and told):
                item.work.hear(item.event)

    def _remember_tidings(self, item: _Item) -> None:
        """Store what is of no call: `reset`, `device`, `presence`, an unknown word."""
        answer = item.entry.accept
        raw = _with_answer(item.entry.raw, answer)
        journal.remember(self.conn, [(item.event, None, raw)])
        item.taken = Taken(answer)
        tidings.hear(self.conn, item.event, self.setup, now=self.now)
        if item.event.kind == "reset":
            begun = calls.open_before(self.conn, item.event.account, item.event.moment)
            missing = [id_ for id_ in begun if id_ not in self.works]
            self.works |= load_works(self.conn, missing, self.setup)

    def _is_repeat(self, item: _Item) -> bool:
        """Settle an item that the journal, or this very batch, has already."""
        stored = self.stored.get(item.key)
        if stored is None:
            if (earlier := self.first.setdefault(item.key, item)) is item:
                return False
            item.same_as = earlier
            return True
        raw = item.entry.raw
        kept = (stored.raw.body, stored.raw.query)
        erased = kept == (b"", "")  # with whom it was about
        if (raw.body, raw.query) != kept and not (erased or item.entry.already):
            reason = "the same event with another body: the first stands"
            self._set_aside(item, "event_id", reason)
        answer = Answer(stored.raw.answer, stored.raw.answer_type)
        item.taken = Taken(answer, stored.call, repeat=True)
        return True

    def _look_up_blocks(self, asking: set[str]) -> None:
        """For those that ask, and for calls past us that would be given a card."""
        works = [
            work
            for id_, work in self.works.items()
            if id_ in asking or not (work.stored and work.stored.card)
        ]
        numbers = {work.caller.number for work in works if work.caller.number}
        found = blocked(self.conn, numbers, self.setup, now=self.now) if numbers else {}
        for work in works:
            work.blocked = found.get(work.caller.number or "")
        for item in self.items:
            if item.work and item.entry.already and item.entry.already.decision:
                item.work.blocked = _blocked_by(item.entry.already.decision, item.work)

    def _gather(self, asking: Sequence[_Item]) -> Board:
        """What those who ask need of managers; nothing of anybody when nobody asks."""
        if not asking:
            return Board()
        people: set[str] = set()
        works = [item.work for item in asking if item.work]
        self.queue = queue_for(self.conn, works, self.setup, self._setup_of, now=self.now)
        for work in self.works.values():
            self.queue.note(work)
        for item in asking:
            if item.work and not item.entry.already:
                people |= look_at(self._foresee(item, item.work), self.queue, now=self.now)
        for work in self.works.values():
            people.update(leg.manager for leg in _legs(work) if leg.manager)
        board = board_of(self.conn, people, self.setup, now=self.now)
        for work in self.works.values():
            self._place(work, board)
        return board

    def _foresee(self, item: _Item, work: Work) -> Asking:
        """The asking that it will be if it is none that was answered before."""
        run = work.run
        began = work.plan(run)
        if item.event.kind == "ringing":
            return replace(_asking(item, work, self.setup), run=run + bool(began))
        setup = self._setup_of(began[0].setup) if began else self.setup
        return replace(_asking(item, work, setup), run=run)

    def _setup_of(self, version: int) -> Setup:
        return self.desk.setups.at(self.conn, version)

    def _place(self, work: Work, board: Board) -> None:
        holds = holds_of(work.id, _legs(work), now=self.now, stranger=work.stranger)
        board.place(work.id, holds, self.now)

    # Those who ask, in the order of their arrival

    def _answer(self, item: _Item, board: Board, facts_ms: float) -> None:
        work = item.work
        if work is None:
            return
        if item.entry.already:
            self._put_told(item, work, item.entry.already)
        elif placed := self._find_place(item, work):
            asked = ask(placed, board, self.queue, self.desk, now=self.now, facts_ms=facts_ms)
            if asked.bug:
                self.bugs.append(f"{asked.bug} (call {work.id})")
            self._tell(work, asked.told, asked.why, asked.seen)
            item.taken = Taken(asked.answer, work.id, asked.told.decision, asked.why)
        work.fold(self.now)
        self.queue.note(work)
        self._place(work, board)

    def _find_place(self, item: _Item, work: Work) -> Asking | None:
        """Which asking of its call this is. None: it has its answer, as it was answered before."""
        event, state = item.event, work.state or work.fold(self.now)
        run, attempt = work.run, 0
        if event.kind == "next":
            attempt = event.attempt or self._guess_attempt(event, work, run)
            item.event = replace(event, key=key_of_asking(event, run, attempt))
            if same := work.told_at((run, attempt)):
                self._tell_again(item, same)
                return None
            if is_counted(event) and self._is_known(item):
                return None
        elif same := work.told_at((run, 0)):
            again = same if not state.plan_over else None
            if state.over and not state.presumed:
                again = next(
                    (t for t in work.told if t.key == key_of_asking(event, t.run, 0)), None
                )
            if again:
                item.event = replace(event, key=key_of_asking(event, again.run, 0))
                self._tell_again(item, again)
                return None
            run += 1
            item.event = replace(event, key=key_of_asking(event, run, 0))
            if self._is_known(item):
                return None
        if item.event not in work.events:
            work.hear(item.event)
        placed = _asking(item, work, self.setup)
        setup = self.setup
        if attempt and (began := work.plan(run)):
            setup = self._setup_of(began[0].setup)
        return replace(placed, run=run, attempt=attempt, setup=setup)

    def _tell_again(self, item: _Item, told: Told) -> None:
        """The same asking of the same call: the bytes of the first, under a key of its own."""
        if self._is_known(item) or item.work is None:
            return
        answer = self._answer_to(item.event.account, told.key) or item.entry.render(told.decision)
        if item.event not in item.work.events:
            item.work.hear(item.event)
        item.taken = Taken(answer, item.work.id, told.decision)

    def _is_known(self, item: _Item) -> bool:
        """The same as `_is_repeat`, for a key that was found out just now."""
        self.stored |= journal.find(self.conn, [item.key])
        return self._is_repeat(item)

    def _answer_to(self, account: str, key: str) -> Answer | None:
        for item in self.items:
            if item.key == (account, key) and item.taken:
                return item.taken.answer
        found = journal.find(self.conn, [(account, key)]).get((account, key))
        return Answer(found.raw.answer, found.raw.answer_type) if found else None

    def _guess_attempt(self, event: CallEvent, work: Work, run: int) -> int:
        """Which asking a `next` is that does not say so."""
        plan = work.plan(run)
        if not plan:
            return 1
        last = plan[-1]
        retry = last.attempt and event.received - last.at < RETRY_WITHIN
        return last.attempt if retry else last.attempt + 1

    def _put_told(self, item: _Item, work: Work, already: Already) -> None:
        """Write what was told while the base was silent over what a late commit left."""
        event = item.event
        known = find_told(work, event, told=already.decision is not None)
        run = work.run
        if known and known is not event:
            item.event = known
            told = next((one for one in work.told if one.key == known.key), None)
            if self._answer_to(known.account, known.key) == already.answer:
                item.taken = Taken(already.answer, work.id, repeat=True)
                return
            self.corrected[item.key] = (already.answer.body, already.answer.content_type)
            place = told.place if told else None
        else:
            attempt = (
                (event.attempt or self._guess_attempt(event, work, run))
                if (event.kind == "next")
                else 0
            )
            if not attempt and work.told:
                run += 1
            item.event = replace(event, key=key_of_asking(event, run, attempt))
            work.events = [one for one in work.events if one is not event] + [item.event]
            place = (run, attempt)
        item.taken = Taken(already.answer, work.id, already.decision, already.why)
        if place and already.decision and already.why:
            told = Told(item.event.key, *place, event.received, already.decision, already.why.setup)
            self._tell(work, told, already.why)

    def _tell(self, work: Work, told: Told, why: Why, seen: Seen | None = None) -> None:
        work.told = [one for one in work.told if one.place != told.place] + [told]
        work.whys[told.place] = why
        self.told[work.id, *told.place] = (work.id, told, why, seen)

    # What is written at the end

    def _new_events(self) -> list[tuple[CallEvent, str | None, Raw]]:
        events: list[tuple[CallEvent, str | None, Raw]] = []
        for item in self.items:
            if item.same_as or (item.taken and item.taken.repeat) or item.work is None:
                if item.entry.trouble and not item.same_as and item.work is None:
                    self._set_aside(item, *item.entry.trouble)
                continue
            answer = item.taken.answer if item.taken else item.entry.accept
            raw = _with_answer(item.entry.raw, answer)
            events.append((item.event, item.work.id, raw))
            if item.entry.trouble:
                self._set_aside(item, *item.entry.trouble)
        return events

    def _number(self, events: Sequence[tuple[CallEvent, str | None, Raw]]) -> int | None:
        """The number of this transaction; None for one that writes no call."""
        if not self.works:
            return None
        works = list(self.works.values())
        new = [
            (event, call)
            for event, call, _ in events
            if (event.account, event.key) not in self.stored
        ]
        heard = {call for _, call in new if call}
        return number(self.conn, works, self.setup, heard=heard, events=len(new), now=self.now)

    def _ask_for_recordings(self, events: Sequence[tuple[CallEvent, str | None, Raw]]) -> None:
        heard = [(event, self.works[call]) for event, call, _ in events if call in self.works]
        fetches.follow(self.conn, heard, self.works.values(), self.setup, now=self.now)

    def _store(
        self, events: Sequence[tuple[CallEvent, str | None, Raw]], batch: int | None
    ) -> None:
        journal.remember(self.conn, events, batch=batch)
        journal.set_answers(self.conn, self.corrected)
        calls.keep_told(self.conn, list(self.told.values()))

    def _set_aside(self, item: _Item, field_name: str, reason: str) -> None:
        journal.set_aside(
            self.conn,
            account=item.event.account,
            received=item.event.received,
            field=field_name,
            reason=reason,
            body=item.entry.raw.body,
            query=item.entry.raw.query,
        )

    def _taken(self, item: _Item) -> Taken:
        if item.same_as:
            return replace(self._taken(item.same_as), repeat=True)
        call = item.work.id if item.work else None
        return item.taken or Taken(item.entry.accept, call)


def _begins_anew(event: CallEvent, old: StoredCall) -> bool:
    """True when a PBX uses a call's id again for another call."""
    if old.over_at is None or old.ended_at is None or event.kind == "recording":
        return False  # a recording may come days later
    end = max(old.ended_at, old.over_at) if event.at is None else old.ended_at
    return event.moment - end > SAME_ID_FOR


def _with_minute(event: CallEvent) -> CallEvent:
    """A `reset` and its like without id and time: only the minute tells one from the next."""
    if event.own_key or event.at is not None:
        return event
    return replace(event, key=f"{event.key}~t{int(event.received.timestamp()) // 60}")


def key_of_asking(event: CallEvent, run: int, attempt: int) -> str:
    """The key of an event that asks: its own, or the derived one with our count.

    Of the call's plans for a `ringing`, of the askings for a `next` that says nothing of itself.
    """
    if not is_counted(event) or (run, attempt) in ((0, 0), (0, 1)):
        return event.key
    return f"{event.key}~r{run}n{attempt}" if attempt else f"{event.key}~r{run}"


def is_counted(event: CallEvent) -> bool:
    """True where the PBX gives no id, and nothing else tells one asking from the next."""
    if event.own_key or not event.asks:
        return False
    return event.kind == "ringing" or (event.attempt is None and event.at is None)


def find_told(work: Work, event: CallEvent, *, told: bool) -> CallEvent | None:
    """The same event as the call has it already, maybe under the key of a later asking.

    `told`: it was told something new, so that one with the same derived key may be another asking.
    """
    same = [
        one
        for one in work.events
        if one.key == event.key or (is_counted(event) and one.key.split("~r")[0] == event.key)
    ]
    if told and is_counted(event):
        same = [one for one in same if one.received == event.received]
    return same[-1] if same else None


def _blocked_by(told: Decision, work: Work) -> Blocked | None:
    """What kept a call out when it was told so, whatever stands on the list by now."""
    if isinstance(told, Reject) and told.reason == "blocked":
        return work.blocked or Blocked(work.caller.number or "")
    return None


def _asking(item: _Item, work: Work, setup: Setup) -> Asking:
    return Asking(work, item.entry, 0, item.event.attempt or 0, item.event.key, setup)


def _legs(work: Work) -> tuple[Leg, ...]:
    return work.state.legs if work.state else ()


def _with_answer(raw: Raw, answer: Answer) -> Raw:
    return replace(raw, answer=answer.body, answer_type=answer.content_type)
