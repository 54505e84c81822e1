"""Takes past decisions again, on the facts as they were: on the rules they had, or on others.

What is found is of the past as it was: who was busy and for how long, who was there, what was known
of callers. A call that would have gone elsewhere changes nothing for those after it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from callrouter.domain.decisions import Connect, Wait
from callrouter.domain.replayed import OVER, Compared, Replayed, Tally, Unknown
from callrouter.domain.routing import Decided, decide
from callrouter.flows.asking import began_after, position_after
from callrouter.flows.past import Moment, Past
from callrouter.setup_file import BadSetup, check, merge, read_file
from storage import past as kept
from storage import setups
from storage.documents import write_why
from storage.ids import new_id

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.calls import Told
    from callrouter.domain.routing import Arrival
    from callrouter.domain.setup import Setup
    from storage.counters import Pulse
    from storage.past import Interval, Telling

WARM_UP = timedelta(hours=26)
"""So long before a period it is begun: its first day's talks, and what holds people, are known."""

LEGS_LOOKED_AT = 50
"""Pages of legs in which the last offers from before are looked for."""

NAMED = 20
"""So many calls are named that the facts do not explain."""

Read = Callable[..., Any]
"""Runs a function on the base in a short read: `read(do, …)` gives `do(connection, …)`."""

Progress = Callable[[int, int], None]
"""Hears how many events, of how many, have been gone through."""


def replay(
    read: Read,
    *,
    since: datetime,
    until: datetime,
    rules: Setup | None = None,
    progress: Progress = lambda _done, _all: None,
) -> Replayed:
    """Take every decision of a period again; with `rules`, also on that Setup.

    What is compared is both times what comes out now: after an upgrade of ours some decisions on
    the same facts are others than those that were stored.
    """
    of = Setups(read)
    counts: Counter[str] = Counter()
    unexplained: dict[str, None] = {}
    other = OtherRules(rules) if rules else None
    for found in moments(read, of, since=since, until=until, progress=progress):
        if not isinstance(found, Moment):
            counts[found.told_by] += 1
            continue
        counts["decisions"] += 1
        counts["calls"] += not found.telling.told.attempt
        again = decide_again(found)
        if differs(found, again) is None:
            counts["explained"] += 1
        else:
            unexplained[found.call] = None
        if other:
            other.take(found, again)
    return Replayed(
        since=since,
        until=until,
        calls=counts["calls"],
        decisions=counts["decisions"],
        explained=counts["explained"],
        unexplained=tuple(unexplained)[:NAMED],
        without_base=counts["snapshot"],
        failed=counts["last_resort"],
        unrecorded=counts["base"] + read(kept.count_unnumbered, since),
        compared=other.compared(of.seen) if other else None,
    )


def rules_of(conn: Connection, text: str) -> Setup:
    """The Setup that a file would make of the one in force. Raises BadSetup."""
    current = setups.load(conn, setups.current_version(conn))
    rules = replace(merge(replace(current, version=0), read_file(text)), version=0)
    if problems := check(rules):
        raise BadSetup(problems)
    return rules


class Setups:
    """Setup versions, each read once."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._known: dict[int, Setup] = {}

    def __call__(self, version: int) -> Setup:
        if (found := self._known.get(version)) is None:
            found = self._known[version] = self._read(setups.load, version)
        return found

    @property
    def seen(self) -> tuple[Setup, ...]:
        """All that were in force when something was looked at."""
        return tuple(setup for version, setup in self._known.items() if version)


# Every decision of a period


def moments(
    read: Read,
    of: Setups,
    *,
    since: datetime,
    until: datetime,
    progress: Progress = lambda _done, _all: None,
) -> Iterator[Moment | Telling]:
    """Every decision of a period in its order, with what it was taken on.

    One that was not taken from the base is given as it is stored. A moment is to be looked at when
    it is given: those after it change what it stands on.
    """
    first, last = read(kept.first_since, since - WARM_UP), read(kept.newest)
    if first is None:
        return
    everything, done, after = read(kept.count_events, first, last), 0, first - 1
    past = _begin(read, first, since - WARM_UP, of)
    while (page := read(kept.read_page, after, last, past.known)).batches:
        for found in past.go_through(page):
            if since <= found.at < until:
                yield found
        after = page.batches[-1].id
        done += sum(one.events for one in page.batches)
        progress(done, everything)
        if page.batches[0].at > until:
            return


def _begin(read: Read, first: int, since: datetime, of: Setups) -> Past:
    """Everybody as he was before the first batch."""
    accounts = {one.key for one in of(read(setups.current_version)).account}
    return Past(
        of,
        pulses=_pulses(read, since),
        loads=_loads(read, first),
        said=_pages(read, kept.said, first),
        cooled=_pages(read, kept.cooled, since),
        resets=read(kept.resets, accounts, since - kept.RESETS_BEFORE),
    )


def _pages(read: Read, do: Callable[..., list[Interval]], of: object) -> list[Interval]:
    found: list[Interval] = []
    mark = ""
    while page := read(do, of, mark):
        found += page
        mark = page[-1].id
    return found


def _loads(read: Read, first: int) -> list[Interval]:
    found: list[Interval] = []
    mark = ""
    while page := read(kept.loads_now, mark):
        found += page
        mark = page[-1].id
    ended, mark = first, ""
    while page := read(kept.loads_ended, ended, mark):
        found += page
        ended, mark = page[-1].ended_after, page[-1].id
    return list({one.id: one for one in found}.values())  # one that ended meanwhile is in both


def _pulses(read: Read, before: datetime) -> dict[str, Pulse]:
    """Everybody's last offer and last talk before a moment."""
    now: dict[str, Pulse] = read(kept.pulses)
    found = {
        (key, n): moment for key, pulse in now.items() for n, moment in enumerate(pulse) if moment
    }
    later = {place for place, moment in found.items() if moment >= before}
    earlier: dict[tuple[str, int], datetime] = {}
    mark: str | None = new_id(before)
    for _ in range(LEGS_LOOKED_AT):
        if mark is None or later <= earlier.keys():
            break
        legs, mark = read(kept.legs_before, mark)
        for leg in legs:
            for n, moment in enumerate((leg.offer, leg.talk)):
                if moment and moment < before:
                    place = (leg.manager, n)
                    earlier[place] = max(earlier.get(place, moment), moment)

    def last(key: str, n: int) -> datetime | None:
        return (earlier if (key, n) in later else found).get((key, n))

    return {key: (last(key, 0), last(key, 1)) for key in now}


# As it was


def decide_again(moment: Moment) -> Decided:
    return decide(moment.arrival(), moment.facts(), moment.seen.can, now=moment.at)


def differs(moment: Moment, again: Decided) -> str | None:
    """In what a decision taken again is not the one that is stored; None: in nothing.

    The link to the card is a secret of its own, and how long it took is nobody's doing.
    """
    told = moment.telling.told.decision
    if isinstance(told, Connect):
        told = replace(told, card_url="")
    if again.decision != told:
        return "decision"
    was, now = moment.telling.why, write_why(again.why)
    if was.partition(_TIMES)[0] == now.partition(_TIMES)[0]:
        return None
    before, after = json.loads(was), json.loads(now)
    names = (name for name in after if name != "times" and before.get(name) != after[name])
    return next(names, None)


_TIMES = ',"times":{'  # the last of a why


# On other rules


class OtherRules:
    """Takes decisions again on another Setup, and counts where calls would have gone.

    Managers whom only the new Setup has are free, without load, and there by their shift. Of a call
    that would have gone elsewhere nothing is looked at after that: what the PBX asked further was
    about the old way.
    """

    def __init__(self, rules: Setup) -> None:
        self._rules = rules
        self._tally = Tally()
        self._told: dict[str, tuple[int, list[Told]]] = {}  # by call: its last run on these rules

    def take(self, moment: Moment, before: Decided) -> None:
        """Take a decision; `before`: as it comes out on the rules that it was taken on."""
        told = moment.telling.told
        self._forget(told.at)
        run, so_far = self._told.pop(moment.call, (told.run, []))
        if told.run != run or not told.attempt:
            so_far = []
        if told.attempt and not so_far:
            return  # its ways have parted, or it began before the period
        again = self._decide(moment, so_far)
        at, line = moment.at, moment.seen.line
        ways = before.decision, again.decision
        parted = self._tally.note(moment.call, told.run, line, at, *ways)
        if not parted and _goes_on(again):
            new = replace(told, decision=again.decision)
            self._told[moment.call] = (told.run, [*so_far, new])

    def _forget(self, now: datetime) -> None:
        """Let go of calls that were never asked for again."""
        while self._told:
            call, (_, told) = next(iter(self._told.items()))
            if now - told[-1].at <= OVER:
                return
            del self._told[call]

    def _decide(self, moment: Moment, so_far: list[Told]) -> Decided:
        call = self._where(moment.arrival(self._rules), so_far)
        return decide(call, moment.facts(self._rules), moment.seen.can, now=moment.at)

    def _where(self, call: Arrival, so_far: list[Told]) -> Arrival:
        """Where the call stands on the new ladder, which may have other steps before."""
        if not so_far:
            return call
        rung, turn = position_after(so_far)
        left = frozenset(
            manager
            for one in so_far
            if isinstance(one.decision, Connect | Wait)
            for manager in one.decision.left
        )
        began = began_after(so_far)
        return replace(call, rung=rung, turn=turn, began=began, left=left)

    def compared(self, were: tuple[Setup, ...]) -> Compared:
        """What was counted; `were`: the Setups that were in force."""
        known = {key for setup in were for key in setup.managers}
        unknown: tuple[Unknown, ...] = ()
        if self._rules.asks_missed_today and not all(one.asks_missed_today for one in were):
            unknown = ("missed_today",)
        return self._tally.result(
            managers=tuple(self._rules.managers),
            new_managers=tuple(key for key in self._rules.managers if key not in known),
            unknown=unknown,
        )


def _goes_on(decided: Decided) -> bool:
    decision = decided.decision
    return isinstance(decision, Wait) or (isinstance(decision, Connect) and decision.ask_again)
