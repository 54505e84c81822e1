"""The way of a call in sentences: whom it rang, one step after another, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from callrouter.domain.phones import pretty
from callrouter.domain.why import StepWhy, Why
from callrouter.wording import codes, formats
from callrouter.wording.catalogue import Words
from callrouter.wording.legs import Phase, RungLeg, outcome, phase_of
from callrouter.wording.people import Voice


def told_steps(why: Why) -> list[StepWhy]:
    """The steps that the PBX was told; a leg's `step` counts them."""
    return [step for step in why.steps if step.chosen and step.told]


def legs_of_step(legs: Sequence[RungLeg], why: Why, index: int) -> list[RungLeg]:
    return [leg for leg in legs if leg.planned and leg.attempt == why.attempt and leg.step == index]


def way_of(voice: Voice, why: Why, legs: Sequence[RungLeg]) -> Iterator[str]:
    talked = any(leg.answered_at for leg in legs)
    steps = told_steps(why)
    before: Phase | None = None
    for index, step in enumerate(steps):
        mine = legs_of_step(legs, why, index)
        phase = _turn(phase_of(mine, before), before)
        if phase == "unneeded":
            continue
        what = _whom(voice, step, why, mine, talked=talked, planned=phase == "planned")
        yield f"{_opening(voice.words, phase, before)} {what}."
        before = phase
    yield from _beyond(voice, why, legs)
    last = legs_of_step(legs, why, len(steps))
    phase = _turn(phase_of(last, before), before) if legs else "planned"
    if why.ends == "message":
        yield _message(voice, why)
    elif why.ends == "wait":
        yield _wait(voice, why)
    elif why.ends == "reject":
        yield _reject(voice.words, why)
    elif phase != "unneeded":
        yield _last_resort(voice, why, last, phase, before)


def _turn(phase: Phase, before: Phase | None) -> Phase:
    """A step whose phones have not reported yet is rung now if nothing before it is still open."""
    return "now" if phase == "ahead" and before in (None, "done") else phase


def _opening(words: Words, phase: Phase, before: Phase | None) -> str:
    if before is None:
        if phase == "planned":
            return words("Plan:")
        return words("Ringing:") if phase == "now" else words("Rang:")
    if phase == "now":
        return words("Ringing now:")
    if phase == "ahead" and before != "ahead":
        return words("Next:")
    return words("Then:")


def _whom(
    voice: Voice,
    step: StepWhy,
    why: Why,
    legs: Sequence[RungLeg],
    *,
    talked: bool,
    planned: bool,
) -> str:
    words = voice.words
    if step.ring == "all":
        said = [words("{names} (all at once)", names=voice.names(step.chosen))]
        said.append(_who_answered(voice, step, legs, talked=talked))
    else:
        one = next((one for one in step.candidates if one.chosen), None)
        name = voice.name(step.chosen[0])
        reason = voice.chosen(one, step, why.responsible) if one else ""
        said = [f"{name} — {reason}" if reason else name]
        said.append(outcome(words, legs, step.seconds, talked=talked))
    if step.call_waiting:
        said.insert(1, words("as a second call: nobody is free"))
    if planned:
        said.append(words("{seconds} s", seconds=step.seconds))
    separator = "; " if step.ring == "all" else ", "
    return separator.join(part for part in said if part)


def _who_answered(voice: Voice, step: StepWhy, legs: Sequence[RungLeg], *, talked: bool) -> str:
    winner = next((leg for leg in legs if leg.answered_at and leg.manager), None)
    if winner and winner.manager:
        came = outcome(voice.words, [winner], step.seconds, talked=True)
        return f"{voice.name(winner.manager)} — {came}"
    return outcome(voice.words, legs, step.seconds, talked=talked)


def _beyond(voice: Voice, why: Why, legs: Sequence[RungLeg]) -> Iterator[str]:
    """Phones that the PBX rang without our plan, as far as somebody talked on them."""
    for leg in legs:
        if leg.machine and why.ends == "message":
            continue  # the message itself
        if not leg.planned and leg.answered_at:
            name = voice.name(leg.manager) if leg.manager else pretty(leg.dial)
            name = name or voice.words("a phone we do not know")
            came = outcome(voice.words, [leg], 0, talked=True)
            yield voice.words("Outside the plan: {name}, {came}.", name=name, came=came)


def _last_resort(
    voice: Voice, why: Why, legs: Sequence[RungLeg], phase: Phase, before: Phase | None
) -> str:
    line = voice.setup.lines.get(why.line)
    dial = legs[-1].dial if legs else (line.last_resort if line else "")
    number = voice.words("the last resort {number}", number=pretty(dial)).strip()
    came = outcome(voice.words, legs, 60, talked=any(leg.answered_at for leg in legs))
    what = ", ".join(part for part in (number, came) if part)
    if before is None and phase != "unneeded":
        if why.told_by == "last_resort":
            return voice.words("Straight to {what}.", what=what)
        return voice.words("Nobody to ring, so straight to {what}.", what=what)
    return f"{_opening(voice.words, phase, before)} {what}."


def _wait(voice: Voice, why: Why) -> str:
    words, place = voice.words, why.place
    if place is None:
        return words("Nobody is free: the caller waits.")
    said = [words("Nobody is free: the caller waits, place {n}", n=place.position)]
    if place.expected_s is not None:
        about = formats.length(words, place.expected_s)
        said.append(words("somebody is expected to be free in {length}", length=about))
    if place.kept:
        said.append(words("the place is kept from the call before"))
    return f"{', '.join(said)}."


def _reject(words: Words, why: Why) -> str:
    if why.rejected == "loop":
        return words("The call is rejected: a phone that we ring has forwarded it back to us.")
    if why.note:
        usual = codes.find(codes.BLOCKS, why.note)
        said = words(usual) if usual else why.note
        return words("The call is rejected: this number is blocked ({why}).", why=said)
    return words("The call is rejected: this number is blocked.")


def _message(voice: Voice, why: Why) -> str:
    """The message is looked up in the ladder, which may have changed since."""
    ladder = voice.setup.ladders.get(why.ladder)
    text = next((step.say for step in ladder.step if step.say), None) if ladder else None
    if text:
        return voice.words("The caller hears: “{text}”.", text=text)
    return voice.words("The caller hears a message.")
