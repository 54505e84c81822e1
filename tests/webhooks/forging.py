"""Forgeries: a text changed a little, as an attacker or a broken line would."""

from __future__ import annotations

import random


def mutate(text: str, chance: random.Random) -> str:
    """The same text with one thing changed; never the text itself."""
    changed = text
    while changed == text:
        at = chance.randrange(len(text) + 1)
        other = chance.choice("0123456789abcdefABCDEF+/=-_.,: \t\n\x00\u0430\u20ac")
        changed = chance.choice(
            [
                "",
                text[:at],
                text[at:],
                text[:at] + other + text[at:],
                text[:at] + other + text[at + 1 :],
                text[:at] + text[at + 1 :],
                text[:at] + text[at:].swapcase(),
                text + text,
                text[::-1],
                f" {text}",
                f"{text}\n",
            ]
        )
    return changed
