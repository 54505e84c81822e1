"""Ringing the phones of one step, until somebody answers or nobody will."""

from __future__ import annotations

from collections.abc import Callable

from callrouter.fakepbx.answers import Step
from callrouter.fakepbx.legs import Leg, legs_of, reactions
from callrouter.fakepbx.report import Report
from callrouter.fakepbx.switch import Switch

CHIRP_S = 0.2
"""Between ringing a phone and its saying so, and between two steps."""


class Ringing:
    """Calls `answered` once, or `unanswered` once, or is stopped."""

    def __init__(
        self,
        switch: Switch,
        report: Report,
        step: Step,
        *,
        answered: Callable[[Leg], object],
        unanswered: Callable[[], object],
    ) -> None:
        self.legs = legs_of(step)
        self.tried: list[dict[str, str]] = []
        self._switch = switch
        self._report = report
        self._ring_s = step.ring_s
        self._answered, self._unanswered = answered, unanswered
        self._going_on = True

    def begin(self) -> None:
        for leg, reaction in reactions(self.legs, self._switch):
            if reaction.does in ("busy", "unreachable"):
                self._later(reaction.after_s, self._fail, leg, reaction.does)
                continue
            self._later(CHIRP_S, self._report.tell, "leg_ringing", leg)
            if reaction.does == "answers":
                self._later(reaction.after_s, self._pick_up, leg)
            elif reaction.does == "rejects":
                self._later(reaction.after_s, self._fail, leg, "rejected")
        self._later(self._ring_s, self._time_out)

    def let_an_outsider_pick_up(self, after_s: float) -> None:
        """A free person whose phone is not in the step takes the call from his own."""
        self._later(after_s, self._pick_up_elsewhere)

    def stop(self, reason: str) -> None:
        """Ring no more; of phones that rang together it is not said, unless manners are good."""
        self._going_on = False
        for leg in self.legs:
            if leg.state == "ringing":
                leg.state = "failed"
                if self._switch.manners.losers_reported or not leg.together:
                    self._report.tell("leg_failed", leg, reason=reason)

    def fall_silent(self) -> None:
        """Ring no more, and say nothing."""
        self._going_on = False

    def _pick_up(self, leg: Leg) -> None:
        owner = self._switch.phones.owner(leg.dial)
        taken = owner is not None and self._switch.phones.is_talking(owner)
        if leg.state == "ringing" and (leg.by_waiting or not taken):
            leg.state = "talking"
            self._answered(leg)

    def _pick_up_elsewhere(self) -> None:
        planned = frozenset(leg.dial for leg in self.legs)
        if free := self._switch.phones.free(but=planned):
            self._switch.truth.counts["pickups"] += 1
            self._report.truth.picked_up_outside_plan = True
            dial = self._switch.manners_chance.choice(free).dials[0]
            self._answered(Leg("picked-up", dial, state="talking"))

    def _fail(self, leg: Leg, reason: str) -> None:
        self._report_failed(leg, reason)
        if all(other.state == "failed" for other in self.legs):
            self._going_on = False
            self._switch.after(CHIRP_S, self._unanswered)

    def _time_out(self) -> None:
        self._going_on = False
        for leg in self.legs:
            if leg.state == "ringing":
                self._report_failed(leg, "no_answer")
        self._unanswered()

    def _report_failed(self, leg: Leg, reason: str) -> None:
        leg.state = "failed"
        self.tried.append({"target": leg.dial, "reason": reason})
        self._report.tell("leg_failed", leg, reason=reason)

    def _later(self, seconds: float, act: Callable[..., object], *args: object) -> None:
        self._switch.after(seconds, lambda: act(*args) if self._going_on else None)
