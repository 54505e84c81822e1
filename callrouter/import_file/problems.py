"""What is wrong with a file, said so that it can be put right."""

from __future__ import annotations

from dataclasses import dataclass


class BadFile(Exception):
    """The file as a whole cannot be read; the text says why and what is allowed."""


class BadValue(Exception):
    """A cell that cannot be used; the text says why and what is allowed."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong in a line. `heading` "": with the line as a whole."""

    heading: str
    reason: str

    def __str__(self) -> str:
        return f"{self.heading}: {self.reason}" if self.heading else self.reason
