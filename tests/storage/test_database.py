"""Transactions and their turns: what is kept, what is taken back, who goes first, how it ends."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, IntegrityError

from storage import desks
from storage.database import BaseSilent, Database, Priority, open_database
from tests.storage.tally import (
    LINGER_S,
    add_row,
    begun,
    count_rows,
    count_up,
    linger,
    opened,
    took,
    total,
)

# One transaction each


async def test_what_a_function_returns_is_what_the_caller_gets(tally: Database) -> None:
    await tally.write(add_row, 2)
    assert await tally.read(count_rows) == 2


async def test_a_function_that_raises_leaves_nothing_behind(tally: Database) -> None:
    def add_and_fail(conn: Connection) -> None:
        add_row(conn, 2)
        raise LookupError("no such manager")

    with pytest.raises(LookupError, match="no such manager"):
        await tally.write(add_and_fail)
    assert await tally.read(count_rows) == 1
    await tally.write(add_row, 2)
    assert await tally.read(count_rows) == 2


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        pytest.param("INSERT INTO tally VALUES (1, 0)", IntegrityError, id="a key twice"),
        pytest.param("INSERT INTO tally VALUES (7, NULL)", IntegrityError, id="nothing given"),
        pytest.param("SELECT * FROM nowhere", DBAPIError, id="no such table"),
        pytest.param("SELEKT 1", DBAPIError, id="not SQL"),
    ],
)
async def test_what_is_wrong_with_a_statement_is_told_as_it_is(
    tally: Database, statement: str, error: type[DBAPIError]
) -> None:
    with pytest.raises(error) as raised:
        await tally.write(lambda conn: conn.exec_driver_sql(statement))
    assert not isinstance(raised.value, BaseSilent)
    await tally.write(add_row, 2)


async def test_half_of_a_transaction_may_be_taken_back(tally: Database) -> None:
    def add_with_savepoints(conn: Connection) -> None:
        for id_ in (2, 1, 3):
            with suppress(IntegrityError), conn.begin_nested():
                add_row(conn, id_)

    await tally.write(add_with_savepoints)
    assert await tally.read(count_rows) == 3


async def test_a_bug_that_a_future_would_refuse_still_reaches_the_caller(tally: Database) -> None:
    def take_from_nothing(_: Connection) -> None:
        next(iter(()))

    with pytest.raises(RuntimeError, match="StopIteration"):
        await tally.write(take_from_nothing)


async def test_a_result_left_half_read_does_not_hold_the_writer_in_the_past(
    tally: Database, database_url: str
) -> None:
    def read_half(conn: Connection) -> None:
        for id_ in range(2, 500):
            add_row(conn, id_)
        rows = conn.exec_driver_sql("SELECT id FROM tally")
        assert rows.fetchone()
        raise LookupError

    failures = []
    for _ in range(2):
        with pytest.raises(LookupError) as raised:
            await tally.write(read_half)
        failures.append(raised.value)  # it holds the frames, and they the cursor
        async with opened(database_url) as other:
            await other.write(count_up)
        await tally.write(count_up)
    assert await tally.read(total) == 4


# Whose turn it is


async def test_the_intake_goes_before_jobs_and_jobs_before_pages(tally: Database) -> None:
    order = []

    def note(_: Connection, what: str) -> None:
        order.append(what)

    holding = await begun(tally, linger)
    waiting = [
        asyncio.create_task(tally.write_as(priority, note, f"{priority.name} {n}"))
        for n in (1, 2)
        for priority in (Priority.PAGES, Priority.JOBS, Priority.INTAKE)
    ]
    await asyncio.gather(holding, *waiting)
    assert order == ["INTAKE 1", "INTAKE 2", "JOBS 1", "JOBS 2", "PAGES 1", "PAGES 2"]


async def test_who_stops_waiting_does_not_stop_the_transaction(tally: Database) -> None:
    def linger_and_add(conn: Connection) -> None:
        linger(conn)
        add_row(conn, 2)

    asking = await begun(tally, linger_and_add)
    queued = asyncio.create_task(tally.write(add_row, 3))
    await asyncio.sleep(0)
    asking.cancel()
    queued.cancel()
    await tally.write(lambda _: None)
    assert asking.cancelled()
    assert queued.cancelled()
    assert await tally.read(count_rows) == 3


async def test_a_failure_that_nobody_waits_for_is_told_to_the_loop(tally: Database) -> None:
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))

    def linger_and_fail(conn: Connection) -> None:
        linger(conn)
        raise LookupError

    asking = await begun(tally, linger_and_fail)
    asking.cancel()
    await tally.write(lambda _: None)
    assert [type(context["exception"]) for context in told] == [LookupError]


async def test_a_crowd_of_pages_is_turned_away_before_the_intake_is(
    tally: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desks, "_MOST_WAITING", 10)
    holding = await begun(tally, linger)
    pages = [tally.write(count_up) for _ in range(15)]
    intake = tally.write_as(Priority.INTAKE, count_up)
    outcomes = await asyncio.gather(*pages, intake, holding, return_exceptions=True)
    assert [str(outcome) for outcome in outcomes].count("too many errands are waiting") == 5
    assert await tally.read(total) == 11


# Reads


async def test_a_read_cannot_write(tally: Database) -> None:
    with pytest.raises(DBAPIError) as raised:
        await tally.read(count_up)
    assert not isinstance(raised.value, BaseSilent)
    assert await tally.read(total) == 0


async def test_a_read_sees_one_moment_of_the_base(tally: Database) -> None:
    def look_twice(conn: Connection) -> tuple[int, int]:
        before = total(conn)
        linger(conn)
        return before, total(conn)

    reading = asyncio.create_task(tally.read(look_twice))
    await asyncio.sleep(LINGER_S / 3)
    await tally.write(count_up)
    assert not reading.done()
    assert await reading == (0, 0)
    assert await tally.read(total) == 1


async def test_a_read_that_failed_half_way_does_not_keep_later_ones_in_the_past(
    tally: Database,
) -> None:
    def read_half(conn: Connection) -> None:
        rows = conn.exec_driver_sql("SELECT id FROM tally")
        assert rows.fetchone()
        raise LookupError

    failures = []
    await tally.write(add_row, 2)
    for n in range(1, 9):  # over all readers
        with pytest.raises(LookupError) as raised:
            await tally.read(read_half)
        failures.append(raised.value)  # it holds the frames, and they the cursor
        await tally.write(count_up)
        assert await asyncio.gather(*(tally.read(total) for _ in range(8))) == [n] * 8


ENDLESS = """
    WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers)
    SELECT count(*) FROM numbers
"""


def run_endless(conn: Connection) -> None:
    conn.exec_driver_sql(ENDLESS).scalar()


def ask_endlessly(conn: Connection) -> None:
    while True:
        total(conn)


@pytest.mark.parametrize(
    "read",
    [
        pytest.param(run_endless, id="one statement"),
        pytest.param(ask_endlessly, id="many quick statements"),
    ],
)
async def test_a_long_read_is_cut_after_two_seconds(
    tally: Database, read: Callable[[Connection], None]
) -> None:
    with took(1.9, 2.6), pytest.raises(BaseSilent):
        await tally.read(read)
    assert await tally.read(count_rows) == 1


# The end


async def test_closing_finishes_what_was_queued_and_leaves_nothing_running(
    tally: Database, database_url: str
) -> None:
    threads = threading.active_count()
    database = open_database(database_url)
    await asyncio.gather(*(database.read(total) for _ in range(8)))
    writing = [asyncio.create_task(database.write(count_up)) for _ in range(20)]
    await asyncio.sleep(0)
    await asyncio.gather(database.close(), database.close())
    assert all(task.done() for task in writing)
    with pytest.raises(BaseSilent, match="being closed"):
        await database.write(count_up)
    assert await tally.read(total) == 20
    await tally.close()
    assert threading.active_count() <= threads
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_closing_does_not_wait_for_ever_for_a_base_that_is_silent(
    tally: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desks, "_DRAIN_S", 0.3)
    lingering = [asyncio.create_task(tally.write(linger)) for _ in range(20)]
    await asyncio.sleep(LINGER_S / 3)
    with took(0, 3 * LINGER_S + 0.3):
        await tally.close()
    outcomes = await asyncio.gather(*lingering, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {type(None), BaseSilent}


async def test_a_base_never_used_is_closed_at_once(database: Database) -> None:
    await database.close()
