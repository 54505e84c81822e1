"""Who could be rung now: each manager's state as routing sees it. Reads only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from callrouter.domain.ladders import AtWork, stand
from callrouter.domain.managers import NOTHING_KNOWN
from callrouter.flows.gather import board_of

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.load import LoadParts
    from callrouter.domain.managers import Cooling, Hold, Presence
    from callrouter.domain.setup import Manager, Setup

ManagerState = Literal["available", "busy", "pause", "off", "off_shift", "absent", "inactive"]


@dataclass(frozen=True, slots=True)
class AtDesk:
    """A manager at a moment. `hold`: what makes him busy, even one who is not on shift.

    `presence`: what was said of him and holds now; `cooling`: why he is rung last.
    """

    manager: Manager
    state: ManagerState
    load: LoadParts
    hold: Hold | None = None
    presence: Presence | None = None
    cooling: Cooling | None = None


def managers_now(
    conn: Connection, setup: Setup, managers: Sequence[Manager], *, now: datetime
) -> list[AtDesk]:
    """These managers as a first step decided now would find them, in their order.

    Whom another call may ring later, or rings together with others, counts as available: a step
    that finds nobody else rings him.
    """
    board = board_of(conn, [one.key for one in managers], setup, now=now)
    at_work = AtWork(setup, now)
    found = []
    for one in managers:
        facts = board.facts.get(one.key, NOTHING_KNOWN)
        standing = stand(one, facts, start=now, now=now)
        hold = standing.hold if standing.busy else None
        state: ManagerState = "busy" if hold else "available"
        match at_work.absence(one, facts.presence):
            case ("paused", _):
                state = "pause"
            case ("inactive" | "absent" | "off_shift" | "off" as away, _):
                state = away
            case _:
                pass
        parts = facts.parts(now)
        found.append(AtDesk(one, state, parts, hold, facts.presence, facts.cooling))
    return found
