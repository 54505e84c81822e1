"""Why somebody is owed a call back, in a sentence."""

from __future__ import annotations

from typing import assert_never

from callrouter.domain.obligations import Cause, WhyMissed
from callrouter.domain.setup import Language, Setup
from callrouter.wording import formats
from callrouter.wording.catalogue import Words, mark, speak
from callrouter.wording.people import Voice

CAUSES: dict[Cause, str] = {
    "out_of_hours": mark("After hours"),
    "nobody_on_shift": mark("Nobody was on shift"),
    "all_busy": mark("All were busy"),
    "not_picked_up": mark("Not picked up"),
    "hung_up": mark("The caller hung up"),
    "fallback": mark("Our own fault"),
    "message": mark("Only a message was played"),
    "machine": mark("An answering machine took it"),
    "lead": mark("A request from the site"),
}
"""What a cause is called in a list."""


def why_owed(why: WhyMissed, setup: Setup, *, language: Language) -> str:
    """Say why a call back is owed: `Not picked up: Анна Смирнова, Борис Орлов`."""
    voice = Voice(speak(language), setup)
    said = _cause(voice, why)
    if why.message and why.cause not in ("message", "machine"):
        return voice.words("{cause}; the caller heard a message or a machine", cause=said)
    return said


def _cause(voice: Voice, why: WhyMissed) -> str:
    words, names = voice.words, voice.names(why.managers)
    match why.cause:
        case "not_picked_up":
            return words("Not picked up: {names}", names=names)
        case "machine":
            return words("An answering machine took it: {names}", names=names)
        case "hung_up":
            return words("The caller hung up after {length}", length=_length(words, why))
        case "fallback" if names:
            return words("Our own fault; not picked up: {names}", names=names)
        case "fallback":
            return words("Our own fault: the call was not decided as usual")
        case "out_of_hours" | "nobody_on_shift" | "all_busy" | "message" | "lead":
            return words(CAUSES[why.cause])
        case _:
            assert_never(why.cause)


def _length(words: Words, why: WhyMissed) -> str:
    return formats.length(words, why.seconds or 0)
