"""Opens a file of whatever kind as lines of texts.

CSV: UTF-8 with or without a mark, UTF-16 as Excel's "Unicode text" has it, windows-1251; separated
by semicolon, comma or tab. What is XLSX is read by `workbook`. The name of a file says nothing
here: its first bytes do.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from callrouter.import_file.problems import BadFile

Line = tuple[int, tuple[str, ...]]
"""The number of a line as an editor counts it, and its cells."""

MOST_BYTES: Final = 500 << 20
_PIECE: Final = 1 << 20
_SAMPLE: Final = 1 << 16
_SEPARATORS: Final = ";,\t"
_RUSSIAN: Final = "cp1251"
_SURELY_UTF8: Final = 3  # so many letters of several bytes do not come about by chance

_ZIP: Final = b"PK\x03\x04"
_OLE: Final = b"\xd0\xcf\x11\xe0"


@dataclass(frozen=True, slots=True)
class Table:
    """A file that is open: its headings, the lines after them, and how much is read, 0 to 1.

    Lines are read once. Cells are as they were written; a line may have fewer than there are
    headings, and empty lines are left out. `Unreadable` stands for a line that is not CSV.
    """

    headings: tuple[str, ...]
    lines: Iterator[Line | Unreadable]
    share: Callable[[], float]


@dataclass(frozen=True, slots=True)
class Unreadable:
    line: int
    reason: str


@contextmanager
def open_table(path: Path, knows: Callable[[str], bool]) -> Iterator[Table]:
    """Open CSV or XLSX. `knows` tells headings from other words: by it the separator is found.

    Raises BadFile, also while its lines are read.
    """
    with _opened(path) as file:
        size, head = path.stat().st_size, file.read(_SAMPLE)
        _check(size, head)
        if head.startswith(_ZIP):
            from callrouter.import_file.workbook import open_workbook

            with open_workbook(file) as table:
                yield table
            return
        encoding = _encoding(file, head)
        file.seek(0)
        with io.TextIOWrapper(file, encoding=encoding, newline="") as text:
            yield _csv(text, lambda: file.tell() / size if not file.closed else 1.0, knows)


def _opened(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except OSError as error:
        raise BadFile(f"cannot be read: {error.strerror or error}") from error


def _check(size: int, head: bytes) -> None:
    if not head.strip():
        raise BadFile("is empty")
    if size > MOST_BYTES:
        raise BadFile(f"is bigger than {MOST_BYTES >> 20} MB: split it")
    if head.startswith(_OLE):
        raise BadFile(
            "is an .xls of old Excel, or has a password; allowed: CSV, XLSX without a password"
        )
    if head.lstrip(codecs.BOM_UTF8 + b" \r\n\t")[:1] == b"<":
        raise BadFile(
            "is a web page, whatever its name says (Bitrix24's export to Excel is one); allowed: "
            "CSV, XLSX. Export to CSV, or open it in Excel and save it as XLSX"
        )


def _encoding(file: IO[bytes], head: bytes) -> str:
    """What the whole file is written in. Raises BadFile for what is neither of ours."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    line, letters = _decode(file, "utf-8-sig")
    if line is None:
        return "utf-8-sig"
    if letters < _SURELY_UTF8:
        line, _ = _decode(file, _RUSSIAN)
    if line is None:
        return _RUSSIAN
    raise BadFile(f"line {line}: from there on the file is neither UTF-8 nor windows-1251")


def _decode(file: IO[bytes], encoding: str) -> tuple[int | None, int]:
    """The line that cannot be read so, None: all can; and how many letters before it could."""
    file.seek(0)
    decoder, letters, lines = codecs.getincrementaldecoder(encoding)(), 0, 1
    while True:
        piece = file.read(_PIECE)
        try:
            text = decoder.decode(piece, final=not piece)
        except UnicodeDecodeError as error:
            good = error.object[: error.start]
            letters += _letters(good.decode(encoding))
            return lines + good.count(b"\n"), letters
        if not piece:
            return None, letters
        lines += piece.count(b"\n")
        letters += _letters(text) if letters < _SURELY_UTF8 else 0


def _letters(text: str) -> int:
    return sum(not c.isascii() for c in text)


# CSV


def _csv(text: io.TextIOWrapper, share: Callable[[], float], knows: Callable[[str], bool]) -> Table:
    sample = text.read(_SAMPLE)
    text.seek(0)
    first = sample.partition("\n")[0].strip().lstrip("\ufeff")
    separator, skipped = "", 0
    if first.casefold().startswith("sep=") and len(first) == len("sep=;"):
        separator, skipped = first[-1], 1  # Excel's own word for it
        text.readline()
        sample = sample.partition("\n")[2]
    lines = _lines(text, separator or _separator(sample, knows), skipped)
    for found in lines:
        if isinstance(found, Unreadable):
            raise BadFile(f"line {found.line}: {found.reason}")
        headings = tuple(cell.lstrip("\ufeff") for cell in found[1])
        return Table(headings, lines, share)
    raise BadFile("is empty")


def _separator(sample: str, knows: Callable[[str], bool]) -> str:
    """By which the first line falls into most headings that are known, else into most cells."""

    def cells(separator: str) -> list[str]:
        rows = csv.reader(io.StringIO(sample, newline=""), delimiter=separator)
        try:
            return next((row for row in rows if any(row)), [])
        except csv.Error:
            return []

    return max(_SEPARATORS, key=lambda one: (sum(map(knows, cells(one))), len(cells(one))))


def _lines(text: IO[str], separator: str, skipped: int) -> Iterator[Line | Unreadable]:
    reader = csv.reader(text, delimiter=separator)
    while True:
        line = reader.line_num + skipped + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Unreadable(line, f"{error}; is a quote not closed?")
            continue
        if any(cell.strip() for cell in cells):
            yield line, tuple(cells)
