"""What pydantic found wrong with a file, in the file's own terms and with what is allowed."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import date
from functools import lru_cache
from types import NoneType, UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import ValidationError

from callrouter.domain.setup import Setup
from callrouter.setup_file.names import NAMED_BY, SWAPPED, toml_key
from callrouter.setup_file.problems import Problem, allowed_words

_TYPES: Final[Mapping[object, str]] = {
    str: "a text in quotes",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    date: "a date like 2026-03-02",
}


def worded(error: ValidationError, raw: Mapping[str, Any]) -> Iterator[Problem]:
    """One problem for each wrong key, however many branches of its type it fails."""
    told: set[str] = set()
    for found in error.errors(include_url=False, include_context=False):
        place = _find(raw, found["loc"])
        if place.key in told:
            continue
        told.add(place.key)
        yield Problem(place.key, _what(found["type"], place))


@dataclass(frozen=True, slots=True)
class _Place:
    key: str
    hint: object  # None: there is no such key
    value: object
    siblings: Sequence[str]


def _find(raw: Mapping[str, Any], loc: Sequence[int | str]) -> _Place:
    """Follow pydantic's path down to the innermost key of a table of ours."""
    place = _Place("", Setup, raw, ())
    for part in loc:
        hint = _without_none(place.hint)
        if isinstance(part, str) and isinstance(hint, type) and is_dataclass(hint):
            hints = _hints(hint)
            key = SWAPPED.get(part, part)
            value = place.value.get(key) if isinstance(place.value, dict) else None
            names = [toml_key(name) for name in hints]
            place = _Place(f"{place.key}.{key}".lstrip("."), hints.get(part), value, names)
        elif isinstance(part, int) and isinstance(place.value, list) and _is_tables(hint):
            item = place.value[part]
            label = _raw_label(place.key, item) or str(part + 1)
            place = _Place(f"{place.key}[{label}]", get_args(hint)[0], item, ())
        else:
            break
    return place


def _what(kind: str, place: _Place) -> str:
    if kind == "unexpected_keyword_argument":
        return f"is not known here; {allowed_words(place.siblings, place.key.rpartition('.')[2])}"
    if kind == "json_invalid":
        return "not readable: nested too deeply"
    allowed = _allowed(place.hint)
    if kind == "missing":
        return f"is missing and obligatory; allowed: {allowed}"
    shown = "(not shown)" if place.key.endswith(".secret") else _shown(place.value)
    if _choices(place.hint) and isinstance(place.value, str):
        return f"is {shown}; {allowed_words(_choices(place.hint), place.value)}"
    return f"is {shown}; allowed: {allowed}"


def _raw_label(section: str, item: object) -> str:
    if not isinstance(item, dict):
        return ""
    if section == "absence":
        return f"{item.get('manager', '')} {item.get('from', '')}".strip()
    return str(item.get(NAMED_BY.get(section, "key"), ""))


def _shown(value: object) -> str:
    shown = json.dumps(value, ensure_ascii=False, default=str)
    return shown if len(shown) <= 60 else shown[:60] + "…"


@lru_cache(maxsize=64)
def _hints(cls: type) -> dict[str, Any]:
    hints = get_type_hints(cls)
    return {field.name: hints[field.name] for field in fields(cls) if field.name != "version"}


def _without_none(hint: object) -> object:
    if get_origin(hint) in (Union, UnionType):
        rest = [one for one in get_args(hint) if one is not NoneType]
        return rest[0] if len(rest) == 1 else hint
    return hint


def _is_tables(hint: object) -> bool:
    return get_origin(hint) is tuple and is_dataclass(get_args(hint)[0])


def _choices(hint: object) -> tuple[str, ...]:
    """Every word that may stand here, or in the list that stands here."""
    hint = _without_none(hint)
    if get_origin(hint) is tuple:
        return _choices(get_args(hint)[0])
    return get_args(hint) if get_origin(hint) is Literal else ()


def _allowed(hint: object) -> str:
    hint = _without_none(hint)
    origin, args = get_origin(hint), get_args(hint)
    if is_dataclass(hint):
        return "a table of keys"
    if _is_tables(hint):
        return "a list of tables, each under its own [[header]]"
    if origin is tuple:
        return f"a list in brackets, each {_allowed(args[0])}"
    if origin is dict:
        return "a table { account = … }"
    if origin is Literal:
        return "one of " + ", ".join(f'"{word}"' for word in args)
    if origin in (Union, UnionType):
        return ", or ".join(_allowed(one) for one in args if one is not NoneType)
    return _TYPES[hint]
