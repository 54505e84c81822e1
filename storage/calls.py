"""Calls, their legs and what they were told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Connection,
    Integer,
    and_,
    bindparam,
    delete,
    func,
    literal_column,
    or_,
    select,
)

from callrouter.domain.calls import OVER, CallState, Leg, State, Told, hold_of
from callrouter.domain.events import Direction
from callrouter.domain.managers import Hold, HoldKind
from callrouter.domain.past import Seen
from callrouter.domain.phones import Caller, CallerKind
from callrouter.domain.why import Why
from storage import rows
from storage.documents import read_decision, write_decision, write_seen, write_why
from storage.rows import among
from storage.tables import call, decision, leg

CallRef = tuple[str, str]
"""(account, the PBX's call_id)."""


@dataclass(frozen=True, slots=True)
class StoredCall:
    """A call as the base has it. `over_at`: when we learned that it was over, by our clock."""

    id: str
    account: str
    ref: str
    generation: int
    direction: Direction
    state: State
    line: str
    line_known: bool
    caller: Caller
    contact: str | None = None
    card: str | None = None
    stranger: bool = False
    office: str | None = None
    team: str | None = None
    source: str | None = None
    started_at: datetime | None = None
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    known_end: datetime | None = None
    over_at: datetime | None = None


_FIND = (
    select(call)
    .where(among(call.c.account, "accounts"), among(call.c.ref, "refs"))
    .order_by(call.c.generation)
)


def find(conn: Connection, refs: Iterable[CallRef]) -> dict[CallRef, StoredCall]:
    """The newest generation of each call that these references name."""
    wanted = set(refs)
    if not wanted:
        return {}
    accounts, names = {account for account, _ in wanted}, {ref for _, ref in wanted}
    found = conn.execute(_FIND, {"accounts": accounts, "refs": names})
    return {
        (row.account, row.ref): _stored(row) for row in found if (row.account, row.ref) in wanted
    }


_BY_IDS = select(call).where(among(call.c.id, "ids"))


def by_ids(conn: Connection, ids: Iterable[str]) -> dict[str, StoredCall]:
    wanted = set(ids)
    if not wanted:
        return {}
    return {row.id: _stored(row) for row in conn.execute(_BY_IDS, {"ids": wanted})}


def _stored(row: Any) -> StoredCall:  # noqa: ANN401  a row of `call`
    kind: CallerKind = row.caller_kind
    return StoredCall(
        id=row.id,
        account=row.account,
        ref=row.ref,
        generation=row.generation,
        direction=row.direction,
        state=row.state,
        line=row.line,
        line_known=row.line_known,
        caller=Caller(kind, row.caller_number, row.caller_raw),
        contact=row.contact,
        card=row.card,
        stranger=row.stranger,
        office=row.office,
        team=row.team,
        source=row.source,
        started_at=row.started_at,
        answered_at=row.answered_at,
        ended_at=row.ended_at,
        known_end=row.known_end,
        over_at=row.over_at,
    )


_TOLD = (
    decision.c.key,
    decision.c.run,
    decision.c.attempt,
    decision.c.at,
    decision.c.decision,
    decision.c.setup,
)
_TOLD_OF = (
    select(decision.c.call, *_TOLD)
    .where(among(decision.c.call, "calls"))
    .order_by(decision.c.run, decision.c.attempt)
)


def told_of(conn: Connection, calls: Iterable[str]) -> dict[str, list[Told]]:
    """What these calls were told, in order."""
    ids = list(calls)
    found: dict[str, list[Told]] = {one: [] for one in ids}
    if ids:
        for row in conn.execute(_TOLD_OF, {"calls": ids}):
            found[row.call].append(_told(row))
    return found


def _told(row: Any) -> Told:  # noqa: ANN401  a row with the columns of `_TOLD`
    return Told(row.key, row.run, row.attempt, row.at, read_decision(row.decision), row.setup)


def keep_told(conn: Connection, told: Sequence[tuple[str, Told, Why, Seen | None]]) -> None:
    """Store what calls were told, why, and what was looked at.

    What was told replaces what was only meant.
    """
    rows.put(
        conn,
        decision,
        [
            {
                "call": id_,
                "run": one.run,
                "attempt": one.attempt,
                "key": one.key,
                "at": one.at,
                "setup": why.setup,
                "decision": write_decision(one.decision),
                "why": write_why(why),
                "facts": write_seen(seen),
            }
            for id_, one, why, seen in told
        ],
    )


_FORGET_LEGS = delete(leg).where(among(leg.c.call, "calls"))


def save(
    conn: Connection,
    calls: Sequence[tuple[StoredCall, CallState]],
    *,
    new: frozenset[str],
    now: datetime,
) -> None:
    """Write calls as their events leave them, with all their legs. `new`: not yet in the base."""
    known = [stored.id for stored, _ in calls if stored.id not in new]
    if known:
        conn.execute(_FORGET_LEGS, {"calls": known})
    fresh = [_call_row(stored, state, now) for stored, state in calls if stored.id in new]
    rows.add(conn, call, fresh)
    rows.put(
        conn,
        call,
        [_call_row(stored, state, now) for stored, state in calls if stored.id not in new],
    )
    rows.add(
        conn,
        leg,
        [_leg_row(stored, one, now) for stored, state in calls for one in state.legs],
    )


def _call_row(stored: StoredCall, state: CallState, now: datetime) -> dict[str, Any]:
    return {
        "id": stored.id,
        "account": stored.account,
        "ref": stored.ref,
        "generation": stored.generation,
        "direction": state.direction,
        "state": state.state,
        "line": stored.line,
        "line_known": stored.line_known,
        "caller_kind": stored.caller.kind,
        "caller_number": stored.caller.number,
        "caller_raw": stored.caller.raw,
        "contact": stored.contact,
        "card": stored.card,
        "stranger": stored.stranger,
        "manager": state.talker or (state.dialer if state.direction != "in" else None),
        "started_at": state.started_at,
        "answered_at": state.answered_at,
        "ended_at": state.ended_at,
        "known_end": state.known_end,
        "duration_s": state.duration_s,
        "presumed": state.presumed,
        "reason": state.reason,
        "run": state.run,
        "office": stored.office,
        "team": stored.team,
        "source": stored.source,
        "over_at": (stored.over_at or now) if state.over else None,
        "waiting_since": state.waiting_since,
    }


def _leg_row(stored: StoredCall, one: Leg, now: datetime) -> dict[str, Any]:
    hold, until = hold_of(one, now)
    return {
        "call": stored.id,
        "ref": one.ref,
        "account": stored.account,
        "dial": one.dial,
        "manager": one.manager,
        "planned": one.planned,
        "run": one.run,
        "attempt": one.attempt,
        "step": one.step,
        "mode": one.mode,
        "status": one.status,
        "stranger": stored.stranger,
        "ring_from": one.ring_from,
        "ring_until": one.ring_until,
        "answered_at": one.answered_at,
        "ended_at": one.ended_at,
        "hold": hold,
        "hold_until": until,
        "reason": one.reason,
        "machine": one.machine,
        "outbound": one.outbound,
        "presumed": one.presumed,
        "talk_s": one.talk_s,
    }


_HOLDS = select(
    leg.c.call,
    leg.c.ref,
    leg.c.manager,
    leg.c.hold,
    leg.c.ring_from,
    leg.c.answered_at,
    leg.c.ended_at,
    leg.c.hold_until,
    leg.c.mode,
    leg.c.stranger,
).where(
    leg.c.hold.is_not(None),
    leg.c.hold_until > bindparam("now"),
    among(leg.c.manager, "managers"),
)


def holds(conn: Connection, managers: Sequence[str], now: datetime) -> dict[str, list[Hold]]:
    """What holds these managers now or soon: every window, talk and wrap-up that is not over."""
    if not managers:
        return {}
    found: dict[str, list[Hold]] = {}
    for row in conn.execute(_HOLDS, {"managers": managers, "now": now}):
        kind: HoldKind = row.hold
        since = {"ring": row.ring_from, "wrap_up": row.ended_at}.get(kind, row.answered_at)
        found.setdefault(row.manager, []).append(
            Hold(
                row.call,
                row.ref,
                kind,
                since or now,
                row.hold_until,
                shared=row.mode == "all",
                stranger=row.stranger,
            )
        )
    return found


@dataclass(frozen=True, slots=True)
class Talk:
    """A leg that answered: which phone, when.

    `outbound`: it called out itself. `ended`: an event told of its end.
    """

    call: str
    ref: str
    account: str
    dial: str
    answered_at: datetime
    outbound: bool = False
    ended: bool = False


_TALKS_ON = select(
    leg.c.call,
    leg.c.ref,
    leg.c.account,
    leg.c.dial,
    leg.c.answered_at,
    leg.c.outbound,
    leg.c.ended_at,
    leg.c.presumed,
).where(
    among(leg.c.account, "accounts"),
    among(leg.c.dial, "dials"),
    leg.c.answered_at >= bindparam("since"),
)


def talks_on(conn: Connection, phones: Iterable[tuple[str, str]], since: datetime) -> list[Talk]:
    """The talks on these phones (account, dial) that were answered since a moment."""
    wanted = set(phones)
    if not wanted:
        return []
    accounts, dials = {account for account, _ in wanted}, {dial for _, dial in wanted}
    return [
        Talk(
            row.call,
            row.ref,
            row.account,
            row.dial,
            row.answered_at,
            row.outbound,
            ended=row.ended_at is not None and not row.presumed,
        )
        for row in conn.execute(_TALKS_ON, {"accounts": accounts, "dials": dials, "since": since})
        if row.answered_at and (row.account, row.dial) in wanted
    ]


_ONCE = (
    select(leg.c.manager, leg.c.call, func.max(leg.c.stranger.cast(Integer)).label("stranger"))
    .where(
        among(leg.c.manager, "managers"),
        leg.c.answered_at >= bindparam("since"),
        leg.c.machine.is_(False),
    )
    .group_by(leg.c.manager, leg.c.call)
    .subquery()
)
_TALKS_TODAY = select(_ONCE.c.manager, func.count(), func.sum(_ONCE.c.stranger)).group_by(
    _ONCE.c.manager
)


def talks_today(
    conn: Connection, managers: Sequence[str], since: datetime
) -> dict[str, tuple[int, int]]:
    """Per manager since a moment: calls he talked on, and how many of them were strangers'."""
    if not managers:
        return {}
    found = conn.execute(_TALKS_TODAY, {"managers": managers, "since": since})
    return {manager: (calls, int(strangers or 0)) for manager, calls, strangers in found}


def due(conn: Connection, now: datetime, limit: int) -> list[str]:
    """Calls of which something has come to its known end: their own, a window's, a talk's."""
    by_leg = select(leg.c.call).where(leg.c.hold.is_not(None), leg.c.hold_until <= now).limit(limit)
    by_call = select(call.c.id).where(call.c.known_end.is_not(None), call.c.known_end <= now)
    found = [row[0] for row in conn.execute(by_call.limit(limit))]
    found += [row[0] for row in conn.execute(by_leg)]
    return list(dict.fromkeys(found))[:limit]


def open_before(conn: Connection, account: str, moment: datetime) -> list[str]:
    """The account's calls begun before a moment that are not known to be over."""
    c = call.c
    return [
        row[0]
        for row in conn.execute(
            select(c.id).where(
                c.account == account,
                c.started_at < moment,
                or_(c.known_end.is_not(None), c.over_at.is_(None)),
            )
        )
    ]


def missed_since(conn: Connection, contacts: Iterable[str], since: datetime) -> Mapping[str, int]:
    """How many calls of each contact were missed since a moment."""
    ids = list(contacts)
    if not ids:
        return {}
    c = call.c
    found = conn.execute(
        select(c.contact, func.count())
        .where(c.contact.in_(ids), c.started_at >= since, c.state == "missed")
        .group_by(c.contact)
    )
    return {contact: count for contact, count in found if contact}


@dataclass(frozen=True, slots=True)
class WaitingCall:
    """A call that waits for somebody to be free; `told`: what it was told last."""

    call: str
    account: str
    line: str
    number: str | None
    contact: str | None
    told: Told


_LAST_ATTEMPT = (
    select(func.max(decision.c.attempt))
    .where(decision.c.call == call.c.id, decision.c.run == call.c.run)
    .correlate(call)
    .scalar_subquery()
)
# Literal, as in the index: SQLite does not look at a parameter when it chooses one.
_WAITING = (
    select(
        call.c.id,
        call.c.account,
        call.c.line,
        call.c.caller_number,
        call.c.contact,
        *_TOLD,
    )
    .join(
        decision,
        and_(
            decision.c.call == call.c.id,
            decision.c.run == call.c.run,
            decision.c.attempt == _LAST_ATTEMPT,
        ),
    )
    .where(call.c.state == literal_column("'waiting'"))
    .order_by(call.c.waiting_since, call.c.id)
)


def waiting(conn: Connection) -> list[WaitingCall]:
    """Every call that waits, the longest first."""
    return [
        WaitingCall(
            row.id,
            row.account,
            row.line,
            row.caller_number,
            row.contact,
            _told(row),
        )
        for row in conn.execute(_WAITING)
    ]


@dataclass(frozen=True, slots=True)
class LatelyCall:
    """An inbound call of a number, open or just over."""

    id: str
    state: State
    waiting_since: datetime | None
    ended_at: datetime | None
    started_at: datetime

    @property
    def over(self) -> bool:
        return self.state in OVER


_LATELY_OF = (
    select(
        call.c.caller_number,
        call.c.id,
        call.c.state,
        call.c.waiting_since,
        call.c.ended_at,
        call.c.started_at,
    )
    .where(
        among(call.c.caller_number, "numbers"),
        call.c.direction == "in",
        or_(call.c.over_at.is_(None), call.c.ended_at >= bindparam("since")),
    )
    .order_by(call.c.started_at, call.c.id)
)


def lately_of(
    conn: Connection, numbers: Iterable[str], since: datetime
) -> dict[str, list[LatelyCall]]:
    """The inbound calls of these numbers (E.164), open or ended since a moment, in order."""
    wanted = set(numbers)
    found: dict[str, list[LatelyCall]] = {}
    if wanted:
        for row in conn.execute(_LATELY_OF, {"numbers": wanted, "since": since}):
            one = LatelyCall(row.id, row.state, row.waiting_since, row.ended_at, row.started_at)
            found.setdefault(row.caller_number or "", []).append(one)
    return found


MEAN_OF = 200
"""Of so many calls, the latest, a mean is made: a read is to be quick."""

_LATEST_TALKS = (
    select(call.c.duration_s)
    .where(
        call.c.started_at >= bindparam("since"),
        call.c.direction == "in",
        call.c.state == "answered",
        call.c.duration_s.is_not(None),
    )
    .order_by(call.c.started_at.desc())
    .limit(MEAN_OF)
    .subquery()
)
_MEAN_TALK = select(func.avg(_LATEST_TALKS.c.duration_s))


def mean_talk_s(conn: Connection, since: datetime) -> float | None:
    """How long an answered inbound call that began since then lasted, on the average; seconds."""
    found = conn.execute(_MEAN_TALK, {"since": since}).scalar_one()
    return None if found is None else float(found)


_LAST_TRY = (
    select(call.c.caller_number, call.c.manager, call.c.started_at)
    .where(
        among(call.c.caller_number, "numbers"),
        call.c.direction == "out",
        call.c.state == "unanswered",
        call.c.manager.is_not(None),
        call.c.started_at >= bindparam("since"),
    )
    .order_by(call.c.started_at, call.c.id)
)
_LAST_TALK = (
    select(call.c.caller_number, func.max(call.c.answered_at))
    .where(
        among(call.c.caller_number, "numbers"),
        call.c.answered_at >= bindparam("since"),
    )
    .group_by(call.c.caller_number)
)


def tried_by(
    conn: Connection, numbers: Iterable[str], since: datetime
) -> dict[str, tuple[str, datetime]]:
    """Who called each of these numbers last without a talk since a moment, and when.

    A later talk with the number, in either direction, makes the try moot.
    """
    wanted = set(numbers)
    if not wanted:
        return {}
    tries = {
        row.caller_number: (row.manager, row.started_at)
        for row in conn.execute(_LAST_TRY, {"numbers": wanted, "since": since})
    }
    if not tries:
        return {}
    talks = dict(conn.execute(_LAST_TALK, {"numbers": set(tries), "since": since}).all())
    return {
        number: (manager, moment)
        for number, (manager, moment) in tries.items()
        if not (talks.get(number) and talks[number] > moment)
    }
