"""What templates get: plain texts in lists and mappings, made of our values; nothing else.

Everything is a text that is ready to be printed: sums, dates and counts are written in the
document's language, what is not known is "". The names are those of `variables`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final

from callrouter.domain.items import Item, rounded, sum_of
from callrouter.domain.offers import Customer, Offer, Sender
from callrouter.domain.setup import Entity, Language
from callrouter.forming.in_words import sum_in_words
from callrouter.wording import speak
from callrouter.wording.catalogue import Words
from callrouter.wording.on_paper import (
    hello,
    net_label,
    no_tax_label,
    number_text,
    printed,
    replaces_text,
    tax_label,
    total_label,
    vat_text,
)

Values = dict[str, Any]
"""Texts, and lists and mappings of them: what JSON can say."""

YES: Final = "yes"
MOST_CHARACTERS: Final = 4000

_SPACE: Final = "\u00a0"  # never broken at the end of a line
_SPACES = re.compile(" {2,}")
_UNWANTED = frozenset({"Cc", "Cs", "Co", "Cn"})
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f")


def offer_values(offer: Offer) -> Values:
    """What an offer's template gets."""
    words = speak(offer.language)
    return {
        "language": offer.language,
        "words": printed(offer.language),
        "number": _number(offer, words),
        "dated": _day(offer.dated),
        "replaces": plain(replaces_text(words, offer.replaces)),
        "valid_until": _day(offer.valid_until),
        "entity": _entity(offer.entity, words),
        "customer": _customer(offer.customer),
        "manager": _manager(offer.sender),
        "opening": plain(offer.opening),
        "rows": [_row(n, item, words) for n, item in enumerate(offer.items, 1)],
        "with_discounts": YES if any(item.discount for item in offer.items) else "",
        "with_rates": YES if len({item.vat for item in offer.items}) > 1 else "",
        "totals": _totals(offer, words),
        "terms": _lines(offer.terms or offer.entity.terms),
    }


def letter_values(
    *,
    entity: Entity,
    customer: Customer,
    sender: Sender,
    language: Language,
    offer: Offer | None = None,
    attachments: Sequence[str] = (),
    opt_out_url: str | None = None,
) -> Values:
    """What a letter's template gets. `attachments`: names of the files that go along.

    `opt_out_url`: of a promotional one. Without an offer its texts are "".
    """
    words = speak(language)
    return {
        "language": language,
        "greeting": plain(hello(customer.greeting, language=language)),
        "entity": _entity(entity, words),
        "customer": _customer(customer),
        "manager": _manager(sender),
        "offer": {
            "number": _number(offer, words) if offer else "",
            "dated": _day(offer.dated) if offer else "",
            "valid_until": _day(offer.valid_until) if offer else "",
            "total": money(offer.totals.total, words) if offer else "",
        },
        "attachments": [plain(one) for one in attachments],
        "opt_out_url": opt_out_url or "",
    }


def plain(text: str | None) -> str:
    """One line that any document can hold: no control characters, none that turn the writing."""
    return _SPACES.sub(" ", _cleaned(text or "")).strip()[:MOST_CHARACTERS]


def figure(value: Decimal, words: Words, *, places: int | None = None) -> str:
    """`1 234,50` in Russian, `1,234.50` in English. Without places: as many as it needs."""
    text = f"{value:,f}" if places is None else f"{value:,.{places}f}"
    if places is None and "." in text:
        text = text.rstrip("0").rstrip(".")
    if words.language == "ru":
        return text.replace(",", _SPACE).replace(".", ",")
    return text


def money(amount: Decimal, words: Words) -> str:
    """`1 234,50 ₽`."""
    return f"{figure(rounded(amount), words, places=2)}{_SPACE}₽"


def _number(offer: Offer, words: Words) -> str:
    return plain(number_text(words, offer.number)).replace(" ", _SPACE, 1)


def _day(day: date) -> str:
    return day.strftime("%d.%m.%Y")


def _cleaned(text: str) -> str:
    return "".join(
        " " if character in "\n\r\t\v\f\u2028\u2029\u0085" else character
        for character in text
        if character in "\n\r\t\v\f\u0085"
        or (unicodedata.category(character) not in _UNWANTED and character not in _TURNING)
    )


def _lines(text: str) -> list[str]:
    return [line for line in map(plain, text.splitlines()) if line]


def _row(n: int, item: Item, words: Words) -> Values:
    return {
        "n": str(n),
        "name": plain(item.name),
        "unit": plain(item.unit),
        "quantity": figure(item.quantity, words),
        "price": figure(rounded(item.price), words, places=2),
        "discount": f"{figure(item.discount, words)}{_SPACE}%" if item.discount else "",
        "vat": vat_text(words, item.vat).replace(" ", _SPACE),
        "sum": figure(sum_of(item), words, places=2),
    }


def _totals(offer: Offer, words: Words) -> Values:
    """Sums before the total, where prices are without tax; taxes within it, where they are with."""
    totals, within = offer.totals, offer.entity.prices_include_vat
    taxes = [
        _sum(tax_label(words, rate, within=within), amount, words) for rate, amount in totals.vat
    ]
    untaxed = [{"label": no_tax_label(words), "sum": ""}]
    return {
        "before": [_sum(net_label(words), totals.net, words), *taxes]
        if taxes and not within
        else [],
        "label": total_label(words),
        "total": money(totals.total, words),
        "within": untaxed if not taxes else taxes if within else [],
        "in_words": sum_in_words(totals.total, offer.language),
    }


def _sum(label: str, amount: Decimal, words: Words) -> Values:
    return {"label": label, "sum": money(amount, words)}


def _customer(customer: Customer) -> Values:
    return {
        "name": plain(customer.name),
        "company": plain(customer.company),
        "email": plain(customer.email),
        "phones": [plain(phone) for phone in customer.phones],
        "inn": plain(customer.inn),
    }


def _manager(sender: Sender) -> Values:
    return {
        "name": plain(sender.name),
        "post": plain(sender.post),
        "phone": plain(sender.phone),
        "email": plain(sender.email),
    }


def _entity(entity: Entity, words: Words) -> Values:
    said = printed(words.language)

    def labelled(*pairs: tuple[str, str | None]) -> str:
        return ", ".join(f"{said[key]}{_SPACE}{plain(text)}" for key, text in pairs if text)

    return {
        "name": plain(entity.name),
        "full_name": plain(entity.full_name or entity.name),
        "inn": plain(entity.inn),
        "kpp": plain(entity.kpp),
        "ogrn": plain(entity.ogrn),
        "address": plain(entity.address),
        "bank": plain(entity.bank),
        "bik": plain(entity.bik),
        "account": plain(entity.account),
        "corr_account": plain(entity.corr_account),
        "phone": plain(entity.phone),
        "email": plain(entity.email),
        "site": plain(entity.site),
        "signer": plain(entity.signer),
        "signer_post": plain(entity.signer_post),
        "logo": plain(entity.logo),
        "requisites": _present(
            labelled(("inn", entity.inn), ("kpp", entity.kpp), ("ogrn", entity.ogrn)),
            plain(entity.address),
            labelled(("account", entity.account), ("bank", entity.bank)),
            labelled(("corr_account", entity.corr_account), ("bik", entity.bik)),
        ),
        "contacts": _present(plain(entity.phone), plain(entity.email), plain(entity.site)),
    }


def _present(*texts: str) -> list[str]:
    return [text for text in texts if text]
