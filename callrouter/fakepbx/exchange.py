"""The calls of all accounts: made, kept while they live, and begotten by one another."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from callrouter.fakepbx import habits
from callrouter.fakepbx.calls import Call
from callrouter.fakepbx.manners import spell
from callrouter.fakepbx.outgoing import Outgoing
from callrouter.fakepbx.report import Report
from callrouter.fakepbx.switch import Switch
from callrouter.fakepbx.truth import CallTruth
from callrouter.fakepbx.values import Account, Course, Direction, Kind

_FULL_NUMBER = re.compile(r"\+[1-9][0-9]{7,14}")

PLAIN = Course()
"""Nothing particular comes of the call."""


class Exchange:
    """`down`: accounts that have fallen over. `on_missed` hears of callers who reached nobody."""

    def __init__(self, switch: Switch, accounts: Sequence[Account]) -> None:
        self.accounts = tuple(accounts)
        self.live: dict[str, Call | Outgoing] = {}
        self.down: set[str] = set()
        self.on_missed: Callable[[CallTruth], object] = lambda _call: None
        self._switch = switch

    # Making calls

    def incoming(
        self,
        account: Account,
        line: str,
        number: str,
        kind: Kind,
        *,
        polite: bool = False,
        course: Course | None = None,
        diverted_from: str | None = None,
        on_over: Callable[[], object] | None = None,
    ) -> Call:
        """A call from outside. It has still to begin."""
        switch = self._switch
        truth = self._truth(account, line, number, kind, "in")
        numbers = (number, line)
        if not polite:
            caller, called = (spell(n, switch.manners, switch.manners_chance) for n in numbers)
        else:
            caller, called = numbers
        report = Report(switch, account, truth, caller, called, polite, diverted_from)
        course = course or habits.course(switch.habits, switch.chance)
        call = Call(switch, report, self, course, on_over=on_over)
        self.live[truth.call_id] = call
        return call

    def outgoing(
        self,
        account: Account,
        dial: str,
        to: str,
        *,
        polite: bool = False,
        course: Course | None = None,
        line: str | None = None,
        call_id: str | None = None,
    ) -> Outgoing:
        """A call from a phone of ours, to a number or to another of our phones.

        `line`: by which it goes out; `call_id`: what who ordered it calls it.
        """
        switch = self._switch
        line = line or switch.chance.choice(account.lines)
        report = self._dialled(account, line, dial, to, polite, call_id)
        course = course or habits.course(switch.habits, switch.chance)
        switch.truth.counts["calls_out"] += report.truth.direction == "out"
        call = Outgoing(switch, report, self, course, dial=dial, to=to)
        self.live[report.truth.call_id] = call
        return call

    # What calls bring about

    def call_again(self, old: CallTruth) -> None:
        """Let the caller of a call call once more."""
        account = self._account(old.account)
        if account.key not in self.down:
            call = self.incoming(account, old.line, old.caller or "anonymous", old.kind)
            call.truth.redial_of = old.call_id
            call.begin()

    def forward(self, report: Report, dial: str, in_vain: Callable[[], object]) -> Call:
        """Let a phone that a call rings send it back to the line that it came by.

        `in_vain`: called when that is over.
        """
        old = report.truth
        call = self.incoming(
            report.account,
            old.line,
            old.caller or "anonymous",
            old.kind,
            polite=report.polite,
            course=PLAIN,
            diverted_from=dial,
            on_over=in_vain,
        )
        call.truth.loop_of = old.call_id
        call.begin()
        return call

    def consult(
        self,
        report: Report,
        dial: str,
        to: str,
        *,
        taken: Callable[[str], object],
        refused: Callable[[], object],
    ) -> None:
        """Let one of ours ask a colleague about the call that he has.

        `taken`: called with the consultation's id when the colleague takes the call over, while
        both still talk; else `refused`, once.
        """
        own = self._dialled(report.account, report.truth.line, dial, to, report.polite)
        own.truth.consults = report.truth.call_id
        call = Outgoing(
            self._switch, own, self, PLAIN, dial=dial, to=to, taken=taken, refused=refused
        )
        self.live[own.truth.call_id] = call
        call.begin()

    def note_over(self, call: CallTruth, *, polite: bool = False) -> None:
        """A call is over; who called in vain is owed a call back, if a person called at all."""
        missed = call.direction == "in" and not call.talks and not call.loop_of
        if missed and call.caller and call.end != "rejected" and not polite:
            self.on_missed(call)

    # What there is

    def is_calling(self, number: str) -> bool:
        """Tell whether somebody has his phone at his ear: he calls us, or is called."""
        return sum(call.alive and call.truth.caller == number for call in self.live.values()) > 1

    def fall_over(self, account: Account) -> None:
        """Let every call of an account be gone without a word."""
        self.down.add(account.key)
        for call in list(self.live.values()):
            if call.alive and call.account is account:
                call.die()

    def forget_the_dead(self) -> None:
        self.live = {call_id: call for call_id, call in self.live.items() if call.alive}

    def _dialled(
        self,
        account: Account,
        line: str,
        dial: str,
        to: str,
        polite: bool,  # noqa: FBT001  passed on as it came
        call_id: str | None = None,
    ) -> Report:
        """The report of a call that one of ours makes; outside it shows the line's number."""
        phones = self._switch.phones
        inside, owner = phones.owner(to) is not None, phones.owner(dial)
        direction: Direction = "internal" if inside else "out"
        truth = self._truth(account, line, to, "known", direction, call_id)
        truth.dialer = owner.name if owner else None
        return Report(self._switch, account, truth, dial if inside else line, to, polite)

    def _account(self, key: str) -> Account:
        return next(one for one in self.accounts if one.key == key)

    def _truth(
        self,
        account: Account,
        line: str,
        number: str,
        kind: Kind,
        direction: Direction,
        call_id: str | None = None,
    ) -> CallTruth:
        truth = CallTruth(
            call_id=call_id or f"{account.key}-{self._switch.run}-{self._switch.count_up()}",
            account=account.key,
            line=line,
            kind=kind,
            caller=number if direction != "internal" and _FULL_NUMBER.fullmatch(number) else None,
            began=self._switch.now,
            direction=direction,
        )
        self._switch.truth.add(truth)
        return truth
