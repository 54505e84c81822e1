"""The board's columns: whole, in order, only what is one's own, and by an index."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection, event, insert, select

from storage import cards, listing_board, moves, tables
from storage.cards import NewCard
from storage.database import Database
from storage.ids import new_id
from storage.listing import Viewer
from storage.listing_board import Wanted
from tests.api.rows import NOON, add_card, add_contact

ADMIN = Viewer("admin")
ANNA = Viewer("manager", "anna", people=frozenset({"anna"}))
ALL = Wanted("sales")
HOUR = timedelta(hours=1)


def fill(conn: Connection) -> list[str]:
    """Seven cards of a status, two of them nobody's or another's; those of others around them."""
    ivan = add_contact(conn, "Иван Петров", "+79161234567", tags=("vip",))
    ids = [
        add_card(
            conn,
            ivan,
            manager="anna" if n < 5 else ("boris" if n == 5 else None),
            amount=Decimal("0.50") + n,
            status_at=NOON + (n // 3) * HOUR,  # several came at once
        )
        for n in range(7)
    ]
    add_card(conn, ivan, manager="anna", status="in_work", status_at=NOON)
    add_card(conn, ivan, manager="anna", pipeline="other", status_at=NOON)
    old = NOON - timedelta(days=40)
    add_card(conn, ivan, manager="anna", status="won", status_at=old, closed_at=old)
    olga = add_contact(conn, "Ольга Новикова", "+79160000077")
    beside = {"card": ids[2], "contact": olga, "by": "vera", "at": NOON}
    conn.execute(insert(tables.card_contact).values(**beside))
    task = {"kind": "task", "owner": "anna", "author": "vera", "text": "Позвонить"}
    for card, due in ((ids[0], NOON - HOUR), (ids[0], NOON + HOUR), (ids[1], None)):
        row = {"id": new_id(NOON), "card": card, "due_at": due, "created_at": NOON}
        conn.execute(insert(tables.task).values(**task, **row))
    return ids


async def test_a_column_is_read_in_parts_and_only_by_whose_it_is(database: Database) -> None:
    ids = await database.write(fill)
    seen: list[str] = []
    after = None
    for _ in range(9):
        part = await database.read(
            listing_board.column, ANNA, ALL, "new", now=NOON, after=after, limit=2
        )
        seen += [one.id for one in part.items]
        after = part.items[-1].place
        if not part.more:
            break
    newest_first = sorted(range(7), key=lambda n: (n // 3, n), reverse=True)
    assert seen == [ids[n] for n in newest_first if n != 5]
    heads = await database.read(
        listing_board.heads, ANNA, ALL, ["new", "won", "in_work", "lost"], now=NOON
    )
    assert {key: (one.count, one.amount) for key, one in heads.items()} == {
        "new": (6, Decimal("19.00")),
        "in_work": (1, Decimal(0)),
        "won": (1, Decimal(0)),
        "lost": (0, Decimal(0)),
    }
    lately = await database.read(
        listing_board.heads, ADMIN, ALL, ["new", "won"], now=NOON, since=NOON - timedelta(days=30)
    )
    assert [one.count for one in lately.values()] == [7, 0]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        pytest.param(Wanted("sales", manager="boris"), [5], id="somebody's"),
        pytest.param(Wanted("sales", manager=""), [6], id="nobody's"),
        pytest.param(Wanted("sales", overdue=True), [0], id="overdue"),
        pytest.param(Wanted("sales", no_step=True), [6, 5, 4, 3, 2], id="without a next step"),
        pytest.param(Wanted("sales", tag="vip", text="петров"), [6, 5, 4, 3, 2, 1, 0], id="client"),
        pytest.param(Wanted("sales", text="8 916 123-45-67", manager="boris"), [5], id="phone"),
        pytest.param(Wanted("sales", text="новикова ольга"), [2], id="who stands beside"),
        pytest.param(Wanted("sales", text="8 916 000-00-77"), [2], id="her phone"),
        pytest.param(Wanted("sales", text="0077"), [2], id="a part of it"),
        pytest.param(Wanted("sales", tag="none"), [], id="no such tag"),
        pytest.param(Wanted("sales", source="site", overdue=True), [0], id="source"),
        pytest.param(Wanted("sales", text="_ %"), [], id="signs of LIKE"),
    ],
)
async def test_filters(database: Database, wanted: Wanted, found: list[int]) -> None:
    ids = await database.write(fill)
    part = await database.read(listing_board.column, ADMIN, wanted, "new", now=NOON)
    assert [ids.index(one.id) for one in part.items] == found
    head = (await database.read(listing_board.heads, ADMIN, wanted, ["new"], now=NOON))["new"]
    assert head.count == len(found)


async def test_a_tile_has_the_step_that_is_due_first(database: Database) -> None:
    ids = await database.write(fill)
    first, second = await database.read(listing_board.tiles, ADMIN, sorted(ids[:2]))
    assert first.step
    assert (first.step.due_at, first.name, first.phone) == (
        NOON - HOUR,
        "Иван Петров",
        "+79161234567",
    )
    assert second.step
    assert second.step.due_at is None
    assert await database.read(listing_board.tiles, ANNA, [ids[5], "none"]) == ()


async def test_since_when_a_card_has_its_status_is_kept_by_whoever_gives_it(
    database: Database,
) -> None:
    def write(conn: Connection) -> list[Any]:
        new = NewCard(new_id(NOON), 1, add_contact(conn), "sales", "new", by="anna")
        cards.make(conn, [new], now=NOON)
        since = [conn.execute(select(tables.card.c.status_at)).scalar_one()]
        card = moves.find(conn, new.id)
        assert card
        given: dict[str, Any] = {"closed_at": None, "open_for": None, "loss_reason": None}
        moves.write(conn, card, "in_work", by="anna", now=NOON + HOUR, **given)
        return [*since, conn.execute(select(tables.card.c.status_at)).scalar_one()]

    assert await database.write(write) == [NOON, NOON + HOUR]


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


async def test_nothing_is_looked_through_whole(sqlite_database: Database) -> None:
    await sqlite_database.write(fill)
    everything = Wanted("sales", "anna", True, True, "site", "vip", "петров 79161")

    def read(conn: Connection) -> list[str]:
        with plans_of(conn) as plans:
            for viewer, wanted in ((ADMIN, ALL), (ANNA, ALL), (ADMIN, everything)):
                for since in (None, NOON):
                    given: Any = {"now": NOON, "since": since}
                    listing_board.heads(conn, viewer, wanted, ["new", "in_work"], **given)
                    after = (NOON + HOUR, "Z")
                    listing_board.column(conn, viewer, wanted, "new", **given)
                    listing_board.column(conn, viewer, wanted, "new", after=after, **given)
            listing_board.leaving(conn, ANNA, "manager:anna", now=NOON)
            listing_board.changed_by(conn, "x")
        return plans

    plans = await sqlite_database.read(read)
    whole = [one for one in plans if one.startswith("SCAN") and "json_each" not in one]
    assert [one for one in whole if "CONSTANT ROW" not in one] == []
    ways = {one for one in plans if one.startswith("SEARCH card USING")}
    assert all("ix_card_pipeline_status" in one for one in ways if "id=?" not in one)
    assert "SEARCH letter USING INDEX ix_letter_open (state=?)" in plans
    columns = [n for n, one in enumerate(plans) if one in ways]
    assert columns  # a column is read in its order, not sorted
    assert not any("FOR ORDER BY" in plans[n + 1] for n in columns if n + 1 < len(plans))
