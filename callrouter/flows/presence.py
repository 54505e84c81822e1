"""Presence: on the line, a break, gone; said by a person, by a PBX, or by us for who is silent."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

from callrouter.domain.hours import parse_hours
from callrouter.domain.managers import Presence
from storage import calls, coolings, counters, notices, presence
from storage.notices import Happening

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.managers import PresenceState
    from callrouter.domain.setup import Manager, Setup

NO_ANSWER = "no_answer"
"""The reason of a break that we began because he did not pick up; others are a person's words."""

OURS = "callrouter"
"""Who begins such a break."""

LONGEST_REASON = 200


class EndHasCome(ValueError):
    """A presence was to end before it began."""


def say(
    conn: Connection,
    setup: Setup,
    manager: Manager,
    state: PresenceState,
    *,
    by: str,
    now: datetime,
    reason: str = "",
    until: datetime | None = None,
    at: datetime | None = None,
) -> Presence | None:
    """Set a manager's presence; gives what holds now, None when somebody said something later.

    `until` None: the end of his day (`end_of_day`). `at`: when it was said, if not now. The same
    state again only moves the end. `available` also ends his wrap-up, his coolings and the count
    of rings that he left unanswered. Raises EndHasCome.
    """
    since = min(at or now, now)
    if until is not None and until <= now:
        raise EndHasCome
    reason = reason.strip()[:LONGEST_REASON]
    last = presence.last_said(conn, [manager.key]).get(manager.key)
    if at and last and last.since > at:
        return None
    until = until or end_of_day(setup, manager, since)
    freed = None
    if state == "available":
        freed = _free(conn, manager.key, last, now=now)
        since = max(since, freed or since)
    if last and _is_the_same(last, state, reason, since) and not freed:
        if last.until == until:
            return last
        presence.move_end(conn, manager.key, until)
        reason, since = last.reason, last.since
    else:
        presence.begin(conn, manager.key, Presence(state, since, until, reason), by=by)
    data = {"manager": manager.key, "state": state, "reason": reason, "until": until.isoformat()}
    notices.record(conn, [Happening("presence", now, by, data=data)], now=now)
    notices.tell_people(conn, "manager", [manager.key], now=now)
    return Presence(state, since, until, reason)


def end_no_answer(conn: Connection, manager: str, *, by: str, now: datetime) -> None:
    """End the break of who has talked since: his shift says again whether he is there."""
    presence.end(conn, manager, now)
    data = {"manager": manager, "state": None, "reason": ""}
    notices.record(conn, [Happening("presence", now, by, data=data)], now=now)
    notices.tell_people(conn, "manager", [manager], now=now)


def end_of_day(setup: Setup, manager: Manager, moment: datetime) -> datetime:
    """When a presence without an end of its own is over.

    At the end of his shift, of the present one or of one that still begins today: so who comes
    early or works overtime is not rung at home. Else, and without a shift, at his local midnight.
    """
    calendar = setup.calendar_of(manager.office)
    local = calendar.local(moment)
    midnight = datetime.combine(local.date() + timedelta(days=1), time(), local.tzinfo)
    if manager.shift:
        shift = parse_hours(manager.shift)
        opening = shift.next_opening(moment, calendar, horizon_days=1)
        if opening and opening < midnight:
            return shift.closes_at(opening, calendar) or midnight.astimezone(UTC)
    return midnight.astimezone(UTC)


def _is_the_same(last: Presence, state: PresenceState, reason: str, moment: datetime) -> bool:
    """True when it only goes on. Who is silent and then says that he has a break begins one."""
    if last.state != state or (last.until is not None and last.until <= moment):
        return False
    return reason == last.reason or (not reason and last.reason != NO_ANSWER)


def _free(
    conn: Connection, manager: str, last: Presence | None, *, now: datetime
) -> datetime | None:
    """End what keeps calls from an available manager; gives from when he is free of it.

    None: nothing did. A wrap-up is over for who said later that he is available; by the clock of a
    PBX it may have begun a little after now.
    """
    cooled = coolings.in_force(conn, [manager], now).get(manager, [])
    coolings.end(conn, cooled, now=now)
    silent = counters.forget_unanswered(conn, manager)
    said = last.since if last and last.state == "available" else None
    wrap_ups = [
        hold.since
        for hold in calls.holds(conn, [manager], now).get(manager, ())
        if hold.kind == "wrap_up" and not (said and said >= hold.since)
    ]
    return max([now, *wrap_ups]) if cooled or silent or wrap_ups else None
