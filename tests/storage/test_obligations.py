"""What is owed, as it is kept and read: whole, in order, and found by an index."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from callrouter.domain.obligations import Obligation, WhyMissed
from storage import listing, obligations
from storage.database import Database
from storage.listing import ObligationView, Slice, Viewer
from tests.api.rows import LINE, NOON, add_call, add_card, add_contact, add_obligation
from tests.storage.test_listing import plans_of

ADMIN = Viewer("admin")
MINUTE = timedelta(minutes=1)


def make_four(conn: Connection) -> tuple[str, ...]:
    """Due after 9, 1 and 5 minutes, and one that a person closed."""
    contact = add_contact(conn, "Иван Петров", "+79160000001")
    card = add_card(conn, contact, number=318)
    why = WhyMissed("hung_up", ("anna",), 12, message=True)
    first = {"due_at": NOON + 9 * MINUTE, "contact": contact, "card": card, "why": why}
    one = add_obligation(conn, "+79160000001", **first)
    two = add_obligation(conn, "+79160000002", due_at=NOON + MINUTE, owner="vera")
    three = add_obligation(conn, "+79160000003", due_at=NOON + 5 * MINUTE)
    four = add_obligation(conn, "+79160000004", due_at=NOON)
    obligations.close(conn, {four: ("vera", NOON + MINUTE)}, reason="спам")
    return one, two, three, four


def names(found: Slice[ObligationView], ids: tuple[str, ...]) -> list[int]:
    return [ids.index(one.id) for one in found.items]


async def test_a_list_newest_first_and_by_term(database: Database) -> None:
    ids = await database.write(make_four)
    now = NOON + 3 * MINUTE

    async def listed(**asked: Any) -> list[int]:
        found = await database.read(listing.list_obligations, ADMIN, now=now, **asked)
        return names(found, ids)

    assert await listed() == [3, 2, 1, 0]
    assert await listed(limit=2) == [3, 2]
    assert await listed(after=ids[2]) == [1, 0]
    assert await listed(state="open") == [2, 1, 0]
    assert await listed(state="closed") == [3]
    assert await listed(owner="vera") == [1]
    assert await listed(overdue=True) == [1]
    assert await listed(overdue=False) == [3, 2, 0]
    by_term = await database.read(listing.owed_now, ADMIN, now=now)
    assert names(by_term, ids) == [1, 2, 0]
    assert [one.overdue for one in by_term.items] == [True, False, False]
    mine = await database.read(listing.owed_now, ADMIN, now=now, owner="anna", limit=1)
    assert (names(mine, ids), mine.more) == ([2], True)


async def test_how_many_there_are_and_the_one_to_a_number(database: Database) -> None:
    ids = await database.write(make_four)
    now = NOON + 3 * MINUTE
    assert await database.read(listing.count_owed, ADMIN, now=now) == (3, 1)
    assert await database.read(listing.count_owed, ADMIN, now=NOON) == (3, 0)
    one = await database.read(listing.owed_to, ADMIN, "+79160000002", now=now)
    assert one
    assert (one.id, one.owner, one.overdue) == (ids[1], "vera", True)
    assert await database.read(listing.owed_to, ADMIN, "+79160000004", now=now) is None


async def test_one_of_them_whole(database: Database) -> None:
    ids = await database.write(make_four)
    one = await database.read(listing.find_obligation, ADMIN, ids[0], now=NOON)
    assert one
    assert (one.phone, one.contact_name, one.card_number) == ("+79160000001", "Иван Петров", 318)
    assert one.why == WhyMissed("hung_up", ("anna",), 12, message=True)
    assert (one.state, one.line, one.first_at, one.last_at) == ("open", LINE, NOON, NOON)
    closed = await database.read(listing.find_obligation, ADMIN, ids[3], now=NOON)
    assert closed
    assert (closed.state, closed.closed_by, closed.reason) == ("closed", "vera", "спам")
    assert (closed.closed_at, closed.overdue) == (NOON + MINUTE, False)
    assert await database.read(listing.find_obligation, ADMIN, "no", now=NOON) is None


async def test_what_is_written_is_read_again(database: Database) -> None:
    def write(conn: Connection) -> Obligation:
        id_ = add_obligation(conn, asked=(NOON, NOON + MINUTE))
        (one,) = obligations.open_of(conn, [obligations.claim("+79161234567")]).values()
        assert one.id == id_
        changed = replace(
            one,
            owner="vera",
            team="sales",
            due_at=NOON,
            first_at=NOON - MINUTE,
            last_at=NOON + MINUTE,
            why=WhyMissed("lead"),
            call="call-2",
            asked=(NOON,),
            repeats=3,
            tries=2,
            escalated_at=NOON,
        )
        obligations.change(conn, [changed])
        return changed

    changed = await database.write(write)
    claim = obligations.claim("+79161234567")
    assert await database.read(obligations.open_of, [claim]) == {claim: changed}


async def test_only_one_can_be_open_for_a_number(database: Database) -> None:
    def open_one(conn: Connection) -> str:
        return add_obligation(conn)

    first = await database.write(open_one)
    with pytest.raises(IntegrityError):
        await database.write(open_one)
    await database.write(obligations.close, {first: ("call", NOON)})
    assert await database.write(open_one)


async def test_a_closed_one_is_not_closed_again(database: Database) -> None:
    (*_, four) = await database.write(make_four)
    await database.write(obligations.close, {four: ("boris", NOON + 9 * MINUTE)}, reason="x")
    found = await database.read(listing.find_obligation, ADMIN, four, now=NOON)
    assert found
    assert (found.closed_by, found.reason) == ("vera", "спам")


async def test_when_people_closed_last(database: Database) -> None:
    def write(conn: Connection) -> None:
        for minutes, reason in ((5, "спам"), (3, "ещё"), (9, None)):
            id_ = add_obligation(conn, "+79160000004")
            by = {id_: ("vera", NOON + minutes * MINUTE)}
            obligations.close(conn, by, reason=reason)

    await database.write(write)
    found = await database.read(obligations.closed_by_people, ["+79160000004", "+79160000009"])
    assert found == {"+79160000004": NOON + 5 * MINUTE}


NUMBERS = ["+79161234567"]


@pytest.mark.parametrize(
    ("read", "way"),
    [
        pytest.param(
            lambda conn: listing.list_obligations(conn, ADMIN, now=NOON),
            "SCAN task USING INDEX sqlite_autoindex_task_1",
            id="a list",
        ),
        pytest.param(
            lambda conn: listing.owed_now(conn, ADMIN, now=NOON),
            "SCAN task USING INDEX ix_task_owed",
            id="what is owed now",
        ),
        pytest.param(
            lambda conn: listing.count_owed(conn, ADMIN, now=NOON),
            "SEARCH task USING INDEX sqlite_autoindex_task_2 (open_for>?)",
            id="how much is owed",
        ),
        pytest.param(
            lambda conn: obligations.open_of(conn, ["call_back:+79161234567"]),
            "SEARCH task USING INDEX sqlite_autoindex_task_2 (open_for=?)",
            id="what is owed to a number",
        ),
        pytest.param(
            lambda conn: obligations.closed_by_people(conn, NUMBERS),
            "SEARCH task USING INDEX ix_task_phone (phone=?)",
            id="what people closed",
        ),
        pytest.param(
            lambda conn: obligations.dealings(conn, NUMBERS, NOON),
            "SEARCH call USING INDEX ix_call_caller_number (caller_number=?)",
            id="the calls of a number",
        ),
        pytest.param(
            lambda conn: obligations.missed_calls(conn, ["call"]),
            "SEARCH decision USING INDEX sqlite_autoindex_decision_1 (call=?)",
            id="why they were missed",
        ),
        pytest.param(
            lambda conn: obligations.lost(conn, NOON, NOON + MINUTE),
            "SEARCH call USING INDEX ix_call_started_at (started_at>? AND started_at<?)",
            id="lost clients",
        ),
    ],
)
async def test_what_is_asked_is_found_by_an_index(
    sqlite_database: Database, read: Callable[[Connection], Any], way: str
) -> None:
    def watch(conn: Connection) -> list[str]:
        make_four(conn)
        add_call(conn, state="missed")
        with plans_of(conn) as plans:
            read(conn)
        return plans

    plans = await sqlite_database.write(watch)
    assert [plan for plan in plans if plan.startswith(way)], plans
    assert not [plan for plan in plans if plan in {"SCAN task", "SCAN call", "SCAN act"}], plans
