"""A sum of money in words, as it stands at the end of an offer."""

from __future__ import annotations

from decimal import Decimal

from num2words import num2words

from callrouter.domain.items import rounded
from callrouter.domain.setup import Language

_ROUBLES = {"ru": ("рубль", "рубля", "рублей"), "en": ("rouble", "roubles", "roubles")}
_KOPECKS = {"ru": ("копейка", "копейки", "копеек"), "en": ("kopeck", "kopecks", "kopecks")}


def sum_in_words(amount: Decimal, language: Language) -> str:
    """`Одна тысяча двести один рубль 00 копеек`. Raises ValueError below zero."""
    if amount < 0:
        raise ValueError("a sum in words is never below zero")
    roubles, kopecks = divmod(int(rounded(amount) * 100), 100)
    said: str = num2words(roubles, lang=language).replace(",", "")
    return (
        f"{said[0].upper()}{said[1:]} {_counted(roubles, _ROUBLES[language], language)} "
        f"{kopecks:02} {_counted(kopecks, _KOPECKS[language], language)}"
    )


def _counted(n: int, forms: tuple[str, str, str], language: Language) -> str:
    """The form that goes with a number: of one, of two to four, of many."""
    if language == "en":
        return forms[0] if n == 1 else forms[2]
    if n % 10 == 1 and n % 100 != 11:
        return forms[0]
    if n % 10 in (2, 3, 4) and n % 100 not in (12, 13, 14):
        return forms[1]
    return forms[2]
