"""Who waits for somebody to be free, and what a caller who calls again left behind."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from callrouter.domain.decisions import Wait
from callrouter.domain.waiting import NEVER_ASKED, USUAL_TALK_S, Waiting
from storage import calls
from storage.calls import LatelyCall

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.calls import Told
    from callrouter.domain.setup import Setup
    from callrouter.flows.work import Work

PLACE_KEPT = timedelta(seconds=120)
"""Who waited and was cut off has his place again if he calls again so soon."""

NO_SOONER = timedelta(seconds=1)
"""Nobody hangs up and calls again so quickly."""

LATE = timedelta(seconds=5)
"""A caller is asked for again by then, or else nobody is kept free for him any longer."""

MEAN_OVER = timedelta(days=1)


def _none(version: int) -> Setup:
    raise KeyError(version)


@dataclass
class Queue:
    """The calls that wait, by id, and the other calls of those who call now, by number.

    `setups`: the Setup of a version; a call that waits goes on with the one it began with.
    """

    setups: Callable[[int], Setup] = _none
    waiting: dict[str, Waiting] = field(default_factory=dict)
    lately: Mapping[str, Sequence[LatelyCall]] = field(default_factory=dict)
    mean_talk_s: float = USUAL_TALK_S
    _asked: dict[str, datetime] = field(default_factory=dict)

    def own(self, work: Work) -> frozenset[str]:
        """Earlier calls of the same number that are not over: he has hung up and calls again.

        One that has asked again since waits on, and one that came at the same time goes on: they
        are somebody else's with the same number.
        """
        began = min((event.received for event in work.events), default=NEVER_ASKED)
        return frozenset(
            one.id
            for one in self._before(work)
            if not one.over
            and began - one.started_at >= NO_SOONER
            and not self._asked.get(one.id, began) > began
        )

    def place_of(self, work: Work) -> datetime | None:
        """Since when the caller waited in a call that he was cut off from a moment ago."""
        places = [
            one.waiting_since
            for one in self._before(work)
            if one.waiting_since and one.state in ("waiting", "missed")
        ]
        return min(places, default=None)

    def _before(self, work: Work) -> list[LatelyCall]:
        """Earlier calls of the same caller; of who withholds his number nothing is known."""
        if work.caller.kind != "known" or not work.caller.number:
            return []
        return [one for one in self.lately.get(work.caller.number, ()) if one.id < work.id]

    def note(self, work: Work) -> None:
        """Take over how a call stands now: whether it waits, and on which step."""
        self.waiting.pop(work.id, None)
        self._asked.pop(work.id, None)
        if work.told and work.state and work.state.state == "waiting":
            told = max(work.told, key=lambda one: one.place)
            self.add(work.id, work.account, work.line.number, told, self.setups(told.setup))

    def add(self, call: str, account: str, line: str, told: Told, setup: Setup) -> None:
        """Add a call that waits, by what it was told last, on this Setup."""
        wait, found = told.decision, setup.lines.get(line)
        if isinstance(wait, Wait) and wait.step and wait.since and found:
            self._asked[call] = told.at
            self.waiting[call] = Waiting(
                call=call,
                since=wait.since,
                account=account,
                line=found,
                setup=setup,
                step=wait.step,
                responsible=wait.responsible,
                tried=frozenset(wait.tried),
                until=told.at + timedelta(seconds=wait.wait_s) + LATE,
            )

    def at(self, now: datetime) -> tuple[Waiting, ...]:
        """Those who wait, but for whom nobody has asked again in time."""
        return tuple(one for one in self.waiting.values() if one.until >= now)


def queue_for(
    conn: Connection,
    works: Iterable[Work],
    setup: Setup,
    setups: Callable[[int], Setup],
    *,
    now: datetime,
) -> Queue:
    """What the decisions on these calls need to know of others; `setups` as `Queue` has it."""
    numbers = {
        work.caller.number for work in works if work.caller.kind == "known" and work.caller.number
    }
    queue = Queue(setups, lately=calls.lately_of(conn, numbers, now - PLACE_KEPT))
    if setup.waits:
        for one in calls.waiting(conn):
            queue.add(one.call, one.account, one.line, one.told, setups(one.told.setup))
        queue.mean_talk_s = calls.mean_talk_s(conn, now - MEAN_OVER) or USUAL_TALK_S
    return queue
