"""On which call the sound of a consultation hangs: the one that a transfer made it part of."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from callrouter.domain.targets import phones_of
from callrouter.flows.settle import SAME_CALL_FOR
from storage import calls, fetches, journal

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.events import CallEvent
    from callrouter.domain.setup import Setup
    from callrouter.flows.work import Work

_BASE_TICK: Final = timedelta(milliseconds=1)

Homes = dict[str, tuple[str, str | None]]
"""Of each consultation the call that it is part of by now, and its leg there."""


def homes_of(
    conn: Connection, joined: Sequence[Work], works: Collection[Work], setup: Setup
) -> Homes:
    """To which call each of these consultations belongs by now, and to which of its legs."""
    told = [(work.id, event) for work in works for event in work.events if event.joins]
    told += journal.transfers_of(conn, {(work.account, work.ref) for work in joined})
    found: dict[str, tuple[str, CallEvent]] = {}
    for work in joined:
        for call, event in told:
            if call != work.id and _puts_together(event, work):
                found[work.id] = (call, event)
    return {
        id_: (_last_home(call, found), _talk_after(conn, call, event, setup))
        for id_, (call, event) in found.items()
    }


def home_of(conn: Connection, call_id: str) -> str:
    """The call on which a call's sound hangs: itself, or the one that it was a consultation of."""
    found = calls.by_ids(conn, [call_id]).get(call_id)
    if found is None or found.started_at is None:
        return call_id
    for call, event in journal.transfers_of(conn, {(found.account, found.ref)}):
        if call != call_id and abs(event.moment - found.started_at) < SAME_CALL_FOR:
            return call
    return call_id


def _puts_together(event: CallEvent, work: Work) -> bool:
    if (event.account, event.joins) != (work.account, work.ref) or work.joined is None:
        return False
    return abs(event.moment - work.joined) < _BASE_TICK


def _last_home(call: str, found: dict[str, tuple[str, CallEvent]]) -> str:
    """Where a consultation of a consultation belongs."""
    seen = set()
    while call in found and call not in seen:
        seen.add(call)
        call = found[call][0]
    return call


def _talk_after(conn: Connection, call: str, event: CallEvent, setup: Setup) -> str | None:
    """The leg by which the customer was talked to after the transfer."""
    phone = phones_of(setup, event.account)(event.to_target, event.moment, ())
    return fetches.talk_on(conn, call, phone.dial) if phone.dial else None
