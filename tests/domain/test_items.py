"""Sums of items to the kopeck, and VAT by the day."""

from __future__ import annotations

from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callrouter.domain.items import NO_VAT, Item, sum_of, totals_of
from callrouter.domain.vat import allowed_at, is_allowed, rate_of, usual_at

RATES = ("22", "20", "10", "7", "5", "0", NO_VAT)
ITEMS = st.lists(
    st.builds(
        Item,
        name=st.just("Окно"),
        unit=st.just("шт"),
        quantity=st.decimals(Decimal("0.001"), 10_000, places=3),
        price=st.decimals(0, 1_000_000, places=2),
        discount=st.decimals(0, 100, places=2),
        vat=st.sampled_from(RATES),
    ),
    max_size=30,
)


def exact(amount: Fraction) -> Decimal:
    """Half a kopeck up, reckoned without decimals."""
    return Decimal(int((amount * 100 + Fraction(1, 2)) // 1)) / 100


def test_an_item_costs_its_quantity_at_its_price_less_the_discount() -> None:
    one = Item("Окно", "шт", Decimal("2.5"), Decimal("100.01"), Decimal(10))
    assert sum_of(one) == Decimal("225.02")  # 225.0225
    assert sum_of(Item("Винт", "шт", Decimal("0.5"), Decimal("0.01"))) == Decimal("0.01")


@pytest.mark.parametrize(
    ("inside", "net", "tax", "total"),
    [
        (True, "81.97", "18.03", "100.00"),
        (False, "100.00", "22.00", "122.00"),
    ],
)
def test_vat_stands_inside_the_price_or_on_top(
    *, inside: bool, net: str, tax: str, total: str
) -> None:
    items = [Item("Окно", "шт", Decimal(1), Decimal(100), vat="22")]
    found = totals_of(items, prices_include_vat=inside)
    assert (found.net, found.vat, found.total) == (
        Decimal(net),
        (("22", Decimal(tax)),),
        Decimal(total),
    )


@given(ITEMS, st.booleans())
def test_the_parts_come_to_the_whole(items: list[Item], inside: bool) -> None:  # noqa: FBT001
    found = totals_of(items, prices_include_vat=inside)
    at_prices = sum((sum_of(one) for one in items), Decimal(0))
    assert found.total == found.net + sum((tax for _, tax in found.vat), Decimal(0))
    assert (found.total if inside else found.net) == at_prices
    for rate, tax in found.vat:
        base = sum((Fraction(sum_of(one)) for one in items if one.vat == rate), Fraction(0))
        share = Fraction(rate)
        assert tax == exact(base * share / (100 + share if inside else 100))
    assert all(amount == amount.quantize(Decimal("0.01")) for amount in (found.net, found.total))
    assert [rate for rate, _ in found.vat] == sorted(
        {one.vat for one in items} - {NO_VAT}, key=Decimal, reverse=True
    )


@given(ITEMS.map(lambda items: items[:1]))
def test_a_sum_is_rounded_as_on_an_invoice(items: list[Item]) -> None:
    for one in items:
        whole = Fraction(one.quantity) * Fraction(one.price) * (100 - Fraction(one.discount)) / 100
        assert sum_of(one) == exact(whole)
        assert sum_of(one) == sum_of(one).quantize(Decimal("0.01"), ROUND_HALF_UP)


# VAT


@pytest.mark.parametrize(
    ("day", "usual", "others"),
    [
        (date(1999, 1, 1), "18", {"10", "0"}),
        (date(2018, 12, 31), "18", {"10", "0"}),
        (date(2019, 1, 1), "20", {"10", "0"}),
        (date(2024, 12, 31), "20", {"10", "0"}),
        (date(2025, 1, 1), "20", {"10", "7", "5", "0"}),
        (date(2025, 12, 31), "20", {"10", "7", "5", "0"}),
        (date(2026, 1, 1), "22", {"10", "7", "5", "0"}),
        (date(2030, 1, 1), "22", {"10", "7", "5", "0"}),
    ],
)
def test_rates_are_those_of_the_day(day: date, usual: str, others: set[str]) -> None:
    assert usual_at(day, "RU") == usual
    assert set(allowed_at(day, "RU")) == {usual, NO_VAT, *others}
    assert all(is_allowed(rate, day, "RU") for rate in {usual, NO_VAT, *others})
    assert not is_allowed("22" if usual != "22" else "20", day, "RU")


def test_elsewhere_any_rate_is_allowed_and_none_is_usual() -> None:
    day = date(2026, 3, 2)
    assert (usual_at(day, "KZ"), allowed_at(day, "KZ")) == (NO_VAT, ())
    assert is_allowed("12", day, "KZ")
    assert not is_allowed("120", day, "KZ")


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("20", "20"),
        ("20%", "20"),
        (" 20 % ", "20"),
        ("20.0", "20"),
        ("7,5", "7.5"),
        ("0", "0"),
        ("0.0", "0"),
        ("100", "100"),
        ("None", NO_VAT),
        ("", None),
        ("-1", None),
        ("101", None),
        ("7.555", None),
        ("1e1", "10"),
        ("nan", None),
        ("много", None),
    ],
)
def test_a_rate_is_read_as_people_write_it(text: str, rate: str | None) -> None:
    assert rate_of(text) == rate
