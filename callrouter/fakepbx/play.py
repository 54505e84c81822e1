"""FakePbx: several PBXes without telephones, their callers, and calls on request."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial

from callrouter.fakepbx import habits as people
from callrouter.fakepbx.calls import Call
from callrouter.fakepbx.exchange import Exchange
from callrouter.fakepbx.habits import Habits
from callrouter.fakepbx.manners import Manners
from callrouter.fakepbx.staff import Staff
from callrouter.fakepbx.switch import Switch
from callrouter.fakepbx.truth import Truth
from callrouter.fakepbx.values import Account, Answer, Callers, Course, Hook, Kind, Person, Where

_WITHHELD = ("anonymous", "", "Restricted")
_STRANGERS = ("+7903", "+7916", "+7921", "+7999")
_HOUR = timedelta(hours=1)

ORDERED_S = 15.0
"""So long the talk of a call that somebody clicked for is: he waits to see it end."""

RINGS_FIRST_S = 1.5
"""So long his own phone rings before the number is dialled."""


Scene = Callable[["FakePbx"], object]


class FakePbx:
    """A discrete-event simulation: `play_until` hands out hooks, `take` brings answers back.

    The same seed, start and answers give the same hooks. `closed_line` is a line that is outside
    its hours whenever it is called: the PBX cannot move the service's clock. `scenes`: what is to
    happen so many seconds after the opening, whatever else does.
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
        scenes: Sequence[tuple[float, Scene]] = (),
    ) -> None:
        self.accounts = tuple(accounts)
        self.callers = callers or Callers()
        self.closed_line = closed_line
        self._scenes = tuple(scenes)
        self._switch = Switch(seed, people, manners or Manners(), habits or Habits())
        self._exchange = Exchange(self._switch, self.accounts)
        self._staff = Staff(self._switch, self._exchange, self.callers.known)
        self._working = False
        self._opened: datetime | None = None

    @property
    def truth(self) -> Truth:
        return self._switch.truth

    @property
    def next_at(self) -> datetime | None:
        """When something is due; None: nothing is, until a call is asked for."""
        return self._switch.next_at

    def open(self, now: datetime) -> None:
        """Begin: calls come, our people work, and each PBX has restarts before it."""
        self._switch.open(now)
        self._opened = now
        self._working = True
        self._await_caller()
        self._staff.begin()
        for seconds, scene in self._scenes:
            self._switch.after(seconds, partial(scene, self))
        for account in self.accounts:
            self._await_restart(account)

    def close(self) -> None:
        """Let no further call come by itself; what lives goes on to its end."""
        self._working = False
        self._staff.go_home()

    def play_until(self, now: datetime) -> Iterator[Hook]:
        """Hand out what is to be sent by now, in order.

        Give the answer of each hook to `take` before taking the next, or whenever it comes.
        """
        yield from self._switch.play_until(now)
        self._exchange.forget_the_dead()

    def take(self, hook: Hook, answer: Answer | None, now: datetime) -> None:
        """Bring the answer of a hook, parsed; None: there was none, or none in time."""
        self._switch.reach(now)
        call = self._exchange.live.get(hook.call_id or "")
        if hook.ask is not None and isinstance(call, Call):
            call.hear(hook.ask, answer)

    def catch_up(self, now: datetime, *, slack: timedelta) -> None:
        """Pass over a sleep of the whole machine instead of playing all of it at once."""
        if self.next_at is not None and now - self.next_at > slack:
            self._switch.postpone(now - self.next_at)

    # Calls on request, for a person who watches or a test that waits

    def call(
        self,
        *,
        kind: Kind = "any",
        caller: str | None = None,
        line: str | None = None,
        course: Course | None = None,
    ) -> str:
        """Let a call come now, with the best manners; give its call_id. Needs `open` first.

        `caller` and `line` are sent as they are; what is not given follows from the kind.
        """
        if line is None:
            line = self.closed_line if kind == "after_hours" else None
        account = next((a for a in self.accounts if line in a.lines), self.accounts[0])
        line = line or account.lines[0]
        number = caller if caller is not None else self._someone(kind)
        placed = self._exchange.incoming(account, line, number, kind, polite=True, course=course)
        delay = 0.0
        if kind == "busy":
            delay = 1.5  # the events that make everybody busy come first
            for person in self._switch.phones.free():
                other = self._exchange.incoming(
                    account, line, self._someone("known"), "any", polite=True
                )
                other.occupy(person.dials[0])
        self._switch.after(delay, placed.begin)
        return placed.truth.call_id

    def dial(
        self, to: str, *, by: Person | None = None, course: Course | None = None
    ) -> str | None:
        """Let one of our people call a number, or a colleague's phone; None: nobody is free."""
        return self._staff.call(to, by=by, polite=True, course=course)

    def order(self, account: str, call_id: str, dial: str, number: str, line: str) -> bool:
        """Ring a phone of ours and then a number, which answers; False: that phone is not free.

        Asked again for the same call it makes no second one.
        """
        if call_id in self.truth.calls:
            return True
        pbx = next((one for one in self.accounts if one.key == account), None)
        if pbx is None or line not in pbx.lines or account in self._exchange.down:
            return False
        if not any(dial in person.dials for person in self._switch.phones.free()):
            return False
        course = Course(heard=True, talk_s=ORDERED_S)
        placed = self._exchange.outgoing(
            pbx, dial, number, polite=True, course=course, line=line, call_id=call_id
        )
        self._switch.after(RINGS_FIRST_S, placed.begin)
        return True

    @property
    def people(self) -> tuple[Person, ...]:
        return self._switch.phones.people

    def where(self, person: Person) -> Where:
        return self._switch.phones.where(person)

    def move(self, person: Person, where: Where, *, after_s: float = 0) -> None:
        """Put somebody somewhere; nothing is said of it."""
        self._switch.after(after_s, lambda: self._switch.phones.move(person, where))

    # What happens by itself

    def _await_caller(self) -> None:
        hours = (self._switch.now - (self._opened or self._switch.now)) / _HOUR
        gap = people.gap(self._switch.habits, self._switch.chance, hours)
        if gap is not None:
            self._switch.after(gap, self._somebody_calls)

    def _somebody_calls(self) -> None:
        if not self._working:
            return
        chance = self._switch.chance
        kind = self._kind()
        lines = [(account, line) for account in self.accounts for line in account.lines]
        account, line = chance.choice(lines)
        number = self._someone(kind)
        if account.key not in self._exchange.down:
            self._exchange.incoming(account, line, number, kind).begin()
        self._await_caller()

    def _await_restart(self, account: Account) -> None:
        if (mean := self._switch.manners.restart_every_s) is not None:
            gap = self._switch.manners_chance.expovariate(1 / mean)
            self._switch.after(gap, lambda: self._fall_over(account))

    def _fall_over(self, account: Account) -> None:
        if not self._working:
            return
        self.truth.counts["restarts"] += 1
        self._exchange.fall_over(account)
        down_s = self._switch.manners_chance.uniform(*self._switch.manners.down_s)
        self._switch.after(down_s, lambda: self._boot(account))

    def _boot(self, account: Account) -> None:
        self._exchange.down.discard(account.key)
        self._switch.post(account, {"event": "reset"})
        self._await_restart(account)

    # Who calls

    def _kind(self) -> Kind:
        mix = {kind: n for kind, n in self.callers.mix.items() if n and self._exists(kind)}
        return self._switch.chance.choices(list(mix), weights=list(mix.values()))[0]

    def _exists(self, kind: Kind) -> bool:
        return kind != "blocked" or bool(self.callers.blocked)

    def _someone(self, kind: Kind) -> str:
        chance = self._switch.chance
        calls = list(self.truth.calls.values())[-50:]
        earlier = [c.caller for c in calls if c.caller and c.kind != "blocked"]
        pools: dict[Kind, Sequence[str]] = {
            "withheld": _WITHHELD,
            "vip": self.callers.vip or self.callers.known,
            "known": self.callers.known,
            "again": earlier,
            "blocked": self.callers.blocked,
        }
        if pool := pools.get(kind):
            return chance.choice(pool)
        return f"{chance.choice(_STRANGERS)}{chance.randrange(10**7):07d}"
