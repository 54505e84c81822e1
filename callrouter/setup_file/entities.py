"""Legal entities in a setup: what stands on their offers, and the numbers by which banks know them.

Requisites are checked as Russia writes them where the company is there; elsewhere they are texts.
Keys: INN and OGRN (приказ ФНС ЕД-7-14/559@, ПП РФ 1092 of 2014), accounts with their bank's BIK
(ЦБ РФ, 515 of 1997); read 2026-11-22.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import Final

from email_validator import EmailNotValidError, validate_email

from callrouter.domain import series, vat
from callrouter.domain.setup import Entity, Setup
from callrouter.setup_file.names import item_name
from callrouter.setup_file.problems import (
    Problem,
    between,
    name_of_item,
    quoted,
    reference,
    text,
)

_KPP: Final = re.compile(r"[0-9]{4}[0-9A-Z]{2}[0-9]{3}")
_LOGO: Final = re.compile(r"[A-Za-z0-9_-]{1,50}")
_INN_10: Final = (2, 4, 10, 3, 5, 9, 4, 6, 8)
_INN_11: Final = (7, 2, 4, 10, 3, 5, 9, 4, 6, 8)
_INN_12: Final = (3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8)
_ACCOUNT: Final = (7, 1, 3) * 7 + (7, 1)
_OF_CENTRAL_BANK: Final = ("000", "001", "002")
_TEXTS: Final = (
    "full_name",
    "address",
    "bank",
    "phone",
    "site",
    "signer",
    "signer_post",
    "inn",
    "kpp",
    "ogrn",
    "bik",
    "account",
    "corr_account",
)


def check_entities(setup: Setup) -> Iterator[Problem]:
    """What is wrong with legal entities, and with offices that name them."""
    keys = [one.key for one in setup.entity]
    for office in setup.office:
        yield from reference(f"{item_name('office', office)}.entity", office.entity, keys, "entity")
    for entity in setup.entity:
        yield from _entity(entity, setup.company.region)


def outdated(setup: Setup, day: date) -> Iterator[Problem]:
    """Rates that goods have no longer, or not yet: what to warn of on a day."""
    region = setup.company.region
    for entity in setup.entity:
        if entity.vat is not None and not vat.is_allowed(entity.vat, day, region):
            message = f'"{entity.vat}" is no rate of today; it is {vat.usual_at(day, region)}'
            yield Problem(f"{item_name('entity', entity)}.vat", message)


def _entity(entity: Entity, region: str) -> Iterator[Problem]:
    at = item_name("entity", entity)
    yield from name_of_item(at, entity.key)
    yield from text(f"{at}.name", entity.name, needed=True)
    for key in _TEXTS:
        yield from text(f"{at}.{key}", getattr(entity, key), longest=300)
    yield from text(f"{at}.terms", entity.terms.replace("\n", " "), longest=4000)
    if region == "RU":
        yield from _requisites(at, entity)
    if entity.email is not None:
        yield from _email(f"{at}.email", entity.email)
    if entity.logo is not None and not _LOGO.fullmatch(entity.logo):
        message = f'is "{entity.logo[:80]}"; allowed: the name of an image among the templates'
        yield Problem(f"{at}.logo", f'{message}, "logo" of logo.png')
    if entity.vat is not None:
        yield from _vat(f"{at}.vat", entity.vat, region)
    yield from between(f"{at}.valid_days", entity.valid_days, 1, 365)
    yield from _series(f"{at}.series", entity)


def _vat(key: str, rate: str, region: str) -> Iterator[Problem]:
    if not vat.was_ever_allowed(rate, region):
        known = vat.ever_allowed(region) or ('0" to "100', "none")
        yield Problem(key, f'is "{rate[:80]}"; allowed: {quoted(known)}')


def _series(key: str, entity: Entity) -> Iterator[Problem]:
    pattern = entity.series
    allowed = "{n}, and of {year}, {month}, {entity}, {office} any; {n:04} has four digits"
    if wrong := series.wrong_in(pattern):
        yield Problem(key, f"{wrong}; allowed: {allowed}")
    elif len(pattern) > series.LONGEST:
        message = f"has {len(pattern)} characters; allowed: at most {series.LONGEST}"
        yield Problem(key, message)
    else:
        yield from text(key, pattern, longest=series.LONGEST, needed=True)


def _email(key: str, given: str) -> Iterator[Problem]:
    try:
        validate_email(given, check_deliverability=False, globally_deliverable=False)
    except EmailNotValidError:
        yield Problem(key, f'is "{given[:80]}"; allowed: one address like "info@romashka.example"')


# Requisites, each with its key


def _requisites(at: str, entity: Entity) -> Iterator[Problem]:
    yield from _digits(f"{at}.inn", entity.inn, (10, 12), _is_inn)
    yield from _digits(f"{at}.ogrn", entity.ogrn, (13, 15), _is_ogrn)
    yield from _digits(f"{at}.bik", entity.bik, (9,), _is_any)
    if entity.kpp is not None and not _KPP.fullmatch(entity.kpp):
        message = f'is "{entity.kpp[:80]}"; allowed: 9 characters like "770701001"'
        yield Problem(f"{at}.kpp", message)
    for key in ("account", "corr_account"):
        number: str | None = getattr(entity, key)
        found = list(_digits(f"{at}.{key}", number, (20,), _is_any))
        yield from found
        bik = entity.bik
        if number and not found and bik and len(bik) == 9 and bik.isdecimal():
            of_bank = key == "corr_account" or bik[-3:] in _OF_CENTRAL_BANK
            if not _is_account(number, f"0{bik[4:6]}" if of_bank else bik[-3:]):
                message = f"does not go with the BIK {bik}: one of the two is misspelt"
                yield Problem(f"{at}.{key}", f"{message}; allowed: as the bank wrote them")


def _digits(
    key: str, given: str | None, lengths: Sequence[int], is_right: Callable[[str], bool]
) -> Iterator[Problem]:
    if given is None:
        return
    allowed = f"allowed: {' or '.join(map(str, lengths))} digits"
    if len(given) not in lengths or not (given.isascii() and given.isdecimal()):
        yield Problem(key, f'is "{given[:80]}"; {allowed}')
    elif not is_right(given):
        message = "has a wrong check digit: a digit is misspelt, or two have changed places"
        yield Problem(key, f"{message}; {allowed}")


def _is_any(_: str) -> bool:
    return True


def _is_inn(inn: str) -> bool:
    if len(inn) == 10:
        return _key(inn, _INN_10) == int(inn[9])
    return (_key(inn, _INN_11), _key(inn, _INN_12)) == (int(inn[10]), int(inn[11]))


def _key(digits: str, weights: Sequence[int]) -> int:
    return sum(int(d) * w for d, w in zip(digits, weights, strict=False)) % 11 % 10


def _is_ogrn(ogrn: str) -> bool:
    return int(ogrn[:-1]) % (len(ogrn) - 2) % 10 == int(ogrn[-1])


def _is_account(number: str, bank: str) -> bool:
    pairs = zip(bank + number, _ACCOUNT, strict=True)
    return sum(int(d) * w % 10 for d, w in pairs) % 10 == 0
