"""A figure is the length of its list: over worlds made by chance, for viewers of every role."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any, TypeVar, get_args
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection, insert

from callrouter.domain.decisions import Message
from callrouter.domain.events import Direction
from callrouter.domain.figures import (
    NOBODY,
    CallSums,
    CardSums,
    Kind,
    Narrow,
    OwedState,
    WhichCalls,
    WhichCards,
    offsets,
    parts,
    period_of,
)
from callrouter.domain.hours import Calendar
from callrouter.domain.obligations import why_missed
from callrouter.domain.rights import Viewer
from callrouter.domain.setup import JUNK
from callrouter.domain.why import Candidate, StepWhy
from storage import figures, obligations, tables
from storage.database import Database
from storage.figures import Span
from storage.ids import new_id
from storage.listing import calls_by_id
from tests.api.rows import (
    CONNECT,
    LINE,
    WHY,
    add_call,
    add_card,
    add_contact,
    add_leg,
    add_move,
    add_obligation,
    add_told,
)

T = TypeVar("T")

BERLIN = Calendar("Europe/Berlin")
ZONE = ZoneInfo("Europe/Berlin")
PERIOD = period_of(BERLIN, datetime(2026, 3, 27).date(), datetime(2026, 3, 30).date())  # noqa: DTZ001
NOW = datetime(2026, 3, 30, 15, 0, tzinfo=UTC)  # the clocks went forward the day before
PEOPLE = ("anna", "boris", "vera", None)
LINES = (LINE, "+74951230002")
SOURCES = ("site", "ads", None)
STATUSES = ("new", "in_work", "offer_sent", "won", "lost", JUNK)

VIEWERS = {
    "an admin": Viewer("admin", at=NOW),
    "a head": Viewer("head", "vera", people=frozenset({"anna", "vera"}), at=NOW),
    "a manager": Viewer("manager", "boris", people=frozenset({"boris"}), at=NOW),
    "an auditor": Viewer("auditor", at=NOW),
    "a newcomer": Viewer("manager", "gleb", people=frozenset({"gleb"}), at=NOW),
}

NARROWED = (
    Narrow(),
    Narrow(line=LINE),
    Narrow(source="ads"),
    Narrow(source=NOBODY),
    Narrow(people=frozenset({"anna", "boris"})),
    Narrow(line=LINES[1], source="site", people=frozenset({"vera"})),
)


def span(*, now: datetime = NOW) -> Span:
    return Span(PERIOD.since, PERIOD.until, offsets(BERLIN, PERIOD.since, PERIOD.until), now)


def make_world(conn: Connection, chance: Random) -> None:
    contacts = [add_contact(conn, responsible=chance.choice(PEOPLE)) for _ in range(4)]
    cards = [_card(conn, chance, contacts) for _ in range(14)]
    for _ in range(60):
        _call(conn, chance, cards)
    for _ in range(12):
        _owed(conn, chance)
    for card in cards:
        if chance.random() < 0.6:
            _letter(conn, chance, card)


def _moment(chance: Random) -> datetime:
    """Now and then a second beside a midnight or the change of the clocks."""
    edges = (PERIOD.since, PERIOD.until, datetime(2026, 3, 29, 1, 0, tzinfo=UTC))
    if chance.random() < 0.2:
        return chance.choice(edges) + timedelta(seconds=chance.choice((-1, 0, 1)))
    return PERIOD.since + timedelta(seconds=chance.randrange(-3_600, 4 * 86_400))


def _call(conn: Connection, chance: Random, cards: list[str]) -> None:
    at = _moment(chance)
    direction = chance.choice(("in", "in", "in", "out", "internal"))
    states = ("answered", "missed", "talking", "ringing", "rejected")
    state = chance.choice(states if direction == "in" else ("answered", "unanswered", "ringing"))
    talked = state in ("answered", "talking") and chance.random() < 0.9
    seconds = chance.choice((0, 3, 19.5, 20, 21, 90, 700))
    call = add_call(
        conn,
        at=at,
        state=state,
        direction=direction,
        line=chance.choice(LINES),
        source=chance.choice(SOURCES),
        manager=chance.choice(PEOPLE) if state in ("answered", "talking") else None,
        card=chance.choice([*cards, None]),
        answered_at=at + timedelta(seconds=seconds) if talked else None,
        duration_s=chance.choice((None, 0.0, 61.4)),
        outcome=chance.choice((None, None, "deal", "spam")),
        reason=chance.choice((None, "no_answer", "caller_hung_up")),
    )
    for n in range(chance.choice((0, 0, 1, 1, 2, 3))):
        _leg(conn, chance, call, at, n)
    for run in range(chance.choice((0, 1, 1, 2))):
        _told(conn, chance, call, run)


def _leg(conn: Connection, chance: Random, call: str, at: datetime, n: int) -> None:
    status = chance.choice(("failed", "cancelled", "ended", "ringing", "planned"))
    answered = at + timedelta(seconds=5) if status == "ended" else None
    add_leg(
        conn,
        call,
        f"a{n}",
        manager=chance.choice(PEOPLE),
        run=chance.choice((0, 0, 1)),
        step=chance.choice((0, 0, 1)),
        status=status,
        ring_from=chance.choice((None, at, at, NOW + timedelta(hours=1))),
        answered_at=answered,
        machine=chance.random() < 0.2,
        outbound=chance.random() < 0.1,
        reason=chance.choice((None, "no_answer", "busy", "rejected")),
    )


def _told(conn: Connection, chance: Random, call: str, run: int) -> None:
    passed: Any = chance.choice(("talking", "off_shift", "paused", None))
    many: Any = chance.choice(((), (("wrap_up", 3),), (("absent", 2),)))
    step = StepWhy("least_loaded", 20, candidates=(Candidate("anna", passed),), others=many)
    steps = chance.choice(((), (step,), (step, replace(step, chosen=("anna",)))))
    ends: Any = chance.choice(("last_resort", "message"))
    why = replace(
        WHY,
        contact='"open_hours":false "told_by":"spool" "passed":"talking"',  # what a caller is named
        open_hours=chance.random() < 0.7,
        told_by=chance.choice(("base", "base", "base", "snapshot")),
        steps=steps,
        ends=ends,
    )
    decision = Message("", CONNECT.then, "x") if ends == "message" else CONNECT
    add_told(conn, call, run, decision=decision, why=why)


def _card(conn: Connection, chance: Random, contacts: list[str]) -> str:
    way = ["new", *chance.choices(STATUSES, k=chance.choice((0, 1, 2, 3)))]
    status = way[-1]
    call = add_call(conn, at=_moment(chance), line=chance.choice(LINES))
    card = add_card(
        conn,
        chance.choice(contacts),
        manager=chance.choice(PEOPLE),
        status=status,
        pipeline=chance.choice(("sales", "support")),
        source_first=chance.choice(SOURCES),
        amount=chance.choice((None, Decimal("99.90"), Decimal(1000))),
        loss_reason=chance.choice((None, "price")) if status == "lost" else None,
        created_at=_moment(chance),
        made_by_call=chance.choice((None, call)),
    )
    before = None
    for n, to in enumerate(way, 1):
        add_move(conn, card, n, to)
        of = (tables.transition.c.card == card, tables.transition.c.n == n)
        conn.execute(tables.transition.update().where(*of).values(from_status=before))
        before = to
    return card


def _owed(conn: Connection, chance: Random) -> None:
    at = _moment(chance)
    due = at + timedelta(minutes=15)
    one = add_obligation(
        conn,
        f"+7916{chance.randrange(10**7):07}",
        owner=chance.choice(PEOPLE[:3]),
        first_at=at,
        due_at=chance.choice((due, NOW + timedelta(minutes=1))),
        line=chance.choice(LINES),
        call=add_call(conn, at=at, source=chance.choice(SOURCES)),
    )
    if chance.random() < 0.6:
        done = at + timedelta(minutes=chance.choice((5, 15, 30)))
        of = tables.task.c.id == one
        conn.execute(tables.task.update().where(of).values(done_at=done, open_for=None))


def _letter(conn: Connection, chance: Random, card: str) -> None:
    id_, at = new_id(NOW), _moment(chance)
    row: dict[str, Any] = {"card": card, "n": 1, "kind": "offer"}
    row |= {"key": chance.choice(("offer", "brief"))}
    row |= {"state": chance.choice(("sent", "sent", "waiting")), "by": "anna"}
    row |= {"manager": chance.choice(PEOPLE), "message_id": id_}
    moments = {"asked_at": at, "changed_at": at, "sent_at": at}
    conn.execute(insert(tables.letter).values(id=id_, **row, **moments))


# Every figure with the list that it opens


def figures_of_calls(sums: CallSums) -> Iterator[tuple[int, WhichCalls]]:
    for (way, kind), n in sums.directions.items():
        yield n, WhichCalls(way, kind)  # type: ignore[arg-type]
    for (kind, weekday, hour), n in sums.slots.items():
        yield n, WhichCalls("in", kind, hour=hour, weekday=weekday)  # type: ignore[arg-type]
    for hour in range(24):
        n = sum(many for (_, _, at), many in sums.slots.items() if at == hour)
        yield n, WhichCalls("in", hour=hour)
    for cause, n in sums.causes.items():
        yield n, WhichCalls(cause=cause)  # type: ignore[arg-type]
    for kind in get_args(Kind):
        yield sums.of(kind), WhichCalls("in", kind)
    for seconds in (10, 20, 60):
        yield sums.within(seconds), WhichCalls("in", within_s=seconds)
    for manager in {*sums.rang, *sums.unpicked, *(one for one, _ in sums.talks)}:
        yield sums.rang[manager], WhichCalls("in", rang=manager)
        yield sums.unpicked[manager], WhichCalls("in", unpicked=manager)
        ways: tuple[Direction, ...] = ("in", "out")
        for direction in ways:
            yield sums.talks[manager, direction], WhichCalls(direction, "answered", talked=manager)
        for outcome in ("deal", "spam"):
            which = WhichCalls(kind="answered", talked=manager, outcome=outcome)
            yield sums.outcomes[manager, outcome], which


def _some(found: Iterable[T], most: int = 9) -> list[T]:
    """Not all each time: what one world leaves out others look at."""
    every = list(found)
    return Random(len(every)).sample(every, min(len(every), most))


def narrowed_by(sums: CallSums) -> Iterator[tuple[int, Narrow]]:
    for _, line in sums.lines:
        yield sum(n for (_, of), n in sums.lines.items() if of == line), Narrow(line=line)
    for _, source in sums.sources:
        yield sum(n for (_, of), n in sums.sources.items() if of == source), Narrow(source=source)


def figures_of_cards(sums: CardSums) -> Iterator[tuple[int, int, WhichCards]]:
    """Each with what its cards come to, where that is shown; else -1."""
    for (pipeline, status), n in sums.statuses.items():
        which = WhichCards(statuses=((pipeline, status),))
        yield n, sums.amounts[pipeline, status], which
    for (pipeline, status), n in sums.reached.items():
        yield n, -1, WhichCards(pipeline, reached=status)
    for (pipeline, status, came), n in sums.came_from.items():
        yield n, -1, WhichCards(statuses=((pipeline, status),), came_from=came)
    for (pipeline, status, reason), n in sums.reasons.items():
        yield n, -1, WhichCards(statuses=((pipeline, status),), reason=reason)
    deals = sum(n for (_, status), n in sums.statuses.items() if status != JUNK)
    yield deals, -1, WhichCards(deals=True)


def whole(read: Callable[[Any], Any]) -> list[Any]:
    """A list to its end, a part at a time."""
    found: list[Any] = []
    after = None
    while True:
        part = read(after)
        found += part.items
        if not part.more:
            return found
        after = found[-1]


@pytest.mark.parametrize("seed", range(2))
async def test_a_figure_is_the_length_of_its_list(database: Database, seed: int) -> None:
    await database.write(make_world, Random(seed))

    def look(conn: Connection) -> None:
        for n, (name, viewer) in enumerate(VIEWERS.items()):
            for narrow in (NARROWED[0], NARROWED[1 + (seed * 2 + n) % 5]):
                _look_at_calls(conn, viewer, narrow, name)
                _look_at_cards(conn, viewer, narrow, name)
                _look_at_rest(conn, viewer, narrow, name)

    await database.write(look)  # a reading of so much would be cut off


def _look_at_calls(conn: Connection, viewer: Viewer, narrow: Narrow, name: str) -> None:
    at = span()
    sums = figures.sum_calls(conn, viewer, at, narrow)
    of_parts = CallSums()
    for part in parts(BERLIN, PERIOD, 1):
        local = offsets(BERLIN, part.since, part.until)
        of_parts += figures.sum_calls(
            conn, viewer, Span(part.since, part.until, local, NOW), narrow
        )
    assert of_parts == sums, name
    for n, which in _some(figures_of_calls(sums)):
        listed = figures.call_ids(conn, viewer, at, narrow, which, limit=200).items
        assert len(listed) == n, (name, narrow, which)
    everything = whole(
        lambda last: figures.list_calls(
            conn, viewer, at, narrow, WhichCalls(), after=last and (last.at, last.id), limit=45
        )
    )
    assert len({one.id for one in everything}) == len(everything) == sums.directions.total()
    walls = Counter(
        (one.at.astimezone(ZONE).weekday(), one.at.astimezone(ZONE).hour)
        for one in everything
        if one.direction == "in"
    )
    slots: Counter[tuple[int, int]] = Counter()
    for (_, weekday, hour), n in sums.slots.items():
        slots[weekday, hour] += n
    assert slots == walls, "the hours are those on the wall"
    if narrow == Narrow():
        begun = [one for one in calls_by_id(conn, _all_calls(conn), viewer) if _in_period(one.at)]
        assert {one.id for one in everything} == {one.id for one in begun}
        for n, less in _some(narrowed_by(sums), 3):
            which = WhichCalls("in")
            assert len(figures.call_ids(conn, viewer, at, less, which, limit=200).items) == n
    for by in (sums.slots, sums.lines, sums.sources):
        for kind in get_args(Kind):
            assert sum(n for key, n in by.items() if key[0] == kind) == sums.of(kind), name
    assert sums.causes.total() == sums.of("missed")
    assert sum(n for (_, way), n in sums.talks.items() if way == "in") == sums.of("answered")


def _in_period(at: datetime) -> bool:
    return PERIOD.first <= at.astimezone(ZONE).date() <= PERIOD.last


def _all_calls(conn: Connection) -> list[str]:
    return list(conn.scalars(tables.call.select().with_only_columns(tables.call.c.id)))


def _look_at_cards(conn: Connection, viewer: Viewer, narrow: Narrow, name: str) -> None:
    at = span()
    sums = figures.sum_cards(conn, viewer, at, narrow)
    of_parts = CardSums()
    for part in parts(BERLIN, PERIOD, 3):
        of_parts += figures.sum_cards(
            conn, viewer, replace(at, since=part.since, until=part.until), narrow
        )
    assert of_parts == sums
    for n, kopecks, which in _some(figures_of_cards(sums)):
        listed = figures.list_cards(conn, viewer, at, narrow, which, limit=200).items
        assert len(listed) == n, (name, narrow, which)
        amount = sum((one.amount or Decimal(0)) for one in listed)
        assert kopecks in (-1, amount * 100)
        assert figures.count_cards(conn, viewer, at, narrow, which) == (n, amount)
    everything = whole(
        lambda last: figures.list_cards(
            conn, viewer, at, narrow, WhichCards(), after=last and last.id, limit=7
        )
    )
    assert len(everything) == sums.cards == sums.sources.total()


def _look_at_rest(conn: Connection, viewer: Viewer, narrow: Narrow, name: str) -> None:
    at = span()
    rest = figures.sum_rest(conn, viewer, at, narrow)
    for state in get_args(OwedState):
        listed = figures.list_owed(conn, viewer, at, narrow, state).items
        assert len(listed) == rest.owed[state], (name, state)
    owed = whole(
        lambda last: figures.list_owed(
            conn, viewer, at, narrow, None, after=last and last.id, limit=3
        )
    )
    assert len(owed) == rest.owed.total()
    for key in ("offer", "brief"):
        sent = figures.list_letters(conn, viewer, at, narrow, key).items
        assert len(sent) == rest.letters[key]
        assert all(_in_period(one.at) for one in sent)


async def test_talks_are_in_and_out_and_their_length_too(database: Database) -> None:
    def look(conn: Connection) -> None:
        for direction, seconds in (("in", 60.0), ("out", 30.0), ("internal", 900.0)):
            talk: dict[str, Any] = {
                "answered_at": NOW - timedelta(minutes=30),
                "duration_s": seconds,
            }
            at = NOW - timedelta(minutes=31)
            add_call(conn, at=at, direction=direction, manager="anna", **talk)
        sums = figures.sum_calls(conn, VIEWERS["an admin"], span(), Narrow())
        assert sums.talks == {("anna", "in"): 1, ("anna", "out"): 1}
        assert sums.talk_ms == {"anna": 90_000}

    await database.write(look)


@pytest.mark.parametrize("seed", range(2))
async def test_a_call_is_missed_for_the_cause_that_its_obligation_has(
    database: Database, seed: int
) -> None:
    await database.write(make_world, Random(100 + seed))

    def look(conn: Connection) -> None:
        which = WhichCalls("in", "missed")
        missed = figures.list_calls(conn, VIEWERS["an admin"], span(), Narrow(), which, limit=200)
        known = obligations.missed_calls(conn, [one.id for one in missed.items])
        for one in missed.items:
            found = known[one.id]
            whys = [found.whys[place] for place in sorted(found.whys)]
            moments = {"started_at": found.started_at, "ended_at": found.ended_at}
            cause = why_missed(whys, found.legs, **moments, reason=found.reason).cause
            mine = WhichCalls(cause=cause)
            listed = figures.call_ids(conn, VIEWERS["an admin"], span(), Narrow(), mine)
            assert one.id in listed.items, (cause, whys, found.legs)

    await database.write(look)
