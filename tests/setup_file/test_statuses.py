"""Moves, what statuses need and own fields: every mistake is told by its key."""

import pytest

from callrouter.domain.setup import CustomField
from tests.setup_file.good import GOOD, assert_told, problems_of, setup_of

FIELDS = """
[[field]]
key = "contract"
name = "Договор"

[[field]]
key = "heard"
name = "Откуда узнал"
noun = "contact"
type = "choice"
choices = ["сайт", "друзья"]
"""


def pipeline(status: str) -> str:
    """The good setup with a pipeline of three statuses, the last of which says this."""
    return f"""{GOOD}{FIELDS}
[[pipeline]]
key = "service"
statuses = [{{ key = "new" }}, {{ key = "work" }}, {{ key = "done", {status} }}]
"""


def field(settings: str) -> str:
    return f"{GOOD}\n[[field]]\n{settings}\n"


WRONG = [
    (pipeline('moves = ["wrok"]'), "pipeline[service].statuses[done].moves", '"work"'),
    (pipeline('moves = ["new", "new"]'), "pipeline[service].statuses[done].moves", "once"),
    (
        pipeline('required = ["email", "phone"]'),
        "pipeline[service].statuses[done].required",
        '"loss_reason"',
    ),
    (pipeline('required = ["due", "due"]'), "pipeline[service].statuses[done].required", "once"),
    (
        pipeline('required = ["contracct"]'),
        "pipeline[service].statuses[done].required",
        'did you mean "contract"?',
    ),
    (
        pipeline('required = ["loss_reason"]'),
        "pipeline[service].statuses[done].required",
        "closed = true",
    ),
    (field('key = "amount"\nname = "Сумма"'), "field[amount]", "another key"),
    (field('key = "a b"\nname = "Поле"'), "field[a b]", "A-Z"),
    (field('key = "x"\nname = " "'), "field[x].name", "1 to 200"),
    (field('key = "x"\nname = "Поле"\ntype = "choice"'), "field[x].choices", "1 to 200"),
    (field('key = "x"\nname = "Поле"\nchoices = ["a"]'), "field[x].choices", "choice"),
    (
        field('key = "x"\nname = "Поле"\ntype = "choice"\nchoices = ["a", "a"]'),
        "field[x].choices",
        "once",
    ),
    (
        field('key = "x"\nname = "Поле"\ntype = "choice"\nchoices = [""]'),
        "field[x].choices",
        "1 to 200",
    ),
    (
        field('key = "x"\nname = "Поле"\n[[field]]\nkey = "x"\nname = "Ещё"\nnoun = "contact"'),
        "field[x]",
        "once",
    ),
]


@pytest.mark.parametrize(("document", "key", "allowed"), WRONG)
def test_a_mistake_is_told_by_its_key(document: str, key: str, allowed: str) -> None:
    assert_told(document, key, allowed)


@pytest.mark.parametrize(
    "status",
    [
        'closed = true, moves = [], required = ["loss_reason", "items", "contract", "heard"]',
        'moves = ["new", "junk"], required = ["amount", "due", "email", "contact", "source"]',
    ],
)
def test_what_is_right_is_taken(status: str) -> None:
    assert problems_of(pipeline(status)) == ()
    assert setup_of(pipeline(status)).field[0] == CustomField("contract", "Договор")
