"""Price lists: headings, prices and rates as people write them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callrouter.domain.items import NO_VAT
from callrouter.import_file.goods import (
    GOODS_FIELDS,
    Good,
    GoodsReader,
    find_goods_columns,
    is_goods_heading,
    price_of,
)
from callrouter.import_file.headings import REASON
from callrouter.import_file.opening import Unreadable
from callrouter.import_file.problems import BadFile, BadValue
from callrouter.import_file.reading import Refusal

HEAD = ("Артикул", "Наименование", "Ед. изм.", "Цена, руб.", "НДС", "Группа")


def reader(*headings: str, country: str = "RU") -> GoodsReader:
    columns = find_goods_columns(headings or HEAD, {})
    return GoodsReader(columns, country=country, today=date(2026, 3, 2), unit="шт")


def read(*cells: str) -> Good | Refusal:
    return reader().read((2, cells))


def reasons(found: Good | Refusal) -> str:
    assert isinstance(found, Refusal)
    return "; ".join(map(str, found.problems))


@pytest.mark.parametrize(
    ("headings", "fields"),
    [
        (HEAD, ["article", "name", "unit", "price", "vat", "group"]),
        (("Name", "SKU", "Unit", "Price", "VAT rate", "Category"), [*"nsupvg"]),
        (("НОМЕНКЛАТУРА", "цена", "№ п/п", REASON), ["name", "price"]),
    ],
)
def test_headings_are_known_in_both_languages(headings: tuple[str, ...], fields: list[str]) -> None:
    found = find_goods_columns(headings, {})
    if fields == [*"nsupvg"]:
        fields = ["name", "article", "unit", "price", "vat", "group"]
    assert [one.field for one in found.used] == fields
    assert all(is_goods_heading(one) for one in headings)
    assert not is_goods_heading("Телефон")


@pytest.mark.parametrize(
    ("headings", "mapped", "said"),
    [
        (("Цена",), {}, 'no column is a "name"'),
        (("Наименование", "Сколько"), {}, 'no column is a "price"; not known: "Сколько"'),
        (("Наименование", "Цена", "Price"), {}, '"Цена", "Price" are all "price"'),
        (("Наименование", "Цена"), {"Нет": "unit"}, "does not have"),
    ],
)
def test_headings_that_leave_a_doubt_stop_the_import(
    headings: tuple[str, ...], mapped: dict[str, str], said: str
) -> None:
    with pytest.raises(BadFile, match=said):
        find_goods_columns(headings, mapped)


def test_a_map_names_what_is_not_known() -> None:
    found = find_goods_columns(("Наименование", "Цена", "Price"), {"Price": "ignore"})
    assert ([one.heading for one in found.used], found.ignored) == (
        ["Наименование", "Цена"],
        ("Price",),
    )
    assert "ignore" in GOODS_FIELDS


@pytest.mark.parametrize(
    ("text", "price"),
    [
        ("1234", "1234"),
        ("1234.5", "1234.5"),
        ("1 234,50", "1234.50"),
        ("1\u00a0234,50 руб.", "1234.50"),
        ("1\u202f234\u202f567,89 ₽", "1234567.89"),
        ("1.234,50", "1234.50"),
        ("1,234.50", "1234.50"),
        ("1.234.567,89", "1234567.89"),
        ("1'234.50", "1234.50"),
        ("0", "0"),
        ("99р", "99"),
        ("5 RUB", "5"),
    ],
)
def test_a_price_is_read_as_people_write_it(text: str, price: str) -> None:
    assert price_of(text) == Decimal(price)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-1",
        "1,234",
        "1.000",
        "1.2.3",
        "1,2,3",
        "12 345,678",
        "по запросу",
        "1e5",
        "9" * 11,
        "$5",
    ],
)
def test_a_price_that_leaves_a_doubt_is_refused(text: str) -> None:
    with pytest.raises(BadValue):
        price_of(text)


@given(st.decimals(0, 9_999_999_999, places=2), st.sampled_from(", "), st.sampled_from(",."))
def test_every_price_comes_back_as_it_was_written(price: Decimal, group: str, point: str) -> None:
    if group != point:
        written = f"{price:,.2f}".replace(",", "\0").replace(".", point).replace("\0", group)
        assert price_of(written) == price


def test_a_line_is_a_product() -> None:
    assert read("OK-1", " Окно  ПВХ", "компл.", "1 234,50", "22 %", "Окна") == Good(
        2, "Окно ПВХ", Decimal("1234.50"), "OK-1", "компл.", "22", "Окна"
    )
    assert read("", "Монтаж", "", "10") == Good(2, "Монтаж", Decimal(10), unit="шт")


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("22", "22"),
        ("НДС 10%", "10"),
        ("без НДС", NO_VAT),
        ("НДС не облагается", NO_VAT),
        ("Exempt", NO_VAT),
        ("0%", "0"),
        ("-", ""),
    ],
)
def test_a_rate_is_read_as_price_lists_write_it(text: str, rate: str) -> None:
    good = read("", "Окно", "", "1", text)
    assert isinstance(good, Good)
    assert good.vat == rate


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (("", "", "", "1"), "Наименование: is empty"),
        (("", "Окно", "", ""), "Цена, руб.: is empty"),
        (("", "Окно", "", "дорого"), "is no price; allowed: 1234.50"),
        (("", "Окно", "", "1", "20%"), '"20%" is no VAT rate of 2026-03-02; allowed: "22", "10"'),
        (("", "х" * 501, "", "1"), "at most 500"),
        (("a" * 101, "Окно", "", "1"), "Артикул: has 101 characters; allowed: at most 100"),
        (("", "Окно", "м" * 33, "1"), "at most 32"),
        (("", "Окно", "", "1", "", "", "лишнее"), "is a separator not in quotes?"),
    ],
)
def test_a_line_is_refused_with_what_is_to_be_mended(cells: tuple[str, ...], said: str) -> None:
    assert said in reasons(read(*cells))


def test_a_line_that_is_no_csv_is_refused() -> None:
    assert "quote" in reasons(reader().read(Unreadable(3, "a quote is not closed")))


@pytest.mark.parametrize(
    ("first", "second", "taken"),
    [
        (("A", "Окно", "шт", "1"), ("A", "Окно", "шт", "1"), True),
        (("A", "Окно", "шт", "1"), ("A", "Окно", "шт", "2"), False),
        (("A", "Окно", "шт", "1"), ("A", "Дверь", "шт", "1"), False),
        (("A", "Окно", "шт", "1"), ("B", "Окно", "шт", "2"), True),
        (("", "Окно", "шт", "1"), ("", "окно!", "шт", "1"), False),
        (("", "Окно", "шт", "1"), ("", "Окно", "м", "2"), True),
        (("", "Окно", "шт", "1"), ("A", "Окно", "шт", "1"), True),
        (("", "Окно", "шт", "1"), ("A", "Окно", "шт", "2"), False),
        (("A", "Окно", "шт", "1"), ("", "Окно", "шт", "2"), False),
    ],
)
def test_a_product_stands_once_or_the_same_twice(
    first: tuple[str, ...], second: tuple[str, ...], *, taken: bool
) -> None:
    reading = reader()
    assert isinstance(reading.read((2, first)), Good)
    found = reading.read((3, second))
    assert isinstance(found, Good) == taken
    if not taken:
        assert "says otherwise than line 2" in reasons(found)
