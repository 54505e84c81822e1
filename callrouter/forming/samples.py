"""Offers and letters as a template may meet them: what is tried before a template is kept."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Final

from callrouter.domain.items import Item, totals_of
from callrouter.domain.offers import Customer, Offer, Sender
from callrouter.domain.setup import Entity, Language
from callrouter.forming.values import Values, letter_values, offer_values

_ENTITY: Final = Entity(
    key="sample",
    name="ООО «Образец»",
    full_name="Общество с ограниченной ответственностью «Образец»",
    inn="7701234567",
    kpp="770101001",
    ogrn="1027700132195",
    address="101000, Москва, ул. Образцовая, д. 1",
    bank="Банк «Образец»",
    bik="044525000",
    account="40702810000000000001",
    corr_account="30101810000000000001",
    phone="+7 495 000-00-00",
    email="info@example.com",
    site="example.com",
    signer="И. И. Иванов",
    signer_post="Генеральный директор",
    terms="Оплата в течение 5 рабочих дней.\nСрок поставки 10 рабочих дней.",
)
_BARE: Final = Entity(key="bare", name="ИП Иванов", vat="none")
_SENDER: Final = Sender(
    key="sample",
    name="Анна Образцова",
    post="Менеджер",
    phone="+7 495 000-00-01",
    email="anna@example.com",
)
_CUSTOMER: Final = Customer(
    name="Пётр Петров",
    company="ООО «Ромашка»",
    greeting="Пётр",
    email="petr@example.com",
    phones=("+79160000000",),
    inn="7707000000",
)
_ITEMS: Final = (
    Item("Насос", "шт.", Decimal(2), Decimal("12345.50"), vat="20"),
    Item("Кабель & муфта <3×2,5>", "м", Decimal("150.5"), Decimal("89.90"), vat="20"),
)


def _offer(items: tuple[Item, ...] = _ITEMS, entity: Entity = _ENTITY) -> Offer:
    return Offer(
        card=1,
        number="КП-2026-0015",
        dated=date(2026, 3, 12),
        valid_until=date(2026, 3, 26),
        entity=entity,
        customer=_CUSTOMER,
        sender=_SENDER,
        items=items,
        totals=totals_of(items, prices_include_vat=entity.prices_include_vat),
        opening="Пётр, здравствуйте! Благодарим за обращение.",
    )


def _offers() -> tuple[Offer, ...]:
    whole = _offer()
    untaxed = (replace(_ITEMS[0], vat="none"),)
    odd = replace(_ITEMS[0], name='{{ 7 * 7 }} #panic() "кавычки" \\ $x$ *жирно* ' * 3)
    several = (
        *_ITEMS,
        replace(_ITEMS[0], vat="10"),
        replace(_ITEMS[1], vat="none", discount=Decimal("12.5")),
    )
    return (
        whole,
        replace(whole, number=""),
        replace(whole, replaces="КП-2026-0014"),
        replace(whole, opening="", terms="Особые условия"),
        replace(whole, language="en"),
        replace(_offer(several), language="en"),
        _offer(several),
        _offer(several, replace(_ENTITY, prices_include_vat=False)),
        _offer(untaxed, _BARE),
        replace(
            _offer(untaxed, _BARE),
            customer=Customer("+7 916 000-00-00"),
            sender=Sender("x", "Анна"),
        ),
        _offer((odd,)),
        _offer((replace(_ITEMS[0], name="Очень длинное название " * 9),)),
        _offer((replace(_ITEMS[0], price=Decimal("0.01"), quantity=Decimal("0.001")),)),
        _offer((replace(_ITEMS[0], price=Decimal("999999999.99"), quantity=Decimal(1000)),)),
        _offer((replace(_ITEMS[0], discount=Decimal(100)),)),
        _offer((replace(_ITEMS[0], vat="0"),)),
        _offer((replace(_ITEMS[0], unit=""),)),
        _offer(_ITEMS * 10),
        _offer(_ITEMS * 30),
        _offer(several, replace(_BARE, vat="20", terms="Одно условие")),
    )


def sample_offer(entity: Entity | None = None, language: Language = "ru") -> Offer:
    """One to look at; `entity` None: in the name of a made-up one."""
    return replace(_offer(entity=entity or _ENTITY), language=language)


def sample_offers() -> list[Values]:
    """Twenty, the whole one first."""
    return [offer_values(offer) for offer in _offers()]


def sample_letters() -> list[Values]:
    """Twenty, with and without all that a letter may lack; the whole one first."""
    return [_letter(offer, whole=whole) for offer in _offers()[:10] for whole in (True, False)]


def _letter(offer: Offer, *, whole: bool) -> Values:
    return letter_values(
        entity=offer.entity,
        customer=offer.customer,
        sender=offer.sender,
        language=offer.language,
        offer=offer if whole or offer.replaces else None,
        attachments=("КП № 15 от 12.03.2026 — Ромашка.pdf",) if whole else (),
        opt_out_url="https://example.com/no/abc" if whole else None,
    )
