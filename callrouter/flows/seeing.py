"""Whose thing it is, before anything is done with it: another's is as if it were not there."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Concatenate, Final, ParamSpec, TypeVar

from sqlalchemy import Connection

from callrouter.domain.rights import Right, Viewer
from storage import sight
from storage.sight import Noun

P = ParamSpec("P")
R = TypeVar("R")


NOUNS: Final[Mapping[str, Noun]] = {
    "attachments": "attachment",
    "calls": "call",
    "cards": "card",
    "contacts": "contact",
    "documents": "document",
    "letters": "letter",
    "merges": "merge",
    "notes": "note",
    "obligations": "obligation",
    "tasks": "task",
}
"""What the word of an address names that `{id}` follows."""

_NAMED: Final = re.compile(r"/(\w+)/{id[:}]")


class NotSeen(LookupError):
    """There is no such thing, or none that this viewer may see: nobody learns which."""

    def __init__(self, noun: Noun) -> None:
        super().__init__(f"there is no such {noun}")
        self.noun = noun


class MayNot(Exception):
    """He sees it, and lacks a right that this would need."""

    def __init__(self, right: Right) -> None:
        super().__init__(f"this needs the right {right}")
        self.right = right


def noun_of(path: str) -> Noun | None:
    """Of what a route like `/cards/{id}/status` names one; None: of nothing that is anybody's."""
    named = _NAMED.search(path)
    return NOUNS.get(named[1]) if named else None


def check_seen(conn: Connection, viewer: Viewer, noun: Noun, id_: str) -> None:
    """Raises NotSeen."""
    if not sight.is_seen(conn, viewer, noun, id_):
        raise NotSeen(noun)


def within(
    conn: Connection,
    viewer: Viewer,
    noun: Noun,
    id_: str,
    flow: Callable[Concatenate[Connection, P], R],
    /,
    *given: P.args,
    **named: P.kwargs,
) -> R:
    """Do it, if the viewer sees the thing: both in the one transaction. Raises NotSeen."""
    check_seen(conn, viewer, noun, id_)
    return flow(conn, *given, **named)


def check_giving(viewer: Viewer, owner: str | None, to: str | None) -> None:
    """Whether he may make this one responsible for what is the owner's. Raises MayNot."""
    if owner != to and not viewer.may_give(owner, to):
        raise MayNot("assign")


def check_speaking(viewer: Viewer, manager: str) -> None:
    """Whether he may say of a manager, or have done by him, what he may of himself. Raises MayNot.

    Who assigns may, of those whom he sees.
    """
    if viewer.manager not in (None, manager) and not (
        viewer.may("assign") and viewer.sees(manager)
    ):
        raise MayNot("assign")
