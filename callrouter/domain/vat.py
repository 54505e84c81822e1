"""VAT rates by country and day: dated data, as laws change them.

Russia: Налоговый кодекс, статья 164; 20 % by law 303-ФЗ of 2018-08-03, 5 and 7 % (УСН) by 176-ФЗ of
2024-07-12, 22 % by 425-ФЗ of 2025-11-28. Of other countries nothing is known here: any rate is
allowed there, and none is usual.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Final

from callrouter.domain.items import NO_VAT


@dataclass(frozen=True, slots=True)
class Rates:
    """From a day on: the rate that goods have unless a law says otherwise, and the other ones."""

    since: date
    general: str
    others: tuple[str, ...]


_RATES: Final[dict[str, tuple[Rates, ...]]] = {
    "RU": (
        Rates(date(2026, 1, 1), "22", ("10", "7", "5", "0")),
        Rates(date(2025, 1, 1), "20", ("10", "7", "5", "0")),
        Rates(date(2019, 1, 1), "20", ("10", "0")),
        Rates(date(2004, 1, 1), "18", ("10", "0")),
    ),
}
"""The latest first; the earliest stand for all days before."""


def rates_at(day: date, country: str) -> Rates | None:
    """The rates of a day; None for a country of which nothing is known."""
    known = _RATES.get(country)
    return next((one for one in known if one.since <= day), known[-1]) if known else None


def usual_at(day: date, country: str) -> str:
    """The rate of goods of which nothing else is said."""
    rates = rates_at(day, country)
    return rates.general if rates else NO_VAT


def allowed_at(day: date, country: str) -> tuple[str, ...]:
    """What an item may have on a day; empty: anything from 0 to 100 per cent, or none."""
    rates = rates_at(day, country)
    return (rates.general, *rates.others, NO_VAT) if rates else ()


def is_allowed(rate: str, day: date, country: str) -> bool:
    allowed = allowed_at(day, country)
    return rate in allowed if allowed else rate_of(rate) == rate


def rate_of(text: str) -> str | None:
    """A rate as it is kept: "20", "7.5", "none"; None for a text that is none."""
    plain = text.strip().removesuffix("%").rstrip()
    if plain.casefold() == NO_VAT:
        return NO_VAT
    try:
        rate = Decimal(plain.replace(",", ".")) if len(plain) <= len("100.00") else None
    except InvalidOperation:
        return None
    if rate is None or not rate.is_finite() or not 0 <= rate <= 100 or rate != round(rate, 2):
        return None
    return f"{rate.normalize():f}" if rate else "0"


def ever_allowed(country: str) -> tuple[str, ...]:
    """Every rate that items had on some day, and none; empty: anything from 0 to 100 per cent."""
    known = _RATES.get(country, ())
    rates = dict.fromkeys(rate for one in known for rate in (one.general, *one.others))
    return (*rates, NO_VAT) if rates else ()


def was_ever_allowed(rate: str, country: str) -> bool:
    known = ever_allowed(country)
    return rate in known if known else rate_of(rate) == rate
