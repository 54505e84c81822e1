"""XLSX as lines of texts: the first sheet with rows, read as a stream.

A cell is given as what it holds, not as it is shown: a date as ISO, a number with all its digits,
so that a phone that Excel shows as 7,91612E+10 is whole. Of a formula the value last computed.
"""

from __future__ import annotations

import re
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from typing import IO, TYPE_CHECKING, Any, Final, cast
from xml.etree.ElementTree import ParseError

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from callrouter.import_file.opening import Line, Table
from callrouter.import_file.problems import BadFile

if TYPE_CHECKING:
    from openpyxl.worksheet._read_only import ReadOnlyWorksheet
    from openpyxl.worksheet.worksheet import Worksheet

_MOST_UNPACKED: Final = 1 << 30
_MOST_ROWS: Final = 1 << 20  # Excel's own limit
_EXACT: Final = 10**15  # beyond that a number of Excel has lost digits
_BROKEN: Final = (
    zipfile.BadZipFile,
    zlib.error,
    RuntimeError,
    InvalidFileException,
    ParseError,
    KeyError,
    ValueError,
    TypeError,
    AttributeError,
    IndexError,
    EOFError,
)
_RETURNS: Final = re.compile("_x000[dD]_")


@contextmanager
def open_workbook(file: IO[bytes]) -> Iterator[Table]:
    """The first sheet that has rows. Raises BadFile, also while its lines are read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about what we do not read: styles, checks of input
        with _clearly():
            _check(file)
            book = load_workbook(file, read_only=True, data_only=True, keep_links=False)
        try:
            for sheet in book.worksheets:
                rows = _rows_of(sheet)
                lines = _Counted(_lines(sheet), rows)
                if first := next(lines, None):
                    yield Table(first[1], lines, lines.share)
                    return
            raise BadFile("has no sheet with rows")
        finally:
            book.close()


def _check(file: IO[bytes]) -> None:
    with zipfile.ZipFile(file) as archive:
        unpacked = sum(one.file_size for one in archive.infolist())
        if "xl/workbook.xml" not in archive.namelist():
            raise BadFile("is a ZIP archive, not XLSX; allowed: CSV, XLSX")
    if unpacked > _MOST_UNPACKED:
        raise BadFile(f"is bigger than {_MOST_UNPACKED >> 20} MB when unpacked: split it")
    file.seek(0)


@contextmanager
def _clearly() -> Iterator[None]:
    """What the library says of a broken workbook, as one error."""
    try:
        yield
    except _BROKEN as error:
        raise BadFile(f"cannot be read as XLSX ({type(error).__name__}: {error})") from error


class _Counted:
    """Lines, and how far they have come."""

    def __init__(self, lines: Iterator[Line], rows: int) -> None:
        self._lines = lines
        self._rows = rows
        self._line = 0

    def __iter__(self) -> Iterator[Line]:
        return self

    def __next__(self) -> Line:
        found = next(self._lines)
        self._line = found[0]
        return found

    def share(self) -> float:
        return min(1.0, self._line / self._rows) if self._rows else 0.0


def _rows_of(sheet: Worksheet) -> int:
    """As many rows as the sheet says it has, 0 where it does not say: good for progress alone."""
    with _clearly():
        rows = sheet.max_row or 0
        # They would be believed, and some programs write A1 there.
        cast("ReadOnlyWorksheet", sheet).reset_dimensions()
    return rows


def _lines(sheet: Worksheet) -> Iterator[Line]:
    rows = enumerate(sheet.iter_rows(values_only=True), 1)
    while True:
        with _clearly():
            line, values = next(rows, (0, ()))
        if not line:
            return
        if line > _MOST_ROWS:
            raise BadFile(f"has more than {_MOST_ROWS} rows: split it")
        cells = tuple(map(_text, values))
        if any(cell.strip() for cell in cells):
            yield line, cells


def _text(value: Any) -> str:  # noqa: ANN401  whatever a cell may hold
    match value:
        case None:
            return ""
        case str():
            return _RETURNS.sub("", value)
        case bool():
            return "TRUE" if value else "FALSE"
        case int() | float():
            whole = abs(value) < _EXACT and value == int(value)
            return str(int(value)) if whole else repr(value).upper()
        case datetime():
            return value.isoformat(" ", "seconds")
        case date() | time():
            return value.isoformat()
        case timedelta():
            return str(value)
        case _:
            return str(value)
