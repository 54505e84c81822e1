"""What in a setup refers to an item of it: what has to be changed before it can be taken away."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Final

from callrouter.domain.phones import spelled
from callrouter.domain.setup import Condition
from callrouter.pages.setup_sections import SECTIONS
from callrouter.setup_file.names import LISTS, label, toml_key
from callrouter.setup_file.names import SECTIONS as ALL
from callrouter.wording.catalogue import mark

if TYPE_CHECKING:
    from callrouter.domain.setup import Setup

REFERS: Final[Mapping[str, str]] = {
    "Company.duty": "manager",
    "Office.entity": "entity",
    "Account.default_line": "line",
    "Team.head": "manager",
    "Manager.team": "team",
    "Manager.office": "office",
    "Manager.deputy": "manager",
    "Absence.manager": "manager",
    "Step.team": "team",
    "Step.office": "office",
    "Step.managers": "manager",
    "Line.account": "account",
    "Line.ladder": "ladder",
    "Line.closed": "ladder",
    "Line.pipeline": "pipeline",
    "Line.office": "office",
    "Rule.ladder": "ladder",
    "Status.required": "field",
    "Letter.pipeline": "pipeline",
    "Leads.pipeline": "pipeline",
}
"""Keys that hold the name of an item of another section."""

_CONDITIONS: Final[Mapping[str, str]] = {
    "line": "line",
    "account": "account",
    "office": "office",
    "contact.manager": "manager",
    "card.pipeline": "pipeline",
}
_OF_OTHERS: Final[Mapping[str, str]] = {
    "account": mark("Connection to the PBX"),
    "ladder": mark("Ladder"),
    "rule": mark("Rule"),
}


@dataclass(frozen=True, slots=True)
class Reference:
    """`section`: its title, a msgid; `key`: what the item goes by, "" of a single table."""

    section: str
    title: str
    key: str
    name: str


def referring(setup: Setup, section: str, key: str) -> tuple[Reference, ...]:
    """Items that name this one, in the order of the file."""
    found = []
    for other in ALL:
        items = getattr(setup, other)
        for item in items if other in LISTS else (items,):
            own = label(other, item) if other in LISTS else ""
            if (other, own) != (section, key) and _names(item, section, key):
                found.append(Reference(other, _title(other), own, getattr(item, "name", "") or own))
    return tuple(found)


def _title(section: str) -> str:
    return SECTIONS[section].title if section in SECTIONS else _OF_OTHERS.get(section, section)


def _names(item: object, section: str, key: str) -> bool:
    if isinstance(item, Condition) and _CONDITIONS.get(item.field or "") == section:
        values = item.value if isinstance(item.value, tuple) else (item.value,)
        if any(_is(section, it, key) for it in values):
            return True
    return any(
        _is(section, value, key)
        if REFERS.get(f"{type(item).__name__}.{toml_key(name)}") == section
        else is_dataclass(value) and _names(value, section, key)
        for name, value in _values(item)
    )


def _values(item: object) -> Iterator[tuple[str, object]]:
    """Each field's value, and of a list each of its values."""
    for it in fields(item):  # type: ignore[arg-type]
        value = getattr(item, it.name)
        for part in value if isinstance(value, tuple) else (value,):
            yield it.name, part


def _is(section: str, value: object, key: str) -> bool:
    if section == "line":
        return isinstance(value, str) and spelled(value) == spelled(key)
    return value == key
