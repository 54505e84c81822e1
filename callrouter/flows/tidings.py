"""What a PBX says of people and phones, not of a call: `presence` and `device`."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from callrouter.domain.targets import phones_of
from callrouter.flows.cooling import cooled_event
from callrouter.flows.presence import say
from storage import coolings, counters, journal, notices
from storage.coolings import Cooled

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.events import CallEvent
    from callrouter.domain.managers import CoolReason, PresenceState
    from callrouter.domain.setup import Setup

LONGEST = timedelta(hours=8)
"""So long at most a phone is taken for gone after its PBX said so."""

_STATES: dict[str, PresenceState] = {"available": "available", "pause": "pause", "off": "off"}
_GONE: dict[str, CoolReason] = {"offline": "offline", "dnd": "dnd", "busy": "busy"}


def hear(conn: Connection, event: CallEvent, setup: Setup, *, now: datetime) -> None:
    """Act on an event that is of no call; one of an unknown phone changes nothing.

    Nor does one that comes after a later one of the same phone, or repeats what is known.
    """
    if event.kind not in ("device", "presence") or not event.target:
        return
    whose = phones_of(setup, event.account)
    phone = whose(event.target, event.moment, ())
    later = journal.said_later(conn, event)
    if not phone.dial or phone.dial in {whose(one.target, one.moment, ()).dial for one in later}:
        return
    if event.kind == "presence":
        _hear_presence(conn, event, setup, phone.manager, now=now)
    else:
        _hear_device(conn, event, setup, phone.dial, now=now)


def _hear_presence(
    conn: Connection, event: CallEvent, setup: Setup, key: str | None, *, now: datetime
) -> None:
    state = _STATES.get(event.state or "")
    manager = setup.managers.get(key or "")
    if state and manager and manager.active:
        by, reason = _by(event), event.reason or ""
        say(conn, setup, manager, state, by=by, now=now, reason=reason, at=event.moment)


def _hear_device(
    conn: Connection, event: CallEvent, setup: Setup, dial: str, *, now: datetime
) -> None:
    """A phone that is there ends its coolings and those of its owners; one that is not cools."""
    owners = [one.key for one in setup.by_dial.get((event.account, dial), ())]
    since = min(event.moment, now)
    cooled = coolings.in_force(conn, owners, now)
    phone = (event.account, dial)
    over: list[Cooled] = []
    new: list[Cooled] = []
    for key in owners:
        theirs = cooled.get(key, [])
        here = [one for one in theirs if (one.account, one.dial) == phone]
        if event.state == "available":
            counters.forget_unanswered(conn, key)
            whole = [one for one in theirs if one.dial is None and one.since <= event.received]
            over += here + whole
        elif reason := _GONE.get(event.state or ""):
            if any(one.reason == reason for one in here):
                continue
            account = setup.accounts.get(event.account)
            longest = LONGEST
            if reason == "busy" and account:
                longest = timedelta(seconds=account.max_talk_s)
            if since + longest > now:
                over += here
                new.append(
                    Cooled(key, reason, since, since + longest, _by(event), event.account, dial)
                )
    coolings.end(conn, over, now=now)
    coolings.begin(conn, new, now=now)
    notices.record(conn, [cooled_event(one) for one in new], now=now)
    changed = sorted({one.manager for one in (*over, *new)})
    notices.tell_people(conn, "manager", changed, now=now)


def _by(event: CallEvent) -> str:
    return f"pbx:{event.account}"[:64]
