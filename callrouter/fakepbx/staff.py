"""What our people do by themselves: they call customers and colleagues, and leave their desks."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import TYPE_CHECKING

from callrouter.fakepbx.exchange import Exchange
from callrouter.fakepbx.habits import BREAKS, PHONE_BREAK_S
from callrouter.fakepbx.switch import Switch
from callrouter.fakepbx.truth import CallTruth
from callrouter.fakepbx.values import Account, Course, Person, Where

if TYPE_CHECKING:
    from collections.abc import Sequence

SAID_AGAIN_S = 60.0
"""A phone says how it is once more after a while, in case it was not heard."""

LATELY = 500
"""So many calls are looked through for a talk."""

_WORDS: dict[Where, tuple[str, str]] = {
    "pause": ("presence", "pause"),
    "dnd": ("device", "dnd"),
    "offline": ("device", "offline"),
    "busy": ("device", "busy"),
}
"""What is said of who leaves: event and state. Of who just goes away, nothing."""


class Staff:
    """`customers`: whom they call by themselves."""

    def __init__(self, switch: Switch, exchange: Exchange, customers: Sequence[str]) -> None:
        self._switch = switch
        self._exchange = exchange
        self._customers = customers
        self._working = False

    def begin(self) -> None:
        self._working = True
        self._exchange.on_missed = self._owe
        self._await_call()
        for person in self._switch.phones.people:
            self._await_break(person)

    def go_home(self) -> None:
        """Call nobody any more; who is away comes back."""
        self._working = False

    def call(
        self,
        to: str,
        *,
        by: Person | None = None,
        polite: bool = False,
        course: Course | None = None,
    ) -> str | None:
        """Let somebody free, best of all this one, call a number; None: nobody is free."""
        free = self._switch.phones.free()
        accounts = [one for one in self._exchange.accounts if one.key not in self._exchange.down]
        if not free or not accounts or self._switch.phones.owner(to) in free[:1]:
            return None
        chance = self._switch.chance
        person = by if by in free else chance.choice(free)
        call = self._exchange.outgoing(
            chance.choice(accounts), person.dials[0], to, polite=polite, course=course
        )
        call.begin()
        return call.truth.call_id

    # Calls by themselves

    def _await_call(self) -> None:
        if (gap := self._switch.habits.dials_s) is not None:
            self._later(self._switch.chance.uniform(*gap), self._call_somebody)

    def _call_somebody(self) -> None:
        chance, phones = self._switch.chance, self._switch.phones
        if chance.random() < self._switch.habits.colleague:
            free = phones.free()
            if len(free) > 1:
                one, other = chance.sample(free, k=2)
                self.call(other.dials[0], by=one)
        elif self._customers:
            self.call(chance.choice(self._customers))
        self._await_call()

    def _owe(self, missed: CallTruth) -> None:
        """Somebody saw that a caller reached nobody, and calls him back, best of all who was rung.

        Not if he has talked to us meanwhile.
        """
        chance, habits = self._switch.chance, self._switch.habits
        if chance.random() >= habits.calls_back:
            return
        rung = [self._switch.phones.owner(dial) for dial in missed.rung]
        by = next((person for person in rung if person), None)

        def call_back() -> None:
            number = missed.caller or ""
            if not self._has_talked(number, missed) and self.call(number, by=by):
                self._switch.truth.counts["calls_back"] += 1

        self._later(chance.uniform(*habits.calls_back_s), call_back)

    def _has_talked(self, number: str, since: CallTruth) -> bool:
        lately = islice(reversed(self._switch.truth.calls.values()), LATELY)
        return any(
            talk.since >= since.began
            for call in lately
            if call.caller == number
            for talk in call.talks
        )

    # Leaving the desk

    def _await_break(self, person: Person) -> None:
        if (after := self._switch.habits.break_after_s) is not None:
            self._later(self._switch.chance.uniform(*after), lambda: self._leave(person))

    def _leave(self, person: Person) -> None:
        switch, phones = self._switch, self._switch.phones
        if phones.is_talking(person) or phones.gone() * 3 >= len(phones.people):
            self._later(SAID_AGAIN_S, lambda: self._leave(person))
            return
        where = switch.chance.choices(list(BREAKS), weights=list(BREAKS.values()))[0]
        length = PHONE_BREAK_S if where in ("dnd", "offline", "busy") else switch.habits.break_s
        switch.truth.counts["breaks"] += 1
        phones.move(person, where)
        if words := _WORDS.get(where):
            self._say(person, *words)
        switch.after(switch.chance.uniform(*length), lambda: self._come_back(person))

    def _come_back(self, person: Person) -> None:
        """Say so; who told nobody that he left may find that he was taken for gone."""
        event = _WORDS.get(self._switch.phones.where(person), ("presence", ""))[0]
        self._switch.phones.move(person, "here")
        self._say(person, event, "available")
        self._await_break(person)

    def _say(self, person: Person, event: str, state: str) -> None:
        where = self._switch.phones.where(person)

        def say() -> None:
            account = self._account_of(person)
            if account.key not in self._exchange.down:
                target = person.dials[0]
                self._switch.post(account, {"event": event, "target": target, "state": state})

        def say_again() -> None:
            if self._switch.phones.where(person) == where:
                say()

        say()
        self._switch.after(SAID_AGAIN_S, say_again)

    def _account_of(self, person: Person) -> Account:
        """The PBX that has his phone."""
        accounts = self._exchange.accounts
        return next((one for one in accounts if person.dials[0] in one.rings), accounts[0])

    def _later(self, seconds: float, act: Callable[[], object]) -> None:
        self._switch.after(seconds, lambda: act() if self._working else None)
