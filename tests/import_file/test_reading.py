"""From lines to contacts, and from what is refused back to a file that can be mended."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callrouter.import_file import Phone, Refusal, Refusals, Row, find_columns, place_of
from callrouter.import_file.headings import REASON
from callrouter.import_file.problems import Problem
from callrouter.import_file.refused import origin
from callrouter.import_file.values import bare
from tests.import_file.files import SAMPLES, read, rows_of, table_of, write_csv


def said(row: Row) -> dict[str, Any]:
    """What a line says, without what it leaves out."""
    return {
        name: value
        for name in row.__dataclass_fields__
        if name not in ("line", "digest") and (value := getattr(row, name))
    }


def test_an_export_of_bitrix24_is_read() -> None:
    ivan, maria, firm = rows_of(SAMPLES / "bitrix24_ru.csv")
    assert said(ivan) == {
        "kind": "person",
        "name": "Иван Петров",
        "first_name": "Иван",
        "middle_name": "Сергеевич",
        "last_name": "Петров",
        "company": 'ООО "Ромашка"',
        "position": "Директор",
        "phones": (Phone("+74951234567", "work"), Phone("+79161234567", "mobile")),
        "emails": ("petrov@romashka.example",),
        "responsible": "anna",
        "source": "Звонок",
        "comment": "Звонить после 11.\nЛюбит точные сроки",
        "external_id": "101",
    }
    assert [phone.number for phone in maria.phones] == [
        *("+74951234567", "+79167654321", "+79030001122")
    ]
    assert (firm.kind, firm.name, firm.company, firm.line) == ("company", "ИП Кузнецов", "", 5)


def test_an_export_of_amocrm_is_read() -> None:
    olga, sever = rows_of(SAMPLES / "amocrm_ru.csv")
    assert said(olga) == {
        "kind": "person",
        "name": "Ольга Новикова",
        "first_name": "Ольга",
        "last_name": "Новикова",
        "company": "Север",
        "position": "Закупщик",
        "phones": (Phone("+78125553535", "work"), Phone("+79217654321", "mobile")),
        "emails": ("olga@sever.example",),
        "responsible": "anna",
        "tags": ("опт", "vip"),
        "comment": "Просила счёт\nПерезвонить в марте",
        "external_id": "40001",
    }
    assert (sever.kind, sever.name, sever.company) == ("company", "Север", "")


@pytest.mark.parametrize("sample", ["bitrix24_en.csv", "amocrm_en.csv"])
def test_the_english_exports_are_read(sample: str) -> None:
    (row,) = rows_of(SAMPLES / sample)
    assert row.name in ("John Smith", "Kate Brown")
    assert row.phones[-1].label == "mobile"
    assert row.responsible


def test_a_line_is_refused_with_everything_that_is_wrong(tmp_path: Path) -> None:
    path = write_csv(
        tmp_path / "given.csv",
        [
            ["ФИО", "Тел.", "E-mail", "Ответственный", "ИНН", "Теги"],
            ["Иван", "7,91612E+10", "нет", "Аня", "123", "x" * 65],
            ["", "", "", "Анна Смирнова", "", ""],
            ["Пётр", "+79161234567", "", "", "", "", "лишнее"],
        ],
    )
    wrong, empty, long = (one for one in read(path)[1] if isinstance(one, Refusal))
    headings = {one.heading for one in wrong.problems}
    assert headings == {"Тел.", "E-mail", "Ответственный", "ИНН", "Теги"}
    assert "Excel turned the number into 7,91612E+10" in str(wrong.problems[0])
    assert (empty.line, empty.problems[0].heading) == (3, "")
    assert "has 7 cells, the headings are 6" in str(long.problems[0])


def test_lines_that_say_the_same_have_one_digest(tmp_path: Path) -> None:
    head = ["ФИО", "Телефон", "E-mail"]
    path = write_csv(
        tmp_path / "given.csv",
        [
            head,
            ["Иван", "+7 916 123-45-67", "a@b.ru"],
            [" Иван ", "89161234567", "A@B.RU"],
            ["Иван", "89161234568", "a@b.ru"],
        ],
    )
    one, same, other = rows_of(path)
    assert one.digest == same.digest != other.digest
    assert replace(one, line=3) == same


# Refused lines


def written(tmp_path: Path, cells: list[str]) -> Path:
    headings = [f"Телефон {n}" for n in range(len(cells))]
    refusals = Refusals(place_of(tmp_path / "given.csv"), headings)
    refusals.add(Refusal(2, tuple(cells), (Problem("Телефон", "is wrong"),)))
    path = refusals.keep()
    assert path == tmp_path / "given.csv.refused.csv"
    return path


@settings(max_examples=200)
@given(
    cells=st.lists(st.text(alphabet=st.sampled_from("=+-@'\"\t\r\n;, aЯ7"), max_size=8), min_size=1)
)
def test_refused_lines_come_back_as_they_were_and_none_is_a_formula(
    tmp_path_factory: pytest.TempPathFactory, cells: list[str]
) -> None:
    path = written(tmp_path_factory.mktemp("refused"), cells)
    with path.open(encoding="utf-8-sig", newline="") as file:
        _, line = csv.reader(file, delimiter=";")
    assert not [cell for cell in line if cell[:1] in ("=", "+", "-", "@", "\t", "\r")]
    assert [bare(cell) for cell in line[:-1]] == [bare(cell) for cell in cells]
    assert line[-1] == "Телефон: is wrong"


def test_a_file_of_refused_lines_is_read_without_its_reasons(tmp_path: Path) -> None:
    path = written(tmp_path, ["+79161234567", "-"])
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    headings, _ = table_of(path)
    assert headings[-1] == REASON
    columns = find_columns(headings, {})
    assert (columns.unknown, columns.ignored) == ((), ())
    (row,) = rows_of(path)
    assert [phone.number for phone in row.phones] == ["+79161234567"]


def test_reasons_do_not_pile_up(tmp_path: Path) -> None:
    headings = ["Телефон", REASON]
    refusals = Refusals(place_of(tmp_path / "a.csv.refused.csv"), headings)
    refusals.add(Refusal(2, ("x", "an old reason"), (Problem("", "a new one"),)))
    path = refusals.keep()
    assert path is not None
    assert table_of(path) == [("Телефон", REASON), ("x", "a new one")]
    assert origin(path) == "a.csv"


def test_nothing_refused_makes_no_file(tmp_path: Path) -> None:
    refusals = Refusals(place_of(tmp_path / "given.csv"), ["Телефон"])
    assert refusals.keep() is None
    refusals.add(Refusal(2, ("x",), (Problem("", "wrong"),)))
    refusals.drop()
    assert list(tmp_path.iterdir()) == []
