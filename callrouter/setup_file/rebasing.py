"""Two changes of one Setup joined: what a draft changed, on what others published meanwhile.

And whether a file has what people changed on the screen meanwhile.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from callrouter.domain.setup import Setup
from callrouter.setup_file.merging import identity
from callrouter.setup_file.names import LISTS, SECTIONS, item_name, toml_key
from callrouter.setup_file.reading import Written


class Conflict(Exception):
    """Both changed the same, each in his own way; `names` says what (`manager[anna]`)."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(", ".join(names))
        self.names = tuple(names)


def rebase(base: Setup, mine: Setup, theirs: Setup) -> Setup:
    """What `mine` changed of `base`, on `theirs`. Raises Conflict.

    Tables and items of lists are joined key by key; what both changed alike is no conflict. The
    version is theirs.
    """
    conflicts: list[str] = []
    joined: dict[str, Any] = {
        section: (_items if section in LISTS else _table)(section, base, mine, theirs, conflicts)
        for section in SECTIONS
    }
    if conflicts:
        raise Conflict(conflicts)
    return replace(theirs, **joined)


def takes_over(file: Written, base: Setup, screen: Setup, new: Setup) -> bool:
    """Whether a file says all that people changed of `base` as they did. `new`: it on theirs.

    What it only does not name is not taken over: it would be lost by the next file. That something
    is gone, or stands in another order, is said by a file that names all there is.
    """
    names_all = all(
        _by_identity(screen, one).keys() <= _by_identity(file.setup, one).keys() for one in LISTS
    )
    return all(
        _takes_items(section, file, base, screen, new, names_all=names_all)
        if section in LISTS
        else _takes_table(section, file, base, screen, new)
        for section in SECTIONS
    )


def _takes_items(
    section: str, file: Written, base: Setup, screen: Setup, new: Setup, *, names_all: bool
) -> bool:
    was, theirs, now = (_by_identity(one, section) for one in (base, screen, new))
    named = _by_identity(file.setup, section)
    changed = [key for key in {**was, **theirs} if was.get(key) != theirs.get(key)]
    gone = [key for key in changed if key not in theirs]
    if any(now.get(key) != theirs.get(key) for key in changed):
        return False
    if any(key in theirs and key not in named for key in changed):
        return False
    moved = _moved(was, theirs)
    if moved and _moved(theirs, named):
        return False
    return names_all or not (gone or moved)


def _takes_table(section: str, file: Written, base: Setup, screen: Setup, new: Setup) -> bool:
    was, theirs, now = (getattr(one, section) for one in (base, screen, new))
    changed = [
        one.name for one in fields(was) if getattr(was, one.name) != getattr(theirs, one.name)
    ]
    return all(
        (section, name) in file.named and getattr(now, name) == getattr(theirs, name)
        for name in changed
    )


def _table(section: str, base: Setup, mine: Setup, theirs: Setup, conflicts: list[str]) -> object:
    was, ours, others = (getattr(one, section) for one in (base, mine, theirs))
    return _joined(section, was, ours, others, conflicts)


def _joined(name: str, was: Any, ours: Any, others: Any, conflicts: list[str]) -> Any:  # noqa: ANN401
    """A table, or an item, key by key."""
    changes: dict[str, Any] = {}
    for one in fields(was):
        before, our, other = (getattr(table, one.name) for table in (was, ours, others))
        if our != before:
            changes[one.name] = our
            if other not in (before, our):
                conflicts.append(f"{name}.{toml_key(one.name)}")
    return replace(others, **changes)


def _items(
    section: str, base: Setup, mine: Setup, theirs: Setup, conflicts: list[str]
) -> tuple[Any, ...]:
    was, ours, others = (_by_identity(one, section) for one in (base, mine, theirs))
    found: dict[Hashable, Any] = {}
    for key in {**others, **ours, **was}:
        before, our, other = was.get(key), ours.get(key), others.get(key)
        kept = other if our == before else our
        if our != before and other not in (before, our):
            if before and our and other:
                name = item_name(section, our)
                kept = _joined(name, before, our, other, conflicts)
            else:
                conflicts.append(item_name(section, our or other))
        if kept is not None:
            found[key] = kept
    moved, moved_by_others = _moved(was, ours), _moved(was, others)
    if moved and moved_by_others and _common(ours, others) != _common(others, ours):
        conflicts.append(section)
    first, second = (others, ours) if moved_by_others and not moved else (ours, others)
    return tuple(found[key] for key in _in_order(list(first), list(second)) if key in found)


def _by_identity(setup: Setup, section: str) -> dict[Any, Any]:
    return {identity(section, one, setup.company.region): one for one in getattr(setup, section)}


def _common(these: Mapping[Any, Any], those: Mapping[Any, Any]) -> list[Any]:
    return [key for key in these if key in those]


def _moved(was: Mapping[Any, Any], now: Mapping[Any, Any]) -> bool:
    return _common(was, now) != _common(now, was)


def _in_order(first: list[Any], second: list[Any]) -> Iterator[Any]:
    """Those of the first in their order; each of the second's own behind whom it follows there."""
    order = list(first)
    for n, key in enumerate(second):
        if key not in first:
            before = next((one for one in reversed(second[:n]) if one in order), None)
            order.insert(order.index(before) + 1 if before is not None else 0, key)
    return iter(order)
