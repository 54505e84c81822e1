"""examples/setup.toml is right, and shows every setting that there is."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

from callrouter.domain.setup import Setup
from callrouter.setup_file import differences, merge, read_file, warnings, write_setup
from tests.setup_file.good import setup_of

TEXT = (Path(__file__).parents[2] / "examples" / "setup.toml").read_text()
SHOWN_AS_COMMENTS = set(re.findall(r"^# (\w+) = ", TEXT, re.MULTILINE))


def test_the_example_can_be_applied_as_it_is() -> None:
    assert warnings(setup_of(TEXT)) == ()


def test_an_export_of_the_example_changes_nothing() -> None:
    setup = setup_of(TEXT)
    again = merge(setup, read_file(write_setup(setup)))
    assert differences(setup, again) == ()
    assert again == setup


def test_every_setting_stands_in_the_example() -> None:
    shown = set(written(tomllib.loads(TEXT)))
    # A letter's condition is made like a rule's.
    shown |= {name.replace("rule.when", "letter.when") for name in shown}
    missing = set(settings_of(Setup)) - shown
    assert {name.rpartition(".")[2] for name in missing} <= SHOWN_AS_COMMENTS
    assert {"account.api_key", "account.base_url", "account.networks"} == missing


def settings_of(table: type, path: str = "") -> Iterator[str]:
    """Every key that a table takes, with those of the tables in it: `ladder.step.ring`."""
    hints = get_type_hints(table)
    for one in fields(table):
        name = f"{path}{one.name.removesuffix('_')}"
        if name == "version":
            continue
        yield name
        inner = next((found for found in tables_in(hints[one.name])), None)
        if inner and inner is not table:
            yield from settings_of(inner, f"{name}.")


def tables_in(hint: Any) -> Iterator[type]:
    if isinstance(hint, type) and is_dataclass(hint):
        yield hint
    for part in get_args(hint):
        yield from tables_in(part)


def written(value: object, path: str = "") -> Iterator[str]:
    """Every key that stands in a document; conditions inside conditions count as one."""
    if isinstance(value, list):
        for item in value:
            yield from written(item, path)
    elif isinstance(value, dict):
        for key, inner in value.items():
            name = re.sub(r"\.(all|any|not)\.", ".", f"{path}{key}")
            yield name
            yield from written(inner, f"{name}.")
