"""Lists: each is walked to its end without loss or repetition, and says what it was asked wrongly."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from callrouter.domain.setup import Manager
from storage import card_contacts
from tests.api.conftest import Api
from tests.api.rows import NOON, add_call, add_card, add_contact

Fill = Callable[[Connection, int], str]


def fill_contact(conn: Connection, n: int) -> str:
    return add_contact(conn, f"Контакт {n}", f"+7916000{n:04}")


def fill_card(conn: Connection, _n: int) -> str:
    return add_card(conn)


def fill_call(conn: Connection, n: int) -> str:
    """Three calls begin in each millisecond, so that pages end between them."""
    return add_call(conn, at=NOON + timedelta(milliseconds=n // 3))


async def walk(api: Api, path: str, limit: int) -> list[list[dict[str, Any]]]:
    pages: list[list[dict[str, Any]]] = []
    cursor: dict[str, str] = {}
    while True:
        found = await api.get(path, limit=limit, **cursor)
        assert found.status == 200
        pages.append(found.body["items"])
        if found.body["next"] is None:
            return pages
        cursor = {"cursor": found.body["next"]}


@pytest.mark.parametrize("count", [0, 9, 10, 11])
@pytest.mark.parametrize(
    ("path", "fill"),
    [
        pytest.param("/contacts", fill_contact, id="contacts"),
        pytest.param("/cards", fill_card, id="cards"),
        pytest.param("/calls", fill_call, id="calls"),
    ],
)
async def test_a_list_is_walked_to_its_end(api: Api, path: str, fill: Fill, count: int) -> None:
    def make(conn: Connection) -> list[str]:
        return [fill(conn, n) for n in range(count)]

    made = await api.service.database.write(make)
    pages = await walk(api, path, limit=5)
    assert sorted(one["id"] for page in pages for one in page) == sorted(made)
    assert [len(page) for page in pages[:-1]] == [5] * (len(pages) - 1)
    assert len(pages[-1]) > 0 or count == 0


async def test_what_comes_while_a_list_is_walked_moves_nothing(api: Api) -> None:
    made = await api.service.database.write(lambda conn: [fill_call(conn, n) for n in range(6)])
    first = await api.get("/calls", limit=3)
    await api.service.database.write(lambda conn: add_call(conn, at=NOON + timedelta(minutes=1)))
    second = await api.get("/calls", limit=3, cursor=first.body["next"])
    walked = [one["id"] for one in first.body["items"] + second.body["items"]]
    assert sorted(walked) == sorted(made)


async def test_managers_are_walked_by_key(api: Api) -> None:
    people = tuple(Manager(f"m{n}", f"Менеджер {n}", f"{100 + n}") for n in range(7))
    api.setups.current = replace(api.setups.current, manager=tuple(reversed(people)))
    pages = await walk(api, "/managers", limit=3)
    assert [[one["key"] for one in page] for page in pages] == [
        ["m0", "m1", "m2"],
        ["m3", "m4", "m5"],
        ["m6"],
    ]


@pytest.mark.parametrize("path", ["/contacts", "/cards", "/calls", "/managers"])
@pytest.mark.parametrize(
    ("query", "field"),
    [
        pytest.param("limit=0", "limit", id="a limit of nothing"),
        pytest.param("limit=201", "limit", id="a limit too high"),
        pytest.param("limit=99999999999999999999", "limit", id="a limit beyond any"),
        pytest.param("limit=many", "limit", id="a limit in words"),
        pytest.param("limit=1&limit=2", "limit", id="two limits"),
        pytest.param("limits=10", "limits", id="a misspelt name"),
        pytest.param("cursor=" + "x" * 65, "cursor", id="a cursor of nobody's"),
    ],
)
async def test_a_wrong_query_is_refused(api: Api, path: str, query: str, field: str) -> None:
    found = await api.get(f"{path}?{query}")
    assert (found.status, [one["field"] for one in found.body["errors"]]) == (422, [field])


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("/contacts?phone=+79161234567", 1, id="a plus that was not escaped"),
        pytest.param("/contacts?phone=%2B79161234567", 1, id="one that was"),
        pytest.param("/contacts?phone=89161234567", 1, id="as people write it"),
        pytest.param("/contacts?phone=%00", 0, id="nothing but a NUL"),
        pytest.param("/contacts?q=%D0%BF%D0%B5%D1%82%D1%80", 1, id="Cyrillic"),
        pytest.param("/contacts?q=%FF%00", 0, id="no text at all"),
        pytest.param("/contacts?kind=person&relation=client&tag=vip", 1, id="clients by tag"),
        pytest.param("/contacts?kind=company", 0, id="companies"),
        pytest.param("/contacts?responsible=anna", 1, id="contacts of a manager"),
        pytest.param("/contacts?responsible=", 0, id="contacts of nobody"),
        pytest.param("/cards?phone=89161234567&status=new&manager=anna", 1, id="a card by all"),
        pytest.param("/calls?caller=89161234567", 1, id="calls of a caller"),
        pytest.param("/calls?line=8-800-123-45-67", 1, id="calls of a line by its alias"),
        pytest.param("/calls?line=+7 495 123-00-01", 1, id="calls of a line by its number"),
        pytest.param("/calls?line=+74950000009", 0, id="calls of a line of nobody"),
        pytest.param("/calls?since=2026-03-02T12:00:00+03:00", 1, id="a zone's plus not escaped"),
        pytest.param("/calls?since=2026-03-02T09:00:00.001Z", 0, id="a millisecond too late"),
        pytest.param("/calls?until=2026-03-02T09:00:00Z", 0, id="until its start"),
        pytest.param("/calls?state=answered&manager=anna", 1, id="a call by state and manager"),
        pytest.param("/calls?state=ringing", 0, id="a state of none"),
    ],
)
async def test_filters_as_programs_send_them(api: Api, path: str, expected: int) -> None:
    def make(conn: Connection) -> None:
        number, tags = "+79161234567", ("vip",)
        contact = add_contact(conn, "Иван Петров", number, tags=tags, responsible="anna")
        card = add_card(conn, contact, manager="anna")
        add_call(conn, contact=contact, card=card, manager="anna")

    await api.service.database.write(make)
    found = await api.get(path)
    assert (found.status, len(found.body["items"])) == (200, expected)


@pytest.mark.parametrize(
    "query",
    [
        pytest.param("state=lost", id="no such state"),
        pytest.param("state=", id="an empty state"),
        pytest.param("since=2026-03-02T09:00:00", id="a moment without zone"),
        pytest.param("since=2026-02-30T09:00:00Z", id="a day that is none"),
        pytest.param("until=1772442000", id="seconds since 1970"),
        pytest.param("caller=" + "9" * 129, id="a number without end"),
    ],
)
async def test_wrong_filters_of_calls_are_refused(api: Api, query: str) -> None:
    found = await api.get(f"/calls?{query}")
    assert (found.status, [one["field"] for one in found.body["errors"]]) == (
        422,
        [query.partition("=")[0]],
    )


async def test_cards_and_calls_of_a_contact(api: Api) -> None:
    def make(conn: Connection) -> tuple[str, str, set[str], str]:
        ivan, olga = add_contact(conn, "Иван"), add_contact(conn, "Ольга")
        own, beside = add_card(conn, ivan), add_card(conn, olga)
        card_contacts.add(conn, beside, ivan, by="anna", now=NOON)
        add_call(conn, contact=olga)
        return ivan, olga, {own, beside}, add_call(conn, contact=ivan)

    ivan, olga, cards, call = await api.service.database.write(make)
    found = (await api.get("/cards", contact=ivan)).body["items"]
    assert {one["id"] for one in found} == cards
    assert len((await api.get("/cards", contact=olga)).body["items"]) == 1
    (only,) = (await api.get("/calls", contact=ivan)).body["items"]
    assert only["id"] == call
    assert (await api.get("/cards", contact="x")).body["errors"][0]["field"] == "contact"
