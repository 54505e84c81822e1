"""What a card is about: goods and services with quantity, price, discount and VAT; their sums.

Money is Decimal in whole kopecks, rounded half up per item, as on an invoice.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

NO_VAT: Final = "none"
"""An item without VAT: "НДС не облагается"."""

USUAL_UNIT: Final = {"ru": "шт", "en": "pcs"}
"""By the company's language: of what nobody said how it is counted."""

KOPECK: Final = Decimal("0.01")
_HUNDRED: Final = Decimal(100)


@dataclass(frozen=True, slots=True)
class Item:
    """A row of an offer. `discount`: per cent; `vat`: a rate like "20" per cent, or "none".

    `product`: our id of it, where it is one of the list; `by`: who put or confirmed it.
    """

    name: str
    unit: str
    quantity: Decimal
    price: Decimal
    discount: Decimal = Decimal(0)
    vat: str = NO_VAT
    product: str | None = None
    by: str = ""


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums of an offer. `vat`: the tax per rate, the highest first, without rates of none."""

    net: Decimal
    vat: tuple[tuple[str, Decimal], ...]
    total: Decimal


def rounded(amount: Decimal) -> Decimal:
    """To whole kopecks, half a kopeck up."""
    return amount.quantize(KOPECK, ROUND_HALF_UP)


def sum_of(item: Item) -> Decimal:
    """What an item costs at its own price: with or without VAT, as its price is."""
    return rounded(item.quantity * item.price * (_HUNDRED - item.discount) / _HUNDRED)


def totals_of(items: Iterable[Item], *, prices_include_vat: bool) -> Totals:
    """Add up: the tax is reckoned per rate, from the sum of its items."""
    sums: dict[str, Decimal] = {}
    for item in items:
        sums[item.vat] = sums.get(item.vat, Decimal(0)) + sum_of(item)
    taxes = []
    for rate in sorted((one for one in sums if one != NO_VAT), key=Decimal, reverse=True):
        share = Decimal(rate)
        base = _HUNDRED + share if prices_include_vat else _HUNDRED
        taxes.append((rate, rounded(sums[rate] * share / base)))
    tax = sum((amount for _, amount in taxes), Decimal(0))
    given = sum(sums.values(), Decimal(0))
    if prices_include_vat:
        return Totals(rounded(given - tax), tuple(taxes), rounded(given))
    return Totals(rounded(given), tuple(taxes), rounded(given + tax))
