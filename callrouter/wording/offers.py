"""What an offer begins with, and what its file is called."""

from __future__ import annotations

from datetime import date

from callrouter.domain.setup import Language
from callrouter.wording.catalogue import mark, speak

_OPENINGS = {
    True: mark("Dear {name}, thank you for turning to us. We are pleased to offer you:"),
    False: mark("Thank you for turning to us. We are pleased to offer you:"),
}


def opening(greeting: str, *, language: Language) -> str:
    """The line before the table; `greeting` "": nobody knows for sure what he is called."""
    return speak(language)(_OPENINGS[bool(greeting)], name=greeting)


def paper_title(number: str, dated: date, customer: str, *, language: Language) -> str:
    """`КП № 15 от 12.03.2026 — Ромашка`: a document's name among files, without its ending.

    `number` "": it has none yet.
    """
    words, day = speak(language), dated.strftime("%d.%m.%Y")
    if number:
        title = words("Offer No. {number} of {date}", number=number, date=day)
    else:
        title = words("Draft offer of {date}", date=day)
    return f"{title} — {customer}" if customer else title
