"""Ladders as a colleague tells them: `the responsible manager, 20 s → the least loaded of …`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from callrouter.domain.ladders import STANDS_IN
from callrouter.domain.patience import longest_way, tries_of
from callrouter.domain.setup import Strategy, WhenBusy
from callrouter.wording import formats
from callrouter.wording.catalogue import mark
from callrouter.wording.conditions import quoted

if TYPE_CHECKING:
    from callrouter.domain.setup import Ladder, Step
    from callrouter.wording.catalogue import Words
    from callrouter.wording.people import Voice

MEANINGS: Final[Mapping[Strategy, str]] = {
    "responsible": mark(
        "The manager of the client’s open deal, else of the client. Who stands in for an absent "
        "one is rung in place of him; nobody is responsible yet: the step is passed over."
    ),
    "least_loaded": mark(
        "The lowest share of deals in work first, those who are full after all others. Of equals, "
        "who has been longest without a call."
    ),
    "longest_idle": mark("Whose last call or talk is longest ago; who has had none comes first."),
    "round_robin": mark("In a circle, beginning after the one who was offered a call last."),
    "fewest_calls": mark("The fewest talks today first; of equals, the longest without a call."),
    "all": mark("All phones ring together; whoever picks up first talks."),
    "in_order": mark("One after another, always in the order of the list."),
    "manager": mark("Always this one manager, or whoever stands in during an absence."),
}

BUSY: Final[Mapping[WhenBusy, str]] = {
    "skip": mark("go on to the next step"),
    "ring": mark("ring them all the same (call waiting)"),
    "wait": mark("the caller waits in line"),
}

_WHOM: Final[Mapping[Strategy, str]] = {
    "least_loaded": mark("the least loaded: {whom}"),
    "longest_idle": mark("the longest without a call: {whom}"),
    "round_robin": mark("in turn: {whom}"),
    "fewest_calls": mark("the fewest talks today: {whom}"),
    "all": mark("all at once: {whom}"),
    "in_order": mark("in the order of the list: {whom}"),
}


def ladder_text(voice: Voice, ladder: Ladder) -> str:
    """The whole way in one line; it ends in a message, else in the last resort."""
    return " → ".join(rungs(voice, ladder))


def rungs(voice: Voice, ladder: Ladder) -> Iterator[str]:
    """A part for each step, and the end."""
    speaks = False
    for step in ladder.step:
        yield step_text(voice, step)
        speaks = step.ring is None
    if not speaks:
        yield voice.words("last resort")


def step_text(voice: Voice, step: Step) -> str:
    words = voice.words
    if step.ring is None:
        return _message(words, step)
    return "".join((_who(voice, step), ", ", _time(words, step), _busy(words, step)))


def _who(voice: Voice, step: Step) -> str:
    words = voice.words
    if step.ring == "responsible" or step.ring is None:
        said = words("the responsible manager")
    elif step.ring == "manager":
        said = voice.names(step.managers[:1]) or words("nobody yet")
    elif step.ring == "all" and step.count:
        said = words.many(
            "at once, {n} phone at most: {whom}",
            "at once, {n} phones at most: {whom}",
            step.count,
            whom=_whom(voice, step),
        )
    else:
        return words(_WHOM[step.ring], whom=_whom(voice, step))
    if step.ring in STANDS_IN and step.skill:
        said = f"{said} ({_skill(words, step.skill)})"
    return said


def _whom(voice: Voice, step: Step) -> str:
    words, setup = voice.words, voice.setup
    said = []
    if step.managers:
        said.append(voice.names(step.managers))
    if step.team:
        team = setup.teams.get(step.team)
        said.append(words("team {name}", name=team.name or team.key if team else step.team))
    if step.office == "line":
        said.append(words("the office of the company number"))
    elif step.office:
        office = setup.offices.get(step.office)
        name = office.name or office.key if office else step.office
        said.append(words("office {name}", name=name))
    if step.skill:
        said.append(_skill(words, step.skill))
    return ", ".join(said) or words("everybody")


def _skill(words: Words, skill: str) -> str:
    return words("with the skill {name}", name=quoted(words, skill))


def _time(words: Words, step: Step) -> str:
    length = formats.length(words, step.seconds)
    if (tries := tries_of(step)) == 1:
        return length
    return words.many("{n} try of {length}", "{n} tries of {length}", tries, length=length)


def _busy(words: Words, step: Step) -> str:
    match step.busy:
        case "skip":
            return ""
        case "ring":
            return words("; who talks is rung too if nobody is free")
        case "wait":
            length = formats.length(words, step.wait)
            return words("; nobody is free: the caller waits up to {length}", length=length)


def _message(words: Words, step: Step) -> str:
    if step.say is not None:
        said = words("the caller hears {text}", text=quoted(words, step.say))
    else:
        said = words("the caller hears the recording {name}", name=quoted(words, step.play or ""))
    if not step.record:
        return said
    length = formats.length(words, step.max_s)
    return words("{message} and may leave a message of up to {length}", message=said, length=length)


def longest_text(words: Words, ladder: Ladder) -> str:
    """How long a caller may be kept before it ends."""
    seconds, speaks = longest_way(ladder), any(step.ring is None for step in ladder.step)
    length = formats.length(words, seconds)
    if not seconds:
        return (
            words("The message comes at once.") if speaks else words("Straight to the last resort.")
        )
    if speaks:
        return words("A caller waits at most {length} before the message.", length=length)
    return words("A caller waits at most {length} before the last resort.", length=length)
