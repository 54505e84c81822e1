"""One good offer, and what an offer's file says."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from io import BytesIO

from pypdf import PdfReader

from callrouter.domain.items import Item, totals_of
from callrouter.domain.offers import Customer, Offer, Sender
from callrouter.domain.setup import Entity
from callrouter.forming.values import Values, letter_values

VECTOR = Entity(
    key="vector",
    name="ООО «Вектор»",
    inn="7701234567",
    bank="Банк «Север»",
    account="40702810338000012345",
    signer="И. П. Соколов",
    signer_post="Генеральный директор",
    terms="Оплата: 50 % аванс.\nСрок поставки: 10 рабочих дней.",
)
ROMASHKA = Customer("Анна Иванова", "ООО «Ромашка»", "Анна", "anna@romashka.example")
VERA = Sender("vera", "Вера Смирнова", "Менеджер", "+7 495 123-45-67", "vera@vector.example")
PUMP = Item("Насос UPS 25-60", "шт.", Decimal(2), Decimal("12345.50"), vat="20")


def offer_of(items: Iterable[Item] = (PUMP,), entity: Entity = VECTOR) -> Offer:
    rows = tuple(items)
    return Offer(
        card=1,
        number="КП-2026-0015",
        dated=date(2026, 3, 12),
        valid_until=date(2026, 3, 26),
        entity=entity,
        customer=ROMASHKA,
        sender=VERA,
        items=rows,
        totals=totals_of(rows, prices_include_vat=entity.prices_include_vat),
        opening="Анна, здравствуйте! Предлагаем вам:",
    )


OFFER = offer_of()
LONG = offer_of(replace(PUMP, name=f"Насос {n}") for n in range(120))
LETTER: Values = letter_values(
    entity=VECTOR,
    customer=ROMASHKA,
    sender=VERA,
    language="ru",
    offer=OFFER,
    attachments=("КП № 15.pdf",),
)


def pages_of(pdf: bytes) -> list[str]:
    """The text of each page, its spaces all alike."""
    return [_even(page.extract_text()) for page in PdfReader(BytesIO(pdf)).pages]


def text_of(file: bytes, fmt: str) -> str:
    """What a reader of an offer's file reads."""
    if fmt == "pdf":
        return " ".join(pages_of(file))
    names = {"docx": ("word/document.xml",), "odt": ("content.xml", "styles.xml")}[fmt]
    with zipfile.ZipFile(BytesIO(file)) as archive:
        return _even(re.sub(r"<[^>]*>", " ", " ".join(archive.read(n).decode() for n in names)))


def _even(text: str) -> str:
    return " ".join(text.replace("\u00a0", " ").split())
