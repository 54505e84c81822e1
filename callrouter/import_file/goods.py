"""Lists of goods and services: what their headings mean, and a product of each line."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Final

from callrouter.domain.items import NO_VAT
from callrouter.domain.names import folded
from callrouter.domain.vat import allowed_at, is_allowed, rate_of
from callrouter.import_file import values
from callrouter.import_file.headings import (
    REASON,
    Columns,
    check_columns,
    plain,
    read_headings,
    words_of,
)
from callrouter.import_file.opening import Line, Unreadable
from callrouter.import_file.problems import BadValue, Problem
from callrouter.import_file.reading import Cells, Refusal, by_field, misshapen
from callrouter.setup_file.problems import quoted

GOODS_FIELDS: Final = ("name", "article", "unit", "price", "vat", "group", "ignore")
_NEEDED: Final = ("name", "price")
_SEVERAL: Final = frozenset({"ignore"})
_LONGEST: Final = {"name": 500, "article": 100, "unit": 32, "group": 200}
"""Characters."""
_MOST_PRICE: Final = Decimal(10) ** 10


@dataclass(frozen=True, slots=True)
class Good:
    """A product as a line of a file has it. `unit`, `vat`, `group` "": the file does not say."""

    line: int
    name: str
    price: Decimal
    article: str = ""
    unit: str = ""
    vat: str = ""
    group: str = ""

    @property
    def called(self) -> tuple[str, str]:
        """By which one without an article is known again."""
        return folded(self.name), folded(self.unit)

    def says_the_same(self, other: Good) -> bool:
        """True for lines that differ in nothing but that one may leave the article out."""
        articles = {self.article, other.article} - {""}
        return len(articles) < 2 and replace(self, line=0, article="") == replace(
            other, line=0, article=""
        )


def find_goods_columns(headings: Sequence[str], mapped: Mapping[str, str]) -> Columns:
    """Say what each heading means; what a map says of it goes first. Raises BadFile."""
    found = read_headings(headings, mapped, lambda heading: _KNOWN.get(plain(heading)))
    check_columns(found, GOODS_FIELDS, _SEVERAL, _NEEDED)
    return found


def read_goods_headings(headings: Sequence[str]) -> Columns:
    """What each heading means by itself, whether or not all of them come to something."""
    return read_headings(headings, {}, lambda heading: _KNOWN.get(plain(heading)))


def is_goods_heading(heading: str) -> bool:
    return plain(heading) in _KNOWN or heading.strip() == REASON


class GoodsReader:
    """Reads the lines of one list. A line that says otherwise than one before it is refused."""

    def __init__(self, columns: Columns, *, country: str, today: date, unit: str) -> None:
        self._columns = columns
        self._by_field = by_field(columns)
        self._country = country
        self._today = today
        self._unit = unit
        self._by_article: dict[str, Good] = {}
        self._by_name: dict[tuple[str, str], list[Good]] = {}

    def read(self, found: Line | Unreadable) -> Good | Refusal:
        if isinstance(found, Unreadable):
            return Refusal(found.line, (), (Problem("", found.reason),))
        line, cells = found
        problems = misshapen(cells, self._columns.count)
        if problems:
            return Refusal(line, cells, tuple(problems))
        good = self._good(line, Cells(cells, self._by_field, problems))
        if not problems and (other := self._contradicted(good)):
            said = f"says otherwise than line {other.line}"
            problems.append(Problem("", f"{said}; allowed: a product once, or the same twice"))
        if problems:
            return Refusal(line, cells, tuple(problems))
        self._by_article.setdefault(good.article, good)
        self._by_name.setdefault(good.called, []).append(good)
        return good

    def _good(self, line: int, cells: Cells) -> Good:
        broken = len(cells.problems)
        name = cells.one("name", lambda text: _text(text, "name"))
        price = cells.one("price", _price_text)
        for field, value in (("name", name), ("price", price)):
            told = {one.heading for one in cells.problems[broken:]}
            column = self._by_field[field][0].heading
            if not value and column not in told:
                cells.problems.append(Problem(column, "is empty; it is needed"))
        return Good(
            line=line,
            name=name,
            price=Decimal(price or 0),
            article=cells.one("article", lambda text: _text(text, "article")),
            unit=cells.one("unit", lambda text: _text(text, "unit")) or self._unit,
            vat=cells.one("vat", self._vat),
            group=cells.one("group", lambda text: _text(text, "group")),
        )

    def _contradicted(self, good: Good) -> Good | None:
        """A line before this one that names the same product and says something else of it."""
        before = [self._by_article[good.article]] if good.article in self._by_article else []
        if good.article:
            named = self._by_name.get(good.called, ())
            before += [one for one in named if not one.article]
        else:
            before = self._by_name.get(good.called, [])
        return next((one for one in before if not one.says_the_same(good)), None)

    def _vat(self, text: str) -> str:
        rate = _rate(text)
        if rate is None or not is_allowed(rate, self._today, self._country):
            allowed = allowed_at(self._today, self._country)
            said = quoted(allowed) if allowed else '"0" to "100", "none"'
            raise BadValue(f'"{text[:40]}" is no VAT rate of {self._today}; allowed: {said}')
        return rate


def _text(text: str, field: str) -> str:
    joined = values.line_of(text, "")
    if len(joined) > _LONGEST[field]:
        raise BadValue(f"has {len(joined)} characters; allowed: at most {_LONGEST[field]}")
    return joined


_WITHOUT: Final = re.compile(
    r"без\s*ндс|ндс\s+не\s+облагается|не\s+облагается|no\s*vat|exempt", re.IGNORECASE
)
_WORDS_OF_VAT: Final = re.compile(r"\b(?:ндс|vat|ставка|rate)\b[:\s]*", re.IGNORECASE)


def _rate(text: str) -> str | None:
    """A rate as price lists write it: `20%`, `НДС 10 %`, `без НДС`."""
    if _WITHOUT.fullmatch(text.strip()):
        return NO_VAT
    return rate_of(_WORDS_OF_VAT.sub("", text))


# A price: groups of three with spaces, dots, commas or quotes between, then a comma or a dot.
_CURRENCY: Final = re.compile(r"(?:руб(?:лей|ля|ль)?|р|rub|₽)\.?$", re.IGNORECASE)
_SPACES: Final = re.compile(r"[\s'’]")
_PLAIN: Final = re.compile(r"\d{1,12}(?:[.,]\d{1,2})?")
_GROUPED: Final = re.compile(r"\d{1,3}(?:([.,])\d{3})+(?!\1)[.,]\d{1,2}")
_PRICES: Final = "1234.50, 1 234,50, 1 234,50 руб."


def price_of(text: str) -> Decimal:
    """A price as people write it. Raises BadValue."""
    bare = _SPACES.sub("", _CURRENCY.sub("", text.strip()))
    if _PLAIN.fullmatch(bare):
        price = Decimal(bare.replace(",", "."))
    elif _GROUPED.fullmatch(bare):
        *whole, decimals = re.split(r"[.,]", bare)
        price = Decimal(f"{''.join(whole)}.{decimals}")
    else:
        raise BadValue(f'"{text[:40]}" is no price; allowed: {_PRICES}')
    if price >= _MOST_PRICE:
        raise BadValue(f'"{text[:40]}" is too much; allowed: below {_MOST_PRICE}')
    return price


def _price_text(text: str) -> str:
    return str(price_of(text))


_KNOWN: Final = dict(
    words_of(
        """
        name: Наименование | Название | Товар | Услуга | Товар/услуга | Номенклатура
        name: Наименование товара | Название товара | Товары (работы, услуги) | Имя
        name: Name | Product | Product name | Title | Item | Item name | Service
        article: Артикул | Арт. | Код | Код товара | Внешний код | Article | Art. | SKU | Code
        article: Product code | Item code | Vendor code | Part number
        unit: Ед. | Ед. изм. | Ед. измерения | Единица | Единица измерения | Единицы измерения
        unit: Unit | Units | UOM | Unit of measure | Measure
        price: Цена | Цена, руб. | Цена (руб.) | Цена, ₽ | Цена, р. | Цена за единицу | Цена за ед.
        price: Цена продажи | Цена с НДС | Цена без НДС | Розничная цена | Отпускная цена
        price: Стоимость
        price: Price | Unit price | Sale price | Retail price | Price, RUB | Price (RUB)
        vat: НДС | НДС, % | НДС (%) | Ставка НДС | Ставка НДС, % | VAT | VAT, % | VAT rate
        vat: Tax rate
        group: Группа | Группа товаров | Группы | Категория | Раздел | Group | Category | Section
        ignore: № | № п/п | N п/п | Описание | Краткое описание | Остаток | Остатки | Наличие
        ignore: Количество | Кол-во | Картинка | Изображение | Фото | Ссылка | Штрихкод | Штрих-код
        ignore: Валюта | Вес | Вес, кг | Объем | Производитель | Бренд | Страна | Комментарий
        ignore: Description | Stock | Quantity | Image | Photo | Link | URL | Barcode | Currency
        ignore: Weight | Volume | Brand | Manufacturer | Country | Comment | EAN
        """
    )
)
