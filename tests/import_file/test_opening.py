"""Whatever a file is written in, its cells are read; what cannot be read says so."""

from __future__ import annotations

import zipfile
from datetime import date, datetime
from pathlib import Path

import pytest

from callrouter.import_file import BadFile
from tests.import_file.files import numbers_of, rows_of, table_of, write_csv, write_xlsx

HEADINGS = ("ФИО", "Телефон", "Комментарий")
LINES = [
    HEADINGS,
    ("Пётр Щёголев", "+7 916 123-45-67", "любит «ёлки»"),
    ('ООО "Ромашка"', "8 (495) 123-45-67, 8 916 000-00-01", "первая строка\nвторая; с точкой"),
    ("Zoë", "+49 30 1234567", "x,y;z"),
]


@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["unix", "windows"])
@pytest.mark.parametrize("separator", [";", ",", "\t"], ids=["semicolon", "comma", "tab"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1251", "utf-16"])
def test_every_encoding_with_every_separator_is_read_alike(
    tmp_path: Path, encoding: str, separator: str, end: str
) -> None:
    lines = LINES if encoding != "cp1251" else LINES[:-1]
    path = write_csv(tmp_path / "given", lines, encoding=encoding, separator=separator, end=end)
    assert table_of(path) == [tuple(line) for line in lines]


def test_xlsx_is_read_like_csv(tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "contacts.csv", LINES)  # whatever its name says
    assert table_of(path) == LINES


def test_the_first_sheet_with_rows_is_read(tmp_path: Path) -> None:
    path = write_xlsx(
        tmp_path / "book.xlsx", [[], [None, " "], HEADINGS, *LINES[1:]], empty_sheets=2
    )
    assert table_of(path) == LINES
    assert numbers_of(path) == [4, 5, 6]


def test_typed_cells_keep_what_they_hold(tmp_path: Path) -> None:
    moment = datetime.fromisoformat("2026-03-12 14:05")  # cells know no zones
    values = (79161234567, 7.9e10, True, 1234.5, moment, date(2026, 3, 1))
    path = write_xlsx(tmp_path / "book.xlsx", [["Телефон"] * 7, (*values, 1e20)])
    assert table_of(path)[1] == (
        *("79161234567", "79000000000", "TRUE", "1234.5"),
        *("2026-03-12 14:05:00", "2026-03-01 00:00:00", "1E+20"),
    )


def test_a_sheet_that_says_wrongly_how_big_it_is_is_read_whole(tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "book.xlsx", LINES)
    wrong = tmp_path / "wrong.xlsx"
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(wrong, "w") as target:
        for name in source.namelist():
            data = source.read(name)
            if name == "xl/worksheets/sheet1.xml":
                assert b'<dimension ref="A1:C4"' in data
                data = data.replace(b'<dimension ref="A1:C4"', b'<dimension ref="A1"')
            target.writestr(name, data)
    assert table_of(wrong) == LINES


def test_lines_are_counted_as_an_editor_counts_them(tmp_path: Path) -> None:
    path = tmp_path / "given.csv"
    path.write_text('sep=;\nФИО;Телефон\n"А\nБ";+79161234567\n\n;;\nВ;+79161234568\n', "utf-8")
    assert numbers_of(path) == [3, 7]


def test_a_quote_that_is_never_closed_costs_its_line(tmp_path: Path) -> None:
    path = tmp_path / "given.csv"
    good = "Б;+79161234567\n"
    path.write_text("ФИО;Телефон\n" + good + 'А;"' + "x" * 140_000 + "\n" + good, "utf-8")
    assert numbers_of(path) == [2, 3, 4]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        pytest.param(b"", "is empty", id="nothing"),
        pytest.param(b" \n\n", "is empty", id="blank"),
        pytest.param(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an .xls of old Excel", id="old Excel"),
        pytest.param(b"\xef\xbb\xbf<html><table>", "is a web page", id="a table of HTML"),
        pytest.param(b"PK\x03\x04rest", "cannot be read as XLSX", id="a broken archive"),
        pytest.param(
            "ФИО\nИван\n".encode() + b"\xff\xfe\n", "line 3: from there on", id="broken UTF-8"
        ),
        pytest.param(b"\xd4\xc8\xce\n\x98", "line 2: from there on", id="broken windows-1251"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(tmp_path: Path, data: bytes, said: str) -> None:
    path = tmp_path / "given.csv"
    path.write_bytes(data)
    with pytest.raises(BadFile, match=said):
        table_of(path)


def test_an_archive_that_is_no_workbook_says_so(tmp_path: Path) -> None:
    path = tmp_path / "given.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("contacts.csv", "ФИО")
    with pytest.raises(BadFile, match="a ZIP archive, not XLSX"):
        table_of(path)


@pytest.mark.slow
def test_an_archive_that_swells_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
        with archive.open("xl/worksheets/sheet1.xml", "w") as big:
            for _ in range(1025):
                big.write(bytes(1 << 20))
    assert path.stat().st_size < 4 << 20
    with pytest.raises(BadFile, match="bigger than 1024 MB when unpacked"):
        table_of(path)


def test_a_phone_of_a_number_cell_is_whole(tmp_path: Path) -> None:
    """Excel shows it as 7,91612E+10, and its file has all digits."""
    path = write_xlsx(tmp_path / "book.xlsx", [["ФИО", "Телефон"], ["Иван", 79161234567.0]])
    (row,) = rows_of(path)
    assert [phone.number for phone in row.phones] == ["+79161234567"]
