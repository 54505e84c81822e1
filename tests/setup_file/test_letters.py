"""Letters: what asks for them must be something that a card knows, and what they need be there."""

import pytest

from tests.setup_file.good import GOOD, assert_told, changed, problems_of

OFFER = """
[[letter]]
key = "l"
pipeline = "sales"
"""


def letter(setting: str) -> str:
    return f"{GOOD}\n{OFFER}{setting}\n"


WRONG = [
    pytest.param(
        letter('on_status = "won"\nthen_status = "won"'),
        "letter[l].then_status", "another", id="a status that asks for its own letter",
    ),
    pytest.param(letter("attach = []"), "letter[l].attach", "pdf", id="an offer without a file"),
    pytest.param(
        letter('kind = "brief"\nattach = ["docx"]'),
        "letter[l].attach", "only for an offer", id="a file of nothing",
    ),
    pytest.param(
        letter('release = "head"').replace('head = "vera"', ""),
        "letter[l].release", "no team has one", id="a head where there is none",
    ),
    pytest.param(
        letter('when = { field = "line", op = "is", value = "+74951230001" }'),
        "letter[l].when.field", '"contact.tag"', id="what only a call has",
    ),
    pytest.param(
        letter('when = { not = { any = [{ field = "missed_today", op = "above", value = 1 }] } }'),
        "letter[l].when.field", "letter", id="the same, deep inside",
    ),
    pytest.param(
        letter('when = { field = "contact.tag", op = "above", value = 1 }'),
        "letter[l].when.op", '"has"', id="a comparison that cannot be made",
    ),
    pytest.param(
        GOOD + '[letters]\nquiet = "00:00-24:00"', "letters.quiet", "never end", id="always quiet"
    ),
    pytest.param(GOOD + "[letters]\nper_hour = 0", "letters.per_hour", "1", id="none an hour"),
    pytest.param(
        GOOD + "[letters]\nsame_offer_days = -1", "letters.same_offer_days", "0", id="days below 0"
    ),
]  # fmt: skip


@pytest.mark.parametrize(("text", "key", "allowed"), WRONG)
def test_a_letter_that_could_not_go_is_told_of(text: str, key: str, allowed: str) -> None:
    assert_told(text, key, allowed)


@pytest.mark.parametrize(
    "setting",
    [
        'on_status = "won"',
        'release = "head"',
        'kind = "thanks"',
        'when = { all = [{ field = "source", op = "is", value = "site" }] }',
    ],
)
def test_a_good_letter_is_good(setting: str) -> None:
    assert problems_of(letter(setting)) == ()


def test_quiet_hours_that_end_are_good() -> None:
    assert problems_of(changed("[routing]", '[letters]\nquiet = "20:00-08:00"\n[routing]')) == ()
