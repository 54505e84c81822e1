"""What stays on one line, and what a template may not do."""

from __future__ import annotations

import pytest
from jinja2 import UndefinedError

from callrouter.pages.rendering import render, tied


@pytest.mark.parametrize(
    ("text", "one_line"),
    [
        ("загрузка 35 % (7 в работе из 20)", "загрузка 35_% (7 в работе из 20)"),
        ("сделка № 318, нет ответа за 20 с", "сделка №_318, нет ответа за 20_с"),
        ("разговор 2 мин 14 с", "разговор 2_мин 14_с"),
        ("no answer in 20 s", "no answer in 20_s"),
        ("запасной номер +7 495 000-00-00, занято", "запасной номер +7_495_000-00-00, занято"),
    ],
)
def test_what_is_one_stays_on_one_line(text: str, one_line: str) -> None:
    assert tied(text).replace("\u00a0", "_") == one_line


def test_a_value_that_is_missing_is_an_error_and_no_empty_space() -> None:
    with pytest.raises(UndefinedError):
        render("_team", "ru")
