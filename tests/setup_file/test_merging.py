"""A file laid over what the base has, and the difference it makes."""

from dataclasses import replace

import pytest

from callrouter.domain.setup import Setup
from callrouter.setup_file import BadSetup, check, differences, merge, read_file
from tests.setup_file.good import GOOD, changed, setup_of

BASE = setup_of(GOOD)
SEALED = "sealed:gAAAAAB"


def applied(text: str, base: Setup = BASE, *, prune: bool = False) -> Setup:
    return merge(base, read_file(text), prune=prune)


def with_secret(secret: str | tuple[str, ...]) -> Setup:
    return replace(BASE, account=(replace(BASE.account[0], secret=secret),))


def account_with(secret: str) -> str:
    return f'[[account]]\nkey = "main"\ndefault_line = "+74951230001"\nsecret = {secret}'


def test_an_empty_file_changes_nothing() -> None:
    assert applied("") == BASE
    assert differences(BASE, applied("")) == ()


def test_the_same_file_again_changes_nothing() -> None:
    assert applied(GOOD) == BASE


def test_an_item_of_the_file_replaces_the_whole_item() -> None:
    setup = applied('[[manager]]\nkey = "anna"\nname = "Анна Котова"\ndial = "101"')
    assert setup.managers["anna"].name == "Анна Котова"
    assert setup.managers["anna"].shift is None
    (told,) = differences(BASE, setup)
    assert told == (
        '~ manager anna: name "Анна Смирнова" → "Анна Котова"; '
        'dial ["101", "+79160000001"] → "101"; team "sales" → none; office "msk" → none; '
        'shift "Mo-Fr 09:00-18:00" → none; deputy "vera" → none'
    )


def test_items_that_the_file_does_not_name_stay_and_come_last() -> None:
    setup = applied('[[manager]]\nkey = "b"\nname = "Б"\n[[manager]]\nkey = "vera"\nname = "В"')
    assert [manager.key for manager in setup.manager] == ["b", "vera", "anna", "old"]
    assert differences(BASE, setup)[0] == "+ manager b"
    assert differences(BASE, setup)[-1] == "~ manager: now in the order b, vera, anna, old"


def test_of_a_single_table_only_the_written_keys_change() -> None:
    setup = applied("[routing]\nstrict = true\n[company]\nholidays = [2027-03-09]")
    assert setup.routing == replace(BASE.routing, strict=True)
    assert setup.company.duty == "vera"
    assert differences(BASE, setup) == (
        "~ company: holidays [] → [2027-03-09]",
        "~ routing: strict false → true",
    )


@pytest.mark.parametrize("number", ["+74951230001", "84951230001", "8 (495) 123-00-01"])
def test_a_line_is_the_same_however_its_number_is_spelled(number: str) -> None:
    setup = applied(f'[[line]]\nnumber = "{number}"\nlast_resort = "101"')
    assert len(setup.line) == 2
    assert setup.line[0].last_resort == "101"


def test_an_absence_is_the_same_by_manager_and_first_day() -> None:
    same = applied('[[absence]]\nmanager = "anna"\nfrom = 2026-03-02\nto = 2026-03-20')
    other = applied('[[absence]]\nmanager = "anna"\nfrom = 2026-08-03\nto = 2026-08-20')
    assert (len(same.absence), len(other.absence)) == (1, 2)


def test_pruning_takes_away_what_the_file_does_not_name() -> None:
    setup = applied(changed('[[block]]\nnumber = "+79990000000"', ""), prune=True)
    assert setup.block == ()
    assert differences(BASE, setup) == ("- block +79990000000",)


def test_pruning_never_removes_a_manager() -> None:
    text = GOOD.replace('deputy = "vera"', "").replace('head = "vera"', 'head = "anna"')
    start, end = text.index('[[manager]]\nkey = "vera"'), text.index('[[manager]]\nkey = "old"')
    setup = applied(text[:start] + text[end:].replace("vera", "anna"), prune=True)
    assert not setup.managers["vera"].active
    assert "~ manager vera: active true → false" in differences(BASE, setup)


def test_pruning_something_that_is_needed_is_a_mistake_of_the_file() -> None:
    setup = applied(changed('[[team]]\nkey = "sales"\nhead = "vera"', ""), prune=True)
    assert {problem.key for problem in check(setup)} == {
        "manager[anna].team",
        "manager[vera].team",
        "ladder[sales].step[1].team",
    }


def test_single_tables_are_not_pruned() -> None:
    base = applied("[routing]\nstrict = true")
    assert applied(GOOD, base, prune=True).routing.strict


def test_the_version_stays_the_bases() -> None:
    assert applied(GOOD, replace(BASE, version=7)).version == 7


@pytest.mark.parametrize(
    ("had", "written", "has"),
    [
        pytest.param(SEALED, '"kept"', SEALED, id="one"),
        pytest.param((SEALED, "env:OLD"), '"kept"', (SEALED, "env:OLD"), id="both of two"),
        pytest.param("env:OLD", '"kept"', "env:OLD", id="a variable's name"),
        pytest.param(SEALED, '["kept", "env:NEW"]', (SEALED, "env:NEW"), id="a new one beside it"),
        pytest.param(
            ("env:OLD", SEALED), '["env:NEW", "kept"]', ("env:NEW", SEALED), id="the literal one"
        ),
        pytest.param(SEALED, '"env:NEW"', "env:NEW", id="another instead"),
    ],
)
def test_a_kept_secret_is_the_bases(
    had: str | tuple[str, ...], written: str, has: str | tuple[str, ...]
) -> None:
    setup = applied(account_with(written), with_secret(had))
    assert setup.accounts["main"].secret == has


@pytest.mark.parametrize(
    ("base", "written"),
    [
        pytest.param(Setup(), '"kept"', id="a new account"),
        pytest.param(with_secret(()), '"kept"', id="an account without one"),
        pytest.param(with_secret("env:OLD"), '["kept", "env:NEW"]', id="no literal beside it"),
    ],
)
def test_where_there_is_nothing_to_keep_that_is_said(base: Setup, written: str) -> None:
    with pytest.raises(BadSetup) as caught:
        applied(account_with(written), base)
    assert [problem.key for problem in caught.value.problems] == ["account[main].secret"]


def test_a_difference_never_shows_a_secret() -> None:
    told = differences(with_secret("the old secret"), with_secret(("env:NEW", "the new secret")))
    assert told == ("~ account main: secret changed",)


def test_the_default_prefix_follows_the_companys_country() -> None:
    setup = applied('[company]\nregion = "DE"')
    assert setup.accounts["main"].allowed_prefixes == ("+49",)


def test_prefixes_that_were_written_stay() -> None:
    account = account_with('"env:A"') + '\nallowed_prefixes = ["+7", "+375"]'
    setup = applied('[company]\nregion = "DE"', applied(account))
    assert setup.accounts["main"].allowed_prefixes == ("+7", "+375")


def test_what_is_long_is_only_said_to_have_changed() -> None:
    setup = applied(
        '[[ladder]]\nkey = "sales"\n  [[ladder.step]]\n  say = "Мы перезвоним завтра, как только откроемся, с девяти утра"'
    )
    assert differences(BASE, setup) == ("~ ladder sales: step changed",)
