"""The life of a call that comes in: asked about, kept waiting, rung step by step, talked, ended."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from callrouter.fakepbx import answers
from callrouter.fakepbx.answers import BadAnswer, Told, read_answer
from callrouter.fakepbx.legs import Leg, own_steps
from callrouter.fakepbx.manners import GIVES_UP_S
from callrouter.fakepbx.report import Report
from callrouter.fakepbx.ringing import Ringing
from callrouter.fakepbx.switch import Switch
from callrouter.fakepbx.talking import Talking
from callrouter.fakepbx.truth import CallTruth
from callrouter.fakepbx.values import Account, Answer, Course

if TYPE_CHECKING:
    from callrouter.fakepbx.exchange import Exchange


class Call:
    """One call on one account. `on_over`: called when nobody of ours took it."""

    def __init__(
        self,
        switch: Switch,
        report: Report,
        exchange: Exchange,
        course: Course,
        *,
        on_over: Callable[[], object] | None = None,
    ) -> None:
        self.alive = True
        self._switch = switch
        self._report = report
        self._exchange = exchange
        self._course = course
        self._on_over = on_over
        self._asked = 0
        self._attempt = 0  # which `next`
        self._waits_for: int | None = None  # which asking
        self._kept_waiting = False
        self._ahead: deque[answers.Step] = deque()
        self._last: answers.Then | None = None
        self._ask_again = False
        self._record = False
        self._tried: list[dict[str, str]] = []
        self._ringing: Ringing | None = None
        self._talking: Talking | None = None
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
        self._wait_for_answer(self._report.begin(self._count_up()))
        if (seconds := self._course.patience_s) is not None:
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

    def cancel(self) -> None:
        """Be hung up from where it comes, unless it was taken."""
        if self.alive:
            self._hang_up_unserved()

    def die(self) -> None:
        """Be gone without a word: the PBX fell over."""
        self._over("restart")

    # Asking and obeying

    def _count_up(self) -> int:
        self._asked += 1
        self._waits_for = self._asked
        return self._asked

    def _wait_for_answer(self, arrives: bool) -> None:  # noqa: FBT001  said by who sent it
        ask = self._asked
        if not arrives:
            self._later(GIVES_UP_S, lambda: self.hear(ask, None))

    def _ask_further(self) -> None:
        self._attempt += 1
        self._ask_next()

    def _ask_next(self) -> None:
        fields = {"attempt": self._attempt, "tried": list(self._tried)}
        self._wait_for_answer(self._report.ask("next", self._count_up(), fields))

    def _obey(self, told: Told | None) -> None:
        if told is not None:
            self.truth.routed_by, self.truth.decision = "service", told.decision
        if self._kept_waiting and told is None:  # once more, before the place is given up
            self._kept_waiting = False
            self._ask_next()
            return
        self._kept_waiting = isinstance(told, answers.Wait)
        match told:
            case answers.Connect():
                self._last, self._record = told.then, told.record
                self._ask_again = told.ask_again
                self._ahead = deque(told.steps)
                self._ring_on()
            case answers.Wait():
                self._keep(told)
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

    def _keep(self, wait: answers.Wait) -> None:
        self._last = wait.then
        if not self.truth.waits and self._course.waits_s is not None:
            self._later(self._course.waits_s, self._lose_patience)
        self.truth.waits.append(self._switch.now)
        self._later(wait.wait_s, self._ask_further)

    def _play(self, message: answers.Message) -> None:
        self._served = self.truth.machine = True
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
            switch,
            self._report,
            step,
            answered=self._answered,
            unanswered=self._ring_on,
            heard=self._course.heard,
            forward=self._forward,
        )
        first = not self.truth.rung
        self.truth.rung += [leg.dial for leg in self._ringing.legs]
        self._ringing.begin()
        if first and not self._report.polite:
            switch.truth.counts["rings"] += 1
            if switch.manners_chance.random() < switch.manners.pickup:
                self._ringing.let_an_outsider_pick_up(switch.manners_chance.uniform(0.5, 2))

    def _forward(self, leg: Leg, in_vain: Callable[[], object]) -> Call:
        return self._exchange.forward(self._report, leg.dial, in_vain)

    # A caller who is tired of it

    def _lose_patience(self) -> None:
        if self._served:
            return
        self._switch.truth.counts["hang_ups"] += 1
        chance, manners = self._switch.manners_chance, self._switch.manners
        if self._report.polite or chance.random() >= manners.redial:
            self._hang_up_unserved()
            self._try_again_soon()
            return
        # The PBX notices late; meanwhile the phones ring on, and the caller is there again.
        self._caller_gone = True
        notices_s = chance.uniform(8, 28)
        self._switch.truth.counts["redials"] += 1
        self._switch.after(chance.uniform(2, 8), lambda: self._exchange.call_again(self.truth))
        self._later(notices_s, self._hang_up_unserved)

    def _try_again_soon(self) -> None:
        chance, habits = self._switch.chance, self._switch.habits
        if not self._report.polite and chance.random() < habits.tries_again:
            self._switch.truth.counts["second_tries"] += 1
            seconds = chance.uniform(*habits.tries_again_s)
            self._switch.after(seconds, lambda: self._exchange.call_again(self.truth))

    def _hang_up_unserved(self) -> None:
        if not self._served:
            if self._ringing:
                self._ringing.stop("cancelled")
            self._end("caller_hung_up")

    # Talking and ending

    def _answered(self, leg: Leg) -> None:
        self._served = True
        by = {"by": "machine"} if leg.machine else {}
        self._report.tell("answered", leg, **by)
        if self._ringing:
            self._ringing.stop("answered_elsewhere")
        if leg.machine:
            self._hear_machine(leg)
            return
        self._talking = Talking(
            self._switch, self._report, self._exchange, self._course, over=self._say_end
        )
        self._talking.begin(leg, seconds=2.0 if self._caller_gone else None)

    def _hear_machine(self, leg: Leg) -> None:
        """The caller notices, and hangs up."""
        self.truth.machine = True
        seconds = self._switch.chance.uniform(3, 15)

        def hang_up() -> None:
            length = round(seconds)
            self._report.tell("leg_ended", leg, duration_s=length, reason="completed")
            self._say_end("completed", leg, length)

        self._later(seconds, hang_up)

    def _say_end(self, reason: str, leg: Leg | None, seconds: int) -> None:
        self._end(reason, leg, duration_s=seconds)

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
        if self._talking:
            self._talking.cut()
        if self._on_over:
            self._on_over()
        self._exchange.note_over(self.truth, polite=self._report.polite)

    def _later(self, seconds: float, act: Callable[[], object]) -> None:
        self._switch.after(seconds, lambda: act() if self.alive else None)
