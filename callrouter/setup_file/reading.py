"""From the text of a setup.toml to values: the types of every key, all problems at once."""

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from callrouter.domain.setup import Setup
from callrouter.setup_file.names import LISTS, SECTIONS, SWAPPED, item_name
from callrouter.setup_file.problems import BadSetup, Problem, allowed_words
from callrouter.setup_file.wording import worded

_ADAPTER: Final = TypeAdapter(Setup)
_DATES: Final = frozenset({"holidays", "from_", "to", "until", "started_on"})


@dataclass(frozen=True, slots=True)
class Written:
    """What a file says: its values, and which keys of the single tables it names."""

    setup: Setup
    named: frozenset[tuple[str, str]]  # ("company", "duty")


def read_file(text: str) -> Written:
    """Read a file, which may hold some sections only. Raises BadSetup with all its problems.

    Only types are looked at here: what a key refers to may stand in the base.
    """
    return read_tables(_parse(text))


def read_tables(raw: Mapping[str, Any]) -> Written:
    """The like of what TOML's reader made of a file, or of what a form holds in the same shape."""
    doc = _plain_table(raw)  # no deeper than TOML's own reader goes
    problems = [
        Problem(key, f"is not a section; {allowed_words(SECTIONS, key)}")
        for key in doc
        if key not in SECTIONS
    ]
    known = {key: value for key, value in doc.items() if key in SECTIONS}
    try:
        setup = _ADAPTER.validate_json(json.dumps(known, default=_unfit), strict=True)
    except ValidationError as error:
        raise BadSetup([*problems, *worded(error, raw)]) from None
    problems += _sealed(setup)
    if problems:
        raise BadSetup(problems)
    named = {(name, key) for name in raw if name not in LISTS for key in raw[name]}
    return Written(setup, frozenset(named))


def _parse(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message, _, place = str(error).partition(" (at ")
        raise BadSetup([Problem("", f"not TOML: {message}", place.rstrip(")") or None)]) from None
    except RecursionError:
        raise BadSetup([Problem("", "not TOML: nested too deeply")]) from None


def _plain_table(table: Mapping[str, object]) -> dict[str, object]:
    """Turn TOML's values into JSON's, with Python's names for keys."""
    swapped = ((SWAPPED.get(key, key), value) for key, value in table.items())
    return {key: _plain(key, value) for key, value in swapped}


def _plain(key: str, value: object) -> object:
    match value:
        case dict():
            # `dial` is keyed by account, which may have any name
            return value if key == "dial" else _plain_table(value)
        case list():
            return [_plain(key, one) for one in value]
        case datetime() | time():
            return _unfit(value)
        case date():
            return value.isoformat() if key in _DATES else _unfit(value)
        case _:
            return value


def _unfit(value: object) -> list[list[str]]:
    """A time, or a date where none belongs: of a type that no key takes."""
    return [[str(value)]]


def _sealed(setup: Setup) -> Iterator[Problem]:
    message = 'looks like one out of the base; allowed: "env:NAME", "kept" or a literal'
    for account in setup.account:
        if any(secret.startswith("sealed:") for secret in account.secrets):
            yield Problem(f"{item_name('account', account)}.secret", message)
    for webhook in setup.webhook:
        if any(secret.startswith("sealed:") for secret in webhook.secrets):
            yield Problem(f"{item_name('webhook', webhook)}.secret", message)
    for manager in setup.manager:
        if manager.smtp and manager.smtp.password.startswith("sealed:"):
            yield Problem(f"{item_name('manager', manager)}.smtp.password", message)
