"""Several people on one number: who of them most likely calls, and what speaks for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, get_args

PersonReason = Literal["chosen", "open_card", "talked", "responsible", "client", "older"]
"""What speaks for one of several, the weightiest first. `chosen`: a person chose him for the
number; `talked`: he was talked to later than the others; `responsible`: he has a manager of his
own; `older`: he was there first."""

PEOPLE_KEPT = 20
"""So many people of a number are looked at and shown."""


@dataclass(frozen=True, slots=True)
class Known:
    """One contact who has the number. `talked_at`: his last talk with anybody."""

    contact: str
    name: str = ""
    chosen: bool = False
    open_card: bool = False
    talked_at: datetime | None = None
    responsible: str | None = None
    relation: str = "client"
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Ranked:
    """One of several, with the reasons that not all of them share."""

    contact: str
    name: str = ""
    reasons: tuple[PersonReason, ...] = ()


def rank(people: Sequence[Known]) -> tuple[Ranked, ...]:
    """Everybody who has a number, the likeliest first: by the weightiest reason that differs."""
    never = datetime.min.replace(tzinfo=UTC)
    latest = max((one.talked_at or never for one in people), default=never)
    first = min((_place(one) for one in people), default=None)
    holds: Mapping[PersonReason, Callable[[Known], bool]] = {
        "chosen": lambda one: one.chosen,
        "open_card": lambda one: one.open_card,
        "talked": lambda one: one.talked_at is not None and one.talked_at == latest,
        "responsible": lambda one: one.responsible is not None,
        "client": lambda one: one.relation == "client",
        "older": lambda one: _place(one) == first,
    }
    telling = [
        reason for reason in REASONS if len({bool(holds[reason](one)) for one in people}) == 2
    ]
    ordered = sorted(
        people,
        key=lambda one: (
            not one.chosen,
            not one.open_card,
            -(one.talked_at or never).timestamp(),
            one.responsible is None,
            one.relation != "client",
            _place(one),
        ),
    )
    return tuple(
        Ranked(one.contact, one.name, tuple(reason for reason in telling if holds[reason](one)))
        for one in ordered
    )


REASONS: tuple[PersonReason, ...] = get_args(PersonReason)


def _place(one: Known) -> tuple[datetime, str]:
    """By when he was made; of two made at once, by id, which also sorts by time."""
    return (one.created_at or datetime.max.replace(tzinfo=UTC), one.contact)
