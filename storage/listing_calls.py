"""Calls as people and programs read them: lists, one call, and what each was told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    exists,
    func,
    literal_column,
    or_,
    select,
    true,
)

from callrouter.domain.calls import OVER, State
from callrouter.domain.names import folded
from callrouter.domain.people import Ranked
from callrouter.domain.phones import read_caller
from storage.known import people_of
from storage.listing_told import last_told, told_of, without_unseen_calls
from storage.listing_values import MOST, CallView, DecisionView, LegView, Slice, Viewer, cut
from storage.recordings import was_said
from storage.sight import Somebody, ask, calls_seen, nobodys_call, sees_calls
from storage.tables import call, card, contact, leg, recording

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

CallPlace = tuple[datetime, str]
"""Where a call stands in a list: its start and its id."""


def list_calls(
    conn: Connection,
    viewer: Viewer,
    *,
    state: State | None = None,
    line: str | None = None,
    manager: str | None = None,
    caller: str | None = None,
    contact: str | None = None,
    region: str = "RU",
    since: datetime | None = None,
    until: datetime | None = None,
    said: str | None = None,
    after: CallPlace | None = None,
    limit: int = 50,
) -> Slice[CallView]:
    """Calls with their legs, newest first.

    `line` is its number in Setup, `manager` who talked, `caller` a number or a word in any
    spelling, read in `region`; `since` is included and `until` is not; `said` stands in the text
    of a recording.
    """
    c, limit = call.c, min(limit, MOST)
    where: list[ColumnElement[bool]] = []
    if state:
        where.append(c.state == state)
        if state not in OVER:
            where.append(_is_open())
    if line is not None:
        where.append(c.line == line)
    if manager is not None:
        where.append(c.manager == manager)
    if since:
        where.append(c.started_at >= since)
    if until:
        where.append(c.started_at < until)
    if after:
        moment, id_ = after
        where += [
            c.started_at <= moment,
            or_(c.started_at < moment, c.id < id_),
        ]
    if caller is not None or contact is not None or said:
        where.append(sees_calls(viewer))
    else:
        where.append(_among_seen(conn, viewer, where, limit))
    if caller is not None:
        where.append(_called_by(caller, region))
    if contact is not None:
        where.append(c.contact == contact)
    if said:
        where.append(was_said(folded(said)))
    found = conn.execute(_calls().where(*where).limit(limit + 1)).all()
    part = cut(found, limit)
    return Slice(_with_legs(conn, [_call(row) for row in part.items]), part.more)


def calls_by_id(conn: Connection, ids: Iterable[str], viewer: Viewer) -> tuple[CallView, ...]:
    """These calls with their legs and last decisions, newest first; at most 400 of them.

    An id that is no call's, or one that the viewer may not see, is left out.
    """
    wanted = sorted(set(ids), reverse=True)[: 2 * MOST]
    if not wanted:
        return ()
    found = conn.execute(_calls().where(call.c.id.in_(wanted), sees_calls(viewer))).all()
    calls = _with_legs(conn, [_call(row) for row in found])
    told = last_told(conn, [one.id for one in calls])
    return tuple(replace(one, told=told.get(one.id)) for one in calls)


def calls_now(conn: Connection, viewer: Viewer, limit: int = 50) -> tuple[CallView, ...]:
    """Every open call (at most 200) and the last `limit` calls, newest first, as `calls_by_id`."""
    c = call.c
    newest, limit = select(c.id).order_by(c.started_at.desc(), c.id.desc()), min(limit, MOST)
    still_open = newest.where(_is_open(), sees_calls(viewer)).limit(MOST)
    last = newest.where(_among_seen(conn, viewer, [], limit)).limit(limit)
    ids = [*conn.scalars(still_open), *conn.scalars(last)]
    return calls_by_id(conn, ids, viewer)


@dataclass(frozen=True, slots=True)
class InLine:
    """How many calls wait for somebody to be free. `since`: from when the first of them does."""

    calls: int
    since: datetime | None


# Literal, as in the index: SQLite does not look at a parameter when it chooses one.
_WAITING = call.c.state == literal_column("'waiting'")


def in_line(conn: Connection, viewer: Viewer) -> InLine:
    calls, since = ask(conn, viewer, _in_line).one()
    return InLine(calls, since)


@cache
def _in_line(viewer: Somebody) -> Select[*tuple[Any, ...]]:
    waiting = select(func.count(), func.min(call.c.waiting_since))
    return waiting.where(_WAITING, sees_calls(viewer))


def calls_of_cards(
    conn: Connection, viewer: Viewer, cards: Sequence[str], limit: int = 50
) -> tuple[CallView, ...]:
    """The last calls on these cards, newest first; at most 201 of them."""
    if not cards:
        return ()
    mine = _calls().where(call.c.card.in_(cards), sees_calls(viewer)).limit(min(limit, MOST + 1))
    return _with_legs(conn, [_call(row) for row in conn.execute(mine)])


def calls_of_contact(
    conn: Connection, viewer: Viewer, contact_id: str, limit: int = 50
) -> tuple[CallView, ...]:
    """The last calls of a contact, newest first."""
    mine = _calls().where(call.c.contact == contact_id, sees_calls(viewer)).limit(min(limit, MOST))
    return _with_legs(conn, [_call(row) for row in conn.execute(mine)])


def find_call(
    conn: Connection, viewer: Viewer, call_id: str
) -> tuple[CallView, tuple[Ranked, ...]] | None:
    """A call with its legs, and all who have its number now, the likeliest first."""
    found = calls_by_id(conn, [call_id], viewer)
    if not found:
        return None
    number = found[0].caller if found[0].caller_kind == "known" else None
    return found[0], people_of(conn, number) if number else ()


def why_of(
    conn: Connection, viewer: Viewer, call_id: str
) -> tuple[CallView, tuple[DecisionView, ...]] | None:
    """A call and all that it was told, in order (at most the last 200); None: no such call."""
    mine = conn.execute(_calls().where(call.c.id == call_id, sees_calls(viewer))).one_or_none()
    if mine is None:
        return None
    (found,) = _with_legs(conn, [_call(mine)])
    told = told_of(conn, call_id)
    whys = without_unseen_calls(conn, viewer, [one.why for one in told])
    return found, tuple(replace(one, why=why) for one, why in zip(told, whys, strict=True))


def sees_call(viewer: Viewer, one: CallView) -> bool:
    """Whether he may see a call that was read: as `sees_calls` says it to the base.

    Of a call that he sees only because something about it is to be done, this knows nothing.
    """
    people = viewer.people
    if people is None:
        return True
    rung = {leg.manager for leg in one.legs if leg.manager and _has_rung(leg, viewer.at)}
    theirs = {one.manager, one.card_manager, *rung} - {None}
    return not people.isdisjoint(theirs) if theirs else True


def _has_rung(one: LegView, at: datetime | None) -> bool:
    began = one.ring_from is not None and (at is None or one.ring_from <= at)
    return began or one.answered_at is not None or one.outbound


def _among_seen(
    conn: Connection, viewer: Viewer, where: Sequence[ColumnElement[bool]], limit: int
) -> ColumnElement[bool]:
    """The calls that he sees, for the newest `limit` of a list, so that it never reads them all.

    None of those is older than as many of one kind of them, which an index gives at once.
    """
    if viewer.people is None:
        return true()
    c = call.c
    by_him, nobodys = c.manager.in_(sorted(viewer.people)), nobodys_call(viewer.at)
    newest = select(c.started_at).where(*where).order_by(c.started_at.desc())
    since: list[datetime] = []
    for kind in (by_him, nobodys):
        enough = newest.where(kind).offset(limit).limit(1)
        since += conn.scalars(enough)
    return c.id.in_(calls_seen(viewer, max(since, default=None)))


def _is_open() -> ColumnElement[bool]:
    """Only what is open has a known end. A comparison, so that SQLite takes the index of those."""
    return call.c.known_end > _EPOCH


def _called_by(caller: str, region: str) -> ColumnElement[bool]:
    read, c = read_caller(caller, region), call.c
    if read.kind == "withheld":
        return c.caller_kind == "withheld"
    if read.number:
        return c.caller_number == read.number
    return and_(c.caller_kind == "name", c.caller_raw == read.raw)


def _calls() -> Select[*tuple[Any, ...]]:
    c = call.c
    return (
        select(
            c.id,
            c.ref,
            c.account,
            c.direction,
            c.state,
            c.line,
            c.caller_number,
            c.caller_kind,
            c.caller_raw,
            c.contact,
            contact.c.name.label("contact_name"),
            c.card,
            card.c.number.label("card_number"),
            card.c.manager.label("card_manager"),
            c.manager,
            c.started_at,
            c.answered_at,
            c.ended_at,
            c.duration_s,
            c.presumed,
            c.reason,
            c.outcome,
            c.note,
            exists()
            .where(recording.c.call == c.id, recording.c.deleted_at.is_(None))
            .label("recorded"),
        )
        .outerjoin_from(call, contact, c.contact == contact.c.id)
        .outerjoin(card, c.card == card.c.id)
        .order_by(c.started_at.desc(), c.id.desc())
    )


def _call(row: Any) -> CallView:  # noqa: ANN401  a row of `_calls`
    return CallView(
        id=row.id,
        call_id=row.ref,
        account=row.account,
        direction=row.direction,
        state=row.state,
        line=row.line,
        caller=row.caller_number,
        caller_kind=row.caller_kind,
        caller_raw=row.caller_raw,
        contact=row.contact,
        contact_name=row.contact_name,
        card=row.card,
        card_number=row.card_number,
        manager=row.manager,
        started_at=row.started_at,
        answered_at=row.answered_at,
        ended_at=row.ended_at,
        duration_s=row.duration_s,
        presumed=row.presumed,
        reason=row.reason,
        outcome=row.outcome,
        note=row.note,
        recorded=bool(row.recorded),
        card_manager=row.card_manager,
    )


def _with_legs(conn: Connection, calls: Sequence[CallView]) -> tuple[CallView, ...]:
    if not calls:
        return ()
    c = leg.c
    found = conn.execute(
        select(
            c.call,
            c.ref,
            c.dial,
            c.manager,
            c.planned,
            c.run,
            c.attempt,
            c.step,
            c.status,
            c.reason,
            c.ring_from,
            c.ring_until,
            c.answered_at,
            c.ended_at,
            c.machine,
            c.presumed,
            c.talk_s,
            c.outbound,
        )
        .where(c.call.in_([one.id for one in calls]))
        .order_by(c.call, c.run, c.attempt, c.step, c.ref)
    )
    legs: dict[str, list[LegView]] = {}
    for row in found:
        legs.setdefault(row.call, []).append(_leg(row))
    return tuple(replace(one, legs=tuple(legs.get(one.id, ()))) for one in calls)


def _leg(row: Any) -> LegView:  # noqa: ANN401  a row of `leg`
    return LegView(
        ref=row.ref,
        dial=row.dial,
        manager=row.manager,
        planned=row.planned,
        run=row.run,
        attempt=row.attempt,
        step=row.step,
        status=row.status,
        reason=row.reason,
        ring_from=row.ring_from,
        ring_until=row.ring_until,
        answered_at=row.answered_at,
        ended_at=row.ended_at,
        machine=row.machine,
        presumed=row.presumed,
        talk_s=row.talk_s,
        outbound=row.outbound,
    )
