"""Legal entities: every mistake in their requisites, rates and series is told by its key."""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callrouter.domain.series import label
from callrouter.setup_file import check, write_setup
from callrouter.setup_file.entities import outdated
from tests.setup_file.good import GOOD, assert_told, problems_of, setup_of

ENTITY = """
[[entity]]
key = "romashka"
name = "ООО «Ромашка»"
inn = "7707083893"
kpp = "770701001"
ogrn = "1027700132195"
bank = "ПАО Сбербанк"
bik = "044525225"
account = "40702810138000000018"
corr_account = "30101810400000000225"
email = "info@romashka.example"
logo = "logo"
vat = "22"
series = "{entity}-{office}-{year}-{month:02}-{n:04}"
valid_days = 365
terms = "Оплата по счёту.\\nДоставка за наш счёт."
"""
WHOLE = GOOD + ENTITY


def with_(old: str, new: str) -> str:
    assert ENTITY.count(old) == 1
    return GOOD + ENTITY.replace(old, new)


def test_an_entity_may_say_all_of_it() -> None:
    setup = setup_of(WHOLE)
    assert [one.key for one in setup.entity] == ["romashka"]
    assert setup_of(write_setup(setup)).entity == setup.entity


def test_a_sole_trader_has_other_lengths() -> None:
    text = with_('inn = "7707083893"', 'inn = "500100732259"')
    assert problems_of(text.replace('"1027700132195"', '"304500116000191"')) == ()


@pytest.mark.parametrize(
    ("text", "key", "allowed"),
    [
        pytest.param(with_("7707083893", "770708389"), "inn", "10 or 12 digits", id="INN too short"),
        pytest.param(with_("7707083893", "7707083839"), "inn", "check digit", id="INN misspelt"),
        pytest.param(
            with_("7707083893", "500100732295"), "inn", "check digit", id="a person's INN misspelt"
        ),
        pytest.param(with_("7707083893", "770708389Х"), "inn", "digits", id="INN with a letter"),
        pytest.param(with_("7707083893", "٧٧٠٧٠٨٣٨٩٣"), "inn", "digits", id="INN in other digits"),
        pytest.param(with_("770701001", "77070100"), "kpp", "770701001", id="KPP too short"),
        pytest.param(
            with_("1027700132195", "1027700132159"), "ogrn", "check digit", id="OGRN misspelt"
        ),
        pytest.param(with_("1027700132195", "10277"), "ogrn", "13 or 15", id="OGRN too short"),
        pytest.param(with_('"044525225"', '"04452522"'), "bik", "9 digits", id="BIK too short"),
        pytest.param(
            with_("40702810138000000018", "40702810138000000081"),
            "account",
            "044525225",
            id="an account misspelt",
        ),
        pytest.param(
            with_("40702810138000000018", "4070281013800000001"),
            "account",
            "20 digits",
            id="an account too short",
        ),
        pytest.param(
            with_("30101810400000000225", "30101810500000000225"),
            "corr_account",
            "BIK",
            id="a correspondent account misspelt",
        ),
        pytest.param(
            with_("info@romashka.example", "info@"), "email", "one address", id="no address"
        ),
        pytest.param(with_('"logo"', '"../logo.png"'), "logo", "logo.png", id="a logo's path"),
        pytest.param(with_('vat = "22"', 'vat = "21"'), "vat", '"none"', id="a rate of no day"),
        pytest.param(with_('vat = "22"', 'vat = ""'), "vat", '"22"', id="an empty rate"),
        pytest.param(
            with_("valid_days = 365", "valid_days = 0"), "valid_days", "1 to 365", id="no day"
        ),
        pytest.param(
            with_("valid_days = 365", "valid_days = 366"), "valid_days", "1 to 365", id="too long"
        ),
        pytest.param(with_("-{n:04}", ""), "series", "{n}", id="a series without a number"),
        pytest.param(with_("-{n:04}", "-{n"), "series", "{n}", id="a brace that is open"),
        pytest.param(with_("-{n:04}", "-{n}{m}"), "series", "{m}", id="an unknown field"),
        pytest.param(
            with_("-{n:04}", "-{n.real}"), "series", "{n.real}", id="a field of a field"
        ),
        pytest.param(with_("-{n:04}", "-{n!r}"), "series", "{n}", id="a conversion"),
        pytest.param(with_("-{n:04}", "-{n:1000}"), "series", "{n:1000}", id="a thousand digits"),
        pytest.param(
            with_("{entity}", "{entity:9}"), "series", "{entity:9}", id="a width of a text"
        ),
        pytest.param(with_("{entity}", "К" * 60), "series", "at most 64", id="a series too long"),
        pytest.param(
            with_("ООО «Ромашка»", ""), "name", "1 to 200", id="an entity without a name"
        ),
        pytest.param(
            with_('key = "romashka"', 'key = "romashka"\naddress = "a\\u0007"'),
            "address",
            "people can read",
            id="an address that rings",
        ),
    ],
)  # fmt: skip
def test_a_mistake_of_an_entity_is_told(text: str, key: str, allowed: str) -> None:
    assert_told(text, f"entity[romashka].{key}", allowed)


def test_an_office_names_an_entity_that_there_is() -> None:
    text = WHOLE.replace('key = "msk"', 'key = "msk"\nentity = "romashk"')
    assert_told(text, "office[msk].entity", 'did you mean "romashka"?')
    assert problems_of(text.replace('"romashk"', '"romashka"')) == ()


def test_requisites_of_another_country_are_texts() -> None:
    foreign = WHOLE.replace('duty = "vera"', 'duty = "vera"\nregion = "KZ"')
    foreign = foreign.replace("7707083893", "BIN 123").replace('vat = "22"', 'vat = "12"')
    numbers = '[[line]]\nnumber = "'
    assert numbers in foreign
    assert [one.key for one in problems_of(foreign) if one.key.startswith("entity")] == []


@pytest.mark.parametrize(
    ("rate", "day", "told"),
    [
        pytest.param("22", date(2026, 3, 2), [], id="today's"),
        pytest.param("20", date(2025, 12, 31), [], id="the last day of a rate"),
        pytest.param("20", date(2026, 1, 1), ["entity[romashka].vat"], id="yesterday's"),
        pytest.param("22", date(2025, 12, 31), ["entity[romashka].vat"], id="tomorrow's"),
        pytest.param("none", date(2026, 1, 1), [], id="no VAT"),
    ],
)
def test_a_rate_of_another_day_is_warned_of(rate: str, day: date, told: list[str]) -> None:
    setup = setup_of(with_('vat = "22"', f'vat = "{rate}"'))
    assert [one.key for one in outdated(setup, day)] == told


@given(st.integers(0, 19), st.integers(1, 9))
def test_no_single_misspelt_digit_of_an_account_goes_through(place: int, by: int) -> None:
    account = "40702810138000000018"
    digit = str((int(account[place]) + by) % 10)
    misspelt = f"{account[:place]}{digit}{account[place + 1 :]}"
    text = WHOLE.replace(account, misspelt)
    assert_told(text, "entity[romashka].account", "misspelt")


@given(st.text(max_size=40))
def test_no_series_breaks_the_check(pattern: str) -> None:
    """Whatever passes can be written."""
    setup = setup_of(WHOLE)
    entity = replace(setup.entity[0], series=pattern)
    if check(replace(setup, entity=(entity,))) == ():
        assert label(pattern, 7, on=date(2026, 3, 2), entity="e", office="o")
