"""A server that is frozen, stopped, or busy elsewhere says so in time, and is used again after."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from storage.database import BaseRefused, BaseSilent, Database
from storage.postgres import GATE
from tests.postgres import Postgres
from tests.storage.tally import count_up, make_tally, opened, took, total


@pytest.fixture
async def served(postgres_url: str) -> AsyncIterator[Database]:
    async with opened(postgres_url) as database:
        await database.write(make_tally)
        yield database


@asynccontextmanager
async def other(url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    conn = await asyncpg.connect(url)
    try:
        yield conn
    finally:
        await conn.close()


async def test_a_frozen_server_is_told_within_a_second(
    served: Database, postgres: Postgres
) -> None:
    assert await served.read(total) == 0
    with postgres.frozen():
        with took(0.4, 1.0), pytest.raises(BaseSilent):
            await served.write(count_up)
        with took(0.4, 1.0), pytest.raises(BaseSilent):
            await served.write(count_up)
        with took(0.9, 2.5), pytest.raises(BaseSilent):
            await served.read(total)
    await served.write(count_up)
    assert await served.read(total) == 1


async def test_a_server_that_freezes_within_a_savepoint_is_told_too(
    served: Database, postgres: Postgres
) -> None:
    def freeze_within(conn: Connection) -> None:
        with conn.begin_nested(), postgres.frozen():
            count_up(conn)

    with took(0.4, 1.0), pytest.raises(BaseSilent):
        await served.write(freeze_within)
    await served.write(count_up)
    assert await served.read(total) == 1


async def test_a_frozen_server_does_not_keep_us_from_closing(
    postgres_url: str, postgres: Postgres
) -> None:
    async with opened(postgres_url) as database:
        await asyncio.gather(*(database.read(lambda _: None) for _ in range(8)))
        await database.write(lambda _: None)
        with postgres.frozen(), took(0, 0.5):
            await database.close()


async def test_a_server_that_was_restarted_is_used_again_without_a_loss(
    postgres_binaries: Path,
) -> None:
    server = Postgres(postgres_binaries).start()
    try:
        async with opened(server.url(await server.make_base())) as database:
            await database.write(make_tally)
            assert await database.read(total) == 0
            server.stop()
            with took(0, 1), pytest.raises(BaseSilent):
                await database.write(count_up)
            with took(0, 1), pytest.raises(BaseSilent):
                await database.read(total)
            server.start()
            await database.write(count_up)
            server.stop()
            server.start()
            await asyncio.sleep(0.05)  # the loop gets to hear that the connections were closed
            await database.write(count_up)
            assert await database.read(total) == 2
    finally:
        server.remove()


async def test_a_gate_that_others_hold_is_told_in_a_quarter_of_a_second(
    served: Database, postgres_url: str
) -> None:
    async with other(postgres_url) as conn, opened(postgres_url, guest=True) as guest:
        async with conn.transaction():
            await conn.execute(f"SELECT pg_advisory_xact_lock({GATE})")
            with took(0.2, 0.6), pytest.raises(BaseSilent, match="lock"):
                await served.write(count_up)
            assert await served.read(total) == 0
            waiting = asyncio.create_task(guest.write(count_up))
            await asyncio.sleep(0.5)
            assert not waiting.done()
        await waiting
    await served.write(count_up)
    assert await served.read(total) == 2


def sleep_long(conn: Connection) -> None:
    conn.exec_driver_sql("SELECT pg_sleep(1)")


def think_long(conn: Connection) -> None:
    count_up(conn)
    time.sleep(1.2)
    count_up(conn)


@pytest.mark.parametrize(
    "do",
    [
        pytest.param(sleep_long, id="in a statement"),
        pytest.param(think_long, id="between statements"),
    ],
)
async def test_a_write_that_takes_too_long_is_cut(
    served: Database, do: Callable[[Connection], None]
) -> None:
    with took(0.2, 1.6), pytest.raises(BaseSilent):
        await served.write(do)
    await served.write(count_up)
    assert await served.read(total) == 1


@pytest.mark.parametrize(
    ("state", "told"),
    [
        pytest.param("40001", BaseSilent, id="serialization failure"),
        pytest.param("40P01", BaseSilent, id="deadlock"),
        pytest.param("53100", BaseSilent, id="disk full"),
        pytest.param("57P01", BaseSilent, id="shutting down"),
        pytest.param("58030", BaseSilent, id="I/O error"),
        pytest.param("25006", BaseSilent, id="became a standby"),
        pytest.param("23505", DBAPIError, id="a key twice"),
        pytest.param("22001", DBAPIError, id="too long a text"),
        pytest.param("42P01", DBAPIError, id="no such table"),
        pytest.param("P0001", DBAPIError, id="raised on purpose"),
    ],
)
async def test_who_is_to_blame_is_told_by_the_state(
    served: Database, state: str, told: type[Exception]
) -> None:
    def fail(conn: Connection) -> None:
        conn.exec_driver_sql(f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{state}'; END $$")

    with pytest.raises(told):
        await served.write(fail)
    await served.write(count_up)


async def test_a_backend_that_dies_is_replaced(served: Database, postgres_url: str) -> None:
    pid = await served.write(
        lambda conn: conn.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
    )
    async with other(postgres_url) as conn:
        await conn.execute(f"SELECT pg_terminate_backend({pid}, 1000)")
    await served.write(count_up)
    assert await served.read(total) == 1


async def test_a_schema_changed_by_another_node_costs_one_write_at_most(
    served: Database, postgres_url: str
) -> None:
    def look(conn: Connection) -> int:
        return len(conn.exec_driver_sql("SELECT * FROM tally").all())

    assert await served.write(look) == 1
    async with other(postgres_url) as conn:
        await conn.execute("ALTER TABLE tally ADD COLUMN label TEXT")
    with pytest.raises(BaseSilent):
        await served.write(look)
    assert await served.write(look) == 1


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        pytest.param("/t_", "/nowhere_", id="no such base"),
        pytest.param("//callrouter@", "//stranger@", id="no such name"),
    ],
)
async def test_a_server_that_does_not_let_us_in_is_told_apart(
    postgres_url: str, right: str, wrong: str
) -> None:
    async with opened(postgres_url.replace(right, wrong)) as database:
        for ask in (database.write, database.read):
            with pytest.raises(BaseRefused):
                await ask(total)
        with pytest.raises(BaseRefused):
            await database.migrate()


async def test_nobody_listening_is_silence() -> None:
    async with opened("postgresql://callrouter@127.0.0.1:1/base") as database:
        with pytest.raises(BaseSilent) as raised:
            await database.migrate()
        assert not isinstance(raised.value, BaseRefused)


async def test_sessions_keep_the_limits_that_a_call_can_stand(postgres_binaries: Path) -> None:
    """On a server as it comes, not on the fixture's, which does without the disk."""

    def settings(conn: Connection) -> dict[str, object]:
        names = (
            *("synchronous_commit", "fsync", "lock_timeout", "statement_timeout"),
            *("idle_in_transaction_session_timeout", "transaction_isolation"),
            *("transaction_read_only", "timezone"),
        )
        return {name: conn.exec_driver_sql(f"SHOW {name}").scalar_one() for name in names}

    server = Postgres(postgres_binaries, {"unix_socket_directories": ""}).start()
    try:
        async with opened(server.url()) as database:
            writing, reading = await database.write(settings), await database.read(settings)
    finally:
        server.remove()
    assert writing == {
        "synchronous_commit": "on",
        "fsync": "on",
        "lock_timeout": "250ms",
        "statement_timeout": "300ms",
        "idle_in_transaction_session_timeout": "1s",
        "transaction_isolation": "read committed",
        "transaction_read_only": "off",
        "timezone": "UTC",
    }
    assert reading == writing | {
        "lock_timeout": "2s",
        "statement_timeout": "2s",
        "idle_in_transaction_session_timeout": "2s",
        "transaction_isolation": "repeatable read",
        "transaction_read_only": "on",
    }
