"""A taxpayer's number: 10 digits of a company, 12 of a person; its last digits prove the others."""

from __future__ import annotations

from typing import Final

_COMPANY: Final = (2, 4, 10, 3, 5, 9, 4, 6, 8)
_PERSON: Final = ((7, 2, 4, 10, 3, 5, 9, 4, 6, 8), (3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8))
_LENGTHS: Final = (10, 12)


def is_inn(text: str) -> bool:
    """Whether it has the digits of one, and they agree."""
    if len(text) not in _LENGTHS or not (text.isascii() and text.isdecimal()):
        return False
    digits = [int(one) for one in text]
    checks = (_COMPANY,) if len(text) == _LENGTHS[0] else _PERSON
    return all(
        sum(a * b for a, b in zip(weights, digits, strict=False)) % 11 % 10 == digits[len(weights)]
        for weights in checks
    )
