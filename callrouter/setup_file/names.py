"""How sections, items and keys are called in the file, which is how problems name them."""

from dataclasses import fields
from typing import Final, get_origin, get_type_hints

from callrouter.domain.setup import Setup

SECTIONS: Final = tuple(one.name for one in fields(Setup) if one.name != "version")
LISTS: Final = tuple(name for name in SECTIONS if get_origin(get_type_hints(Setup)[name]) is tuple)
"""The [[tables]], as opposed to the single ones."""

SWAPPED: Final = {"from": "from_", "not": "not_", "from_": "from", "not_": "not"}
"""The two keys that Python has its own use for. Swapped, so that `from_` in a file is unknown."""

NAMED_BY: Final = {"line": "number", "block": "number", "rule": "name"}
"""The key that tells the items of a section apart, where it is not `key`; see `label`."""


def toml_key(name: str) -> str:
    """The name in the file of a field in Python."""
    return name.removesuffix("_")


def label(section: str, item: object) -> str:
    """How people name an item of a section."""
    if section == "absence":
        return f"{getattr(item, 'manager', '')} {getattr(item, 'from_', '')}"
    return str(getattr(item, NAMED_BY.get(section, "key")))


def item_name(section: str, item: object) -> str:
    """How a problem names an item: `manager[anna]`, `absence[anna 2026-03-02]`."""
    return f"{section}[{label(section, item)}]"
