"""An export: to be applied again without any change, and to be shown to anybody."""

import tomllib
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callrouter.domain.setup import (
    Absence,
    Block,
    Company,
    Condition,
    Ladder,
    Letter,
    Letters,
    Line,
    Load,
    Manager,
    Missed,
    Office,
    Pipeline,
    Routing,
    Rule,
    Setup,
    Status,
    Team,
)
from callrouter.setup_file import merge, read_file, read_setup, write_setup
from tests.setup_file.good import GOOD, setup_of

CONDITIONS = st.recursive(
    st.builds(Condition, all=st.none(), any=st.none(), not_=st.none()),
    lambda inner: st.one_of(
        st.builds(lambda parts: Condition(all=tuple(parts)), st.lists(inner, max_size=3)),
        st.builds(lambda parts: Condition(any=tuple(parts)), st.lists(inner, max_size=3)),
        st.builds(lambda part: Condition(not_=part), inner),
    ),
    max_leaves=5,
)


def some(item: type, name: str = "key") -> st.SearchStrategy[tuple[object, ...]]:
    """A few items of a section, no two of one name."""
    items = st.lists(st.from_type(item), max_size=2, unique_by=lambda one: getattr(one, name))
    return items.map(tuple)


PIPELINES = st.builds(
    Pipeline,
    statuses=st.lists(st.builds(Status, weight=st.floats(allow_nan=False)), max_size=3).map(tuple),
)
SETUPS = st.builds(
    Setup,
    company=st.builds(Company),
    routing=st.builds(Routing),
    office=some(Office),
    account=st.just(()),
    team=some(Team),
    manager=some(Manager),
    absence=some(Absence, "manager"),
    ladder=some(Ladder),
    line=some(Line, "number"),
    rule=st.lists(st.builds(Rule, when=CONDITIONS), max_size=2, unique_by=lambda one: one.name).map(
        tuple
    ),
    pipeline=st.lists(PIPELINES, max_size=2, unique_by=lambda one: one.key).map(tuple),
    letter=some(Letter),
    missed=st.builds(Missed),
    load=st.builds(Load, tie=st.floats(0, 1), overdue_weight=st.floats(0, 9)),
    letters=st.builds(Letters),
    block=some(Block, "number"),
    version=st.just(3),
)


def test_what_is_default_is_left_out() -> None:
    text = write_setup(setup_of('[company]\nduty = "a"\n[[manager]]\nkey = "a"\nname = "А"'))
    assert text == '[company]\nduty = "a"\n\n[[manager]]\nkey = "a"\nname = "А"\n'


def test_nothing_is_written_as_nothing() -> None:
    assert write_setup(Setup()) == ""


def test_the_export_reads_as_a_person_would_write_it() -> None:
    text = write_setup(setup_of(GOOD))
    assert '[[ladder]]\nkey = "sales"\n  [[ladder.step]]\n  ring = "least_loaded"\n' in text
    assert '[[absence]]\nmanager = "anna"\nfrom = 2026-03-02\nto = 2026-03-15\n' in text
    assert 'when = { field = "contact.tag", op = "has", value = "vip" }\n' in text
    assert "allowed_prefixes" not in text


def test_an_export_is_a_setup_by_itself() -> None:
    assert read_setup(write_setup(setup_of(GOOD))) == setup_of(GOOD)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(SETUPS)
def test_applying_an_export_changes_nothing(setup: Setup) -> None:
    assert merge(setup, read_file(write_setup(setup))) == setup


@pytest.mark.parametrize(
    ("secret", "written"),
    [
        pytest.param("env:PBX_SECRET", "env:PBX_SECRET", id="a variable's name is no secret"),
        pytest.param("a literal secret", "kept", id="a literal"),
        pytest.param("sealed:gAAAA", "kept", id="a sealed one"),
        pytest.param(("sealed:gAAAA", "a literal secret"), "kept", id="two of them"),
        pytest.param(("sealed:gAAAA", "env:NEW"), ["kept", "env:NEW"], id="one of each"),
    ],
)
def test_an_export_shows_no_secret_and_changes_none(
    secret: str | tuple[str, ...], written: str | list[str]
) -> None:
    setup = setup_of(GOOD)
    setup = replace(setup, account=(replace(setup.account[0], secret=secret),))
    text = write_setup(setup)
    assert tomllib.loads(text)["account"][0]["secret"] == written
    assert merge(setup, read_file(text)) == setup


@pytest.mark.parametrize("prefixes", [(), ("+7",), ("+7", "+375"), ("+",)])
def test_prefixes_survive_an_export(prefixes: tuple[str, ...]) -> None:
    setup = setup_of(GOOD)
    setup = replace(setup, account=(replace(setup.account[0], allowed_prefixes=prefixes),))
    assert merge(setup, read_file(write_setup(setup))) == setup


def test_keys_that_are_no_bare_words_are_quoted() -> None:
    manager = Manager("a", "А", dial={"main.pbx": "101", "не наш": ("1", "2")})
    setup = Setup(company=Company(duty="a"), manager=(manager,))
    assert read_setup(write_setup(setup)).manager == (manager,)


def test_dates_are_written_as_dates() -> None:
    setup = Setup(block=(Block("+79990000000", until=date(2027, 12, 31)),))
    assert tomllib.loads(write_setup(setup))["block"][0]["until"] == date(2027, 12, 31)
