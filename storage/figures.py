"""Figures of a period, and the lists that stand behind them: both are made of the same conditions.

What each figure means is told in `callrouter/domain/figures.py`. Every function reads one part of
a period in one statement; parts are summed outside, so that no reading is long. Whoever sees only
some calls is counted only those.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    Connection,
    FromClause,
    Text,
    and_,
    case,
    cast,
    exists,
    func,
    literal,
    literal_column,
    null,
    or_,
    select,
    tuple_,
    type_coerce,
    union,
    union_all,
)

from callrouter.domain.figures import (
    LONGEST_WAIT_S,
    NOBODY,
    OTHERS,
    CallSums,
    CardSums,
    Narrow,
    Offset,
    OwedState,
    Rest,
    WhichCalls,
    WhichCards,
)
from callrouter.domain.setup import JUNK
from storage.listing_calls import CallPlace, calls_by_id
from storage.listing_contacts import briefs
from storage.listing_values import MOST, CallView, CardView, Slice, Viewer, cut
from storage.obligations import KIND as CALL_BACK
from storage.sight import calls_seen, on_seen_card, sees_cards, sees_obligations
from storage.tables import call, card, contact, decision, leg, letter, task, transition

_HOUR_MS: Final = 3_600_000
_DAY_MS: Final = 24 * _HOUR_MS
_THURSDAY: Final = 3  # was 1970-01-01, Monday being 0


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a period. `offsets`: of local time in it; `now`: when it is looked at."""

    since: datetime
    until: datetime
    offsets: tuple[Offset, ...]
    now: datetime


# Calls: what a row is counted as


def _ms(column: ColumnElement[Any]) -> ColumnElement[Any]:
    return type_coerce(column, BigInteger)


_ANSWERED = or_(call.c.state == "answered", call.c.answered_at.is_not(None))
_kind = case(
    (_ANSWERED, literal_column("'answered'")),
    (call.c.state.in_(("missed", "rejected", "unanswered")), call.c.state),
    else_=literal_column("'open'"),
)
_waited_ms = case(
    (call.c.answered_at > call.c.started_at, _ms(call.c.answered_at) - _ms(call.c.started_at)),
    else_=0,
)
_TALK_MS = cast(func.round(func.coalesce(call.c.duration_s, 0.0) * 1000), BigInteger)
_talker = func.coalesce(call.c.manager, NOBODY)
_source = func.coalesce(call.c.source, NOBODY)


def _local_ms(span: Span) -> ColumnElement[Any]:
    """A call's beginning as the clock on the wall shows it."""
    at = call.c.started_at
    (_, first), *changes = span.offsets
    ahead: ColumnElement[Any] = literal(first * 1000, BigInteger)
    if changes:
        later = [(at >= since, literal(seconds * 1000, BigInteger)) for since, seconds in changes]
        ahead = case(*reversed(later), else_=ahead)
    return _ms(at) + ahead


def _hour(span: Span) -> ColumnElement[Any]:
    return (_local_ms(span) // _HOUR_MS) % 24


def _weekday(span: Span) -> ColumnElement[Any]:
    return (_local_ms(span) // _DAY_MS + _THURSDAY) % 7


# Whose phone rang


def _theirs(now: datetime, of: FromClause = call) -> tuple[ColumnElement[bool], ...]:
    """The legs of this call that rang somebody of ours by now."""
    c = leg.c
    begun = or_(c.ring_from <= now, c.answered_at.is_not(None))
    return (c.call == of.c.id, c.manager.is_not(None), c.outbound.is_(False), begun)


def _in_vain(answered: ColumnElement[bool]) -> ColumnElement[bool]:
    """Of a leg that rang: nobody picked it up, and no colleague's answer cut it short.

    A phone that is busy or cannot be reached has not rung.
    """
    c = leg.c
    silent = or_(c.reason.is_(None), c.reason.in_(("no_answer", "rejected", "caller_hung_up")))
    return or_(
        and_(c.status == "failed", silent),
        and_(c.status == "cancelled", ~answered),
        and_(c.status == "ended", c.machine),
    )


def _did_not_talk(manager: str) -> ColumnElement[bool]:
    other = leg.alias("talked")
    talked = (other.c.outbound.is_(False), other.c.answered_at.is_not(None), ~other.c.machine)
    return ~exists().where(other.c.call == call.c.id, _owner(other) == manager, *talked)


def _owner(of: FromClause = leg) -> ColumnElement[Any]:
    """A leg's manager; no index is taken for it, which would give all legs that he ever had."""
    return func.coalesce(of.c.manager, "")


# Why nobody talked: as `domain.obligations.why_missed` says it, over rows


def _told(*texts: str) -> ColumnElement[bool]:
    """A decision of this call has one of these in its why. What people wrote cannot be taken for
    them: in JSON a quotation mark of theirs has a backslash before it.
    """
    why = decision.c.why
    return exists().where(
        decision.c.call == call.c.id, or_(*(why.contains(one, autoescape=True) for one in texts))
    )


_AT_WORK: Final = ("talking", "ringing", "wrap_up", "phone_busy", "promised", "paused")
_BUSY: Final = tuple(f'"passed":"{one}"' for one in _AT_WORK) + tuple(
    f'["{one}",' for one in _AT_WORK
)


def _cause() -> ColumnElement[str]:
    c = leg.c
    rang = (c.call == call.c.id, or_(c.ring_from.is_not(None), c.answered_at.is_not(None)))
    steps = select(func.count(func.distinct(c.run * 1_000_000 + c.attempt * 1_000 + c.step)))
    gave_up = and_(
        func.coalesce(call.c.reason, "") != "no_answer",
        ~exists().where(*rang, c.status != "cancelled"),
        steps.where(*rang).scalar_subquery() == 1,
    )
    by_base = decision.c.why.contains('"told_by":"base"', autoescape=True)
    somebody = exists().where(*rang, c.manager.is_not(None))
    return case(
        (exists().where(decision.c.call == call.c.id, ~by_base), "fallback"),
        (
            exists().where(*rang, c.manager.is_not(None), c.answered_at.is_not(None), c.machine),
            "machine",
        ),
        (and_(somebody, gave_up), "hung_up"),
        (somebody, "not_picked_up"),
        (_told('"open_hours":false'), "out_of_hours"),
        (_told('"chosen":["'), "hung_up"),  # before the first phone rang
        (_told(*_BUSY), "all_busy"),
        (_told('"steps":[{'), "nobody_on_shift"),
        (_told('"ends":"message"'), "message"),
        else_="fallback",
    )


# Which calls


def _calls(viewer: Viewer, span: Span, narrow: Narrow) -> list[ColumnElement[bool]]:
    c = call.c
    where = [c.started_at >= span.since, c.started_at < span.until]
    if viewer.people is not None:
        where.append(c.id.in_(calls_seen(viewer, span.since, span.until)))
    if narrow.line is not None:
        where.append(c.line == narrow.line)
    if narrow.source is not None:
        where.append(_source == narrow.source)
    if narrow.people is not None:
        people = sorted(narrow.people)
        rang = exists().where(*_theirs(span.now), _owner().in_(people))
        where.append(or_(c.manager.in_(people), rang))
    return where


def _which_calls(viewer: Viewer, which: WhichCalls, span: Span) -> list[ColumnElement[bool]]:
    c, where = call.c, []
    if which.direction is not None:
        where.append(c.direction == which.direction)
    if which.kind is not None:
        where.append(_kind == which.kind)
    if which.cause is not None:
        where += [c.direction == "in", c.state == "missed", ~_ANSWERED, _cause() == which.cause]
    if which.hour is not None:
        where.append(_hour(span) == which.hour)
    if which.weekday is not None:
        where.append(_weekday(span) == which.weekday)
    if which.talked == OTHERS:
        where += [c.manager.is_not(None), c.manager.not_in(sorted(viewer.people or ()))]
    elif which.talked is not None:
        where.append(_talker == which.talked)
    if which.rang is not None:
        where.append(exists().where(*_theirs(span.now), _owner() == which.rang))
    if which.unpicked is not None:
        mine = (*_theirs(span.now), _owner() == which.unpicked, _in_vain(_ANSWERED))
        where += [exists().where(*mine), _did_not_talk(which.unpicked)]
    if which.outcome is not None:
        where.append(c.outcome == which.outcome)
    if which.within_s is not None:
        where += [c.answered_at.is_not(None), _waited_ms < which.within_s * 1000]
    return where


def sum_calls(conn: Connection, viewer: Viewer, span: Span, narrow: Narrow) -> CallSums:
    """Count the calls of a part of a period."""
    c = call.c
    missed = and_(c.direction == "in", c.state == "missed", ~_ANSWERED)
    wait = case((_waited_ms // 1000 < LONGEST_WAIT_S, _waited_ms // 1000), else_=LONGEST_WAIT_S)
    mine = (
        select(
            c.id,
            c.direction,
            _kind.label("kind"),
            _weekday(span).label("weekday"),
            _hour(span).label("hour"),
            c.line,
            _source.label("source"),
            _talker.label("talker"),
            c.outcome,
            case((missed, _cause())).label("cause"),
            case((c.answered_at.is_not(None), wait)).label("wait"),
            _TALK_MS.label("talk_ms"),
        )
        .where(*_calls(viewer, span, narrow))
        .cte("mine")
        .prefix_with("MATERIALIZED")
    )
    sums = CallSums()
    rung = _rung(mine, span)
    for block, a, b, d, n, more in conn.execute(union_all(*_blocks(mine, rung))):
        match block:
            case "all":
                sums.directions[a, b] = n
            case "slot":
                sums.slots[a, int(b), int(d)] = n
            case "line":
                sums.lines[a, b] = n
            case "source":
                sums.sources[a, b] = n
            case "cause":
                sums.causes[a] = n
            case "wait":
                sums.waits[int(a)] = n
            case "talk":
                sums.talks[a, b] = n
                sums.talk_ms[a] += int(more)
            case "rang":
                sums.rang[a] = n
            case "unpicked":
                sums.unpicked[a] = n
            case "outcome":
                sums.outcomes[a, b] = n
    return sums


def _rung(mine: CTE, span: Span) -> CTE:
    """Whom each of these calls rang: in vain, and whether he talked all the same."""
    m = mine.c
    vain = case((_in_vain(m.kind == "answered"), 1), else_=0)
    talked = case((and_(leg.c.answered_at.is_not(None), ~leg.c.machine), 1), else_=0)
    return (
        select(
            leg.c.manager,
            func.max(vain).label("vain"),
            func.max(talked).label("talked"),
        )
        .join_from(mine, leg, and_(*_theirs(span.now, mine)))
        .where(m.direction == "in")
        .group_by(m.id, leg.c.manager)
        .cte("rung")
        .prefix_with("MATERIALIZED")
    )


def _blocks(mine: CTE, rung: CTE) -> Sequence[Any]:
    m, g = mine.c, rung.c
    inward, answered = m.direction == "in", m.kind == "answered"
    return [
        _block("all", m.direction, m.kind),
        _block("slot", m.kind, m.weekday, m.hour).where(inward),
        _block("line", m.kind, m.line).where(inward),
        _block("source", m.kind, m.source).where(inward),
        _block("cause", m.cause).where(m.cause.is_not(None)),
        _block("wait", m.wait).where(inward, m.wait.is_not(None)),
        _block("talk", m.talker, m.direction, more=func.sum(m.talk_ms)).where(
            answered, m.direction != "internal"
        ),
        _block("rang", g.manager),
        _block("unpicked", g.manager).where(g.vain == 1, g.talked == 0),
        _block("outcome", m.talker, m.outcome).where(answered, m.outcome.is_not(None)),
    ]


def _block(
    name: str,
    *keys: ColumnElement[Any],
    more: ColumnElement[Any] | None = None,
) -> Any:  # noqa: ANN401  a select
    """Rows of one kind, of the same columns as all others: up to three keys as texts, how many,
    and another sum.
    """
    three = [cast(key, Text) for key in keys] + [cast(null(), Text)] * (3 - len(keys))
    return select(
        literal_column(f"'{name}'").label("block"),
        *(key.label(label) for key, label in zip(three, "abd", strict=True)),
        func.count().label("n"),
        cast(null() if more is None else more, BigInteger).label("more"),
    ).group_by(*keys)


def list_calls(
    conn: Connection,
    viewer: Viewer,
    span: Span,
    narrow: Narrow,
    which: WhichCalls,
    *,
    after: CallPlace | None = None,
    limit: int = 50,
) -> Slice[CallView]:
    """The calls that a figure counts, newest first. A span: of any length."""
    part = call_ids(conn, viewer, span, narrow, which, after=after, limit=limit)
    return Slice(calls_by_id(conn, part.items, viewer), part.more)


def call_ids(
    conn: Connection,
    viewer: Viewer,
    span: Span,
    narrow: Narrow,
    which: WhichCalls,
    *,
    after: CallPlace | None = None,
    limit: int = 50,
) -> Slice[str]:
    """The same, their ids alone."""
    c, limit = call.c, min(limit, MOST)
    where = [*_calls(viewer, span, narrow), *_which_calls(viewer, which, span)]
    if after is not None:
        moment, id_ = after
        where += [
            c.started_at <= moment,
            or_(c.started_at < moment, c.id < id_),
        ]
    found = select(c.id).where(*where).order_by(c.started_at.desc(), c.id.desc())
    return cut(conn.scalars(found.limit(limit + 1)).all(), limit)


def count_calls(
    conn: Connection, viewer: Viewer, span: Span, narrow: Narrow, which: WhichCalls
) -> int:
    """How many calls the list has."""
    where = [*_calls(viewer, span, narrow), *_which_calls(viewer, which, span)]
    return conn.execute(select(func.count()).select_from(call).where(*where)).scalar_one()


# Cards


_card_source = func.coalesce(card.c.source_first, NOBODY)


def _on_line(line: str, made_by: ColumnElement[Any]) -> ColumnElement[bool]:
    return exists().where(call.c.id == made_by, call.c.line == line)


def _cards(viewer: Viewer, span: Span, narrow: Narrow) -> list[ColumnElement[bool]]:
    """Of a line are those that a call on it made."""
    c = card.c
    where = [c.created_at >= span.since, c.created_at < span.until, sees_cards(viewer)]
    if narrow.line is not None:
        where.append(_on_line(narrow.line, c.made_by_call))
    if narrow.source is not None:
        where.append(_card_source == narrow.source)
    if narrow.people is not None:
        where.append(c.manager.in_(sorted(narrow.people)))
    return where


def _left(of: FromClause) -> Any:  # noqa: ANN401  a scalar subquery
    """The status from which a card came into the one that it is in."""
    t, later = transition.c, transition.alias("later")
    newest = select(func.max(later.c.n)).where(later.c.card == of.c.id).scalar_subquery()
    found = select(func.coalesce(t.from_status, NOBODY))
    return found.where(t.card == of.c.id, t.n == newest).scalar_subquery()


def _which_cards(which: WhichCards) -> list[ColumnElement[bool]]:
    c, t, where = card.c, transition.c, []
    if which.deals:
        where.append(c.status != JUNK)
    if which.pipeline is not None:
        where.append(c.pipeline == which.pipeline)
    if which.statuses is not None:
        where.append(tuple_(c.pipeline, c.status).in_(list(which.statuses)))
    if which.reached is not None:
        came = exists().where(t.card == c.id, t.to_status == which.reached)
        where.append(or_(c.status == which.reached, came))
    if which.came_from is not None:
        where.append(func.coalesce(_left(card), NOBODY) == which.came_from)
    if which.reason is not None:
        where.append(func.coalesce(c.loss_reason, NOBODY) == which.reason)
    return where


def sum_cards(conn: Connection, viewer: Viewer, span: Span, narrow: Narrow) -> CardSums:
    """Count the cards that were made in a part of a period."""
    c = card.c
    mine = (
        select(
            c.id,
            c.pipeline,
            c.status,
            _card_source.label("source"),
            type_coerce(c.amount, BigInteger).label("amount"),
            func.coalesce(c.loss_reason, NOBODY).label("reason"),
            func.coalesce(_left(card), NOBODY).label("came_from"),
        )
        .where(*_cards(viewer, span, narrow))
        .cte("mine")
        .prefix_with("MATERIALIZED")
    )
    m, t = mine.c, transition.c
    amount = func.coalesce(func.sum(m.amount), 0)
    were = union(
        select(m.id, m.pipeline, m.status),
        select(m.id, m.pipeline, t.to_status).join_from(mine, transition, t.card == m.id),
    ).subquery("were")
    blocks = (
        _block("status", m.pipeline, m.status, more=amount),
        _block("reached", were.c.pipeline, were.c.status),
        _block("left", m.pipeline, m.status, m.came_from),
        _block("reason", m.pipeline, m.status, m.reason),
        _block("source", m.source, m.pipeline, m.status, more=amount),
    )
    sums = CardSums()
    for block, a, b, d, n, kopecks in conn.execute(union_all(*blocks)):
        match block:
            case "status":
                sums.statuses[a, b], sums.amounts[a, b] = n, int(kopecks)
            case "reached":
                sums.reached[a, b] = n
            case "left":
                sums.came_from[a, b, d] = n
            case "reason":
                sums.reasons[a, b, d] = n
            case "source":
                sums.sources[a, b, d], sums.source_amounts[a, b, d] = n, int(kopecks)
    return sums


def list_cards(
    conn: Connection,
    viewer: Viewer,
    span: Span,
    narrow: Narrow,
    which: WhichCards,
    *,
    after: str | None = None,
    limit: int = 50,
) -> Slice[CardView]:
    """The cards that a figure counts, newest first; `after`: the id of the last before."""
    c, limit = card.c, min(limit, MOST)
    where = [*_cards(viewer, span, narrow), *_which_cards(which)]
    if after is not None:
        where.append(c.id < after)
    found = conn.execute(select(card).where(*where).order_by(c.id.desc()).limit(limit + 1)).all()
    part = cut(found, limit)
    people = briefs(conn, sorted({row.contact for row in part.items if row.contact}))
    return Slice(
        tuple(
            CardView(
                id=row.id,
                number=row.number,
                pipeline=row.pipeline,
                status=row.status,
                manager=row.manager,
                contact=people.get(row.contact or ""),
                source=row.source_first,
                office=row.office,
                team=row.team,
                last_contact_at=row.last_contact_at,
                closed_at=row.closed_at,
                created_at=row.created_at,
                version=row.version,
                amount=row.amount,
                due_on=row.due_on,
                entity=row.entity,
                loss_reason=row.loss_reason,
                title=row.title,
                status_at=row.status_at,
            )
            for row in part.items
        ),
        part.more,
    )


def count_cards(
    conn: Connection, viewer: Viewer, span: Span, narrow: Narrow, which: WhichCards
) -> tuple[int, Decimal]:
    """How many cards the list has, and what they come to."""
    where = [*_cards(viewer, span, narrow), *_which_cards(which)]
    amount = func.sum(card.c.amount, type_=card.c.amount.type)
    n, total = conn.execute(select(func.count(), amount).where(*where)).one()
    return n, total or Decimal(0)


# Calls back, and letters


def _owed(viewer: Viewer, span: Span, narrow: Narrow) -> list[ColumnElement[bool]]:
    c = task.c
    where = [
        c.kind == CALL_BACK,
        c.created_at >= span.since,
        c.created_at < span.until,
        sees_obligations(viewer),
    ]
    if narrow.line is not None:
        where.append(c.line == narrow.line)
    if narrow.source is not None:
        its = exists().where(call.c.id == c.call, _source == narrow.source)
        where.append(its)
    if narrow.people is not None:
        where.append(c.owner.in_(sorted(narrow.people)))
    return where


def _owed_state(now: datetime) -> ColumnElement[str]:
    c = task.c
    return case(
        (and_(c.done_at.is_not(None), c.done_at <= c.due_at), "kept"),
        (c.done_at.is_not(None), "late"),
        (c.due_at < now, "overdue"),
        else_="open",
    )


def _letters(viewer: Viewer, span: Span, narrow: Narrow) -> list[ColumnElement[bool]]:
    c, k = letter.c, card.alias("of_letter").c  # the list reads cards, too
    where = [
        c.state == "sent",
        c.sent_at >= span.since,
        c.sent_at < span.until,
        on_seen_card(viewer, letter),
    ]
    if narrow.line is not None:
        where.append(exists().where(k.id == c.card, _on_line(narrow.line, k.made_by_call)))
    if narrow.source is not None:
        where.append(
            exists().where(k.id == c.card, func.coalesce(k.source_first, NOBODY) == narrow.source)
        )
    if narrow.people is not None:
        where.append(c.manager.in_(sorted(narrow.people)))
    return where


def sum_rest(conn: Connection, viewer: Viewer, span: Span, narrow: Narrow) -> Rest:
    """Count the calls back that came up in a part of a period, and the letters that left in it."""
    state = _owed_state(span.now).label("state")
    owed = select(state).where(*_owed(viewer, span, narrow)).subquery()
    rest = Rest()
    for key, n in conn.execute(select(owed.c.state, func.count()).group_by(owed.c.state)):
        rest.owed[key] = n
    sent = select(letter.c.key, func.count()).where(*_letters(viewer, span, narrow))
    for key, n in conn.execute(sent.group_by(letter.c.key)):
        rest.letters[key] = n
    return rest


@dataclass(frozen=True, slots=True)
class OwedRow:
    """A call back as a list shows it. `done_by`: a person, or the call that settled it."""

    id: str
    at: datetime
    phone: str | None
    contact: str | None
    name: str
    owner: str
    cause: str | None
    due_at: datetime
    done_at: datetime | None
    call: str | None

    def state(self, now: datetime) -> OwedState:
        if self.done_at is not None:
            return "kept" if self.done_at <= self.due_at else "late"
        return "overdue" if self.due_at < now else "open"


def list_owed(
    conn: Connection,
    viewer: Viewer,
    span: Span,
    narrow: Narrow,
    state: OwedState | None,
    *,
    after: str | None = None,
    limit: int = 50,
) -> Slice[OwedRow]:
    """The calls back that a figure counts, newest first; `after`: the id of the last before."""
    c, limit = task.c, min(limit, MOST)
    where = _owed(viewer, span, narrow)
    if state is not None:
        where.append(_owed_state(span.now) == state)
    if after is not None:
        where.append(c.id < after)
    found = (
        select(task, contact.c.name.label("contact_name"))
        .outerjoin_from(task, contact, contact.c.id == c.contact)
        .where(*where)
        .order_by(c.id.desc())
        .limit(limit + 1)
    )
    part = cut(conn.execute(found).all(), limit)
    return Slice(tuple(_owed_row(row) for row in part.items), part.more)


def _owed_row(row: Any) -> OwedRow:  # noqa: ANN401  of `list_owed`
    return OwedRow(
        row.id,
        row.created_at,
        row.phone,
        row.contact,
        row.contact_name or "",
        row.owner,
        row.cause,
        row.due_at,
        row.done_at,
        row.call,
    )


@dataclass(frozen=True, slots=True)
class SentRow:
    """A letter as a list shows it."""

    id: str
    at: datetime
    key: str
    subject: str
    email: str | None
    manager: str | None
    card: str
    number: int


def list_letters(
    conn: Connection,
    viewer: Viewer,
    span: Span,
    narrow: Narrow,
    key: str | None,
    *,
    after: str | None = None,
    limit: int = 50,
) -> Slice[SentRow]:
    """The letters that a figure counts, newest first; `after`: the id of the last before."""
    c, limit = letter.c, min(limit, MOST)
    where = _letters(viewer, span, narrow)
    if key is not None:
        where.append(c.key == key)
    if after is not None:
        where.append(c.id < after)
    found = (
        select(c.id, c.sent_at, c.key, c.subject, c.email, c.manager, c.card, card.c.number)
        .join_from(letter, card, card.c.id == c.card)
        .where(*where)
        .order_by(c.id.desc())
        .limit(limit + 1)
    )
    part = cut(conn.execute(found).all(), limit)
    rows = [
        SentRow(
            *(row.id, row.sent_at, row.key, row.subject, row.email),
            row.manager,
            row.card,
            row.number,
        )
        for row in part.items
    ]
    return Slice(tuple(rows), part.more)
