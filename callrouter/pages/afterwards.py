"""What a person can say of a call: which of the number's people it was, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from callrouter.domain.blocks import whose_number
from callrouter.domain.calls import OVER
from callrouter.domain.people import Ranked
from callrouter.wording import codes, speak
from callrouter.wording.catalogue import mark
from callrouter.wording.people import Voice

if TYPE_CHECKING:
    from callrouter.domain.blocks import Blocked
    from callrouter.domain.outcomes import Outcome
    from callrouter.domain.setup import Language, Setup
    from callrouter.wording import Words
    from storage.listing import CallView

OUTCOMES: Final[Mapping[Outcome, str]] = {
    "deal": mark("A deal, or may become one"),
    "wrong_number": mark("Wrong number"),
    "spam": mark("Spam"),
    "supplier": mark("A supplier"),
    "job_seeker": mark("Looks for a job"),
    "private": mark("A private call"),
}


@dataclass(frozen=True, slots=True)
class PersonRow:
    contact: str
    name: str
    reasons: str
    here: bool  # the call hangs on him


@dataclass(frozen=True, slots=True)
class Afterwards:
    """`people`: only where there are several. `outcomes`: none while the call goes on.

    `offers_block`: it was spam, and its number can be blocked and is not yet. `blocked`: that it
    is, and until when.
    """

    people: tuple[PersonRow, ...]
    outcomes: tuple[tuple[Outcome, str], ...]
    outcome: Outcome | None
    offers_block: bool
    blocked: str


def afterwards_of(
    call: CallView,
    people: Sequence[Ranked],
    setup: Setup,
    language: Language,
    blocked: Blocked | None,
) -> Afterwards:
    voice = Voice(speak(language), setup)
    said = may_have_outcome(call)
    return Afterwards(
        people=people_rows(people, call.contact, voice.words),
        outcomes=tuple((key, voice.words(text)) for key, text in OUTCOMES.items()) if said else (),
        outcome=call.outcome,
        offers_block=call.outcome == "spam" and not blocked and _can_be_blocked(call, setup),
        blocked=_blocked(blocked, voice) if blocked else "",
    )


def may_have_outcome(call: CallView) -> bool:
    return call.state in OVER and call.state != "rejected" and call.direction != "internal"


def people_rows(people: Sequence[Ranked], here: str | None, words: Words) -> tuple[PersonRow, ...]:
    """Those who have a number, the likeliest first; none where only one has it."""
    return tuple(
        PersonRow(
            contact=one.contact,
            name=one.name or words("no name"),
            reasons=", ".join(words(codes.PERSON_REASONS[reason]) for reason in one.reasons),
            here=one.contact == here,
        )
        for one in (people if len(people) > 1 else ())
    )


def _can_be_blocked(call: CallView, setup: Setup) -> bool:
    number = call.caller if call.direction == "in" else None
    return number is not None and not whose_number(setup, number)


def _blocked(block: Blocked, voice: Voice) -> str:
    if block.until is None:
        return voice.words("This number is blocked.")
    until = f"{voice.local(block.until):%d.%m.%Y}"
    return voice.words("This number is blocked until {day}.", day=until)
