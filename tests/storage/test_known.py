"""What the snapshot reads of callers, page by page."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection

from storage import contacts, known
from storage.contacts import Person
from storage.database import Database
from tests.examples import MONDAY_NOON

NUMBERS = tuple(f"+7916000000{n}" for n in range(7))


def _add(conn: Connection, moments: list[datetime]) -> None:
    for number, moment in zip(NUMBERS, moments, strict=True):
        contacts.add(conn, Person("", phones=(number,)), now=moment)


def _read_all(conn: Connection, newest: int, page: int) -> list[str]:
    found: list[str] = []
    mark: known.Mark | None = known.mark_before(conn, newest)
    while mark:
        callers, _, mark = known.changed_since(conn, mark, page)
        found += callers
    return found


@pytest.mark.parametrize(
    ("newest", "page", "read"),
    [
        pytest.param(100, 100, NUMBERS, id="all, where there are fewer than it keeps"),
        pytest.param(100, 2, NUMBERS, id="in pages, each once"),
        pytest.param(3, 2, NUMBERS[-3:], id="no more than it keeps, the newest"),
    ],
)
@pytest.mark.parametrize(
    "apart", [pytest.param(1, id="one by one"), pytest.param(0, id="changed in the same moment")]
)
async def test_callers_are_read(
    database: Database, newest: int, page: int, read: tuple[str, ...], apart: int
) -> None:
    moments = [MONDAY_NOON + timedelta(seconds=apart * n) for n in range(len(NUMBERS))]
    await database.write(_add, moments)
    found = await database.read(_read_all, newest, page)
    assert len(found) == len(read)
    if apart:
        assert found == list(read)
