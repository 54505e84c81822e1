"""A talk with a customer: held by who answered, maybe passed on, until somebody hangs up."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from callrouter.fakepbx.answers import step_of
from callrouter.fakepbx.habits import talk_length
from callrouter.fakepbx.legs import Leg
from callrouter.fakepbx.report import Report
from callrouter.fakepbx.ringing import Ringing
from callrouter.fakepbx.switch import Switch
from callrouter.fakepbx.truth import PassedOn, Talk
from callrouter.fakepbx.values import Course, Person

if TYPE_CHECKING:
    from callrouter.fakepbx.exchange import Exchange

PASSED_ON_RINGS_S = 15


class Talking:
    """Calls `over` once with its end, who talked last and the seconds of all talks; or is cut.

    Somebody new to the talk is told of as answering; the first one was already.
    """

    def __init__(
        self,
        switch: Switch,
        report: Report,
        exchange: Exchange,
        course: Course,
        *,
        over: Callable[[str, Leg | None, int], object],
    ) -> None:
        self._switch = switch
        self._report = report
        self._exchange = exchange
        self._course = course
        self._over = over
        self._leg: Leg | None = None
        self._talk: Talk | None = None
        self._ringing: Ringing | None = None
        self._spoken_s = 0.0
        self._alive = True

    def begin(self, leg: Leg, *, seconds: float | None = None) -> None:
        drawn = talk_length(self._switch.habits, self._switch.chance)
        seconds = self._course.talk_s or drawn if seconds is None else seconds
        self._take(leg)
        passes_on = self._course.transfer and self._switch.phones.owner(leg.dial)
        if passes_on and seconds > 5:
            self._later(seconds * 0.4, lambda: self._pass_on(leg, seconds * 0.6))
        else:
            self._later(seconds, self._hang_up)

    def cut(self) -> None:
        """Be over without a word."""
        self._alive = False
        self._put_down()
        if self._ringing:
            self._ringing.fall_silent()

    # Who talks

    def _take(self, leg: Leg) -> None:
        phones = self._switch.phones
        owner = phones.owner(leg.dial)
        waiting = owner is not None and phones.is_talking(owner)
        self._leg = leg
        self._talk = Talk(
            leg.dial, owner.name if owner else None, self._switch.now, waiting=waiting
        )
        self._report.truth.talks.append(self._talk)
        phones.begin_talk(leg.dial, self._report.truth.call_id)

    def _put_down(self) -> float:
        """The last one's talk is over; gives its seconds."""
        if self._talk is None or self._talk.until:
            return 0
        now = self._switch.now
        self._talk.until = now
        self._switch.phones.end_talk(self._talk.dial, self._report.truth.call_id)
        seconds = (now - self._talk.since).total_seconds()
        self._spoken_s += seconds
        return seconds

    def _leave(self, leg: Leg) -> None:
        seconds = self._put_down()
        self._report.tell("leg_ended", leg, duration_s=round(seconds), reason="completed")

    def _hang_up(self) -> None:
        if self._leg:
            self._leave(self._leg)
        self._end("completed", self._leg)

    def _end(self, reason: str, leg: Leg | None = None) -> None:
        self._alive = False
        self._over(reason, leg, round(self._spoken_s))

    # Passing it on

    def _pass_on(self, leg: Leg, rest_s: float) -> None:
        colleagues = self._switch.phones.free()
        if not colleagues:
            self._later(rest_s, self._hang_up)
            return
        colleague = self._switch.chance.choice(colleagues)
        self._switch.truth.counts["transfers"] += 1
        if self._course.transfer == "attended":
            self._consult(leg, colleague, rest_s)
        else:
            self._pass_blindly(leg, colleague, rest_s)

    def _pass_blindly(self, leg: Leg, colleague: Person, rest_s: float) -> None:
        to = colleague.dials[0]
        self._say_passed_on(leg, PassedOn("blind", leg.dial, to, self._switch.now))
        self._ring(
            Leg("t1", to),
            answered=lambda new: self._go_on(new, rest_s),
            unanswered=lambda: self._come_back(leg, rest_s),
        )

    def _come_back(self, leg: Leg, rest_s: float) -> None:
        self._ring(
            Leg("b1", leg.dial),
            answered=lambda new: self._go_on(new, rest_s),
            unanswered=lambda: self._end("no_answer"),
        )

    def _ring(
        self, leg: Leg, *, answered: Callable[[Leg], object], unanswered: Callable[[], object]
    ) -> None:
        self._ringing = Ringing(
            self._switch,
            self._report,
            step_of(leg.dial, leg.leg_id, PASSED_ON_RINGS_S),
            answered=lambda new: answered(new) if self._alive else None,
            unanswered=lambda: unanswered() if self._alive else None,
        )
        self._ringing.begin()

    def _go_on(self, leg: Leg, rest_s: float) -> None:
        self._report.tell("answered", leg)
        self._take(leg)
        self._later(rest_s, self._hang_up)

    def _consult(self, leg: Leg, colleague: Person, rest_s: float) -> None:
        """Ask the colleague first, in a call of their own; then he takes the talk, or does not."""

        def taken(consultation: str) -> None:
            if self._alive:
                to = colleague.dials[0]
                passed = PassedOn("attended", leg.dial, to, self._switch.now, consultation)
                self._say_passed_on(leg, passed)
                self._take(Leg("t1", to, state="talking"))
                self._later(rest_s, self._hang_up)

        self._exchange.consult(
            self._report,
            leg.dial,
            colleague.dials[0],
            taken=taken,
            refused=lambda: self._later(rest_s, self._hang_up),
        )

    def _say_passed_on(self, leg: Leg, passed: PassedOn) -> None:
        other = {"other_call_id": passed.consultation} if passed.consultation else {}
        self._report.truth.passed_on.append(passed)
        self._report.tell("transferred", leg, kind=passed.kind, to_target=passed.to, **other)
        self._leave(leg)

    def _later(self, seconds: float, act: Callable[[], object]) -> None:
        self._switch.after(seconds, lambda: act() if self._alive else None)
