"""Who leaves hands his work over: to one or to his team, whole, and back if it was a mistake."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select, update

from callrouter.domain.setup import Manager, Setup, Team
from callrouter.flows import handover as flow
from callrouter.flows.handover import AT_ONCE, CannotHandOver, Given, Undone
from storage import cards, handovers, profiles, tables
from storage.database import Database
from storage.handovers import Counts, Handover
from storage.ids import new_id
from tests.examples import MONDAY_NOON, SETUP, event
from tests.office import Office

MANAGERS = (
    Manager("anna", "Анна", "101", team="sales"),
    Manager("boris", "Борис", "102", team="sales", capacity=10),
    Manager("vera", "Вера", "103", team="sales", owns_cards=False),
    Manager("gleb", "Глеб", "104", team="sales", capacity=10),
    Manager("dina", "Дина", "105", team="sales", active=False),
    Manager("egor", "Егор", "106", team="other"),
)
STAFF: Setup = replace(SETUP, manager=MANAGERS, team=(*SETUP.team, Team("other")))


def at(seconds: float) -> datetime:
    return MONDAY_NOON + timedelta(seconds=seconds)


@pytest.fixture
async def office(database: Database) -> Office:
    return await Office(database).open(STAFF)


def add_contact(conn: Connection, n: int, manager: str | None, **more: Any) -> str:
    id_ = new_id(at(n / 1000))
    moments = {"created_at": at(0), "updated_at": at(0)}
    row = {"id": id_, "name": f"Клиент {n}", "responsible": manager, **moments}
    conn.execute(insert(tables.contact).values(**row, **more))
    profiles.begin_responsibility(conn, {id_: manager}, by="import", now=at(0))
    return id_


def add_card(
    conn: Connection, n: int, manager: str, contact: str | None = None, **more: Any
) -> str:
    """A card in work, touched today; closed where `closed_at` is given."""
    id_ = new_id(at(n / 1000))
    row = {
        "id": id_,
        "number": n,
        "contact": contact,
        "pipeline": "sales",
        "status": "in_work",
        "last_contact_at": at(0),
        "created_at": at(0),
        "updated_at": at(0),
        **more,
    }
    conn.execute(insert(tables.card).values(**row))
    (state,) = cards.states(conn, [id_]).values()
    owned = replace(state, manager=manager, manager_by="call-1", manager_at=at(0))
    cards.change(conn, [(state, owned)], now=at(0))
    return id_


def add_task(conn: Connection, n: int, manager: str, **more: Any) -> str:
    id_ = new_id(at(n / 1000))
    row = {"id": id_, "kind": "call_back", "owner": manager, "author": "x", "created_at": at(0)}
    conn.execute(insert(tables.task).values(**row, **more))
    return id_


async def work_of(office: Office, key: str) -> Counts:
    found = await office.database.read(handovers.count_open, [key])
    return found.get(key, Counts())


async def give(
    office: Office, giver: str, to: str | None, *, id_: str = "H1", parts: int | None = None
) -> list[Given]:
    """Hand over as the command does; `parts`: cut short after so many transactions."""
    setup = STAFF
    who = setup.managers[giver]
    pieces = await office.database.read(handovers.open_work, giver, limit=100_000)
    receivers = flow.receivers_of(setup, who, to)
    now = at(60)
    given, _ = await office.database.read(flow.share_out, setup, pieces, receivers, now=now)
    named: dict[str, Any] = {"id_": id_, "giver": giver, "to": to, "by": "cli", "now": now}
    for start in list(range(0, len(given), AT_ONCE))[:parts]:
        part = given[start : start + AT_ONCE]
        await office.database.write(flow.hand_over, setup, part, **named)
    return given


async def take_back(office: Office, id_: str = "H1", *, parts: int | None = None) -> list[Undone]:
    done = await office.database.read(handovers.find, id_)
    assert done is not None
    found: list[Undone] = []
    while parts is None or len(found) < parts:
        after = found[-1].last if found else ("", "")
        if after is None:
            break
        named: dict[str, Any] = {"by": "cli", "now": at(120), "after": after}
        found.append(await office.database.write(flow.undo, STAFF, done, **named))
    return found


async def owners(office: Office) -> dict[str, str | None]:
    """Whose each thing is."""
    found = {row.id: row.manager for row in await office.rows(tables.card)}
    found |= {row.id: row.responsible for row in await office.rows(tables.contact)}
    return found | {row.id: row.owner for row in await office.rows(tables.task)}


async def all_is_kept_true(office: Office) -> None:
    """The counters of load, and an open interval of whoever has a thing, and no other."""
    assert dict(await office.database.read(cards.counted)) == dict(
        await office.database.read(cards.recount)
    )
    current: dict[str, list[str]] = {}
    for row in await office.rows(tables.responsibility):
        if row.until is None:
            current.setdefault(row.card or row.contact, []).append(row.manager)
    tasks = {row.id for row in await office.rows(tables.task)}
    whose = {id_: [key] for id_, key in (await owners(office)).items() if key and id_ not in tasks}
    assert current == whose


def a_desk_full(conn: Connection) -> dict[str, str]:
    """Anna's work: two clients with a card each, a card of nobody's, a call owed, things over."""
    ivan, petr = add_contact(conn, 1, "anna"), add_contact(conn, 2, "anna")
    return {
        "ivan": ivan,
        "petr": petr,
        "deal of ivan": add_card(conn, 3, "anna", ivan),
        "deal of petr": add_card(conn, 4, "anna", petr),
        "a withheld deal": add_card(conn, 5, "anna"),
        "owed to petr": add_task(conn, 6, "anna", contact=petr, phone="+79160000002"),
        "merged": add_contact(conn, 10, "anna", merged_into=petr),
        "closed deal": add_card(conn, 7, "anna", ivan, status="won", closed_at=at(0)),
        "done task": add_task(conn, 8, "anna", done_at=at(0)),
        "deal of boris": add_card(conn, 9, "boris"),
    }


OPEN = ("ivan", "petr", "deal of ivan", "deal of petr", "a withheld deal", "owed to petr")


async def test_all_that_is_open_goes_to_one(office: Office) -> None:
    desk = await office.database.write(a_desk_full)
    assert await work_of(office, "anna") == Counts(3, 2, 1)
    listed = await office.database.read(handovers.open_work, "anna", limit=100)
    assert {piece.id for piece in listed} == {desk[name] for name in OPEN}
    await give(office, "anna", "boris")
    assert await work_of(office, "anna") == Counts()
    assert await work_of(office, "boris") == Counts(4, 2, 1)
    whose = await owners(office)
    assert (whose[desk["closed deal"]], whose[desk["done task"]]) == ("anna", "anna")
    await all_is_kept_true(office)
    row = next(one for one in await office.rows(tables.card) if one.id == desk["deal of ivan"])
    assert (row.manager_by, row.manager_at, row.team, row.version) == (
        "handover:H1",
        at(60),
        "sales",
        3,
    )
    kept = [row for row in await office.rows(tables.business_event) if row.kind == "handed_over"]
    assert [row.actor for row in kept] == ["cli"]
    told = {(row.kind, row.manager) for row in await office.rows(tables.notice)}
    assert told == {("manager", "anna"), ("manager", "boris"), ("obligation", "boris")}


async def test_the_next_call_of_a_client_rings_whom_he_was_handed_to(office: Office) -> None:
    await office.take(event("ringing", caller="89160000009"))
    await office.take(event("answered", "c1", at(5), target="101", caller="89160000009"))
    await office.take(event("ended", "c1", at(50), caller="89160000009"))
    await give(office, "anna", "gleb")
    again = event("ringing", "c2", at(100), caller="89160000009")
    assert (await office.ring(again))[0] == ("gleb",)


async def test_it_is_spread_by_load_and_what_is_one_clients_stays_together(
    office: Office,
) -> None:
    def make(conn: Connection) -> None:
        for n in range(4):
            add_card(conn, 900 + n, "boris")  # he has 4 of 10 already, gleb has none
        for n in range(10):
            client = add_contact(conn, 10 * n, "anna")
            add_card(conn, 10 * n + 1, "anna", client)
            add_task(conn, 10 * n + 2, "anna", contact=client)

    await office.database.write(make)
    given = await give(office, "anna", None)
    assert await work_of(office, "boris") == Counts(4 + 3, 3, 3)
    assert await work_of(office, "gleb") == Counts(7, 7, 7)
    assert await work_of(office, "vera") == await work_of(office, "egor") == Counts()
    by_client: dict[str | None, set[str | None]] = {}
    for row in await office.rows(tables.card):
        if row.contact:
            by_client.setdefault(row.contact, set()).add(row.manager)
    for row in await office.rows(tables.contact):
        by_client[row.id].add(row.responsible)
    assert all(len(people) == 1 for people in by_client.values())
    await all_is_kept_true(office)
    assert len(given) == 30


async def test_clients_without_deals_are_spread_evenly(office: Office) -> None:
    def make(conn: Connection) -> None:
        add_card(conn, 900, "boris")
        for n in range(20):
            add_contact(conn, n, "anna")

    await office.database.write(make)
    await give(office, "anna", None)
    assert await work_of(office, "gleb") == Counts(0, 10, 0)
    assert await work_of(office, "boris") == Counts(1, 10, 0)


async def test_the_same_work_is_always_shared_out_alike(office: Office) -> None:
    def make(conn: Connection) -> None:
        for n in range(30):
            add_card(conn, n, "anna", add_contact(conn, 100 + n, "anna") if n % 3 else None)

    await office.database.write(make)
    setup = STAFF
    receivers = flow.receivers_of(setup, setup.managers["anna"], None)
    pieces = await office.database.read(handovers.open_work, "anna", limit=1000)
    found = [
        await office.database.read(flow.share_out, setup, pieces, people, now=at(0))
        for people in (receivers, receivers[::-1])
    ]
    assert found[0][0] == found[1][0]


@pytest.mark.parametrize(
    ("giver", "to", "says"),
    [
        ("nobody", "boris", "no such manager"),
        ("anna", "nobody", "no such manager"),
        ("anna", "dina", "not active"),
        ("anna", "anna", "the same"),
        ("egor", None, "in his team"),
    ],
)
def test_what_cannot_be_handed_over_is_said(giver: str, to: str | None, says: str) -> None:
    with pytest.raises(CannotHandOver, match=says):
        flow.receivers_of(STAFF, flow.giver_of(STAFF, giver), to)


async def test_undone_all_is_as_it_was(office: Office) -> None:
    await office.database.write(a_desk_full)
    before = await owners(office)
    await give(office, "anna", None)
    assert await owners(office) != before
    (undone,) = await take_back(office)
    assert (undone.back, undone.left) == (Counts(3, 2, 1), 0)
    assert await owners(office) == before
    await all_is_kept_true(office)
    done = await office.database.read(handovers.find, "H1")
    assert done == Handover("H1", "anna", None, undone=True)


async def test_what_was_touched_since_stays(office: Office) -> None:
    desk = await office.database.write(a_desk_full)
    await give(office, "anna", "boris")

    def touch(conn: Connection) -> None:
        given_on(conn, desk["deal of ivan"], "gleb", at(70))
        given_on(conn, desk["deal of petr"], "gleb", at(70))
        given_on(conn, desk["deal of petr"], "boris", at(80))  # and back: a person decided
        state = cards.states(conn, [desk["a withheld deal"]])[desk["a withheld deal"]]
        close(conn, state.id)
        hand_contact(conn, desk["ivan"], "gleb", at(70))
        c = tables.task.c
        done = update(tables.task).where(c.id == desk["owed to petr"]).values(done_at=at(70))
        conn.execute(done)

    await office.database.write(touch)
    (undone,) = await take_back(office)
    assert (undone.back, undone.left) == (Counts(0, 1, 0), 5)
    await all_is_kept_true(office)


def given_on(conn: Connection, card: str, to: str, now: datetime) -> None:
    state = cards.states(conn, [card])[card]
    after = replace(state, manager=to, manager_by="vera", manager_at=now)
    cards.change(conn, [(state, after)], now=now)


def close(conn: Connection, card: str) -> None:
    """As an outcome closes it: out of the load."""
    state = cards.states(conn, [card])[card]
    if not state.closed:
        cards.count_load(conn, [(state, None)], now=at(75))
        c = tables.card.c
        conn.execute(update(tables.card).where(c.id == card).values(closed_at=at(75)))


def hand_contact(conn: Connection, contact: str, to: str, now: datetime) -> None:
    handovers.set_responsible(conn, {contact: to}, by="vera", now=now)


async def test_much_goes_in_parts_and_a_cut_goes_on(office: Office) -> None:
    many = AT_ONCE * 2 + 7

    def make(conn: Connection) -> None:
        for n in range(many):
            add_contact(conn, n, "anna")

    await office.database.write(make)
    await give(office, "anna", "boris", parts=1)
    assert (await work_of(office, "anna")).contacts == many - AT_ONCE
    await give(office, "anna", "boris")  # the same id: it goes on
    assert await work_of(office, "boris") == Counts(0, many, 0)
    assert await office.count(tables.handover) == 1
    await take_back(office, parts=1)
    undone = await take_back(office)  # cut short, and begun again
    assert sum(one.left for one in undone) == 0
    assert (await work_of(office, "anna")).contacts == many


async def test_what_the_giver_gave_away_himself_meanwhile_is_left(office: Office) -> None:
    desk = await office.database.write(a_desk_full)
    setup = STAFF
    pieces = await office.database.read(handovers.open_work, "anna", limit=1000)
    receivers = (setup.managers["boris"],)
    read, write = office.database.read, office.database.write
    given, _ = await read(flow.share_out, setup, pieces, receivers, now=at(0))
    await write(given_on, desk["deal of ivan"], "gleb", at(30))
    await write(hand_contact, desk["ivan"], "gleb", at(30))
    await write(_give_task, desk["owed to petr"], "gleb")
    named: dict[str, Any] = {"id_": "H1", "giver": "anna", "to": "boris", "by": "cli"}
    gone = await write(flow.hand_over, setup, given, **named, now=at(60))
    assert gone == Counts(2, 1, 0)
    assert await work_of(office, "gleb") == Counts(1, 1, 1)


@pytest.mark.parametrize("seed", range(12))
async def test_handed_over_touched_and_undone_all_stays_true(
    sqlite_database: Database, seed: int
) -> None:
    """Whatever people do in between: untouched things go back, touched ones stay, counters hold."""
    office = await Office(sqlite_database).open(STAFF)
    chance = Random(seed)

    def make(conn: Connection) -> list[tuple[str, str]]:
        made = []
        clients = [add_contact(conn, n, chance.choice(["anna", "boris", None])) for n in range(8)]
        for n in range(20):
            whose = chance.choice(["anna", "anna", "boris", "gleb"])
            client = chance.choice([*clients, None])
            made.append(("card", add_card(conn, 100 + n, whose, client)))
        for n in range(6):
            task = add_task(conn, 200 + n, chance.choice(["anna", "gleb"]), contact=clients[n])
            made.append(("task", task))
        return made + [("contact", one) for one in clients]

    made = await office.database.write(make)
    before = await owners(office)
    await give(office, "anna", chance.choice([None, "boris", "gleb"]))
    handed = await owners(office)
    touched: dict[str, str] = {}

    def touch(conn: Connection) -> None:
        for noun, id_ in chance.sample(made, 10):
            to = chance.choice(["boris", "gleb", "egor"])
            touched[id_] = to
            _TOUCH[noun](conn, id_, to)

    await office.database.write(touch)
    (undone,) = await take_back(office)
    after = await owners(office)
    moved = {id_ for id_ in before if before[id_] != handed[id_]}
    tasks = {id_ for noun, id_ in made if noun == "task"}
    for id_, whose in after.items():
        if id_ in touched and (id_ not in tasks or touched[id_] != handed[id_]):
            assert whose == touched[id_]
        else:
            assert whose == before[id_]
    back = {id_ for id_ in moved if after[id_] == "anna"}
    assert undone.left == len(moved - back)
    assert undone.back.cards + undone.back.contacts + undone.back.tasks == len(back)
    await all_is_kept_true(office)


def _give_task(conn: Connection, task: str, to: str) -> None:
    conn.execute(update(tables.task).where(tables.task.c.id == task).values(owner=to))


_TOUCH: dict[str, Callable[[Connection, str, str], None]] = {
    "card": lambda conn, id_, to: given_on(conn, id_, to, at(90)),
    "contact": lambda conn, id_, to: hand_contact(conn, id_, to, at(90)),
    "task": _give_task,
}


async def test_a_dismissed_manager_gets_no_call_and_his_deals_do_not_ring_him(
    database: Database,
) -> None:
    office = await Office(database).open(STAFF)
    await office.take(event("ringing", caller="89160000009"))
    await office.take(event("answered", "c1", at(5), target="101", caller="89160000009"))
    await office.take(event("ended", "c1", at(50), caller="89160000009"))
    gone = replace(STAFF, manager=(replace(MANAGERS[0], active=False), *MANAGERS[1:]))
    await office.open(gone, now=at(60))
    again = event("ringing", "c2", at(100), caller="89160000009")
    assert "anna" not in {key for step in await office.ring(again) for key in step}
    owner = await database.read(lambda conn: conn.execute(select(tables.card.c.manager)).scalar())
    assert owner == "anna"  # until it is handed over
