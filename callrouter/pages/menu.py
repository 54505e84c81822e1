"""The menu: which pages somebody is offered, in the order of his day."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from callrouter.wording.catalogue import mark

if TYPE_CHECKING:
    from collections.abc import Sequence

    from callrouter.domain.rights import Right
    from callrouter.pages.doors import Guest


@dataclass(frozen=True, slots=True)
class Entry:
    """`under`: which other addresses belong to it."""

    path: str
    name: str
    right: Right
    under: tuple[str, ...] = ()
    counts: bool = False  # what waits there stands beside its name


@dataclass(frozen=True, slots=True)
class Room:
    """Several pages under one name; it leads to the first that one may open."""

    name: str
    entries: tuple[Entry, ...]


FIGURES: Final = Room(
    mark("Figures"),
    (
        Entry("/figures", mark("Figures"), "figures"),
        Entry("/wall", mark("Live wall"), "figures"),
    ),
)
SETUP: Final = Room(
    mark("Setup"),
    (
        Entry("/setup", mark("Overview"), "see_setup"),
        Entry("/setup/rules", mark("Rules"), "see_setup"),
        Entry("/setup/ladders", mark("Ladders"), "see_setup"),
        Entry("/what-if", mark("What if"), "see_setup"),
        Entry("/setup/accounts", mark("PBX"), "see_setup", ("/connect",)),
        Entry("/setup/templates", mark("Templates"), "see_setup"),
        Entry("/blocks", mark("Block list"), "see_setup"),
        Entry("/import", mark("Import"), "import"),
        Entry("/users", mark("Users"), "users"),
        Entry("/health", mark("Health"), "operate"),
        Entry("/journal", mark("Journal"), "operate"),
        Entry("/audit", mark("Audit"), "audit"),
    ),
)
MENU: Final[tuple[Entry | Room, ...]] = (
    Entry("/", mark("Calls now"), "look", ("/calls",)),
    Entry("/today", mark("Today"), "look"),
    Entry("/calls/mine", mark("My calls"), "look"),
    Entry("/call-back", mark("To call back"), "look", counts=True),
    Entry("/board", mark("Board"), "look"),
    Entry("/contacts", mark("Clients"), "look"),
    FIGURES,
    SETUP,
)


@dataclass(frozen=True, slots=True)
class Item:
    path: str
    name: str
    here: bool
    count: int = 0
    late: bool = False


@dataclass(frozen=True, slots=True)
class Menu:
    """`room`: the pages beside the one that is open, where it stands in a room of several."""

    pages: tuple[Item, ...] = ()
    room: tuple[Item, ...] = ()
    name: str = ""  # of that room


def menu_of(guest: Guest, path: str) -> Menu:
    """For who may open each; `path`: where he is; of several that fit the longest is meant."""
    everything = [one for entry in MENU for one in _entries(entry)]
    here = max((one for one in everything if _is_here(one, path)), key=_length, default=None)
    pages: list[Item] = []
    menu = Menu()
    for one in MENU:
        offered = [entry for entry in _entries(one) if guest.may(entry.right)]
        if not offered:
            continue
        if isinstance(one, Entry):
            pages.append(_item(one, guest, here=one is here))
        else:
            inside = here in one.entries
            pages.append(Item(offered[0].path, guest.words(one.name), inside))
            if inside and len(offered) > 1:
                beside = tuple(_item(entry, guest, here=entry is here) for entry in offered)
                menu = Menu(room=beside, name=guest.words(one.name))
    return replace(menu, pages=tuple(pages))


def _entries(one: Entry | Room) -> Sequence[Entry]:
    return (one,) if isinstance(one, Entry) else one.entries


def _length(entry: Entry) -> int:
    return len(entry.path)


def _item(one: Entry, guest: Guest, *, here: bool) -> Item:
    return Item(
        one.path,
        guest.words(one.name),
        here,
        guest.owed if one.counts else 0,
        one.counts and guest.owed_late > 0,
    )


def _is_here(entry: Entry, path: str) -> bool:
    return path == entry.path or any(
        path == one or path.startswith(f"{one}/")
        for one in (entry.path, *entry.under)
        if one != "/"
    )
