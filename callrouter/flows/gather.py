"""Gathers what is known of managers: load, what holds them, when they were last offered a call."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from callrouter.domain.load import LoadParts
from callrouter.domain.managers import Board, ManagerFacts
from storage import calls, cards, counters

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.setup import Setup


def board_of(conn: Connection, managers: Iterable[str], setup: Setup, *, now: datetime) -> Board:
    """The facts of these managers, with what holds them."""
    keys = sorted(set(managers))
    holds = calls.holds(conn, keys, now)
    pulses = counters.pulses(conn, keys)
    loads = cards.load_of(conn, keys, cards.day_of(now - timedelta(days=setup.load.active_days)))
    today = _today(conn, keys, setup, now)
    board = {}
    for key in keys:
        offer, talk = pulses.get(key, (None, None))
        talks, strangers = today.get(key, (0, 0))
        weighed, count = _weigh(loads.get(key, {}), setup)
        board[key] = ManagerFacts(
            holds=tuple(holds.get(key, ())),
            load=LoadParts(in_work=weighed, cards=count, strangers=strangers),
            last_offer=offer,
            last_talk=talk,
            calls_today=talks,
        )
    return Board(board)


def _weigh(cards_in: dict[tuple[str, str], int], setup: Setup) -> tuple[float, int]:
    """The weight of a manager's cards, and how many of them weigh anything."""
    weighed, count = 0.0, 0
    for (pipeline, status), cards_there in cards_in.items():
        found = setup.pipelines.get(pipeline)
        known = found.status(status) if found else None
        weight = known.weight if known else 1.0
        weighed += weight * cards_there
        count += cards_there if weight else 0
    return round(weighed, 6), count


def _today(
    conn: Connection, keys: list[str], setup: Setup, now: datetime
) -> dict[str, tuple[int, int]]:
    """Calls and strangers since midnight of each manager's own office."""
    by_midnight: dict[datetime, list[str]] = {}
    midnights: dict[str | None, datetime] = {}
    for key in keys:
        manager = setup.managers.get(key)
        office = manager.office if manager else None
        if office not in midnights:
            local = setup.calendar_of(office).local(now)
            midnights[office] = local.replace(hour=0, minute=0, second=0, microsecond=0)
        by_midnight.setdefault(midnights[office], []).append(key)
    found: dict[str, tuple[int, int]] = {}
    for midnight, people in by_midnight.items():
        found |= calls.talks_today(conn, people, midnight)
    return found
