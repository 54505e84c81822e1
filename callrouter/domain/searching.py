"""What somebody may mean who types into the search box, and by which terms a contact is found."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from callrouter.domain.names import folded
from callrouter.domain.phones import read_number

LONGEST: Final = 200
"""Of what is typed; what follows is not looked at."""

TERM: Final = 64
"""Of a term, its mark included."""

FEW_DIGITS: Final = 3
"""So many last digits of a phone are worth a search."""

_MOST_WORDS: Final = 6
_MOST_DIGITS: Final = 15
_MOST_NUMBER: Final = 2**31 - 1

# A term's first letter says what it is: the beginnings of one kind never meet another's.
_WORD, _PHONE, _EMAIL, _INN = "wpei"

_SIGNED = re.compile(r"(?:(?:сделка|deal)\s*)?[№#]?\s*(\d{1,10})", re.IGNORECASE)
_GROUPS = re.compile(r"\d+")
_EDITION = re.compile(r"/\d+\s*$")
_ONLY_NUMBER = re.compile(r"[\d\s()+./–—-]+")


@dataclass(frozen=True, slots=True)
class Offer:
    """An offer's number as it may be meant: its count, and what its label must have in it."""

    number: int
    parts: tuple[str, ...]

    def means(self, label: str) -> bool:
        """Whether all that was typed stands in this label, in its order, the count at its end."""
        found = _squeezed(_EDITION.sub("", label))
        *before, last = self.parts
        if not found.endswith(last):
            return False
        place = 0
        for part in before:
            at = found.find(part, place, len(found) - len(last))
            if at < 0:
                return False
            place = at + len(part)
        return True


@dataclass(frozen=True, slots=True)
class Query:
    """What was typed may mean any of these; empty: nothing that is worth a search.

    `phone`: a whole number, E.164; `ways`: each a set of beginnings of terms that a contact must
    have all; `card`: a deal's number.
    """

    phone: str | None = None
    ways: tuple[tuple[str, ...], ...] = ()
    card: int | None = None
    offer: Offer | None = None

    def __bool__(self) -> bool:
        return self != Query()


def understand(text: str, region: str) -> Query:
    """Read what was typed, numbers as they are written in `region`."""
    text = _plain(text)
    signed = _SIGNED.fullmatch(text)
    if signed and not text[0].isdecimal():
        return Query(card=_number(signed[1]))
    digits = "".join(_GROUPS.findall(text))
    if digits and _ONLY_NUMBER.fullmatch(text):
        return _of_digits(text, digits, region)
    ways = []
    if words := folded(text).split()[:_MOST_WORDS]:
        ways.append(tuple(dict.fromkeys(_term(_WORD, word) for word in words)))
    if text.isascii() and " " not in text and len(text) > 1:
        ways.append((_term(_EMAIL, text.lower()),))
    return Query(ways=tuple(ways), offer=_offer(text))


def _of_digits(text: str, digits: str, region: str) -> Query:
    ways = []
    if FEW_DIGITS <= len(digits) <= _MOST_DIGITS:
        ways.append((_term(_PHONE, digits[::-1]),))
    alone = digits == text
    if alone and FEW_DIGITS <= len(digits) <= 12:
        ways.append((_term(_INN, digits),))
    if alone:
        ways.append((_term(_WORD, digits),))
    return Query(
        phone=read_number(text, region) if len(digits) > FEW_DIGITS else None,
        ways=tuple(ways),
        card=_number(digits) if alone else None,
        offer=_offer(text),
    )


def _offer(text: str) -> Offer | None:
    """The last group of digits is the count: `КП-2026-0005`, `2026-5`, `20260005`, `0005`."""
    text = _EDITION.sub("", text) if re.search(r"\d\D*/\d+\s*$", text) else text
    groups = _GROUPS.findall(text)
    if not groups or not text[-1:].isdigit():
        return None
    last = groups[-1]
    # A year and the count may stand together, as the label's digits do.
    joined = len(groups) == 1 and len(last) > 4 and last[:2] == "20"
    number = _number(last[4:] if joined else last)
    if number is None:
        return None
    head = text[: text.rindex(last)] + (last[:4] if joined else "")
    parts = re.findall(r"\d+|[^\W\d_]+", head.lower())
    return Offer(number, (*parts, last[4:] if joined else last))


def _number(digits: str) -> int | None:
    number = int(digits[:_MOST_DIGITS])
    return number if number <= _MOST_NUMBER else None


def _squeezed(text: str) -> str:
    """A label without what separates its parts, in small letters."""
    return re.sub(r"[\W_]+", "", text.lower())


def _plain(text: str) -> str:
    """What was typed, bounded, without signs that nobody sees and no base takes."""
    seen = "".join(one if one.isprintable() else " " for one in text[:LONGEST])
    return " ".join(seen.split())


# Terms


def terms_of(
    names: Iterable[str | None],
    phones: Iterable[str] = (),
    emails: Iterable[str] = (),
    inn: str | None = None,
) -> frozenset[str]:
    """By which terms a contact is found. `phones`: E.164."""
    found = {_term(_WORD, word) for name in names if name for word in folded(name).split()}
    found |= {_term(_PHONE, number.lstrip("+")[::-1]) for number in phones}
    found |= {_term(_EMAIL, email.lower()) for email in emails}
    if inn:
        found.add(_term(_INN, inn))
    return frozenset(found)


def _term(kind: str, text: str) -> str:
    return (kind + text)[:TERM]


def span(beginning: str) -> tuple[str, str]:
    """From where to where, that excluded, terms with this beginning stand, byte by byte."""
    return beginning, beginning + "\U0010ffff"
