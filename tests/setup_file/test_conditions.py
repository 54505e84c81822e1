"""Rules: only comparisons that can be made, of things that exist."""

import pytest

from tests.setup_file.good import GOOD, assert_told, changed, problems_of


def rule(when: str) -> str:
    """The good setup with one more rule, "x"."""
    return f'{GOOD}\n[[rule]]\nname = "x"\nladder = "sales"\nwhen = {when}\n'


def nested(depth: int) -> str:
    inner = '{ field = "holiday", op = "is", value = true }'
    for _ in range(depth):
        inner = f"{{ not = {inner} }}"
    return rule(inner)


MISTAKES = [
    pytest.param(
        changed('ladder = "sales"\nwhen', 'ladder = "x"\nwhen'),
        "rule[VIP].ladder", '"night"', id="a rule's ladder",
    ),
    pytest.param(rule("{}"), "rule[x].when", "exactly one of field", id="an empty condition"),
    pytest.param(
        rule('{ field = "holiday", op = "is", value = true, all = [] }'),
        "rule[x].when", "exactly one", id="a comparison and a list",
    ),
    pytest.param(rule("{ any = [] }"), "rule[x].when.any", "one condition or more", id="any: []"),
    pytest.param(
        rule('{ not = { all = [{ field = "holiday" }] } }'),
        "rule[x].when.not.all[1].op", '"is", "is_not"', id="no op",
    ),
    pytest.param(
        rule('{ op = "within", value = "24/7" }'),
        "rule[x].when", "none of them", id="an op without a field",
    ),
    pytest.param(
        rule('{ op = "is", not = { field = "holiday", op = "is", value = true } }'),
        "rule[x].when", "only with a field", id="an op beside not",
    ),
    pytest.param(
        rule('{ field = "source", op = "above", value = 1 }'),
        "rule[x].when.op", '"starts"', id="an op of another type",
    ),
    pytest.param(
        rule('{ field = "holiday", op = "is", value = "yes" }'),
        "rule[x].when.value", "true or false", id="a text for a flag",
    ),
    pytest.param(
        rule('{ field = "missed_today", op = "above", value = true }'),
        "rule[x].when.value", "a whole number", id="a flag for a number",
    ),
    pytest.param(
        rule('{ field = "contact.tag", op = "has" }'),
        "rule[x].when.value", "a text in quotes", id="no value",
    ),
    pytest.param(
        rule('{ field = "source", op = "in", value = "site" }'),
        "rule[x].when.value", "a list", id="in a text",
    ),
    pytest.param(
        rule('{ field = "source", op = "in", value = [] }'),
        "rule[x].when.value", "a list", id="in nothing",
    ),
    pytest.param(
        rule('{ field = "source", op = "is", value = ["site"] }'),
        "rule[x].when.value", "a text in quotes", id="is a list",
    ),
    pytest.param(
        rule('{ field = "hours", op = "within", value = "9 to 18" }'),
        "rule[x].when.value", "Mo-Fr", id="within no hours",
    ),
    pytest.param(
        rule('{ field = "hours", op = "within", value = 9 }'),
        "rule[x].when.value", "Mo-Fr", id="within a number",
    ),
    pytest.param(
        rule('{ field = "hours", op = "is", value = "opened" }'),
        "rule[x].when.value", 'did you mean "open"?', id="neither open nor closed",
    ),
    pytest.param(
        rule('{ field = "line", op = "is", value = "Сайты" }'),
        "rule[x].when.value", 'did you mean "Сайт"?', id="an unknown line",
    ),
    pytest.param(
        rule('{ field = "caller.kind", op = "in", value = ["withheld", "hidden"] }'),
        "rule[x].when.value", '"short"', id="an unknown kind of caller",
    ),
    pytest.param(
        rule('{ field = "caller.number", op = "is", value = "89160000001" }'),
        "rule[x].when.value", '"+79160000001"', id="a number as nobody's is written",
    ),
    pytest.param(
        rule('{ field = "contact.manager", op = "is", value = "ana" }'),
        "rule[x].when.value", 'did you mean "anna"?', id="an unknown manager in a rule",
    ),
    pytest.param(
        rule('{ field = "card.status", op = "is", value = "lost" }'),
        "rule[x].when.value", '"new", "won"', id="an unknown status",
    ),
    pytest.param(nested(11), f"rule[x].when{'.not' * 10}", "10 levels", id="nested too deeply"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "key", "allowed"), MISTAKES)
def test_a_mistake_is_told_by_its_key_and_by_what_is_allowed(
    text: str, key: str, allowed: str
) -> None:
    assert_told(text, key, allowed)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(nested(10), id="nested ten times"),
        pytest.param(
            rule('{ field = "line", op = "in", value = ["Сайт", "trunk-msk"] }'), id="line"
        ),
        pytest.param(
            rule('{ field = "caller.number", op = "starts", value = "+7495" }'), id="area"
        ),
        pytest.param(rule('{ field = "caller.number", op = "is", value = "112" }'), id="short"),
        pytest.param(rule('{ field = "missed_today", op = "in", value = [2, 3] }'), id="figures"),
        pytest.param(rule('{ field = "contact.tag", op = "starts", value = "vip" }'), id="tags"),
        pytest.param(
            rule('{ field = "hours", op = "within", value = "Пн 18:00-21:00" }'), id="hours"
        ),
        pytest.param(
            rule('{ field = "caller.country", op = "is_not", value = "RU" }'), id="abroad"
        ),
    ],
)
def test_a_comparison_that_can_be_made_is_let_pass(text: str) -> None:
    assert problems_of(text) == ()
