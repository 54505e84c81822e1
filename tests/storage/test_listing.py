"""What people and programs read: whole, in order, bounded, and by an index."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, event

from storage import listing
from storage.database import Database
from storage.listing import CallView, HappeningView, MoveView, OwnerView, Viewer
from storage.listing_contacts import Choice
from storage.listing_letters import list_letters
from tests.api.rows import (
    CONNECT,
    LINE,
    NOON,
    WHY,
    add_call,
    add_card,
    add_contact,
    add_happening,
    add_leg,
    add_move,
    add_owner,
    add_told,
)

ADMIN = Viewer("admin")
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class World:
    """Ids of what `make_world` put into the base."""

    ivan: str
    olga: str
    firm: str
    deal: str
    closed: str
    missed: str
    talking: str
    withheld: str
    answered: str


def make_world(conn: Connection) -> World:
    ivan = add_contact(conn, "Иван Петров", "+79161234567", "+74957654321", tags=("vip", "opt"))
    olga = add_contact(conn, "Ольга Петрова", "+79160000002", emails=("olga@example.com",))
    firm = add_contact(conn, "ООО «100% Ромашка»", "+79161234567", kind="company")
    add_contact(conn, "Иван, слит", "+79161234567", merged_into=ivan)
    deal = add_card(conn, ivan, manager="anna", status="in_work", number=318)
    closed = add_card(conn, olga, manager="vera", status="won", closed_at=NOON)
    missed = add_call(conn, state="missed", at=NOON - MINUTE, contact=ivan, card=deal)
    talking = add_call(conn, state="talking", at=NOON, contact=ivan, card=deal, manager="anna")
    withheld = add_call(
        conn, at=NOON + MINUTE, caller_kind="withheld", caller_number=None, line="+74951230002"
    )
    answered = add_call(
        conn, at=NOON + 2 * MINUTE, manager="vera", contact=olga, caller_number="+79160000002"
    )
    add_leg(conn, talking, "a1", status="talking", answered_at=NOON)
    add_leg(conn, missed, "a2", step=1, manager="vera", dial="103", status="failed")
    add_leg(conn, missed, "a1", status="failed", reason="no_answer")
    add_told(conn, talking, 0, 0)
    add_told(conn, talking, 0, 1)
    add_told(conn, talking, 1, 0)
    return World(ivan, olga, firm, deal, closed, missed, talking, withheld, answered)


Read = Callable[[Connection], Any]


async def ids(database: Database, read: Read) -> tuple[World, list[str]]:
    world = await database.write(make_world)
    found = await database.read(read)
    return world, [one.id for one in getattr(found, "items", found)]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        pytest.param({}, ["answered", "withheld", "talking", "missed"], id="newest first"),
        pytest.param({"state": "talking"}, ["talking"], id="by an open state"),
        pytest.param({"state": "missed"}, ["missed"], id="by a state that is over"),
        pytest.param({"state": "ringing"}, [], id="by a state that no call has"),
        pytest.param({"line": LINE}, ["answered", "talking", "missed"], id="by line"),
        pytest.param({"manager": "vera"}, ["answered"], id="by who talked"),
        pytest.param({"caller": "8 (916) 123-45-67"}, ["talking", "missed"], id="by caller"),
        pytest.param({"caller": "anonymous"}, ["withheld"], id="by withheld caller"),
        pytest.param({"caller": "Trunk 7"}, [], id="by a name that nobody called with"),
        pytest.param({"since": NOON}, ["answered", "withheld", "talking"], id="since, included"),
        pytest.param({"until": NOON}, ["missed"], id="until, left out"),
        pytest.param(
            {"since": NOON, "until": NOON + 2 * MINUTE}, ["withheld", "talking"], id="between"
        ),
        pytest.param(
            {"state": "answered", "manager": "vera", "line": LINE}, ["answered"], id="all at once"
        ),
    ],
)
async def test_calls_are_found(
    database: Database, filters: dict[str, Any], expected: list[str]
) -> None:
    world, found = await ids(database, lambda conn: listing.list_calls(conn, ADMIN, **filters))
    assert found == [getattr(world, name) for name in expected]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        pytest.param({}, ["firm", "olga", "ivan"], id="newest first, the merged one left out"),
        pytest.param({"phone": "8 916 123 45 67"}, ["firm", "ivan"], id="a phone of two"),
        pytest.param({"phone": "+7 495 765-43-21"}, ["ivan"], id="his second phone"),
        pytest.param({"phone": "anonymous"}, [], id="an unreadable phone is nobody's"),
        pytest.param({"phone": ""}, [], id="an empty phone is nobody's"),
        pytest.param({"q": "петров"}, ["olga", "ivan"], id="part of a name in any case"),
        pytest.param({"q": "ПЕТРОВ иван"}, ["ivan"], id="all words, in any order"),
        pytest.param({"q": "100%"}, ["firm"], id="a percent sign is no wildcard"),
        pytest.param({"q": "_"}, [], id="nor is an underscore"),
        pytest.param({"q": "89160000002"}, ["olga"], id="a number"),
        pytest.param({"q": "765-43"}, ["ivan"], id="part of a number"),
        pytest.param({"q": "Olga@Example.com"}, ["olga"], id="an address"),
        pytest.param({"q": "  "}, ["firm", "olga", "ivan"], id="nothing asked"),
        pytest.param({"q": "a" * 128}, [], id="nonsense"),
        pytest.param({"choice": Choice(kind="company")}, ["firm"], id="by kind"),
        pytest.param({"choice": Choice(tag="vip")}, ["ivan"], id="by tag"),
        pytest.param({"choice": Choice(responsible="anna")}, [], id="by whose they are"),
        pytest.param(
            {"choice": Choice(responsible="", relation="client")},
            ["firm", "olga", "ivan"],
            id="nobody's clients",
        ),
    ],
)
async def test_contacts_are_found(
    database: Database, filters: dict[str, Any], expected: list[str]
) -> None:
    world, found = await ids(database, lambda conn: listing.list_contacts(conn, ADMIN, **filters))
    assert found == [getattr(world, name) for name in expected]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        pytest.param({}, ["closed", "deal"], id="newest first"),
        pytest.param({"phone": "84957654321"}, ["deal"], id="by a phone of its contact"),
        pytest.param({"phone": "+79169999999"}, [], id="by a phone of nobody"),
        pytest.param({"status": "in_work"}, ["deal"], id="by status"),
        pytest.param({"manager": "vera"}, ["closed"], id="by manager"),
        pytest.param({"manager": "vera", "status": "in_work"}, [], id="by both"),
    ],
)
async def test_cards_are_found(
    database: Database, filters: dict[str, Any], expected: list[str]
) -> None:
    world, found = await ids(database, lambda conn: listing.list_cards(conn, ADMIN, **filters))
    assert found == [getattr(world, name) for name in expected]


async def test_a_contact_is_read_whole(database: Database) -> None:
    await database.write(make_world)
    found = await database.read(listing.list_contacts, ADMIN, q="Иван")
    (ivan,) = found.items
    assert ivan.phones == ("+74957654321", "+79161234567")
    assert ivan.tags == ("opt", "vip")
    assert (ivan.kind, ivan.relation, ivan.version) == ("person", "client", 1)
    assert ivan.created_at == NOON


async def test_a_call_is_read_with_card_contact_and_legs(database: Database) -> None:
    world = await database.write(make_world)
    (missed,) = await database.read(listing.calls_by_id, [world.missed, "NO-SUCH"], ADMIN)
    assert (missed.contact_name, missed.card_number, missed.caller) == (
        "Иван Петров",
        318,
        "+79161234567",
    )
    assert [(leg.ref, leg.manager, leg.reason) for leg in missed.legs] == [
        ("a1", "anna", "no_answer"),
        ("a2", "vera", None),
    ]
    assert missed.told is None


async def test_calls_now_are_the_open_ones_and_the_last(database: Database) -> None:
    world, found = await ids(database, lambda conn: listing.calls_now(conn, ADMIN, 1))
    assert found == [world.answered, world.talking]


async def test_the_last_of_what_a_call_was_told_comes_with_it(database: Database) -> None:
    world = await database.write(make_world)
    (talking,) = await database.read(listing.calls_by_id, [world.talking], ADMIN)
    assert talking.told
    assert (talking.told.run, talking.told.attempt) == (1, 0)
    assert (talking.told.decision, talking.told.why) == (CONNECT, WHY)


async def test_all_that_a_call_was_told_is_read_in_order(database: Database) -> None:
    world = await database.write(make_world)
    found = await database.read(listing.why_of, ADMIN, world.talking)
    assert found
    assert [(one.run, one.attempt) for one in found[1]] == [(0, 0), (0, 1), (1, 0)]
    assert await database.read(listing.why_of, ADMIN, "NO-SUCH") is None


async def test_a_timeline_holds_everything_newest_first(database: Database) -> None:
    def happen(conn: Connection) -> str:
        card = add_card(conn, add_contact(conn))
        add_move(conn, card, 1, "new", at=NOON)
        add_call(conn, at=NOON + MINUTE, card=card)
        add_owner(conn, card, "anna", at=NOON + 2 * MINUTE)
        add_move(conn, card, 2, "in_work", at=NOON + 3 * MINUTE)
        add_happening(conn, card, "card_made", at=NOON + 4 * MINUTE)
        return card

    card = await database.write(happen)
    whole = await database.read(listing.timeline, ADMIN, card)
    kinds = [type(one) for one in whole.items]
    assert kinds == [HappeningView, MoveView, OwnerView, CallView, MoveView]
    assert not whole.more
    part = await database.read(listing.timeline, ADMIN, card, 2)
    assert ([type(one) for one in part.items], part.more) == (kinds[:2], True)


async def test_a_timeline_says_when_there_is_more_than_it_holds(database: Database) -> None:
    def happen(conn: Connection) -> str:
        card = add_card(conn)
        for n in range(201):
            add_call(conn, at=NOON + n * MINUTE, card=card)
        return card

    card = await database.write(happen)
    whole = await database.read(listing.timeline, ADMIN, card)
    assert (len(whole.items), whole.more) == (200, True)


async def test_no_list_gives_more_than_two_hundred(database: Database) -> None:
    def fill(conn: Connection) -> None:
        for n in range(205):
            add_card(conn, add_contact(conn, f"Контакт {n}", f"+7916000{n:04}"))
            add_call(conn, at=NOON + n * MINUTE, state="talking")

    await database.write(fill)
    calls = await database.read(listing.list_calls, ADMIN, limit=100_000)
    cards = await database.read(listing.list_cards, ADMIN, limit=100_000)
    contacts = await database.read(listing.list_contacts, ADMIN, limit=100_000)
    assert [len(one.items) for one in (calls, cards, contacts)] == [200, 200, 200]
    assert calls.more
    assert cards.more
    assert contacts.more
    assert len(await database.read(listing.calls_now, ADMIN, 100_000)) == 200


# By an index


@contextmanager
def plans_of(conn: Connection) -> Iterator[list[str]]:
    """Ask SQLite how it goes about every statement."""
    plans: list[str] = []

    def explain(_: object, cursor: Any, statement: str, parameters: Any, *__: object) -> None:
        cursor.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
        plans.extend(row[3] for row in cursor.fetchall())

    event.listen(conn, "before_cursor_execute", explain)
    yield plans
    event.remove(conn, "before_cursor_execute", explain)


@pytest.mark.parametrize(
    ("read", "way"),
    [
        pytest.param(
            lambda conn: listing.list_calls(conn, ADMIN),
            "SCAN call USING INDEX ix_call_started_at",
            id="calls",
        ),
        pytest.param(
            lambda conn: listing.list_calls(conn, ADMIN, after=(NOON, "X")),
            "SEARCH call USING INDEX ix_call_started_at (started_at<?)",
            id="calls further on",
        ),
        pytest.param(
            lambda conn: listing.list_calls(conn, ADMIN, since=NOON, until=NOON + MINUTE),
            "SEARCH call USING INDEX ix_call_started_at (started_at>? AND started_at<?)",
            id="calls of a time",
        ),
        pytest.param(
            lambda conn: listing.list_calls(conn, ADMIN, state="talking"),
            "SEARCH call USING INDEX ix_call_open (known_end>?)",
            id="open calls",
        ),
        pytest.param(
            lambda conn: listing.list_calls(conn, ADMIN, caller="89161234567"),
            "SEARCH call USING INDEX ix_call_caller_number (caller_number=?)",
            id="calls of a number",
        ),
        pytest.param(
            lambda conn: listing.calls_now(conn, ADMIN),
            "SEARCH call USING INDEX ix_call_open (known_end>?)",
            id="calls now",
        ),
        pytest.param(
            lambda conn: listing.in_line(conn, ADMIN),
            "SCAN call USING INDEX ix_call_waiting",
            id="how many wait",
        ),
        pytest.param(
            lambda conn: listing.list_cards(conn, ADMIN),
            "SCAN card USING INDEX sqlite_autoindex_card_1",
            id="cards",
        ),
        pytest.param(
            lambda conn: listing.list_cards(conn, ADMIN, after="X"),
            "SEARCH card USING INDEX sqlite_autoindex_card_1 (id<?)",
            id="cards further on",
        ),
        pytest.param(
            lambda conn: listing.list_cards(conn, ADMIN, manager="anna"),
            "SEARCH card USING INDEX ix_card_manager (manager=?)",
            id="cards of a manager",
        ),
        pytest.param(
            lambda conn: listing.list_cards(conn, ADMIN, phone="89161234567"),
            "SEARCH card USING INDEX ix_card_contact (contact=?)",
            id="cards of a number",
        ),
        pytest.param(
            lambda conn: listing.list_cards(conn, ADMIN, contact="X"),
            "SEARCH card USING INDEX ix_card_contact (contact=?)",
            id="cards of a contact",
        ),
        pytest.param(
            lambda conn: listing.list_calls(conn, ADMIN, contact="X"),
            "SEARCH call USING INDEX ix_call_contact (contact=?)",
            id="calls of a contact",
        ),
        pytest.param(
            lambda conn: listing.list_contacts(conn, ADMIN, after="X"),
            "SEARCH contact USING INDEX sqlite_autoindex_contact_1 (id<?)",
            id="contacts further on",
        ),
        pytest.param(
            lambda conn: listing.list_contacts(conn, ADMIN, phone="89161234567"),
            "SEARCH contact_phone USING INDEX ix_contact_phone_number (number=?)",
            id="contacts of a number",
        ),
    ],
)
async def test_what_is_asked_is_found_by_an_index(
    sqlite_database: Database, read: Read, way: str
) -> None:
    def watch(conn: Connection) -> list[str]:
        make_world(conn)
        with plans_of(conn) as plans:
            read(conn)
        return plans

    plans = await sqlite_database.write(watch)
    assert [plan for plan in plans if plan.startswith(way)], plans
    tables = ("call", "leg", "decision", "card", "contact", "contact_phone", "contact_tag")
    assert not [plan for plan in plans if plan in {f"SCAN {table}" for table in tables}]


ONE = Viewer("manager", "anna", people=frozenset({"anna"}), at=NOON)

# Looked through from the newest on, until enough of it is his: of contacts most are nobody's.
WALKED = (
    "SCAN contact USING INDEX sqlite_autoindex_contact_1",
    "SCAN call USING INDEX ix_call_waiting",
    "SCAN (subquery",  # of last_told: of the calls that were found
    "SCAN anon",
    "SCAN json_each",  # the list of people that was given
)


@pytest.mark.parametrize(
    "read",
    [
        pytest.param(lambda conn: listing.list_calls(conn, ONE), id="calls"),
        pytest.param(lambda conn: listing.calls_now(conn, ONE), id="calls now"),
        pytest.param(lambda conn: listing.list_cards(conn, ONE), id="cards"),
        pytest.param(
            lambda conn: listing.list_cards(conn, ONE, phone="+79161234567"), id="a phone"
        ),
        pytest.param(lambda conn: listing.list_contacts(conn, ONE), id="contacts"),
        pytest.param(lambda conn: list_letters(conn, ONE), id="letters"),
        pytest.param(lambda conn: listing.list_obligations(conn, ONE, now=NOON), id="obligations"),
        pytest.param(lambda conn: listing.count_owed(conn, ONE, now=NOON), id="how many are owed"),
        pytest.param(lambda conn: listing.in_line(conn, ONE), id="how many wait"),
        pytest.param(lambda conn: listing.timeline(conn, ONE, "01J"), id="a timeline"),
    ],
)
async def test_a_managers_lists_read_no_table_whole(sqlite_database: Database, read: Read) -> None:
    await sqlite_database.write(make_world)

    def look(conn: Connection) -> list[str]:
        with plans_of(conn) as plans:
            read(conn)
        return [one for one in plans if one.startswith("SCAN") and not one.startswith(WALKED)]

    assert await sqlite_database.read(look) == []


async def test_who_sees_everything_is_asked_no_more_of(sqlite_database: Database) -> None:
    """Not one table, nor statement, is there for him that sight would need."""

    def look(conn: Connection) -> list[str]:
        said: list[str] = []

        def note(_: object, __: object, statement: str, *___: object) -> None:
            said.append(statement)

        event.listen(conn, "before_cursor_execute", note)
        for read in (listing.list_calls, listing.list_cards, listing.list_contacts, list_letters):
            read(conn, ADMIN)
        event.remove(conn, "before_cursor_execute", note)
        return said

    said = await sqlite_database.read(look)
    assert len(said) == 4
    assert not any("its_" in one for one in said)
