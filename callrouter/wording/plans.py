"""A decision as a ladder to read: who is rung, for how long, and what comes at the end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from callrouter.domain.decisions import Connect, LastResort, Message, NoOpinion, Reject, Wait
from callrouter.domain.phones import pretty
from callrouter.wording import formats
from callrouter.wording.catalogue import speak
from callrouter.wording.people import Voice

if TYPE_CHECKING:
    from callrouter.domain.decisions import Decision, PlanStep
    from callrouter.domain.setup import Language, Setup


@dataclass(frozen=True, slots=True)
class Rung:
    """`time`: for how long; "" where that is not ours to say. `end`: nobody is chosen here."""

    text: str
    time: str = ""
    end: bool = False


def plan_of(decision: Decision, setup: Setup, *, language: Language) -> tuple[Rung, ...]:
    return tuple(_rungs(Voice(speak(language), setup), decision))


def _rungs(voice: Voice, decision: Decision) -> Iterator[Rung]:
    words = voice.words
    match decision:
        case Connect(steps=steps, then=then):
            for step in steps:
                yield Rung(_whom(voice, step), formats.length(words, step.ring_s))
            yield _last(voice, then)
        case Wait(then=then):
            yield Rung(words("the caller waits"), end=True)
            yield _last(voice, then)
        case Message(text=text):
            said = words("the caller hears a message")
            quoted = words("“{name}”", name=text)
            yield Rung(f"{said}: {quoted}" if text else said, end=True)
        case Reject():
            yield Rung(words("the call is rejected"), end=True)
        case NoOpinion():
            yield Rung(words("the PBX does as it does by itself"), end=True)


def _whom(voice: Voice, step: PlanStep) -> str:
    if not step.managers:
        return ", ".join(pretty(one.dial) for one in step.targets)
    names = voice.names(step.managers)
    if len(step.managers) > 1:
        return voice.words("{names}: all at once", names=names)
    return names


def _last(voice: Voice, then: LastResort) -> Rung:
    text = voice.words("the last resort {number}", number=pretty(then.dial))
    return Rung(text, formats.length(voice.words, then.ring_s), end=True)
