"""Takes a hook from quarantine after all: into the calls as they are now, as of when it came.

Nothing is decided by it: whoever sent it has long gone on without our answer. So nobody is rung,
nobody is reserved, and a call that it begins is one that its PBX led by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from callrouter.flows.take import take
from callrouter.flows.work import Already, Desk, Entry
from storage import audit, journal, listing_journal
from storage.ids import new_id
from storage.listing_journal import TAKEN
from storage.setups import SetupCache
from webhooks.provider import Answer

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from callrouter.domain.decisions import Can
    from callrouter.domain.events import CallEvent
    from callrouter.domain.rights import Viewer

UNTOLD = Answer(b"", "")
"""What the PBX was answered is not known any more; that it was nothing of ours is sure."""


class NoSuchHook(LookupError):
    """There is no such hook in quarantine."""


class TakenAlready(Exception):
    """The journal has it: it was taken from here, or came again in the meantime."""


def take_aside(
    conn: Connection,
    viewer: Viewer,
    id_: str,
    events: Sequence[CallEvent],
    can: Can,
    *,
    by: str,
    now: datetime,
    address: str | None = None,
) -> str:
    """Write what one hook is read as; gives the key of the first event, under which it is found.

    Its key is made of the id that it had in quarantine, so it is taken once. Raises NoSuchHook,
    TakenAlready.
    """
    hook = listing_journal.find_aside(conn, viewer, id_)
    if hook is None or not events:
        raise NoSuchHook(id_)
    known = journal.find(conn, [(one.account, one.key) for one in events])
    if hook.taken or known or any(_is_there(conn, one) for one in events):
        raise TakenAlready(id_)
    named = [
        replace(one, key=f"{TAKEN}{id_}{f':{n}' if n else ''}", own_key=True)
        for n, one in enumerate(events)
    ]
    entries = [
        Entry(
            event=one if one.call_ref or not one.asks else replace(one, call_ref=f"?{one.key}"),
            raw=hook.raw,
            call_id=new_id(hook.at),
            can=can,
            render=lambda _decision: UNTOLD,
            accept=UNTOLD,
            already=Already(None, None, UNTOLD),
        )
        for one in named
    ]
    take(conn, entries, Desk(SetupCache()), now=now)
    audit.append(
        conn,
        at=now,
        actor=by,
        action="took_hook",
        object=f"hook:{id_}",
        data={"account": hook.account, "events": len(events)},
        address=address,
    )
    return named[0].key


def _is_there(conn: Connection, one: CallEvent) -> bool:
    """The same hook came apart: part of it could be read, and was taken at once."""
    return listing_journal.has_event(conn, one.account, one.kind, one.received)
