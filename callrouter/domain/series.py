"""How the numbers of documents are written: `КП-{year}-{n:04}`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from string import Formatter
from typing import Final

FIELDS: Final = ("year", "month", "n", "entity", "office")
LONGEST: Final = 64

_WIDTH: Final = re.compile(r"(0?[1-9])?")


def label(pattern: str, n: int, *, on: date, entity: str, office: str) -> str:
    """A number as it is written. Takes a pattern in which `wrong_in` finds nothing."""
    return pattern.format(year=on.year, month=on.month, n=n, entity=entity, office=office)


def edition_label(first: str, edition: int) -> str:
    """The number of a further edition: `КП-2026-0015/2`."""
    return first if edition == 1 else f"{first}/{edition}"


def counted_by(pattern: str) -> frozenset[str]:
    """What its numbers are counted apart by, besides the entity: `year`, `office`, both, neither.

    A pattern that says no year never begins anew.
    """
    return frozenset(name for name in _names(pattern) if name in ("year", "office"))


def wrong_in(pattern: str) -> str | None:
    """What is wrong with a pattern, in words; None: nothing."""
    try:
        parts = list(Formatter().parse(pattern))
    except ValueError:
        return "has braces that do not match"
    for _, name, width, conversion in parts:
        if name is None:
            continue
        if name not in FIELDS or conversion:
            return f'has "{{{name}}}"'
        if not _WIDTH.fullmatch(width or "") or (width and name in ("entity", "office")):
            return f'has "{{{name}:{width}}}"'
    if "n" not in _names(pattern):
        return "says no {n}"
    return None


def _names(pattern: str) -> Iterator[str]:
    return (name for _, name, _, _ in Formatter().parse(pattern) if name is not None)
