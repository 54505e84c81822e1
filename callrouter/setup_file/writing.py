"""A Setup as the text of a setup.toml: `apply` of it changes nothing."""

import re
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields, is_dataclass, replace
from typing import Any, Final

import tomli_w

from callrouter.domain.setup import Account, Setup, Smtp, Webhook
from callrouter.setup_file.merging import KEPT, has_default_prefixes
from callrouter.setup_file.names import LISTS, SECTIONS, toml_key

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_LONG: Final = 100


def write_setup(setup: Setup) -> str:
    """Write everything but what is default; no secret is shown, only the names of variables."""
    tables: list[str] = []
    for section in SECTIONS:
        value = getattr(setup, section)
        if section in LISTS:
            tables += ["\n".join(_table(f"[[{section}]]", item, setup)) for item in value]
        elif len(lines := list(_table(f"[{section}]", value, setup))) > 1:
            tables.append("\n".join(lines))
    return "\n\n".join(tables) + "\n" if tables else ""


def write_item(setup: Setup, section: str, item: object) -> str:
    """One item of a list, or a single table, as it would stand in the file."""
    header = f"[[{section}]]" if section in LISTS else f"[{section}]"
    return "\n".join(_table(header, item, setup)) + "\n"


def _table(header: str, item: object, setup: Setup) -> Iterator[str]:
    yield header
    steps: tuple[object, ...] = ()
    for name, value in _settings(item, setup):
        if header == "[[ladder]]" and name == "step":
            steps = value
        else:
            yield f"{_key(toml_key(name))} = {toml_value(value)}"
    for step in steps:
        yield from (f"  {line}" for line in _table("[[ladder.step]]", step, setup))


def _settings(item: object, setup: Setup) -> Iterator[tuple[str, Any]]:
    """The fields that are not default, in the order of their class."""
    for one in fields(item):  # type: ignore[arg-type]
        value = getattr(item, one.name)
        if isinstance(item, Account | Webhook) and one.name == "secret":
            value = _hidden(item)
        elif isinstance(value, Smtp) and value.password:
            shown = value.password if value.password.startswith("env:") else KEPT
            value = replace(value, password=shown)
        elif isinstance(item, Account) and one.name == "allowed_prefixes":
            value = None if has_default_prefixes(item, setup.company) else value
        if value != _default(one):
            yield one.name, value


def _default(one: Field[Any]) -> object:
    return one.default_factory() if one.default_factory is not MISSING else one.default


def _hidden(keeper: Account | Webhook) -> str | tuple[str, ...]:
    shown = tuple(one if one.startswith("env:") else KEPT for one in keeper.secrets)
    if KEPT in shown and set(shown) == {KEPT}:
        return KEPT
    return shown if isinstance(keeper.secret, tuple) else shown[0]


def toml_value(value: object) -> str:
    """One TOML value; tables inside are inline ones, and a list of them has a line for each."""
    if is_dataclass(value):
        pairs = [
            (toml_key(one.name), getattr(value, one.name), _default(one)) for one in fields(value)
        ]
        return _inline({key: given for key, given, default in pairs if given != default})
    if isinstance(value, dict):
        return _inline(value)
    if isinstance(value, tuple):
        items = [toml_value(one) for one in value]
        flat = f"[{', '.join(items)}]"
        if len(flat) <= _LONG:
            return flat
        return "[\n" + "".join(f"  {item},\n" for item in items) + "]"
    return tomli_w.dumps({"x": value}).removeprefix("x = ").rstrip("\n")


def _inline(table: dict[str, Any]) -> str:
    return (
        "{ "
        + ", ".join(f"{_key(key)} = {toml_value(value)}" for key, value in table.items())
        + " }"
    )


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else toml_value(key)
