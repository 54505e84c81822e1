"""The answers to `callrouter init`: what a typed text means, or why it cannot be used. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import phonenumbers
from phonenumbers import timezone

from callrouter.domain.phones import is_dialable, is_outside, pretty, read_number
from callrouter.wording import LANGUAGES

if TYPE_CHECKING:
    from callrouter.domain.setup import Language
    from callrouter.wording import Words

_LONGEST: Final = 200
_HOME: Final = "RU"  # whose numbers a Russian may write without a country
_EXAMPLES: Final = {"ru": "+7 495 123-00-01", "en": "+44 20 7946 0123"}
_PEOPLE: Final = {"ru": "Анна Смирнова 101", "en": "Anna Smith 101"}
_NAME_AND_PHONE: Final = (
    re.compile(r"(?P<name>[^,;=]+)[,;=](?P<phone>.+)"),
    re.compile(r"(?P<name>.+?)\s+(?P<phone>(?:[+(0-9]|sips?:|client:).*)"),
)
_LATIN: Final = str.maketrans(
    {
        **dict(zip("абвгдеёзийклмнопрстуфхыэ", "abvgdeeziyklmnoprstufhye", strict=True)),
        "ж": "zh",
        "ц": "ts",
        "ч": "ch",
        "ш": "sh",
        "щ": "sch",
        "ю": "yu",
        "я": "ya",
        "ъ": "",
        "ь": "",
    }
)


class Refused(Exception):
    """An answer that cannot be used; the text says what is wrong and what is allowed."""


@dataclass(frozen=True, slots=True)
class Person:
    """A manager: key in setup, name, and the phone as the PBX dials it."""

    key: str
    name: str
    dial: str


@dataclass(frozen=True, slots=True)
class Answers:
    """All five. `number` is E.164."""

    language: Language
    company: str
    number: str
    managers: tuple[Person, ...]
    last_resort: str

    @property
    def region(self) -> str:
        return region_of(self.number)

    @property
    def time_zone(self) -> str:
        """The zone of the number's place; Moscow where the number has many or none."""
        zones = timezone.time_zones_for_number(phonenumbers.parse(self.number))
        if timezone.UNKNOWN_TIMEZONE in zones or (len(zones) > 1 and self.region == _HOME):
            return "Europe/Moscow"
        return str(zones[0])

    @property
    def prefixes(self) -> tuple[str, ...]:
        """What outside dials begin with; none where all are the company's own country's."""
        dials = [self.last_resort, *(one.dial for one in self.managers)]
        outside = [dial for dial in dials if is_outside(dial)]
        codes = {_country_code(dial): None for dial in (self.number, *outside)}
        return tuple(codes) if len(codes) > 1 else ()


def example_number(words: Words) -> str:
    return _EXAMPLES[words.language]


def example_person(words: Words) -> str:
    return _PEOPLE[words.language]


def read_language(text: str) -> Language:
    """Raises Refused, as the others do."""
    for language in LANGUAGES:
        if text.strip().lower() == language:
            return language
    raise Refused(f"“{text}”: ru | en")


def read_company(text: str, words: Words) -> str:
    name = " ".join(text.split())
    if not name or len(name) > _LONGEST or not name.isprintable():
        raise Refused(words("A name has 1 to 200 characters that can be printed."))
    return name


def read_line(text: str, words: Words) -> str:
    """The number that people dial, as E.164. Only in Russia it may lack its country."""
    international = text.strip().startswith(("+", "00"))
    if number := read_number(text, _HOME) if international or words.language == "ru" else None:
        return number
    example = example_number(words)
    raise Refused(
        words(
            "“{text}” is no full phone number. Allowed: one with its country, e.g. {example}.",
            text=text,
            example=example,
        )
    )


def read_person(text: str, number: str, others: Sequence[Person], words: Words) -> Person:
    """A name and a phone, parted by a space or a comma."""
    found = next(filter(None, (one.fullmatch(text.strip()) for one in _NAME_AND_PHONE)), None)
    if found is None:
        raise Refused(
            words(
                "“{text}”: a name and then a phone are needed, e.g. {example}.",
                text=text,
                example=example_person(words),
            )
        )
    name, dial = read_company(found["name"], words), read_dial(found["phone"], number, words)
    for other in others:
        if other.dial == dial:
            raise Refused(
                words(
                    "{phone} is already the phone of {name}.", phone=pretty(dial), name=other.name
                )
            )
    return Person(_key(name, {other.key for other in others}), name, dial)


def read_dial(text: str, number: str, words: Words) -> str:
    """A phone as the PBX dials it; an outside one as E.164, never our own number."""
    text = text.strip()
    dial = read_number(text, region_of(number)) or re.sub(r"[\s().-]+(?=[0-9])", "", text)
    if dial == number:
        raise Refused(
            words(
                "{phone} is the company's own number: the call would go round in a circle.",
                phone=pretty(number),
            )
        )
    if is_dialable(dial) and (not is_outside(dial) or read_number(dial, region_of(number))):
        return dial
    raise Refused(
        words(
            "“{text}” cannot be dialled. Allowed: an inside phone like 101, an outside one like "
            "{example}, or sip:user@host.",
            text=text,
            example=example_number(words),
        )
    )


def region_of(number: str) -> str:
    """The country of an E.164 number, as ISO 3166; of one that belongs to none, Russia."""
    read = phonenumbers.parse(number)
    region = phonenumbers.region_code_for_number(read)
    region = region or phonenumbers.region_code_for_country_code(read.country_code or 0)
    return region if region in phonenumbers.SUPPORTED_REGIONS else _HOME


def _country_code(number: str) -> str:
    return f"+{phonenumbers.parse(number).country_code}"


def _key(name: str, taken: set[str]) -> str:
    """The first name in Latin letters, numbered where another has it: `anna`, `anna2`."""
    first = unicodedata.normalize("NFKD", name.lower().translate(_LATIN).split()[0])
    key = re.sub(r"[^a-z0-9]+", "", first)[:32] or "manager"
    numbered = (f"{key}{n}" for n in range(2, len(taken) + 3))
    return key if key not in taken else next(one for one in numbered if one not in taken)
