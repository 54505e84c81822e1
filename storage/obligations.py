"""Calls back that are owed: tasks of kind `call_back`, at most one open for a number.

`task.created_at` is when the first call that it stands for began; `result` is the reason that a
person closed it with, NULL when calls settled it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    case,
    func,
    literal,
    select,
    true,
    update,
)

from callrouter.domain.calls import Leg
from callrouter.domain.obligations import Dealing, Obligation, WhyMissed
from callrouter.domain.why import Why
from storage import rows
from storage.documents import read_why
from storage.rows import among
from storage.tables import act, call, decision, leg, task

KIND = "call_back"
MISSED = "missed"
"""The act of a missed call that was counted; its moment is when we learned of the call."""


def claim(number: str | None, contact: str | None = None) -> str:
    """What only one open obligation can hold: a number, else the contact who has none."""
    return f"{KIND}:{number}" if number else f"{KIND}:contact:{contact}"


# Reading

_OPEN = select(task).where(among(task.c.open_for, "claims"))
_CLOSED_BY_PEOPLE = (
    select(task.c.phone, func.max(task.c.done_at).label("done_at"))
    .where(among(task.c.phone, "numbers"), task.c.kind == KIND, task.c.result.is_not(None))
    .group_by(task.c.phone)
)


def open_of(conn: Connection, claims: Iterable[str]) -> dict[str, Obligation]:
    """The open obligations that hold these claims, by claim."""
    wanted = set(claims)
    if not wanted:
        return {}
    return {row.open_for: read(row) for row in conn.execute(_OPEN, {"claims": wanted})}


def find(conn: Connection, id_: str) -> tuple[Obligation, bool] | None:
    """An obligation, and whether it is open; None when there is none of this id."""
    row = conn.execute(select(task).where(task.c.id == id_, task.c.kind == KIND)).one_or_none()
    return (read(row), row.done_at is None) if row else None


def closed_by_people(conn: Connection, numbers: Iterable[str]) -> dict[str, datetime]:
    """When a person last closed an obligation to each of these numbers."""
    found = conn.execute(_CLOSED_BY_PEOPLE, {"numbers": set(numbers)})
    return {row.phone: row.done_at for row in found if row.phone and row.done_at}


def read(row: Any) -> Obligation:  # noqa: ANN401  a row of `task`
    return Obligation(
        id=row.id,
        number=row.phone,
        owner=row.owner,
        due_at=row.due_at,
        first_at=row.created_at,
        last_at=row.last_at,
        why=read_why_missed(row.cause, row.cause_data),
        author=row.author,
        call=row.call,
        card=row.card,
        contact=row.contact,
        line=row.line,
        team=row.team,
        asked=tuple(_moment(ms) for ms in json.loads(row.cause_data).get("asked", ())),
        repeats=row.repeats,
        tries=row.tries,
        escalated_at=row.escalated_at,
    )


def read_why_missed(cause: Any, data: str) -> WhyMissed:  # noqa: ANN401  the column's own codes
    found = json.loads(data)
    return WhyMissed(
        cause,
        tuple(found.get("managers", ())),
        found.get("seconds"),
        found.get("message", False),
    )


_CALLS_OF = (
    select(
        call.c.id,
        call.c.caller_number,
        call.c.direction,
        call.c.state,
        call.c.started_at,
        call.c.answered_at,
        call.c.ended_at,
        act.c.at.label("learned_at"),
    )
    .join_from(call, act, and_(act.c.call == call.c.id, act.c.act == MISSED), isouter=True)
    .where(
        among(call.c.caller_number, "numbers"),
        call.c.started_at >= bindparam("since"),
        call.c.direction != "internal",
    )
)


def dealings(conn: Connection, numbers: Iterable[str], since: datetime) -> dict[str, list[Dealing]]:
    """The calls with each of these numbers that began since a moment."""
    wanted = set(numbers)
    found: dict[str, list[Dealing]] = {number: [] for number in wanted}
    for row in conn.execute(_CALLS_OF, {"numbers": wanted, "since": since}):
        if row.caller_number:
            found[row.caller_number].append(_dealing(row))
    return found


def _dealing(row: Any) -> Dealing:  # noqa: ANN401  a row of _CALLS_OF
    talk_at = row.answered_at
    if row.state == "answered":
        talk_at = talk_at or row.ended_at or row.started_at
    kind: Any = "other"
    if talk_at:
        kind = "talk"
    elif row.direction == "out":
        kind = "tried" if row.state == "unanswered" else "other"
    elif row.state == "missed":
        kind = "missed" if row.learned_at else "other"
    elif row.state in ("ringing", "waiting"):
        kind = "pending"
    return Dealing(row.id, kind, row.started_at, row.ended_at, talk_at, row.learned_at)


@dataclass(frozen=True, slots=True)
class MissedCall:
    """What says why a call was missed."""

    whys: dict[tuple[int, int], Why]  # by run and attempt
    legs: tuple[Leg, ...]
    started_at: datetime
    ended_at: datetime
    reason: str | None


_CALLS = select(call.c.id, call.c.started_at, call.c.ended_at, call.c.reason).where(
    among(call.c.id, "calls")
)
_WHYS = (
    select(decision.c.call, decision.c.run, decision.c.attempt, decision.c.why)
    .where(among(decision.c.call, "calls"))
    .order_by(decision.c.run, decision.c.attempt)
)
_LEGS = select(leg).where(among(leg.c.call, "calls"))


def missed_calls(conn: Connection, ids: Iterable[str]) -> dict[str, MissedCall]:
    """What the base has of these calls that says why they were missed."""
    wanted = set(ids)
    if not wanted:
        return {}
    given = {"calls": wanted}
    whys: dict[str, dict[tuple[int, int], Why]] = {}
    for row in conn.execute(_WHYS, given):
        whys.setdefault(row.call, {})[row.run, row.attempt] = read_why(row.why)
    legs: dict[str, list[Leg]] = {}
    for row in conn.execute(_LEGS, given):
        legs.setdefault(row.call, []).append(_leg(row))
    return {
        row.id: MissedCall(
            whys.get(row.id, {}),
            tuple(legs.get(row.id, ())),
            row.started_at,
            row.ended_at or row.started_at,
            row.reason,
        )
        for row in conn.execute(_CALLS, given)
    }


def _leg(row: Any) -> Leg:  # noqa: ANN401  a row of `leg`
    return Leg(
        ref=row.ref,
        dial=row.dial,
        manager=row.manager,
        planned=row.planned,
        run=row.run,
        attempt=row.attempt,
        step=row.step,
        mode=row.mode,
        status=row.status,
        ring_from=row.ring_from,
        ring_until=row.ring_until,
        answered_at=row.answered_at,
        ended_at=row.ended_at,
        reason=row.reason,
        machine=row.machine,
        presumed=row.presumed,
        talk_s=row.talk_s,
    )


# Writing


def add(conn: Connection, new: Sequence[Obligation]) -> None:
    """Open obligations. The claim of each must be free."""
    rows.add(
        conn,
        task,
        [
            {
                "id": one.id,
                "kind": KIND,
                "author": one.author,
                "created_at": one.first_at,
                "phone": one.number,
                "open_for": claim(one.number, one.contact),
                "line": one.line,
                **_changing(one),
            }
            for one in new
        ],
    )


_CHANGE = (
    update(task)
    .where(task.c.id == bindparam("task"))
    .values(
        {
            name: bindparam(f"to_{name}")
            for name in (
                "created_at",
                "owner",
                "team",
                "due_at",
                "call",
                "card",
                "contact",
                "cause",
                "cause_data",
                "last_at",
                "repeats",
                "tries",
                "escalated_at",
            )
        }
    )
)


def change(conn: Connection, changed: Sequence[Obligation]) -> None:
    """Write open obligations as they are now; number, line and author never change."""
    if changed:
        conn.execute(
            _CHANGE,
            [
                {
                    "task": one.id,
                    "to_created_at": one.first_at,
                    **{f"to_{name}": value for name, value in _changing(one).items()},
                }
                for one in changed
            ],
        )


def _changing(one: Obligation) -> dict[str, Any]:
    data: dict[str, Any] = {}
    if one.why.managers:
        data["managers"] = list(one.why.managers)
    if one.why.seconds is not None:
        data["seconds"] = one.why.seconds
    if one.why.message:
        data["message"] = True
    if one.asked:
        data["asked"] = [_milliseconds(at) for at in one.asked]
    return {
        "owner": one.owner,
        "team": one.team,
        "due_at": one.due_at,
        "call": one.call,
        "card": one.card,
        "contact": one.contact,
        "cause": one.why.cause,
        "cause_data": json.dumps(data),
        "last_at": one.last_at,
        "repeats": one.repeats,
        "tries": one.tries,
        "escalated_at": one.escalated_at,
    }


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


def _milliseconds(at: datetime) -> int:
    return (at - _EPOCH) // _MS


def _moment(milliseconds: int) -> datetime:
    return _EPOCH + milliseconds * _MS


_CLOSE = (
    update(task)
    .where(task.c.id == bindparam("task"), task.c.done_at.is_(None))
    .values(
        done_at=bindparam("at"),
        closed_by=bindparam("by"),
        result=bindparam("reason"),
        open_for=None,
    )
)


def close(
    conn: Connection, closed: Mapping[str, tuple[str, datetime]], *, reason: str | None = None
) -> None:
    """Close obligations by id: who did, and when. `reason`: what a person says of it."""
    if closed:
        conn.execute(
            _CLOSE,
            [
                {"task": id_, "by": by, "at": at, "reason": reason}
                for id_, (by, at) in closed.items()
            ],
        )


# Lost clients


@dataclass(frozen=True, slots=True)
class Lost:
    """Numbers whose calls were missed in a period, and what became of them since.

    `called_back`: somebody talked to them after the last of these calls; `lost`: nobody has yet.
    `withheld`: missed calls, not numbers, whose caller cannot be called back.
    """

    missed_numbers: int
    called_back: int
    lost: int
    withheld: int


def lost(
    conn: Connection,
    since: datetime,
    until: datetime,
    *,
    own: Collection[str] = (),
    seen: ColumnElement[bool] | None = None,
) -> Lost:
    """Count them for missed calls begun in a period, half-open. `own`: phones of our own people;
    `seen`: only calls of which this is true.
    """
    c = call.c
    period = (c.started_at >= since, c.started_at < until, true() if seen is None else seen)
    missed = (c.direction == "in", c.state == "missed", *period)
    last = (
        select(c.caller_number.label("number"), func.max(c.started_at).label("at"))
        .where(*missed, c.caller_kind == "known", c.caller_number.not_in(own))
        .group_by(c.caller_number)
        .subquery()
    )
    talk = call.alias()
    talked = (
        select(literal(1))
        .where(
            talk.c.caller_number == last.c.number,
            talk.c.direction != "internal",
            talk.c.state.in_(("talking", "answered")),
            func.coalesce(talk.c.answered_at, talk.c.ended_at) >= last.c.at,
        )
        .exists()
    )
    numbers, back = conn.execute(
        select(func.count(), func.coalesce(func.sum(case((talked, 1), else_=0)), 0)).select_from(
            last
        )
    ).one()
    unknown = select(func.count()).where(*missed, c.caller_kind.not_in(("known", "internal")))
    withheld = conn.execute(unknown).scalar_one()
    return Lost(numbers, int(back), numbers - int(back), withheld)
