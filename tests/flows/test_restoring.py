"""A restored base sends nothing by itself, and what was being sent when it was saved is in doubt."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Connection, select, update

from callrouter.flows.restoring import Thawed, settle, thaw
from storage import frozen, restored, setups
from storage.archives import Manifest
from storage.database import Database
from storage.tables import business_event, letter
from tests.jobs.letters import NOW, mailing, name_of, put_letters

LATER = NOW + timedelta(hours=5)
MANIFEST = Manifest("01J", NOW, "1.2.3", "0002", "sqlite", "0f0f", {})


def begin(conn: Connection) -> None:
    setups.publish(conn, mailing(), by="apply", now=NOW)
    put_letters(conn, range(3))
    conn.execute(update(letter).where(letter.c.id == name_of(1)).values(state="sending", token="t"))


def states(conn: Connection) -> dict[str, str]:
    return {row.id: row.state for row in conn.execute(select(letter.c.id, letter.c.state))}


def happened(conn: Connection) -> list[str]:
    c = business_event.c
    return list(conn.scalars(select(c.kind).where(c.kind.in_(("frozen", "thawed"))).order_by(c.at)))


@pytest.fixture
async def base(database: Database) -> Database:
    await database.write(begin)
    await database.write(settle, MANIFEST, now=LATER)
    return database


async def test_a_restored_base_is_frozen_and_knows_where_it_came_from(base: Database) -> None:
    found = await base.read(frozen.found)
    assert found == frozen.Frozen("restored", LATER)
    assert await base.read(restored.archive_of) == "01J"
    assert await base.write(setups.keep_fingerprint, "another") == "0f0f"


async def test_what_was_being_sent_is_in_doubt_and_the_rest_waits(base: Database) -> None:
    assert await base.read(states) == {
        name_of(0): "todo",
        name_of(1): "in_doubt",
        name_of(2): "todo",
    }


async def test_thawed_it_sends_what_waited(base: Database) -> None:
    after = LATER + timedelta(minutes=1)
    assert await base.write(thaw, by="admin", now=after) == Thawed(
        frozen=True, waiting=2, doubted=0
    )
    assert not await base.read(frozen.is_frozen)
    assert await base.read(happened) == ["frozen", "thawed"]
    assert await base.write(thaw, by="admin", now=LATER) == Thawed(
        frozen=False, waiting=0, doubted=0
    )


async def test_what_may_have_been_sent_since_can_be_put_in_doubt(base: Database) -> None:
    await base.write(put_letters, [7], now=LATER + timedelta(minutes=5))
    done = await base.write(thaw, by="admin", now=LATER + timedelta(hours=1), in_doubt=True)
    assert done == Thawed(frozen=True, waiting=1, doubted=2)
    assert await base.read(states) == {
        **{name_of(n): "in_doubt" for n in range(3)},
        name_of(7): "todo",
    }


async def test_what_a_base_that_was_frozen_when_it_was_saved_may_have_sent_is_in_doubt(
    base: Database,
) -> None:
    """Saved while it was frozen, thawed, restored: the letters of that time may have left."""
    await base.write(put_letters, [7], now=LATER + timedelta(minutes=5))
    await base.write(settle, MANIFEST, now=LATER + timedelta(hours=1))
    done = await base.write(thaw, by="admin", now=LATER + timedelta(hours=2), in_doubt=True)
    assert done == Thawed(frozen=True, waiting=0, doubted=3)


async def test_the_files_of_a_restored_base_may_lie_elsewhere(database: Database) -> None:
    await database.write(begin)
    await database.write(setups.keep_place, "file:///there")
    await database.write(settle, MANIFEST, now=LATER)
    assert await database.write(setups.keep_place, "file:///here") == "file:///here"
