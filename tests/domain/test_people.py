"""Several people on one number: the likeliest first, with what speaks for each."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from callrouter.domain.people import REASONS, Known, rank
from tests.examples import MONDAY_NOON

DAY = timedelta(days=1)


def ago(days: int) -> datetime:
    return MONDAY_NOON - days * DAY


FIRST = Known("first", "Анна", created_at=ago(9))
SECOND = Known("second", "Иван", created_at=ago(5))

WEIGHTIEST: list[dict[str, Any]] = [
    {"chosen": True},
    {"open_card": True},
    {"talked_at": ago(1)},
    {"responsible": "anna"},
]


@pytest.mark.parametrize(
    ("first", "second", "reasons"),
    [
        pytest.param({}, {"chosen": True}, ("chosen",), id="chosen by a person"),
        pytest.param({}, {"open_card": True}, ("open_card",), id="with an open card"),
        pytest.param({"talked_at": ago(2)}, {"talked_at": ago(1)}, ("talked",), id="talked later"),
        pytest.param({}, {"talked_at": ago(300)}, ("talked",), id="talked at all"),
        pytest.param({}, {"responsible": "anna"}, ("responsible",), id="with a manager of his own"),
        pytest.param({"relation": "supplier"}, {}, ("client",), id="a client"),
        pytest.param({"created_at": ago(3)}, {}, ("older",), id="there first"),
        pytest.param({"created_at": None}, {}, ("older",), id="there first, as far as is known"),
    ],
)
def test_one_reason_that_differs_decides(
    first: dict[str, Any], second: dict[str, Any], reasons: tuple[str, ...]
) -> None:
    found = rank([replace(FIRST, **first), replace(SECOND, **second)])
    assert [one.contact for one in found] == ["second", "first"]
    assert found[0].reasons == reasons
    assert found[0].name == "Иван"


@pytest.mark.parametrize("weight", range(len(WEIGHTIEST) - 1))
def test_the_weightier_reason_wins_over_all_that_follow(weight: int) -> None:
    first = replace(FIRST, relation="supplier")
    for one in WEIGHTIEST[weight + 1 :]:
        first = replace(first, **one)
    found = rank([first, replace(SECOND, **WEIGHTIEST[weight])])
    assert found[0].contact == "second"


def test_a_reason_that_all_share_is_none() -> None:
    both: dict[str, Any] = {"open_card": True, "responsible": "anna", "talked_at": ago(1)}
    found = rank([replace(FIRST, **both), replace(SECOND, **both)])
    assert [one.reasons for one in found] == [("older",), ()]


def test_the_order_does_not_depend_on_how_they_are_given() -> None:
    draw = random.Random(7)
    people = [
        Known(
            f"c{n}",
            chosen=draw.random() < 0.2,
            open_card=draw.random() < 0.5,
            talked_at=draw.choice([None, ago(1), ago(2)]),
            responsible=draw.choice([None, "anna"]),
            relation=draw.choice(["client", "supplier"]),
            created_at=draw.choice([None, ago(3)]),
        )
        for n in range(30)
    ]
    once = rank(people)
    for _ in range(20):
        draw.shuffle(people)
        assert rank(people) == once
    assert all(list(one.reasons) == sorted(one.reasons, key=REASONS.index) for one in once)


def test_nobody_and_one() -> None:
    assert rank([]) == ()
    assert [one.reasons for one in rank([FIRST])] == [()]
