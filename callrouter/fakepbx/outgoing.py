"""The life of a call that one of our people makes: to a customer, or to a colleague."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from callrouter.fakepbx import habits
from callrouter.fakepbx.answers import step_of
from callrouter.fakepbx.legs import Leg
from callrouter.fakepbx.report import Report
from callrouter.fakepbx.ringing import CHIRP_S, Ringing
from callrouter.fakepbx.switch import Switch
from callrouter.fakepbx.talking import Talking
from callrouter.fakepbx.truth import CallTruth, Talk
from callrouter.fakepbx.values import Account, Course

if TYPE_CHECKING:
    from callrouter.fakepbx.exchange import Exchange

COLLEAGUES_TALK_S = (4.0, 30.0)


class Outgoing:
    """One call from a phone of ours. `taken` and `refused`: it is about another call.

    Then it ends with either: the other side takes that call over, or not.
    """

    def __init__(
        self,
        switch: Switch,
        report: Report,
        exchange: Exchange,
        course: Course,
        *,
        dial: str,
        to: str,
        taken: Callable[[str], object] | None = None,
        refused: Callable[[], object] | None = None,
    ) -> None:
        self.alive = True
        self._switch = switch
        self._report = report
        self._exchange = exchange
        self._course = course
        self._own = Leg("d1", dial, state="talking")
        self._to = to
        self._taken, self._refused = taken, refused
        self._ringing: Ringing | None = None
        self._talking: Talking | None = None
        self._talks: list[Talk] = []

    @property
    def account(self) -> Account:
        return self._report.account

    @property
    def truth(self) -> CallTruth:
        return self._report.truth

    def begin(self) -> None:
        """Take the phone off the hook and dial."""
        self._switch.phones.begin_talk(self._own.dial, self.truth.call_id)
        # Some PBXes have one word for whatever begins.
        self._report.tell("ringing" if self.account.forgetful else "dialing", self._own)
        self._later(CHIRP_S, self._ring)

    def die(self) -> None:
        """Be gone without a word: the PBX fell over."""
        self._over("restart")

    def _ring(self) -> None:
        switch = self._switch
        drawn, heard = None, self._course.heard
        if self.truth.direction == "out":
            drawn = habits.customer(switch.habits, switch.chance, heard=heard)
            if self._exchange.is_calling(self._to):
                drawn = habits.BUSY
        self._ringing = Ringing(
            switch,
            self._report,
            step_of(self._to, "d2", switch.chance.uniform(15, 30)),
            answered=self._answered,
            unanswered=self._unanswered,
            drawn=drawn,
            heard=heard,
        )
        self._ringing.begin()

    def _unanswered(self) -> None:
        if self.alive and self._ringing:
            self._end(self._ringing.tried[-1]["reason"])

    def _answered(self, leg: Leg) -> None:
        if not self.alive:
            return
        # Who sends no ids does not say either which end of the call answered.
        self._report.tell("answered", None if self.account.forgetful else leg)
        self._switch.phones.end_talk(self._own.dial, self.truth.call_id)
        if self.truth.direction == "out":
            self._talking = Talking(
                self._switch, self._report, self._exchange, self._course, over=self._say_end
            )
            self._talking.begin(self._own)
        else:
            self._talk_to(leg)

    def _talk_to(self, leg: Leg) -> None:
        """Two of ours talk, maybe about a call that one of them has."""
        phones, now = self._switch.phones, self._switch.now
        for dial in (self._own.dial, leg.dial):
            owner = phones.owner(dial)
            aside = owner is not None and phones.is_talking(owner)
            self._talks.append(Talk(dial, owner.name if owner else None, now, waiting=aside))
            phones.begin_talk(dial, self.truth.call_id)
        self.truth.talks += self._talks
        chance = self._switch.chance
        takes_it = self._taken is not None and chance.random() < self._switch.habits.takes_over
        self._later(chance.uniform(*COLLEAGUES_TALK_S), lambda: self._hang_up(takes_it=takes_it))

    def _hang_up(self, *, takes_it: bool) -> None:
        seconds = round((self._switch.now - self._talks[0].since).total_seconds())
        if takes_it and self._taken:
            self._put_down()
            self._taken(self.truth.call_id)
            self._refused = None
        self._end("completed", duration_s=seconds)

    def _say_end(self, reason: str, leg: Leg | None, seconds: int) -> None:
        self._end(reason, leg, duration_s=seconds)

    def _end(self, reason: str, leg: Leg | None = None, *, duration_s: int = 0) -> None:
        self._report.tell("ended", leg, reason=reason, duration_s=duration_s)
        self._over(reason)

    def _put_down(self) -> None:
        for talk in self._talks:
            if talk.until is None:
                talk.until = self._switch.now
                self._switch.phones.end_talk(talk.dial, self.truth.call_id)

    def _over(self, end: str) -> None:
        self.alive = False
        self.truth.ended, self.truth.end = self._switch.now, end
        if self._ringing:
            self._ringing.fall_silent()
        if self._talking:
            self._talking.cut()
        elif self._talks:
            self._put_down()
        else:
            self._switch.phones.end_talk(self._own.dial, self.truth.call_id)
        if self._refused:
            self._refused()
        self._exchange.note_over(self.truth)

    def _later(self, seconds: float, act: Callable[[], object]) -> None:
        self._switch.after(seconds, lambda: act() if self.alive else None)
