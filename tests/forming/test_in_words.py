"""Sums in words: number, gender and case as a Russian accountant writes them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callrouter.domain.setup import Language
from callrouter.forming.in_words import sum_in_words


@pytest.mark.parametrize(
    ("amount", "language", "said"),
    [
        ("0", "ru", "Ноль рублей 00 копеек"),
        ("1", "ru", "Один рубль 00 копеек"),
        ("2.01", "ru", "Два рубля 01 копейка"),
        ("5.02", "ru", "Пять рублей 02 копейки"),
        ("11.11", "ru", "Одиннадцать рублей 11 копеек"),
        ("12.14", "ru", "Двенадцать рублей 14 копеек"),
        ("21.21", "ru", "Двадцать один рубль 21 копейка"),
        ("22.22", "ru", "Двадцать два рубля 22 копейки"),
        ("111", "ru", "Сто одиннадцать рублей 00 копеек"),
        ("1000", "ru", "Одна тысяча рублей 00 копеек"),
        ("1201", "ru", "Одна тысяча двести один рубль 00 копеек"),
        ("2002", "ru", "Две тысячи два рубля 00 копеек"),
        ("11011", "ru", "Одиннадцать тысяч одиннадцать рублей 00 копеек"),
        ("21000.5", "ru", "Двадцать одна тысяча рублей 50 копеек"),
        ("1000001", "ru", "Один миллион один рубль 00 копеек"),
        ("2000000", "ru", "Два миллиона рублей 00 копеек"),
        ("5000000000", "ru", "Пять миллиардов рублей 00 копеек"),
        ("0.005", "ru", "Ноль рублей 01 копейка"),
        ("1", "en", "One rouble 00 kopecks"),
        ("1201.01", "en", "One thousand two hundred and one roubles 01 kopeck"),
        ("2000000.5", "en", "Two million roubles 50 kopecks"),
    ],
)
def test_a_sum_is_said(amount: str, language: Language, said: str) -> None:
    assert sum_in_words(Decimal(amount), language) == said


@given(st.integers(min_value=0, max_value=10**14))
def test_the_rouble_goes_with_its_number(kopecks: int) -> None:
    roubles, left = divmod(kopecks, 100)
    words = sum_in_words(Decimal(kopecks) / 100, "ru").split()
    ending = {1: "рубль", 2: "рубля", 3: "рубля", 4: "рубля"}.get(roubles % 10, "рублей")
    if roubles % 100 in range(11, 15):
        ending = "рублей"
    assert words[-3] == ending
    assert words[-2] == f"{left:02}"
    assert words[0][0].isupper()
    last = {1: "один", 2: "два"}.get(roubles % 10)
    if last and roubles % 100 not in (11, 12):
        assert words[-4].lower() == last


def test_a_debt_is_not_said() -> None:
    with pytest.raises(ValueError, match="below zero"):
        sum_in_words(Decimal(-1), "ru")
