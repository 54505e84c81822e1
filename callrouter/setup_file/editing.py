"""One item of a Setup taken out, put in another's place, moved: what forms on a page do.

What they hold has the shape of setup.toml, and is read as a file is: the same types, names and
problems.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from typing import Any

from callrouter.domain.setup import Setup
from callrouter.setup_file.merging import identity, merge
from callrouter.setup_file.names import LISTS, item_name, label
from callrouter.setup_file.problems import BadSetup, Problem
from callrouter.setup_file.reading import Written, read_tables
from callrouter.setup_file.writing import write_item


class NoSuchItem(LookupError):
    """The Setup has no such item, or not any more."""


class ItemExists(BadSetup):
    """Another item goes by that name already."""


def find_item(setup: Setup, section: str, key: str) -> Any:  # noqa: ANN401  of any section
    """An item by its label (a line's number, a rule's name, else its key). Raises NoSuchItem."""
    return getattr(setup, section)[_place(setup, section, key)]


def written_of(setup: Setup, section: str, key: str = "") -> dict[str, Any]:
    """An item, or with no key a single table, as a file says it; what is default is left out.

    Secrets that stand in the base are "kept". Raises NoSuchItem.
    """
    if section not in LISTS:
        found: dict[str, Any] = tomllib.loads(write_item(setup, section, getattr(setup, section)))
        return dict(found[section])
    text = write_item(setup, section, find_item(setup, section, key))
    return dict(tomllib.loads(text)[section][0])


def put_item(
    setup: Setup, section: str, written: Mapping[str, object], *, key: str | None
) -> Setup:
    """Put an item in the place of the one labelled `key`; None: at the end, as a new one.

    What the item does not say is default. Raises BadSetup, NoSuchItem, ItemExists.
    """
    read = read_tables({section: [dict(written)]})
    (item,) = getattr(read.setup, section)
    items, base = list(getattr(setup, section)), setup
    place = len(items) if key is None else _place(setup, section, key)
    is_ = identity(section, item, setup.company.region)
    for n, other in enumerate(items):
        if n != place and identity(section, other, setup.company.region) == is_:
            message = "is there already; allowed: another name"
            raise ItemExists([Problem(item_name(section, item), message)])
    if key is not None and identity(section, items[place], setup.company.region) != is_:
        base = _with(setup, section, (*items[:place], *items[place + 1 :]))
    merged = merge(base, read)
    put, *others = getattr(merged, section)
    others.insert(place, put)
    return _with(merged, section, others)


def put_table(setup: Setup, section: str, written: Mapping[str, object]) -> Setup:
    """Put a single table in the place of what there is. Raises BadSetup."""
    read = read_tables({section: dict(written)})
    named = frozenset((section, one.name) for one in fields(getattr(setup, section)))
    return merge(setup, Written(read.setup, named))


def drop_item(setup: Setup, section: str, key: str) -> Setup:
    """Take an item out; a manager stays and works here no more. Raises NoSuchItem."""
    items, place = list(getattr(setup, section)), _place(setup, section, key)
    gone = items.pop(place)
    if section == "manager":
        items.insert(place, replace(gone, active=False))
    return _with(setup, section, items)


def move_item(setup: Setup, section: str, key: str, to: int) -> Setup:
    """Put an item at a place counted from 0; beyond the last: at the end. Raises NoSuchItem."""
    items = list(getattr(setup, section))
    items.insert(max(to, 0), items.pop(_place(setup, section, key)))
    return _with(setup, section, items)


def _with(setup: Setup, section: str, items: Iterable[Any]) -> Setup:
    changes: dict[str, Any] = {section: tuple(items)}
    return replace(setup, **changes)


def _place(setup: Setup, section: str, key: str) -> int:
    for n, one in enumerate(getattr(setup, section)):
        if label(section, one) == key:
            return n
    raise NoSuchItem(f"{section}[{key}]")
