"""What stands on an offer besides its figures, and how a letter greets."""

from __future__ import annotations

from typing import Final

from callrouter.domain.setup import Language
from callrouter.wording.catalogue import Words, mark, speak

PRINTED: Final = {
    "title": mark("Offer"),
    "dated": mark("of (a date)"),
    "to_whom": mark("To"),
    "from_whom": mark("From"),
    "row": mark("No."),
    "item": mark("Item"),
    "unit": mark("Unit"),
    "quantity": mark("Qty"),
    "price": mark("Price, ₽"),
    "discount": mark("Discount"),
    "vat": mark("VAT"),
    "sum": mark("Sum, ₽"),
    "in_words": mark("In words"),
    "valid_until": mark("This offer is valid until"),
    "terms": mark("Terms"),
    "manager": mark("Your manager"),
    "phone": mark("Phone"),
    "email": mark("E-mail"),
    "inn": mark("INN"),
    "kpp": mark("KPP"),
    "ogrn": mark("OGRN"),
    "account": mark("Account"),
    "bank": mark("Bank"),
    "corr_account": mark("Corr. account"),
    "bik": mark("BIK"),
    "not_public": mark("This offer is not a public offer."),
    "page": mark("page"),
    "of_pages": mark("of (pages)"),
}
"""By the name that templates know it by."""


def printed(language: Language) -> dict[str, str]:
    """All fixed words of an offer. What tells translators more, in brackets, is not said."""
    words = speak(language)
    return {key: words(message).partition(" (")[0] for key, message in PRINTED.items()}


def number_text(words: Words, number: str) -> str:
    return words("No. {number}", number=number) if number else words("No. will be given")


def replaces_text(words: Words, number: str) -> str:
    return words("in place of No. {number}", number=number) if number else ""


def vat_text(words: Words, rate: str) -> str:
    """Of an item: a rate per cent, or "none"."""
    return words("no VAT") if rate == "none" else f"{rate} %"


def tax_label(words: Words, rate: str, *, within: bool) -> str:
    """Before a sum of tax. `within`: the total contains it, as the prices do."""
    if within:
        return words("including VAT {rate} %", rate=rate)
    return words("VAT {rate} %", rate=rate)


def total_label(words: Words) -> str:
    return words("Total")


def net_label(words: Words) -> str:
    return words("Total without VAT")


def no_tax_label(words: Words) -> str:
    return words("Not subject to VAT")


def hello(name: str, *, language: Language) -> str:
    """A letter's first line; `name` "": nobody knows for sure what he is called."""
    words = speak(language)
    return words("Hello, {name}!", name=name) if name else words("Hello!")
