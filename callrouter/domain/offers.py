"""An offer as it is formed: everything that it says, frozen when its number is given.

What stands in here stands on paper; a template gets it as plain texts and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from callrouter.domain.items import Item, Totals
from callrouter.domain.setup import Entity, Language

Format = Literal["pdf", "docx", "odt"]


@dataclass(frozen=True, slots=True)
class Customer:
    """To whom. `name`: as it is addressed; `greeting`: a name that a person confirmed, else ""."""

    name: str
    company: str = ""
    greeting: str = ""
    email: str | None = None
    phones: tuple[str, ...] = ()
    inn: str | None = None


@dataclass(frozen=True, slots=True)
class Sender:
    """The manager who makes the offer, and how he is reached directly."""

    key: str
    name: str
    post: str = ""
    phone: str = ""
    email: str | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """`number` "": it has none yet, which a preview says; `replaces`: the number it stands for."""

    card: int
    number: str
    dated: date
    valid_until: date
    entity: Entity
    customer: Customer
    sender: Sender
    items: tuple[Item, ...]
    totals: Totals
    language: Language = "ru"
    replaces: str = ""
    opening: str = ""
    terms: str = ""
