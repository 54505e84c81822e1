"""From text to values: types are not guessed, and everything wrong is told at once."""

from datetime import date

import pytest

from callrouter.domain.setup import Absence, Condition, Setup, Step
from callrouter.setup_file import BadSetup, Problem, Written, read_file, read_setup
from tests.setup_file.good import GOOD, assert_told, changed, problems_of, setup_of


def test_values_are_those_of_the_file() -> None:
    setup = setup_of(GOOD)
    assert setup.company.name == "Ромашка"
    assert setup.absence == (Absence("anna", date(2026, 3, 2), date(2026, 3, 15)),)
    assert setup.ladders["sales"].step == (Step(ring="least_loaded", team="sales"),)
    assert setup.managers["anna"].dials("main") == ("101", "+79160000001")


def test_not_and_from_are_written_as_people_write_them() -> None:
    condition = '{ not = { any = [{ not = { field = "holiday", op = "is", value = true } }] } }'
    setup = setup_of(
        changed('{ field = "contact.tag", op = "has", value = "vip" }', condition),
    )
    holiday = Condition(field="holiday", op="is", value=True)
    assert setup.rule[0].when == Condition(not_=Condition(any=(Condition(not_=holiday),)))


def test_holidays_are_dates_in_quotes_or_without() -> None:
    text = changed('duty = "vera"', 'duty = "vera"\nholidays = ["2027-03-09", 2027-05-11]')
    assert setup_of(text).company.holidays == (date(2027, 3, 9), date(2027, 5, 11))


def test_a_file_may_hold_some_sections_only() -> None:
    written = read_file('[routing]\nstrict = true\n[[team]]\nkey = "sales"')
    assert written.setup.routing.strict
    assert written.named == {("routing", "strict")}


def test_an_empty_file_says_nothing() -> None:
    assert read_file("# nothing yet\n") == Written(Setup(), frozenset())


@pytest.mark.parametrize(
    ("text", "key", "allowed"),
    [
        pytest.param(
            changed("[routing]", "[ruoting]"),
            "ruoting", 'did you mean "routing"?', id="a section misspelt",
        ),
        pytest.param("version = 3", "version", "is not a section", id="the version"),
        pytest.param(
            changed("[[team]]", "[team]"), "team", "its own [[header]]", id="single brackets"
        ),
        pytest.param("routing = 1", "routing", "a table", id="a figure for a table"),
        pytest.param("line = [1]", "line[1]", "a table", id="a figure for a line"),
        pytest.param(
            changed('dial = "103"', 'dail = "103"'),
            "manager[vera].dail", 'did you mean "dial"?', id="a key misspelt",
        ),
        pytest.param(
            changed('name = "Вера Котова"', ""),
            "manager[vera].name", "obligatory", id="a name missing",
        ),
        pytest.param(
            changed('key = "vera"\n', ""), "manager[2].key", "obligatory", id="a key missing"
        ),
        pytest.param(
            changed("tried_hours = 24", 'tried_hours = "24"'),
            "routing.tried_hours", 'is "24"; allowed: a whole number', id="a figure in quotes",
        ),
        pytest.param(
            changed("tried_hours = 24", "tried_hours = 24.0"),
            "routing.tried_hours", "a whole number", id="a fraction",
        ),
        pytest.param(
            changed("active = false", "active = 0"),
            "manager[old].active", "true or false", id="a figure for a flag",
        ),
        pytest.param(
            changed("[routing]", "[load]\ntie = true\n[routing]"),
            "load.tie", "a number", id="a flag for a figure",
        ),
        pytest.param(
            changed('name = "Ромашка"', "name = 5"),
            "company.name", "a text in quotes", id="a figure for a text",
        ),
        pytest.param(
            changed('name = "Ромашка"', "name = 2026-01-01"),
            "company.name", "a text in quotes", id="a date for a text",
        ),
        pytest.param(
            changed('dial = "103"', "dial = 2026-01-01"),
            "manager[vera].dial", "a text in quotes", id="a date for a dial",
        ),
        pytest.param(
            changed("to = 2026-03-15", 'to = "15.03.2026"'),
            "absence[anna 2026-03-02].to", "2026-03-02", id="a date as it is written in Russia",
        ),
        pytest.param(
            changed("to = 2026-03-15", "to = 2026-03-15T09:00:00Z"),
            "absence[anna 2026-03-02].to", "a date", id="a moment for a date",
        ),
        pytest.param(
            changed("from = 2026-03-02", "from_ = 2026-03-02"),
            "absence[anna].from_", 'did you mean "from"?', id="a name of Python's",
        ),
        pytest.param(
            changed("when = { field", "when = { not_ = { field").replace('"vip" }', '"vip" } }'),
            "rule[VIP].when.not_", '"not"', id="another name of Python's",
        ),
        pytest.param(
            changed('dial = ["101", "+79160000001"]', "dial = [101]"),
            "manager[anna].dial", "a table { account = … }", id="a dial without quotes",
        ),
        pytest.param(
            changed('ring = "least_loaded"', 'ring = "least-loaded"'),
            "ladder[sales].step[1].ring", 'did you mean "least_loaded"?', id="a strategy misspelt",
        ),
        pytest.param(
            changed("tried_hours = 24", 'responsible = ["cards"]'),
            "routing.responsible", '"closed_card"', id="an unknown source",
        ),
        pytest.param(
            changed("[[ladder.step]]\n  say", "[[ladder.steps]]\n  say"),
            "ladder[night].steps", 'did you mean "step"?', id="steps misspelt",
        ),
        pytest.param(
            changed('field = "contact.tag"', 'field = "contact.tags"'),
            "rule[VIP].when.field", 'did you mean "contact.tag"?', id="an unknown field",
        ),
        pytest.param(
            changed('op = "has"', 'op = "like"'), "rule[VIP].when.op", '"starts"', id="an unknown op"
        ),
        pytest.param(
            changed('value = "vip"', "value = 1.5"),
            "rule[VIP].when.value", "a whole number", id="a fraction in a rule",
        ),
        pytest.param(
            changed('{ key = "new" }', '{ key = "new", wight = 1 }'),
            "pipeline[sales].statuses[new].wight", 'did you mean "weight"?', id="a status's key",
        ),
        pytest.param(
            GOOD + '[[team]]\nkey = "sales"', "team[sales]", "allowed: once", id="a team twice"
        ),
        pytest.param(
            GOOD + '[[rule]]\nname = "VIP"\nladder = "night"\nwhen = {}',
            "rule[VIP]", "allowed: once", id="a rule twice",
        ),
        pytest.param(
            GOOD + f"[[rule]]\nname = 'x'\nladder = 'night'\nwhen = {'{ not = ' * 300}{{}}{' }' * 300}",
            "", "nested too deeply", id="nested for ever",
        ),
    ],
)  # fmt: skip
def test_what_is_of_the_wrong_kind_is_told_by_its_key(text: str, key: str, allowed: str) -> None:
    assert_told(text, key, allowed)


def test_all_wrong_keys_are_told_at_once() -> None:
    text = changed('dial = "103"', 'dail = "103"').replace("active = false", "active = 0")
    assert [problem.key for problem in problems_of(text + "[lines]")] == [
        "lines",
        "manager[vera].dail",
        "manager[old].active",
    ]


def test_what_is_not_toml_is_told_by_its_place() -> None:
    (problem,) = problems_of("[company]\nname = Ромашка\n")
    assert problem.where == "line 2, column 8"
    assert str(problem).startswith("line 2, column 8: not TOML: ")


def test_an_error_never_shows_a_secret() -> None:
    text = changed('secret = "env:PBX_SECRET"', 'secret = ["hunter2hunter2", 5]')
    with pytest.raises(BadSetup) as caught:
        read_setup(text)
    assert "account[main].secret" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_an_error_is_a_line_for_each_problem() -> None:
    bad = BadSetup([Problem("line[1].hours", "is odd"), Problem("", "is not TOML", "line 3")])
    assert str(bad) == "line[1].hours: is odd\nline 3: is not TOML"
