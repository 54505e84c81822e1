"""Hooks as an admin reads them who connects a PBX: taken, put aside, refused; newest first."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import get_args

from sqlalchemy import ColumnElement, Connection, and_, bindparam, select, union_all

from callrouter.domain.decisions import Decision
from callrouter.domain.events import CallEvent, EventKind
from storage.documents import read_decision, read_event
from storage.journal import Refused
from storage.listing_values import Viewer
from storage.tables import decision, event, quarantine, refused


@dataclass(frozen=True, slots=True)
class HookView:
    """An event of the journal. `told`: what it was answered, if it asked as the first to do so."""

    event: CallEvent
    call: str | None
    told: Decision | None


@dataclass(frozen=True, slots=True)
class AsideView:
    """A hook in quarantine: which field could not be read, and why. No body, no phones."""

    received: datetime
    field: str
    reason: str


# The index has the kind before the moment: the last of each kind are looked up, never all events.
_OF_KINDS = [
    select(
        select(event.c.account, event.c.key, event.c.received)
        .where(event.c.account == bindparam("of_account"), event.c.kind == kind)
        .order_by(event.c.received.desc())
        .limit(bindparam("most"))
        .subquery()
    )
    for kind in get_args(EventKind)
]
_NEAR = union_all(*_OF_KINDS).subquery()
_LAST = (
    select(event.c.event, event.c.call, decision.c.decision)
    .join(_NEAR, and_(event.c.account == _NEAR.c.account, event.c.key == _NEAR.c.key))
    .outerjoin(decision, and_(decision.c.call == event.c.call, decision.c.key == event.c.key))
    .order_by(event.c.received.desc(), event.c.batch.desc(), event.c.place.desc())
    .limit(bindparam("most"))
)


def last_hooks(
    conn: Connection,
    viewer: Viewer,  # noqa: ARG001  only an admin is shown hooks
    account: str,
    limit: int,
) -> tuple[HookView, ...]:
    """The events that an account's PBX told last."""
    found = conn.execute(_LAST, {"of_account": account, "most": limit})
    return tuple(
        HookView(
            read_event(row.event), row.call, read_decision(row.decision) if row.decision else None
        )
        for row in found
    )


def last_aside(
    conn: Connection,
    viewer: Viewer,  # noqa: ARG001
    account: str,
    limit: int,
) -> tuple[AsideView, ...]:
    """The account's last hooks in quarantine."""
    c = quarantine.c
    found = conn.execute(
        select(c.received, c.field, c.reason)
        .where(c.account == account)
        .order_by(c.id.desc())
        .limit(limit)
    )
    return tuple(AsideView(row.received, row.field, row.reason) for row in found)


def last_refused(
    conn: Connection,
    viewer: Viewer,  # noqa: ARG001
    account: str,
    limit: int,
) -> tuple[Refused, ...]:
    """The account's hooks that were refused last."""
    return _refused(conn, refused.c.account == account, limit)


def astray(
    conn: Connection,
    viewer: Viewer,  # noqa: ARG001
    accounts: Collection[str],
    limit: int,
) -> tuple[Refused, ...]:
    """Hooks to accounts that nobody has: a misspelt address, as a rule."""
    return _refused(conn, refused.c.account.not_in(accounts), limit)


def _refused(conn: Connection, which: ColumnElement[bool], limit: int) -> tuple[Refused, ...]:
    found = conn.execute(select(refused).where(which).order_by(refused.c.id.desc()).limit(limit))
    return tuple(Refused(row.account, row.provider, row.at, row.reason, row.peer) for row in found)
