"""What the child says of a template that it does not render."""

from __future__ import annotations


class Refused(Exception):
    """The text says what is wrong; `place`: where, if that is known."""

    def __init__(self, problem: str, place: str = "") -> None:
        self.place = place
        super().__init__(problem)


class TooLarge(Refused):
    """More than a template may have."""
