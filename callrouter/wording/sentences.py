"""Why a call went where it went, in a few sentences as a colleague would say them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from callrouter.domain.phones import pretty
from callrouter.domain.setup import Language, Setup
from callrouter.domain.why import Candidate, Passed, StepWhy, Why
from callrouter.wording import codes
from callrouter.wording.catalogue import Words, speak
from callrouter.wording.legs import Phase, RungLeg, outcome, phase_of
from callrouter.wording.people import Voice

_NAMED = 4  # so many of those who were not rung are named, the rest counted

_INTEREST: tuple[Passed, ...] = (
    "talking",
    "ringing",
    "wrap_up",
    "absent",
    "no_skill",
    "no_phone",
    "off_shift",
)
"""Who was not rung, the most telling reason first; the other reasons go without saying."""


def why_text(why: Why, setup: Setup, *, language: Language, legs: Sequence[RungLeg] = ()) -> str:
    """Say a decision in sentences, and with its legs also what came of it.

    `legs` are those of the decision's own run; without any it is told as a plan.
    """
    voice = Voice(speak(language), setup)
    return " ".join(_sentences(voice, why, legs))


def told_steps(why: Why) -> list[StepWhy]:
    """The steps that the PBX was told; a leg's `step` counts them."""
    return [step for step in why.steps if step.chosen and step.told]


def legs_of_step(legs: Sequence[RungLeg], why: Why, index: int) -> list[RungLeg]:
    return [leg for leg in legs if leg.planned and leg.attempt == why.attempt and leg.step == index]


def _sentences(voice: Voice, why: Why, legs: Sequence[RungLeg]) -> Iterator[str]:
    yield from _who_calls(voice.words, why)
    if why.rule:
        yield voice.words("Rule “{name}” applies.", name=why.rule)
    if not why.open_hours:
        yield voice.words("It is after hours.")
    if missing := _responsible_not_rung(voice, why):
        yield missing
    if earlier := _earlier(voice, why, legs):
        yield earlier
    yield from _way(voice, why, legs)
    if others := _not_rung(voice, why):
        yield others


def _who_calls(words: Words, why: Why) -> Iterator[str]:
    if why.told_by == "last_resort":
        yield words("The decision failed by our own fault.")
        return
    if why.told_by == "snapshot":
        yield words("The database was silent, so we decided from memory.")
    if not why.line_known:
        yield words("The number dialled is not one we know.")
    who = ""
    if why.caller != "known":
        who = words(codes.CALLERS[why.caller])
    elif not why.known:
        who = words("New number")
    if why.new_card and why.card is not None:
        card = words("new card #{number}", number=why.card)
        yield f"{_begun(who)}: {card}." if who else f"{_begun(card)}."
    elif who:
        yield f"{_begun(who)}."


def _begun(text: str) -> str:
    """With a capital first letter, the rest as it is."""
    return text[:1].upper() + text[1:]


def _responsible_not_rung(voice: Voice, why: Why) -> str:
    """Said first, because it is what people ask first: why not the responsible manager."""
    found = why.responsible
    if found is None or any(found.manager in step.chosen for step in why.steps):
        return ""
    looked = [one for step in why.steps for one in step.candidates if one.manager == found.manager]
    if not looked or looked[0].passed is None:
        return ""
    return voice.words(
        "{name} — {why}: {reason}.",
        name=voice.name(found.manager),
        why=voice.responsible(found),
        reason=voice.passed(looked[0], why.at),
    )


def _earlier(voice: Voice, why: Why, legs: Sequence[RungLeg]) -> str:
    """Whom the answers before this one rang, where the PBX asked again."""
    said = [
        f"{voice.name(leg.manager)} — {came}"
        for leg in legs
        if leg.planned and leg.manager and leg.attempt < why.attempt and leg.ring_from
        if (came := outcome(voice.words, [leg], _window(leg), talked=False))
    ]
    return voice.words("Before that: {list}.", list="; ".join(said)) if said else ""


def _window(leg: RungLeg) -> int:
    if leg.ring_from is None or leg.ended_at is None:
        return 0
    return max(1, round((leg.ended_at - leg.ring_from).total_seconds()))


# The way: whom the call rang, one step after another


def _way(voice: Voice, why: Why, legs: Sequence[RungLeg]) -> Iterator[str]:
    talked = any(leg.answered_at for leg in legs)
    steps = told_steps(why)
    before: Phase | None = None
    for index, step in enumerate(steps):
        mine = legs_of_step(legs, why, index)
        phase = _turn(phase_of(mine), before)
        if phase == "unneeded":
            continue
        what = _whom(voice, step, why, mine, talked=talked, planned=phase == "planned")
        yield f"{_opening(voice.words, phase, before)} {what}."
        before = phase
    yield from _beyond(voice, legs)
    last = legs_of_step(legs, why, len(steps))
    phase = _turn(phase_of(last), before) if legs else "planned"
    if why.ends == "message":
        yield _message(voice, why)
    elif why.ends == "reject":
        yield voice.words("The call is rejected: this number is blocked.")
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


def _beyond(voice: Voice, legs: Sequence[RungLeg]) -> Iterator[str]:
    """Phones that the PBX rang without our plan, as far as somebody talked on them."""
    for leg in legs:
        if not leg.planned and leg.answered_at:
            name = voice.name(leg.manager) if leg.manager else pretty(leg.dial)
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


def _message(voice: Voice, why: Why) -> str:
    """The message is looked up in the ladder, which may have changed since."""
    ladder = voice.setup.ladders.get(why.ladder)
    text = next((step.say for step in ladder.step if step.say), None) if ladder else None
    if text:
        return voice.words("The caller hears: “{text}”.", text=text)
    return voice.words("The caller hears a message.")


# Who was not rung


def _not_rung(voice: Voice, why: Why) -> str:
    rung = {key for step in why.steps for key in step.chosen}
    if why.responsible:
        rung.add(why.responsible.manager)
    passed: dict[str, Candidate] = {}
    for step in why.steps:
        for one in step.candidates:
            if one.passed in _INTEREST and one.manager not in rung:
                passed.setdefault(one.manager, one)
    if not passed:
        return ""
    order = sorted(passed.values(), key=lambda one: _INTEREST.index(one.passed or "talking"))
    said = [f"{voice.name(one.manager)} — {voice.passed(one, why.at)}" for one in order[:_NAMED]]
    if len(order) > _NAMED:
        rest = len(order) - _NAMED
        said.append(voice.words.many("and {n} more", "and {n} more", rest))
    return voice.words("Passed over: {list}.", list="; ".join(said))
