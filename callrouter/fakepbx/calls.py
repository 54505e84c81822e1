"""The life of one call: asked about, rung step by step, talked, ended."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from callrouter.fakepbx import answers
from callrouter.fakepbx.answers import BadAnswer, Told, read_answer
from callrouter.fakepbx.habits import patience, talk_length
from callrouter.fakepbx.legs import Leg, own_steps
from callrouter.fakepbx.manners import GIVES_UP_S
from callrouter.fakepbx.report import Report
from callrouter.fakepbx.ringing import Ringing
from callrouter.fakepbx.switch import Switch
from callrouter.fakepbx.truth import CallTruth, Talk
from callrouter.fakepbx.values import Account, Answer


class Call:
    """One call on one account. `redial`: what its caller does who hangs up and tries again."""

    def __init__(
        self,
        switch: Switch,
        report: Report,
        *,
        redial: Callable[[CallTruth], object] | None = None,
    ) -> None:
        self.alive = True
        self._switch = switch
        self._report = report
        self._redial = redial
        self._asked = 0
        self._waits_for: int | None = None  # which asking
        self._ahead: deque[answers.Step] = deque()
        self._last: answers.Then | None = None
        self._ask_again = False
        self._record = False
        self._tried: list[dict[str, str]] = []
        self._ringing: Ringing | None = None
        self._talk: Talk | None = None
        self._served = False  # somebody or a machine answered
        self._caller_gone = False

    @property
    def account(self) -> Account:
        return self._report.account

    @property
    def truth(self) -> CallTruth:
        return self._report.truth

    def begin(self) -> None:
        """Come in: ask whom to ring."""
        self._ask("ringing", direction="in")
        if (seconds := patience(self._switch.habits, self._switch.chance)) is not None:
            self._later(seconds, self._lose_patience)

    def occupy(self, dial: str) -> None:
        """Come in past the service and be answered at once."""
        self.truth.routed_by = "pbx"
        self._answered(Leg("own-0", dial, state="talking"))

    def hear(self, ask: int, answer: Answer | None) -> None:
        """Take the service's answer to an asking; None: it gave none, or none in time."""
        told: Told | None = None
        if answer is not None:
            first = self.truth.answers.setdefault(ask, answer)
            if first != answer:
                self._switch.truth.contradictions.append(self.truth.call_id)
            try:
                told = read_answer(answer)
            except BadAnswer as bad:
                self._switch.truth.bad_answers.append(f"{self.truth.call_id}: {bad}")
        if self.alive and ask == self._waits_for:
            self._waits_for = None
            self._obey(told)

    def die(self) -> None:
        """Be gone without a word: the PBX fell over."""
        self._over("restart")

    # Asking and obeying

    def _ask(self, event: str, **fields: object) -> None:
        self._asked += 1
        self._waits_for = ask = self._asked
        if not self._report.ask(event, ask, fields):
            self._later(GIVES_UP_S, lambda: self.hear(ask, None))

    def _ask_further(self) -> None:
        self._ask("next", attempt=self._asked, tried=list(self._tried))

    def _obey(self, told: Told | None) -> None:
        if told is not None:
            self.truth.routed_by, self.truth.decision = "service", told.decision
        match told:
            case answers.Connect():
                self._last, self._record = told.then, told.record
                self._ask_again = told.ask_again
                self._ahead = deque(told.steps)
                self._ring_on()
            case answers.Wait():
                self._last = told.then
                self._later(told.wait_s, self._ask_further)
            case answers.Message():
                self._play(told)
            case answers.Reject():
                self._end("rejected")
            case answers.NoOpinion() | None if self._asked == 1:
                self.truth.routed_by = "pbx"
                self._ahead = deque(own_steps(self.account, self._switch))
                self._ring_on()
            case answers.NoOpinion() | None:
                self._ask_again = False
                self._ring_on()

    def _play(self, message: answers.Message) -> None:
        self._served = True
        self._record = message.record
        self._report.tell("answered", by="machine")
        chance = self._switch.chance
        spoken = chance.uniform(3, max(3, min(30, message.max_s))) if message.record else 0
        self._later(chance.uniform(3, 9) + spoken, lambda: self._end("completed"))

    # Ringing

    def _ring_on(self) -> None:
        """Ring the next step; after the last one ask again, or dial the last resort."""
        if not self.alive:
            return
        if self._ringing:
            self._tried += self._ringing.tried
            self._ringing = None
        if self._ahead:
            self._ring(self._ahead.popleft())
        elif self._ask_again:
            self._ask_again = False
            self._ask_further()
        elif self._last:
            last, self._last = self._last, None
            self._ring(answers.step_of(last.dial, last.leg, last.ring_s))
        else:
            self._end("no_answer")

    def _ring(self, step: answers.Step) -> None:
        switch = self._switch
        self._ringing = Ringing(
            switch, self._report, step, answered=self._answered, unanswered=self._ring_on
        )
        first = not self.truth.rung
        self.truth.rung += [leg.dial for leg in self._ringing.legs]
        self._ringing.begin()
        if first and not self._report.polite:
            switch.truth.counts["rings"] += 1
            if switch.manners_chance.random() < switch.manners.pickup:
                self._ringing.let_an_outsider_pick_up(switch.manners_chance.uniform(0.5, 2))

    def _lose_patience(self) -> None:
        if self._served:
            return
        self._switch.truth.counts["hang_ups"] += 1
        chance, manners = self._switch.manners_chance, self._switch.manners
        redial = self._redial
        if redial is None or chance.random() >= manners.redial:
            self._hang_up_unserved()
            return
        # The PBX notices late; meanwhile the phones ring on, and the caller is there again.
        self._caller_gone = True
        notices_s = chance.uniform(8, 28)
        self._switch.truth.counts["redials"] += 1
        self._switch.after(chance.uniform(2, 8), lambda: redial(self.truth))
        self._later(notices_s, self._hang_up_unserved)

    def _hang_up_unserved(self) -> None:
        if not self._served:
            if self._ringing:
                self._ringing.stop("cancelled")
            self._end("caller_hung_up")

    # Talking and ending

    def _answered(self, leg: Leg) -> None:
        switch = self._switch
        self._served = True
        self._report.tell("answered", leg)
        if self._ringing:
            self._ringing.stop("answered_elsewhere")
        owner = switch.phones.owner(leg.dial)
        self._talk = Talk(
            leg.dial,
            owner.name if owner else None,
            switch.now,
            waiting=owner is not None and switch.phones.is_talking(owner),
        )
        self.truth.talks.append(self._talk)
        switch.phones.begin_talk(leg.dial, self.truth.call_id)
        seconds = 2.0 if self._caller_gone else talk_length(switch.habits, switch.chance)
        self._later(seconds, lambda: self._hang_up(leg, round(seconds)))

    def _hang_up(self, leg: Leg, duration_s: int) -> None:
        self._report.tell("leg_ended", leg, duration_s=duration_s, reason="completed")
        self._end("completed", leg, duration_s=duration_s)

    def _end(self, reason: str, leg: Leg | None = None, *, duration_s: int = 0) -> None:
        self._report.tell("ended", leg, reason=reason, duration_s=duration_s)
        if self._record and self._served:
            self._report.offer_recording(leg)
        self._over(reason)

    def _over(self, end: str) -> None:
        self.alive = False
        self.truth.ended, self.truth.end = self._switch.now, end
        if self._ringing:
            self._ringing.fall_silent()
        if self._talk:
            self._talk.until = self._switch.now
            self._switch.phones.end_talk(self._talk.dial, self.truth.call_id)

    def _later(self, seconds: float, act: Callable[[], object]) -> None:
        self._switch.after(seconds, lambda: act() if self.alive else None)
