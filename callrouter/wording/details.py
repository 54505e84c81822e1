"""The whole of a decision, line by line, for whoever wants to know exactly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from callrouter.domain.setup import Language, Setup
from callrouter.domain.why import Candidate, StepWhy, Why
from callrouter.wording import codes, formats
from callrouter.wording.catalogue import Words, speak
from callrouter.wording.facts import Fact, end_of, facts_of, times_of
from callrouter.wording.legs import RungLeg, outcome
from callrouter.wording.people import Voice
from callrouter.wording.way import legs_of_step, told_steps


@dataclass(frozen=True, slots=True)
class Person:
    """A candidate of a step. `verdict`: why he was rung, or why not. `idle`: "" if never busy."""

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
        facts=tuple(facts_of(voice, why)),
        steps=tuple(steps),
        end=end_of(voice, why),
        cut=tuple(voice.words(codes.CUTS[cut]) for cut in why.cut),
        times=times_of(voice.words, why),
    )


def why_lines(details: WhyDetails, words: Words) -> list[str]:
    """The same as plain text for a terminal, one string a line."""
    lines = [f"{fact.label}: {fact.text}" for fact in details.facts]
    for step in details.steps:
        lines += ["", f"{step.title}{f' — {step.came}' if step.came else ''}"]
        for one in step.people:
            sign = "→" if one.chosen else " "
            idle = words("no calls yet")
            if one.idle:
                idle = words("{length} without a call", length=one.idle)
            lines.append(f"  {sign} {one.name}: {one.verdict}, {one.load}, {idle}")
        if step.others:
            lines.append(f"    {step.others}")
    lines += ["", f"{details.end.label}: {details.end.text}"]
    lines += [words("Left out: {what}", what=cut) for cut in details.cut]
    lines.append(f"{details.times.label}: {details.times.text}")
    return lines


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
    if step.last:
        title = words("{title}, left for last", title=title)
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
    if step.waits:
        return words("nobody is free: the caller waits")
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
    idle = "" if one.idle_s is None else formats.length(words, one.idle_s)
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
