"""Headings of exports are known, others are mapped, and nothing is read by guess."""

from __future__ import annotations

from pathlib import Path

import pytest

from callrouter.import_file import BadFile, Columns, find_columns, read_map
from callrouter.import_file.headings import _KNOWN, FIELDS, is_known
from tests.import_file.files import SAMPLES, read


def fields(columns: Columns) -> dict[str, str]:
    return {one.heading: one.field for one in columns.used}


def test_every_heading_of_the_table_means_a_field() -> None:
    assert set(_KNOWN.values()) <= set(FIELDS)
    assert all(_KNOWN)


@pytest.mark.parametrize(
    ("sample", "system"),
    [
        ("bitrix24_ru.csv", "bitrix24"),
        ("bitrix24_en.csv", "bitrix24"),
        ("amocrm_ru.csv", "amocrm"),
        ("amocrm_en.csv", "amocrm"),
    ],
)
def test_every_heading_of_an_export_is_known(sample: str, system: str) -> None:
    columns, _ = read(SAMPLES / sample)
    assert columns.unknown == ()
    assert columns.system == system
    assert {"phone", "email", "responsible", "external_id", "company"} <= set(
        fields(columns).values()
    )


@pytest.mark.parametrize(
    ("heading", "field"),
    [
        ("Тел.", "phone"),
        (" ТЕЛЕФОН * ", "phone"),
        ("Телефон 2", "phone"),
        ("Рабочий e-mail", "email"),
        ("Рабочий email (контакт)", "email"),
        ("Эл. почта", "email"),
        ("ФИО", "name"),
        ("Ф.И.О.", "name"),
        ("Должность (контакт)", "position"),
        ("Примечание 5", "comment"),
        ("ИНН", "inn"),
        ("Отчество", "middle_name"),
    ],
)
def test_headings_are_known_however_they_are_spelled(heading: str, field: str) -> None:
    assert is_known(heading)
    columns = find_columns(["E-mail" if field != "email" else "Телефон", heading], {})
    assert fields(columns)[heading.strip()] == field


def test_an_unknown_heading_is_not_read_and_is_named() -> None:
    columns = find_columns(["Телефон", "Любимый цвет", "Тип", "Дата рождения", ""], {})
    assert columns.unknown == ("Любимый цвет", "Тип")  # of what, only amoCRM's export says
    assert columns.ignored == ("Дата рождения",)


def test_a_map_goes_before_what_is_known() -> None:
    columns = find_columns(
        ["Номер", "Телефон", "Цвет"], {"номер": "phone", "Телефон": "ignore", "Цвет": "comment"}
    )
    assert fields(columns) == {"Номер": "phone", "Цвет": "comment"}
    assert columns.ignored == ("Телефон",)


@pytest.mark.parametrize(
    ("headings", "mapped", "said"),
    [
        pytest.param(["ФИО", "Связь"], {}, 'not known: "Связь"', id="no phone, nothing like it"),
        pytest.param(["Телефон", "ФИО", "Имя клиента"], {}, 'are all "name"', id="one field twice"),
        pytest.param(["Телефон"], {"Тел": "phone"}, 'the map names "Тел"', id="not in the file"),
    ],
)
def test_headings_that_leave_a_doubt_stop_the_import(
    headings: list[str], mapped: dict[str, str], said: str
) -> None:
    with pytest.raises(BadFile, match=said):
        find_columns(headings, mapped)


def test_a_map_is_read(tmp_path: Path) -> None:
    path = tmp_path / "map.toml"
    path.write_text('[columns]\n"Тел." = "phone"\n"Цвет" = "ignore"\n', "utf-8")
    assert read_map(path) == {"Тел.": "phone", "Цвет": "ignore"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[columns", "is not TOML"),
        ('[columns]\n"Тел." = "fone"', 'did you mean "phone"'),
        ('[columns]\n"Тел." = 1', '"1" is not a field'),
        ('[colums]\n"Тел." = "phone"', '"colums" is not known; allowed: .columns.'),
        ('columns = "phone"', "allowed: a table"),
    ],
)
def test_a_map_that_is_wrong_says_what_is_allowed(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "map.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(BadFile, match=said):
        read_map(path)
