"""Ringing the phones of one step, until somebody answers or nobody will."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from callrouter.fakepbx.answers import Step
from callrouter.fakepbx.habits import Reaction
from callrouter.fakepbx.legs import Leg, legs_of, reactions
from callrouter.fakepbx.report import Report
from callrouter.fakepbx.switch import Switch
from callrouter.fakepbx.truth import Ring

CHIRP_S = 0.2
"""Between ringing a phone and its saying so, and between two steps."""

KEY_S = 8.0
"""How long a key press is waited for."""


class Forwarded(Protocol):
    """Our own call, come back to us from a phone that it rings."""

    def cancel(self) -> None:
        """Ring no more: it was taken, or was rung long enough, where it came from."""


class Ringing:
    """Calls `answered` once, or `unanswered` once, or is stopped.

    `drawn`: what each phone is to do, in place of what its owner would. `forward`: lets a phone
    send the call on; gives what becomes of it, and calls back when that is over in vain.
    """

    def __init__(
        self,
        switch: Switch,
        report: Report,
        step: Step,
        *,
        answered: Callable[[Leg], object],
        unanswered: Callable[[], object],
        drawn: Reaction | None = None,
        heard: bool | None = None,
        forward: Callable[[Leg, Callable[[], object]], Forwarded] | None = None,
    ) -> None:
        self.legs = legs_of(step)
        self.tried: list[dict[str, str]] = []
        self._switch = switch
        self._report = report
        self._ring_s = step.ring_s
        self._answered, self._unanswered = answered, unanswered
        self._drawn, self._heard = drawn, heard
        self._forward = forward
        self._forwarded: list[Forwarded] = []
        self._going_on = True

    def begin(self) -> None:
        for leg, reaction in self._reactions():
            if reaction.does in ("busy", "unreachable", "dnd", "offline"):
                self._later(reaction.after_s, self._fail, leg, reaction.does)
                continue
            leg.ring = Ring(leg.dial, self._switch.now)
            self._report.truth.rings.append(leg.ring)
            self._later(CHIRP_S, self._report.tell, "leg_ringing", leg)
            match reaction.does:
                case "answers":
                    self._later(reaction.after_s, self._pick_up, leg)
                case "rejects":
                    self._later(reaction.after_s, self._fail, leg, "rejected")
                case "machine":
                    self._later(reaction.after_s, self._pick_up_by_machine, leg)
                case "forwards" if self._forward:
                    self._later(reaction.after_s, self._send_on, leg)
        self._later(self._ring_s, self._time_out)

    def let_an_outsider_pick_up(self, after_s: float) -> None:
        """A free person whose phone is not in the step takes the call from his own."""
        self._later(after_s, self._pick_up_elsewhere)

    def stop(self, reason: str) -> None:
        """Ring no more; of phones that rang together it is not said, unless manners are good."""
        for leg in self.legs:
            if leg.state == "ringing":
                leg.state = "failed"
                if self._switch.manners.losers_reported or not leg.together:
                    self._report.tell("leg_failed", leg, reason=reason)
        self.fall_silent()

    def fall_silent(self) -> None:
        """Ring no more, and say nothing."""
        self._going_on = False
        for leg in self.legs:
            self._hush(leg)
        for call in self._forwarded:
            call.cancel()

    def _reactions(self) -> Iterable[tuple[Leg, Reaction]]:
        if self._drawn:
            return [(leg, self._drawn) for leg in self.legs]
        return reactions(self.legs, self._switch, heard=self._heard)

    def _pick_up(self, leg: Leg) -> None:
        owner = self._switch.phones.owner(leg.dial)
        taken = owner is not None and self._switch.phones.is_talking(owner)
        if leg.state != "ringing" or (taken and not leg.by_waiting):
            return
        if leg.confirm:
            leg.confirm = False
            if self._switch.chance.random() < self._switch.habits.presses_key:
                self._later(self._switch.chance.uniform(1, 3), self._pick_up, leg)
            else:
                self._later(KEY_S, self._fail, leg, "no_answer")
            return
        self._connect(leg)

    def _pick_up_by_machine(self, leg: Leg) -> None:
        """A machine talks to whoever is connected; it presses no key."""
        if leg.state != "ringing":
            return
        if leg.confirm:
            self._later(KEY_S, self._fail, leg, "no_answer")
            return
        leg.machine = True
        self._connect(leg)

    def _connect(self, leg: Leg) -> None:
        self._going_on = False
        leg.state = "talking"
        self._hush(leg)
        self._answered(leg)

    def _pick_up_elsewhere(self) -> None:
        planned = frozenset(leg.dial for leg in self.legs)
        if free := self._switch.phones.free(but=planned):
            self._switch.truth.counts["pickups"] += 1
            self._report.truth.picked_up_outside_plan = True
            dial = self._switch.manners_chance.choice(free).dials[0]
            self._answered(Leg("picked-up", dial, state="talking"))

    def _send_on(self, leg: Leg) -> None:
        if leg.state == "ringing" and self._forward:
            self._forwarded.append(
                self._forward(leg, lambda: self._later(CHIRP_S, self._fail, leg, "busy"))
            )

    def _fail(self, leg: Leg, reason: str) -> None:
        if leg.state != "ringing":
            return
        self._report_failed(leg, reason)
        if all(other.state == "failed" for other in self.legs):
            self._going_on = False
            self._switch.after(CHIRP_S, self._unanswered)

    def _time_out(self) -> None:
        for leg in self.legs:
            if leg.state == "ringing":
                self._report_failed(leg, "no_answer")
        self.fall_silent()
        self._unanswered()

    def _report_failed(self, leg: Leg, reason: str) -> None:
        leg.state = "failed"
        self._hush(leg)
        self.tried.append({"target": leg.dial, "reason": reason})
        self._report.tell("leg_failed", leg, reason=reason)

    def _hush(self, leg: Leg) -> None:
        if leg.ring and leg.ring.until is None:
            leg.ring.until = self._switch.now

    def _later(self, seconds: float, act: Callable[..., object], *args: object) -> None:
        self._switch.after(seconds, lambda: act(*args) if self._going_on else None)
