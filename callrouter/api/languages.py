"""Which of our languages a program wants (RFC 9110, 12.5.4)."""

from __future__ import annotations

import re

from callrouter.domain.setup import Language

_RANGE = re.compile(
    r"\s*([A-Za-z]{1,8}|\*)(?:-[A-Za-z0-9-]*)?\s*(?:;\s*q=([01](?:\.[0-9]{0,3})?))?\s*"
)
_LOOKED_AT = 20


def preferred(accepted: str, default: Language) -> Language:
    """The language that `Accept-Language` likes best; the default when it names neither."""
    liked: dict[Language, float] = {}
    for part in accepted.split(",")[:_LOOKED_AT]:
        if found := _RANGE.fullmatch(part):
            weight = float(found[2] or 1)
            match found[1].lower():
                case "ru":
                    liked["ru"] = max(weight, liked.get("ru", 0))
                case "en":
                    liked["en"] = max(weight, liked.get("en", 0))
                case "*":
                    liked[default] = max(weight, liked.get(default, 0))
    best = max(liked, key=lambda language: liked[language], default=default)
    return best if liked.get(best) else default
