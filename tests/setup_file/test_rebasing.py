"""What two people changed of one Setup, joined: nothing of either is lost, a clash is named."""

from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callrouter.domain.setup import Setup, Team
from callrouter.setup_file.rebasing import Conflict, rebase
from tests.setup_file.good import GOOD, setup_of

BASE = setup_of(GOOD)


def teams(names: str) -> Setup:
    """A team for each letter; a capital one has another name than the small one."""
    return Setup(team=tuple(Team(one.lower(), one) for one in names))


def shown(setup: Setup) -> str:
    return "".join(one.name for one in setup.team)


@pytest.mark.parametrize(
    ("base", "mine", "theirs", "joined"),
    [
        pytest.param("abc", "abc", "abC", "abC", id="only they changed"),
        pytest.param("abc", "Abc", "abc", "Abc", id="only I changed"),
        pytest.param("abc", "Abc", "abC", "AbC", id="each another one"),
        pytest.param("abc", "Abc", "Abc", "Abc", id="both alike"),
        pytest.param("abc", "ab", "Abc", "Ab", id="I dropped what they left alone"),
        pytest.param("abc", "Abc", "ab", "Ab", id="they dropped what I left alone"),
        pytest.param("abc", "axbc", "abcy", "axbcy", id="each put one in"),
        pytest.param("abc", "cab", "abcy", "cyab", id="I moved, they put one in"),
        pytest.param("abc", "axbc", "cab", "caxb", id="they moved, I put one in"),
        pytest.param("abc", "", "abc", "", id="I dropped all"),
    ],
)
def test_changes_are_joined(base: str, mine: str, theirs: str, joined: str) -> None:
    assert shown(rebase(teams(base), teams(mine), teams(theirs))) == joined


@pytest.mark.parametrize(
    ("base", "mine", "theirs", "names"),
    [
        pytest.param("aBc", "abc", "ac", ("team[b]",), id="changed and dropped"),
        pytest.param("aBc", "ac", "abc", ("team[b]",), id="dropped and changed"),
        pytest.param("abc", "bac", "acb", ("team",), id="moved and moved otherwise"),
        pytest.param("a", "ab", "aB", ("team[b]",), id="two new ones of one name"),
    ],
)
def test_a_clash_is_named(base: str, mine: str, theirs: str, names: tuple[str, ...]) -> None:
    with pytest.raises(Conflict) as found:
        rebase(teams(base), teams(mine), teams(theirs))
    assert found.value.names == names


def test_single_tables_are_joined_key_by_key() -> None:
    mine = replace(BASE, missed=replace(BASE.missed, tries=5))
    theirs = replace(BASE, missed=replace(BASE.missed, term_min=20), version=7)
    joined = rebase(BASE, mine, theirs)
    assert joined.missed == replace(BASE.missed, tries=5, term_min=20)
    assert joined.version == 7
    with pytest.raises(Conflict, match=r"missed\.tries"):
        rebase(BASE, mine, replace(BASE, missed=replace(BASE.missed, tries=4)))


def test_items_are_joined_key_by_key() -> None:
    def anna(**more: object) -> Setup:
        people = (replace(BASE.managers["anna"], **more), *BASE.manager[1:])  # type: ignore[arg-type]
        return replace(BASE, manager=people)

    mine, theirs = anna(capacity=5, wrap_up_s=30), anna(post="Старший", wrap_up_s=30)
    joined = rebase(BASE, mine, theirs).managers["anna"]
    assert joined == anna(capacity=5, post="Старший", wrap_up_s=30).managers["anna"]
    with pytest.raises(Conflict) as found:
        rebase(BASE, mine, anna(capacity=6, post="Старший"))
    assert found.value.names == ("manager[anna].capacity",)
    assert (
        rebase(BASE, anna(capacity=6, wrap_up_s=30), anna(capacity=6)).managers["anna"].wrap_up_s
        == 30
    )  # set as it is in force, the rest can be published


ORDERS = st.sampled_from(["".join(some) for n in range(4) for some in permutations("abc", n)])


@given(ORDERS, ORDERS)
def test_who_changed_alone_gets_what_he_wanted(base: str, wanted: str) -> None:
    assert shown(rebase(teams(base), teams(wanted), teams(base))) == wanted
    assert shown(rebase(teams(base), teams(base), teams(wanted))) == wanted
    assert shown(rebase(teams(base), teams(wanted), teams(wanted))) == wanted
