"""`GET /search`: what the search box finds, for programs."""

from __future__ import annotations

from sqlalchemy import Connection

from storage import lookup
from tests.api.conftest import Api
from tests.api.rows import add_card, add_contact


async def test_programs_find_what_people_do(api: Api) -> None:
    def write(conn: Connection) -> tuple[str, str]:
        contact = add_contact(conn, "Иван Петров", "+79161234567", responsible="anna")
        lookup.refresh(conn, [contact])
        return contact, add_card(conn, contact, number=4567, status="in_work")

    contact, card = await api.service.database.write(write)
    brief = {"id": card, "number": 4567, "pipeline": "sales", "status": "in_work", "closed": False}
    found = (await api.get("/search", q="4567")).body
    assert found == {
        "contacts": [
            {
                "id": contact,
                "kind": "person",
                "name": "Иван Петров",
                "company": None,
                "phones": ["+79161234567"],
                "emails": [],
                "inn": None,
                "responsible": "anna",
                "talked_at": None,
                "exact": False,
                "open_cards": [brief],
            }
        ],
        "cards": [brief],
        "offers": [],
        "more": False,
    }
    assert (await api.get("/search", q="петр ив")).body["contacts"][0]["id"] == contact
    assert (await api.get("/search", q="%")).body["contacts"] == []
    for query in ({}, {"q": "и" * 201}, {"q": "и", "by": "name"}):
        assert (await api.get("/search", **query)).status == 422
