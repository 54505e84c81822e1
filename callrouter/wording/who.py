"""Who did something, as history keeps it (`by`, `actor`), said for people."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from callrouter.wording.catalogue import mark

if TYPE_CHECKING:
    from callrouter.domain.setup import Setup
    from callrouter.wording.catalogue import Words

OURS: Final = "callrouter"

_ROLES: Final[Mapping[str, str]] = {
    "manager": mark("a manager"),
    "head": mark("a head of a team"),
    "admin": mark("an administrator"),
    "auditor": mark("an auditor"),
}
_BARE: Final[Mapping[str, str]] = {
    "cli": mark("the command line"),
    "command": mark("the command line"),
    "apply": mark("setup.toml"),
    "import": mark("an import"),
    "form": mark("the form on the site"),
    "retention": mark("the term of keeping"),
    "no_recording": mark("a request not to be recorded"),
}
_ID: Final = re.compile("[0-9A-HJKMNP-TV-Z]{26}")


def who_did(by: str, setup: Setup, words: Words, users: Mapping[str, str] = {}) -> str:
    """The name for `by`: `manager:anna` or `anna` is Анна Смирнова; of what is no more, its key.

    `users`: names by id, for `user:ID`. A call's, lead's or letter's id is what the service did by
    itself: its own name.
    """
    kind, _, rest = by.partition(":")
    match kind:
        case "manager" if rest:
            return _name(rest, setup)
        case "user" if rest:
            return users.get(rest) or words("a user")
        case "page" if rest:
            return words(_ROLES[rest]) if rest in _ROLES else rest
        case "token" if rest:
            return words("the program “{name}”", name=rest)
        case "handover" if rest:
            return words("a handover")
    if by in setup.managers:
        return _name(by, setup)
    if by in _BARE:
        return words(_BARE[by])
    return OURS if not by or _ID.fullmatch(by) else by


def _name(key: str, setup: Setup) -> str:
    manager = setup.managers.get(key)
    return manager.name if manager else key
