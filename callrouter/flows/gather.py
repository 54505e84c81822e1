"""Gathers what is known of managers: load, what holds them, what they said, who is cooling."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from callrouter.domain.load import LoadParts
from callrouter.domain.managers import (
    Board,
    Cooling,
    Hold,
    ManagerFacts,
    Presence,
    in_order,
)
from storage import calls, cards, coolings, counters, presence

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.setup import Manager, Setup
    from storage.coolings import Cooled
    from storage.counters import Pulse


def board_of(conn: Connection, managers: Iterable[str], setup: Setup, *, now: datetime) -> Board:
    """The facts of these managers, with what holds them."""
    keys = sorted(set(managers))
    holds = calls.holds(conn, keys, now)
    pulses = counters.pulses(conn, keys)
    loads = cards.load_of(conn, keys, cards.day_of(now - timedelta(days=setup.load.active_days)))
    today = _today(conn, keys, setup, now)
    said = presence.last_said(conn, keys)
    cooled = coolings.in_force(conn, keys, now)
    return Board(
        {
            key: facts_of(
                setup.managers.get(key),
                setup,
                holds=holds.get(key, ()),
                pulse=pulses.get(key, (None, None)),
                today=today.get(key, (0, 0)),
                load=weigh(loads.get(key, {}), setup),
                said=said.get(key),
                cooled=cooled.get(key, ()),
                now=now,
            )
            for key in keys
        }
    )


def facts_of(
    manager: Manager | None,
    setup: Setup,
    *,
    holds: Sequence[Hold],
    pulse: Pulse,
    today: tuple[int, int],
    load: tuple[float, int],
    said: Presence | None,
    cooled: Sequence[Cooled],
    now: datetime,
) -> ManagerFacts:
    """What all that is known of a manager amounts to at a moment.

    `today`: his calls, and the strangers' among them; `load`: as `weigh` gives it; `said`: last of
    his presence, maybe past its end; `cooled`: what cools him or one of his phones now.
    """
    return ManagerFacts(
        holds=tuple(hold for hold in in_order(holds) if not hold.is_over_by(said)),
        load=LoadParts(in_work=load[0], cards=load[1], strangers=today[1]),
        presence=_in_force(said, now),
        cooling=_cooling(manager, cooled, setup),
        last_offer=pulse[0],
        last_talk=pulse[1],
        calls_today=today[0],
    )


def _in_force(said: Presence | None, now: datetime) -> Presence | None:
    return said if said and (said.until is None or said.until > now) else None


def _cooling(manager: Manager | None, cooled: Sequence[Cooled], setup: Setup) -> Cooling | None:
    """By what he is rung last, and until when.

    The cooling of a phone counts only where all his phones are cooled, until the first of them is
    not. A dial that he has at every account is one phone.
    """
    counting = [one for one in cooled if one.dial is None]
    if manager and len(counting) < len(cooled):
        phones: list[Cooled] = []
        for account, dial in _phones(manager, setup):
            of_it = [one for one in cooled if one.dial == dial and account in (None, one.account)]
            if not of_it:
                phones = []
                break
            phones.append(max(of_it, key=lambda one: one.ends_at))
        if phones:
            counting.append(min(phones, key=lambda one: one.ends_at))
    if not counting:
        return None
    longest = max(counting, key=lambda one: one.ends_at)
    return Cooling(longest.reason, longest.ends_at, longest.strikes)


def _phones(manager: Manager, setup: Setup) -> list[tuple[str | None, str]]:
    """His phones as (account, dial); account None: the same at every one."""
    if not isinstance(manager.dial, dict):
        return [(None, dial) for dial in manager.dials("")]
    return [
        (account, dial)
        for account in manager.dial
        if account in setup.accounts
        for dial in manager.dials(account)
    ]


def weigh(cards_in: dict[tuple[str, str], int], setup: Setup) -> tuple[float, int]:
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
            midnights[office] = setup.calendar_of(office).midnight(now)
        by_midnight.setdefault(midnights[office], []).append(key)
    found: dict[str, tuple[int, int]] = {}
    for midnight, people in by_midnight.items():
        found |= calls.talks_today(conn, people, midnight)
    return found
