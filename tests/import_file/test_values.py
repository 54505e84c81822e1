"""Cells as people fill them in."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callrouter.domain.setup import Manager
from callrouter.import_file import values
from callrouter.import_file.people import Managers
from callrouter.import_file.problems import BadValue
from tests.import_file.files import NOW

MOSCOW = ZoneInfo("Europe/Moscow")


@pytest.mark.parametrize(
    ("cell", "numbers"),
    [
        ("+7 916 123-45-67", ["+79161234567"]),
        ("8(916)1234567;8 495 123 45 67", ["+79161234567", "+74951234567"]),
        ("+7 916 123-45-67, 8 495 123-45-67 доб. 12", ["+79161234567", "+74951234567"]),
        ("8 495 123-45-67, доб. 12, +7 916 123-45-67", ["+74951234567", "+79161234567"]),
        ("8 495 123-45-67, 101", ["+74951234567"]),
        ("тел. 89161234567\n89161234567", ["+79161234567"]),
        ("+380 50 123 45 67", ["+380501234567"]),
    ],
)
def test_phones(cell: str, numbers: list[str]) -> None:
    assert values.phones_of(cell, "RU") == numbers


@pytest.mark.parametrize("cell", ["7,91612E+10", "7.91612e+10", "+7,9E10", "89161234567; 7,9E+10"])
def test_a_number_that_excel_has_spoilt_is_refused_by_that_word(cell: str) -> None:
    with pytest.raises(BadValue, match=r"Excel turned the number into \+?7[.,]9\w*\+?10: format"):
        values.phones_of(cell, "RU")
    with pytest.raises(BadValue, match="Excel turned the number into"):
        values.id_of("1,23E+15")


@pytest.mark.parametrize("cell", ["101", "позвонить", "+7 916 123-45-6", "12345678901234567890"])
def test_what_is_no_phone_is_refused(cell: str) -> None:
    with pytest.raises(BadValue, match="is not a phone number; allowed: "):
        values.phones_of(cell, "RU")


def test_emails() -> None:
    assert values.emails_of("A@B.ru, <c@d.example>; mailto:e@f.example a@b.ru") == [
        *("a@b.ru", "c@d.example", "e@f.example")
    ]
    for wrong in ("ab.ru", "a@b", "a@@b.ru", "a b@c.ru"):
        with pytest.raises(BadValue, match="is not an e-mail address"):
            values.emails_of(wrong)


@pytest.mark.parametrize(
    ("cell", "inn"),
    [
        ("7707083893", "7707083893"),
        ("770 708 38 93", "7707083893"),
        ("500100732259", "500100732259"),
        ("0105001235", None),
        ("7707083894", None),
        ("500100732258", None),
        ("0000000000", None),
        ("77070838", None),
        ("7,70708E+9", None),
    ],
)
def test_inn(cell: str, inn: str | None) -> None:
    if inn:
        assert values.inn_of(cell) == inn
        return
    with pytest.raises(BadValue):
        values.inn_of(cell)


@given(st.integers(min_value=0, max_value=999_999_999))
def test_any_ten_digits_fit_with_one_control_digit_of_ten(number: int) -> None:
    digits = f"{number:09}"
    if not number:
        return
    assert sum(_is_inn(digits + str(last)) for last in range(10)) == 1


def _is_inn(text: str) -> bool:
    try:
        values.inn_of(text)
    except BadValue:
        return False
    return True


def test_a_zero_that_excel_cut_off_is_put_back() -> None:
    inn = next(f"01050012{n:02}" for n in range(100) if _is_inn(f"01050012{n:02}"))
    assert values.inn_of(inn[1:]) == inn


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("12.03.2026 14:05", "2026-03-12T11:05"),
        ("12.03.2026 14:05:30", "2026-03-12T11:05:30"),
        ("12.03.2026, 14:05", "2026-03-12T11:05"),
        ("12.03.26", "2026-03-11T21:00"),
        ("1.3.2026 г.", "2026-02-28T21:00"),
        ("12 марта 2026 г. в 14:05", "2026-03-12T11:05"),
        ("12 Марта 2026", "2026-03-11T21:00"),
        ("2026-03-12", "2026-03-11T21:00"),
        ("2026-03-12 14:05:00", "2026-03-12T11:05"),
        ("2026-03-12T14:05:00+05:00", "2026-03-12T09:05"),
        ("2026-03-12T14:05Z", "2026-03-12T14:05"),
        ("2026-03-12T14:05:00.123Z", "2026-03-12T14:05"),
    ],
)
def test_dates(cell: str, expected: str) -> None:
    moment = datetime.fromisoformat(expected).replace(tzinfo=UTC)
    assert values.moment_of(cell, MOSCOW, NOW) == moment


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("31.02.2026", "is not a date; allowed"),
        ("12/03/2026", "is not a date"),
        ("вчера", "is not a date"),
        ("12.03.2026 25:00", "is not a date"),
        ("01.01.2030", "lies in the future"),
    ],
)
def test_what_is_no_date_is_refused(cell: str, said: str) -> None:
    with pytest.raises(BadValue, match=said):
        values.moment_of(cell, MOSCOW, NOW)


def test_what_only_says_that_a_cell_is_text_is_taken_off() -> None:
    assert values.bare("'+79161234567") == "+79161234567"
    assert values.bare("  \u200bИван\u00a0Петров\r\n ") == "Иван Петров"
    assert values.bare("'Д'Артаньян") == "'Д'Артаньян"
    assert [values.bare(dash) for dash in ("-", "—", "'-")] == ["", "", ""]


# Whose a contact is

MANAGERS = Managers(
    (
        Manager("anna", "Анна Смирнова", email="Anna@example.com"),
        Manager("boris", "Борис Орлов"),
        Manager("petr", "Пётр Орлов", active=False),
        Manager("ivan1", "Иван Котов"),
        Manager("ivan2", "Котов Иван"),
    )
)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("anna", "anna"),
        ("ANNA@example.com", "anna"),
        ("Анна Смирнова", "anna"),
        ("Смирнова  Анна", "anna"),
        ("смирнова анна петровна", "anna"),
        ("Петр Орлов", "petr"),
    ],
)
def test_a_manager_is_known_by_key_email_and_name(text: str, key: str) -> None:
    assert MANAGERS.find(text) == key
    assert MANAGERS.find(text) == key


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Анна Смирново", 'there is no manager .*did you mean "Анна Смирнова"'),
        ("Орлов", 'there is no manager "Орлов"; .*allowed: a key, e-mail or name: "Анна'),
        ("Иван Котов", "several are called .*: a key: ivan1, ivan2"),
    ],
)
def test_who_is_nobody_or_several_is_refused(text: str, said: str) -> None:
    for _ in range(2):
        with pytest.raises(BadValue, match=said):
            MANAGERS.find(text)
