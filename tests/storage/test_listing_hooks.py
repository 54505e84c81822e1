"""Hooks as an admin reads them: the last of each account, found by an index."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, update

from callrouter.domain.events import EventKind
from storage import journal, tables
from storage.database import Database
from storage.journal import Raw, Refused
from storage.listing import Viewer
from storage.listing_hooks import astray, last_aside, last_hooks, last_refused
from tests.api.rows import NOON, add_call, add_told
from tests.examples import event
from tests.storage.test_listing import plans_of

ADMIN = Viewer("admin")
MINUTE = timedelta(minutes=1)


def hear(
    conn: Connection, kind: EventKind, minute: int, call: str | None = None, **said: Any
) -> None:
    one = event(kind, f"{kind}-{minute}", NOON + minute * MINUTE, **said)
    journal.remember(conn, [(one, call, Raw(b"{}", ""))])


async def test_the_last_hooks_of_an_account_newest_first(database: Database) -> None:
    def write(conn: Connection) -> None:
        for minute in range(30):
            hear(conn, "ringing" if minute % 2 else "ended", minute)
        hear(conn, "device", 14)
        hear(conn, "ringing", 99, account="other")

    await database.write(write)
    found = await database.read(last_hooks, ADMIN, "main", 20)
    assert [one.event.received for one in found] == sorted(
        [NOON + minute * MINUTE for minute in (*range(11, 30), 14)], reverse=True
    )
    assert {one.event.kind for one in found} == {"ringing", "ended", "device"}
    assert not await database.read(last_hooks, ADMIN, "nobody", 20)


async def test_what_a_hook_was_told_stands_beside_it(database: Database) -> None:
    def write(conn: Connection) -> str:
        call = add_call(conn)
        add_told(conn, call)
        hear(conn, "ringing", 1, call)
        hear(conn, "ended", 2, call)
        of = event("ringing", "ringing-1", NOON + MINUTE)
        conn.execute(update(tables.decision).values(key=of.key))
        return call

    call = await database.write(write)
    ended, ringing = await database.read(last_hooks, ADMIN, "main", 20)
    assert (ringing.call, ended.call) == (call, call)
    assert ringing.told
    assert ended.told is None


async def test_they_are_found_by_an_index(sqlite_database: Database) -> None:
    def read(conn: Connection) -> list[str]:
        with plans_of(conn) as plans:
            last_hooks(conn, ADMIN, "main", 20)
        return plans

    of_events = [line for line in await sqlite_database.read(read) if " event " in line]
    assert "SEARCH event USING INDEX ix_event_kind_received (account=? AND kind=?)" in of_events
    assert not [line for line in of_events if line.startswith("SCAN")]


async def test_what_was_put_aside_and_what_was_refused(database: Database) -> None:
    def write(conn: Connection) -> None:
        for minute in range(3):
            received = NOON + minute * MINUTE
            journal.set_aside(
                conn,
                account="main",
                received=received,
                field=f"f{minute}",
                reason="is no time",
                body=b"{}",
                query="",
            )
        for n, account in enumerate(("main", "mian", "main", "other")):
            at = NOON + n * MINUTE
            journal.refuse(conn, Refused(account, "pbx", at, f"wrong secret {n}", "10.0.0.1"))

    await database.write(write)
    aside = await database.read(last_aside, ADMIN, "main", 2)
    assert [one.field for one in aside] == ["f2", "f1"]
    refused = await database.read(last_refused, ADMIN, "main", 9)
    assert [one.reason for one in refused] == ["wrong secret 2", "wrong secret 0"]
    lost = await database.read(astray, ADMIN, ["main", "second"], 9)
    assert [one.account for one in lost] == ["other", "mian"]
