"""Checks of rules: each comparison is one that `domain.rules` can make, of things that exist."""

from collections.abc import Collection, Iterator, Mapping
from typing import Final, Literal, get_args

import phonenumbers

from callrouter.domain.phones import CallerKind, read_number
from callrouter.domain.setup import Condition, Field, Op, Setup
from callrouter.setup_file.names import item_name
from callrouter.setup_file.problems import (
    Problem,
    allowed_words,
    hours,
    quoted,
    reference,
    text,
)
from callrouter.setup_file.writing import toml_value

Kind = Literal["text", "tags", "flag", "number", "hours"]

_DEEPEST: Final = 10
OPS: Final[Mapping[Kind, tuple[Op, ...]]] = {
    "text": ("is", "is_not", "in", "starts"),
    "tags": ("has", "is", "is_not", "in", "starts"),
    "flag": ("is", "is_not"),
    "number": ("is", "is_not", "in", "above", "below"),
    "hours": ("within", "is", "is_not"),
}
_KINDS: Final[Mapping[Field, Kind]] = {
    "contact.tag": "tags",
    "contact.known": "flag",
    "holiday": "flag",
    "missed_today": "number",
    "hours": "hours",
}
"""The other fields are text."""

_WHAT: Final[Mapping[Kind, str]] = {
    "text": "a text in quotes",
    "tags": "a text in quotes",
    "flag": "true or false",
    "number": "a whole number",
    "hours": '"open" or "closed"',
}


def kind_of(field: Field) -> Kind:
    """What a field is compared with."""
    return _KINDS.get(field, "text")


def check_rules(setup: Setup) -> Iterator[Problem]:
    known = known_values(setup)
    for rule in setup.rule:
        at = item_name("rule", rule)
        yield from text(at, rule.name, needed=True)
        yield from reference(f"{at}.ladder", rule.ladder, setup.ladders, "ladder")
        yield from _condition(setup, known, rule.when, f"{at}.when", _DEEPEST)


def check_condition(setup: Setup, when: Condition, at: str) -> Iterator[Problem]:
    """Of something else than a rule."""
    yield from _condition(setup, known_values(setup), when, at, _DEEPEST)


def known_values(setup: Setup) -> dict[Field, Collection[str]]:
    """The fields of which every value that can occur is known beforehand."""
    lines = [name for one in setup.line for name in (one.number, one.name, *one.aliases) if name]
    pipelines = setup.pipelines
    statuses = [status.key for one in pipelines.values() for status in one.statuses]
    return {
        "line": lines,
        "account": setup.accounts,
        "office": setup.offices,
        "contact.manager": setup.managers,
        "card.pipeline": pipelines,
        "card.status": list(dict.fromkeys(statuses)),
        "caller.kind": get_args(CallerKind),
        "caller.country": sorted(phonenumbers.SUPPORTED_REGIONS),
        "hours": ("open", "closed"),
    }


def _condition(
    setup: Setup,
    known: Mapping[Field, Collection[str]],
    when: Condition,
    at: str,
    deeper: int,
) -> Iterator[Problem]:
    given = [key for key in ("field", "all", "any", "not_") if getattr(when, key) is not None]
    names = [key.rstrip("_") for key in given]
    if len(given) != 1:
        has = " and ".join(names) or "none of them"
        yield Problem(at, f"has {has}; allowed: exactly one of field, all, any, not")
        return
    if when.field is not None:
        yield from _comparison(setup, known, when.field, when, at)
        return
    if when.op is not None or when.value is not None:
        yield Problem(at, f"has op or value beside {names[0]}; allowed: these only with a field")
    if deeper == 0:
        yield Problem(at, f"is nested too deeply; allowed: {_DEEPEST} levels")
        return
    if when.not_ is not None:
        yield from _condition(setup, known, when.not_, f"{at}.not", deeper - 1)
        return
    parts = when.all if when.all is not None else when.any or ()
    if not parts:
        yield Problem(f"{at}.{names[0]}", "is empty; allowed: one condition or more")
    for n, part in enumerate(parts, start=1):
        yield from _condition(setup, known, part, f"{at}.{names[0]}[{n}]", deeper - 1)


def _comparison(
    setup: Setup,
    known: Mapping[Field, Collection[str]],
    of: Field,
    when: Condition,
    at: str,
) -> Iterator[Problem]:
    kind = kind_of(of)
    ops = OPS[kind]
    if when.op is None or when.op not in ops:
        has = f'"{when.op}"' if when.op else "missing"
        yield Problem(f"{at}.op", f'is {has}; allowed with field = "{of}": {quoted(ops)}')
        return
    if when.op == "within":
        if isinstance(when.value, str):
            yield from hours(f"{at}.value", when.value)
        else:
            allowed = 'allowed with op = "within": hours, e.g. "Mo-Fr 18:00-21:00"'
            yield Problem(f"{at}.value", f"is not a text; {allowed}")
        return
    values = when.value if isinstance(when.value, tuple) else (when.value,)
    if isinstance(when.value, tuple) != (when.op == "in") or not values:
        listed = f"a list, each {_WHAT[kind]}" if when.op == "in" else _WHAT[kind]
        yield Problem(f"{at}.value", f'does not fit; allowed with op = "{when.op}": {listed}')
        return
    for value in values:
        yield from _value(setup, known, of, when.op, value=value, key=f"{at}.value")


def _value(
    setup: Setup,
    known: Mapping[Field, Collection[str]],
    of: Field,
    op: Op,
    *,
    value: str | int | bool | None,
    key: str,
) -> Iterator[Problem]:
    kind = kind_of(of)
    fits = {"flag": isinstance(value, bool), "number": type(value) is int}
    if not fits.get(kind, isinstance(value, str)):
        shown = "missing" if value is None else toml_value(value)
        yield Problem(key, f'is {shown}; allowed with field = "{of}": {_WHAT[kind]}')
        return
    if not isinstance(value, str):
        return
    yield from text(key, value, needed=True)
    if op == "starts":
        return
    if of in known:
        if value not in known[of]:
            message = f'"{value}" never is the {of}; {allowed_words(known[of], value)}'
            yield Problem(key, message)
    elif of == "caller.number":
        number = read_number(value, setup.company.region)
        if number and number != value:
            yield Problem(key, f'a caller never is "{value}"; allowed: as we write it, "{number}"')
