"""Writes refused lines to a file that Excel opens, that can be mended and fed again.

The headings and cells are the file's own, with the reasons in a last column. A cell that a program
might take for a formula gets a quote before it, which the reading takes off again.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Final

from callrouter.import_file.headings import REASON
from callrouter.import_file.reading import Refusal

ENDING: Final = ".refused.csv"
_FORMULA: Final = re.compile(r"'*[=+\-@\t\r]")


def place_of(path: Path) -> Path:
    """Where the refused lines of a file go: beside it."""
    return path.with_name(path.name + ENDING)


def origin(path: Path) -> str:
    """The name of the file that this one, or whose refused lines it is, was at first."""
    name = path.name
    while name.endswith(ENDING):
        name = name.removesuffix(ENDING)
    return name


def as_text(cell: str) -> str:
    """A cell that no program takes for a formula; the reading takes the quote off again."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


class Refusals:
    """The file, written line by line; it stands in its place only once it is whole."""

    def __init__(self, path: Path, headings: Sequence[str]) -> None:
        self.path = path
        self._headings = [one for one in headings if one.strip() != REASON]
        self._kept = [n for n, one in enumerate(headings) if one.strip() != REASON]
        self._count = len(headings)
        self._making = path.with_name(f".{path.name}.{os.getpid()}")
        self._file: IO[str] | None = None
        self._writer: Any = None

    def add(self, refusal: Refusal) -> None:
        """Raises OSError."""
        if self._file is None:
            self._file = self._making.open("w", encoding="utf-8-sig", newline="")
            self._writer = csv.writer(self._file, delimiter=";")
            self._write([*self._headings, REASON])
        cells, count = refusal.cells, self._count
        kept = [cells[n] if n < len(cells) else "" for n in self._kept]
        reasons = "; ".join(map(str, refusal.problems))
        # What has no heading stands after the reasons: there it can be seen and put right.
        self._write([*kept, reasons, *cells[count:]])

    def _write(self, cells: Sequence[str]) -> None:
        self._writer.writerow([as_text(one) for one in cells])

    def keep(self) -> Path | None:
        """Put the file in its place; None where no line was refused."""
        if self._file is None:
            return None
        self._file.close()
        self._file = None
        self._making.replace(self.path)
        return self.path

    def drop(self) -> None:
        """Forget what was written and not kept."""
        if self._file is not None:
            self._file.close()
            self._file = None
        with suppress(OSError):
            self._making.unlink()
