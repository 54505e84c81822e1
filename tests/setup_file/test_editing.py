"""One item of a Setup changed as a form does it: whatever a file could say, and nothing else moves."""

from dataclasses import replace

import pytest

from callrouter.domain.setup import Setup
from callrouter.setup_file import BadSetup, check, differences
from callrouter.setup_file.editing import (
    ItemExists,
    NoSuchItem,
    drop_item,
    find_item,
    move_item,
    put_item,
    put_table,
    written_of,
)
from callrouter.setup_file.names import LISTS, SECTIONS, label
from tests.setup_file.good import GOOD, setup_of

BASE = setup_of(GOOD)


@pytest.mark.parametrize("section", SECTIONS)
def test_what_is_read_of_an_item_put_back_changes_nothing(section: str) -> None:
    if section not in LISTS:
        assert put_table(BASE, section, written_of(BASE, section)) == BASE
        return
    for item in getattr(BASE, section):
        key = label(section, item)
        assert put_item(BASE, section, written_of(BASE, section, key), key=key) == BASE


def test_an_item_stays_in_its_place_and_a_new_one_comes_last() -> None:
    first = BASE.manager[0].key
    anna = {**written_of(BASE, "manager", first), "name": "Анна Котова"}
    changed = put_item(BASE, "manager", anna, key=first)
    (told,) = differences(BASE, changed)
    assert told == f'~ manager {first}: name "Анна Смирнова" → "Анна Котова"'
    more = put_item(BASE, "manager", {"key": "gleb", "name": "Глеб"}, key=None)
    assert differences(BASE, more) == ("+ manager gleb",)
    assert more.manager[-1].key == "gleb"


def test_an_item_may_get_another_name_but_none_that_is_taken() -> None:
    two = put_item(BASE, "team", {"key": "service"}, key=None)
    renamed = put_item(two, "team", {"key": "help"}, key="service")
    assert [one.key for one in renamed.team] == ["sales", "help"]
    with pytest.raises(ItemExists, match=r"team\[sales\]: is there already"):
        put_item(two, "team", {"key": "sales"}, key="service")
    with pytest.raises(ItemExists):
        put_item(two, "team", {"key": "sales"}, key=None)
    with pytest.raises(NoSuchItem):
        put_item(BASE, "team", {"key": "help"}, key="service")


def test_a_line_is_the_same_however_its_number_is_spelled() -> None:
    (number,) = (one.number for one in BASE.line[:1])
    again = {**written_of(BASE, "line", number), "number": "8 (495) 123-00-01"}
    assert [one.number for one in put_item(BASE, "line", again, key=number).line[:1]] == [
        "8 (495) 123-00-01"
    ]
    with pytest.raises(ItemExists):
        put_item(BASE, "line", again, key=None)


def test_of_a_table_what_is_left_out_is_default() -> None:
    assert BASE.company.duty == "vera"
    changed = put_table(BASE, "company", {"name": "Ромашка", "duty": "anna"})
    assert changed.company == replace(Setup().company, name="Ромашка", duty="anna")


def test_a_wrong_value_is_named_as_in_a_file() -> None:
    with pytest.raises(BadSetup, match=r"manager\[gleb\]\.capacity"):
        put_item(BASE, "manager", {"key": "gleb", "name": "Глеб", "capacity": "x"}, key=None)
    with pytest.raises(BadSetup, match=r"missed\.tres.*tries"):
        put_table(BASE, "missed", {"tres": 3})


def test_a_secret_is_never_read_and_kept_where_it_is_not_typed_anew() -> None:
    account = replace(BASE.account[0], secret="sealed:gAAAAAB")
    base = replace(BASE, account=(account,))
    written = written_of(base, "account", "main")
    assert written["secret"] == "kept"
    changed = put_item(base, "account", {**written, "max_talk_s": 60}, key="main")
    assert changed.account[0].secret == "sealed:gAAAAAB"
    assert changed.account[0].max_talk_s == 60


def test_a_manager_who_is_dropped_works_here_no_more_and_a_rule_goes() -> None:
    gone = drop_item(BASE, "manager", "anna")
    assert not find_item(gone, "manager", "anna").active
    assert len(gone.manager) == len(BASE.manager)
    rule = {
        "name": "A",
        "when": {"field": "contact.tag", "op": "has", "value": "vip"},
        "ladder": "sales",
    }
    two = put_item(put_item(BASE, "rule", rule, key=None), "rule", {**rule, "name": "B"}, key=None)
    names = [one.name for one in BASE.rule]
    assert [one.name for one in move_item(two, "rule", "B", 0).rule] == ["B", *names, "A"]
    assert [one.name for one in move_item(two, "rule", "A", 99).rule] == [*names, "B", "A"]
    assert drop_item(drop_item(two, "rule", "B"), "rule", "A") == BASE
    assert check(two) == ()
