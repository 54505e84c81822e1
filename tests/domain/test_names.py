"""Which spellings may mean the same person."""

from __future__ import annotations

import pytest

from callrouter.domain.names import folded, may_be_same


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Иван Петров", "Петров Иван", True),
        ("Иван Петров", "Петров Иван Сергеевич", True),
        ("Иван Петров", "Петров И.", True),
        ("Иван Петров", "И. П. Петров", True),
        ("Иван Сергеевич Петров", "Петров И. С.", True),
        ("Иван Петров", "иван", True),
        ("Пётр Семёнов", "Семенов Петр", True),
        ("Анна-Мария Котова", "Котова Анна", True),
        ("Иван Петров", "", True),
        ("Иван Петров", "Пётр Петров", False),
        ("Иван Петров", "Мария Петрова", False),
        ("Иван Петров", "И. И.", False),
        ("Иван Иван", "Иван Петров", False),
        ("Иван", "Ваня", False),
    ],
)
def test_names_that_may_mean_one_person(one: str, other: str, *, same: bool) -> None:
    assert may_be_same(one, other) is same
    assert may_be_same(other, one) is same


def test_companies_are_compared_without_case_and_signs() -> None:
    assert folded("ООО «Ромашка-Опт»") == folded('ооо "РОМАШКА ОПТ"') == "ооо ромашка опт"
    assert folded("Ромашка") != folded("ООО Ромашка")
