"""What is taken as so of somebody, though it is not: for asking what would happen then."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Literal

from callrouter.domain.managers import Hold, ManagerFacts, Presence

Supposed = Literal["talking", "off", "free"]
"""`talking`; `off`: he takes no calls; `free`: no call holds him, and he said that he is there."""

_LONG = timedelta(days=1)


def suppose(facts: ManagerFacts, what: Supposed, at: datetime) -> ManagerFacts:
    """A manager's facts with this instead; his load, leave and dismissal stay as they are."""
    match what:
        case "talking":
            return replace(facts, holds=(Hold("", "", "talk", at, at + _LONG),))
        case "off":
            return replace(facts, presence=Presence("off", at))
        case "free":
            return replace(facts, holds=(), cooling=None, presence=Presence("available", at))
