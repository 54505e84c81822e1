"""The items of a card: shown as a table, edited in it, put whole."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from callrouter.domain.items import NO_VAT, rounded, sum_of
from callrouter.domain.vat import allowed_at
from callrouter.flows.items import MOST_ITEMS, GivenItem
from callrouter.forming.values import money
from callrouter.wording.catalogue import mark
from callrouter.wording.on_paper import net_label, tax_label, total_label, vat_text

if TYPE_CHECKING:
    from datetime import datetime

    from multidict import MultiDictProxy

    from callrouter.domain.setup import Setup
    from callrouter.flows.people import Wrong
    from callrouter.pages.card_read import WholeCard
    from callrouter.wording import Words
    from callrouter.wording.people import Voice

SPARE: Final = 3
"""Empty rows of the form, for those without scripts."""

FIELDS: Final = ("name", "article", "unit", "quantity", "price", "discount", "vat")

_WRONG: Final = {
    "name": mark("What is it? Write its name or choose a product."),
    "unit": mark("This is too long: at most {n} characters."),
    "article": mark("There is no such product in the list."),
    "quantity": mark("A number above 0 is needed, with at most three decimals."),
    "price": mark("A price is needed, 0 or more, for example 1234,50."),
    "discount": mark("A per cent from 0 to 100 is needed."),
    "vat": mark("This rate is not allowed today."),
}
_AT: Final = re.compile(r"items\[([0-9]{1,4})\]\.([a-z]+)")
_LONGEST_UNIT: Final = 32


@dataclass(frozen=True, slots=True)
class ItemRow:
    """An item to be shown or edited, every value as it is written."""

    name: str = ""
    article: str = ""
    unit: str = ""
    quantity: str = ""
    price: str = ""
    discount: str = ""
    vat: str = ""
    sum: str = ""
    wrong: tuple[tuple[str, str], ...] = ()

    def wrong_with(self, field: str) -> str:
        return dict(self.wrong).get(field, "")


def rows_of(whole: WholeCard, voice: Voice) -> tuple[ItemRow, ...]:
    words = voice.words
    return tuple(
        ItemRow(
            name=one.name,
            article=whole.items.articles.get(one.product or "", ""),
            unit=one.unit,
            quantity=_plain(one.quantity, words),
            price=_price(one.price, words),
            discount=_plain(one.discount, words) if one.discount else "",
            vat=one.vat,
            sum=money(sum_of(one), words),
        )
        for one in whole.items.items
    )


def _price(value: Decimal, words: Words) -> str:
    return f"{rounded(value):f}".replace(".", "," if words.language == "ru" else ".")


def _plain(value: Decimal, words: Words) -> str:
    text = f"{value.normalize():f}"
    return text.replace(".", ",") if words.language == "ru" else text


def totals_of(whole: WholeCard, voice: Voice) -> Sequence[tuple[str, str, bool]]:
    """The lines under the table, the last figure of all marked; none without items."""
    found, words = whole.items, voice.words
    if not found.items:
        return ()
    within = found.prices_include_vat
    taxes = [
        (tax_label(words, rate, within=within), money(amount, words), False)
        for rate, amount in found.totals.vat
    ]
    net = [] if within else [(net_label(words), money(found.totals.net, words), False)]
    total = (total_label(words), money(found.totals.total, words), True)
    return (total, *taxes) if within else (*net, *taxes, total)


# The form


@dataclass(frozen=True, slots=True)
class Form:
    """The table as it is edited. `was`: the mark of what was seen; `wrong`: of the whole."""

    rows: tuple[ItemRow, ...]
    was: str
    wrong: str = ""


def form_of(whole: WholeCard, voice: Voice, was: str) -> Form:
    return Form((*rows_of(whole, voice), *(ItemRow() for _ in range(SPARE))), was)


def read_rows(form: MultiDictProxy[Any]) -> tuple[ItemRow, ...]:
    """The rows that were sent, those with nothing in them left out."""
    columns = {name: [str(one) for one in form.getall(f"item_{name}", [])] for name in FIELDS}
    count = min(max(map(len, columns.values()), default=0), MOST_ITEMS + SPARE)

    def at(name: str, n: int) -> str:
        return columns[name][n].replace("\x00", "")[:600] if n < len(columns[name]) else ""

    rows = (
        ItemRow(
            name=at("name", n),
            article=at("article", n),
            unit=at("unit", n),
            quantity=at("quantity", n),
            price=at("price", n),
            discount=at("discount", n),
            vat=at("vat", n),
        )
        for n in range(count)
    )
    return tuple(one for one in rows if one.name.strip() or one.price.strip() or one.article)


def given_of(rows: Sequence[ItemRow]) -> list[GivenItem]:
    """As the flow takes them; figures as people type them, with comma and spaces."""
    return [
        GivenItem(
            name=one.name.strip() or None,
            unit=one.unit.strip() or None,
            quantity=_figure(one.quantity),
            price=_figure(one.price),
            discount=_figure(one.discount.replace("%", "")),
            vat=one.vat or None,
            article=one.article or None,
        )
        for one in rows
    ]


def _figure(text: str) -> str | None:
    return re.sub(r"[\s\u00a0\u202f₽]", "", text).replace(",", ".") or None


def refused(rows: Sequence[ItemRow], wrong: Sequence[Wrong], was: str, words: Words) -> Form:
    """The form again with what was typed, and beside each field what is wrong with it."""
    found: dict[int, dict[str, str]] = {}
    rest = ""
    for one in wrong:
        at = _AT.fullmatch(one.field)
        if at and at[2] in _WRONG:
            found.setdefault(int(at[1]), {})[at[2]] = words(_WRONG[at[2]], n=_LONGEST_UNIT)
        else:
            rest = words("These items come to too much, or there are too many of them.")
    marked = [replace(row, wrong=tuple(found.get(n, {}).items())) for n, row in enumerate(rows)]
    return Form((*marked, *(ItemRow() for _ in range(SPARE))), was, rest)


def rates_of(setup: Setup, words: Words, now: datetime) -> list[tuple[str, str]]:
    """What an item's VAT may be today; "" is the usual one."""
    day = setup.calendar_of(None).local(now).date()
    allowed = allowed_at(day, setup.company.region) or ("20", "10", "0", NO_VAT)
    return [("", words("the usual rate")), *((one, vat_text(words, one)) for one in allowed)]
