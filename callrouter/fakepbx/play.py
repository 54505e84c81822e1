"""FakePbx: several PBXes without telephones, their callers, and calls on request."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from callrouter.fakepbx.calls import Call
from callrouter.fakepbx.habits import Habits
from callrouter.fakepbx.manners import Manners, spell
from callrouter.fakepbx.report import Report
from callrouter.fakepbx.switch import Switch
from callrouter.fakepbx.truth import CallTruth, Truth
from callrouter.fakepbx.values import Account, Answer, Callers, Hook, Kind, Person

_FULL_NUMBER = re.compile(r"\+[1-9][0-9]{7,14}")
_WITHHELD = ("anonymous", "", "Restricted")
_STRANGERS = ("+7903", "+7916", "+7921", "+7999")


class FakePbx:
    """A discrete-event simulation: `play_until` hands out hooks, `take` brings answers back.

    The same seed, start and answers give the same hooks. `closed_line` is a line that is outside
    its hours whenever it is called: the PBX cannot move the service's clock.
    """

    def __init__(
        self,
        *,
        seed: int,
        accounts: Sequence[Account],
        people: Sequence[Person],
        callers: Callers | None = None,
        manners: Manners | None = None,
        habits: Habits | None = None,
        closed_line: str | None = None,
    ) -> None:
        self.accounts = tuple(accounts)
        self.callers = callers or Callers()
        self.closed_line = closed_line
        self._switch = Switch(seed, people, manners or Manners(), habits or Habits())
        self._live: dict[str, Call] = {}
        self._down: set[str] = set()
        self._working = False

    @property
    def truth(self) -> Truth:
        return self._switch.truth

    @property
    def next_at(self) -> datetime | None:
        """When something is due; None: nothing is, until a call is asked for."""
        return self._switch.next_at

    def open(self, now: datetime) -> None:
        """Begin: calls come, and each PBX has restarts before it."""
        self._switch.open(now)
        self._working = True
        self._await_caller()
        for account in self.accounts:
            self._await_restart(account)

    def close(self) -> None:
        """Let no further call come by itself; what lives goes on to its end."""
        self._working = False

    def play_until(self, now: datetime) -> Iterator[Hook]:
        """Hand out what is to be sent by now, in order.

        Give the answer of each hook to `take` before taking the next, or whenever it comes.
        """
        yield from self._switch.play_until(now)
        self._live = {call_id: call for call_id, call in self._live.items() if call.alive}

    def take(self, hook: Hook, answer: Answer | None, now: datetime) -> None:
        """Bring the answer of a hook, parsed; None: there was none, or none in time."""
        self._switch.reach(now)
        if hook.ask is not None and hook.call_id in self._live:
            self._live[hook.call_id].hear(hook.ask, answer)

    def catch_up(self, now: datetime, *, slack: timedelta) -> None:
        """After a sleep of the machine go on from here, rather than play what was slept through."""
        due = self._switch.next_at
        if due is not None and now - due > slack:
            self._switch.postpone(now - due)

    def call(
        self, *, kind: Kind = "any", caller: str | None = None, line: str | None = None
    ) -> str:
        """Let a call come now, with the best manners; give its call_id. Needs `open` first.

        `caller` and `line` are sent as they are; what is not given follows from the kind.
        """
        if line is None:
            line = self.closed_line if kind == "after_hours" else None
        account = next((a for a in self.accounts if line in a.lines), self.accounts[0])
        line = line or account.lines[0]
        number = caller if caller is not None else self._someone(kind)
        placed = self._place(account, line, number, kind, polite=True)
        delay = 0.0
        if kind == "busy":
            delay = 1.5  # the events that make everybody busy come first
            for person in self._switch.phones.free():
                other = self._place(account, line, self._someone("known"), "any", polite=True)
                other.occupy(person.dials[0])
        self._switch.after(delay, placed.begin)
        return placed.truth.call_id

    # What happens by itself

    def _await_caller(self) -> None:
        if (gap := self._switch.habits.gap_s) is not None:
            self._switch.after(self._switch.chance.uniform(*gap), self._somebody_calls)

    def _somebody_calls(self) -> None:
        if not self._working:
            return
        chance = self._switch.chance
        mix = self.callers.mix
        kind = chance.choices(list(mix), weights=list(mix.values()))[0]
        lines = [(account, line) for account in self.accounts for line in account.lines]
        account, line = chance.choice(lines)
        number = self._someone(kind)
        if account.key not in self._down:
            self._place(account, line, number, kind).begin()
        self._await_caller()

    def _await_restart(self, account: Account) -> None:
        if (mean := self._switch.manners.restart_every_s) is not None:
            gap = self._switch.manners_chance.expovariate(1 / mean)
            self._switch.after(gap, lambda: self._fall_over(account))

    def _fall_over(self, account: Account) -> None:
        if not self._working:
            return
        self.truth.counts["restarts"] += 1
        self._down.add(account.key)
        for call in self._live.values():
            if call.alive and call.account is account:
                call.die()
        down_s = self._switch.manners_chance.uniform(*self._switch.manners.down_s)
        self._switch.after(down_s, lambda: self._boot(account))

    def _boot(self, account: Account) -> None:
        self._down.discard(account.key)
        self._switch.post(account, {"event": "reset"})
        self._await_restart(account)

    def _call_again(self, old: CallTruth) -> None:
        account = next(a for a in self.accounts if a.key == old.account)
        if account.key not in self._down:
            call = self._place(account, old.line, old.caller or "anonymous", old.kind)
            call.truth.redial_of = old.call_id
            call.begin()

    # Who calls

    def _someone(self, kind: Kind) -> str:
        chance = self._switch.chance
        earlier = [call.caller for call in list(self.truth.calls.values())[-50:] if call.caller]
        pools: dict[Kind, Sequence[str]] = {
            "withheld": _WITHHELD,
            "vip": self.callers.vip or self.callers.known,
            "known": self.callers.known,
            "again": earlier,
        }
        if pool := pools.get(kind):
            return chance.choice(pool)
        return f"{chance.choice(_STRANGERS)}{chance.randrange(10**7):07d}"

    def _place(
        self, account: Account, line: str, number: str, kind: Kind, *, polite: bool = False
    ) -> Call:
        switch = self._switch
        truth = CallTruth(
            call_id=f"{account.key}-{switch.run}-{switch.count_up()}",
            account=account.key,
            line=line,
            kind=kind,
            caller=number if _FULL_NUMBER.fullmatch(number) else None,
            began=switch.now,
        )
        numbers = (number, line)
        if not polite:
            caller, called = (spell(n, switch.manners, switch.manners_chance) for n in numbers)
        else:
            caller, called = numbers
        report = Report(switch, account, truth, caller, called, polite)
        call = Call(switch, report, redial=None if polite else self._call_again)
        self.truth.add(truth)
        self._live[truth.call_id] = call
        return call
