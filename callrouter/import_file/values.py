"""What a cell holds, read as people of a company write it. Raises BadValue for what is not that."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from callrouter.domain.phones import read_number
from callrouter.import_file.problems import BadValue

LONGEST: Final = {"name": 200, "company": 300, "tags": 64, "source": 64, "external_id": 200}
"""Characters; of anything else 10 000."""

MOST_CELL: Final = 32_767  # Excel's own limit
_LONGEST_TEXT: Final = 10_000
_NOTHING: Final = frozenset({"-", "--", "\u2013", "\u2014"})
_SCIENTIFIC: Final = re.compile(r"(?<![\w.@])[+-]?\d+(?:[.,]\d+)?[eEеЕ][+-]?\d+(?!\w)")
_TEXT_MARK: Final = re.compile(r"'+[=+\-@\t\r]")


def bare(cell: str) -> str:
    """A cell without what only says that it is text, and without what cannot be seen.

    The quote before `'+7916…` is Excel's own mark, and `refused` writes it so that nothing is taken
    for a formula.
    """
    text = cell.lstrip("'") if _TEXT_MARK.match(cell) else cell
    if not text.isprintable():
        text = "".join(
            c if c in "\n\t" or not unicodedata.category(c).startswith(("C", "Z")) else " "
            for c in text.replace("\r\n", "\n").replace("\r", "\n")
            if unicodedata.category(c) not in ("Cf", "Cs")
        )
    text = text.strip()
    return "" if text in _NOTHING else text


def line_of(text: str, field: str) -> str:
    """A text of one line."""
    joined = " ".join(text.split())
    _check_length(joined, LONGEST.get(field, _LONGEST_TEXT))
    return joined


def comment_of(text: str) -> str:
    _check_length(text, _LONGEST_TEXT)
    return text


def id_of(text: str) -> str:
    _refuse_scientific(text)
    return line_of(text, "external_id")


def _check_length(text: str, longest: int) -> None:
    if len(text) > longest:
        raise BadValue(f"has {len(text)} characters; allowed: at most {longest}")


def _refuse_scientific(text: str) -> None:
    if found := _SCIENTIFIC.search(text):
        raise BadValue(
            f"Excel turned the number into {found[0]}: format the column as text and put the whole "
            "number there again"
        )


# Several in a cell

_BETWEEN_PHONES: Final = re.compile(r"[;|\n]|,(?!\s*(?:доб|вн|ext|тон|#|\d{1,4}\s*$))")
_BETWEEN: Final = re.compile(r"[;,|\n]")
_BETWEEN_MAILS: Final = re.compile(r"[;,|\s]+")


def phones_of(text: str, region: str) -> list[str]:
    """E.164, each once, in the order of the cell."""
    _refuse_scientific(text)
    parts = [part.strip() for part in _BETWEEN_PHONES.split(text)]
    return list(dict.fromkeys(_phone(part, region) for part in parts if part))


@lru_cache(maxsize=4096)
def _phone(text: str, region: str) -> str:
    if number := read_number(text, region):
        return number
    raise BadValue(
        f'"{text[:80]}" is not a phone number; allowed: +7 916 123-45-67, 8 (916) 123-45-67 and '
        "so on, several with a comma between"
    )


_EMAIL: Final = re.compile(r"[^\s@<>(),;:\"\[\]\\]{1,64}@[^\s@<>(),;:\"\[\]\\]+\.[^\s@.]{2,}")


def emails_of(text: str) -> list[str]:
    """Addresses without case, each once."""
    found = []
    for part in _BETWEEN_MAILS.split(text):
        address = part.strip("<>").removeprefix("mailto:").lower()
        if not address:
            continue
        if not _EMAIL.fullmatch(address) or len(address) > 254:
            raise BadValue(f'"{part[:80]}" is not an e-mail address; allowed: name@example.com')
        found.append(address)
    return list(dict.fromkeys(found))


def tags_of(text: str) -> list[str]:
    parts = (line_of(part, "tags") for part in _BETWEEN.split(text))
    return list(dict.fromkeys(part for part in parts if part))


# INN: https://www.consultant.ru/document/cons_doc_LAW_134082 (the control digits)

_TEN: Final = (2, 4, 10, 3, 5, 9, 4, 6, 8)
_ELEVEN: Final = (7, *_TEN)
_TWELVE: Final = (3, *_ELEVEN)


def inn_of(text: str) -> str:
    """Ten digits of a company, twelve of a person; a zero that Excel cut off is put back."""
    _refuse_scientific(text)
    digits = re.sub(r"\s", "", text)
    if not re.fullmatch(r"[0-9]{9,12}", digits):
        raise BadValue(f'"{text[:40]}" is not an INN; allowed: 10 or 12 digits')
    if len(digits) % 2:
        digits = "0" + digits
    if not digits.strip("0") or not _fits(digits):
        raise BadValue(f'"{text[:40]}" is not an INN: its control digits do not fit')
    return digits


def _fits(digits: str) -> bool:
    if len(digits) == 10:
        return _control(digits, _TEN) == int(digits[9])
    return (_control(digits, _ELEVEN), _control(digits, _TWELVE)) == (
        int(digits[10]),
        int(digits[11]),
    )


def _control(digits: str, weights: tuple[int, ...]) -> int:
    return (
        sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=False)) % 11 % 10
    )


# Dates

_MONTHS: Final = {
    word: number
    for number, word in enumerate(
        (
            *("января", "февраля", "марта", "апреля", "мая", "июня"),
            *("июля", "августа", "сентября", "октября", "ноября", "декабря"),
        ),
        1,
    )
}
_TIME: Final = r"(?:[T,\s]\s*(?:в\s+)?(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d+)?)?)?"
_RUSSIAN_DATE: Final = re.compile(
    rf"(\d{{1,2}})\.(\d{{1,2}})\.(\d{{4}}|\d{{2}})(?:\s*г\.?)?{_TIME}"
)
_DATE_IN_WORDS: Final = re.compile(
    rf"(\d{{1,2}})\s+([а-я]+)\s+(\d{{4}})(?:\s*г(?:ода|\.)?)?{_TIME}"
)
_ISO: Final = re.compile(rf"(\d{{4}})-(\d{{1,2}})-(\d{{1,2}}){_TIME}\s*(Z|[+-]\d{{2}}:?\d{{2}})?")
_DATES: Final = "12.03.2026 14:05, 12 марта 2026, 2026-03-12T14:05:00+03:00"


def moment_of(text: str, zone: ZoneInfo, now: datetime) -> datetime:
    """A moment; without a zone in the company's, without a time at the day's beginning."""
    found = _read_moment(text.strip().lower(), zone)
    if found is None:
        raise BadValue(f'"{text[:40]}" is not a date; allowed: {_DATES}')
    if found > now + timedelta(days=1):
        raise BadValue(f'"{text[:40]}" lies in the future; allowed: a talk that was')
    return found.astimezone(UTC)


def _read_moment(text: str, zone: ZoneInfo) -> datetime | None:
    offset = None
    if found := _ISO.fullmatch(text.upper()):
        year, month, day, *clock, offset = found.groups()
    elif found := _RUSSIAN_DATE.fullmatch(text):
        day, month, year, *clock = found.groups()
    elif (found := _DATE_IN_WORDS.fullmatch(text)) and found[2] in _MONTHS:
        day, word, year, *clock = found.groups()
        month = str(_MONTHS[word])
    else:
        return None
    years = int(year) + (2000 if len(year) == 2 else 0)
    hour, minute, second = (int(part or 0) for part in clock)
    try:
        moment = datetime(years, int(month), int(day), hour, minute, second, tzinfo=zone)
        return datetime.fromisoformat(f"{moment:%Y-%m-%dT%H:%M:%S}{offset}") if offset else moment
    except ValueError:
        return None
