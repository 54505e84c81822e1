"""Files of contacts for tests: written as other programs write them, read to the end."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from openpyxl import Workbook

from callrouter.domain.setup import Setup
from callrouter.import_file import (
    Columns,
    Reader,
    Refusal,
    Row,
    find_columns,
    is_known,
    open_table,
)
from callrouter.import_file.headings import Field
from callrouter.import_file.opening import Unreadable
from tests.examples import SETUP

SAMPLES = Path(__file__).parent / "samples"
NOW = datetime(2026, 4, 1, 9, 0, tzinfo=UTC)

Lines = Sequence[Sequence[Any]]


def write_csv(
    path: Path, lines: Lines, *, encoding: str = "utf-8", separator: str = ";", end: str = "\r\n"
) -> Path:
    with path.open("w", encoding=encoding, newline="") as file:
        csv.writer(file, delimiter=separator, lineterminator=end).writerows(lines)
    return path


def write_xlsx(path: Path, lines: Lines, *, empty_sheets: int = 0) -> Path:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for _ in range(empty_sheets):
        sheet = book.create_sheet()
    for line in lines:
        sheet.append(list(line))
    book.save(path)
    return path


def table_of(path: Path) -> list[tuple[str, ...]]:
    """The headings and the lines of a file, without their numbers."""
    with open_table(path, is_known) as table:
        return [table.headings, *(found[1] for found in table.lines if isinstance(found, tuple))]


def numbers_of(path: Path) -> list[int]:
    with open_table(path, is_known) as table:
        return [found.line if isinstance(found, Unreadable) else found[0] for found in table.lines]


def read(
    path: Path, *, setup: Setup = SETUP, mapped: dict[str, Field] | None = None
) -> tuple[Columns, list[Row | Refusal]]:
    with open_table(path, is_known) as table:
        columns = find_columns(table.headings, mapped or {})
        reader = Reader(columns, setup, system=columns.system, now=NOW)
        return columns, [reader.read(found) for found in table.lines]


def rows_of(path: Path, **given: Any) -> list[Row]:
    """The lines of a file that is good throughout."""
    found = read(path, **given)[1]
    refused = [one for one in found if isinstance(one, Refusal)]
    assert not refused, refused
    return [one for one in found if isinstance(one, Row)]
