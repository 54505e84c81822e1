"""Which calls ought to have their recording by now."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from storage.fetches import Expected

if TYPE_CHECKING:
    from callrouter.domain.setup import Setup

LOOKED_BACK: Final = timedelta(days=7)


def expected_of(setup: Setup, since: datetime, now: datetime) -> Expected:
    """Those on lines that record, so long over that their recording should have come."""
    lines = tuple(line.number for line in setup.line if line.recording)
    rules = setup.recordings
    before = now - timedelta(minutes=rules.missing_after_min)
    return Expected(lines, since, before, rules.outgoing)
