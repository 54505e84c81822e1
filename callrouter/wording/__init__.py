"""Words for people: one catalogue, in Russian and English, for pages, letters and commands."""

from callrouter.wording.catalogue import LANGUAGES, Words, speak
from callrouter.wording.details import why_details, why_lines
from callrouter.wording.sentences import why_text

__all__ = ["LANGUAGES", "Words", "speak", "why_details", "why_lines", "why_text"]
