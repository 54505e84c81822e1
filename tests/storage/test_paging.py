"""Lists that go on behind a place: every row comes once, on either engine."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Connection

from callrouter.domain.alarms import Found
from storage import alarms, card_contacts, imports, jobs, listing, replays
from storage.database import Database
from storage.imports import Import
from storage.jobs import NewJob
from storage.listing import Viewer
from storage.replays import Replay
from tests.api.rows import NOON, add_call, add_card, add_contact

DAY = timedelta(days=1)
ADMIN = Viewer("admin")
IDS = [f"01{n}{'Z' * 23}" for n in range(3)]


def make_jobs(conn: Connection) -> None:
    """Three to be done and three given up, of each kind two at one moment."""
    for n in range(3):
        now = NOON + timedelta(minutes=n // 2)
        jobs.ask(conn, [NewJob("sing", {}, f"{n}")], now=now)
        (one,) = jobs.claim(conn, {"sing": 1}, {"sing": DAY}, now=now)
        jobs.bury(conn, one, "no voice", now=now)
        jobs.ask(conn, [NewJob("dance", {}, f"later {n}", now + DAY)], now=now)


async def test_jobs_go_on_behind_the_last(database: Database) -> None:
    await database.write(make_jobs)
    for dead in (True, False):
        whole = await database.read(jobs.listed, dead=dead)
        assert len(whole) == 3
        for n, one in enumerate(whole):
            place = ((one.ended_at if dead else one.due_at) or NOON, one.id)
            assert await database.read(jobs.listed, dead=dead, after=place) == whole[n + 1 :]


async def test_alarms_open_and_over(database: Database) -> None:
    def make(conn: Connection) -> None:
        first = alarms.open_(conn, [Found("disk")], now=NOON)
        alarms.close(conn, first, now=NOON + DAY)
        alarms.open_(conn, [Found("overdue", n=11)], now=NOON + DAY)

    await database.write(make)
    new, old = await database.read(alarms.listed)
    assert (new.found.kind, old.found.kind, old.until) == ("overdue", "disk", NOON + DAY)
    assert await database.read(alarms.listed, after=new.id) == [old]
    assert await database.read(alarms.listed, opened=True) == [new]
    assert await database.read(alarms.listed, opened=False) == [old]


async def test_replays_and_imports_the_newest_first(database: Database) -> None:
    def make(conn: Connection) -> None:
        for id_ in IDS:
            replays.add(conn, Replay(id_, None, "", NOON, NOON, "done", "x", NOON), None)
            imports.begin(conn, Import(id_, "clients.csv", "x", NOON))

    await database.write(make)
    newest = IDS[::-1]
    assert [one.id for one in await database.read(replays.listed, 2)] == newest[:2]
    rest = await database.read(replays.listed, 2, after=newest[1])
    assert [one.id for one in rest] == newest[2:]
    assert [one.id for one in await database.read(imports.imports, 2)] == newest[:2]
    past = await database.read(imports.imports, 2, after=newest[1])
    assert [one.id for one in past] == newest[2:]


async def test_of_a_contact_his_own_cards_those_beside_and_his_calls(database: Database) -> None:
    def make(conn: Connection) -> tuple[str, set[str], str]:
        ivan, olga = add_contact(conn, "Иван"), add_contact(conn, "Ольга")
        own, beside = add_card(conn, ivan, manager="boris"), add_card(conn, olga)
        card_contacts.add(conn, beside, ivan, by="anna", now=NOON)
        add_call(conn, contact=olga)
        add_card(conn, olga)
        return ivan, {own, beside}, add_call(conn, contact=ivan)

    ivan, cards, call = await database.write(make)
    found = await database.read(listing.list_cards, ADMIN, contact=ivan)
    assert {one.id for one in found.items} == cards
    calls = await database.read(listing.list_calls, ADMIN, contact=ivan)
    assert [one.id for one in calls.items] == [call]
    mine = Viewer("manager", manager="anna", people=frozenset({"anna"}))
    seen = await database.read(listing.list_cards, mine, contact=ivan)
    assert {one.id for one in seen.items} < cards
