"""Who did what the audit keeps: people, programs, the service itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, get_args

from callrouter.domain.setup import Role
from callrouter.wording.catalogue import mark
from callrouter.wording.users import ROLES

if TYPE_CHECKING:
    from callrouter.wording.people import Voice

_ACTORS: Final[Mapping[str, str]] = {
    "apply": mark("callrouter apply"),
    "command": mark("a command on the server"),
    "retention": mark("callrouter, by the terms of keeping"),
}


def who(actor: str, voice: Voice, users: Mapping[str, str]) -> str:
    """`manager:anna` by name; what is nobody's name stays as it was kept."""
    words, (kind, _, id_) = voice.words, actor.partition(":")
    match kind:
        case "manager" if id_:
            return voice.name(id_)
        case "user" if id_:
            return users.get(id_) or words("a user who is gone")
        case "page" if role := next((one for one in get_args(Role) if one == id_), None):
            return words("{role}, by a one-time link", role=words(ROLES[role]))
        case "token" if id_:
            return words("program “{name}”", name=id_)
        case _:
            return words(_ACTORS[actor]) if actor in _ACTORS else actor or words("nobody known")
