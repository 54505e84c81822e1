"""What is wrong with a setup, said so that it can be put right: the key, and what is allowed."""

import difflib
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date

import phonenumbers

from callrouter.domain.hours import BadHours, parse_hours, zone_exists
from callrouter.domain.setup import FIRST_DAY, LAST_DAY

_SHOWN = 20  # so many allowed names are listed; of more, only the nearest
_KEY = re.compile(r"[A-Za-z0-9_.-]{1,64}")


@dataclass(frozen=True, slots=True)
class Problem:
    """`key` in TOML terms, items by their own key: `line[+74951230001].last_resort`."""

    key: str
    message: str
    where: str | None = None  # "line 3, column 5", where the file cannot be read at all

    def __str__(self) -> str:
        return ": ".join(part for part in (self.where, self.key, self.message) if part)


class BadSetup(Exception):
    """Nothing was applied; every problem that was found, in the order of the file's sections."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def allowed_words(known: Collection[str], given: object = None) -> str:
    """Say what may stand here; the nearest first, where one is near."""
    if not known:
        return "none is defined"
    near = difflib.get_close_matches(str(given), known, n=1)
    hint = f'did you mean "{near[0]}"? ' if near else ""
    more = f" and {len(known) - _SHOWN} more" if len(known) > _SHOWN else ""
    return f"{hint}allowed: {quoted(list(known)[:_SHOWN])}{more}"


def quoted(words: Iterable[str]) -> str:
    return ", ".join(f'"{word}"' for word in words)


# Each of these yields at most one problem.


def reference(key: str, given: str | None, known: Collection[str], noun: str) -> Iterator[Problem]:
    if given is not None and given not in known:
        yield Problem(key, f'there is no {noun} "{given}"; {allowed_words(known, given)}')


def between(key: str, given: float, low: float, high: float) -> Iterator[Problem]:
    if not low <= given <= high:  # so that nan is refused too
        yield Problem(key, f"is {given}; allowed: {low} to {high}")


def day(key: str, given: date | None) -> Iterator[Problem]:
    if given is not None and not FIRST_DAY <= given <= LAST_DAY:
        yield Problem(key, f"is {given}; allowed: {FIRST_DAY} to {LAST_DAY}")


def name_of_item(key: str, given: str) -> Iterator[Problem]:
    if not _KEY.fullmatch(given):
        allowed = "1 to 64 of the letters A-Z a-z, digits, _ . and -"
        yield Problem(key, f'"{given[:80]}" cannot be a key; allowed: {allowed}')


def text(
    key: str, given: str | None, *, longest: int = 200, needed: bool = False
) -> Iterator[Problem]:
    if given is None:
        return
    if len(given) > longest:
        yield Problem(key, f"has {len(given)} characters; allowed: at most {longest}")
    elif any(unicodedata.category(c).startswith("C") for c in given):
        yield Problem(key, "has control or invisible characters; allowed: what people can read")
    elif needed and not given.strip():
        yield Problem(key, f"is empty; allowed: 1 to {longest} characters")


def hours(key: str, given: str | None) -> Iterator[Problem]:
    if given is None:
        return
    try:
        parse_hours(given)
    except BadHours as bad:
        yield Problem(key, str(bad))


def zone(key: str, given: str | None) -> Iterator[Problem]:
    if given is not None and not zone_exists(given):
        yield Problem(
            key, f'there is no time zone "{given}"; allowed: IANA names like "Europe/Moscow"'
        )


def once(key: str, given: Iterable[str]) -> Iterator[Problem]:
    doubled = [one for one, times in Counter(given).items() if times > 1]
    if doubled:
        yield Problem(key, f"names {quoted(doubled)} twice; allowed: once")


def region(key: str, given: str | None) -> Iterator[Problem]:
    if given is not None and given not in phonenumbers.SUPPORTED_REGIONS:
        message = f'there is no country "{given}"; allowed: two capital letters, e.g. "RU", "KZ"'
        yield Problem(key, message)
