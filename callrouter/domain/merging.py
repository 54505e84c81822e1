"""Two contacts turn out to be one: what the kept one has afterwards, and what a person is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, Literal

Choice = Literal["kept", "gone", "both"]

ASKED: Final = ("kind", "relation", "name", "responsible", "inn", "position", "comment")
"""What is asked where the two differ, beside their own fields (`fields.KEY`)."""

_OWN: Final = "fields."
_NAME: Final = ("name", "first_name", "middle_name", "last_name", "name_confirmed")


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two. `own`: the company's own fields that have a value, as texts."""

    id: str
    kind: str = "person"
    relation: str = "client"
    name: str = ""
    first_name: str | None = None
    middle_name: str | None = None
    last_name: str | None = None
    name_confirmed: bool = False
    responsible: str | None = None
    inn: str | None = None
    position: str | None = None
    comment: str | None = None
    source_first: str | None = None
    source_last: str | None = None
    talked: tuple[str, datetime] | None = None
    unrecorded_since: datetime | None = None
    no_card_until: datetime | None = None
    created_at: datetime | None = None
    version: int = 1
    own: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Question:
    """The two differ here. `choice`: what is taken if nobody says otherwise."""

    field: str
    kept: str
    gone: str
    choice: Choice

    @property
    def choices(self) -> tuple[Choice, ...]:
        return ("kept", "gone", "both") if self.field == "comment" else ("kept", "gone")


@dataclass(frozen=True, slots=True)
class Joined:
    """What the kept one is afterwards; `own`: which own fields have the value of the gone one."""

    side: Side
    own: frozenset[str] = frozenset()


class NoQuestion(ValueError):
    """A choice is given for what is not asked, or is none; `field`, and what is `allowed`."""

    def __init__(self, field: str, allowed: tuple[str, ...]) -> None:
        super().__init__(field)
        self.field = field
        self.allowed = allowed


def questions(
    kept: Side, gone: Side, choices: Mapping[str, Choice] | None = None
) -> tuple[Question, ...]:
    """Where both have something and it is not the same. Raises NoQuestion."""
    asked = [
        Question(name, mine, theirs, _usual(name, kept, gone))
        for name in ASKED
        if (mine := getattr(kept, name)) and (theirs := getattr(gone, name)) and mine != theirs
    ]
    asked += [
        Question(_OWN + key, value, gone.own[key], "kept")
        for key, value in kept.own.items()
        if key in gone.own and gone.own[key] != value
    ]
    given = choices or {}
    by_name = {one.field: one for one in asked}
    for name, choice in given.items():
        if name not in by_name:
            raise NoQuestion(name, tuple(by_name))
        if choice not in by_name[name].choices:
            raise NoQuestion(name, by_name[name].choices)
    return tuple(replace(one, choice=given.get(one.field, one.choice)) for one in asked)


def _usual(name: str, kept: Side, gone: Side) -> Choice:
    if name == "comment":
        return "both"
    return "gone" if name == "name" and gone.name_confirmed > kept.name_confirmed else "kept"


def join(kept: Side, gone: Side, choices: Mapping[str, Choice] | None = None) -> Joined:
    """What the kept one has with all that is the other's. Raises NoQuestion.

    What only one has is taken. Who asked not to be recorded is not, whichever of the two asked
    first; "not a deal" holds only if it was said of both.
    """
    said = {one.field: one.choice for one in questions(kept, gone, choices)}
    values: dict[str, Any] = {}
    for name in ASKED:
        mine, theirs = getattr(kept, name), getattr(gone, name)
        choice = said.get(name, "kept" if mine else "gone")
        if choice == "gone":
            names = _NAME if name == "name" else (name,)
            values |= {one: getattr(gone, one) for one in names}
        elif choice == "both":
            values[name] = f"{mine}\n\n{theirs}"
    older, newer = sorted((kept, gone), key=lambda one: (one.created_at is None, one.created_at))
    asked_since = [one for one in (kept.unrecorded_since, gone.unrecorded_since) if one]
    kept_out = [one for one in (kept.no_card_until, gone.no_card_until) if one]
    talks = [one for one in (kept.talked, gone.talked) if one]
    side = replace(
        kept,
        source_first=older.source_first or newer.source_first,
        source_last=newer.source_last or older.source_last,
        talked=max(talks, key=lambda one: one[1], default=None),
        unrecorded_since=min(asked_since, default=None),
        no_card_until=min(kept_out) if kept.no_card_until and gone.no_card_until else None,
        **values,
    )
    own = frozenset(key for key in gone.own if said.get(_OWN + key, "gone") == "gone")
    own -= {key for key in kept.own if _OWN + key not in said}
    return Joined(replace(side, own={**kept.own, **{key: gone.own[key] for key in own}}), own)
