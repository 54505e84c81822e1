"""Which line of ours a program means."""

from __future__ import annotations

from callrouter.domain.phones import read_number, spelled
from callrouter.domain.setup import Line, Setup


def line_called(text: str, setup: Setup) -> Line | None:
    """The line with this number or alias, in any spelling; None: none of ours."""
    if line := setup.lines.get(spelled(text)):
        return line
    number = read_number(text, setup.company.region)
    return setup.lines.get(number) if number else None
