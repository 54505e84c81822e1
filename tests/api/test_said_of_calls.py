"""What people say of a call over HTTP: who of several called, and what came of it."""

from typing import Any

import pytest
from sqlalchemy import Connection

from tests.api.conftest import Api
from tests.api.rows import NOON, add_call, add_card, add_contact, add_move

NUMBER = "+79161234567"
NOBODY = "01" + "Z" * 24


def two_people(conn: Connection) -> tuple[str, str, str, str]:
    first = add_contact(conn, "Иван Петров", NUMBER)
    second = add_contact(conn, "Мария Петрова", NUMBER)
    other = add_contact(conn, "Кто-то", "+79160000002")
    return first, second, other, add_call(conn, contact=first, answered_at=NOON)


async def test_another_of_the_numbers_people_is_chosen(api: Api) -> None:
    first, second, _, call = await api.service.database.write(two_people)
    before = (await api.get(f"/calls/{call}")).body
    assert before["people"] == [
        {"contact": first, "name": "Иван Петров", "reasons": ["older"]},
        {"contact": second, "name": "Мария Петрова", "reasons": []},
    ]
    changed = await api.ask("PATCH", f"/calls/{call}", json={"contact": second})
    assert changed.status == 200
    assert (changed.body["contact"], changed.body["contact_name"]) == (second, "Мария Петрова")
    assert changed.body["people"] == [
        {"contact": second, "name": "Мария Петрова", "reasons": ["chosen"]},
        {"contact": first, "name": "Иван Петров", "reasons": ["older"]},
    ]
    assert (await api.get(f"/calls/{call}")).body == changed.body


async def test_who_has_not_the_number_is_refused_and_who_has_is_named(api: Api) -> None:
    first, second, other, call = await api.service.database.write(two_people)
    refused = await api.ask("PATCH", f"/calls/{call}", json={"contact": other})
    assert refused.status == 422
    (error,) = refused.body["errors"]
    assert error["field"] == "contact"
    assert first in error["message"]
    assert second in error["message"]
    assert (await api.get(f"/calls/{call}")).body["contact"] == first


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", f"/calls/{NOBODY}", {"contact": NOBODY}),
        ("POST", f"/calls/{NOBODY}/outcome", {"outcome": "spam"}),
    ],
)
async def test_of_no_call_nothing_is_said(
    api: Api, method: str, path: str, body: dict[str, Any]
) -> None:
    assert (await api.ask(method, path, json=body)).status == 404


def spam_call(conn: Connection) -> tuple[str, str]:
    contact = add_contact(conn, "", NUMBER)
    card = add_card(conn, contact, manager="anna", made_by_call=NOBODY)
    add_move(conn, card, 1, "new")
    return add_call(conn, contact=contact, card=card), card


async def test_an_outcome_is_kept_and_spam_offers_the_block_list(api: Api) -> None:
    call, card = await api.service.database.write(spam_call)
    sent = {"outcome": "spam", "note": "робот"}
    said = await api.ask("POST", f"/calls/{call}/outcome", json=sent, role="manager")
    assert said.status == 200
    assert said.body == {
        "outcome": "spam",
        "note": "робот",
        "card_closed": True,
        "no_card_until": "2026-04-01T09:00:00.000Z",
        "offer": {"block": {"number": NUMBER, "until": "2026-05-31T09:00:00.000Z"}},
    }
    closed = (await api.get(f"/cards/{card}")).body
    assert (closed["status"], closed["closed_at"]) == ("junk", "2026-03-02T09:00:00.000Z")
    found = (await api.get(f"/calls/{call}")).body
    assert (found["outcome"], found["note"]) == ("spam", "робот")
    offered = await api.ask("POST", "/blocks", json=said.body["offer"]["block"])
    assert offered.status == 201
    again = await api.ask("POST", f"/calls/{call}/outcome", json={"outcome": "spam"})
    assert again.body["offer"] is None
    taken_back = await api.ask("POST", f"/calls/{call}/outcome", json={"outcome": "deal"})
    assert (taken_back.body["card_closed"], taken_back.body["no_card_until"]) == (False, None)
    assert (await api.get(f"/cards/{card}")).body["status"] == "new"


async def test_only_known_words_are_outcomes(api: Api) -> None:
    call, _ = await api.service.database.write(spam_call)
    refused = await api.ask("POST", f"/calls/{call}/outcome", json={"outcome": "boring"})
    assert refused.status == 422
    (error,) = refused.body["errors"]
    assert error["field"] == "outcome"
    assert "wrong_number" in error["message"]
