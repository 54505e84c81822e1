"""What calls stand on: one clock, one heap of future happenings, phones, and outgoing events."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from random import Random

from callrouter.fakepbx.habits import Habits
from callrouter.fakepbx.manners import GOOD, Manners, deliveries
from callrouter.fakepbx.phones import Phones
from callrouter.fakepbx.truth import CallTruth, Truth
from callrouter.fakepbx.values import Account, Hook, Payload, Person

_FORGOTTEN = frozenset({"event_id", "leg_id", "at"})


class Switch:
    """Plays happenings in the order of their time; sleeps never, sends nothing itself.

    Chance runs in two streams, so that other manners leave callers and people as they were, as
    long as the answers are the same.
    """

    def __init__(
        self, seed: int, people: Sequence[Person], manners: Manners, habits: Habits
    ) -> None:
        self.chance = Random(f"{seed}:people")
        self.manners_chance = Random(f"{seed}:manners")
        self.manners = manners
        self.habits = habits
        self.phones = Phones(people)
        self.truth = Truth()
        self.run = ""
        self._now: datetime | None = None
        self._heap: list[tuple[datetime, int, Callable[[], object]]] = []
        self._outbox: deque[Hook] = deque()
        self._number = 0

    @property
    def now(self) -> datetime:
        if self._now is None:
            raise RuntimeError("the PBX is not open yet")
        return self._now

    @property
    def is_open(self) -> bool:
        return self._now is not None

    @property
    def next_at(self) -> datetime | None:
        return self._heap[0][0] if self._heap else None

    def open(self, now: datetime) -> None:
        """Set the clock. Ids hold the start, so that a second play repeats none of the first."""
        self._now = now
        self.run = f"{now:%y%m%d%H%M%S}"

    def reach(self, now: datetime) -> None:
        """Move the clock on; it never goes back."""
        self._now = max(self.now, now)

    def count_up(self) -> int:
        self._number += 1
        return self._number

    def after(self, seconds: float, act: Callable[[], object]) -> None:
        at = self.now + timedelta(seconds=seconds)
        heapq.heappush(self._heap, (at, self.count_up(), act))

    def play_until(self, now: datetime) -> Iterator[Hook]:
        """Play what is due, and hand out each hook before anything later happens."""
        while self._heap and self._heap[0][0] <= now:
            at, _, act = heapq.heappop(self._heap)
            self.reach(at)
            act()
            while self._outbox:
                yield self._outbox.popleft()
        self.reach(now)

    def postpone(self, by: timedelta) -> None:
        """Let everything to come happen later by as much: the machine slept."""
        self._heap = [(at + by, number, act) for at, number, act in self._heap]

    def post(
        self,
        account: Account,
        payload: Payload,
        *,
        call: CallTruth | None = None,
        ask: int | None = None,
        polite: bool = False,
    ) -> bool:
        """Send an event as this PBX does. False: nobody will answer it in time."""
        event = str(payload["event"])
        full = payload | {
            "event_id": f"{account.key}-{self.run}-{self.count_up()}",
            "at": self.now.isoformat(timespec="milliseconds"),
        }
        if account.forgetful:
            full = {name: value for name, value in full.items() if name not in _FORGOTTEN}
        asks = ask is not None
        delays = deliveries(
            GOOD if polite else self.manners, self.manners_chance, event=event, asks=asks
        )
        self._note(event, delays, asks=asks, polite=polite, call=call)
        for delay in delays:
            self.after(delay, lambda: self._hand_out(account, full, call, ask))
        return bool(delays) and not (asks and delays[0] > 0)

    def _hand_out(
        self, account: Account, payload: Payload, call: CallTruth | None, ask: int | None
    ) -> None:
        if call:
            call.delivered.append(str(payload["event"]))
        self._outbox.append(
            Hook(account.key, payload, self.now, call.call_id if call else None, ask)
        )

    def _note(
        self,
        event: str,
        delays: tuple[float, ...],
        *,
        asks: bool,
        polite: bool,
        call: CallTruth | None,
    ) -> None:
        if polite:
            return
        counts = self.truth.counts
        late = bool(delays) and delays[0] > 0
        counts["events"] += 1
        counts["asks"] += asks
        counts["lost"] += not delays
        counts["lost_asks"] += asks and not delays
        counts["doubled"] += len(delays) > 1
        counts["stray" if asks else "late"] += late
        if call and not delays:
            call.lost.append(event)
        elif call and late:
            call.late.append(event)
