"""A card that is moved: its statuses by name, how long it has one, why it may not have another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from callrouter.domain.setup import JUNK
from callrouter.wording.catalogue import mark

if TYPE_CHECKING:
    from callrouter.domain.ageing import Age
    from callrouter.domain.letters import LetterKind, LetterState
    from callrouter.domain.setup import Pipeline, Setup, Status
    from callrouter.wording.catalogue import Words

NEEDED_NAMES: Final[Mapping[str, str]] = {
    "amount": mark("amount"),
    "due": mark("due date"),
    "items": mark("list of goods"),
    "email": mark("client's e-mail"),
    "contact": mark("client"),
    "source": mark("source"),
    "loss_reason": mark("reason of the refusal"),
}
"""What a status may need (`domain.statuses`), in the middle of a sentence."""

LETTER_KINDS: Final[Mapping[LetterKind, str]] = {
    "offer": mark("Offer"),
    "brief": mark("Short letter"),
    "thanks": mark("Letter of thanks"),
}

LETTER_STATES: Final[Mapping[LetterState, str]] = {
    "approval": mark("The letter waits to be allowed"),
    "no_address": mark("No e-mail for the letter"),
    "waiting": mark("The letter leaves soon"),
    "todo": mark("The letter is leaving"),
    "sending": mark("The letter is leaving"),
    "in_doubt": mark("Nobody knows whether the letter left"),
    "failed": mark("The letter did not leave"),
}
"""Of letters that are not settled, as a card on the board shows them."""

_JUNK: Final = mark("Not a deal")


def status_name(status: Status, words: Words) -> str:
    """As Setup names it; the one that every pipeline has, in the reader's language."""
    if status.key == JUNK and status.name in ("", "Не сделка"):
        return words(_JUNK)
    return status.name or status.key


def status_named(pipeline: Pipeline | None, key: str, words: Words) -> str:
    status = pipeline.status(key) if pipeline else None
    return status_name(status, words) if status else key


def needed_name(place: str, setup: Setup, words: Words) -> str:
    """What is missing, by where a program finds it: `amount`, `fields.contract` …"""
    if name := NEEDED_NAMES.get(place):
        return words(name)
    key = place.rpartition("fields.")[2]
    noun = "contact" if place.startswith("contact.") else "card"
    own = next((one for one in setup.field if (one.noun, one.key) == (noun, key)), None)
    return words("“{name}”", name=own.name or own.key) if own else key


def missing_text(places: Sequence[str], setup: Setup, words: Words) -> str:
    names = ", ".join(needed_name(one, setup, words) for one in places)
    return words("Still needed: {names}.", names=names)


def no_way_text(
    pipeline: Pipeline | None, frm: str, to: str, ways: Sequence[str], words: Words
) -> str:
    """Why a card of one status may not get another, and which it may."""
    if pipeline is None:
        return words("The pipeline of this deal is gone from the settings.")
    here, there = (status_named(pipeline, one, words) for one in (frm, to))
    if not ways:
        return words("A deal does not leave the status “{here}”.", here=here)
    allowed = ", ".join(words("“{name}”", name=status_named(pipeline, one, words)) for one in ways)
    return words(
        "A deal does not go from “{here}” to “{there}”. It may go to {allowed}.",
        here=here,
        there=there,
        allowed=allowed,
    )


def age_text(age: Age, words: Words) -> str:
    """Working time in its largest unit: `3 d`, `4 h`, `12 min`."""
    if age.days >= 1:
        return words("{days} d", days=int(age.days))
    minutes = int(age.seconds // 60)
    if minutes >= 60:
        return words("{hours} h", hours=minutes // 60)
    return words("{minutes} min", minutes=minutes)
