"""What came of a call, as a person says: an ordinary talk, or not a deal."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final, Literal

Outcome = Literal["deal", "wrong_number", "spam", "supplier", "job_seeker", "private"]

BLOCK_OFFERED_FOR: Final = timedelta(days=90)
"""So long the block list is offered to keep a spammer out: numbers get other owners."""

_RELATIONS: Final[Mapping[str, str]] = {
    "supplier": "supplier",
    "job_seeker": "other",
    "private": "other",
}


def is_deal(outcome: str | None) -> bool:
    """True also while nobody has said anything."""
    return outcome in (None, "deal")


def relation_by(outcome: str) -> str | None:
    """What a contact is to us who was a client until then; None: that is not said by it."""
    return _RELATIONS.get(outcome)
