"""The whole why of a call: a chapter for each decision it got."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from callrouter.wording import speak, why_details, why_text

if TYPE_CHECKING:
    from callrouter.domain.setup import Language, Setup
    from callrouter.wording.details import WhyDetails
    from storage.listing import CallView, DecisionView


@dataclass(frozen=True, slots=True)
class Chapter:
    """One decision. `title` is "" when the call got only this one."""

    title: str
    text: str
    details: WhyDetails


def chapters_of(
    call: CallView, decisions: Sequence[DecisionView], setup: Setup, language: Language
) -> list[Chapter]:
    words = speak(language)
    chapters = []
    for number, told in enumerate(decisions, start=1):
        legs = [leg for leg in call.legs if leg.run == told.run or not leg.planned]
        title = words("Answer {n}", n=number) if len(decisions) > 1 else ""
        chapters.append(
            Chapter(
                title,
                why_text(told.why, setup, language=language, legs=legs),
                why_details(told.why, setup, language=language, legs=legs),
            )
        )
    return chapters
