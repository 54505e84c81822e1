"""The whole of a decision, line by line, for whoever wants to know exactly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from callrouter.domain.phones import pretty
from callrouter.domain.setup import Language, Setup
from callrouter.domain.why import Candidate, StepWhy, Why
from callrouter.wording import codes, formats
from callrouter.wording.catalogue import Words, speak
from callrouter.wording.legs import RungLeg, outcome
from callrouter.wording.people import Voice
from callrouter.wording.sentences import legs_of_step, told_steps


@dataclass(frozen=True, slots=True)
class Fact:
    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Person:
    """A candidate of a step. `verdict`: why he was rung, or why not."""

    name: str
    chosen: bool
    free: bool
    verdict: str
    load: str
    parts: str
    idle: str


@dataclass(frozen=True, slots=True)
class StepLines:
    """One step. `told` False: planned, but this PBX takes no more at a time."""

    title: str
    came: str
    people: tuple[Person, ...]
    others: str
    told: bool


@dataclass(frozen=True, slots=True)
class WhyDetails:
    """`cut`: what was planned and left out, because the provider cannot do it."""

    facts: tuple[Fact, ...]
    steps: tuple[StepLines, ...]
    end: Fact
    cut: tuple[str, ...]
    times: Fact


def why_details(
    why: Why, setup: Setup, *, language: Language, legs: Sequence[RungLeg] = ()
) -> WhyDetails:
    """Say everything that was kept of a decision. `legs` are those of its own run."""
    voice = Voice(speak(language), setup)
    told = told_steps(why)
    steps = []
    for number, step in enumerate(why.steps, start=1):
        index = next((n for n, one in enumerate(told) if one is step), None)
        mine = legs_of_step(legs, why, index) if index is not None else []
        steps.append(_step(voice, why, step, number, mine, talked=any(x.answered_at for x in legs)))
    return WhyDetails(
        facts=tuple(_facts(voice, why)),
        steps=tuple(steps),
        end=_end(voice, why),
        cut=tuple(voice.words(codes.CUTS[cut]) for cut in why.cut),
        times=_times(voice.words, why),
    )


def why_lines(details: WhyDetails, words: Words) -> list[str]:
    """The same as plain text for a terminal, one string a line."""
    lines = [f"{fact.label}: {fact.text}" for fact in details.facts]
    for step in details.steps:
        lines += ["", f"{step.title}{f' — {step.came}' if step.came else ''}"]
        for one in step.people:
            sign = "→" if one.chosen else " "
            rest = ", ".join(text for text in (one.verdict, one.load, one.idle) if text)
            lines.append(f"  {sign} {one.name}: {rest}")
        if step.others:
            lines.append(f"    {step.others}")
    lines += ["", f"{details.end.label}: {details.end.text}"]
    lines += [words("Left out: {what}", what=cut) for cut in details.cut]
    lines.append(f"{details.times.label}: {details.times.text}")
    return lines


# What the decision stood on


def _facts(voice: Voice, why: Why) -> Iterator[Fact]:
    words = voice.words
    yield Fact(words("Decided"), formats.moment(voice.local(why.at)))
    yield Fact(words("Who calls"), _caller(words, why))
    line = voice.setup.lines.get(why.line)
    named = f"{pretty(why.line)} ({line.name})" if line and line.name else pretty(why.line)
    if not why.line_known:
        named = words("{line}: the number dialled is not one we know", line=named)
    yield Fact(words("Line"), named)
    hours = words("within its hours") if why.open_hours else words("after hours")
    yield Fact(words("Working hours"), hours)
    if why.card is not None:
        card = words("card #{number}", number=why.card)
        yield Fact(words("Card"), words("new, {card}", card=card) if why.new_card else card)
    yield Fact(words("Responsible"), _responsible(voice, why))
    version = words("setup version {n}", n=why.setup)
    rule = words("“{name}”", name=why.rule) if why.rule else words("none matches")
    yield Fact(words("Rule"), f"{rule} ({version})")
    yield Fact(words("Ladder"), _ladder(words, why))
    if why.attempt:
        yield Fact(words("Asked again"), words("answer {n} of this call", n=why.attempt + 1))
    yield Fact(words("Source"), words(codes.TOLD_BY[why.told_by]))


def _caller(words: Words, why: Why) -> str:
    match why.caller:
        case "known":
            if why.known:
                return words("a known number: it belongs to a contact")
            if why.contact:
                return words("a new number: a contact was made for it")
            return words("a new number")
        case "withheld":
            return words("number withheld: there is nothing to find the contact by")
        case "short" | "internal" | "name":
            kind = words(codes.CALLERS[why.caller])
            return words("{kind}: there is nothing to find the contact by", kind=kind)


def _responsible(voice: Voice, why: Why) -> str:
    if why.responsible is None:
        return voice.words("nobody yet")
    return f"{voice.name(why.responsible.manager)} ({voice.grounds(why.responsible)})"


def _ladder(words: Words, why: Why) -> str:
    if why.ladder:
        return words("“{name}”", name=why.ladder)
    if why.told_by == "last_resort":
        return words("none")
    return words("the usual one: the responsible manager, then the least loaded")


# Steps and their people


def _step(
    voice: Voice,
    why: Why,
    step: StepWhy,
    number: int,
    legs: Sequence[RungLeg],
    *,
    talked: bool,
) -> StepLines:
    words = voice.words
    title = words(
        "{number}. {what}, {seconds} s",
        number=number,
        what=words(codes.STRATEGIES[step.ring]),
        seconds=step.seconds,
    )
    if among := list(_among(voice, step)):
        title = f"{title} ({', '.join(among)})"
    return StepLines(
        title=title,
        came=_came(voice, step, legs, talked=talked),
        people=tuple(_person(voice, why, step, one) for one in step.candidates),
        others=_others(words, step),
        told=step.told,
    )


def _among(voice: Voice, step: StepWhy) -> Iterator[str]:
    words, setup = voice.words, voice.setup
    if step.team:
        team = setup.teams.get(step.team)
        yield words("team {name}", name=(team.name if team else "") or step.team)
    if step.office == "line":
        yield words("the number's own office")
    elif step.office:
        office = setup.offices.get(step.office)
        yield words("office {name}", name=(office.name if office else "") or step.office)
    if step.skill:
        yield words("skill {name}", name=step.skill)


def _came(voice: Voice, step: StepWhy, legs: Sequence[RungLeg], *, talked: bool) -> str:
    words = voice.words
    if not step.candidates:
        nobody = codes.PASSED["no_responsible"]
        return words(nobody) if step.ring == "responsible" else words("nobody to choose from")
    if not step.chosen:
        return words("nobody can be rung")
    if not step.told:
        return words("planned, but not told: this PBX asks again after each answer")
    winner = [leg for leg in legs if leg.answered_at]
    if winner:
        return outcome(words, winner, step.seconds, talked=talked)
    if any(leg.status == "ringing" for leg in legs):
        ringing = codes.LEGS["ringing"]
        return words(ringing)
    return outcome(words, legs, step.seconds, talked=talked)


def _person(voice: Voice, why: Why, step: StepWhy, one: Candidate) -> Person:
    words = voice.words
    if one.passed:
        verdict = voice.passed(one, why.at)
    elif one.chosen:
        verdict = words("rung: nobody is free") if step.call_waiting else words("rung")
        reason = "" if step.ring == "least_loaded" else voice.chosen(one, step, why.responsible)
        verdict = f"{verdict}: {reason}" if reason and not step.call_waiting else verdict
    else:
        verdict = words("free, but another was chosen")
        if one.soft:
            verdict = words("free, but another call may ring this phone soon")
    if one.chosen and step.call_waiting and one.passed:
        verdict = words("rung: nobody is free")
    idle = words("no calls yet")
    if one.idle_s is not None:
        idle = words("{length} without a call", length=formats.length(words, one.idle_s))
    return Person(
        name=voice.name(one.manager),
        chosen=one.chosen,
        free=one.passed is None,
        verdict=verdict,
        load=voice.load(one),
        parts=f"{formats.share(one.load)} ({voice.parts(one)})",
        idle=idle,
    )


def _others(words: Words, step: StepWhy) -> str:
    said = []
    for reason, n in step.others:
        known = codes.find(codes.PASSED, reason)
        text = words(known) if known else words("free, but another was chosen")
        said.append(f"{text} — {n}")
    return words("Others: {list}", list="; ".join(said)) if said else ""


# The end


def _end(voice: Voice, why: Why) -> Fact:
    words = voice.words
    label = words("If nobody answers")
    match why.ends:
        case "message":
            return Fact(words("The end"), words("the caller hears a message"))
        case "reject":
            return Fact(words("The end"), words("rejected: this number is blocked"))
        case "last_resort":
            line = voice.setup.lines.get(why.line)
            number = pretty(line.last_resort) if line else ""
            return Fact(label, words("the last resort {number}", number=number).strip())


def _times(words: Words, why: Why) -> Fact:
    """Milliseconds from the first byte of the hook to each point."""
    said = [
        words("its turn came after {ms} ms", ms=_ms(words, why.times.waited)),
        words("facts gathered after {ms} ms", ms=_ms(words, why.times.facts)),
        words("decided after {ms} ms", ms=_ms(words, why.times.decided)),
    ]
    return Fact(words("How long it took"), ", ".join(said))


def _ms(words: Words, value: float) -> str:
    return formats.amount(words, round(value, 1))
